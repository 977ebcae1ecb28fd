# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: notification
short_description: How far an upgrade is, a line an event, with the time left
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Tells of a run of the playbook C(uplift.kubeadm.upgrade) one line for each event that matters. These are the hop,
    the wave of nodes and how many of how many, a drain that waits and what holds it, a node that failed, and where the
    run stopped.
  - The rate and the time left are of what this run has measured, and are left out until it has.
  - It knows that from what the role's tasks return, not from texts. Of other playbooks it says nothing.
  - It goes beside the stdout callback, and replaces none. It never fails a run; when something goes wrong in it, it
    says so once, and is quiet from then on.
  - In a job of AWX nothing is printed unless O(display=always), as AWX stores each line as an event of its own. A job
    is known by the environment variables C(AWX_HOST) and C(JOB_ID), which AWX sets for each.
  - In check mode, and where nothing is to be done, nothing is printed.
requirements:
  - It has to be enabled, as in C(callbacks_enabled = uplift.kubeadm.progress) of C(ansible.cfg).
options:
  display:
    description:
      - Whether lines are printed.
      - V(auto) prints them unless the run is a job of AWX.
    type: str
    choices: [auto, always, never]
    default: auto
    env:
      - name: UPLIFT_KUBEADM_PROGRESS_DISPLAY
    ini:
      - section: callback_uplift_kubeadm_progress
        key: display
  events_file:
    description:
      - A file to which all events are appended, one JSON object a line, whatever O(display) says.
        C(docs/progress.md) of the collection documents them.
      - It is made with mode 0600, and holds names of nodes, pods and budgets, and messages of failed tasks.
      - If not set, no file is written.
    type: path
    env:
      - name: UPLIFT_KUBEADM_PROGRESS_EVENTS
    ini:
      - section: callback_uplift_kubeadm_progress
        key: events_file
"""

import functools
import json
import os
import stat
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from ansible import constants as C
from ansible.plugins.callback import CallbackBase

from ansible_collections.uplift.kubeadm.plugins.plugin_utils._progress import Event, Progress
from ansible_collections.uplift.kubeadm.plugins.plugin_utils._progress_words import line

SCHEMA = 1
COLLECTION = "uplift.kubeadm."


def quiet_on_error(method: Callable[..., None]) -> Callable[..., None]:
    """A callback must not disturb the run that it tells of."""

    @functools.wraps(method)
    def guarded(self: CallbackModule, *args: Any, **kwargs: Any) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception as e:
            self.disabled = True
            self._display.warning(
                "The progress of the upgrade is not shown any more; the upgrade itself goes on. In "
                f"{method.__name__} of the callback uplift.kubeadm.progress: {type(e).__name__}: {e}"
            )

    return guarded


class CallbackModule(CallbackBase):
    """Ansible's entry point: hands what the role's tasks return to Progress, and prints and writes its events."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "uplift.kubeadm.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._run = uuid.uuid4().hex[:12]
        self._progress: Progress | None = None
        self._shown = True
        self._path: str | None = None
        self._file: int | None = None

    def set_options(self, *args: Any, **kwargs: Any) -> None:
        super().set_options(*args, **kwargs)
        self.configure(self.get_option("display"), self.get_option("events_file"), os.environ)

    def configure(self, display: str, events_file: str | None, environ: Mapping[str, str]) -> None:
        self._shown = display == "always" or (display == "auto" and not in_awx(environ))
        self._path = events_file

    # --- what Ansible tells ------------------------------------------------------------------------------------------

    @quiet_on_error
    def v2_runner_on_ok(self, result: Any) -> None:
        action = action_of(result)
        if action == f"{COLLECTION}upgrade_plan":
            self._take_plan(returned(result)["plan"], bool(result._task.check_mode))
        elif action == "ansible.builtin.set_fact":
            self._take_facts(result._host.get_name(), returned(result).get("ansible_facts") or {})
        elif action == f"{COLLECTION}node_drain":
            self._take_drain(result)
        elif action == f"{COLLECTION}upgrade_report":
            self._take_report(returned(result))

    @quiet_on_error
    def v2_runner_retry(self, result: Any) -> None:
        if action_of(result) == f"{COLLECTION}node_drain":
            self._take_drain(result)

    @quiet_on_error
    def v2_runner_item_on_ok(self, result: Any) -> None:
        if action_of(result) == f"{COLLECTION}node_drain":
            self._take_drain(result)

    @quiet_on_error
    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if self._progress and not ignore_errors:
            self._progress.fail_task(name_of(result), message_of(result))

    @quiet_on_error
    def v2_runner_on_unreachable(self, result: Any) -> None:
        if self._progress and not result._task.ignore_unreachable:
            events = self._progress.fail(result._host.get_name(), name_of(result), message_of(result), unreachable=True)
            self._tell(events)

    @quiet_on_error
    def v2_playbook_on_stats(self, stats: Any) -> None:
        if self._progress:
            hosts = {host: stats.summarize(host) for host in stats.processed}
            failed = [host for host, numbers in hosts.items() if numbers["failures"]]
            lost = [host for host, numbers in hosts.items() if numbers["unreachable"]]
            self._tell(self._progress.end(failed, lost, time.time()))
        if self._file is not None:
            os.close(self._file)
            self._file = None

    # --- what the role's tasks return --------------------------------------------------------------------------------

    def _take_plan(self, plan: Mapping[str, Any], check: bool) -> None:
        if plan:  # empty while the hops are still being found
            self._progress = Progress(plan, check)
            self._tell(self._progress.planned())

    def _take_facts(self, host: str, facts: Mapping[str, Any]) -> None:
        """Facts by which the role keeps what its plays share: tasks/plan_take_up.yml, wave_*.yml and rescue.yml."""
        progress, now = self._progress, time.time()
        if progress is None:
            return
        if facts.get("kubeadm_upgrade_plan"):
            self._tell(progress.begin(now))
        if "kubeadm_upgrade_wave" in facts and "kubeadm_upgrade_steps" in facts:
            self._tell(progress.open_wave(facts["kubeadm_upgrade_wave"], facts["kubeadm_upgrade_steps"], now))
        if "kubeadm_upgrade_step_began" in facts:
            self._tell(progress.begin_node(host, now))
        if "kubeadm_upgrade_step_done" in facts:
            self._tell(progress.end_node(host, now))
        if "kubeadm_upgrade_failure" in facts:
            failure = facts["kubeadm_upgrade_failure"]
            self._tell(progress.fail(host, failure["task"], failure["message"]))
        if facts.get("kubeadm_upgrade_stopped"):
            progress.stop(facts["kubeadm_upgrade_stopped"])

    def _take_drain(self, result: Any) -> None:
        found = returned(result)
        # Without "progress" the node was only returned to service; with "results" each item was told of already.
        if self._progress and "progress" in found and "drained" in found:
            self._tell(self._progress.drain(result._host.get_name(), found, time.time()))

    def _take_report(self, found: Mapping[str, Any]) -> None:
        if self._progress and (found.get("summary") or {}).get("outcome") == "stopped":
            self._progress.stop()

    # --- how it is told ----------------------------------------------------------------------------------------------

    def _tell(self, events: list[Event]) -> None:
        for event in events:
            if event.told and self._shown:
                clock = time.strftime("%H:%M:%S")
                bad = event.type == "failed" or event.data.get("outcome") in ("failed", "stopped")
                self._display.display(
                    f">> {clock} {line(event.type, event.data)}", color=C.COLOR_ERROR if bad else C.COLOR_HIGHLIGHT
                )
            if self._path:
                self._write(event)

    def _write(self, event: Event) -> None:
        """Append to the file. One that cannot be written is said once; the lines on the screen go on."""
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        told = {"schema": SCHEMA, "run": self._run, "time": now, "type": event.type, **event.data}
        try:
            if self._file is None:
                self._file = open_private(str(self._path))
            os.write(self._file, (json.dumps(told, ensure_ascii=False) + "\n").encode())
        except OSError as e:
            self._display.warning(f"The events of the upgrade are not written to {self._path}: {e}")
            self._path = None


def in_awx(environ: Mapping[str, str]) -> bool:
    """Whether this is a job of AWX: awx/main/tasks/jobs.py, RunJob.build_env, sets both for each job.

    AWX_ISOLATED_DATA_DIR would not do: ansible-runner sets it for everyone, ansible-navigator at a terminal included.
    """
    return bool(environ.get("AWX_HOST") and environ.get("JOB_ID"))


def action_of(result: Any) -> str:
    """Full name of the module or action plugin of a task."""
    return str(getattr(result._task, "resolved_action", None) or result._task.action)


def name_of(result: Any) -> str:
    """Name of a task, without that of its role."""
    return str(result._task.get_name()).rpartition(" : ")[2]


def message_of(result: Any) -> str:
    """The message of a task, or of the last item of its loop."""
    found = returned(result)
    items = found.get("results") or [found]
    return str(items[-1].get("msg", ""))


def returned(result: Any) -> Mapping[str, Any]:
    """What the task returned. `_result` is there in all releases of ansible-core, `result` from 2.19 on."""
    found = result.result if hasattr(result, "result") else result._result
    return found if isinstance(found, Mapping) else {}


def open_private(path: str) -> int:
    """Open a file to append to, which none but its owner can read. Raises OSError.

    No link is followed: the folder may be one that others write to, too.
    """
    # O_NONBLOCK: a pipe that nobody reads must not hold the run.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(path, flags, 0o600)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.fchmod(descriptor, 0o600)
    return descriptor
