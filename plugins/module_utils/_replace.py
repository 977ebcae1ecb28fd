# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a replacement: who joins, who is cordoned, drained in which waves, and removed. Pure.

The same facts give the same plan, and a step that is done is not in it: so a run that was killed goes on when it is
run again, and one after the last has nothing to do.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.uplift.kubeadm.plugins.module_utils import _replace_checks, _replace_room
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Finding, blocker
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast import oldest_api_server
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast_pods import DrainOptions
from ansible_collections.uplift.kubeadm.plugins.module_utils._placement_shapes import Facts
from ansible_collections.uplift.kubeadm.plugins.module_utils._replace_cast import (
    CONTROL_PLANE,
    KEEP,
    RESET,
    WORKER,
    Cast,
    Host,
    New,
    Old,
    cast,
    foreign,
    whole,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_rules import Rules
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_words import as_data

Row = dict[str, t.Any]
ONE_BY_ONE = "Control planes go one at a time."
_NOBODY = blocker(
    "replace-no-control-plane",
    "No host of the control planes is one of this cluster's",
    ["none of those that answered is a control plane in the facts of the cluster"],
    "What is done to the cluster is done through one of them.",
    "Look at the group of the control planes in the inventory, and at the kubeconfig.",
)


@dataclass(frozen=True)
class Options:
    """remove: "none", "node" or "reset". accept: ids of findings. drain: the drain's options, as DrainOptions.read()
    takes them."""

    old_selector: str = ""
    new_selector: str = ""
    remove: str = KEEP
    accept: t.Sequence[str] = ()
    drain: t.Mapping[str, t.Any] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)


def make_plan(facts: Facts, hosts: t.Sequence[Host], options: Options) -> tuple[Row, list[Finding]]:
    """The plan as replace_plan returns it, and what stands in its way.

    :raises UpliftError: a selector, or an option of the drain, is no good.
    """
    people = cast(facts, hosts, options.old_selector, options.new_selector)
    by_name = {host.name: host for host in hosts}
    joining = [new for new in people.new if not new.joined]
    drain = DrainOptions.read(options.drain)
    after = _replace_room.prepared(
        facts, [old.node for old in people.old], [(new, by_name[new.host]) for new in joining]
    )
    occupied = _replace_room.occupied(facts, drain)
    emptied = [old for old in people.old if old.node in occupied]
    waves = _waves(after, emptied, options.rules)
    rows = _replace_room.drains(after, [wave["nodes"] for wave in waves], drain)
    if people.old:
        findings = _replace_checks.find(facts, people, hosts, options.remove, rows)
    else:
        findings = list(_replace_checks.of_others(facts, hosts, people.silent))
    findings += _replace_checks.of_skipped(_replace_room.skipped(facts, {old.node for old in people.old}, drain))
    steps = _steps(facts, people, hosts, options.remove)
    conductors = _conductors(facts, people, hosts)
    if (people.old or steps["remove"]) and not conductors["conductor"]:
        findings.append(_NOBODY)
    cluster = facts.get("cluster") or {}
    plan = {
        "old": [_as_row(old) for old in people.old],
        "new": [{"node": new.node, "host": new.host, "role": new.role, "joined": new.joined} for new in people.new],
        "gone": list(people.gone),
        "removal": options.remove,
        "version": str(oldest_api_server(facts)),
        "kubernetes_version": cluster.get("kubernetes_version") or facts["version"],
        "external_etcd": bool((cluster.get("etcd") or {}).get("external")),
        **steps,
        "waves": waves,
        **conductors,
    }
    changes = (any(steps.values()) or waves) if people.old else (steps["remove"] or steps["reset_only"])
    plan["changes"] = bool(changes)
    return plan, findings


def _as_row(old: Old) -> Row:
    keys = ("node", "host", "role", "ready", "reached", "reset")
    return {key: getattr(old, key) for key in keys}


def _waves(after: Facts, old: t.Sequence[Old], rules: Rules) -> list[Row]:
    """Workers in the largest waves that are safe, then control planes one by one."""
    workers = [one.node for one in old if one.role == WORKER]
    found = [
        {"nodes": wave["nodes"], "soak": wave["soak"], "why": wave["why"]}
        for wave in as_data(_replace_room.waves_of(after, workers, rules))
    ]
    planes = [one.node for one in old if one.role == CONTROL_PLANE]
    return found + [{"nodes": [node], "soak": 0, "why": ONE_BY_ONE} for node in planes]


def _steps(facts: Facts, people: Cast, hosts: t.Sequence[Host], remove: str) -> dict[str, list[t.Any]]:
    """What is left to do of each kind; drains apart.

    join_control_planes, join_workers: {"host", "node", "half", "registered", "address"}, half: a join was cut off;
    registered: it has a Node object from that, and an address. cordon: nodes that are not, or that an upgrade has left
    cordoned, which would lift it again. remove: {"node", "host", "role",
    "reset", "was_reset"}, workers first; a control plane whose Node object somebody deleted is among them, as it is a
    member of etcd still. members_first: control planes that are NotReady, whose members of etcd, where they are dead,
    have to go before another can be added. reset_only: {"host", "node"} of hosts of workers whose node is gone.
    """
    joining = [new for new in people.new if not new.joined]
    removed = [_removal(old, remove) for old in people.old] if remove != KEEP else []
    leftovers = _leftovers(people, hosts) if remove == RESET else []
    removed += [row for row in leftovers if row["role"] == CONTROL_PLANE]
    planes = _join(facts, joining, CONTROL_PLANE)
    return {
        "members_first": [
            old.node for old in people.old if planes and old.role == CONTROL_PLANE and not old.ready and remove != KEEP
        ],
        "join_control_planes": planes,
        "join_workers": _join(facts, joining, WORKER),
        "cordon": [old.node for old in people.old if _to_cordon(facts["nodes"][old.node])],
        "remove": sorted(removed, key=lambda row: row["role"] == CONTROL_PLANE),
        "reset_only": [{"host": row["host"], "node": row["node"]} for row in leftovers if row["role"] == WORKER],
    }


def _to_cordon(node: t.Mapping[str, t.Any]) -> bool:
    return not node.get("unschedulable") or node.get("cordon") is not None


def _join(facts: Facts, joining: t.Iterable[New], role: str) -> list[Row]:
    return [
        {
            "host": new.host,
            "node": new.node,
            "half": new.half,
            "registered": new.node in facts["nodes"],
            "address": (facts["nodes"].get(new.node) or {}).get("internal_ip") or "",
        }
        for new in joining
        if new.role == role
    ]


def _leftovers(people: Cast, hosts: t.Sequence[Host]) -> list[Row]:
    """Hosts whose Node object is gone, and that were not reset, as rows of a removal."""
    planes = {host.name for host in hosts if host.look and host.look.get("control_plane")}
    return [
        {"node": node, "host": host, "role": CONTROL_PLANE if host in planes else WORKER, "reset": True,
         "was_reset": False}
        for host, node in people.leftover.items()
    ]  # fmt: skip


def _removal(old: Old, remove: str) -> Row:
    reset = remove == RESET and old.reached and not old.reset
    return {"node": old.node, "host": old.host, "role": old.role, "reset": reset, "was_reset": old.reset}


def _conductors(facts: Facts, people: Cast, hosts: t.Sequence[Host]) -> Row:
    """conductor: the control plane host that the API is spoken to from until new control planes have joined.
    successor: from then on; one that stays, where there is one."""
    old = {one.host for one in people.old}
    stays: list[str] = []
    goes: list[str] = []
    for host in hosts:
        look = host.look
        if host.control_plane and look and look.get("control_plane"):
            node = facts["nodes"].get(look.get("name"))
            if node is not None and whole(node) and not foreign(facts, look):
                (goes if host.name in old else stays).append(host.name)
    coming = [new.host for new in people.new if new.role == CONTROL_PLANE and not new.joined]
    present = stays + goes
    return {
        "conductor": present[0] if present else "",
        "successor": (stays + coming + goes)[0] if stays + coming + goes else "",
    }
