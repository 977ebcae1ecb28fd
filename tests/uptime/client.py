# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the service without pause, through every node in turn, and keeps what failed."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Sequence

from .tally import Failure

_THREADS = 8
_PATIENCE = 5.0  # seconds that an answer may take; a slower one has failed


def ask(address: str, port: int) -> str:
    """One request on a connection of its own: "" when it was answered, or what went wrong."""
    connection = http.client.HTTPConnection(address, port, timeout=_PATIENCE)
    try:
        connection.request("GET", "/", headers={"Connection": "close"})
        response = connection.getresponse()
        response.read()
        return "" if response.status == 200 else f"HTTP {response.status}"
    except (OSError, http.client.HTTPException) as e:
        return str(e) or type(e).__name__
    finally:
        connection.close()


class Client:
    """Requests at a steady rate, each on a connection of its own, for as long as the block runs.

    `entries` are (name, address) of the nodes whose port is asked. Threads take turns, so that a request that hangs
    does not keep the others waiting.
    """

    def __init__(self, entries: Sequence[tuple[str, str]], port: int, rate: float) -> None:
        self.entries = list(entries)
        self.port = port
        self.rate = rate
        self.seconds: list[float] = []  # that the answered requests took
        self.failures: list[Failure] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,), daemon=True) for number in range(_THREADS)]

    def __enter__(self) -> Client:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(_PATIENCE + 1)

    @property
    def count(self) -> int:
        return len(self.seconds) + len(self.failures)

    def _ask(self, number: int) -> None:
        # The request's number gives its time and its node. One that is late is sent at once, none is left out.
        while not self._stop.wait(max(0.0, self._began + number / self.rate - time.monotonic())):
            self._request(*self.entries[number % len(self.entries)])
            number += _THREADS

    def _request(self, name: str, address: str) -> None:
        at, begun = time.time(), time.monotonic()
        error = ask(address, self.port)
        with self._lock:
            if error:
                self.failures.append(Failure(at, name, error, time.monotonic() - begun))
            else:
                self.seconds.append(time.monotonic() - begun)
