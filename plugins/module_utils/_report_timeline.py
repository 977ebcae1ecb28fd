# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is worked on when, as lanes of bars: what the timeline of a report draws. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._report import read_time

MOST_LANES = 24  # nodes with a lane of their own; in larger clusters workers share one
MOST_CONTROL_PLANES = 9  # the same for control planes of a large cluster
MOST_BARS = 60  # bars in a lane that several nodes share; beyond it, one a stage

CONTROL_PLANE_KINDS = ("etcd", "control_plane", "control_plane_kubelet")


@dataclass(frozen=True)
class Bar:
    """A time in which nodes are worked on. Seconds count from the beginning of the run."""

    nodes: tuple[str, ...]
    kind: str
    hop: int
    start: float
    end: float
    failed: bool = False
    running: bool = False


@dataclass
class Lane:
    """One node, or several that share a lane."""

    name: str
    nodes: int = 1
    planned: list[Bar] = field(default_factory=list)
    done: list[Bar] = field(default_factory=list)


@dataclass(frozen=True)
class Timeline:
    """Lanes over `seconds`; `hops` are the versions and when each is planned to begin."""

    seconds: float
    hops: list[tuple[str, float]]
    lanes: list[Lane]


def timeline(document: Mapping[str, Any]) -> Timeline:
    """The timeline of a report's document; without lanes when there is nothing to do."""
    planned, hops = _planned(document)
    done = _done(document)
    owners = _lanes_of_nodes(document, [*planned, *done])
    lanes: dict[str, Lane] = {}
    for name in owners.values():
        lane = lanes.setdefault(name, Lane(name, 0))
        lane.nodes += 1
    for bars, which in ((planned, "planned"), (done, "done")):
        for lane_name, own in _by_lane(bars, owners).items():
            setattr(lanes[lane_name], which, own if lanes[lane_name].nodes == 1 else _merged(own))
    return Timeline(max((one.end for one in [*planned, *done]), default=0.0), hops, list(lanes.values()))


def _planned(document: Mapping[str, Any]) -> tuple[list[Bar], list[tuple[str, float]]]:
    """A bar a node and step, in the waves of the expected durations; and the beginnings of hops."""
    plan = document["plan"]
    seconds = {stage["id"]: stage for stage in document["durations"]["stages"]}
    versions = {hop["index"]: hop["version"] for hop in plan["hops"]}
    bars: list[Bar] = []
    hops: dict[str, float] = {}
    now = 0.0
    for stage in plan["stages"]:
        if stage["hop"] in versions:
            hops.setdefault(versions[stage["hop"]], now)
        first = 0
        for wave in seconds[stage["id"]]["waves"]:
            if stage["kind"] != "finish":  # of the cluster as a whole, not of a node
                nodes = stage["nodes"][first : first + wave["nodes"]]
                bars += [Bar((node,), stage["kind"], stage["hop"], now, now + wave["seconds"]) for node in nodes]
            first += wave["nodes"]
            now += wave["seconds"]
    return bars, list(hops.items())


def _done(document: Mapping[str, Any]) -> list[Bar]:
    steps = document["done"]["steps"]
    if not steps:
        return []
    zero = min(read_time(step["began"]) for step in steps)
    bars = []
    for step in steps:
        start = (read_time(step["began"]) - zero).total_seconds()
        end = (read_time(step["ended"] or document["generated"]) - zero).total_seconds()
        failed, running = step["outcome"] == "failed", step["outcome"] == "running"
        bars.append(Bar((step["node"],), step["kind"], step["hop"], start, max(start, end), failed, running))
    return bars


def _lanes_of_nodes(document: Mapping[str, Any], bars: Iterable[Bar]) -> dict[str, str]:
    """{node: name of its lane}, control planes first."""
    nodes = list(dict.fromkeys(one.nodes[0] for one in bars))
    control = {
        node for stage in document["plan"]["stages"] if stage["kind"] in CONTROL_PLANE_KINDS for node in stage["nodes"]
    }
    control_planes = [node for node in nodes if node in control]
    workers = [node for node in nodes if node not in control]
    if len(nodes) <= MOST_LANES:
        return {node: node for node in control_planes + workers}
    shared = f"{len(control_planes)} control planes"
    lanes = {node: node if len(control_planes) <= MOST_CONTROL_PLANES else shared for node in control_planes}
    return {**lanes, **dict.fromkeys(workers, f"{len(workers)} workers" if len(workers) != 1 else workers[0])}


def _by_lane(bars: Iterable[Bar], owners: Mapping[str, str]) -> dict[str, list[Bar]]:
    lanes: dict[str, list[Bar]] = {}
    for one in bars:
        lanes.setdefault(owners[one.nodes[0]], []).append(one)
    return lanes


def _merged(bars: list[Bar]) -> list[Bar]:
    """Bars of several nodes: one a wave, or one a stage where waves are too many to be told apart."""
    waves = _merge(bars, lambda one: (one.hop, one.kind, one.start))
    return waves if len(waves) <= MOST_BARS else _merge(bars, lambda one: (one.hop, one.kind))


def _merge(bars: list[Bar], key: Any) -> list[Bar]:
    groups: dict[Any, list[Bar]] = {}
    for one in bars:
        groups.setdefault(key(one), []).append(one)
    return [
        Bar(
            tuple(node for one in group for node in one.nodes),
            group[0].kind,
            group[0].hop,
            min(one.start for one in group),
            max(one.end for one in group),
            any(one.failed for one in group),
            any(one.running for one in group),
        )
        for group in groups.values()
    ]
