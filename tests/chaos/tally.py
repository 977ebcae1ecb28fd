# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of a chaos run, and the tables that a person reads. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from scenario.events import Event

from .schedule import LEAST_KILLS, WAYS
from .steps import BY_ID, STEPS

DRAIN = "Drain"


@dataclass(frozen=True)
class Done:
    """A kill that was done. Seconds count from the begin of the run that was killed."""

    number: int
    step: str
    hop: int | None
    host: str
    way: str
    seconds: float
    kubeadm: bool = False
    seen: str = ""  # what the node or cluster looked like right after


@dataclass
class Figures:
    """All that a chaos run found."""

    seed: int
    shape: str  # 1 + 2, binary
    kills: list[Done] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)  # steps of kills that no run came to
    runs: int = 0
    seconds: float = 0.0
    errors: list[str] = field(default_factory=list)  # runs that ended in an error though nothing killed them
    drains: dict[tuple[str, int], int] = field(default_factory=dict)  # (host, hop) -> drains that evicted to the end
    cordons: dict[str, int] = field(default_factory=dict)  # host -> times that it became unschedulable
    wrong: list[str] = field(default_factory=list)  # at the end
    ansibles: int = 0  # paths that Ansible itself left
    hops: int = 2

    def verdicts(self) -> list[str]:
        """What does not hold; empty is good."""
        found = [*self.wrong, *(f"a run that nobody killed failed: {error}" for error in self.errors)]
        if len(self.kills) < LEAST_KILLS:
            found.append(f"only {len(self.kills)} kills, fewer than {LEAST_KILLS}")
        found += [
            f"{host} was drained {count} times in hop {hop + 1}"
            for (host, hop), count in sorted(self.drains.items())
            if count > 1
        ]
        killed = Counter(kill.host for kill in self.kills if BY_ID[kill.step].drain)
        found += [
            f"{host} was cordoned {count} times in {self.hops} hops, with {killed[host]} kills while it was out"
            for host, count in sorted(self.cordons.items())
            if count > self.hops + killed[host]
        ]
        return found


def finished_drains(events: Iterable[Event]) -> dict[tuple[str, int], int]:
    """(host, hop) -> drains that went to their end and evicted pods. One that was killed ends in the next."""
    found: Counter[tuple[str, int]] = Counter()
    for event in events:
        if event.task == DRAIN and event.kind == "end" and event.status == "ok" and event.hop is not None:
            found[event.host, event.hop] += bool(event.evicted)
    return {key: count for key, count in found.items() if count}


def cordon_count(changes: Sequence[bool]) -> int:
    """How often a node became unschedulable, from the values of spec.unschedulable as they were seen."""
    return sum(now and not before for before, now in zip(changes, changes[1:]))


def table(figures: Figures) -> list[str]:
    """Lines for a person: the steps and how often each was hit, then what the kills cost, then what does not hold."""
    lines = [f"chaos: {figures.shape}, seed {figures.seed}", ""]
    lines += _steps(figures.kills)
    ways = Counter(kill.way for kill in figures.kills)
    lines += ["", f"kills      {len(figures.kills)}: " + ", ".join(f"{way} {ways[way]}" for way in WAYS)]
    lines += [f"runs       {figures.runs} in {figures.seconds:.0f} s"]
    if figures.missed:
        lines += [f"missed     {', '.join(figures.missed)} (no run came to it where it was planned)"]
    lines += [f"cordons    {_counts(figures.cordons)} ({figures.hops} hops)"]
    drains = {f"{host} hop {hop + 1}": count for (host, hop), count in sorted(figures.drains.items())}
    lines += [f"drains     {_counts(drains)} (that evicted pods and were not killed)"]
    lines += [f"Ansible's  {figures.ansibles} files or folders of modules that were killed on the nodes"]
    verdicts = figures.verdicts()
    lines += ["", *(f"WRONG: {text}" for text in verdicts)] if verdicts else ["", "all as it should be"]
    return lines


def _steps(kills: Sequence[Done]) -> list[str]:
    lines = [f"{'killed while …':<72} {'hop 1':>5} {'hop 2':>5} {'all':>4}  ways"]
    for step in STEPS:
        hits = [kill for kill in kills if kill.step == step.id]
        per_hop = [sum(kill.hop == hop for kill in hits) for hop in (0, 1)]
        shown = [str(count) if step.per_hop else "" for count in per_hop]
        ways = ", ".join(f"{kill.way}{'+kubeadm' if kill.kubeadm else ''}" for kill in hits)
        lines.append(f"{step.what:<72} {shown[0]:>5} {shown[1]:>5} {len(hits):>4}  {ways}")
    return lines


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"
