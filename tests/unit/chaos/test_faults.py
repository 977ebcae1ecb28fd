# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenario of faults without a cluster: which are done, when, and what is made of how a run ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("yaml")

from chaos import cli, faults
from scenario.events import Event

NEW = "v1.25.4"


def event(task: str, kind: str = "begin", host: str = "worker1", hop: int | None = 0, **more: Any) -> Event:
    status = "" if kind == "begin" else "ok"
    return Event(**{"at": 0.0, "kind": kind, "status": status, "play": "", "hop": hop, "host": host, "task": task,
                    "action": "", **more})  # fmt: skip


def test_faults_are_chosen_by_name_and_shape() -> None:
    assert [fault.id for fault in faults.chosen("api-away, disk-full", 1)] == ["disk-full", "api-away"]
    assert {fault.control_planes for fault in faults.chosen(None, 3)} == {3}
    with pytest.raises(ValueError, match="no such fault: nonsense"):
        faults.chosen("nonsense", 1)
    with pytest.raises(ValueError, match="--control-planes"):
        faults.chosen("node-lost", 1)


def test_a_moment_is_a_task_on_a_host_in_a_hop() -> None:
    moment = faults.Moment("Drain", "begin", "worker1", 0)
    assert moment.is_at(event("Drain"))
    assert not moment.is_at(event("Drain", "end"))
    assert not moment.is_at(event("Drain", hop=1))
    assert not moment.is_at(event("Drain", host="worker2"))
    assert faults.Moment("Drain", "begin").is_at(event("Drain", host="cp1", hop=1))


def ended(task: str, at: float, host: str = "worker1", status: str = "ok") -> Event:
    return replace(event(task, "end", host), at=at, status=status)


DRAINED, READY = ended("Drain", 20.0), ended("Wait until the node offers what it offered, then uncordon", 160.0)


@pytest.mark.parametrize(
    ("events", "at"),
    [
        ([], None),
        ([ended("Drain", 155.0)], 155.0),
        ([DRAINED], None),  # before the fault bit, and nothing has come since it was lifted
        ([DRAINED, READY], 160.0),
        ([ended("Drain", 5.0), READY], None),  # that of another run
        ([ended("Drain", 155.0, status="failed"), READY], None),
        ([ended("Drain", 155.0, host="worker2")], None),
    ],
)
def test_a_fault_is_ridden_out_when_the_run_has_got_on_since(events: list[Event], at: float | None) -> None:
    moment = faults.Moment("Drain", "begin", "worker1", 0)
    assert faults.rode_out(events, moment, struck=10.0, lifted=150.0) == at


class FakeRun:
    """A run of the playbook that has these events and then ends, without a playbook."""

    def __init__(self, number: int, events: list[Event], returncode: int) -> None:
        self.number, self.log = number, Path(f"run-{number}.log")
        self.seen: list[Event] = []
        self.events = self
        self.process = self
        self.returncode = returncode
        self._events = events

    def new(self) -> list[Event]:
        found = self._events[len(self.seen) :]
        self.seen = self._events
        return found

    def ended(self) -> bool:
        return True

    def why(self) -> list[Event]:
        return [event for event in self._events if event.status == "failed"]

    def tail(self) -> str:
        return "the last lines"


class FakeSite:
    """The place of the faults: its playbook has runs that were thought out, its API a cluster at the target."""

    def __init__(self, *runs: tuple[list[Event], int]) -> None:
        self._runs = [FakeRun(number, *run) for number, run in enumerate(runs, 1)]
        self.playbook = self.kube = self
        self.done: list[str] = []

    def start(self) -> FakeRun:
        return self._runs.pop(0)

    def patient(self, _method: str, path: str, **_: Any) -> dict[str, Any]:
        ready = {"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"kubeletVersion": NEW}}
        return {"items": [{"metadata": {"name": "n"}, "spec": {}, "status": ready}] * (5 if "pods" in path else 1)}


def played(*runs: tuple[list[Event], int], says: str = "it broke") -> tuple[list[str], list[str], list[str]]:
    """What was done, what was wrong with the fault, and with all of it."""
    site = FakeSite(*runs)
    how = (lambda _site: site.done.append("struck"), lambda _site: site.done.append("lifted"))
    fault = faults.Fault("f", "something", 1, faults.Moment("Drain", "begin", "worker1", 0), how, faults.STOPS, says)
    outcomes, _seconds, wrong = faults.Faults(site, [fault], 1e12, NEW[1:]).go()  # type: ignore[arg-type]
    return site.done, [text for outcome in outcomes for text in outcome.wrong], wrong


BEGUN, BROKE = event("Drain"), replace(event("Drain", "end"), status="failed", message="Here it broke.")
WELL = ([event("Drain", "end")], 0)


def test_a_fault_that_stops_a_run_is_lifted_and_the_next_run_goes_on() -> None:
    assert played(([BEGUN, BROKE], 2), WELL) == (["struck", "lifted"], [], [])


def test_a_fault_that_nobody_speaks_of_or_that_stops_nothing_is_wrong() -> None:
    assert played(([BEGUN, BROKE], 2), WELL, says="no space")[1] == ["the message does not speak of it (/no space/)"]
    assert played(([BEGUN], 0), WELL)[1] == ["the run went through as if nothing had been"]
    before = replace(BROKE, at=-5.0)  # and ignored: what failed before the fault does not speak of it
    assert played(([before, BEGUN, replace(BROKE, message="Otherwise.")], 2), WELL)[1] != []


def test_a_run_that_fails_by_itself_is_told_and_does_not_end_the_scenario_at_once() -> None:
    done, _of_fault, wrong = played(([BROKE], 2), ([BEGUN, BROKE], 2), WELL)
    assert done == ["struck", "lifted"]
    assert [text.partition(":")[0] for text in wrong] == ["run 1 failed though nothing was broken"]
    done, _of_fault, wrong = played(([BROKE], 2), ([BROKE], 2))
    assert (done, len(wrong)) == ([], 4), "twice in a row it does, and the fault that no run came to is named"


def test_what_came_of_a_fault_is_told() -> None:
    good = faults.Outcome("api-away", "the API is away", "recovered", "", 130.0, "API", "yes")
    assert faults.table([good], 2, 300.0, [])[-1] == "all as it should be"
    bad = replace(good, wrong=["it did not"])
    assert "  WRONG: it did not" in faults.table([bad], 2, 300.0, [])


# ---- ways, agent, command line


def test_faults_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["faults", "--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(faults.FAULTS)
