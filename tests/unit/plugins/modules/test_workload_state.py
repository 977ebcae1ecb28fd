# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""workload_state through main(), against FakeApi over HTTP."""

from __future__ import annotations

import threading
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _workload_state, _workloads
from ansible_collections.uplift.kubeadm.plugins.modules import workload_state
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_api import COLLECTIONS, FakeApi, Object
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module

NOTES = "/api/v1/namespaces/kube-system/configmaps/uplift-kubeadm"
WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
KINDS = {**COLLECTIONS, "statefulsets": "/apis/apps/v1/namespaces/{}/statefulsets"}


class FakeWorkloads(FakeApi):
    """FakeApi that takes ConfigMaps to create, to patch and to delete."""

    def handle(self, method: str, target: str, body: Object | None) -> tuple[int, Object, dict[str, str]] | None:
        if method == "PATCH" and body:
            body.setdefault("metadata", {})
        answer = super().handle(method, target, body)
        path = target.partition("?")[0]
        if answer and answer[0] == 404 and method == "POST" and body:
            return (
                201,
                self.add("configmaps", {**body, "metadata": {**body["metadata"], "namespace": "kube-system"}}),
                {},
            )
        if answer and method == "DELETE" and path in self.objects:
            return 200, self.objects.pop(path), {}
        return answer

    def workload(self, kind: str, name: str, wanted: int, ready: int) -> Object:
        meta = {"name": name, "namespace": "shop"}
        if kind == "daemonsets":
            status = {"desiredNumberScheduled": wanted, "numberReady": ready}
            return self.add(kind, {"metadata": meta, "spec": {}, "status": status})
        return self.add(kind, {"metadata": meta, "spec": {"replicas": wanted}, "status": {"readyReplicas": ready}})

    def ready(self, path: str, ready: int) -> None:
        with self._lock:
            self.objects[path]["status"]["readyReplicas"] = ready

    def lists(self) -> list[str]:
        return [target.partition("?")[0].rpartition("/")[2] for _method, target, _body in self.sent("GET", "limit=")]


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[FakeWorkloads]:
    monkeypatch.setitem(COLLECTIONS, "statefulsets", KINDS["statefulsets"])
    monkeypatch.setattr(_workload_state, "POLL", 0.02)
    fake = FakeWorkloads(tmp_path / "admin.conf")
    fake.workload("deployments", "web", 3, 3)
    fake.workload("statefulsets", "db", 2, 2)
    fake.workload("daemonsets", "logs", 4, 4)
    fake.pod("debug", owner=None, namespace="shop")
    fake.pod("web-1", namespace="shop")
    yield fake
    fake.stop()


@pytest.fixture
def run(api: FakeWorkloads, capsys: pytest.CaptureFixture[str]) -> Run:
    defaults = {"kubeconfig": str(api.kubeconfig), "timeout": 5, "api_timeout": 5}
    return run_module(workload_state.main, capsys, defaults)


def kept(api: FakeWorkloads) -> dict[str, t.Any] | None:
    return _workloads.unpack(api.objects.get(NOTES, {"data": {}})["data"].get("workloads"))


def test_saves_once_a_key(api: FakeWorkloads, run: Run) -> None:
    result = run(state="saved", key="v1.26.9")
    assert (result["changed"], result["kept"], result["workloads"]) == (True, True, 4)
    assert kept(api) == {
        "key": "v1.26.9",
        "at": result["at"],
        "workloads": {
            "Deployment shop/web": [3, 3],
            "StatefulSet shop/db": [2, 2],
            "DaemonSet shop/logs": [4, 4],
            "Pod shop/debug": [1, 1],
        },
    }
    api.ready(WEB, 0)  # a run that goes on in the middle of an upgrade
    assert run(state="saved", key="v1.26.9") == {**run(state="saved", key="v1.26.9"), "changed": False, "kept": True}
    assert kept(api)["workloads"]["Deployment shop/web"] == [3, 3]  # type: ignore[index]


def test_another_upgrade_saves_anew(api: FakeWorkloads, run: Run) -> None:
    run(state="saved", key="v1.26.9")
    assert run(state="saved", key="v1.27.3")["changed"] is True
    assert kept(api)["key"] == "v1.27.3"  # type: ignore[index]


@pytest.mark.parametrize("at", ["2020-01-01T00:00:00Z", "yesterday"])
def test_what_was_kept_long_ago_is_replaced(api: FakeWorkloads, run: Run, at: str) -> None:
    run(state="saved", key="v1.26.9")
    api.objects[NOTES]["data"]["workloads"] = _workloads.pack({}, "v1.26.9", at)
    assert run(state="saved", key="v1.26.9")["changed"] is True
    assert kept(api)["workloads"]  # type: ignore[index]


def test_check_mode_writes_nothing(api: FakeWorkloads, run: Run) -> None:
    assert run(state="saved", key="v1.26.9", check_mode=True)["changed"] is True
    assert NOTES not in api.objects
    run(state="saved", key="v1.26.9")
    assert run(state="absent", check_mode=True)["changed"] is True
    assert run(state="compared", check_mode=True)["lost"] == 0
    assert kept(api)


def test_forgets(api: FakeWorkloads, run: Run) -> None:
    run(state="saved", key="v1.26.9")
    assert run(state="absent")["changed"] is True
    assert NOTES not in api.objects
    assert run(state="absent")["changed"] is False


def test_all_is_as_before(api: FakeWorkloads, run: Run) -> None:
    at = run(state="saved", key="v1.26.9")["at"]
    result = run(state="compared", key="v1.26.9")
    assert result["changed"] is False
    assert (result["compared"], result["before"], result["as_before"], result["lost"]) == (True, 4, 4, 0)
    assert result["lines"] == [f"All 4 workloads that were Ready at {at} are Ready."]


def test_losses_are_named_when_the_time_is_over(api: FakeWorkloads, run: Run) -> None:
    run(state="saved", key="v1.26.9")
    api.ready(WEB, 1)
    del api.objects["/api/v1/namespaces/shop/pods/debug"]
    result = run(state="compared", timeout=0)
    assert result["lost"] == 2
    assert [entry["name"] for entry in result["missing"]] == ["debug"]
    assert result["fewer"] == [
        {"kind": "Deployment", "ns": "shop", "name": "web", "before": "3 of 3", "now": "1 of 3",
         "why": "has fewer Ready replicas"},
    ]  # fmt: skip
    assert "Deployment shop/web: has fewer Ready replicas (before 3 of 3, now 1 of 3)" in result["lines"]


def test_waits_until_it_is_ready_again(api: FakeWorkloads, run: Run) -> None:
    run(state="saved", key="v1.26.9")
    api.ready(WEB, 1)
    debug = api.objects["/api/v1/namespaces/shop/pods/debug"]
    debug["status"]["conditions"] = []

    def mend() -> None:
        """When it was looked at twice, however fast that goes."""
        while api.lists().count("deployments") < 2:
            time.sleep(0.01)
        api.ready(WEB, 3)
        debug["status"]["conditions"] = [{"type": "Ready", "status": "True"}]

    api.requests.clear()
    mender = threading.Thread(target=mend, daemon=True)
    mender.start()
    assert run(state="compared")["lost"] == 0
    looks = api.lists()
    assert looks.count("deployments") >= 2  # polled
    assert [looks.count(kind) for kind in ("statefulsets", "daemonsets", "pods")] == [1, 1, 1]  # and nothing else
    mender.join()


def test_a_look_costs_two_lists_at_most(api: FakeWorkloads, run: Run) -> None:
    run(state="saved", key="v1.26.9")
    for path in (WEB, KINDS["statefulsets"].format("shop") + "/db"):
        api.ready(path, 0)
    api.objects[KINDS["daemonsets"].format("shop") + "/logs"]["status"]["numberReady"] = 0
    api.requests.clear()
    assert run(state="compared", timeout=1)["lost"] == 3
    looks = api.lists()[4:]
    counts = [looks.count(kind) for kind in ("deployments", "statefulsets", "daemonsets")]
    assert min(counts) > 1
    assert max(counts) - min(counts) <= 1  # in turn


def test_nothing_to_compare_with(api: FakeWorkloads, run: Run) -> None:
    result = run(state="compared")
    assert (result["compared"], result["lost"], result["at"]) == (False, 0, None)
    assert "was not kept" in result["lines"][0]
    run(state="saved", key="v1.25.4")
    assert run(state="compared", key="v1.26.9")["compared"] is False


def test_what_does_not_fit_is_a_warning(api: FakeWorkloads, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_workloads, "MOST_CHARACTERS", 10)
    result = run(state="saved", key="v1.26.9")
    assert (result["changed"], result["kept"]) == (False, False)
    assert "not kept" in str(result["warnings"])
    assert NOTES not in api.objects


def test_an_api_that_refuses(api: FakeWorkloads, run: Run) -> None:
    api.faults.append(("GET /apis/apps/v1/daemonsets", 403))
    assert "daemonsets" in run(state="saved", key="v1.26.9", failed=True)["msg"]
    assert NOTES not in api.objects
