# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A path to bytes in memory: ssl reads keys from paths only, and a process that is killed must leave no key behind."""

from __future__ import annotations

import contextlib
import os
import tempfile
import typing as t


@contextlib.contextmanager
def memory_file(content: bytes) -> t.Iterator[str]:
    """A path that holds content until the end of the block, for this process alone."""
    if not hasattr(os, "memfd_create"):  # not Linux: a controller that reaches the API from a Mac, say
        with tempfile.NamedTemporaryFile(prefix="uplift-") as file:  # 0600
            file.write(content)
            file.flush()
            yield file.name
        return
    with open(os.memfd_create("uplift-kubeadm", os.MFD_CLOEXEC), "wb") as file:
        file.write(content)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"
