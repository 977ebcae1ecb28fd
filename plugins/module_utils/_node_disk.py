# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Room on the disks that an upgrade writes to, and the machine's memory."""

from __future__ import annotations

import os
import re
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils._files import STATE

FOLDERS = (
    "/etc/kubernetes",  # kubeadm copies all of etcd's data to its tmp folder, and never removes it
    "/usr/bin",
    "/var/lib/etcd",
    "/var/lib/kubelet",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/docker",
    str(STATE),
)
KUBEADM_TMP = "/etc/kubernetes/tmp"
FULL_BYTES = 8 << 20  # fewer that are free are as good as none


def room(root: Path, more: t.Iterable[str] = ()) -> dict[str, dict[str, int]]:
    """{folder: bytes free for root, bytes in all, and the device's number} of those folders that are there."""
    rooms = {}
    for folder in (*FOLDERS, *more):
        path = root / folder.lstrip("/")
        if path.is_dir():
            disk = os.statvfs(path)
            rooms[folder] = {
                "free": disk.f_bfree * disk.f_frsize,
                "total": disk.f_blocks * disk.f_frsize,
                "device": path.stat().st_dev,
            }
    return rooms


def full(root: Path) -> str:
    """Where kubeadm and the programs it restarts write and nothing is left, for a message; "" where there is some.

    kubeadm itself may not tell: it copies etcd's data with cp, and up to 1.26 at least says no more of cp's error than
    "exit status 1" (cmd/kubeadm/app/util/copy.go, copy_unix.go).
    """
    rooms = room(root, [KUBEADM_TMP])
    short = [f"{folder} ({disk['free'] >> 10} KiB free)" for folder, disk in rooms.items() if disk["free"] < FULL_BYTES]
    if not short:
        return ""
    return f"No space left in {', '.join(short)}: make room there first."


def size(folder: Path) -> int:
    """Bytes of all files below a folder; what vanishes meanwhile counts nothing."""
    total = 0
    for base, _folders, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(base, name)).st_size
            except OSError:
                continue
    return total


def kubeadm_tmp(root: Path) -> dict[str, int]:
    """How much kubeadm's copies and dry runs take up: nothing ever removes them."""
    folder = root / KUBEADM_TMP.lstrip("/")
    folders = sum(entry.is_dir() for entry in folder.iterdir()) if folder.is_dir() else 0
    return {"bytes": size(folder), "folders": folders}


def memory(root: Path) -> int:
    """Bytes of memory. Raises ValueError when the kernel's own table does not tell."""
    match = re.search(r"^MemTotal:\s+(\d+) kB", (root / "proc/meminfo").read_text(), re.MULTILINE)
    if match is None:
        raise ValueError("/proc/meminfo has no MemTotal")
    return int(match.group(1)) * 1024


def kernel(root: Path) -> str:
    """The kernel's release ("5.15.0-91-generic")."""
    return (root / "proc/sys/kernel/osrelease").read_text().strip()
