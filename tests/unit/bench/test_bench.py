# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmarks make of what they saw: a figure that is wrong here would praise the wrong thing."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

OLD, NEW = "v1.24.17", "v1.25.4"


def outages(*samples: tuple[float, str, bool, bool, str]) -> list[tuple[Any, ...]]:
    """Outages of worker1 as (cordoned, uncordoned, back); samples are (at, node, cordoned, ready, kubelet)."""
    outage = importlib.import_module("outage")
    found = outage.outages([outage.Sample(*sample) for sample in samples], "worker1")
    return [(entry.cordoned, entry.uncordoned, entry.back) for entry in found]


def test_a_node_that_is_ready_when_uncordoned_is_back_at_once() -> None:
    assert outages(
        (0, "worker1", False, True, OLD), (1, "worker1", True, True, OLD), (2, "worker2", False, True, OLD),
        (3, "worker1", True, False, NEW), (4, "worker1", True, True, NEW), (5, "worker1", False, True, NEW),
    ) == [(1, 5, 5)]  # fmt: skip


def test_a_node_uncordoned_early_is_back_when_its_new_kubelet_is_ready() -> None:
    assert outages(
        (1, "worker1", True, True, OLD), (2, "worker1", False, True, OLD), (3, "worker1", False, False, NEW),
        (4, "worker1", False, True, NEW), (5, "worker1", False, True, NEW),
    ) == [(1, 2, 4)]  # fmt: skip


def test_every_drain_is_an_outage_and_one_that_goes_on_has_no_end() -> None:
    assert outages(
        (1, "worker1", True, True, OLD), (2, "worker1", False, True, NEW), (3, "worker1", True, True, NEW),
    ) == [(1, 2, 2), (3, None, None)]  # fmt: skip


def test_a_workload_is_short_until_it_has_its_pods_again() -> None:
    outage = importlib.import_module("outage")
    samples = [(0, 1), (1, 3), (2, 3), (5, 2), (6, 0), (8, 3), (9, 2)]
    assert outage.seconds_short(samples, 3, 10) == 1 + 3 + 1
    assert outage.seconds_short([], 3, 10) == 0


def entry(**fields: Any) -> dict[str, Any]:
    common = {"hop": 0, "play": "p", "host": "worker1", "task": "Drain", "action": "a", "status": "ok"}
    return {**common, "begun": 0.0, "ended": 1.0, **fields}


def event(**fields: Any) -> dict[str, Any]:
    common = {"at": 0.0, "clock": 0.0, "kind": "end", "seconds": 0.0, "hop": 0, "play": "p", "host": "worker1"}
    return {**common, "task": "Drain", "action": "a", "status": "ok", **fields}


def test_tasks_are_counted_by_hop_and_skipped_ones_apart(tmp_path: Path) -> None:
    tasklog = importlib.import_module("tasklog")
    log = tmp_path / "tasks.jsonl"
    lines = [
        event(hop=None),
        event(kind="begin", status=""),
        event(clock=7.5, seconds=2.5),
        event(status="failed"),
        event(status="skipped"),
        event(hop=1),
        event(host="cp1"),
    ]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert [(one.begun, one.ended) for one in tasklog.read(log) if one.ended] == [(5.0, 7.5)]
    assert tasklog.tasks_per_hop(tasklog.read(log), "worker1") == {0: (2, 1), 1: (1, 0)}


def test_profile_and_time_between_tasks() -> None:
    tasklog = importlib.import_module("tasklog")
    entries = [tasklog.Entry(**entry(begun=begun, ended=ended)) for begun, ended in ((0, 2), (1, 3), (5, 6))]
    (profile,) = tasklog.profiles(entries).values()
    assert (profile.count, profile.seconds, profile.longest) == (3, 5, 2)
    assert tasklog.between_tasks(entries) == 2
