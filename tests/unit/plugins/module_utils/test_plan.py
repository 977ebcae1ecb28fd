# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans by example, and everything that is refused before a node is touched."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan import Options, make_plan
from ansible_collections.uplift.kubeadm.tests.unit.plugins.module_utils.fake_cluster import FakeCluster

AVAILABLE = {f"1.{number}": [f"1.{number}.{patch}" for patch in (4, 9)] for number in range(23, 40)}


def result_of(cluster: FakeCluster, target: Any, available: Any = AVAILABLE, **more: Any) -> dict[str, Any]:
    return make_plan(cluster.facts(), cluster.hosts(), available, Options(target=target, **more))


def plan_of(cluster: FakeCluster, target: Any, available: Any = AVAILABLE, **more: Any) -> dict[str, Any]:
    return result_of(cluster, target, available, **more)["plan"]


def refusal(cluster: FakeCluster, target: Any, available: Any = AVAILABLE, **more: Any) -> str:
    with pytest.raises(UpliftError) as caught:
        result_of(cluster, target, available, **more)
    return str(caught.value)


def outline(plan: dict[str, Any]) -> list[str]:
    return [f"{stage['id']} {','.join(stage['nodes'])}" for stage in plan["stages"]]


# --- plans -----------------------------------------------------------------------------------------------------------
def test_two_hops_in_the_documented_order() -> None:
    result = result_of(FakeCluster.whole("v1.24.17"), "1.26", serial=["1", "50%"])
    plan = result["plan"]
    assert plan["target"] == "v1.26.9"
    assert plan["changes"] is True
    assert plan["hops"] == [
        {"index": 0, "minor": "1.25", "version": "v1.25.9"},
        {"index": 1, "minor": "1.26", "version": "v1.26.9"},
    ]
    assert outline(plan) == [
        f"1.{number}/{rest}"
        for number in (25, 26)
        for rest in (
            "prepare cp1,w1,w2",
            "control_plane cp1",
            "control_plane_kubelet cp1",
            "workers w1,w2",
            "finish cp1",
        )
    ]
    assert plan["drains"] == {"cp1": 2, "w1": 2, "w2": 2}
    assert plan["hop_versions"] == {"1.25": "v1.25.9", "1.26": "v1.26.9"}
    assert plan["left_out"] == []
    assert result["minors"] == ["1.25", "1.26"]
    control, workers = plan["stages"][1], plan["stages"][3]
    assert control == {
        "id": "1.25/control_plane",
        "hop": 0,
        "kind": "control_plane",
        "version": "v1.25.9",
        "hosts": ["host-cp1"],
        "nodes": ["cp1"],
        "serial": 1,
        "drains": [],
        "actions": {"host-cp1": "apply"},
        "force_kubelet_skew": False,
        "why": "kubeadm upgrade apply on cp1, then kubeadm upgrade node on the others; no drain.",
    }
    assert workers["serial"] == [1, "50%"]
    assert workers["drains"] == ["host-w1", "host-w2"]
    assert any("kubeadm up to 1.28 refuses" in sentence for sentence in plan["decisions"])


def test_fewest_jumps_forced_and_cleans_up_what_the_skipped_minor_would_have() -> None:
    plan = plan_of(FakeCluster.whole("v1.25.4"), "1.27", worker_hops="fewest")
    forced = [stage["force_kubelet_skew"] for stage in plan["stages"] if stage["kind"] == "control_plane"]
    assert forced == [False, True]
    assert plan["drains"] == {"cp1": 2, "w1": 1, "w2": 1}
    workers = plan["stages"][-2]
    assert workers["strip_kubelet_flags"] == {"host-w1": ["container-runtime"], "host-w2": ["container-runtime"]}
    assert any("--force" in sentence for sentence in plan["decisions"])


def test_a_flag_left_by_an_earlier_jump_is_stripped_too() -> None:
    cluster = FakeCluster.whole("v1.26.4")
    cluster.flags = {"w1": ["container-runtime", "pod-infra-container-image"]}
    assert plan_of(cluster, "1.27")["stages"][-2]["strip_kubelet_flags"] == {"host-w1": ["container-runtime"]}


def test_auto_drains_once_for_three_minors_from_1_29_on_and_takes_kubectl_along() -> None:
    plan = plan_of(FakeCluster.whole("v1.33.4"), "1.36")
    assert plan["drains"] == {"cp1": 3, "w1": 1, "w2": 1}
    workers = [stage for stage in plan["stages"] if stage["kind"] == "workers"]
    assert [stage["version"] for stage in workers] == ["v1.36.9"]
    assert workers[0]["strip_kubelet_flags"]["host-w1"] == ["pod-infra-container-image"]
    kubectl = [(stage["version"], stage["nodes"]) for stage in plan["stages"] if stage["kind"] == "kubectl"]
    assert kubectl == [("v1.35.9", ["w1", "w2"])]
    assert any("skew policy and kubeadm's own check both allow" in sentence for sentence in plan["decisions"])
    assert plan_of(FakeCluster.whole("v1.33.4"), "1.36", worker_hops="every")["drains"]["w1"] == 3


def test_a_patch_is_one_hop_and_the_target_reached_is_none() -> None:
    plan = plan_of(FakeCluster.whole("v1.26.4"), "1.26")
    assert plan["hop_versions"] == {"1.26": "v1.26.9"}
    assert plan["drains"] == {"cp1": 1, "w1": 1, "w2": 1}
    for target, available in (("1.26", AVAILABLE), ("1.26.9", {}), ("v1.26", {"1.26": ["1.26.4"]})):
        result = result_of(FakeCluster.whole("v1.26.9"), target, available)
        assert (result["plan"]["changes"], result["plan"]["stages"]) == (False, [])
        assert "Nothing to do" in result["table"][0]


def test_pins_and_exact_targets_and_release_candidates() -> None:
    pinned = plan_of(FakeCluster.whole("v1.24.17"), "1.26", versions={"1.25": "1.25.4"})
    assert pinned["hop_versions"] == {"1.25": "v1.25.4", "1.26": "v1.26.9"}
    assert plan_of(FakeCluster.whole("v1.24.17"), "1.25.4")["target"] == "v1.25.4"
    offers = {"1.27": ["1.27.0", "1.27.1-rc.0"]}
    assert plan_of(FakeCluster.whole("v1.26.9"), "1.27", offers)["target"] == "v1.27.0"
    assert plan_of(FakeCluster.whole("v1.26.9"), "1.27.1-rc.0", offers)["target"] == "v1.27.1-rc.0"


def test_without_offers_the_minors_to_list_are_told_and_the_rest_is_refused_all_the_same() -> None:
    cluster = FakeCluster.whole("v1.24.17", kubelets={"w1": "v1.23.9"})
    assert result_of(cluster, "1.26", None) == {
        "plan": {},
        "table": [],
        "minors": ["1.24", "1.25", "1.26"],
        "hosts": ["host-cp1", "host-w1", "host-w2"],
    }
    assert "downgrade" in refusal(cluster, "1.23", None)


def test_where_all_is_there_no_package_source_is_asked() -> None:
    cluster = FakeCluster.whole("v1.26.9")
    for chosen in ({"target": "1.26.9"}, {"target": "1.26", "versions": {"1.26": "1.26.9"}}):
        assert result_of(cluster, available=None, **chosen) == {"plan": {}, "table": [], "minors": [], "hosts": []}
        assert result_of(cluster, available={}, **chosen)["plan"]["changes"] is False
    cluster.cordoned = {"w1"}
    assert result_of(cluster, "1.26.9", None)["minors"] == []
    assert outline(plan_of(cluster, "1.26.9", {})) == ["1.26/uncordon w1"]
    assert result_of(cluster, "1.26", None)["minors"] == ["1.26"], "which patch is the newest, the source knows"
    cluster.state.kubelet["w1"] = "v1.25.4"
    assert result_of(cluster, "1.26.9", None)["minors"] == ["1.26"]


def test_only_hosts_that_may_be_moved_are_asked_for_their_package_source() -> None:
    cluster = FakeCluster.whole("v1.24.17")
    assert result_of(cluster, "1.25", None, scope="control_plane")["hosts"] == ["host-cp1"]
    cluster.not_ready = {"w1": "kubelet stopped posting"}
    assert result_of(cluster, "1.25", None, max_left_out=1)["hosts"] == ["host-cp1", "host-w2"]


def provers(plan: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(stage["proves"], stage["hosts"]) for stage in plan["stages"] if "proves" in stage]


def test_a_control_plane_proves_all_hops_before_the_first() -> None:
    assert provers(plan_of(FakeCluster.whole("v1.24.17"), "1.26")) == [("host-cp1", ["host-cp1", "host-w1", "host-w2"])]
    # The first hop is a worker's alone, which catches up: the control plane joins in for the proof.
    cluster = FakeCluster.whole("v1.25.9", 2, 2, {"w1": "v1.24.17"})
    plan = plan_of(cluster, "1.26")
    assert provers(plan) == [("host-cp1", ["host-cp1", "host-w1"])]
    assert outline(plan)[:3] == ["1.25/prepare cp1,w1", "1.25/workers w1", "1.25/finish cp1"]
    # The control plane is there already.
    assert provers(plan_of(cluster, "1.25")) == [("host-w1", ["host-w1"])]


# --- a hop that was begun --------------------------------------------------------------------------------------------
def half_done(**changes: str) -> FakeCluster:
    """cp1 has been applied at 1.25.4, cp2 and cp3 wait."""
    cluster = FakeCluster.whole("v1.24.17", 3, 1)
    for component in (cluster.state.apiserver, cluster.state.controller_manager, cluster.state.scheduler):
        component["cp1"] = "v1.25.4"
    cluster.config = changes.get("config", "v1.25.4")
    cluster.proxy = changes.get("proxy", "v1.25.4")
    cluster.state.kube_proxy = dict.fromkeys(cluster.state.kube_proxy, cluster.proxy)
    return cluster


def actions(plan: dict[str, Any]) -> list[tuple[str, dict[str, str]]]:
    return [(stage["version"], stage["actions"]) for stage in plan["stages"] if stage["kind"] == "control_plane"]


def test_mixed_api_servers_are_finished_first_at_the_version_begun() -> None:
    plan = plan_of(half_done(), "1.26")
    everywhere = {"host-cp1": "apply", "host-cp2": "node", "host-cp3": "node"}
    assert actions(plan) == [("v1.25.4", {"host-cp2": "node", "host-cp3": "node"}), ("v1.26.9", everywhere)]
    assert plan["decisions"][0] == "The hop to v1.25.4 was begun before; it is finished first."
    # The patch that was begun is gone from the source: the next one is taken, with apply again.
    gone = {**AVAILABLE, "1.25": ["1.25.8", "1.25.9"]}
    assert actions(plan_of(half_done(), "1.26", gone))[0][0] == "v1.25.8"


@pytest.mark.parametrize("stale", [{"config": "v1.24.17"}, {"proxy": "v1.24.17"}])
def test_apply_is_repeated_where_it_was_cut_off(stale: dict[str, str]) -> None:
    assert actions(plan_of(half_done(**stale), "1.25.4"))[0][1] == {
        "host-cp1": "apply",
        "host-cp2": "node",
        "host-cp3": "node",
    }


def test_an_unfinished_apply_is_taken_up_on_its_own_node_and_at_its_version() -> None:
    cluster = FakeCluster.whole("v1.24.17", 2, 1)
    cluster.kubeadm["cp2"] = ("apply", "v1.25.4")
    plan = plan_of(cluster, "1.25")
    assert actions(plan) == [("v1.25.4", {"host-cp2": "apply", "host-cp1": "node"})]
    # A record of what has been passed long since says nothing.
    cluster = FakeCluster.whole("v1.26.9", 2, 1)
    cluster.kubeadm["cp2"] = ("apply", "v1.25.4")
    assert plan_of(cluster, "1.26.9")["changes"] is False


def test_an_unfinished_node_is_repeated_though_the_static_pods_agree() -> None:
    cluster = FakeCluster.whole("v1.25.4", 3, 1)
    cluster.kubeadm["cp3"] = ("node", "v1.25.4")
    plan = plan_of(cluster, "1.26")
    assert actions(plan)[0] == ("v1.25.4", {"host-cp3": "node"})
    assert plan["decisions"][0] == "The hop to v1.25.4 was begun before; it is finished first."
    cluster.kubeadm["cp3"] = ("node", "v1.24.17")
    assert plan_of(cluster, "1.25.4")["changes"] is False


def test_apply_is_repeated_where_the_new_static_pods_are_whoever_is_first_in_the_inventory() -> None:
    cluster = FakeCluster.whole("v1.24.17", 3, 1)
    cluster.state.apiserver["cp2"] = "v1.25.4"
    assert actions(plan_of(cluster, "1.25.4"))[0][1] == {"host-cp2": "apply", "host-cp1": "node", "host-cp3": "node"}


def test_a_configuration_ahead_of_all_static_pods_is_a_hop_begun() -> None:
    cluster = FakeCluster.whole("v1.24.17", 2, 1)
    cluster.config = "v1.25.4"
    first = {"host-cp1": "apply", "host-cp2": "node"}
    assert actions(plan_of(cluster, "1.26")) == [("v1.25.4", first), ("v1.26.9", first)]


def test_from_1_28_the_add_ons_wait_for_the_last_control_plane() -> None:
    cluster = FakeCluster.whole("v1.29.4", 2, 0)
    for component in (cluster.state.apiserver, cluster.state.controller_manager, cluster.state.scheduler):
        component["cp1"] = "v1.30.9"
    cluster.config = "v1.30.9"
    assert actions(plan_of(cluster, "1.30")) == [("v1.30.9", {"host-cp2": "node"})]
    for component in (cluster.state.apiserver, cluster.state.controller_manager, cluster.state.scheduler):
        component["cp2"] = "v1.30.9"
    assert actions(plan_of(cluster, "1.30")) == [("v1.30.9", {"host-cp1": "apply"})]


def test_nodes_that_a_killed_run_left_cordoned_are_taken_up() -> None:
    cluster = FakeCluster.whole("v1.25.9", kubelets={"w2": "v1.24.17"})
    cluster.cordoned = {"w1", "w2"}
    cluster.not_ready = {"w2": "its kubelet is being replaced"}
    plan = plan_of(cluster, "1.25")
    assert outline(plan) == ["1.25/uncordon w1", "1.25/prepare w2", "1.25/workers w2", "1.25/finish cp1"]
    assert plan["left_out"] == []
    done = FakeCluster.whole("v1.25.9")
    done.cordoned = {"w1"}
    plan = plan_of(done, "1.25")
    assert (plan["changes"], plan["hops"], outline(plan)) == (True, [], ["1.25/uncordon w1"])
    assert plan["decisions"][0] == "An earlier run left w1 cordoned; this one goes on with it."


def test_a_node_that_is_schedulable_again_but_has_our_record_is_finished() -> None:
    """Killed between the uncordon and the user's hook after the node."""
    cluster = FakeCluster.whole("v1.25.9")
    facts = cluster.facts()
    facts["nodes"]["w1"].update(cordon={"at": "2026-01-01T00:00:00Z"}, unschedulable=False)
    plan = make_plan(facts, cluster.hosts(), AVAILABLE, Options(target="1.25"))["plan"]
    assert outline(plan) == ["1.25/uncordon w1"]


# --- scope and limit -------------------------------------------------------------------------------------------------
def test_the_control_plane_now_and_the_workers_next_week() -> None:
    cluster = FakeCluster.whole("v1.24.17")
    plan = plan_of(cluster, "1.25", scope="control_plane")
    assert plan["drains"] == {"cp1": 1}
    assert [entry["node"] for entry in plan["left_out"]] == ["w1", "w2"]
    message = refusal(cluster, "1.26", scope="control_plane")
    assert "cannot go to v1.26.9" in message
    assert "w1 (v1.24.17; a worker, and the scope is control_plane)" in message
    assert "can go to 1.25" in message
    cluster = FakeCluster.whole("v1.26.4", kubelets={"w1": "v1.24.17", "w2": "v1.25.4"})
    plan = plan_of(cluster, "1.26", scope="workers")
    assert outline(plan) == ["1.26/prepare w1,w2", "1.26/workers w1,w2", "1.26/finish w1"]
    assert plan["target"] == "v1.26.4", "not newer than the API server, though 1.26.9 is to be had"
    assert "Upgrade the control plane first" in refusal(cluster, "1.27", scope="workers")
    (said,) = plan_of(cluster, "1.26", scope="workers", worker_hops="every")["decisions"]
    assert "minors that the control plane left behind before are passed over" in said


def test_a_limit_holds_any_workers_and_all_control_planes_or_none() -> None:
    cluster = FakeCluster.whole("v1.24.17", 2, 2)
    plan = plan_of(cluster, "1.25", limited=["host-cp1", "host-cp2", "host-w1"])
    assert plan["drains"] == {"cp1": 1, "cp2": 1, "w1": 1}
    assert plan["left_out"] == [{"node": "w2", "why": "outside --limit"}]
    message = refusal(cluster, "1.25", limited=["host-cp1", "host-w1"])
    assert "--limit holds cp1 of the control plane, but not cp2" in message
    assert "Upgrade the control plane first" in refusal(cluster, "1.25", limited=["host-w1"])
    done = FakeCluster.whole("v1.25.9", 2, 2, {"w1": "v1.24.17", "w2": "v1.24.17"})
    assert plan_of(done, "1.25", limited=["host-w1"])["drains"] == {"w1": 1}
    # Facts of hosts outside the limit were never gathered.
    hosts = {"host-w1": done.hosts()["host-w1"]}
    options = Options(target="1.25", limited=["host-w1"])
    assert make_plan(done.facts(), hosts, AVAILABLE, options)["plan"]["drains"] == {"w1": 1}


def test_workers_that_cannot_be_upgraded_are_left_out_only_when_allowed() -> None:
    cluster = FakeCluster.whole("v1.24.17", 1, 3)
    cluster.not_ready = {"w2": "kubelet stopped posting"}
    cluster.outside = {"w3"}
    away = [{"host": "w3", "why": "ssh timed out", "group": "worker"}]
    message = refusal(cluster, "1.25", left_out=away)
    assert "2 of the workers" in message
    assert "w2: NotReady (kubelet stopped posting); w3: ssh timed out" in message
    assert "-e kubeadm_upgrade_max_left_out=2" in message
    plan = plan_of(cluster, "1.25", left_out=away, max_left_out=2)
    assert plan["left_out"] == [
        {"node": "w2", "why": "NotReady (kubelet stopped posting)"},
        {"node": "w3", "why": "host unreachable: ssh timed out"},
    ]
    # They count all the same: kubeadm 1.26 would refuse.
    assert "w2 (v1.24.17; NotReady" in refusal(cluster, "1.26", left_out=away, max_left_out=2)


# --- wrong input -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("target", "part"),
    [
        (None, "No target was given"),
        ("latest", "not a Kubernetes version"),
        (1.3, "Quote it"),
        ("1.23", "downgrade"),
        ("1.24.9", "downgrade"),
        ("1.39", "13 minors"),
    ],
)
def test_wrong_targets(target: Any, part: str) -> None:
    start = "v1.26.0" if target == "1.39" else "v1.24.17"
    message = refusal(FakeCluster.whole(start), target, {**AVAILABLE, "1.39": ["1.39.4"]})
    assert part in message


def test_packages_that_are_not_to_be_had_are_named_with_those_that_are() -> None:
    cluster = FakeCluster.whole("v1.24.17")
    message = refusal(cluster, "1.26", {"1.25": [], "1.26": ["1.26.9"]})
    assert "does not offer 1.25 on all hosts" in message
    assert "1.26: v1.26.9" in message
    message = refusal(cluster, "1.26.8", {"1.25": ["1.25.4"], "1.26": ["1.26.9"]})
    assert "does not offer v1.26.8" in message
    assert "1.25: v1.25.4; 1.26: v1.26.9" in message
    message = refusal(cluster, "1.26", {"1.25": ["1.25.4"], "1.26": ["1.26.9"]}, versions={"1.25": "1.25.5"})
    assert "does not offer v1.25.5" in message
    assert "a patch of another minor" in refusal(cluster, "1.26", versions={"1.25": "1.26.5"})
    assert "the version set for 1.26 is v1.26.4" in refusal(cluster, "1.26.9", versions={"1.26": "1.26.4"})


def changed_hosts(cluster: FakeCluster, host: str, **changes: Any) -> str:
    hosts = cluster.hosts()
    hosts[host].update(changes)
    with pytest.raises(UpliftError) as caught:
        make_plan(cluster.facts(), hosts, AVAILABLE, Options(target="1.25"))
    return str(caught.value)


def test_hosts_that_do_not_fit_the_cluster() -> None:
    cluster = FakeCluster.whole("v1.24.17", 2, 2)
    message = changed_hosts(cluster, "host-w2", name="elsewhere")
    assert "Inventory host host-w2 is no node of this cluster: its kubelet calls itself 'elsewhere'" in message
    assert "cp1, cp2, w1 and w2" in message
    message = changed_hosts(cluster, "host-w2", name=None, unread={"name": "kubelet.conf cannot be read: denied"})
    assert "Which node inventory host host-w2 is cannot be told: kubelet.conf cannot be read: denied." in message
    assert "host-w1 and host-w2 are both node w1" in changed_hosts(cluster, "host-w2", name="w1")
    message = changed_hosts(cluster, "host-w2", group="control_plane")
    assert "host-w2 is in the group of control planes, but node w2 is a worker" in message
    message = changed_hosts(cluster, "host-cp2", group="worker")
    assert "host-cp2 is in the group of workers, but node cp2 is a control plane" in message
    cluster.outside = {"cp2"}
    assert "Control plane node cp2 of the cluster is no host of the inventory" in refusal(cluster, "1.25")
    silent = [{"host": "host-cp2", "why": "ssh timed out", "group": "control_plane"}]
    assert "host-cp2: ssh timed out cannot be reached" in refusal(cluster, "1.25", left_out=silent)


def test_a_control_plane_that_is_not_ready_stops_everything() -> None:
    cluster = FakeCluster.whole("v1.24.17", 3, 1)
    cluster.not_ready = {"cp2": "container runtime is down"}
    assert "Control plane node cp2 is NotReady (container runtime is down)" in refusal(cluster, "1.25")


def unwell(unit: dict[str, Any] | None = None, **own: Any) -> str:
    cluster = FakeCluster.whole("v1.24.17", 3, 1)
    facts, hosts = cluster.facts(), cluster.hosts()
    facts["nodes"]["cp2"]["static_pods"]["etcd"] = {"version": "3.5.6-0", "ready": False}
    hosts["host-cp2"].update(own, kubeadm_unit=unit)
    try:
        make_plan(facts, hosts, AVAILABLE, Options(target="1.25"))
    except UpliftError as error:
        return str(error)
    return ""


def test_a_control_plane_that_is_not_healthy_stops_everything() -> None:
    message = unwell()
    assert "The control plane is not healthy: etcd on cp2 (its pod is not ready)." in message
    assert "crictl ps -a, in /var/log/pods, and with journalctl -u kubelet" in message
    message = unwell(healthy={"etcd": False, "kube-scheduler": True}, unread={"etcd": "connection refused"})
    assert "etcd on cp2 (connection refused)." in message
    assert "kube-apiserver on cp2 (its health check fails)" in unwell(healthy={"etcd": True, "kube-apiserver": False})
    assert unwell(healthy={"etcd": True}) == "", "what the node says is newer than what the API says"
    unit = {"command": ["kubeadm", "upgrade", "apply"], "version": "v1.25.4"}
    for state in ("running", "failed", "unfinished"):
        assert unwell({**unit, "state": state}) == "", "a run of ours that goes on"
    assert unwell({**unit, "state": "done"})


def test_hosts_and_kubeconfig_of_different_clusters() -> None:
    cluster = FakeCluster.whole("v1.24.17")
    options = Options(target="1.25")
    for ours, theirs in ((["aa"], []), ([], ["aa"]), (["aa", "bb"], ["bb", "cc"])):
        hosts = {host: {**facts, "ca_fingerprints": ours} for host, facts in cluster.hosts().items()}
        assert make_plan({**cluster.facts(), "ca_fingerprints": theirs}, hosts, AVAILABLE, options)["plan"]["changes"]
    hosts = cluster.hosts()
    hosts["host-w1"]["ca_fingerprints"] = ["aa"]
    with pytest.raises(UpliftError, match=r"different clusters: host-w1 .* kubeadm_upgrade_kubeconfig"):
        make_plan({**cluster.facts(), "ca_fingerprints": ["bb"]}, hosts, AVAILABLE, options)


def test_a_step_back_of_an_installed_program_is_refused_before_anything() -> None:
    cluster = FakeCluster.whole("v1.24.17")
    message = changed_hosts(cluster, "host-w1", kubelet="v1.27.1", kubeadm="v1.26.0", binary_dir="/opt/bin")
    assert "/opt/bin/kubeadm on host-w1 is v1.26.0, and v1.25.9 is to be installed" in message
    assert "/opt/bin/kubelet on host-w1 is v1.27.1" in message
    assert "kubeadm_upgrade_versions" in message
    assert "/usr/bin/kubectl on host-cp1 is v1.26.4" in changed_hosts(cluster, "host-cp1", kubectl="v1.26.4")
    # Only what a step would install; and the first hop's patch is a guess until the source has been asked.
    hosts = cluster.hosts()
    hosts["host-w1"].update(kubelet="v1.27.1")
    options = Options(target="1.25", scope="control_plane")
    assert make_plan(cluster.facts(), hosts, AVAILABLE, options)["plan"]["changes"]
    assert make_plan(cluster.facts(), hosts, None, Options(target="1.25"))["minors"] == ["1.25"]


def test_a_cluster_whose_skew_is_broken_already() -> None:
    cluster = FakeCluster.whole("v1.27.4", kubelets={"w1": "v1.24.17", "w2": "v1.28.4"})
    message = refusal(cluster, "1.28")
    assert "kubelet 1.24 on w1 is 3 minors older than kube-apiserver 1.27" in message
    assert "kubelet 1.28 on w2 is newer than kube-apiserver 1.27" in message


def test_a_cluster_of_a_vendors_builds_is_planned_as_the_versions_that_they_are_of() -> None:
    """Programs say a plus, tags of images have an underscore in its place."""
    cluster = FakeCluster.whole("v1.24.17")
    facts, hosts = cluster.facts(), cluster.hosts()
    for node in facts["nodes"].values():
        node["kubelet"] += "+vendor.1"
        node["kube_proxy"] += "_vendor.1"
        for pod in node["static_pods"].values():
            pod["version"] += "_vendor.1"
    facts["addons"]["kube_proxy"]["version"] += "_vendor.1"
    assert make_plan(facts, hosts, AVAILABLE, Options(target="1.25")) == make_plan(
        cluster.facts(), hosts, AVAILABLE, Options(target="1.25")
    )
    assert make_plan(facts, hosts, AVAILABLE, Options(target="1.24.17"))["plan"]["changes"] is False


def test_a_control_plane_of_which_nothing_can_be_read() -> None:
    facts, hosts = FakeCluster.whole("v1.24.17").facts(), FakeCluster.whole("v1.24.17").hosts()
    facts["nodes"]["cp1"]["static_pods"] = {}
    hosts["host-cp1"]["running"] = {"kube-apiserver": None}
    hosts["host-cp1"]["unread"] = {"kube-apiserver": "connection refused"}
    with pytest.raises(UpliftError, match=r"kube-apiserver on .* cp1 could not be read: connection refused"):
        make_plan(facts, hosts, AVAILABLE, Options(target="1.25"))


@pytest.mark.parametrize("serial", [0, -1, "0%", "101%", "some", [1, "x"], True, 1.5, {}])
def test_wrong_serial(serial: Any) -> None:
    assert "kubeadm_upgrade_serial holds" in refusal(FakeCluster.whole("v1.24.17"), "1.25", serial=serial)


@pytest.mark.parametrize(
    ("serial", "planned"), [(None, 1), ([], 1), ("", 1), ("3", 3), ([2], 2), ("25%", "25%"), ([1, "25%"], [1, "25%"])]
)
def test_serial(serial: Any, planned: Any) -> None:
    stages = plan_of(FakeCluster.whole("v1.24.17"), "1.25", serial=serial)["stages"]
    assert [stage["serial"] for stage in stages if stage["kind"] == "workers"] == [planned]


# --- what a person reads ---------------------------------------------------------------------------------------------
def test_the_table_fits_a_terminal_and_names_what_counts() -> None:
    cluster = FakeCluster.whole("v1.24.17", 3, 40)
    cluster.not_ready = {"w7": "a rather long reason, " * 10}
    result = result_of(cluster, "1.25", max_left_out=1)
    table = "\n".join(result["table"])
    assert max(len(line) for line in result["table"]) <= 100
    assert result["table"][0] == "Cluster lab: v1.24.17 -> v1.25.9, 1 hop"
    assert "cp1 (apply), cp2 (node) and cp3 (node)" in table
    assert "and 27 more" in table
    assert "Left out:" in table


def test_names_of_nodes_are_not_broken_between_lines() -> None:
    cluster = FakeCluster.whole("v1.24.17", 1, 0)
    names = [f"worker-{number}.rack-{number}.a-rather-long-zone.example" for number in range(20)]
    cluster.state.kubelet.update(dict.fromkeys(names, "v1.24.17"))
    table = result_of(cluster, "1.25")["table"]
    for name in names[:10]:
        assert sum(name in line for line in table) >= 3, name  # prepare, workers, drains


def test_five_thousand_nodes_are_planned_in_seconds() -> None:
    cluster = FakeCluster.whole("v1.28.4", 3, 5000)
    assert len(plan_of(cluster, "1.33")["drains"]) == 5003
