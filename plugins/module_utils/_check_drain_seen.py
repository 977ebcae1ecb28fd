# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What findings of the drain forecast name: rows of the forecast, gathered by what they are about, as lines to read."""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast import Forecast, Row
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import listing

DRAIN_GUIDE = "https://kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/"
MOST_LINES, MOST_PODS = 40, 8
Entries = list[tuple[Row, Row]]  # the row of a drain, and what it says of one pod


def by(outcome: Forecast, kind: str, about: str) -> list[tuple[str, Entries]]:
    """What the drains say of pods under `kind`, by entry[about] or "namespace". A pod is named once, at its first "
    "drain."""
    found: dict[str, Entries] = {}
    seen: set[tuple[str, str]] = set()
    for row in outcome.drains:
        for entry in row[kind]:
            key = entry["pod"].partition("/")[0] if about == "namespace" else entry[about]
            if (key, entry["pod"]) not in seen:
                seen.add((key, entry["pod"]))
                found.setdefault(key, []).append((row, entry))
    return sorted(found.items())


def lines(entries: Entries, text: t.Callable[[Row], str] = lambda entry: str(entry["pod"])) -> tuple[str, ...]:
    """A line a node: "node w1 (1.25/workers): shop/web-1 and shop/web-2"; long lists are cut, with their number."""
    nodes: dict[tuple[str, str], list[str]] = {}
    for row, entry in entries:
        nodes.setdefault((row["node"], row["stage"]), []).append(text(entry))
    found = [f"node {node} ({stage}): {listing(pods, MOST_PODS)}" for (node, stage), pods in nodes.items()]
    if len(found) > MOST_LINES:
        found[MOST_LINES:] = [f"and {len(found) - MOST_LINES} more nodes"]
    return tuple(found)


def subject(workload: str) -> str:
    """ "Deployment shop/web" -> "shop/web"."""
    return workload.partition(" ")[2]


def counted(entries: Entries, what: str) -> str:
    return f"{len(entries)} {what}{'' if len(entries) == 1 else 's'}"
