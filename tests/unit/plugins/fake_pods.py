# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts of nodes, pods and budgets, written short, for tests of what depends on them."""

from __future__ import annotations

from typing import Any

ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
CONTROL_PLANE_TAINT = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


def node(
    name: str, cpu: int = 4000, pods: int = 110, labels: dict[str, str] | None = None, **more: Any
) -> dict[str, Any]:
    """A worker in service. cpu in millicores."""
    return {
        "role": "worker",
        "kubelet": "v1.24.17",
        "ready": True,
        "unschedulable": False,
        "cordon": None,
        "static_pods": {},
        "labels": {HOST: name, **(labels or {})},
        "allocatable": {"cpu": cpu, "memory": 8 << 30, "pods": pods},
        **more,
    }


def control_plane(name: str, version: str = "v1.24.17", **more: Any) -> dict[str, Any]:
    static = {"kube-apiserver": {"version": version, "ready": True}}
    return node(name, **{"role": "control_plane", "static_pods": static, "taints": [CONTROL_PLANE_TAINT], **more})


def pod(
    name: str, where: str, owner: tuple[str, str] | None = ("ReplicaSet", "web-5d4f"), **more: Any
) -> dict[str, Any]:
    """A pod that runs and is Ready, of a ReplicaSet; labels app: web."""
    return {
        "ns": "shop",
        "name": name,
        "uid": f"uid-{name}",
        "labels": {"app": "web"},
        "phase": "Running",
        "ready": True,
        **({"node": where} if where else {}),
        **({"owner": {"kind": owner[0], "name": owner[1]}} if owner else {}),
        **more,
    }


def unready(name: str, where: str, **more: Any) -> dict[str, Any]:
    row = pod(name, where, **more)
    del row["ready"]
    return row


def budget(name: str = "web", app: str = "web", ns: str = "shop", **more: Any) -> dict[str, Any]:
    """minAvailable 1 unless said otherwise; its status is filled in by facts()."""
    rule = {} if "max_unavailable" in more else {"min_available": 1}
    return {
        "ns": ns,
        "name": name,
        "selector": {"matchLabels": {"app": app}},
        "min_available": None,
        "max_unavailable": None,
        "unhealthy_policy": None,
        "observed": True,
        **rule,
        **more,
    }


def workload(name: str = "web", kind: str = "Deployment", replicas: int = 2, **more: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "ns": "shop",
        "name": name,
        "replicas": replicas,
        "ready": replicas,
        "selector": {"matchLabels": {"app": name}},
        "template_labels": {"app": name},
        **more,
    }


def facts(
    nodes: dict[str, dict[str, Any]],
    pods: list[dict[str, Any]],
    pdbs: list[dict[str, Any]] | None = None,
    workloads: list[dict[str, Any]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Facts of a cluster; budgets without a status get the one that the disruption controller would write."""
    workloads = [workload()] if workloads is None else workloads
    return {
        "schema": 2,
        "version": "v1.24.17",
        "nodes": nodes,
        "pods": pods,
        "pdbs": [{**status(pdb, pods, workloads), **pdb} for pdb in pdbs or []],
        "workloads": workloads,
        "unread": [],
        **more,
    }


def status(pdb: dict[str, Any], pods: list[dict[str, Any]], workloads: list[dict[str, Any]]) -> dict[str, int]:
    """A budget's status, for selectors of matchLabels and owners in `workloads`, written from the documentation:

    https://kubernetes.io/docs/tasks/run-application/configure-pdb/
    """
    wanted = (pdb["selector"] or {}).get("matchLabels", {}).items()
    mine = [p for p in pods if p["ns"] == pdb["ns"] and pdb["selector"] is not None and wanted <= p["labels"].items()]
    names = {(p["ns"], p["owner"]["name"].rpartition("-")[0] or p["owner"]["name"]) for p in mine if "owner" in p}
    names |= {(p["ns"], p["owner"]["name"]) for p in mine if "owner" in p}
    replicas = sum(w.get("replicas", 0) for w in workloads if (w["ns"], w["name"]) in names)
    least, most = pdb["min_available"], pdb["max_unavailable"]
    expected = len(mine) if isinstance(least, int) else replicas
    desired = _count(least, expected) if most is None else max(0, expected - _count(most, expected))
    healthy = sum(1 for p in mine if p.get("ready") and not p.get("terminating"))
    allowed = max(0, healthy - desired) if expected else 0
    return {
        "current_healthy": healthy,
        "desired_healthy": desired,
        "expected_pods": expected,
        "disruptions_allowed": allowed,
    }


def _count(value: int | str, total: int) -> int:
    """ "30%" of a total, rounded up."""
    return value if isinstance(value, int) else (total * int(value[:-1]) + 99) // 100


def plan(
    *stages: tuple[str, list[str]], serial: Any = 1, version: str = "v1.25.4", before: str | None = None
) -> dict[str, Any]:
    """A plan of one hop with these (kind, nodes) stages that drain; hosts are named as nodes with "-host" behind.

    before: a control plane that goes to the version first.
    """
    made = [_stage(kind, nodes, serial, version, drains=True) for kind, nodes in stages]
    if before:
        made.insert(
            0, {**_stage("control_plane", [before], 1, version, drains=False), "actions": {f"{before}-host": "apply"}}
        )
    hops = [{"index": 0, "minor": version[1:].rpartition(".")[0], "version": version}]
    return {"schema": 1, "target": version, "changes": bool(made), "hops": hops, "stages": made, "drains": {}}


def _stage(kind: str, nodes: list[str], serial: Any, version: str, drains: bool) -> dict[str, Any]:
    hosts = [f"{name}-host" for name in nodes]
    return {
        "id": f"{version[1:].rpartition('.')[0]}/{kind}",
        "hop": 0,
        "kind": kind,
        "version": version,
        "hosts": hosts,
        "nodes": nodes,
        "serial": serial,
        "drains": hosts if drains else [],
        "why": "",
    }
