# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cases: what is on the node, what the tools are told, and what node_drain is to make of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .objects import Object, budget, deployment, job, orphan, pod, spec, workload

TIMEOUT = 20  # seconds that each tool is given, unless a case says otherwise
JOB_SECONDS = 25  # so long that the slowest tool has begun before the Job's end, on a busy machine, too


@dataclass(frozen=True)
class Expected:
    """What node_drain is to do."""

    ok: bool
    left: int = 0  # pods of the case that are on the node afterwards, the same as before
    completed: int = 0  # such pods that have completed
    words: tuple[str, ...] = ()  # in what it says


@dataclass(frozen=True)
class Case:
    """Each tool gets its own options on top of those for a plain drain that leaves DaemonSet pods."""

    name: str
    objects: Callable[[str], list[Object]]  # of the image
    ours: Expected
    timeout: int = TIMEOUT
    kubectl: tuple[str, ...] = ()
    k8s_drain: dict[str, Any] = field(default_factory=dict)  # its delete_options
    node_drain: dict[str, Any] = field(default_factory=dict)
    ready: bool = True  # whether its pods become Ready
    dead: bool = False  # whether the node's kubelet is stopped before
    needs: tuple[int, int] = (1, 24)  # Kubernetes


NOTHING_TOUCHED = "cannot be drained because of some of its pods"
SCRATCH = [{"name": "scratch", "emptyDir": {}}]
ANYWHERE = [{"operator": "Exists"}]


def _web(replicas: int, *more: Object, **options: Any) -> Callable[[str], list[Object]]:
    return lambda image: [deployment(replicas, spec(image, **options)), *more]


CASES = (
    Case("Deployment, 3 pods, no budget", _web(3), Expected(True)),
    Case("budget minAvailable: 1 of 2", _web(2, budget("web", minAvailable=1)), Expected(True)),
    Case("budget maxUnavailable: 1 of 3", _web(3, budget("web", maxUnavailable=1)), Expected(True)),
    Case("budget minAvailable: 50% of 4", _web(4, budget("web", minAvailable="50%")), Expected(True)),
    Case(
        "budget maxUnavailable: 0",
        _web(2, budget("web", maxUnavailable=0)),
        Expected(False, 2, words=("held by the budget", "can never allow", "maxUnavailable: 0", "uncordoned again")),
    ),
    Case(
        "budget minAvailable: 2 of 2",
        _web(2, budget("web", minAvailable=2)),
        Expected(False, 2, words=("held by the budget", "can never allow", "minAvailable: 2 of 2", "uncordoned again")),
    ),
    Case(
        "pods not Ready, budget minAvailable: 1",
        _web(2, budget("web", minAvailable=1), ready=False),
        Expected(False, 2, words=("held by the budget", "uncordoned again")),
        ready=False,
    ),
    Case(
        "pods not Ready, unhealthyPodEvictionPolicy: AlwaysAllow",
        _web(2, budget("web", minAvailable=1, unhealthyPodEvictionPolicy="AlwaysAllow"), ready=False),
        Expected(True),
        ready=False,
        needs=(1, 26),
    ),
    Case(
        "two budgets on one pod",
        _web(2, budget("web", minAvailable=0), budget("other", minAvailable=0)),
        Expected(False, 2, words=(NOTHING_TOUCHED, "more than one PodDisruptionBudget")),
    ),
    Case(
        "past a budget that never allows, when asked to",
        _web(2, budget("web", maxUnavailable=0)),
        Expected(True, words=("in spite of their disruption budgets",)),
        kubectl=("--disable-eviction",),
        k8s_drain={"disable_eviction": True},
        node_drain={"force_past_budgets_after": 4},
    ),
    Case(
        "pod without a controller",
        lambda image: [pod("bare", spec(image))],
        Expected(False, 1, words=(NOTHING_TOUCHED, "no controller would start them again")),
    ),
    Case(
        "pod without a controller, allowed",
        lambda image: [pod("bare", spec(image))],
        Expected(True),
        kubectl=("--force",),
        k8s_drain={"force": True},
        node_drain={"force_unmanaged": True},
    ),
    Case("emptyDir", _web(1, volumes=SCRATCH), Expected(False, 1, words=(NOTHING_TOUCHED, "emptyDir data"))),
    Case(
        "emptyDir, allowed",
        _web(1, volumes=SCRATCH),
        Expected(True),
        kubectl=("--delete-emptydir-data",),
        k8s_drain={"delete_emptydir_data": True},
        node_drain={"delete_emptydir_data": True},
    ),
    Case(
        "pod of a DaemonSet that is gone",
        lambda image: [orphan("lost", spec(image))],
        Expected(False, 1, words=(NOTHING_TOUCHED, "their DaemonSet is gone")),
    ),
    Case(
        "DaemonSet, and a Deployment",
        lambda image: [deployment(1, spec(image)), workload("DaemonSet", "agent", None, spec(image), {"app": "agent"})],
        Expected(True),
    ),
    Case(
        "finished pods, one without a controller and with emptyDir",
        lambda image: [job("done", spec(image, runs=0)), pod("bare", spec(image, runs=0, volumes=SCRATCH))],
        Expected(True),
    ),
    Case("slow to end: 6 s", _web(1, ends_in=6), Expected(True)),
    Case(
        "slow to end: longer than the time-out",
        _web(1, ends_in=50, terminationGracePeriodSeconds=60),
        Expected(False, 1, words=("still terminating", "uncordoned again")),
        timeout=10,
    ),
    Case(
        "StatefulSet: starts again elsewhere under the same name",
        lambda image: [workload("StatefulSet", "db", 2, spec(image))],
        Expected(True),
    ),
    Case(
        "pod that tolerates the cordon, and comes back to the node",
        lambda image: [
            deployment(1, spec(image, tolerations=ANYWHERE, nodeSelector={"drain-table": "here"})),
        ],
        Expected(True, words=("came after the cordon, which it tolerates",)),
    ),
    Case(
        "running Job, to be waited for where the tool can",
        lambda image: [job("import", spec(image, runs=JOB_SECONDS))],
        Expected(True, completed=1, words=('"completed": [{',)),
        timeout=JOB_SECONDS + TIMEOUT,
        node_drain={"order": [{"selector": "type=batch", "action": "wait"}]},
    ),
    Case(
        "node that is not Ready",
        _web(2, terminationGracePeriodSeconds=2),
        Expected(False, 2, words=("which is not Ready", "uncordoned again")),
        dead=True,
    ),
    Case(
        "node that is not Ready, not waiting for pods deleted long ago",
        _web(2, terminationGracePeriodSeconds=2),
        Expected(True, 2, words=("which is not Ready", "deleted long ago, not waited for")),
        kubectl=("--skip-wait-for-delete-timeout=3",),
        node_drain={"skip_wait_for_delete_timeout": 3},
        dead=True,
    ),
)
