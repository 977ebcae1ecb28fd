# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of pretended clusters, by real ansible-playbook processes: order, stops, going on, and how children end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from stubbed_fleet import NAMES, StubbedFleet


@pytest.fixture
def fleet(tmp_path: Path) -> StubbedFleet:
    return StubbedFleet(tmp_path)


def words(run: subprocess.CompletedProcess[str]) -> str:
    return " ".join((run.stdout + run.stderr).split())


def test_a_failed_cluster_stops_the_fleet_and_the_next_run_does_what_is_left(fleet: StubbedFleet) -> None:
    fleet.clusters["stage"].misbehave({"module": "node_drain", "host": "cp1", "state": "drained", "do": "fail"})
    run = fleet.run()
    assert run.returncode != 0
    assert "made to fail by the test" in words(run)
    assert "No later wave is begun (prod)." in words(run)
    assert fleet.version("dev") == "v1.25.4"
    assert fleet.version("prod") == "v1.24.17"
    assert {event["module"] for event in fleet.events("prod")}.isdisjoint({"kubeadm_run", "node_drain", "upgrade_lock"})
    document = fleet.document()
    assert document["outcome"] == "failed"
    assert {name: entry["state"] for name, entry in document["clusters"].items()} == {
        "dev": "done", "stage": "failed", "prod": "left",
    }  # fmt: skip
    assert document["clusters"]["dev"]["links"]["upgrade"] == "dev/report.html"
    assert (fleet.folder / "report/dev/report.html").exists()

    fleet.clusters["stage"].mend()
    again = fleet.run()
    assert again.returncode == 0, again.stdout
    assert fleet.upgraded() == ["stage", "prod"]  # dev is only looked at
    assert {fleet.version(name) for name in NAMES} == {"v1.25.4"}
    assert fleet.document()["summary"]["left"] == 0

    last = fleet.run()
    assert last.returncode == 0
    assert fleet.upgraded() == []
    assert "changed=0" in last.stdout


def test_a_workload_that_an_upgrade_lost_stays_lost_until_it_is_mended_or_given_up(fleet: StubbedFleet) -> None:
    """Protects: the same command once more, by a timer say, does not take prod along with what dev lost."""
    fleet.waves = [fleet.waves[0], fleet.waves[2]]
    dev = fleet.clusters["dev"]
    dev.write("db.json", 1)
    hook = fleet.folder / "lose.yml"
    stub = dev.folder / "stub/db.json"
    hook.write_text(f"- name: Lose it\n  ansible.builtin.shell: echo 0 > {stub}\n  delegate_to: localhost\n")
    fleet.waves[0]["clusters"][0]["variables"] = {"kubeadm_upgrade_hook_after_hop": str(hook)}
    first = fleet.run()
    assert first.returncode != 0
    assert "1 workload(s) that were Ready before it are not now" in words(first)
    assert fleet.version("dev") == "v1.25.4"

    again = fleet.run()
    assert again.returncode != 0, again.stdout
    assert "Deployment shop/db" in words(again)
    assert fleet.version("prod") == "v1.24.17"

    notes = dev.read("notes.json")
    dev.write("notes.json", {**notes, "fleet": None, "workloads": None})  # as docs/fleet.md has it
    given_up = fleet.run()
    assert given_up.returncode == 0, given_up.stdout
    assert fleet.upgraded() == ["prod"]


def test_waves_are_asked_for_limited_and_groups_are_clusters(fleet: StubbedFleet) -> None:
    """What is refused, and a cluster that is a group of the inventory of the run."""
    inventory = ("-i", str(fleet.clusters["dev"].folder / "inventory.json"))
    group = [{"name": "dev", "clusters": [{"name": "dev", "group": "all"}], "approval": True}]
    run = fleet.run(*inventory, fleet_waves=group)
    assert run.returncode != 0
    assert "this run has no terminal" in words(run)
    assert fleet.document()["clusters"]["dev"]["state"] == "left"  # planned, by its own ansible-playbook
    assert fleet.upgraded() == []

    run = fleet.run(*inventory, "--limit", "cp1")
    assert run.returncode != 0
    assert "cannot choose clusters of a fleet" in words(run)

    (fleet.folder / "report/fleet.json").unlink()
    for wrong, said in (
        ({"fleet_thru": "dev"}, "No such variable: fleet_thru (did you mean fleet_through?)"),
        ({"awx_workflow_job_name": "fleet", "awx_job_template_name": "fleet"}, "one slice of a sliced job of AWX"),
    ):
        run = fleet.run(**wrong)
        assert run.returncode != 0
        assert said in words(run)
    assert not (fleet.folder / "report/fleet.json").exists()  # nothing was looked at


@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.thorough)])
def test_a_run_that_is_killed_takes_its_children_with_it(fleet: StubbedFleet, how: signal.Signals) -> None:
    begun = fleet.folder / "begun"
    gate = {"id": "hold", "command": ["sh", "-c", f"touch {begun}; sleep 300"]}
    fleet.waves[0]["clusters"][0]["variables"] = {"kubeadm_upgrade_gates": [gate], "pager_token": "tonight's"}
    command, environment = fleet.command(fleet_waves=fleet.waves[:1])
    with (fleet.folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait(begun.exists, 300)
        assert processes_with(str(fleet.folder / "home"), "dev.upgrade.json")
    finally:
        process.send_signal(how)
        process.wait(30)
    wait(lambda: not processes_with(str(fleet.folder / "home"), "dev.upgrade.json"), 60)
    assert fleet.version("dev") == "v1.24.17"
    if how != signal.SIGKILL:
        left = [
            path for path in (fleet.folder / "home").rglob("*") if path.is_file() and b"tonight" in path.read_bytes()
        ]
        assert not left, "a secret of a cluster's variables stays on the controller"


def wait(condition: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def processes_with(*texts: str) -> list[int]:
    """Processes that have all these in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                words_ = (entry / "cmdline").read_bytes().decode(errors="replace")
                found += [int(entry.name)] if all(text in words_ for text in texts) else []
    return found
