# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where backups lie on a node, and how many are kept. A backup is a folder named by time and version."""

from __future__ import annotations

import re
import shutil
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import STATE

DIRECTORY = str(STATE / "backup")
BACKUP_ARGS: dict[str, t.Any] = {
    "id": {"type": "str"},
    "directory": {"type": "path", "default": DIRECTORY},
    "about": {"type": "dict", "default": {}},
}
PROGRAMS = "programs"
ID = re.compile(r"\d{8}T\d{6}Z-v\d+\.\d+\.\d+[0-9A-Za-z.+-]*")
TMP = "etc/kubernetes/tmp"
# cmd/kubeadm/app/phases/upgrade/staticpods.go and .../constants: what kubeadm makes there and never removes.
LEFTOVER = re.compile(r"(kubeadm-[a-z-]+?)-?\d[\d-]*")


def folder(directory: str | Path, name: str) -> Path:
    """The folder of a backup.

    :raises UpliftError: name is no name of a backup: it becomes part of a path.
    """
    if not ID.fullmatch(name):
        raise UpliftError(f"{name!r} is no name of a backup; one looks like 20261121T180000Z-v1.24.17.")
    return Path(directory) / name


def folders(directory: Path, manifest: str) -> list[Path]:
    """The backups that have this manifest, newest first."""
    return [path for path in _all(directory) if (path / manifest).is_file()]


def at(directory: Path, name: str, manifest: str) -> Path:
    """The backup of this name; without one, the oldest newer one.

    A node is backed up before each of its changes. So one that has no backup of this name, as a hop left it alone, was
    then what its next backup shows.

    :raises UpliftError: there is none.
    """
    wanted = folder(directory, name)
    found = [path for path in folders(directory, manifest) if path.name >= wanted.name]
    if not found:
        there = ", ".join(path.name for path in folders(directory, manifest)) or "none"
        raise UpliftError(f"This node has no backup {name} in {directory}, nor a newer one. Backups there: {there}.")
    return found[-1]


def expired(directory: Path, manifests: t.Collection[str], keep: int) -> list[Path]:
    """What goes when `keep` backups are kept: older ones, what a killed run left half-made, programs of none.

    Only whole backups count, and the newest is never removed.
    """
    whole = [path for path in _all(directory) if any((path / name).is_file() for name in manifests)]
    kept = whole[: max(keep, 1)]
    newest = kept[0].name if kept else ""
    # A half-made one that is newer than every whole one may be in the making.
    going = [path for path in _all(directory) if path not in kept and path.name < newest]
    needed = {"etcd-" + version for path in kept if (version := _etcd_version(path))}
    programs = directory / PROGRAMS
    return [*going, *(p for p in sorted(programs.glob("*")) if kept and p.name not in needed)]


def leftovers(root: Path, keep: int) -> list[Path]:
    """kubeadm's own copies and staging folders below /etc/kubernetes/tmp but the newest `keep` of each kind."""
    place = root / TMP
    kinds: dict[str, list[Path]] = {}
    for path in place.iterdir() if place.is_dir() else ():
        match = LEFTOVER.fullmatch(path.name)
        if match and path.is_dir() and not path.is_symlink():
            kinds.setdefault(match.group(1), []).append(path)
    return [
        path
        for paths in kinds.values()
        for path in sorted(paths, key=lambda path: (path.stat().st_mtime, path.name), reverse=True)[keep:]
    ]


def remove(paths: t.Iterable[Path]) -> None:
    """Remove folders; what has vanished meanwhile is as good."""
    for path in paths:
        shutil.rmtree(path, ignore_errors=True)


def _all(directory: Path) -> list[Path]:
    entries = directory.iterdir() if directory.is_dir() else ()
    return sorted((path for path in entries if ID.fullmatch(path.name) and path.is_dir()), reverse=True)


def _etcd_version(backup: Path) -> str:
    match = re.search(r'"etcd": \{\s*"version": "([^"]+)"', _text(backup / "etcd.json"))
    return match.group(1) if match else ""


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
