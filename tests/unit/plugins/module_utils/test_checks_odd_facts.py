# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All checks, on facts that no test of a single check would think of: no check ends with an error, and whatever is
missing is listed as not checked.

Each run of the tests tries the same clusters. UPLIFT_EXPLORE=20 in the environment tries others, 20 times as many.
"""

from __future__ import annotations

import copy
import dataclasses
import os
import typing as t

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.uplift.kubeadm.plugins.module_utils import _checks
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Context
from ansible_collections.uplift.kubeadm.tests.unit.plugins.healthy import (
    healthy_context,
    healthy_facts,
    healthy_hosts,
    healthy_plan,
)
from ansible_collections.uplift.kubeadm.tests.unit.plugins.odd_facts import contexts

EXPLORE = int(os.environ.get("UPLIFT_EXPLORE", "0"))
COMMON = settings(suppress_health_check=list(HealthCheck))
HEALTHY = _checks.run(healthy_context())


def sound(result: dict[str, t.Any]) -> None:
    """What holds of every result."""
    for finding in result["findings"]:
        assert finding["seen"] and all(finding[part] for part in ("id", "title", "why", "fix", "source")), finding
        assert len(finding["seen"]) <= 51
    assert all(gap["check"] and gap["why"] for gap in result["unchecked"])
    assert all(len(line) <= 100 and line.isprintable() for line in result["lines"])
    assert result["summary"]["unchecked"] == len(result["unchecked"])


def broken(result: dict[str, t.Any]) -> list[str]:
    return [gap["why"] for gap in result["unchecked"] if "The check ended with" in gap["why"]]


@given(contexts())
@settings(COMMON, max_examples=60 * max(1, EXPLORE))
def test_no_check_ends_with_an_error_on_odd_facts(context: Context) -> None:
    result = _checks.run(context)
    sound(result)
    assert broken(result) == []


@given(contexts(), st.data())
@settings(COMMON, max_examples=25 * max(1, EXPLORE))
def test_what_is_unread_is_always_said(context: Context, data: st.DataObject) -> None:
    keys = data.draw(st.lists(st.sampled_from(_checks.CLUSTER_FACTS), min_size=1, unique=True))
    facts = {key: value for key, value in context.facts.items() if key not in keys}
    refused = data.draw(st.sampled_from(_checks.CLUSTER_FACTS))
    facts["unread"] = [*facts["unread"], {"what": refused, "why": "The API server forbids it.", "matters": "So what."}]
    result = _checks.run(dataclasses.replace(context, facts=facts))
    sound(result)
    assert broken(result) == []
    gaps = {gap["check"]: gap["why"] for gap in result["unchecked"]}
    assert [key for key in keys if f"The facts have no {key};" not in gaps[f"cluster:{key}"]] == []
    assert "The API server forbids it." in gaps[f"cluster:{refused}"]


def places(value: t.Any, path: tuple[t.Any, ...] = ()) -> t.Iterator[tuple[t.Any, ...]]:
    """Paths of everything in nested facts."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def put(value: t.Any, path: tuple[t.Any, ...], junk: t.Any) -> None:
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = junk


EVERYTHING = {"facts": healthy_facts(), "nodes": {host["name"]: host for host in healthy_hosts().values()}}
PLACES = sorted(places(EVERYTHING), key=str)


@given(
    st.lists(
        st.tuples(st.sampled_from(PLACES), st.sampled_from([None, 0, -1, "", "例", [], {}, [{}], {"a": None}])),
        min_size=1,
        max_size=3,
    )
)
@settings(COMMON, max_examples=60 * max(1, EXPLORE))
def test_junk_anywhere_is_no_traceback(changes: list[tuple[tuple[t.Any, ...], t.Any]]) -> None:
    """Facts of another shape than is documented: a check may fail at them, and then says so."""
    spoilt = copy.deepcopy(EVERYTHING)
    for path, junk in changes:
        try:
            put(spoilt, path, junk)
        except (KeyError, TypeError, IndexError):  # gone with what was put around it
            continue
    sound(_checks.run(dataclasses.replace(healthy_context(), facts=spoilt["facts"], nodes=spoilt["nodes"])))


def test_no_workers() -> None:
    hosts = {name: host for name, host in healthy_hosts().items() if host["name"] == "cp1"}
    facts = healthy_facts()
    facts["nodes"] = {"cp1": facts["nodes"]["cp1"]}
    result = _checks.run(_checks.make_context(facts, hosts, healthy_plan(facts, hosts), "2023-06-01", {}))
    sound(result)
    assert broken(result) == []
    assert "drain-single-node" in [finding["id"] for finding in result["findings"]]


@pytest.mark.parametrize("key", sorted(healthy_facts()))
def test_each_key_of_the_facts_may_be_missing(key: str) -> None:
    result = _checks.run(healthy_context(lambda facts, _nodes: facts.pop(key)))
    sound(result)
    new = [gap for gap in result["unchecked"] if gap not in HEALTHY["unchecked"]]
    assert new or key in ("schema", "server", "version", "ca_fingerprints", "unread"), "nothing says that it is missing"


@pytest.mark.parametrize("node", ["cp1", "w1"])
@pytest.mark.parametrize("key", sorted(_checks.NODE_FACTS))
def test_each_key_of_a_nodes_facts_may_be_missing(node: str, key: str) -> None:
    """Also when the node says nothing of why. `files` are wanted by no row of knowledge of these minors."""
    result = _checks.run(healthy_context(lambda _facts, nodes: nodes[node].pop(key)))
    sound(result)
    assert broken(result) == []
    new = [gap["why"] for gap in result["unchecked"] if gap not in HEALTHY["unchecked"]]
    asked = key not in ("name", "files") and (node == "cp1" or key not in ("etcd", "static_pods"))
    assert not asked or any(node in why for why in new), "nothing says that it is missing"


def test_a_node_without_a_status() -> None:
    """A machine that has just joined: its kubelet has reported nothing."""

    def joined(facts: t.Any, _nodes: t.Any) -> None:
        facts["nodes"]["new"] = {
            **dict.fromkeys(facts["nodes"]["w1"]), "role": "worker", "ready": False, "static_pods": {}, "labels": {},
            "taints": [], "allocatable": {}, "conditions": {}, "ready_message": "no Ready condition",
        }  # fmt: skip

    result = _checks.run(healthy_context(joined))
    sound(result)
    assert broken(result) == []
    assert any("new" in gap["why"] for gap in result["unchecked"])


def test_nodes_that_are_not_in_the_inventory_are_said() -> None:
    result = _checks.run(healthy_context(lambda _facts, nodes: nodes.pop("w1")))
    assert any("w1" in gap["why"] for gap in result["unchecked"]), "nothing was asked of w1, and nothing says so"


def test_nothing_is_known_of_any_node() -> None:
    result = _checks.run(healthy_context(lambda _facts, nodes: nodes.clear()))
    sound(result)
    assert broken(result) == []
    for name in ("cp1", "w1", "w2"):
        assert any(name in gap["why"] for gap in result["unchecked"])
