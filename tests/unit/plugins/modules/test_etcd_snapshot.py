# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _etcd_programs
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.modules import etcd_snapshot
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_etcd import LIVE, FakeEtcd
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module

ID = "20261121T180000Z-v1.24.17"


@pytest.fixture
def etcd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[FakeEtcd]:
    fake = FakeEtcd(tmp_path / "fake", {"/registry/pods/default/a": 3}, 9)
    monkeypatch.setenv(LIVE, str(fake.file))
    monkeypatch.setattr(_etcd_programs, "running", lambda *_args: _etcd_programs.kept_in(fake.programs))
    monkeypatch.setattr(etcd_snapshot, "ROOT", tmp_path)
    yield fake
    fake.stop()


@pytest.fixture
def run(etcd: FakeEtcd, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    return run_module(etcd_snapshot.main, capsys, {"directory": str(tmp_path / "b"), "endpoint": etcd.url})


def test_taken_verified_listed(run: Run, etcd: FakeEtcd, tmp_path: Path) -> None:
    assert run(id=ID, check_mode=True)["changed"] is True
    assert not (tmp_path / "b").exists()
    first = run(id=ID, about={"kubernetes": "v1.24.17"})
    assert (first["changed"], first["path"], first["manifest"]["kubernetes"]) == (
        True,
        str(tmp_path / "b" / ID),
        "v1.24.17",
    )
    assert run(id=ID)["changed"] is False
    etcd.put("/registry/pods/default/b")
    seen = run(state="verified", id=ID)
    assert (seen["changed"], seen["since"]["written"], seen["silent"]) == (False, {"pods": 1}, "")
    assert [manifest["id"] for manifest in run(state="listed")["snapshots"]] == [ID]


def test_an_etcd_that_needs_minutes_for_its_hash_is_backed_up(run: Run, etcd: FakeEtcd) -> None:
    """Fails where etcdctl is left its own time-out."""
    etcd.state["slow"] = 90
    etcd.write()
    assert run(id=ID)["changed"] is True


def test_a_snapshot_is_verified_where_no_etcd_runs(run: Run, etcd: FakeEtcd) -> None:
    run(id=ID)
    seen = run(state="verified", id=ID, endpoint="http://127.0.0.1:1")
    assert seen["since"] is None
    assert "does not answer" in seen["silent"]


def test_a_node_without_etcd(run: Run) -> None:
    assert "no static pod of etcd" in run(id=ID, endpoint=None, failed=True)["msg"]


def test_check_mode_finds_that_etcds_programs_are_not_to_be_had(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_proc: Path, data_dir: str | None, _runner: object) -> None:
        raise UpliftError(f"no etcd with {data_dir}")

    monkeypatch.setattr(_etcd_programs, "running", none)
    assert run(id=ID, check_mode=True, failed=True)["msg"] == "no etcd with None"
    assert run(id=ID, check_mode=True, failed=True, data_dir="/d")["msg"] == "no etcd with /d"


def test_a_name_that_would_leave_the_folder(run: Run) -> None:
    assert "no name of a backup" in run(id="../../etc", failed=True)["msg"]


def test_the_lock_is_renewed_while_it_works(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[str | None] = []

    def on_node(identity: str | None) -> t.ContextManager[None]:
        kept.append(identity)
        return contextlib.nullcontext()

    monkeypatch.setattr(etcd_snapshot, "on_node", on_node)
    run(id=ID, lock="us", check_mode=True)
    run(id=ID, lock="us")
    assert kept == [None, "us"]
