# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the log that the callback of the scenarios, scenario/callback_plugins/task_events.py, writes."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_PLUGINS = Path(__file__).resolve().parents[1] / "scenario/callback_plugins"


@dataclass(frozen=True)
class Entry:
    """One task on one host. `hop` is None in the plays before and after the hops; times are of a monotonic clock."""

    hop: int | None
    play: str
    host: str
    task: str
    action: str
    status: str  # ok, failed, unreachable, skipped
    begun: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.begun


@dataclass
class Profile:
    """All runs of one task."""

    count: int = 0
    seconds: float = 0.0
    longest: float = 0.0


def environment(log: Path) -> dict[str, str]:
    """What ansible-playbook's environment needs for the log to be written."""
    enabled = ",".join(filter(None, [os.environ.get("ANSIBLE_CALLBACKS_ENABLED", ""), "task_events"]))
    return {"ANSIBLE_CALLBACK_PLUGINS": str(_PLUGINS), "ANSIBLE_CALLBACKS_ENABLED": enabled, "TASK_EVENTS": str(log)}


def read(log: Path) -> list[Entry]:
    """What has ended, in that order."""
    return list(entries(log.read_text(encoding="utf-8").splitlines()))


def entries(lines: Iterable[str]) -> Iterator[Entry]:
    """The same, of lines of a log as they come."""
    for event in map(json.loads, lines):
        if event["kind"] == "end":
            yield Entry(
                hop=event["hop"], play=event["play"], host=event["host"], task=event["task"], action=event["action"],
                status=event["status"], begun=event["clock"] - event["seconds"], ended=event["clock"],
            )  # fmt: skip


def tasks_per_hop(found: Iterable[Entry], host: str) -> dict[int, tuple[int, int]]:
    """(tasks that ran, tasks that were skipped) on a host, by hop."""
    counts: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for entry in found:
        if entry.host == host and entry.hop is not None:
            counts[entry.hop][entry.status == "skipped"] += 1
    return {hop: (ran, skipped) for hop, (ran, skipped) in sorted(counts.items())}


def profiles(ended: Iterable[Entry]) -> dict[str, Profile]:
    """By name of the task, those that took longest in all first. Skipped ones are left out."""
    found: dict[str, Profile] = defaultdict(Profile)
    for entry in ended:
        if entry.status == "skipped":
            continue
        profile = found[entry.task]
        profile.count += 1
        profile.seconds += entry.seconds
        profile.longest = max(profile.longest, entry.seconds)
    return dict(sorted(found.items(), key=lambda item: -item[1].seconds))


def profile_table(found: Mapping[str, Profile], rows: int = 15) -> list[str]:
    """Lines for a person: seconds on average, how often, seconds in all."""
    lines = [f"{'mean s':>8} {'times':>5} {'longest':>8} {'all s':>8}  task"]
    for name, profile in list(found.items())[:rows]:
        mean = profile.seconds / profile.count
        lines.append(f"{mean:8.2f} {profile.count:5} {profile.longest:8.2f} {profile.seconds:8.1f}  {name}")
    return lines


def between_tasks(entries: Iterable[Entry]) -> float:
    """Seconds from the first task to the last in which none ran: Ansible itself, between tasks."""
    spans = sorted((entry.begun, entry.ended) for entry in entries)
    idle, end = 0.0, spans[0][0] if spans else 0.0
    for begun, ended in spans:
        idle += max(0.0, begun - end)
        end = max(end, ended)
    return idle
