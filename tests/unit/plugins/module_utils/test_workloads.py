# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import gzip
import random
from typing import Any

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _workloads
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

AT = "2026-11-21T14:00:00Z"


def names(comparison: dict[str, Any], which: str) -> list[str]:
    return [f"{entry['kind']} {entry['ns']}/{entry['name']}" for entry in comparison[which]]


def workload(spec: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"namespace": "shop", "name": "web"}, "spec": spec, "status": status}


def pod(**more: Any) -> dict[str, Any]:
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    meta = {"namespace": "shop", "name": "debug", **more.pop("metadata", {})}
    return {"metadata": meta, "status": {**ready, **more}}


def test_rows_of_workloads() -> None:
    deployment = workload({"replicas": 3}, {"readyReplicas": 2})
    assert _workloads.of_workload("Deployment", deployment) == ("Deployment shop/web", [3, 2])
    assert _workloads.of_workload("StatefulSet", workload({}, {})) == ("StatefulSet shop/web", [1, 0])
    assert _workloads.of_workload("Deployment", workload({"replicas": 0}, {}))[1] == [0, 0]
    daemons = workload({}, {"desiredNumberScheduled": 5, "numberReady": 4})
    assert _workloads.of_workload("DaemonSet", daemons) == ("DaemonSet shop/web", [5, 4])


@pytest.mark.parametrize(
    ("given", "row"),
    [
        (pod(), ("Pod shop/debug", [1, 1])),
        (pod(conditions=[]), ("Pod shop/debug", [1, 0])),
        (pod(phase="Succeeded"), None),
        (pod(metadata={"deletionTimestamp": AT}), None),
        (pod(metadata={"annotations": {"kubernetes.io/config.mirror": "x"}}), None),
        (pod(metadata={"ownerReferences": [{"kind": "ReplicaSet", "controller": True}]}), None),
        (pod(metadata={"ownerReferences": [{"kind": "Thing"}]}), ("Pod shop/debug", [1, 1])),
    ],
)
def test_rows_of_pods(given: dict[str, Any], row: Any) -> None:
    assert _workloads.of_pod(given) == row


@pytest.mark.parametrize(
    ("kind", "before", "now", "which"),
    [
        ("Deployment", [3, 3], [3, 3], None),
        ("Deployment", [3, 2], [3, 2], None),  # was not whole before
        ("Deployment", [3, 0], [3, 0], None),
        ("Deployment", [3, 0], None, None),  # nothing was Ready that could be lost
        ("Deployment", [3, 3], None, "missing"),
        ("Deployment", [3, 3], [3, 0], "not_ready"),
        ("Deployment", [3, 3], [3, 1], "fewer"),
        ("Deployment", [3, 3], [1, 1], "changed_by_owner"),
        ("Deployment", [3, 3], [0, 0], "changed_by_owner"),
        ("Deployment", [3, 3], [5, 3], "changed_by_owner"),  # growing, and nothing of what was there is lost
        ("Deployment", [3, 3], [2, 1], "fewer"),  # scaled down, and not even that is Ready
        ("StatefulSet", [3, 3], [5, 2], "fewer"),
        ("DaemonSet", [3, 3], [4, 3], None),
        ("DaemonSet", [3, 3], [2, 2], "fewer"),
        ("DaemonSet", [3, 3], [3, 2], "fewer"),
        ("DaemonSet", [3, 3], [0, 0], "fewer"),
        ("Pod", [1, 1], None, "missing"),
        ("Pod", [1, 1], [1, 0], "not_ready"),
    ],
)
def test_comparison(kind: str, before: list[int], now: list[int] | None, which: str | None) -> None:
    key = f"{kind} shop/web"
    comparison = _workloads.compare({key: before}, {key: now} if now else {})
    found = [name for name in ("missing", "not_ready", "fewer", "changed_by_owner") if comparison[name]]
    assert found == ([which] if which else [])
    assert comparison["lost"] == (which in ("missing", "not_ready", "fewer"))
    assert comparison["as_before"] == (which is None and before[1] > 0)


def test_what_is_new_is_no_loss() -> None:
    comparison = _workloads.compare({}, {"Deployment shop/new": [3, 0]})
    assert (comparison["lost"], comparison["before"]) == (0, 0)


def test_a_daemonset_that_lost_nodes_says_so() -> None:
    comparison = _workloads.compare({"DaemonSet a/logs": [3, 3]}, {"DaemonSet a/logs": [2, 2]})
    assert "fewer nodes" in comparison["fewer"][0]["why"]


def test_lines() -> None:
    before = {f"Deployment shop/web-{number:02}": [2, 2] for number in range(30)}
    after = {key: [2, 1] for key in before}
    after["Deployment shop/web-00"] = [1, 1]
    lines = _workloads.lines(_workloads.compare(before, after), AT)
    assert lines[0].startswith(
        f"29 of 30 workloads that were Ready at {AT} are not as they were; 1 changed by the owner"
    )
    assert lines[1] == "Deployment shop/web-01: has fewer Ready replicas (before 2 of 2, now 1 of 2)"
    assert lines[-1] == "and 9 more"
    assert _workloads.lines(_workloads.compare(before, before), AT) == [
        f"All 30 workloads that were Ready at {AT} are Ready."
    ]


def test_a_note_holds_a_large_cluster() -> None:
    state = {f"Deployment team-{number % 97}/service-{number}": [3, 3] for number in range(10_000)}
    note = _workloads.pack(state, "v1.26.9", AT)
    assert len(note) < 200_000
    assert _workloads.unpack(note) == {"key": "v1.26.9", "at": AT, "workloads": state}
    assert _workloads.pack(state, "v1.26.9", AT) == note


def test_what_does_not_fit_is_refused() -> None:
    dice = random.Random(1)
    state = {f"Deployment a/{dice.getrandbits(400):x}": [3, 3] for _number in range(20_000)}
    with pytest.raises(UpliftError, match=r"20000 workloads takes .* is not kept"):
        _workloads.pack(state, "v1.26.9", AT)


def zipped(text: bytes) -> str:
    return base64.b64encode(gzip.compress(text, mtime=0)).decode()


@pytest.mark.parametrize(
    "note",
    [
        *(None, "", "hello", "!!", base64.b64encode(b"x").decode()),
        *(zipped(text) for text in (b"[]", b"{}", b"7", b'{"key": "a", "at": "b", "workloads": []}')),
        zipped(b'{"key": "", "at": "b", "workloads": {}}'),
        base64.b64encode(gzip.compress(b"{}", mtime=0)[:-9]).decode(),
    ],
)
def test_a_note_that_cannot_be_read_is_none(note: str | None) -> None:
    assert _workloads.unpack(note) is None
