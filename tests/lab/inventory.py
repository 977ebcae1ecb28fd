# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible inventories of a lab cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Node:
    """A node: its name in the inventory, its name in the cluster (and of its container), its address, its role."""

    host: str
    name: str
    address: str
    control_plane: bool


def render(
    nodes: list[Node],
    connection: str,
    variables: dict[str, Any],
    ssh: Path,
    user: str,
    more: Mapping[str, Sequence[Node]] | None = None,
) -> str:
    """A YAML inventory with the groups kube_control_plane and kube_node, and those of `more` that have hosts.

    Hosts are called otherwise than nodes (cp1, worker1), as in many real inventories: nothing may rely on equal names.
    `connection` is docker or ssh; `ssh` is the directory with id_ed25519 and known_hosts, `user` who logs in there.
    `variables` go to all hosts. Values are written as JSON, which is YAML too, so that no library is needed.
    """
    if connection == "docker":
        common: dict[str, Any] = {"ansible_connection": "community.docker.docker", "ansible_user": "root"}
    else:
        options = f"-o UserKnownHostsFile={ssh / 'known_hosts'} -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes"
        common = {
            "ansible_connection": "ssh",
            "ansible_user": user,
            "ansible_become": True,
            "ansible_ssh_private_key_file": str(ssh / "id_ed25519"),
            "ansible_ssh_common_args": options,
        }
    common["ansible_python_interpreter"] = "/usr/bin/python3"
    lines = ["all:", "  vars:"]
    lines += [f"    {name}: {json.dumps(value)}" for name, value in {**common, **variables}.items()]
    lines += ["  children:"]
    groups = {
        "kube_control_plane": [node for node in nodes if node.control_plane],
        "kube_node": [node for node in nodes if not node.control_plane],
        **{group: list(hosts) for group, hosts in (more or {}).items() if hosts},
    }
    for group, members in groups.items():
        lines += [f"    {group}:", "      hosts:"]
        if not members:
            lines[-1] += " {}"
        for node in members:
            address = node.name if connection == "docker" else node.address
            lines += [f"        {node.host}:", f"          ansible_host: {json.dumps(address)}"]
    return "\n".join(lines) + "\n"
