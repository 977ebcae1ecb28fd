# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a side that gets traffic is well: what was seen so far, and the verdict. Pure.

What was seen travels from one look to the next as a plain dict, `seen`:
{"sums": {"blue": [requests, errors], "green": [...]}, "last": {"backend/server": [requests, errors]},
 "trouble": {what: [times in a row, what was said last]}, "looks": number}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Counters = Mapping[str, Mapping[str, Sequence[int]]]  # side -> "backend/server" -> [requests, errors]
Seen = dict[str, Any]
SIDES = ("blue", "green")


@dataclass(frozen=True)
class Limits:
    """`error_rate` in percent of the side's requests, told once there were `least_requests`, and at the end in any
    case; `failures` is how often in a row a check may not be good before it counts."""

    error_rate: float
    least_requests: int
    failures: int


def begin(counters: Counters) -> Seen:
    """Nothing was seen yet; counters are those from which on requests count."""
    last = {place: list(pair) for side in counters.values() for place, pair in side.items()}
    return {"sums": {side: [0, 0] for side in SIDES}, "last": last, "trouble": {}, "looks": 0}


def count(seen: Seen, counters: Counters) -> None:
    """Add what the counters have grown by. A counter that is smaller than before was begun anew by a reload."""
    for side, servers in counters.items():
        for place, pair in servers.items():
            last = seen["last"].get(place, [0, 0])
            base = [0, 0] if pair[0] < last[0] or pair[1] < last[1] else last
            seen["sums"][side] = [total + now - then for total, now, then in zip(seen["sums"][side], pair, base)]
            seen["last"][place] = list(pair)


def note(seen: Seen, what: str, problem: str) -> None:
    """The result of one check; `problem` is empty when it is good."""
    if problem:
        times = seen["trouble"].get(what, [0, ""])[0]
        seen["trouble"][what] = [times + 1, problem]
    else:
        seen["trouble"].pop(what, None)


def verdict(seen: Seen, side: str, limits: Limits, final: bool) -> list[str]:
    """Why the side is not well, a sentence each; empty when it is."""
    why = [
        f"{what}: {problem}" + (f" ({times} times in a row)." if times > 1 else ".")
        for what, (times, problem) in sorted(seen["trouble"].items())
        if times >= limits.failures
    ]
    requests, errors = seen["sums"][side]
    if requests and 100 * errors > limits.error_rate * requests and (requests >= limits.least_requests or final):
        other = next(name for name in SIDES if name != side)
        why.append(
            f"{errors} of the {requests} requests to {side} failed, {rate(seen, side):.1f} %; {limits.error_rate:g} % "
            f"are allowed ({other}: {seen['sums'][other][1]} of {seen['sums'][other][0]})."
        )
    return why


def rate(seen: Seen, side: str) -> float:
    """Errors in percent of the requests."""
    requests, errors = seen["sums"][side]
    return 100 * errors / requests if requests else 0.0


def line(seen: Seen, side: str, checks: int, counted: bool) -> str:
    """What was seen since the step began, for a person."""
    words = []
    if counted:
        requests, errors = seen["sums"][side]
        words.append(
            f"{side} had {requests} requests, {errors} of them failed" if requests else f"no request came to {side}"
        )
    if checks:
        words.append(f"{checks - _failing(seen)} of {checks} checks are good")
    return "; ".join(words) or "nothing is looked at: neither checks nor HAProxy's counters are given"


def _failing(seen: Seen) -> int:
    return sum(what.startswith("http") for what in seen["trouble"])
