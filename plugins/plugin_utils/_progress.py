# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far an upgrade is, and how long what is left will take. Pure: no I/O, no clock; `now` is seconds since the epoch.

It is told what happens by the callback `progress`, and answers with the events that a person or a program may want.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_play import plan_play
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_stages import KINDS

# The plays of playbooks/stages/hop.yml, by the stages that each serves.
PLAYS = (("uncordon", "prepare", "kubectl"), ("etcd",), ("control_plane",), ("control_plane_kubelet", "workers"))
# The stages in which nodes of a kind have their steps.
STEPS_OF = {"control_planes": ("etcd", "control_plane", "control_plane_kubelet"), "workers": ("workers",)}
REPEAT = 60.0  # seconds after which a drain that has not moved is told of again
LONG = 10.0  # seconds that a budget held a drain, from which on that is worth a line

Data = dict[str, Any]
Part = tuple[int, str]  # a stage: index of its hop, and its kind


@dataclass(frozen=True)
class Event:
    """`data` is what docs/progress.md documents for the type; `told`: whether it is worth a line on the screen."""

    type: str
    data: Data
    told: bool = True


@dataclass
class Wave:
    """Hosts that Ansible takes together. `began` is None until the first of them has begun."""

    part: Part
    hosts: tuple[str, ...]
    opened: float = 0.0
    began: float | None = None


@dataclass
class Count:
    """How far one stage is."""

    of: int
    begun: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)


class Progress:
    """The way of one run through one plan (the shape is that of the module upgrade_plan)."""

    def __init__(self, plan: Mapping[str, Any], check: bool = False) -> None:
        self.plan = plan
        self._check = check
        self._schedule = list(schedule(plan))
        self._counts = {(stage["hop"], stage["kind"]): Count(len(stage["hosts"])) for stage in plan["stages"]}
        self._steps: dict[str, Mapping[str, Any]] = {}  # by host, of the play that is at work
        self._wave: Wave | None = None
        self._at = -1  # index of the wave in the schedule
        self._took: dict[str, list[tuple[int, float]]] = {}  # kind of stage -> (nodes, seconds) of each wave
        self._began: float | None = None
        self._hop_began: tuple[int, float] | None = None
        self._node_began: dict[str, float] = {}
        self._drains: dict[str, tuple[float, object]] = {}  # by host: when the last line was, and what it was about
        self._failed: dict[str, str] = {}  # host -> node
        self._stopped = False
        self._reason = ""
        self._task = ("", "")  # the last one that failed, and its message

    # --- what the callback tells -------------------------------------------------------------------------------------

    def planned(self) -> list[Event]:
        return [Event("plan", self._outline(), told=False)]

    def begin(self, now: float) -> list[Event]:
        """The plan is going to be walked."""
        self._began = now
        return [Event("begin", self._outline(), told=bool(self.plan["changes"]))]

    def open_wave(self, hosts: Sequence[str], steps: Mapping[str, Mapping[str, Any]], now: float) -> list[Event]:
        """The next wave is about to be begun; what was measured of the one before is kept.

        :param steps: by host, those of the filter host_steps.
        """
        self._close_wave(now)
        events: list[Event] = []
        part = _part(hosts, steps)
        if self._hop_began and self._hop_began[0] != part[0]:
            events.append(self._hop_done(now, told=True))
        if not self._hop_began or self._hop_began[0] != part[0]:
            self._hop_began = (part[0], now)
        self._steps = dict(steps)
        self._wave = Wave(part, tuple(hosts), now)
        self._find(self._wave)
        return events

    def begin_node(self, host: str, now: float) -> list[Event]:
        """A host of the wave begins its step; with the first one the wave begins."""
        wave = self._wave
        if wave is None:
            return []
        self._node_began[host] = now
        if wave.began is not None:
            return []
        wave.began = now
        return [Event("wave", self._wave_data(wave))]

    def end_node(self, host: str, now: float) -> list[Event]:
        """A host has done its step."""
        step = self._steps.get(host)
        if self._wave is None or step is None:
            return []
        for kind in step["kinds"]:
            count = self._counts.get((step["hop"], kind))
            if count:
                count.done.add(host)
        count = self._counts.get(self._wave.part, Count(0))
        seconds = round(now - self._node_began.pop(host, now), 1)
        data = {**self._where(), "node": step["node"], "seconds": seconds, "done": len(count.done), "of": count.of}
        return [Event("node", data, told=False)]

    def drain(self, host: str, result: Mapping[str, Any], now: float) -> list[Event]:
        """What node_drain returned: of a slice after which pods are left, or of the whole drain."""
        data: Data = {**self._where(), "node": self._node(host), "seconds": result["seconds"]}
        if not result["drained"]:
            left = [dict(row) for row in result["progress"]["left"]]
            about = (len(left), frozenset(row["budget"] for row in left if row["state"] == "held"))
            at, last = self._drains.get(host, (0.0, None))
            told = about != last or now - at >= REPEAT
            if told:
                self._drains[host] = (now, about)
            return [Event("drain", {**data, "left": left}, told)]
        waited = [dict(row) for row in result["waited"]]
        told = self._drains.pop(host, None) is not None or any(row["seconds"] >= LONG for row in waited)
        return [Event("drained", {**data, "evicted": len(result["evicted"]), "waited": waited}, told)]

    def fail(self, host: str, task: str, message: str, unreachable: bool = False) -> list[Event]:
        """A node failed, or was lost. Told once a node."""
        if self._wave is None or host not in self._wave.hosts or host in self._failed:
            return []
        self._failed[host] = node = self._node(host)
        data = {**self._where(), "node": node, "task": task, "message": message, "unreachable": unreachable}
        return [Event("failed", data)]

    def stop(self, reason: str = "") -> None:
        """The run is going to end here, between two nodes, and not because of a node: as someone asked, or a gate."""
        self._stopped, self._reason = True, self._reason or reason

    def fail_task(self, task: str, message: str) -> None:
        """A task failed: of a node, or of the run as a whole. The last one is what ended the run, if it ended so."""
        self._task = (task, message)

    def end(self, failed: Collection[str], unreachable: Collection[str], now: float) -> list[Event]:
        """The run is over.

        :param failed: hosts with a failed task that nothing rescued.
        :param unreachable: hosts that were lost; one that is no part of the plan is no failure of the run.
        """
        self._close_wave(now)
        planned = {host for stage in self.plan["stages"] for host in stage["hosts"]}
        bad = bool(failed) or bool(planned & set(unreachable))
        task, message = self._task if bad else ("", "")
        began = now if self._began is None else self._began
        counts = self._counts.values()
        data = {
            "outcome": self._outcome(bad),
            "seconds": round(now - began, 1),
            "target": self.plan["target"],
            "steps": sum(count.of for part, count in self._counts.items() if part[1] != "finish"),
            "steps_done": sum(len(count.done) for count in counts),
            "failed": sorted(self._failed.values()),
            "reason": self._reason,
            "task": task,
            "message": message,
            "at": self._place(),
        }
        events = [self._hop_done(now, told=False)] if data["outcome"] == "succeeded" and self._hop_began else []
        told = data["outcome"] in ("succeeded", "failed", "stopped") and self._began is not None
        return [*events, Event("end", data, told)]

    # --- what is known -----------------------------------------------------------------------------------------------

    def _outcome(self, bad: bool) -> str:
        if bad:
            return "stopped" if self._stopped and not self._failed else "failed"
        if not self.plan["changes"]:
            return "unchanged"
        return "succeeded" if self._began is not None else "planned"

    def _outline(self) -> Data:
        kinds = {
            kind: {host for stage in self.plan["stages"] if stage["kind"] in of for host in stage["hosts"]}
            for kind, of in STEPS_OF.items()
        }
        return {
            "target": self.plan["target"],
            "hops": [entry["version"] for entry in self.plan["hops"]],
            **{kind: len(hosts) for kind, hosts in kinds.items()},
            "drains": sum(self.plan["drains"].values()),
            "check": self._check,
        }

    def _where(self) -> Data:
        """Hop (from 1), number of hops, version and stage of the wave."""
        if self._wave is None:
            return {"hop": 0, "hops": len(self.plan["hops"]), "version": "", "stage": ""}
        hop, kind = self._wave.part
        step = self._steps[self._wave.hosts[0]]
        return {"hop": hop + 1, "hops": len(self.plan["hops"]), "version": step["version"], "stage": kind}

    def _place(self) -> Data | None:
        """The stage that the run is at, and how many of its nodes are done and not begun; None before the first one."""
        if self._wave is None:
            return None
        count = self._counts.get(self._wave.part, Count(0))
        return {**self._where(), "done": len(count.done), "of": count.of, "not_begun": count.of - len(count.begun)}

    def _node(self, host: str) -> str:
        return str(self._steps[host]["node"]) if host in self._steps else host

    def _wave_data(self, wave: Wave) -> Data:
        count = self._counts.get(wave.part, Count(len(wave.hosts)))
        before = len(count.begun)
        for host in wave.hosts:
            for kind in self._steps[host]["kinds"]:
                self._counts.get((wave.part[0], kind), Count(0)).begun.add(host)
        took = self._took.get(wave.part[1], [])
        seconds = median(seconds for _nodes, seconds in took) if took else None
        return {
            **self._where(),
            "first": before + 1,
            "last": before + len(wave.hosts),
            "of": count.of,
            "nodes": [self._node(host) for host in wave.hosts],
            "canary": any((self._steps[host].get("wave") or {}).get("canary") for host in wave.hosts),
            "wave_seconds": _rounded(seconds),
            "wave_nodes": max((nodes for nodes, _seconds in took), default=0),
            "stage_left_seconds": _rounded(self._left(wave.part)),
            "left_seconds": _rounded(self._left()),
        }

    def _left(self, part: Part | None = None) -> float | None:
        """Seconds from the present wave to the end of the stage, or of the run; None when some was never measured.

        The median of what waves of the kind took, from one to the next, all that happens between them included.
        """
        if self._at < 0:
            return None
        ahead = [wave for wave in self._schedule[self._at :] if part is None or wave.part == part]
        if any(wave.part[1] not in self._took for wave in ahead):
            return None
        return sum(median(seconds for _nodes, seconds in self._took[wave.part[1]]) for wave in ahead)

    def _close_wave(self, now: float) -> None:
        wave = self._wave
        if wave and wave.began is not None and not self._failed:
            self._took.setdefault(wave.part[1], []).append((len(wave.hosts), now - wave.opened))
            wave.began = None

    def _find(self, wave: Wave) -> None:
        """Where the wave is in the schedule; nowhere when the run takes other ways than the plan."""
        for index in range(self._at + 1, len(self._schedule)):
            planned = self._schedule[index]
            if planned.part == wave.part and set(planned.hosts) & set(wave.hosts):
                self._at = index
                return
        self._schedule, self._at = [], -1

    def _hop_done(self, now: float, told: bool) -> Event:
        hop, began = self._hop_began or (0, now)
        hops = self.plan["hops"]
        version = hops[hop]["version"] if hop < len(hops) else ""
        data = {"hop": hop + 1, "hops": len(hops), "version": version, "seconds": round(now - began, 1)}
        return Event("hop", data, told and bool(hops))


def schedule(plan: Mapping[str, Any]) -> Iterator[Wave]:
    """The waves of a plan in their order, as the playbook takes them."""
    for hop in sorted({stage["hop"] for stage in plan["stages"]}):
        for kinds in PLAYS:
            play = plan_play(plan, hop, kinds)
            hosts = play["hosts"]
            for size in play["serial"]:
                if hosts:
                    yield Wave((hop, _last_kind(k for host in hosts[:size] for k in play["kinds"][host])), hosts[:size])
                hosts = hosts[size:]


def _part(hosts: Sequence[str], steps: Mapping[str, Mapping[str, Any]]) -> Part:
    return int(steps[hosts[0]]["hop"]), _last_kind(kind for host in hosts for kind in steps[host]["kinds"])


def _last_kind(kinds: Iterator[str]) -> str:
    """Hosts may have steps of several stages in one play; the wave is told of as the last of them."""
    return max(kinds, key=KINDS.index)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
