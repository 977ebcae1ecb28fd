# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agents on the nodes (agent.py), as this machine sees them: lines in, commands out."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scenario.world import ScenarioError, World

_SOURCE = Path(__file__).resolve().parent / "agent.py"
_ANSWER = 20.0  # seconds


class Agent:
    """One agent. Its lines go to `lines` as (host, line); answers to commands are returned by the command."""

    def __init__(self, world: World, host: str, lines: queue.Queue[Any]) -> None:
        self.host = host
        self._lines = lines
        self._answers: queue.Queue[list[str]] = queue.Queue()
        command = ["docker", "exec", "-i", world.nodes[host].name, "python3", "-u", "-c", _SOURCE.read_text()]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        threading.Thread(target=self._read, daemon=True).start()

    def command(self, name: str) -> list[str]:
        """What was killed."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(name + "\n")
            self._process.stdin.flush()
            return self._answers.get(timeout=_ANSWER)
        except (OSError, queue.Empty) as e:
            raise ScenarioError(f"The agent on {self.host} does not answer ({e!r}): does the node run?") from None

    def close(self) -> None:
        """It ends when its input does."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        if self._process.poll() is None:
            self._process.kill()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for text in self._process.stdout:
            with contextlib.suppress(ValueError):
                line = json.loads(text)
                if "killed" in line:
                    self._answers.put(line["killed"])
                else:
                    self._lines.put((self.host, line))


@contextlib.contextmanager
def agents(world: World, lines: queue.Queue[Any]) -> Iterator[dict[str, Agent]]:
    """An agent on each node, for as long as the block runs."""
    started: dict[str, Agent] = {}
    try:
        for host in world.nodes:
            started[host] = Agent(world, host, lines)
        yield started
    finally:
        for agent in started.values():
            agent.close()
