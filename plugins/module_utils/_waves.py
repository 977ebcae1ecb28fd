# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which nodes may be out together. Pure: no I/O, no clock; the same facts give the same waves.

A wave is as large as its limits let it be: disruption budgets, room for its pods on the nodes that stay, groups and
zones, and a share of each workload that has no budget. Nodes whose limits need the most waves come first, so that no
wave passes without one of them (as longest-first scheduling; the least number of waves is a packing problem that
nobody solves exactly for hundreds of nodes). Pods of a wave are taken to where the forecast would have them, and the
next wave is chosen from there.
"""

from __future__ import annotations

import math
import typing as t
from collections import Counter
from dataclasses import dataclass, field

from ansible_collections.uplift.kubeadm.plugins.module_utils._placement_shapes import Facts
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import Version
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_rules import DEFAULT_ORDER, Group, Rules, share
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_yard import BUDGET, Key, Move, Yard

GROUP, PER_ZONE, WAVE = "group", "zone", "wave"
ZONE = "topology.kubernetes.io/zone"
GROWTH = 4  # after canaries, a wave is at most so many times as large as all that went before it
NO_ROOM, IN_THE_WAY, UNREAD = "no room", "in the way", "unread"


@dataclass
class Wave:
    """nodes: in order. held: what kept others out, by how many. moves: where the pods go, as the simulation has it.

    alone: why its only node goes by itself, when it does not fit beside any other: (NO_ROOM, pod), (IN_THE_WAY,
    budget), a workload without a budget, (UNREAD,); () otherwise.
    """

    nodes: list[str]
    canary: bool = False
    soak: int = 0
    groups: list[str] = field(default_factory=list)
    held: Counter[Key] = field(default_factory=Counter)
    moves: list[Move] = field(default_factory=list)
    alone: Key = ()


@dataclass
class Waves:
    """bound: waves that at least are needed, as pods lie now; by: the limit that needs so many, () when none does."""

    waves: list[Wave]
    bound: int
    by: Key
    limits: dict[Key, int]


def plan_waves(facts: Facts, nodes: t.Sequence[str], rules: Rules, api: Version) -> Waves:
    """Cut these nodes (names, in the order of the inventory) into waves. `api`: version of the API servers then."""
    return _Planner(facts, list(dict.fromkeys(nodes)), rules, api).plan()


def one_by_one(facts: Facts, nodes: t.Sequence[str], rules: Rules) -> Waves:
    """A wave for each node, where it could not be read what runs on them."""
    labels = {name: (facts["nodes"].get(name) or {}).get("labels") or {} for name in nodes}
    groups = {name: rules.of(name, labels[name]) for name in nodes}
    waves: list[Wave] = []
    for step in _by_order(list(dict.fromkeys(nodes)), groups):
        canaries = _number_of_canaries(step, groups, rules, len(waves), len(groups))
        waves += [Wave([name], canary=at < canaries, alone=(UNREAD,)) for at, name in enumerate(step)]
    _add_groups(waves, groups)
    return Waves(waves, len(waves), (), {})


class Fit(t.NamedTuple):
    """Which nodes of a planned wave may be out together now.

    nodes: in order, one at least. held: {node that may not: why}. forced: why the only one among `nodes` ought to wait;
    () where there is no reason. When waiting is in vain it goes: its drain alone waits for budgets, and knows how.
    """

    nodes: list[str]
    held: dict[str, Key]
    forced: Key
    limits: dict[Key, int]


def fitting(facts: Facts, nodes: t.Sequence[str], rules: Rules, api: Version) -> Fit:
    """Hold a planned wave against the cluster as it is now."""
    return _Planner(facts, list(dict.fromkeys(nodes)), rules, api).fitting(nodes)


def to_stay_cordoned(node: Facts) -> dict[str, t.Any]:
    """The facts of a node of which the cordon, if there is one, is lifted by nobody, as its pods have left for good."""
    return {**node, "cordon": None, "leaving": node.get("leaving") or {}}


def _by_order(nodes: t.Iterable[str], groups: t.Mapping[str, t.Sequence[Group]]) -> list[list[str]]:
    """The nodes by the order of their groups."""
    steps: dict[int, list[str]] = {}
    for name in nodes:
        orders = [group.order for group in groups[name] if group.order is not None]
        steps.setdefault(min(orders, default=DEFAULT_ORDER), []).append(name)
    return [steps[order] for order in sorted(steps)]


def _number_of_canaries(
    step: t.Sequence[str], groups: t.Mapping[str, t.Sequence[Group]], rules: Rules, done: int, of: int
) -> int:
    """Nodes of a step that go first, after `done` others of so many; none where none would be left to go after them."""
    own = max((group.canaries for name in step for group in groups[name]), default=0)
    number = min(own or (0 if done else rules.canaries), len(step))
    return number if done + number < of else 0


def _add_groups(waves: t.Iterable[Wave], groups: t.Mapping[str, t.Sequence[Group]]) -> None:
    for wave in waves:
        mine = [group for name in wave.nodes for group in groups[name]]
        wave.soak = max((group.soak for group in mine), default=0)
        wave.groups = list(dict.fromkeys(group.name for group in mine))


class _Builder:
    """Builds one wave after the other. `own`: {node: what it takes of limits that do not change}."""

    def __init__(self, yard: Yard, own: t.Mapping[str, t.Mapping[Key, int]]) -> None:
        self.yard = yard
        self.own = own
        self.why: dict[str, Key] = {}  # of the last wave
        self._used: Counter[Key] = Counter()

    def build(self, candidates: t.Sequence[str], most: int | None = None, forced: bool = False) -> Wave:
        """A wave of some of the candidates, of which there are some; their pods are moved when it returns.

        forced: the first candidate is in it even where its pods find no room.
        """
        self.why, self._used = {}, Counter()
        wave, landed = Wave([]), set[str]()
        chosen = self._choose(candidates, most)
        self.yard.room.cordon(chosen)
        for node in chosen:
            self._take(wave, node, landed, forced and node == candidates[0])
        if len(wave.nodes) < len(chosen):
            self._add_more(wave, candidates, landed, most)
        if not wave.nodes:
            wave.alone = self.why[candidates[0]]
            self.yard.room.cordon(candidates[:1])
            self._take(wave, candidates[0], landed, True)
        wave.held.update(key for node, key in self.why.items() if node not in wave.nodes)
        self.yard.give_back(wave.nodes, wave.moves)
        return wave

    def _choose(self, candidates: t.Sequence[str], most: int | None) -> list[str]:
        chosen: list[str] = []
        for node in candidates:
            if len(chosen) == most:
                break
            if self._admit(node):
                chosen.append(node)
        return chosen

    def _admit(self, node: str) -> bool:
        """Count a node in, unless it would break a limit. One alone may: its pods go a few at a time."""
        limits, used = self.yard.limits, self._used
        parts = (self.yard.uses(node), self.own.get(node, {}))
        for taken in parts:
            for key, number in taken.items():
                if key in used and used[key] and used[key] + number > limits.get(key, used[key] + number):
                    self.why[node] = key
                    return False
        for taken in parts:
            used.update(taken)
        return True

    def _take(self, wave: Wave, node: str, landed: set[str], forced: bool = False) -> bool:
        """Move the pods off a cordoned node; where they do not fit, the node serves on."""
        moves, homeless = self.yard.empty(node, forced)
        if homeless is not None:
            self.why[node] = (NO_ROOM, homeless.key)
            self._used.subtract(self.yard.uses(node))
            self._used.subtract(self.own.get(node, {}))
            self.yard.reopen(node)
            return False
        self.why.pop(node, None)
        wave.nodes.append(node)
        wave.moves += moves
        landed.update(move.to for move in moves if move.to is not None)
        return True

    def _add_more(self, wave: Wave, candidates: t.Sequence[str], landed: set[str], most: int | None) -> None:
        """Nodes that found no room serve on: others may fit now. One that has got pods of the wave stays out of it."""
        inside = set(wave.nodes)
        for node in candidates:
            if len(wave.nodes) == most:
                break
            if node not in inside and node not in landed and self._admit(node):
                self.yard.room.cordon([node])
                self._take(wave, node, landed)


class _Planner:
    def __init__(self, facts: Facts, nodes: list[str], rules: Rules, api: Version) -> None:
        self.yard = Yard(facts, rules.unbudgeted, api)
        self.rules = rules
        self.nodes = [name for name in nodes if name in self.yard.room.nodes]
        known = facts.get("nodes") or {}
        self._out = {name for name, node in known.items() if not node.get("ready", True) or node.get("unschedulable")}
        # By a person. Nodes that others replace are cordoned as well, and the limits of groups are for their drains.
        self._stay_out = {
            name
            for name, node in known.items()
            if node.get("unschedulable") and node.get("cordon") is None and node.get("leaving") is None
        }
        self._resumed = {name for name in self.nodes if known[name].get("cordon")}
        labels = {name: self.yard.room.nodes[name].labels for name in known}
        self._groups = {name: rules.of(name, labels[name]) for name in known}
        self._labels = labels
        self.limits = self.yard.limits
        self.own: dict[str, dict[Key, int]] = {name: self._own(name) for name in self.nodes}
        self._set_limits()

    def plan(self) -> Waves:
        blocked = self._blocked()
        bound, by = _largest(self._bounds(self.nodes), len(self.nodes))
        builder = _Builder(self.yard, self.own)
        waves: list[Wave] = []
        for step in _by_order(self.nodes, self._groups):
            free = [name for name in step if name not in blocked]
            waves += self._cut(builder, free, sum(len(wave.nodes) for wave in waves))
            for name in step:
                if name in blocked:
                    wave = builder.build([name], forced=True)
                    wave.alone = blocked[name]
                    waves.append(wave)
        _add_groups(waves, self._groups)
        return Waves(waves, bound, by, self.limits)

    def fitting(self, given: t.Sequence[str]) -> Fit:
        """`given`: the nodes, also those that the cluster does not know: nothing that runs there is in the way."""
        if not self.nodes:
            return Fit(list(given), {}, (), self.limits)
        blocked = self._blocked()
        builder = _Builder(self.yard, self.own)
        wave = builder.build([name for name in self.nodes if name not in blocked] or self.nodes[:1])
        held = {name: blocked.get(name) or builder.why[name] for name in self.nodes if name not in wave.nodes}
        forced = wave.alone or blocked.get(wave.nodes[0], ())
        return Fit([name for name in given if name not in held], held, forced, self.limits)

    def _blocked(self) -> dict[str, Key]:
        """{node: what lets none of its pods go}."""
        found = {name: self.yard.in_the_way(name) for name in self.nodes}
        return {name: (IN_THE_WAY, key[1]) if key[0] == BUDGET else key for name, key in found.items() if key}

    def _cut(self, builder: _Builder, names: list[str], done: int) -> list[Wave]:
        """Waves of all these nodes, after `done` others."""
        waves = self._canaries(builder, names, done)
        order: list[str] = []
        left = set(names).difference(*(wave.nodes for wave in waves))
        while left:
            # Put in order anew once what is left has changed by a hundredth.
            if not order or len(order) - len(left) > len(self.nodes) / 100:
                order = self._hardest_first([name for name in names if name in left])
            gone = done + len(names) - len(left)
            most = min(self._most(), gone * GROWTH) if self.rules.canaries and gone else self._most()
            waves.append(builder.build([name for name in order if name in left], most))
            left.difference_update(waves[-1].nodes)
        return waves

    def _hardest_first(self, names: list[str]) -> list[str]:
        """Nodes that an earlier run left cordoned, then those under limits that need many waves yet.

        The third power makes one limit of forty waves count for more than two of twenty; measured against other ranks.
        """
        cubes = {key: needed**3 for key, needed in self._bounds(names).items()}

        def rank(name: str) -> tuple[bool, float]:
            keys = (*self.yard.uses(name), *self.own[name])
            return name not in self._resumed, -sum(cubes[key] for key in keys)

        return sorted(names, key=rank)  # stable: then by inventory

    def _canaries(self, builder: _Builder, names: list[str], done: int) -> list[Wave]:
        """The first nodes in the order of the inventory, those that an earlier run left cordoned before all."""
        number = _number_of_canaries(names, self._groups, self.rules, done, len(self.nodes))
        if not number:
            return []
        wave = builder.build(sorted(names, key=lambda name: name not in self._resumed), number)
        wave.canary = True
        return [wave]

    def _most(self) -> int:
        most = share(self.rules.most, len(self.nodes))
        return most if self.rules.forks is None else max(1, min(most, self.rules.forks))

    # --- limits of groups and zones ----------------------------------------------------------------------------------

    def _own(self, name: str) -> dict[Key, int]:
        zone = self._labels[name].get(ZONE, "")
        found: dict[Key, int] = {(WAVE,): 1}
        if name in self._stay_out:
            return found  # it counts as out already
        for group in self._groups[name]:
            if group.most is not None:
                found[GROUP, group.name] = 1
            if group.most_per_zone is not None:
                found[PER_ZONE, group.name, zone] = 1
        return found

    def _set_limits(self) -> None:
        """Shares are of all nodes of a group. Those count as out that are, unless they go themselves and come back."""
        self.limits[WAVE,] = self._most()
        for group in self.rules.groups:
            mine = [name for name, groups in self._groups.items() if group in groups]
            if group.most is not None:
                self.limits[GROUP, group.name] = self._left(group.most, mine)
            if group.most_per_zone is not None:
                for zone, there in self._by_zone(mine).items():
                    self.limits[PER_ZONE, group.name, zone] = self._left(group.most_per_zone, there)

    def _left(self, amount: int | str, names: list[str]) -> int:
        out = (self._out - set(self.nodes)) | self._stay_out
        return max(1, share(amount, len(names)) - sum(name in out for name in names))

    def _by_zone(self, names: t.Iterable[str]) -> dict[str, list[str]]:
        zones: dict[str, list[str]] = {}
        for name in names:
            zones.setdefault(self._labels[name].get(ZONE, ""), []).append(name)
        return zones

    def _bounds(self, names: t.Iterable[str]) -> dict[Key, float]:
        """Waves that each limit alone needs for these nodes, as pods lie now. One beyond it needs a whole wave."""
        needed: dict[Key, float] = {}
        for name in names:
            for taken in (self.yard.uses(name), self.own[name]):
                for key, number in taken.items():
                    limit = self.limits.get(key)
                    part = 0.0 if limit is None else min(1.0, number / limit) if limit else 1.0
                    needed[key] = needed.get(key, 0.0) + part
        return needed


def _largest(bounds: t.Mapping[Key, float], nodes: int) -> tuple[int, Key]:
    """(waves, the limit that needs so many)."""
    by = max(bounds, key=lambda key: (bounds[key], key), default=())
    return (max(1, math.ceil(bounds[by] - 1e-9)) if nodes and by else min(1, nodes)), by
