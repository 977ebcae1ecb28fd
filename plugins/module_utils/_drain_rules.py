# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drain does with each pod of a node: pure functions on pods and budgets as the API gives them."""

from __future__ import annotations

import calendar
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.uplift.kubeadm.plugins.module_utils import _cordon
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Object
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import MIRROR_ANNOTATION
from ansible_collections.uplift.kubeadm.plugins.module_utils._selectors import matches

EVICT, LEAVE, REFUSE = "evict", "leave", "refuse"
UNMANAGED, EMPTYDIR, ORPHAN = "unmanaged", "emptydir", "orphan"
_FINISHED = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Options:
    """What a drain may do. Seconds for times; grace_period None means the pod's own."""

    timeout: float
    delete_emptydir_data: bool = False
    force_unmanaged: bool = False
    grace_period: int | None = None
    skip_wait_for_delete_timeout: int = 0
    evictions_in_parallel: int = 10


@dataclass(frozen=True)
class Pod:
    """A pod of the node, and what is to become of it."""

    namespace: str
    name: str
    uid: str
    verdict: str  # EVICT, LEAVE or REFUSE
    why: tuple[str, ...]  # see classify()
    terminating: bool
    budgets: tuple[str, ...]  # "namespace/name" of the budgets that an eviction has to pass

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"


def classify(pod: Object, daemonsets: t.Collection[str], options: Options, now: float) -> tuple[str, tuple[str, ...]]:
    """What becomes of a pod, and why: EVICT; LEAVE with a few words; REFUSE with each of UNMANAGED, ORPHAN, EMPTYDIR.

    As the filters of kubectl drain, in their order: kubectl/pkg/drain/filters.go.

    :param daemonsets: "namespace/name" of the DaemonSets that exist, among those that own pods of the node.
    :param now: seconds since the epoch.
    """
    meta = pod["metadata"]
    if deleted_long_ago(pod, options, now):
        return LEAVE, ("deleted long ago, not waited for",)
    finished = pod.get("status", {}).get("phase") in _FINISHED
    owner = _cordon.controller(pod)
    of_daemonset = owner is not None and owner.get("kind") == "DaemonSet"
    if owner is not None and of_daemonset and not finished and f"{meta['namespace']}/{owner['name']}" in daemonsets:
        return LEAVE, ("DaemonSet pod",)
    if MIRROR_ANNOTATION in (meta.get("annotations") or {}):
        return LEAVE, ("static pod",)
    if finished:
        return EVICT, ()
    objections = []
    if not options.force_unmanaged and (owner is None or of_daemonset):
        objections.append(ORPHAN if of_daemonset else UNMANAGED)
    if not options.delete_emptydir_data and any("emptyDir" in volume for volume in pod["spec"].get("volumes") or []):
        objections.append(EMPTYDIR)
    return (REFUSE, tuple(objections)) if objections else (EVICT, ())


def deleted_long_ago(pod: Object, options: Options, now: float) -> bool:
    deleted = pod["metadata"].get("deletionTimestamp")
    return bool(deleted) and 0 < options.skip_wait_for_delete_timeout < now - _epoch(deleted)


def budgets_of(pod: Object, budgets: t.Iterable[Object]) -> list[str]:
    """ "namespace/name" of the budgets that an eviction of this pod has to pass, as the API server finds them.

    Finished, pending and terminating pods pass by every budget (canIgnorePDB in the server's eviction.go).

    :param budgets: those that this API server honours.
    """
    meta = pod["metadata"]
    if "deletionTimestamp" in meta or pod.get("status", {}).get("phase") in (*_FINISHED, "Pending"):
        return []
    labels = meta.get("labels") or {}
    return [
        key_of(budget)
        for budget in budgets
        if budget["metadata"]["namespace"] == meta["namespace"] and matches(budget["spec"].get("selector"), labels)
    ]


def never_allows(budget: Object) -> str | None:
    """Why a budget can allow no eviction until someone changes it or its workload; None when it may."""
    spec, status = budget["spec"], budget.get("status") or {}
    most, least, expected = spec.get("maxUnavailable"), spec.get("minAvailable"), status.get("expectedPods", 0)
    if most in (0, "0", "0%"):
        return f"maxUnavailable: {most}"
    if least == "100%" or 0 < expected <= _needed(least, expected):
        return f"minAvailable: {least} of {expected} pods"
    return None


def _needed(least: str | int | None, expected: int) -> int:
    """How many pods a minAvailable wants. Percentages are rounded up, as the budget's controller does."""
    if isinstance(least, str):
        return -(-expected * int(least.rstrip("%")) // 100)
    return least or 0


def key_of(obj: Object) -> str:
    """ "namespace/name" of an object."""
    return f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"


def _epoch(timestamp: str) -> float:
    return calendar.timegm(time.strptime(timestamp[:19], "%Y-%m-%dT%H:%M:%S"))


def _hint(option: str) -> str:
    """How to set an option, for whoever runs the playbook, and for whoever runs the module."""
    return f"kubeadm_upgrade_drain_{option}=true, or the module's option {option},"


def refusal(node: str, pods: t.Iterable[Pod]) -> str | None:
    """Why these pods make a drain impossible, all of them named, and what to do; None when it is possible."""
    pods = list(pods)
    reasons = []
    for why, text in (
        (UNMANAGED, f"no controller would start them again elsewhere ({_hint('force_unmanaged')} gives them up): {{}}"),
        (ORPHAN, f"their DaemonSet is gone ({_hint('force_unmanaged')} gives them up): {{}}"),
        (
            EMPTYDIR,
            f"they hold emptyDir data, which would be lost ({_hint('delete_emptydir_data')} allows that): {{}}",
        ),
    ):
        names = [pod.key for pod in pods if pod.verdict == REFUSE and why in pod.why]
        if names:
            reasons.append(text.format(", ".join(names)))
    double = [
        f"{pod.key} ({' and '.join(pod.budgets)})" for pod in pods if pod.verdict == EVICT and len(pod.budgets) > 1
    ]
    if double:
        reasons.append(
            "more than one PodDisruptionBudget selects them, which the API server refuses for good; "
            f"narrow the selectors or delete one of the budgets: {', '.join(double)}"
        )
    return (
        f"The node {node} cannot be drained because of some of its pods: " + "; ".join(reasons) + "."
        if reasons
        else None
    )
