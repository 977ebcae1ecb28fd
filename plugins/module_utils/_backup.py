# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a node needs to come back as it was: its configuration and secrets, beside etcd's snapshot.

BACKUPS/ID/node.tar     the files, with their paths from the root
BACKUPS/ID/node.json    what they are: written last, so a backup without it is none
"""

from __future__ import annotations

import datetime
import json
import os
import stat
import tarfile
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._etcd_snapshot import make_private
from ansible_collections.uplift.kubeadm.plugins.module_utils._kubeadm import write_private
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_static_pods import (
    StaticPod,
    named_files,
    static_pods,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._release import require_space, sha256, sync

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
# Configuration is small. What a static pod mounts and is bigger is data, of which only the path is kept.
MOUNT_BYTES = 8 << 20
SPARE_MIB = 64


def take(root: Path, folder: Path, about: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Keep the files of this node in folder (BACKUPS/ID), and write the manifest; returns the manifest.

    :raises UpliftError: the disk is too full.
    """
    make_private(folder)
    pods, _unread = static_pods(root)
    wanted, too_big = sources(root, pods)
    found = [path for source in wanted for path in files(root, source)]
    require_space(folder, SPARE_MIB + (sum(path.lstat().st_size for path in found) >> 20))
    partial = folder / f".{ARCHIVE}.part"
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for path in found:
                archive.add(path, str(path.relative_to(root)), recursive=False)
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
        "files": [str(path.relative_to(root)) for path in found],
        "too_big": too_big,
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
        size = sum(file.lstat().st_size for file in files(root, path.lstrip("/")))
        if size > MOUNT_BYTES:
            too_big.append(path)
        else:
            wanted.append(path.lstrip("/"))
    return _outermost(wanted), too_big


def files(root: Path, source: str) -> list[Path]:
    """A file, or the regular files and links below a folder, in a stable order; [] where there is nothing."""
    top = root / source
    if top.is_symlink() or top.is_file():
        return [top]
    skip = {root / path for path in LEFT_OUT}
    found = []
    for base, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if Path(base, name) not in skip)
        found += [path for name in sorted(names) if _is_kept(path := Path(base, name))]
    return found


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
            f"Not kept, since a static pod mounts more than {MOUNT_BYTES >> 20} MiB there: "
            f"{', '.join(manifest['too_big'])}. See to these yourself."
        )
    return told


def _is_kept(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except OSError:  # it vanished
        return False
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def _outermost(paths: t.Iterable[str]) -> list[str]:
    """Paths without repeats, and without those that lie below another."""
    chosen: list[str] = []
    for path in sorted(set(paths)):
        if not any(path.startswith(f"{other}/") for other in chosen):
            chosen.append(path)
    return chosen
