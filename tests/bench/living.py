# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is put into a cluster that lives (simulated.py): nodes, Deployments and budgets. Its controllers make the rest.

Objects are (path of the collection, object, status to give it after), as in crowd.py. Three zones; a twentieth of the
workers are a pool of their own. Workers are as large as it takes for pods of seven sizes to ask for 70 % of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import crowd
import system_pods

Object = crowd.Object

# Of ten Deployments: as many pods of twenty may be away. None: it has no budget.
BUDGETS: Sequence[int | str | None] = (1, 1, 2, 2, "10%", "25%", "25%", "50%", None, None)
BUDGET_LABEL, NO_BUDGET = "bench.example.com/budget", "none"
POOL = "pool=db"
# kubeadm_upgrade_groups of the run that has any: a twentieth of a zone at once, and a pool that goes last, in pairs.
GROUPS = [{"name": "zones", "max_per_zone": "5%"}, {"name": "db", "selector": POOL, "max": 2, "order": 200}]
ZONES, ONE_IN_POOL = 3, 20
ASKED = 0.7  # of the workers' processors
CPU = (100, 250, 250, 500, 750, 1000, 1250)  # thousandths of a processor that a pod of a Deployment asks for
_ZONE, _HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
_DEPLOYMENTS, _BUDGETS = "/apis/apps/v1/deployments", "/apis/policy/v1/poddisruptionbudgets"


# ---- what is put there


def nodes(count: int, pods: int) -> Iterator[crowd.Write]:
    """Nodes for so many pods. The first are control planes. kwok makes them Ready, and gives them addresses."""
    cpu = node_cpu(count, pods)
    for number in range(count):
        yield "/api/v1/nodes", _node(number, cpu), None


def workloads(nodes: int, pods: int) -> Iterator[crowd.Write]:
    """kube-proxy on every node, and Deployments of twenty pods each for the rest of the pods, most with a budget."""
    yield from (("/api/v1/namespaces", {"metadata": {"name": f"team-{n}"}}, None) for n in range(crowd.NAMESPACES))
    yield "/apis/apps/v1/namespaces/kube-system/daemonsets", _proxy(), None
    for number in range(deployments(nodes, pods)):
        yield from _deployment(number)


def deployments(nodes: int, pods: int) -> int:
    return max(0, pods - nodes) // crowd.REPLICAS


def pool_label(number: int) -> dict[str, str]:
    """The label of the pool, for nodes that are in it."""
    inside = number >= system_pods.CONTROL_PLANES and number % ONE_IN_POOL == 0
    return dict([POOL.split("=")]) if inside else {}


def node_cpu(nodes: int, pods: int) -> int:
    """Thousandths of a processor that a node has; the largest pod fits twice at least."""
    asked = sum(CPU[number % len(CPU)] for number in range(deployments(nodes, pods))) * crowd.REPLICAS
    workers = max(1, nodes - system_pods.CONTROL_PLANES)
    return max(2 * max(CPU), round(asked / workers / ASKED))


def _node(number: int, cpu: int) -> Object:
    name = crowd.node_name(number)
    control = number < system_pods.CONTROL_PLANES
    labels = {
        "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux", _HOST: name, _ZONE: f"zone-{number % ZONES}",
        **({"node-role.kubernetes.io/control-plane": ""} if control else {}),
        **pool_label(number),
    }  # fmt: skip
    taints = [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}] if control else []
    amounts = {"cpu": f"{cpu}m", "memory": f"{4 * cpu}Mi", "pods": "110"}
    versions = {"kubeletVersion": system_pods.VERSION, "kubeProxyVersion": system_pods.VERSION}
    status = {"allocatable": amounts, "capacity": amounts, "nodeInfo": {**versions, "operatingSystem": "linux"}}
    return {"metadata": {"name": name, "labels": labels}, "spec": {"taints": taints}, "status": status}


def _proxy() -> Object:
    labels = {"k8s-app": "kube-proxy"}
    container = {"name": "kube-proxy", "image": f"registry.k8s.io/kube-proxy:{system_pods.VERSION}"}
    spec = {"containers": [container], "hostNetwork": True, "tolerations": [{"operator": "Exists"}]}
    return {
        "metadata": {"name": "kube-proxy", "namespace": "kube-system", "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
    }


def _deployment(number: int) -> Iterator[crowd.Write]:
    name, namespace = f"service-{number}", f"team-{number % crowd.NAMESPACES}"
    most = BUDGETS[number % len(BUDGETS)]
    labels = {"app": name}
    selector = {"matchLabels": labels}
    named = NO_BUDGET if most is None else str(most).replace("%", "pc")
    meta = {"name": name, "namespace": namespace, "labels": {**labels, BUDGET_LABEL: named}}
    spec = {
        "replicas": crowd.REPLICAS,
        "selector": selector,
        "template": {"metadata": {"labels": labels}, "spec": _pod(number, selector)},
    }
    if most is not None:
        budget = {"metadata": meta, "spec": {"selector": selector, "maxUnavailable": most}}
        yield f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets", budget, None
    yield f"/apis/apps/v1/namespaces/{namespace}/deployments", {"metadata": meta, "spec": spec}, None


def _pod(number: int, selector: Object) -> Object:
    """Evenly over the zones, whatever it costs; over nodes as far as may be."""
    cpu = CPU[number % len(CPU)]
    container = {
        "name": "service",
        "image": f"registry.example.com/team/service-{number}:2.4.1",
        "resources": {"requests": {"cpu": f"{cpu}m", "memory": f"{2 * cpu}Mi"}},
    }
    spread = [
        {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": otherwise, "labelSelector": selector}
        for key, otherwise in ((_ZONE, "DoNotSchedule"), (_HOST, "ScheduleAnyway"))
    ]
    return {"containers": [container], "topologySpreadConstraints": spread}


# ---- is it there?


def nodes_missing(api: Any, count: int) -> str:
    """What is missing until all nodes are Ready; "" when nothing is."""
    ready = sum(api.list("/api/v1/nodes", keep=lambda node: int(_is_ready(node))))
    return "" if ready == count else f"{ready:,} of {count:,} nodes are Ready"


def unsettled(api: Any) -> str:
    """What is missing until all pods are Ready, and the budgets know it; "" when nothing is."""
    rows = api.list(_DEPLOYMENTS, keep=ready_of)
    rows += api.list("/apis/apps/v1/daemonsets", keep=ready_of)
    ready, wanted = sum(row[0] for row in rows), sum(row[1] for row in rows)
    if ready != wanted or not rows:
        return f"{ready:,} of {wanted:,} pods are Ready"
    behind = sum(api.list(_BUDGETS, keep=lambda budget: int(not knows_all(budget))))
    return f"{behind:,} budgets do not know of all their pods yet" if behind else ""


def ready_of(workload: Object) -> tuple[int, int]:
    """(pods that are Ready, pods that there should be) of a Deployment or DaemonSet."""
    spec, status = workload["spec"], workload.get("status") or {}
    if status.get("observedGeneration") != workload["metadata"]["generation"]:
        return 0, spec.get("replicas", 1)
    if "replicas" not in spec:
        return status.get("numberReady", 0), status.get("desiredNumberScheduled", 0)
    return status.get("readyReplicas", 0), spec["replicas"]


def knows_all(budget: Object) -> bool:
    status = budget.get("status") or {}
    expected = status.get("expectedPods", 0)
    return bool(
        status.get("observedGeneration") == budget["metadata"]["generation"]
        and expected == status.get("currentHealthy") == crowd.REPLICAS
        and not status.get("disruptedPods")
    )


def _is_ready(node: Object) -> bool:
    conditions = node.get("status", {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
