# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the scenarios' programs end, and the figures of those that check step by step."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.errors import LabError

from .kube import KubeError
from .world import ScenarioError, say


def ended(name: str, scenario: Callable[[], int], found: Callable[[], list[str]] = list) -> int:
    """The exit code of a scenario: its own; 1, with the reason, when it could not go on; 130 when it was interrupted.

    :param found: lines of what was found until it could not go on, to be printed all the same.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what it made goes
    try:
        return scenario()
    except (ScenarioError, LabError, KubeError) as e:
        if lines := found():
            print("\n".join(lines), flush=True)
        print(f"{name}: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130


class Figures:
    """What is printed in the end: seconds of each step, and what was checked."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.checks: list[tuple[bool, str]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        say(f"  {name}")
        begun = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - begun, 1)

    def check(self, holds: bool, what: str) -> None:
        what = what.rstrip()  # many end with a list, which is empty when all is well
        self.checks.append((holds, what))
        if not holds:
            say(f"    NOT SO: {what}")

    def lines(self) -> list[str]:
        steps = [f"  {seconds:7.1f} s  {name}" for name, seconds in self.seconds.items()]
        return [*steps, *(f"  {'ok ' if holds else 'NOT'}  {what}" for holds, what in self.checks)]

    def told(self, title: str, file: Path | None, folder: Path) -> int:
        """Print them, and write them to a file if one is named; the exit code. The logs' folder goes when all holds."""
        print(title)
        print("\n".join(self.lines()), flush=True)
        if file:
            file.write_text(json.dumps({"seconds": self.seconds, "checks": self.checks}, indent=2) + "\n")
        if not all(holds for holds, _what in self.checks):
            return 1
        shutil.rmtree(folder)
        return 0
