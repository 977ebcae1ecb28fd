# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Temporary folders that do not stay when a module is killed: the next one of the same kind removes them."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import typing as t
from pathlib import Path


@contextlib.contextmanager
def scratch(prefix: str) -> t.Iterator[Path]:
    """A folder of mode 0700 in the place for temporary files; gone afterwards.

    Its name has the process: what a process left that lives no more is removed first. SIGKILL lets nobody tidy up.
    """
    remove_forgotten(Path(tempfile.gettempdir()), prefix)
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_forgotten(parent: Path, prefix: str, proc: Path = Path("/proc")) -> None:
    """Remove the folders of this prefix and of our own user whose process is gone."""
    for folder in parent.glob(f"{prefix}*-*"):
        pid = folder.name[len(prefix) :].partition("-")[0]
        with contextlib.suppress(OSError):  # another one was faster
            if pid.isdigit() and not (proc / pid).exists() and folder.lstat().st_uid == os.getuid():
                shutil.rmtree(folder, ignore_errors=True)
