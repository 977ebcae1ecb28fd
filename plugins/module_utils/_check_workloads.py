# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Workloads whose service a drain may interrupt, by the way they are set up. All of it is information.

Whether a drain can succeed, and which workloads of one replica it stops, is told by the forecast. kube-system is left
out: its pods are made to be so.
"""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._detect_facts import cluster_rows
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Check, Context, Finding, Unchecked
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast import oldest_api_server
from ansible_collections.uplift.kubeadm.plugins.module_utils._hops import kubelet_hops
from ansible_collections.uplift.kubeadm.plugins.module_utils._seen import seen
from ansible_collections.uplift.kubeadm.plugins.module_utils._selectors import SelectorIndex, binds

SERVING = ("Deployment", "StatefulSet", "ReplicaSet")
SOCKETS = ("containerd.sock", "crio.sock")  # Docker's is a check of its own
ZONES = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
DISRUPTIONS = "https://kubernetes.io/docs/concepts/workloads/pods/disruptions/"
PROBES = "https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/"
MOST_LINES = 30

Row = t.Mapping[str, t.Any]


def workloads(ctx: Context) -> t.Iterator[Finding | Unchecked]:
    """A finding for each kind of set-up, not for each workload."""
    if not kubelet_hops(ctx.plan):
        return
    rows, missing = cluster_rows(ctx, "workloads")
    for gap in missing:
        yield Unchecked("workloads", "How workloads are set up is not known, or not of all.", gap.cause)
    serving = [row for row in rows if row["ns"] != "kube-system" and row["kind"] in SERVING and row.get("replicas")]
    several = [row for row in serving if row["replicas"] > 1]
    yield from _info(
        "no-readiness-probe",
        "have no readiness probe",
        [_name(row) for row in serving if row.get("no_readiness")],
        "Their pods count as ready as soon as they start, so that budgets let the next one go too early.",
        "Give each container that serves a readinessProbe.",
        PROBES,
    )
    yield from _info(
        "no-min-ready-seconds",
        "count a pod as available the moment it is ready",
        [_name(row) for row in several if not row.get("min_ready_seconds") and row["kind"] != "ReplicaSet"],
        "A pod that is ready for a moment and then fails has already let the next one be evicted.",
        "Where pods take a while to be proved: minReadySeconds.",
        "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#min-ready-seconds",
    )
    yield from _info(
        "grace-zero",
        "give their pods no time to end",
        [_name(row) for row in serving if row.get("grace") == 0],
        "An evicted pod is killed at once, in the midst of what it does.",
        "Set terminationGracePeriodSeconds to what an orderly end takes.",
        "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination",
    )
    yield from _without_budget(ctx, several)


def _without_budget(ctx: Context, several: t.Sequence[Row]) -> t.Iterator[Finding]:
    budgets, missing = cluster_rows(ctx, "pdbs")
    if missing:
        return  # the drain forecast says that it does not know them
    api = oldest_api_server(ctx.facts)
    index: SelectorIndex[Row] = SelectorIndex()
    for budget in budgets:
        index.add([budget["ns"]], budget.get("selector"), budget)
    yield from _info(
        "no-budget",
        "have several pods and no disruption budget",
        [
            _name(row)
            for row in several
            if not any(binds(b.get("selector"), _labels(row), api) for b in index.find(row["ns"], _labels(row)))
        ],
        "A drain evicts all of its pods on a node at once, and a wave of several nodes all of theirs.",
        "A PodDisruptionBudget with maxUnavailable: 1.",
        DISRUPTIONS,
    )


def placement(ctx: Context) -> t.Iterator[Finding | Unchecked]:
    """Workloads whose pods are all on one node, or in one zone of several; and pods that mount a runtime's socket."""
    pods, _missing = cluster_rows(ctx, "pods")  # the drain forecast says when it does not know them
    if not kubelet_hops(ctx.plan):
        return
    nodes = ctx.facts["nodes"]
    zones = {
        name: next((n.get("labels", {})[z] for z in ZONES if z in n.get("labels", {})), "") for name, n in nodes.items()
    }
    groups: dict[str, list[str]] = {}
    sockets: dict[str, None] = {}
    for pod in pods:
        if pod["ns"] == "kube-system" or pod.get("finished"):
            continue
        owner = pod.get("owner") or {}
        if owner.get("kind") in ("ReplicaSet", "StatefulSet") and pod.get("node"):
            groups.setdefault(f"{owner['kind']} {pod['ns']}/{owner['name']}", []).append(pod["node"])
        for path in pod.get("host_paths") or ():
            if path.rpartition("/")[2] in SOCKETS:
                sockets[f"{owner.get('kind', 'Pod')} {pod['ns']}/{owner.get('name', pod['name'])}: {path}"] = None
    several = {name: where for name, where in groups.items() if len(where) > 1}
    yield from _info(
        "one-node",
        "have all of their pods on one node",
        [f"{name}: {len(where)} pods on {where[0]}" for name, where in several.items() if len(set(where)) == 1],
        "The drain of that node takes all of them away.",
        "Spread them: topologySpreadConstraints over kubernetes.io/hostname, and a budget.",
        "https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/",
    )
    if len(set(zones.values())) > 1:
        yield from _info(
            "one-zone",
            "have all of their pods in one zone",
            [
                f"{name}: {len(where)} pods in {zones.get(where[0])}"
                for name, where in several.items()
                if len(set(where)) > 1 and len({zones.get(node) for node in where}) == 1
            ],
            "Where nodes are drained zone by zone, all of them are away together.",
            "Spread them: topologySpreadConstraints over topology.kubernetes.io/zone.",
            "https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/",
        )
    yield from _info(
        "runtime-socket",
        "mount the socket of a container runtime",
        list(sockets),
        "They depend on the runtime of the node, which an upgrade of nodes may change.",
        "See that they work with the runtime that the nodes will have.",
        "https://kubernetes.io/docs/tasks/administer-cluster/migrating-from-dockershim/",
    )


def _info(kind: str, what: str, lines: list[str], why: str, fix: str, source: str) -> t.Iterator[Finding]:
    if not lines:
        return
    yield Finding(
        id=f"workloads:{kind}",
        severity="info",
        title=f"{len(lines)} workload(s) {what}",
        seen=seen(lines, MOST_LINES),
        why=why,
        fix=fix,
        source=source,
    )


def _labels(row: Row) -> t.Mapping[str, str]:
    return t.cast("t.Mapping[str, str]", row.get("template_labels") or {})


def _name(row: Row) -> str:
    return f"{row['kind']} {row['ns']}/{row['name']}"


CHECKS: tuple[Check, ...] = (workloads, placement)
