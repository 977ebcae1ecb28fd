# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Contexts for tests of checks: the healthy cluster, made bad in one way, and planned from any minor to any other."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Check, Context, Finding, Unchecked
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import upgrade_path
from ansible_collections.uplift.kubeadm.tests.unit.plugins.healthy import healthy_context

Spoil = t.Callable[[t.Any, t.Any], None]


def at(context: Context, current: str, target: str) -> Context:
    """The same cluster with a plan from another minor: every node follows every hop. Versions in facts stay."""
    minors = tuple(upgrade_path(current, target))
    stages: list[dict[str, t.Any]] = []
    for index, minor in enumerate(minors):
        for kind, nodes in (
            ("control_plane", ["cp1"]),
            ("control_plane_kubelet", ["cp1"]),
            ("workers", ["w1", "w2"]),
        ):
            stages.append({"kind": kind, "hop": index, "version": f"v{minor}.0", "nodes": nodes, "drains": []})
            if kind == "control_plane":
                stages[-1]["actions"] = {"host-cp1": "apply"}
    hops = [{"index": i, "minor": minor, "version": f"v{minor}.0"} for i, minor in enumerate(minors)]
    return replace(context, plan={"hops": hops, "stages": stages, "left_out": []}, minors=minors, current=current)


def findings(checks: t.Iterable[Check], context: Context) -> dict[str, Finding]:
    return {said.id: said for check in checks for said in check(context) if isinstance(said, Finding)}


def gaps(checks: t.Iterable[Check], context: Context) -> dict[str, str]:
    return {said.check: said.why for check in checks for said in check(context) if isinstance(said, Unchecked)}


def severities(checks: t.Iterable[Check], spoil: Spoil | None = None, **options: t.Any) -> dict[str, str]:
    """{id: severity} of what the checks find in the spoilt cluster."""
    return {name: found.severity for name, found in findings(checks, healthy_context(spoil, **options)).items()}


def all_nodes(key: str, value: t.Any) -> Spoil:
    """Give all nodes this fact."""

    def spoil(facts: t.Any, nodes: t.Any) -> None:
        for node in nodes.values():
            node[key] = value

    return spoil
