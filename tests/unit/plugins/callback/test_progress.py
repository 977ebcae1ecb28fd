# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the callback takes from tasks, where it prints and writes, and that it disturbs no run."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.uplift.kubeadm.plugins.callback.progress import CallbackModule, in_awx

AWX = {"AWX_HOST": "https://awx.example", "JOB_ID": "42"}
PLAN = {
    "target": "v1.25.4", "changes": True, "drains": {"n-w1": 1},
    "hops": [{"index": 0, "minor": "1.25", "version": "v1.25.4"}],
    "stages": [{"id": "1.25/workers", "hop": 0, "kind": "workers", "version": "v1.25.4", "hosts": ["w1"],
                "nodes": ["n-w1"], "serial": 1, "drains": ["w1"], "why": ""}],
}  # fmt: skip
STEP = {"id": "1.25/workers", "hop": 0, "version": "v1.25.4", "kinds": ["workers"], "node": "n-w1", "ends_hop": True}


class FakeDisplay:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.warnings: list[str] = []

    def display(self, text: str, color: str | None = None) -> None:
        self.lines.append(text)

    def warning(self, text: str) -> None:
        self.warnings.append(text)


class FakeStats:
    def __init__(self, **failures: int) -> None:
        self.processed = dict.fromkeys(["w1", *failures], 1)
        self.failures = failures

    def summarize(self, host: str) -> dict[str, int]:
        return {"failures": self.failures.get(host, 0), "unreachable": 0}


def of(action: str, host: str = "w1", old_core: bool = False, **returned: Any) -> Any:
    """A task's result as ansible-core hands it to callbacks; before 2.19 it has the names with underscores alone."""
    task = SimpleNamespace(
        action=action, resolved_action=action, check_mode=False, ignore_unreachable=False,
        get_name=lambda: f"uplift.kubeadm.kubeadm_upgrade : Task of {action}",
    )  # fmt: skip
    names = {"_host": SimpleNamespace(get_name=lambda: host), "_task": task, "_result": returned}
    return SimpleNamespace(**names, **({} if old_core else {"result": returned}))


def facts(host: str = "w1", **values: Any) -> Any:
    return of("ansible.builtin.set_fact", host, ansible_facts=values)


def callback(display: str = "auto", file: Path | None = None, **environ: str) -> Any:
    made = CallbackModule()
    made._display = FakeDisplay()
    made.configure(display, str(file) if file else None, environ)
    return made


def walk(made: Any, old_core: bool = False) -> None:
    made.v2_runner_on_ok(of("uplift.kubeadm.upgrade_plan", plan={}))
    made.v2_runner_on_ok(of("uplift.kubeadm.upgrade_plan", old_core=old_core, plan=PLAN))
    made.v2_runner_on_ok(facts(kubeadm_upgrade_plan=PLAN, kubeadm_upgrade_table=[]))
    made.v2_runner_on_ok(facts(kubeadm_upgrade_wave=["w1"], kubeadm_upgrade_steps={"w1": STEP}))
    made.v2_runner_on_ok(facts(kubeadm_upgrade_stopped=""))
    made.v2_runner_on_ok(facts(kubeadm_upgrade_stage=STEP, kubeadm_upgrade_step_began="2026-11-21T17:00:00Z"))
    left = [{"namespace": "shop", "name": "web-0", "state": "held", "budget": "shop/web", "seconds": 14, "why": "…"}]
    part = {"drained": False, "seconds": 15.0, "progress": {"line": "…", "left": left}, "evicted": [], "waited": []}
    made.v2_runner_retry(of("uplift.kubeadm.node_drain", old_core=old_core, **part))
    made.v2_runner_item_on_ok(of("uplift.kubeadm.node_drain", **{**part, "seconds": 30.0}))
    made.v2_runner_on_ok(of("uplift.kubeadm.node_drain", **{**part, "drained": True, "seconds": 33.0}))
    made.v2_runner_on_ok(of("uplift.kubeadm.node_drain", results=[part]))
    made.v2_runner_on_ok(of("uplift.kubeadm.node_drain", changed=True))  # state: uncordoned
    made.v2_runner_retry(of("uplift.kubeadm.cluster_info", attempts=1))
    made.v2_runner_on_ok(facts(kubeadm_upgrade_step_done={"step": STEP}))
    made.v2_playbook_on_stats(FakeStats())


def texts(made: Any) -> list[str]:
    """Without >> and the time of day."""
    return [text.split(" ", 2)[2] for text in made._display.lines]


@pytest.mark.parametrize("old_core", [False, True])
def test_a_run(old_core: bool) -> None:
    made = callback()
    walk(made, old_core)
    assert texts(made) == [
        "to v1.25.4: 1 hop, 0 control planes, 1 worker, 1 drain",
        "hop 1/1 (v1.25.4), worker 1/1: n-w1",
        "n-w1: draining, 1 pod left after 15 s; 1 held by the budget shop/web for 14 s",
        "n-w1: drained after 33 s, 0 pods",
        "done: v1.25.4 after 0 s, 1 step",
    ]
    assert made._display.warnings == []


@pytest.mark.parametrize(
    ("display", "environ", "shown"),
    [
        ("auto", {}, True),
        ("auto", AWX, False),
        ("always", AWX, True),
        ("never", {}, False),
        ("auto", {"AWX_ISOLATED_DATA_DIR": "/runner/artifacts/1"}, True),  # ansible-navigator at a terminal
        ("auto", {"JOB_ID": "7"}, True),  # of Jenkins or another
    ],
)
def test_quiet_in_awx_unless_asked(display: str, environ: dict[str, str], shown: bool) -> None:
    made = callback(display, **environ)
    walk(made)
    assert bool(made._display.lines) is shown
    assert in_awx(environ) is (environ == AWX)


def test_the_file_is_private_complete_and_appended_to(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.touch(mode=0o644)
    for _run in range(2):
        walk(callback("never", file))
    rows = [json.loads(text) for text in file.read_text().splitlines()]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kinds = ["plan", "begin", "wave", "drain", "drain", "drained", "node", "hop", "end"]
    assert [row["type"] for row in rows] == kinds * 2
    assert {row["schema"] for row in rows} == {1}
    assert len({row["run"] for row in rows}) == 2
    assert all(row["time"].endswith("Z") for row in rows)
    assert rows[3]["left"][0]["budget"] == "shop/web"


@pytest.mark.parametrize("what", ["folder", "missing", "link", "pipe"])
def test_a_file_that_cannot_be_written_is_told_once_and_lines_go_on(tmp_path: Path, what: str) -> None:
    file = tmp_path / "events.jsonl"
    if what == "folder":
        file.mkdir()
    elif what == "missing":
        file = tmp_path / "nowhere/events.jsonl"
    elif what == "link":
        file.symlink_to(tmp_path / "other")
    else:
        os.mkfifo(file)  # that nobody reads
    made = callback(file=file)
    walk(made)
    assert len(made._display.warnings) == 1
    assert "events.jsonl" in made._display.warnings[0]
    assert texts(made)[-1].startswith("done")
    assert not (tmp_path / "other").exists()


def test_what_goes_wrong_in_it_is_told_once_and_then_it_is_quiet() -> None:
    made = callback()
    made.v2_runner_on_ok(of("uplift.kubeadm.upgrade_plan", plan={"target": "v1.25.4"}))
    assert made.disabled  # Ansible does not call it any more
    assert len(made._display.warnings) == 1
    assert "the upgrade itself goes on. In v2_runner_on_ok of" in made._display.warnings[0]
    assert "KeyError: 'stages'" in made._display.warnings[0]
    assert made._display.lines == []


def test_a_node_that_fails_and_a_host_that_is_lost() -> None:
    made = callback()
    made.v2_runner_on_ok(of("uplift.kubeadm.upgrade_plan", plan=PLAN))
    made.v2_runner_on_unreachable(of("uplift.kubeadm.node_info", "w9", msg="no route"))  # left out of the plan
    made.v2_runner_on_ok(facts(kubeadm_upgrade_plan=PLAN))
    made.v2_runner_on_ok(facts(kubeadm_upgrade_wave=["w1"], kubeadm_upgrade_steps={"w1": STEP}))
    made.v2_runner_on_ok(facts(kubeadm_upgrade_step_began="…"))
    made.v2_runner_on_failed(of("uplift.kubeadm.node_drain", msg="no"), ignore_errors=True)
    made.v2_runner_on_failed(of("uplift.kubeadm.node_drain", msg="held"))
    made.v2_runner_on_ok(facts(kubeadm_upgrade_failure={"task": "Drain", "message": "held", "node": "n-w1"}))
    made.v2_playbook_on_stats(FakeStats(w1=1))
    assert texts(made)[1:] == [
        "hop 1/1 (v1.25.4), worker 1/1: n-w1",
        'n-w1 FAILED at "Drain", hop 1/1 (v1.25.4), worker: held',
        "stopped after 0 s: hop 1/1 (v1.25.4), worker 0 of 1 done; failed: n-w1",
    ]


def test_the_message_of_a_loop_is_that_of_its_last_item() -> None:
    made = callback()
    made.v2_runner_on_ok(of("uplift.kubeadm.upgrade_plan", plan=PLAN))
    made.v2_runner_on_ok(facts(kubeadm_upgrade_wave=["w1"], kubeadm_upgrade_steps={"w1": STEP}))
    items = [{"msg": "one"}, {"msg": "no route", "unreachable": True}]
    made.v2_runner_on_unreachable(of("uplift.kubeadm.node_drain", results=items, msg="All items completed"))
    assert texts(made)[0].endswith("worker: no route")


def test_stopped_as_asked() -> None:
    made = callback()
    made.v2_runner_on_ok(of("uplift.kubeadm.upgrade_plan", plan=PLAN))
    made.v2_runner_on_ok(facts(kubeadm_upgrade_plan=PLAN))
    made.v2_runner_on_ok(facts(kubeadm_upgrade_wave=["w1"], kubeadm_upgrade_steps={"w1": STEP}))
    made.v2_runner_on_ok(facts(kubeadm_upgrade_stopped="anna asked for it"))
    made.v2_runner_on_failed(of("ansible.builtin.fail", msg="Stopped"))
    made.v2_playbook_on_stats(FakeStats(w1=1))
    assert texts(made)[-1] == "stopped after 0 s: hop 1/1 (v1.25.4), worker 0 of 1 done, 1 not begun. anna asked for it"


def test_a_gate_that_is_closed_is_no_failure(tmp_path: Path) -> None:
    made = callback(file=tmp_path / "events.jsonl")
    made.v2_runner_on_ok(of("uplift.kubeadm.upgrade_plan", plan=PLAN))
    made.v2_runner_on_ok(facts(kubeadm_upgrade_plan=PLAN))
    made.v2_runner_on_ok(facts(kubeadm_upgrade_wave=["w1"], kubeadm_upgrade_steps={"w1": STEP}))
    made.v2_runner_on_ok(of("uplift.kubeadm.upgrade_report", summary={"outcome": "stopped"}))
    made.v2_runner_on_failed(of("ansible.builtin.fail", msg="closed gates: change-window"))
    made.v2_playbook_on_stats(FakeStats(w1=1))
    assert texts(made)[-1].endswith("1 not begun. closed gates: change-window")
    assert json.loads((tmp_path / "events.jsonl").read_text().splitlines()[-1])["outcome"] == "stopped"


def test_other_playbooks_are_none_of_its_business(tmp_path: Path) -> None:
    made = callback(file=tmp_path / "events.jsonl")
    made.v2_runner_on_ok(facts(kubeadm_upgrade_wave=["w1"]))
    made.v2_runner_on_ok(of("uplift.kubeadm.node_drain", drained=True, progress={}))
    made.v2_runner_on_failed(of("ansible.builtin.fail"))
    made.v2_runner_on_unreachable(of("ansible.builtin.ping"))
    made.v2_playbook_on_stats(FakeStats(w1=1))
    assert (made._display.lines, made._display.warnings) == ([], [])
    assert not (tmp_path / "events.jsonl").exists()
