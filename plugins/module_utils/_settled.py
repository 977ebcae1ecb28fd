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
"""

from __future__ import annotations

import os
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


def process_starts(root: Path) -> dict[str, float]:
    """{name of a program: seconds from boot to the start of its youngest process}."""
    starts: dict[str, float] = {}
    for folder in (root / "proc").glob("[0-9]*"):
        try:
            name = os.path.basename((folder / "cmdline").read_bytes().split(b"\0")[0]).decode(errors="replace")
            # Field 22 of stat is the start in clock ticks; the name in field 2 may hold blanks and brackets (proc(5)).
            ticks = int((folder / "stat").read_text().rpartition(")")[2].split()[19])
        except (OSError, ValueError, IndexError):
            continue  # it ended while we looked
        starts[name] = max(starts.get(name, 0.0), ticks / os.sysconf("SC_CLK_TCK"))
    return starts
