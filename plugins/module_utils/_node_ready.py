# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is a node back as it was before it was cordoned? More than its Ready condition: all that it offered."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from ansible_collections.uplift.kubeadm.plugins.module_utils import _cordon
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Api, Object
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import (
    MIRROR_ANNOTATION,
    condition,
    container_image,
    cordon_record,
    image_version,
    is_cordoned,
    is_true,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

POLL = 0.5  # seconds between two looks
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_SUFFIXES = {"k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


@dataclass(frozen=True)
class Expected:
    """What a node must show; versions as in v1.25.4, None where any will do."""

    kubelet_version: str | None = None
    static_pods_version: str | None = None
    healthy: t.Container[str] = ()  # static pods whose programs said themselves that they are healthy


def missing(node: Object, pods: t.Iterable[Object], drivers: t.Collection[str], expected: Expected) -> list[str]:
    """What the node does not show yet, a phrase each; empty when it is back.

    :param pods: those on the node.
    :param drivers: names of the CSI drivers in its CSINode.
    """
    pods = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    # A cordon of ours recorded what was offered; without it, only what the node shows now can be judged. Once the node
    # is schedulable, the record has been compared, or someone has put the node back as it is.
    note = (cordon_record(node) if is_cordoned(node) else None) or {}
    return [
        *_missing_kubelet(node, expected.kubelet_version),
        *_missing_resources(node, note.get("resources") or {}),
        *(f"CSI driver {name} is not registered" for name in note.get("csi_drivers") or [] if name not in drivers),
        *_missing_daemonset_pods(pods, note.get("daemonset_pods")),
        *_missing_static_pods(pods, expected),
    ]


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


def _missing_resources(node: Object, recorded: t.Mapping[str, str]) -> list[str]:
    allocatable = node.get("status", {}).get("allocatable") or {}
    return [
        f"{name} is {allocatable.get(name, 'absent')}, and was {amount}"
        for name, amount in recorded.items()
        if _quantity(str(allocatable.get(name, "0"))) < _quantity(str(amount))
    ]


def _quantity(text: str) -> Decimal:
    """Extended resources are whole numbers, which may be written with a suffix ("2k")."""
    number = text.rstrip("kMGi")
    try:
        return Decimal(number) * _SUFFIXES.get(text[len(number) :], 1)
    except InvalidOperation:
        return Decimal(0)


def _missing_daemonset_pods(pods: list[Object], recorded: int | None) -> list[str]:
    own = [pod for pod in pods if _cordon.is_daemonset_pod(pod)]
    unready = [_key(pod) for pod in own if not is_true(pod, "Ready")]
    ready = len(own) - len(unready)
    if recorded is None:
        return [f"DaemonSet pods are not Ready: {', '.join(unready)}"] if unready else []
    if ready >= recorded:
        return []  # as many as before: one that was broken already holds nobody up
    named = f"not Ready: {', '.join(unready)}" if unready else "the others have not been started"
    return [f"{ready} of {recorded} DaemonSet pods are Ready ({named})"]


def _missing_static_pods(pods: list[Object], expected: Expected) -> list[str]:
    version = expected.static_pods_version
    mirrors = [pod for pod in pods if MIRROR_ANNOTATION in (pod["metadata"].get("annotations") or {})]
    # One that has run to its end (a task at boot) is never Ready again.
    mirrors = [pod for pod in mirrors if pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")]
    # Ready comes late for what was asked itself: kubelet looks at a startup probe every 10 s (kubeadm's static pods).
    unready = [pod for pod in mirrors if not is_true(pod, "Ready") and _component(pod) not in expected.healthy]
    result = [f"static pod {_key(pod)} is not Ready" for pod in unready]
    for component in CONTROL_PLANE if version else ():
        pod = next((pod for pod in mirrors if _component(pod) == component), None)
        shown = image_version(container_image(pod, component)) if pod else None
        if shown != version:
            result.append(f"static pod {component} " + (f"shows {shown}, not {version}" if pod else "is not there"))
    return result


def _component(pod: Object) -> str | None:
    """The program of one of kubeadm's static pods (cmd/kubeadm/app/phases/controlplane, label «component»)."""
    component: str | None = (pod["metadata"].get("labels") or {}).get("component")
    return component


def _key(pod: Object) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def look(api: Api, name: str, expected: Expected) -> list[str]:
    """What the node does not show at this moment."""
    node = _cordon.get_node(api, name)
    return missing(node, _cordon.pods_on(api, name), _cordon.csi_drivers(api, name), expected)


def wait(api: Api, name: str, expected: Expected, timeout: float) -> None:
    """Wait until nothing is missing.

    :raises UpliftError: after timeout seconds; the message lists exactly what is missing.
    """
    deadline = time.monotonic() + timeout
    while True:
        lacking = look(api, name, expected)
        if not lacking:
            return
        if time.monotonic() > deadline:
            raise UpliftError(
                f"The node {name} did not come back within {timeout:g} s: {'; '.join(lacking)}. It stays as it "
                "is (cordoned, if it was). "
                "Look at «journalctl -u kubelet» and «crictl ps -a» on it, mend it, and run again; what was "
                "taken away on purpose "
                "(a DaemonSet, a device) no longer counts once the node is uncordoned by hand."
            )
        time.sleep(POLL)
