# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster that the benchmark of facts makes: the planner and the checks have to take it for a healthy one.

Made small here, and read without an API server. One that is refused, or full of findings, would measure nothing.
"""

from __future__ import annotations

import importlib
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _checks, _cluster_facts
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan import Options, make_plan

NODES, PODS = 12, 100
Object = dict[str, Any]


class FakeApi:
    """Answers with the objects of the crowd, as if each had been made and given its status."""

    server = "https://api.bench:6443"

    def __init__(self, writes: Callable[[], Iterator[Any]]) -> None:
        self._writes = writes

    def now(self) -> float:
        return 0.0

    def get(self, path: str, query: Any = None) -> Object:
        version = importlib.import_module("system_pods").VERSION
        return {"gitVersion": version} if path == "/version" else {"groups": []}

    def find(self, path: str, query: Any = None) -> Object | None:
        collection, _slash, name = path.rpartition("/")
        return next((obj for of, obj in self._objects() if of == collection and obj["metadata"]["name"] == name), None)

    def list(self, path: str, query: Any = None, keep: Any = None, metadata_only: bool = False) -> list[Any]:
        if "labelSelector" in (query or {}):  # Helm's releases, of which there are none
            return []
        return [keep(obj) for of, obj in self._objects() if path in (of, re.sub(r"/namespaces/[^/]+/", "/", of))]

    def _objects(self) -> Iterator[tuple[str, Object]]:
        for path, body, status in self._writes():
            yield path, {**body, "status": status} if status else body


def facts_of(nodes: int, pods: int) -> Object:
    crowd = importlib.import_module("crowd")
    api: Any = FakeApi(lambda: itertools.chain(crowd.empty(), crowd.cluster(nodes, pods)))
    return _cluster_facts.read(api)


@pytest.fixture(scope="module")
def facts(_programs: None) -> Object:
    return facts_of(NODES, PODS)


def test_the_cluster_has_as_many_nodes_and_pods_as_it_says(facts: Object) -> None:
    assert facts["unread"] == []
    assert (len(facts["nodes"]), len(facts["pods"])) == (NODES, PODS)
    assert {node["kube_proxy"] for node in facts["nodes"].values()} == {facts["version"]}
    planes = [node for node in facts["nodes"].values() if node["role"] == "control_plane"]
    assert [len(node["static_pods"]) for node in planes] == [4, 4, 4]
    assert all(pod["ready"] for node in planes for pod in node["static_pods"].values())


def test_it_grows_to_what_it_would_have_been() -> None:
    crowd = importlib.import_module("crowd")

    def pods(writes: Iterator[Any]) -> set[str]:
        return {body["metadata"]["name"] for path, body, _status in writes if path.endswith("/pods")}

    grown = pods(crowd.cluster(5, 40)) | pods(crowd.cluster(NODES, PODS, 5, 40))
    assert grown == pods(crowd.cluster(NODES, PODS))
    assert len(grown) == PODS


def test_the_planner_takes_it_and_the_checks_find_it_healthy(facts: Object) -> None:
    planning = importlib.import_module("planning")
    hosts = planning.details(NODES)
    plan = make_plan(facts, hosts, planning.AVAILABLE, Options(target=planning.TARGET, serial=1))["plan"]
    assert plan["drains"] == dict.fromkeys(facts["nodes"], 2)
    context = _checks.make_context(facts, hosts, plan, planning._healthy().TODAY, planning.OPTIONS)
    found = _checks.run(context)
    assert [row["id"] for row in found["findings"] if row["severity"] != "info"] == []
    assert found["summary"]["blockers"] == 0


def test_the_planner_needs_nothing_of_the_detail(facts: Object) -> None:
    planning = importlib.import_module("planning")
    hosts = planning.details(NODES)
    assert all(set(host) >= planning.DETAIL for host in hosts.values())
    brief = {name: {key: host[key] for key in host if key not in planning.DETAIL} for name, host in hosts.items()}
    options = Options(target=planning.TARGET, serial=1)
    assert make_plan(facts, brief, planning.AVAILABLE, options) == make_plan(facts, hosts, planning.AVAILABLE, options)


def row(**fields: Any) -> Object:
    return {"nodes": 5000, "seconds": 30.0, "mib": 400.0, "load_mib": 300.0, **fields}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "reading 30.0 s, 400 MiB: within 60 s and 1024 MiB"),
        ({"in_all": 61.0, "in_all_mib": 500.0}, "plan in all 61.0 s, 500 MiB: NOT within 60 s and 1024 MiB"),
        ({"in_all": 9.0, "in_all_mib": 1025.0}, "plan in all 9.0 s, 1025 MiB: NOT within 60 s and 1024 MiB"),
        ({"in_all": 60.0, "in_all_mib": 1024.0}, "plan in all 60.0 s, 1024 MiB: within 60 s and 1024 MiB"),
    ],
)
def test_the_plan_in_all_is_held_against_the_aims(fields: Object, said: str) -> None:
    assert importlib.import_module("facts").verdict(row(**fields)) == f"5,000 nodes: {said}"
