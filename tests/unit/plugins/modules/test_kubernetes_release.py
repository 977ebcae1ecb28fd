# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubernetes_release through main(), with binaries in a folder served by file: URLs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _release
from ansible_collections.uplift.kubeadm.plugins.module_utils._node import BINARIES, architecture
from ansible_collections.uplift.kubeadm.plugins.modules import kubernetes_release
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_runner import FakeRunner, fake_program
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node of plain binaries of v1.24.17, and a mirror that has v1.25.4."""
    monkeypatch.setattr(kubernetes_release, "ROOT", tmp_path)
    monkeypatch.setattr(kubernetes_release, "STATE", tmp_path / "state")
    monkeypatch.setattr(kubernetes_release, "Runner", FakeRunner)
    monkeypatch.setattr(_release, "FREE_MIB_TO_FETCH", 1)
    for name in BINARIES:
        fake_program(tmp_path / "usr/bin" / name, name, "v1.24.17")
        file = fake_program(tmp_path / "mirror/v1.25.4/bin/linux" / architecture() / name, name, "v1.25.4")
        file.with_name(f"{name}.sha256").write_text(hashlib.sha256(file.read_bytes()).hexdigest())
    (tmp_path / "mirror/stable-1.25.txt").write_text("v1.25.4")
    return tmp_path


@pytest.fixture
def run(root: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    return run_module(kubernetes_release.main, capsys, {"url": f"file://{root}/mirror", "version": "v1.25.4"})


def test_a_version_is_listed_fetched_installed_and_pruned(run: Run, root: Path) -> None:
    assert run(state="listed", minors=["1.25"])["available"] == {"1.25": ["v1.25.4"]}
    fetched = run(state="fetched")
    assert (fetched["changed"], fetched["fetched"], fetched["method"]) == (True, ["v1.25.4"], "binary")
    assert fetched["kubeadm"] == str(root / "state/release/v1.25.4/kubeadm")
    assert run(state="fetched")["changed"] is False
    installed = run(state="installed", components=["kubelet"])
    assert (installed["changed"], installed["replaced"]) == (True, ["kubelet"])
    assert installed["diff"] == {"before": "kubelet v1.24.17\n", "after": "kubelet v1.25.4\n"}
    assert run(state="installed", components=["kubelet"])["changed"] is False
    assert run(state="pruned")["removed"] == [str(root / "state/release/v1.25.4"), str(root / "state/kept/v1.24.17")]
    assert run(state="pruned")["changed"] is False


def test_check_mode_changes_nothing(run: Run, root: Path) -> None:
    assert run(check_mode=True, state="fetched")["changed"] is True
    assert run(check_mode=True, state="installed")["replaced"] == list(BINARIES)
    assert not (root / "state").exists()
    run(state="fetched")
    assert run(check_mode=True, state="installed", restart_kubelet=True)["restarted"] is True
    assert run(check_mode=True, state="pruned")["changed"] is True
    assert sorted(entry.name for entry in (root / "state").iterdir()) == ["release"]


def test_errors_are_sentences(run: Run) -> None:
    assert "does not lie ready" in run(failed=True, state="installed")["msg"]
    assert "needs version" in run(failed=True, state="fetched", version=None)["msg"]
    assert "neither apt nor dnf" in run(failed=True, state="fetched", method="package")["msg"]
