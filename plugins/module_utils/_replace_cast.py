# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which nodes are old, which are new, and how far a replacement is: read off the cluster and the hosts. Pure.

No record is kept of a replacement. A node that is gone was removed; a host that was reset has left word of its node's
name on itself (_join.LEFT); a cordon of ours is annotated; what runs on a node says whether it was drained.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_order import parse_selector
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._placement_shapes import Facts
from ansible_collections.uplift.kubeadm.plugins.module_utils._selectors import matches

CONTROL_PLANE, WORKER = "control_plane", "worker"
KEEP, NODE, RESET = "none", "node", "reset"
REMOVALS = (KEEP, NODE, RESET)
_LABELS = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")


@dataclass(frozen=True)
class Host:
    """A host of the inventory. look: what node_join says of it; None: it does not answer, or was not asked.

    control_plane: whether it is in the group of control planes. old, new: whether it is in that group.
    labels, taints, node: those that its node is to have, where it is joined here, and its name, "" for the host's own.
    why: why there is no look.
    """

    name: str
    control_plane: bool = False
    old: bool = False
    new: bool = False
    look: Facts | None = None
    labels: t.Mapping[str, str] = field(default_factory=dict)
    taints: t.Sequence[t.Mapping[str, str]] = ()
    node: str = ""
    why: str = ""

    @classmethod
    def read(cls, row: t.Mapping[str, t.Any]) -> Host:
        """A host as the module replace_plan gets it."""
        return cls(
            str(row["name"]),
            bool(row.get("control_plane")),
            bool(row.get("old")),
            bool(row.get("new")),
            row.get("look") or None,
            {str(key): str(value) for key, value in (row.get("labels") or {}).items()},
            tuple(row.get("taints") or ()),
            str(row.get("node") or ""),
            str(row.get("why") or ""),
        )


@dataclass(frozen=True)
class Old:
    """A node that is to go. host: its host in the inventory, "" without one. reached: whether that host answered."""

    node: str
    host: str
    role: str
    ready: bool
    reached: bool
    reset: bool  # its host was reset already, and the Node object is what is left


@dataclass(frozen=True)
class New:
    """A node that takes over. node: its name; where it has not joined, the one that kubeadm will give it."""

    node: str
    host: str
    role: str
    joined: bool
    half: bool = False  # a join of this host was cut off, so that it has to be reset before another
    look: Facts | None = None


@dataclass(frozen=True)
class Cast:
    """Everybody. leftover: {host: the name its node had} of old hosts whose node is gone, and that were not reset.

    gone: old hosts of which nothing is left to do. silent: old hosts that did not answer, and are called as no node is:
    which node each is, nobody can tell.
    """

    old: tuple[Old, ...]
    new: tuple[New, ...]
    both: tuple[str, ...]
    leftover: t.Mapping[str, str]
    gone: tuple[str, ...]
    silent: tuple[Host, ...] = ()


def cast(facts: Facts, hosts: t.Sequence[Host], old_selector: str, new_selector: str) -> Cast:
    """Who is who.

    :raises UpliftError: a selector is none.
    """
    nodes: t.Mapping[str, Facts] = facts.get("nodes") or {}
    of_node = {node: host for host in hosts for node in [node_of(facts, host)] if node}
    old_names = {node for node, host in of_node.items() if host.old} | _selected(
        nodes, old_selector, "replace_nodes_old"
    )
    new_names = {node for node, host in of_node.items() if host.new} | _selected(
        nodes, new_selector, "replace_nodes_new"
    )
    old = tuple(_old(name, nodes[name], of_node.get(name)) for name in nodes if name in old_names)
    joined = [_joined(facts, name, of_node.get(name)) for name in nodes if name in new_names]
    apart = [host for host in hosts if host.new and node_of(facts, host) is None]
    left = {
        host.name: str(host.look["name"])
        for host in hosts
        if host.old and host.look and host.look.get("name") and node_of(facts, host) is None and _ours(facts, host.look)
    }
    nowhere = [host for host in hosts if host.old and node_of(facts, host) is None and host.name not in left]
    gone = tuple(host.name for host in nowhere if host.look is not None)
    silent = tuple(host for host in nowhere if host.look is None)
    both = tuple(sorted((old_names & new_names) | {host.name for host in hosts if host.old and host.new}))
    return Cast(old, (*joined, *(_to_join(host) for host in apart)), both, left, gone, silent)


def node_of(facts: Facts, host: Host) -> str | None:
    """The node that a host is, by what the host itself says; by its own name where it does not answer."""
    nodes = facts.get("nodes") or {}
    if host.look is None:
        return host.name if host.name in nodes else None
    name = host.look.get("name") or (host.look.get("was") if host.old else None)  # a host may be reset and joined anew
    return str(name) if name in nodes and not foreign(facts, host.look) else None


def foreign(facts: Facts, look: Facts) -> bool:
    """Does this host belong to another cluster, by the authority that its kubelet trusts?"""
    theirs, ours = set(look.get("ca_fingerprints") or ()), set(facts.get("ca_fingerprints") or ())
    return bool(theirs and ours) and not theirs & ours


def _ours(facts: Facts, look: Facts) -> bool:
    """Does its kubelet trust this cluster's authority, beyond doubt? Such a host may be reset without a Node object."""
    return bool(set(look.get("ca_fingerprints") or ()) & set(facts.get("ca_fingerprints") or ()))


def role_of(facts: Facts, node: str) -> str:
    return CONTROL_PLANE if facts["nodes"][node].get("role") == CONTROL_PLANE else WORKER


def _selected(nodes: t.Mapping[str, Facts], selector: str, what: str) -> set[str]:
    if not selector.strip():
        return set()
    try:
        wanted = parse_selector(selector)
    except ValueError as error:
        raise UpliftError(f"{what}_selector is {selector!r}: {error}.") from error
    return {name for name, node in nodes.items() if matches(wanted, node.get("labels") or {})}


def _old(name: str, node: Facts, host: Host | None) -> Old:
    reset = host is not None and host.look is not None and not host.look.get("name")
    return Old(
        name,
        host.name if host else "",
        CONTROL_PLANE if node.get("role") == CONTROL_PLANE else WORKER,
        bool(node.get("ready", True)),
        host is not None and host.look is not None,
        reset,
    )


def _joined(facts: Facts, name: str, host: Host | None) -> New:
    """A new node that is in the cluster. A control plane whose join was cut off is in it, too, and is none yet.

    Only the note that a join of ours leaves on its host says that it was: else it is somebody's node, and never reset.
    A note without an end, on a node with the label, is of a join whose end nobody saw.
    """
    node = facts["nodes"][name]
    if host is not None and host.control_plane and not whole(node):
        half = bool(host.look and host.look.get("half")) and not _labelled(node)
        return New(name, host.name, CONTROL_PLANE, not half, half, host.look)
    return New(name, host.name if host else "", role_of(facts, name), True, False, host.look if host else None)


def whole(node: Facts) -> bool:
    """Is this node a control plane, all of it? The label is the last thing that kubeadm join sets."""
    return _labelled(node) and "kube-apiserver" in (node.get("static_pods") or {})


def _labelled(node: Facts) -> bool:
    return any(label in (node.get("labels") or {}) for label in _LABELS)


def _to_join(host: Host) -> New:
    look = host.look or {}
    name = (host.node or str(look.get("hostname") or host.name)).lower()
    role = CONTROL_PLANE if host.control_plane else WORKER
    return New(name, host.name, role, False, bool(look.get("half")), host.look)
