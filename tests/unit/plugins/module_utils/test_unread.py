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

ADDONS = "Which add-ons run is not known"
WORKLOADS = "How workloads are set up is not known"
REPLICAS = "The drain forecast does not know which pods are the only replica"
IMAGES = "Not looked for in the cluster's workloads: "
OF_WORKLOADS = (REPLICAS, ADDONS, WORKLOADS, IMAGES)
# What is asked for, and what is said of each check that cannot look, beside the cause and what hangs on it in general.
FORBIDDEN: dict[str, tuple[str, ...]] = {
    "pods": ("Whether the drains can succeed is not known", "Not looked for in the cluster's pods: "),
    "deployments": OF_WORKLOADS,
    "daemonsets": OF_WORKLOADS,
    "statefulsets": OF_WORKLOADS,
    "jobs": OF_WORKLOADS,
    "cronjobs": OF_WORKLOADS,
    "poddisruptionbudgets": ("The drain forecast does not know which disruption budgets would hold a drain",),
    "persistentvolumes": ("bound to a node or zone", "Not looked for in the cluster's volumes: "),
    "storageclasses": (),
    "csidrivers": (),
    "validatingwebhookconfigurations": (),
    "mutatingwebhookconfigurations": (),
    "apiservices": (),
    "customresourcedefinitions": (),
    "certificatesigningrequests": (),
    "namespaces": (),
    "secrets": (),
    "configmaps/kube-proxy": ("Not looked for in the ConfigMap kube-system/kube-proxy: ",),
}


@pytest.fixture
def api(tmp_path: Path) -> t.Iterator[FakeApi]:
    fake = FakeApi(tmp_path / "admin.conf")
    name = {"name": "kubeadm-config", "namespace": "kube-system"}
    fake.add("configmaps", {"metadata": name, "data": {"ClusterConfiguration": CLUSTER_CONFIGURATION}})
    fake.node("cp1")
    yield fake
    fake.stop()


@pytest.mark.parametrize(("resource", "said"), FORBIDDEN.items())
def test_each_refusal_is_said_once_with_all_that_hangs_on_it(
    api: FakeApi, resource: str, said: tuple[str, ...]
) -> None:
    api.faults = [(rf"GET [^ ]*/{resource}(\?|$)", (403, {"message": f"{resource} is forbidden: User x cannot list"}))]
    parameters = {"kubeconfig": str(api.kubeconfig), "transport": "stdlib", "api_timeout": 2}
    unread = _cluster_facts.read(connect(parameters))["unread"]

    def refused(facts: t.Any, _nodes: t.Any) -> None:
        for gap in unread:
            facts[gap["what"]] = type(facts[gap["what"]])()  # KeyError: no fact is called so
        facts["unread"] = unread

    result = _checks.run(healthy_context(refused))
    before = {gap["check"] for gap in _checks.run(healthy_context())["unchecked"]}
    gaps = {gap["check"]: gap["why"] for gap in result["unchecked"] if gap["check"] not in before}
    keys = {gap["what"] for gap in unread}
    assert keys and set(gaps) == {f"cluster:{key}" for key in keys}
    for key in keys:
        assert gaps[f"cluster:{key}"].count("User x cannot list") == 1
        assert resource.partition("/")[0] in gaps[f"cluster:{key}"]
    assert all(any(words in why for why in gaps.values()) for words in said)
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


def test_a_fact_that_is_missing_is_no_empty_one(api: FakeApi) -> None:
    facts = _cluster_facts.read(connect({"kubeconfig": str(api.kubeconfig), "transport": "stdlib", "api_timeout": 2}))
    about = {"schema", "read_at", "server", "version", "unread"}
    asked = set(facts) - about - {"api_addresses", "ca_fingerprints", "cluster", "nodes"}
    assert asked == set(_checks.CLUSTER_FACTS)

    def lose(facts: t.Any, _nodes: t.Any) -> None:
        for key in asked:
            del facts[key]

    gaps = {gap["check"]: gap["why"] for gap in _checks.run(healthy_context(lose))["unchecked"]}
    assert [key for key in asked if not gaps[f"cluster:{key}"].startswith(f"The facts have no {key};")] == []
