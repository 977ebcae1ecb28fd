# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to kill a run.

group     SIGKILL to the controller's process group, as `kill -9` or an out-of-memory killer does: Ansible's workers
          have sessions of their own and finish the task that they are at, and so does the module on the node
machine   the controller's machine loses its power: all of the run's processes there, SSH masters included
cut       the network goes: SSH clients here and sshd's processes on the nodes, and those that are made anew, until the
          controller, which lives, has seen it and ended
sessions  as cut, and what ran on the nodes in these connections is killed too (logind's KillUserProcesses=yes)
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path

from scenario.playbook import Run, processes_with

from .agents import Agent
from .schedule import CUT, GROUP, MACHINE, SESSIONS, Kill


def kill(planned: Kill, run: Run, control_path: Path, agents: Mapping[str, Agent], host: str) -> list[str]:
    """Kill a run as planned; what was killed on the nodes, for the log. `host` is where the step was."""
    killed: list[str] = []
    if planned.way == GROUP:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.process.pid, signal.SIGKILL)
    elif planned.way == MACHINE:
        end([run.process.pid, *below(run.process.pid), *processes_with(str(control_path))])
    elif planned.way in (CUT, SESSIONS):
        killed += cut(planned.way, control_path, agents)
    if planned.kubeadm:
        killed += [f"{host}: {text}" for text in agents[host].command("kubeadm")]
    return killed


def cut(way: str, control_path: Path, agents: Mapping[str, Agent]) -> list[str]:
    """Cut the connections that there are at this moment; what was killed on the nodes."""
    end(processes_with(str(control_path)))
    command = "sessions" if way == SESSIONS else "cut"
    return [f"{name}: {text}" for name, agent in agents.items() for text in agent.command(command)]


def end(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def below(root: int) -> list[int]:
    """Processes that descend from one, whatever sessions they have opened."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found, level = [], [root]
    while level:
        level = [pid for pid, parent in parents.items() if parent in level]
        found += level
    return found
