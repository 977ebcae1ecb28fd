# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be true of the cluster after the upgrade, read from the nodes and the API, not from what the run said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from testinfra.host import Host

VERSION = "v1.26.9"
ETCD = "3.5.6"  # what kubeadm 1.26.9 asks for, and what the lab's image of that tag holds
COREDNS = "v1.9.3"
PROGRAMS = {"kube-apiserver", "kube-controller-manager", "kube-scheduler"}


@pytest.fixture(scope="session")
def nodes(kubectl: Any) -> dict[str, Any]:
    return {node["metadata"]["name"]: node for node in kubectl("get nodes")["items"]}


@pytest.fixture(scope="session")
def system_pods(kubectl: Any) -> list[Any]:
    return list(kubectl("get pods -n kube-system")["items"])


def test_every_program_on_every_node_has_the_version(every_node: Host) -> None:
    assert every_node.check_output("kubeadm version -o short") == VERSION
    assert every_node.check_output("kubelet --version") == f"Kubernetes {VERSION}"
    kubectl = json.loads(every_node.check_output("kubectl version --client -o json"))
    assert kubectl["clientVersion"]["gitVersion"] == VERSION


def test_every_kubelet_that_runs_has_the_version_and_is_ready(nodes: dict[str, Any]) -> None:
    assert {name: node["status"]["nodeInfo"]["kubeletVersion"] for name, node in nodes.items()} == dict.fromkeys(
        nodes, VERSION
    )
    ready = {
        name: condition["status"]
        for name, node in nodes.items()
        for condition in node["status"]["conditions"]
        if condition["type"] == "Ready"
    }
    assert ready == dict.fromkeys(nodes, "True")


def test_only_the_node_that_a_person_cordoned_is_cordoned(nodes: dict[str, Any]) -> None:
    label = "node-role.kubernetes.io/control-plane"
    workers = sorted(name for name, node in nodes.items() if label not in node["metadata"]["labels"])
    cordoned = workers[-1:] if len(workers) > 1 else []
    assert [name for name, node in nodes.items() if node["spec"].get("unschedulable")] == cordoned


def test_static_pods_run_the_version(system_pods: list[Any], control_planes: list[str]) -> None:
    for program in PROGRAMS:
        pods = [pod for pod in system_pods if pod["metadata"]["labels"].get("component") == program]
        assert len(pods) == len(control_planes), program
        for pod in pods:
            (status,) = pod["status"]["containerStatuses"]
            assert status["ready"], pod["metadata"]["name"]
            assert status["image"].endswith(f":{VERSION}"), pod["metadata"]["name"]


def test_what_runs_says_its_version_itself(control_plane: Host) -> None:
    admin = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
    assert json.loads(control_plane.check_output(f"{admin} get --raw /version"))["gitVersion"] == VERSION
    pki = "/etc/kubernetes/pki"
    etcd = control_plane.check_output(
        f"curl -sS --cacert {pki}/etcd/ca.crt --cert {pki}/apiserver-etcd-client.crt "
        f"--key {pki}/apiserver-etcd-client.key https://127.0.0.1:2379/version"
    )
    assert json.loads(etcd)["etcdserver"] == ETCD


def test_add_ons_have_the_version(kubectl: Any, nodes: dict[str, Any]) -> None:
    proxy = kubectl("get daemonset -n kube-system kube-proxy")
    assert proxy["spec"]["template"]["spec"]["containers"][0]["image"].endswith(f":{VERSION}")
    assert proxy["status"]["numberReady"] == len(nodes)
    dns = kubectl("get deployment -n kube-system coredns")
    assert dns["spec"]["template"]["spec"]["containers"][0]["image"].endswith(f":{COREDNS}")
    assert dns["status"]["readyReplicas"] == dns["spec"]["replicas"]


def test_the_cluster_configuration_has_the_version(kubectl: Any) -> None:
    configuration = kubectl("get configmap -n kube-system kubeadm-config")["data"]["ClusterConfiguration"]
    assert f"kubernetesVersion: {VERSION}\n" in configuration


def test_the_workload_runs(kubectl: Any) -> None:
    web = kubectl("get deployment web")
    assert web["status"].get("readyReplicas") == web["spec"]["replicas"]


def test_nothing_of_ours_is_left_on_the_nodes_in_the_api(nodes: dict[str, Any]) -> None:
    for name, node in nodes.items():
        assert not [key for key in node["metadata"].get("annotations", {}) if key.startswith("uplift.kubeadm/")], name


def test_nothing_of_ours_is_left_on_a_node(every_node: Host) -> None:
    with every_node.sudo():
        left = every_node.check_output(
            "find /var/lib/uplift-kubeadm -mindepth 2 -type f -not -path '*/log/*' -not -path '*/backup/*' | sort"
        )
    assert left == ""


def test_a_backup_from_before_is_there_and_private(every_node: Host) -> None:
    with every_node.sudo():
        kept = every_node.check_output("find /var/lib/uplift-kubeadm/backup -name node.tar | wc -l")
        open_to_others = every_node.check_output("find /var/lib/uplift-kubeadm/backup -perm /077 -not -type l")
    assert int(kept) >= 1
    assert open_to_others == ""


def test_apt_packages_are_held_and_their_source_is_switched(every_node: Host) -> None:
    if not every_node.file("/etc/apt/sources.list.d/kubernetes.list").exists:
        pytest.skip("no apt packages here")
    assert set(every_node.check_output("apt-mark showhold").split()) >= {"kubeadm", "kubectl", "kubelet"}
    source = every_node.check_output("cat /etc/apt/sources.list.d/kubernetes.list")
    assert "/v1.26/" in source
    assert "/v1.24/" not in source
    assert every_node.check_output("dpkg-query --show --showformat '${Version}' kubelet").startswith("1.26.9-")
    # What the user has in the conffile is still there; dpkg puts the package's own beside it, and asks nobody.
    assert "v1." not in every_node.check_output("cat /etc/default/kubelet")


def test_dnf_packages_are_there_and_their_source_is_switched(every_node: Host) -> None:
    if not every_node.file("/etc/yum.repos.d/kubernetes.repo").exists:
        pytest.skip("no dnf packages here")
    source = every_node.check_output("cat /etc/yum.repos.d/kubernetes.repo")
    assert "/v1.26/" in source
    assert "/v1.24/" not in source
    assert "exclude" in source
    assert every_node.check_output("rpm -q --queryformat '%{VERSION}' kubelet") == "1.26.9"
