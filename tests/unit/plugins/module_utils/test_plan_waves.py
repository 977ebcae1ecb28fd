# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waves in the plan: order and sizes, what the table says, what is not known, nodes outside the inventory."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._durations import expected
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast import waves as forecast_waves
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan import Options, make_plan
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_play import host_steps, plan_play
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_waves import WaveOptions
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_pods import budget, facts, pod, workload
from ansible_collections.uplift.kubeadm.tests.unit.plugins.module_utils.fake_cluster import FakeCluster

AVAILABLE = {"1.25": ["1.25.4"], "1.26": ["1.26.9"]}


def planned(workers: int = 4, target: str = "1.25", without: tuple[str, ...] = (), **options: Any) -> dict[str, Any]:
    """A plan of a cluster in which shop/web has a pod on each of the first three workers, and maxUnavailable 1."""
    cluster = FakeCluster.whole("v1.24.17", 1, workers)
    given, hosts = cluster.facts(), cluster.hosts()
    names = [name for name, node in given["nodes"].items() if node["role"] == "worker"]
    pods = [pod(f"web-{number}", name) for number, name in enumerate(names[:3])]
    more = facts(given["nodes"], pods, [budget(max_unavailable=1)], [workload(replicas=3)])
    given = {**given, **{key: more[key] for key in ("pods", "pdbs", "workloads")}, "volumes": [], "unread": []}
    for key in without:
        del given[key]
    waves = WaveOptions(**options.pop("waves", {}))
    return make_plan(given, hosts, AVAILABLE, Options(target=target, serial="auto", waves=waves, **options))


def stage(plan: dict[str, Any], hop: int = 0) -> dict[str, Any]:
    return next(s for s in plan["plan"]["stages"] if s["kind"] == "workers" and s["hop"] == hop)


def test_hosts_are_in_the_order_of_the_waves() -> None:
    made = planned(waves={"canaries": 0})
    workers = stage(made)
    assert workers["serial"] == [2, 1, 1]
    assert [wave["size"] for wave in workers["waves"]] == [2, 1, 1]
    assert sorted(workers["hosts"]) == sorted(workers["drains"])
    assert set(workers["waves"][0]) == {"size", "canary", "soak", "groups", "why"}
    play = plan_play(made["plan"], 0, ["control_plane_kubelet", "workers"])
    assert play["serial"] == [1, 2, 1, 1]
    steps = [step["wave"] for step in host_steps(play).values()]
    assert [wave.get("number") for wave in steps] == [None, 1, 1, 2, 3]
    assert steps[-1] == {"number": 3, "of": 3, "canary": False, "soak": 0}
    assert play["hosts"][1:] == workers["hosts"]
    assert [len(wave) for wave in forecast_waves(made["plan"], workers)] == [2, 1, 1]


def test_a_later_hop_has_the_same_waves() -> None:
    made = planned(target="1.26", worker_hops="every")
    assert stage(made, 0)["hosts"] == stage(made, 1)["hosts"]
    assert sum("4 workers in 3 waves" in sentence for sentence in made["plan"]["decisions"]) == 1


def test_the_table_says_why() -> None:
    table = planned()["table"]
    assert any("workers" in line and "3 waves" in line for line in table)
    at = table.index("Waves of the workers, v1.25.4:")
    assert "Canary: it goes first" in table[at + 1]
    assert "held back by disruption budget shop/web (1 at a time)" in " ".join(table)
    assert all(len(line) <= 100 for line in table)


def test_groups_and_forks() -> None:
    made = planned(8, waves={"forks": 2, "canaries": 0, "groups": [{"name": "all", "soak": 30}]})
    assert max(stage(made)["serial"]) == 2
    assert stage(made)["waves"][0]["soak"] == 30
    (timed,) = [s for s in expected(made["plan"], None, 5)["stages"] if s["id"].endswith("workers")]
    assert timed["seconds"] == sum(wave["seconds"] for wave in timed["waves"]) + 30 * len(timed["waves"])
    steps = host_steps(plan_play(made["plan"], 0, ["workers"]))
    assert [step["wave"]["soak"] for step in steps.values()][:3] == [30, 30, 30]


@pytest.mark.parametrize("key", ["pods", "pdbs", "volumes"])
def test_what_is_not_known_is_not_guessed(key: str) -> None:
    groups = [{"name": "late", "inventory_group": "late", "order": 200, "soak": 900}]
    made = planned(without=(key,), waves={"groups": groups, "inventory_groups": {"late": ["host-w1"]}})
    waves = stage(made)["waves"]
    assert stage(made)["serial"] == [1, 1, 1, 1]
    assert stage(made)["nodes"] == ["w2", "w3", "w4", "w1"], "what is said of groups holds all the same"
    assert [wave["soak"] for wave in waves] == [0, 0, 0, 900]
    assert [wave["canary"] for wave in waves] == [True, False, False, False]
    assert "could not be read" in waves[0]["why"]
    assert any(f"waves need to know {key}" in sentence for sentence in made["plan"]["decisions"])


def test_what_is_no_good_is_refused() -> None:
    with pytest.raises(UpliftError, match="kubeadm_upgrade_wave_max is 'many'"):
        planned(waves={"max_nodes": "many"})
    with pytest.raises(UpliftError, match="or auto"):
        cluster = FakeCluster.whole("v1.24.17", 1, 1)
        make_plan(cluster.facts(), cluster.hosts(), AVAILABLE, Options(target="1.25", serial=["auto"]))


def test_nodes_outside_the_inventory_are_counted_and_named() -> None:
    cluster = FakeCluster.whole("v1.24.17", 1, 3)
    given, hosts = cluster.facts(), cluster.hosts()
    stranger = next(name for name, node in given["nodes"].items() if node["role"] == "worker")
    given["nodes"][stranger]["os"] = "windows"
    hosts = {host: row for host, row in hosts.items() if row["name"] != stranger}
    made = make_plan(given, hosts, AVAILABLE, Options(target="1.25"))
    assert (
        f"1 node(s) of the cluster are no hosts of this run and stay as they are: {stranger} (windows). They count in "
        "every rule, and take pods in."
    ) in made["plan"]["decisions"]


def test_workers_that_were_held_back_are_a_play_of_their_own() -> None:
    made = planned(waves={"canaries": 0})
    play = plan_play(made["plan"], 0, ["workers"], [["w3"], ["w1", "stranger"]])
    assert list(play["nodes"].values()) == ["w3", "w1"]
    assert play["serial"] == [1, 1]
    assert play["title"].endswith("workers that were held back")
    assert play["last_of_hop"]
    assert play["held"]
    nobody = plan_play(made["plan"], 0, ["workers"], [])
    assert (nobody["hosts"], nobody["serial"]) == ([], [1])
    assert nobody["title"] == "Hop 1, workers held back: not in this plan"
    assert plan_play({}, 3, ["workers"], [])["hosts"] == []


def test_inventory_groups_are_of_hosts() -> None:
    cluster = FakeCluster.whole("v1.24.17", 1, 3)
    (first,) = [host for host, row in cluster.hosts().items() if row["name"] == "w3"]
    groups = [{"inventory_group": "first", "order": 1}]
    made = planned(3, waves={"groups": groups, "inventory_groups": {"first": [first, "gone"]}})
    assert stage(made)["nodes"][0] == "w3"


def test_a_host_that_cannot_be_reached_is_in_its_inventory_group_by_its_name() -> None:
    """Protects: a node of a group that is dead counts as out."""
    cluster = FakeCluster.whole("v1.24.17", 1, 3)
    given, hosts = cluster.facts(), cluster.hosts()
    del hosts["host-w1"]
    given["nodes"]["w1"]["ready"] = False
    groups = [{"name": "gpu", "inventory_group": "gpu", "max": 2}]
    options = WaveOptions(groups=groups, inventory_groups={"gpu": ["w1", "host-w2", "host-w3"]}, canaries=0)
    given = {**given, "pods": [], "pdbs": [], "workloads": [], "volumes": [], "unread": []}
    made = make_plan(given, hosts, AVAILABLE, Options(target="1.25", serial="auto", waves=options))
    assert stage(made)["serial"] == [1, 1]
