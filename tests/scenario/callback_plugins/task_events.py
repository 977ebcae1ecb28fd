# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes each begin and end of a task on a host to the file that TASK_EVENTS names, a line of JSON each."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: task_events
type: notification
short_description: Events of a run, for the scenarios and the benchmarks
version_added: 0.1.0
description:
  - Writes a line of JSON when a task begins on a host, and when it ends there. An inclusion is a task, too.
requirements:
  - TASK_EVENTS in the environment
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "task_events"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.log = open(os.environ["TASK_EVENTS"], "a", encoding="utf-8")  # noqa: SIM115 - until the process ends
        self.begun: dict[tuple[str, str], float] = {}
        self.play = ""
        self.hop: int | None = None

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self.play = play.get_name()
        hop = play.get_vars().get("kubeadm_upgrade_hop")
        self.hop = None if hop is None else int(hop)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self.begun[host.get_name(), task._uuid] = time.monotonic()
        self._write("begin", host, task, "")

    def v2_runner_on_ok(self, result: Any) -> None:
        self._result(result, "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._result(result, "failed")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._result(result, "unreachable")

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._result(result, "skipped")

    def _result(self, result: Any, status: str) -> None:
        values = result.result
        items = values.get("results") or [values]  # of a loop, or of the task itself
        more: dict[str, Any] = {}
        if "evicted" in items[-1]:
            more["evicted"] = len(items[-1]["evicted"])
        if status in ("failed", "unreachable"):
            culprit = next((item for item in items if item.get("failed") or item.get("unreachable")), values)
            more["message"] = str(culprit.get("msg", ""))[:2000]
        now = time.monotonic()
        more["seconds"] = now - self.begun.get((result.host.get_name(), result.task._uuid), now)
        self._write("end", result.host, result.task, status, **more)

    def _write(self, kind: str, host: Any, task: Any, status: str, **more: Any) -> None:
        entry = {
            "at": time.time(),
            "clock": time.monotonic(),
            "kind": kind,
            "status": status,
            "play": self.play,
            "hop": self.hop,
            "host": host.get_name(),
            "task": task.get_name().rpartition(" : ")[2],
            "action": task.action,
            **more,
        }
        self.log.write(json.dumps(entry) + "\n")
        self.log.flush()
