# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the scenario counts: pods that move, how many are Ready at a time, and runs that change nothing."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("yaml")

from replace.cli import changed_nothing
from replace.site import REPLICAS, Workload
from scenario.kube import Kube


def pod(uid: str, node: str, ready: bool = True, going: bool = False) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    metadata = {"uid": uid, **({"deletionTimestamp": "now"} if going else {})}
    return {"metadata": metadata, "spec": {"nodeName": node}, "status": {"conditions": conditions}}


@pytest.fixture
def work() -> Workload:
    made = Workload(Kube.__new__(Kube))  # nothing is asked
    for number in range(REPLICAS):
        made._take("ADDED", pod(f"first-{number}", "old"))
    return made


def test_a_pod_that_comes_to_a_new_node_has_moved_once(work: Workload) -> None:
    work._take("MODIFIED", pod("first-0", "old", going=True))
    work._take("ADDED", pod("second-0", "new", ready=False))
    assert work.least == REPLICAS - 1
    work._take("MODIFIED", pod("second-0", "new"))
    work._take("DELETED", pod("first-0", "old"))
    assert work.moves({"new"}) == 0
    assert work.least == REPLICAS - 1


def test_a_pod_that_comes_to_another_old_node_moves_twice(work: Workload) -> None:
    work._take("ADDED", pod("second-0", "old2"))
    assert work.moves({"new"}) == 1


@pytest.mark.parametrize(
    ("text", "nothing"),
    [
        ("Nothing to do.\ncp1 : ok=9 changed=0\nw1 : ok=3 changed=0", True),
        ("Nothing to do.\ncp1 : ok=9 changed=0\nw1 : ok=3 changed=2", False),
        ("cp1 : ok=9 changed=0", False),
    ],
)
def test_a_run_that_changed_nothing_says_so_and_did_not(text: str, nothing: bool) -> None:
    assert changed_nothing(text) is nothing
