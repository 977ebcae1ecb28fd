# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A replacement of nodes, as Ansible walks it: in which order, where a failure stops it, and what the next run does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stubbed import StubbedCluster

from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_pods import control_plane, facts, node, pod

OLD, NEW = ("cp1", "w1", "w2"), ("cp4", "w3", "w4")
PLANE = {"labels": {"node-role.kubernetes.io/control-plane": ""}}


def look(name: str, joined: bool, plane: bool) -> dict[str, Any]:
    return {
        "name": name if joined else None, "was": None, "half": False, "leftovers": [], "hostname": name,
        "ca_fingerprints": [], "control_plane": joined and plane, "cpus": 4, "memory": 8 << 30, "disk": 1 << 40,
        "arch": "amd64", "patches_there": joined, "kubeadm": "v1.24.17", "kubelet": "v1.24.17",
    }  # fmt: skip


def stubbed(folder: Path) -> StubbedCluster:
    """Three control planes and two workers with a pod each; cp4, w3 and w4 are to take over from cp1, w1 and w2."""
    cluster = StubbedCluster(folder, control_planes=3, workers=2)
    state = cluster.read("cluster.json")
    nodes = {name: control_plane(name, **PLANE) for name in ("cp1", "cp2", "cp3")}
    nodes |= {name: node(name) for name in ("w1", "w2")}
    made = facts(nodes, [pod("web-1", "w1"), pod("web-2", "w2")])
    cluster.write("cluster.json", {**state, **made, "volumes": [], "ca_fingerprints": [],
                                   "cluster": {**state["cluster"], "control_plane_endpoint": "lb:6443"}})  # fmt: skip
    hosts = {**dict.fromkeys(nodes, True), **dict.fromkeys(NEW, False)}
    cluster.write("node.json", {**cluster.read("node.json"), "cp4": {}})
    cluster.write("look.json", {name: look(name, joined, name.startswith("cp")) for name, joined in hosts.items()})
    cluster.write("new.json", {"control_plane": control_plane("cp4", **PLANE), "worker": node("w")})
    children = cluster.inventory["all"]["children"]  # type: ignore[index]
    children["kube_control_plane"]["hosts"]["cp4"] = {"ansible_host": "cp4"}
    children["replace_nodes_old"] = {"hosts": {name: {} for name in OLD}}
    children["replace_nodes_new"] = {"hosts": {name: {"ansible_host": name} for name in NEW}}
    (folder / "inventory.json").write_text(json.dumps(cluster.inventory))
    return cluster


def steps(cluster: StubbedCluster) -> list[str]:
    """What was changed, in order: "module state names-or-host"."""
    told = {
        "node_join": lambda e: f"{e['state']} {e['host']}" if e["state"] else "",
        "old_nodes": lambda e: f"{e['state']} {','.join(e['names'])}",
        "join_secret": lambda e: e["state"] or "issued",
        "etcd_member": lambda e: f"member {e['state']} {e['name']}" if e["state"] else "members healthy",
    }
    found = [told[e["module"]](e) for e in cluster.events() if e["module"] in told]
    return [step for step in found if step]


def test_new_nodes_take_over_and_the_old_ones_are_kept_until_they_are_to_go(tmp_path: Path) -> None:
    cluster = stubbed(tmp_path)
    dry = cluster.run("uplift.kubeadm.replace_nodes", "--check", kubeadm_upgrade_api_host="localhost")
    assert dry.returncode == 0, dry.stdout
    assert "Replace 3 nodes by 3 nodes" in dry.stdout
    assert steps(cluster) == []
    assert "cluster_info" in {event["module"] for event in cluster.events() if event["host"] == ""}
    assert list((tmp_path / "home").rglob("uplift-kubeadm-*")) == [], "facts of the cluster stay on the controller"

    run = cluster.run("uplift.kubeadm.replace_nodes")
    assert run.returncode == 0, run.stdout
    own = {e["host"]: (e["bind_port"], e["proxies"]) for e in cluster.events() if e["state"] == "joined"}
    like_the_others = (8443, {"no_proxy": ".svc"})
    assert own == {"cp4": like_the_others, "w3": (None, None), "w4": (None, None)}
    done = steps(cluster)
    assert done[:4] == ["issued", "joined cp4", "revoked", "members healthy"], done
    assert done[4] == "issued"
    assert sorted(done[5:7]) == ["joined w3", "joined w4"]
    assert done[7:] == ["revoked", "cordoned cp1,w1,w2", "drained w1", "drained w2"], done
    assert "Kept, cordoned and empty: cp1, w1 and w2." in run.stdout
    assert not cluster.read("lock.json"), "the lock was kept"

    again = cluster.run("uplift.kubeadm.replace_nodes")
    assert again.returncode == 0, again.stdout
    assert steps(cluster) == []
    assert "Nothing to do" in again.stdout

    gone = cluster.run("uplift.kubeadm.replace_nodes", replace_nodes_remove="reset")
    assert gone.returncode == 0, gone.stdout
    done = steps(cluster)
    assert done[0] == "removed w1,w2"  # in check mode: are they empty?
    assert sorted(done[1:3]) == ["left w1", "left w2"]
    of_the_plane = ["empty cp1", "member removed cp1", "left cp1", "removed cp1", "members healthy"]
    assert done[3:] == ["removed w1,w2", *of_the_plane], done
    assert sorted(cluster.read("cluster.json")["nodes"]) == ["cp2", "cp3", "cp4", "w3", "w4"]


def test_what_is_said_of_new_hosts_is_held_against_them_before_anything_is_touched(tmp_path: Path) -> None:
    cluster = stubbed(tmp_path)
    new = cluster.inventory["all"]["children"]["replace_nodes_new"]["hosts"]  # type: ignore[index]
    new["w3"]["replace_nodes_kubelet_args"] = {"hostname-override": "w3.internal"}
    new["w4"]["replace_nodes_kubelet_args"] = {"hostname-override": "w2"}
    (tmp_path / "inventory.json").write_text(json.dumps(cluster.inventory))
    dry = cluster.run("uplift.kubeadm.replace_nodes", "--check", kubeadm_upgrade_patches="/etc/kubernetes/patches")
    assert dry.returncode != 0, dry.stdout
    assert "replace-patches:cp4" in dry.stdout, "new control planes without the patches that the others have"
    assert "replace-patches:w3" not in dry.stdout
    assert "w3.internal and w2" in dry.stdout, "nodes are called as hostname-override says"
    assert "replace-name:w4" in dry.stdout


def test_what_fails_stops_what_follows_and_the_same_command_goes_on(tmp_path: Path) -> None:
    cluster = stubbed(tmp_path)
    cluster.misbehave({"module": "node_join", "host": "cp4", "do": "down"})  # when it was looked at
    lost = cluster.run("uplift.kubeadm.replace_nodes")
    assert lost.returncode != 0
    assert steps(cluster) == ["issued", "revoked"], "the conductor was lost with the host that it delegates to"
    assert "cp4 could not be reached" in lost.stdout
    assert not cluster.read("lock.json"), "the lock was kept"

    cluster.mend()
    cluster.misbehave({"module": "node_join", "host": "w4", "do": "down"})
    lost = cluster.run("uplift.kubeadm.replace_nodes")
    assert lost.returncode != 0
    done = steps(cluster)
    assert done[-1] == "revoked", "the token outlived the host that was lost"
    assert not [step for step in done if step.startswith(("cordoned", "drained"))], done
    assert "w4 did not join" in lost.stdout
    assert not cluster.read("lock.json"), "the lock was kept"

    cluster.mend()
    cluster.write("stop.json", {"by": "bert on laptop", "at": "2026-11-21T17:20:09Z", "reason": "pager"})
    stopped = cluster.run("uplift.kubeadm.replace_nodes")
    assert stopped.returncode != 0
    assert steps(cluster) == []
    assert "Stopped as asked, nothing failed: bert on laptop" in stopped.stdout
    cluster.write("stop.json", None)

    cluster.misbehave({"module": "old_nodes", "host": "cp2", "state": "drained", "do": "fail"})
    (tmp_path / "on_failure.yml").write_text("- name: Call\n  ansible.builtin.command: {argv: ['false']}\n")
    held = cluster.run(
        "uplift.kubeadm.replace_nodes",
        replace_nodes_remove="reset",
        replace_nodes_hook_on_failure=str(tmp_path / "on_failure.yml"),
    )
    assert held.returncode != 0
    assert 'The replacement stopped at "Drain"' in held.stdout.replace('\\"', '"'), "a hook that failed hid it"
    assert not cluster.read("lock.json"), "the lock was kept"
    done = steps(cluster)
    assert [step for step in done if step.startswith("joined")] in ([], ["joined w4"]), (
        done
    )  # w4 had joined unseen, or not
    assert done[-1] == "drained w1", done
    assert "left w1" not in done

    back = cluster.run("uplift.kubeadm.replace_nodes", replace_nodes_state="back")
    assert back.returncode == 0, back.stdout
    assert steps(cluster) == ["uncordoned cp1,w1,w2"]
    nodes = cluster.read("cluster.json")["nodes"]
    assert not any(nodes[name]["unschedulable"] for name in OLD)


def test_the_first_control_plane_alone_is_replaced_by_a_new_one(tmp_path: Path) -> None:
    """It holds the facts of the run, and all that asks the API has to move to the new one before it goes."""
    cluster = stubbed(tmp_path)
    children = cluster.inventory["all"]["children"]  # type: ignore[index]
    children["kube_control_plane"]["hosts"] = {"cp1": {}, "cp4": {}}
    children["replace_nodes_old"]["hosts"], children["replace_nodes_new"]["hosts"] = {"cp1": {}}, {"cp4": {}}
    (tmp_path / "inventory.json").write_text(json.dumps(cluster.inventory))
    state = cluster.read("cluster.json")
    for name in ("cp2", "cp3"):
        del state["nodes"][name]
    cluster.write("cluster.json", state)
    told = tmp_path / "told"
    hooks = {}
    for name in ("joined", "before_drain", "before_remove", "removed"):
        line = f"{name} {{{{ replace_nodes_node.node }}}} {{{{ replace_nodes_node.role }}}}"
        task = {"ansible.builtin.shell": f"echo {line} >> {told}", "name": name}
        (tmp_path / f"{name}.yml").write_text(json.dumps([task]))
        hooks[f"replace_nodes_hook_{name}"] = str(tmp_path / f"{name}.yml")
    run = cluster.run("uplift.kubeadm.replace_nodes", replace_nodes_remove="reset", **hooks)
    assert run.returncode == 0, run.stdout
    wanted = ["joined cp4", "before_remove cp1", "removed cp1"]
    assert told.read_text().splitlines() == [f"{line} control_plane" for line in wanted]
    leaves = ["empty cp1", "member removed cp1", "left cp1", "removed cp1", "members healthy"]
    assert steps(cluster)[-6:] == ["cordoned cp1", *leaves]
    asked = [(event["module"], event["host"]) for event in cluster.events()]
    at = asked.index(("old_nodes", "cp4"))
    assert {host for _module, host in asked[at:]} == {"cp1", "cp4"}
    assert [module for module, host in asked[at:] if host == "cp1"] == ["node_join"]
