# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of an uptime run, and what a person reads of them. Pure."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from scenario.events import Event, under_way

LEAST_REQUESTS = 10_000
_BURST = 2.0  # seconds without a failure that end a burst of them
_BURSTS = 20  # bursts that are told
_GATES = ("include_role", "set_fact", "assert", "import_tasks")  # under way for no time


@dataclass(frozen=True)
class Failure:
    """A request that failed. `at` is the time of day at which it was sent, in seconds; `entry` the node asked."""

    at: float
    entry: str
    error: str
    seconds: float  # until it failed


@dataclass(frozen=True)
class NodeChange:
    """What a Node object said from a time of day on."""

    at: float
    node: str
    cordoned: bool
    ready: bool


@dataclass
class Figures:
    """All that an uptime run found."""

    shape: str
    path: str  # 1.24.17 to 1.26.9
    seconds: float = 0.0  # of the upgrade
    returncode: int = 0
    entries: list[str] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)  # seconds of each
    failures: list[Failure] = field(default_factory=list)
    api: ApiFigures | None = None  # None where the API is not expected to stay up

    def verdicts(self) -> list[str]:
        """What does not hold; empty is good."""
        found = [f"the upgrade ended with {self.returncode}"] if self.returncode else []
        if self.failures:
            found.append(f"{len(self.failures)} requests to the service failed")
        if len(self.answered) < LEAST_REQUESTS:
            found.append(f"only {len(self.answered)} requests were answered, fewer than {LEAST_REQUESTS}")
        if self.api is not None and self.api.lost:
            found.append(f"{len(self.api.lost)} acknowledged writes are lost: {', '.join(self.api.lost[:5])}")
        return found


@dataclass
class ApiFigures:
    """Requests to the Kubernetes API through the load balancer."""

    requests: int
    acknowledged: int
    lost: list[str]
    failures: list[Failure]


@dataclass(frozen=True)
class Burst:
    """Failures close to one another."""

    failures: tuple[Failure, ...]

    @property
    def at(self) -> float:
        return self.failures[0].at

    @property
    def seconds(self) -> float:
        return max(failure.at + failure.seconds for failure in self.failures) - self.at


def bursts(failures: Iterable[Failure]) -> list[Burst]:
    found: list[list[Failure]] = []
    for failure in sorted(failures, key=lambda f: f.at):
        if found and failure.at - found[-1][-1].at <= _BURST:
            found[-1].append(failure)
        else:
            found.append([failure])
    return [Burst(tuple(each)) for each in found]


def doing(events: Sequence[Event], at: float) -> str:
    """What the run was at: tasks under way, with their hosts; between two, the last that ended."""
    running = [e for e in under_way(events, at) if not e.action.endswith(_GATES)]
    if running:
        hop = f"hop {running[0].hop + 1}, " if running[0].hop is not None else ""
        return hop + "; ".join(dict.fromkeys(f"{event.host}: {event.task}" for event in running))
    ended = [event for event in events if event.kind == "end" and event.at <= at]
    return f"after {ended[-1].where}" if ended else "before the run"


def nodes_at(changes: Iterable[NodeChange], at: float) -> str:
    """Nodes that were out of service then."""
    last = {change.node: change for change in changes if change.at <= at}
    out = []
    for name, change in sorted(last.items()):
        words = (["cordoned"] if change.cordoned else []) + ([] if change.ready else ["not Ready"])
        out += [f"{name} {' and '.join(words)}"] if words else []
    return ", ".join(out) or "all nodes in service"


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def told(failures: Sequence[Failure], events: Sequence[Event], changes: Sequence[NodeChange]) -> list[str]:
    """A few lines a burst: when, how many, through which nodes, how; what the run was at; which nodes were out."""
    lines = []
    found = bursts(failures)
    for burst in found[:_BURSTS]:
        clock = time.strftime("%H:%M:%S", time.localtime(burst.at)) + f".{int(burst.at % 1 * 10)}"
        lines.append(f"  {clock}  {len(burst.failures)} failed within {burst.seconds:.1f} s")
        lines.append(f"    through  {_counts(f.entry for f in burst.failures)}")
        lines.append(f"    how      {_counts(f.error for f in burst.failures)}")
        lines.append(f"    the run  {doing(events, burst.at)}")
        lines.append(f"    nodes    {nodes_at(changes, burst.at)}")
    if len(found) > _BURSTS:
        lines.append(f"  and {len(found) - _BURSTS} more such times")
    return lines


def _counts(words: Iterable[str]) -> str:
    return ", ".join(f"{word} ({count})" for word, count in Counter(words).most_common(4))


def table(figures: Figures, events: Sequence[Event], changes: Sequence[NodeChange]) -> list[str]:
    """Lines for a person."""
    answered = figures.answered
    lines = [
        f"uptime: {figures.shape}, {figures.path} in {figures.seconds:.0f} s",
        f"service  {len(answered) + len(figures.failures):,} requests through {', '.join(figures.entries)}: "
        f"{len(figures.failures)} failed",
        f"         answers took {percentile(answered, 0.5) * 1000:.0f} ms (half of them), "
        f"{percentile(answered, 0.99) * 1000:.0f} ms (99%), {max(answered, default=0) * 1000:.0f} ms (slowest)",
        *told(figures.failures, events, changes),
    ]
    if figures.api is not None:
        api = figures.api
        lines += [
            f"API      {api.requests:,} writes through the load balancer: {len(api.failures)} failed, "
            f"{api.acknowledged:,} objects acknowledged, {len(api.lost)} of them lost",
            *told(api.failures, events, changes),
        ]
    verdicts = figures.verdicts()
    return [*lines, *(f"WRONG: {text}" for text in verdicts)] if verdicts else [*lines, "all as it should be"]
