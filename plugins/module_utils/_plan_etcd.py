# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bridge of etcd: the step within its present minor that etcd wants before it goes to the next (etcd_rules).

It is planned where it was asked for, before the first hop whose kubeadm brings a later minor of etcd. A pin that a
killed run has left counts as asked for, so that a run always ends what another one began.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ansible_collections.uplift.kubeadm.plugins.module_utils import _knowledge
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._etcd_tags import release_of, release_text, series_of
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import Cluster, Node, listing
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_hops import Hop
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import minor_name

VARIABLE = "kubeadm_upgrade_etcd_bridge"

Release = tuple[int, int, int]


class Bridge(NamedTuple):
    """Before a hop: the nodes whose etcd is taken to the tag, and the minor of etcd ("3.6") that the hop brings."""

    tag: str
    nodes: list[Node]
    to: str


class Bridges(NamedTuple):
    """Bridges by the number of their hop in the hops that were looked at, and tags that none of them needs."""

    by_hop: dict[int, Bridge]
    unused: list[str]


def plan_bridges(cluster: Cluster, hops: Sequence[Hop], asked: Sequence[str]) -> Bridges:
    """Where the tags that were asked for are needed on the way. Raises UpliftError for what cannot be done.

    The lowest release counts, as etcd must have every member at a minor before any goes further. Which etcd a hop
    brings is what its kubeadm's tables say: only the minor matters here, and that never changes within one.
    """
    tags = _by_series([*asked, *([cluster.etcd.bridge] if cluster.etcd.bridge else [])], cluster.etcd.bridge)
    if not tags:
        return Bridges({}, [])
    _check_etcd(cluster)
    members = {node.name: release_of(node.etcd, f"The etcd of {node.name}") for node in cluster.control_planes}
    low, high, moved = min(members.values()), max(members.values()), False
    found: dict[int, Bridge] = {}
    for index, hop in enumerate(hops):
        ships = _brought(cluster, hop)
        if not hop.moves_control_plane or ships is None:
            continue
        tag = tags.get(series_of(low))
        # A hop that was begun has taken members there already: they would not come back.
        if tag and ships[:2] > low[:2] and high[:2] < ships[:2]:
            wanted = release_of(tag)
            behind = [
                node
                for node in cluster.control_planes
                if (low < wanted if moved else _is_behind(node, members, wanted))
            ]
            if behind or tag == cluster.etcd.bridge:
                found[index] = Bridge(tag, behind or cluster.control_planes[:1], series_of(ships))
                _check_bridge(cluster, found[index], moved)
        low, high, moved = max(low, ships), max(high, ships), True
    used = {bridge.tag for bridge in found.values()}
    return Bridges(found, [tag for tag in tags.values() if tag not in used])


def _is_behind(node: Node, members: Mapping[str, Release], wanted: Release) -> bool:
    """A run of kubeadm that was killed, or that nobody waited for, may still put the old etcd back."""
    return members[node.name] < wanted or node.in_phase


def bridge_words(cluster: Cluster, hops: Sequence[Hop], bridges: Bridges) -> list[str]:
    """Why the plan has these stages, and none for a tag that was asked for; a sentence each."""
    said = [
        f"etcd goes to {release_text(release_of(bridge.tag))} before the hop to {hops[index].version}, as etcd wants "
        f"before {bridge.to} ({VARIABLE}): its image is pinned in ConfigMap kubeadm-config, one member after the other "
        "is taken there by kubeadm, and the pin is cleared, so that the hop brings its own etcd."
        for index, bridge in sorted(bridges.by_hop.items())
    ]
    if cluster.etcd.bridge:
        said.append(
            f"A run that was stopped has left etcd pinned to {cluster.etcd.bridge}: this one goes on with that step, "
            "and clears the pin."
            if any(bridge.tag == cluster.etcd.bridge for bridge in bridges.by_hop.values())
            else f"A run that was stopped has left etcd pinned to {cluster.etcd.bridge}. This plan takes etcd to no "
            "later minor, so the pin stays for the run that does."
        )
    return said + [
        f"{VARIABLE} names {tag}, and this plan has no use for it: no hop takes an older etcd of that minor to the "
        "next one."
        for tag in bridges.unused
        if tag != cluster.etcd.bridge
    ]


def _by_series(tags: Sequence[str], left: str | None) -> dict[str, str]:
    """{"3.5": tag}. The tag that a killed run left gives way to one that was asked for now. Raises UpliftError."""
    found: dict[str, str] = {}
    for tag in tags:
        series = series_of(release_of(tag, f"An entry of {VARIABLE}"))
        if found.setdefault(series, tag) != tag and tag != left:
            raise UpliftError(f"{VARIABLE} names {found[series]} and {tag}: name one release of each minor of etcd.")
    return found


def _brought(cluster: Cluster, hop: Hop) -> Release | None:
    """The etcd that is there after a hop: a user's pin, else what its kubeadm ships; None when that is not known."""
    tag = cluster.etcd.image_tag or (_knowledge.components(minor_name(hop.version.minor)) or {}).get("etcd")
    return release_of(tag, "etcd.local.imageTag in ConfigMap kubeadm-config") if tag else None


def _check_etcd(cluster: Cluster) -> None:
    if cluster.etcd.external:
        raise UpliftError(
            f"{VARIABLE} is set, but etcd is external (etcd.external in ConfigMap kubeadm-config): kubeadm does not "
            "upgrade it. Take it through its own steps yourself, and leave the variable out."
        )
    unknown = [node.name for node in cluster.control_planes if node.etcd is None]
    if unknown:
        raise UpliftError(
            f"{VARIABLE} is set, but the release of etcd on {listing(unknown)} is not known: it did not answer, and "
            "its image's tag is not to be had. See that its static pod runs, then start again."
        )


def _check_bridge(cluster: Cluster, bridge: Bridge, moved: bool) -> None:
    """Raise UpliftError where a user's pin, or a kubeadm of another minor, is in the way."""
    if cluster.etcd.image_tag:
        raise UpliftError(
            f"{VARIABLE} asks for etcd {bridge.tag}, but etcd.local.imageTag in ConfigMap kubeadm-config is "
            f"{cluster.etcd.image_tag}, set by somebody else: it is left alone, and would take etcd to {bridge.to} "
            "without that step. Take it out (kubectl -n kube-system edit configmap kubeadm-config), or leave the "
            "variable out."
        )
    kubeadms = {node.name: node.installed.get("kubeadm") for node in bridge.nodes}
    present = cluster.config.minor
    odd = [f"{name} ({version})" for name, version in kubeadms.items() if version and version.minor != present]
    if odd and not moved:
        raise UpliftError(
            f"etcd is to go to {bridge.tag} within {minor_name(present)}, which the kubeadm of that minor "
            f"does, but another one is installed on {listing(odd)}. Put kubeadm {cluster.config} back there, or leave "
            f"{VARIABLE} out."
        )
