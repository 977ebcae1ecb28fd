# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a drain says to the person who watches it, or who has to mend what stopped it. Pure."""

from __future__ import annotations

import typing as t

Row = t.Mapping[str, t.Any]
MOST_NAMES = 3  # of what waits for the same; the message of a drain that failed names all


def progress_line(node: str, rows: t.Sequence[Row], seconds: float) -> str:
    """ "w1: 2 pods left after 35 s: shop/web-1, shop/web-2 (held by the budget shop/web, which …)"."""
    if not rows:
        return f"{node}: no pods left after {seconds:.0f} s"
    what = "volume" if rows[0]["state"] == "attached" else "pod"
    count = f"{len(rows)} {what}{'' if len(rows) == 1 else 's'}"
    return f"{node}: {count} left after {seconds:.0f} s: {listing(rows, MOST_NAMES)}"


def forecast_line(node: str, to_evict: int, to_wait_for: int) -> str:
    line = f"{node}: {to_evict} pod{'' if to_evict == 1 else 's'} to evict"
    return f"{line}, {to_wait_for} to wait for" if to_wait_for else line


def listing(rows: t.Sequence[Row], most: int | None = None) -> str:
    """Pods by what they wait for: "a, b (held by …); c (evicted …)"."""
    groups: dict[str, list[str]] = {}
    for row in rows:
        groups.setdefault(row["why"], []).append(f"{row['namespace']}/{row['name']}".lstrip("/"))
    return "; ".join(f"{_names(sorted(names), most)} ({why})" for why, names in groups.items())


def timed_out(
    node: str, timeout: float, rows: t.Sequence[Row], ready: bool, never: t.Mapping[str, str], forcing: bool
) -> str:
    """Why a drain was given up, and what to do.

    :param never: budgets that hold pods and can never let them go -> why.
    :param forcing: whether pods are deleted past their budgets.
    """
    states = {row["state"] for row in rows}
    what = "Volumes" if states == {"attached"} else "Pods"
    text = f"The node {node} was not drained within {timeout:g} s. {what} left: {listing(rows)}."
    if not ready:
        return text + (
            " The node is not Ready: its kubelet ends no pods, and detaches no volumes. "
            "kubeadm_upgrade_drain_skip_wait_for_delete_timeout (the module's option skip_wait_for_delete_timeout) "
            "lets a drain go on without pods that were deleted long ago."
        )
    if states == {"attached"}:
        return text + (
            " Look at the CSI driver's controller and node pods. kubeadm_upgrade_drain_wait_for_volumes=false (the "
            "module's option wait_for_volumes) goes on without."
        )
    if "held" in states:
        text += "".join(
            f" The budget {key} can never allow an eviction ({why}): no time is long enough, until someone changes "
            "it or the number of replicas."
            for key, why in sorted(never.items())
        )
        text += (
            " Give the budgets room (more replicas that are Ready, or a wider budget), or the drain more time "
            "(kubeadm_upgrade_drain_timeout, or the module's option timeout), and run again."
        )
        if not forcing:
            text += " kubeadm_upgrade_drain_force_past_budgets_after deletes such pods in spite of their budgets."
    elif "running" in states:
        text += (
            " They were to be waited for until they complete. Give the drain more time (kubeadm_upgrade_drain_timeout),"
            " or the entry of kubeadm_upgrade_drain_order a timeout after which they are evicted."
        )
    return text


def not_ready(node: str, message: str, skip_after: int) -> str:
    """The warning that evictions on such a node are not what they are elsewhere."""
    rest = (
        f"The drain goes on without those that were deleted more than {skip_after} s ago."
        if skip_after
        else "kubeadm_upgrade_drain_skip_wait_for_delete_timeout (the module's option skip_wait_for_delete_timeout) "
        "lets the drain go on without them."
    )
    return (
        f"Pods are evicted from the node {node}, which is not Ready ({message or 'its kubelet has not reported'}). "
        "No kubelet ends them: they stay on the node as Terminating, and may still run there, until it is back. "
        f"A StatefulSet starts none in their place before that. {rest}"
    )


def forced(node: str, rows: t.Sequence[Row]) -> str:
    pods = ", ".join(f"{row['namespace']}/{row['name']} (budget {row['budget']})" for row in rows)
    return f"Deleted on the node {node} in spite of their disruption budgets, as asked for: {pods}."


def _names(names: t.Sequence[str], most: int | None) -> str:
    if most is None or len(names) <= most + 1:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
