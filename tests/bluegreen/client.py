# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client without pause: requests through HAProxy at a steady rate, each on a new connection, none tried again."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

TIMEOUT = 5.0  # seconds in which a request is answered, or has failed
THREADS = 4


@dataclass
class Tally:
    """What was seen. `by` counts answers by what their body begins with: the name of who answered."""

    by: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0  # seconds

    @property
    def requests(self) -> int:
        return sum(self.by.values()) + len(self.failures)

    def share(self, side: str) -> float:
        """Percentage of the answers that came from a side."""
        answers = sum(self.by.values())
        return 100 * sum(n for name, n in self.by.items() if name.startswith(side)) / answers if answers else 0.0


class Client:
    """Asks for as long as the block runs. `since()` begins a new tally, and hands out the one until now."""

    def __init__(self, port: int, rate: float = 200.0, host: str = "127.0.0.1") -> None:
        self._where, self._rate = (host, port), rate
        self.total, self._now = Tally(), Tally()
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(n,), daemon=True) for n in range(THREADS)]

    def __enter__(self) -> Client:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * TIMEOUT)

    def since(self) -> Tally:
        with self._lock:
            found, self._now = self._now, Tally()
            return found

    def _ask(self, number: int) -> None:
        pause = THREADS / self._rate
        due = time.monotonic() + number * pause / THREADS
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            # A slow answer does not make for a burst after it.
            due = max(due + pause, time.monotonic() - 10 * pause)
            began = time.monotonic()
            try:
                name, failure = self._once(), ""
            except (OSError, http.client.HTTPException) as e:
                name, failure = "", f"{time.strftime('%H:%M:%S')} {e or type(e).__name__}"
            with self._lock:
                for tally in (self.total, self._now):
                    if failure:
                        tally.failures.append(failure)
                    else:
                        tally.by[name] += 1
                    tally.slowest = max(tally.slowest, time.monotonic() - began)

    def _once(self) -> str:
        connection = http.client.HTTPConnection(*self._where, timeout=TIMEOUT)
        try:
            connection.request("GET", "/", headers={"Connection": "close"})
            response = connection.getresponse()
            body = response.read()
            if response.status != 200:
                raise http.client.HTTPException(f"HTTP {response.status}")
            # HAProxy says which server it was, where it is told to; a plain site says its name itself.
            return response.headers["X-Served-By"] or body.decode(errors="replace").split()[0][:40]
        finally:
            connection.close()
