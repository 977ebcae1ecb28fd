# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers of the node image that kind does not make, with the arguments that it gives to its nodes.

They are in its module, pkg/cluster/internal/providers/docker/provision.go, commonArgs and runArgsForNode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .paths import NETWORK
from .shell import run


def arguments(name: str, image: str, labels: Mapping[str, str], more: Sequence[str] = ()) -> list[str]:
    """Arguments of docker, as kind 0.29 has them."""
    made = ["run", "--name", name, "--hostname", name]
    for label, value in labels.items():
        made += ["--label", f"{label}={value}"]
    made += ["--privileged", "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"]
    made += ["--tmpfs", "/tmp", "--tmpfs", "/run", "--volume", "/var", "--volume", "/lib/modules:/lib/modules:ro"]
    made += ["--env", "KIND_EXPERIMENTAL_CONTAINERD_SNAPSHOTTER"]
    made += ["--detach", "--tty", "--net", NETWORK, "--restart=on-failure:1", "--init=false", "--cgroupns=private"]
    return [*made, *more, image]


def started(container: str) -> bool:
    """kind waits for the same, in the container's log."""
    return run("docker", "exec", container, "systemctl", "is-active", "multi-user.target", check=False).returncode == 0
