# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of a large cluster, as real ones look (6 to 8 KiB of JSON a pod), put there through its API."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import system_pods

Object = dict[str, Any]
Write = tuple[str, Object, "Object | None"]  # path of the collection, object, status to give it after

NAMESPACES = 40
REPLICAS = 20  # pods a Deployment
_CHUNK = 200
_IMAGE = "registry.example.com/team/service:2.4.1"
# Kinds of which the removed-API scan reads every object, with a version that a later minor removes.
SCANNED = {
    "cronjobs": ("batch", "v1", "v1beta1", "CronJob"),
    "poddisruptionbudgets": ("policy", "v1", "v1beta1", "PodDisruptionBudget"),
    "horizontalpodautoscalers": ("autoscaling", "v2", "v2beta2", "HorizontalPodAutoscaler"),
    "endpointslices": ("discovery.k8s.io", "v1", "v1beta1", "EndpointSlice"),
}
_OLD_WRITES = 50  # one object in so many is written through the old version


def empty() -> Iterator[Write]:
    """Namespaces and kubeadm's configuration, which has to be there before all else."""
    yield from system_pods.configuration()
    yield from (("/api/v1/namespaces", {"metadata": {"name": f"team-{n}"}}, None) for n in range(NAMESPACES))


def cluster(nodes: int, pods: int, nodes_before: int = 0, pods_before: int = 0) -> Iterator[Write]:
    """What brings a cluster of (nodes_before, pods_before), or empty(), to (nodes, pods).

    The first nodes are its control planes, and those of kube-system are among the pods. The rest belongs to
    Deployments, of which the last may have fewer pods than it says.
    """
    yield from system_pods.addons(nodes)
    for number in range(nodes_before, nodes):
        yield _node(number)
        yield from system_pods.of_node(number, node_name(number))
    for number in range(_of_deployments(nodes_before, pods_before), _of_deployments(nodes, pods)):
        if number % REPLICAS == 0:
            yield from _deployment(number // REPLICAS)
        yield _pod(number, nodes)


def _of_deployments(nodes: int, pods: int) -> int:
    return max(0, pods - system_pods.count(nodes))


def node_name(number: int) -> str:
    return f"node-{number:05}"


def scanned(count: int) -> Iterator[Write]:
    """`count` objects of the kinds of SCANNED, as many of each."""
    for number in range(count):
        resource = list(SCANNED)[number % len(SCANNED)]
        group, new, old, kind = SCANNED[resource]
        version = old if number % _OLD_WRITES < len(SCANNED) else new
        namespace = f"team-{number % NAMESPACES}"
        meta = {"name": f"scanned-{number}", "namespace": namespace, "labels": _labels(number)}
        body = {"apiVersion": f"{group}/{version}", "kind": kind, "metadata": meta, **_SPECS[kind]}
        yield f"/apis/{group}/{version}/namespaces/{namespace}/{resource}", body, None


def put(kubeconfig: Path, collections: Path, writes: Iterable[Write], processes: int) -> int:
    """Make them all, and return how many. What is there already stays."""
    tasks = ((str(kubeconfig), chunk) for chunk in _chunks(writes))
    sys.path.insert(0, str(collections))
    end_as_usual = (signal.SIGTERM, signal.SIG_DFL)  # whatever the program that they are forked from does
    with multiprocessing.Pool(processes, signal.signal, end_as_usual) as pool:
        return sum(pool.imap_unordered(_put, tasks))


def _put(task: tuple[str, list[Write]]) -> int:
    kubeconfig, writes = task
    from ansible_collections.uplift.kubeadm.plugins.module_utils import _api
    from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

    api = _APIS.setdefault(
        kubeconfig, _api.connect({"kubeconfig": kubeconfig, "transport": "stdlib", "api_timeout": 120})
    )
    try:
        for path, body, status in writes:
            _write(api, path, body, status)
    except UpliftError as e:
        raise RuntimeError(str(e)) from None  # a process can hand on what takes one argument
    return len(writes)


def _write(api: Any, path: str, body: Object, status: Object | None) -> None:
    from ansible_collections.uplift.kubeadm.plugins.module_utils import _api

    try:
        api.create(path, body)
    except _api.ApiError as e:
        if e.status != 409:
            raise
    if status is not None:
        api.patch(f"{path}/{body['metadata']['name']}/status", {"status": status})


_APIS: dict[str, Any] = {}  # of this process


def _chunks(writes: Iterable[Write]) -> Iterator[list[Write]]:
    chunk: list[Write] = []
    for write in writes:
        chunk.append(write)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    yield chunk


def _labels(number: int) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": f"service-{number}",
        "app.kubernetes.io/part-of": f"product-{number % 50}",
        "app.kubernetes.io/managed-by": "Helm",
        "team": f"team-{number % NAMESPACES}",
    }


def _node(number: int) -> Write:
    name = node_name(number)
    control = number < system_pods.CONTROL_PLANES
    labels = {
        "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux", "kubernetes.io/hostname": name,
        "topology.kubernetes.io/zone": f"zone-{number % 3}", "node.example.com/rack": f"rack-{number // 40}",
        **({"node-role.kubernetes.io/control-plane": ""} if control else {}),
    }  # fmt: skip
    roles = ("master", "control-plane") if control else ()  # 1.24 sets both
    taints = [{"key": f"node-role.kubernetes.io/{role}", "effect": "NoSchedule"} for role in roles]
    amounts = {"cpu": "32", "memory": "131072Mi", "pods": "110", "ephemeral-storage": "200Gi", "hugepages-2Mi": "0"}
    status = {
        "allocatable": amounts,
        "capacity": amounts,
        "addresses": [{"type": "InternalIP", "address": f"10.1.{number // 250}.{number % 250 + 1}"}],
        "conditions": [
            {
                "type": kind, "status": str(kind == "Ready"), "reason": f"Kubelet{kind}", "message": "as it should be",
                "lastHeartbeatTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
            for kind in ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")
        ],
        "images": [
            {"names": [f"registry.example.com/team/image-{i}@sha256:{i:064}", f"registry.example.com/team/image-{i}:1"],
             "sizeBytes": 10**8}
            for i in range(50)
        ],
        "nodeInfo": {
            "kubeletVersion": system_pods.VERSION, "kubeProxyVersion": system_pods.VERSION, "operatingSystem": "linux",
            "architecture": "amd64", "osImage": "Debian GNU/Linux 12", "kernelVersion": "6.1.0",
            "containerRuntimeVersion": "containerd://1.6.20", "machineID": "", "systemUUID": "", "bootID": "",
        },
    }  # fmt: skip
    body = {"metadata": {"name": name, "labels": labels}, "spec": {"taints": taints}, "status": status}
    return "/api/v1/nodes", body, None


def _template(number: int) -> Object:
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10}
    mounts = [{"name": name, "mountPath": f"/mnt/{name}"} for name in ("config", "scratch", "token")]
    container = {
        "name": "service",
        "image": _IMAGE,
        "ports": [{"containerPort": 8080}, {"containerPort": 9090, "name": "metrics"}],
        "env": [{"name": f"SETTING_{i}", "value": f"a value of some length, number {i}"} for i in range(20)],
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
        "volumeMounts": mounts,
        "readinessProbe": probe,
        "livenessProbe": probe,
        "securityContext": {"runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}},
    }
    proxy = {
        "name": "proxy",
        "image": "registry.example.com/mesh/proxy:1.17.0",
        "resources": {"requests": {"cpu": "10m", "memory": "40Mi"}},
    }
    token = {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}}
    return {
        "containers": [container, proxy],
        "initContainers": [{"name": "init", "image": _IMAGE, "resources": {"requests": {"cpu": "50m"}}}],
        "volumes": [
            {"name": "config", "configMap": {"name": f"service-{number}"}},
            {"name": "scratch", "emptyDir": {}},
            {"name": "token", "projected": {"sources": [token]}},
        ],
        "affinity": {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 100,
                        "podAffinityTerm": {
                            "labelSelector": {"matchLabels": {"app.kubernetes.io/name": f"service-{number}"}},
                            "topologyKey": "kubernetes.io/hostname",
                        },
                    }
                ]
            }
        },
        "serviceAccountName": "default",
    }


def _deployment(number: int) -> Iterator[Write]:
    namespace = f"team-{number % NAMESPACES}"
    labels = _labels(number)
    meta = {"name": f"service-{number}", "namespace": namespace, "labels": labels}
    selector = {"matchLabels": {"app.kubernetes.io/name": f"service-{number}"}}
    template = {"metadata": {"labels": labels}, "spec": _template(number)}
    spec = {"replicas": REPLICAS, "selector": selector, "template": template}
    status = {"replicas": REPLICAS, "readyReplicas": REPLICAS, "updatedReplicas": REPLICAS}
    yield f"/apis/apps/v1/namespaces/{namespace}/deployments", {"metadata": meta, "spec": spec}, status
    budget = {"metadata": meta, "spec": {"selector": selector, "maxUnavailable": 1}}
    healthy = {"observedGeneration": 1, "currentHealthy": REPLICAS, "desiredHealthy": REPLICAS - 1}
    counts = {**healthy, "disruptionsAllowed": 1, "expectedPods": REPLICAS}
    yield f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets", budget, counts


def _pod(number: int, nodes: int) -> Write:
    deployment = number // REPLICAS
    namespace = f"team-{deployment % NAMESPACES}"
    replica_set = f"service-{deployment}-{deployment % 16**8:08x}"
    workers = max(nodes - system_pods.CONTROL_PLANES, 1)
    node = node_name(system_pods.CONTROL_PLANES + number % workers)
    meta = {
        "name": f"{replica_set}-{number:05x}",
        "namespace": namespace,
        "labels": {**_labels(deployment), "pod-template-hash": replica_set.rpartition("-")[2]},
        "annotations": {"prometheus.io/scrape": "true", "checksum/config": f"{deployment:064}"},
        "ownerReferences": [
            {
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": replica_set, "controller": True,
                "uid": f"00000000-0000-4000-8000-{deployment:012}",
            }
        ],
    }  # fmt: skip
    containers = [
        {
            "name": name, "image": image, "imageID": f"{image}@sha256:{number:064}", "ready": True, "started": True,
            "restartCount": 0, "containerID": f"containerd://{number:064}",
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
        }
        for name, image in (("service", _IMAGE), ("proxy", "registry.example.com/mesh/proxy:1.17.0"))
    ]  # fmt: skip
    status = {
        "phase": "Running",
        "hostIP": "10.1.0.1",
        "podIP": f"10.244.{number // 250 % 250}.{number % 250}",
        "startTime": "2026-01-01T00:00:00Z",
        "conditions": [
            {"type": kind, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
            for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")
        ],
        "containerStatuses": containers,
    }
    spec = {**_template(deployment), "nodeName": node}
    return f"/api/v1/namespaces/{namespace}/pods", {"metadata": meta, "spec": spec}, status


_JOB = {
    "template": {
        "spec": {
            "restartPolicy": "Never",
            "containers": [
                {
                    "name": "job", "image": _IMAGE, "args": ["--once"],
                    "env": [{"name": f"SETTING_{i}", "value": "some value"} for i in range(10)],
                }
            ],
        }
    }
}  # fmt: skip
_SPECS: dict[str, Object] = {
    "CronJob": {"spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": _JOB}}},
    "PodDisruptionBudget": {"spec": {"selector": {"matchLabels": {"app": "nothing"}}, "maxUnavailable": 1}},
    "HorizontalPodAutoscaler": {
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "nothing"},
            "minReplicas": 2,
            "maxReplicas": 10,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
                }
            ],
        }
    },
    "EndpointSlice": {
        "addressType": "IPv4",
        "endpoints": [{"addresses": [f"10.244.0.{i}"], "conditions": {"ready": True}} for i in range(1, 11)],
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    },
}
