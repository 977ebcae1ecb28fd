# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a wave may not do, said anew from the documentation of Kubernetes and of kubeadm_upgrade_serial: auto.

Nothing of the code under test is used. It is slow, and knows only what its generated clusters have: matchLabels,
requests, node selectors, NoSchedule taints, and required anti-affinity by host.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import Any

Facts = dict[str, Any]
Row = dict[str, Any]
HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


class Oracle:
    """A cluster's pods, where they lie now. play() takes a wave through it and says what was wrong with it."""

    def __init__(self, facts: Facts, unbudgeted: int = 25) -> None:
        self.nodes: dict[str, Row] = facts["nodes"]
        self.pods = [pod for pod in facts["pods"] if pod.get("node")]
        self.pdbs = facts["pdbs"]
        self.unbudgeted = unbudgeted
        self.at = {pod["name"]: pod["node"] for pod in self.pods}
        self.first = dict(self.at)
        self.size: dict[str, int] = defaultdict(int)  # pods that there should be
        self.away: dict[str, int] = defaultdict(int)  # of these, not Ready
        for pod in self.pods:
            if pod.get("owner"):
                self.size[owner(pod)] += 1
                self.away[owner(pod)] += not pod.get("ready")

    def play(self, wave: list[str], moves: dict[str, str | None], alone: bool) -> list[str]:
        """moves: {pod: where it goes; None: nowhere}. alone: the wave says of itself that its node does not fit."""
        wrong = self.over_limits(wave, alone)
        leaving = {pod["name"] for pod in self.pods if self.at[pod["name"]] in wave and self.leaves(pod)}
        if leaving != set(moves):
            wrong.append(f"{leaving ^ set(moves)} should, or should not, move")
        stranded = {name for name, to in moves.items() if to is None and self.comes_back(name)}
        if not alone:
            wrong += self.wrongly_stranded(stranded)
        elif len(wave) > 1:
            wrong.append(f"{wave} is said to be one node alone")
        after = {name: moves.get(name, node) for name, node in self.at.items()}
        wrong += [f"{name} goes to {to}" for name, to in moves.items() if to and not self.may_be(name, to, wave)]
        wrong += self.overfull(after) + self.too_near(after)
        back = {name: self.at[name] for name in stranded}
        self.at = {name: back.get(name, node) or "" for name, node in after.items()}
        return wrong

    def over_limits(self, wave: list[str], alone: bool) -> list[str]:
        """One node may take more than a limit, as its pods go a few at a time. alone: also where none may go now."""
        wrong = []
        for kind, limit, names in self.limits():
            holding = {node for node in wave for name in names if self.at[name] == node}
            out = sum(self.at[name] in wave for name in names)
            if out > limit and (len(holding) > 1 or (not limit and not alone)):
                wrong.append(f"{kind}: {out} pods of {sorted(holding)} are out, {limit} may be")
        return wrong

    def limits(self) -> list[tuple[str, int, list[str]]]:
        """(what, pods that may be out together, its pods)."""
        found, covered = [], set()
        for pdb in self.pdbs:
            mine = [pod["name"] for pod in self.pods if selects(pdb, pod)]
            covered |= set(mine)
            ready = [pod["name"] for pod in self.pods if pod["name"] in mine and pod.get("ready")]
            found.append((f"budget {pdb['name']}", pdb["disruptions_allowed"], ready))
        for workload in self.size:
            mine = [p["name"] for p in self.pods if p.get("owner") and owner(p) == workload and p.get("ready")]
            kind = workload.partition("/")[0]
            most = 1 if kind == "StatefulSet" else max(1, self.size[workload] * self.unbudgeted // 100)
            limit = max(0, most - self.away[workload])
            if kind not in ("DaemonSet", "Job"):
                found.append((workload, limit, [name for name in mine if name not in covered]))
        return found

    def leaves(self, pod: Row) -> bool:
        return (pod.get("owner") or {}).get("kind") != "DaemonSet" and not pod.get("mirror")

    def comes_back(self, name: str) -> bool:
        return bool(self.pod(name).get("owner"))

    def pod(self, name: str) -> Row:
        return next(pod for pod in self.pods if pod["name"] == name)

    def may_be(self, name: str, node: str, wave: list[str]) -> bool:
        return node not in wave and self.allowed_on(name, node)

    def allowed_on(self, name: str, node: str) -> bool:
        pod, facts = self.pod(name), self.nodes[node]
        wanted = pod.get("node_selector") or {}
        return (
            facts["ready"]
            and not facts["unschedulable"]
            and not facts.get("taints")
            and all(facts["labels"].get(key) == value for key, value in wanted.items())
        )

    def overfull(self, at: dict[str, str | None]) -> list[str]:
        wrong = []
        for node, facts in self.nodes.items():
            there = [pod for pod in self.pods if at[pod["name"]] == node]
            before = [pod for pod in self.pods if self.at[pod["name"]] == node]
            for resource, offers in facts["allocatable"].items():
                used, was = (sum(needs(pod, resource) for pod in pods) for pods in (there, before))
                if used > max(offers, was):
                    wrong.append(f"{node} would have {used} of {offers} {resource}")
        return wrong

    def too_near(self, at: dict[str, str | None]) -> list[str]:
        shy = [pod for pod in self.pods if pod.get("affinity")]
        return [
            f"{a['name']} and {b['name']} are both on {at[a['name']]}"
            for a, b in itertools.combinations(shy, 2)
            if a["labels"] == b["labels"] and at[a["name"]] and at[a["name"]] == at[b["name"]]
        ]

    def wrongly_stranded(self, stranded: set[str]) -> list[str]:
        """Pods without a place may be in a wave only when none could ever take them; a workload's from one node."""
        wrong = []
        for name in stranded:
            pod = self.pod(name)
            for node in self.nodes:
                taken = any(
                    other["labels"] == pod["labels"] and self.first[other["name"]] == node and other.get("affinity")
                    for other in self.pods
                    if other["name"] != name and pod.get("affinity")
                )
                if node != self.first[name] and self.allowed_on(name, node) and not taken:
                    wrong.append(f"{name} could have gone to {node} if there were room")
        free = [name for name in stranded if not any(selects(pdb, self.pod(name)) for pdb in self.pdbs)]
        homes = {(owner(self.pod(name)), self.at[name]) for name in free}
        owners = [workload for workload, _home in homes]
        return wrong + [f"{o}: pods of several nodes have no place" for o in set(owners) if owners.count(o) > 1]

    # --- the best that there is, by trying all -----------------------------------------------------------------------

    def fits(self, wave: tuple[str, ...]) -> bool:
        """May these nodes be out together, as pods lie now? By trying every place of every pod."""
        if self.over_limits(list(wave), alone=len(wave) == 1):
            return False
        moving = [p["name"] for p in self.pods if self.at[p["name"]] in wave and self.leaves(p)]
        at: dict[str, str | None] = {**self.at, **dict.fromkeys(moving)}
        return self._place([name for name in moving if self.comes_back(name)], at, list(wave))

    def _place(self, names: list[str], at: dict[str, str | None], wave: list[str]) -> bool:
        if not names:
            return True
        tried = set()
        for node in self.nodes:
            if not self.may_be(names[0], node, wave):
                continue
            there = {**at, names[0]: node}
            like = (str(self.nodes[node]["labels"].get("pool")), self._free(node, at), self._kin(names[0], node, at))
            if like in tried:
                continue
            tried.add(like)
            if not self.overfull(there) and not self.too_near(there) and self._place(names[1:], there, wave):
                return True
        return False

    def _free(self, node: str, at: dict[str, str | None]) -> tuple[int, ...]:
        there = [pod for pod in self.pods if at[pod["name"]] == node]
        return tuple(o - sum(needs(p, r) for p in there) for r, o in self.nodes[node]["allocatable"].items())

    def _kin(self, name: str, node: str, at: dict[str, str | None]) -> bool:
        pod = self.pod(name)
        return any(at[other["name"]] == node and other["labels"] == pod["labels"] for other in self.pods)

    def fewest(self, nodes: list[str]) -> int:
        """The least number of waves for these nodes while pods lie as they do now. One node alone is a wave always."""
        good = {
            frozenset(wave)
            for size in range(1, len(nodes) + 1)
            for wave in itertools.combinations(nodes, size)
            if size == 1 or self.fits(wave)
        }
        best: dict[frozenset[str], int] = {frozenset(): 0}
        for size in range(1, len(nodes) + 1):
            for left in map(frozenset, itertools.combinations(nodes, size)):
                first = min(left)
                best[left] = 1 + min(best[left - wave] for wave in good if first in wave and wave <= left)
        return best[frozenset(nodes)]


def owner(pod: Row) -> str:
    return f"{pod['owner']['kind']}/{pod['owner']['name']}"


def needs(pod: Row, resource: str) -> int:
    return 1 if resource == "pods" else (pod.get("requests") or {}).get(resource, 0)


def selects(pdb: Row, pod: Row) -> bool:
    return all(pod["labels"].get(key) == value for key, value in pdb["selector"]["matchLabels"].items())
