# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster with an external etcd before its upgrade: what the plan says, backups, and what users get wrong.

The tests build on each other, in their order. Where a run has to be refused, it is a real one: if the refusal were
missing, the cluster would be changed, and the test would see it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

BACKUPS = "/var/lib/uplift-kubeadm/backup"
Run = Callable[..., tuple[int, str]]
ETCD = "3.5.6"  # what kubeadm 1.24.17 would bring itself
ADMIN = "kubectl --kubeconfig /etc/kubernetes/admin.conf"


def backups(host: Host, file: str) -> list[str]:
    """Names of the backups on a host that have this file."""
    return sorted(Path(found).parent.name for found in host.check_output(f"find {BACKUPS} -name {file}").split())


def versions(every: list[Host]) -> set[str]:
    asked = ("kubeadm version -o short", "kubelet --version")
    return {host.check_output(command).split()[-1] for host in every for command in asked}


@pytest.fixture
def report(tmp_path: Path) -> dict[str, Any]:
    return {"kubeadm_upgrade_report": str(tmp_path)}


def test_etcd_is_no_pod_of_this_cluster(control_plane: Host, etcd_host: Host) -> None:
    """Of the scenario itself: without it the others would prove nothing."""
    assert not control_plane.file("/etc/kubernetes/manifests/etcd.yaml").exists
    assert control_plane.check_output(f"{ADMIN} -n kube-system get pods -l component=etcd -o name") == ""
    assert control_plane.check_output(f"{ADMIN} -n kube-system get pods -l component=kube-apiserver -o name") != ""
    assert not etcd_host.file("/etc/kubernetes/admin.conf").exists
    assert etcd_host.check_output("systemctl is-active etcd") == "active"
    assert etcd_host.check_output("ps -C etcd -o user=").split() == ["etcd"]
    control_plane.check_output(f"{ADMIN} create configmap before-upgrade --from-literal=kept=yes")
    etcd_host.check_output("systemctl show etcd --property=MainPID --value > /root/etcd-before")


def test_the_plan_says_that_etcd_is_external(playbook: Run, tmp_path: Path, report: dict[str, Any]) -> None:
    code, output = playbook("plan", target="1.25", **report)
    assert code == 0, output
    told = json.loads((tmp_path / "report.json").read_text())
    findings = {finding["id"]: finding for finding in told["findings"]}
    assert [name for name, finding in findings.items() if finding["severity"] == "blocker"] == []
    assert [name for name in findings if name.startswith("etcd")] == ["etcd-external"]
    assert f"etcd {ETCD}" in " ".join(findings["etcd-external"]["seen"])
    assert "etcd" not in {stage["kind"] for stage in told["plan"]["stages"]}
    assert [gap for gap in told["unchecked"] if "etcd" in gap["check"]] == []


def test_without_a_host_in_the_group_the_backup_says_that_it_has_no_snapshot(
    playbook: Run, control_plane: Host, etcd_host: Host
) -> None:
    code, output = playbook("backup", kubeadm_upgrade_etcd_group="nobody", kubeadm_upgrade_backup_fetch="")
    assert code == 0, output
    assert "No snapshot: etcd is external, and the group nobody has no host. Back it up yourself." in output
    assert len(backups(control_plane, "node.tar")) == 1
    assert backups(control_plane, "etcd.json") == []
    assert not etcd_host.file(BACKUPS).exists


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"kubeadm_upgrade_etcd_cert": "", "kubeadm_upgrade_etcd_key": ""}, "https://127.0.0.1:2379 does not answer"),
        ({"kubeadm_upgrade_etcd_data_dir": "/var/lib/nowhere"}, "No etcd with the data folder /var/lib/nowhere runs"),
    ],
    ids=["no certificate", "another data folder"],
)
def test_what_is_wrong_is_found_in_check_mode(
    playbook: Run, etcd_host: Host, variables: dict[str, str], words: str
) -> None:
    code, output = playbook("backup", "--check", **variables)
    assert code != 0, output
    assert words in output
    assert not etcd_host.file(BACKUPS).exists


def test_an_upgrade_whose_backup_fails_stops_before_the_cluster_is_changed(
    playbook: Run, every: list[Host], control_plane: Host, etcd_host: Host, report: dict[str, Any]
) -> None:
    wrong = {"kubeadm_upgrade_etcd_cert": "/etc/etcd/pki/nobody.crt", **report}
    code, output = playbook("upgrade", target="1.25", **wrong)
    assert code != 0, output
    assert "/etc/etcd/pki/nobody.crt" in output
    assert versions(every) == {"v1.24.17"}
    assert '"gitVersion": "v1.24.17"' in control_plane.check_output(f"{ADMIN} get --raw /version")
    assert not etcd_host.file(f"{BACKUPS}/programs").exists


def test_a_backup_is_taken_on_the_host_of_etcd_and_proven_there(
    playbook: Run, control_plane: Host, etcd_host: Host
) -> None:
    code, output = playbook("backup")
    assert code == 0, output
    assert f"etcd {ETCD} on etcd1: revision" in output
    (name,) = backups(etcd_host, "etcd.json")
    assert backups(control_plane, "etcd.json") == []
    assert backups(control_plane, "node.tar") == [name]  # one is kept
    manifest = json.loads(etcd_host.check_output(f"cat {BACKUPS}/{name}/etcd.json"))
    assert [member["name"] for member in manifest["etcd"]["members"]] == [etcd_host.check_output("hostname")]
    assert manifest["kubernetes"] == "v1.24.17"
