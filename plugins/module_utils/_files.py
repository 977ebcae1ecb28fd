# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files on a node: where ours lie; written in one piece, for root alone, and on disk before anyone is told of them."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

# The folder of the collection on a node, for root alone; docs/upgrade.md says what is in it. In the roles it is
# kubeadm_upgrade_directory.
STATE = Path("/var/lib/uplift-kubeadm")


def state_of(root: Path) -> Path:
    """That folder of the node whose files are below root."""
    return root / STATE.relative_to("/")


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 in one piece: whoever reads it sees the old content or the new."""
    _write(path, text, None)


def rewrite(path: Path, text: str) -> None:
    """Give a file new content in one piece; mode and owner stay."""
    _write(path, text, path.stat())


def _write(path: Path, text: str, like: os.stat_result | None) -> None:
    """like: whose mode and owner the file gets; None for 0600 and this user. Bytes that were read with surrogateescape,
    as they are no UTF-8, are written as they were."""
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if like:
            os.chmod(name, like.st_mode & 0o7777)
            os.chown(name, like.st_uid, like.st_gid)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def sha256(file: Path) -> str:
    """Checksum of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def sync(path: Path) -> None:
    """Have a file, or a folder's entries, on disk before going on."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def require_space(folder: Path, mib: int) -> None:
    """Raise UpliftError when a file system is too full."""
    free = shutil.disk_usage(folder).free >> 20
    if free < mib:
        raise UpliftError(
            f"{folder} has {free} MiB free, and {mib} MiB are needed there. Nothing was changed; "
            "make room (old images: crictl rmi --prune; kubeadm's backups: /etc/kubernetes/tmp) and run again."
        )
