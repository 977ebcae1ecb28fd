# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cache: each artifact is made once, whole or not at all, however many runs want it at the same time."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .paths import cache_dir
from .progress import say


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path`. The kernel drops it when the process dies, so none is ever stale."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"... waiting for another run of the lab ({path.name})")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def ensure(key: str, make: Callable[[Path], None]) -> Path:
    """Directory of the artifact `key` (a relative path), made by `make(empty directory)` when it is not there.

    `make` works in a temporary directory beside the final one, which a rename puts in place when it has returned:
    a directory that exists is complete. What a killed run left over is removed by the next one that makes `key`.
    """
    final = cache_dir() / key
    if final.is_dir():
        return final
    with lock(cache_dir() / "locks" / (key.replace("/", "_") + ".lock")):
        if final.is_dir():  # made by the run we waited for
            return final
        final.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{final.name}.part-"
        for left_over in final.parent.glob(f"{prefix}*"):
            shutil.rmtree(left_over, ignore_errors=True)
        part = Path(tempfile.mkdtemp(prefix=prefix, dir=final.parent))
        part.chmod(0o755)
        try:
            make(part)
            os.rename(part, final)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return final
