# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _backup
from ansible_collections.uplift.kubeadm.plugins.modules import node_restore
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_etcd import mode
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_runner import FakeRunner
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module

ID = "20261121T180000Z-v1.24.17"
PODS = '{"items": [{"id": "p", "metadata": {"name": "web", "namespace": "x"}}]}'


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> FakeRunner:
    fake = FakeRunner(
        {"is-active": "active", "systemctl stop": "", "crictl pods": PODS, "crictl ps": "{}", "crictl": "", "rpm": ""}
    )
    monkeypatch.setattr(node_restore, "Runner", lambda: fake)
    return fake


@pytest.fixture
def run(tmp_path: Path, runner: FakeRunner, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """A worker that was backed up, and whose kubelet was changed since."""
    root = tmp_path / "root"
    (root / "var/lib/kubelet").mkdir(parents=True)
    (root / "var/lib/kubelet/config.yaml").write_text("of then")
    _backup.take(root, tmp_path / "b" / ID, {"node": {"name": "w1", "kubelet": "v1.24.17"}})
    (root / "var/lib/kubelet/config.yaml").write_text("of now")
    (root / "var/lib/kubelet/cpu_manager_state").write_text("{}")
    (root / "etc/kubernetes").mkdir(parents=True)
    monkeypatch.setattr(node_restore, "ROOT", root)
    return run_module(node_restore.main, capsys, {"directory": str(tmp_path / "b"), "id": ID})


def test_a_worker_is_looked_at(run: Run) -> None:
    seen = run(step="examine")
    assert (seen["changed"], seen["node"]["kubelet"], seen["etcd"], seen["bumps"]) == (False, "v1.24.17", None, False)
    assert (seen["id"], seen["control_plane"], seen["has_snapshot"]) == (ID, False, False)


def test_a_node_without_a_backup(run: Run) -> None:
    assert "has no backup 20261122T" in run(step="examine", id="20261122T180000Z-v1.24.17", failed=True)["msg"]


def test_a_node_is_stopped(run: Run, runner: FakeRunner, tmp_path: Path) -> None:
    forecast = run(step="stop", check_mode=True)
    assert (forecast["changed"], forecast["pods_removed"]) == (True, 1)
    assert runner.ran("systemctl stop") == []
    done = run(step="stop", forget_state=True)
    assert (done["stopped"], done["pods_removed"], done["files"]) == (True, 1, ["/var/lib/kubelet/cpu_manager_state"])
    # kubelet first: it would start again what is ended.
    order = [line for line in runner.commands if "systemctl stop" in line or "rmp" in line]
    assert "systemctl stop kubelet" in order[0]


def test_files_come_back(run: Run, tmp_path: Path) -> None:
    assert run(step="files")["files"] == ["/var/lib/kubelet/config.yaml"]
    assert (tmp_path / "root/var/lib/kubelet/config.yaml").read_text() == "of then"
    assert run(step="files")["changed"] is False


def test_a_worker_has_no_member(run: Run) -> None:
    assert "no member of etcd" in run(step="etcd", peers={"cp1": ["https://a:2380"]}, token="t", failed=True)["msg"]


ETCD = """apiVersion: v1
kind: Pod
spec:
  containers:
  - name: etcd
    command:
    - etcd
    - --name=cp1
    - --initial-advertise-peer-urls=https://a:2380
    image: registry.k8s.io/etcd:3.5.21-0
"""
ETCDUTL = """#!/bin/sh
case $1 in
  version) echo "etcdutl version: 3.5.21" ;;
  *) echo "--bump-revision" ;;
esac
"""
PEERS = {"cp1": ["https://a:2380"]}


@pytest.fixture
def backups(tmp_path: Path, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A control plane node with a snapshot, all of it of mode 0600, as docs/backup.md brings a fetched one back."""
    root, backups = tmp_path / "root", tmp_path / "b"
    (root / "etc/kubernetes/manifests").mkdir(parents=True)
    (root / "etc/kubernetes/manifests/etcd.yaml").write_text(ETCD)
    _backup.take(root, backups / ID, {"node": {"name": "cp1", "kubelet": "v1.24.17"}})
    programs = backups / "programs/etcd-3.5.21"
    programs.mkdir(parents=True)
    for name, content in {"etcd": "", "etcdctl": "", "etcdutl": ETCDUTL}.items():
        (programs / name).write_text(content)
        (programs / name).chmod(0o600)
    (backups / ID / "etcd.snapshot").write_bytes(b"all of it")
    manifest = {
        "schema": 1,
        "etcd": {"version": "3.5.21"},
        "snapshot": {"file": "etcd.snapshot", "bytes": 9, "sha256": hashlib.sha256(b"all of it").hexdigest()},
        "programs": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in programs.iterdir()},
    }
    (backups / ID / "etcd.json").write_text(json.dumps(manifest))
    monkeypatch.setattr(node_restore, "ROOT", root)
    return backups


@pytest.fixture
def run_plane(backups: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    return run_module(node_restore.main, capsys, {"directory": str(backups), "id": ID})


def test_a_fetched_backup_that_was_brought_back_can_be_run(run_plane: Run, backups: Path) -> None:
    """Not even root may run a file of mode 0600: without the change of mode the restore was refused."""
    seen = run_plane(step="examine")
    assert (seen["has_snapshot"], seen["bumps"], seen["damage"]) == (True, True, "")
    assert {mode(file) for file in (backups / "programs/etcd-3.5.21").iterdir()} == {0o700}


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        (f"{ID}/etcd.snapshot", "all\nof it", "etcd.snapshot is not what was backed up (its SHA-256 differs)"),
        (f"{ID}/etcd.snapshot", None, "etcd.snapshot is not what was backed up (it is gone)"),
        (f"{ID}/etcd.json", "{", "etcd.json cannot be read"),
        ("programs/etcd-3.5.21/etcdctl", None, "etcdctl is not there"),
        ("programs/etcd-3.5.21/etcdutl", None, "etcdutl is not what was backed up (it is gone)"),
        ("programs/etcd-3.5.21/etcdutl", ETCDUTL + "#", "etcdutl is not what was backed up (its SHA-256 differs)"),
    ],
    ids=["snapshot", "no snapshot", "manifest", "no etcdctl", "no etcdutl", "etcdutl"],
)
def test_a_snapshot_that_is_not_whole_is_none(
    run_plane: Run, backups: Path, runner: FakeRunner, file: str, content: str | None, words: str
) -> None:
    """So it is brought anew from another member; no program beside it is run, and no member restored from it."""
    if content is None:
        (backups / file).unlink()
    else:
        (backups / file).write_text(content)
    seen = run_plane(step="examine")
    assert (seen["has_snapshot"], seen["bumps"]) == (False, False)
    assert words in seen["damage"]
    assert words in run_plane(step="etcd", peers=PEERS, token="t", failed=True)["msg"]
    assert runner.ran("etcdutl") == []


def test_a_file_on_a_disk_that_fails(run_plane: Run, backups: Path) -> None:
    (backups / ID / "etcd.snapshot").unlink()
    (backups / ID / "etcd.snapshot").mkdir()  # cannot be read either
    assert "etcd.snapshot is not what was backed up (it cannot be read: " in run_plane(step="examine")["damage"]
