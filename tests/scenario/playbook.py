# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook as users run it, over SSH, in a process group of its own, with a log and events of each run."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .events import Event, EventLog, failures
from .world import HOPS, ScenarioError, World

ROOT = Path(__file__).resolve().parents[2]
_PLUGINS = Path(__file__).resolve().parent / "callback_plugins"
TAIL = 25  # lines of output in an error
WHOLE_TAIL = 40  # the same, where a run is followed by nobody
_MASTER = re.compile(rb"ssh: .* \[mux\]")  # the name that ssh gives itself (ControlPersist)


class Run:
    """One run of `ansible-playbook uplift.kubeadm.upgrade`; it has been started when this is made."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path, number: int) -> None:
        self.number = number
        self.log = folder / f"run-{number}.log"
        self.events = EventLog(folder / f"run-{number}.events")
        self.begun = time.time()
        self._begun = time.monotonic()
        with self.log.open("w", encoding="utf-8") as output:
            self.process = subprocess.Popen(
                command, cwd=folder, env={**environment, "TASK_EVENTS": str(self.events.path)},
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begun

    def ended(self) -> bool:
        return self.process.poll() is not None

    def end(self) -> None:
        """Stop it for good, when the scenario itself is stopped."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.ended():
                return
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(self.process.pid, number)
                self.process.wait(10)

    def tail(self) -> str:
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL:])

    def why(self) -> list[Event]:
        """What failed in it, the message of the last failure being the one to read."""
        self.events.new()
        return failures(self.events.seen)


class Playbook:
    """The command of a scenario: the same every time. `folder` takes logs, reports, and Ansible's own files."""

    def __init__(
        self, world: World, folder: Path, target: str = HOPS[-1], variables: dict[str, Any] | None = None
    ) -> None:
        self.folder = folder
        self.inventory = world.inventory
        self.control_path = folder / "cp"
        variables = {
            "target": target,
            "kubeadm_upgrade_versions": {version.rpartition(".")[0]: version for version in HOPS},
            **(variables or {}),
        }
        program = str(Path(sys.executable).parent / "ansible-playbook")
        self.command = [
            *(program, "uplift.kubeadm.upgrade", "-i", str(world.inventory)),
            *("-e", json.dumps(variables)),
        ]
        enabled = ",".join(filter(None, [os.environ.get("ANSIBLE_CALLBACKS_ENABLED", ""), "task_events"]))
        self.environment = {
            **os.environ,
            "PWD": str(folder),  # where the report goes
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_CALLBACK_PLUGINS": str(_PLUGINS),
            "ANSIBLE_CALLBACKS_ENABLED": enabled,
            "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.control_path),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_FORCE_COLOR": "0",
        }
        self.runs: list[Run] = []

    def start(self) -> Run:
        run = Run(self.command, self.environment, self.folder, len(self.runs) + 1)
        self.runs.append(run)
        return run

    def stop(self) -> None:
        """End what still runs of it here: the last run, workers of killed ones, SSH that waits for a next one."""
        for run in self.runs:
            run.end()
        for pid in [*processes_with(str(self.control_path)), *processes_with(str(self.inventory))]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def run_whole(
    what: str, command: list[str], log: Path, environment: Mapping[str, str], deadline: float, expected: bool
) -> str:
    """Run a program to its end, in the folder of its log; its output, which is in the log, too.

    :param what: the run, for errors.
    :param deadline: of time.monotonic().
    :param expected: whether it is to end well. Raises ScenarioError when it ends otherwise, or when the time is over.
    """
    with log.open("w", encoding="utf-8") as output:
        try:
            done = subprocess.run(
                command, cwd=log.parent, env=environment, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, check=False, timeout=max(1.0, deadline - time.monotonic()),
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise ScenarioError(f"The time is over ({log}).") from None
    text = log.read_text(encoding="utf-8", errors="replace")
    if (done.returncode == 0) is not expected:
        last = "\n".join(text.splitlines()[-WHOLE_TAIL:])
        raise ScenarioError(f"{what} ended with {done.returncode} ({log}):\n{last}")
    return text


def processes_with(text: str, masters: bool = True) -> list[int]:
    """Processes of this machine that have a text (the path of our own folder) in their command line.

    :param masters: also connections of SSH that are kept open for a next run; they end by themselves after a minute.
    """
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes()
                if text.encode() in words and (masters or not _MASTER.match(words)):
                    found.append(int(entry.name))
    return found
