# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _durations
from ansible_collections.uplift.kubeadm.tests.unit.plugins.module_utils.fake_cluster import FakeCluster
from ansible_collections.uplift.kubeadm.tests.unit.plugins.module_utils.report_samples import plan_of

D = _durations.DEFAULTS


def seconds_of(expected: dict[str, Any], stage: str) -> float:
    return next(entry["seconds"] for entry in expected["stages"] if entry["id"] == stage)


def test_defaults_node_by_node() -> None:
    plan = plan_of(FakeCluster.whole("v1.24.17", 3, 2), "1.25")
    expected = _durations.expected(plan)
    assert expected["from"] == "defaults"
    assert seconds_of(expected, "1.25/control_plane") == D["control_plane_apply"] + 2 * D["control_plane_node"]
    assert seconds_of(expected, "1.25/control_plane_kubelet") == 3 * D["control_plane_kubelet"]
    assert seconds_of(expected, "1.25/workers") == 2 * D["workers"]
    assert seconds_of(expected, "1.25/prepare") == D["prepare"]
    assert expected["seconds"] == sum(entry["seconds"] for entry in expected["stages"])


def test_waves_and_forks() -> None:
    plan = plan_of(FakeCluster.whole("v1.24.17", 1, 20), "1.25", serial=["1", "50%"])
    slow, fast = _durations.expected(plan, forks=5), _durations.expected(plan, forks=50)
    waves = next(entry["waves"] for entry in fast["stages"] if entry["id"] == "1.25/workers")
    assert waves == [{"nodes": size, "seconds": D["workers"]} for size in (1, 10, 9)]
    assert seconds_of(slow, "1.25/workers") == (1 + 2 + 2) * D["workers"]
    assert seconds_of(slow, "1.25/prepare") == 5 * D["prepare"]
    assert seconds_of(fast, "1.25/prepare") == D["prepare"]
    assert [entry["seconds"] / D["workers"] for entry in slow["unavailable"][1:]] == [1] + [2] * 19


def test_nodes_that_are_drained() -> None:
    plan = plan_of(FakeCluster.whole("v1.24.17"), "1.26")
    unavailable = _durations.expected(plan)["unavailable"]
    assert unavailable == [
        {"node": "cp1", "seconds": D["control_plane_kubelet"], "times": 2},
        {"node": "w1", "seconds": D["workers"], "times": 2},
        {"node": "w2", "seconds": D["workers"], "times": 2},
    ]


def test_a_plan_without_changes() -> None:
    plan = plan_of(FakeCluster.whole("v1.26.9"))
    assert _durations.expected(plan) == {
        "seconds": 0,
        "forks": 5,
        "from": "defaults",
        "stages": [],
        "unavailable": [],
    }
    assert _durations.duration_lines(_durations.expected(plan)) == []


def step(kind: str, seconds: float | None, outcome: str = "succeeded", node: str = "w1", **more: str) -> dict[str, Any]:
    return {"stage": f"1.25/{kind}", "kind": kind, "node": node, "seconds": seconds, "outcome": outcome, **more}


def learnt(note: str | None, *steps: dict[str, Any], plan: Any = None, forks: int = 5) -> str:
    plan = plan or plan_of(FakeCluster.whole("v1.24.17"), "1.25")
    return _durations.add_to_note(note, steps, plan, _durations.expected(plan, forks=forks))


def test_earlier_runs_speak_first() -> None:
    plan = plan_of(FakeCluster.whole("v1.24.17"), "1.25")
    note = learnt(None, *(step("workers", seconds) for seconds in (10, 20, 300)))
    expected = _durations.expected(plan, note)
    assert seconds_of(expected, "1.25/workers") == 2 * 20
    assert expected["from"] == "earlier runs and defaults"
    more = [step("prepare", 5), step("control_plane", 7, action="apply"), step("control_plane_kubelet", 8)]
    expected = _durations.expected(plan, learnt(note, *more))
    assert expected["from"] == "earlier runs"
    assert seconds_of(expected, "1.25/control_plane") == 7


def test_only_what_succeeded_is_learnt_and_the_newest_is_kept() -> None:
    note = learnt(None, step("workers", 1, "failed"), step("workers", None, "running"))
    assert json.loads(note) == {"steps": {}}
    for number in range(30):
        note = learnt(note, step("workers", number), step("control_plane", 3, action="node"))
    assert _durations.read_note(note)["workers"] == list(range(10, 30))
    assert _durations.read_note(note)["control_plane_node"] == [3] * 20


def test_a_run_foretells_its_like() -> None:
    """Hosts of a wave that is larger than forks end together; the next plan must not count the rounds twice."""
    plan = plan_of(FakeCluster.whole("v1.24.17", 1, 20), "1.25", serial="100%")
    took = [step("prepare", 300, node=f"w{number}") for number in range(1, 21)]
    took += [step("workers", 400, node=f"w{number}") for number in range(1, 21)]
    expected = _durations.expected(plan, learnt(None, *took, plan=plan), forks=5)
    assert seconds_of(expected, "1.25/prepare") == 300
    assert seconds_of(expected, "1.25/workers") == 400
    assert seconds_of(_durations.expected(plan, learnt(None, *took, plan=plan), forks=20), "1.25/workers") == 100


def test_a_step_that_is_in_no_plan_is_taken_as_it_is() -> None:
    note = learnt(None, {**step("kubectl", 9), "stage": "kubectl"})
    assert _durations.read_note(note) == {"kubectl": [9]}


@pytest.mark.parametrize(
    "note", [None, "", "{", "[]", "7", '{"steps": 3}', '{"steps": {"workers": "x"}}', '{"steps": {"workers": [{}]}}']
)
def test_a_damaged_note_is_none(note: str | None) -> None:
    assert _durations.read_note(note) == {}


def test_what_is_not_known_in_a_note_is_passed_over() -> None:
    assert _durations.read_note('{"steps": {"backup": [3], "workers": [4, -1]}}') == {"workers": [4]}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "less than 1 min"),
        (59, "less than 1 min"),
        (60, "about 1 min"),
        (740, "about 12 min"),
        (1500, "about 25 min"),
        (5340, "about 90 min"),
        (5400, "about 1 h 30 min"),
        (7200, "about 2 h"),
        (45000, "about 13 h"),
        (93600, "about 1 day 2 h"),
        (180000, "about 2 days 2 h"),
    ],
)
def test_about(seconds: float, said: str) -> None:
    assert _durations.about(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "0 s"),
        (45.2, "45 s"),
        (505, "8 min 25 s"),
        (120, "2 min"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (90000, "1 day 1 h"),
    ],
)
def test_exactly(seconds: float, said: str) -> None:
    assert _durations.exactly(seconds) == said


def test_lines_for_a_terminal() -> None:
    expected = _durations.expected(plan_of(FakeCluster.whole("v1.24.17", 3, 40), "1.26"))
    lines = _durations.duration_lines(expected)
    assert lines[0].startswith("Expected to take about ")
    assert "  - out of service for 2 x about 1 min: cp1, cp2 and cp3" in lines
    assert max(map(len, lines)) <= 100
    assert any("and 34 more" in line for line in lines)
