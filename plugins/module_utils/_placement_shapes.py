# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How pods are to be scheduled, as facts say it: what pods that are scheduled alike have in common. Pure."""

from __future__ import annotations

import json
import typing as t
from collections import Counter
from dataclasses import dataclass, field

from ansible_collections.uplift.kubeadm.plugins.module_utils._selectors import (
    Labels,
    SelectorIndex,
    is_empty,
    matches,
)

Facts = t.Mapping[str, t.Any]
Rule = t.Mapping[str, t.Any]
CORDON_TAINT = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
# What the node controller writes beside a node's state, some seconds after it: `schedulable` is that state, and changes
# when a run gives the node back, which it does when the node is Ready.
STATE_TAINTS = (CORDON_TAINT["key"], "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


class Node:
    """A node of the simulation. `free`: by resource, "pods" among them; None when the facts do not say what it has."""

    __slots__ = ("free", "labels", "name", "offers", "ports", "schedulable", "taints")

    def __init__(self, name: str, facts: Facts) -> None:
        self.name = name
        self.labels: Labels = facts.get("labels") or {}
        effects = ("NoSchedule", "NoExecute")
        self.taints = [
            taint
            for taint in facts.get("taints") or []
            if taint.get("effect") in effects and taint.get("key") not in STATE_TAINTS
        ]
        self.offers: t.Mapping[str, int] | None = facts.get("allocatable") or None
        self.free: dict[str, int] | None = dict(self.offers) if self.offers else None
        self.ports: Counter[int] = Counter()
        self.schedulable = bool(facts.get("ready", True)) and not facts.get("unschedulable")


@dataclass(eq=False)
class Term:
    """A rule about pods of some labels in a topology, and how many there are in each of its domains.

    selected: pods that the rule speaks of. owners: pods that have it as a required anti-affinity.
    """

    topology: str
    selected: Counter[str] = field(default_factory=Counter)
    owners: Counter[str] = field(default_factory=Counter)


class Spread(t.NamedTuple):
    """A topology spread constraint with DoNotSchedule."""

    term: Term
    max_skew: int
    min_domains: int
    honor_taints: bool
    selects_itself: bool


@dataclass(eq=False)
class Where:
    """The static rules of pods (selectors, tolerations, volumes), and which nodes satisfy them, whatever runs there."""

    node_selector: t.Mapping[str, str]
    terms: list[list[Rule]]  # one of each list has to match: the pod's own
    volumes: list[list[Rule]]  # the same, of its volumes
    tolerations: list[Rule]
    nodes: list[Node] | None = None
    members: frozenset[str] = frozenset()
    refused: Counter[str] = field(default_factory=Counter)  # why the other nodes do not: {reason: number}
    cursor: int = 0
    failed: dict[t.Any, int] = field(default_factory=dict)  # what did not fit -> how long Room's log of gains was
    domains: dict[tuple[str, bool], frozenset[str]] = field(default_factory=dict)


@dataclass(eq=False)
class Shape:
    """What pods that are scheduled alike have in common."""

    namespace: str
    labels: Labels
    requests: tuple[tuple[str, int], ...]
    ports: tuple[int, ...]
    where: Where
    affinity: tuple[Term, ...]
    anti_affinity: tuple[Term, ...]
    spread: tuple[Spread, ...]
    attracts_itself: bool = False  # it matches its own affinity, so it may be the first of its kind
    selected_by: tuple[Term, ...] = ()

    @property
    def alone(self) -> bool:
        """Do other pods play no part in where it may go?"""
        return not (self.affinity or self.anti_affinity or self.spread) and not any(t.owners for t in self.selected_by)


class Shapes:
    """Makes the shapes of a cluster's pods: shape() for every pod, then seal()."""

    def __init__(self, facts: Facts) -> None:
        self._namespaces: dict[str, Labels] = {n["name"]: n.get("labels") or {} for n in facts.get("namespaces") or []}
        self._volumes: dict[str, list[Rule]] = {
            volume["claim"]: (volume.get("node_affinity") or {}).get("nodeSelectorTerms") or []
            for volume in facts.get("volumes") or []
            if volume.get("claim") and volume.get("node_affinity")
        }
        self._wheres: dict[str, Where] = {}
        self._shapes: dict[str, Shape] = {}
        self._terms: dict[str, Term] = {}
        self._index: SelectorIndex[Term] = SelectorIndex()

    def shape(self, pod: Facts) -> Shape:
        """The shape of a pod as the facts describe it; pods that differ in nothing that matters here share one."""
        labels: Labels = pod.get("labels") or {}
        rules = {k: pod[k] for k in ("node_selector", "affinity", "tolerations", "spread", "host_ports") if pod.get(k)}
        volumes = [self._volumes[key] for key in _claims(pod) if key in self._volumes]
        key = json.dumps([pod["ns"], labels, pod.get("requests"), rules, volumes], sort_keys=True)
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shapes[key] = self._new_shape(pod, labels, volumes)
        return shape

    def seal(self) -> list[Shape]:
        """Tell each shape which rules speak of it, and return them all. Call it after the last shape()."""
        for shape in self._shapes.values():
            shape.selected_by = tuple(self._index.find(shape.namespace, shape.labels))
        return list(self._shapes.values())

    def _new_shape(self, pod: Facts, labels: Labels, volumes: list[list[Rule]]) -> Shape:
        affinity = pod.get("affinity") or {}
        attracting = _required(affinity, "podAffinity")
        tolerations = pod.get("tolerations") or []
        return Shape(
            namespace=pod["ns"],
            labels=labels,
            requests=(("pods", 1), *sorted((k, v) for k, v in (pod.get("requests") or {}).items() if v)),
            ports=tuple(pod.get("host_ports") or ()),
            where=self._where(pod.get("node_selector") or {}, _node_terms(affinity), volumes, tolerations),
            affinity=tuple(self._term(pod["ns"], term) for term in attracting),
            anti_affinity=tuple(self._term(pod["ns"], term) for term in _required(affinity, "podAntiAffinity")),
            spread=tuple(
                self._spread(pod["ns"], rule, labels)
                for rule in pod.get("spread") or []
                if rule.get("whenUnsatisfiable") == "DoNotSchedule"
            ),
            attracts_itself=all(
                self._speaks_of(pod["ns"], term) and matches(term.get("labelSelector"), labels) for term in attracting
            ),
        )

    def _where(
        self,
        node_selector: t.Mapping[str, str],
        terms: list[list[Rule]],
        volumes: list[list[Rule]],
        tolerations: list[Rule],
    ) -> Where:
        key = json.dumps([node_selector, terms, volumes, tolerations], sort_keys=True)
        return self._wheres.setdefault(key, Where(node_selector, terms, volumes, tolerations))

    def _spread(self, namespace: str, rule: Rule, labels: Labels) -> Spread:
        selector = rule.get("labelSelector")
        same = {key: labels[key] for key in rule.get("matchLabelKeys") or [] if key in labels}
        if same and selector is not None:
            selector = {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), **same}}
        term = self._term(namespace, {"labelSelector": selector, "topologyKey": rule.get("topologyKey", "")})
        honor = rule.get("nodeTaintsPolicy") == "Honor"
        itself = matches(selector, labels)
        return Spread(term, int(rule.get("maxSkew") or 1), int(rule.get("minDomains") or 1), honor, itself)

    def _term(self, namespace: str, rule: Rule) -> Term:
        spaces = self._spaces(namespace, rule)
        topology, selector = rule.get("topologyKey", ""), rule.get("labelSelector")
        key = json.dumps([topology, None if spaces is None else sorted(spaces), selector], sort_keys=True)
        term = self._terms.get(key)
        if term is None:
            term = self._terms[key] = Term(topology)
            self._index.add(spaces, selector, term)
        return term

    def _spaces(self, own: str, rule: Rule) -> frozenset[str] | None:
        """The namespaces that a pod affinity term speaks of; None: all."""
        named, selector = rule.get("namespaces") or [], rule.get("namespaceSelector")
        if selector is None:
            return frozenset(named or [own])
        if is_empty(selector):
            return None
        return frozenset(named) | {name for name, labels in self._namespaces.items() if matches(selector, labels)}

    def _speaks_of(self, own: str, rule: Rule) -> bool:
        spaces = self._spaces(own, rule)
        return spaces is None or own in spaces


def _required(affinity: t.Mapping[str, t.Any], kind: str) -> list[Rule]:
    return (affinity.get(kind) or {}).get("requiredDuringSchedulingIgnoredDuringExecution") or []


def _node_terms(affinity: t.Mapping[str, t.Any]) -> list[list[Rule]]:
    required = (affinity.get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    return [required.get("nodeSelectorTerms") or []] if required else []


def _claims(pod: Facts) -> list[str]:
    return [f"{pod['ns']}/{claim}" for claim in pod.get("claims") or ()]
