# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a pod may go: each of the scheduler's filters that the simulation knows, and why a pod goes nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._placement import Room
from ansible_collections.uplift.kubeadm.plugins.module_utils._placement_shapes import Shapes
from ansible_collections.uplift.kubeadm.plugins.module_utils._selectors import (
    SelectorIndex,
    is_empty,
    matches,
    node_matches,
    tolerates,
)
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_pods import HOST, ZONE, control_plane, node, pod

GPU = "nvidia.com/gpu"
WEB = {"matchLabels": {"app": "web"}}


def place(nodes: dict[str, Any], there: list[dict[str, Any]], new: dict[str, Any], **facts: Any) -> str:
    """The node that takes `new`, or the scheduler's words for why none does."""
    room, shapes = Room({"nodes": nodes, **facts}), Shapes({"nodes": nodes, **facts})
    placed = [(row, shapes.shape(row)) for row in there]
    shape = shapes.shape(new)
    shapes.seal()
    for row, its in placed:
        room.add(its, row["node"])
    return room.find(shape) or str(room.refusal(shape, new.get("node", "")))


def required(kind: str, *terms: dict[str, Any]) -> dict[str, Any]:
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}}


def on_nodes(*terms: dict[str, Any]) -> dict[str, Any]:
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


def spread(skew: int = 1, key: str = ZONE, **more: Any) -> list[dict[str, Any]]:
    rule = {"maxSkew": skew, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": WEB}
    return [{**rule, **more}]


TWO = {"w1": node("w1"), "w2": node("w2", labels={"disk": "ssd", "size": "7"})}


@pytest.mark.parametrize(
    ("new", "where"),
    [
        ({}, "w1"),
        ({"node_selector": {"disk": "ssd"}}, "w2"),
        ({"node_selector": {"disk": "hdd"}}, "0/2 nodes: 2 node selector or affinity"),
        ({"affinity": on_nodes(expression("disk", "In", "ssd"))}, "w2"),
        ({"affinity": on_nodes(expression("disk", "NotIn", "ssd"))}, "w1"),
        ({"affinity": on_nodes(expression("disk", "Exists"))}, "w2"),
        ({"affinity": on_nodes(expression("disk", "DoesNotExist"))}, "w1"),
        ({"affinity": on_nodes(expression("size", "Gt", "6"))}, "w2"),
        ({"affinity": on_nodes(expression("size", "Lt", "7"))}, "0/2 nodes: 2 node selector or affinity"),
        ({"affinity": on_nodes(expression("disk", "In", "hdd"), expression("size", "In", "7"))}, "w2"),
        ({"affinity": on_nodes({})}, "0/2 nodes: 2 node selector or affinity"),
        (
            {"affinity": on_nodes({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["w2"]}]})},
            "w2",
        ),
        ({"affinity": on_nodes(expression(HOST, "In", "w2")), "node_selector": {HOST: "w2"}}, "w2"),
        ({"requests": {"cpu": 4000}}, "w1"),
        ({"requests": {"cpu": 4001}}, "0/2 nodes: 2 insufficient cpu"),
        ({"requests": {GPU: 1}}, f"0/2 nodes: 2 insufficient {GPU}"),
        ({"requests": {GPU: 0}}, "w1"),
    ],
)
def test_nodes_alone(new: dict[str, Any], where: str) -> None:
    assert place(TWO, [], pod("new", "", **new)) == where


def test_what_runs_takes_room() -> None:
    nodes = {"w1": node("w1"), "w2": node("w2", pods=1), "w3": node("w3")}
    there = [
        pod("a", "w1", requests={"cpu": 3500}),
        pod("b", "w2"),
        pod("c", "w3", host_ports=[80]),
    ]
    new = pod("new", "", requests={"cpu": 600}, host_ports=[80])
    assert place(nodes, there, new) == "0/3 nodes: 1 host port taken, 1 insufficient cpu, 1 too many pods"
    assert place(nodes, there, {**new, "host_ports": [81]}) == "w3"


def test_nodes_of_which_nothing_is_known_have_room() -> None:
    assert place({"w1": {}}, [], pod("new", "", requests={"cpu": 9_000_000})) == "w1"


def test_taints_and_cordons() -> None:
    nodes = {
        "cp1": control_plane("cp1"),
        "w1": node(
            "w1", unschedulable=True, taints=[{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]
        ),
        "w2": node("w2", taints=[{"key": "team", "value": "a", "effect": "NoExecute"}]),
        "w3": node("w3", ready=False),
    }
    assert place(nodes, [], pod("new", "")) == "0/4 nodes: 2 unschedulable, 2 untolerated taint"
    team = {"key": "team", "operator": "Equal", "value": "a"}
    assert place(nodes, [], pod("new", "", tolerations=[team])) == "w2"
    assert str(place(nodes, [], pod("new", "", tolerations=[{**team, "value": "b"}]))).startswith("0/4")
    everything = pod("new", "", tolerations=[{"operator": "Exists"}])
    assert place(nodes, [], everything) == "cp1"
    prefer = {"w1": node("w1", taints=[{"key": "x", "effect": "PreferNoSchedule"}])}
    assert place(prefer, [], pod("new", "")) == "w1"


def test_volumes_pin_a_pod() -> None:
    nodes = {"w1": node("w1", labels={ZONE: "a"}), "w2": node("w2", labels={ZONE: "b"})}
    volume = {"claim": "shop/data", "node_affinity": {"nodeSelectorTerms": [expression(ZONE, "In", "b")]}}
    new = pod("new", "", claims=["data", "not-bound-yet"])
    assert place(nodes, [], new, volumes=[volume]) == "w2"
    assert place(nodes, [], {**new, "ns": "other"}, volumes=[volume]) == "w1"
    gone = {"claim": "shop/data", "node_affinity": {"nodeSelectorTerms": [expression(ZONE, "In", "c")]}}
    assert place(nodes, [], new, volumes=[gone]) == "0/2 nodes: 2 volume on another node or in another zone"


def test_anti_affinity_goes_both_ways() -> None:
    term = {"topologyKey": HOST, "labelSelector": WEB}
    keeps_off = {"affinity": required("podAntiAffinity", term)}
    nodes = {"w1": node("w1"), "w2": node("w2")}
    assert place(nodes, [pod("a", "w1")], pod("new", "", **keeps_off)) == "w2"
    assert place(nodes, [pod("a", "w1", **keeps_off)], pod("new", "")) == "w2"
    assert place(nodes, [pod("a", "w1", **keeps_off)], pod("new", "", labels={"app": "db"})) == "w1"
    assert place(nodes, [pod("a", "w1", **keeps_off)], pod("new", "", ns="other")) == "w1"
    both = [pod("a", "w1"), pod("b", "w2")]
    assert place(nodes, both, pod("new", "", **keeps_off)) == "0/2 nodes: 2 pod anti-affinity"


def test_anti_affinity_in_other_namespaces() -> None:
    nodes = {"w1": node("w1"), "w2": node("w2")}
    there = [pod("a", "w1", ns="other")]
    for extra in (
        {"namespaces": ["other"]},
        {"namespaceSelector": {}},
        {"namespaceSelector": {"matchLabels": {"t": "1"}}},
    ):
        term = {"topologyKey": HOST, "labelSelector": WEB, **extra}
        new = pod("new", "", affinity=required("podAntiAffinity", term))
        assert place(nodes, there, new, namespaces=[{"name": "other", "labels": {"t": "1"}}]) == "w2"


def test_affinity_and_the_first_of_its_kind() -> None:
    term = {"topologyKey": ZONE, "labelSelector": {"matchLabels": {"app": "db"}}}
    near = {"affinity": required("podAffinity", term)}
    nodes = {"w1": node("w1"), "w2": node("w2", labels={ZONE: "a"}), "w3": node("w3", labels={ZONE: "b"})}
    assert place(nodes, [pod("db", "w3", labels={"app": "db"})], pod("new", "", **near)) == "w3"
    assert place(nodes, [], pod("new", "", **near)) == "0/3 nodes: 3 pod affinity"
    assert place(nodes, [], pod("new", "", labels={"app": "db"}, **near)) == "w2"


def test_spread() -> None:
    nodes = {name: node(name, labels={ZONE: zone}) for name, zone in (("w1", "a"), ("w2", "a"), ("w3", "b"))}
    assert place(nodes, [pod("a", "w1")], pod("new", "", spread=spread())) == "w3"
    assert place(nodes, [pod("a", "w1")], pod("new", "", spread=spread(2))) == "w1"
    assert place(nodes, [pod("a", "w1")], pod("new", "", spread=spread(whenUnsatisfiable="ScheduleAnyway"))) == "w1"
    cordoned = {**nodes, "w3": node("w3", labels={ZONE: "b"}, unschedulable=True)}
    seen = place(cordoned, [pod("a", "w1")], pod("new", "", spread=spread()))
    assert seen == "0/3 nodes: 2 topology spread, 1 unschedulable"  # a cordoned node's zone still counts as empty
    both = [pod("a", "w1"), pod("b", "w3")]
    assert place(nodes, both, pod("new", "", spread=spread())) == "w1"
    assert place(nodes, both, pod("new", "", spread=spread(minDomains=3))) == "0/3 nodes: 3 topology spread"
    assert place({"w1": node("w1")}, [], pod("new", "", spread=spread())) == "0/1 nodes: 1 topology spread"  # no zone


def test_spread_over_nodes_that_it_tolerates_and_of_its_own_revision() -> None:
    nodes = {"cp1": control_plane("cp1", labels={ZONE: "c"}), "w1": node("w1", labels={ZONE: "a"})}
    there = [pod("a", "w1", labels={"app": "web", "rev": "1"})]
    new = pod("new", "", labels={"app": "web", "rev": "1"})
    assert str(place(nodes, there, {**new, "spread": spread()})).startswith("0/2")
    assert place(nodes, there, {**new, "spread": spread(nodeTaintsPolicy="Honor")}) == "w1"
    other = {**new, "labels": {"app": "web", "rev": "2"}}
    assert place(nodes, there, {**other, "spread": spread(matchLabelKeys=["rev"])}) == "w1"


def test_certain_or_tight() -> None:
    nodes = {"w1": node("w1"), "w2": node("w2")}
    room, shapes = Room({"nodes": nodes}), Shapes({})
    big, huge = shapes.shape(pod("a", "w1", requests={"cpu": 3000})), shapes.shape(pod("h", "", requests={"cpu": 5000}))
    shapes.seal()
    room.add(big, "w1")
    room.add(big, "w2")
    assert room.find(big) is None
    assert room.refusal(big, "w1")[:2] == (False, True)
    assert room.refusal(huge, "w1")[:2] == (True, False)
    room.cordon(["w1"])
    assert not room.refusal(big, "w1").certain
    room.cordon(["w2"])
    assert room.refusal(big, "w1").certain


def test_room_that_is_given_back_is_found_again() -> None:
    nodes = {"w1": node("w1"), "w2": node("w2")}
    room, shapes = Room({"nodes": nodes}), Shapes({})
    big = shapes.shape(pod("a", "w1", requests={"cpu": 3000}))
    shapes.seal()
    room.add(big, "w1")
    room.add(big, "w2")
    assert room.find(big) is None
    room.remove(big, "w2")
    assert room.find(big) == "w2"
    room.cordon(["w2"])
    assert room.find(big) is None
    room.uncordon(["w2"])
    assert room.find(big) == "w2"


def test_pods_are_spread_over_nodes_in_turn() -> None:
    nodes = {f"w{i}": node(f"w{i}") for i in range(3)}
    room, shapes = Room({"nodes": nodes}), Shapes({})
    shape = shapes.shape(pod("a", ""))
    shapes.seal()
    assert [room.find(shape) for _time in range(4)] == ["w0", "w1", "w2", "w0"]


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "web", "tier": "x"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "db"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["x"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "Nonsense"}]}, False),
    ],
)
def test_selectors(selector: dict[str, Any] | None, selected: bool) -> None:
    assert matches(selector, {"app": "web"}) is selected
    index: SelectorIndex[str] = SelectorIndex()
    index.add(["shop"], selector, "here")
    index.add(None, selector, "everywhere")
    assert index.find("shop", {"app": "web"}) == (["here", "everywhere"] if selected else [])
    assert index.find("other", {"app": "web"}) == (["everywhere"] if selected else [])


def test_empty_selectors() -> None:
    assert is_empty({}) and is_empty({"matchLabels": {}})
    assert not is_empty(None) and not is_empty(WEB)


def test_numbers_that_are_none() -> None:
    assert not node_matches([expression("size", "Gt", "6")], "w1", {"size": "large"})
    assert not node_matches([expression("size", "Gt")], "w1", {"size": "7"})
    assert not node_matches([], "w1", {})


def test_tolerations() -> None:
    taint = {"key": "a", "value": "1", "effect": "NoSchedule"}
    assert tolerates([{"key": "a", "value": "1"}], taint)
    assert tolerates([{"key": "a", "operator": "Exists", "effect": "NoSchedule"}], taint)
    assert not tolerates([{"key": "a", "operator": "Exists", "effect": "NoExecute"}], taint)
    assert not tolerates([{"key": "b", "operator": "Exists"}, {"operator": "Equal"}], taint)
