# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Is there room for what the old nodes run, and can they be drained? The forecast, old nodes cordoned for good. Pure.

A host that has not joined counts as the node that it will be: its processors and memory less what kubelet's
configuration keeps back, and less what DaemonSets run on every node.
"""

from __future__ import annotations

import typing as t
from collections import Counter

from ansible_collections.uplift.kubeadm.plugins.module_utils import _quantity, _yaml
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_verdict import EVICT, LEAVE, SKIPPED
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast import Row, Simulation, oldest_api_server
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast_pods import DrainOptions, Workloads, verdict
from ansible_collections.uplift.kubeadm.plugins.module_utils._placement_shapes import Facts
from ansible_collections.uplift.kubeadm.plugins.module_utils._replace_cast import CONTROL_PLANE, Host, New
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves import Waves, plan_waves, to_stay_cordoned
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_rules import Rules

EVICTION_MEMORY = "100Mi"  # kubelet's own default of evictionHard memory.available
MAX_PODS = 110  # kubelet's own default
CONTROL_PLANE_TAINT = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


def prepared(facts: Facts, old: t.Iterable[str], joining: t.Iterable[tuple[New, Host]]) -> Facts:
    """The facts as they are when all new nodes have joined, and all old ones are cordoned and stay so."""
    gone = frozenset(old)
    nodes = {
        name: {**to_stay_cordoned(node), "unschedulable": True} if name in gone else node
        for name, node in (facts.get("nodes") or {}).items()
    }
    carried = _daemonset_requests(facts)
    for new, host in joining:
        nodes[new.node] = expected_node(facts, new, host, carried)
    return {**facts, "nodes": nodes}


def expected_node(facts: Facts, new: New, host: Host, carried: t.Mapping[str, int]) -> dict[str, t.Any]:
    """The node that a host will be; without allocatable (so that all fits) where the host does not say what it has."""
    look = new.look or {}
    labels = {
        "kubernetes.io/hostname": new.node,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": look.get("arch", ""),
    }
    own_taints = [CONTROL_PLANE_TAINT] if new.role == CONTROL_PLANE and not host.taints else []
    return {
        "role": new.role,
        "ready": True,
        "unschedulable": False,
        "cordon": None,
        "leaving": None,
        "labels": {**labels, **host.labels},
        "taints": [*host.taints, *own_taints],
        "allocatable": _allocatable(facts, look, carried),
        "static_pods": {},
    }


def occupied(facts: Facts, drain: DrainOptions) -> set[str]:
    """The nodes on which something runs that their drain would take away.

    Pods that came to a node after our cordon of it, which they tolerate, do not count: they would come again. The facts
    have `created` of such pods alone. A cordon that somebody has lifted let others come.
    """
    workloads, nodes = Workloads(facts), facts.get("nodes") or {}

    def counts(pod: Facts) -> bool:
        what, _why = verdict(pod, workloads, drain)
        node = nodes.get(pod["node"]) or {}
        cordon = (node.get("leaving") if node.get("unschedulable") else None) or {}
        came_after = bool(cordon.get("at")) and pod.get("created", "") > cordon["at"]
        return what != LEAVE and not (what == EVICT and came_after)

    return {pod["node"] for pod in facts.get("pods") or [] if pod.get("node") and counts(pod)}


def skipped(facts: Facts, old: t.Collection[str], drain: DrainOptions) -> list[str]:
    """ "shop/db-1 on w1: why" of the pods of these nodes that the drain's order leaves where they are."""
    workloads = Workloads(facts)
    rows = ((pod, *verdict(pod, workloads, drain)) for pod in facts.get("pods") or [] if pod.get("node") in old)
    return [
        f"{pod['ns']}/{pod['name']} on {pod['node']}: {why[0]}"
        for pod, what, why in rows
        if what == LEAVE and why and why[0].startswith(SKIPPED) and not pod.get("finished")
    ]


def waves_of(facts: Facts, workers: t.Sequence[str], rules: Rules) -> Waves:
    """The waves in which old workers are drained. `facts`: as prepared() returns them."""
    return plan_waves(facts, workers, rules, oldest_api_server(facts))


def drains(facts: Facts, waves: t.Iterable[t.Sequence[str]], options: DrainOptions) -> list[Row]:
    """A row a node (see Simulation.drain), the waves drained one after the other, none of them given back."""
    simulation = Simulation(facts, options)
    api = oldest_api_server(facts)
    rows: list[Row] = []
    for wave in waves:
        rows += simulation.drain(wave, api)
        simulation.give_back(wave)  # they stay cordoned, and what waits for room is tried again
    return rows


def _allocatable(facts: Facts, look: Facts, carried: t.Mapping[str, int]) -> dict[str, int] | None:
    if not look.get("cpus") or not look.get("memory"):
        return None
    kubelet = _kubelet_configuration(facts)
    has = {
        "cpu": int(look["cpus"]) * 1000,
        "memory": int(look["memory"]),
        "pods": int(kubelet.get("maxPods") or MAX_PODS),
    }
    if look.get("disk"):
        has["ephemeral-storage"] = int(look["disk"])
    for key in ("systemReserved", "kubeReserved"):
        for resource, number in _amounts(kubelet.get(key)).items():
            if resource in has:
                has[resource] -= number
    threshold = str((kubelet.get("evictionHard") or {}).get("memory.available") or EVICTION_MEMORY)
    has["memory"] -= _threshold(threshold, int(look["memory"]))
    return {resource: max(0, number - carried.get(resource, 0)) for resource, number in has.items()}


def _threshold(text: str, total: int) -> int:
    try:
        return int(total * float(text[:-1]) / 100) if text.endswith("%") else _quantity.amount("memory", text)
    except ValueError:
        return 0


def _amounts(given: t.Any) -> dict[str, int]:
    try:
        return _quantity.amounts(given or {})
    except (ValueError, AttributeError):
        return {}


def _kubelet_configuration(facts: Facts) -> t.Mapping[str, t.Any]:
    text = (facts.get("config_maps") or {}).get("kubelet-config") or ""
    try:
        found = _yaml.load(text, "KubeletConfiguration") if text else {}
    except UpliftError:
        return {}
    return found if isinstance(found, dict) else {}


def _daemonset_requests(facts: Facts) -> dict[str, int]:
    """What DaemonSets take on a node: the largest pod of each that runs on at least half of all nodes."""
    nodes = len(facts.get("nodes") or {})
    places: Counter[tuple[str, str]] = Counter()
    largest: dict[tuple[str, str], dict[str, int]] = {}
    for pod in facts.get("pods") or []:
        owner = pod.get("owner") or {}
        if owner.get("kind") == "DaemonSet" and pod.get("node"):
            key = (pod["ns"], owner["name"])
            places[key] += 1
            held = largest.setdefault(key, {})
            for resource, number in (pod.get("requests") or {}).items():
                held[resource] = max(held.get(resource, 0), number)
    total: Counter[str] = Counter()
    for key, number in places.items():
        if number * 2 >= nodes:
            total.update({**largest[key], "pods": 1})
    return dict(total)
