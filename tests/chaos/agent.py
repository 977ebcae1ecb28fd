# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a node, outside of SSH, for as long as its standard input is open: tells what changes there, and cuts SSH.

Written for a node's Python 3.9, standard library alone. On its output, a line of JSON whenever something changed:

    {"manifests": {"kube-apiserver": "v1.25.4"}, "temporary": [paths], "kubelet": pid, "kubelet_file": nanoseconds}

On its input, a line for each command: "cut" kills the sshd processes of all connections, "sessions" also what they run
(as systemd-logind does with KillUserProcesses=yes), "kubeadm" in its unit. Each answers {"killed": [command lines]}.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from typing import Any

POLL = 0.02  # seconds
MANIFESTS = "/etc/kubernetes/manifests"
PROGRAMS = "/usr/bin"
STAGING = "/var/lib/uplift-kubeadm/release"
TEMPORARY = re.compile(r"^\.(kube\w+)\.|\.dpkg-(new|tmp)$|^\.v\d")
UNIT = "uplift-kubeadm.service"


def stamp(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def manifests() -> dict[str, str]:
    found = {}
    for name in names(MANIFESTS):
        try:
            with open(os.path.join(MANIFESTS, name), encoding="utf-8") as stream:
                image = re.search(r"image: \S+:(\S+)", stream.read())
        except OSError:
            continue
        found[name.rpartition(".")[0]] = image.group(1) if image else ""
    return found


def names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def temporary(folder: str) -> list[str]:
    return sorted(os.path.join(folder, name) for name in names(folder) if TEMPORARY.search(name))


def name_of(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def pid_of_kubelet(last: int) -> int:
    if last and name_of(last) == "kubelet":
        return last
    return next((pid for pid in pids() if name_of(pid) == "kubelet"), 0)


def pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def parents() -> dict[int, int]:
    found = {}
    for pid in pids():
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as stream:
                found[pid] = int(stream.read().rpartition(")")[2].split()[1])
        except OSError:
            continue
    return found


def descendants(roots: list[int], tree: dict[int, int]) -> list[int]:
    found: list[int] = []
    more = list(roots)
    while more:
        found += more
        more = [pid for pid, parent in tree.items() if parent in more]
    return found


def command_line(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            return stream.read().replace(b"\0", b" ").decode(errors="replace").strip()[:120]
    except OSError:
        return ""


def cut(all_of_them: bool) -> list[str]:
    tree = parents()
    listeners = [pid for pid, parent in tree.items() if parent == 1 and name_of(pid) == "sshd"]
    # The listener's children are connections; one whose connection lost its listener is a child of init by now.
    connections = [pid for pid, parent in tree.items() if parent in listeners and name_of(pid).startswith("sshd")]
    below = descendants(connections, tree)
    victims = below if all_of_them else [pid for pid in below if name_of(pid).startswith("sshd")]
    killed = []
    for pid in victims:
        killed.append(command_line(pid))
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return killed


def kill_kubeadm() -> list[str]:
    subprocess.run(["systemctl", "kill", "--signal=KILL", UNIT], check=False, stderr=subprocess.DEVNULL)
    return [UNIT]


def say(what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main() -> None:
    commands = {"cut": lambda: cut(False), "sessions": lambda: cut(True), "kubeadm": kill_kubeadm}
    stamps: tuple[int, ...] = ()
    state: dict[str, Any] = {"kubelet": 0}
    while True:
        if select.select([sys.stdin], [], [], POLL)[0]:
            line = sys.stdin.readline()
            if not line:
                return
            say({"killed": commands[line.strip()]()})
        now = (stamp(MANIFESTS), stamp(PROGRAMS), stamp(STAGING), stamp(PROGRAMS + "/kubelet"))
        kubelet = pid_of_kubelet(state["kubelet"])
        if now != stamps or kubelet != state["kubelet"]:
            stamps = now
            found = temporary(PROGRAMS) + temporary(STAGING)
            state = {"manifests": manifests(), "temporary": found, "kubelet": kubelet, "kubelet_file": now[3]}
            say(state)


if __name__ == "__main__":
    main()
