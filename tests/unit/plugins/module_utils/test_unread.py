# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A list that is forbidden must not look like one that is empty: from the API server's refusal to what checks say."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _checks, _cluster_facts
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import connect
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import unread_of
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_api import FakeApi
from ansible_collections.uplift.kubeadm.tests.unit.plugins.healthy import CLUSTER_CONFIGURATION, healthy_context

# What is asked for, and the checks that say that they cannot look; "cluster:KEY" comes for all of them.
FORBIDDEN = {
    "pods": {"drain-forecast", "breakers"},
    "deployments": {"drain-workloads", "addons", "workloads", "breakers"},
    "daemonsets": {"drain-workloads", "addons", "workloads", "breakers"},
    "statefulsets": {"drain-workloads", "addons", "workloads", "breakers"},
    "jobs": {"drain-workloads", "addons", "workloads", "breakers"},
    "cronjobs": {"drain-workloads", "addons", "workloads", "breakers"},
    "poddisruptionbudgets": {"drain-pdbs"},
    "persistentvolumes": {"drain-volumes", "breakers"},
    "storageclasses": set(),
    "csidrivers": set(),
    "validatingwebhookconfigurations": set(),
    "mutatingwebhookconfigurations": set(),
    "apiservices": set(),
    "customresourcedefinitions": set(),
    "certificatesigningrequests": set(),
    "namespaces": set(),
    "secrets": set(),
    "configmaps/kube-proxy": {"breakers"},
}


@pytest.fixture
def api(tmp_path: Path) -> t.Iterator[FakeApi]:
    fake = FakeApi(tmp_path / "admin.conf")
    name = {"name": "kubeadm-config", "namespace": "kube-system"}
    fake.add("configmaps", {"metadata": name, "data": {"ClusterConfiguration": CLUSTER_CONFIGURATION}})
    fake.node("cp1")
    yield fake
    fake.stop()


@pytest.mark.parametrize(("resource", "checks"), FORBIDDEN.items())
def test_each_refusal_is_said(api: FakeApi, resource: str, checks: set[str]) -> None:
    api.faults = [(rf"GET [^ ]*/{resource}(\?|$)", (403, {"message": f"{resource} is forbidden: User x cannot list"}))]
    parameters = {"kubeconfig": str(api.kubeconfig), "transport": "stdlib", "api_timeout": 2}
    unread = _cluster_facts.read(connect(parameters))["unread"]

    def refused(facts: t.Any, _nodes: t.Any) -> None:
        for gap in unread:
            facts[gap["what"]] = type(facts[gap["what"]])()  # KeyError: no fact is called so
        facts["unread"] = unread

    result = _checks.run(healthy_context(refused))
    gaps = {gap["check"]: gap["why"] for gap in result["unchecked"]}
    keys = {gap["what"] for gap in unread}
    assert keys and {f"cluster:{key}" for key in keys} | checks <= set(gaps)
    assert all(f"{resource.partition('/')[0]}" in gaps[f"cluster:{key}"] for key in keys)
    assert all(unread_of(healthy_context(refused).facts, key) for key in keys)
    # Nothing is made up of what is not there.
    assert [row["id"] for row in result["findings"] if row["severity"] != "info"] == []


def test_unread_of() -> None:
    facts = {
        "pods": [],
        "workloads": [{}],
        "unread": [
            {"what": "workloads", "why": "Jobs are forbidden."},
            {"what": "workloads", "why": "CronJobs are forbidden."},
        ],
    }
    assert unread_of(facts, "pods") == ""
    assert unread_of(facts, "pods", "workloads") == "Jobs are forbidden. CronJobs are forbidden."
    assert unread_of(facts, "volumes") == "The facts have no volumes; read them anew with cluster_info."
