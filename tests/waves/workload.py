# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs on both clusters: two services and CoreDNS, each with a disruption budget.

Any two of four workers may be out together, wherever the scheduler has put the pods of the first, and no three of them:
each budget lets three of four pods go, or two of three.
"""

from __future__ import annotations

from dataclasses import dataclass

from scenario.kube import Kube, Object, is_ready
from scenario.world import wait
from uptime.service import PRE_STOP_SECONDS, push_image

_PATIENCE = 180.0  # seconds until all pods are Ready


@dataclass(frozen=True)
class Budget:
    """A workload, and the pods that its budget wants Ready at any time."""

    name: str
    namespace: str
    labels: tuple[str, str]  # of its pods
    replicas: int
    wanted: int

    @property
    def pods(self) -> str:
        """Path of its pods."""
        return f"/api/v1/namespaces/{self.namespace}/pods?labelSelector={self.labels[0]}%3D{self.labels[1]}"

    def object(self) -> Object:
        selector = {"matchLabels": dict([self.labels])}
        return {"metadata": {"name": self.name}, "spec": {"minAvailable": self.wanted, "selector": selector}}


BUDGETS = (
    Budget("web", "default", ("app", "web"), 4, 1),
    Budget("api", "default", ("app", "api"), 4, 1),
    Budget("coredns", "kube-system", ("k8s-app", "kube-dns"), 4, 1),
)


def deployment(budget: Budget, image: str) -> Object:
    """Pods on different workers where that can be, Ready when they answer, with time to say good-bye."""
    labels = dict([budget.labels])
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels},
    }
    container = {
        "name": budget.name,
        "image": image,
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
        "lifecycle": {"preStop": {"exec": {"command": ["/web", "sleep", str(PRE_STOP_SECONDS)]}}},
    }
    pod = {
        "terminationGracePeriodSeconds": PRE_STOP_SECONDS + 25,
        "topologySpreadConstraints": [spread],
        "containers": [container],
    }
    return {
        "metadata": {"name": budget.name},
        "spec": {
            "replicas": budget.replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def deploy(kube: Kube) -> None:
    """All of it, running."""
    image = push_image()
    for budget in BUDGETS:
        path = f"/apis/apps/v1/namespaces/{budget.namespace}/deployments"
        if budget.namespace == "default":
            kube.apply(path, budget.name, deployment(budget, image))
        else:  # CoreDNS is there
            kube.patient("PATCH", f"{path}/{budget.name}", {"spec": {"replicas": budget.replicas}})
        budgets = f"/apis/policy/v1/namespaces/{budget.namespace}/poddisruptionbudgets"
        kube.apply(budgets, budget.name, budget.object())

    def running() -> bool:
        return all(ready(kube.get(budget.pods)["items"]) == budget.replicas for budget in BUDGETS)

    wait("the pods of the workloads to be Ready", running, _PATIENCE)


def ready(pods: list[Object]) -> int:
    """Pods that a budget counts: Ready, and not on their way out."""
    return sum(is_ready(pod) and "deletionTimestamp" not in pod["metadata"] for pod in pods)
