# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run does with clusters, on fake ones and a fake clock; and how its children really end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import (
    _fleet,
    _fleet_children,
    _fleet_clusters,
    _fleet_html,
    _fleet_look,
    _fleet_report,
    _fleet_run,
)

SUMMARY = {
    "from": "v1.24.17", "target": "v1.25.4", "changes": True, "hops": 1, "nodes": 1, "drains": 1, "left_out": 0,
    "blockers": 0, "warnings": 1, "expected_seconds": 300,
}  # fmt: skip
REPORT = {
    "kind": "upgrade",
    "summary": {"from": "v1.24.17", "target": "v1.25.4", "workloads_lost": 0},
    "done": {"outcome": "succeeded", "steps": [], "failed": None},
}

FAILED_LOG = """TASK [Look] ****
fatal: [cp1]: UNREACHABLE! => {
    "msg": "No route to cp1",
    "unreachable": true
}
fatal: [cp1 -> localhost]: FAILED! => {"changed": false, "msg": "made no matter"}
...ignoring

PLAY RECAP ****
cp1 : ok=0
"""


class FakeChild:
    """Ends after some polls."""

    def __init__(self, polls: int, code: int) -> None:
        self.polls, self.code, self.was_ended = polls, code, False

    def poll(self) -> int | None:
        self.polls -= 1
        return self.code if self.polls < 0 else None

    def end(self) -> None:
        self.was_ended = True


class FakeClusters:
    """Two clusters; `codes` are exit codes by (name, verb), `troubles` those of each look, in order.

    What is in `hanging` does not end by itself.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.launched: list[tuple[str, str]] = []
        self.children: list[FakeChild] = []
        self.codes: dict[tuple[str, str], int] = {}
        self.hanging: set[tuple[str, str]] = set()
        self.summary: dict[str, Any] | None = SUMMARY
        self.notes: list[str] = []
        self.troubles: list[list[str]] = []
        self.report: dict[str, Any] | None = REPORT

    def launch(self, name: str, verb: str) -> FakeChild:
        self.launched.append((name, verb))
        polls = 10**9 if (name, verb) in self.hanging else 2
        self.children.append(FakeChild(polls, self.codes.get((name, verb), 0)))
        return self.children[-1]

    def plan(self, name: str) -> dict[str, Any] | None:
        return self.summary

    def answer(self, name: str) -> dict[str, Any] | None:
        return {"notes": self.notes, "troubles": self.troubles.pop(0) if self.troubles else []}

    def upgrade(self, name: str) -> dict[str, Any] | None:
        return self.report

    def links(self, name: str) -> dict[str, str]:
        return {"upgrade": f"{name}/report.html"}

    def log(self, name: str, verb: str) -> Path:
        return self.folder / f"{name}-{verb}.log"


class Stage:
    """A fleet with everything around it faked."""

    def __init__(self, folder: Path) -> None:
        waves = [{"name": "dev", "clusters": [{"name": name, "inventory": f"{name}.yml"} for name in ("a", "b")]}]
        self.document = _fleet_report.new_document("shop", "1.25", _fleet.read_waves(waves, 1, 0))
        self.clusters = FakeClusters(folder)
        self.lines: list[str] = []
        self.now = 0.0
        self.fleet = _fleet_run.Fleet(
            self.document, self.clusters, self.lines.append, lambda document: None, self.alive, self.sleep, self.clock
        )
        self.orphaned_at = 10.0**9

    def alive(self) -> None:
        if self.now > self.orphaned_at:
            raise _fleet_children.OrphanedError

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def clock(self) -> float:
        return self.now

    @property
    def states(self) -> dict[str, str]:
        return _fleet_report.states(self.document)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_look_says_what_is_left(stage: Stage) -> None:
    stage.fleet.look(["a", "b"])
    assert stage.states == {"a": _fleet.LEFT, "b": _fleet.LEFT}
    assert "1 warning" in "\n".join(_fleet_report.lines(stage.document))


def test_a_plan_that_fails_makes_a_cluster_unknown_and_its_words_are_kept(stage: Stage) -> None:
    stage.clusters.codes["b", "plan"] = 2
    (stage.clusters.folder / "b-plan.log").write_text(FAILED_LOG)
    stage.fleet.look(["a", "b"])
    assert stage.states["b"] == _fleet.UNKNOWN
    assert stage.document["clusters"]["b"]["why"] == "cp1: No route to cp1"
    assert "b: cp1: No route to cp1" in _fleet_report.lines(stage.document)


def test_a_worker_that_may_be_left_out_fails_no_cluster(stage: Stage) -> None:
    """ansible-playbook ends with 4 then, also when all else went well."""
    stage.clusters.codes = {("a", "plan"): 4, ("b", "plan"): 4, ("a", "upgrade"): 4, ("b", "upgrade"): 4}
    stage.fleet.look(["a", "b"])
    assert set(stage.states.values()) == {"left"}
    assert stage.fleet.upgrade(["a"], 1) is True
    assert isinstance(stage.clusters.report, dict)
    stage.clusters.report = {**stage.clusters.report, "done": {**stage.clusters.report["done"], "outcome": "failed"}}
    assert stage.fleet.upgrade(["b"], 1) is False
    stage.clusters.summary = None
    stage.fleet.look(["a"])
    assert stage.states["a"] == "unknown"


def test_after_a_failure_nothing_is_begun_and_what_runs_goes_on(stage: Stage) -> None:
    stage.clusters.codes["a", "upgrade"] = 1
    stage.fleet.look(["a", "b"])
    assert not stage.fleet.upgrade(["a", "b"], 1)
    assert stage.states == {"a": _fleet.FAILED, "b": _fleet.LEFT}
    stage.clusters.launched.clear()
    assert not stage.fleet.upgrade(["a", "b"], 2)
    assert stage.clusters.launched == [("a", "upgrade"), ("b", "upgrade")]
    assert stage.states == {"a": _fleet.FAILED, "b": _fleet.WATCH}


def test_a_cluster_that_was_asked_to_stop_stops_the_fleet_without_having_failed(stage: Stage) -> None:
    stage.clusters.codes["a", "upgrade"] = 2
    stage.clusters.report = {**REPORT, "done": {"outcome": "stopped", "steps": [], "failed": None}}
    assert not stage.fleet.upgrade(["a", "b"], 1)
    assert stage.states["a"] == _fleet.STOPPED


def test_a_watch_lasts_its_time_and_then_nothing_is_owed(stage: Stage) -> None:
    assert stage.fleet.watch(["a"], soak=100, patience=30, every=20, settle=True)
    assert stage.now >= 100
    assert stage.now < 130
    assert stage.clusters.launched.count(("a", "look")) >= 5
    assert stage.clusters.launched[-1] == ("a", "settle")
    assert stage.states["a"] == _fleet.DONE


def test_a_short_trouble_is_told_and_forgiven(stage: Stage) -> None:
    stage.clusters.troubles = [[], ["not Ready: w1"], ["not Ready: w1"], []]
    assert stage.fleet.watch(["a"], soak=60, patience=30, every=20, settle=False)
    said = [line for line in stage.lines if "well" in line]
    assert len(said) == 2
    assert "not Ready: w1" in said[0]


def test_a_long_trouble_ends_the_watch_and_what_was_owed_stays_owed(stage: Stage) -> None:
    stage.clusters.troubles = [[], *([["not Ready: w1"]] * 50)]
    assert not stage.fleet.watch(["a"], soak=600, patience=30, every=20, settle=True)
    assert stage.states["a"] == _fleet.FAILED
    assert "not well for 30 s: not Ready: w1" in stage.document["clusters"]["a"]["why"]
    assert ("a", "settle") not in stage.clusters.launched


@pytest.mark.parametrize(("patience", "ends"), [(30, 120), (120, 120), (600, 600)])
def test_a_look_that_hangs_is_ended_and_counts_as_unwell(stage: Stage, patience: int, ends: int) -> None:
    """Protects: the limit of a look. A host that lost its power held up the watch of all clusters."""
    stage.clusters.hanging, stage.orphaned_at = {("b", "look")}, 5_000
    (stage.clusters.folder / "b-look.log").write_text("TASK [Find a control plane that can be reached] ***\n")
    assert not stage.fleet.watch(["a", "b"], soak=10_000, patience=patience, every=20, settle=True)
    assert ends <= stage.now < ends + 10
    assert [child.was_ended for child in stage.clusters.children] == [False, True]
    assert stage.states == {"a": _fleet.UNSEEN, "b": _fleet.FAILED}
    why = stage.document["clusters"]["b"]["why"]
    assert "a look was ended that had no answer after" in why
    assert "Find a control plane that can be reached" in why


def test_an_upgrade_may_take_as_long_as_it_takes(stage: Stage) -> None:
    stage.clusters.hanging = {("a", "upgrade")}
    stage.orphaned_at = 50_000
    with pytest.raises(_fleet_children.OrphanedError):
        stage.fleet.upgrade(["a"], 1)


def test_nothing_outlives_a_playbook_that_was_killed(stage: Stage) -> None:
    stage.orphaned_at = 0.5
    with pytest.raises(_fleet_children.OrphanedError):
        stage.fleet.upgrade(["a", "b"], 2)
    assert all(child.was_ended for child in stage.clusters.children)
    assert stage.clusters.children


def test_a_child_ends_with_the_worker_that_was_killed(tmp_path: Path) -> None:
    """The kernel does it: the worker itself has no chance to."""
    script = (
        "import os, sys, time\nfrom pathlib import Path\n"
        "from ansible_collections.uplift.kubeadm.plugins.module_utils._fleet_children import Child\n"
        f"child = Child(['sleep', '300'], os.environ, Path({str(tmp_path)!r}) / 'c/log')\n"
        "print(child.process.pid, flush=True)\ntime.sleep(300)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    worker = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment)
    assert worker.stdout is not None
    child = int(worker.stdout.readline())
    worker.send_signal(signal.SIGKILL)
    worker.wait(30)
    deadline = time.monotonic() + 30
    while _runs(child):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert (tmp_path / "c/log").stat().st_mode & 0o777 == 0o600


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_child_is_not_given_the_callback_of_ansible_runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ansible would import it, and it takes over the display without AWX_ISOLATED_DATA_DIR, which a child has not."""
    runners, own = tmp_path / "callback", tmp_path / "own"
    runners.mkdir()
    (runners / "awx_display.py").write_text("")
    for given, kept in ((f"{own}:{runners}", str(own)), (str(runners), None), (str(own), str(own)), (None, None)):
        monkeypatch.delenv("ANSIBLE_CALLBACK_PLUGINS", raising=False)
        if given is not None:
            monkeypatch.setenv("ANSIBLE_CALLBACK_PLUGINS", given)
        assert _fleet_children.environment([]).get("ANSIBLE_CALLBACK_PLUGINS") == kept


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (FAILED_LOG, "cp1: No route to cp1"),
        ('failed: [w1] (item=x) => {"msg": "disk full"}\nfatal: [w1]: FAILED! => {broken', "w1: disk full"),
        ("ERROR! the playbook is not there\n", "ERROR! the playbook is not there"),
        (FAILED_LOG.replace("No route", "Not yet") + FAILED_LOG, "cp1: No route to cp1"),
        ("PLAY RECAP ***\ncp1    : ok=3    failed=0\n\nPLAY [Look] ***\nKilled\n", "PLAY [Look] ***\nKilled"),
        ("", "It said nothing."),
    ],
)
def test_last_words_of_a_child(tmp_path: Path, log: str, told: str) -> None:
    (tmp_path / "log").write_text(log)
    assert _fleet_children.last_words(tmp_path / "log") == told
    assert _fleet_children.last_words(tmp_path / "none") == "It left no log."


def test_options_of_the_run_are_passed_on() -> None:
    given = {
        "extra_vars": ("target=1.26", "@vars.yml"),
        "forks": 20,
        "vault_ids": ["dev@file"],
        "verbosity": 2,
        "tags": [],
    }
    assert _fleet_children.options(given) == [
        *("--forks=20", "--vault-id", "dev@file", "-e", "target=1.26", "-e", "@vars.yml", "-vv")
    ]
    assert not _fleet_children.asks_for_passwords(given)
    assert _fleet_children.asks_for_passwords({"vault_ids": ["prod@prompt"]})
    assert _fleet_children.asks_for_passwords({"become_ask_pass": True})


def test_a_cluster_that_is_a_group_gets_two_groups_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(_fleet_children, "Child", lambda words, environment, log: seen.append(words))
    waves = _fleet.read_waves([{"clusters": [{"name": "shop", "group": "shop", "variables": {"key": "secret"}}]}], 1, 0)
    members = {"shop": {"control_plane": ["cp1"], "worker": ["w1"], "etcd": []}}
    clusters = _fleet_clusters.Clusters(
        waves, tmp_path / "report", tmp_path, tmp_path, members, ["all.yml"], ["-e", "x=1"], {}, target="1.26"
    )
    clusters.launch("shop", "upgrade")
    words = seen[0]
    assert "secret" not in " ".join(words)  # everybody on the machine can read command lines
    sources = [words[number + 1] for number, word in enumerate(words) if word == "-i"]
    assert sources[0] == "all.yml"
    assert '"uplift_fleet_control_plane": {"hosts": {"cp1": null}}' in Path(sources[1]).read_text()
    own = json.loads((tmp_path / "shop.upgrade.json").read_text())
    assert own["kubeadm_upgrade_etcd_group"] == "uplift_fleet_etcd"  # empty: another cluster's etcd is none of its own
    extra = [words[number + 1] for number, word in enumerate(words) if word == "-e"]
    own_files = [f"@{tmp_path}/shop.variables.json", f"@{tmp_path}/shop.upgrade.json"]
    assert extra[1:] == ["x=1", '{"target": "1.26"}', *own_files], "a cluster's variables may name another target"
    assert (tmp_path / "shop.variables.json").stat().st_mode & 0o777 == 0o600


def full(*_arguments: Any) -> Any:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("fails", ["save", "launch"])
def test_an_error_of_ours_cuts_no_other_upgrade_off(stage: Stage, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    """Protects: a disk that is full on the controller ends no upgrade in the middle of a node."""
    really, saves = stage.clusters.launch, iter(range(99))
    stage.clusters.hanging.add(("a", "upgrade"))
    if fails == "launch":
        monkeypatch.setattr(stage.clusters, "launch", lambda name, verb: full() if name == "b" else really(name, verb))
    else:  # when b has ended
        monkeypatch.setattr(stage.fleet, "_save", lambda _document: full() if next(saves) == 2 else None)
    sleep = stage.sleep

    def meanwhile(seconds: float) -> None:
        sleep(seconds)
        if stage.now > 60:
            stage.clusters.children[0].polls = 0

    monkeypatch.setattr(stage.fleet, "sleep", meanwhile)
    with pytest.raises(OSError, match="No space left"):
        stage.fleet.upgrade(["a", "b"], 2)
    assert stage.now > 60
    assert not any(child.was_ended for child in stage.clusters.children)
    assert stage.states == {"a": _fleet.WATCH, "b": _fleet.FAILED if fails == "launch" else _fleet.WATCH}


def test_a_long_watch_says_now_and_then_that_it_goes_on(stage: Stage) -> None:
    """Protects: AWX's idle time-out ends a job that says nothing."""
    assert stage.fleet.watch(["a"], 7200, 120, 30, settle=False)
    assert len(stage.lines) == 12
    assert stage.lines[1] == "Watching a: 10 min of 2 h are over."


def test_a_run_that_ends_early_is_not_told_by_the_report_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects: the files that launch() removes. Monday's failure is not the reason of Tuesday's."""
    monkeypatch.setattr(_fleet_children, "Child", lambda words, environment, log: FakeChild(0, 2))
    waves = _fleet.read_waves([{"clusters": [{"name": "a", "inventory": "a.yml"}]}], 1, 0)
    clusters = _fleet_clusters.Clusters(waves, tmp_path / "report", tmp_path, tmp_path, {}, [], [], {})
    folder = tmp_path / "report/a"
    (folder / "plan").mkdir(parents=True)
    monday = {**REPORT, "done": {"outcome": "stopped", "steps": [], "failed": {"message": "Monday's disk is full"}}}
    for place, document in ((folder, monday), (folder / "plan", {"summary": SUMMARY})):
        (place / "report.json").write_text(json.dumps(document))
        (place / "report.html").write_text("Monday")
    (folder / "upgrade.log").write_text('fatal: [cp1]: FAILED! => {"msg": "Permission denied"}\n')

    clusters.launch("a", "look")
    assert clusters.upgrade("a") == monday, "a look writes no report"
    clusters.launch("a", "plan")
    assert clusters.plan("a") is None
    assert "plan" not in clusters.links("a")
    document = _fleet_report.new_document("shop", "1.25", waves)
    fleet = _fleet_run.Fleet(document, clusters, lambda line: None, lambda document: None, sleep=lambda seconds: None)
    assert not fleet.upgrade(["a"], 1)
    assert document["clusters"]["a"]["why"] == "cp1: Permission denied"
    assert document["clusters"]["a"]["state"] == _fleet.FAILED
    assert list(document["clusters"]["a"]["links"]) == ["log"]


def test_the_page_tells_failures_links_and_breaks_on_nothing(stage: Stage, tmp_path: Path) -> None:
    stage.clusters.codes["a", "upgrade"] = 1
    (stage.clusters.folder / "a-upgrade.log").write_text("fatal: <script>alert(1)</script>\n")
    stage.fleet.look(["a", "b"])
    stage.fleet.upgrade(["a", "b"], 1)
    stage.document["outcome"] = "failed"
    stage.fleet.save()
    _fleet_html.write(stage.document, tmp_path / "report")
    page = (tmp_path / "report/fleet.html").read_text()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert 'href="a/report.html"' in page
    assert "Stopped at a" in page
    assert (tmp_path / "report/fleet.json").stat().st_mode & 0o777 == 0o600


LOOKED = {"not_ready": ["w1", "cp1"], "control_planes": ["cp1"], "unhealthy": {"cp1": ["etcd"]}}


def test_what_is_wrong_with_a_cluster() -> None:
    workloads = {"compared": True, "missing": [{"kind": "Pod", "ns": "shop", "name": "db", "why": "is gone"}]}
    gate = {"item": {"id": "errors", "command": ["check"]}, "rc": 1, "stdout": "5% of requests fail"}
    answer = _fleet_look.fleet_answer(LOOKED, [{"item": "fleet", "value": "1.25"}, {"item": "x"}], workloads, [gate], 1)
    assert answer["notes"] == ["fleet"]
    assert answer["troubles"] == [
        "not Ready: cp1",
        "etcd on cp1 not Ready",
        "workloads not as before: Pod shop/db is gone",
        "the gate errors: «check» exited with 1 | 5% of requests fail",
    ]


def test_a_cluster_that_is_well() -> None:
    well = {"not_ready": ["w1"], "control_planes": ["cp1"], "unhealthy": {}}
    assert _fleet_look.fleet_answer(well, [], {"skipped": True}, [], 1) == {"notes": [], "troubles": []}
    assert _fleet_look.fleet_answer(well, [], {"skipped": True}, [], 0)["troubles"] == ["not Ready: w1"]
