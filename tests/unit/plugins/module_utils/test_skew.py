# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples that the published policy gives, word by word, and the form of the messages."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._skew import skew_violations


@pytest.mark.parametrize(
    "versions",
    [
        {},
        {"apiserver": ["1.32.0"], "kubelet": {"a": "1.32.1", "b": "1.31.0", "c": "1.30.0", "d": "v1.29.9"}},
        {"apiserver": ["1.32.0", "1.31.0"], "kubelet": {"b": "1.31.0", "c": "1.30.0", "d": "1.29.0"}},
        {"apiserver": "1.26.0", "kubelet": "1.24.17"},
        {"apiserver": ["1.32.0"], "kube_proxy": {"a": "1.32.0", "d": "1.29.0"}},
        {"apiserver": ["1.32.0"], "kube_proxy": {"a": "1.29.0"}, "kubelet": {"a": "1.32.0"}},
        {"apiserver": ["1.32.0"], "controller_manager": ["1.32.0", "1.31.0"], "scheduler": ["1.31.0"]},
        {"apiserver": {"a": "1.32.0", "b": "1.31.0"}, "controller_manager": {"a": "1.32.0", "b": "1.31.0"}},
        {"apiserver": ["1.32.0"], "kubectl": ["1.33.0", "1.32.0", "1.31.0"]},
        {"apiserver": ["1.32.0", "1.31.0"], "kubectl": ["1.32.0", "1.31.0"]},
        {"apiserver": ["1.32.0", None], "kubelet": {"a": None}, "kube_proxy": None},
    ],
)
def test_what_the_policy_allows(versions: dict[str, Any]) -> None:
    assert skew_violations(versions) == []


@pytest.mark.parametrize(
    ("versions", "message"),
    [
        (
            {"apiserver": ["1.32.0", "1.30.0"]},
            "kube-apiserver runs at 1.30 and at 1.32: the API servers of a cluster must be within one minor.",
        ),
        (
            {"apiserver": ["1.32.0", "1.31.0"], "kubelet": {"w1": "1.32.0"}},
            "kubelet 1.32 on w1 is newer than the kube-apiservers (1.31 and 1.32).",
        ),
        (
            {"apiserver": ["1.32.0"], "kubelet": {"w1": "1.28.0"}},
            "kubelet 1.28 on w1 is 4 minors older than kube-apiserver 1.32; at 1.28 it may be 3 older.",
        ),
        (
            {"apiserver": ["1.27.0"], "kubelet": {"w1": "1.24.0"}},
            "kubelet 1.24 on w1 is 3 minors older than kube-apiserver 1.27; at 1.24 it may be 2 older.",
        ),
        (
            {"apiserver": ["1.32.0", "1.31.0"], "kube_proxy": ["1.32.0"]},
            "kube-proxy 1.32 is newer than the kube-apiservers (1.31 and 1.32).",
        ),
        (
            {"apiserver": ["1.24.0"], "kube_proxy": {"w1": "1.24.0"}, "kubelet": {"w1": "1.21.0"}},
            "kube-proxy 1.24 on w1 is more than 2 minors from the kubelet beside it (1.21).",
        ),
        (
            {"apiserver": ["1.32.0", "1.31.0"], "controller_manager": ["1.32.0"]},
            "kube-controller-manager 1.32 is newer than the kube-apiservers (1.31 and 1.32).",
        ),
        (
            {"apiserver": {"cp1": "1.32.0"}, "scheduler": {"cp1": "1.30.0"}},
            "kube-scheduler 1.30 on cp1 is more than one minor older than kube-apiserver 1.32.",
        ),
        (
            {"apiserver": ["1.32.0", "1.31.0"], "kubectl": ["1.33.0"]},
            "kubectl 1.33 is more than one minor from the kube-apiservers (1.31 and 1.32).",
        ),
    ],
)
def test_what_the_policy_forbids(versions: dict[str, Any], message: str) -> None:
    assert message in skew_violations(versions)


def test_the_one_exception_ends_with_kubeadm_1_27() -> None:
    for number, messages in ((27, 0), (28, 1)):
        versions = {"apiserver": [f"1.{number}.0", f"1.{number - 1}.0"], "kube_proxy": {"w1": f"1.{number}.0"}}
        assert len(skew_violations(versions)) == 1
        assert len(skew_violations(versions, kubeadm_exception=True)) == messages


def test_unknown_words_are_refused() -> None:
    with pytest.raises(UpliftError, match="Unknown component kublet: known are apiserver"):
        skew_violations({"kublet": ["1.26.0"]})
    with pytest.raises(UpliftError, match="kubelet: 3 is neither"):
        skew_violations({"kubelet": 3})
