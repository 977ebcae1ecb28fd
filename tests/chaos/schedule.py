# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kills a scenario does: drawn from a seed, so that a run of it can be repeated. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from .steps import ANY, BY_ID, CONTROL_PLANE, KUBEADM_STEPS, STEPS, WORKER, Hit, Step

LEAST_KILLS = 20
# Shares of a scenario's time: when the last kill is done, and what a hop takes at most (with three control planes 400 s
# of 2340 s were seen).
_LAST_SHARE, _HOP_SHARE = 0.9, 0.23
# How a run is killed; ways.py does it.
GROUP, MACHINE, CUT, SESSIONS = "group", "machine", "cut", "sessions"
WAYS = (GROUP, MACHINE, CUT, SESSIONS)
# Steps that last are killed some way into them; the others at once.
# What runs once runs on a host that nobody chose, not every node has pods to evict, or files to fetch that it lacks.
_ANYWHERE = ("finish", "evicting", "fetch", "images", "backup", "lock-renewed")
_LONGEST_DELAY = {"plan-nodes": 0.5, "plan-cluster": 0.5, "plan-images": 1.5, "images": 1.5, "apply-begun": 12.0,
                  "backup": 4.0, "lock-renewed": 0.5, "lock-released": 0.3,
                  "node-config": 0.5, "before-uncordon": 0.5, "finish": 0.5, "prune": 0.2, "compare": 0.3,
                  "notes": 0.3}  # fmt: skip


@dataclass(frozen=True)
class Kill:
    """A kill that is to be done. `hop` and `host` say where it is wanted; a later place will do when it was missed."""

    step: str
    hop: int | None
    host: str
    way: str
    delay: float  # seconds after the step was recognised
    kubeadm: bool = False  # kubeadm is killed too

    @property
    def drain(self) -> bool:
        return BY_ID[self.step].drain


def draw(seed: int, kills: int, control_planes: Sequence[str], workers: Sequence[str], hops: int) -> list[Kill]:
    """Kills for one upgrade: every step at least once, in some hop, on some host; then more of the steps of hops.

    With fewer kills than steps, some of them. Ways take turns, so that each is used alike. Raises ValueError when there
    are not as many different places, or the kills are too few to mean something.
    """
    chance = random.Random(seed)
    places = _places(chance, hops)
    if not LEAST_KILLS <= kills <= len(places):
        raise ValueError(f"{kills} kills: choose from {LEAST_KILLS} to {len(places)}; {len(STEPS)} hit every step")
    if kills < len(STEPS):
        places = chance.sample(places[: len(STEPS)], kills)
    ways = _in_turn(chance, kills)
    hosts = {CONTROL_PLANE: list(control_planes), WORKER: list(workers), ANY: [*control_planes, *workers]}
    with_kubeadm = chance.choice([step.id for step, _hop in places if step.id in KUBEADM_STEPS] or [""])
    drawn: list[Kill] = []
    for (step, hop), way in zip(places, ways):
        delay = round(chance.uniform(0, _LONGEST_DELAY.get(step.id, 0.0)), 2)
        first = with_kubeadm == step.id and not any(kill.kubeadm for kill in drawn)
        drawn.append(Kill(step.id, hop, chance.choice(hosts[step.role]), way, delay, first))
    return drawn


def _places(chance: random.Random, hops: int) -> list[tuple[Step, int | None]]:
    """Every step once, hops mixed; then the steps of hops in the hops where they are not yet."""
    first: list[tuple[Step, int | None]] = []
    more: list[tuple[Step, int | None]] = []
    for step in STEPS:
        order: list[int | None] = list(range(hops)) if step.per_hop else [None]
        chance.shuffle(order)
        first.append((step, order[0]))
        more += [(step, hop) for hop in order[1:]]
    chance.shuffle(more)
    return first + more


def _in_turn(chance: random.Random, count: int) -> list[str]:
    ways = [WAYS[number % len(WAYS)] for number in range(count)]
    chance.shuffle(ways)
    return ways


def in_time(hop: int | None, hops: int, share: float) -> bool:
    """May a run be killed in that hop (None: before or after them all) when a share of the time is over?

    What comes after the kill has to fit: the rest of the hop and the later hops, or, after the last of them, no more
    than another plan. A kill that is too late for its hop is done in a later one.
    """
    return share <= (_LAST_SHARE if hop is None else 1 - _HOP_SHARE * (hops - hop))


class Schedule:
    """The kills that are still to be done."""

    def __init__(self, kills: Sequence[Kill]) -> None:
        self.pending = list(kills)

    def take(self, hits: Sequence[Hit]) -> tuple[Kill, Hit] | None:
        """The first kill that is due at one of these hits; it is not pending any more."""
        for hit in hits:
            for kill in self.pending:
                if self._due(kill, hit):
                    self.pending.remove(kill)
                    return kill, hit
        return None

    @staticmethod
    def _due(kill: Kill, hit: Hit) -> bool:
        if kill.step != hit.step:
            return False
        if kill.hop is None or hit.hop is None:
            return True
        # Missed in its own hop, it is done in a later one, on whatever host.
        return hit.hop > kill.hop or (hit.hop == kill.hop and _same_host(kill, hit))


def _same_host(kill: Kill, hit: Hit) -> bool:
    return kill.host == hit.host or kill.step in _ANYWHERE
