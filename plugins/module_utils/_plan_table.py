# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The short table that a person reads before anything changes; lines of at most 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import Cluster, listing

WIDTH = 100
_WAVES = 8  # waves that are told one by one
TITLES = {
    "uncordon": "uncordon",
    "prepare": "prepare",
    "kubectl": "kubectl only",
    "etcd": "etcd within its minor",
    "control_plane": "control plane",
    "control_plane_kubelet": "control plane kubelet",
    "workers": "workers",
    "finish": "verify",
}


def plan_table(plan: Mapping[str, Any], cluster: Cluster) -> list[str]:
    """Lines of the table of a plan."""
    now = " and ".join(str(version) for version in sorted(set(cluster.apiservers)))
    if not plan["changes"]:
        lines = [f"Cluster {cluster.name}: {now}, target {plan['target']}. Nothing to do."]
    else:
        number = len(plan["hops"])
        lines = [f"Cluster {cluster.name}: {now} -> {plan['target']}, {number} hop{'' if number == 1 else 's'}", ""]
        lines.append(_row("HOP", "STAGE", "AT ONCE", "DRAIN", "NODES"))
        for stage in plan["stages"]:
            lines += _stage(stage)
        lines += _drains(plan["drains"]) + _waves(plan["stages"])
    if plan["left_out"]:
        lines += ["", "Left out:"]
        for entry in plan["left_out"][:20]:
            lines += _bullet(f"{entry['node']}: {entry['why']}")
        if len(plan["left_out"]) > 20:
            lines += _bullet(f"and {len(plan['left_out']) - 20} more")
    if plan["decisions"]:
        lines += ["", "Why:"]
        for sentence in plan["decisions"]:
            lines += _bullet(sentence)
    return lines


def _stage(stage: Mapping[str, Any]) -> list[str]:
    serial = (
        stage["serial"]
        if not stage.get("waves")
        else f"{len(stage['waves'])} wave{'' if len(stage['waves']) == 1 else 's'}"
    )
    at_once = ",".join(str(part) for part in serial) if isinstance(serial, list) else str(serial).replace("100%", "all")
    names = stage["nodes"]
    if stage["kind"] == "control_plane":
        names = [f"{node} ({stage['actions'][host]})" for node, host in zip(stage["nodes"], stage["hosts"])]
        at_once = f"{at_once}, forced" if stage["force_kubelet_skew"] else at_once
    nodes = _wrap(listing(names), WIDTH - 54) or [""]
    title = f"etcd to {stage['image_tag']}" if stage["kind"] == "etcd" else TITLES[stage["kind"]]
    first = _row(stage["version"], title, at_once, "yes" if stage["drains"] else "-", nodes[0])
    return [first, *(_row("", "", "", "", more) for more in nodes[1:])]


def _row(hop: str, stage: str, at_once: Any, drain: str, nodes: str) -> str:
    return f"{hop:<11} {stage:<22} {at_once!s:<11} {drain:<6} {nodes}".rstrip()


def _drains(drains: Mapping[str, int]) -> list[str]:
    """Nodes by how often they are drained."""
    by_count: dict[int, list[str]] = {}
    for node, count in drains.items():
        by_count.setdefault(count, []).append(node)
    lines = ["", "Drains a node:"] if drains else []
    for count in sorted(by_count, reverse=True):
        lines += _bullet(f"{count} x {listing(by_count[count])}")
    return lines


def _waves(stages: Sequence[Mapping[str, Any]]) -> list[str]:
    """The first waves of each stage that has any, each with its nodes and why it is no larger."""
    lines: list[str] = []
    shown: list[list[str]] = []
    for stage in stages:
        if not stage.get("waves") or stage["nodes"] in shown:
            continue
        shown.append(stage["nodes"])
        lines += ["", f"Waves of the workers, {stage['version']}:"]
        begun = 0
        for number, wave in enumerate(stage["waves"][:_WAVES], 1):
            names = stage["nodes"][begun : begun + wave["size"]]
            soak = f" Then {wave['soak']} s of watching." if wave["soak"] else ""
            lines += _bullet(f"{number}: {listing(names, 6)}. {wave['why']}{soak}")
            begun += wave["size"]
        sizes = [str(wave["size"]) for wave in stage["waves"][_WAVES:]]
        if sizes:
            lines += _bullet(
                f"and {len(sizes)} more, of {', '.join(sizes[:20])}{' …' if len(sizes) > 20 else ''} nodes"
            )
    return lines


def _bullet(text: str) -> list[str]:
    return _wrap(text, WIDTH, "  - ", "    ")


def _wrap(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """Lines; names of nodes are left whole, to be searched for and copied."""
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False, break_long_words=False
    )
