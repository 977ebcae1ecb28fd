# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans of replacements: who is who, what stands in the way, and what a run that was killed leaves for the next."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.uplift.kubeadm.plugins.module_utils import _replace_words
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._replace import Options, make_plan
from ansible_collections.uplift.kubeadm.plugins.module_utils._replace_cast import Host, cast
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_pods import (
    budget,
    control_plane,
    facts,
    node,
    pod,
    workload,
)

PLANE = {"labels": {"node-role.kubernetes.io/control-plane": ""}}


def look(name: str | None = None, hostname: str = "new", **more: Any) -> dict[str, Any]:
    return {
        "name": name, "was": None, "half": False, "leftovers": [], "hostname": hostname, "ca_fingerprints": ["ca"],
        "control_plane": False, "cpus": 4, "memory": 8 << 30, "disk": 0, "arch": "amd64", "kubeadm": "v1.24.17",
        "kubelet": "v1.24.17", **more,
    }  # fmt: skip


def cluster(pods: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    """Control planes cp1 to cp3, old workers o1 and o2, a new one n1 that has joined."""
    nodes = {name: control_plane(name, **PLANE) for name in ("cp1", "cp2", "cp3")}
    nodes |= {name: node(name, labels={"pool": "old"}) for name in ("o1", "o2")}
    nodes |= {"n1": node("n1", labels={"pool": "new"})}
    made = facts(nodes, pods if pods is not None else [pod("web-1", "o1")], **more)
    about = {"kubernetes_version": "v1.24.17", "control_plane_endpoint": "lb:6443", "etcd": {"external": False}}
    return {**made, "cluster": about, "volumes": more.get("volumes", []), "ca_fingerprints": ["ca"]}


def planes() -> list[Host]:
    return [Host(name, True, look=look(name, control_plane=True)) for name in ("cp1", "cp2", "cp3")]


def plan(known: dict[str, Any], *hosts: Host, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The plan, and the findings by id; old and new by selector unless said otherwise."""
    given = {"old_selector": "pool=old", "new_selector": "pool=new", **options}
    made, findings = make_plan(known, [*planes(), *hosts], Options(**given))
    return made, {finding.id: finding for finding in findings}


# --- who is who ------------------------------------------------------------------------------------------------------


def test_old_nodes_are_known_by_their_hosts_and_by_labels() -> None:
    known = cluster()
    hosts = [Host("host1", old=True, look=look("o1")), Host("o2", old=True), Host("gone", old=True, look=look(None))]
    people = cast(known, [*planes(), *hosts], "", "pool=new")
    assert [(old.node, old.host, old.reached) for old in people.old] == [("o1", "host1", True), ("o2", "o2", False)]
    assert people.gone == ("gone",)
    assert [(new.node, new.joined) for new in people.new] == [("n1", True)]


def test_a_host_that_was_reset_is_known_by_the_name_that_it_had() -> None:
    hosts = [Host("host1", old=True, look=look(None, was="o1"))]
    assert [(old.node, old.reset) for old in cast(cluster(), hosts, "", "").old] == [("o1", True)]


def test_a_machine_that_was_reset_and_is_new_now_is_no_old_node() -> None:
    made, found = plan(cluster(), Host("again", new=True, look=look(None, "again", was="o1")))
    assert [row["host"] for row in made["join_workers"]] == ["again"]
    assert not found


def test_a_host_of_another_cluster_is_never_reset() -> None:
    """Protects: its node is not in this cluster, as that of a host that is yet to be reset is not."""
    ours = Host("late", old=True, look=look("was-here"))
    other = Host("other", old=True, look=look("elsewhere", ca_fingerprints=["another"]))
    unknown = Host("unknown", old=True, look=look("somewhere", ca_fingerprints=[]))
    made, found = plan(cluster(), ours, other, unknown, remove="reset")
    assert made["reset_only"] == [{"host": "late", "node": "was-here"}]
    assert "replace-foreign:other" in found


def test_a_selector_that_is_none_is_named() -> None:
    with pytest.raises(UpliftError, match="replace_nodes_old_selector is 'pool in'"):
        make_plan(cluster(), planes(), Options(old_selector="pool in"))


# --- the plan --------------------------------------------------------------------------------------------------------


def test_all_old_nodes_are_cordoned_and_those_with_pods_drained() -> None:
    made, found = plan(cluster())
    assert not found
    assert made["cordon"] == ["o1", "o2"]
    assert [wave["nodes"] for wave in made["waves"]] == [["o1"]]
    assert made["remove"] == []
    assert made["conductor"] == made["successor"] == "cp1"


def test_old_nodes_that_are_emptied_wait_for_their_removal() -> None:
    known = cluster([pod("web-1", "n1")])
    for name in ("o1", "o2"):
        known["nodes"][name].update(unschedulable=True, leaving={"at": "x"})
    made, _found = plan(known)
    assert not made["changes"]
    assert "To remove them:" in " ".join(_replace_words.table(made))
    made, _found = plan(known, remove="node")
    assert [row["node"] for row in made["remove"]] == ["o1", "o2"]


def test_a_node_that_an_upgrade_has_left_cordoned_is_cordoned_for_good() -> None:
    """Protects: the next upgrade does not lift it."""
    known = cluster()
    known["nodes"]["o1"].update(unschedulable=True, cordon={"at": "x"})
    known["nodes"]["o2"].update(unschedulable=True)  # a person's
    assert plan(known)[0]["cordon"] == ["o1"]


def test_control_planes_are_drained_and_removed_last_and_one_by_one() -> None:
    known = cluster([pod("web-1", "o1"), pod("web-2", "cp1"), pod("web-3", "cp2")])
    known["nodes"]["cp4"], known["nodes"]["cp5"] = control_plane("cp4", **PLANE), control_plane("cp5", **PLANE)
    known["nodes"]["cp1"]["taints"] = known["nodes"]["cp2"]["taints"] = []
    hosts = [Host(name, True, old=True, look=look(name, control_plane=True)) for name in ("cp1", "cp2")]
    hosts += [Host(name, True, new=True, look=look(name, control_plane=True)) for name in ("cp4", "cp5")]
    options = Options(old_selector="pool=old", new_selector="pool=new", remove="reset")
    made, _found = make_plan(known, [planes()[2], *hosts], options)
    assert [wave["nodes"] for wave in made["waves"]] == [["o1"], ["cp1"], ["cp2"]]
    assert [row["node"] for row in made["remove"]] == ["o1", "o2", "cp1", "cp2"]
    assert [row["reset"] for row in made["remove"]] == [False, False, True, True]
    assert made["successor"] == "cp3"


def test_the_table_says_each_step_and_why() -> None:
    made, _found = plan(cluster(), Host("n2", new=True, look=look(None, "n2")), remove="node")
    lines = _replace_words.table(made)
    assert lines[0] == "Replace 2 nodes by 2 nodes, cluster at v1.24.17"
    text = " ".join(" ".join(lines).split())
    for word in ("join n2", "cordon o1 and o2", "drain, wave 1 o1", "remove o1 and o2", "no pod moves twice"):
        assert word in text
    assert all(len(line) <= 100 for line in lines)


# --- what stands in the way ------------------------------------------------------------------------------------------


def test_no_new_node_is_a_blocker() -> None:
    assert "replace-no-new" in plan(cluster(), new_selector="")[1]


def test_old_and_new_at_once_is_a_blocker() -> None:
    assert "replace-both" in plan(cluster(), new_selector="pool=old")[1]


def test_new_nodes_that_take_no_pods_are_a_blocker() -> None:
    known = cluster()
    known["nodes"]["n1"].update(unschedulable=True)
    assert "replace-new-unwell:n1" in plan(known)[1]
    known["nodes"]["n1"].update(unschedulable=False, ready=False, ready_message="no CNI")
    assert plan(known)[1]["replace-new-unwell:n1"].seen == ("n1: NotReady: no CNI",)


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        ({"kubelet": "v1.25.4", "kubeadm": "v1.25.4"}, {"replace-skew:n2", "replace-kubeadm:n2"}),
        ({"kubelet": "v1.24.3"}, set()),
        ({"kubelet": "v1.22.0"}, set()),
        ({"kubelet": "v1.21.0"}, {"replace-skew:n2"}),
        ({"kubeadm": "v1.23.0"}, {"replace-kubeadm:n2"}),
        ({"kubeadm": None}, {"replace-programs:n2"}),
        ({"ca_fingerprints": ["another"], "name": "x"}, {"replace-foreign:n2"}),
        ({"name": "x"}, {"replace-foreign:n2"}),
        ({"leftovers": ["/etc/kubernetes/pki/ca.crt"]}, {"replace-foreign:n2"}),
        ({"leftovers": ["/etc/kubernetes/pki/ca.crt"], "half": True}, set()),
        ({"hostname": "o1"}, {"replace-name:n2"}),
    ],
)
def test_hosts_that_kubeadm_would_not_join_are_found_before(seen: dict[str, Any], wanted: set[str]) -> None:
    _made, found = plan(cluster(), Host("n2", new=True, look=look(**{"name": None, "hostname": "n2", **seen})))
    assert set(found) == wanted


def test_a_host_is_called_as_it_is_said_and_as_itself_otherwise() -> None:
    """Protects: the run would wait for a node of another name, and a name that is taken would not be seen."""
    n2 = Host("n2", new=True, look=look(None, "ip-10-0-0-7"), node="N2.eu.internal")
    assert [row["node"] for row in plan(cluster(), n2)[0]["join_workers"]] == ["n2.eu.internal"]
    taken = Host("n2", new=True, look=look(None, "n2"), node="o1")
    assert set(plan(cluster(), taken)[1]) == {"replace-name:n2"}
    free = Host("n2", new=True, look=look(None, "o1"), node="n2")
    assert not plan(cluster(), free)[1]


@pytest.mark.parametrize(
    ("there", "control_plane", "wanted"),
    [(False, True, {"replace-patches:n2"}), (True, True, set()), (None, True, set()), (False, False, set())],
)
def test_a_control_plane_without_the_patches_is_found_before(
    there: bool | None, control_plane: bool, wanted: set[str]
) -> None:
    n2 = Host("n2", control_plane, new=True, look=look(None, "n2", patches_there=there))
    assert set(plan(cluster(), n2)[1]) == wanted


@pytest.mark.parametrize(
    ("label", "allowed"),
    [
        ("pool", True),
        ("example.com/pool", True),
        ("topology.kubernetes.io/zone", True),
        ("node.kubernetes.io/anything", True),
        ("team.node.kubernetes.io/pool", True),
        ("node-role.kubernetes.io/gpu", False),
        ("kubernetes.io/role", False),
        ("x.k8s.io/pool", False),
    ],
)
def test_labels_that_kubelet_would_not_start_with_are_found_before(label: str, allowed: bool) -> None:
    _made, found = plan(cluster(), Host("n2", new=True, look=look(None, "n2"), labels={label: "x"}))
    assert set(found) == (set() if allowed else {"replace-labels:n2"})


def test_a_new_host_that_does_not_answer_is_a_blocker() -> None:
    _made, found = plan(cluster(), Host("n2", new=True, why="no route to host"))
    assert found["replace-silent:n2"].seen == ("n2: no route to host",)


def big(name: str, where: str) -> dict[str, Any]:
    return pod(name, where, requests={"cpu": 3000})


def test_pods_that_find_no_room_are_a_blocker_and_a_host_that_joins_is_room() -> None:
    known = cluster([big("web-1", "o1"), big("web-2", "o2")])
    assert "replace-room" in plan(known)[1]
    joins = Host("n2", new=True, look=look(None, "n2"))
    assert "replace-room" not in plan(known, joins)[1]
    small = Host("n2", new=True, look=look(None, "n2", cpus=2))
    assert "replace-room" in plan(known, small)[1]


def test_what_kubelet_keeps_back_and_daemonsets_is_no_room() -> None:
    known = cluster([big("web-1", "o1"), big("web-2", "o2")])
    joins = Host("n2", new=True, look=look(None, "n2"))
    kept = {**known, "config_maps": {"kubelet-config": "systemReserved:\n  cpu: 1100m\n"}}
    assert "replace-room" in plan(kept, joins)[1]
    agents = [
        pod(f"agent-{name}", name, ("DaemonSet", "agent"), labels={"app": "agent"}, requests={"cpu": 1100})
        for name in known["nodes"]
        if name != "n1"
    ]
    held = {
        **known,
        "pods": [*known["pods"], *agents],
        "workloads": [*known["workloads"], workload("agent", "DaemonSet")],
    }
    assert "replace-room" in plan(held, joins)[1]


def test_labels_and_taints_of_new_nodes_count() -> None:
    known = cluster([pod("web-1", "o1", node_selector={"disk": "ssd"})])
    known["nodes"]["o1"]["labels"]["disk"] = "ssd"
    _made, found = plan(known)
    assert "node selector or affinity" in found["replace-room"].seen[0]
    joins = Host("n2", new=True, look=look(None, "n2"), labels={"disk": "ssd"})
    assert not plan(known, joins)[1]
    taint = [{"key": "gpu", "effect": "NoSchedule"}]
    assert "replace-room" in plan(known, Host("n2", new=True, look=joins.look, labels={"disk": "ssd"}, taints=taint))[1]


def test_data_that_lies_on_an_old_node_is_a_blocker() -> None:
    terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["o1"]}]}]
    volume = {"name": "pv", "claim": "shop/data", "source": "local", "node_affinity": {"nodeSelectorTerms": terms}}
    known = cluster([pod("db-0", "o1", ("StatefulSet", "db"), claims=["data"])], volumes=[volume])
    assert "volume on another node" in plan(known)[1]["replace-room"].seen[0]


def test_budgets_that_never_allow_and_pods_that_would_be_lost_are_blockers() -> None:
    known = cluster(
        [pod("web-1", "o1"), pod("alone", "o2", None), pod("cache", "o2", empty_dir=["tmp"])],
        pdbs=[budget(min_available=2)],
    )
    found = plan(known)[1]
    assert {"replace-budget:shop/web", "replace-unmanaged", "replace-empty-dir"} <= set(found)
    drain = {"drain_force_unmanaged": True, "drain_delete_emptydir_data": "yes"}
    assert set(plan(known, drain=drain)[1]) == {"replace-budget:shop/web"}


def test_facts_that_were_not_read_are_a_blocker() -> None:
    known = {**cluster(), "unread": [{"what": "pdbs", "why": "forbidden"}]}
    assert "replace-unread" in plan(known)[1]


# --- control planes --------------------------------------------------------------------------------------------------


def of_planes(known: dict[str, Any], new: int = 1, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    hosts = [Host("cp1", True, old=True, look=look("cp1", control_plane=True)), *planes()[1:]]
    hosts += [Host(f"cp{4 + at}", True, new=True, look=look(None, f"cp{4 + at}")) for at in range(new)]
    made, findings = make_plan(known, hosts, Options(**options))
    return made, {finding.id: finding for finding in findings}


def test_a_control_plane_is_replaced_by_another() -> None:
    made, found = of_planes(cluster([]))
    assert not found
    assert [row["node"] for row in made["join_control_planes"]] == ["cp4"]
    assert made["conductor"] == "cp2"  # not the one that goes


def test_fewer_control_planes_than_before_are_a_blocker() -> None:
    assert "replace-control-planes" in of_planes(cluster([]), new=0)[1]


def test_too_many_members_at_once_are_a_blocker() -> None:
    assert "replace-members" not in of_planes(cluster([]), new=4)[1]
    assert "replace-members" in of_planes(cluster([]), new=5)[1]


def test_an_endpoint_that_goes_or_is_missing_is_a_blocker() -> None:
    known = cluster([])
    known["cluster"]["control_plane_endpoint"] = None
    assert "replace-endpoint" in of_planes(known)[1]
    known["nodes"]["cp1"]["internal_ip"] = "10.0.0.11"
    known["cluster"]["control_plane_endpoint"] = "10.0.0.11:6443"
    assert "replace-endpoint" in of_planes(known)[1]


def test_an_old_address_in_kubeadms_config_maps_is_a_blocker_when_it_goes() -> None:
    known = cluster([])
    known["nodes"]["cp1"]["internal_ip"] = "10.0.0.11"
    known["api_addresses"] = {
        "kube-public/cluster-info": "https://lb:6443",
        "kube-system/kube-proxy": "https://10.0.0.11:6443",
    }
    assert set(of_planes(known, remove="reset")[1]) == {"replace-address:kube-system/kube-proxy"}
    assert not of_planes(known)[1]  # it stays as long as the node


def test_another_control_plane_that_is_unwell_is_a_blocker() -> None:
    known = cluster([])
    known["nodes"]["cp2"]["static_pods"]["etcd"] = {"version": "3.5.6-0", "ready": False}
    assert of_planes(known)[1]["replace-control-plane-unwell"].seen == ("cp2: etcd is not Ready",)


def test_a_dead_control_plane_is_removed_before_another_joins() -> None:
    known = cluster([])
    known["nodes"]["cp1"]["ready"] = False
    assert "replace-dead-control-plane" in of_planes(known)[1]
    made, found = of_planes(known, remove="node")
    assert not found
    assert made["members_first"] == ["cp1"]


def test_a_cluster_that_none_of_the_hosts_belongs_to_is_a_blocker() -> None:
    hosts = [Host("x", True, look=look("cp1", control_plane=True, ca_fingerprints=["another"]))]
    _made, findings = make_plan(cluster(), hosts, Options(old_selector="pool=old", new_selector="pool=new"))
    assert [finding.id for finding in findings] == ["replace-no-control-plane"]


def test_a_control_plane_that_runs_is_not_removed_without_a_reset() -> None:
    assert "replace-running-control-plane" in of_planes(cluster([]), remove="node")[1]
    assert not of_planes(cluster([]), remove="reset")[1]


def test_a_control_plane_whose_join_was_cut_off_is_cleared_and_joined_anew() -> None:
    known = cluster([])
    known["nodes"]["cp4"] = node("cp4", internal_ip="10.0.0.14")  # registered, and no control plane yet
    hosts = [Host("cp1", True, old=True, look=look("cp1", control_plane=True)), *planes()[1:]]
    hosts += [Host("cp4", True, new=True, look=look("cp4", "cp4", half=True, control_plane=True))]
    made, findings = make_plan(known, hosts, Options())
    assert not findings
    assert made["join_control_planes"] == [
        {"host": "cp4", "node": "cp4", "half": True, "registered": True, "address": "10.0.0.14"}
    ]


def test_a_node_that_is_no_whole_control_plane_is_reset_only_on_its_own_notes_word() -> None:
    """Protects: a host that joined as a worker, by hand, and serves, would be reset undrained."""
    known = cluster([pod("db-1", "cp4")])
    known["nodes"]["cp4"] = node("cp4", internal_ip="10.0.0.14")
    hosts = [Host("cp1", True, old=True, look=look("cp1", control_plane=True)), *planes()[1:]]
    hosts += [Host("cp4", True, new=True, look=look("cp4", "cp4"))]
    made, findings = make_plan(known, hosts, Options())
    assert made["join_control_planes"] == []
    assert "replace-not-whole:cp4" in {finding.id for finding in findings}


def test_a_control_plane_that_joined_to_the_end_is_never_reset_for_want_of_its_api_server() -> None:
    """Protects: a killed run left the note open, kubeadm ended well, and somebody moved a manifest away since."""
    known = cluster([])
    known["nodes"]["cp4"] = node("cp4", internal_ip="10.0.0.14", labels={"node-role.kubernetes.io/control-plane": ""})
    hosts = [Host("cp1", True, old=True, look=look("cp1", control_plane=True)), *planes()[1:]]
    hosts += [Host("cp4", True, new=True, look=look("cp4", "cp4", half=True, control_plane=True))]
    made, findings = make_plan(known, hosts, Options())
    assert made["join_control_planes"] == []
    assert "replace-not-whole:cp4" in {finding.id for finding in findings}


@pytest.mark.parametrize("registered", [False, True])
def test_a_control_plane_that_kubeadm_joins_now_is_left_alone(registered: bool) -> None:
    """Protects: its member of etcd is not removed under a kubeadm that a killed run has left at work."""
    known = cluster([])
    if registered:
        known["nodes"]["cp4"] = node("cp4", internal_ip="10.0.0.14")
    hosts = [Host("cp1", True, old=True, look=look("cp1", control_plane=True)), *planes()[1:]]
    at_work = look("cp4" if registered else None, "cp4", half=True, at_work=True, control_plane=True)
    _made, findings = make_plan(known, [*hosts, Host("cp4", True, new=True, look=at_work)], Options())
    assert "replace-at-work:cp4" in {finding.id for finding in findings}


def test_a_host_that_was_reset_is_told_apart() -> None:
    made, _findings = plan(cluster(), Host("host1", old=True, look=look(None, was="o1")))
    assert {old["node"]: old["reset"] for old in made["old"]} == {"o1": True, "o2": False}


def test_a_control_plane_whose_node_was_deleted_leaves_etcd_before_it_is_reset() -> None:
    known = cluster([])
    del known["nodes"]["cp1"]
    hosts = [Host("cp1", True, old=True, look=look("cp1", control_plane=True)), *planes()[1:]]
    made, _findings = make_plan(known, hosts, Options(remove="reset"))
    assert (made["reset_only"], made["changes"]) == ([], True)
    assert made["remove"] == [
        {"node": "cp1", "host": "cp1", "role": "control_plane", "reset": True, "was_reset": False}
    ]
    assert any("etcd" in line for line in _replace_words.table(made))


def test_an_old_host_that_does_not_answer_is_not_taken_for_removed() -> None:
    made, found = plan(cluster(), Host("rack7", old=True, why="No route to host"), old_selector="")
    assert found["replace-old-silent"].seen == ("rack7: No route to host",)
    assert (made["gone"], made["changes"]) == ([], False)


def test_pods_that_come_back_are_drained_once() -> None:
    anywhere = [{"operator": "Exists"}]
    known = cluster([pod("operator", "o1", tolerations=anywhere)])
    assert [wave["nodes"] for wave in plan(known)[0]["waves"]] == [["o1"]]
    for name in ("o1", "o2"):
        known["nodes"][name].update(unschedulable=True, leaving={"at": "2026-11-30T10:00:00Z"})
    known["pods"][0]["created"] = "2026-11-30T10:00:07Z"
    made, found = plan(known)
    assert (made["waves"], made["changes"], found) == ([], False, {})
    known["nodes"]["o1"]["unschedulable"] = False  # somebody has lifted our cordon, and left the note
    assert [wave["nodes"] for wave in plan(known)[0]["waves"]] == [["o1"]]
    known["nodes"]["o1"]["unschedulable"] = True
    known["pods"][0]["created"] = "2026-11-29T10:00:00Z"  # of before: a run that was killed had not come to it
    assert [wave["nodes"] for wave in plan(known)[0]["waves"]] == [["o1"]]
    known["pods"][0]["created"] = "2026-11-30T10:00:07Z"
    known["nodes"]["o1"]["leaving"] = None  # a person's, of which nobody knows when
    assert [wave["nodes"] for wave in plan(known)[0]["waves"]] == [["o1"]]


def test_pods_that_a_drain_would_skip_are_a_blocker() -> None:
    known = cluster([pod("db-1", "o1", labels={"app": "db"})])
    order = [{"selector": "app=db", "action": "skip"}]
    assert "replace-skipped" in plan(known, drain={"drain_order": order})[1]
    known["pods"][0]["finished"] = True
    assert "replace-skipped" not in plan(known, drain={"drain_order": order})[1]


# --- properties ------------------------------------------------------------------------------------------------------


@st.composite
def worlds(draw: st.DrawFn) -> tuple[dict[str, Any], list[Host]]:
    """Old and new workers, pods of one size on them; some new hosts have not joined, some old nodes are under way."""
    nodes: dict[str, Any] = {"cp1": control_plane("cp1", **PLANE)}
    pods: list[dict[str, Any]] = []
    hosts = [Host("cp1", True, look=look("cp1", control_plane=True))]
    for at in range(draw(st.integers(1, 4))):
        name = f"o{at}"
        ours = draw(st.sampled_from([{}, {"leaving": {"at": "x"}}, {"cordon": {"at": "x"}}]))
        nodes[name] = node(name, cpu=8000, unschedulable=bool(ours), **ours)
        hosts.append(Host(name, old=True, look=look(name)))
        pods += [
            pod(f"p{at}-{number}", name, ("ReplicaSet", f"app{number}-5d4f"), requests={"cpu": 1000},
                labels={"app": f"app{number}"})
            for number in range(draw(st.integers(0, 4)))
        ]  # fmt: skip
    for at in range(draw(st.integers(1, 3))):
        name, cpus = f"n{at}", draw(st.integers(1, 5))
        joined = draw(st.booleans())
        if joined:
            nodes[name] = node(name, cpu=cpus * 1000)
        hosts.append(Host(name, new=True, look=look(name if joined else None, name, cpus=cpus)))
    known = facts(nodes, pods, workloads=[])
    about = {"kubernetes_version": "v1.24.17", "control_plane_endpoint": "lb:6443"}
    return {**known, "cluster": about, "volumes": [], "ca_fingerprints": ["ca"]}, hosts


def slots(known: dict[str, Any], hosts: list[Host]) -> int:
    """Pods of one processor that the new nodes have room for, counted by hand."""
    taken = sum(row["node"].startswith("n") for row in known["pods"])
    return sum(host.look["cpus"] for host in hosts if host.new and host.look) - taken


@given(worlds())
@settings(max_examples=80)
def test_room_is_missing_exactly_when_there_are_more_pods_than_places(world: tuple[dict[str, Any], list[Host]]) -> None:
    known, hosts = world
    _made, findings = make_plan(known, hosts, Options())
    moving = sum(row["node"].startswith("o") for row in known["pods"])
    assert any(finding.id == "replace-room" for finding in findings) == (moving > slots(known, hosts))


def carry_out(known: dict[str, Any], hosts: list[Host], made: dict[str, Any], steps: int) -> list[Host]:
    """The first so many steps of a plan done to the facts, as the playbook does them; the hosts after that."""
    by_name = {host.name: host for host in hosts}
    work: list[Any] = [("join", row["node"]) for row in made["join_workers"]]
    work += [("cordon", name) for name in made["cordon"]]
    work += [("drain", name) for wave in made["waves"] for name in wave["nodes"]]
    work += [step for row in made["remove"] for step in (("reset", row["node"]), ("delete", row["node"]))]
    for what, name in work[:steps]:
        if what == "join":
            known["nodes"][name] = node(name, cpu=by_name[name].look["cpus"] * 1000)  # type: ignore[index]
            by_name[name] = Host(name, new=True, look={**by_name[name].look, "name": name})  # type: ignore[dict-item]
        elif what == "cordon":
            known["nodes"][name].update(unschedulable=True, leaving={"at": "x"}, cordon=None)
        elif what == "drain":
            free = {n: known["nodes"][n]["allocatable"]["cpu"] // 1000 for n in known["nodes"] if n.startswith("n")}
            for row in known["pods"]:
                if row["node"].startswith("n"):
                    free[row["node"]] -= 1
            for row in known["pods"]:
                if row["node"] == name:
                    row["node"] = max(free, key=lambda n: free[n])
                    free[row["node"]] -= 1
        elif what == "reset":
            by_name[name] = Host(name, old=True, look={**by_name[name].look, "name": None, "was": name})  # type: ignore[dict-item]
        else:
            del known["nodes"][name]
    return list(by_name.values())


@given(worlds(), st.sampled_from(["none", "node", "reset"]), st.integers(0, 30))
@settings(max_examples=80)
def test_a_run_that_was_killed_goes_on_and_one_after_the_last_has_nothing_to_do(
    world: tuple[dict[str, Any], list[Host]], remove: str, killed_after: int
) -> None:
    known, hosts = copy.deepcopy(world[0]), world[1]
    options = Options(remove=remove)
    made, findings = make_plan(known, hosts, options)
    if findings:
        return  # refused before anything was touched
    drained = [name for wave in made["waves"] for name in wave["nodes"]]
    occupied = {row["node"] for row in known["pods"] if row["node"].startswith("o")}
    assert sorted(drained) == sorted(occupied), "each occupied old node is drained once"
    hosts = carry_out(known, hosts, made, killed_after)
    again, findings = make_plan(known, hosts, options)
    assert not findings, "what was begun is refused when it is to go on"
    for key in ("join_workers", "remove"):
        assert {row["node"] for row in again[key]} <= {row["node"] for row in made[key]}
    hosts = carry_out(known, hosts, again, 1000)
    last, findings = make_plan(known, hosts, options)
    assert not findings
    assert not last["changes"], last
    assert all(row["node"].startswith("n") for row in known["pods"])
    assert {name for name in known["nodes"] if name.startswith("o")} == (
        {host.name for host in hosts if host.old} if remove == "none" else set()
    )
