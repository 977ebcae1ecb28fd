# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a run is and what is left of it, told from the plan and from what happened; and the lines that say so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_play import host_steps, plan_play
from ansible_collections.uplift.kubeadm.plugins.plugin_utils._progress import PLAYS, Event, Progress, schedule
from ansible_collections.uplift.kubeadm.plugins.plugin_utils._progress_words import line

REPOSITORY = Path(__file__).resolve().parents[4]
HOPS = ("v1.25.4", "v1.26.9")
KUBELETS = PLAYS[-1]


def stage(kind: str, hosts: list[str], hop: int = 0, serial: Any = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": f"{hop}/{kind}", "hop": hop, "kind": kind, "version": HOPS[hop], "hosts": hosts,
        "nodes": [f"n-{host}" for host in hosts], "serial": serial, "drains": [], "why": "", **more,
    }  # fmt: skip


def plan_of(control_planes: int = 1, workers: int = 3, hops: int = 2, serial: Any = 1) -> dict[str, Any]:
    control = [f"cp{i + 1}" for i in range(control_planes)]
    others = [f"w{i + 1}" for i in range(workers)]
    stages = []
    for hop in range(hops):
        stages += [
            stage("prepare", control + others, hop, "100%"),
            stage("control_plane", control, hop, actions={}, force_kubelet_skew=False),
            stage("control_plane_kubelet", control, hop, strip_kubelet_flags={}),
            stage("workers", others, hop, serial, strip_kubelet_flags={}),
            stage("finish", control[:1], hop),
        ]
    return {
        "target": HOPS[hops - 1], "changes": True, "stages": [entry for entry in stages if entry["hosts"]],
        "hops": [{"index": i, "minor": HOPS[i][1:5], "version": HOPS[i]} for i in range(hops)],
        "drains": {f"n-{host}": hops for host in control + others},
    }  # fmt: skip


class Run:
    """A run through a plan by a clock of its own; `seconds(kind)` is what a wave of that kind takes."""

    def __init__(self, plan: dict[str, Any], seconds: Callable[[str], float] = lambda kind: 60.0) -> None:
        self.plan, self.seconds, self.now = plan, seconds, 1000.0
        self.progress = Progress(plan)
        self.events: list[Event] = [*self.progress.planned(), *self.progress.begin(self.now)]

    def waves(self) -> Iterator[tuple[int, list[str], dict[str, Any]]]:
        for hop in range(len(self.plan["hops"])):
            for kinds in PLAYS:
                play = plan_play(self.plan, hop, kinds)
                hosts = play["hosts"]
                for size in play["serial"]:
                    if hosts[:size]:
                        yield hop, hosts[:size], host_steps(play)
                    hosts = hosts[size:]

    def walk(self, until: Callable[[list[str], str], bool] = lambda hosts, kind: False) -> None:
        """Wave by wave; ends in the middle of the first one that `until` says."""
        for _hop, hosts, steps in self.waves():
            self.events += self.progress.open_wave(hosts, steps, self.now)
            for host in hosts:
                self.events += self.progress.begin_node(host, self.now)
            if until(hosts, steps[hosts[0]]["kinds"][-1]):
                return
            self.now += self.seconds(steps[hosts[0]]["kinds"][-1])
            for host in hosts:
                self.events += self.progress.end_node(host, self.now)

    def end(self, failed: tuple[str, ...] = (), unreachable: tuple[str, ...] = ()) -> None:
        self.events += self.progress.end(failed, unreachable, self.now)

    def told(self) -> list[str]:
        return [line(event.type, event.data) for event in self.events if event.told]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event.data for event in self.events if event.type == kind]


def test_the_plays_are_those_of_the_playbook() -> None:
    text = (REPOSITORY / "playbooks/stages/hop.yml").read_text()
    found = re.findall(r"plan_play\(kubeadm_upgrade_hop \| default\(0\), \[([^\]]*)\]\)", text)
    assert tuple(tuple(re.findall(r"'(\w+)'", kinds)) for kinds in found) == PLAYS


def test_a_line_for_each_wave_and_what_is_left_as_soon_as_it_is_known() -> None:
    run = Run(plan_of(), lambda kind: {"prepare": 30.0, "control_plane": 130.0}.get(kind, 70.0))
    run.walk()
    run.end()
    assert run.told() == [
        "to v1.26.9: 2 hops, 1 control plane, 3 workers, 8 drains",
        "hop 1/2 (v1.25.4), prepare 1-4/4: n-cp1, n-w1, n-w2 and n-w3",
        "hop 1/2 (v1.25.4), control plane 1/1: n-cp1",
        "hop 1/2 (v1.25.4), control plane kubelet 1/1: n-cp1",
        "hop 1/2 (v1.25.4), worker 1/3: n-w1",
        "hop 1/2 (v1.25.4), worker 2/3: n-w2; 1 min 10 s a node, about 10 min left",
        "hop 1/2 (v1.25.4), worker 3/3: n-w3; 1 min 10 s a node, about 9 min left",
        "hop 1/2 (v1.25.4) done after 7 min 20 s",
        "hop 2/2 (v1.26.9), prepare 1-4/4: n-cp1, n-w1, n-w2 and n-w3; 30 s a wave, about 7 min left",
        "hop 2/2 (v1.26.9), control plane 1/1: n-cp1; 2 min 10 s a node, about 7 min left",
        "hop 2/2 (v1.26.9), control plane kubelet 1/1: n-cp1; 1 min 10 s a node, about 5 min left",
        "hop 2/2 (v1.26.9), worker 1/3: n-w1; 1 min 10 s a node, about 4 min left",
        "hop 2/2 (v1.26.9), worker 2/3: n-w2; 1 min 10 s a node, about 2 min left",
        "hop 2/2 (v1.26.9), worker 3/3: n-w3; 1 min 10 s a node, about 1 min left",
        "done: v1.26.9 after 14 min 40 s, 18 steps",
    ]
    assert [(row["hop"], row["version"], row["seconds"]) for row in run.of("hop")] == [
        (1, "v1.25.4", 440.0), (2, "v1.26.9", 440.0),
    ]  # fmt: skip


def test_of_a_stage_that_is_measured_its_end_is_known_before_that_of_the_run() -> None:
    run = Run(plan_of(control_planes=3))
    run.walk(until=lambda hosts, kind: hosts == ["cp2"] and kind == "control_plane")
    assert (
        run.told()[-1] == "hop 1/2 (v1.25.4), control plane 2/3: n-cp2; 1 min a node, about 2 min left for this stage"
    )


@settings(max_examples=30)
@given(
    st.integers(1, 3), st.integers(0, 12), st.integers(1, 2),
    st.sampled_from([1, 2, 5, "20%", "100%", [1, 3], [1, "50%"]]), st.integers(1, 500),
)  # fmt: skip
def test_counts_add_up_and_what_is_left_is_what_is_left(
    control_planes: int, workers: int, hops: int, serial: Any, unit: int
) -> None:
    plan = plan_of(control_planes, workers, hops, serial)
    kinds = [kind for kinds in PLAYS for kind in kinds]
    run = Run(plan, lambda kind: float(unit * (1 + kinds.index(kind))))
    run.walk()
    run.end()
    waves = run.of("wave")
    assert len(waves) == len(list(schedule(plan)))
    at = 1000.0
    seen: dict[tuple[int, str], int] = {}
    for wave in waves:
        part = (wave["hop"], wave["stage"])
        assert wave["first"] == seen.get(part, 0) + 1
        assert wave["last"] - wave["first"] + 1 == len(wave["nodes"])
        seen[part] = wave["last"]
        if wave["left_seconds"] is not None:
            assert wave["left_seconds"] == pytest.approx(run.now - at)
        at += run.seconds(wave["stage"])
    assert {(entry["hop"] + 1, entry["kind"]): len(entry["hosts"]) for entry in plan["stages"]
            if entry["kind"] != "finish"} == seen  # fmt: skip
    end = run.of("end")[0]
    assert (end["outcome"], end["steps_done"]) == ("succeeded", end["steps"])
    assert end["seconds"] == pytest.approx(run.now - 1000.0)


def pod(name: str, state: str, seconds: float, budget: str | None = None) -> dict[str, Any]:
    return {"namespace": "shop", "name": name, "state": state, "budget": budget, "seconds": seconds, "refusals": 3,
            "why": "…"}  # fmt: skip


def slice_of(seconds: float, *left: dict[str, Any]) -> dict[str, Any]:
    return {
        "drained": False,
        "seconds": seconds,
        "progress": {"line": "…", "left": list(left)},
        "evicted": [],
        "waited": [],
    }


WHOLE = {"drained": True, "seconds": 62.4, "progress": {"line": "…", "left": []}, "evicted": [{}, {}, {}], "waited": []}


def at_w1(plan: dict[str, Any] | None = None) -> Run:
    run = Run(plan or plan_of(hops=1))
    run.walk(until=lambda hosts, kind: "w1" in hosts and kind == "workers")
    run.events = []
    return run


def test_a_drain_is_told_of_when_it_moves_and_once_a_minute() -> None:
    run = at_w1()
    held = (pod("web-0", "held", 14, "shop/web"), pod("web-1", "held", 10, "shop/web"))
    for seconds, left in (
        (15, (*held, pod("db-0", "ending", 3))),
        (30, (*held, pod("db-0", "ending", 18))),
        (45, held),
        (60, held),
        (105, held),
        (120, held[:1]),
    ):
        run.events += run.progress.drain("w1", slice_of(seconds, *left), 2000.0 + seconds)
    run.events += run.progress.drain(
        "w1", {**WHOLE, "waited": [{"budget": "shop/web", "refusals": 9, "seconds": 118.2}]}, 2200
    )
    assert run.told() == [
        "n-w1: draining, 3 pods left after 15 s; 2 held by the budget shop/web for 14 s, 1 ending",
        "n-w1: draining, 2 pods left after 45 s; 2 held by the budget shop/web for 14 s",
        "n-w1: draining, 2 pods left after 1 min 45 s; 2 held by the budget shop/web for 14 s",
        "n-w1: draining, 1 pod left after 2 min; 1 held by the budget shop/web for 14 s",
        "n-w1: drained after 1 min 2 s, 3 pods; held by the budget shop/web for 1 min 58 s",
    ]
    assert len(run.of("drain")) == 6
    assert run.of("drain")[0]["left"][0]["name"] == "web-0"


@pytest.mark.parametrize(("seconds", "lines"), [(0, 0), (4, 0), (40, 1)])
def test_a_drain_in_one_piece_is_worth_a_line_when_a_budget_held_it(seconds: float, lines: int) -> None:
    run = at_w1()
    waited = [{"budget": "shop/web", "refusals": 1, "seconds": seconds}] if seconds else []
    run.events += run.progress.drain("w1", {**WHOLE, "waited": waited}, 2000.0)
    assert len(run.told()) == lines
    assert run.of("drained")[0]["evicted"] == 3


def test_other_things_that_a_drain_waits_for() -> None:
    run = at_w1()
    run.events += run.progress.drain("w1", slice_of(15, pod("pv-1", "attached", 9), pod("pv-2", "attached", 9)), 2000.0)
    left = [pod("a", "refused", 1), pod("b", "running", 1), pod("c", "queued", 1), pod("d", "held", 70, "x/y"),
            pod("e", "held", 3, "x/z")]  # fmt: skip
    run.events += run.progress.drain("w1", slice_of(30, *left), 2015.0)
    assert run.told() == [
        "n-w1: draining, 2 volumes left after 15 s; 2 still attached",
        "n-w1: draining, 5 pods left after 30 s; 1 held by the budget x/y for 1 min 10 s, "
        "1 held by the budget x/z for 3 s, 1 refused, 1 left to complete, 1 to be evicted",
    ]


def test_a_node_that_failed_is_told_once_and_where_the_run_stopped() -> None:
    run = at_w1(plan_of(hops=1, workers=4, serial=2))
    run.progress.fail_task("Stop", "n-w1 failed in …")
    run.events += run.progress.fail("w1", "Drain", "The node n-w1\nwas not drained. " + "x" * 300)
    run.events += run.progress.fail("w1", "Drain", "again")
    run.events += run.progress.end_node("w2", run.now)
    run.end(failed=("w1",))
    first, last = run.told()
    assert first.startswith('n-w1 FAILED at "Drain", hop 1/1 (v1.25.4), worker: The node n-w1 was not drained. xxx')
    assert first.endswith("x…")
    assert last == "stopped after 3 min: hop 1/1 (v1.25.4), worker 1 of 4 done, 2 not begun; failed: n-w1"
    assert run.of("end")[0]["outcome"] == "failed"
    assert run.of("failed")[0]["unreachable"] is False


def test_a_node_that_was_lost() -> None:
    run = at_w1()
    run.events += run.progress.fail("w1", "Install kubeadm", "no route", unreachable=True)
    run.end(unreachable=("w1",))
    assert run.told()[0] == 'n-w1 is UNREACHABLE at "Install kubeadm", hop 1/1 (v1.25.4), worker: no route'
    assert run.of("end")[0]["failed"] == ["n-w1"]


def test_a_host_that_the_plan_left_out_is_no_failure() -> None:
    run = Run(plan_of(hops=1))
    run.events += run.progress.fail("w9", "Read the nodes", "no route", unreachable=True)
    run.walk()
    run.end(unreachable=("w9",))
    assert run.of("failed") == []
    assert run.of("end")[0]["outcome"] == "succeeded"


def test_stopped_as_asked() -> None:
    run = at_w1()
    run.events += run.progress.end_node("w1", run.now)
    run.progress.stop("anna asked this run to end before its next node: pager")
    run.progress.fail_task("Stop", "Stopped as asked …")
    run.end(failed=("w2",))
    assert run.told() == [
        "stopped after 3 min: hop 1/1 (v1.25.4), worker 1 of 3 done, 2 not begun. "
        "anna asked this run to end before its next node: pager",
    ]
    assert run.of("end")[0]["outcome"] == "stopped"


@pytest.mark.parametrize("stopped", [False, True])
def test_what_no_node_is_to_blame_for_is_told_in_the_words_of_the_task(stopped: bool) -> None:
    run = at_w1()
    if stopped:  # by a gate, say
        run.progress.stop()
    run.progress.fail_task("Stop", "1.25/workers goes no further:\nclosed gates")
    run.end(failed=("w2",))
    assert run.told()[-1] == (
        "stopped after 3 min: hop 1/1 (v1.25.4), worker 0 of 3 done, 2 not begun. "
        "1.25/workers goes no further: closed gates"
    )
    end = run.of("end")[0]
    assert (end["outcome"], end["task"]) == ("stopped" if stopped else "failed", "Stop")


def test_a_canary_is_told_as_such() -> None:
    plan = plan_of(control_planes=0, workers=2, hops=1)
    progress = Progress(plan)
    steps = host_steps(plan_play(plan, 0, KUBELETS))
    steps["w1"]["wave"] = {"number": 1, "of": 2, "canary": True, "soak": 0}
    events = [*progress.open_wave(["w1"], steps, 1.0), *progress.begin_node("w1", 1.0)]
    events += [*progress.open_wave(["w2"], steps, 9.0), *progress.begin_node("w2", 9.0)]
    assert [line(event.type, event.data) for event in events] == [
        "hop 1/1 (v1.25.4), worker 1/2 (canary): n-w1",
        "hop 1/1 (v1.25.4), worker 2/2: n-w2; 8 s a node, less than 1 min left",
    ]


@pytest.mark.parametrize(
    ("changes", "failed", "outcome"), [(False, (), "unchanged"), (True, (), "planned"), (True, ("cp1",), "failed")]
)
def test_what_was_not_begun_is_not_worth_a_line(changes: bool, failed: tuple[str, ...], outcome: str) -> None:
    progress = Progress({**plan_of(), "changes": changes}, check=True)
    events = [*progress.planned(), *progress.end(failed, (), 1000.0)]
    assert [event.type for event in events if event.told] == []
    assert events[-1].data["outcome"] == outcome


def test_nothing_to_do_is_quiet() -> None:
    run = Run({"target": "v1.25.4", "changes": False, "hops": [], "stages": [], "drains": {}})
    run.end()
    assert run.told() == []
    assert run.of("end")[0]["outcome"] == "unchanged"


def test_nodes_that_are_only_returned_to_service_belong_to_no_hop() -> None:
    plan = {
        "target": "v1.25.4",
        "changes": True,
        "hops": [],
        "stages": [stage("uncordon", ["w1"], serial="100%")],
        "drains": {},
    }
    progress = Progress(plan)
    events = progress.begin(0.0)
    steps = host_steps(plan_play(plan, 0, PLAYS[0]))
    events += [*progress.open_wave(["w1"], steps, 1.0), *progress.begin_node("w1", 1.0), *progress.end_node("w1", 9.0)]
    events += progress.end((), (), 9.0)
    assert [line(event.type, event.data) for event in events if event.told] == [
        "to v1.25.4: 0 hops, 0 control planes, 0 workers, 0 drains",
        "return to service 1/1: n-w1",
        "done: v1.25.4 after 9 s, 1 step",
    ]


def test_waves_that_are_not_those_of_the_plan_are_counted_without_the_time_that_is_left() -> None:
    run = at_w1(plan_of(hops=1, workers=4))
    steps = host_steps(plan_play(run.plan, 0, KUBELETS))
    for hosts in (["w3"], ["w2"]):
        run.now += 60
        run.events += [*run.progress.open_wave(hosts, steps, run.now), *run.progress.begin_node(hosts[0], run.now)]
    assert run.told() == [
        "hop 1/1 (v1.25.4), worker 2/4: n-w3; 1 min a node, about 2 min left",
        "hop 1/1 (v1.25.4), worker 3/4: n-w2; 1 min a node",
    ]
