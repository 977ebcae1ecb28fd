# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a drain does with a pod, by what kind of pod it is: for the drain itself, and for its forecast. Pure.

The order of the questions is that of the filters of kubectl drain: kubectl/pkg/drain/filters.go.
"""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils import _drain_order as _order

EVICT, WAIT, LEAVE, REFUSE = "evict", "wait", "leave", "refuse"
SKIPPED = "skipped"  # how the words of a pod begin that the drain's order leaves where it is
UNMANAGED, EMPTYDIR, ORPHAN = "unmanaged", "emptydir", "orphan"

Verdict = tuple[str, tuple[str, ...]]


class Traits(t.NamedTuple):
    """What a verdict depends on."""

    owner: str | None  # kind of the controller
    daemonset_exists: bool  # for a pod of a DaemonSet: is that still there?
    static: bool
    finished: bool
    empty_dir: bool


def judge(pod: Traits, group: _order.Group, delete_emptydir_data: bool, force_unmanaged: bool) -> Verdict:
    """EVICT; WAIT, until it has completed; LEAVE with a few words; REFUSE with each of UNMANAGED, ORPHAN, EMPTYDIR.

    :param group: the entry of the drain's order that the pod belongs to.
    """
    of_daemonset = pod.owner == "DaemonSet"
    if of_daemonset and pod.daemonset_exists and not pod.finished:
        return LEAVE, ("DaemonSet pod",)
    if pod.static:
        return LEAVE, ("static pod",)
    if group.action == _order.SKIP:
        return LEAVE, (f"{SKIPPED}, as {group.text} has it",)
    if pod.finished:
        # Not evicted where its end was waited for: a Job of before 1.26 counts its pods, and would run it again.
        return (LEAVE, ("completed",)) if group.action == _order.WAIT else (EVICT, ())
    may_evict = group.action == _order.DRAIN or group.timeout is not None
    objections = []
    if may_evict and not force_unmanaged and (pod.owner is None or of_daemonset):
        objections.append(ORPHAN if of_daemonset else UNMANAGED)
    if may_evict and not delete_emptydir_data and pod.empty_dir:
        objections.append(EMPTYDIR)
    if objections:
        return REFUSE, tuple(objections)
    return (WAIT if group.action == _order.WAIT else EVICT), ()
