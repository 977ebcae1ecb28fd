# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress of long work: one live line on a terminal, one line a start and an end elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .errors import LabError

_READY_TIMEOUT = 300.0  # seconds
_REFRESH = 0.5  # seconds between two updates of the live line


def say(text: str) -> None:
    """One plain line for the person watching. Results go to stdout; this is stderr."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Show `what` with its elapsed seconds while the block runs, and how it ended."""
    begun = time.monotonic()
    live = sys.stderr.isatty()
    done = threading.Event()

    def tick() -> None:
        while not done.wait(_REFRESH):
            sys.stderr.write(f"\r\033[K... {what} ({time.monotonic() - begun:.0f} s)")
            sys.stderr.flush()

    ticker = threading.Thread(target=tick, daemon=True)
    if live:
        ticker.start()
    else:
        say(f"... {what}")
    outcome = "failed"
    try:
        yield
        outcome = "ok"
    finally:
        done.set()
        if live:
            ticker.join()
            sys.stderr.write("\r\033[K")
        say(f"{outcome:>3} {what} ({time.monotonic() - begun:.0f} s)")


def wait(what: str, condition: Callable[[], bool]) -> None:
    """Until the condition holds. Raises LabError after five minutes."""
    deadline = time.monotonic() + _READY_TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"Waited {_READY_TIMEOUT:.0f} s for {what}. The cluster is left as it is, to be looked at.")
        time.sleep(0.5)
