# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Have the static pods come to rest under a kubelet that was just started?

A kubelet of another minor makes the containers of static pods anew, as their hash is computed otherwise
(kubernetes/kubernetes#129659). It gets to them some seconds after it has said that the node is Ready; until then the
old programs answer, and mirror pods show them Ready, as if nothing were to come. Who goes on to the next control plane
at that moment has two members of etcd restarting at once: seen on a real cluster with three.

So a program has come to rest when its process is younger than kubelet's, or than kubelet's file, or when kubelet has
left it alone for as long as SETTLE_SECONDS.

It may also start a new one before it has ended the old, which still has the port. The new one then exits, and is held
back for ten seconds (CrashLoopBackOff). With etcd that is the whole API: seen to be away for 18 to 21 seconds. A
kubelet that is started once more has no such thing in mind; it starts them at once, and leaves alone those that run.
"""

from __future__ import annotations

import math
import os
import time
import typing as t
from pathlib import Path

SETTLE_SECONDS = 30.0  # kubelet gets to its static pods within a few seconds; four of them were seen anew after 12 s


def unsettled(
    programs: t.Iterable[str], starts: t.Mapping[str, float], uptime: float, installed: float = math.inf
) -> list[str]:
    """The programs that kubelet may still restart. Pure.

    :param starts: {program: seconds from boot to its start}
    :param installed: when the file of kubelet came, in seconds from boot: what was started since, was so by it, also
        where kubelet was restarted once more.
    """
    kubelet = starts.get("kubelet")
    if kubelet is None:
        return list(programs)  # none that runs could have looked at them
    if uptime - kubelet >= SETTLE_SECONDS:
        return []
    return [name for name in programs if starts.get(name, -1.0) < min(kubelet, installed)]


def unsettled_now(root: Path, programs: t.Iterable[str]) -> list[str]:
    """As unsettled(), of this node at this moment."""
    found = list(processes(root))
    return unsettled(programs, process_starts(found), uptime(root), installed(root, found))


def installed(root: Path, found: t.Iterable[Process]) -> float:
    """When the file of the kubelet that runs was put in its place, in seconds from boot; infinite when none runs."""
    kubelets = [process for process in found if process.name == "kubelet"]
    try:
        youngest = max(kubelets, key=lambda process: process.start)
        changed = (root / f"proc/{youngest.pid}/exe").stat().st_ctime
    except (ValueError, OSError):
        return math.inf
    return changed - time.time() + uptime(root)


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


def process_starts(found: t.Iterable[Process]) -> dict[str, float]:
    """{name of a program: seconds from boot to the start of its youngest process}. Pure."""
    starts: dict[str, float] = {}
    for process in found:
        starts[process.name] = max(starts.get(process.name, 0.0), process.start)
    return starts


def older(found: t.Iterable[Process], programs: t.Container[str], kubelet: float) -> list[str]:
    """The programs of static pods that were started before a kubelet that was started at a time. Pure."""
    return sorted({p.name for p in found if p.name in programs and p.in_pod and p.start < kubelet})


def absent(found: t.Iterable[Process], programs: t.Iterable[str]) -> list[str]:
    """The programs of static pods that do not run. Pure."""
    running = {process.name for process in found if process.in_pod}
    return [name for name in programs if name not in running]
