# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tags of etcd's image. The part after the dash counts builds of the image: 3.5.32-0 holds etcd 3.5.32."""

from __future__ import annotations

import re

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

_TAG = re.compile(r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z_.-]+)?")


def release_of(tag: object, what: str = "etcd's image tag") -> tuple[int, int, int]:
    """The release of etcd that an image tag, or the program itself ("3.5.32"), names. Raises UpliftError."""
    match = _TAG.fullmatch(tag) if isinstance(tag, str) else None
    if match is None:
        raise UpliftError(f"{what} is {tag!r}, which is no release of etcd such as 3.5.32-0.")
    return int(match[1]), int(match[2]), int(match[3])


def series_of(release: tuple[int, ...]) -> str:
    """(3, 5, 32) -> "3.5"."""
    return f"{release[0]}.{release[1]}"


def release_text(release: tuple[int, ...]) -> str:
    """(3, 5, 32) -> "3.5.32"."""
    return ".".join(str(number) for number in release)
