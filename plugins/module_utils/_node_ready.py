# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is a node back as it was before it was cordoned? More than its Ready condition: all that it offered."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from ansible_collections.uplift.kubeadm.plugins.module_utils import _cordon
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Api, Object
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import (
    condition,
    container_image,
    cordon_record,
    image_version,
    is_cordoned,
    is_true,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

POLL = 0.5  # seconds between two looks
REGISTERS = 60.0  # seconds in which a kubelet that has just joined is a node: kubeadm from 1.34 on does not wait for it
# Seconds that the rest of an extended resource is waited for when all else is back. kubelet writes what its device
# plugins register into the node's status every 10 s (nodeStatusUpdateFrequency), so that is three of its reports.
GRACE = 30.0
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_SUFFIXES = {"k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


@dataclass(frozen=True)
class Expected:
    """What a node must show; versions as in v1.25.4, None where any will do."""

    kubelet_version: str | None = None
    static_pods_version: str | None = None
    healthy: t.Container[str] = ()  # static pods whose programs said themselves that they are healthy
    # What it offered before, where no cordon of ours says it: a person had cordoned it. As _cordon.offer() has it.
    offered: t.Mapping[str, t.Any] = field(default_factory=dict)


class Look(t.NamedTuple):
    """What a look at a node found; a phrase each. It is back when nothing is missing or less."""

    missing: list[str]
    less: list[str]  # extended resources of which there are some again, and not as many as before
    unready_before: list[str]  # static pods that are not Ready, and were not before: nothing that the run has broken


def compare(node: Object, pods: t.Iterable[Object], drivers: t.Collection[str], expected: Expected) -> Look:
    """What the node shows, beside what it is to show.

    :param pods: those on the node.
    :param drivers: names of the CSI drivers in its CSINode.
    """
    pods = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    # A cordon of ours recorded what was offered; without it, only what the node shows now can be judged. Once the node
    # is schedulable, the record has been compared, or someone has put the node back as it is.
    note = (cordon_record(node) or expected.offered) if is_cordoned(node) else {}
    absent, less = _resources(node, note.get("resources") or {})
    unready, unready_before = _unready_static_pods(pods, expected, note.get("static_pods_not_ready") or ())
    lacking = [
        *_missing_kubelet(node, expected.kubelet_version),
        *absent,
        *(f"CSI driver {name} is not registered" for name in note.get("csi_drivers") or [] if name not in drivers),
        *_missing_daemonset_pods(pods, note.get("daemonset_pods")),
        *unready,
        *_missing_static_pods(pods, expected.static_pods_version),
    ]
    return Look(lacking, less, unready_before)


def _missing_kubelet(node: Object, version: str | None) -> list[str]:
    # The kubelet writes its version and its conditions in one status: beside the new version, Ready is the new one's.
    reported = node.get("status", {}).get("nodeInfo", {}).get("kubeletVersion")
    result = [f"the kubelet reports {reported}, not {version}"] if version and reported != version else []
    ready = condition(node, "Ready")
    if ready.get("status") != "True":
        result.append(
            f"Ready is {ready.get('status', 'not reported')} "
            f"({ready.get('message') or ready.get('reason') or 'no message'})"
        )
    return result


def _resources(node: Object, recorded: t.Mapping[str, str]) -> tuple[list[str], list[str]]:
    """(those of which there is none, those of which there is less than before).

    None at all is what a device plugin looks like that does not get on with the new kubelet, and the nodes after this
    one would go the same way. Some, but fewer, is what someone else may have decided: a device that is unhealthy, or
    was partitioned, a plugin with another configuration. Nobody can be waited for there.
    """
    allocatable = node.get("status", {}).get("allocatable") or {}
    none: list[str] = []
    less: list[str] = []
    for name, amount in recorded.items():
        now = str(allocatable.get(name, "0"))
        if _quantity(now) < _quantity(str(amount)):
            phrase = f"{name} is {allocatable.get(name, 'absent')}, and was {amount}"
            (less if _quantity(now) > 0 else none).append(phrase)
    return none, less


def _quantity(text: str) -> Decimal:
    """Extended resources are whole numbers, which may be written with a suffix ("2k")."""
    number = text.rstrip("kMGi")
    try:
        return Decimal(number) * _SUFFIXES.get(text[len(number) :], 1)
    except InvalidOperation:
        return Decimal(0)


def _missing_daemonset_pods(pods: list[Object], recorded: int | None) -> list[str]:
    own = [pod for pod in pods if _cordon.is_daemonset_pod(pod)]
    unready = [_cordon.key(pod) for pod in own if not is_true(pod, "Ready")]
    ready = len(own) - len(unready)
    if recorded is None:
        return [f"DaemonSet pods are not Ready: {', '.join(unready)}"] if unready else []
    if ready >= recorded:
        return []  # as many as before: one that was broken already holds nobody up
    named = f"not Ready: {', '.join(unready)}" if unready else "the others have not been started"
    return [f"{ready} of {recorded} DaemonSet pods are Ready ({named})"]


def _unready_static_pods(
    pods: list[Object], expected: Expected, before: t.Container[str]
) -> tuple[list[str], list[str]]:
    """(static pods to wait for, static pods that were not Ready before either). kubeadm's own are always waited for."""
    # Ready comes late for what was asked itself: kubelet looks at a startup probe every 10 s (kubeadm's static pods).
    unready = [
        pod
        for pod in _cordon.static_pods(pods)
        if not is_true(pod, "Ready") and _component(pod) not in expected.healthy
    ]
    old = [pod for pod in unready if _cordon.key(pod) in before and not _cordon.is_kubeadms(pod)]
    new = [pod for pod in unready if pod not in old]
    return [f"static pod {_cordon.key(pod)} is not Ready" for pod in new], [_cordon.key(pod) for pod in old]


def _missing_static_pods(pods: list[Object], version: str | None) -> list[str]:
    result = []
    for component in CONTROL_PLANE if version else ():
        pod = next((pod for pod in _cordon.static_pods(pods) if _component(pod) == component), None)
        shown = image_version(container_image(pod, component)) if pod else None
        if shown != version:
            result.append(f"static pod {component} " + (f"shows {shown}, not {version}" if pod else "is not there"))
    return result


def _component(pod: Object) -> str | None:
    """The program of one of kubeadm's static pods (cmd/kubeadm/app/phases/controlplane, label «component»)."""
    component: str | None = (pod["metadata"].get("labels") or {}).get("component")
    return component


def look(api: Api, name: str, expected: Expected) -> Look:
    """What the node shows at this moment."""
    node = _cordon.get_node(api, name)
    return compare(node, _cordon.pods_on(api, name), _cordon.csi_drivers(api, name), expected)


def wait(api: Api, name: str, expected: Expected, timeout: float) -> Look:
    """Wait until nothing is missing, and for what there is less of than before, until GRACE seconds after that.

    :raises UpliftError: after timeout seconds; the message lists exactly what is missing.
    """
    deadline = time.monotonic() + timeout
    api.just_restarted(timeout)  # the node's own, by its new kubelet
    whole_since = None  # but for what there is less of
    registered_by = time.monotonic() + min(REGISTERS, timeout)
    while True:
        try:
            seen = look(api, name, expected)
        except _cordon.NoSuchNode:
            if time.monotonic() > registered_by:
                raise
            time.sleep(POLL)
            continue
        now = time.monotonic()
        whole_since = None if seen.missing else whole_since or now
        if whole_since is not None and (not seen.less or now >= min(whole_since + GRACE, deadline)):
            return seen
        if now > deadline:
            raise UpliftError(
                f"The node {name} did not come back within {timeout:g} s: {'; '.join(seen.missing + seen.less)}. It "
                "stays as it is (cordoned, if it was). "
                "Look at «journalctl -u kubelet» and «crictl ps -a» on it, mend it, and run again; what was "
                "taken away on purpose "
                "(a DaemonSet, a device) no longer counts once the node is uncordoned by hand."
            )
        time.sleep(POLL)


def warnings(name: str, seen: Look) -> list[str]:
    """What is not as it was, and was not waited for."""
    return [
        *(
            f"The node {name} is back, but for this: {phrase}. It was not waited for any longer, as something other "
            "than the upgrade may have lowered it. Look at the device plugin or operator that brings it."
            for phrase in seen.less
        ),
        *(
            f"Static pod {pod} on the node {name} is not Ready. It was not before the node was drained either, so it "
            "was not waited for."
            for pod in seen.unready_before
        ),
    ]
