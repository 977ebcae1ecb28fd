# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drain does with a pod, and which budgets an eviction has to pass."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _drain_rules as rules
from ansible_collections.uplift.kubeadm.plugins.module_utils._selectors import matches

NOW = 1_800_000_000.0
STRICT = rules.Options(timeout=1)
LAX = rules.Options(timeout=1, delete_emptydir_data=True, force_unmanaged=True)
MIRROR = {"annotations": {"kubernetes.io/config.mirror": "x"}}
DELETED = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


def pod(
    owner: str | None = "ReplicaSet", phase: str = "Running", emptydir: bool = False, **meta: t.Any
) -> dict[str, t.Any]:
    owners = (
        [{"kind": owner, "name": "o", "controller": True}] if owner else [{"kind": "Thing", "name": "not-a-controller"}]
    )
    volumes = [{"name": "c", "configMap": {}}, *([{"name": "v", "emptyDir": {}}] if emptydir else [])]
    return {
        "metadata": {
            "namespace": "d",
            "name": "p",
            "uid": "u",
            "labels": {"app": "web"},
            "ownerReferences": owners,
            **meta,
        },
        "spec": {"volumes": volumes},
        "status": {"phase": phase},
    }


@pytest.mark.parametrize(
    ("obj", "options", "verdict"),
    [
        (pod(), STRICT, "evict"),
        (pod("ReplicationController"), STRICT, "evict"),
        (pod("Job"), STRICT, "evict"),
        (pod("DaemonSet"), STRICT, "leave"),
        (pod("DaemonSet"), LAX, "leave"),
        (pod("DaemonSet", emptydir=True), STRICT, "leave"),
        (pod("DaemonSet", phase="Failed"), STRICT, "evict"),
        (pod("Node", **MIRROR), LAX, "leave"),
        (pod(None, **MIRROR), STRICT, "leave"),
        (pod(None), STRICT, "refuse"),
        (pod(None), LAX, "evict"),
        (pod(None, "Succeeded", emptydir=True), STRICT, "evict"),
        (pod(emptydir=True), STRICT, "refuse"),
        (pod(emptydir=True), LAX, "evict"),
        (pod(**DELETED), STRICT, "evict"),
        (pod(**DELETED), rules.Options(timeout=1, skip_wait_for_delete_timeout=60), "leave"),
        (
            pod(deletionTimestamp="2030-01-01T00:00:00Z"),
            rules.Options(timeout=1, skip_wait_for_delete_timeout=60),
            "evict",
        ),
    ],
)
def test_classify(obj: dict[str, t.Any], options: rules.Options, verdict: str) -> None:
    assert rules.classify(obj, {"d/o"}, options, NOW)[0] == verdict


def test_every_objection_is_named() -> None:
    assert rules.classify(pod(None, emptydir=True), set(), STRICT, NOW) == ("refuse", ("unmanaged", "emptydir"))
    assert rules.classify(pod("DaemonSet", emptydir=True), {"other/o"}, STRICT, NOW) == (
        "refuse",
        ("orphan", "emptydir"),
    )
    assert rules.classify(pod("DaemonSet"), set(), LAX, NOW) == ("evict", ())


def expression(operator: str, *values: str, key: str = "app") -> dict[str, t.Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, **({"values": list(values)} if values else {})}]}


@pytest.mark.parametrize(
    ("selector", "matched"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {}}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "web", "tier": "x"}}, False),
        (expression("In", "web", "api"), True),
        (expression("In", "api"), False),
        (expression("In", "web", key="other"), False),
        (expression("NotIn", "api"), True),
        (expression("NotIn", "web"), False),
        (expression("NotIn", "web", key="other"), True),
        (expression("Exists"), True),
        (expression("Exists", key="other"), False),
        (expression("DoesNotExist"), False),
        (expression("DoesNotExist", key="other"), True),
        (expression("Gt", "1"), False),
        ({"matchLabels": {"app": "web"}, **expression("In", "api")}, False),
    ],
)
def test_matches(selector: dict[str, t.Any] | None, matched: bool) -> None:
    assert matches(selector, {"app": "web"}) is matched


@pytest.mark.parametrize(
    ("obj", "held"),
    [
        (pod(), ["d/b"]),
        (pod(phase="Pending"), []),
        (pod(phase="Succeeded"), []),
        (pod(**DELETED), []),
        (pod(namespace="other"), []),
    ],
)
def test_budgets_of(obj: dict[str, t.Any], held: list[str]) -> None:
    budgets = [
        {"metadata": {"namespace": "d", "name": "b"}, "spec": {"selector": {"matchLabels": {"app": "web"}}}},
        {"metadata": {"namespace": "d", "name": "none"}, "spec": {"selector": {"matchLabels": {"app": "api"}}}},
        {"metadata": {"namespace": "d", "name": "nil"}, "spec": {}},
    ]
    assert rules.budgets_of(obj, budgets) == held


@pytest.mark.parametrize(
    ("spec", "never"),
    [
        ({"maxUnavailable": 0}, True),
        ({"maxUnavailable": "0%"}, True),
        ({"maxUnavailable": 1}, False),
        ({"minAvailable": "100%"}, True),
        ({"minAvailable": 3}, True),
        ({"minAvailable": 2}, False),
        ({"minAvailable": "67%"}, True),
        ({"minAvailable": "66%"}, False),
        ({"minAvailable": 0}, False),
        ({"minAvailable": "half"}, True),
        ({}, False),
    ],
)
def test_never_allows(spec: dict[str, t.Any], never: bool) -> None:
    assert bool(rules.never_allows({"spec": spec, "status": {"expectedPods": 3}})) is never
