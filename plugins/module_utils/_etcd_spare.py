# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""May this node's member of etcd be away for a while?

Each control plane restarts its own member: kubeadm does in one pass, a new kubelet in the other. kubeadm looks at the
other members before it does. Nobody else does, and a member may be lost at any time in a run.
"""

from __future__ import annotations

import time
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._etcd import Etcd, local_member
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import state_of
from ansible_collections.uplift.kubeadm.plugins.module_utils._kubeadm import Kubeadm
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_static_pods import static_pods

POLL_SECONDS = 1.0


def require_spare(root: Path, timeout: float) -> None:
    """Wait until etcd can do without the member of this node; at once where there is none, and while a kubeadm that a
    killed run has left at work is restarting it: whoever runs kubeadm next waits for that.

    :raises UpliftError: it cannot, timeout seconds later. Of one member it never can, and is not asked to; of two, the
        other one has to be well.
    """
    pods, _unread = static_pods(root)
    if "etcd" not in pods or _kubeadm_upgrades(root):
        return
    deadline = time.monotonic() + timeout
    while trouble := _trouble(local_member(root, pods["etcd"])):
        if time.monotonic() >= deadline:
            raise UpliftError(
                "etcd would lose its quorum, and the cluster its API, while the member of this node is restarted, so "
                f"it was left alone. For {timeout:g} s: {trouble} Look at the members with crictl ps -a --name etcd "
                "and crictl logs on the control planes."
            )
        time.sleep(POLL_SECONDS)


def _kubeadm_upgrades(root: Path) -> bool:
    last = Kubeadm(Runner(), state_of(root)).last_run()
    return last is not None and last["state"] == "running" and "upgrade" in last["command"]


def _trouble(own: Etcd) -> str:
    """Why etcd cannot do without this member; "" when it can."""
    try:
        facts = own.facts()
    except UpliftError as exc:  # it may be electing a leader
        return str(exc)
    voting = [member for member in facts["members"] if not member["learner"]]
    others = [member for member in voting if member["id"] != facts["member"]]
    silent = {member["name"] or member["id"]: why for member in others if (why := why_silent(member, own))}
    if not at_risk(len(voting), len(others) - len(silent)):
        return ""
    told = " ".join(f"{name}: {why}" for name, why in sorted(silent.items()))
    return f"{len(silent)} of {len(others)} other members are not well. {told}"


def at_risk(voting: int, others_well: int) -> bool:
    """Whether one member may not be taken away when so many of the others are well. Pure."""
    return others_well < min(voting // 2 + 1, voting - 1)


def why_silent(member: t.Mapping[str, t.Any], own: Etcd) -> str:
    """Why a member is not well; "" when it is: it answers at one of its URLs, and knows a leader."""
    if not member["started"]:
        return "it was added and has never come up."
    why = "it has no client URL."
    for url in member["client_urls"]:
        try:
            if int(Etcd(url, own.context).call("/v3/maintenance/status").get("leader") or 0):
                return ""
            why = f"etcd at {url} knows no leader."
        except UpliftError as exc:
            why = str(exc)
    return why
