# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of the cases, as the API takes them. Pods run a shell of the image that kube-proxy has on every node."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

COLLECTIONS = {
    "Pod": "/api/v1/namespaces/{}/pods",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets",
    "DaemonSet": "/apis/apps/v1/namespaces/{}/daemonsets",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
}
WEB = {"app": "web"}
_RUN = "trap 'sleep {}; exit 0' TERM; sleep 86400 & wait"
OVER = "exit 0"  # what a pod runs that completes at once
# A first process without a handler would not hear of it, and take all of its grace period.
_ENDS_AT_ONCE = "trap 'exit 143' TERM"


def spec(image: str, ends_in: int = 0, runs: int | None = None, ready: bool = True, **more: Any) -> Object:
    """A pod's spec.

    :param ends_in: seconds that it takes to end when it is told to.
    :param runs: seconds after which it has completed; None: it runs on.
    """
    command = _RUN.format(ends_in) if runs is None else f"{_ENDS_AT_ONCE}; sleep {runs} & wait $!" if runs else OVER
    container: Object = {"name": "main", "image": image, "command": ["sh", "-c", command]}
    if not ready:
        container["readinessProbe"] = {"exec": {"command": ["false"]}, "periodSeconds": 1}
    made = {"containers": [container], "terminationGracePeriodSeconds": 30, **more}
    return made if runs is None else {**made, "restartPolicy": "Never"}


def pod(name: str, pod_spec: Object, **metadata: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": WEB, **metadata},
        "spec": pod_spec,
    }


def orphan(name: str, pod_spec: Object) -> Object:
    """A pod of a DaemonSet that is not there. The garbage collector would delete it, did it know the API group."""
    owner = {
        "apiVersion": "apps.example.org/v1",
        "kind": "DaemonSet",
        "name": "gone",
        "uid": "8a0f6c9e-0000-4000-8000-000000000000",
        "controller": True,
    }
    return pod(name, pod_spec, ownerReferences=[owner])


def workload(kind: str, name: str, replicas: int | None, pod_spec: Object, labels: Object | None = None) -> Object:
    labels = labels or WEB
    made: Object = {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec},
        },
    }
    if replicas is not None:
        made["spec"]["replicas"] = replicas
    if kind == "StatefulSet":
        made["spec"].update(serviceName=name, podManagementPolicy="Parallel")
    return made


def deployment(replicas: int, pod_spec: Object) -> Object:
    return workload("Deployment", "web", replicas, pod_spec)


def job(name: str, pod_spec: Object) -> Object:
    template = {"metadata": {"labels": {"type": "batch"}}, "spec": pod_spec}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": template}}


def budget(name: str, **rule: Any) -> Object:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": WEB}, **rule},
    }
