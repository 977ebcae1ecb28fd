# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests/modern makes of what it sees."""

from __future__ import annotations

import sys
from typing import Any

import pytest

pytest.importorskip("yaml")
if sys.version_info < (3, 11):
    pytest.skip("the scenarios run on the controller, with Python 3.11 or newer", allow_module_level=True)

from modern.cli import told
from modern.eyes import Members, Nodes


def node(cordoned: bool = False, ready: bool = True) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": "True" if ready else "Unknown"}]
    return {"spec": {"unschedulable": True} if cordoned else {}, "status": {"conditions": conditions}}


def test_out_of_service_is_from_cordon_to_both_ready_and_uncordoned() -> None:
    nodes = Nodes()
    for now, seen in (
        (0.0, node()),
        (10.0, node(cordoned=True)),
        (15.0, node(cordoned=True, ready=False)),
        (18.0, node(cordoned=True)),
        (20.0, node()),
        (30.0, node(ready=False)),
        (33.5, node()),
        (40.0, node(cordoned=True)),
        (41.0, node()),
    ):
        nodes.see("w1", seen, now)
    assert nodes.out == {"w1": 14.5}
    assert nodes.cordons == {"w1": 2}


def pod(image: str, running: bool = True) -> dict[str, Any]:
    state = {"running": {}} if running else {"terminated": {}}
    status = {"containerStatuses": [{"image": "sha256:0123", "state": state}]}
    return {"spec": {"containers": [{"name": "etcd", "image": image}]}, "status": status}


def test_releases_of_etcd_in_order() -> None:
    members = Members()
    for seen in (
        pod("registry.k8s.io/etcd:3.5.21-0"),
        pod("registry.k8s.io/etcd:3.5.21-0"),
        pod("registry.k8s.io/etcd:3.5.32-0", running=False),
        pod("registry.k8s.io/etcd:3.5.32-0"),
        {},
        pod("localhost:5000/etcd:3.6.4-0"),
    ):
        members.see("cp1", seen)
    assert members.releases == {"cp1": ["3.5.21", "3.5.32", "3.6.4"]}
    assert members.any_at("3.5.32")
    assert not members.any_at("3.5.33")


def test_told() -> None:
    assert told({"cp1": ["3.5.21", "3.6.4"], "cp2": 2}) == "cp1 3.5.21 to 3.6.4, cp2 2"
    assert told(["a", "b"]) == "a, b"
    assert told([]) == ""
