# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be true after the upgrade of a cluster with an external etcd, read from the hosts and the API."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

BACKUPS = "/var/lib/uplift-kubeadm/backup"
VERSION = "v1.25.4"
ETCD = "3.5.6"  # as before: kubeadm left it alone. kubeadm 1.25.4 would bring 3.5.5
PROGRAMS = {"kube-apiserver", "kube-controller-manager", "kube-scheduler"}
PKI = "/etc/etcd/pki"
CLIENT = f"--cacert {PKI}/ca.crt --cert {PKI}/client.crt --key {PKI}/client.key"
ETCDCTL = f"etcdctl --endpoints https://127.0.0.1:2379 {CLIENT}"
Run = Callable[..., tuple[int, str]]
FETCHED = Path(__file__).parents[3] / ".build/molecule/external-etcd"


@pytest.fixture(scope="session")
def backup(etcd_host: Host) -> dict[str, Any]:
    """The manifest of the one backup that is kept."""
    (path,) = etcd_host.check_output(f"find {BACKUPS} -name etcd.json").split()
    return dict(json.loads(etcd_host.check_output(f"cat {path}")))


def test_every_program_on_every_node_has_the_version(every_node: Host) -> None:
    assert every_node.check_output("kubeadm version -o short") == VERSION
    assert every_node.check_output("kubelet --version") == f"Kubernetes {VERSION}"
    kubectl = json.loads(every_node.check_output("kubectl version --client -o json"))
    assert kubectl["clientVersion"]["gitVersion"] == VERSION


def test_every_kubelet_that_runs_has_the_version_and_is_ready(kubectl: Any) -> None:
    nodes = kubectl("get nodes")["items"]
    assert {node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes} == {VERSION}
    ready = [c["status"] for node in nodes for c in node["status"]["conditions"] if c["type"] == "Ready"]
    assert ready == ["True"] * 2
    assert [node["metadata"]["name"] for node in nodes if node["spec"].get("unschedulable")] == []


def test_static_pods_run_the_version_and_none_of_them_is_etcd(kubectl: Any, control_plane: Host) -> None:
    pods = kubectl("get pods -n kube-system -l tier=control-plane")["items"]
    assert {pod["metadata"]["labels"]["component"] for pod in pods} == PROGRAMS
    for pod in pods:
        (status,) = pod["status"]["containerStatuses"]
        assert status["ready"], pod["metadata"]["name"]
        assert status["image"].endswith(f":{VERSION}"), pod["metadata"]["name"]
    assert not control_plane.file("/etc/kubernetes/manifests/etcd.yaml").exists


def test_the_cluster_configuration_has_the_version_and_the_external_etcd(kubectl: Any) -> None:
    configuration = kubectl("get configmap -n kube-system kubeadm-config")["data"]["ClusterConfiguration"]
    assert f"kubernetesVersion: {VERSION}\n" in configuration
    assert "etcd:\n  external:\n" in configuration


def test_etcd_is_what_it_was_and_was_not_restarted(etcd_host: Host) -> None:
    assert etcd_host.check_output(f"{ETCDCTL} version").splitlines()[0] == f"etcdctl version: {ETCD}"
    (member,) = json.loads(etcd_host.check_output(f"{ETCDCTL} endpoint status -w json"))
    assert member["Status"]["version"] == ETCD
    process = etcd_host.check_output("systemctl show etcd --property=MainPID --value")
    assert process == etcd_host.check_output("cat /root/etcd-before")


def test_what_was_written_before_is_still_there(kubectl: Any, etcd_host: Host) -> None:
    assert kubectl("get configmap before-upgrade")["data"] == {"kept": "yes"}
    key = "/registry/configmaps/default/before-upgrade"
    assert etcd_host.check_output(f"{ETCDCTL} get --keys-only {key}").strip() == key
    web = kubectl("get deployment web")
    assert web["status"].get("readyReplicas") == web["spec"]["replicas"]


def test_the_backup_of_the_hop_is_on_the_host_of_etcd_alone(backup: dict[str, Any], every_node: Host) -> None:
    assert backup["before_hop_to"] == VERSION
    assert backup["kubernetes"] == "v1.24.17"
    assert set(backup["nodes"].values()) == {"v1.24.17"}
    assert len(backup["nodes"]) == 2
    assert every_node.check_output(f"find {BACKUPS} -name 'etcd*'") == ""
    assert every_node.check_output(f"find {BACKUPS} -name node.tar") == f"{BACKUPS}/{backup['id']}/node.tar"


def test_the_snapshot_is_private_and_good(backup: dict[str, Any], etcd_host: Host, ansible: Run) -> None:
    file = etcd_host.file(f"{BACKUPS}/{backup['id']}/etcd.snapshot")
    assert (file.mode, file.user, file.size) == (0o600, "root", backup["snapshot"]["bytes"])
    assert file.sha256sum == backup["snapshot"]["sha256"]
    assert etcd_host.check_output("find /var/lib/uplift-kubeadm -perm /077 -not -type l -path '*backup*'") == ""
    assert etcd_host.check_output(f"find {BACKUPS} -name '.*'") == ""
    proof = ("-m", "uplift.kubeadm.etcd_snapshot", "-a", f"state=verified id={backup['id']}")
    code, output = ansible("ansible", "etcd1", "-b", *proof)
    assert code == 0, output


def test_nothing_of_ours_is_left_elsewhere_on_the_host_of_etcd(etcd_host: Host) -> None:
    assert etcd_host.check_output("find /var/lib/uplift-kubeadm -mindepth 1 -maxdepth 1") == BACKUPS


def test_the_backup_was_brought_to_the_controller_and_given_to_the_hook(backup: dict[str, Any]) -> None:
    snapshot = FETCHED / "fetched/etcd1" / backup["id"] / "etcd.snapshot"
    assert hashlib.sha256(snapshot.read_bytes()).hexdigest() == backup["snapshot"]["sha256"]
    assert stat.S_IMODE(snapshot.stat().st_mode) == 0o600
    assert json.loads(snapshot.with_name("etcd.json").read_text())["id"] == backup["id"]
    programs = {path.name for path in (FETCHED / f"fetched/etcd1/programs/etcd-{ETCD}").iterdir()}
    assert programs == set(backup["programs"])
    assert (FETCHED / "fetched/cp1" / backup["id"] / "node.tar").is_file()
    assert (FETCHED / "hook.txt").read_text() == backup["id"]


@pytest.mark.parametrize("named", [True, False], ids=["confirmed", "no name"])
def test_a_restore_is_refused(backup: dict[str, Any], named: bool, playbook: Run, every: list[Host]) -> None:
    name = {"kubeadm_upgrade_restore": backup["id"], "kubeadm_upgrade_restore_confirm": backup["id"]}
    code, output = playbook("restore", **(name if named else {}))
    assert code != 0, output
    assert "Nothing was changed. kubeadm runs an API server on cp1, and no etcd: it is external" in output
    assert f"{BACKUPS}/ID/etcd.snapshot on etcd1" in output
    for host in every:
        assert not host.file("/etc/kubernetes/manifests-before-restore").exists
        assert host.check_output("systemctl is-active kubelet") == "active"
