# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that may write below some folders alone. The kernel sees to it (Landlock, Linux 5.13), for root as well.

It stands for the container that AWX starts a job in: what such a job writes elsewhere is lost, or denied.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

# linux/landlock.h; the numbers of the system calls are the same on all architectures.
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION, _PATH_BENEATH = 1, 1
# write file, remove and make of every kind; refer and truncate came with later versions
_WRITE = sum(1 << bit for bit in (1, 4, 5, 6, 7, 8, 9, 10, 11, 12))
_LATER = {2: 1 << 13, 3: 1 << 14}
_NO_NEW_PRIVILEGES = 38


class _Attributes(ctypes.Structure):
    _fields_ = (("handled", ctypes.c_uint64),)


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


_libc = ctypes.CDLL(None, use_errno=True)


def available() -> bool:
    """Whether this kernel can do it."""
    return _version() > 0


def only_below(folders: list[Path]) -> Callable[[], None]:
    """For `preexec_fn` of subprocess: the process, and all that it starts, may write below the folders, and in /dev."""
    version = _version()
    rights = _WRITE | sum(bits for since, bits in _LATER.items() if version >= since)

    def restrict() -> None:
        attributes = _Attributes(rights)
        rules = _call(_CREATE, ctypes.byref(attributes), ctypes.sizeof(attributes), 0)
        for folder in [Path("/dev"), *folders]:
            handle = os.open(folder, os.O_PATH | os.O_CLOEXEC)
            _call(_ADD, rules, _PATH_BENEATH, ctypes.byref(_Beneath(rights, handle)), 0)
            os.close(handle)
        if _libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")
        _call(_RESTRICT, rules, 0)
        os.close(rules)

    return restrict


def _version() -> int:
    return int(_libc.syscall(_CREATE, None, 0, _VERSION))


def _call(number: int, *arguments: object) -> int:
    result = int(_libc.syscall(number, *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"system call {number}")
    return result
