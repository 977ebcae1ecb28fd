# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workloads, budgets, webhooks, CRDs and volumes as rows of the facts."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _api, _cluster_objects
from ansible_collections.uplift.kubeadm.plugins.module_utils._reading import Reading
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_api import FakeApi

Object = dict[str, t.Any]
TEMPLATE = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "web", "image": "web:1", "readinessProbe": {}}, {"name": "side", "image": "side:2"}],
    },
}
SELECTOR = {"matchLabels": {"app": "web"}}


@pytest.fixture
def fake(tmp_path: Path) -> t.Iterator[FakeApi]:
    server = FakeApi(tmp_path / "admin.conf")
    yield server
    server.stop()


def reading(fake: FakeApi) -> Reading:
    return Reading(_api.connect({"kubeconfig": str(fake.kubeconfig), "transport": "stdlib", "api_timeout": 1}))


def read(fake: FakeApi, pods: t.Iterable[Object] = ()) -> Object:
    this = reading(fake)
    objects = _cluster_objects.read(this, pods)
    return {**objects, "services": _cluster_objects.services(this, objects), "unread": this.unread}


def add(
    fake: FakeApi, kind: str, name: str, spec: Object | None = None, status: Object | None = None, **more: t.Any
) -> None:
    meta = {"name": name, "namespace": "shop", **more.pop("meta", {})}
    fake.add(kind, {"metadata": meta, "spec": spec or {}, "status": status or {}, **more})


def workload(**spec: t.Any) -> Object:
    return {"selector": SELECTOR, "template": TEMPLATE, **spec}


ROW = {
    "ns": "shop", "selector": SELECTOR, "template_labels": {"app": "web"}, "images": ["web:1", "side:2"], "grace": 0,
}  # fmt: skip


def test_workloads(fake: FakeApi) -> None:
    strategy = {"type": "Recreate"}
    add(fake, "deployments", "d", workload(replicas=0, strategy=strategy, minReadySeconds=5))
    add(fake, "statefulsets", "s", workload(updateStrategy={"type": "OnDelete"}), {"readyReplicas": 1})
    add(fake, "daemonsets", "ds", workload(), {"desiredNumberScheduled": 3, "numberReady": 2})
    add(fake, "jobs", "done", workload(), {"succeeded": 1})
    add(fake, "jobs", "runs", workload(), {"active": 2, "ready": 1})
    cron = {"suspend": True, "jobTemplate": {"spec": {"template": TEMPLATE}}}
    add(fake, "cronjobs", "cron", cron, meta={"labels": {"a": "b"}})
    by_kind = {row["kind"]: row for row in read(fake)["workloads"]}
    assert by_kind == {
        "Deployment": {
            **ROW, "kind": "Deployment", "name": "d", "replicas": 0, "ready": 0, "strategy": "Recreate",
            "min_ready_seconds": 5,
        },
        "StatefulSet": {**ROW, "kind": "StatefulSet", "name": "s", "replicas": 1, "ready": 1, "strategy": "OnDelete"},
        "DaemonSet": {**ROW, "kind": "DaemonSet", "name": "ds", "replicas": 3, "ready": 2},
        "Job": {**ROW, "kind": "Job", "name": "runs", "replicas": 2, "ready": 1},
        "CronJob": {
            **{key: value for key, value in ROW.items() if key != "selector"}, "kind": "CronJob", "name": "cron",
            "suspended": True, "labels": {"a": "b"},
        },
    }  # fmt: skip


def test_replicasets_are_listed_only_when_some_pod_has_one_of_its_own(fake: FakeApi) -> None:
    owned = [{"kind": "Deployment", "name": "d", "controller": True}]
    add(fake, "replicasets", "of-d", workload(replicas=1), meta={"ownerReferences": owned})
    add(fake, "replicasets", "bare", workload(replicas=1))
    owner = {"kind": "ReplicaSet", "name": "of-d"}
    of_deployment = {"owner": owner, "labels": {"pod-template-hash": "7"}}
    assert read(fake, [of_deployment, {}])["workloads"] == []
    assert not fake.sent("GET", "replicasets")
    rows = read(fake, [of_deployment, {"owner": {"kind": "ReplicaSet", "name": "bare"}}])["workloads"]
    assert [(row["kind"], row["name"]) for row in rows] == [("ReplicaSet", "bare")]


def test_budgets(fake: FakeApi) -> None:
    fake.budget("b", {}, 0, minAvailable="100%")
    fake.budget("new", SELECTOR, 1, maxUnavailable=0, unhealthyPodEvictionPolicy="AlwaysAllow")
    path = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
    fake.objects[f"{path}/b"]["metadata"]["generation"] = 2
    fake.objects[f"{path}/b"]["status"]["observedGeneration"] = 1
    one, new = read(fake)["pdbs"]
    assert one == {
        "ns": "default", "name": "b", "selector": {}, "min_available": "100%", "max_unavailable": None,
        "unhealthy_policy": None, "current_healthy": 2, "desired_healthy": 2, "disruptions_allowed": 0,
        "expected_pods": 2, "observed": False,
    }  # fmt: skip
    assert (new["selector"], new["max_unavailable"], new["unhealthy_policy"]) == (SELECTOR, 0, "AlwaysAllow")
    assert new["observed"] is True


def test_a_budget_that_let_a_pod_go_and_allows_no_more(fake: FakeApi) -> None:
    condition = {"type": "DisruptionAllowed", "status": "False", "lastTransitionTime": "2026-11-21T21:32:30Z"}
    status = fake.budget("b", {}, 0)["status"]
    status.update(conditions=[condition], disruptedPods={"web-2": "2026-11-21T21:32:25Z"})
    (row,) = read(fake)["pdbs"]
    assert (row["granted"], row["closed_since"]) == (["web-2"], "2026-11-21T21:32:30Z")
    condition["status"] = "True"
    assert "closed_since" not in read(fake)["pdbs"][0]


def test_webhooks_api_services_and_conversions_with_their_services(fake: FakeApi) -> None:
    def at(name: str, **more: t.Any) -> Object:
        return {"service": {"namespace": "shop", "name": name, **more}}

    hooks = [
        {"name": "a.example", "clientConfig": at("hook", port=8443), "failurePolicy": "Ignore", "rules": [{}]},
        {"name": "b.example", "clientConfig": {"url": "https://elsewhere"}, "namespaceSelector": SELECTOR},
    ]
    add(fake, "validatingwebhookconfigurations", "v", webhooks=hooks)
    add(fake, "mutatingwebhookconfigurations", "empty")
    add(fake, "apiservices", "v1.apps", {"group": "apps"})
    status = {"conditions": [{"type": "Available", "status": "False", "message": "no endpoints"}]}
    add(fake, "apiservices", "v1beta1.metrics.k8s.io", at("metrics"), status)
    versions = [{"name": "v1", "served": True, "storage": True}, {"name": "v1alpha1", "deprecated": True}]
    conversion = {"strategy": "Webhook", "webhook": {"clientConfig": at("convert")}}
    crd = {"group": "example.com", "names": {"kind": "Thing"}, "versions": versions, "conversion": conversion}
    add(fake, "customresourcedefinitions", "things.example.com", crd, {"storedVersions": ["v1alpha1", "v1"]})
    for name in ("hook", "metrics", "unrelated"):
        add(fake, "services", name, {"selector": {"app": name}})
    facts = read(fake)
    common = {"kind": "ValidatingWebhookConfiguration", "configuration": "v", "timeout": 10}
    assert facts["webhooks"] == [
        {
            **common, "name": "a.example", "failure_policy": "Ignore", "rules": [{}],
            "service": {"ns": "shop", "name": "hook", "port": 8443},
        },
        {
            **common, "name": "b.example", "failure_policy": "Fail", "rules": [], "url": "https://elsewhere",
            "namespace_selector": SELECTOR,
        },
    ]  # fmt: skip
    service = {"ns": "shop", "name": "metrics"}
    assert facts["api_services"] == [
        {"name": "v1beta1.metrics.k8s.io", "service": service, "available": False, "message": "no endpoints"}
    ]
    assert facts["crds"] == [
        {
            "name": "things.example.com", "group": "example.com", "kind": "Thing",
            "stored_versions": ["v1alpha1", "v1"],
            "versions": [
                {"name": "v1", "served": True, "storage": True, "deprecated": False},
                {"name": "v1alpha1", "served": False, "storage": False, "deprecated": True},
            ],
            "conversion": "Webhook", "service": {"ns": "shop", "name": "convert", "port": 443},
        }
    ]  # fmt: skip
    assert facts["services"] == [
        {"ns": "shop", "name": "hook", "selector": {"app": "hook"}},
        {"ns": "shop", "name": "metrics", "selector": {"app": "metrics"}},
    ], "the one that is not there is left out"


def test_services_are_not_listed_when_nothing_names_one(fake: FakeApi) -> None:
    assert read(fake)["services"] == []
    assert not fake.sent("GET", "/services")


def test_volumes(fake: FakeApi) -> None:
    terms = {"nodeSelectorTerms": [{"matchExpressions": []}]}
    general = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}
    claim = {"namespace": "shop", "name": "data-0"}
    csi = {**general, "claimRef": claim, "csi": {"driver": "d"}, "nodeAffinity": {"required": terms}}
    add(fake, "persistentvolumes", "csi", csi, {"phase": "Bound"})
    add(
        fake, "persistentvolumes", "old", {**general, "awsElasticBlockStore": {"volumeID": "x"}}, {"phase": "Available"}
    )
    assert read(fake)["volumes"] == [
        {
            "name": "csi", "source": "csi", "driver": "d", "node_affinity": terms, "claim": "shop/data-0",
            "phase": "Bound",
        },
        {"name": "old", "source": "awsElasticBlockStore", "phase": "Available"},
    ]  # fmt: skip


def test_names_alone(fake: FakeApi) -> None:
    add(fake, "storageclasses", "fast", provisioner="csi.example")
    add(fake, "csidrivers", "csi.example")
    add(fake, "namespaces", "shop", meta={"labels": {"pod-security.kubernetes.io/enforce": "restricted"}})
    add(fake, "namespaces", "bare")
    approved = {"conditions": [{"type": "Approved", "status": "True"}]}
    add(fake, "certificatesigningrequests", "done", {}, approved)
    add(fake, "certificatesigningrequests", "waits")
    facts = read(fake)
    assert facts["storage_classes"] == [{"name": "fast", "provisioner": "csi.example"}]
    assert facts["csi_drivers"] == ["csi.example"]
    assert facts["namespaces"] == [
        {"name": "bare"},
        {"name": "shop", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    ]
    assert facts["certificate_requests_pending"] == ["waits"]


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (
            (403, {"message": "x is forbidden: User y cannot list resource"}),
            "The API server forbids it: x is forbidden",
        ),
        ((404, {"message": "the server could not find the requested resource"}), "does not serve it"),
    ],
)
def test_each_section_may_be_missing(fake: FakeApi, fault: t.Any, why: str) -> None:
    fake.faults = [("GET .*limit=", fault)] * 30
    facts = read(fake)
    sections = {key for key in facts if key not in ("unread", "services")}
    assert {row["what"] for row in facts["unread"]} == sections
    assert all(facts[section] == [] for section in sections)
    assert all(why in row["why"] and row["matters"].endswith(".") for row in facts["unread"])


def test_an_object_of_an_odd_shape_spoils_its_section_alone(fake: FakeApi) -> None:
    add(fake, "deployments", "odd", {"replicas": 1})
    add(fake, "statefulsets", "s", workload())
    facts = read(fake)
    assert [row["name"] for row in facts["workloads"]] == ["s"]
    assert [(row["what"], "not of the shape" in row["why"]) for row in facts["unread"]] == [("workloads", True)]


def test_a_section_that_fails_for_good_is_listed_when_the_api_server_is_there(fake: FakeApi) -> None:
    fake.faults = [("GET .*poddisruptionbudgets", 500)] * 30
    facts = read(fake)
    assert facts["pdbs"] == []
    assert [row["what"] for row in facts["unread"]] == ["pdbs"]
