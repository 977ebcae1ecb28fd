# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Is there room for a pod on another node? A simplified filter of kube-scheduler over the facts of a cluster. Pure.

Modelled, as in kubernetes/pkg/scheduler/framework/plugins at 1.30: requests against allocatable (noderesources), number
of pods, taints, cordons, nodeSelector and required node affinity, host ports, required pod affinity and anti-affinity
in both directions, topologySpreadConstraints with DoNotSchedule, and volumes' node affinity through bound claims.

Not modelled: preferred rules and scores (nodes are taken in turn), preemption and priority, extenders and other
schedulers, limits of volumes a node, claims that are not bound yet, ReadWriteOncePod, a host port's address and
protocol (a number is taken or not), pods that wait for a node already, autoscalers that add nodes, dynamic resources;
and a spread constraint counts matching pods on all nodes, those included that the pod's own affinity rules out.
"No room" is therefore «may not fit» unless it is certain: see Refusal.
"""

from __future__ import annotations

import typing as t
from collections import Counter

from ansible_collections.uplift.kubeadm.plugins.module_utils._placement_shapes import (
    CORDON_TAINT,
    Facts,
    Node,
    Shape,
    Spread,
    Where,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._selectors import node_matches, tolerates

UNSCHEDULABLE = "unschedulable"
TAINT = "untolerated taint"
SELECTOR = "node selector or affinity"
VOLUME = "volume on another node or in another zone"
PORTS = "host port taken"
AFFINITY = "pod affinity"
ANTI_AFFINITY = "pod anti-affinity"
SPREAD = "topology spread"
TOO_MANY = "too many pods"
INSUFFICIENT = "insufficient "
_FEW = 32

BETWEEN_PODS = frozenset((AFFINITY, ANTI_AFFINITY, SPREAD))  # what other pods cause, however much room there is
_LASTING = frozenset((UNSCHEDULABLE, TAINT, SELECTOR, VOLUME))  # what keeps them off nodes whatever runs there


class Refusal(t.NamedTuple):
    """Why no node takes a pod.

    certain: none that is in service could, even if it were empty. Otherwise there is no room as things are.
    at_home: the node that it came from could take it again.
    reasons: {reason: number of nodes}, each node counted once.
    """

    certain: bool
    at_home: bool
    reasons: dict[str, int]

    @property
    def by_pods(self) -> bool:
        """Is it other pods alone, by affinity or spread, that keep it off? Then its owner wants it so."""
        kinds = frozenset(self.reasons)
        return not self.certain and bool(kinds & BETWEEN_PODS) and kinds <= BETWEEN_PODS | _LASTING

    def __str__(self) -> str:
        """Like kube-scheduler's message of a pod that stays Pending."""
        counts = sorted(self.reasons.items(), key=lambda item: (-item[1], item[0]))
        return f"0/{sum(self.reasons.values())} nodes: " + ", ".join(f"{number} {reason}" for reason, number in counts)


class _Told(t.NamedTuple):
    """What was found out of why pods of a kind have no place, kept for a while: it is a look at every node.

    at: the number of changes then. able: nodes that could take one if they were empty.
    """

    at: int
    reasons: dict[str, int]
    able: frozenset[str]


class Seats(t.NamedTuple):
    """Of the other nodes, two (when there are as many) that take a pod, and two where nothing but room is wanting."""

    able: tuple[str, ...]
    short: tuple[str, ...]


class Room:
    """The nodes of a cluster, and what pods take up on them: add() those that run, then move them."""

    def __init__(self, facts: Facts) -> None:
        self.nodes = {name: Node(name, node) for name, node in (facts.get("nodes") or {}).items()}
        self._by_label: dict[str, dict[str, list[Node]]] = {}
        self._out = {node.name for node in self.nodes.values() if not node.schedulable}
        self._told: dict[tuple[t.Any, ...], _Told] = {}  # by what makes pods of a kind
        self._changes = 0  # how often nodes were cordoned or given back
        self._gains: list[Node] = []  # nodes that gained room, in order
        self._fresh: list[Node] = []  # the emptiest ones: just back in service; empty when these are many

    def add(self, shape: Shape, name: str) -> None:
        """A pod of this shape runs on that node. Nodes that the facts do not know are passed over."""
        self._change(shape, name, 1)

    def remove(self, shape: Shape, name: str) -> None:
        self._change(shape, name, -1)
        node = self.nodes.get(name)
        if node is not None and node.schedulable:
            self._gains.append(node)

    def cordon(self, names: t.Iterable[str]) -> None:
        self._changes += 1
        for name in names:
            if name in self.nodes:
                self.nodes[name].schedulable = False
                self._out.add(name)

    def uncordon(self, names: t.Iterable[str]) -> None:
        self._changes += 1
        nodes = [self.nodes[name] for name in names if name in self.nodes]
        for node in nodes:
            node.schedulable = True
            self._out.discard(node.name)
        self._gains += nodes
        self._fresh = nodes if len(nodes) <= _FEW else []

    def reopen(self, name: str) -> None:
        """Take back a cordon(): as uncordon(), but the node is no emptier than others and not to be asked first."""
        node = self.nodes[name]
        node.schedulable = True
        self._out.discard(name)
        self._gains.append(node)

    def seats(self, shape: Shape, home: str, only: str | None = None) -> Seats:
        """Where else than at home a pod of this shape could be as things are; `only`: on that node, or not."""
        able: list[str] = []
        short: list[str] = []
        where = self._settle(shape.where)
        for node in (where.nodes or []) if only is None else [self.nodes[only]]:
            if node.name == home or node.name not in where.members:
                continue
            reason = self._reason(shape, node)
            if reason is None:
                able.append(node.name)
                if len(able) == 2:
                    break
            elif len(short) < 2 and _is_shortage(reason) and self._barred(shape, node) is None:
                short.append(node.name)
        return Seats(tuple(able), tuple(short))

    def find(self, shape: Shape) -> str | None:
        """A node that takes a pod of this shape as things are; None when there is none.

        Nodes that have just come back are asked first, as the scheduler prefers empty ones; the others in turn.
        """
        where = self._settle(shape.where)
        fits = (shape.requests, shape.ports)
        # What did not fit before can fit only on nodes that have gained room since, unless other pods play a part.
        missed = where.failed.get(fits) if shape.alone else None
        for node in self._fresh if missed is None else self._gains[missed:]:
            if node.name in where.members and self._reason(shape, node) is None:
                return node.name
        found = self._next(shape, where) if missed is None else None
        if found is None and shape.alone:
            where.failed[fits] = len(self._gains)
        return found

    def _next(self, shape: Shape, where: Where) -> str | None:
        nodes, start = where.nodes or [], where.cursor
        for step in range(len(nodes)):
            position = (start + step) % len(nodes)
            if self._reason(shape, nodes[position]) is None:
                where.cursor = position + 1
                return nodes[position].name
        return None

    def refusal(self, shape: Shape, home: str) -> Refusal:
        """Why no node takes a pod of this shape, after find() found none. `home`: the node it ran on."""
        where = self._settle(shape.where)
        kind = (id(where), shape.requests, shape.ports, shape.affinity, shape.anti_affinity, shape.spread)
        told = self._told.get(kind)
        if told is None or self._changes - told.at > len(self.nodes) // 100:
            reasons = where.refused + Counter(self._reason(shape, node) or "in use" for node in where.nodes or [])
            able = frozenset(node.name for node in where.nodes or [] if _holds(shape, node))
            told = self._told[kind] = _Told(self._changes, dict(reasons), able)
        return Refusal(told.able <= self._out, home in told.able, told.reasons)

    def _settle(self, where: Where) -> Where:
        """Fill in which nodes satisfy the static rules, once."""
        if where.nodes is None:
            where.nodes = []
            candidates, others = self._candidates(where)
            for node in candidates:
                reason = self._static(where, node)
                if reason is None:
                    where.nodes.append(node)
                else:
                    where.refused[reason] += 1
            if others:
                where.refused[others] += len(self.nodes) - len(candidates)
            where.members = frozenset(node.name for node in where.nodes)
        return where

    def _candidates(self, where: Where) -> tuple[list[Node], str]:
        """The nodes worth asking, and why not the others: those of a label that the pod needs, where there is one."""
        for key, value in where.node_selector.items():
            return self._labelled(key, [value]), SELECTOR
        for reason, rules in ((VOLUME, where.volumes), (SELECTOR, where.terms)):
            for terms in rules:
                for expression in (terms[0].get("matchExpressions") or []) if len(terms) == 1 else []:
                    if expression.get("operator") == "In":
                        return self._labelled(expression.get("key", ""), expression.get("values") or []), reason
        return list(self.nodes.values()), ""

    def _labelled(self, key: str, values: t.Iterable[str]) -> list[Node]:
        """The nodes with one of these values of a label."""
        if key not in self._by_label:
            found: dict[str, list[Node]] = {}
            for node in self.nodes.values():
                if key in node.labels:
                    found.setdefault(node.labels[key], []).append(node)
            self._by_label[key] = found
        return [node for value in dict.fromkeys(values) for node in self._by_label[key].get(value, ())]

    def _static(self, where: Where, node: Node) -> str | None:
        """What keeps pods of these rules off a node, whatever runs there; None: nothing."""
        for taint in node.taints:
            if not tolerates(where.tolerations, taint):
                return TAINT
        if not _attracted(where, node):
            return SELECTOR
        if not all(node_matches(terms, node.name, node.labels) for terms in where.volumes):
            return VOLUME
        return None

    def _reason(self, shape: Shape, node: Node) -> str | None:
        """What keeps a pod off a node that satisfies its static rules; None: it goes there."""
        if not node.schedulable and not tolerates(shape.where.tolerations, CORDON_TAINT):
            return UNSCHEDULABLE
        free = node.free
        if free is not None:
            for resource, amount in shape.requests:
                if amount > free.get(resource, 0):
                    return TOO_MANY if resource == "pods" else INSUFFICIENT + resource
        return self._barred(shape, node)

    def _barred(self, shape: Shape, node: Node) -> str | None:
        """What other pods keep a pod off a node by, however much room there is."""
        if shape.ports and any(node.ports[port] for port in shape.ports):
            return PORTS
        for spread in shape.spread:
            if not self._spreads(shape.where, spread, node):
                return SPREAD
        return _between_pods(shape, node)

    def _spreads(self, where: Where, spread: Spread, node: Node) -> bool:
        """Matching pods here, and this one, less the fewest anywhere: at most maxSkew (podtopologyspread)."""
        topology = spread.term.topology
        if topology not in node.labels:
            return False
        domains = self._domains(where, topology, spread.honor_taints)
        selected = spread.term.selected
        if len(domains) < spread.min_domains or len(selected) < len(domains):
            fewest = 0  # too few domains count as one without pods; fewer entries than domains: one has none
        else:
            fewest = min((selected[domain] for domain in domains), default=0)
        return selected[node.labels[topology]] + spread.selects_itself - fewest <= spread.max_skew

    def _domains(self, where: Where, topology: str, honor_taints: bool) -> frozenset[str]:
        """The domains that count for a spread: of nodes that the pod's affinity allows, tainted and cordoned too."""
        key = (topology, honor_taints)
        if key not in where.domains:
            nodes: t.Iterable[Node] = (self._settle(where).nodes or []) if honor_taints else self.nodes.values()
            where.domains[key] = frozenset(
                node.labels[topology] for node in nodes if topology in node.labels and _attracted(where, node)
            )
        return where.domains[key]

    def _change(self, shape: Shape, name: str, by: int) -> None:
        node = self.nodes.get(name)
        if node is None:
            return
        if node.free is not None:
            for resource, amount in shape.requests:
                node.free[resource] = node.free.get(resource, 0) - by * amount
        for port in shape.ports:
            node.ports[port] += by
        for term in shape.selected_by:
            _count(term.selected, node.labels.get(term.topology), by)
        for term in shape.anti_affinity:
            _count(term.owners, node.labels.get(term.topology), by)


def _is_shortage(reason: str) -> bool:
    return reason == TOO_MANY or reason.startswith(INSUFFICIENT)


def _between_pods(shape: Shape, node: Node) -> str | None:
    """interpodaffinity/filtering.go."""
    for term in shape.affinity:
        if term.topology not in node.labels:
            return AFFINITY
        if not term.selected[node.labels[term.topology]] and not _first_of_its_kind(shape):
            return AFFINITY
    for term in shape.anti_affinity:
        if term.selected[node.labels.get(term.topology, "")]:
            return ANTI_AFFINITY
    for term in shape.selected_by:
        if term.owners and term.owners[node.labels.get(term.topology, "")]:
            return ANTI_AFFINITY
    return None


def _first_of_its_kind(shape: Shape) -> bool:
    return shape.attracts_itself and not any(term.selected for term in shape.affinity)


def _holds(shape: Shape, node: Node) -> bool:
    """Could the node take a pod of these requests if it were empty?"""
    return node.offers is None or all(amount <= node.offers.get(resource, 0) for resource, amount in shape.requests)


def _attracted(where: Where, node: Node) -> bool:
    if any(node.labels.get(key) != value for key, value in where.node_selector.items()):
        return False
    return all(node_matches(terms, node.name, node.labels) for terms in where.terms)


def _count(counter: Counter[str], domain: str | None, by: int) -> None:
    """Zero entries go, so that the number of entries is the number of domains with such pods."""
    if domain is not None:
        counter[domain] += by
        if not counter[domain]:
            del counter[domain]
