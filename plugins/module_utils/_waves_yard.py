# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster from which some nodes are taken out together: what each takes of every limit, and where its pods go. Pure.

Budgets, drains and the scheduler's filters are those of the forecast (_forecast, _forecast_budgets, _placement, whose
docstrings say what is not modelled). Added here are limits where there is no budget.
"""

from __future__ import annotations

import typing as t
from collections import Counter

from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_verdict import LEAVE
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast import Simulation
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast_budgets import Budget
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast_pods import DrainOptions, Pod, verdict
from ansible_collections.uplift.kubeadm.plugins.module_utils._placement import Seats
from ansible_collections.uplift.kubeadm.plugins.module_utils._placement_shapes import Facts, Shape
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import Version
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_rules import Amount, share

BUDGET, WORKLOAD, UNPLACED, ROOM = "budget", "workload", "unplaced", "room"
HOSTNAME = "kubernetes.io/hostname"
_NO_LIMIT = frozenset(("Job",))  # it is done over again; nobody waits for its pods to answer

Key = tuple[str, ...]  # (BUDGET, "shop/web"), (WORKLOAD, "Deployment shop/web"), (ROOM, "cpu"), …


class Move(t.NamedTuple):
    """A pod that leaves its node. to: None while no node takes it, or nobody starts another."""

    pod: Pod
    to: str | None


class Yard:
    """limits: how much of each key the nodes that are out may take together. A key without a limit has none.

    One node alone may take more than a limit: its pods then go a few at a time, as budgets admit them.
    """

    def __init__(self, facts: Facts, unbudgeted: Amount, api: Version) -> None:
        self.simulation = Simulation(facts, DrainOptions())
        self.room = self.simulation.room
        self.limits: dict[Key, int] = {}
        self._api = api
        self._unbudgeted = unbudgeted
        self._budgets: dict[str, Budget] = {budget.key: budget for budget in self.simulation.budgets}
        self._keys: dict[int, tuple[Key, ...]] = {}  # by id() of the pod
        self._bound: dict[int, bool] = {}  # by id() of the pod: was there no other place for it, however much room?
        self._stays: dict[int, bool] = {}  # by id() of the pod: the drain leaves it where it is
        self._seats: dict[tuple[t.Any, ...], tuple[str, Seats]] = {}
        self._uses: dict[str, Counter[Key]] = {}
        self._served = frozenset(node.name for node in self.room.nodes.values() if node.schedulable)
        self._count = self._ready_pods()
        self._measure_room()

    # --- what a node takes -------------------------------------------------------------------------------------------

    def uses(self, node: str) -> Counter[Key]:
        """What the drain of a node takes of each limit, as its pods lie now."""
        if node not in self._uses:
            found: Counter[Key] = Counter()
            for pod in self.leaving(node):
                found.update(self.keys(pod))
            found.update(self._room_of(node))
            self._uses[node] = found
        return self._uses[node]

    def leaving(self, node: str) -> list[Pod]:
        """The pods that the drain of a node takes off it."""
        return [pod for pod in self.simulation.on.get(node, {}).values() if not self._stays_there(pod)]

    def in_the_way(self, node: str) -> Key | None:
        """A budget that lets none of the node's pods go, or two on one pod: the drain cannot succeed as things are. Or
        a workload without one, of whose pods as many are out as may be."""
        for pod in self.leaving(node):
            budgets = self.simulation.binding(pod, self._api)
            for budget in budgets:
                if len(budgets) > 1 or not budget.admits(pod, self._api):
                    return BUDGET, budget.key
            for key in self.keys(pod):
                if key[0] == WORKLOAD and not self.limits[key]:
                    return key
        return None

    def keys(self, pod: Pod) -> tuple[Key, ...]:
        """The limits that count this pod."""
        if id(pod) not in self._keys:
            self._keys[id(pod)] = self._find_keys(pod)
        return self._keys[id(pod)]

    def _find_keys(self, pod: Pod) -> tuple[Key, ...]:
        found: list[Key] = []
        budgets = self.simulation.binding(pod, self._api)
        self._bound[id(pod)] = pod.comes_back and self._has_no_other_place(pod)
        for budget in budgets:
            self.limits[BUDGET, budget.key] = budget.allowed
            if pod.ready or not budget.healthy >= budget.desired > 0:  # then it may go without being counted
                found.append((BUDGET, budget.key))
        if budgets or pod.owner is None or not pod.comes_back:
            return tuple(found)
        if pod.ready and pod.owner[0] not in _NO_LIMIT:
            found.append((WORKLOAD, pod.workload))
            self.limits[WORKLOAD, pod.workload] = self._without_budget(pod)
        if self._bound[id(pod)]:
            found.append((UNPLACED, pod.workload))
            self.limits[UNPLACED, pod.workload] = 1
        return tuple(found)

    def _without_budget(self, pod: Pod) -> int:
        """As if it had a budget: of a StatefulSet one pod, as it is updated; of others a share. What is not Ready, or
        not there, is out already."""
        ready = self._count[pod.workload]
        wanted = max(ready, self.simulation.workloads.replicas(pod.facts["ns"], pod.owner) or 0)
        one = pod.owner is not None and pod.owner[0] == "StatefulSet"
        return max(0, (1 if one else share(self._unbudgeted, wanted)) - (wanted - ready))

    def _stays_there(self, pod: Pod) -> bool:
        if id(pod) not in self._stays:
            what, _objections = verdict(pod.facts, self.simulation.workloads, self.simulation.options)
            self._stays[id(pod)] = what == LEAVE
        return self._stays[id(pod)]

    def _ready_pods(self) -> Counter[str]:
        pods = (pod for there in self.simulation.on.values() for pod in there.values())
        return Counter(pod.workload for pod in pods if pod.ready and pod.owner)

    # --- room --------------------------------------------------------------------------------------------------------

    def _measure_room(self) -> None:
        """All free room of nodes in service. What leaves, and the free room of nodes that go, must fit into it."""
        nodes = [node for node in self.room.nodes.values() if node.schedulable]
        if any(node.free is None for node in nodes):
            return  # the facts do not say, so that no sum says anything
        for resource in {resource for node in nodes for resource in node.free or ()}:
            self.limits[ROOM, resource] = sum(max(0, (node.free or {}).get(resource, 0)) for node in nodes)

    def _room_of(self, name: str) -> dict[Key, int]:
        node = self.room.nodes[name]
        needed: Counter[str] = Counter()
        for pod in self.leaving(name):
            if pod.comes_back and not self._bound[id(pod)]:
                needed.update(dict(pod.shape.requests))
        if node.schedulable:
            for resource in list(needed):
                needed[resource] += max(0, (node.free or {}).get(resource, 0))
        return {(ROOM, resource): number for resource, number in needed.items() if (ROOM, resource) in self.limits}

    def _has_no_other_place(self, pod: Pod) -> bool:
        """Is it bound to its node, by its volume or by other pods, however much room there were?

        As things are when it is first asked, with its node alone out. For want of room alone it is not.
        """
        asked_at, seats = self._seats_of(pod.shape, pod.node)
        if {*seats.able, *seats.short} - {pod.node}:
            return False
        if asked_at == pod.node:
            return True
        seats = self._look(pod.shape, pod.node, asked_at)
        return not (seats.able or seats.short)

    def _seats_of(self, shape: Shape, home: str) -> tuple[str, Seats]:
        """(node that was left out as its home, seats elsewhere) of a pod of this shape in such domains.

        Two seats are enough to know for all such pods: one may be their own home. That of the first is not among them.
        """
        labels = self.room.nodes[home].labels
        spreads = [spread.term.topology for spread in shape.spread]
        topologies = {term.topology for term in (*shape.affinity, *shape.anti_affinity, *shape.selected_by)}
        domains = sorted((topology, str(labels.get(topology))) for topology in {*topologies, *spreads} - {HOSTNAME})
        key = (id(shape), tuple(domains), home if HOSTNAME in spreads else "")
        if key not in self._seats:
            self._seats[key] = home, self._look(shape, home)
        return self._seats[key]

    def _look(self, shape: Shape, home: str, only: str | None = None) -> Seats:
        """Where a pod could be if it were not at home."""
        self.room.remove(shape, home)
        seats = self.room.seats(shape, home, only)
        self.room.add(shape, home)
        return seats

    # --- out and back ------------------------------------------------------------------------------------------------

    def reopen(self, node: str) -> None:
        """Take back the cordon of a node that was not emptied."""
        if node in self._served:
            self.room.reopen(node)

    def empty(self, node: str, forced: bool = False) -> tuple[list[Move], Pod | None]:
        """Find places for the pods of a cordoned node. Returns (moves, None), or ([], the pod that finds no room).

        forced: pods without room wait until the node is back, as they do when it is drained all the same.
        """
        pods = self.leaving(node)
        for pod in pods:
            if not pod.facts.get("finished"):
                self.room.remove(pod.shape, node)
        moves: list[Move] = []
        for pod in sorted(pods, key=_largest_first):
            to = self.room.find(pod.shape) if pod.comes_back else None
            if to is not None:
                self.room.add(pod.shape, to)
            elif pod.comes_back and not forced and not self._bound[id(pod)]:
                self._undo(moves, pods, node)
                return [], pod
            moves.append(Move(pod, to))
        for pod, to in moves:
            self._settle(pod, node, to)
        return moves, None

    def give_back(self, nodes: t.Sequence[str], moves: t.Iterable[Move]) -> None:
        """The wave is over: its nodes serve, unless a person cordoned them, with the pods that waited for them."""
        for node in nodes:
            self._uses.pop(node, None)
        for pod, to in moves:
            if to is None and pod.comes_back:
                self.room.add(pod.shape, pod.home)
                self.simulation.on.setdefault(pod.home, {})[id(pod)] = pod
                pod.node = pod.home
        self.simulation.give_back(nodes)

    def _settle(self, pod: Pod, node: str, to: str | None) -> None:
        del self.simulation.on[node][id(pod)]
        pod.home, pod.node = node, to or ""
        if to is None:
            return
        self.simulation.on.setdefault(to, {})[id(pod)] = pod
        if self._bound[id(pod)]:  # as things were when it was asked; others have moved since
            self._bound[id(pod)] = False
            self._keys[id(pod)] = tuple(key for key in self.keys(pod) if key[0] != UNPLACED)
        if to in self._uses:
            self._uses[to].update(self.keys(pod))

    def _undo(self, moves: t.Iterable[Move], pods: t.Iterable[Pod], node: str) -> None:
        for pod, to in moves:
            if to is not None:
                self.room.remove(pod.shape, to)
        for pod in pods:
            if not pod.facts.get("finished"):
                self.room.add(pod.shape, node)


def _largest_first(pod: Pod) -> tuple[int, int, str]:
    """As the scheduler takes them, by priority; among equals what is hardest to place first."""
    return -pod.facts.get("priority", 0), -dict(pod.shape.requests).get("cpu", 0), pod.key
