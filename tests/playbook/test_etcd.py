# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the step of etcd within its minor is walked: pinned, rolled one by one, cleared; and gone on with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stubbed import StubbedCluster

PHASE = "upgrade node phase control-plane"


@pytest.fixture
def cluster(tmp_path: Path) -> StubbedCluster:
    made = StubbedCluster(tmp_path, control_planes=3, workers=0, version="v1.33.0")
    made.write("available.json", {"1.34": ["1.34.1"]})
    nodes = made.read("node.json")
    for node in nodes.values():
        node["running"] = {"etcd": "3.5.24"}
    made.write("node.json", nodes)
    return made


def upgrade(cluster: StubbedCluster, **variables: Any) -> Any:
    # The blocker etcd-before is not asked about here: findings of this pretended cluster are beside the point.
    return cluster.run(
        "uplift.kubeadm.upgrade",
        target="1.34",
        kubeadm_upgrade_etcd_bridge=["3.5.32-0"],
        kubeadm_upgrade_patches="",
        **variables,
    )


def told(cluster: StubbedCluster) -> list[tuple[str, str]]:
    """Pins, and runs of kubeadm with their hosts, in order; repeated pins once."""
    found: list[tuple[str, str]] = []
    for event in cluster.events():
        if event["module"] == "etcd_pin":
            step = ("pin", "absent" if event["state"] == "absent" else "present")
        elif event["module"] == "kubeadm_run":
            step = (event["host"], " ".join(event["arguments"][:4])[:32])
        else:
            continue
        if not found or found[-1] != step:
            found.append(step)
    return found


def test_pinned_rolled_and_cleared_before_the_hop(cluster: StubbedCluster) -> None:
    run = upgrade(cluster)
    assert run.returncode == 0, run.stdout
    # The first pin is the question (check mode) with which the image is proved to be had.
    assert told(cluster) == [
        ("pin", "present"),
        ("cp1", PHASE),
        ("pin", "present"),
        ("cp2", PHASE),
        ("pin", "present"),
        ("cp3", PHASE),
        ("pin", "absent"),
        ("cp1", "upgrade apply v1.34.1 --yes"),
        ("cp2", "upgrade node"),
        ("cp3", "upgrade node"),
    ]
    assert cluster.read("cluster.json")["cluster"]["etcd"]["bridge"] is None
    spared = [e["host"] for e in cluster.events() if e["module"] == "node_info"]
    assert {"cp1", "cp2", "cp3"} <= set(spared)
    assert "etcd within its minor" in run.stdout


def test_a_run_that_failed_between_two_members_is_gone_on_with(cluster: StubbedCluster) -> None:
    """Protection: the pin and its owner are in the cluster, so that the next run ends what this one began."""
    cluster.misbehave({"module": "kubeadm_run", "host": "cp2", "do": "fail"})
    assert upgrade(cluster).returncode != 0
    assert cluster.read("cluster.json")["cluster"]["etcd"]["bridge"] == "3.5.32-0"
    assert ("cp3", PHASE) not in told(cluster)
    assert ("cp1", "upgrade apply v1.34.1 --yes") not in told(cluster)
    cluster.mend()
    run = upgrade(cluster)
    assert run.returncode == 0, run.stdout
    steps = told(cluster)
    assert ("cp1", PHASE) not in steps
    assert (
        steps.index(("cp3", PHASE))
        < steps.index(("pin", "absent"))
        < steps.index(("cp1", "upgrade apply v1.34.1 --yes"))
    )
    assert cluster.read("cluster.json")["cluster"]["etcd"]["bridge"] is None
