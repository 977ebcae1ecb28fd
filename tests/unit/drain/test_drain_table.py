# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of tools: its cases are whole, and it says what was seen."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("yaml")

from drain import cli, objects
from drain.cases import CASES, Case, Expected
from drain.objects import COLLECTIONS
from drain.telling import Outcome, failures, table, wrong
from drain.tools import K8S_DRAIN, KUBECTL, NODE_DRAIN, TOOLS, Said
from scenario.world import ScenarioError

from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_order import parse_order


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_cases_are_whole(case: Case) -> None:
    objects = case.objects("image")
    json.dumps(objects)
    assert all(thing["kind"] in COLLECTIONS for thing in objects)
    assert any(thing["kind"] != "PodDisruptionBudget" for thing in objects)
    assert case.ours.ok or case.ours.words
    parse_order(case.node_drain.get("order"), case.timeout)


@pytest.mark.parametrize(
    ("spec", "ready", "phase", "is_settled"),
    [
        (objects.spec("i"), True, "Running", True),
        (objects.spec("i"), True, "Pending", False),
        (objects.spec("i", ready=False), False, "Running", True),
        (objects.spec("i", runs=25), True, "Running", True),
        (objects.spec("i", runs=25), True, "Succeeded", False),  # too late: it was to be waited for
        (objects.spec("i", runs=0), True, "Succeeded", True),
        (objects.spec("i", runs=0), True, "Running", False),
    ],
)
def test_a_pod_is_as_the_case_wants_it(spec: objects.Object, ready: bool, phase: str, is_settled: bool) -> None:
    conditions = [{"type": "Ready", "status": str(ready and phase == "Running")}]
    pod = {"spec": spec, "status": {"phase": phase, "conditions": conditions}}
    assert cli._settled(pod, ready) is is_settled


class FakeStage:
    """A stage on which the first tool's pods do not come up, without a cluster."""

    world = None

    def play(self, case: Case, drain: Any) -> Outcome:
        if drain.func is TOOLS[KUBECTL]:
            raise ScenarioError("Waited 180 s for the pods, in vain.")
        return outcome(True)


def test_a_case_that_cannot_be_played_costs_itself_and_none_is_begun_late(tmp_path: Path) -> None:
    cases = {case.name: case for case in CASES[:2]}
    results: dict[str, dict[str, Outcome]] = {}
    stage: Any = FakeStage()
    troubles = cli.play_all(stage, cases, TOOLS, tmp_path, time.monotonic() + 60, results)
    assert [text.partition(": could not be played")[0] for text in troubles] == [f"{n}: {KUBECTL}" for n in cases]
    assert all(set(outcomes) == {K8S_DRAIN, NODE_DRAIN} for outcomes in results.values())
    assert len(results) == len(list(tmp_path.iterdir())) / 2 == 2
    results.clear()
    assert len(cli.play_all(stage, cases, TOOLS, tmp_path, time.monotonic() - 1, results)) == 2
    assert results == {}


def test_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def outcome(ok: bool, left: int = 0, completed: int = 0, cordoned: bool = True, text: str = "") -> Outcome:
    return Outcome(Said(ok, 3.2, text), 2, left, completed, cordoned)


@pytest.mark.parametrize(
    ("seen", "cell"),
    [
        (outcome(True), "drained, 3 s"),
        (outcome(True, completed=1), "drained, 3 s; 1 completed"),
        (outcome(True, left=1), "reports success, 3 s; 1 of 2 pods left"),
        (outcome(False, left=2), "fails after 3 s; 2 of 2 pods left; stays cordoned"),
        (outcome(False, cordoned=False), "fails after 3 s; 0 of 2 pods left; schedulable again"),
    ],
)
def test_cells(seen: Outcome, cell: str) -> None:
    assert seen.cell == cell


def test_what_is_wrong_is_said() -> None:
    case = Case("c", lambda image: [], Expected(False, 1, words=("held by the", "a b")))
    assert wrong(case, outcome(False, 1, cordoned=False, text="held by\n   the, a  b")) == []
    texts = wrong(case, outcome(True, 0, 1))
    assert [text.split(".")[0] for text in texts] == [
        "c: it reports success",
        "c: 0 pods are left, not 1",
        "c: 1 pods have completed, not 0",
        "c: the node is cordoned afterwards",
        "c: it does not say «held by the»",
        "c: it does not say «a b»",
    ]
    results = {"c": {KUBECTL: outcome(True), NODE_DRAIN: outcome(True, 0, 1)}}
    assert failures({"c": case}, results) == texts


def test_the_table() -> None:
    results = {"a pod": {KUBECTL: outcome(True), NODE_DRAIN: outcome(False, 2)}}
    assert table(results).splitlines() == [
        f"| on the node | {KUBECTL} | {K8S_DRAIN} | {NODE_DRAIN} |",
        "|---|---|---|---|",
        "| a pod | drained, 3 s | not run | fails after 3 s; 2 of 2 pods left; stays cordoned |",
    ]
