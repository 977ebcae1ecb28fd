# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What checks ask of a plan: which hops move the control plane, and where each kubelet goes. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import minor_name, parse_minor

KUBELET_STAGES = ("control_plane_kubelet", "workers")


class Hop(t.NamedTuple):
    """A version that kubeadm takes the control plane to."""

    minor: str
    version: str


def control_plane_hops(plan: t.Mapping[str, t.Any]) -> list[Hop]:
    """The hops in which kubeadm runs on the control plane, in order."""
    return [
        Hop(minor_name(parse_minor(stage["version"])), stage["version"])
        for stage in plan.get("stages") or ()
        if stage["kind"] == "control_plane"
    ]


def kubelet_hops(plan: t.Mapping[str, t.Any]) -> dict[str, list[str]]:
    """{node: the versions that its kubelet is taken to, in order}; nodes whose kubelet stays are left out."""
    hops: dict[str, list[str]] = {}
    for stage in plan.get("stages") or ():
        if stage["kind"] in KUBELET_STAGES:
            for node in stage["nodes"]:
                hops.setdefault(node, []).append(stage["version"])
    return hops


def target_minor(minors: t.Sequence[str], current: str) -> int:
    """The minor that the plan ends at; the present one when nothing is to do."""
    return parse_minor(minors[-1] if minors else current)
