# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service that is asked: its image, made and put into the lab's registry, and its objects in the cluster."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lab import cache, gobuild, images, services
from lab.paths import arch
from scenario.kube import Kube, Object, is_ready
from scenario.world import wait

NODE_PORT = 30080
REPLICAS = 4
# kube-proxy hears of an endpoint that goes some time after kubelet told the pod to end: until then requests still come.
PRE_STOP_SECONDS = 12
_SOURCE = Path(__file__).resolve().parent / "web.go"


def push_image() -> str:
    """Name of the service's image, as nodes can pull it."""
    source = _SOURCE.read_text(encoding="utf-8")
    recipe = hashlib.sha256(source.encode()).hexdigest()[:12]
    program = cache.ensure(f"bin/uptime-web-{recipe}-{arch()}", lambda part: gobuild.program(part, "web", source))
    reference = f"registry.k8s.io/uplift-lab/uptime-web:{recipe}"

    def make(part: Path) -> None:
        layout = images._Layout(part)
        layout.add(reference, [], {"web": program / "web"}, ["/web"])
        layout.close()

    services.push(cache.ensure(f"images/uptime-web-{recipe}-{arch()}", make))
    return reference


def objects(image: str) -> list[tuple[str, Object]]:
    """(collection, object): replicas on different nodes, a budget, a probe, time to say good-bye; on workers alone."""
    labels = {"app": "web"}
    container = {
        "name": "web",
        "image": image,
        "ports": [{"containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
        "lifecycle": {"preStop": {"exec": {"command": ["/web", "sleep", str(PRE_STOP_SECONDS)]}}},
    }
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels},
    }
    pod = {
        "terminationGracePeriodSeconds": PRE_STOP_SECONDS + 25,
        "topologySpreadConstraints": [spread],
        "containers": [container],
    }
    deployment = {
        "metadata": {"name": "web"},
        "spec": {
            "replicas": REPLICAS,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    budget = {"metadata": {"name": "web"}, "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels}}}
    port = {"port": 80, "targetPort": 8080, "nodePort": NODE_PORT}
    service = {"metadata": {"name": "web"}, "spec": {"type": "NodePort", "selector": labels, "ports": [port]}}
    return [
        ("/apis/apps/v1/namespaces/default/deployments", deployment),
        ("/apis/policy/v1/namespaces/default/poddisruptionbudgets", budget),
        ("/api/v1/namespaces/default/services", service),
    ]


def deploy(kube: Kube) -> None:
    """The service, running."""
    for path, body in objects(push_image()):
        kube.apply(path, body["metadata"]["name"], body)

    def running() -> bool:
        pods = kube.get("/api/v1/namespaces/default/pods?labelSelector=app%3Dweb")["items"]
        return sum(map(is_ready, pods)) == REPLICAS

    wait("the service's pods to be Ready", running, 180)
