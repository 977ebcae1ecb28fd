# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reports to test with: plans by the real planner, of clusters that are made up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils import _report
from ansible_collections.uplift.kubeadm.plugins.module_utils._durations import expected
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan import Options, make_plan
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_play import host_steps, plan_play
from ansible_collections.uplift.kubeadm.tests.unit.plugins.module_utils.fake_cluster import FakeCluster

AVAILABLE = {f"1.{number}": [f"1.{number}.{patch}" for patch in (4, 9)] for number in range(23, 40)}
BEGAN = datetime(2026, 11, 21, 14, 0, tzinfo=timezone.utc)
NOW = "2026-11-21T15:00:00Z"
PLAYS = (["uncordon", "prepare", "kubectl"], ["etcd"], ["control_plane"], ["control_plane_kubelet", "workers"])

FINDINGS = [
    {
        "id": "removed-api:policy/v1beta1/PodSecurityPolicy",
        "severity": "blocker",
        "title": "PodSecurityPolicy is not served from 1.25 on",
        "seen": [
            "PodSecurityPolicy restricted: stored",
            "client `gatekeeper/v0.0.0` asked for it 42 times since 2026-11-02 (API server metrics of cp1)",
            *(f"PodSecurityPolicy team-{number}: stored" for number in range(1, 15)),
        ],
        "why": "From 1.25 on the API server knows no such objects. What creates them fails, and what they forbade is "
        "allowed from then on.",
        "fix": "Move to Pod Security Admission: label each namespace, for example `kubectl label namespace shop "
        "pod-security.kubernetes.io/enforce=baseline`, then delete the policies with `kubectl delete psp --all`.",
        "source": "https://kubernetes.io/docs/reference/using-api/deprecation-guide/#psp-v125",
        "minor": "1.25",
        "accepted": False,
    },
    {
        "id": "drain:pdb-never-allows:shop/db",
        "severity": "warning",
        "title": "The budget shop/db never allows an eviction",
        "seen": ["PodDisruptionBudget shop/db: maxUnavailable is 0; it holds shop/db-0 on w1 and shop/db-1 on w2"],
        "why": "The drain of w1 and of w2 would wait until its time-out of 900 s, and then stop the run.",
        "fix": "Allow one pod to be away while the nodes are drained: `kubectl -n shop patch pdb db --type merge -p "
        '\'{"spec": {"maxUnavailable": 1}}\'`.',
        "source": "https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
        "minor": "",
        "accepted": False,
    },
    {
        "id": "drift:kube-apiserver.yaml",
        "severity": "warning",
        "title": "kubeadm would overwrite edits in kube-apiserver.yaml",
        "seen": [
            "cp1 /etc/kubernetes/manifests/kube-apiserver.yaml: `--audit-log-path=/var/log/audit.log` would be lost"
        ],
        "why": "kubeadm writes the manifest anew from the ConfigMap kubeadm-config at every hop.",
        "fix": "Put the flag under `apiServer.extraArgs` of the ClusterConfiguration, or into kubeadm patches.",
        "source": "kubeadm: cmd/kubeadm/app/phases/controlplane",
        "minor": "1.25",
        "accepted": True,
    },
    {
        "id": "calendar:1.26",
        "severity": "info",
        "title": "1.26 is no longer maintained",
        "seen": ["1.26 ended on 2024-02-28"],
        "why": "No security fixes come for it.",
        "fix": "Plan the next hops soon.",
        "source": "https://kubernetes.io/releases/patch-releases/",
        "minor": "1.26",
        "accepted": False,
    },
]
CHECKS = {
    "findings": FINDINGS,
    "unchecked": [
        {"check": "node:api_usage", "why": "On cp1: /metrics answered 403. Clients of removed APIs are not seen there."}
    ],
}
WORKLOADS = {
    "compared": True,
    "at": "2026-11-21T14:00:00Z",
    "before": 48,
    "as_before": 45,
    "lost": 2,
    "missing": [
        {"kind": "Pod", "ns": "shop", "name": "debug", "before": "1 of 1", "now": "none", "why": "is gone"},
    ],
    "not_ready": [],
    "fewer": [
        {
            "kind": "Deployment", "ns": "shop", "name": "web", "before": "3 of 3", "now": "1 of 3",
            "why": "has fewer Ready replicas",
        },
    ],
    "changed_by_owner": [
        {
            "kind": "Deployment", "ns": "shop", "name": "batch", "before": "5 of 5", "now": "2 of 2",
            "why": "is wanted 2 times, and was 5 times",
        },
    ],
    "lines": ["2 of 48 workloads that were Ready at 2026-11-21T14:00:00Z are not as they were."],
}  # fmt: skip


def plan_of(cluster: FakeCluster, target: str = "1.26", **options: Any) -> dict[str, Any]:
    return make_plan(cluster.facts(), cluster.hosts(), AVAILABLE, Options(target=target, **options))["plan"]


def summary_of(version: str, control_planes: int = 1, workers: int = 2) -> dict[str, Any]:
    """As cluster_info returns it."""
    return {
        "api_servers": {f"cp{number + 1}": version for number in range(control_planes)},
        "kubelets": {version: control_planes + workers},
        "kube_proxy": version,
        "coredns": "v1.8.6",
        "nodes": control_planes + workers,
        "not_ready": [],
        "unschedulable": [],
    }


def document_of(
    control_planes: int = 1,
    workers: int = 2,
    checks: Mapping[str, Any] | None = MappingProxyType(CHECKS),
    outcome: str = "planned",
    **options: Any,
) -> dict[str, Any]:
    """The report of a plan from 1.24.17 to 1.26."""
    plan = plan_of(FakeCluster.whole("v1.24.17", control_planes, workers), **options)
    before = summary_of("v1.24.17", control_planes, workers)
    document = _report.new_document("shop", plan, expected(plan), checks, before)
    _report.conclude(document, outcome, NOW)
    return document


def raw_steps(plan: Mapping[str, Any], fails_on: str = "", fails_in: str = "") -> list[dict[str, Any]]:
    """What a run records, wave by wave, until a node fails."""
    steps: list[dict[str, Any]] = []
    clock = BEGAN
    seconds = {"prepare": 41, "control_plane": 118, "control_plane_kubelet": 44, "workers": 52, "kubectl": 6}
    for hop in range(len(plan["hops"])):
        for kinds in PLAYS:
            play = plan_play(plan, hop, kinds)
            ours = list(host_steps(play).items())
            for wave in play["serial"]:
                batch, ours = ours[:wave], ours[wave:]
                failed = False
                longest = clock
                for _host, step in batch:
                    kind = step["kinds"][-1]
                    took = seconds[kind] + (7 * len(steps)) % 23
                    ended = clock + timedelta(seconds=took)
                    longest = max(longest, ended)
                    raw: dict[str, Any] = {"step": step, "began": _text(clock), "ended": _text(ended)}
                    if kind in ("control_plane_kubelet", "workers"):
                        held = [{"budget": "shop/web", "refusals": 4, "seconds": 7.5}] if step["node"] == "w1" else []
                        raw["drain"] = {"evicted": [{"name": f"p{n}"} for n in range(3)], "waited": held}
                    if step["node"] == fails_on and kind == fails_in and hop == 1:
                        raw["failure"] = {
                            "task": "Drain",
                            "message": "w2 was not drained within 900 s. shop/db-1 is left: the budget shop/db "
                            "refused its eviction 212 times. The node was uncordoned again.",
                        }
                        failed = True
                    steps.append(raw)
                clock = longest
                if failed:
                    return steps
    return steps


def upgraded(outcome: str = "succeeded", **more: Any) -> dict[str, Any]:
    document = document_of(**more)
    _report.add_steps(document, raw_steps(document["plan"]))
    number = document["done"]["versions_before"]["nodes"]
    control = sum(document["done"]["versions_before"]["api_servers"].values())
    _report.conclude(document, outcome, NOW, summary_of("v1.26.9", control, number - control), WORKLOADS)
    return document


def failed(**more: Any) -> dict[str, Any]:
    document = document_of(**more)
    _report.add_steps(document, raw_steps(document["plan"], "w2", "workers"))
    _report.conclude(document, "running", NOW)
    return document


def _text(time: datetime) -> str:
    return time.strftime(_report.TIME)
