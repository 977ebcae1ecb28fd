# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cordon and uncordon: ours carry an annotation, a person's stay.

The annotation is set in the same request as spec.unschedulable, so that a run that was killed can tell its own cordon
from a person's, whenever it was killed. It holds what the node offered before, for the check before it is uncordoned.

A node that others replace has an annotation of its own, and for an upgrade its cordon is a person's: it stays.
"""

from __future__ import annotations

import json
import time
import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Api, ApiError, Object, path_part
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import (
    CORDON_ANNOTATION,
    LEAVING_ANNOTATION,
    MIRROR_ANNOTATION,
    cordon_note,
    cordon_record,
    is_cordoned,
    is_true,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._running import PROGRAMS

_CONFLICTS = 20  # times that a node may change between our reading and our writing it, before we give up


class Cordon(t.NamedTuple):
    """The outcome of cordon() or uncordon()."""

    changed: bool
    was_cordoned: bool  # when it was called
    by_person: bool  # the node was, and stays, cordoned by someone else
    offered: Object  # what the node offered before it was cordoned; {} from uncordon()


def cordon(
    api: Api,
    name: str,
    dry_run: bool = False,
    node: Object | None = None,
    pods: list[Object] | None = None,
    leaving: bool = False,
) -> Cordon:
    """Make a node unschedulable, with our record; a node that already is stays so, and loses a record that is stale.

    :param node, pods: the node and what is on it, where they have just been read.
    :param leaving: others replace the node. A cordon that an upgrade has left becomes one of the replacement.
    """
    own, other = _annotations(leaving)

    def change(node: Object) -> tuple[Object | None, Cordon]:
        if not is_cordoned(node):
            note = offer(api, node, pods)
            patch: Object = {"metadata": _noted(own, note, other), "spec": {"unschedulable": True}}
            return patch, Cordon(True, False, False, note)
        record = cordon_record(node, own)
        if record is None and leaving and (left := cordon_record(node, other)) is not None:
            return {"metadata": _noted(own, left, other)}, Cordon(True, True, False, left)
        stale = record is None and cordon_note(node, own) is not None
        patch = {"metadata": {"annotations": {own: None}}}
        return patch if stale else None, Cordon(stale, True, record is None, record or offer(api, node, pods))

    return _update(api, name, change, dry_run, node)


def uncordon(api: Api, name: str, dry_run: bool = False, keep_record: bool = False, leaving: bool = False) -> Cordon:
    """Lift our cordon and remove its record; a person's cordon stays.

    :param leaving: lift that of a replacement, and no other.

    :param keep_record: leave the record to a later call, which then has only that to remove: as long as it is there,
        a run that was killed meanwhile is known not to have finished with the node.
    """

    own, _other = _annotations(leaving)

    def change(node: Object) -> tuple[Object | None, Cordon]:
        cordoned = is_cordoned(node)
        recorded = cordon_record(node, own) is not None
        if cordoned and not recorded:
            return None, Cordon(False, True, True, {})
        if not cordoned and (keep_record or not recorded):
            return None, Cordon(False, False, False, {})
        metadata = {} if keep_record else {"annotations": {own: None}}
        return {"metadata": metadata, "spec": {"unschedulable": None}}, Cordon(True, cordoned, False, {})

    return _update(api, name, change, dry_run)


def record(node: Object, leaving: bool = False) -> Object:
    """What a cordon of ours has recorded, of the kind that is meant; {} without one."""
    return cordon_record(node, _annotations(leaving)[0]) or {}


def _annotations(leaving: bool) -> tuple[str, str]:
    """The annotation of the cordon that is meant, and that of the other kind."""
    return (LEAVING_ANNOTATION, CORDON_ANNOTATION) if leaving else (CORDON_ANNOTATION, LEAVING_ANNOTATION)


def _noted(own: str, note: Object, other: str) -> Object:
    """Metadata with one record. The other's goes: with a cordon that we set, it would be taken for a record of it."""
    return {"annotations": {own: json.dumps(note, sort_keys=True), other: None}}


def offer(api: Api, node: Object, pods: list[Object] | None = None) -> Object:
    """What a node offers its pods now, beyond being Ready: the contents of the cordon annotation."""
    pods = pods_on(api, node["metadata"]["name"]) if pods is None else pods
    name = node["metadata"]["name"]
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "resources": extended_resources(node),
        "csi_drivers": csi_drivers(api, name),
        "daemonset_pods": sum(is_daemonset_pod(pod) and is_true(pod, "Ready") for pod in pods),
        "static_pods_not_ready": sorted(
            key(pod) for pod in static_pods(pods) if not is_true(pod, "Ready") and not is_kubeadms(pod)
        ),
    }


def extended_resources(node: Object) -> dict[str, str]:
    """Allocatable resources that device plugins bring (GPUs and the like): their names have a domain."""
    allocatable = node.get("status", {}).get("allocatable") or {}
    return {name: str(amount) for name, amount in sorted(allocatable.items()) if "/" in name and str(amount) != "0"}


def csi_drivers(api: Api, name: str) -> list[str]:
    csi_node = api.find(f"/apis/storage.k8s.io/v1/csinodes/{path_part(name)}")
    return sorted(driver["name"] for driver in ((csi_node or {}).get("spec") or {}).get("drivers") or [])


def pods_on(api: Api, name: str, exact: bool = False) -> list[Object]:
    """The pods of a node.

    :param exact: read from etcd, for which the API server goes through the pods of all nodes; else from its cache,
        which has an index by node, and may be a moment behind.
    """
    query = {"fieldSelector": f"spec.nodeName={name}", **({} if exact else {"resourceVersion": "0"})}
    return api.list("/api/v1/pods", query)


def controller(pod: Object) -> Object | None:
    """The owner that manages a pod, as {"kind", "name", …}."""
    return next((owner for owner in pod["metadata"].get("ownerReferences") or [] if owner.get("controller")), None)


def is_daemonset_pod(pod: Object) -> bool:
    owner = controller(pod)
    return owner is not None and owner.get("kind") == "DaemonSet"


def static_pods(pods: t.Iterable[Object]) -> list[Object]:
    """The mirrors of static pods, without those that have run to their end (a task at boot): never Ready again."""
    return [
        pod
        for pod in pods
        if MIRROR_ANNOTATION in (pod["metadata"].get("annotations") or {})
        and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")
    ]


def is_kubeadms(pod: Object) -> bool:
    """Is it one of the static pods that kubeadm makes? By their namespace and labels, as kubeadm's ComponentPod sets
    them (cmd/kubeadm/app/util/staticpod/utils.go)."""
    meta = pod["metadata"]
    labels = meta.get("labels") or {}
    return (
        meta["namespace"] == "kube-system"
        and labels.get("tier") == "control-plane"
        and labels.get("component") in PROGRAMS
    )


def key(obj: Object) -> str:
    return f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"


class NoSuchNode(UpliftError):
    """The cluster does not know it."""


def get_node(api: Api, name: str) -> Object:
    node = api.find(f"/api/v1/nodes/{path_part(name)}")
    if node is None:
        raise NoSuchNode(
            f"The cluster at {api.server} has no node {name!r}. A node's name is the one that its kubelet registers "
            "(«kubectl get nodes»), which need not be its name in the inventory."
        )
    return node


def _update(
    api: Api,
    name: str,
    change: t.Callable[[Object], tuple[Object | None, Cordon]],
    dry_run: bool,
    seen: Object | None = None,
) -> Cordon:
    """Patch a node by what it is at that moment: a person's cordon set in between, say, is not overwritten.

    :param seen: the node as it was read already.
    """
    for _attempt in range(_CONFLICTS):
        node, seen = seen or get_node(api, name), None
        patch, outcome = change(node)
        if patch is None or dry_run:
            return outcome
        patch["metadata"]["resourceVersion"] = node["metadata"]["resourceVersion"]
        try:
            api.patch(f"/api/v1/nodes/{path_part(name)}", patch)
            return outcome
        except ApiError as e:
            if e.status != 409:
                raise
    raise UpliftError(
        f"The node {name} changed {_CONFLICTS} times while it was to be cordoned or uncordoned: what writes it "
        "all the time?"
    )
