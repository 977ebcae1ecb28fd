# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one look at a cluster of a fleet says: what it owes, and what is wrong with it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._own_checks import own_findings
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import listing


def fleet_answer(
    summary: Mapping[str, Any],
    notes: Iterable[Mapping[str, Any]],
    workloads: Mapping[str, Any],
    gates: Iterable[Mapping[str, Any]],
    max_left_out: int = 0,
) -> dict[str, list[str]]:
    """{"notes": names of the notes that the cluster keeps, "troubles": a sentence each; none when all is well}.

    :param summary: of cluster_info.
    :param notes: results of a loop of upgrade_note over names.
    :param workloads: result of workload_state; one that was skipped compares nothing.
    :param gates: results of a loop of commands over the user's gates.
    :param max_left_out: workers that may be NotReady, as the upgrade has it (kubeadm_upgrade_max_left_out).
    """
    return {
        "notes": [note["item"] for note in notes if note.get("value")],
        "troubles": [*_nodes(summary, int(max_left_out)), *_lost(workloads), *_closed(gates)],
    }


def _nodes(summary: Mapping[str, Any], max_left_out: int) -> list[str]:
    control_planes = [name for name in summary["not_ready"] if name in summary["control_planes"]]
    workers = [name for name in summary["not_ready"] if name not in summary["control_planes"]]
    gone = control_planes + (workers if len(workers) > max_left_out else [])
    told = [f"not Ready: {listing(gone)}"] if gone else []
    return told + [f"{', '.join(pods)} on {node} not Ready" for node, pods in summary["unhealthy"].items()]


def _lost(workloads: Mapping[str, Any]) -> list[str]:
    if not workloads.get("compared"):
        return []
    gone = [entry for key in ("missing", "not_ready", "fewer") for entry in workloads.get(key) or []]
    return [f"workloads not as before: {listing([_workload(entry) for entry in gone], 6)}"] if gone else []


def _workload(entry: Mapping[str, Any]) -> str:
    return f"{entry['kind']} {entry['ns']}/{entry['name']} {entry.get('why') or ''}".rstrip()


def _closed(gates: Iterable[Mapping[str, Any]]) -> list[str]:
    return [f"the gate {gate['id'].partition(':')[2]}: {' | '.join(gate['seen'])}" for gate in own_findings(gates)]
