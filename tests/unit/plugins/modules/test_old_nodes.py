# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""old_nodes through main(), against FakeApi over HTTP."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _cordon
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import connect
from ansible_collections.uplift.kubeadm.plugins.modules import old_nodes
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_api import FakeApi
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module

OLD = ["o1", "o2"]
LEAVING, CORDON = "uplift.kubeadm/leaving", "uplift.kubeadm/cordon"


@pytest.fixture
def api(tmp_path: Path) -> t.Iterator[FakeApi]:
    fake = FakeApi(tmp_path / "admin.conf")
    for name in (*OLD, "n1"):
        fake.node(name)
    yield fake
    fake.stop()


@pytest.fixture
def run(api: FakeApi, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    defaults = {"names": OLD, "kubeconfig": str(api.kubeconfig), "timeout": 15, "api_timeout": 5}
    defaults["state_directory"] = str(tmp_path / "state")
    return run_module(old_nodes.main, capsys, defaults)


def cordoned(api: FakeApi) -> list[str]:
    nodes = (api.get(f"/api/v1/nodes/{name}") for name in (*OLD, "n1"))
    return [node["metadata"]["name"] for node in nodes if node["spec"].get("unschedulable")]


def test_all_are_cordoned_with_our_annotation_and_given_back(api: FakeApi, run: Run) -> None:
    api.objects["/api/v1/nodes/o2"]["spec"]["unschedulable"] = True  # by a person
    assert run(state="cordoned", check_mode=True)["nodes"] == ["o1"]
    assert cordoned(api) == ["o2"]
    result = run(state="cordoned")
    assert (result["nodes"], result["by_person"]) == (["o1"], ["o2"])
    assert LEAVING in api.get("/api/v1/nodes/o1")["metadata"]["annotations"]
    assert run(state="cordoned")["changed"] is False
    result = run(state="uncordoned")
    assert (result["nodes"], result["by_person"]) == (["o1"], ["o2"])
    assert cordoned(api) == ["o2"]
    assert run(state="uncordoned")["changed"] is False


def test_an_upgrade_leaves_the_cordon_of_a_node_that_others_replace(api: FakeApi, run: Run) -> None:
    """Protects: pods do not come back to old nodes that are kept, because somebody upgrades the cluster."""
    run(state="cordoned")
    client = connect({"kubeconfig": str(api.kubeconfig), "transport": "stdlib", "api_timeout": 5})
    assert _cordon.uncordon(client, "o1").by_person
    drained = _cordon.cordon(client, "o1")
    assert (drained.changed, drained.by_person) == (False, True)
    assert cordoned(api) == OLD
    assert run(state="uncordoned")["nodes"] == OLD


def test_a_cordon_that_an_upgrade_has_left_is_taken_over(api: FakeApi, run: Run) -> None:
    client = connect({"kubeconfig": str(api.kubeconfig), "transport": "stdlib", "api_timeout": 5})
    offered = _cordon.cordon(client, "o1").offered
    assert run(names=["o1"], state="uncordoned")["by_person"] == ["o1"]
    assert run(state="cordoned", check_mode=True)["nodes"] == OLD
    assert run(state="cordoned")["nodes"] == OLD
    annotations = api.get("/api/v1/nodes/o1")["metadata"]["annotations"]
    assert (CORDON in annotations, json.loads(annotations[LEAVING])) == (False, offered)
    assert run(state="cordoned")["changed"] is False


def test_a_record_that_somebody_left_behind_is_not_taken_for_the_next_cordons(api: FakeApi, run: Run) -> None:
    """kubectl uncordon leaves annotations: the upgrade that cordons the node then has to be able to lift it."""
    run(names=["o1"], state="cordoned")
    api.objects["/api/v1/nodes/o1"]["spec"]["unschedulable"] = None
    client = connect({"kubeconfig": str(api.kubeconfig), "transport": "stdlib", "api_timeout": 5})
    _cordon.cordon(client, "o1")
    assert LEAVING not in api.get("/api/v1/nodes/o1")["metadata"]["annotations"]
    assert run(names=["o1"], state="uncordoned")["by_person"] == ["o1"]
    assert _cordon.uncordon(client, "o1").changed


def test_nodes_are_drained_together_and_are_empty_after(api: FakeApi, run: Run) -> None:
    for name in OLD:
        api.pod(f"web-{name}", name)
        api.pod(f"proxy-{name}", name, mirror=True)
    api.daemonset("logs", "o1")
    dry = run(check_mode=True)
    assert {name: len(pods) for name, pods in dry["evicted"].items()} == {"o1": 1, "o2": 1}
    assert api.pods("o2") == ["proxy-o2", "web-o2"]
    result = run()
    assert result["drained"] is True
    assert cordoned(api) == OLD
    assert (api.pods("o1"), api.pods("o2")) == (["logs-x", "proxy-o1"], ["proxy-o2"])
    assert run()["changed"] is False


def test_a_drain_that_fails_ends_no_other_and_all_stay_cordoned(api: FakeApi, run: Run) -> None:
    """Protects: nothing goes back to an old node because another one could not be drained."""
    api.pod("alone", "o1", owner=None)
    api.pod("web", "o2")
    run(state="cordoned")
    result = run(failed=True)
    assert list(result["failed_nodes"]) == ["o1"]
    assert "default/alone" in result["msg"]
    assert "stay cordoned" in result["msg"]
    assert api.pods("o2") == []
    assert cordoned(api) == OLD


def test_a_slice_says_how_far_all_are_and_the_next_goes_on(api: FakeApi, run: Run) -> None:
    api.pod("slow", "o1")
    api.pod("web", "o2")
    api.termination["slow"] = 1.5
    result = run(slice=1)
    assert result["drained"] is False
    assert "default/slow" in result["progress"]["line"]
    while not result["drained"]:
        result = run(slice=1)
    assert len(api.sent("POST", "/slow/eviction")) == 1


def test_pods_that_the_order_of_the_drain_leaves_are_not_passed_over(api: FakeApi, run: Run) -> None:
    """Protects: a node counts as empty when it is, not when its drain had nothing left to do."""
    api.pod("kept", "o1", labels={"app": "kept"})
    result = run(failed=True, order=[{"selector": "app=kept", "action": "skip"}])
    assert "The node o1 is not empty: default/kept run there still." in result["msg"]


def test_a_dead_node_is_drained_without_the_pods_that_nobody_ends(api: FakeApi, run: Run) -> None:
    """Protects: a dead machine can be replaced. Its pods are Terminating for as long as its node is there."""
    api.objects["/api/v1/nodes/o1"]["status"]["conditions"][0]["status"] = "Unknown"
    api.pod("old", "o1", deletionTimestamp="2026-01-01T00:00:00Z")
    api.pod("stuck", "o1")
    api.termination["stuck"] = 600
    assert "default/old" in run(timeout=1, failed=True)["msg"]
    result = run(skip_wait_for_delete_timeout=1)
    assert result["drained"] is True
    assert api.pods("o1") == ["old", "stuck"]
    assert cordoned(api) == OLD
    assert run(names=["o1"], state="removed")["nodes"] == ["o1"]


def test_pods_deleted_long_ago_keep_a_node_that_lives_from_its_removal(api: FakeApi, run: Run) -> None:
    api.pod("hung", "o1", deletionTimestamp="2026-01-01T00:00:00Z")
    assert run(skip_wait_for_delete_timeout=60)["drained"] is True
    assert "default/hung" in run(names=["o1"], state="removed", failed=True)["msg"]


def test_nodes_are_removed_when_they_are_cordoned_and_empty(api: FakeApi, run: Run) -> None:
    run()
    assert run(state="removed", check_mode=True)["nodes"] == OLD
    assert "/api/v1/nodes/o1" in api.objects
    assert run(state="removed")["nodes"] == OLD
    assert "/api/v1/nodes/o1" not in api.objects
    assert run(state="removed")["changed"] is False


def test_what_came_after_the_cordon_that_it_tolerates_keeps_no_node(api: FakeApi, run: Run) -> None:
    """An operator that tolerates everything likes a node that was just emptied. What ran there before has to go."""
    run(state="cordoned")
    pods = [
        api.pod("operator", "o1", creationTimestamp="2020-01-01T00:00:00Z"),
        api.pod("back-again", "o1", creationTimestamp="2999-01-01T00:00:00Z"),
        api.pod("debugger", "o2", owner=None, creationTimestamp="2999-01-01T00:00:00Z"),
    ]
    for pod in pods:
        pod["spec"]["tolerations"] = [{"operator": "Exists"}]
    assert "default/operator run there still" in run(failed=True, state="removed", names=["o1"])["msg"]
    assert "default/debugger run there still" in run(failed=True, state="removed", names=["o2"])["msg"]
    del api.objects["/api/v1/namespaces/default/pods/operator"]
    assert run(state="removed", names=["o1"])["changed"] is True


def test_a_node_that_takes_pods_or_has_some_is_not_removed(api: FakeApi, run: Run) -> None:
    assert "it is not cordoned" in run(names=["n1"], state="removed", failed=True)["msg"]
    run(state="cordoned")
    api.pod("web", "o1")
    assert "default/web" in run(state="removed", failed=True)["msg"]
    assert "/api/v1/nodes/o2" in api.objects, "one was removed before the other was looked at"
    api.objects["/api/v1/nodes/o1"]["status"]["conditions"][0]["status"] = "Unknown"  # it is dead
    assert run(state="removed")["nodes"] == OLD


def test_a_control_plane_that_runs_is_not_removed_unless_its_host_was_reset(api: FakeApi, run: Run) -> None:
    api.objects["/api/v1/nodes/o1"]["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] = ""
    api.pod("api", "o1", mirror=True, namespace="kube-system", labels={"component": "kube-apiserver"})
    run(state="cordoned")
    assert "its API server runs" in run(names=["o1"], state="removed", failed=True)["msg"]
    assert run(names=["o1"], state="removed", were_reset=True)["nodes"] == ["o1"]


def test_a_control_plane_is_seen_to_be_empty_before_it_leaves_etcd(api: FakeApi, run: Run) -> None:
    """Protects: what tolerates it, and came undrained, does not die with a reset, past its budgets."""
    api.objects["/api/v1/nodes/o1"]["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] = ""
    api.pod("api", "o1", mirror=True, namespace="kube-system", labels={"component": "kube-apiserver"})
    assert "not cordoned" in run(names=["o1"], state="empty", failed=True)["msg"]
    run(names=["o1"], state="cordoned")
    assert run(names=["o1", "gone"], state="empty")["changed"] is False
    api.pod("dns", "o1")
    assert "The node o1 is not empty: default/dns" in run(names=["o1"], state="empty", failed=True)["msg"]


def test_a_node_of_that_name_that_has_just_joined_is_not_removed_for_the_old_one(api: FakeApi, run: Run) -> None:
    """Protects: the precondition on the UID."""
    run(state="cordoned")
    run(names=["o1"], state="removed")
    assert (api.sent("DELETE", "/nodes/o1")[0][2] or {})["preconditions"]["uid"].startswith("uid-")
