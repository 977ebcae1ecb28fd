# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_play import host_step, plan_play


def stage(kind: str, hosts: list[str], hop: int = 0, serial: Any = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": f"1.25/{kind}", "hop": hop, "kind": kind, "version": "v1.25.4", "hosts": hosts,
        "nodes": [f"node-{host}" for host in hosts], "serial": serial, "drains": [], "why": "", **more,
    }  # fmt: skip


def plan(*stages: dict[str, Any]) -> dict[str, Any]:
    hops = [{"index": 0, "minor": "1.25", "version": "v1.25.4"}, {"index": 1, "minor": "1.26", "version": "v1.26.9"}]
    return {"hops": hops, "stages": list(stages), "image_repository": "registry.example"}


KUBELETS = ["control_plane_kubelet", "workers"]
SMALL = plan(
    stage("prepare", ["a", "b", "c"], serial="100%"),
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


def test_the_first_host_proves_all_hops() -> None:
    play = plan_play(SMALL, 0, ["uncordon", "prepare", "kubectl"])
    assert play["versions"] == {"a": ["v1.25.4", "v1.26.9"], "b": ["v1.25.4"], "c": ["v1.25.4"]}


def test_a_host_learns_its_own_step() -> None:
    step = host_step(plan_play(SMALL, 0, KUBELETS), "c")
    assert step["node"] == "node-c"
    assert step["strip_kubelet_flags"] == ["container-runtime"]
    assert step["ends_hop"]
    assert not host_step(plan_play(SMALL, 0, KUBELETS), "b")["ends_hop"]
    step = host_step(plan_play(SMALL, 0, ["control_plane"]), "a")
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
