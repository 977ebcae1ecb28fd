# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at a side for some seconds: HTTP checks, all at once, and HAProxy's counters, once a second."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
import typing as t
import urllib.error
import urllib.request
from dataclasses import dataclass

from ansible_collections.uplift.kubeadm.plugins.module_utils import _haproxy_stat, _traffic_gate
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._haproxy_switch import Switch
from ansible_collections.uplift.kubeadm.plugins.module_utils._traffic_gate import Limits, Seen

EVERY = 1.0  # seconds from one look to the next
MOST_READ = 1 << 20  # bytes of an answer in which a text is looked for
COUNTERS, SERVERS = "HAProxy's counters", "servers"

Check = t.Mapping[str, t.Any]


class _StayHere(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer: where it leads may be the other cluster."""

    def redirect_request(self, *_: t.Any) -> None:
        return None


def problem(check: Check, timeout: float) -> str:
    """One HTTP request: "" when the answer is good, or what is wrong with it. No proxy is asked."""
    context = ssl.create_default_context()
    if not check["validate_certs"]:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context), _StayHere()
    )
    try:
        request = urllib.request.Request(check["url"], headers={"Connection": "close", **check["headers"]})
        try:
            response = opener.open(request, timeout=timeout)
        except urllib.error.HTTPError as e:
            response = e
        with response:
            return _judged(check, response.status or 0, response.read(MOST_READ))
    except urllib.error.URLError as e:
        return str(e.reason) or type(e.reason).__name__
    except (OSError, ValueError, http.client.HTTPException) as e:
        return str(e) or type(e).__name__


def _judged(check: Check, status: int, body: bytes) -> str:
    if status not in check["status"]:
        return f"answered {status}, not {' or '.join(map(str, check['status']))}"
    if check["contains"] and check["contains"].encode() not in body:
        return f"answered {status} without «{check['contains']}»"
    return ""


def problems(checks: t.Sequence[Check], timeout: float) -> dict[str, str]:
    """All checks at once, by name; none takes longer than `timeout` seconds, however slowly its answer trickles in."""
    found = {_name(check): f"no whole answer within {timeout:g} s" for check in checks}
    answers: dict[str, str] = {}

    def ask(check: Check) -> None:
        answers[_name(check)] = problem(check, timeout)

    threads = [threading.Thread(target=ask, args=(check,), daemon=True) for check in checks]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + timeout
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    found.update(answers.copy())
    return found


@dataclass(frozen=True)
class Gate:
    """What is looked at: a side's checks, each answered within `timeout` seconds, and its counters in HAProxy."""

    side: str
    limits: Limits
    checks: t.Sequence[Check]
    timeout: float
    switch: Switch | None

    def look(self, seen: Seen) -> None:
        """One look at everything; what is found goes into `seen`."""
        for name, said in problems(self.checks, self.timeout).items():
            _traffic_gate.note(seen, name, said)
        if self.switch is not None:
            self._count(seen, self.switch)
        seen["looks"] += 1

    def watch(self, seen: Seen, seconds: float, final: bool) -> list[str]:
        """Look again and again for so many seconds, at least once; why the side is not well, as soon as it is not.

        With `final` the last look leaves nothing open: what is not good in it is looked at until it is, or has failed
        often enough.
        """
        until = time.monotonic() + seconds
        while True:
            due = time.monotonic() + EVERY
            self.look(seen)
            over = time.monotonic() >= until and not (final and seen["trouble"])
            why = _traffic_gate.verdict(seen, self.side, self.limits, over and final)
            if why or over:
                return why
            time.sleep(max(0.0, due - time.monotonic()))

    def _count(self, seen: Seen, switch: Switch) -> None:
        try:
            servers = switch.servers()
        except UpliftError as error:
            _traffic_gate.note(seen, COUNTERS, str(error).rstrip("."))
            return
        _traffic_gate.note(seen, COUNTERS, "")
        _traffic_gate.count(seen, {side: _haproxy_stat.counters(servers, side) for side in _haproxy_stat.SIDES})
        own = [server for server in servers if server.side == self.side]
        without = {server.backend for server in own} - {server.backend for server in own if server.takes}
        down = ", ".join(f"{server.place} is {server.status}" for server in own if server.backend in without)
        said = f"no {self.side} server of {', '.join(sorted(without))} is up ({down})"
        _traffic_gate.note(seen, SERVERS, said if without else "")


def _name(check: Check) -> str:
    host = {key.lower(): value for key, value in check["headers"].items()}.get("host")
    return f"{check['url']} (Host: {host})" if host else str(check["url"])
