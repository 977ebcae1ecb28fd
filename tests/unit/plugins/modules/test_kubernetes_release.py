# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubernetes_release through main(), with binaries in a folder served by file: URLs."""

from __future__ import annotations

import hashlib
import os
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


@pytest.fixture(autouse=True)
def doubt(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Why kubelet is not healthy; as long as it is empty, it is."""
    doubts: list[str] = []
    monkeypatch.setattr(_release, "kubelet_doubt", lambda _runner, _root: "".join(doubts))
    return doubts


def test_a_version_is_listed_fetched_installed_and_pruned(run: Run, root: Path) -> None:
    assert run(state="listed", minors=["1.25"])["available"] == {"1.25": ["v1.25.4"]}
    fetched = run(state="fetched")
    assert (fetched["changed"], fetched["fetched"], fetched["method"]) == (True, ["v1.25.4"], "binary")
    assert fetched["kubeadm"] == str(root / "state/release/v1.25.4/kubeadm")
    assert run(state="fetched")["changed"] is False
    installed = run(state="installed", components=["kubelet"])
    assert (installed["changed"], installed["replaced"], installed["touched"]) == (True, ["kubelet"], True)
    assert installed["diff"] == {"before": "kubelet v1.24.17\n", "after": "kubelet v1.25.4\n"}
    again = run(state="installed", components=["kubelet"])
    assert (again["changed"], again["touched"]) == (False, True)
    assert run(state="pruned")["removed"] == [
        str(root / f"state/{name}") for name in ("release/v1.25.4", "kept/v1.24.17", "release", "kept")
    ]
    assert list((root / "state").iterdir()) == []
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
    early = run(failed=True, state="installed")
    assert "does not lie ready" in early["msg"]
    assert early["touched"] is False
    assert "needs version" in run(failed=True, state="fetched", version=None)["msg"]
    assert "neither apt nor dnf" in run(failed=True, state="fetched", method="package")["msg"]


def test_what_was_kept_stays_while_kubelet_is_not_proven(run: Run, root: Path, doubt: list[str]) -> None:
    run(state="fetched")
    run(state="installed", components=["kubelet"])
    doubt.append("kubelet.service is failed")
    pruned = run(state="pruned", keep=["v1.25.4"])
    assert (pruned["changed"], pruned["removed"]) == (False, [])
    assert (pruned["left"], pruned["left_why"]) == ([str(root / "state/kept/v1.24.17")], "kubelet.service is failed")
    doubt.clear()
    assert run(state="pruned", keep=["v1.25.4"])["left"] == []
    assert [entry.name for entry in (root / "state").iterdir()] == ["release"]


def test_a_failure_after_the_first_change_says_so(run: Run, root: Path) -> None:
    run(state="fetched")
    (root / "usr/bin/kubelet").unlink()
    (root / "usr/bin/kubelet").mkdir()  # a file cannot take a folder's place
    failed = run(failed=True, state="installed")
    assert "kubelet could not be replaced" in failed["msg"]
    assert failed["touched"] is True


def test_a_kubelet_that_an_earlier_run_replaced_counts_as_touched_when_it_does_not_come_up(
    run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects the first line of Release.install: without it, the playbook gives such a node back in its second run."""
    answers = {"daemon-reload|restart": "", "MainPID": "MainPID=0\n", "is-active": "activating\n", "journalctl": ""}
    monkeypatch.setattr(kubernetes_release, "Runner", lambda: FakeRunner(dict(answers)))
    monkeypatch.setattr(_release, "kubelet_health", lambda _root: "its health check does not answer")
    run(state="fetched")
    first = run(failed=True, state="installed", components=["kubelet"], restart_kubelet=True, timeout=0)
    again = run(failed=True, state="installed", components=["kubelet"], restart_kubelet=True, timeout=0)
    for failed in (first, again):
        assert "kubelet was restarted" in failed["msg"]
        assert failed["touched"] is True


def test_the_environment_reaches_what_is_run_and_shows_up_nowhere(
    run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    (root / "usr/bin/kubectl").write_text('#!/bin/sh\necho "{\\"clientVersion\\": {\\"gitVersion\\": \\"$Seen\\"}}"\n')
    environment = {"Seen": "v1.9.1234567", "no_proxy": "kubectl", "N": "1"}
    result = run(check_mode=True, state="installed", components=["kubectl"], environment=environment)
    assert result["diff"]["before"] == "kubectl ********\n"
    assert "v1.9.1234567" not in str(result)
    assert result["diff"]["after"] == "kubectl v1.25.4\n", "what is no secret was blotted out"
