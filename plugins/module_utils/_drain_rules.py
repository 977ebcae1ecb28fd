# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drain does with each pod of a node: pure functions on pods and budgets as the API gives them."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.uplift.kubeadm.plugins.module_utils import _budgets, _cordon
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Object
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import MIRROR_ANNOTATION
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_order import NO_ORDER, Group, Order, group_of
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_verdict import (
    EMPTYDIR,
    EVICT,
    LEAVE,
    ORPHAN,
    REFUSE,
    UNMANAGED,
    WAIT,
    Traits,
    Verdict,
    judge,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._selectors import matches, tolerates
from ansible_collections.uplift.kubeadm.plugins.module_utils._times import epoch

_FINISHED = ("Succeeded", "Failed")
_CORDON_TAINT = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
_DEFAULT_GRACE = 30  # seconds, as the API server sets it


@dataclass(frozen=True)
class Options:
    """What a drain may do. Seconds for times; grace_period None means the pod's own; 0 is never for the others."""

    timeout: float
    delete_emptydir_data: bool = False
    force_unmanaged: bool = False
    grace_period: int | None = None
    skip_wait_for_delete_timeout: int = 0
    evictions_in_parallel: int = 10
    order: Order = NO_ORDER
    wait_for_volumes: bool = True
    force_past_budgets_after: int = 0
    leader_timeout: int = 0  # how long to wait for leaders of controller manager and scheduler; 0 does not look
    proxy_timeout: int = 0  # how long to wait until kube-proxy is rolled out; 0 does not look
    slice: int = 0
    state_directory: str = ""  # "" keeps no state
    keep_cordon: bool = False  # a drain that fails leaves the node cordoned
    leaving: bool = False  # others replace the node: its cordon says so, and a drain that fails leaves it


@dataclass(frozen=True)
class Pod:
    """A pod of the node, and what is to become of it."""

    namespace: str
    name: str
    uid: str
    verdict: str = EVICT  # EVICT, WAIT, LEAVE or REFUSE
    why: tuple[str, ...] = ()  # see judge()
    terminating: bool = False
    budgets: tuple[str, ...] = ()  # "namespace/name" of the budgets that an eviction has to pass
    group: Group = NO_ORDER[0]
    grace: int = _DEFAULT_GRACE  # seconds that it has to end
    endless: bool = False  # its containers are started again when they end
    claims: tuple[str, ...] = ()  # "namespace/name" of its PersistentVolumeClaims

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def leaves(self) -> bool:
        """Has the drain to see it end?"""
        return self.verdict in (EVICT, WAIT)


def decide(
    pod: Object, daemonsets: t.Collection[str], budgets: t.Iterable[Object], options: Options, now: float
) -> Pod:
    """What becomes of a pod as the API gives it, see classify(); `budgets`: those that this API server honours."""
    meta, spec = pod["metadata"], pod["spec"]
    verdict, why = classify(pod, daemonsets, options, now)
    grace = options.grace_period
    return Pod(
        meta["namespace"],
        meta["name"],
        meta["uid"],
        verdict,
        why,
        "deletionTimestamp" in meta,
        tuple(budgets_of(pod, budgets)),
        group_of(options.order, meta["namespace"], meta.get("labels") or {}),
        spec.get("terminationGracePeriodSeconds", _DEFAULT_GRACE) if grace is None else grace,
        spec.get("restartPolicy", "Always") == "Always",
        tuple(claims_of(pod)),
    )


def classify(pod: Object, daemonsets: t.Collection[str], options: Options, now: float) -> Verdict:
    """What becomes of a pod, and why, see judge().

    :param daemonsets: "namespace/name" of the DaemonSets that exist, among those that own pods of the node.
    :param now: seconds since the epoch.
    """
    meta = pod["metadata"]
    if deleted_long_ago(pod, options, now):
        return LEAVE, ("deleted long ago, not waited for",)
    owner = _cordon.controller(pod) or {}
    traits = Traits(
        owner.get("kind"),
        f"{meta['namespace']}/{owner.get('name')}" in daemonsets,
        MIRROR_ANNOTATION in (meta.get("annotations") or {}),
        is_finished(pod),
        any("emptyDir" in volume for volume in pod["spec"].get("volumes") or []),
    )
    group = group_of(options.order, meta["namespace"], meta.get("labels") or {})
    return judge(traits, group, options.delete_emptydir_data, options.force_unmanaged)


def is_finished(pod: Object) -> bool:
    return pod.get("status", {}).get("phase") in _FINISHED


def deleted_long_ago(pod: Object, options: Options, now: float) -> bool:
    deleted = pod["metadata"].get("deletionTimestamp")
    return bool(deleted) and 0 < options.skip_wait_for_delete_timeout < now - epoch(deleted)


def comes_back(pod: Object) -> bool:
    """Would the scheduler place it on a node that is cordoned?"""
    return tolerates(pod["spec"].get("tolerations") or [], _CORDON_TAINT)


def claims_of(pod: Object) -> list[str]:
    """ "namespace/name" of its PersistentVolumeClaims; that of a generic ephemeral volume is named POD-VOLUME."""
    meta = pod["metadata"]
    found = []
    for volume in pod["spec"].get("volumes") or []:
        if "persistentVolumeClaim" in volume:
            found.append(f"{meta['namespace']}/{volume['persistentVolumeClaim']['claimName']}")
        elif "ephemeral" in volume:
            found.append(f"{meta['namespace']}/{meta['name']}-{volume['name']}")
    return found


def budgets_of(pod: Object, budgets: t.Iterable[Object]) -> list[str]:
    """ "namespace/name" of the budgets that an eviction of this pod has to pass, as the API server finds them.

    Finished, pending and terminating pods pass by every budget (canIgnorePDB in the server's eviction.go).

    :param budgets: those that this API server honours.
    """
    meta = pod["metadata"]
    if "deletionTimestamp" in meta or is_finished(pod) or pod.get("status", {}).get("phase") == "Pending":
        return []
    labels = meta.get("labels") or {}
    return [
        key_of(budget)
        for budget in budgets
        if budget["metadata"]["namespace"] == meta["namespace"] and matches(budget["spec"].get("selector"), labels)
    ]


def never_allows(budget: Object) -> str:
    """Why a budget can allow no eviction until someone changes it or its workload; "" when it may."""
    spec = budget["spec"]
    most, least = spec.get("maxUnavailable"), spec.get("minAvailable")
    expected = (budget.get("status") or {}).get("expectedPods", 0)
    try:
        return _budgets.never_allows(most, least, expected, _budgets.desired(most, least, expected))
    except ValueError:  # a percentage that is none: the controller fails over it too, and allows nothing
        return _budgets.rule(most, least)


def key_of(obj: Object) -> str:
    """ "namespace/name" of an object."""
    return f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"


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
        f"{pod.key} ({' and '.join(pod.budgets)})" for pod in pods if may_be_evicted(pod) and len(pod.budgets) > 1
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


def may_be_evicted(pod: Pod) -> bool:
    return pod.verdict == EVICT or (pod.verdict == WAIT and pod.group.timeout is not None)


def warnings_of(node: str, pods: t.Collection[Pod], budgets: t.Iterable[Object]) -> t.Iterator[str]:
    """What will hold the drain up for good, as things are."""
    for budget in budgets:
        why = never_allows(budget)
        held = [pod.key for pod in pods if may_be_evicted(pod) and key_of(budget) in pod.budgets]
        if why and held:
            yield (
                f"The PodDisruptionBudget {key_of(budget)} ({why}) allows no eviction, and holds {', '.join(held)} on "
                f"the node {node}: the drain can end only if someone changes the budget or its workload."
            )
    endless = [pod.key for pod in pods if pod.verdict == WAIT and pod.endless]
    if endless:
        yield (
            f"The drain of the node {node} is to wait until these pods have completed, which they never do, as their "
            f"restartPolicy is Always: {', '.join(endless)}. Wait for pods of Jobs alone."
        )


def shut_now(node: str, pods: t.Collection[Pod], budgets: t.Iterable[Object]) -> t.Iterator[str]:
    """Which budgets would not let go their first pod, as things are, but may later."""
    for budget in budgets:
        status = budget.get("status") or {}
        held = [pod.key for pod in pods if may_be_evicted(pod) and key_of(budget) in pod.budgets]
        if held and not status.get("disruptionsAllowed") and not never_allows(budget):
            yield (
                f"The PodDisruptionBudget {key_of(budget)} allows no eviction now (pods healthy: "
                f"{status.get('currentHealthy', 0)}, wanted: {status.get('desiredHealthy', 0)}): the drain of the node "
                f"{node} would wait for it with {', '.join(held)}."
            )
