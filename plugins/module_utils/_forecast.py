# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Will each drain of a plan succeed? The plan's drains, simulated in order and wave by wave. Pure: no I/O, no clock.

A wave's nodes are cordoned together. Then evictions go in rounds: all that the budgets admit leave; each then comes up
on a node that has room and is as healthy there as it was; and the next round begins, until all have left or no more
can. The nodes come back when the wave is over (a play takes its hosts through each task together). What could not be
evicted stays where it is, and the forecast goes on, so that one look shows all that is in the way.

Not modelled: time (that an eviction takes as long as the pod's grace period, and a start as long as its image),
workloads that are scaled or rolled out meanwhile, pods that get better or worse by being moved, and what _placement
leaves out.
"""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass

from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_verdict import EMPTYDIR, LEAVE, ORPHAN, UNMANAGED
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast_budgets import (
    NEVER,
    NOW,
    ROOM,
    UNOBSERVED,
    Budget,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast_pods import (
    DEFAULT_GRACE,
    DrainOptions,
    Pod,
    Workloads,
    verdict,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._placement import Room
from ansible_collections.uplift.kubeadm.plugins.module_utils._placement_shapes import Facts, Shapes
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_play import plan_play
from ansible_collections.uplift.kubeadm.plugins.module_utils._selectors import SelectorIndex, honours_empty_selector
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import Version, parse_version

Row = dict[str, t.Any]
OLD_TAINT = "node-role.kubernetes.io/master"
_LISTS = (
    "blocked",
    "unobserved",
    "unmanaged",
    "orphans",
    "empty_dir",
    "two_budgets",
    "jobs",
    "unplaceable",
    "single_replica",
    "local_data",
    "slow",
)


@dataclass(frozen=True)
class Forecast:
    """drains: a row a drained node and stage, in order (see Simulation.drain). budgets: all that the cluster has.

    alone: the cluster has one node, so that pods have nowhere to go.
    """

    drains: list[Row]
    budgets: list[Budget]
    alone: bool


def forecast(facts: Facts, plan: t.Mapping[str, t.Any], options: t.Mapping[str, t.Any]) -> Forecast:
    """Simulate the drains of a plan. `options`: drain_delete_emptydir_data and so on, see DrainOptions."""
    simulation = Simulation(_without_old_taint(facts, plan), DrainOptions.read(options))
    api = oldest_api_server(facts)
    rows: list[Row] = []
    for stage in plan.get("stages") or []:
        if stage["kind"] == "control_plane":
            api = max(api, parse_version(stage["version"]))
        elif stage["kind"] == "uncordon":
            simulation.give_back(stage["nodes"])
        elif stage["drains"]:
            for wave in waves(plan, stage):
                rows += simulation.drain(wave, api, stage["id"])
                simulation.give_back(wave)
    return Forecast(rows, simulation.budgets, len(simulation.room.nodes) == 1)


def _without_old_taint(facts: Facts, plan: t.Mapping[str, t.Any]) -> Facts:
    """The facts, without the taint of control planes that kubeadm 1.25 takes away before the first drain of its hop.

    Source: cmd/kubeadm/app/phases/upgrade/postupgrade.go at v1.25, RemoveOldControlPlaneTaint.
    """
    if not any(
        s["kind"] == "control_plane" and parse_version(s["version"]).minor == 25 for s in plan.get("stages") or []
    ):
        return facts
    nodes = {
        name: {**node, "taints": [taint for taint in node.get("taints") or [] if taint.get("key") != OLD_TAINT]}
        for name, node in (facts.get("nodes") or {}).items()
    }
    return {**facts, "nodes": nodes}


def waves(plan: t.Mapping[str, t.Any], stage: t.Mapping[str, t.Any]) -> list[list[str]]:
    """The names of the nodes that a stage drains, those drained together in one list."""
    play = plan_play(plan, stage["hop"], [stage["kind"]])
    hosts, drained, found = list(play["hosts"]), frozenset(stage["drains"]), []
    for size in play["serial"]:
        wave, hosts = hosts[:size], hosts[size:]
        found.append([play["nodes"][host] for host in wave if host in drained])
    return [wave for wave in found if wave]


def oldest_api_server(facts: Facts) -> Version:
    pods = [node.get("static_pods", {}).get("kube-apiserver") or {} for node in (facts.get("nodes") or {}).values()]
    found = []
    for pod in pods:
        with contextlib.suppress(UpliftError):  # a tag such as "latest", which the finding «moving-tag» is about
            found.append(parse_version(pod.get("version") or ""))
    return min(found) if found else parse_version(facts["version"])


class Simulation:
    """A cluster's pods, budgets and room, as drains change them: drain() some nodes together, then give_back() them."""

    def __init__(self, facts: Facts, options: DrainOptions) -> None:
        self.options = options
        self.room = Room(facts)
        self.workloads = Workloads(facts)
        self.budgets = [Budget(row) for row in facts.get("pdbs") or []]
        self._stay_cordoned = frozenset(
            name
            for name, node in (facts.get("nodes") or {}).items()
            if node.get("unschedulable") and node.get("cordon") is None
        )
        self._local = {
            volume["claim"]
            for volume in facts.get("volumes") or []
            if volume.get("claim") and volume.get("source") in ("local", "hostPath")
        }
        shapes = Shapes(facts)
        pods = [Pod(row, shapes.shape(row), self.workloads.owner(row)) for row in facts.get("pods") or []]
        self._index: SelectorIndex[Budget] = SelectorIndex()
        for budget in self.budgets:
            self._index.add([budget.facts["ns"]], budget.facts.get("selector"), budget)
        self._budgets = {id(s): tuple(self._index.find(s.namespace, s.labels)) for s in shapes.seal()}
        self._shapes = shapes  # keeps the shapes, whose ids are keys, alive
        self.on: dict[str, dict[int, Pod]] = {}
        self._pending: list[Pod] = []  # evicted, and not placed yet
        self._settle(pods)

    def drain(self, nodes: t.Sequence[str], api: Version, stage: str = "") -> list[Row]:
        """Drain these nodes together, while API servers are at that version. A row a node:

        {"node", "stage", "can": "yes" | "waits" (for budgets, one pod after the other) | "no" | "unknown",
        "reasons": [sentences], "pods": how many are evicted, "longest_grace": seconds,
        "blocked": [{"pod", "workload", "budget", "why": NEVER | NOW | ROOM | UNOBSERVED, "certain"}],
        "unobserved": [budgets whose status is not up to date, but which would admit all],
        "unmanaged", "orphans": [{"pod", "workload", "stops"}], "empty_dir": [{…, "volumes", "stops"}],
        "two_budgets": [{…, "budgets"}], "jobs": [{…, "cron"}],
        "unplaceable": [{…, "why", "certain", "returns": to its node, afterwards, "by_pods": for other pods' sake alone,
        "replicas"}], "single_replica", "local_data": [{…}], "slow": [{…, "grace"}: longer than the drain may take]}.
        """
        self.room.cordon(nodes)
        rows = {node: _row(node, stage) for node in nodes}
        queue = [pod for node in nodes for pod in self._leaving(rows[node], api)]
        round_number = 0
        while queue:
            leaving = self._round(queue, api, rows)
            if not leaving:
                break
            if round_number:
                for pod in leaving:
                    rows[pod.home]["waited"] = True
            gone = {id(pod) for pod in leaving}
            queue = [pod for pod in queue if id(pod) not in gone]
            round_number += 1
        for pod in queue:
            self._block(pod, rows[pod.node], api)
        return [_judge(rows[node]) for node in nodes]

    def give_back(self, nodes: t.Sequence[str]) -> None:
        """Take nodes back into service, but for those that a person had cordoned; what waits for room may come up."""
        self.room.uncordon(node for node in nodes if node not in self._stay_cordoned)
        waiting, self._pending = self._pending, []
        for pod in waiting:
            self._land(pod)

    def binding(self, pod: Pod, api: Version) -> list[Budget]:
        """The budgets that an eviction of this pod has to pass."""
        found = self._budgets[id(pod.shape)]
        if not found or pod.passes_budgets:
            return []
        return [budget for budget in found if not budget.empty or honours_empty_selector(api)]

    def _settle(self, pods: list[Pod]) -> None:
        selected: dict[int, list[Pod]] = {}
        for pod in pods:
            for budget in self._budgets[id(pod.shape)]:
                selected.setdefault(id(budget), []).append(pod)
            if pod.node and not pod.facts.get("finished"):
                self.room.add(pod.shape, pod.node)
            if pod.node:
                self.on.setdefault(pod.node, {})[id(pod)] = pod
        for budget in self.budgets:
            budget.begin(selected.get(id(budget), []), self.workloads)

    # --- one wave ----------------------------------------------------------------------------------------------------

    def _leaving(self, row: Row, api: Version) -> list[Pod]:
        """The pods of a node that a drain evicts; what is to be said of each goes into the row."""
        leaving = []
        for pod in self.on.get(row["node"], {}).values():
            what, objections = verdict(pod.facts, self.workloads, self.options)
            if what == LEAVE:
                continue
            row["pods"] += 1
            self._note(pod, objections, row)
            budgets = self.binding(pod, api)
            if len(budgets) > 1:
                row["two_budgets"].append({**_named(pod), "budgets": sorted(budget.key for budget in budgets)})
            else:
                leaving.append(pod)
        return leaving

    def _note(self, pod: Pod, objections: tuple[str, ...], row: Row) -> None:
        facts, named = pod.facts, _named(pod)
        if facts.get("finished"):
            return
        if pod.owner is None:
            row["unmanaged"].append({**named, "stops": UNMANAGED in objections})
        elif pod.owner[0] == "DaemonSet":
            row["orphans"].append({**named, "stops": ORPHAN in objections})
        elif pod.owner[0] == "Job":
            cron = self.workloads.of_cron_job(facts["ns"], pod.owner[1])
            row["jobs"].append({**named, "cron": cron})
        elif self.workloads.replicas(facts["ns"], pod.owner) == 1:
            row["single_replica"].append(named)
        if facts.get("empty_dir"):
            row["empty_dir"].append({**named, "volumes": list(facts["empty_dir"]), "stops": EMPTYDIR in objections})
        if any(f"{facts['ns']}/{claim}" in self._local for claim in facts.get("claims") or ()):
            row["local_data"].append(named)
        grace = facts.get("grace", DEFAULT_GRACE) if self.options.grace_period is None else self.options.grace_period
        row["longest_grace"] = max(row["longest_grace"], grace)
        if grace > self.options.timeout:
            row["slow"].append({**named, "grace": grace})

    def _round(self, queue: list[Pod], api: Version, rows: dict[str, Row]) -> list[Pod]:
        """Evict what budgets admit now, then find it places; returns what left."""
        left = []
        for pod in queue:
            budgets = self.binding(pod, api)
            if budgets and not budgets[0].admits(pod, api):
                continue
            if budgets and not budgets[0].observed:
                row = rows[pod.node]["unobserved"]
                if budgets[0].key not in row:
                    row.append(budgets[0].key)
            self._leave(pod)
            left.append(pod)
        for pod in sorted(left, key=lambda pod: -pod.facts.get("priority", 0)):
            if pod.comes_back and not self._land(pod):
                rows[pod.home]["unplaceable"].append(self._homeless(pod))
        return left

    def _leave(self, pod: Pod) -> None:
        del self.on[pod.node][id(pod)]
        if not pod.facts.get("finished"):
            self.room.remove(pod.shape, pod.node)
        pod.home, pod.node = pod.node, ""
        if pod.ready:
            for budget in self._budgets[id(pod.shape)]:
                budget.healthy -= 1
                if pod.comes_back:
                    budget.waiting[id(pod)] = pod

    def _land(self, pod: Pod) -> bool:
        """Place a pod that has none; it is as healthy there as it was. False: it goes on waiting."""
        node = self.room.find(pod.shape)
        if node is None:
            self._pending.append(pod)
            return False
        pod.node, pod.refusal = node, None
        self.room.add(pod.shape, node)
        self.on.setdefault(node, {})[id(pod)] = pod
        if pod.ready:
            for budget in self._budgets[id(pod.shape)]:
                budget.healthy += 1
                budget.waiting.pop(id(pod), None)
        return True

    def _homeless(self, pod: Pod) -> Row:
        refusal = pod.refusal = self.room.refusal(pod.shape, pod.home)
        return {
            **_named(pod),
            "why": str(refusal),
            "certain": refusal.certain,
            "returns": refusal.at_home and pod.home not in self._stay_cordoned,
            "by_pods": refusal.by_pods,
            "replicas": self.workloads.replicas(pod.facts["ns"], pod.owner),
        }

    def _block(self, pod: Pod, row: Row, api: Version) -> None:
        budget = self.binding(pod, api)[0]
        why = budget.why()
        refusals = [waiting.refusal for waiting in budget.waiting.values()]
        certain = why in (NEVER, NOW) or (why == ROOM and all(r is None or r.certain for r in refusals))
        row["blocked"].append({**_named(pod), "budget": budget.key, "why": why, "certain": certain})


def _named(pod: Pod) -> Row:
    return {"pod": pod.key, "workload": pod.workload}


def _row(node: str, stage: str) -> Row:
    return {
        "node": node,
        "stage": stage,
        "can": "yes",
        "reasons": [],
        "pods": 0,
        "longest_grace": 0,
        "waited": False,
        **{name: [] for name in _LISTS},
    }


def _judge(row: Row) -> Row:
    """Say whether the drain can succeed, and why not."""
    stops = [entry for name in ("unmanaged", "orphans", "empty_dir") for entry in row[name] if entry["stops"]]
    blocked = row["blocked"]
    reasons = [
        ("pods stop it before it begins", stops),
        ("pods under more than one budget cannot be evicted", row["two_budgets"]),
        ("pods are held by budgets that can never allow an eviction", [b for b in blocked if b["why"] == NEVER]),
        ("pods are held by budgets with too few healthy pods", [b for b in blocked if b["why"] == NOW]),
        ("pods are held by budgets whose other pods find no room", [b for b in blocked if b["why"] == ROOM]),
        ("pods are under budgets whose numbers are not known", [b for b in blocked if b["why"] == UNOBSERVED]),
        ("budgets have a status that is not up to date", row["unobserved"]),
    ]
    row["reasons"] = [f"{len(entries)} {text}" for text, entries in reasons if entries]
    waited = row.pop("waited")
    if stops or row["two_budgets"] or any(entry["certain"] for entry in blocked):
        row["can"] = "no"
    elif blocked or row["unobserved"]:
        row["can"] = "unknown"
    elif waited:
        row["can"] = "waits"
        row["reasons"] = ["budgets let its pods go a few at a time"]
    return row
