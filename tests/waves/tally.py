# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was seen of two upgrades, and what a person reads of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

ONE, AUTO = "1", "auto"


@dataclass(frozen=True)
class Sample:
    """What a Node object said, at a time of this machine's monotonic clock."""

    at: float
    host: str
    cordoned: bool
    ready: bool
    kubelet: str  # v1.24.17


@dataclass(frozen=True)
class Outage:
    """One time that a node was out. None is what had not happened when the watch ended."""

    host: str
    begun: float  # it was cordoned
    uncordoned: float | None
    ended: float | None  # it was uncordoned, and Ready, and ran the new kubelet


@dataclass(frozen=True)
class Held:
    """A workload under its budget: fewest pods Ready at any time, and seconds with fewer than it wants."""

    wanted: int
    replicas: int
    least: int
    short: float


@dataclass(frozen=True)
class Side:
    """One cluster, and one way of upgrading its workers."""

    serial: str
    seconds: float  # of the playbook
    outages: list[Outage]  # of workers
    held: dict[str, Held]  # by budget
    blind: float  # seconds in which the API server did not answer the watcher

    @property
    def waves(self) -> list[list[str]]:
        """Workers whose cordons overlap, in order of time."""
        found: list[list[str]] = []
        until = 0.0
        for outage in sorted(self.outages, key=lambda each: each.begun):
            if not found or outage.begun >= until:
                found.append([])
            found[-1].append(outage.host)
            until = max(until, float("inf") if outage.uncordoned is None else outage.uncordoned)
        return found

    @property
    def at_once(self) -> int:
        """The most workers that were cordoned at any one time."""
        outages = self.outages
        return max((sum(_out(other, each.begun) for other in outages) for each in outages), default=0)

    @property
    def workers_seconds(self) -> float:
        """From the first worker's cordon until the last one is back."""
        ends = [outage.ended for outage in self.outages if outage.ended is not None]
        return max(ends) - min(outage.begun for outage in self.outages) if ends else 0.0

    @property
    def line(self) -> str:
        """For a person, where the other side has not been seen."""
        waves = "; ".join(" and ".join(wave) for wave in self.waves)
        return f"  serial {self.serial}: {self.seconds:.1f} s, workers {self.workers_seconds:.1f} s; waves: {waves}"

    @property
    def out(self) -> float:
        """Seconds out of service, all workers together."""
        return sum(outage.ended - outage.begun for outage in self.outages if outage.ended is not None)


def _out(outage: Outage, at: float) -> bool:
    return outage.begun <= at and (outage.uncordoned is None or at < outage.uncordoned)


def outages(samples: Iterable[Sample], version: str, hosts: Iterable[str]) -> list[Outage]:
    """The outages of these hosts in samples that are in order of time. `version`: of the new kubelet."""
    open_: dict[str, Outage] = {}
    found: list[Outage] = []
    wanted = set(hosts)
    for sample in (each for each in samples if each.host in wanted):
        outage = open_.get(sample.host)
        if sample.cordoned:
            if outage is not None and outage.uncordoned is not None:  # out once more before it was back
                found.append(open_.pop(sample.host))
            open_.setdefault(sample.host, Outage(sample.host, sample.at, None, None))
        elif outage is not None:
            uncordoned = sample.at if outage.uncordoned is None else outage.uncordoned
            open_[sample.host] = replace(outage, uncordoned=uncordoned)
            if sample.ready and sample.kubelet == version:
                found.append(replace(open_.pop(sample.host), ended=sample.at))
    return found + list(open_.values())


def held(ready: Sequence[tuple[float, int]], replicas: int, wanted: int, end: float) -> Held:
    """From samples (when, how many pods are Ready) in order of time, the last of which holds until `end`."""
    seen = [(at, number) for at, number in ready if at <= end]
    ends = [at for at, _number in seen[1:]] + [end]
    short = sum(until - at for (at, number), until in zip(seen, ends) if number < wanted)
    return Held(wanted, replicas, min((number for _at, number in seen), default=0), short)


def verdicts(sides: Mapping[str, Side], workers: Sequence[str]) -> list[tuple[bool, str]]:
    """What has to be so of both ways, by `serial`: (is it, what)."""
    found = []
    for side in sides.values():
        way = f"serial {side.serial}"
        once = sorted(outage.host for outage in side.outages if outage.ended is not None) == sorted(workers)
        found.append((once, f"{way}: each worker was out once, and came back Ready with the new kubelet"))
        for name, each in side.held.items():
            kept = f"{each.least} of {each.replicas} pods Ready at least, its budget wants {each.wanted}"
            found.append((each.least >= each.wanted and not each.short, f"{way}: {name} had {kept}"))
        moved = any(each.least < each.replicas for each in side.held.values())
        found.append((moved, f"{way}: the watcher saw pods go"))
    one, auto = sides[ONE], sides[AUTO]
    found.append((one.at_once == 1, f"serial 1: {one.at_once} worker out at any time"))
    found.append((auto.at_once > 1, f"serial auto: up to {auto.at_once} workers out at once"))
    fewer = f"{len(auto.waves)} waves in the place of {len(one.waves)}"
    return [*found, (len(auto.waves) < len(one.waves), f"serial auto: {fewer}")]


def table(sides: Mapping[str, Side]) -> list[str]:
    """Lines for a person: both ways side by side."""
    one, auto = sides[ONE], sides[AUTO]

    def row(name: str, a: float, b: float, ratio: bool = True, digits: int = 1) -> str:
        times = f"{b / a:6.2f}" if ratio and a else ""
        return f"  {name:<52} {a:>8.{digits}f} {b:>8.{digits}f} {times}".rstrip()

    lines = [f"  {'':52} {'serial 1':>8} {'auto':>8}  ratio"]
    lines.append(row("the playbook, s", one.seconds, auto.seconds))
    lines.append(row("workers: first cordon to last one back, s", one.workers_seconds, auto.workers_seconds))
    lines.append(row("workers out of service, all together, s", one.out, auto.out))
    lines.append(row("waves", len(one.waves), len(auto.waves), digits=0))
    lines.append(row("workers at once", one.at_once, auto.at_once, ratio=False, digits=0))
    for name in one.held:
        lines.append(row(f"{name}: below its budget, s", one.held[name].short, auto.held[name].short, ratio=False))
    lines.append(row("nothing could be seen (the API was away), s", one.blind, auto.blind, ratio=False))
    for side in (one, auto):
        waves = "; ".join(" and ".join(wave) for wave in side.waves)
        lines.append(f"  serial {side.serial}: {waves}")
    return lines
