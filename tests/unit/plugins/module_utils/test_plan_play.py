# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_play import host_steps, plan_play


def stage(kind: str, hosts: list[str], hop: int = 0, serial: Any = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": f"1.25/{kind}", "hop": hop, "kind": kind, "version": "v1.25.4", "hosts": hosts,
        "nodes": [f"node-{host}" for host in hosts], "serial": serial, "drains": [], "why": "", **more,
    }  # fmt: skip


def plan(*stages: dict[str, Any]) -> dict[str, Any]:
    hops = [{"index": 0, "minor": "1.25", "version": "v1.25.4"}, {"index": 1, "minor": "1.26", "version": "v1.26.9"}]
    return {"hops": hops, "stages": list(stages)}


KUBELETS = ["control_plane_kubelet", "workers"]
SMALL = plan(
    stage("prepare", ["a", "b", "c"], serial="100%", proves="a"),
    stage("control_plane", ["a"], actions={"a": "apply"}, force_kubelet_skew=True),
    stage("control_plane_kubelet", ["a"], strip_kubelet_flags={}),
    stage("workers", ["b", "c"], serial="50%", strip_kubelet_flags={"c": ["container-runtime"]}),
    stage("finish", ["a"]),
)


@pytest.mark.parametrize("nothing", [{}, None, plan(), SMALL])
def test_a_play_that_the_plan_does_not_need_has_no_hosts(nothing: Any) -> None:
    play = plan_play(nothing, 1, KUBELETS)
    assert play["hosts"] == []
    assert play["serial"] == [1]
    assert play["title"] == "Hop 2: not in this plan"
    assert not play["last_of_hop"]


def test_control_plane_kubelets_and_workers_in_one_play() -> None:
    play = plan_play(SMALL, 0, KUBELETS)
    assert play["hosts"] == ["a", "b", "c"]
    assert play["serial"] == [1, 1, 1]
    assert play["title"] == "Hop 1 of 2, v1.25.4: control plane kubelet, then workers"
    assert play["kinds"] == {"a": ["control_plane_kubelet"], "b": ["workers"], "c": ["workers"]}
    assert play["last_of_hop"]
    assert not plan_play(SMALL, 0, ["control_plane"])["last_of_hop"]


PREPARE = ["uncordon", "prepare", "kubectl"]


def test_one_host_proves_all_hops() -> None:
    play = plan_play(SMALL, 0, PREPARE)
    assert play["versions"] == {"a": ["v1.25.4", "v1.26.9"], "b": ["v1.25.4"], "c": ["v1.25.4"]}


def test_an_uncordon_before_the_rest_has_no_say_in_version_title_and_proof() -> None:
    uncordon = {**stage("uncordon", ["c"], serial="100%"), "id": "1.24/uncordon", "version": "v1.24.17"}
    prepare = stage("prepare", ["a", "b"], serial="100%", proves="a")
    play = plan_play(plan(uncordon, prepare, stage("finish", ["a"])), 0, PREPARE)
    assert (play["hosts"], play["version"]) == (["c", "a", "b"], "v1.25.4")
    assert play["serial"] == [3], "all at once, so that one backup has them all"
    assert play["title"] == "Hop 1 of 2, v1.25.4: uncordon, then prepare"
    assert play["versions"] == {"a": ["v1.25.4", "v1.26.9"], "b": ["v1.25.4"], "c": ["v1.25.4"]}


def test_a_host_learns_its_own_step() -> None:
    step = host_steps(plan_play(SMALL, 0, KUBELETS))["c"]
    assert step["node"] == "node-c"
    assert step["strip_kubelet_flags"] == ["container-runtime"]
    assert step["ends_hop"]
    assert not host_steps(plan_play(SMALL, 0, KUBELETS))["b"]["ends_hop"]
    step = host_steps(plan_play(SMALL, 0, ["control_plane"]))["a"]
    assert (step["action"], step["force_kubelet_skew"], step["ends_hop"]) == ("apply", True, False)


@pytest.mark.parametrize(
    ("serial", "count", "waves"),
    [
        (1, 3, [1, 1, 1]),
        (2, 5, [2, 2, 1]),
        ("100%", 4, [4]),
        ("20%", 10, [2, 2, 2, 2, 2]),
        ("20%", 3, [1, 1, 1]),  # never less than one
        ([1, 2, "50%"], 8, [1, 2, 4, 1]),
        ([1, 10], 4, [1, 3]),
    ],
)
def test_waves_are_counted_of_the_workers_alone(serial: Any, count: int, waves: list[int]) -> None:
    workers = [f"w{number}" for number in range(count)]
    both = plan(stage("control_plane_kubelet", ["a"]), stage("workers", workers, serial=serial), stage("finish", ["a"]))
    assert plan_play(both, 0, KUBELETS)["serial"] == [1, *waves]


def test_only_an_uncordon_is_left_of_a_killed_run() -> None:
    left = {**plan(stage("uncordon", ["b"], serial="100%")), "hops": []}
    play = plan_play(left, 0, ["uncordon", "prepare", "kubectl"])
    assert (play["hosts"], play["title"], play["last_of_hop"]) == (["b"], "Uncordon", False)


def test_the_steps_of_all_hosts_are_those_of_each() -> None:
    for kinds in (PREPARE, ["control_plane"], KUBELETS):
        play = plan_play(SMALL, 0, kinds)
        assert list(host_steps(play)) == play["hosts"]
    assert host_steps(plan_play({}, 0, KUBELETS)) == {}


def test_ten_times_the_hosts_cost_ten_times_as_much() -> None:
    """Five times that is allowed, as caches are small: what is quadratic takes a hundred times as long."""

    def seconds(count: int) -> float:
        workers = [f"w{number}" for number in range(count)]
        many = plan(
            stage("control_plane_kubelet", ["a"], strip_kubelet_flags={}),
            stage("workers", workers, serial=1, strip_kubelet_flags={host: ["flag"] for host in workers}),
            stage("finish", ["a"]),
        )
        times = []
        for _unused in range(5):
            start = time.process_time()
            assert len(host_steps(plan_play(many, 0, KUBELETS))) == count + 1
            times.append(time.process_time() - start)
        return min(times)

    assert seconds(5000) <= 50 * seconds(500)
