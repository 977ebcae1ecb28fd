# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of one cluster: the file on the API host that they are kept in, and what nodes and kubeadm's objects say.

_cluster_facts reads all of them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections import Counter
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils import _quantity, _x509, _yaml
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import FIELD_MANAGER, Api, Object
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._etcd_pin import pin_of, with_image_tag
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import write_private

SCHEMA = 2
# Of a cordon of ours: an upgrade's, which the next run lifts, and that of a node which others replace, which it leaves.
CORDON_ANNOTATION, LEAVING_ANNOTATION = "uplift.kubeadm/cordon", "uplift.kubeadm/leaving"
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
KUBE_SYSTEM = "/api/v1/namespaces/kube-system"
_SERVER = re.compile(r"^\s*server:\s*[\"']?([^\s\"']+)", re.MULTILINE)  # of a kubeconfig
_CONTROL_PLANE_LABELS = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")


def summary(facts: Object) -> Object:
    """What a person wants to see of facts: counts, the versions that run, who is not as it should be."""
    nodes: dict[str, Object] = facts["nodes"]
    unready = {
        name: [pod for pod, shown in node["static_pods"].items() if not shown["ready"]] for name, node in nodes.items()
    }
    addons = {name: (addon or {}).get("version") for name, addon in facts["addons"].items()}
    return {
        "cluster_name": facts["cluster"].get("cluster_name") or "kubernetes",
        "version": facts["version"],
        "kubernetes_version": facts["cluster"]["kubernetes_version"],
        "nodes": len(nodes),
        "control_planes": [name for name, node in nodes.items() if node["role"] == "control_plane"],
        "workers": sum(node["role"] == "worker" for node in nodes.values()),
        "kubelets": dict(Counter(node["kubelet"] for node in nodes.values())),
        "api_servers": {
            n: node["static_pods"]["kube-apiserver"]["version"]
            for n, node in nodes.items()
            if "kube-apiserver" in node["static_pods"]
        },
        "unhealthy": {name: pods for name, pods in unready.items() if pods},
        "kube_proxy": addons["kube_proxy"],
        "coredns": addons["coredns"],
        "not_ready": [name for name, node in nodes.items() if not node["ready"]],
        "unschedulable": [name for name, node in nodes.items() if node["unschedulable"]],
        "pods": len(facts.get("pods") or ()),
        "unread": facts.get("unread") or [],
    }


def write(facts: Object, path: str) -> str:
    """Put facts at path, whole or not at all, readable by its owner alone; return the SHA-256 of the file."""
    text = json.dumps(facts, separators=(",", ":"), sort_keys=True) + "\n"
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)
        write_private(Path(path), text)
    except OSError as e:
        raise UpliftError(
            f"The facts cannot be written to {path}: {e.strerror}. Name a «path» that this user can write to."
        ) from e
    return hashlib.sha256(text.encode()).hexdigest()


def load(path: str, sha256: str | None = None) -> Object:
    """Read facts that write() has put at path.

    :raises UpliftError: missing, unreadable, of another schema, or not the file whose digest is given.
    """
    try:
        with open(path, "rb") as f:
            data = f.read()
        facts = json.loads(data)
    except (OSError, ValueError) as e:
        raise UpliftError(
            f"The cluster's facts at {path} cannot be read: {e}. They are written by cluster_info on the same host."
        ) from e
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise UpliftError(
            f"The cluster's facts at {path} have changed since they were read (SHA-256 differs); read them anew "
            "with cluster_info."
        )
    return checked(facts, f"at {path}")


def checked(facts: object, where: str) -> Object:
    """The facts, when they are of the schema that this version of the collection writes.

    :raises UpliftError: they are not.
    """
    if not isinstance(facts, dict) or facts.get("schema") != SCHEMA:
        raise UpliftError(
            f"The cluster's facts {where} are not of schema {SCHEMA}, which this version of the collection writes; "
            "read them anew with cluster_info."
        )
    return facts


def image_version(image: str) -> str | None:
    """The tag of an image: "registry:5000/kube-proxy:v1.24.17@sha256:…" -> "v1.24.17"; None when it has none."""
    match = re.match(r"(?:.*/)?[^/:@]+:([^:@/]+)(?:@.*)?$", image)
    return match[1] if match and not image.startswith("sha256:") else None


def condition(obj: Object, kind: str) -> Object:
    """The condition of that type in an object's status; {} when there is none."""
    for found in (obj.get("status") or {}).get("conditions") or ():
        if found.get("type") == kind:
            return found
    return {}


def is_true(obj: Object, kind: str) -> bool:
    return condition(obj, kind).get("status") == "True"


def cordon_note(node: Object, annotation: str = CORDON_ANNOTATION) -> Object | None:
    """What our cordon annotation on a node holds; {} when it is ours and unreadable; None when there is none."""
    text = (node["metadata"].get("annotations") or {}).get(annotation)
    if text is None:
        return None
    try:
        note = json.loads(text)
    except ValueError:
        note = None
    return note if isinstance(note, dict) else {}


def is_cordoned(node: Object) -> bool:
    return bool(node.get("spec", {}).get("unschedulable"))


def cordon_record(node: Object, annotation: str = CORDON_ANNOTATION) -> Object | None:
    """Our cordon_note() of a node, unless it is stale: someone else has lifted our cordon and set another since.

    `kubectl uncordon` leaves our annotation behind; managedFields tell who has set spec.unschedulable. A node that is
    schedulable and has a record is one that a run has not finished with: killed before it removed the record, or its
    cordon lifted by hand.
    """
    if is_cordoned(node):
        for entry in node["metadata"].get("managedFields") or []:
            if "f:unschedulable" in ((entry.get("fieldsV1") or {}).get("f:spec") or {}):
                return cordon_note(node, annotation) if entry.get("manager") == FIELD_MANAGER else None
    return cordon_note(node, annotation)


def container_image(pod: Object, container: str) -> str:
    """The image that runs: as the node reports it, or as the spec names it where the runtime reports a bare digest."""
    for status in pod.get("status", {}).get("containerStatuses") or []:
        if status.get("name") == container and image_version(status.get("image") or ""):
            return status["image"]
    return next((c["image"] for c in pod["spec"]["containers"] if c["name"] == container), "")


def ca_fingerprints(api: Api) -> list[str]:
    """SHA-256 (hex, of the DER) of each certificate that pods of the cluster trust the API server by."""
    config_map = api.find(f"{KUBE_SYSTEM}/configmaps/kube-root-ca.crt")
    certificates = _x509.PEM.findall(((config_map or {}).get("data") or {}).get("ca.crt") or "")
    return [hashlib.sha256(base64.b64decode(certificate)).hexdigest() for certificate in certificates]


def api_addresses(api: Api) -> dict[str, str]:
    """{"namespace/ConfigMap": URL} of where hosts that join, and kube-proxy, look for the API."""
    found = {}
    for where, key in (("kube-public/cluster-info", "kubeconfig"), ("kube-system/kube-proxy", "kubeconfig.conf")):
        namespace, name = where.split("/")
        config_map = api.find(f"/api/v1/namespaces/{namespace}/configmaps/{name}")
        server = _SERVER.search(((config_map or {}).get("data") or {}).get(key) or "")
        if server:
            found[where] = server[1]
    return found


def kubeadm_config(api: Api) -> Object:
    """What ConfigMap kubeadm-config says.

    A pin of etcd that a killed run of ours has left there is told apart, as `bridge`, and is not in the configuration:
    it is taken away before etcd goes on.
    """
    name = "kubeadm-config"
    config_map = api.find(f"{KUBE_SYSTEM}/configmaps/{name}")
    text = ((config_map or {}).get("data") or {}).get("ClusterConfiguration")
    if not text:
        raise UpliftError(
            f"The cluster at {api.server} has no ClusterConfiguration in the ConfigMap kube-system/{name}: it "
            "was not made by kubeadm, or the "
            "ConfigMap was lost («kubeadm init phase upload-config kubeadm» writes it anew). kubeadm cannot "
            "upgrade a cluster without it."
        )
    config = _yaml.load(text, f"ClusterConfiguration in the ConfigMap kube-system/{name}")
    if not isinstance(config, dict) or not config.get("kubernetesVersion"):
        raise UpliftError(
            f"ClusterConfiguration in the ConfigMap kube-system/{name} names no kubernetesVersion; kubeadm "
            "cannot upgrade the cluster."
        )
    etcd = config.get("etcd") or {}
    ours = pin_of(config_map or {})
    return {
        "kubernetes_version": config["kubernetesVersion"],
        "config_api": config.get("apiVersion"),
        "image_repository": config.get("imageRepository"),
        "control_plane_endpoint": config.get("controlPlaneEndpoint") or None,
        "etcd": {
            "external": bool(etcd.get("external")),
            "image_tag": None if ours else (etcd.get("local") or {}).get("imageTag") or None,
            "bridge": ours,
        },
        "dns": {"image_tag": (config.get("dns") or {}).get("imageTag") or None},
        "cluster_name": config.get("clusterName"),
        "configuration": with_image_tag(text, None) if ours else text,
    }


def node_facts(node: Object) -> tuple[str, Object]:
    """(name, facts) of a node; kube_proxy and static_pods are for the pods to fill in."""
    meta, spec, status = node["metadata"], node.get("spec") or {}, node.get("status") or {}
    info = status.get("nodeInfo") or {}
    ready = condition(node, "Ready")
    labels = meta.get("labels") or {}
    facts = {
        "role": "control_plane" if any(label in labels for label in _CONTROL_PLANE_LABELS) else "worker",
        "kubelet": info.get("kubeletVersion"),
        "ready": ready.get("status") == "True",
        "ready_message": ""
        if ready.get("status") == "True"
        else ready.get("message") or "the node reports no Ready condition",
        "unschedulable": is_cordoned(node),
        "cordon": cordon_record(node),
        "leaving": cordon_record(node, LEAVING_ANNOTATION),
        "kube_proxy": None,
        "static_pods": {},
        "internal_ip": next(
            (a["address"] for a in status.get("addresses") or [] if a.get("type") == "InternalIP"), None
        ),
        "os": info.get("operatingSystem"),
        "arch": info.get("architecture"),
        "os_image": info.get("osImage"),
        "container_runtime": info.get("containerRuntimeVersion"),
        "kernel": info.get("kernelVersion"),
        "labels": labels,
        "taints": [
            {k: taint[k] for k in ("key", "value", "effect") if taint.get(k)} for taint in spec.get("taints") or []
        ],
        "allocatable": _quantity.amounts(status.get("allocatable") or {}),
        "conditions": {c["type"]: c.get("status", "Unknown") for c in status.get("conditions") or []},
    }
    known = {"pod_cidr": spec.get("podCIDR"), "provider_id": spec.get("providerID")}
    return meta["name"], {**facts, **{key: value for key, value in known.items() if value}}


def addon(workload: Object | None, container: str) -> Object | None:
    if workload is None:
        return None
    containers = workload["spec"]["template"]["spec"]["containers"]
    image = next((c["image"] for c in containers if c["name"] == container), containers[0]["image"])
    return {"image": image, "version": image_version(image)}
