# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of nodes, and of certificates."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._check_certificates import CHECKS as CERTIFICATES
from ansible_collections.uplift.kubeadm.plugins.module_utils._check_nodes import CHECKS
from ansible_collections.uplift.kubeadm.tests.unit.plugins.checking import all_nodes, at, findings, gaps, severities
from ansible_collections.uplift.kubeadm.tests.unit.plugins.healthy import GIB, healthy_context

PKI = "/etc/kubernetes/pki"
KUBELET_PKI = "/var/lib/kubelet/pki"


def test_a_healthy_cluster_has_none() -> None:
    assert severities((*CHECKS, *CERTIFICATES)) == {}
    assert gaps((*CHECKS, *CERTIFICATES), healthy_context()) == {}


def in_cluster(node: str, **changes: t.Any) -> t.Callable[[t.Any, t.Any], None]:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        facts["nodes"][node].update(changes)

    return spoil


def on_host(node: str, **changes: t.Any) -> t.Callable[[t.Any, t.Any], None]:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        nodes[node].update(changes)

    return spoil


def test_not_ready() -> None:
    spoil = in_cluster("w1", ready=False, ready_message="kubelet stopped")
    found = findings(CHECKS, healthy_context(spoil))
    assert found["node-not-ready"].seen == ("w1: kubelet stopped",)
    assert severities(CHECKS, in_cluster("w1", ready=False, cordon={"at": "…"})) == {}  # a run of ours that was killed


@pytest.mark.parametrize("condition", ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"])
def test_pressure(condition: str) -> None:
    assert severities(CHECKS, in_cluster("w1", conditions={condition: "True"})) == {"node-pressure": "warning"}
    assert severities(CHECKS, in_cluster("w1", conditions={condition: "False", "Ready": "True"})) == {}


def test_cordoned_by_a_person() -> None:
    assert severities(CHECKS, in_cluster("w1", unschedulable=True)) == {"node-cordoned": "info"}
    assert severities(CHECKS, in_cluster("w1", unschedulable=True, cordon={"at": "…"})) == {}
    leaving = in_cluster("w1", unschedulable=True, leaving={"at": "…"})
    assert severities(CHECKS, leaving) == {"node-cordoned": "info"}


def pod(**changes: t.Any) -> t.Callable[[t.Any, t.Any], None]:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        row = {"ns": "kube-system", "name": "dns-1", "uid": "u", "node": "w1", "phase": "Pending", "images": []}
        facts["pods"].append({**row, **changes})

    return spoil


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"node": None}, True),
        ({"ready": True}, False),
        ({"ns": "shop"}, False),
        ({"finished": True}, False),
        ({"terminating": True}, False),
        ({"owner": {"kind": "Job", "name": "check"}}, False),
    ],
)
def test_kube_system(changes: dict[str, t.Any], found: bool) -> None:
    assert severities(CHECKS, pod(**changes)) == ({"kube-system-unhealthy": "warning"} if found else {})


def test_a_pod_on_a_lost_node_is_not_news() -> None:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        pod()(facts, nodes)
        facts["nodes"]["w1"]["ready"] = False

    assert severities(CHECKS, spoil) == {"node-not-ready": "warning"}


@pytest.mark.parametrize(
    ("config", "flags", "wanted"),
    [
        ({}, {}, {"swap": "blocker"}),
        ({"failSwapOn": False}, {}, {}),
        ({}, {"fail-swap-on": "false"}, {}),
        ({"failSwapOn": False}, {"fail-swap-on": "true"}, {"swap": "blocker"}),
        (None, None, {}),
    ],
)
def test_swap(config: t.Any, flags: t.Any, wanted: dict[str, str]) -> None:
    spoil = on_host("w1", swap=True, kubelet_configuration=config, kubelet_arguments=flags)
    assert severities(CHECKS, spoil) == wanted


def test_a_kubelet_that_waits_for_a_restart() -> None:
    assert severities(CHECKS, on_host("w1", kubelet="v1.25.0")) == {"kubelet-not-restarted": "warning"}
    assert severities(CHECKS, on_host("w1", kubelet="v1.24.99")) == {}


def test_holds() -> None:
    loose = all_nodes("holds", ["kubectl"])
    assert severities(CHECKS, loose) == {"packages-not-held": "info"}
    assert severities(CHECKS, loose, package_hold=False) == {"packages-not-held": "warning"}

    def by_dnf(facts: t.Any, nodes: t.Any) -> None:
        loose(facts, nodes)
        all_nodes("package_manager", "dnf")(facts, nodes)

    assert severities(CHECKS, by_dnf) == {}


@pytest.mark.parametrize(
    ("runtime", "current", "target", "wanted"),
    [
        ("containerd://1.6.20", "1.28", "1.29", {"runtime-old:containerd": "warning"}),
        ("containerd://1.6.27", "1.28", "1.29", {}),
        ("containerd://1.5.9", "1.25", "1.26", {}),  # the tables tell of it, as a blocker
        ("containerd://2.1.0", "1.30", "1.31", {}),
        ("cri-o://1.24.1", "1.24", "1.25", {"runtime-old:cri-o": "warning"}),
        ("cri-o://1.25.0", "1.24", "1.25", {}),
    ],
)
def test_runtimes(runtime: str, current: str, target: str, wanted: dict[str, str]) -> None:
    context = at(healthy_context(in_cluster("w1", container_runtime=runtime)), current, target)
    context.facts["nodes"]["w2"]["container_runtime"] = "containerd://1.7.20"
    context.facts["nodes"]["cp1"]["container_runtime"] = "containerd://1.7.20"
    assert {name: found.severity for name, found in findings(CHECKS, context).items()} == wanted


def test_a_runtime_that_nothing_is_published_of_is_unchecked() -> None:
    assert "containerd with 1.33" in gaps(CHECKS, at(healthy_context(), "1.32", "1.33"))["runtime"]


@pytest.mark.parametrize(
    ("node", "free", "wanted"),
    [
        ("cp1", 13, {"disk-room": "warning"}),  # two hops take 2 GiB, and kubelet keeps 12 of 80 free
        ("cp1", 15, {}),
        ("w1", 12, {"disk-room": "warning"}),
        ("w1", 13, {}),
    ],
)
def test_disks(node: str, free: int, wanted: dict[str, str]) -> None:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        nodes[node]["disk"]["/var/lib/containerd"] = {"free": free * GIB, "total": 80 * GIB, "device": 1}

    assert severities(CHECKS, spoil) == wanted


def test_folders_on_one_disk_are_told_once() -> None:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        for path in ("/var/lib/containerd", "/var/lib/kubelet"):
            nodes["w1"]["disk"][path] = {"free": GIB, "total": 80 * GIB, "device": 1}

    assert len(findings(CHECKS, healthy_context(spoil))["disk-room"].seen) == 1


def test_disks_that_are_not_known() -> None:
    assert gaps(CHECKS, healthy_context(on_host("w1", disk=None)))["disk-room"].count("w1") == 1
    explained = on_host("w1", disk=None, unread={"disk": "no"})
    assert gaps(CHECKS, healthy_context(explained)) == {}


def ends(path: str, day: str, node: str = "cp1") -> t.Callable[[t.Any, t.Any], None]:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        nodes[node]["certificates"][path] = f"{day}T10:00:00Z"

    return spoil


@pytest.mark.parametrize(
    ("path", "day", "wanted"),
    [
        (f"{PKI}/apiserver.crt", "2023-05-30", {"certificate-ended": "blocker"}),
        (f"{PKI}/apiserver.crt", "2023-06-20", {"certificate-ends": "info"}),
        (f"{PKI}/apiserver.crt", "2023-07-20", {}),
        ("/etc/kubernetes/admin.conf", "2023-05-30", {"certificate-ended": "blocker"}),
        ("/etc/kubernetes/kubelet.conf", "2023-05-30", {"kubelet-certificate-ended": "blocker"}),
        ("/etc/kubernetes/kubelet.conf", "2023-06-20", {"kubelet-certificate-ends": "warning"}),
        ("/etc/kubernetes/kubelet.conf", "2023-07-20", {}),
        (f"{KUBELET_PKI}/kubelet-client-current.pem", "2023-05-30", {"kubelet-certificate-ended": "blocker"}),
        (f"{KUBELET_PKI}/kubelet-server-current.pem", "2023-05-30", {"kubelet-serving-certificate-ended": "warning"}),
        (f"{KUBELET_PKI}/kubelet-server-current.pem", "2023-06-20", {}),
        (f"{KUBELET_PKI}/kubelet.crt", "2023-05-30", {"kubelet-self-signed-ended": "info"}),
        (f"{KUBELET_PKI}/kubelet.crt", "2023-06-20", {}),
        (f"{PKI}/ca.crt", "2023-05-30", {"authority-ended": "blocker"}),
        (f"{PKI}/etcd/ca.crt", "2023-09-30", {"authority-ends": "warning"}),
        (f"{PKI}/front-proxy-ca.crt", "2024-06-01", {}),
    ],
)
def test_certificates(path: str, day: str, wanted: dict[str, str]) -> None:
    assert severities(CERTIFICATES, ends(path, day)) == wanted


def test_certificates_that_nothing_renews() -> None:
    spoil = ends(f"{PKI}/apiserver.crt", "2023-06-20")
    assert severities(CERTIFICATES, spoil, certificate_renewal=False) == {"certificate-ends": "warning"}
    context = replace(healthy_context(spoil), plan={"hops": [], "stages": [], "left_out": []}, minors=())
    assert findings(CERTIFICATES, context)["certificate-ends"].severity == "warning"


@pytest.mark.parametrize(
    ("day", "severity", "name"),
    [
        ("2023-05-30", "blocker", "etcd-client-certificate-ended"),
        ("2023-06-20", "warning", "etcd-client-certificate-ends"),
        ("2023-07-20", "", ""),
    ],
)
def test_a_certificate_for_an_external_etcd_is_not_renewed_by_kubeadm(day: str, severity: str, name: str) -> None:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        ends(f"{PKI}/apiserver-etcd-client.crt", day)(facts, nodes)
        facts["cluster"]["etcd"]["external"] = True

    assert severities(CERTIFICATES, spoil) == ({name: severity} if name else {})


def test_certificates_of_a_short_life() -> None:
    """With 30 days from signing to end, 20 days left are no sign that anything is wrong."""

    def spoil(facts: t.Any, nodes: t.Any) -> None:
        ends("/etc/kubernetes/kubelet.conf", "2023-06-20", "w1")(facts, nodes)
        nodes["cp1"]["static_pods"]["kube-controller-manager"]["flags"]["cluster-signing-duration"] = "720h0m0s"

    assert severities(CERTIFICATES, spoil) == {}


def test_certificates_that_cannot_be_read() -> None:
    assert list(gaps(CERTIFICATES, healthy_context(on_host("cp1", certificates={})))) == ["certificates"]
