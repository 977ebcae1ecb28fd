# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written to the cluster before the backup and after it, and what has to be there in the end."""

from __future__ import annotations

import hashlib
import random

from scenario.kube import Kube, Object

SPACE, LATER, BULK = "drill", "drill-later", "drill-bulk"
BEFORE, AFTER = 100, 30
# A snapshot of more than 32 MiB is read from a node in pieces.
BULKY, BULKY_BYTES = 50, 1_000_000
IMAGE = "registry.k8s.io/pause:3.7"
KINDS = ("configmaps", "secrets")


def in_space(kind: str, space: str = SPACE) -> str:
    return f"/api/v1/namespaces/{space}/{kind}"


def write_before(kube: Kube) -> None:
    """ConfigMaps, Secrets, a workload, an object that will be removed later, and what makes a snapshot big."""
    kube.apply("/api/v1/namespaces", SPACE, {"metadata": {"name": SPACE}})
    for number in range(BEFORE):
        kube.patient("POST", in_space("configmaps"), named(f"before-{number}", data={"number": str(number)}))
    for number in range(BEFORE // 10):
        kube.patient("POST", in_space("secrets"), named(f"before-{number}", stringData={"number": str(number)}))
    kube.patient("POST", f"/apis/apps/v1/namespaces/{SPACE}/deployments", deployment(4))
    kube.apply("/api/v1/namespaces", BULK, {"metadata": {"name": BULK}})
    for number in range(BULKY):
        text = random.Random(number).randbytes(BULKY_BYTES // 2).hex()
        kube.patient("POST", in_space("configmaps", BULK), named(f"bulk-{number}", data={"text": text}))


def write_after(kube: Kube) -> None:
    """New objects, a new namespace, one object changed and one removed, and the workload scaled."""
    kube.apply("/api/v1/namespaces", LATER, {"metadata": {"name": LATER}})
    for number in range(AFTER):
        kube.patient("POST", in_space("configmaps"), named(f"after-{number}", data={"number": str(number)}))
    change = {"data": {"number": "changed"}}
    kube.patient("PATCH", f"{in_space('configmaps')}/before-1", change)
    kube.patient("DELETE", f"{in_space('configmaps')}/before-2")
    path = f"/apis/apps/v1/namespaces/{SPACE}/deployments/web"
    kube.patient("PATCH", path, {"spec": {"replicas": 6}})


def named(name: str, **content: object) -> Object:
    return {"metadata": {"name": name}, **content}


def deployment(replicas: int) -> Object:
    container = {"name": "web", "image": IMAGE, "imagePullPolicy": "IfNotPresent"}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    return {"metadata": {"name": "web"}, "spec": spec}


def held(kube: Kube) -> dict[str, dict[str, str]]:
    """{kind/name: data} of all that was written, but for what the cluster adds itself; of big ones, its SHA-256."""
    found = {}
    for kind in KINDS:
        for item in kube.patient("GET", in_space(kind))["items"]:
            if item["metadata"]["name"].startswith(("before-", "after-")):
                found[f"{kind}/{item['metadata']['name']}"] = item.get("data") or {}
    for name in (f"bulk-{number}" for number in range(BULKY)):
        text = kube.patient("GET", f"{in_space('configmaps', BULK)}/{name}")["data"]["text"]
        found[f"configmaps/{name}"] = {"sha256": hashlib.sha256(text.encode()).hexdigest()}
    return found


def ready_pods(kube: Kube) -> int:
    """How many pods of the workload are Ready."""
    conditions = [pod["status"].get("conditions") or [] for pod in kube.patient("GET", in_space("pods"))["items"]]
    return sum(any(row["type"] == "Ready" and row["status"] == "True" for row in rows) for rows in conditions)
