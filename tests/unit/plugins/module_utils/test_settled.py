# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
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


def test_starts_are_read_from_proc(tmp_path: Path) -> None:
    second = os.sysconf("SC_CLK_TCK")
    for pid, start in ((7, 10), (8, 20)):
        folder = tmp_path / f"proc/{pid}"
        folder.mkdir(parents=True)
        (folder / "cmdline").write_bytes(b"/usr/local/bin/etcd\0--name=a\0")
        fields = " ".join(["S", *(str(number) for number in range(4, 22)), str(start * second), "0"])
        (folder / "stat").write_text(f"{pid} (a (b) c) {fields}\n")
    (tmp_path / "proc/9").mkdir()  # a process that ended while we looked
    assert _settled.process_starts(tmp_path) == {"etcd": 20.0}


def test_this_process_is_found_on_this_machine() -> None:
    starts = _settled.process_starts(Path("/"))
    assert starts
    assert max(starts.values()) <= _settled.uptime(Path("/")) + 1
