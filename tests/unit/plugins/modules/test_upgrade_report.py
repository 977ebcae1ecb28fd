# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""upgrade_report through main(): a report that is begun, gone on with wave by wave, and ended."""

from __future__ import annotations

import json
import os
import stat
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _report_files
from ansible_collections.uplift.kubeadm.plugins.modules import upgrade_report
from ansible_collections.uplift.kubeadm.tests.unit.plugins.module_utils import report_samples as samples
from ansible_collections.uplift.kubeadm.tests.unit.plugins.module_utils.fake_cluster import FakeCluster
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module

PLAN = samples.plan_of(FakeCluster.whole("v1.24.17"))
BEGIN = {
    "plan": PLAN,
    "cluster": "shop",
    "checks": samples.CHECKS,
    "before": samples.summary_of("v1.24.17"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "some" / "report"


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    return run_module(upgrade_report.main, capsys, {"directory": str(folder)})


def document(folder: Path) -> dict[str, t.Any]:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def test_a_plan(folder: Path, run: Run) -> None:
    result = run(outcome="planned", **BEGIN)
    assert result["changed"] is True
    assert result["files"] == {
        "json": str(folder / "report.json"),
        "markdown": str(folder / "report.md"),
        "html": str(folder / "report.html"),
    }
    assert result["summary"] == document(folder)["summary"]
    assert result["lines"][0].startswith("Expected to take about")
    assert json.loads(result["durations"]) == {"steps": {}}
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert {stat.S_IMODE(os.stat(path).st_mode) for path in result["files"].values()} == {0o600}
    assert sorted(os.listdir(folder)) == ["report.html", "report.json", "report.md"]
    assert (folder / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>\n<html")
    assert (folder / "report.md").read_text(encoding="utf-8").startswith("# Upgrade plan of shop\n")


def test_the_same_again_is_no_change(run: Run) -> None:
    run(outcome="planned", **BEGIN)
    assert run(outcome="planned", **BEGIN)["changed"] is False
    assert run(outcome="running")["changed"] is True
    assert run(outcome="running")["changed"] is False


def test_check_mode_writes_nothing(folder: Path, run: Run) -> None:
    result = run(outcome="planned", check_mode=True, **BEGIN)
    assert result["changed"] is True
    assert result["summary"]["hops"] == 2
    assert not folder.parent.exists()


def test_wave_by_wave_to_the_end(folder: Path, run: Run) -> None:
    run(outcome="running", **BEGIN)
    for raw in samples.raw_steps(PLAN):
        assert run(outcome="running", steps=[{**raw, "ended": None}])["summary"]["outcome"] == "running"
        run(outcome="running", steps=[raw])
    state = {**samples.WORKLOADS, "changed": False, "failed": False}
    note = run(
        outcome="succeeded",
        after=samples.summary_of("v1.26.9"),
        workloads=state,
        durations='{"steps": {"workers": [500]}}',
    )["durations"]
    done = document(folder)["done"]
    assert (done["outcome"], len(done["steps"])) == ("succeeded", 14)
    assert done["versions_after"]["kubelets"] == {"v1.26.9": 3}
    assert done["workloads"]["lost"] == 2
    assert "changed" not in done["workloads"]
    assert json.loads(note)["steps"]["workers"][0] == 500
    assert len(json.loads(note)["steps"]["workers"]) == 5
    assert document(folder)["findings"] == samples.CHECKS["findings"]


def test_earlier_durations_are_used(run: Run) -> None:
    note = json.dumps({"steps": {"workers": [3600]}})
    assert run(outcome="planned", durations=note, **BEGIN)["summary"]["expected_seconds"] > 4 * 3600


def test_a_node_that_fails(folder: Path, run: Run) -> None:
    run(outcome="running", **BEGIN)
    for raw in samples.raw_steps(PLAN, "w2", "workers"):
        result = run(outcome="running", steps=[raw])
    assert result["summary"]["outcome"] == "failed"
    assert result["summary"]["failed_node"] == "w2"
    assert run(outcome="running")["summary"]["outcome"] == "failed"
    assert "Failed on w2" in (folder / "report.html").read_text(encoding="utf-8")


def test_a_failure_of_the_hop_as_a_whole(folder: Path, run: Run) -> None:
    run(outcome="running", **BEGIN)
    run(outcome="failed", failure={"stage": "1.25/finish", "task": "The cluster is whole", "message": "cp1 is away"})
    assert document(folder)["done"]["failed"]["message"] == "cp1 is away"


def test_nothing_to_go_on_with(folder: Path, run: Run) -> None:
    assert "There is no report to go on with" in run(outcome="running", failed=True)["msg"]
    (folder / "report.json").write_text("{", encoding="utf-8")
    assert "There is no report to go on with" in run(outcome="running", failed=True)["msg"]
    (folder / "report.json").write_text('{"schema": 7}', encoding="utf-8")
    assert "no report of schema 1" in run(outcome="running", failed=True)["msg"]
    assert run(outcome="planned", **BEGIN)["changed"] is True


def test_a_wrong_time_spoils_nothing(folder: Path, run: Run) -> None:
    run(outcome="running", **BEGIN)
    before = document(folder)
    raw = {**samples.raw_steps(PLAN)[0], "ended": "noon"}
    assert "'noon' is no time" in run(outcome="running", steps=[raw], failed=True)["msg"]
    assert document(folder) == before


def test_a_folder_that_cannot_be_made(tmp_path: Path, run: Run) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    message = run(outcome="planned", directory=str(tmp_path / "file" / "report"), failed=True, **BEGIN)["msg"]
    assert message.startswith("The report cannot be written to")


def test_a_file_that_cannot_be_written(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run(outcome="running", **BEGIN)

    def full(*_args: object) -> t.NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_report_files.os, "replace", full)
    assert "No space left on device" in run(outcome="succeeded", failed=True)["msg"]
    assert sorted(os.listdir(folder)) == ["report.html", "report.json", "report.md"]


def test_a_file_that_cannot_be_read(folder: Path, run: Run) -> None:
    (folder / "report.json").mkdir(parents=True)
    assert "cannot be read" in run(outcome="running", failed=True)["msg"]


def test_hosts_that_write_at_once_lose_nothing(folder: Path, run: Run) -> None:
    run(outcome="running", **BEGIN)
    steps = samples.raw_steps(PLAN)
    params = {
        **dict.fromkeys(("plan", "checks", "before", "durations", "failure", "after", "workloads")),
        "directory": str(folder),
        "outcome": "running",
        "cluster": "shop",
        "forks": 5,
    }
    writers = [
        threading.Thread(target=upgrade_report.report, args=({**params, "steps": [raw]}, samples.NOW, True))
        for raw in steps
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(document(folder)["done"]["steps"]) == len(steps)
