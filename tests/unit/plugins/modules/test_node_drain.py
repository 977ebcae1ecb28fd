# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""node_drain through main(), against FakeApi over HTTP."""

from __future__ import annotations

import json
import threading
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.modules import node_drain
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_api import FakeApi, status
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module

NODE = "/api/v1/nodes/w1"
CORDON = "uplift.kubeadm/cordon"


@pytest.fixture
def api(tmp_path: Path) -> t.Iterator[FakeApi]:
    fake = FakeApi(tmp_path / "admin.conf")
    fake.node("w1", allocatable={"cpu": "4", "nvidia.com/gpu": "2", "hugepages-2Mi": "0"})
    yield fake
    fake.stop()


@pytest.fixture
def run(api: FakeApi, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    defaults = {"name": "w1", "kubeconfig": str(api.kubeconfig), "timeout": 15, "api_timeout": 5}
    defaults["state_directory"] = str(tmp_path / "state")
    return run_module(node_drain.main, capsys, defaults)


def schedulable(api: FakeApi) -> bool:
    return not api.get(NODE)["spec"].get("unschedulable")


def test_drains(api: FakeApi, run: Run) -> None:
    api.pod("web-1")
    api.pod("done", owner=None, phase="Succeeded", emptydir=True)
    api.pod("elsewhere", node="w2")
    api.daemonset("logs")
    api.pod("kube-proxy-like", mirror=True)
    api.pod("done-at-boot", mirror=True, phase="Succeeded", ready=False)
    api.pod("broken", mirror=True, ready=False)
    etcd = {"component": "etcd", "tier": "control-plane"}
    api.pod("etcd-w1", mirror=True, namespace="kube-system", labels=etcd, ready=False)
    static = dict.fromkeys(["broken", "done-at-boot", "etcd-w1", "kube-proxy-like"], "static pod")
    result = run()
    assert result["changed"] is True
    assert sorted(p["name"] for p in result["evicted"]) == ["done", "web-1"]
    assert {p["name"]: p["why"] for p in result["left"]} == {"logs-x": "DaemonSet pod", **static}
    assert api.pods() == sorted([*static, "logs-x"])
    assert api.pods("w2") == ["elsewhere"]
    assert result["cordoned_before"] is False
    assert result["offered"]["resources"] == {"nvidia.com/gpu": "2"}
    assert result["offered"]["daemonset_pods"] == 1
    assert result["offered"]["static_pods_not_ready"] == ["default/broken"]
    assert "  default/web-1" in result["diff"]["before"]


def test_annotation_and_unschedulable_in_one_request(api: FakeApi, run: Run) -> None:
    run()
    patches = api.sent("PATCH")
    assert len(patches) == 1
    body = patches[0][2] or {}
    assert body["spec"] == {"unschedulable": True}
    assert json.loads(body["metadata"]["annotations"][CORDON])["resources"] == {"nvidia.com/gpu": "2"}
    run(state="uncordoned")
    assert len(api.sent("PATCH")) == 2
    assert schedulable(api)
    assert CORDON not in api.get(NODE)["metadata"]["annotations"]


def test_drained_again_changes_nothing_and_keeps_the_first_note(api: FakeApi, run: Run) -> None:
    first = run()
    api.objects[NODE]["status"]["allocatable"] = {}
    again = run()
    assert (first["changed"], again["changed"]) == (True, False)
    assert again["offered"] == first["offered"]
    assert again["cordoned_before"] is True
    assert again["cordoned_by_person"] is False


def test_a_persons_cordon_stays(api: FakeApi, run: Run) -> None:
    api.objects[NODE]["spec"]["unschedulable"] = True
    api.pod("web-1")
    result = run()
    assert (result["cordoned_before"], result["cordoned_by_person"]) == (True, True)
    assert api.pods() == []
    result = run(state="uncordoned")
    assert result["changed"] is False
    assert result["cordoned_by_person"] is True
    assert "someone else" in result["msg"]
    assert not schedulable(api)
    assert api.sent("PATCH") == []


def test_a_person_who_uncordoned_and_cordoned_anew_owns_the_cordon(api: FakeApi, run: Run) -> None:
    run(state="cordoned")
    meta = api.objects[NODE]["metadata"]
    assert meta["managedFields"][0]["manager"] == "uplift.kubeadm"
    meta["managedFields"][0]["manager"] = "kubectl-cordon"  # and kubectl leaves the annotation where it is
    assert run(state="uncordoned")["cordoned_by_person"] is True
    assert not schedulable(api)
    # What we had noted is of no use any more: it would come up again when that person uncordons.
    assert [run(state="cordoned")["changed"] for _again in range(2)] == [True, False]
    assert CORDON not in api.get(NODE)["metadata"]["annotations"]
    assert not schedulable(api)
    assert run(state="uncordoned")["cordoned_by_person"] is True


def test_a_record_on_a_schedulable_node_is_removed(api: FakeApi, run: Run) -> None:
    api.objects[NODE]["metadata"]["annotations"] = {CORDON: "{}"}
    assert run(state="uncordoned", check_mode=True)["changed"] is True
    assert [run(state="uncordoned")["changed"] for _again in range(2)] == [True, False]
    assert CORDON not in api.get(NODE)["metadata"]["annotations"]


def test_a_record_that_was_left_is_overwritten_by_the_next_cordon(api: FakeApi, run: Run) -> None:
    api.objects[NODE]["metadata"]["annotations"] = {CORDON: json.dumps({"resources": {"nvidia.com/gpu": "8"}})}
    assert run(state="cordoned")["offered"]["resources"] == {"nvidia.com/gpu": "2"}
    assert json.loads(api.get(NODE)["metadata"]["annotations"][CORDON])["resources"] == {"nvidia.com/gpu": "2"}


def test_a_cordon_set_between_reading_and_writing_is_not_taken_over(api: FakeApi, run: Run) -> None:
    conflict = (409, status(409, "Conflict", "the object has been modified"))
    api.faults = [("PATCH", conflict)]

    handle = api.handle

    def person_is_faster(method: str, target: str, body: t.Any) -> t.Any:
        if method == "PATCH":
            api.objects[NODE]["spec"]["unschedulable"] = True
        return handle(method, target, body)

    api.handle = person_is_faster  # type: ignore[method-assign]
    result = run(state="cordoned")
    assert result["changed"] is False
    assert result["cordoned_by_person"] is True


@pytest.mark.parametrize(
    ("pod", "option", "words"),
    [
        ({"owner": None}, "force_unmanaged", "no controller would start them again"),
        ({"emptydir": True}, "delete_emptydir_data", "emptyDir data"),
        ({"owner": "DaemonSet/deleted"}, "force_unmanaged", "DaemonSet is gone"),
    ],
)
def test_pods_that_stop_a_drain_stop_it_before_the_cordon(
    api: FakeApi, run: Run, pod: dict[str, t.Any], option: str, words: str
) -> None:
    api.pod("precious", **pod)
    api.pod("web-1")
    for check_mode in (True, False):
        result = run(check_mode=check_mode, failed=True)
        assert "default/precious" in result["msg"]
        assert words in result["msg"]
        assert f"kubeadm_upgrade_drain_{option}=true, or the module's option {option}" in result["msg"]
    assert api.sent("PATCH") == []
    assert api.sent("POST") == []
    assert run(**{option: True})["changed"] is True
    assert api.pods() == []


def test_two_budgets_on_a_pod_are_found_beforehand(api: FakeApi, run: Run) -> None:
    api.pod("web-1", labels={"app": "web"})
    for name in ("one", "two"):
        api.budget(name, {"matchLabels": {"app": "web"}}, allowed=1)
    result = run(failed=True)
    assert "default/web-1 (default/one and default/two)" in result["msg"]
    assert api.sent("PATCH") == []


@pytest.mark.parametrize("version", ["v1.24.17", "v1.27.6", "v1.27.7", "v1.29.0"])
def test_a_budget_with_an_empty_selector_counts_where_the_api_server_honours_it(
    api: FakeApi, run: Run, version: str
) -> None:
    api.version = version
    api.pod("web-1", labels={"app": "web"})
    api.budget("web", {"matchLabels": {"app": "web"}}, allowed=1)
    api.budget("all", {}, allowed=1)
    if version in ("v1.24.17", "v1.27.6"):
        assert [pod["name"] for pod in run()["evicted"]] == ["web-1"]
    else:
        assert "default/web-1 (default/all and default/web)" in run(failed=True)["msg"]
    assert len(api.sent("GET", "/version")) == 1


def test_nothing_is_evicted_while_nobody_would_start_it_anew(api: FakeApi, run: Run) -> None:
    lease = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager"
    api.objects[lease] = {
        "metadata": {"name": "kube-controller-manager", "namespace": "kube-system"},
        "spec": {"renewTime": "2026-01-01T00:00:00.000000Z"},
    }
    assert run(leader_timeout=1)["evicted"] == []  # nothing to evict, so nobody is needed
    run(state="uncordoned")
    api.pod("web-1")
    assert "kube-controller-manager since 2026-01-01" in run(leader_timeout=1, failed=True)["msg"]
    assert (schedulable(api), api.pods()) == (True, ["web-1"])
    assert [pod["name"] for pod in run(leader_timeout=0)["evicted"]] == ["web-1"]


def test_nothing_is_evicted_while_kube_proxy_is_rolled_out(api: FakeApi, run: Run) -> None:
    path = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy"
    behind = {"observedGeneration": 2, "desiredNumberScheduled": 1, "updatedNumberScheduled": 1, "numberAvailable": 0}
    meta = {"name": "kube-proxy", "namespace": "kube-system", "generation": 2}
    api.objects[path] = {"metadata": meta, "spec": {}, "status": behind}
    api.pod("web-1")
    begun = time.monotonic()
    result = run(proxy_timeout=1)
    assert time.monotonic() - begun >= 1
    assert "kube-proxy is not up to date on 1 of 1 nodes" in str(result["warnings"][0])
    assert [pod["name"] for pod in result["evicted"]] == ["web-1"]
    run(state="uncordoned")
    api.objects[path]["status"]["numberAvailable"] = 1
    api.pod("web-2")
    assert not run(proxy_timeout=1).get("warnings")


def test_refused_evictions_wait_for_the_budget(api: FakeApi, run: Run) -> None:
    for n in range(4):
        api.pod(f"web-{n}", labels={"app": "web"})
    budget = api.budget("web", {"matchLabels": {"app": "web"}}, allowed=1)
    # Each replica that is gone is Ready elsewhere a moment later.
    api.on_gone = lambda pod: (
        threading.Timer(0.3, lambda: budget["status"].update(disruptionsAllowed=1)).start() or None
    )
    result = run()
    assert len(result["evicted"]) == 4
    assert result["waited"][0]["budget"] == "default/web"
    assert result["waited"][0]["refusals"] >= 3
    assert 0 < result["waited"][0]["seconds"] <= result["seconds"]
    # While the budget refuses, one pod at a time asks: not all of them over and over.
    assert len(api.sent("POST", "eviction")) < 25


def test_a_drain_that_fails_uncordons_and_names_what_holds_it(api: FakeApi, run: Run) -> None:
    api.pod("free")
    api.pod("web-1", labels={"app": "web"})
    api.budget("web", {"matchLabels": {"app": "web"}}, allowed=0, maxUnavailable=0)
    result = run(timeout=1, failed=True)
    assert "default/web-1 (held by the budget default/web, which refused" in result["msg"]
    assert "needs 2 healthy pods and has 2 currently" in result["msg"]
    assert "gone stay gone" in result["msg"]
    assert "default/free" in result["msg"]
    assert "default/web can never allow an eviction (maxUnavailable: 0)" in result["msg"]
    assert "kubeadm_upgrade_drain_timeout" in result["msg"]
    assert "uncordoned again" in result["msg"]
    assert schedulable(api)
    assert [p["name"] for p in result["evicted"]] == ["free"]
    assert any("maxUnavailable: 0" in str(w) for w in result["warnings"])
    assert not result.get("deprecations"), "warnings are no argument of fail_json"


def test_a_drain_that_fails_leaves_a_persons_cordon(api: FakeApi, run: Run) -> None:
    api.objects[NODE]["spec"]["unschedulable"] = True
    api.pod("web-1", labels={"app": "web"})
    api.budget("web", {"matchLabels": {"app": "web"}}, allowed=0)
    message = run(timeout=1, failed=True)["msg"]
    assert "stays cordoned, as someone had left it" in message
    assert "never" not in message, "this budget may allow one later"
    assert not schedulable(api)


def test_a_drain_after_a_killed_one_uncordons_what_that_had_cordoned(api: FakeApi, run: Run) -> None:
    run(state="cordoned")
    api.pod("precious", owner=None)
    assert "uncordoned again" in run(failed=True)["msg"]
    assert schedulable(api)


def test_a_drain_that_fails_leaves_a_node_cordoned_that_is_not_to_come_back(api: FakeApi, run: Run) -> None:
    """Protects: a node whose new kubelet is broken, and the record of what it offered before."""
    run()
    record = api.objects[NODE]["metadata"]["annotations"][CORDON]
    api.objects[NODE]["status"]["conditions"][0]["status"] = "Unknown"
    api.pod("debugger", owner=None)
    assert "The node stays cordoned." in run(keep_cordon=True, failed=True)["msg"]
    assert not schedulable(api)
    assert api.objects[NODE]["metadata"]["annotations"][CORDON] == record


def test_an_eviction_that_is_forbidden_ends_the_drain_at_once(api: FakeApi, run: Run) -> None:
    api.pod("web-1")
    api.faults = [("POST", (403, status(403, "Forbidden", "admission webhook says no")))]
    result = run(failed=True)
    assert "admission webhook says no" in result["msg"]
    assert "default/web-1" in result["msg"]
    assert schedulable(api)


WEBHOOK = 'failed calling webhook "policy.example.com": Post "https://policy": dial tcp: connect: connection refused'


def test_a_webhook_that_fails_is_tried_again(api: FakeApi, run: Run) -> None:
    api.pod("web-1")
    api.faults = [("POST", (500, status(500, "InternalError", WEBHOOK)))]
    assert run()["evicted"][0]["name"] == "web-1"


def test_a_webhook_that_stays_away_is_no_api_server_that_is_away(api: FakeApi, run: Run) -> None:
    """The words are the same; the drain ends by its own time-out, and puts the node back."""
    api.pod("web-1")
    api.faults = [("POST", (500, status(500, "InternalError", WEBHOOK)))] * 100
    result = run(timeout=1, failed=True)
    assert "policy.example.com" in result["msg"]
    assert "was away" not in result["msg"]
    assert schedulable(api)


def test_a_replacement_of_the_same_name_is_not_waited_for_nor_evicted(api: FakeApi, run: Run) -> None:
    """A StatefulSet starts a pod of the same name as soon as the old one is gone: here even on the same node."""
    api.pod("db-0", owner="StatefulSet/db")
    api.add("daemonsets", {"metadata": {"name": "db", "namespace": "default"}, "spec": {}})

    # The replacement is another object with another UID; it is of a kind that drains leave, or it would be evicted in
    # turn.
    api.on_gone = lambda pod: api.pod("db-0", owner="DaemonSet/db") and None
    result = run(timeout=5)
    assert [p["name"] for p in result["evicted"]] == ["db-0"]
    assert api.pods() == ["db-0"]
    assert len(api.sent("POST", "eviction")) == 1
    uid = (api.sent("POST", "eviction")[0][2] or {})["deleteOptions"]["preconditions"]["uid"]
    assert uid != api.get("/api/v1/namespaces/default/pods/db-0")["metadata"]["uid"]


def test_waits_until_pods_are_gone(api: FakeApi, run: Run) -> None:
    api.pod("slow")
    api.termination["slow"] = 1.2
    begun = time.monotonic()
    result = run()
    assert time.monotonic() - begun >= 1.2
    assert result["evicted"][0]["seconds"] >= 1.0
    assert len(api.sent("POST", "eviction")) == 1


def test_evictions_are_in_parallel(api: FakeApi, run: Run) -> None:
    for n in range(8):
        api.pod(f"web-{n}")
        api.termination[f"web-{n}"] = 1.0
    sent: list[int] = []
    api.on_gone = lambda pod: sent.append(len(api.sent("POST", "eviction")))
    run(evictions_in_parallel=4)
    assert sent[0] > 1, "the second is not held up by the first, which takes its time to end"
    assert len(sent) == 8


def test_pods_deleted_long_ago_are_left_when_asked(api: FakeApi, run: Run) -> None:
    api.pod("stuck", deletionTimestamp="2026-01-01T00:00:00Z")
    assert "default/stuck (terminating since before" in run(timeout=1, failed=True)["msg"]
    result = run(skip_wait_for_delete_timeout=60)
    assert result["left"][0]["why"] == "deleted long ago, not waited for"


def test_grace_period(api: FakeApi, run: Run) -> None:
    api.pod("a")
    run(grace_period=3)
    assert (api.sent("POST", "eviction")[0][2] or {})["deleteOptions"]["gracePeriodSeconds"] == 3


def test_check_mode_says_what_would_happen(api: FakeApi, run: Run) -> None:
    api.pod("web-1")
    result = run(check_mode=True)
    assert result["changed"] is True
    assert result["evicted"] == [{"namespace": "default", "name": "web-1", "seconds": None}]
    assert run(check_mode=True, state="cordoned")["changed"] is True
    assert api.sent("PATCH") == api.sent("POST") == []


def test_an_api_server_that_is_away_is_waited_for(api: FakeApi, run: Run) -> None:
    api.pod("web-1")
    busy = (429, status(429, "", "Too many requests, please try again later."), {"Retry-After": "1"})
    etcd = (500, status(500, "", "etcdserver: leader changed"))
    api.faults = [
        ("GET", "closed"),
        ("GET", 503),
        ("GET", busy),
        ("PATCH", etcd),
        ("POST", 503),
        ("GET .*pods", "closed"),
    ]
    assert run()["evicted"][0]["name"] == "web-1"
    assert api.faults == []


def test_no_such_node(run: Run) -> None:
    msg = run(name="w9", failed=True)["msg"]
    assert "no node 'w9'" in msg
    assert "kubectl get nodes" in msg


def test_no_kubeconfig(run: Run) -> None:
    assert "/nowhere/admin.conf does not exist" in run(kubeconfig="/nowhere/admin.conf", failed=True)["msg"]


def test_a_run_that_has_lost_the_lock_leaves_the_node_as_it_is(api: FakeApi, run: Run) -> None:
    before = json.dumps(api.get(NODE))
    assert "lock" in run(lock="another-run", failed=True)["msg"]
    assert json.dumps(api.get(NODE)) == before
