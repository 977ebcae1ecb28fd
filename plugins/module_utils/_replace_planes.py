# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands in the way of replacing control planes: etcd's quorum, and the address of the API. Pure.

Sources: etcd's runtime reconfiguration (https://etcd.io/docs/v3.5/op-guide/runtime-configuration/), kubeadm's HA guide.
"""

from __future__ import annotations

import typing as t
from urllib.parse import urlsplit

from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Finding, blocker
from ansible_collections.uplift.kubeadm.plugins.module_utils._placement_shapes import Facts
from ansible_collections.uplift.kubeadm.plugins.module_utils._replace_cast import (
    CONTROL_PLANE,
    KEEP,
    NODE,
    RESET,
    Cast,
    New,
)

MOST_MEMBERS = 7  # https://etcd.io/docs/v3.5/faq/ "What is maximum cluster size?"
HA_DOC = "https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/high-availability/"
ETCD_DOC = "https://etcd.io/docs/v3.5/op-guide/runtime-configuration/"


def find(facts: Facts, people: Cast, joining: t.Sequence[New], remove: str) -> list[Finding]:
    """All findings about control planes."""
    return [
        *_control_planes(facts, people, joining, remove),
        *_endpoint(facts, people, joining),
        *_addresses(facts, people, remove),
        *_running(people, remove),
    ]


def _control_planes(facts: Facts, people: Cast, joining: t.Sequence[New], remove: str) -> t.Iterator[Finding]:
    old = [one for one in people.old if one.role == CONTROL_PLANE]
    coming = [new for new in people.new if new.role == CONTROL_PLANE]
    if not old and not [new for new in joining if new.role == CONTROL_PLANE]:
        return
    nodes = {name: node for name, node in facts["nodes"].items() if node.get("role") == CONTROL_PLANE}
    if len(coming) < len(old):
        yield blocker(
            "replace-control-planes",
            "Fewer new control planes than old ones",
            [f"old: {', '.join(one.node for one in old)}; new: {', '.join(new.node for new in coming) or 'none'}"],
            "Each member of etcd that goes without another in its place is a failure less that the cluster can bear.",
            "Put as many hosts into both groups, replace_nodes_new and the control planes', as there are old ones.",
            ETCD_DOC,
        )
    going = {one.node for one in old}
    unwell = [f"{name}: {trouble}" for name, node in nodes.items() if name not in going for trouble in _unwell(node)]
    if unwell:
        yield blocker(
            "replace-control-plane-unwell",
            "A control plane that stays is not well",
            unwell,
            "etcd keeps its quorum while members are changed one by one only where all others are well.",
            "Mend it first, or put it among the old ones.",
            ETCD_DOC,
        )
    dead = [one.node for one in old if not one.ready]
    if dead and remove == KEEP:
        yield blocker(
            "replace-dead-control-plane",
            "A dead control plane can only be removed",
            [f"{name}: NotReady" for name in dead],
            "etcd takes no new member while another one is away.",
            "Say replace_nodes_remove=node (or reset): its member is then removed before a new one is added.",
            ETCD_DOC,
        )
    if len(dead) * 2 >= len(nodes) > 1:
        yield blocker(
            "replace-quorum",
            "etcd has lost its quorum, or is about to",
            [f"{len(dead)} of {len(nodes)} are NotReady"],
            "Without a majority no member can be added or removed.",
            "Restore it: docs/backup.md.",
            ETCD_DOC,
        )
    external = ((facts.get("cluster") or {}).get("etcd") or {}).get("external")
    members = len(nodes) + sum(new.role == CONTROL_PLANE and new.node not in nodes for new in joining)
    if not external and members > MOST_MEMBERS:
        yield blocker(
            "replace-members",
            f"etcd would have {members} members at once",
            [f"{len(nodes)} now, {members} when all have joined"],
            f"More than {MOST_MEMBERS} members make every write slower.",
            "Replace the control planes in several runs, a few at a time, each with its removal.",
            ETCD_DOC,
        )


def _unwell(node: Facts) -> list[str]:
    if not node.get("ready", True):
        return ["NotReady"]
    return [
        f"{name} is not Ready" for name, pod in (node.get("static_pods") or {}).items() if not pod.get("ready", True)
    ]


def _endpoint(facts: Facts, people: Cast, joining: t.Sequence[New]) -> t.Iterator[Finding]:
    """The address that all kubelets use has to outlive the old control planes."""
    endpoint = (facts.get("cluster") or {}).get("control_plane_endpoint") or ""
    if not endpoint and any(new.role == CONTROL_PLANE for new in joining):
        yield blocker(
            "replace-endpoint",
            "The cluster has no controlPlaneEndpoint",
            ["kube-system/kubeadm-config: none"],
            "kubeadm adds no control plane to a cluster whose address is that of its first one.",
            "Make a load balancer or a DNS name for the API, and name it in kubeadm-config: " + HA_DOC,
            HA_DOC,
        )
    address = urlsplit("//" + endpoint).hostname if endpoint else None
    for old in people.old:
        node = facts["nodes"][old.node]
        if address and old.role == CONTROL_PLANE and address in (old.node, node.get("internal_ip")):
            yield blocker(
                "replace-endpoint",
                "controlPlaneEndpoint is an old control plane itself",
                [f"kube-system/kubeadm-config: {endpoint}; {old.node} has {node.get('internal_ip')}"],
                "Every kubelet and kubeconfig speaks to that address, and would lose the API with the node.",
                "Move the address to a load balancer or to a node that stays first.",
                HA_DOC,
            )


def _addresses(facts: Facts, people: Cast, remove: str) -> t.Iterator[Finding]:
    """kubeadm writes them once, and never again: an address from before the cluster had an endpoint stays."""
    for where, server in (facts.get("api_addresses") or {}).items():
        host = urlsplit(server).hostname
        for old in people.old if remove != KEEP else ():
            node = facts["nodes"][old.node]
            if old.role == CONTROL_PLANE and host and host in (old.node, node.get("internal_ip")):
                yield blocker(
                    f"replace-address:{where}",
                    f"The ConfigMap {where} names an old control plane",
                    [f"{where}: {server}; {old.node} has {node.get('internal_ip')}"],
                    "kube-proxy of every node, or the next host that joins, would not find the API.",
                    "Name controlPlaneEndpoint there (kubectl edit), and for kube-proxy restart its pods (kubectl -n "
                    "kube-system rollout restart daemonset/kube-proxy).",
                    HA_DOC,
                )


def _running(people: Cast, remove: str) -> t.Iterator[Finding]:
    running = [
        old.node
        for old in people.old
        if old.role == CONTROL_PLANE and old.ready and not old.reset and not (remove == RESET and old.reached)
    ]
    if remove in (NODE, RESET) and running:
        yield blocker(
            "replace-running-control-plane",
            "A control plane that runs has to be reset",
            [f"{name}: Ready" for name in running],
            "Its API server and kubelet would go on without their etcd, and its kubelet would register the node again.",
            "Say replace_nodes_remove=reset and have its host in replace_nodes_old; or turn the machine off first.",
        )
