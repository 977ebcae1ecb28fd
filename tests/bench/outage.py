# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a node was out of service, or a workload short of pods, worked out from what the API said at which time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """What a Node object said, at a time of this machine's monotonic clock."""

    at: float
    node: str
    cordoned: bool
    ready: bool
    kubelet: str  # v1.24.17


@dataclass(frozen=True)
class Outage:
    """One time that a node was out. All in seconds of the monotonic clock; None where the watch ended before."""

    node: str
    cordoned: float
    uncordoned: float | None
    back: float | None  # uncordoned, Ready, and its kubelet has reported the new version

    @property
    def seconds(self) -> float | None:
        return None if self.uncordoned is None else self.uncordoned - self.cordoned

    @property
    def seconds_until_back(self) -> float | None:
        return None if self.back is None else self.back - self.cordoned


def outages(samples: Iterable[Sample], node: str) -> list[Outage]:
    """The outages of one node in samples that are in order of time."""
    found: list[Outage] = []
    cordoned = uncordoned = back = None
    kubelet = ""
    for sample in (sample for sample in samples if sample.node == node):
        if sample.cordoned and (cordoned is None or uncordoned is not None):
            if cordoned is not None:
                found.append(Outage(node, cordoned, uncordoned, back))
            cordoned, uncordoned, back, kubelet = sample.at, None, None, sample.kubelet
        elif cordoned is not None and not sample.cordoned:
            uncordoned = sample.at if uncordoned is None else uncordoned
            if back is None and sample.ready and sample.kubelet != kubelet:
                back = sample.at
    if cordoned is not None:
        found.append(Outage(node, cordoned, uncordoned, back))
    return found


def seconds_short(samples: Iterable[tuple[float, int]], wanted: int, end: float) -> float:
    """Seconds in all with fewer than `wanted` pods Ready; samples are (at, how many are), in order of time."""
    short, last, ready = 0.0, None, wanted
    for at, now in [*samples, (end, 0)]:
        if last is not None and ready < wanted:
            short += at - last
        last, ready = at, now
    return short
