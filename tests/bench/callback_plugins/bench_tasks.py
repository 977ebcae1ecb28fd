# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what ran, where and how long, to the file that BENCH_TASKS names: one JSON object a line, for tasklog.py."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: bench_tasks
type: notification
short_description: Log of tasks for the benchmarks
version_added: 0.1.0
description:
  - Writes a line of JSON for each result of a task on each host; an inclusion is a task too, and has a result.
requirements:
  - BENCH_TASKS in the environment
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "bench_tasks"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.log = open(os.environ["BENCH_TASKS"], "w", encoding="utf-8")  # noqa: SIM115 - until the process ends
        self.begun: dict[tuple[str, str], float] = {}
        self.play = ""
        self.hop: int | None = None

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self.play = play.get_name()
        hop = play.get_vars().get("kubeadm_upgrade_hop")
        self.hop = None if hop is None else int(hop)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self.begun[host.get_name(), task._uuid] = time.monotonic()

    def v2_runner_on_ok(self, result: Any) -> None:
        self._result(result, "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._result(result, "failed")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._result(result, "unreachable")

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._result(result, "skipped")

    def _result(self, result: Any, status: str) -> None:
        self._write(result.host, result.task, status)

    def _write(self, host: Any, task: Any, status: str) -> None:
        now = time.monotonic()
        entry = {
            "hop": self.hop,
            "play": self.play,
            "host": host.get_name(),
            "task": task.get_name().rpartition(" : ")[2],
            "action": task.action,
            "status": status,
            "begun": self.begun.get((host.get_name(), task._uuid), now),
            "ended": now,
        }
        self.log.write(json.dumps(entry) + "\n")
        self.log.flush()
