# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark of waves: what it takes for a broken budget, what it does with nodes held back, what it counts."""

from __future__ import annotations

import importlib
import time
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _cordon, _drain, _wave_now, _waves_words
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._quantity import amount
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_rules import read_groups

Object = dict[str, Any]


# ---- what is seen


def budget(current: int, desired: int, observed: int = 2) -> Object:
    status = {"observedGeneration": observed, "currentHealthy": current, "desiredHealthy": desired}
    return {"metadata": {"name": "web", "generation": 2}, "status": status}


def test_a_budget_is_broken_when_fewer_are_healthy_than_it_wants() -> None:
    seen = importlib.import_module("lookout").Seen()
    seen.budget("ADDED", budget(19, 19))
    seen.budget("MODIFIED", budget(0, 19, observed=1))  # the controller has not looked yet
    assert seen.broken == {}
    for current in (18, 16, 17):
        seen.budget("MODIFIED", budget(current, 19))
    assert seen.broken == {"web": 3}


def deployment(ready: int, label: str) -> Object:
    living = importlib.import_module("living")
    meta = {"name": "web", "generation": 1, "labels": {living.BUDGET_LABEL: label}}
    status = {"observedGeneration": 1, "readyReplicas": ready}
    return {"metadata": meta, "spec": {"replicas": 20}, "status": status}


def test_only_deployments_without_a_budget_are_asked_how_many_were_out() -> None:
    seen = importlib.import_module("lookout").Seen()
    for ready, label in ((3, "1"), (15, "none"), (12, "none"), (20, "none")):
        seen.deployment("MODIFIED", deployment(ready, label))
    assert seen.short == {"web": 8}


def pod(uid: str, reason: str) -> Object:
    condition = {"type": "PodScheduled", "status": "False", "reason": reason}
    return {"metadata": {"uid": uid}, "status": {"conditions": [condition] if reason else []}}


def test_pods_wait_for_room_until_they_are_placed() -> None:
    seen = importlib.import_module("lookout").Seen()
    for kind, uid, reason in (
        ("ADDED", "a", ""), ("MODIFIED", "a", "Unschedulable"), ("MODIFIED", "b", "Unschedulable"),
        ("DELETED", "a", "Unschedulable"), ("MODIFIED", "c", "Unschedulable"), ("MODIFIED", "d", "SchedulerError"),
    ):  # fmt: skip
        seen.homeless(kind, pod(uid, reason))
    assert seen.waiting == 2


METRICS = """\
# HELP apiserver_request_total [STABLE] Counter of apiserver requests
apiserver_request_total{code="201",component="apiserver",resource="pods",subresource="eviction",verb="POST"} 120
apiserver_request_total{code="429",component="apiserver",resource="pods",subresource="eviction",verb="POST"} 7
apiserver_request_total{code="429",dry_run="",resource="pods",subresource="eviction",verb="POST"} 1e+03
apiserver_request_total{code="429",component="apiserver",resource="pods",subresource="",verb="LIST"} 3
apiserver_request_total{code="200",component="apiserver",resource="nodes",subresource="",verb="LIST"} 9
"""


def test_evictions_are_those_that_the_api_server_has_counted() -> None:
    lookout = importlib.import_module("lookout")
    counted = lookout.evictions(METRICS)
    assert counted == {"201": 120, "429": 1007}
    assert lookout.since({"201": 100, "429": 1007}, counted) == {"201": 20}


# ---- the cluster


def made(nodes: int, pods: int) -> dict[str, list[Object]]:
    """What is put into the cluster, by kind."""
    living = importlib.import_module("living")
    found: dict[str, list[Object]] = {}
    for path, body, _status in (*living.nodes(nodes, pods), *living.workloads(nodes, pods)):
        found.setdefault(path.rpartition("/")[2], []).append(body)
    return found


def test_the_cluster_has_the_pods_that_it_says_and_budgets_of_its_own_deployments() -> None:
    found = made(50, 1050)
    replicas = {body["metadata"]["name"]: body["spec"]["replicas"] for body in found["deployments"]}
    assert (len(found["nodes"]), sum(replicas.values()) + len(found["nodes"])) == (50, 1050)
    selected = {body["metadata"]["name"]: body["spec"]["selector"] for body in found["deployments"]}
    budgets = {body["metadata"]["name"]: body["spec"]["selector"] for body in found["poddisruptionbudgets"]}
    assert len(budgets) == 40
    assert budgets.items() <= selected.items()


@pytest.mark.parametrize("pods", [3_000, 10_000])
def test_its_pods_leave_a_third_of_the_processors_free_however_many_there_are(pods: int) -> None:
    found = made(500, pods)
    asked = sum(
        body["spec"]["replicas"]
        * amount("cpu", body["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"])
        for body in found["deployments"]
    )
    workers = [node for node in found["nodes"] if not node["spec"]["taints"]]
    there = sum(amount("cpu", node["status"]["allocatable"]["cpu"]) for node in workers)
    assert 0.65 < asked / there < 0.75


def test_its_groups_are_as_the_collection_takes_them_and_have_members() -> None:
    living, nodes = importlib.import_module("living"), made(100, 100)["nodes"]
    members = {
        group.name: sum(group.has(node["metadata"]["name"], node["metadata"]["labels"]) for node in nodes)
        for group in read_groups(living.GROUPS, {})
    }
    assert members == {"zones": 100, "db": 4}


class FakeApi:
    """Lists what it is given, by the end of the path."""

    server = "https://api.bench:6443"

    def __init__(self, **collections: list[Object]) -> None:
        self._collections = collections

    def list(self, path: str, query: Any = None, keep: Any = None) -> list[Any]:
        return [keep(obj) for obj in self._collections[path.rpartition("/")[2]]]

    def patch(self, path: str, body: Object) -> None:
        pass


def test_it_is_settled_when_all_pods_are_ready_and_the_budgets_know() -> None:
    living = importlib.import_module("living")
    proxy = {
        "metadata": {"generation": 1},
        "spec": {},
        "status": {"observedGeneration": 1, "numberReady": 5, "desiredNumberScheduled": 5},
    }

    def of(ready: int, healthy: int) -> str:
        known = {"observedGeneration": 1, "expectedPods": 20, "currentHealthy": healthy}
        budgets = [{"metadata": {"generation": 1}, "status": known}]
        api = FakeApi(deployments=[deployment(ready, "1")], daemonsets=[proxy], poddisruptionbudgets=budgets)
        return str(living.unsettled(api))

    assert of(19, 20) == "24 of 25 pods are Ready"
    assert of(20, 19) == "1 budgets do not know of all their pods yet"
    assert of(20, 20) == ""
    assert living.unsettled(FakeApi(deployments=[], daemonsets=[])) == "0 of 0 pods are Ready"


def test_waiting_ends_with_the_time_and_says_what_was_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated, kube = importlib.import_module("simulated"), importlib.import_module("kube")
    monkeypatch.setattr(simulated, "_LOOK", 0.01)
    missing = iter(["2 of 3", "1 of 3", ""])
    simulated.wait(lambda: next(missing), 5, str)
    with pytest.raises(kube.KubeError, match="1 of 3"):
        simulated.wait(lambda: "1 of 3", 0.05, str)


# ---- the walk


class FakeDrain:
    """Drains at once, but for the nodes that it is to fail on."""

    fails: frozenset[str] = frozenset()
    drained: list[str]

    def __init__(self, _api: Any, node: str, _options: Any) -> None:
        self.node, self.report = node, SimpleNamespace(seconds=2.0)

    def run(self) -> None:
        if self.node in self.fails:
            raise UpliftError(f"{self.node} cannot be drained")
        self.drained.append(self.node)


@pytest.fixture
def walker(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A Walker of six workers whose drains are fake."""
    walk = importlib.import_module("walk")
    FakeDrain.drained, FakeDrain.fails = [], frozenset()
    monkeypatch.setattr(_drain, "Drain", FakeDrain)
    monkeypatch.setattr(_cordon, "uncordon", lambda _api, _node: None)
    monkeypatch.setattr(_wave_now, "watch", lambda *_: None)
    return walk.Walker(FakeApi(), "v1.25.4", 4, time.monotonic() + 60, walk.Walked("auto", 2, 6), str)


def fitting(monkeypatch: pytest.MonkeyPatch, held: set[str]) -> None:
    """Waves begin without the nodes in `held`, which fit when they are cut anew."""
    key = ("budget", "team-1/service-1")

    def let_in(_api: Any, nodes: list[str], _rules: Any, _patience: float, clock: Any) -> Object:
        clock.sleep(0)
        fits = [node for node in nodes if node not in held]
        return {"fits": fits, "held": dict.fromkeys(set(nodes) - set(fits), _waves_words.what(key, {})), "waited": 1.5}

    def plan_anew(_api: Any, nodes: list[str], _rules: Any) -> list[list[str]]:
        held.clear()
        return [[node] for node in nodes]

    monkeypatch.setattr(_wave_now, "let_in", let_in)
    monkeypatch.setattr(_wave_now, "plan_anew", plan_anew)


def test_nodes_that_are_held_back_go_last_in_waves_of_their_own(walker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fitting(monkeypatch, {"w2", "w4"})
    walker.with_look([["w1", "w2", "w3"], ["w4", "w5", "w6"]], None)
    assert walker.done == ["w1", "w3", "w5", "w6", "w2", "w4"]
    walked = walker.walked
    assert (walked.walked, walked.held, walked.largest, walked.waited) == (4, 2, 2, 6.0)
    assert (walked.failed, len(walked.looks), walked.drain) == ({}, 4, 2.0)
    assert walked.by == {"disruption budget": 2}


def test_a_failed_drain_ends_the_walk_after_its_wave(walker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fitting(monkeypatch, {"w6"})
    FakeDrain.fails = frozenset(["w2"])
    walker.with_look([["w6", "w1"], ["w2", "w3"], ["w4", "w5"]], None)
    assert (walker.done, sorted(FakeDrain.drained)) == (["w1", "w3"], ["w1", "w3"])
    assert walker.walked.failed == {"w2": "w2 cannot be drained"}
    assert walker.why() == "1 drains failed"


def test_the_time_ends_a_walk_between_two_waves(walker: Any) -> None:
    walker.at_once([["w1", "w2"], ["w3"]])
    walker.deadline = 0
    walker.at_once([["w4"]])
    assert (walker.done, walker.why()) == (["w1", "w2", "w3"], "the time was over")


def test_nodes_that_went_have_to_serve_with_the_new_version() -> None:
    walk = importlib.import_module("walk")

    def node(name: str, version: str, cordoned: bool = False) -> Object:
        status = {"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"kubeletVersion": version}}
        return {"metadata": {"name": name}, "spec": {"unschedulable": cordoned}, "status": status}

    api = FakeApi(nodes=[node("w1", "v2"), node("w2", "v1"), node("w3", "v2", cordoned=True), node("w4", "v1")])
    walk.prove(api, ["w1"], "v2")
    with pytest.raises(SystemExit, match=r"w2, w3$"):
        walk.prove(api, ["w1", "w2", "w3"], "v2")


def test_a_fifth_is_what_ansible_makes_of_it() -> None:
    fifths = importlib.import_module("walk").fifths
    assert [len(batch) for batch in fifths(range(497))] == [99, 99, 99, 99, 99, 2]
    assert [len(batch) for batch in fifths(range(3))] == [1, 1, 1]


# ---- the tables


def test_waves_of_a_cluster_that_is_only_facts() -> None:
    waves = importlib.import_module("worker_waves")
    figures = waves.measure(40, 400, "")
    assert (figures["nodes"], figures["one"], figures["fifth"]) == (40, 37, 6)
    assert figures["least"] <= figures["auto"] < figures["one"]
    assert figures["groups"] >= figures["as_run"]
    assert waves.row(figures).count("|") == waves.HEADER.count("|")


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (("budget", "a/b"), "disruption budget"),
        (("workload", "Deployment a/b"), "no disruption budget"),
        (("room", "cpu"), "room"),
        (("no room", "a/b-1"), "room"),
        (("in the way", "a/b"), "disruption budget"),
    ],
)
def test_what_holds_nodes_back_is_known_by_the_words_of_the_collection(key: tuple[str, ...], kind: str) -> None:
    assert importlib.import_module("walk").kind_of(_waves_words.what(key, {key: 1})) == kind


@pytest.mark.parametrize(("left", "cell"), [(0, "| 0 |"), (12, "| 12 (the time was over) |")])
def test_the_table_of_walks_says_what_did_not_go(left: int, cell: str) -> None:
    walk = importlib.import_module("walk")
    evictions = {"201": 9000, "200": 500, "429": 1234}
    walked = walk.Walked("fifth", 6, 497, walked=6, left=left, why="the time was over", evictions=evictions)
    text = walk.row(500, vars(walked))
    assert cell in text
    assert "| 9,500 | 1,234 |" in text
    assert text.count("|") == walk.HEADER.count("|")
