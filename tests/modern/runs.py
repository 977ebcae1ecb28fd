# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks of one cluster, run as users run them: a log each, plays told as they begin, killed on request."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from scenario.playbook import Playbook
from scenario.world import ScenarioError, World, say

TAIL = 40  # lines of output in an error
_PLAY = re.compile(r"^PLAY \[(.*)\]")


class Runs:
    """`variables` are given to every run."""

    def __init__(self, made: World, folder: Path, deadline: float, variables: Mapping[str, Any]) -> None:
        playbook = Playbook(made, folder)
        self.program, self.environment = playbook.command[0], dict(playbook.environment)
        # The events of the other scenarios count hops of other versions.
        self.environment.pop("ANSIBLE_CALLBACKS_ENABLED", None)
        self.made, self.folder, self.deadline = made, folder, deadline
        self.variables = dict(variables)
        self.number = 0
        self.log = folder / "none.log"

    def run(
        self, verb: str, expected: bool = True, kill_when: Callable[[], bool] | None = None, **variables: Any
    ) -> str:
        """Run a playbook; its output. With `kill_when` it is killed (SIGKILL, all of it) once that says so.

        Raises ScenarioError when it ends otherwise than expected, or before it was to be killed.
        """
        self.number += 1
        self.log = self.folder / f"{self.number}-{verb}.log"
        extra = json.dumps({**self.variables, **variables})
        command = [self.program, f"uplift.kubeadm.{verb}", "-i", str(self.made.inventory), "-e", extra]
        say(f"    {verb}, log {self.log}")
        with self.log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            killed = self._follow(process, kill_when)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        text = self.log.read_text(encoding="utf-8", errors="replace")
        if not killed and (kill_when is not None or (process.returncode == 0) is not expected):
            last = "\n".join(text.splitlines()[-TAIL:])
            raise ScenarioError(f"`{verb}` ended with {process.returncode} ({self.log}):\n{last}")
        return text

    def _follow(self, process: subprocess.Popen[bytes], kill_when: Callable[[], bool] | None) -> bool:
        """Until it has ended; whether it was killed. Tells each play that has hosts."""
        told = 0
        while process.poll() is None:
            plays = [m[1] for m in map(_PLAY.match, self.log.read_text(errors="replace").splitlines()) if m]
            for play in plays[told:]:
                if "not in this plan" not in play:
                    say(f"      {play}")
            told = len(plays)
            if kill_when is not None and kill_when():
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return True
            if time.monotonic() > self.deadline:
                raise ScenarioError(f"The time is over ({self.log}).")
            time.sleep(0.5)
        return False

    def findings(self) -> dict[str, dict[str, Any]]:
        """Findings of the last run, by their ids, as its report has them."""
        report = self.folder / "kubeadm-upgrade-report/report.json"
        document = json.loads(report.read_text(encoding="utf-8"))
        return {found["id"]: found for found in document["findings"]}

    def plan(self) -> dict[str, Any]:
        """The plan of the last run, as its report has it."""
        report = self.folder / "kubeadm-upgrade-report/report.json"
        found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))["plan"]
        return found
