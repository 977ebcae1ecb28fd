# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters, given what Ansible gives them: tagged strings, and no plan at all."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.uplift.kubeadm.plugins.filter import kube_minor, plan_stage, skew_violations, upgrade_path


def filter_of(module: Any) -> Any:
    (function,) = module.FilterModule().filters().values()
    return function


def tagged(value: Any) -> Any:
    """The value as ansible-core hands it to a filter: every string in it a tagged subclass."""
    from ansible.template import trust_as_template

    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, dict):
        return {tagged(key): tagged(item) for key, item in value.items()}
    return [tagged(item) for item in value] if isinstance(value, list) else value


def test_upgrade_path() -> None:
    path = filter_of(upgrade_path)
    assert path(tagged("1.24.17"), tagged("1.26")) == ["1.25", "1.26"]
    assert path("v1.26.3", "1.26.9") == []
    with pytest.raises(AnsibleFilterError, match="downgrade"):
        path("1.26.9", "1.25")
    with pytest.raises(AnsibleFilterError, match="Quote it"):
        path("1.26.9", 1.3)


def test_kube_minor() -> None:
    minor = filter_of(kube_minor)
    assert minor(tagged("v1.26.9")) == "1.26"
    assert type(minor(tagged("v1.26.9"))) is str  # pylint: disable=unidiomatic-typecheck
    with pytest.raises(AnsibleFilterError, match="not a Kubernetes version"):
        minor("latest")


def test_skew_violations() -> None:
    violations = filter_of(skew_violations)
    assert violations(tagged({"apiserver": ["1.26.9"], "kubelet": {"w1": "1.24.17"}})) == []
    (message,) = violations(tagged({"apiserver": ["v1.27.3", "v1.26.9"], "kubelet": {"w1": "v1.27.0"}}))
    assert message == "kubelet 1.27 on w1 is newer than the kube-apiservers (1.26 and 1.27)."
    assert violations({"apiserver": ["1.27.0", "1.26.0"], "kube_proxy": ["1.27.0"]}, kubeadm_exception=True) == []
    with pytest.raises(AnsibleFilterError, match="expected a mapping"):
        violations(["1.26"])
    with pytest.raises(AnsibleFilterError, match="Unknown component"):
        violations({"kubelets": []})


def test_plan_stage() -> None:
    stage_of = filter_of(plan_stage)
    workers = {"id": "1.25/workers", "hop": 0, "kind": "workers", "hosts": ["w1"], "serial": "50%"}
    plan = {"stages": [{"hop": 0, "kind": "prepare"}, workers]}
    assert stage_of(tagged(plan), 0, "workers") == workers
    assert stage_of(plan, "0", tagged("workers")) == workers
    for nothing in (plan, {}, None, "", {"stages": None}):
        empty = stage_of(nothing, 7, "workers")
        assert (empty["hosts"], empty["nodes"], empty["drains"], empty["serial"]) == ([], [], [], 1)
    with pytest.raises(AnsibleFilterError, match="no stage is of kind 'worker'; kinds are uncordon"):
        stage_of(plan, 0, "worker")
