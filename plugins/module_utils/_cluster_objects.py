# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workloads, budgets, webhooks, CRDs, volumes and the like, as rows of the facts."""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Object, Query
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import condition, is_true
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster_pods import controller
from ansible_collections.uplift.kubeadm.plugins.module_utils._reading import Reading, without_empty

_APPS, _BATCH = "/apis/apps/v1", "/apis/batch/v1"
_ADMISSION, _STORAGE = "/apis/admissionregistration.k8s.io/v1", "/apis/storage.k8s.io/v1"
_LARGE = {"limit": 50}  # objects a page, where one may have a megabyte
_WORKLOADS = "What depends on single replicas, and what has to be Ready after a drain, is not known."
_BLOCKED = "What blocks a drain, or has to wait for its volume after one, is not known."
_DRIVERS = "Drivers of volumes that would not outlive the upgrade are not found."
_NOT_SOURCES = ("capacity", "claimRef", "nodeAffinity")  # the other objects in a volume's spec; its source is the rest
_DECIDED = ("Approved", "Denied", "Failed")


def read(reading: Reading, pods: t.Iterable[Object]) -> Object:
    """All sections of this file but `services`; cluster_info documents their rows."""
    simple = {section.key: reading.rows(*section) for section in _SECTIONS}
    return {"workloads": _workloads(reading, pods), "webhooks": _webhooks(reading), **simple}


def read_for_waves(reading: Reading, pods: t.Iterable[Object]) -> Object:
    """Of read(), what says which nodes may be out together."""
    wanted = ("pdbs", "volumes", "namespaces")
    simple = {section.key: reading.rows(*section) for section in _SECTIONS if section.key in wanted}
    return {"workloads": _workloads(reading, pods), **simple}


def services(reading: Reading, objects: Object) -> list[Object]:
    """The Services that webhooks, API services and CRD conversions name, of which the pods behind are to be known."""
    named = {
        (row["service"]["ns"], row["service"]["name"])
        for section in ("webhooks", "api_services", "crds")
        for row in objects[section]
        if "service" in row
    }
    if not named:
        return []

    def row(service: Object) -> Object | None:
        namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
        if (namespace, name) not in named:
            return None
        return {"ns": namespace, "name": name, "selector": (service.get("spec") or {}).get("selector")}

    matters = "Which pods are behind webhooks and API services is not known."
    return reading.rows("services", matters, "/api/v1/services", row)


def _workloads(reading: Reading, pods: t.Iterable[Object]) -> list[Object]:
    kinds: list[tuple[str, str, t.Callable[[Object], Object | None]]] = [
        ("Deployment", _APPS, lambda obj: _scaled("Deployment", obj)),
        ("StatefulSet", _APPS, lambda obj: _scaled("StatefulSet", obj)),
        ("DaemonSet", _APPS, _daemon_set),
        ("Job", _BATCH, _job),
        ("CronJob", _BATCH, _cron_job),
    ]
    # A Deployment keeps ten old ReplicaSets: they are listed only when there are pods that no Deployment has labelled.
    if any(
        (pod.get("owner") or {}).get("kind") == "ReplicaSet" and "pod-template-hash" not in pod.get("labels", ())
        for pod in pods
    ):
        kinds.append(("ReplicaSet", _APPS, _bare_replica_set))
    return [
        row
        for kind, group, reader in kinds
        for row in reading.rows("workloads", _WORKLOADS, f"{group}/{kind.lower()}s", reader)
    ]


def _workload(kind: str, obj: Object, template: Object, counts: Object) -> Object:
    """A row. counts: {"replicas", "ready"}, or {} where there are none."""
    meta, spec, pod = obj["metadata"], obj["spec"], template.get("spec") or {}
    containers = pod.get("containers") or []
    row = {
        "kind": kind,
        "ns": meta["namespace"],
        "name": meta["name"],
        **counts,
        "selector": spec.get("selector"),
        "labels": meta.get("labels"),
        "template_labels": (template.get("metadata") or {}).get("labels"),
        "images": [c.get("image", "") for c in containers],
        "no_readiness": not any("readinessProbe" in c for c in containers),
        "min_ready_seconds": spec.get("minReadySeconds") or None,
        "grace": _grace(pod),
        "strategy": (spec.get("strategy") or spec.get("updateStrategy") or {}).get("type"),
        "suspended": spec.get("suspend"),
    }
    return without_empty(row)


def _grace(pod: Object) -> int | None:
    grace = pod.get("terminationGracePeriodSeconds", 30)
    return None if grace == 30 else grace


def _scaled(kind: str, obj: Object) -> Object:
    spec, status = obj["spec"], obj.get("status") or {}
    counts = {"replicas": spec.get("replicas", 1), "ready": status.get("readyReplicas", 0)}
    return _workload(kind, obj, spec["template"], counts)


def _daemon_set(obj: Object) -> Object:
    status = obj.get("status") or {}
    counts = {"replicas": status.get("desiredNumberScheduled", 0), "ready": status.get("numberReady", 0)}
    return _workload("DaemonSet", obj, obj["spec"]["template"], counts)


def _bare_replica_set(obj: Object) -> Object | None:
    return None if controller(obj["metadata"]) else _scaled("ReplicaSet", obj)


def _job(obj: Object) -> Object | None:
    """Only a Job that has pods now: replicas counts them."""
    status = obj.get("status") or {}
    if not status.get("active"):
        return None
    counts = {"replicas": status["active"], "ready": status.get("ready", 0)}
    return _workload("Job", obj, obj["spec"]["template"], counts)


def _cron_job(obj: Object) -> Object:
    return _workload("CronJob", obj, obj["spec"]["jobTemplate"]["spec"]["template"], {})


def _budget(obj: Object) -> Object:
    meta, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    return {
        "ns": meta["namespace"],
        "name": meta["name"],
        "selector": spec.get("selector"),
        "min_available": spec.get("minAvailable"),
        "max_unavailable": spec.get("maxUnavailable"),
        "unhealthy_policy": spec.get("unhealthyPodEvictionPolicy"),
        "current_healthy": status.get("currentHealthy", 0),
        "desired_healthy": status.get("desiredHealthy", 0),
        "disruptions_allowed": status.get("disruptionsAllowed", 0),
        "expected_pods": status.get("expectedPods", 0),
        "observed": status.get("observedGeneration", 0) >= meta.get("generation", 0),
        **without_empty({"granted": sorted(status.get("disruptedPods") or ()), "closed_since": _closed_since(obj)}),
    }


def _closed_since(budget: Object) -> str | None:
    """When a budget came to allow no eviction, if its status says so (from Kubernetes 1.22 on)."""
    allowed = condition(budget, "DisruptionAllowed")
    return allowed.get("lastTransitionTime") if allowed.get("status") == "False" else None


def _webhooks(reading: Reading) -> list[Object]:
    matters = "Webhooks that would block the API while a node is drained are not found."
    return [
        webhook
        for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
        for rows in reading.rows("webhooks", matters, f"{_ADMISSION}/{kind.lower()}s", _webhooks_of(kind))
        for webhook in rows
    ]


def _webhooks_of(kind: str) -> t.Callable[[Object], list[Object]]:
    def rows(configuration: Object) -> list[Object]:
        return [_webhook(kind, configuration["metadata"]["name"], hook) for hook in configuration.get("webhooks") or ()]

    return rows


def _webhook(kind: str, configuration: str, hook: Object) -> Object:
    client = hook.get("clientConfig") or {}
    row = {
        "kind": kind,
        "configuration": configuration,
        "name": hook["name"],
        "failure_policy": hook.get("failurePolicy", "Fail"),
        "service": _service(client),
        "url": client.get("url"),
        "namespace_selector": hook.get("namespaceSelector"),
        "object_selector": hook.get("objectSelector"),
        "timeout": hook.get("timeoutSeconds", 10),
    }
    return {**without_empty(row), "rules": hook.get("rules") or []}


def _service(client: Object) -> Object | None:
    service = client.get("service")
    if not service:
        return None
    return {"ns": service["namespace"], "name": service["name"], "port": service.get("port", 443)}


def _api_service(obj: Object) -> Object | None:
    service = (obj.get("spec") or {}).get("service")
    if not service:  # answered by the API server itself
        return None
    available = condition(obj, "Available")
    return {
        "name": obj["metadata"]["name"],
        "service": {"ns": service["namespace"], "name": service["name"]},
        "available": available.get("status") == "True",
        "message": available.get("message", ""),
    }


def _crd(obj: Object) -> Object:
    spec = obj["spec"]
    conversion = spec.get("conversion") or {}
    row = {
        "name": obj["metadata"]["name"],
        "group": spec["group"],
        "kind": spec["names"]["kind"],
        "stored_versions": (obj.get("status") or {}).get("storedVersions") or [],
        "versions": [
            {
                "name": version["name"],
                "served": version.get("served", False),
                "storage": version.get("storage", False),
                "deprecated": version.get("deprecated", False),
            }
            for version in spec.get("versions") or ()
        ],
        "conversion": conversion.get("strategy", "None"),
    }
    service = _service((conversion.get("webhook") or {}).get("clientConfig") or {})
    return {**row, "service": service} if service else row


def _volume(obj: Object) -> Object:
    spec = obj["spec"]
    claim = spec.get("claimRef") or {}
    source = next((key for key in spec if isinstance(spec[key], dict) and key not in _NOT_SOURCES), "unknown")
    row = {
        "name": obj["metadata"]["name"],
        "source": source,
        "driver": (spec.get("csi") or spec.get("flexVolume") or {}).get("driver"),
        "node_affinity": (spec.get("nodeAffinity") or {}).get("required"),
        "claim": f"{claim['namespace']}/{claim['name']}" if claim else None,
        "phase": (obj.get("status") or {}).get("phase"),
    }
    return without_empty(row)


def _storage_class(obj: Object) -> Object:
    return {"name": obj["metadata"]["name"], "provisioner": obj.get("provisioner", "")}


def _namespace(obj: Object) -> Object:
    return without_empty({"name": _name(obj), "labels": obj["metadata"].get("labels")})


def _name(obj: Object) -> str:
    return obj["metadata"]["name"]


def _pending_request(obj: Object) -> str | None:
    return None if any(is_true(obj, decision) for decision in _DECIDED) else _name(obj)


class _Section(t.NamedTuple):
    """One collection, read as it is: the arguments of Reading.rows."""

    key: str
    matters: str
    path: str
    row: t.Callable[[Object], t.Any]
    query: Query | None = None


_SECTIONS = (
    _Section("pdbs", _BLOCKED, "/apis/policy/v1/poddisruptionbudgets", _budget),
    _Section("volumes", _BLOCKED, "/api/v1/persistentvolumes", _volume),
    _Section("storage_classes", _DRIVERS, f"{_STORAGE}/storageclasses", _storage_class),
    _Section("csi_drivers", _DRIVERS, f"{_STORAGE}/csidrivers", _name),
    _Section(
        "api_services",
        "APIs that go away with the node of their server are not found.",
        "/apis/apiregistration.k8s.io/v1/apiservices",
        _api_service,
    ),
    _Section(
        "crds",
        "Stored versions that are no longer served, and conversion webhooks, are not found.",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        _crd,
        _LARGE,
    ),
    _Section(
        "certificate_requests_pending",
        "Kubelets that wait for a certificate are not found.",
        "/apis/certificates.k8s.io/v1/certificatesigningrequests",
        _pending_request,
    ),
    _Section(
        "namespaces",
        "Which namespaces a webhook, or a level of pod security, covers is not known.",
        "/api/v1/namespaces",
        _namespace,
    ),
)
