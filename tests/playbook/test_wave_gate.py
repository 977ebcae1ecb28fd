# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wave gate: when a node fails, is lost, or is mended in a rescue, nothing after its wave begins.

Protects roles/kubeadm_upgrade/tasks/wave_open.yml and wave_close.yml: without them the cases below go on with later
waves (unreachable) or with the next hop (tried by emptying the two files).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from stubbed import StubbedCluster

WORKERS = 4
# The bad node has a peer in its wave, to see that the peer finishes: the sizes of the waves, by which one is bad.
WAVES = {
    "first": [["w1", "w2"], ["w3"], ["w4"]],
    "middle": [["w1"], ["w2", "w3"], ["w4"]],
    "last": [["w1"], ["w2"], ["w3", "w4"]],
}
MENDING_HOOK = """
- name: A hook that mends the node and clears its error
  ansible.builtin.meta: clear_host_errors
"""


def kubelet_installs(events: list[dict[str, Any]], version: str) -> set[str]:
    return {
        event["host"]
        for event in events
        if event["module"] == "kubernetes_release"
        and event["version"] == version
        and "kubelet" in (event["components"] or [])
    }


@pytest.fixture
def cluster(tmp_path: Path) -> StubbedCluster:
    return StubbedCluster(tmp_path, control_planes=1, workers=WORKERS)


@pytest.mark.parametrize("wave", WAVES)
@pytest.mark.parametrize("trouble", ["fails", "unreachable", "mended"])
def test_nothing_begins_after_the_wave_of_a_bad_node(cluster: StubbedCluster, trouble: str, wave: str) -> None:
    waves = WAVES[wave]
    at = next(i for i, names in enumerate(waves) if len(names) > 1)
    bad, peer = waves[at]
    variables: dict[str, Any] = {"target": "1.26", "kubeadm_upgrade_serial": list(map(len, waves))}
    if trouble == "unreachable":
        cluster.misbehave({"module": "node_drain", "host": bad, "state": "drained", "do": "down"})
    else:
        cluster.misbehave({"module": "node_drain", "host": bad, "state": "drained", "do": "fail"})
    if trouble == "mended":
        hook = cluster.folder / "mend.yml"
        hook.write_text(MENDING_HOOK)
        variables["kubeadm_upgrade_hook_on_failure"] = str(hook)

    run = cluster.run("uplift.kubeadm.upgrade", **variables)

    assert run.returncode != 0, run.stdout
    done = kubelet_installs(cluster.events(), "v1.25.4")
    earlier = {name for names in waves[:at] for name in names}
    later = {name for names in waves[at + 1 :] for name in names}
    assert done & later == set(), f"a wave after that of {bad} was begun\n{run.stdout}"
    assert done >= earlier | {peer}, f"{peer}, in the wave of {bad}, did not finish\n{run.stdout}"
    assert bad not in done
    assert kubelet_installs(cluster.events(), "v1.26.9") == set(), f"the next hop was begun\n{run.stdout}"
    assert "run the same command again" in run.stdout
    told = json.loads((cluster.folder / "report/report.json").read_text())["done"]
    assert (told["outcome"], told["failed"]["node"]) == ("failed", bad)
    assert cluster.read("lock.json") == {}


def test_the_same_command_goes_on_where_it_stopped(cluster: StubbedCluster) -> None:
    cluster.misbehave({"module": "node_drain", "host": "w2", "state": "drained", "do": "down"})
    assert cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_serial=[1, 2, 1]).returncode != 0
    cluster.mend()
    again = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_serial=[1, 2, 1])
    assert again.returncode == 0, again.stdout
    assert {node["kubelet"] for node in cluster.read("cluster.json")["nodes"].values()} == {"v1.25.4"}
    assert kubelet_installs(cluster.events(), "v1.25.4") == {"w2", "w4"}, "upgraded twice, or not at all"


def test_a_node_lost_while_all_are_prepared_stops_before_the_control_plane(cluster: StubbedCluster) -> None:
    cluster.misbehave({"module": "kubernetes_release", "host": "w4", "state": "fetched", "do": "down"})
    run = cluster.run("uplift.kubeadm.upgrade", target="1.26", kubeadm_upgrade_serial=2)
    assert run.returncode != 0
    assert not [event for event in cluster.events() if event["module"] == "kubeadm_run"], run.stdout


def test_a_member_of_etcd_that_was_lost_meanwhile_stops_before_the_next_control_plane(tmp_path: Path) -> None:
    """Without the look at etcd, kubeadm is begun on cp2, and its member is restarted beside the one that is lost."""
    cluster = StubbedCluster(tmp_path, control_planes=3, workers=1)
    # From then on cp2 says that it cannot be done without.
    hook = cluster.misbehaving_from("cp2", {"module": "node_info", "host": "cp2", "do": "fail"})
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_hook_before_node=hook)
    assert run.returncode != 0, run.stdout
    assert [event["host"] for event in cluster.events() if event["module"] == "kubeadm_run"] == ["cp1"]
    assert 'cp2 failed in 1.25/control_plane at "See that etcd can do without this member"' in " ".join(
        run.stdout.split()
    ).replace('\\"', '"')


def test_a_control_plane_that_fails_stops_all(tmp_path: Path) -> None:
    cluster = StubbedCluster(tmp_path, control_planes=3, workers=2)
    cluster.misbehave({"module": "kubeadm_run", "host": "cp2", "do": "fail"})
    run = cluster.run("uplift.kubeadm.upgrade", target="1.26")
    assert run.returncode != 0
    ran = [event["host"] for event in cluster.events() if event["module"] == "kubeadm_run"]
    assert ran == ["cp1", "cp2"], run.stdout
    assert kubelet_installs(cluster.events(), "v1.25.4") == set()


def a_control_plane_is_lost(cluster: StubbedCluster, rule: dict[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    """The first control plane is lost when the rule matches. What the run said; what was done about w1, and where."""
    assert cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_scope="control_plane").returncode == 0
    cluster.misbehave({"do": "down", "down": "cp1", **rule})
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_serial=2)
    assert run.returncode != 0, run.stdout
    told = json.loads((cluster.folder / "report/report.json").read_text())["done"]
    assert told["outcome"] == "failed", run.stdout
    assert told["failed"]["node"] in ("w1", "w2"), "both asked it, and either may have been the first to notice"
    assert cluster.read("lock.json") == {}, "the lock was kept"
    drains = [(e["state"], e["host"]) for e in cluster.events() if e["module"] == "node_drain" and e["name"] == "w1"]
    return " ".join(run.stdout.split()), drains


def test_a_worker_is_returned_to_service_when_the_control_plane_that_drains_it_is_lost(tmp_path: Path) -> None:
    """Ansible would call the worker unreachable: no rescue, the node cordoned, the lock held. Protects reached.yml and
    api_find.yml, by which the other control plane is asked."""
    cluster = StubbedCluster(tmp_path, control_planes=2, workers=2)
    said, drains = a_control_plane_is_lost(cluster, {"module": "kubeadm_run", "host": "w1"})
    assert "cp1, where the Kubernetes API was to be asked, could not be reached" in said
    assert "so it was returned to service" in said
    assert drains == [("uncordoned", "cp2")]
    assert kubelet_installs(cluster.events(), "v1.25.4") & {"w1", "w2"} == set()


def test_a_worker_stays_cordoned_when_the_control_plane_is_lost_while_its_kubelet_is_replaced(tmp_path: Path) -> None:
    cluster = StubbedCluster(tmp_path, control_planes=2, workers=2)
    rule = {"module": "kubernetes_release", "host": "w1", "component": "kubelet"}
    said, drains = a_control_plane_is_lost(cluster, rule)
    assert "so the node is left cordoned" in said
    assert drains == [("drained", "cp1")]
