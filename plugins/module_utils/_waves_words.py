# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waves in words: what holds a node back, and why a plan's waves are as they are, a sentence each. Pure."""

from __future__ import annotations

import typing as t
from collections import Counter

from ansible_collections.uplift.kubeadm.plugins.module_utils._waves import (
    GROUP,
    GROWTH,
    IN_THE_WAY,
    NO_ROOM,
    PER_ZONE,
    UNREAD,
    WAVE,
    Wave,
    Waves,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_rules import Rules
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_yard import BUDGET, ROOM, UNPLACED, WORKLOAD, Key

_FEW = 3


def what(key: Key, limits: t.Mapping[Key, int]) -> str:
    """A limit, as the object of "held back by"."""
    kind, name, number = key[0], key[1] if len(key) > 1 else "", limits.get(key)
    if kind == BUDGET:
        return f"disruption budget {name} ({number} at a time)"
    if kind == WORKLOAD and number == 0:
        return f"{name}, of whose pods no more may be away now (it has no disruption budget)"
    if kind == WORKLOAD:
        return f"{name}, which has no disruption budget ({number} of its pods at a time)"
    if kind == UNPLACED:
        return f"{name}, whose pods have no other place (one node at a time)"
    if kind == ROOM:
        return f"room for pods elsewhere ({name})"
    if kind == NO_ROOM:
        return f"room elsewhere for pod {name}"
    if kind == IN_THE_WAY:
        return f"disruption budget {name}, which lets no pod go now"
    if kind == GROUP:
        return f"group {name} ({number} at a time)"
    if kind == PER_ZONE:
        return f"group {name} ({number} at a time in zone {key[2] or '(none)'})"
    return f"the limit of {number} at a time" if kind == WAVE else kind


def why(wave: Wave, limits: t.Mapping[Key, int], last: bool = False) -> str:
    """Why a wave is as large as it is; a sentence."""
    if wave.alone == (UNREAD,):
        return "One at a time, as it could not be read what runs where."
    if wave.alone:
        return f"Alone: it fits beside no other, for {what(wave.alone, limits)}."
    said = "Canary: it goes first, to see how it fares." if wave.canary else ""
    most = [key for key, _number in wave.held.most_common(1)]
    if most:
        held = wave.held[most[0]]
        said += f"{' ' if said else ''}{held} more held back by {what(most[0], limits)}."
    return said or ("All that are left." if last else "As many as may go at once.")


def decisions(waves: Waves, rules: Rules) -> list[str]:
    """Why there are so many waves, a sentence each."""
    if not waves.waves:
        return []
    nodes = sum(len(wave.nodes) for wave in waves.waves)
    largest = max(len(wave.nodes) for wave in waves.waves)
    all_of_them = f"{counted(nodes, 'worker')} in {counted(len(waves.waves), 'wave')} of up to {largest}"
    bound = f"; {what(waves.by, waves.limits)} needs at least {waves.bound}." if waves.bound > 1 else "."
    said = [f"{all_of_them} (kubeadm_upgrade_serial: auto){bound}"]
    if any(wave.canary for wave in waves.waves):
        said.append(f"Canaries go first; after them a wave is at most {GROWTH} times all that went before it.")
    said += _by_forks(waves, largest, rules)
    held = Counter(key for wave in waves.waves for key in list(wave.held)[:1] if key[0] != NO_ROOM)
    reasons = [what(key, waves.limits) for key, _waves in held.most_common(_FEW)]
    if reasons:
        said.append(f"What held back most nodes of a wave: {'; '.join(reasons)}.")
    said += _unbudgeted(waves)
    said += [
        f"{wave.nodes[0]} goes alone: it fits beside no other, for {what(wave.alone, waves.limits)}."
        for wave in waves.waves
        if wave.alone
    ][: _FEW * 2]
    return said


def _by_forks(waves: Waves, largest: int, rules: Rules) -> list[str]:
    if rules.forks is None or largest < rules.forks or nodes_of(waves) <= rules.forks:
        return []
    return [f"No wave is larger than {rules.forks}, the number of forks: --forks raises it."]


def _unbudgeted(waves: Waves) -> list[str]:
    held = Counter(key[1] for wave in waves.waves for key in wave.held if key[0] in (WORKLOAD, UNPLACED))
    if not held:
        return []
    names = ", ".join(name for name, _waves in held.most_common(_FEW))
    more = f" and {len(held) - _FEW} more" if len(held) > _FEW else ""
    return [f"Without a disruption budget, and therefore taken with care: {names}{more}. A budget would say how many."]


def nodes_of(waves: Waves) -> int:
    return sum(len(wave.nodes) for wave in waves.waves)


def counted(number: int, what_it_is: str) -> str:
    return f"{number} {what_it_is}{'' if number == 1 else 's'}"


def as_data(waves: Waves) -> list[dict[str, t.Any]]:
    """The waves as a filter or a plan has them: {"nodes", "canary", "soak", "groups", "why"}."""
    return [
        {
            "nodes": list(wave.nodes),
            "canary": wave.canary,
            "soak": wave.soak,
            "groups": list(wave.groups),
            "why": why(wave, waves.limits, wave is waves.waves[-1]),
        }
        for wave in waves.waves
    ]
