# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FakeSystemd: systemd as far as kubeadm's transient unit needs it."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Result
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_runner import FakeRunner


class FakeSystemd(FakeRunner):
    """One unit. Each start takes its outcome (polls until the end, exit code, output) from outcomes."""

    def __init__(self, *outcomes: tuple[int, int, str], version: str = "v1.26.9") -> None:
        super().__init__({"version -o short": f"{version}\n", "systemd-run": self.start, "systemctl": self.systemctl})
        self.outcomes = list(outcomes)
        self.unit: list[t.Any] | None = None  # [polls left, exit code]
        self.stopped_running = False
        self.environment_file = ""

    def which(self, name: str) -> str:
        return f"/usr/bin/{name}"

    def start(self, argv: list[str]) -> Result:
        assert self.unit is None, "the name of the unit is not free"
        polls, rc, output = self.outcomes.pop(0)
        self.unit = [polls, rc]
        properties = dict(word[len("--property=") :].split("=", 1) for word in argv if word.startswith("--property="))
        Path(properties["StandardOutput"].removeprefix("file:")).write_text(output)
        self.environment_file = Path(properties["EnvironmentFile"]).read_text()
        assert properties["RemainAfterExit"] == "yes"
        return Result(0, "", "")

    def systemctl(self, argv: list[str]) -> str:
        if argv[1] == "show":
            return self.show()
        if self.unit and self.unit[0] > 0:
            self.stopped_running = True
        if argv[1] == "reset-failed" or (self.unit and self.unit[1] == 0):
            self.unit = None
        return ""

    def show(self) -> str:
        if self.unit is None:
            return "LoadState=not-found\nActiveState=inactive\nSubState=dead\n"
        self.unit[0] -= 1
        if self.unit[0] >= 0:
            return "LoadState=loaded\nActiveState=active\nSubState=running\n"
        times = "ExecMainStartTimestampMonotonic=1000000\nExecMainExitTimestampMonotonic=3500000\n"
        state = "ActiveState=failed\nSubState=failed" if self.unit[1] else "ActiveState=active\nSubState=exited"
        return f"LoadState=loaded\n{state}\nExecMainStatus={self.unit[1]}\n{times}"
