# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The events that callback_plugins/task_events.py writes while a playbook runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from .world import HOPS


@dataclass(frozen=True)
class Event:
    """A task begins or ends on a host.

    `at` is the time of day in seconds, `clock` that of a monotonic clock; `hop` is an index of HOPS, None before and
    after the hops.
    """

    at: float
    kind: str  # begin, end
    status: str  # at the end: ok, failed, unreachable, skipped
    play: str
    hop: int | None
    host: str
    task: str
    action: str
    evicted: int | None = None  # pods that a drain saw gone
    message: str = ""  # of a failure
    clock: float = 0.0
    seconds: float = 0.0  # at the end: since the begin

    @property
    def where(self) -> str:
        """For a person: hop, host and task."""
        return f"{'' if self.hop is None else f'hop {self.hop + 1}, '}{self.host}: {self.task}"


class EventLog:
    """Reads the file as it grows. A last line that is not whole yet is left for the next time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen: list[Event] = []
        self._offset = 0

    def new(self) -> list[Event]:
        """Events since the last call."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as stream:
            stream.seek(self._offset)
            data = stream.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        found = [_in_its_hop(Event(**json.loads(line))) for line in whole.splitlines()]
        self.seen += found
        return found


def _in_its_hop(event: Event) -> Event:
    """The event with its hop counted from where the scenario began: a run that goes on begins its own count anew."""
    version = re.match(r"Hop \d+ of \d+, v([\d.]+):", event.play)
    return replace(event, hop=HOPS.index(version[1])) if version else event


def under_way(events: Iterable[Event], at: float) -> list[Event]:
    """The begins of tasks that had begun and not ended at a time."""
    running: dict[tuple[str, str], Event] = {}
    for event in events:
        if event.at > at:
            break
        if event.kind == "begin":
            running[event.host, event.task] = event
        else:
            running.pop((event.host, event.task), None)
    return list(running.values())


def failures(events: Iterable[Event]) -> list[Event]:
    """Ends of tasks that failed or could not reach their host."""
    return [event for event in events if event.status in ("failed", "unreachable")]
