# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _settled

PROGRAMS = ["kube-apiserver", "etcd"]


@pytest.mark.parametrize(
    ("starts", "uptime", "moving"),
    [
        # Kubelet was just started: the old programs still answer, and will be restarted.
        ({"kubelet": 100, "kube-apiserver": 10, "etcd": 10}, 105, ["kube-apiserver", "etcd"]),
        ({"kubelet": 100, "kube-apiserver": 10, "etcd": 104}, 105, ["kube-apiserver"]),
        ({"kubelet": 100, "kube-apiserver": 107, "etcd": 104}, 108, []),
        # It has left them alone (a patch of the same minor does).
        ({"kubelet": 100, "kube-apiserver": 10, "etcd": 10}, 100 + _settled.SETTLE_SECONDS, []),
        # A program that does not run has not come to rest, nor has any without a kubelet.
        ({"kubelet": 100, "etcd": 104}, 105, ["kube-apiserver"]),
        ({"kube-apiserver": 10, "etcd": 10}, 1000, PROGRAMS),
    ],
)
def test_when_programs_have_come_to_rest(starts: dict[str, float], uptime: float, moving: list[str]) -> None:
    assert _settled.unsettled(PROGRAMS, starts, uptime) == moving


def add_process(root: Path, pid: int, name: str, start: float, cgroup: str = "/kubepods.slice/pod1") -> None:
    folder = root / f"proc/{pid}"
    folder.mkdir(parents=True)
    (folder / "cmdline").write_bytes(f"/usr/local/bin/{name}\0--name=a\0".encode())
    ticks = str(int(start * os.sysconf("SC_CLK_TCK")))
    fields = " ".join(["S", *(str(number) for number in range(4, 22)), ticks, "0"])
    (folder / "stat").write_text(f"{pid} (a (b) c) {fields}\n")
    (folder / "cgroup").write_text(f"0::{cgroup}\n")


def test_starts_are_read_from_proc(tmp_path: Path) -> None:
    for pid, start in ((7, 10), (8, 20)):
        add_process(tmp_path, pid, "etcd", start)
    (tmp_path / "proc/9").mkdir()  # a process that ended while we looked
    assert _settled.process_starts(tmp_path) == {"etcd": 20.0}


def test_only_programs_of_static_pods_that_an_older_kubelet_started_are_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_process(tmp_path, 1, "kubelet", 100, "/system.slice/kubelet.service")
    add_process(tmp_path, 2, "etcd", 50)
    add_process(tmp_path, 3, "etcd", 50, "/system.slice/etcd.service")  # one of the owner's
    add_process(tmp_path, 4, "kube-apiserver", 101)  # the new kubelet's
    add_process(tmp_path, 5, "web", 50)
    add_process(tmp_path, 6, "kube-scheduler", 50)
    sent = []

    def kill(pid: int, number: int) -> None:
        sent.append((pid, number))
        if pid == 6:
            raise ProcessLookupError  # it has just ended

    monkeypatch.setattr(os, "kill", kill)
    ended = _settled.end_older_than_kubelet(tmp_path, [*PROGRAMS, "kube-scheduler"])
    assert ended == ["etcd", "kube-scheduler"]
    assert sorted(sent) == [(2, signal.SIGTERM), (6, signal.SIGTERM)]


def test_this_process_is_found_on_this_machine() -> None:
    starts = _settled.process_starts(Path("/"))
    assert starts
    assert max(starts.values()) <= _settled.uptime(Path("/")) + 1
