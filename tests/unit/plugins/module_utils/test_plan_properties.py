# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Properties of every plan, over generated clusters: replayed change by change and held against the oracle.

Each run of the tests tries the same clusters. UPLIFT_EXPLORE=20 in the environment tries others, 20 times as many.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan import Options, make_plan
from ansible_collections.uplift.kubeadm.plugins.module_utils._skew import skew_violations
from ansible_collections.uplift.kubeadm.tests.unit.plugins.module_utils.fake_cluster import FakeCluster
from ansible_collections.uplift.kubeadm.tests.unit.plugins.module_utils.skew_oracle import (
    State,
    breaks,
    fewest_drains,
    kubeadm_objects,
    minor,
)

EXPLORE = int(os.environ.get("UPLIFT_EXPLORE", "0"))
COMMON = settings(suppress_health_check=list(HealthCheck))

OLDEST, NEWEST = 22, 37
AVAILABLE = {f"1.{number}": [f"1.{number}.{patch}" for patch in (0, 3, 7)] for number in range(OLDEST, NEWEST + 1)}
MODES = st.sampled_from(["auto", "every", "fewest"])


def version(number: int, patch: int) -> str:
    return f"v1.{number}.{patch}"


@st.composite
def clusters(draw: st.DrawFn, outside: bool = False) -> FakeCluster:
    """Clusters that obey the policy: each node's kubelet anywhere that is allowed, each at a patch of its own."""
    start = draw(st.integers(OLDEST, NEWEST - 1))
    patch = draw(st.sampled_from([0, 3, 7]))
    here = version(start, patch)
    cluster = FakeCluster.whole(
        here, draw(st.sampled_from([1, 2, 3])), draw(st.integers(0, 3)), proxy=draw(st.booleans())
    )
    for name in cluster.state.kubelet:
        behind = draw(st.sampled_from([0, 0, 0, 1, 2, 3]))
        kubelet = version(start - behind, min(patch, draw(st.sampled_from([0, 3, 7]))))
        if behind <= (2 if start - behind < 25 else 3) and start - behind >= OLDEST - 2:
            cluster.state.kubelet[name] = kubelet
        near = draw(st.sampled_from([None, -1, 0]))  # a newer one, though allowed, is refused where it would step back
        if near is None:
            cluster.state.kubectl.pop(name)
        else:
            cluster.state.kubectl[name] = version(start + near, patch)
    if outside:
        workers = [name for name in cluster.state.kubelet if name.startswith("w")]
        cluster.outside = set(draw(st.lists(st.sampled_from(workers), max_size=2))) if workers else set()
        for name in cluster.outside:
            cluster.state.kubectl.pop(name, None)
    assert not breaks(cluster.state)
    return cluster


@st.composite
def targets(draw: st.DrawFn, cluster: FakeCluster) -> str:
    start = minor(cluster.config)
    to = draw(st.integers(start, min(start + 8, NEWEST)))
    named = f"1.{to}" if draw(st.booleans()) or to == start else f"1.{to}.3"
    event(f"{to - start} minors")
    return named


def plan_of(cluster: FakeCluster, target: str, mode: str, **more: Any) -> dict[str, Any]:
    options = Options(target=target, worker_hops=mode, **more)
    return make_plan(cluster.facts(), cluster.hosts(), AVAILABLE, options)["plan"]


def replay(cluster: FakeCluster, plan: dict[str, Any], stop_after: int | None = None) -> int:
    """Carry the plan out, the oracle looking at every moment, up to that many changes; returns how many were made."""
    changes = 0
    for change in cluster.walk(plan):
        broken = breaks(cluster.state)
        assert not broken, f"after «{change}»: {broken}"
        changes += 1
        if changes == stop_after:
            break
    return changes


def assert_at_target(cluster: FakeCluster, target: str, only: set[str] | None = None) -> None:
    goal = target if target.count(".") == 2 else f"{target}.7"
    components = (cluster.state.apiserver, cluster.state.controller_manager, cluster.state.scheduler)
    assert {running for group in components for running in group.values()} == {f"v{goal}"}
    assert cluster.config == f"v{goal}"
    assert cluster.proxy in (None, f"v{goal}")
    for name, kubelet in cluster.state.kubelet.items():
        if name not in cluster.outside and (only is None or name in only):
            assert kubelet == f"v{goal}", name
    assert not cluster.cordoned
    assert not cluster.kubeadm


@settings(COMMON, max_examples=300 * max(1, EXPLORE))
@given(st.data(), clusters(), MODES)
def test_a_plan_keeps_the_policy_skips_no_minor_and_ends_at_the_target(
    data: st.DataObject, cluster: FakeCluster, mode: str
) -> None:
    target = data.draw(targets(cluster))
    start = minor(cluster.config)
    plan = plan_of(cluster, target, mode)
    moved = [minor(stage["version"]) for stage in plan["stages"] if stage["kind"] == "control_plane"]
    assert moved in (
        list(range(start + 1, int(target.split(".")[1]) + 1)),  # on to other minors
        [start],  # to another patch
    ) or (moved == [] and int(target.split(".")[1]) == start)
    assert all(len(stage["hosts"]) == len(stage["nodes"]) == len(set(stage["hosts"])) for stage in plan["stages"])
    replay(cluster, plan)
    assert_at_target(cluster, target)
    assert cluster.drains == plan["drains"]
    again = plan_of(cluster, target, mode)
    assert (again["changes"], again["stages"], again["hops"], again["drains"]) == (False, [], [], {})


@settings(COMMON, max_examples=300 * max(1, EXPLORE))
@given(st.data(), clusters(), st.sampled_from(["auto", "fewest"]))
def test_no_worker_is_drained_more_often_than_the_rules_force(
    data: st.DataObject, cluster: FakeCluster, mode: str
) -> None:
    target = data.draw(targets(cluster))
    goal = int(target.split(".")[1])
    plan = plan_of(cluster, target, mode)
    for name, kubelet in cluster.state.kubelet.items():
        if name in cluster.state.apiserver:
            continue
        fewest = fewest_drains(minor(kubelet), minor(cluster.config), goal, mode == "fewest")
        if fewest == 0 and kubelet != plan["target"]:
            fewest = 1  # another patch of the same minor
        if goal == minor(cluster.config) and cluster.config != plan["target"] and not allowed(kubelet, goal, mode):
            fewest = 2  # kubeadm refuses even a patch with a kubelet so old: it catches up first
        assert plan["drains"].get(name, 0) == fewest, (name, kubelet)


@settings(COMMON, max_examples=300 * max(1, EXPLORE))
@given(st.data(), clusters(), MODES, st.lists(st.integers(1, 150), min_size=1, max_size=4))
def test_a_run_killed_anywhere_goes_on_to_the_target_without_a_drain_too_many(
    data: st.DataObject, cluster: FakeCluster, mode: str, kills: list[int]
) -> None:
    target = data.draw(targets(cluster))
    first = plan_of(cluster, target, mode)
    for stop_after in kills:
        replay(cluster, plan_of(cluster, target, mode), stop_after)
        if data.draw(st.booleans()):
            cluster.kubeadm.clear()  # the record of the unit is gone
        event("killed with mixed API servers" if len(set(cluster.state.apiserver.values())) > 1 else "killed")
    replay(cluster, plan_of(cluster, target, mode))
    assert_at_target(cluster, target)
    assert cluster.drains == first["drains"]


@settings(COMMON, max_examples=200 * max(1, EXPLORE))
@given(st.data(), clusters(outside=True), MODES, st.sampled_from(["all", "control_plane"]))
def test_nodes_that_stay_are_counted_and_refused_before_anything_when_they_block(
    data: st.DataObject, cluster: FakeCluster, mode: str, scope: str
) -> None:
    target = data.draw(targets(cluster))
    workers = set(cluster.state.kubelet) - set(cluster.state.apiserver)
    stay = workers if scope == "control_plane" else cluster.outside
    goal = int(target.split(".")[1])
    blocked = any(
        not allowed(kubelet, number, mode)
        for kubelet in (cluster.state.kubelet[name] for name in stay)
        for number in range(minor(cluster.config), goal + 1)
        if number > minor(cluster.config) or cluster.config != version(goal, 7)
        if not (number == minor(cluster.config) and goal > number)
    )
    for name in stay:
        cluster.state.kubectl.pop(name, None)
    try:
        plan = plan_of(cluster, target, mode, scope=scope)
    except UpliftError as error:
        event("refused")
        assert any(name in str(error) for name in cluster.state.kubelet), error
        assert blocked, error
        return
    assert not blocked
    before = {name: cluster.state.kubelet[name] for name in stay}
    replay(cluster, plan)
    assert_at_target(cluster, target, set(cluster.state.kubelet) - stay)
    assert before == {name: cluster.state.kubelet[name] for name in stay}
    assert {entry["node"] for entry in plan["left_out"]} == stay


def allowed(kubelet: str, number: int, mode: str) -> bool:
    reach = 2 if minor(kubelet) < 25 else 3
    return number - minor(kubelet) <= reach and (mode == "fewest" or not kubeadm_objects(version(number, 0), [kubelet]))


@settings(COMMON, max_examples=200 * max(1, EXPLORE))
@given(st.data(), clusters(outside=True), MODES)
def test_workers_alone_follow_a_control_plane_that_is_there_already(
    data: st.DataObject, cluster: FakeCluster, mode: str
) -> None:
    server = minor(cluster.config)
    goal = data.draw(st.integers(max(server - 2, OLDEST), server))
    assume(all(minor(kubelet) <= goal for kubelet in cluster.state.kubelet.values()))
    plan = plan_of(cluster, f"1.{goal}", mode, scope="workers")
    servers = dict(cluster.state.apiserver)
    cluster.state.kubectl = {}
    replay(cluster, plan)
    assert cluster.state.apiserver == servers
    assert all(count == 1 for count in cluster.drains.values())
    for name, kubelet in cluster.state.kubelet.items():
        if name not in cluster.state.apiserver and name not in cluster.outside:
            assert kubelet == plan["target"]


@settings(COMMON, max_examples=500 * max(1, EXPLORE))
@given(st.data())
def test_the_skew_rules_agree_with_the_oracle_in_any_state(data: st.DataObject) -> None:
    """Not only in states that plans pass through: versions thrown together."""
    base = data.draw(st.integers(21, 36))
    near = st.integers(-4, 1).map(lambda step: version(base + step, 0))
    close = st.integers(-1, 1).map(lambda step: version(base + step, 0))
    control = ["cp1", "cp2"][: data.draw(st.integers(1, 2))]
    nodes = [*control, "w1"]
    state = State(
        *(data.draw(st.fixed_dictionaries(dict.fromkeys(control, close))) for _unused in range(3)),
        *(data.draw(st.fixed_dictionaries(dict.fromkeys(nodes, near))) for _unused in range(2)),
        {"w1": data.draw(close)},
    )
    found = skew_violations(dict(vars(state)), kubeadm_exception=True)
    assert bool(found) == bool(breaks(state)), (found, breaks(state))
    assert len(found) <= len(breaks(state)) or not found


@settings(COMMON, max_examples=200 * max(1, EXPLORE))
@given(st.data(), clusters())
def test_any_runs_one_after_another_keep_the_policy_and_never_end_in_a_dead_end(
    data: st.DataObject, cluster: FakeCluster
) -> None:
    """People change their minds: other modes, scopes, limits and targets after a kill. Refused, or right."""
    cluster.state.kubectl = {}  # of hosts that a run does not touch it is left, and told
    workers = [f"host-{name}" for name in cluster.state.kubelet if name not in cluster.state.apiserver]
    control = [f"host-{name}" for name in cluster.state.apiserver]
    for _unused in range(data.draw(st.integers(1, 4))):
        target = data.draw(targets(cluster))
        chosen = data.draw(st.lists(st.sampled_from(workers), unique=True)) if workers else []
        limited = data.draw(st.sampled_from([None, chosen, control + chosen]))
        scope = data.draw(st.sampled_from(["all", "control_plane", "workers"]))
        try:
            plan = plan_of(cluster, target, data.draw(MODES), scope=scope, limited=limited)
        except UpliftError as error:
            event("refused")
            assert "further apart than Kubernetes supports" not in str(error)
            continue
        event("planned")
        replay(cluster, plan, data.draw(st.one_of(st.none(), st.integers(1, 60))))
    # The target patch of a minor that was begun may not be older than what was begun.
    last = f"1.{max(minor(server) for server in cluster.state.apiserver.values())}.7"
    replay(cluster, plan_of(cluster, last, "fewest"))
    # An `apply` of a later minor that was cut off before it changed anything does not bind anyone to that minor.
    cluster.kubeadm = {name: run for name, run in cluster.kubeadm.items() if minor(run[1]) <= int(last[2:-2])}
    assert_at_target(cluster, last)


@pytest.mark.parametrize("mode", ["auto", "every", "fewest"])
def test_every_moment_of_one_long_run_can_be_the_last(mode: str) -> None:
    """Not sampled: three control planes, five minors, a kill after each single change."""
    whole = FakeCluster.whole("v1.26.3", 3, 2, {"w2": "v1.25.0"})
    changes = replay(whole.copy(), plan_of(whole, "1.31", mode))
    assert changes > 100
    for moment in range(1, changes):
        cluster = whole.copy()
        replay(cluster, plan_of(cluster, "1.31", mode), moment)
        replay(cluster, plan_of(cluster, "1.31", mode))
        assert_at_target(cluster, "1.31")
