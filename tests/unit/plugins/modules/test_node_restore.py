# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _backup
from ansible_collections.uplift.kubeadm.plugins.modules import node_restore
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
