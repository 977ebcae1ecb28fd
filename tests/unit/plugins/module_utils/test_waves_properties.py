# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Properties of waves, over generated clusters: every one is held against an oracle written on its own.

Each run of the tests tries the same clusters. UPLIFT_EXPLORE=20 in the environment tries others, 20 times as many.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import parse_version
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves import Waves, fitting, plan_waves
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_rules import Rules, read_groups
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_pods import (
    HOST,
    ZONE,
    budget,
    control_plane,
    facts,
    node,
    pod,
    workload,
)
from ansible_collections.uplift.kubeadm.tests.unit.plugins.module_utils.wave_oracle import Oracle

EXPLORE = int(os.environ.get("UPLIFT_EXPLORE", "0"))
COMMON = settings(suppress_health_check=list(HealthCheck))
API = parse_version("v1.25.4")


def shy(app: str) -> dict[str, Any]:
    term = {"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": app}}}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


@st.composite
def clusters(draw: st.DrawFn, most_nodes: int = 8, most_workloads: int = 6) -> dict[str, Any]:
    """Workers of two pools in up to three zones, often tight, with workloads of all kinds upon them."""
    names = [f"w{number}" for number in range(draw(st.integers(2, most_nodes)))]
    tight = draw(st.sampled_from([600, 1000, 4000]))
    nodes = {
        name: node(
            name,
            cpu=tight,
            pods=draw(st.sampled_from([3, 6, 110])),
            labels={ZONE: draw(st.sampled_from("abc")), "pool": draw(st.sampled_from(["x", "y"]))},
            unschedulable=draw(st.sampled_from([False] * 7 + [True])),
        )
        for name in names
    }
    pods: list[dict[str, Any]] = []
    pdbs, workloads = [], []
    used: Counter[str] = Counter()
    for number in range(draw(st.integers(0, most_workloads))):
        app, kind = f"app{number}", draw(st.sampled_from(["Deployment", "Deployment", "StatefulSet", "Job", "bare"]))
        replicas, cpu = draw(st.integers(1, 6)), draw(st.sampled_from([0, 100, 200, 300]))
        more: dict[str, Any] = {"labels": {"app": app}, "requests": {"cpu": cpu} if cpu else {}}
        if draw(st.booleans()) and draw(st.booleans()):
            more["affinity"] = shy(app)
        if draw(st.integers(0, 3)) == 0:
            more["node_selector"] = {"pool": draw(st.sampled_from(["x", "y"]))}
        made = 0
        for replica in range(replicas):
            open_ = [n for n in names if _takes(nodes[n], n, pods, used, cpu, more)]
            if open_:
                where = draw(st.sampled_from(open_))
                row = pod(f"{app}-{replica}", where, _owner(kind, app), **more)
                if draw(st.integers(0, 9)) == 0:
                    del row["ready"]
                pods.append(row)
                used[where] += cpu
                made += 1
        if kind in ("Deployment", "StatefulSet"):
            workloads.append(workload(app, kind, made))
            if draw(st.booleans()):
                pdbs.append(budget(app, app, max_unavailable=draw(st.sampled_from([0, 1, 1, 2, "50%"]))))
    return facts({**nodes, "cp1": control_plane("cp1")}, pods, pdbs, workloads)


def _owner(kind: str, app: str) -> tuple[str, str] | None:
    if kind == "bare":
        return None
    return ("ReplicaSet", f"{app}-5d4f") if kind == "Deployment" else (kind, app)


def _takes(facts_: dict[str, Any], name: str, pods: Any, used: Counter[str], cpu: int, more: dict[str, Any]) -> bool:
    there = [row for row in pods if row["node"] == name]
    wanted = more.get("node_selector") or {}
    return (
        used[name] + cpu <= facts_["allocatable"]["cpu"]
        and len(there) < facts_["allocatable"]["pods"]
        and all(facts_["labels"].get(key) == value for key, value in wanted.items())
        and not ("affinity" in more and any(row["labels"] == more["labels"] for row in there))
    )


def workers(cluster: dict[str, Any]) -> list[str]:
    return [name for name in cluster["nodes"] if name != "cp1"]


def wrong(cluster: dict[str, Any], waves: Waves) -> list[str]:
    """What the oracle has against these waves, taken one after the other."""
    oracle, found = Oracle(cluster), []
    for wave in waves.waves:
        moves = {move.pod.facts["name"]: move.to for move in wave.moves}
        found += oracle.play(wave.nodes, moves, bool(wave.alone))
    return found


@settings(COMMON, max_examples=300 * (EXPLORE or 1))
@given(clusters(), st.integers(0, 2), st.sampled_from(["100%", "50%", 2]))
def test_no_wave_breaks_a_budget_or_the_room_that_there_is(cluster: dict[str, Any], canaries: int, most: Any) -> None:
    waves = plan_waves(cluster, workers(cluster), Rules(canaries=canaries, most=most), API)
    assert wrong(cluster, waves) == []
    assert sorted(name for wave in waves.waves for name in wave.nodes) == sorted(workers(cluster))
    event(f"largest wave: {max(len(wave.nodes) for wave in waves.waves)}")


@settings(COMMON, max_examples=100 * (EXPLORE or 1))
@given(clusters(), st.integers(1, 3), st.integers(1, 2), st.integers(1, 2))
def test_no_wave_breaks_what_the_user_says_of_groups(cluster: dict[str, Any], forks: int, most: int, zone: int) -> None:
    groups = [
        {"name": "x", "selector": "pool=x", "max": most, "order": 2, "soak": 5},
        {"name": "first", "inventory_group": "first", "order": 1, "canaries": 1},
        {"name": "all", "max_per_zone": zone},
    ]
    first = workers(cluster)[:3]
    rules = Rules(groups=read_groups(groups, {"first": first}), forks=forks)
    waves = plan_waves(cluster, workers(cluster), rules, API).waves
    labels = {name: cluster["nodes"][name]["labels"] for name in workers(cluster)}
    out = [name for name in workers(cluster) if cluster["nodes"][name]["unschedulable"]]  # by a person, all the time
    for wave in waves:
        assert len(wave.nodes) <= forks
        of_x, by_zone = (Counter(labels[name][key] for name in wave.nodes if name not in out) for key in ("pool", ZONE))
        assert of_x["x"] <= max(1, most - sum(labels[name]["pool"] == "x" for name in out))
        for where, number in by_zone.items():
            assert number <= max(1, zone - sum(labels[name][ZONE] == where for name in out))
        assert wave.soak == (5 if any(labels[name]["pool"] == "x" for name in wave.nodes) else 0)
    order = [1 if n in first else 2 if labels[n]["pool"] == "x" else 3 for wave in waves for n in wave.nodes]
    assert order == sorted(order)
    assert len(waves[0].nodes) == 1 or len(first) == 1


@settings(COMMON, max_examples=100 * (EXPLORE or 1))
@given(clusters(), st.data())
def test_what_is_let_go_of_a_wave_may_go(cluster: dict[str, Any], data: st.DataObject) -> None:
    """However a wave was planned: what may go of it breaks nothing, and it is never nothing."""
    wave = data.draw(st.lists(st.sampled_from(workers(cluster)), unique=True, min_size=1))
    fits, held, forced, _limits = fitting(cluster, wave, Rules(), API)
    assert fits
    assert fits + [name for name in wave if name in held] == sorted(
        wave, key=lambda name: (name in held, wave.index(name))
    )
    if not forced:
        assert Oracle(cluster).over_limits(fits, alone=False) == []
    else:
        assert len(fits) == 1


@settings(COMMON, max_examples=100 * (EXPLORE or 1))
@given(clusters())
def test_the_same_facts_give_the_same_waves(cluster: dict[str, Any]) -> None:
    once, again = (plan_waves(cluster, workers(cluster), Rules(), API) for _time in range(2))
    assert [wave.nodes for wave in once.waves] == [wave.nodes for wave in again.waves]


def test_near_the_least_number_of_waves() -> None:
    """Against all ways to cut up to six nodes, while pods lie as at first (which waves themselves change)."""
    over: Counter[int] = Counter()

    @settings(COMMON, max_examples=150 * (EXPLORE or 1))
    @given(clusters(most_nodes=6, most_workloads=4))
    def compare(cluster: dict[str, Any]) -> None:
        names = workers(cluster)
        waves = plan_waves(cluster, names, Rules(), API)
        over[len(waves.waves) - Oracle(cluster).fewest(names)] += 1

    compare()
    assert max(over) <= 3
    assert sum(number for more, number in over.items() if more <= 0) >= 0.9 * sum(over.values())
    assert sum(number for more, number in over.items() if more <= 1) >= 0.98 * sum(over.values())
