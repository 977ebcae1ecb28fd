# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a node needs to come back as it was: its configuration and secrets, beside etcd's snapshot.

BACKUPS/ID/node.tar     the files, with their paths from the root
BACKUPS/ID/node.json    what they are: written last, so a backup without it is none
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import tarfile
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._etcd_snapshot import make_private
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import require_space, sha256, sync, write_private
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_static_pods import (
    StaticPod,
    named_files,
    static_pods,
)

MANIFEST, ARCHIVE = "node.json", "node.tar"
SCHEMA = 1
KUBERNETES = "etc/kubernetes"
PATHS = (
    KUBERNETES,
    "var/lib/kubelet/config.yaml",
    "var/lib/kubelet/instance-config.yaml",
    "var/lib/kubelet/kubeadm-flags.env",
    "var/lib/kubelet/pki",
    "etc/default/kubelet",
    "etc/sysconfig/kubelet",
    "etc/systemd/system/kubelet.service",
    "etc/systemd/system/kubelet.service.d",
    "usr/lib/systemd/system/kubelet.service",
    "usr/lib/systemd/system/kubelet.service.d",
    "etc/containerd",
    "etc/crictl.yaml",
    "etc/cni/net.d",
)
# kubeadm's copies of etcd's data among them.
LEFT_OUT = (f"{KUBERNETES}/tmp",)
# The operating system's, which static pods of kubeadm's mount too.
SYSTEM = (
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
)
# Configuration is small. What a static pod mounts, or a link leads to, and is bigger is data: only the path is kept.
MOUNT_BYTES = 8 << 20
SPARE_MIB = 64


def take(root: Path, folder: Path, about: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Keep the files of this node in folder (BACKUPS/ID), and write the manifest; returns the manifest.

    :raises UpliftError: the disk is too full.
    """
    make_private(folder)
    pods, _unread = static_pods(root)
    wanted, too_big = sources(root, pods)
    kept = Kept(root, wanted)
    require_space(folder, SPARE_MIB + (sum(file.lstat().st_size for file in kept.files.values()) >> 20))
    partial = folder / f".{ARCHIVE}.part"
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name, file in kept.files.items():
                archive.add(file, name, recursive=False)
        out.flush()
        os.fsync(out.fileno())
    os.replace(partial, folder / ARCHIVE)
    sync(folder)
    manifest = {
        "schema": SCHEMA,
        "id": folder.name,
        "taken": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        **about,
        "archive": {"file": ARCHIVE, "sha256": sha256(folder / ARCHIVE)},
        "files": list(kept.files),
        "linked": kept.linked,
        "too_big": too_big + kept.too_big,
        "encryption": encryption(root, pods),
    }
    write_private(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")
    return manifest


def read_manifest(folder: Path) -> dict[str, t.Any]:
    """:raises UpliftError: there is none, or its archive is not what it says."""
    try:
        manifest = dict(json.loads((folder / MANIFEST).read_text()))
        digest = manifest["archive"]["sha256"]
    except (OSError, ValueError, LookupError, TypeError) as exc:
        raise UpliftError(f"{folder} holds no whole backup of this node's files: {MANIFEST} ({exc}).") from exc
    file = folder / ARCHIVE
    if not file.is_file() or sha256(file) != digest:
        raise UpliftError(
            f"{file} is not what was backed up: it is gone, or its SHA-256 differs. The backup is refused."
        )
    return manifest


def sources(root: Path, pods: t.Mapping[str, StaticPod]) -> tuple[list[str], list[str]]:
    """(files and folders to keep, without the leading slash; folders that static pods mount and that are too big)."""
    wanted = list(PATHS)
    configurations, _unread = named_files(root, pods)
    wanted += [row["host_path"].lstrip("/") for row in configurations.values()]
    too_big = []
    for path in sorted({path for pod in pods.values() for path in pod.mounts.values()}):
        if not path.startswith("/etc/") or path.startswith(SYSTEM):
            continue
        if _is_big(root / path.lstrip("/")):
            too_big.append(path)
        else:
            wanted.append(path.lstrip("/"))
    return _outermost(wanted), too_big


class Kept:
    """What is kept of the sources: the regular files and links that they are, or that lie below them, in stable order.

    files is {name in the archive: file}. A link to what is kept anyway stays a link. One that leads elsewhere
    (/etc/kubernetes/pki to /data/pki) is kept as what it shows, by the name that it is reached by: so a restore finds
    it, and writes through the link where there still is one. linked is {path of such a link: where it leads}; too_big
    has those that lead to more than configuration, and are kept as links alone.
    """

    def __init__(self, root: Path, wanted: t.Iterable[str]) -> None:
        self.files: dict[str, Path] = {}
        self.linked: dict[str, str] = {}
        self.too_big: list[str] = []
        self._root = root
        self._left_out = {root / path for path in LEFT_OUT}
        self._system = [root / path.lstrip("/") for path in SYSTEM]
        tops = [root / source for source in wanted]
        # Where they lie; of a source that is a link itself, the link.
        self._known = [Path(os.path.realpath(top.parent), top.name) for top in tops]
        for top in tops:
            self._add(top)

    def _add(self, path: Path) -> None:
        if path.is_symlink():
            self._follow(path)
        elif path.is_dir():
            self._add_folder(path)
        elif path.is_file():
            self.files[str(path.relative_to(self._root))] = path

    def _add_folder(self, folder: Path) -> None:
        if folder in self._left_out:
            return
        with contextlib.suppress(FileNotFoundError):  # it vanished
            for name in sorted(os.listdir(folder)):
                self._add(folder / name)

    def _follow(self, link: Path) -> None:
        target = Path(os.path.realpath(link))
        inside = _is_in(target, self._known) or (target.is_file() and _is_in(target, self._system))
        name, file = str(link.relative_to(self._root)), link
        if not inside and (target.is_file() or target.is_dir()):
            if _is_big(target):
                self.too_big.append(f"/{name}")
            else:
                self.linked[f"/{name}"] = str(target)
                self._known.append(target)  # a link in there that leads back ends there
                if target.is_dir():
                    self._add_folder(link)
                    return
                file = target
        self.files[name] = file


def encryption(root: Path, pods: t.Mapping[str, StaticPod]) -> dict[str, t.Any]:
    """How secrets are encrypted in etcd, and so in a snapshot: {file, providers, kms}; {} when they are not."""
    configurations, _unread = named_files(root, pods)
    for row in configurations.values():
        if row["flag"].endswith("--encryption-provider-config"):
            providers = row.get("providers") or []
            kms = any(name.startswith("kms") for name in providers)
            return {"file": row["host_path"], "providers": providers, "kms": kms or bool(row.get("partly_read"))}
    return {}


def warnings(manifest: t.Mapping[str, t.Any]) -> list[str]:
    """What a person has to know of a backup, a sentence each."""
    told = []
    how = manifest.get("encryption") or {}
    if how.get("kms"):
        told.append(
            f"Objects in etcd are encrypted with a key of a KMS ({how['file']}, {', '.join(how['providers'])}). "
            "The snapshot is worthless without that key: see that the KMS keeps it for as long as you keep the backup."
        )
    if manifest.get("too_big"):
        told.append(
            f"Not kept, since a static pod mounts, or a link leads to, more than {MOUNT_BYTES >> 20} MiB there: "
            f"{', '.join(manifest['too_big'])}. See to these yourself."
        )
    return told


def _is_big(path: Path) -> bool:
    """Whether a file, or all files below a folder, are more than configuration."""
    if not path.is_dir():
        return path.is_file() and path.stat().st_size > MOUNT_BYTES
    size = 0
    for base, _folders, names in os.walk(path):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # it vanished
                size += Path(base, name).lstat().st_size
        if size > MOUNT_BYTES:
            return True
    return False


def _is_in(path: Path, places: t.Iterable[Path]) -> bool:
    return any(path == place or place in path.parents for place in places)


def _outermost(paths: t.Iterable[str]) -> list[str]:
    """Paths without repeats, and without those that lie below another."""
    chosen: list[str] = []
    for path in sorted(set(paths)):
        if not any(path.startswith(f"{other}/") for other in chosen):
            chosen.append(path)
    return chosen
