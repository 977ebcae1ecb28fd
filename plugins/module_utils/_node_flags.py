# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The flags on a Kubernetes program's command line. Pure."""

from __future__ import annotations

import typing as t


def flags_of(words: t.Iterable[str]) -> dict[str, str]:
    """{flag without dashes: value} of the words of a command line, the program's name among them or not.

    A flag without a value has "". One that is given twice has both values, joined by a comma: that is what it means
    for the lists and maps that Kubernetes' programs repeat (feature gates, labels).
    """
    pairs: list[tuple[str, str]] = []
    may_follow = False  # whether the next word may be the last flag's value
    for word in words:
        if word.startswith("-") and word.strip("-"):
            name, equals, value = word.lstrip("-").partition("=")
            pairs.append((name, value))
            may_follow = not equals
        elif may_follow:
            pairs[-1] = (pairs[-1][0], word)
            may_follow = False
    flags: dict[str, str] = {}
    for name, value in pairs:
        flags[name] = f"{flags[name]},{value}" if flags.get(name) else value
    return flags
