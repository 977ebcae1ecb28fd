# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a finding names, cut where it would be too much to read. Pure."""

from __future__ import annotations

import typing as t

MOST_LINES = 50


def seen(lines: t.Iterable[str], most: int = MOST_LINES) -> tuple[str, ...]:
    """Each line once, in order; past `most` of them, how many more there are."""
    told = list(dict.fromkeys(lines))
    return (*told[:most], f"and {len(told) - most} more") if len(told) > most else tuple(told)
