# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads and sets what share of one HAProxy's traffic goes to green: at run time, and in its configuration."""

from __future__ import annotations

import copy
import time
import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils import _haproxy_file, _haproxy_stat
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._haproxy_runtime import Runtime
from ansible_collections.uplift.kubeadm.plugins.module_utils._haproxy_stat import BLUE, GREEN, SIDES, Server
from ansible_collections.uplift.kubeadm.plugins.module_utils._traffic_shares import weights

SOCKET_ARGS: dict[str, dict[str, t.Any]] = {
    "socket": {"type": "str", "default": "/run/haproxy/admin.sock"},
    "socket_timeout": {"type": "float", "default": 10},
    "backends": {"type": "list", "elements": "str", "required": True},
    "blue": {"type": "list", "elements": "str", "default": ["blue*"]},
    "green": {"type": "list", "elements": "str", "default": ["green*"]},
}

Weights = dict[str, dict[str, int]]  # by backend and server

TRIES = 3
BETWEEN_TRIES = 0.5  # seconds


class Switch:
    """One HAProxy, as SOCKET_ARGS describe it."""

    def __init__(self, params: t.Mapping[str, t.Any]) -> None:
        self.runtime = Runtime(params["socket"], params["socket_timeout"])
        self._sides = (params["blue"], params["green"])
        self._backends = params["backends"]

    def only(self, backends: t.Sequence[str]) -> Switch:
        """The same HAProxy, without its other backends."""
        other = copy.copy(self)
        other._backends = list(backends)
        return other

    def servers(self) -> list[Server]:
        return _haproxy_stat.servers(self.runtime.stat(), self._backends, *self._sides)


def wanted(servers: t.Sequence[Server], share: int) -> Weights:
    """The weights for a share. Raises UpliftError when a side that is to get traffic has no server for it."""
    found: Weights = {}
    for backend in dict.fromkeys(server.backend for server in servers):
        own = [server for server in servers if server.backend == backend]
        counts = [sum(server.side == side for server in own) for side in SIDES]
        of_side = dict(zip(SIDES, weights(share, *counts)))
        for side in SIDES:
            if of_side[side]:
                _able(own, side)
        found[backend] = {server.name: of_side[server.side] for server in own}
    return found


def movable(servers: t.Sequence[Server], share: int) -> tuple[list[str], list[str]]:
    """(backends that can have this share, why others cannot)."""
    able, errors = [], []
    for backend in dict.fromkeys(server.backend for server in servers):
        try:
            wanted([server for server in servers if server.backend == backend], share)
            able.append(backend)
        except UpliftError as error:
            errors.append(str(error))
    return able, errors


def set_weights(switch: Switch, share: int) -> list[Server]:
    """Set what differs, and read it back; more is given before less is: at no moment has a backend no weight at all.

    A side that is given more has to take requests before the other one is given less: one that somebody has drained
    (`set server … state drain`) is told from one of weight 0 only then.

    Raises UpliftError when weights are others than were set, TRIES times. Once or twice that is a reload: the worker
    that takes over in between has what its file said.
    """
    servers = switch.servers()
    to_set = wanted(servers, share)
    tries = 0
    while off := [server for server in servers if _more(server, to_set)]:
        if tries == TRIES:
            raise _not_kept(share, to_set, off)
        if tries:
            to_set = wanted(servers, share)  # a side that has gone down meanwhile is given nothing
            time.sleep(BETWEEN_TRIES)
        more, less = (
            [server for server in off if _more(server, to_set) > 0],
            [server for server in off if _more(server, to_set) < 0],
        )
        _give(switch, more, to_set)
        if more and less:
            _see_that_they_take(switch, share, more)
        _give(switch, less, to_set)
        servers = switch.servers()
        tries += 1
    return servers


def _give(switch: Switch, servers: t.Iterable[Server], to_set: Weights) -> None:
    for server in servers:
        switch.runtime.set_weight(server.backend, server.name, to_set[server.backend][server.name])


def _see_that_they_take(switch: Switch, share: int, given: t.Sequence[Server]) -> None:
    """Raises UpliftError where those that were given more take nothing all the same. They have what they had then."""
    try:
        wanted(switch.servers(), share)
    except UpliftError:
        for server in given:
            switch.runtime.set_weight(server.backend, server.name, server.weight)
        raise


def _more(server: Server, to_set: Weights) -> int:
    """By how much its weight is to grow."""
    return to_set[server.backend][server.name] - server.weight


def _not_kept(share: int, to_set: Weights, off: t.Sequence[Server]) -> UpliftError:
    told = "; ".join(f"{s.place} has {s.weight} instead of {to_set[s.backend][s.name]}" for s in off)
    return UpliftError(
        f"Weights were set for a share of {share} %, and «show stat» says otherwise, {TRIES} times: {told}. "
        "Does something else set weights here (an agent-check, a controller, another run)?"
    )


def to_keep(path: str, servers: t.Sequence[Server], share: int) -> _haproxy_file.Change:
    """The change of the configuration file, not yet made."""
    return _haproxy_file.prepare(path, wanted(servers, share))


def described(servers: t.Sequence[Server]) -> dict[str, t.Any]:
    """What callers get to see."""
    shares = _haproxy_stat.shares(servers)
    return {
        "shares": shares,
        "servers": [
            {
                "backend": s.backend,
                "name": s.name,
                "side": s.side,
                "weight": s.weight,
                "status": s.status,
                "sessions": s.sessions,
            }
            for s in servers
        ],
        "counters": {side: _haproxy_stat.counters(servers, side) for side in SIDES},
        "sessions": {side: sum(s.sessions for s in servers if s.side == side) for side in SIDES},
    }


def in_words(servers: t.Sequence[Server]) -> str:
    """Weights for a diff, a line each."""
    return "".join(f"{server.place} weight {server.weight}\n" for server in servers)


def planned(servers: t.Sequence[Server], share: int) -> str:
    to_set = wanted(servers, share)
    return "".join(f"{server.place} weight {to_set[server.backend][server.name]}\n" for server in servers)


def _able(servers: t.Sequence[Server], side: str) -> None:
    own = [server for server in servers if server.side == side]
    if not any(server.takes for server in own):
        states = ", ".join(f"{server.place} is {server.status}" for server in own)
        other = GREEN if side == BLUE else BLUE
        raise UpliftError(
            f"No {side} server would take traffic ({states}), so none is sent there, and {other} keeps what it "
            f"has. See why: its health check in HAProxy's log, its cluster; «set server {own[0].place} state ready» "
            "ends maintenance, and a drain."
        )
