# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waves by example: what each limit does, canaries and groups, what is said of them, and input that is no good."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import parse_version
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves import fitting, plan_waves
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_rules import Rules, read_groups
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_words import as_data, decisions, what
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_pods import (
    ZONE,
    budget,
    control_plane,
    facts,
    node,
    pod,
    workload,
)

API = parse_version("v1.25.4")


def cluster(count: int, pods: list[dict[str, Any]] | None = None, pdbs: Any = None, **more: Any) -> dict[str, Any]:
    nodes = {f"w{number}": node(f"w{number}", labels={ZONE: "ab"[number % 2]}) for number in range(1, count + 1)}
    return facts({**nodes, **more.pop("nodes", {}), "cp1": control_plane("cp1")}, pods or [], pdbs, **more)


def replicas(count: int, kind: str = "ReplicaSet", **more: Any) -> list[dict[str, Any]]:
    """One pod of shop/web on each of the first nodes."""
    name = "web-5d4f" if kind == "ReplicaSet" else "web"
    return [pod(f"web-{number}", f"w{number}", (kind, name), **more) for number in range(1, count + 1)]


def cut(given: dict[str, Any], groups: Any = (), inventory: Any = None, **rules: Any) -> list[list[str]]:
    chosen = Rules(groups=read_groups(list(groups), inventory or {}), **rules)
    workers = [name for name in given["nodes"] if name != "cp1"]
    return [wave.nodes for wave in plan_waves(given, workers, chosen, API).waves]


def sizes(*args: Any, **more: Any) -> list[int]:
    return [len(wave) for wave in cut(*args, **more)]


def test_empty_nodes_go_together() -> None:
    assert sizes(cluster(7)) == [7]
    assert sizes(cluster(7), most=3) == [3, 3, 1]
    assert sizes(cluster(7), most="50%") == [3, 3, 1]
    assert sizes(cluster(7), forks=2) == [2, 2, 2, 1]
    assert cut(cluster(0)) == []


def test_a_budget_says_how_many() -> None:
    """Those that found no room on empty nodes are on nodes that go later, which may then hold two of them."""
    for most, waves in ((1, [3, 1, 1, 1]), (2, [4, 1, 1]), ("50%", [4, 1, 1])):
        given = cluster(6, replicas(4), [budget(max_unavailable=most)], workloads=[workload(replicas=4)])
        assert sizes(given) == waves


def test_a_node_that_takes_more_than_the_budget_goes_without_others_of_it() -> None:
    pods = [*replicas(3), pod("web-4", "w1")]
    given = cluster(4, pods, [budget(max_unavailable=1)], workloads=[workload(replicas=4)])
    assert sorted(cut(given), key=len, reverse=True)[0][-1] == "w4"
    assert sizes(given) == [2, 1, 1]


def test_without_a_budget_a_share_goes_and_of_a_statefulset_one() -> None:
    assert sizes(cluster(8, replicas(8), workloads=[workload(replicas=8)])) == [2, 1, 1, 2, 2]
    assert sizes(cluster(9, replicas(8), workloads=[workload(replicas=8)]), unbudgeted="100%") == [8, 1]
    assert sizes(cluster(3, replicas(3, "StatefulSet"), workloads=[workload(kind="StatefulSet")])) == [1, 1, 1]
    assert sizes(cluster(3, replicas(3, "Job"), workloads=[])) == [2, 1]  # jobs are done over again, if there is room


def test_room_says_how_many() -> None:
    busy = [pod(f"p{n}", f"w{n}", ("ReplicaSet", f"a{n}-5d4f"), requests={"cpu": 2500}) for n in range(1, 5)]
    given = cluster(6, busy)  # two nodes are empty
    assert max(sizes(given)) == 2
    tight = cluster(3, [pod(f"p{n}", f"w{n}", requests={"cpu": 3000}, labels={"n": str(n)}) for n in range(1, 4)])
    waves = plan_waves(tight, ["w1", "w2", "w3"], Rules(), API)
    assert [wave.nodes for wave in waves.waves] == [["w1"], ["w2"], ["w3"]]
    assert all(wave.alone for wave in waves.waves)
    assert "w1 goes alone: it fits beside no other, for room elsewhere for pod shop/p1." in decisions(waves, Rules())


def test_pods_that_have_no_other_place_go_one_node_at_a_time() -> None:
    volumes = [
        {
            "claim": f"shop/data-{n}",
            "source": "local",
            "node_affinity": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [f"w{n}"]}]}
                ]
            },
        }
        for n in range(1, 5)
    ]
    bound = [{**row, "claims": [f"data-{n}"]} for n, row in enumerate(replicas(4), 1)]
    given = cluster(6, bound, workloads=[workload(replicas=4)], volumes=volumes)
    assert sizes(given, unbudgeted="100%") == [3, 1, 1, 1]
    given = cluster(6, bound, [budget(max_unavailable=2)], workloads=[workload(replicas=4)], volumes=volumes)
    assert sizes(given) == [4, 2]


def test_canaries_go_first_and_waves_grow_from_there() -> None:
    assert sizes(cluster(40), canaries=1) == [1, 4, 20, 15]
    assert cut(cluster(3), canaries=1) == [["w1"], ["w2", "w3"]]
    assert sizes(cluster(2), canaries=2) == [2]  # nothing would be left to be a canary for


@pytest.mark.parametrize("rules", [{}, {"canaries": 3}])
def test_all_nodes_of_an_order_may_be_canaries_for_the_next(rules: dict[str, Any]) -> None:
    """Protects: a test node that fails ends the run, however few there are."""
    groups = [{"name": "test", "inventory_group": "test", "order": 1, **({} if rules else {"canaries": 2})}]
    chosen = Rules(groups=read_groups(groups, {"test": ["w1", "w2"]}), **rules)
    waves = plan_waves(cluster(6), [f"w{n}" for n in range(1, 7)], chosen, API).waves
    assert [(wave.nodes, wave.canary) for wave in waves] == [(["w1", "w2"], True), (["w3", "w4", "w5", "w6"], False)]


def test_groups_have_an_order_limits_and_canaries_of_their_own() -> None:
    groups = [
        {"name": "late", "inventory_group": "late", "order": 200, "canaries": 1},
        {"name": "zones", "max_per_zone": 1},
    ]
    waves = cut(cluster(7), groups, {"late": ["w1", "w2", "w3"]})
    assert waves == [["w4", "w5"], ["w6", "w7"], ["w1"], ["w2", "w3"]]
    assert sizes(cluster(4), [{"selector": "topology.kubernetes.io/zone=a", "max": "50%"}]) == [3, 1]


def test_nodes_that_are_out_already_count_against_the_limit_of_their_group() -> None:
    given = cluster(5, nodes={"gone": node("gone", ready=False)})
    chosen = Rules(groups=read_groups([{"name": "all", "max": 3}], {}))
    waves = plan_waves(given, [f"w{n}" for n in range(1, 6)], chosen, API)
    assert [len(wave.nodes) for wave in waves.waves] == [2, 2, 1]


@pytest.mark.parametrize(("leaving", "waves"), [(None, [3, 1, 1]), ({"at": "x"}, [3, 2])])
def test_nodes_that_a_person_cordoned_count_whether_they_go_or_not(leaving: Any, waves: list[int]) -> None:
    """They stay cordoned after their turn, too. Those that others replace are all cordoned: the limit is of drains."""
    given = cluster(5)
    for name in ("w1", "w2"):
        given["nodes"][name].update(unschedulable=True, leaving=leaving)
    assert sizes(given, [{"name": "all", "max": 3}]) == waves


def test_a_node_that_a_run_left_cordoned_goes_first_and_one_in_the_way_last() -> None:
    given = cluster(4, [pod("web-1", "w1")], [budget(max_unavailable=0)], workloads=[workload(replicas=1)])
    given["nodes"]["w4"].update(unschedulable=True, cordon={"at": "2026-01-01T00:00:00Z"})
    waves = plan_waves(given, ["w1", "w2", "w3", "w4"], Rules(canaries=1), API).waves
    assert [wave.nodes for wave in waves] == [["w4"], ["w2", "w3"], ["w1"]]
    assert waves[-1].alone == ("in the way", "shop/web")


def test_what_may_go_of_a_wave_now() -> None:
    given = cluster(4, replicas(3), [budget(max_unavailable=1)], workloads=[workload(replicas=3)])
    fit = fitting(given, ["w4", "w2", "w1", "w3"], Rules(), API)
    assert (fit.nodes, fit.forced) == (["w4", "w2"], ())
    assert fit.held == {"w1": ("budget", "shop/web"), "w3": ("budget", "shop/web")}
    assert what(fit.held["w1"], fit.limits) == "disruption budget shop/web (1 at a time)"
    assert fitting(given, ["w1", "new"], Rules(), API).nodes == ["w1", "new"]  # no pod lives on one that is not known
    assert fitting(given, ["new"], Rules(), API).nodes == ["new"]


def test_a_budget_that_lets_none_go_now_holds_its_nodes_back() -> None:
    """Protects: a pod that broke after the plan does not leave a whole wave cordoned until a drain's time is over."""
    pods = [pod("web-1", "w1"), pod("web-2", "w9", ready=False), pod("web-3", "w2")]
    given = cluster(9, pods, [budget(max_unavailable=1)], workloads=[workload(replicas=3)])
    fit = fitting(given, ["w1", "w2", "w3", "w4"], Rules(), API)
    assert (fit.nodes, fit.forced) == (["w3", "w4"], ())
    assert fit.held == dict.fromkeys(("w1", "w2"), ("in the way", "shop/web"))
    assert what(fit.held["w1"], fit.limits) == "disruption budget shop/web, which lets no pod go now"
    alone = fitting(given, ["w2", "w1"], Rules(), API)
    assert (alone.nodes, alone.forced) == (["w2"], ("in the way", "shop/web"))
    assert list(alone.held) == ["w1"]


@pytest.mark.parametrize(
    "pods", [[], [pod("db-0", "w4", ("StatefulSet", "db"), ready=False)]], ids=["gone", "starting"]
)
def test_pods_without_a_budget_that_are_not_ready_are_out_already(pods: list[dict[str, Any]]) -> None:
    """Protects: a database that comes up again does not lose its next member to the next wave."""
    pods = [*pods, *(pod(f"db-{n}", f"w{n}", ("StatefulSet", "db")) for n in (1, 2))]
    given = cluster(5, pods, workloads=[workload("db", "StatefulSet", 3)])
    fit = fitting(given, ["w1", "w3", "w5"], Rules(), API)
    assert (fit.nodes, fit.held) == (["w3", "w5"], {"w1": ("workload", "StatefulSet shop/db")})
    assert "of whose pods no more may be away now" in what(fit.held["w1"], fit.limits)
    assert fitting(given, ["w1"], Rules(), API).forced == ("workload", "StatefulSet shop/db")
    alone = [wave for wave in plan_waves(given, ["w1", "w3"], Rules(), API).waves if wave.alone]
    assert [wave.nodes for wave in alone] == [["w1"]]


@pytest.mark.parametrize(("ready", "goes"), [(8, 2), (7, 1), (6, 1), (5, 1)])
def test_a_share_is_of_all_pods_less_those_that_are_not_ready(ready: int, goes: int) -> None:
    given = cluster(9, replicas(ready), workloads=[workload(replicas=8)])
    fit = fitting(given, [f"w{n}" for n in range(1, ready + 1)], Rules(), API)
    assert (len(fit.nodes), bool(fit.forced)) == (goes, ready < 7)


def test_limits_of_groups_hold_when_a_wave_begins() -> None:
    """Protects: nodes that failed, and stayed cordoned, count against the limit of their group."""
    given = cluster(4)
    given["nodes"]["w1"].update(unschedulable=True, cordon={"at": "x"})
    chosen = Rules(groups=read_groups([{"name": "gpu", "max": 2}], {}))
    fit = fitting(given, ["w3", "w4"], chosen, API)
    assert (fit.nodes, fit.held) == (["w3"], {"w4": ("group", "gpu")})


def test_a_node_without_room_for_its_pods_takes_no_other_with_it() -> None:
    big = pod("big", "w1", requests={"cpu": 4000})
    small = [pod(f"small-{n}", f"w{n}", ("Job", "j"), requests={"cpu": 100}, labels={}) for n in (2, 3)]
    given = cluster(3, [big, *small])
    assert fitting(given, ["w1", "w2"], Rules(), API).nodes == ["w2"]
    assert fitting(given, ["w1"], Rules(), API).nodes == ["w1"]


def test_it_is_told_why() -> None:
    given = cluster(6, replicas(4), [budget(max_unavailable=1)], workloads=[workload(replicas=4)])
    waves = plan_waves(given, [f"w{n}" for n in range(1, 7)], Rules(canaries=1, forks=3), API)
    assert [wave["why"] for wave in as_data(waves)][:2] == [
        "Canary: it goes first, to see how it fares.",
        "2 more held back by disruption budget shop/web (1 at a time).",
    ]
    said = decisions(waves, Rules(canaries=1, forks=3))
    assert said[0] == (
        "6 workers in 4 waves of up to 3 (kubeadm_upgrade_serial: auto); disruption budget shop/web "
        "(1 at a time) needs at least 4."
    )
    assert "No wave is larger than 3, the number of forks: --forks raises it." in said
    assert what(("zone", "x", ""), {("zone", "x", ""): 1}) == "group x (1 at a time in zone (none))"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("gpu", "is 'gpu'; an entry is a mapping"),
        ({"maximum": 1}, "has maximum; an entry has name, selector"),
        ({"max": 0}, "max is 0: write a number from 1 on"),
        ({"max": "101%"}, "max is '101%'"),
        ({"soak": -1}, "soak is -1: write a whole number"),
        ({"selector": "a in b"}, "has a selector that cannot be used"),
        ({"inventory_group": "nope"}, "names the inventory group 'nope'"),
        ({"name": "twice"}, "is named twice, as another one is"),
    ],
)
def test_groups_that_are_no_good_are_refused(entry: Any, message: str) -> None:
    with pytest.raises(UpliftError, match=f"entry 2 {message}|entry 2: {message}".replace("(", r"\(")):
        read_groups([{"name": "twice"}, entry], {})
    with pytest.raises(UpliftError, match="it is a list of groups"):
        read_groups({"max": 1}, {})
