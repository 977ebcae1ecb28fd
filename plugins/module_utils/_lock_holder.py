# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who holds the lock of a cluster: the ansible-playbook process on a controller; and whether such a one is dead.

A process is known by the boot of the kernel it runs on (a random UUID, so machines that were made of one image differ),
its namespaces, its id there, and its start, as ids are used again. Anything that cannot be known leaves it alive.
"""

from __future__ import annotations

import getpass
import hashlib
import multiprocessing
import os
import socket
import subprocess
import typing as t
from pathlib import Path

Holder = dict[str, t.Any]

PROC = Path("/proc")
MACHINE_ID = Path("/etc/machine-id")


def playbook_process() -> int:
    """The process id of ansible-playbook, from itself or from one of the workers that it forks for each task."""
    parent = multiprocessing.parent_process()
    return os.getpid() if parent is None or parent.pid is None else parent.pid


def identify(pid: int, target: str = "", variables: t.Mapping[str, t.Any] | None = None, purpose: str = "") -> Holder:
    """The holder that the process is: `id` is unique to it, and short enough to be read in «kubectl get lease».

    :param target: what an upgrade is to reach.
    :param variables: of Ansible: AWX says in them which job it is.
    :param purpose: what a run does that is no upgrade.
    """
    where = _where()
    process = _process(pid)
    started = process[1] if process else ""
    user, host = _user(), socket.gethostname()
    digest = hashlib.sha256(repr((*where.values(), pid, started)).encode()).hexdigest()[:12]
    holder = {"id": f"{user}@{host}_{pid}_{digest}", **where, "pid": pid, "started": started, "user": user}
    return {**holder, "host": host, "target": target, "purpose": purpose, "job": _job(variables or {})}


def is_dead(holder: t.Mapping[str, t.Any]) -> bool:
    """Whether the holder is provably dead: a process of this boot and of these namespaces that is no more.

    A namespace's number may be used again when the namespace has ended, and then everything in it has ended, too.
    """
    where = _where()
    if not where["boot"] or not where["namespaces"] or any(holder.get(key) != value for key, value in where.items()):
        return False
    pid, started = holder.get("pid"), holder.get("started")
    if not isinstance(pid, int) or pid <= 0 or not started:
        return False
    try:
        os.kill(pid, 0)  # says so also of a process that /proc does not show (hidepid)
    except ProcessLookupError:
        return True
    except OverflowError:
        return False
    except PermissionError:
        pass
    process = _process(pid)
    return process is not None and (process[0] in "ZX" or process[1] != started)


def is_slice(variables: t.Mapping[str, t.Any]) -> bool:
    """Whether the run seems to be one slice of a sliced job of AWX, and so sees a part of the hosts.

    AWX tells a slice neither its number nor that there are others. But a sliced job is a workflow that AWX makes of the
    job template, with its name, and whose jobs are the slices (`JobTemplate.create_unified_job` in
    awx/main/models/jobs.py, `awx_meta_vars` in awx/main/models/unified_jobs.py). A workflow that a person gave the name
    of its job template looks the same; a slice that is relaunched by itself has no workflow, and is not seen.
    """
    return any(
        variables.get(f"{prefix}_workflow_job_name")
        and variables.get(f"{prefix}_workflow_job_name") == variables.get(f"{prefix}_job_template_name")
        for prefix in ("awx", "tower")
    )


def hint(holder: t.Mapping[str, t.Any]) -> str:
    """What can be said of a holder that is not provably dead, in a sentence that begins with a space; or nothing."""
    where = _where()
    if not holder.get("boot") or not where["boot"]:
        return ""
    if all(holder.get(key) == value for key, value in where.items()):
        return f" That process runs on this controller: look at it with «ps -fp {holder.get('pid')}»."
    if holder["boot"] == where["boot"]:
        return (
            " It ran on this controller, but in another container, so that it cannot be told from here if it is alive."
        )
    if where["machine"] and holder.get("machine") == where["machine"] and holder.get("host") == socket.gethostname():
        return " It ran on a controller of this name and machine id, before this one was started: most likely here."
    return ""


def has_terminal(pid: int) -> bool:
    """Whether a person at a terminal can answer what the process asks: its input is a terminal, and it is in front.

    Where that cannot be read, yes: then the question itself shows it.
    """
    try:
        keyboard = os.readlink(PROC / str(pid) / "fd" / "0")
        fields = _stat(pid)
    except OSError:
        return not PROC.joinpath("self").exists()
    return keyboard.startswith(("/dev/pts/", "/dev/tty", "/dev/console")) and fields[2] == fields[5]


def _where() -> dict[str, str]:
    """Kernel and namespaces that a process id means something in."""
    boot = _text(PROC / "sys/kernel/random/boot_id")
    machine = _text(MACHINE_ID)
    # machine-id(5) asks not to give the id itself away.
    machine = hashlib.sha256(f"uplift.kubeadm {machine}".encode()).hexdigest()[:12] if machine else ""
    if boot:
        return {"machine": machine, "boot": boot, "namespaces": _namespaces()}
    boot = _output(["sysctl", "-n", "kern.bootsessionuuid"])  # macOS, which has no namespaces
    return {"machine": machine, "boot": boot, "namespaces": "none" if boot else ""}


def _namespaces() -> str:
    """Of process ids, and of the time since boot that starts are counted in. Empty where /proc is of another one."""
    try:
        if os.readlink(PROC / "self") != str(os.getpid()):
            return ""
        ids = os.readlink(PROC / "self/ns/pid")
    except OSError:
        return ""
    try:
        return f"{ids} {os.readlink(PROC / 'self/ns/time')}"
    except OSError:  # before Linux 5.6
        return ids


def _process(pid: int) -> tuple[str, str] | None:
    """State (a letter) and start of a process; None when they cannot be read."""
    try:
        fields = _stat(pid)
        return fields[0], fields[19]
    except (OSError, IndexError):
        pass
    if PROC.joinpath("self").exists():
        return None
    state, _space, started = _output(["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)]).partition(" ")
    return (state[:1], started.strip()) if started else None


def _stat(pid: int) -> list[str]:
    """proc(5)'s fields from the third on; the second, a name in brackets, may hold anything."""
    return (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()


def _user() -> str:
    """Who started it: the person before sudo, and a number where that has no name (containers)."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def _job(variables: t.Mapping[str, t.Any]) -> str:
    """As AWX names its jobs in the variables that it adds: "job 42 (launched by anna)"."""
    for prefix in ("awx", "tower"):
        number = variables.get(f"{prefix}_job_id")
        if number:
            by = variables.get(f"{prefix}_user_name")
            return f"job {number} (launched by {by})" if by else f"job {number}"
    return ""


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _output(command: list[str]) -> str:
    words = {**os.environ, "LC_ALL": "C"}  # the same words for the same time, whoever asks
    try:
        # It runs on the controller, where there is no AnsibleModule.
        # pylint: disable-next=ansible-bad-function
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False, env=words)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
