# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do controller manager and scheduler work? Pods that are evicted while they do not are started nowhere.

A program that was restarted waits for its predecessor's lease to run out before it leads: 15 seconds, in which nothing
replaces a pod (staging/src/k8s.io/client-go/tools/leaderelection, --leader-elect-lease-duration). Who drains meanwhile
takes down all replicas that no disruption budget protects: seen on a real cluster, drained by hand.
"""

from __future__ import annotations

import datetime
import time

from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Api
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

PROGRAMS = ("kube-controller-manager", "kube-scheduler")
FRESH_SECONDS = 5.0  # a leader renews every 2 s (--leader-elect-retry-period)
POLL = 0.5  # seconds
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"


def wait(api: Api, timeout: float) -> bool:
    """Wait until those of the programs that elect a leader have one; whether that took any waiting.

    A program without a Lease of its name is passed over: it elects none, or is none of kubeadm's.

    :raises UpliftError: one has had no leader for timeout seconds.
    """
    begun, waited = time.monotonic(), False
    seen = {name: renewed for name in PROGRAMS if (renewed := _renewed(api, name))}
    idle = {name: renewed for name, renewed in seen.items() if not _is_fresh(renewed, time.time())}
    while idle:
        if time.monotonic() - begun > timeout:
            since = "; ".join(f"{name} since {renewed}" for name, renewed in idle.items())
            raise UpliftError(
                f"No leader has renewed its Lease in kube-system within {timeout:g} s: {since}. Pods that are evicted "
                "now would be started nowhere, so none was evicted. Look at these static pods on the control plane "
                "nodes (crictl ps -a, /var/log/pods), then run again."
            )
        time.sleep(POLL)
        waited = True
        # Whatever the clocks say: a Lease that changes is held by someone who lives.
        idle = {name: renewed for name, renewed in idle.items() if _renewed(api, name) == renewed}
    return waited


def _renewed(api: Api, name: str) -> str | None:
    lease = api.find(f"{_LEASES}/{name}") or {}
    renewed: str | None = (lease.get("spec") or {}).get("renewTime")
    return renewed


def _is_fresh(renewed: str, now: float) -> bool:
    try:
        at = datetime.datetime.strptime(renewed, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        return False
    return abs(now - at.timestamp()) < FRESH_SECONDS
