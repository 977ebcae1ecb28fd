# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lab keeps things (XDG base directories), and what it calls them."""

from __future__ import annotations

import os
import platform
from pathlib import Path

APP = "uplift-kubeadm-lab"
# On every container, network, volume and image that the lab makes; `down` removes nothing without it.
LABEL = "io.github.uplift-kubeadm.lab"
# Of which cluster a container is that kind did not make, and must not take for one of its nodes.
CLUSTER_LABEL = f"{LABEL}.cluster"
NETWORK = "uplift-lab"
REGISTRY = "uplift-lab-registry"
MIRROR = "uplift-lab-mirror"


def _xdg(variable: str, default: str) -> Path:
    base = os.environ.get(variable, "")
    # The XDG specification: relative paths are invalid and must be ignored.
    return (Path(base) if os.path.isabs(base) else Path.home() / default) / APP


def cache_dir() -> Path:
    """What can be made again: binaries, images, packages. Shared by all checkouts and clusters."""
    return _xdg("XDG_CACHE_HOME", ".cache")


def state_dir() -> Path:
    """What describes running clusters: specifications, SSH keys, kubeconfigs, the engine's pid file."""
    return _xdg("XDG_STATE_HOME", ".local/state")


def mirror_dir() -> Path:
    """The tree of static files (packages, binaries) that nodes see at the mirror's URL."""
    return cache_dir() / "mirror"


def cluster_dir(name: str) -> Path:
    """State of one cluster; exists exactly while the cluster (or a failed attempt at it) does."""
    return state_dir() / "clusters" / name


def arch() -> str:
    """The machine's architecture as Go and Kubernetes spell it."""
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
