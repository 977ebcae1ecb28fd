# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run of ansible-playbook for one cluster, as a child of the run for the fleet. On the controller.

A child ends with its parent, however that ends. What it started on a node (kubeadm) goes on there, and is waited for by
the next run. A child is in the process group of Ansible's worker, which passes SIGINT and SIGTERM on to its group; when
the worker is killed the kernel ends the child (PR_SET_PDEATHSIG); when ansible-playbook itself is killed, the worker
notices (Parent).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

PR_SET_PDEATHSIG = 1  # prctl(2)
PATIENCE = 15.0  # seconds that a child has to end by itself
# Of ansible-runner and AWX, whose callback would take the events of a child for the job's own; and of other output.
NOT_FOR_CHILDREN = ("AWX_ISOLATED_DATA_DIR", "ANSIBLE_CALLBACKS_ENABLED", "ANSIBLE_LOG_PATH", "RUNNER_OMIT_EVENTS")
# In the folder of ansible-runner's callback. Ansible imports all callbacks that it finds, and this one takes over the
# display when it is imported, and then fails without AWX_ISOLATED_DATA_DIR.
RUNNERS_CALLBACK = "awx_display.py"

# Options of ansible-playbook that hold for its children, by their names in context.CLIARGS.
_PASSED_ON = {
    "forks": "--forks",
    "private_key_file": "--private-key",
    "remote_user": "--user",
    "timeout": "--timeout",
    "ssh_common_args": "--ssh-common-args",
    "ssh_extra_args": "--ssh-extra-args",
    "become_method": "--become-method",
    "become_user": "--become-user",
    "become_password_file": "--become-password-file",
    "connection_password_file": "--connection-password-file",
}
_PASSED_ON_LISTS = {"vault_ids": "--vault-id", "vault_password_files": "--vault-password-file", "extra_vars": "-e"}

# How the callback `default` tells of a task that failed: for a host, or for one item of a loop on it.
_FAILED = re.compile(r"^(?:fatal|failed): \[([^\]\s]+)[^\n]*? => ", re.MULTILINE)
# A child runs two playbooks, with one at the end of each.
_RECAP = re.compile(r"^PLAY RECAP \*+\n(?:\S+ +: ok=\d.*\n)*", re.MULTILINE)
_OF_LOOPS = ("One or more items failed", "All items completed")


class OrphanedError(Exception):
    """The ansible-playbook that this worker belongs to is no more."""


class Parent:
    """The ansible-playbook process that a worker was forked by."""

    def __init__(self) -> None:
        parent = multiprocessing.parent_process()
        self.pid = parent.pid if parent is not None else None

    def check(self) -> None:
        """Raises OrphanedError when it has ended: then nobody hears of what is done here."""
        if self.pid is not None and os.getppid() != self.pid:
            raise OrphanedError()


class Child:
    """One run for one cluster; it has been started when this is made. Its output goes to the file `log`."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        self.begun = time.monotonic()
        with _private(log) as output:
            # It runs on the controller, where there is no AnsibleModule.
            self.process = subprocess.Popen(  # pylint: disable=ansible-bad-function
                list(command), env=dict(environment), stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, preexec_fn=_end_with_parent,
            )  # fmt: skip

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        return self.process.poll()

    def end(self) -> None:
        """End it if it still runs: first so that it can end its own workers, then for good."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is not None:
                return
            with contextlib.suppress(subprocess.TimeoutExpired, ProcessLookupError):
                self.process.send_signal(number)
                self.process.wait(PATIENCE)


def command(
    playbooks: Sequence[str], inventory: Sequence[str], options: Sequence[str], files: Sequence[str]
) -> list[str]:
    """ansible-playbook with the Python of this one. `files` hold variables; the later ones win."""
    words = [sys.executable, "-m", "ansible", "playbook", *playbooks]
    words += [word for source in inventory for word in ("-i", source)]
    words += options
    return words + [word for file in files for word in ("-e", f"@{file}")]


def options(given: Mapping[str, Any]) -> list[str]:
    """Options of this ansible-playbook that its children need, too, such as -e and those of vault.

    :param given: context.CLIARGS.
    """
    words: list[str] = []
    for key, option in _PASSED_ON.items():
        if given.get(key):
            words.append(f"{option}={given[key]}")
    for key, option in _PASSED_ON_LISTS.items():
        for value in given.get(key) or ():
            words += [option, str(value)]
    return words + (["-" + "v" * int(str(given["verbosity"]))] if given.get("verbosity") else [])


def asks_for_passwords(given: Mapping[str, Any]) -> bool:
    """Whether a person typed a password for this run: children cannot be given it."""
    vaults = given.get("vault_ids") or ()
    prompted = any(str(vault).endswith("@prompt") or vault == "prompt" for vault in vaults)
    return prompted or any(given.get(key) for key in ("ask_pass", "become_ask_pass", "ask_vault_pass"))


def environment(collections: Sequence[str]) -> dict[str, str]:
    """That of this process, with plain output, and the collections where this run has found them."""
    kept = {name: value for name, value in os.environ.items() if name not in NOT_FOR_CHILDREN}
    callbacks = kept.pop("ANSIBLE_CALLBACK_PLUGINS", "").split(":")
    others = [folder for folder in callbacks if folder and not (Path(folder) / RUNNERS_CALLBACK).exists()]
    return {
        **({"ANSIBLE_CALLBACK_PLUGINS": ":".join(others)} if others else {}),
        **kept,
        "ANSIBLE_COLLECTIONS_PATH": ":".join(dict.fromkeys(collections)),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_RETRY_FILES_ENABLED": "0",
    }


def last_words(log: Path, lines: int = 12) -> str:
    """What a child said of its failure: "host: message" of the last task that failed, or else its last lines."""
    try:
        said = _RECAP.sub("", log.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return "It left no log."
    for failed in reversed(list(_FAILED.finditer(said))):
        message = _message(said[failed.end() :])
        if message and message not in _OF_LOOPS:
            return f"{failed[1]}: {message}"
    told = [line.rstrip() for line in said.splitlines() if line.strip()]
    return "\n".join(told[-lines:]) or "It said nothing."


def _message(text: str) -> str:
    """Of the result, in JSON, that a text begins with; "" when it is something else, or was ignored."""
    try:
        result, end = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return ""
    if not isinstance(result, dict) or text[end:].lstrip().startswith("...ignoring"):
        return ""
    return str(result.get("msg") or "").strip()


def _private(log: Path) -> BinaryIO:
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
