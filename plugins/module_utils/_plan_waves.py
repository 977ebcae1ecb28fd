# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The workers' stages of a plan, cut into waves (kubeadm_upgrade_serial: auto). Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import unread_of
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast import oldest_api_server
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import parse_version
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves import Waves, one_by_one, plan_waves
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_rules import Rules, amount, read_groups, whole
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_words import as_data, decisions

AUTO = "auto"
NEEDED = ("pods", "pdbs", "workloads", "volumes")


@dataclass(frozen=True)
class WaveOptions:
    """As the user has them; see the documentation of module upgrade_plan."""

    groups: t.Any = ()
    inventory_groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    max_nodes: t.Any = "100%"
    canaries: t.Any = 1
    unbudgeted: t.Any = "25%"
    forks: int | None = None


def read_rules(options: WaveOptions, hosts: Mapping[str, Mapping[str, t.Any]]) -> Rules:
    """`hosts`: {inventory name: facts of the host}. Raises UpliftError for what is no good."""
    members = {
        # Of a host that could not be reached: as its node may be called.
        group: [str(hosts[host].get("name")) if host in hosts else host for host in names]
        for group, names in options.inventory_groups.items()
    }
    return Rules(
        groups=read_groups(options.groups, members),
        most=amount(options.max_nodes, "kubeadm_upgrade_wave_max") or "100%",
        forks=options.forks,
        canaries=whole(options.canaries, "kubeadm_upgrade_canaries"),
        unbudgeted=amount(options.unbudgeted, "kubeadm_upgrade_wave_unbudgeted") or "100%",
    )


def lay_waves(plan: dict[str, t.Any], facts: Mapping[str, t.Any], rules: Rules) -> None:
    """Put the hosts of each workers' stage in the order of its waves, with their sizes as its `serial`.

    A stage gets "waves": [{"size", "canary", "soak", "groups", "why"}]. A later hop with the same nodes gets the same
    waves: they are looked at again, with what the cluster is then, when each begins.
    """
    stages = [stage for stage in plan["stages"] if stage["kind"] == "workers"]
    unknown = [key for key in NEEDED if unread_of(facts, key)]
    if unknown:
        for stage in stages:
            _lay(stage, one_by_one(facts, stage["nodes"], rules))
        if stages:
            plan["decisions"].append(
                f"Workers go one at a time: waves need to know {', '.join(unknown)}, which could not be read."
            )
        return
    found: dict[frozenset[str], Waves] = {}
    for stage in stages:
        nodes = frozenset(stage["nodes"])
        if nodes not in found:
            api = max(oldest_api_server(facts), parse_version(stage["version"]))
            found[nodes] = plan_waves(facts, stage["nodes"], rules, api)
            plan["decisions"] += decisions(found[nodes], rules)
        _lay(stage, found[nodes])


def _lay(stage: dict[str, t.Any], waves: Waves) -> None:
    hosts = dict(zip(stage["nodes"], stage["hosts"]))
    rows = as_data(waves)
    order = [name for row in rows for name in row["nodes"]]
    stage["nodes"] = order
    stage["hosts"] = [hosts[name] for name in order]
    stage["drains"] = list(stage["hosts"])
    stage["serial"] = [len(row["nodes"]) for row in rows]
    stage["waves"] = [
        {"size": len(row["nodes"]), **{key: row[key] for key in ("canary", "soak", "groups", "why")}} for row in rows
    ]
