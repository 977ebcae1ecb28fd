# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import math
import os
import typing as t
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
    assert _settled.process_starts(_settled.processes(tmp_path)) == {"etcd": 20.0}


def test_programs_of_a_kubelet_that_was_started_twice_have_come_to_rest() -> None:
    starts = {"kubelet": 110, "kube-apiserver": 104, "etcd": 111}
    assert _settled.unsettled(PROGRAMS, starts, 115, installed=100) == []
    assert _settled.unsettled(PROGRAMS, starts, 115, installed=105) == ["kube-apiserver"]


def test_when_the_kubelet_that_runs_was_installed(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/uptime").write_text("1000.0 1.0\n")
    assert _settled.installed(tmp_path, _settled.processes(tmp_path)) == math.inf
    add_process(tmp_path, 1, "kubelet", 990)
    (tmp_path / "proc/1/exe").write_text("")  # just now
    assert _settled.installed(tmp_path, _settled.processes(tmp_path)) == pytest.approx(1000, abs=30)
    add_process(tmp_path, 2, "etcd", 950)
    assert _settled.unsettled_now(tmp_path, ["etcd"]) == ["etcd"]


def test_what_is_older_than_a_kubelet_and_what_does_not_run(tmp_path: Path) -> None:
    add_process(tmp_path, 1, "kubelet", 100, "/system.slice/kubelet.service")
    add_process(tmp_path, 2, "etcd", 50)
    add_process(tmp_path, 3, "kube-scheduler", 50, "/system.slice/another.service")  # none of kubeadm's
    add_process(tmp_path, 4, "kube-apiserver", 101)
    found = list(_settled.processes(tmp_path))
    assert _settled.older(found, ["etcd", "kube-apiserver", "kube-scheduler"], 100) == ["etcd"]
    assert _settled.absent(found, ["etcd", "kube-apiserver", "kube-scheduler"]) == ["kube-scheduler"]


def test_this_process_is_found_on_this_machine() -> None:
    starts = _settled.process_starts(_settled.processes(Path("/")))
    assert starts
    assert max(starts.values()) <= _settled.uptime(Path("/")) + 1


def test_the_processes_of_a_node_are_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked twice a second, on a node that may run thousands of them."""
    looks: list[Path] = []
    look = _settled.processes

    def counted(root: Path) -> t.Iterator[_settled.Process]:
        looks.append(root)
        return look(root)

    monkeypatch.setattr(_settled, "processes", counted)
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/uptime").write_text("1000.0 1.0\n")
    _settled.unsettled_now(tmp_path, PROGRAMS)
    assert looks == [tmp_path]
