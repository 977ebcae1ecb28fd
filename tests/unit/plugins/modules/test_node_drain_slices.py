# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""node_drain in slices, after runs that were killed, in an order, past budgets, and with volumes."""

from __future__ import annotations

import json
import os
import re
import stat
import threading
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _drain
from ansible_collections.uplift.kubeadm.plugins.modules import node_drain
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_api import FakeApi, status
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module

NODE = "/api/v1/nodes/w1"
BATCH: dict[str, t.Any] = {"selector": "type=batch", "action": "wait"}


@pytest.fixture
def api(tmp_path: Path) -> t.Iterator[FakeApi]:
    fake = FakeApi(tmp_path / "admin.conf")
    fake.node("w1")
    yield fake
    fake.stop()


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return tmp_path / "state" / "drain-w1.json"


@pytest.fixture
def run(api: FakeApi, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    defaults = {"name": "w1", "kubeconfig": str(api.kubeconfig), "timeout": 15, "api_timeout": 5}
    defaults["state_directory"] = str(tmp_path / "state")
    return run_module(node_drain.main, capsys, defaults)


def schedulable(api: FakeApi) -> bool:
    return not api.get(NODE)["spec"].get("unschedulable")


def names(rows: list[dict[str, t.Any]]) -> list[str]:
    return sorted(row["name"] for row in rows)


def held(api: FakeApi, pod: str = "web-1", **spec: t.Any) -> dict[str, t.Any]:
    """A pod under a budget that allows nothing; returns the budget."""
    api.pod(pod, labels={"app": "web"})
    return api.budget("web", {"matchLabels": {"app": "web"}}, allowed=0, **spec)


# --- slices


def test_a_slice_returns_and_the_next_goes_on(api: FakeApi, run: Run, book: Path) -> None:
    api.pod("free")
    budget = held(api)
    first = run(slice=2)
    assert (first["drained"], first["changed"]) == (False, True)
    assert names(first["evicted"]) == ["free"]
    (row,) = first["progress"]["left"]
    assert (row["name"], row["state"], row["budget"]) == ("web-1", "held", "default/web")
    assert 0 < row["seconds"] <= first["seconds"]
    assert row["refusals"] >= 1
    after = f"w1: 1 pod left after {first['seconds']:.0f} s: "
    assert first["progress"]["line"].startswith(f"{after}default/web-1 (held by the budget default/web")
    assert not schedulable(api)
    assert stat.S_IMODE(book.stat().st_mode) == 0o600
    assert stat.S_IMODE(book.parent.stat().st_mode) == 0o700

    budget["status"]["disruptionsAllowed"] = 1
    time.sleep(1.2)
    last = run(slice=10)
    assert (last["drained"], last["changed"], last["cordoned_before"]) == (True, True, False)
    assert names(last["evicted"]) == ["free", "web-1"]
    assert last["waited"][0]["refusals"] >= first["waited"][0]["refusals"]
    assert last["waited"][0]["seconds"] >= row["seconds"]
    assert last["seconds"] > first["seconds"] + 1.2  # the time between slices counts
    assert last["seconds"] >= last["waited"][0]["seconds"]
    assert list(book.parent.iterdir()) == []
    assert last["progress"] == {"line": f"w1: no pods left after {last['seconds']:.0f} s", "left": []}
    assert not book.exists()


def test_only_the_first_slice_waits_for_the_cluster(api: FakeApi, run: Run) -> None:
    api.pod("web-1", deletionTimestamp="2026-01-01T00:00:00Z")
    api.pod("web-2")
    assert run(slice=1)["drained"] is False
    path = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy"
    meta = {"name": "kube-proxy", "namespace": "kube-system", "generation": 2}
    api.objects[path] = {"metadata": meta, "spec": {}, "status": {"desiredNumberScheduled": 1}}
    begun = time.monotonic()
    run(slice=1, proxy_timeout=30)
    assert time.monotonic() - begun < 25


def test_a_pod_that_goes_between_two_slices_is_reported(api: FakeApi, run: Run) -> None:
    api.pod("slow")
    api.termination["slow"] = 1.5
    assert run(slice=1)["progress"]["left"][0]["state"] == "ending"
    time.sleep(0.7)
    last = run(slice=1)
    assert names(last["evicted"]) == ["slow"]
    assert last["evicted"][0]["seconds"] >= 1.4
    assert len(api.sent("POST", "eviction")) == 1


def test_the_time_out_counts_over_all_slices(api: FakeApi, run: Run, book: Path) -> None:
    held(api)
    first = run(slice=2, timeout=4)
    assert first["drained"] is False
    result = run(slice=30, timeout=4, failed=True)
    assert "within 4 s" in result["msg"]
    assert result["seconds"] < first["seconds"] + 4, "the second slice had what was left, and not 4 s anew"
    assert schedulable(api)
    assert not book.exists()


def test_a_run_after_a_killed_one_has_its_time_out_anew_and_the_report_of_both(
    api: FakeApi, run: Run, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.pod("free")
    budget = held(api)
    run(slice=2, timeout=3)
    monkeypatch.setattr(_drain, "SAME_RUN", 0.0)
    budget["status"]["disruptionsAllowed"] = 1
    api.termination["web-1"] = 1.5
    result = run(timeout=3)
    assert names(result["evicted"]) == ["free", "web-1"]
    assert 0 < result["waited"][0]["seconds"] <= result["seconds"]
    assert result["seconds"] > 3
    assert not book.exists()


def test_what_is_kept_is_kept_when_it_happens(
    api: FakeApi, run: Run, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run may be killed at any moment, not only between slices."""
    held(api)
    api.pod("free")
    evict, kept = api._evict, []

    def look(path: str, body: dict[str, t.Any]) -> tuple[int, dict[str, t.Any]]:
        # Whenever the held pod is tried again, this run is still under way.
        if path.endswith("/web-1") and book.exists():
            kept.append(names(list(json.loads(book.read_text())["book"]["ledger"]["evicted"].values())))
        return evict(path, body)

    monkeypatch.setattr(api, "_evict", look)
    run(slice=3)
    assert kept[-1] == ["free"]


@pytest.mark.parametrize("broken", ["", "{}", "[]", '{"schema": 1}', "node", "cordon", "book"])
def test_a_book_that_is_not_of_this_drain_is_not_read(api: FakeApi, run: Run, book: Path, broken: str) -> None:
    budget = held(api)
    run(slice=1)
    kept = json.loads(book.read_text())
    if broken == "node":
        kept["cordon"][0] = "another"
    elif broken == "cordon":
        kept["cordon"][1] = "2026-01-01T00:00:00Z"
    elif broken == "book":
        kept["book"]["ledger"]["gates"] = {"x": {"y": 1}}
    book.write_text(json.dumps(kept) if broken in ("node", "cordon", "book") else broken)
    budget["status"]["disruptionsAllowed"] = 1
    result = run()
    assert result["waited"] == []
    assert result["cordoned_before"] is True


def test_what_drains_left_that_nobody_came_back_for_is_removed_in_time(run: Run, book: Path) -> None:
    book.parent.mkdir()
    forgotten, recent, other = (book.with_name(name) for name in ("drain-w7.json", "drain-w8.json", "cluster.json"))
    for path, age in ((forgotten, 90000), (recent, 3600), (other, 90000)):
        path.write_text("{}")
        os.utime(path, (time.time() - age,) * 2)
    assert run()["drained"] is True
    assert sorted(path.name for path in book.parent.iterdir()) == ["cluster.json", "drain-w8.json"]


def test_a_drain_that_was_taken_over_touches_nothing_more(api: FakeApi, run: Run, book: Path) -> None:
    """The module of a killed run may still be at work: it must not uncordon the node under the next run's hands."""
    held(api)

    def take_over() -> None:
        book.write_text(json.dumps({**json.loads(book.read_text()), "process": "another"}))

    threading.Timer(0.7, take_over).start()
    result = run(timeout=2, failed=True)
    assert "Another run has taken over" in result["msg"]
    assert not schedulable(api)
    assert json.loads(book.read_text())["process"] == "another"


def test_without_a_place_to_keep_it_slices_fail_and_the_whole_drain_does_not(
    api: FakeApi, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    api.pod("web-1")
    place = str(tmp_path / "file")
    assert "state_directory" in run(slice=5, state_directory=place, failed=True)["msg"]
    assert schedulable(api)
    assert run(state_directory=place)["drained"] is True


# --- order


def test_groups_go_one_after_the_other(api: FakeApi, run: Run) -> None:
    for name, tier in (("a", "first"), ("b", "second"), ("c", "third"), ("rest", "other")):
        api.pod(name, labels={"tier": tier})
        api.termination[name] = 0.3
    order = [{"selector": "tier=second"}, {}, {"selector": {"matchLabels": {"tier": "first"}}}]
    result = run(order=order)
    assert result["evicted"][0]["name"] == "b"
    assert names(result["evicted"][1:3]) == ["c", "rest"]
    assert result["evicted"][3]["name"] == "a"


def test_jobs_are_left_to_complete_before_others_go(api: FakeApi, run: Run) -> None:
    job = api.pod("job", owner="Job/import", labels={"type": "batch"})
    job["spec"]["restartPolicy"] = "Never"
    api.pod("early", owner="Job/early", labels={"type": "batch"}, phase="Succeeded")
    gone = api.pod("job-with-ttl", owner="Job/other", labels={"type": "batch"})
    gone["spec"]["restartPolicy"] = "Never"
    api.pod("web-1")
    assert run(slice=1, order=[BATCH])["progress"]["left"][0]["state"] == "running"
    assert api.sent("POST") == []
    job["status"]["phase"] = "Succeeded"
    del api.objects["/api/v1/namespaces/default/pods/job-with-ttl"]
    result = run(order=[BATCH])
    assert names(result["completed"]) == ["job", "job-with-ttl"]
    assert result["completed"][0]["seconds"] > 0
    assert names(result["evicted"]) == ["web-1"]
    assert api.pods() == ["early", "job"], "what has completed stays, with its logs"
    assert "warnings" not in result


def test_jobs_that_do_not_complete_in_time_are_evicted(api: FakeApi, run: Run) -> None:
    api.pod("job", owner="Job/import", labels={"type": "batch"})
    result = run(order=[{**BATCH, "timeout": 1}])
    assert (names(result["evicted"]), result["completed"]) == (["job"], [])
    assert result["seconds"] >= 1
    assert any("restartPolicy is Always: default/job" in str(warning) for warning in result["warnings"])


def test_jobs_that_do_not_complete_stop_the_drain_where_they_are_not_to_be_evicted(api: FakeApi, run: Run) -> None:
    api.pod("job", owner="Job/import", labels={"type": "batch"})
    result = run(order=[BATCH], timeout=1, failed=True)
    message = result["msg"]
    waited = re.search(r"default/job \(left to complete for (\d+) s\)", message)
    assert waited and int(waited[1]) <= round(result["seconds"]), "cordon and survey take of the time-out, too"
    assert "kubeadm_upgrade_drain_order" in message
    assert api.pods() == ["job"]
    assert schedulable(api)


def test_what_is_skipped_stays(api: FakeApi, run: Run) -> None:
    api.pod("agent", owner=None, labels={"app": "agent"}, emptydir=True)
    api.pod("web-1")
    result = run(order=[{"selector": "app=agent", "action": "skip"}])
    assert [row["why"] for row in result["left"]] == ["skipped, as entry 1 of the order (skip) has it"]
    assert api.pods() == ["agent"]


def test_an_order_that_is_no_good_is_refused_before_the_cordon(api: FakeApi, run: Run) -> None:
    assert "kubeadm_upgrade_drain_order: entry 1" in run(order=[{"selector": "a=b=c"}], failed=True)["msg"]
    assert api.requests == []


# --- past budgets


def test_pods_are_deleted_past_their_budgets_only_when_asked_to_and_named(api: FakeApi, run: Run) -> None:
    held(api, maxUnavailable=0)
    api.pod("slow", labels={"app": "slow"})
    api.termination["slow"] = 2
    assert "default/web-1" in run(timeout=1, failed=True)["msg"]
    assert api.sent("DELETE") == []
    result = run(force_past_budgets_after=1)
    assert names(result["evicted"]) == ["slow", "web-1"]
    (row,) = result["forced"]
    assert (row["name"], row["budget"]) == ("web-1", "default/web")
    assert row["seconds"] > 0
    assert any(
        "in spite of their disruption budgets" in str(w) and "default/web-1" in str(w) for w in result["warnings"]
    )
    assert any("default/web-1 (budget default/web)" in text for text in result["warned"])
    ((_method, path, body),) = api.sent("DELETE")
    assert path.endswith("/pods/web-1")
    assert (body or {})["preconditions"]["uid"]


def test_a_pod_that_something_else_refuses_is_not_forced(api: FakeApi, run: Run) -> None:
    api.pod("web-1")
    busy = (429, status(429, "TooManyRequests", "a webhook says wait"))
    api.faults = [("POST .*eviction", busy)] * 12
    result = run(timeout=2, force_past_budgets_after=1, failed=True)
    assert (
        "default/web-1 (its eviction is refused, which refused" in result["msg"]
        or "a webhook says wait" in result["msg"]
    )
    assert api.sent("DELETE") == []


def test_forcing_has_to_come_before_the_time_out(run: Run) -> None:
    assert "force_past_budgets_after is 15 s" in run(force_past_budgets_after=15, failed=True)["msg"]


# --- volumes


def volume(api: FakeApi, pod: dict[str, t.Any], claim: str, node: str = "w1") -> str:
    """Gives a pod a volume that is attached to a node; returns the attachment's path."""
    pod["spec"].setdefault("volumes", []).append({"name": claim, "persistentVolumeClaim": {"claimName": claim}})
    reference = {"namespace": "default", "name": claim}
    api.add("persistentvolumes", {"metadata": {"name": f"pv-{claim}"}, "spec": {"claimRef": reference}})
    spec = {"nodeName": node, "attacher": "csi", "source": {"persistentVolumeName": f"pv-{claim}"}}
    api.add("volumeattachments", {"metadata": {"name": f"csi-{claim}"}, "spec": spec})
    return f"/apis/storage.k8s.io/v1/volumeattachments/csi-{claim}"


def test_waits_until_volumes_are_detached(api: FakeApi, run: Run) -> None:
    path = volume(api, api.pod("db-0", owner="StatefulSet/db"), "data-db-0")
    volume(api, api.daemonset("logs"), "logs")
    volume(api, api.pod("db-1", node="w2"), "data-db-1", node="w2")
    shown = run(slice=1)
    assert shown["drained"] is False
    assert api.pods() == ["logs-x"]
    assert [row["why"] for row in shown["progress"]["left"]] == [
        "the volume pv-data-db-0 of the claim default/data-db-0 is still attached"
    ]
    threading.Timer(0.5, lambda: api.objects.pop(path)).start()
    result = run(slice=5)
    assert result["drained"] is True
    assert names(result["evicted"]) == ["db-0"]


def test_volumes_that_stay_attached_are_named(api: FakeApi, run: Run) -> None:
    volume(api, api.pod("db-0"), "data-db-0")
    message = run(timeout=1, failed=True)["msg"]
    assert "Volumes left: csi-data-db-0 (the volume pv-data-db-0 of the claim default/data-db-0" in message
    assert "kubeadm_upgrade_drain_wait_for_volumes" in message
    api.pod("db-1")
    assert run(wait_for_volumes=False)["drained"] is True


# --- nodes and pods out of the ordinary


def test_evictions_on_a_node_that_is_not_ready_are_not_silent(api: FakeApi, run: Run) -> None:
    condition = api.objects[NODE]["status"]["conditions"][0]
    condition.update(status="Unknown", message="Kubelet stopped posting node status.")
    assert "warnings" not in run(), "there is nothing to evict"
    api.pod("web-1")
    for check_mode in (True, False):
        (warning,) = run(check_mode=check_mode)["warnings"]
        assert "which is not Ready (Kubelet stopped posting node status.)" in str(warning)
    api.pod("stuck", deletionTimestamp="2026-01-01T00:00:00Z")
    message = run(timeout=1, failed=True)["msg"]
    assert "The node is not Ready" in message
    assert "skip_wait_for_delete_timeout" in message


def test_a_pod_that_comes_back_to_a_cordoned_node_is_evicted_once(api: FakeApi, run: Run) -> None:
    def start_again(pod: dict[str, t.Any]) -> None:
        api.pod("agent-2")["spec"]["tolerations"] = [{"operator": "Exists"}]

    api.pod("agent-1")["spec"]["tolerations"] = [{"operator": "Exists"}]
    api.on_gone = start_again
    result = run()
    assert names(result["evicted"]) == ["agent-1"]
    assert result["left"][0]["why"] == "came after the cordon, which it tolerates"
    assert len(api.sent("POST", "eviction")) == 1


def test_a_bare_pod_that_comes_to_a_cordoned_node_does_not_stop_the_drain(api: FakeApi, run: Run) -> None:
    """Who looks why a drain hangs starts one: kubectl debug node/w1."""
    budget = held(api)
    assert run(slice=1)["drained"] is False
    api.pod("node-debugger-w1-x7k2p", owner=None)["spec"]["tolerations"] = [{"operator": "Exists"}]
    budget["status"]["disruptionsAllowed"] = 1
    result = run()
    assert names(result["evicted"]) == ["web-1"]
    assert {row["name"]: row["why"] for row in result["left"]} == {
        "node-debugger-w1-x7k2p": "came after the cordon, which it tolerates"
    }


def test_a_pod_bound_just_before_the_cordon_goes_too(api: FakeApi, run: Run) -> None:
    """The scheduler had decided before it saw the cordon; the cache that the first look asked did not know yet."""
    handle = api.handle
    state = {"bound": False}

    def bind_late(method: str, target: str, body: t.Any) -> t.Any:
        answer = handle(method, target, body)
        if method == "PATCH" and not state["bound"]:
            state["bound"] = True
            api.pod("late")
        if method == "GET" and "resourceVersion=0" in target and target.startswith("/api/v1/pods") and answer:
            kept = [pod for pod in answer[1]["items"] if pod["metadata"]["name"] != "late"]
            answer = (answer[0], {**answer[1], "items": kept}, answer[2])
        return answer

    api.handle = bind_late  # type: ignore[method-assign]
    api.pod("web-1")
    result = run()
    assert "late" in names(result["evicted"])
    assert api.pods() == []


def test_someone_who_uncordons_the_node_during_its_drain_is_heard(api: FakeApi, run: Run) -> None:
    def uncordon(pod: dict[str, t.Any]) -> None:
        api.objects[NODE]["spec"].pop("unschedulable", None)
        api.pod("web-2")

    api.pod("web-1")
    api.on_gone = uncordon
    assert "Someone uncordoned the node w1 during its drain" in run(failed=True)["msg"]


def test_a_daemonset_that_the_cache_does_not_have_yet_is_not_gone(api: FakeApi, run: Run) -> None:
    api.daemonset("logs")
    nothing = {"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []}
    api.faults = [("GET /apis/apps/v1/daemonsets", (200, nothing))]
    assert run()["left"][0]["why"] == "DaemonSet pod"


def test_requests_of_a_small_drain(api: FakeApi, run: Run) -> None:
    """Each costs the node's time out of service."""
    api.pod("web-1")
    api.daemonset("logs")
    api.daemonset("net")
    run()
    assert len(api.requests) <= 12, api.requests


def test_check_mode_says_which_budget_would_hold_it(api: FakeApi, run: Run) -> None:
    budget = held(api)
    budget["status"]["expectedPods"] = 3
    api.pod("job", owner="Job/import", labels={"type": "batch"})["spec"]["restartPolicy"] = "Never"
    result = run(check_mode=True, order=[BATCH])
    (warning,) = result["warnings"]
    assert "default/web allows no eviction now (pods healthy: 2, wanted: 2)" in str(warning)
    assert (names(result["evicted"]), names(result["completed"])) == (["web-1"], ["job"])
    assert result["progress"]["line"] == "w1: 1 pod to evict, 1 to wait for"
    assert "pods left to complete:\n  default/job" in result["diff"]["before"]
    assert api.sent("PATCH") == []
