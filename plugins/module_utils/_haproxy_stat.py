# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `show stat` says about the servers of blue and green. Pure.

Requests and errors were compared with a real HAProxy 2.6, answer by answer: a server's `hrsp_5xx` has the 5xx that the
server itself sent, `eresp` answers that broke off, `econ` connections that failed for good, `wredis` requests that
another server had to answer instead; none is counted twice. `req_tot` has answered requests only, and is empty in
TCP mode, where `stot` counts each try anew (`wretr`).
"""

from __future__ import annotations

import csv
import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._traffic_shares import told

BLUE, GREEN = "blue", "green"
SIDES = (BLUE, GREEN)
Counters = dict[str, list[int]]  # "backend/server" -> [requests, errors]


@dataclass(frozen=True)
class Server:
    """One server of a backend. `weight` is what was set, not what slow start makes of it."""

    backend: str
    name: str
    side: str
    weight: int
    status: str
    sessions: int  # open now
    requests: int  # since HAProxy was started or reloaded
    errors: int

    @property
    def place(self) -> str:
        return f"{self.backend}/{self.name}"

    @property
    def takes(self) -> bool:
        """Whether it would be given requests, had it a weight. A server of weight 0 that is up is called DRAIN."""
        return self.status.startswith(("UP", "no check")) or (self.status == "DRAIN" and not self.weight)


def servers(stat: str, backends: Sequence[str], blue: Sequence[str], green: Sequence[str]) -> list[Server]:
    """The servers of the backends, in HAProxy's order. `blue` and `green` are names with wildcards.

    Raises UpliftError for a backend that is not there, for one without servers of either side, and for servers that are
    of no side or of both: what they are given is no share of either. Backup servers are passed over.
    """
    rows = [row for row in csv.DictReader(stat[2:].splitlines()) if row["svname"] not in ("FRONTEND", "BACKEND")]
    there = sorted({row["pxname"] for row in rows})
    found: list[Server] = []
    for backend in backends:
        if backend not in there:
            raise UpliftError(
                f"HAProxy has no backend «{backend}» with servers; it has {', '.join(there) or 'none'}. "
                "Is this the right HAProxy?"
            )
        own = [row for row in rows if row["pxname"] == backend]
        found += _of_backend(backend, own, (blue, green))
    return found


def shares(found: Iterable[Server]) -> dict[str, int | None]:
    """What each backend sends to green, in percent; None for one of which no server has a weight."""
    weights: dict[str, dict[str, list[int]]] = {}
    for server in found:
        weights.setdefault(server.backend, {side: [] for side in SIDES})[server.side].append(server.weight)
    return {backend: told(each[BLUE], each[GREEN]) for backend, each in weights.items()}


def counters(found: Iterable[Server], side: str) -> Counters:
    return {server.place: [server.requests, server.errors] for server in found if server.side == side}


def _of_backend(
    backend: str, rows: Sequence[dict[str, str]], sides: tuple[Sequence[str], Sequence[str]]
) -> list[Server]:
    found, strangers = [], []
    # One of `backup` gets nothing while any other is up: its weight is no share of the traffic.
    for row in (row for row in rows if row.get("bck") != "1"):
        matching = [
            side for side, patterns in zip(SIDES, sides) if any(fnmatch.fnmatchcase(row["svname"], p) for p in patterns)
        ]
        if len(matching) == 1:
            found.append(_server(row, matching[0]))
        else:
            strangers.append(row["svname"])
    names = ", ".join(row["svname"] for row in rows)
    if strangers:
        raise UpliftError(
            f"It is not clear whether {', '.join(strangers)} of the backend «{backend}» is blue or green, so shares "
            f"cannot be told. Its servers are {names}; blue is {', '.join(sides[0])}, green is {', '.join(sides[1])}."
        )
    for side, patterns in zip(SIDES, sides):
        if not any(server.side == side for server in found):
            passed = ", ".join(row["svname"] for row in rows if row.get("bck") == "1")
            raise UpliftError(
                f"The backend «{backend}» has no {side} server: none of {names} is called {' or '.join(patterns)}"
                + (f", but for backup servers ({passed}), which get no traffic while others are up." if passed else ".")
            )
    return found


def _server(row: dict[str, str], side: str) -> Server:
    connections = sum(_number(row, name) for name in ("econ", "eresp", "wredis"))
    if row.get("req_tot") and row.get("mode") != "tcp":
        requests = _number(row, "req_tot") + connections
    else:
        requests = _number(row, "stot") - _number(row, "wretr")
    return Server(
        backend=row["pxname"],
        name=row["svname"],
        side=side,
        weight=_number(row, "uweight" if row.get("uweight") else "weight"),
        status=row["status"],
        sessions=_number(row, "scur"),
        requests=requests,
        errors=connections + _number(row, "hrsp_5xx"),
    )


def _number(row: dict[str, str], name: str) -> int:
    text = row.get(name) or "0"
    return int(text) if text.isdigit() else 0
