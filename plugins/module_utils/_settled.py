# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Have the static pods come to rest under a kubelet that was just started?

A kubelet of another minor makes the containers of static pods anew, as their hash is computed otherwise
(kubernetes/kubernetes#129659). It gets to them some seconds after it has said that the node is Ready; until then the
old programs answer, and mirror pods show them Ready, as if nothing were to come. Who goes on to the next control plane
at that moment has two members of etcd restarting at once: seen on a real cluster with three.

So a program has come to rest when its process is younger than kubelet's, or when kubelet has left it alone for as long
as SETTLE_SECONDS.

It also starts the new ones before it has ended the old, which still have the ports; etcd then exits, is held back for
ten seconds (CrashLoopBackOff), and the API server with it: seen to take 18 to 21 seconds. Where the old programs have
ended by then, it takes a few.
"""

from __future__ import annotations

import contextlib
import os
import signal
import typing as t
from pathlib import Path

SETTLE_SECONDS = 30.0  # kubelet gets to its static pods within a few seconds; four of them were seen anew after 12 s


def unsettled(programs: t.Iterable[str], starts: t.Mapping[str, float], uptime: float) -> list[str]:
    """The programs that kubelet may still restart. `starts`: {program: seconds from boot to its start}. Pure."""
    kubelet = starts.get("kubelet")
    if kubelet is None:
        return list(programs)  # none that runs could have looked at them
    if uptime - kubelet >= SETTLE_SECONDS:
        return []
    return [name for name in programs if starts.get(name, -1.0) < kubelet]


def uptime(root: Path) -> float:
    """Seconds since boot."""
    return float((root / "proc/uptime").read_text().split()[0])


class Process(t.NamedTuple):
    """A process of a node; start is in seconds from boot."""

    pid: int
    name: str
    start: float
    in_pod: bool


def processes(root: Path) -> t.Iterator[Process]:
    """The processes of a node."""
    for folder in (root / "proc").glob("[0-9]*"):
        try:
            name = os.path.basename((folder / "cmdline").read_bytes().split(b"\0")[0]).decode(errors="replace")
            # Field 22 of stat is the start in clock ticks; the name in field 2 may hold blanks and brackets (proc(5)).
            ticks = int((folder / "stat").read_text().rpartition(")")[2].split()[19])
            in_pod = "kubepods" in (folder / "cgroup").read_text()
        except (OSError, ValueError, IndexError):
            continue  # it ended while we looked
        yield Process(int(folder.name), name, ticks / os.sysconf("SC_CLK_TCK"), in_pod)


def process_starts(root: Path) -> dict[str, float]:
    """{name of a program: seconds from boot to the start of its youngest process}."""
    starts: dict[str, float] = {}
    for process in processes(root):
        starts[process.name] = max(starts.get(process.name, 0.0), process.start)
    return starts


def end_older_than_kubelet(root: Path, programs: t.Container[str]) -> list[str]:
    """Ask the programs of static pods that an earlier kubelet started to end (SIGTERM); their names.

    For a kubelet of another minor, which is about to do the same.
    """
    found = list(processes(root))
    kubelet = max((process.start for process in found if process.name == "kubelet"), default=0.0)
    old = [p for p in found if p.name in programs and p.in_pod and p.start < kubelet]
    for process in old:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
    return sorted(process.name for process in old)
