# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drain forecast: budgets, waves, room, and what a drain refuses. Also against a simulator written on its own."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.uplift.kubeadm.plugins.module_utils import _drain_rules, _drain_verdict
from ansible_collections.uplift.kubeadm.plugins.module_utils._budgets import scaled
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast import (
    Simulation,
    forecast,
    oldest_api_server,
    waves,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast_budgets import expected_numbers
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast_pods import DrainOptions, Workloads, verdict
from ansible_collections.uplift.kubeadm.plugins.module_utils._selectors import binds, honours_empty_selector
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import parse_version
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_pods import (
    CONTROL_PLANE_TAINT,
    HOST,
    budget,
    control_plane,
    facts,
    node,
    plan,
    pod,
    unready,
    workload,
)

Facts = dict[str, Any]
ALL = {"w1": node("w1"), "w2": node("w2"), "cp1": control_plane("cp1")}
ONE_EACH = [pod("a", "w1"), pod("b", "w2")]
QUICK = settings(max_examples=60)


def drain(
    cluster: Facts, nodes: list[str], serial: Any = 1, options: Facts | None = None, **more: Any
) -> dict[str, Any]:
    """{node: row of the forecast} of a stage that drains these nodes."""
    rows = forecast(cluster, plan(("workers", nodes), serial=serial, **more), options or {}).drains
    return {row["node"]: row for row in rows}


def can(cluster: Facts, nodes: list[str], serial: Any = 1, **more: Any) -> list[str]:
    return [row["can"] for row in drain(cluster, nodes, serial, **more).values()]


def test_a_healthy_cluster_drains() -> None:
    daemons = [pod(f"d{n}", n, ("DaemonSet", "ds"), labels={}) for n in ("w1", "w2")]
    system = [pod("apiserver", "cp1", ("Node", "cp1"), mirror=True, labels={}), *daemons]
    cluster = facts(ALL, ONE_EACH + system, [budget()], [workload(), workload("ds", "DaemonSet")])
    rows = drain(cluster, ["w1", "w2"])
    assert [row["can"] for row in rows.values()] == ["yes", "waits"]  # b has a beside it by then
    assert [row["pods"] for row in rows.values()] == [1, 2]
    assert rows["w1"]["reasons"] == []
    assert rows["w1"]["longest_grace"] == 30


def test_pods_are_seen_where_earlier_drains_put_them() -> None:
    nodes = {"w1": node("w1"), "w2": node("w2"), "w3": node("w3", labels={"x": "1"})}
    away = pod("a", "w1", node_selector={"x": "1"})
    rows = drain(facts(nodes, [away]), ["w1", "w3"])
    assert [row["pods"] for row in rows.values()] == [1, 1]
    assert rows["w1"]["unplaceable"] == []
    assert rows["w3"]["unplaceable"][0]["pod"] == "shop/a"


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"max_unavailable": 0}, "never"),
        ({"max_unavailable": "0%"}, "never"),
        ({"min_available": "100%"}, "never"),
        ({"min_available": "51%"}, "never"),  # of 2, rounded up
        ({"min_available": 2}, "never"),
        ({"min_available": 3}, "never"),
        ({"min_available": "50%"}, ""),
        ({"max_unavailable": "1%"}, ""),  # rounded up to one
        ({"min_available": 0}, ""),
    ],
)
def test_budgets_that_never_allow(rule: dict[str, Any], why: str) -> None:
    row = drain(facts(ALL, ONE_EACH, [budget(**rule)]), ["w1"])["w1"]
    assert [entry["why"] for entry in row["blocked"]] == ([why] if why else [])
    assert row["can"] == ("no" if why else "yes")


def test_unhealthy_pods_hold_a_budget_now() -> None:
    cluster = facts(ALL, [pod("a", "w1"), unready("b", "w2")], [budget()])
    row = drain(cluster, ["w1"])["w1"]
    assert (row["can"], row["blocked"]) == (
        "no",
        [{"pod": "shop/a", "workload": "Deployment shop/web", "budget": "shop/web", "why": "now", "certain": True}],
    )
    assert can(cluster, ["w2"]) == ["yes"]  # an unready pod may go while the healthy ones are enough


def test_unready_pods_of_a_broken_workload() -> None:
    pods = [unready("a", "w1"), unready("b", "w2")]
    for policy, version, expected in (
        (None, "v1.27.1", "no"),
        ("IfHealthyBudget", "v1.27.1", "no"),
        ("AlwaysAllow", "v1.26.1", "no"),  # the gate is off in 1.26
        ("AlwaysAllow", "v1.27.1", "yes"),
    ):
        cluster = facts(ALL, pods, [budget(unhealthy_policy=policy)])
        assert can(cluster, ["w1"], version=version, before="cp1") == [expected]
    assert can(facts(ALL, [unready("a", "w1", phase="Pending")], [budget()]), ["w1"]) == ["yes"]
    assert can(facts(ALL, [unready("a", "w1", terminating=True)], [budget(max_unavailable=0)]), ["w1"]) == ["yes"]
    assert can(facts(ALL, [unready("a", "w1", phase="Failed", finished=True)], [budget()]), ["w1"]) == ["yes"]


def test_two_budgets() -> None:
    row = drain(facts(ALL, ONE_EACH, [budget(), budget("second")]), ["w1"])["w1"]
    assert row["can"] == "no"
    assert row["two_budgets"] == [
        {"pod": "shop/a", "workload": "Deployment shop/web", "budgets": ["shop/second", "shop/web"]}
    ]
    elsewhere = budget("second", ns="other")
    assert can(facts(ALL, ONE_EACH, [budget(), elsewhere]), ["w1"]) == ["yes"]


@pytest.mark.parametrize(
    ("version", "honoured"),
    [("1.24.17", False), ("1.27.6", False), ("1.27.7", True), ("1.28.2", False), ("1.28.3", True), ("1.29.0", True)],
)
def test_an_empty_selector(version: str, honoured: bool) -> None:
    assert honours_empty_selector(parse_version(version)) is honoured
    assert binds({}, {"app": "web"}, parse_version(version)) is honoured
    assert binds({"matchLabels": {"app": "web"}}, {"app": "web"}, parse_version(version))
    assert not binds(None, {"app": "web"}, parse_version(version))
    everything = {**budget("all", max_unavailable=0), "selector": {}}
    cluster = facts(ALL, ONE_EACH, [everything])
    assert can(cluster, ["w1"], version=f"v{version}", before="cp1") == ["no" if honoured else "yes"]
    # Without a control plane stage the API servers stay what they are.
    assert can(cluster, ["w1"], version=f"v{version}") == ["yes"]
    nothing = {**budget("none", max_unavailable=0), "selector": None}
    assert can(facts(ALL, ONE_EACH, [nothing]), ["w1"], version="v1.30.0", before="cp1") == ["yes"]


@pytest.mark.parametrize(("version", "fits"), [("v1.25.4", True), ("v1.26.9", False)])
def test_the_old_taint_of_control_planes_goes_before_the_drains_of_1_25(version: str, fits: bool) -> None:
    """kubeadm 1.25 takes it away in its first pass, so pods that tolerate the new one alone have room there then."""
    old = {"key": "node-role.kubernetes.io/master", "effect": "NoSchedule"}
    nodes = {"cp1": control_plane("cp1", taints=[CONTROL_PLANE_TAINT, old]), "w1": node("w1")}
    tolerant = {"tolerations": [{"key": CONTROL_PLANE_TAINT["key"], "operator": "Exists"}]}
    cluster = facts(nodes, [pod("a", "w1", **tolerant)], workloads=[workload(replicas=1)])
    row = drain(cluster, ["w1"], version=version, before="cp1")["w1"]
    assert (row["unplaceable"] == []) is fits


def test_status_that_is_not_observed() -> None:
    late = budget(observed=False, current_healthy=0, desired_healthy=0, expected_pods=0, disruptions_allowed=0)
    row = drain(facts(ALL, ONE_EACH, [late]), ["w1"])["w1"]
    assert (row["can"], row["unobserved"]) == ("unknown", ["shop/web"])
    custom = [pod("a", "w1", ("Rollout", "web")), pod("b", "w2", ("Rollout", "web"))]
    row = drain(facts(ALL, custom, [{**late, "min_available": "50%"}]), ["w1"])["w1"]
    assert (row["can"], [entry["why"] for entry in row["blocked"]]) == ("unknown", ["unobserved"])
    job = [pod("a", "w1", ("Job", "work"))]
    row = drain(facts(ALL, job, [{**late, "min_available": "50%"}]), ["w1"])["w1"]
    assert [entry["why"] for entry in row["blocked"]] == ["never"]  # a Job has no scale: never to be worked out


def test_a_budget_of_pods_without_controller_counts_none() -> None:
    options = {"drain_force_unmanaged": True}
    bare = [pod("a", "w1", None), pod("b", "w2", None)]
    assert can(facts(ALL, bare, [budget(max_unavailable=1)]), ["w1"], options=options) == ["no"]
    assert can(facts(ALL, bare, [budget(min_available=1)]), ["w1"], options=options) == ["yes"]
    late = budget(max_unavailable=1, observed=False)
    row = drain(facts(ALL, bare, [late]), ["w1"], options=options)["w1"]
    assert [entry["why"] for entry in row["blocked"]] == ["never"]


def test_a_status_that_allows_nothing_although_it_should() -> None:
    row = drain(facts(ALL, ONE_EACH, [budget(disruptions_allowed=0)]), ["w1"])["w1"]
    assert [entry["why"] for entry in row["blocked"]] == ["now"]


def test_pods_of_one_node_wait_for_each_other() -> None:
    pods = [pod(name, "w1") for name in "abc"]
    cluster = facts(ALL, pods, [budget(max_unavailable=1)], [workload(replicas=3)])
    assert can(cluster, ["w1"]) == ["waits"]


def test_nodes_of_a_wave_compete_for_a_budget() -> None:
    nodes = {name: node(name) for name in ("w1", "w2", "w3")}
    cluster = facts(nodes, ONE_EACH, [budget()])
    assert can(cluster, ["w1"]) == can(cluster, ["w2"]) == ["yes"]
    assert sorted(can(cluster, ["w1", "w2"], serial="100%")) == ["waits", "yes"]


def test_a_wave_that_leaves_no_node() -> None:
    cluster = facts(ALL, ONE_EACH, [budget()])
    rows = drain(cluster, ["w1", "w2"], serial=2)
    assert sorted(row["can"] for row in rows.values()) == ["no", "yes"]
    (held,) = [entry for row in rows.values() for entry in row["blocked"]]
    assert (held["why"], held["certain"]) == ("room", True)


def test_no_room_for_the_others() -> None:
    nodes = {"w1": node("w1"), "w2": node("w2", cpu=1000)}
    pods = [pod("a", "w1", requests={"cpu": 600}), pod("b", "w1", requests={"cpu": 600})]
    full = pod("c", "w2", ("ReplicaSet", "db-1"), labels={"app": "db"}, requests={"cpu": 900})
    row = drain(facts(nodes, [*pods, full], [budget()]), ["w1"])["w1"]
    assert (row["can"], [entry["why"] for entry in row["blocked"]]) == ("unknown", ["room"])
    (homeless,) = row["unplaceable"]
    assert (homeless["certain"], homeless["returns"], homeless["by_pods"]) == (False, True, False)
    assert homeless["why"] == "0/2 nodes: 1 insufficient cpu, 1 unschedulable"


def test_a_pod_that_fits_nowhere_comes_back_with_its_node() -> None:
    nodes = {"w1": node("w1"), "w2": node("w2")}
    pinned = pod("a", "w1", node_selector={HOST: "w1"})
    for order in (["w1", "w2"], ["w2", "w1"]):
        rows = drain(facts(nodes, [pinned], []), order)
        (homeless,) = rows["w1"]["unplaceable"]
        assert (homeless["certain"], homeless["returns"]) == (True, True)
        assert rows["w2"]["pods"] == 0
    person = {"w1": node("w1", unschedulable=True), "w2": node("w2")}
    assert drain(facts(person, [pinned], []), ["w1"])["w1"]["unplaceable"][0]["returns"] is False
    changed = {"w1": node("w1", taints=[{"key": "new", "effect": "NoSchedule"}]), "w2": node("w2")}
    assert drain(facts(changed, [pinned], []), ["w1"])["w1"]["unplaceable"][0]["returns"] is False


def test_one_pod_a_node_by_its_own_rules() -> None:
    term = {"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": "web"}}}
    rule = {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}
    cluster = facts(ALL, [pod("a", "w1", **rule), pod("b", "w2", **rule)], [budget()])
    rows = drain(cluster, ["w1", "w2"])
    assert [row["can"] for row in rows.values()] == ["yes", "yes"]
    assert [row["unplaceable"][0]["by_pods"] for row in rows.values()] == [True, True]


def test_cordons() -> None:
    mine = {"at": "2026-11-20T00:00:00Z"}
    nodes = {"w1": node("w1", unschedulable=True, cordon=mine), "w2": node("w2"), "w3": node("w3", unschedulable=True)}
    cluster = facts(nodes, [pod("a", "w2")])
    stages = plan(("uncordon", ["w1"]), ("workers", ["w2"]))
    stages["stages"][0]["drains"] = []
    assert forecast(cluster, stages, {}).drains[0]["unplaceable"] == []
    assert drain(cluster, ["w2"])["w2"]["unplaceable"][0]["why"] == "0/3 nodes: 3 unschedulable"
    assert drain(cluster, ["w1", "w2"])["w2"]["unplaceable"] == []  # w1 is given back
    assert drain(cluster, ["w3", "w2"])["w2"]["unplaceable"] != []  # w3 stays a person's


def test_a_node_of_ours_that_is_not_ready_yet_takes_pods_when_it_is_given_back() -> None:
    """Seen where a run was killed as it restarted a kubelet, and begun anew while that came up: a false blocker."""
    taints = [
        {"key": f"node.kubernetes.io/{key}", "effect": effect}
        for key in ("not-ready", "unreachable", "unschedulable")
        for effect in ("NoSchedule", "NoExecute")
    ]
    state = {"unschedulable": True, "cordon": {"at": "2026-11-20T00:00:00Z"}, "ready": False, "taints": taints}
    nodes = {"cp1": control_plane("cp1", **state), "w2": node("w2")}
    cluster = facts(nodes, [pod("a", "w2", tolerations=[CONTROL_PLANE_TAINT])])
    stages = plan(("uncordon", ["cp1"]), ("workers", ["w2"]))
    stages["stages"][0]["drains"] = []
    assert forecast(cluster, stages, {}).drains[0]["unplaceable"] == []
    assert drain(cluster, ["w2"])["w2"]["unplaceable"] != [], "nobody gives it back there"


def test_what_a_drain_refuses() -> None:
    pods = [
        pod("bare", "w1", None),
        pod("orphan", "w1", ("DaemonSet", "gone")),
        pod("scratch", "w1", empty_dir=["cache"]),
    ]
    row = drain(facts(ALL, pods), ["w1"])["w1"]
    assert row["can"] == "no"
    assert [(row[kind][0]["pod"], row[kind][0]["stops"]) for kind in ("unmanaged", "orphans", "empty_dir")] == [
        ("shop/bare", True),
        ("shop/orphan", True),
        ("shop/scratch", True),
    ]
    options = {"drain_force_unmanaged": "true", "drain_delete_emptydir_data": True, "drain_grace_period": 5}
    row = drain(facts(ALL, pods), ["w1"], options=options)["w1"]
    assert (row["can"], row["longest_grace"]) == ("yes", 5)
    assert not any(row[kind][0]["stops"] for kind in ("unmanaged", "orphans", "empty_dir"))


def test_what_a_drain_does_to_pods() -> None:
    pods = [
        pod("job", "w1", ("Job", "report-1"), labels={}),
        pod("cron", "w1", ("Job", "nightly-2876"), labels={}),
        pod("only", "w1", ("StatefulSet", "db"), labels={}, claims=["data"], grace=3600),
        pod("done", "w1", ("Job", "old"), phase="Succeeded", finished=True, labels={}),
    ]
    workloads = [workload("db", "StatefulSet", 1), workload("nightly", "CronJob")]
    volume = {"claim": "shop/data", "source": "local", "node_affinity": None}
    row = drain(facts(ALL, pods, [], workloads, volumes=[volume]), ["w1"])["w1"]
    assert (row["can"], row["pods"], row["longest_grace"]) == ("yes", 4, 3600)
    assert [(entry["pod"], entry["cron"]) for entry in row["jobs"]] == [("shop/job", False), ("shop/cron", True)]
    assert [row[kind][0]["pod"] for kind in ("single_replica", "local_data", "slow")] == ["shop/only"] * 3


def test_waves_are_those_of_the_play() -> None:
    names = [f"w{number}" for number in range(10)]
    for serial, sizes in ((1, [1] * 10), ("30%", [3, 3, 3, 1]), ([1, "50%"], [1, 5, 4]), ("100%", [10])):
        made = plan(("workers", names), serial=serial)
        assert [len(wave) for wave in waves(made, made["stages"][0])] == sizes
        assert list(itertools.chain(*waves(made, made["stages"][0]))) == names


def test_nodes_that_the_facts_do_not_know() -> None:
    assert can(facts(ALL, [pod("lost", "w9")]), ["w9", "w1"]) == ["yes", "yes"]


def test_the_order_of_the_drain_counts() -> None:
    cluster = facts(ALL, [pod("a", "w1"), pod("b", "w2")], [budget(max_unavailable=0)])

    def evicted(*entries: dict[str, Any], **options: Any) -> int:
        made = forecast(cluster, plan(("workers", ["w1"])), {"drain_order": list(entries), **options})
        return int(made.drains[0]["pods"])

    web = {"selector": "app=web"}
    assert evicted() == evicted(web) == 1
    assert evicted({**web, "action": "skip"}) == evicted({**web, "action": "wait"}) == 0
    assert evicted({**web, "action": "wait", "timeout": 60}) == 1
    with pytest.raises(UpliftError, match="whole drain may take 50 s"):
        evicted({**web, "action": "wait", "timeout": 60}, drain_timeout=50)


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("empty_dir", [True, False])
@pytest.mark.parametrize("owner", [None, "ReplicaSet", "DaemonSet", "Job"])
@pytest.mark.parametrize("allowed", [True, False])
def test_verdicts_are_those_of_the_drain(
    owner: str | None, empty_dir: bool, mirror: bool, finished: bool, allowed: bool
) -> None:
    row = pod("a", "w1", (owner, "o") if owner else None, finished=finished, mirror=mirror)
    row["empty_dir"] = ["v"] if empty_dir else []
    api = {
        "metadata": {
            "namespace": "shop",
            "name": "a",
            "annotations": {"kubernetes.io/config.mirror": "x"} if mirror else {},
            "ownerReferences": [{"kind": owner, "name": "o", "controller": True}] if owner else [],
        },
        "spec": {"volumes": [{"emptyDir": {}}] if empty_dir else []},
        "status": {"phase": "Succeeded" if finished else "Running"},
    }
    for there in (True, False):
        known = [workload("o", "DaemonSet")] if there else []
        ours = verdict(row, Workloads({"workloads": known}), DrainOptions(allowed, allowed))
        options = _drain_rules.Options(1, delete_emptydir_data=allowed, force_unmanaged=allowed)
        theirs = _drain_rules.classify(api, {"shop/o"} if there else set(), options, 0.0)
        assert ours[0] == theirs[0]
        assert ours[0] != _drain_verdict.REFUSE or ours[1] == theirs[1]


@pytest.mark.parametrize(("value", "total", "number"), [("30%", 10, 3), ("30%", 11, 4), ("0%", 5, 0), (2, 9, 2)])
def test_percentages_are_rounded_up(value: int | str, total: int, number: int) -> None:
    assert scaled(value, total) == number


def test_a_percentage_that_is_none() -> None:
    cluster = facts(ALL, ONE_EACH)
    made = [p for pods in Simulation(cluster, DrainOptions()).on.values() for p in pods.values()]
    assert expected_numbers({"min_available": "some"}, made, Workloads(cluster)) is None
    assert expected_numbers({"min_available": "50%"}, made, Workloads(cluster)) == (2, 1)
    assert expected_numbers({"max_unavailable": 5}, made, Workloads(cluster)) == (2, 0)


# --- against a simulator of one eviction after the other, written from the documentation -----------------------------

RULES = st.one_of(
    st.none(),
    st.fixed_dictionaries({"min_available": st.integers(0, 4)}),
    st.fixed_dictionaries({"min_available": st.sampled_from(["1%", "50%", "67%", "100%"])}),
    st.fixed_dictionaries({"max_unavailable": st.integers(0, 2)}),
    st.fixed_dictionaries({"max_unavailable": st.sampled_from(["0%", "10%", "50%"])}),
)


@st.composite
def clusters(draw: st.DrawFn) -> tuple[Facts, list[str], int]:
    """A cluster with room for everything on a node that is not drained; the nodes to drain; how many at once."""
    names = [f"w{number}" for number in range(draw(st.integers(1, 4)))]
    nodes = {name: node(name) for name in [*names, "spare"]}
    pods, budgets, workloads = [], [], []
    for app in [f"app{number}" for number in range(draw(st.integers(1, 4)))]:
        replicas = draw(st.integers(1, 4))
        workloads.append(workload(app, replicas=replicas))
        for number in range(replicas):
            make = pod if draw(st.integers(0, 4)) else unready
            where = draw(st.sampled_from([*names, "spare"]))
            labels = {"app": app}
            pods.append(make(f"{app}-{number}", where, owner=("ReplicaSet", f"{app}-5d4f"), labels=labels))
        rule = draw(RULES)
        if rule:
            budgets.append(budget(app, app, **rule))
    return facts(nodes, pods, budgets, workloads), names, draw(st.integers(1, 4))


def drained_one_by_one(cluster: Facts, wave: list[str]) -> bool:
    """Evict the pods of these nodes as the API server lets them go; each is replaced at once on the spare node."""
    where = {row["name"]: row["node"] for row in cluster["pods"]}
    ready = {row["name"] for row in cluster["pods"] if row.get("ready")}
    left = [row for row in cluster["pods"] if where[row["name"]] in wave]
    while left:
        for row in left:
            mine = [b for b in cluster["pdbs"] if b["selector"]["matchLabels"]["app"] == row["labels"]["app"]]
            if all(_lets_go(b, row, cluster["pods"], ready) for b in mine):
                left.remove(row)
                break
        else:
            return False
    return True


def _lets_go(pdb: Facts, row: Facts, pods: list[Facts], ready: set[str]) -> bool:
    wanted = pdb["desired_healthy"]
    healthy = sum(1 for p in pods if p["labels"] == row["labels"] and p["name"] in ready)
    if row["name"] not in ready and healthy >= wanted > 0:
        return True
    return healthy - 1 >= wanted


@QUICK
@given(clusters())
def test_as_a_simulator_of_one_eviction_after_the_other(case: tuple[Facts, list[str], int]) -> None:
    cluster, names, serial = case
    for start in range(0, len(names), serial):
        wave = names[start : start + serial]
        outcome = can(cluster, wave, serial=len(wave))
        assert drained_one_by_one(cluster, wave) == all(word in ("yes", "waits") for word in outcome)


@QUICK
@given(clusters())
def test_yes_leaves_every_budget_what_it_wants_even_if_all_go_at_once(case: tuple[Facts, list[str], int]) -> None:
    cluster, names, _serial = case
    if set(can(cluster, names, serial=len(names))) != {"yes"}:
        return
    for pdb in cluster["pdbs"]:
        mine = [p for p in cluster["pods"] if p["labels"] == pdb["selector"]["matchLabels"] and p.get("ready")]
        staying = [p for p in mine if p["node"] == "spare"]
        assert len(staying) >= pdb["desired_healthy"] or len(staying) == len(mine)


@QUICK
@given(clusters(), st.data())
def test_a_budget_that_blocks_is_always_found(case: tuple[Facts, list[str], int], data: st.DataObject) -> None:
    cluster, names, serial = case
    where = data.draw(st.sampled_from(names))
    held = pod("held", where, ("ReplicaSet", "held-1"), labels={"app": "held"})
    made = facts(cluster["nodes"], [*cluster["pods"], held], [*cluster["pdbs"], budget("held", "held")])
    rows = drain(made, names, serial=serial)
    assert rows[where]["can"] == "no"
    assert {entry["budget"] for entry in rows[where]["blocked"]} >= {"shop/held"}


@QUICK
@given(clusters())
def test_pods_and_room_are_conserved(case: tuple[Facts, list[str], int]) -> None:
    cluster, names, serial = case
    simulation = Simulation(cluster, DrainOptions())
    before = {p.key for pods in simulation.on.values() for p in pods.values()}
    for start in range(0, len(names), serial):
        simulation.drain(names[start : start + serial], parse_version("1.26.0"))
        simulation.give_back(names[start : start + serial])
    assert {p.key for pods in simulation.on.values() for p in pods.values()} == before
    for name, pods in simulation.on.items():
        free = simulation.room.nodes[name].free
        assert free is not None and free["pods"] == 110 - len(pods)
    for pdb in simulation.budgets:
        assert (pdb.healthy, pdb.waiting) == (pdb.facts["current_healthy"], {})


def test_a_tag_that_is_no_version_leaves_the_version_that_the_server_itself_says() -> None:
    nodes = {"cp1": {"static_pods": {"kube-apiserver": {"version": "latest"}}}}
    assert str(oldest_api_server({"version": "v1.25.4", "nodes": nodes})) == "v1.25.4"
    nodes["cp2"] = {"static_pods": {"kube-apiserver": {"version": "v1.24.17"}}}
    assert str(oldest_api_server({"version": "v1.25.4", "nodes": nodes})) == "v1.24.17"
