# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kubeadm_upgrade_serial: auto, as Ansible walks it; what is held back; how many may fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from stubbed import StubbedCluster

from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_pods import budget, facts, pod, workload

WEB = ("w1", "w3")  # shop/web has a pod on each, and lets one go


def stubbed(folder: Path, workers: int = 5, web: tuple[str, ...] = WEB) -> StubbedCluster:
    cluster = StubbedCluster(folder, workers=workers)
    state = cluster.read("cluster.json")
    pods = [pod(f"web-{name}", name) for name in web]
    more = facts(state["nodes"], pods, [budget(max_unavailable=1)], [workload(replicas=len(web))])
    cluster.write("cluster.json", {**state, **{k: more[k] for k in ("pods", "pdbs", "workloads")}, "volumes": []})
    return cluster


def asked(events: list[dict[str, Any]]) -> list[list[str]]:
    """The nodes of each wave that was asked about, in order."""
    return [e["nodes"] for e in events if e["module"] == "worker_wave" and e["state"] != "planned" and e["nodes"]]


def watched(events: list[dict[str, Any]]) -> list[tuple[int, list[str]]]:
    """(seconds, the nodes that are done) of each watch after a wave."""
    return [(e["soak"], e["ready"]) for e in events if e["module"] == "worker_wave" and not e["nodes"]]


def drained(events: list[dict[str, Any]]) -> list[str]:
    return [e["name"] for e in events if e["module"] == "node_drain" and e["state"] == "drained" and e["name"] != "cp1"]


def kubelets(cluster: StubbedCluster) -> dict[str, str]:
    return {name: node["kubelet"] for name, node in cluster.read("cluster.json")["nodes"].items()}


def test_workers_go_in_the_waves_of_the_plan(tmp_path: Path) -> None:
    cluster = stubbed(tmp_path)
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_serial="auto")
    assert run.returncode == 0, run.stdout
    waves = asked(cluster.events())
    assert waves[0] == ["w1"]
    assert sorted(waves[1]) == ["w2", "w3", "w4", "w5"]
    assert len(waves) == 2
    assert "5 workers in 2 waves of up to 4" in run.stdout
    assert "Canary: it goes first" in run.stdout
    ready = [sorted(event["ready"]) for event in cluster.events() if event["module"] == "worker_wave"]
    assert ready == [["cp1"], ["cp1", "w1"]]
    assert set(kubelets(cluster).values()) == {"v1.25.4"}
    assert "Hop 1, workers held back: not in this plan" in run.stdout


def test_groups_are_honoured(tmp_path: Path) -> None:
    cluster = stubbed(tmp_path)
    groups = [{"name": "db", "inventory_group": "db", "max": 1, "order": 1, "soak": 7}]
    inventory = cluster.inventory
    inventory["all"]["children"]["db"] = {"hosts": {"w4": {}, "w5": {}}}
    (cluster.folder / "inventory.json").write_text(json.dumps(inventory))
    run = cluster.run(
        "uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_serial="auto", kubeadm_upgrade_groups=groups
    )
    assert run.returncode == 0, run.stdout
    assert asked(cluster.events())[:2] == [["w4"], ["w5"]]
    assert watched(cluster.events()) == [(7, ["cp1", "w4"]), (7, ["cp1", "w4", "w5"])]
    wrong = cluster.run(
        "uplift.kubeadm.upgrade", target="1.26", kubeadm_upgrade_serial="auto",
        kubeadm_upgrade_groups=[{"inventory_group": "nowhere"}],
    )  # fmt: skip
    assert wrong.returncode != 0
    assert "the inventory has none of that name" in wrong.stdout


@pytest.mark.thorough
def test_the_last_wave_is_watched_as_well_before_the_hop_ends(tmp_path: Path) -> None:
    cluster = stubbed(tmp_path, workers=3, web=())
    groups = [{"name": "all", "soak": 5}]
    cluster.misbehave({"module": "worker_wave", "host": "cp1", "soak": 5, "do": "fail"})
    run = cluster.run(
        "uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_serial="auto", kubeadm_upgrade_groups=groups,
        kubeadm_upgrade_canaries=0,
    )  # fmt: skip
    assert run.returncode != 0
    assert "ends after wave 1 of 1" in run.stdout
    assert set(kubelets(cluster).values()) == {"v1.25.4"}
    assert not cluster.read("lock.json"), "the lock was kept"


def test_who_asks_for_an_end_during_a_watch_is_heard_before_the_next_wave(tmp_path: Path) -> None:
    """Protects: an alert in the minutes after a wave of test nodes keeps production untouched."""
    cluster = stubbed(tmp_path, web=())
    groups = [{"name": "all", "soak": 5}]
    cluster.misbehave({"module": "worker_wave", "host": "cp1", "soak": 5, "do": "stop"})
    run = cluster.run(
        "uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_serial="auto", kubeadm_upgrade_groups=groups
    )
    assert run.returncode != 0
    assert drained(cluster.events()) == ["w1"]
    assert "Stopped as asked" in run.stdout


def test_what_is_held_back_gets_a_play_of_its_own_before_the_next_hop(tmp_path: Path) -> None:
    cluster = stubbed(tmp_path, web=())
    cluster.write("held.json", ["w3", "w4"])
    cluster.write("held_waves.json", [["w4"], ["w3"]])
    run = cluster.run(
        "uplift.kubeadm.upgrade", target="1.26", kubeadm_upgrade_serial="auto", kubeadm_upgrade_worker_hops="every"
    )
    assert run.returncode == 0, run.stdout
    assert "w3: a budget of the test" in run.stdout
    events = cluster.events()
    waves = asked(events)
    assert waves == [["w1"], ["w2", "w3", "w4", "w5"], ["w4"], ["w3"]] * 2
    assert drained(events) == ["w1", "w2", "w5", "w4", "w3"] * 2
    first_of_next = next(
        i for i, e in enumerate(events) if e["module"] == "kubeadm_run" and "v1.26.9" in e["arguments"]
    )
    assert {e["name"] for e in events[:first_of_next] if e["module"] == "node_ready"} >= {"w1", "w2", "w3", "w4", "w5"}
    assert set(kubelets(cluster).values()) == {"v1.26.9"}
    assert "workers that were held back" in run.stdout


def test_what_is_held_back_twice_ends_the_run(tmp_path: Path) -> None:
    cluster = stubbed(tmp_path, web=())
    cluster.write("held.json", ["w3", "w4"])
    cluster.write("held_waves.json", [["w3", "w4"]])
    run = cluster.run(
        "uplift.kubeadm.upgrade", target="1.26", kubeadm_upgrade_serial="auto", kubeadm_upgrade_worker_hops="every"
    )
    assert run.returncode != 0
    assert "w4 could not go with any wave" in run.stdout
    assert kubelets(cluster) == {**dict.fromkeys(["cp1", "w1", "w2", "w3", "w5"], "v1.25.4"), "w4": "v1.24.17"}
    assert not cluster.read("lock.json"), "the lock was kept"


def test_held_nodes_are_no_steps_of_the_report(tmp_path: Path) -> None:
    cluster = stubbed(tmp_path, web=())
    cluster.write("held.json", ["w3"])
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_serial="auto")
    assert run.returncode == 0, run.stdout

    report = json.loads(next((cluster.folder / "report").rglob("*.json")).read_text())
    steps = [step["node"] for step in report["done"]["steps"] if step["kind"] == "workers"]
    assert sorted(steps) == ["w1", "w2", "w3", "w4", "w5"]


FAIL = {"module": "node_drain", "state": "drained", "do": "fail"}


@pytest.mark.parametrize(("failed", "done"), [(0, 2), (1, 5)])
def test_so_many_workers_may_fail(tmp_path: Path, failed: int, done: int) -> None:
    """w2 fails in the wave of w2 and w3; with one failure allowed the wave after that goes, and the run still fails."""
    cluster = stubbed(tmp_path, workers=6)
    cluster.misbehave({**FAIL, "host": "w2"})
    run = cluster.run(
        "uplift.kubeadm.upgrade", target="1.26", kubeadm_upgrade_serial=[1, 2, 3], kubeadm_upgrade_max_failed=failed,
        kubeadm_upgrade_worker_hops="every",
    )  # fmt: skip
    assert run.returncode != 0
    versions = kubelets(cluster)
    workers = [versions[f"w{number}"] for number in range(1, 7)]
    assert versions["w2"] == "v1.24.17"
    assert workers.count("v1.25.4") == done, run.stdout
    assert "v1.26.9" not in workers
    assert versions["cp1"] == "v1.25.4", "the next hop was begun without a worker that failed"
    cluster.mend()
    again = cluster.run(
        "uplift.kubeadm.upgrade", target="1.26", kubeadm_upgrade_serial=6, kubeadm_upgrade_worker_hops="every"
    )
    assert again.returncode == 0, again.stdout


def test_an_end_of_a_hop_that_fails_is_no_worker_that_may(tmp_path: Path) -> None:
    """Protects: the run ends there. A task for all hosts fails on one of them, which was passed over as a worker."""
    cluster = stubbed(tmp_path, workers=2)
    hook = tmp_path / "after_hop.yml"
    hook.write_text("- name: Bring the add-on\n  ansible.builtin.fail: {msg: made to fail by the test}\n")
    run = cluster.run(
        "uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_serial=2, kubeadm_upgrade_max_failed=1,
        kubeadm_upgrade_hook_after_hop=str(hook),
    )  # fmt: skip
    assert run.returncode == 2
    assert "PLAY [Result]" not in run.stdout
    assert [e for e in cluster.events() if e["module"] == "workload_state" and e["state"] == "compared"] == []


def test_a_failure_too_many_ends_the_run(tmp_path: Path) -> None:
    cluster = stubbed(tmp_path, workers=6)
    cluster.misbehave({**FAIL, "host": "w1"}, {**FAIL, "host": "w3"})
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_serial=2, kubeadm_upgrade_max_failed=1)
    assert run.returncode != 0
    assert sorted(drained(cluster.events())) == ["w1", "w2", "w3", "w4"]
    assert not cluster.read("lock.json"), "the lock was kept"


def test_a_canary_that_fails_always_ends_the_run(tmp_path: Path) -> None:
    cluster = stubbed(tmp_path)
    cluster.misbehave({**FAIL, "host": "w1"})
    run = cluster.run(
        "uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_serial="auto", kubeadm_upgrade_max_failed=3,
        kubeadm_upgrade_canaries=2,
    )  # fmt: skip
    assert run.returncode != 0
    assert "w1 failed or was lost" in run.stdout
    assert len(drained(cluster.events())) <= 2


def test_a_wave_that_cannot_be_looked_at_is_not_begun(tmp_path: Path) -> None:
    cluster = stubbed(tmp_path)
    cluster.misbehave({"module": "worker_wave", "host": "cp1", "do": "fail"})
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_serial="auto")
    assert run.returncode != 0
    assert drained(cluster.events()) == []
    assert "ends before wave 1 of 2" in run.stdout
    assert not cluster.read("lock.json"), "the lock was kept"
