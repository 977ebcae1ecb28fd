# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the waves' scenario makes of what it saw, and what it sees when the API server was away."""

from __future__ import annotations

import threading
from typing import Any

import pytest

pytest.importorskip("yaml")

from scenario.kube import KubeError
from waves.eyes import Eyes, Mirror
from waves.tally import AUTO, ONE, Outage, Sample, Side, held, outages, table, verdicts
from waves.workload import BUDGETS, deployment, ready

OLD, NEW = "v1.24.17", "v1.25.4"
WORKERS = ["w1", "w2", "w3", "w4"]


def sample(at: float, host: str, cordoned: bool, kubelet: str = OLD, ready: bool = True) -> Sample:
    return Sample(at, host, cordoned, ready, kubelet)


def test_an_outage_lasts_until_the_worker_is_ready_with_the_new_kubelet() -> None:
    seen = [
        sample(0, "w1", False), sample(1, "w1", True), sample(2, "cp1", True), sample(3, "w1", True, NEW),
        sample(4, "w1", False, NEW, ready=False), sample(5, "w1", False, NEW), sample(6, "w1", False, NEW),
    ]  # fmt: skip
    assert outages(seen, NEW, WORKERS) == [Outage("w1", 1, 4, 5)]


def test_one_that_is_not_back_and_one_that_was_out_twice() -> None:
    assert outages([sample(1, "w1", True), sample(2, "w1", False)], NEW, WORKERS) == [Outage("w1", 1, 2, None)]
    again = [sample(1, "w1", True), sample(2, "w1", False), sample(3, "w1", True), sample(4, "w1", False, NEW)]
    assert outages(again, NEW, WORKERS) == [Outage("w1", 1, 2, None), Outage("w1", 3, 4, 4)]


def test_a_workload_is_short_for_as_long_as_it_has_too_few_pods() -> None:
    found = held([(0, 4), (2, 0), (3, 1), (5, 0)], 4, 1, 7)
    assert (found.least, found.short) == (0, 3)
    assert held([(0, 4), (2, 1), (9, 0)], 4, 1, 7).short == 0  # what came after the end does not count
    assert held([], 4, 1, 7).least == 0


def side(serial: str, *spans: tuple[float, float], least: int = 2) -> Side:
    out = [Outage(host, begun, ended, ended) for host, (begun, ended) in zip(WORKERS, spans)]
    pods = held([(0, 4), (1, least), (2, 4)], 4, 1, 100)
    return Side(serial, 200.0, out, {"web": pods}, 3.0)


ONE_BY_ONE = side(ONE, (10, 20), (20, 30), (31, 40), (41, 50))
IN_WAVES = side(AUTO, (10, 20), (21, 31), (22, 29), (32, 42))


def test_waves_are_what_was_out_together() -> None:
    assert ONE_BY_ONE.waves == [["w1"], ["w2"], ["w3"], ["w4"]]
    assert IN_WAVES.waves == [["w1"], ["w2", "w3"], ["w4"]]
    assert (ONE_BY_ONE.at_once, IN_WAVES.at_once) == (1, 2)
    assert (ONE_BY_ONE.workers_seconds, IN_WAVES.workers_seconds, IN_WAVES.out) == (40, 32, 37)
    assert IN_WAVES.line == "  serial auto: 200.0 s, workers 32.0 s; waves: w1; w2 and w3; w4"


def test_the_table_has_the_ratio_of_what_can_be_compared() -> None:
    lines = table({ONE: ONE_BY_ONE, AUTO: IN_WAVES})
    assert [line.split()[-3:] for line in lines if "first cordon" in line] == [["40.0", "32.0", "0.80"]]
    assert [line.split()[-3:] for line in lines if line.startswith("  waves")] == [["4", "3", "0.75"]]
    assert lines[-1] == "  serial auto: w1; w2 and w3; w4"


@pytest.mark.parametrize(
    ("sides", "wrong"),
    [
        ((ONE_BY_ONE, IN_WAVES), []),
        ((ONE_BY_ONE, side(AUTO, (10, 20), (21, 31), (22, 29), (32, 42), least=0)), ["web had 0 of 4"]),
        ((ONE_BY_ONE, side(AUTO, (10, 20), (21, 31), (22, 29), (32, 42), least=4)), ["saw pods go"]),
        ((ONE_BY_ONE, side(AUTO, (1, 2), (2, 3), (3, 4), (4, 5))), ["up to 1 workers", "4 waves in the place of 4"]),
        ((side(ONE, (1, 3), (2, 4), (5, 6), (7, 8)), IN_WAVES), ["2 worker out", "3 waves in the place of 3"]),
        ((ONE_BY_ONE, side(AUTO, (1, 2), (1, 3), (4, 5))), ["was out once"]),
    ],
)
def test_what_is_not_as_it_should_be_is_named(sides: tuple[Side, Side], wrong: list[str]) -> None:
    found = [what for holds, what in verdicts({ONE: sides[0], AUTO: sides[1]}, WORKERS) if not holds]
    assert len(found) == len(wrong)
    assert all(part in what for part, what in zip(wrong, found))


def node(name: str, cordoned: bool) -> dict[str, Any]:
    status = {"nodeInfo": {"kubeletVersion": OLD}, "conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": {"name": name}, "spec": {"unschedulable": cordoned}, "status": status}


class FakeKube:
    """A fake: answers a list and the events of a watch, or an error, in their order."""

    where: Any = None

    def __init__(self, *turns: tuple[list[dict[str, Any]], list[dict[str, Any]]] | None) -> None:
        self.turns = list(turns)
        self.watched: list[str] = []

    def get(self, _path: str) -> dict[str, Any]:
        if self.turns[0] is None:
            self.turns.pop(0)
            raise KubeError("away")
        return {"metadata": {"resourceVersion": "7"}, "items": self.turns[0][0]}

    def lines(self, path: str, _stop: threading.Event, take: Any) -> None:
        self.watched.append(path)
        turn = self.turns.pop(0)
        for event in turn[1] if turn else []:
            take(event)


def mirror(kube: FakeKube, seen: list[dict[str, Any]]) -> Mirror:
    made = Mirror(kube, "/api/v1/nodes", lambda known: seen.append(sorted(known)))  # type: ignore[arg-type]
    made._kube = kube  # type: ignore[assignment]
    return made


def test_the_mirror_follows_from_the_version_that_it_has_read() -> None:
    events = [
        {"type": "ADDED", "object": node("b", False)},
        {"type": "DELETED", "object": node("a", False)},
    ]
    kube, seen = FakeKube(([node("a", False)], events)), list[Any]()
    mirror(kube, seen).follow()
    assert seen == [["a"], ["a", "b"], ["b"]]
    assert kube.watched == ["/api/v1/nodes?watch=1&resourceVersion=7&timeoutSeconds=10"]


def test_what_went_while_the_api_was_away_is_not_believed_to_be_there() -> None:
    kube, seen = FakeKube(([node("a", False), node("b", False)], []), None, ([node("b", False)], [])), list[Any]()
    made = mirror(kube, seen)
    made.follow()
    with pytest.raises(KubeError):
        made.follow()
    made.follow()
    assert seen == [["a", "b"], ["b"]]


def test_a_version_that_is_too_old_is_no_object() -> None:
    kube, seen = FakeKube(([], [{"type": "ERROR", "object": {"message": "too old resource version"}}])), list[Any]()
    with pytest.raises(KubeError, match="too old"):
        mirror(kube, seen).follow()
    assert seen == [[]]


def test_the_mirror_says_for_how_long_it_was_blind(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 104.0])
    monkeypatch.setattr("waves.eyes.time.monotonic", lambda: next(clock))
    kube, seen = FakeKube(None, ([], [])), list[Any]()
    made = mirror(kube, seen)
    monkeypatch.setattr(made._stop, "wait", lambda _seconds: True)
    calls = iter([False, False, True])
    monkeypatch.setattr(made._stop, "is_set", lambda: next(calls))
    made._run()
    assert made.blind == 4.0


def test_pods_on_their_way_out_are_not_counted() -> None:
    pod = {"metadata": {"name": "a"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    leaving = {**pod, "metadata": {"name": "b", "deletionTimestamp": "2026-11-29T00:00:00Z"}}
    assert ready([pod, leaving]) == 1
    eyes = Eyes({"a": "w1"})
    eyes.take_pods("web", {"a": pod, "b": leaving})
    eyes.take_nodes({"a": node("a", True)})
    assert eyes.ready["web"][0][1] == 1
    assert (eyes.nodes[0].host, eyes.nodes[0].cordoned, eyes.nodes[0].kubelet) == ("w1", True, OLD)


def test_any_two_of_four_workers_may_be_out_and_no_three() -> None:
    """Whatever the canary's pods went to: of four pods, three workers have two, one and one."""
    for budget in BUDGETS:
        after = sorted([1] * budget.replicas if budget.replicas < 4 else [2, 1, 1], reverse=True)
        allowed = budget.replicas - budget.wanted
        assert sum(after[:2]) <= allowed < sum(after)


def test_objects_select_the_pods_of_their_budget() -> None:
    web = BUDGETS[0]
    made = deployment(web, "registry.k8s.io/x:1")
    labels = made["spec"]["template"]["metadata"]["labels"]
    assert labels == made["spec"]["selector"]["matchLabels"] == web.object()["spec"]["selector"]["matchLabels"]
    assert web.pods == "/api/v1/namespaces/default/pods?labelSelector=app%3Dweb"
