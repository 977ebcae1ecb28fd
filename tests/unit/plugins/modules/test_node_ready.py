# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""node_ready through main(), against FakeApi over HTTP."""

from __future__ import annotations

import json
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _cordon, _node_ready
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import connect
from ansible_collections.uplift.kubeadm.plugins.modules import node_ready
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_api import FakeApi, status
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module

NODE = "/api/v1/nodes/w1"
CORDON = "uplift.kubeadm/cordon"
API = {"transport": "stdlib", "api_timeout": 5}
NOTE = {"at": "2026-01-01T00:00:00Z", "resources": {"gpu.io/a": "2"}, "csi_drivers": ["csi.io"], "daemonset_pods": 1}


@pytest.fixture
def api(tmp_path: Path) -> t.Iterator[FakeApi]:
    """A node that we had cordoned, and that is back in every respect."""
    fake = FakeApi(tmp_path / "admin.conf")
    node = fake.node("w1", allocatable={"cpu": "4", "gpu.io/a": "2"})
    node["spec"]["unschedulable"] = True
    node["metadata"]["annotations"] = {"uplift.kubeadm/cordon": json.dumps(NOTE)}
    fake.add("csinodes", {"metadata": {"name": "w1"}, "spec": {"drivers": [{"name": "csi.io"}]}})
    fake.daemonset("logs")
    for component in ("kube-apiserver", "kube-controller-manager", "kube-scheduler"):
        labels = {"component": component, "tier": "control-plane"}
        image = f"registry.k8s.io/{component}:v1.24.17"
        fake.pod(
            f"{component}-w1", mirror=True, labels=labels, container=component, image=image, namespace="kube-system"
        )
    yield fake
    fake.stop()


@pytest.fixture
def run(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> Run:
    defaults = {"name": "w1", "kubeconfig": str(api.kubeconfig), "timeout": 1, "api_timeout": 5}
    return run_module(node_ready.main, capsys, defaults)


def test_back(api: FakeApi, run: Run) -> None:
    result = run(kubelet_version="v1.24.17", static_pods_version="v1.24.17")
    assert result["changed"] is False
    assert result["missing"] == []
    assert api.sent("PATCH") == []


def test_a_node_that_is_just_registering_is_waited_for(api: FakeApi, run: Run) -> None:
    """kubeadm from 1.34 on ends its join without a look whether the Node is there."""
    node = api.objects.pop(NODE)
    threading.Timer(1.2, lambda: api.objects.update({NODE: node})).start()
    assert run(timeout=10)["missing"] == []
    api.objects.pop(NODE)
    assert "has no node 'w1'" in run(failed=True, timeout=1)["msg"]


def test_uncordons_in_the_same_call(api: FakeApi, run: Run) -> None:
    result = run(kubelet_version="v1.24.17", uncordon=True)
    assert result["changed"] is True
    assert "unschedulable" not in api.get(NODE)["spec"]
    assert api.get(NODE)["metadata"]["annotations"] == {}
    assert run(uncordon=True)["changed"] is False


def test_a_persons_cordon_stays(api: FakeApi, run: Run) -> None:
    del api.objects[NODE]["metadata"]["annotations"]
    result = run(uncordon=True)
    assert (result["changed"], result["cordoned_by_person"]) == (False, True)
    assert api.get(NODE)["spec"]["unschedulable"] is True


def test_keeps_the_record_until_a_later_call(api: FakeApi, run: Run) -> None:
    api.objects[NODE]["spec"]["unschedulable"] = True
    assert [run(uncordon=True, keep_record=True)["changed"] for _again in range(2)] == [True, False]
    assert "unschedulable" not in api.get(NODE)["spec"]
    assert json.loads(api.get(NODE)["metadata"]["annotations"][CORDON]) == NOTE
    assert [run(uncordon=True)["changed"] for _again in range(2)] == [True, False]
    assert api.get(NODE)["metadata"]["annotations"] == {}


def test_a_schedulable_node_with_a_record_is_waited_for(api: FakeApi, run: Run) -> None:
    del api.objects[NODE]["spec"]["unschedulable"]
    _not_ready(api)
    assert "Ready is False" in run(uncordon=True, failed=True)["msg"]
    assert CORDON in api.get(NODE)["metadata"]["annotations"]


@pytest.mark.parametrize("cordoned", [True, False])
def test_a_record_that_no_longer_stands_holds_nobody_up(api: FakeApi, run: Run, cordoned: bool) -> None:
    """A person has uncordoned the node, and cordoned it again or not: what it offered once is no promise any more."""
    node = api.objects[NODE]
    node["metadata"]["annotations"][CORDON] = json.dumps({**NOTE, "resources": {"gpu.io/a": "8"}})
    assert run(check_mode=True)["missing"] == ["gpu.io/a is 2, and was 8"]
    node["spec"]["unschedulable"] = cordoned
    fields = {"f:spec": {"f:unschedulable": {}}}
    node["metadata"]["managedFields"] = [{"manager": "kubectl-cordon", "fieldsV1": fields}] if cordoned else []
    result = run(uncordon=True)
    assert (result["changed"], result["cordoned_by_person"]) == (not cordoned, cordoned)


def _not_ready(api: FakeApi) -> None:
    api.objects[NODE]["status"]["conditions"][0].update(status="False", message="CNI plugin not initialized")


def _ds_pod_not_ready(api: FakeApi) -> None:
    api.objects["/api/v1/namespaces/default/pods/logs-x"]["status"]["conditions"][0]["status"] = "False"


def _static_pod_not_ready(api: FakeApi) -> None:
    api.objects["/api/v1/namespaces/kube-system/pods/kube-scheduler-w1"]["status"]["conditions"][0]["status"] = "False"


MISSING: list[tuple[t.Callable[[FakeApi], t.Any], str]] = [
    (_not_ready, "Ready is False (CNI plugin not initialized)"),
    (lambda api: api.objects[NODE]["status"]["allocatable"].update({"gpu.io/a": "0"}), "gpu.io/a is 0, and was 2"),
    (lambda api: api.objects[NODE]["status"]["allocatable"].pop("gpu.io/a"), "gpu.io/a is absent, and was 2"),
    (lambda api: api.objects.pop("/apis/storage.k8s.io/v1/csinodes/w1"), "CSI driver csi.io is not registered"),
    (_ds_pod_not_ready, "0 of 1 DaemonSet pods are Ready (not Ready: default/logs-x)"),
    (
        lambda api: api.objects.pop("/api/v1/namespaces/default/pods/logs-x"),
        "0 of 1 DaemonSet pods are Ready (the others",
    ),
    (_static_pod_not_ready, "static pod kube-system/kube-scheduler-w1 is not Ready"),
    (
        lambda api: api.objects.pop("/api/v1/namespaces/kube-system/pods/kube-scheduler-w1"),
        "kube-scheduler is not there",
    ),
]


@pytest.mark.parametrize(("spoil", "words"), MISSING, ids=[words for _spoil, words in MISSING])
def test_what_is_missing_is_named_and_the_node_stays_cordoned(
    api: FakeApi, run: Run, spoil: t.Callable[[FakeApi], None], words: str
) -> None:
    spoil(api)
    result = run(static_pods_version="v1.24.17", uncordon=True, failed=True)
    assert words in result["msg"]
    assert result["msg"].count(";") == 1, "exactly what is missing, and the advice"
    assert api.get(NODE)["spec"]["unschedulable"] is True
    # Check mode looks once and says the same.
    assert words in "; ".join(run(static_pods_version="v1.24.17", check_mode=True)["missing"])


@pytest.mark.parametrize("grace", [0.6, 60.0], ids=["until the grace is over", "until the time-out"])
def test_less_of_a_resource_is_waited_for_awhile_and_warned_of(
    api: FakeApi, run: Run, monkeypatch: pytest.MonkeyPatch, grace: float
) -> None:
    monkeypatch.setattr(_node_ready, "GRACE", grace)
    api.objects[NODE]["status"]["allocatable"]["gpu.io/a"] = "1"
    result = run(uncordon=True)
    assert result["changed"] is True, "the node is in service"
    (warning,) = result["warned"]
    assert "node w1" in warning
    assert "gpu.io/a is 1, and was 2" in warning
    assert 0.5 <= result["seconds"] < 5


def test_the_grace_for_less_of_a_resource_begins_when_all_else_is_back(
    api: FakeApi, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_node_ready, "GRACE", 0.0)
    allocatable = api.objects[NODE]["status"]["allocatable"]
    allocatable["gpu.io/a"] = "1"
    _not_ready(api)
    assert "gpu.io/a is 1, and was 2" in run(failed=True)["msg"]
    ready = api.objects[NODE]["status"]["conditions"][0]
    threading.Timer(0.8, lambda: ready.update(status="True")).start()
    assert run(timeout=20)["seconds"] >= 0.7


def test_all_of_a_resource_that_comes_back_within_the_grace_is_no_warning(api: FakeApi, run: Run) -> None:
    allocatable = api.objects[NODE]["status"]["allocatable"]
    allocatable["gpu.io/a"] = "1"
    threading.Timer(0.8, lambda: allocatable.update({"gpu.io/a": "2"})).start()
    assert run(timeout=20)["warned"] == []


def _own_static_pod(api: FakeApi, ready: bool) -> None:
    api.pod("virtual-ip-w1", mirror=True, namespace="kube-system", ready=ready)


def test_a_static_pod_that_was_not_ready_before_the_drain_is_named_and_not_waited_for(api: FakeApi, run: Run) -> None:
    node = api.objects[NODE]
    del node["metadata"]["annotations"], node["spec"]["unschedulable"]
    _own_static_pod(api, ready=False)
    _static_pod_not_ready(api)
    note = _cordon.cordon(connect({**API, "kubeconfig": str(api.kubeconfig)}), "w1").offered
    assert note["static_pods_not_ready"] == ["kube-system/virtual-ip-w1"], "kubeadm's always count"
    assert "static pod kube-system/kube-scheduler-w1 is not Ready" in run(failed=True)["msg"]
    api.objects["/api/v1/namespaces/kube-system/pods/kube-scheduler-w1"]["status"]["conditions"][0]["status"] = "True"
    result = run(uncordon=True)
    assert result["changed"] is True
    (warning,) = result["warned"]
    assert "kube-system/virtual-ip-w1 on the node w1 is not Ready. It was not before" in warning


def test_a_static_pod_that_was_ready_before_the_drain_is_waited_for(api: FakeApi, run: Run) -> None:
    _own_static_pod(api, ready=False)
    assert "static pod kube-system/virtual-ip-w1 is not Ready" in run(failed=True)["msg"]


def test_what_a_node_offered_that_a_person_had_cordoned_is_told_by_the_drain(api: FakeApi, run: Run) -> None:
    del api.objects[NODE]["metadata"]["annotations"]
    _own_static_pod(api, ready=False)
    offered = {**NOTE, "static_pods_not_ready": ["kube-system/virtual-ip-w1"]}
    assert "virtual-ip-w1" in run(failed=True)["msg"]
    assert len(run(offered=offered)["warned"]) == 1
    api.objects[NODE]["status"]["allocatable"].pop("gpu.io/a")
    assert "gpu.io/a is absent, and was 2" in run(offered=offered, failed=True)["msg"]


def test_versions_that_are_not_there_yet(run: Run) -> None:
    message = run(kubelet_version="v1.25.4", static_pods_version="v1.25.4", failed=True)["msg"]
    assert "the kubelet reports v1.24.17, not v1.25.4" in message
    assert "static pod kube-apiserver shows v1.24.17, not v1.25.4" in message


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_static_pod_that_has_run_to_its_end_is_not_waited_for(api: FakeApi, run: Run, phase: str) -> None:
    pod = api.pod("tune-at-boot-w1", mirror=True, owner="Node/w1", ready=False)
    assert run(timeout=1, failed=True)["msg"].count("tune-at-boot-w1 is not Ready") == 1
    pod["status"]["phase"] = phase
    assert run()["missing"] == []


def test_the_ready_of_static_pods_that_were_asked_themselves_is_not_waited_for(api: FakeApi, run: Run) -> None:
    for name in ("kube-apiserver", "kube-scheduler"):
        pod = api.objects[f"/api/v1/namespaces/kube-system/pods/{name}-w1"]
        pod["status"]["conditions"][0]["status"] = "False"  # kubelet's startup probe has yet to look
    assert run(healthy_static_pods=["kube-apiserver", "kube-scheduler"])["missing"] == []
    failed = run(healthy_static_pods=["kube-scheduler"], failed=True)
    assert "static pod kube-system/kube-apiserver-w1 is not Ready" in failed["msg"]
    assert "kube-scheduler-w1" not in failed["msg"]


def test_an_api_server_that_has_just_started_may_forbid_for_a_moment(api: FakeApi, run: Run) -> None:
    forbidden = (403, status(403, "Forbidden", 'User "kubernetes-admin" cannot list resource "pods" in API group ""'))
    api.faults = [("GET /api/v1/pods", forbidden), ("GET /apis/storage", forbidden)]
    assert run(timeout=20)["missing"] == []
    api.faults = [("GET /api/v1/nodes", forbidden)] * 100
    assert "(403)" in run(failed=True)["msg"], "a right that is really lacking"
    api.faults = [("GET /api/v1/nodes", forbidden)]
    assert "(403)" in run(check_mode=True, failed=True)["msg"]


def test_waits_for_the_new_kubelet(api: FakeApi, run: Run) -> None:
    info = api.objects[NODE]["status"]["nodeInfo"]
    threading.Timer(0.8, lambda: info.update(kubeletVersion="v1.25.4")).start()
    result = run(kubelet_version="v1.25.4", timeout=20, uncordon=True)
    assert 0.7 <= result["seconds"] < 15
    assert result["changed"] is True


def test_check_mode_uncordons_nothing(api: FakeApi, run: Run) -> None:
    assert run(check_mode=True, uncordon=True)["changed"] is True
    assert api.sent("PATCH") == []


def test_a_run_that_has_lost_the_lock_leaves_the_node_as_it_is(api: FakeApi, run: Run) -> None:
    before = json.dumps(api.get(NODE))
    assert "lock" in run(uncordon=True, lock="another-run", failed=True)["msg"]
    assert json.dumps(api.get(NODE)) == before
