# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last lines of a run: what was done, and where the cluster is now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import listing


def result_lines(plan: Mapping[str, Any], summary: Mapping[str, Any], seconds: float) -> list[str]:
    """Lines for a person. `plan` is the plan that was walked, `summary` the one of cluster_info after it."""
    servers = sorted(set(summary["api_servers"].values()))
    kubelets = [f"{version} on {count}" for version, count in sorted(summary["kubelets"].items(), reverse=True)]
    return [
        _done(plan, int(seconds)),
        f"  API servers  {' and '.join(servers)} on {_count(len(summary['api_servers']), 'control plane node')}",
        f"  kubelets     {', '.join(kubelets)} of {_count(summary['nodes'], 'node')}",
        f"  not Ready    {listing(summary['not_ready'])}",
        f"  cordoned     {listing(summary['unschedulable'])}",
    ]


def _done(plan: Mapping[str, Any], seconds: int) -> str:
    if not plan["changes"]:
        return f"Nothing was to be done: every node of this run was at {plan['target']} already."
    drains = _count(sum(plan["drains"].values()), "drain")
    hops = _count(len(plan["hops"]), "hop")
    return f"Done: {plan['target']}, {hops}, {drains}, {seconds // 60} min {seconds % 60} s."


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
