# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods as rows of the facts, small enough that 100,000 of them are held and written within a few hundred MiB."""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Object
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import (
    KUBE_SYSTEM,
    MIRROR_ANNOTATION,
    container_image,
    image_version,
    is_true,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._placement_shapes import CORDON_TAINT
from ansible_collections.uplift.kubeadm.plugins.module_utils._quantity import amounts
from ansible_collections.uplift.kubeadm.plugins.module_utils._reading import Reading, without_empty
from ansible_collections.uplift.kubeadm.plugins.module_utils._selectors import tolerates

T = t.TypeVar("T")
# Added to every pod by the API server (plugin DefaultTolerationSeconds), and without a say in where it may run.
_AUTOMATIC_TOLERATIONS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_DEFAULT_GRACE = 30  # seconds
_KEPT_ANNOTATIONS = (
    "cluster-autoscaler.kubernetes.io/safe-to-evict",
    "karpenter.sh/do-not-disrupt",
    "karpenter.sh/do-not-evict",
)


class Component(t.NamedTuple):
    """What a pod says of its node: the control plane's static pods by their component, and "kube-proxy"."""

    node: str
    name: str
    image: str
    ready: bool


def read(reading: Reading) -> tuple[list[Object], list[Component]]:
    """Rows of all pods (cluster_info documents them), and the control plane and kube-proxy among them."""
    pairs = reading.rows(
        "pods",
        "What a drain has to move, and what runs on the control planes, is not known.",
        "/api/v1/pods",
        PodReader(),
    )
    return [row for row, _component in pairs], [component for _row, component in pairs if component]


def read_control_planes(reading: Reading) -> list[Component]:
    """The static pods of the control planes alone, by the label that kubeadm gives them (see component())."""
    return reading.rows(
        "pods",
        "What runs on the control planes is not known.",
        f"{KUBE_SYSTEM}/pods",
        component,
        {"labelSelector": "tier=control-plane"},
    )


class PodReader:
    """Reduces pods. What many of them have in common (labels, requests, images …) is held once."""

    def __init__(self) -> None:
        self._held: dict[str, t.Any] = {}

    def __call__(self, pod: Object) -> tuple[Object, Component | None]:
        meta, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
        owner = controller(meta)
        containers = spec.get("containers") or []
        phase = status.get("phase", "Unknown")
        row = {
            "ns": self._once(meta["namespace"]),
            "name": meta["name"],
            "uid": meta.get("uid"),
            "node": self._once(spec.get("nodeName")),
            "owner": self._once(owner),
            "labels": self._once(meta.get("labels")),
            "phase": self._once(phase),
            "ready": is_true(pod, "Ready"),
            "terminating": "deletionTimestamp" in meta,
            "mirror": MIRROR_ANNOTATION in (meta.get("annotations") or ()),
            "finished": phase in ("Succeeded", "Failed"),
            "requests": self._once(requests(spec)),
            "host_ports": [
                port["hostPort"] for c in containers for port in c.get("ports") or () if port.get("hostPort")
            ],
            "images": self._once([c.get("image", "") for c in containers]),
            "no_readiness": not any("readinessProbe" in c for c in containers),
            "annotations": {k: v for k, v in (meta.get("annotations") or {}).items() if k in _KEPT_ANNOTATIONS},
            **_volumes(meta["name"], spec.get("volumes") or ()),
            **{key: self._once(value) for key, value in _placing(spec, owner).items()},
        }
        row = without_empty(row)
        if owner and tolerates(spec.get("tolerations") or (), CORDON_TAINT):  # it may come back to a cordoned node
            row["created"] = meta.get("creationTimestamp")
        if spec.get("priority"):
            row["priority"] = spec["priority"]
        if spec.get("terminationGracePeriodSeconds", _DEFAULT_GRACE) != _DEFAULT_GRACE:
            row["grace"] = spec["terminationGracePeriodSeconds"]
        return row, component(pod)

    def _once(self, value: T) -> T:
        return self._held.setdefault(repr(value), value)


def controller(meta: Object) -> Object | None:
    """{"kind", "name"} of the controller that owns an object; None when there is none."""
    for owner in meta.get("ownerReferences") or ():
        if owner.get("controller"):
            return {"kind": owner["kind"], "name": owner["name"]}
    return None


def component(pod: Object) -> Component | None:
    """A pod of kubeadm's that tells its node's versions; None for any other, and for a proxy that is on its way out."""
    meta = pod["metadata"]
    if meta["namespace"] != "kube-system":
        return None
    labels = meta.get("labels") or {}
    node, going = pod["spec"].get("nodeName", ""), "deletionTimestamp" in meta
    if labels.get("tier") == "control-plane" and MIRROR_ANNOTATION in (meta.get("annotations") or ()):
        name = labels.get("component")
        return Component(node, name, container_image(pod, name), is_true(pod, "Ready") and not going) if name else None
    if labels.get("k8s-app") == "kube-proxy" and not going:
        return Component(node, "kube-proxy", container_image(pod, "kube-proxy"), is_true(pod, "Ready"))
    return None


def add_components(nodes: dict[str, Object], components: t.Iterable[Component]) -> None:
    """Fill in kube_proxy, static_pods and the role of the nodes that they run on."""
    for node, name, image, ready in components:
        if node not in nodes:
            continue
        version = image_version(image)
        if name == "kube-proxy":
            nodes[node]["kube_proxy"] = version or nodes[node]["kube_proxy"]
            continue
        nodes[node]["static_pods"][name] = {"image": image, "version": version, "ready": ready}
        if name == "kube-apiserver":
            nodes[node]["role"] = "control_plane"


def requests(spec: Object) -> dict[str, int]:
    """What the scheduler counts a pod as: k8s.io/component-helpers/resource/helpers.go, PodRequests, read at 1.33.

    Its containers together, or its largest init container if that is more; init containers that stay (sidecars, since
    1.28) count with both; the pod's own requests (since 1.32) override the sums; the runtime's overhead is added.
    """
    running = _sum(_requests(container) for container in spec.get("containers") or ())
    sidecars: dict[str, int] = {}
    largest: dict[str, int] = {}
    for container in spec.get("initContainers") or ():
        wanted = _requests(container)
        if container.get("restartPolicy") == "Always":
            sidecars = wanted = _sum((sidecars, wanted))
        else:
            wanted = _sum((sidecars, wanted))
        largest = _largest(largest, wanted)
    total = _largest(_sum((running, sidecars)), largest)
    return _sum(({**total, **_requests(spec)}, amounts(spec.get("overhead") or {})))


def _requests(resources_of: Object) -> dict[str, int]:
    return amounts((resources_of.get("resources") or {}).get("requests") or {})


def _sum(parts: t.Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for part in parts:
        for resource, number in part.items():
            total[resource] = total.get(resource, 0) + number
    return total


def _largest(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {resource: max(one.get(resource, 0), other.get(resource, 0)) for resource in {**one, **other}}


def _placing(spec: Object, owner: Object | None) -> Object:
    """What decides where else the pod may run. A DaemonSet's runs nowhere else; its rules about other pods count."""
    affinity = _required(spec.get("affinity") or {})
    if owner and owner["kind"] == "DaemonSet":
        affinity.pop("nodeAffinity", None)
        return {"affinity": affinity}
    return {
        "affinity": affinity,
        "node_selector": spec.get("nodeSelector"),
        "tolerations": [rule for rule in spec.get("tolerations") or () if not _automatic(rule)],
        "spread": spec.get("topologySpreadConstraints"),
    }


def _required(affinity: Object) -> Object:
    """Without the preferences: {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": […]}}."""
    required = {
        kind: {key: terms for key, terms in (rules or {}).items() if key.startswith("required")}
        for kind, rules in affinity.items()
    }
    return without_empty(required)


def _automatic(toleration: Object) -> bool:
    return toleration.get("key") in _AUTOMATIC_TOLERATIONS and "tolerationSeconds" in toleration


def _volumes(pod: str, volumes: t.Iterable[Object]) -> Object:
    found: dict[str, list[str]] = {"empty_dir": [], "claims": [], "host_paths": []}
    for volume in volumes:
        if "emptyDir" in volume:
            found["empty_dir"].append(volume["name"])
        elif "persistentVolumeClaim" in volume:
            found["claims"].append(volume["persistentVolumeClaim"]["claimName"])
        elif "ephemeral" in volume:  # the claim is made for the pod, and named after both
            found["claims"].append(f"{pod}-{volume['name']}")
        elif "hostPath" in volume:
            found["host_paths"].append(volume["hostPath"]["path"])
    return found
