# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that are added to a cluster that runs: as kind makes its nodes, but for kubeadm, which has not joined them yet.

kind cannot add nodes. A node of it is a container of the node image (container.py) in which it then runs kubeadm.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from . import cluster, container, engine, images, nodeimage, services
from .cache import lock
from .inventory import Node
from .paths import cluster_dir, state_dir
from .progress import step, wait
from .shell import run

_ROLE_LABEL = "io.x-k8s.kind.role"


def add(name: str, version: str, control_plane: bool) -> Node:
    """Add a host to a cluster. It has kubeadm and kubelet of this version, and is in the inventory's group `added`."""
    spec = cluster.require(name)
    with lock(state_dir() / "clusters" / f"{name}.lock"):
        engine.ensure()
        cluster.build([version], [])
        services.push(images.ensure(version))
        image = nodeimage.ensure(version, spec.install)
        known = cluster.members(spec)
        node = next_node(name, known, control_plane)
        with step(f"adding host {node.name} ({version}, not joined)"):
            run("docker", "rm", "-f", "-v", node.name, check=False)  # of an attempt that did not get through
            run("docker", *arguments(name, node, image))
            wait(f"{node.name} to have started", lambda: container.started(node.name))
            found = replace(node, address=cluster.address(node.name))
            cluster.ssh_access(cluster_dir(name), [*cluster.hosts(spec), found])
        rows = [asdict(member) for member in [*known[len(cluster.nodes(spec)) :], found]]
        cluster.write_file(cluster_dir(name) / cluster.ADDED, json.dumps(rows))
        cluster.write_inventories(name)
    return found


def connect(name: str, asked: str) -> list[str]:
    """Give the nodes that have joined a network of pods, as a CNI's DaemonSet would; names of all that have one now.

    :param asked: name in the inventory of a control plane that answers.
    """
    spec = cluster.require(name)
    known = {node.host: node for node in cluster.members(spec)}
    cidrs = cluster.pod_cidrs(known[asked].name)
    there = [node for node in known.values() if node.name in cidrs]
    cluster.wire(there, cidrs)
    return [node.name for node in there]


def next_node(name: str, known: list[Node], control_plane: bool) -> Node:
    """The next free names, as kind and the lab give them: demo-worker3 and worker3. Without an address."""
    number = 1 + sum(node.control_plane is control_plane for node in known)
    host, role = (("cp", "control-plane"), ("worker", "worker"))[not control_plane]
    return Node(f"{host}{number}", f"{name}-{role}{cluster.suffix(number)}", "", control_plane)


def arguments(name: str, node: Node, image: str) -> list[str]:
    """Arguments of docker for the container of a node, as kind 0.29 has them."""
    role = "control-plane" if node.control_plane else "worker"
    more = ["--env", "KUBECONFIG=/etc/kubernetes/admin.conf"] if node.control_plane else []
    return container.arguments(node.name, image, {_ROLE_LABEL: role, cluster.KIND_LABEL: name}, more)
