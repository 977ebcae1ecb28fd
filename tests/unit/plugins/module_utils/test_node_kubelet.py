# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubelet as it really runs: its process, its configuration with drop-ins, its extra arguments; and disks."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _node_disk, _node_kubelet
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError


def write(root: Path, path: str, text: str) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def process(root: Path, number: int, parent: int, *words: str) -> None:
    write(root, f"proc/{number}/cmdline", "\0".join(words) + "\0")
    write(root, f"proc/{number}/stat", f"{number} (a) b) S {parent} 1 1\n")


def test_the_kubelet_that_systemd_started_is_the_nodes(tmp_path: Path) -> None:
    process(tmp_path, 9, 8, "/kubelet", "--of=a pod")
    process(tmp_path, 80, 1, "/usr/bin/kubelet", "--config=/x.yaml", "--node-ip", "10.0.0.5", "--node-labels=a=b,c=d")
    process(tmp_path, 81, 1, "/usr/bin/kubelet-wrapper", "--no")
    write(tmp_path, "proc/82/stat", "")
    flags = {"config": "/x.yaml", "node-ip": "10.0.0.5", "node-labels": "a=b,c=d"}
    assert _node_kubelet.arguments(tmp_path) == flags


def test_without_a_kubelet_there_are_no_arguments(tmp_path: Path) -> None:
    with pytest.raises(UpliftError, match="No kubelet runs"):
        _node_kubelet.arguments(tmp_path)


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("etc/default/kubelet", 'KUBELET_EXTRA_ARGS="--v=2 --node-ip=x"\n', "--v=2 --node-ip=x"),
        ("etc/sysconfig/kubelet", "# KUBELET_EXTRA_ARGS=no\nKUBELET_EXTRA_ARGS=\n", ""),
        ("etc/sysconfig/kubelet", "export KUBELET_EXTRA_ARGS='--a'\n", "--a"),
        ("etc/other", "", ""),
    ],
)  # fmt: skip
def test_extra_arguments(tmp_path: Path, file: str, text: str, expected: str) -> None:
    write(tmp_path, file, text)
    assert _node_kubelet.extra_args(tmp_path) == expected


def test_drop_ins_are_laid_over_the_configuration_in_their_order(tmp_path: Path) -> None:
    write(
        tmp_path,
        "var/lib/kubelet/config.yaml",
        "maxPods: 110\nclusterDNS:\n- a\n- b\nevictionHard:\n  x: 1%\n  y: 2%\n",
    )
    write(tmp_path, "d/20.conf", "maxPods: 130\n")
    write(tmp_path, "d/10.conf", '{"maxPods": 120, "evictionHard": {"x": "5%", "y": null}, "clusterDNS": ["c"]}')
    write(tmp_path, "d/deep/30.conf", "# nothing\n")
    write(tmp_path, "d/99.yaml", "maxPods: 1\n")
    assert _node_kubelet.configuration(tmp_path, {"config-dir": "/d"}) == (
        {"maxPods": 130, "clusterDNS": ["c"], "evictionHard": {"x": "5%"}},
        ["/d/10.conf", "/d/20.conf", "/d/deep/30.conf"],
    )
    assert _node_kubelet.configuration(tmp_path, {"config": "/d/20.conf"}) == ({"maxPods": 130}, [])


@pytest.mark.parametrize(("text", "why"), [(None, "cannot be read"), ("- a\n", "no mapping"), ("a: &b c\n", "line 1")])
def test_a_broken_configuration_says_which_file(tmp_path: Path, text: str | None, why: str) -> None:
    if text is not None:
        write(tmp_path, "k.yaml", text)
    with pytest.raises(UpliftError, match=f"/k.yaml.*{why}"):
        _node_kubelet.configuration(tmp_path, {"config": "/k.yaml"})


def test_room_on_disks_and_what_kubeadm_left_behind(tmp_path: Path) -> None:
    write(tmp_path, "etc/kubernetes/tmp/kubeadm-backup-etcd-1/member/db", "12345")
    write(tmp_path, "etc/kubernetes/tmp/kubeadm-init-dryrun1/x.yaml", "67")
    (tmp_path / "etc/kubernetes/tmp/kubeadm-init-dryrun1/gone").symlink_to("/nowhere")
    (tmp_path / "data").mkdir()
    room = _node_disk.room(tmp_path, ["/data", "/not/there"])
    assert set(room) == {"/etc/kubernetes", "/data"}
    assert 0 < room["/data"]["free"] <= room["/data"]["total"]
    assert room["/data"]["device"] == room["/etc/kubernetes"]["device"]
    tmp = _node_disk.kubeadm_tmp(tmp_path)
    assert tmp["folders"] == 2
    assert tmp["bytes"] >= 7
    assert _node_disk.kubeadm_tmp(tmp_path / "data") == {"bytes": 0, "folders": 0}


def test_memory_and_kernel(tmp_path: Path) -> None:
    write(tmp_path, "proc/meminfo", "MemTotal:        8000 kB\nMemFree: 1 kB\n")
    write(tmp_path, "proc/sys/kernel/osrelease", "6.1.0-13-amd64\n")
    assert _node_disk.memory(tmp_path) == 8000 * 1024
    assert _node_disk.kernel(tmp_path) == "6.1.0-13-amd64"
    write(tmp_path, "proc/meminfo", "")
    with pytest.raises(ValueError, match="MemTotal"):
        _node_disk.memory(tmp_path)
