# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts of a node, from files as kubeadm and the distributions write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _node, _x509
from ansible_collections.uplift.kubeadm.plugins.module_utils._node import Node
from ansible_collections.uplift.kubeadm.tests.unit.plugins.certificates import Authority, kubeconfig
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_runner import FakeRunner, fake_program

FLAGS = (
    'KUBELET_KUBEADM_ARGS="--container-runtime=remote '
    '--container-runtime-endpoint=unix:///run/containerd/containerd.sock --node-labels= --node-ip 10.0.0.5"\n'
)


def write(root: Path, path: str, text: str = "") -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A worker of packages by apt."""
    authority = Authority()
    pair = authority.issue("system:node:worker-1")
    kubeconfig(tmp_path / "etc/kubernetes/kubelet.conf", authority, pair)
    write(tmp_path, "etc/kubernetes/pki/ca.crt", authority.pem)
    for name, version in (("kubeadm", "v1.25.4"), ("kubelet", "v1.24.17"), ("kubectl", "v1.24.17")):
        fake_program(tmp_path / "usr/bin" / name, name, version)
    write(tmp_path, "var/lib/kubelet/kubeadm-flags.env", FLAGS)
    write(tmp_path, "var/lib/dpkg/info/kubelet.list", "/usr/bin/kubelet\n")
    write(
        tmp_path,
        "var/lib/dpkg/status",
        "Package: kubelet\nStatus: hold ok installed\n\nPackage: vim\nStatus: hold ok installed\n",
    )
    write(tmp_path, "var/lib/uplift-kubeadm/release/v1.25.4/kubeadm")
    write(tmp_path, "proc/swaps", "Filename Type\n/swapfile file\n")
    return tmp_path


def test_facts_of_a_worker(root: Path) -> None:
    facts = Node(root, FakeRunner()).facts()
    expected = {
        "name": "worker-1",
        "kubeadm": "v1.25.4",
        "kubelet": "v1.24.17",
        "kubectl": "v1.24.17",
        "install_method": "package",
        "package_manager": "apt",
        "binary_dir": "/usr/bin",
        "control_plane": False,
        "manifests": {},
        "running": {},
        "unread": {},
        "cri_socket": "unix:///run/containerd/containerd.sock",
        "holds": ["kubelet"],
        "kubeadm_unit": None,
        "release_staged": {"v1.25.4": ["kubeadm"]},
        "swap": True,
        "cgroup": "v1",
        "patches_found": [],
        "patches_there": None,
        "ca_fingerprints": _x509.fingerprints((root / "etc/kubernetes/pki/ca.crt").read_text()),
    }
    assert {key: facts[key] for key in expected} == expected
    assert facts["kubelet_flags"] == {
        "container-runtime": "remote",
        "container-runtime-endpoint": "unix:///run/containerd/containerd.sock",
        "node-labels": "",
        "node-ip": "10.0.0.5",
    }
    assert facts["certificates"] == {
        "/etc/kubernetes/kubelet.conf": "2036-05-04T03:02:01Z",
        "/etc/kubernetes/pki/ca.crt": "2036-05-04T03:02:01Z",
    }


def test_the_name_is_in_the_file_that_kubelet_conf_points_at(root: Path) -> None:
    pem = write(root, "pki/kubelet-client-current.pem", "".join(Authority().issue("system:node:other")))
    write(root, "etc/kubernetes/kubelet.conf", f"users:\n- user:\n    client-certificate: {pem}\n")
    assert Node(root).name() == ("other", "")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "cannot be read"),
        ("users: []\n", "names no client certificate"),
        ("    client-certificate: /nowhere\n", "cannot be read"),
        ("    client-certificate-data: eA==\n", "no PEM certificate"),
    ],
)
def test_a_name_that_cannot_be_read_has_a_reason(tmp_path: Path, text: str | None, why: str) -> None:
    if text is not None:
        write(tmp_path, "etc/kubernetes/kubelet.conf", text)
    name, said = Node(tmp_path).name()
    assert name is None
    assert why in said


def test_a_certificate_of_no_node_is_no_name(tmp_path: Path) -> None:
    authority = Authority()
    kubeconfig(tmp_path / "etc/kubernetes/kubelet.conf", authority, authority.issue("kubernetes-admin"))
    assert "kubernetes-admin" in Node(tmp_path).name()[1]


def test_patches_are_found_by_name_and_the_manifests_are_none(tmp_path: Path) -> None:
    write(tmp_path, "etc/kubernetes/patches/kube-apiserver0+merge.yaml")
    write(tmp_path, "etc/kubernetes/x/mine/etcd+json.json")
    write(tmp_path, "etc/kubernetes/manifests/etcd.yaml")
    write(tmp_path, "etc/kubernetes/tmp/kubeadm-backup-manifests/etcd.yaml")
    write(tmp_path, "etc/kubernetes/x/notes/kube-proxy.yaml")
    assert Node(tmp_path).patches() == ["/etc/kubernetes/patches", "/etc/kubernetes/x/mine"]


@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_the_socket_in_kubelets_configuration(tmp_path: Path, quote: str) -> None:
    write(tmp_path, "var/lib/kubelet/config.yaml", f"a: b\ncontainerRuntimeEndpoint: {quote}unix:///x.sock{quote}\n")
    assert Node(tmp_path).cri_socket() == "unix:///x.sock"


def test_packages_of_rpm_and_plain_binaries(tmp_path: Path) -> None:
    assert Node(tmp_path, FakeRunner({"rpm -q kubelet": "kubelet-1.25.4\n"}, {"rpm"})).package_manager() == "dnf"
    assert Node(tmp_path, FakeRunner()).package_manager() is None


@pytest.mark.parametrize("manager", ["apt", "dnf", None])
def test_the_nodes_own_programs_are_looked_at_and_not_somebodys_on_the_path(
    tmp_path: Path, manager: str | None
) -> None:
    folder = "usr/bin" if manager else "opt/k8s"
    for name in ("kubeadm", "kubelet", "kubectl"):
        fake_program(tmp_path / folder / name, name, "v1.25.4")
        fake_program(tmp_path / "usr/local/bin" / name, name, "v1.30.0")
        if manager == "apt":
            write(tmp_path, f"var/lib/dpkg/info/{name}.list", f"/.\n/usr/share/doc/{name}\n/usr/bin/{name}\n")
    started = "ExecStart={ path=/opt/k8s/kubelet ; argv[]=/opt/k8s/kubelet $X ; ignore_errors=no }\n"
    owned = "rpm -ql" if manager == "dnf" else "no rpm"
    answers = {owned: lambda argv: f"/usr/bin/{argv[2]}\n", "systemctl show": started}
    node = Node(tmp_path, FakeRunner(answers, {"rpm", "systemctl"} if manager == "dnf" else {"systemctl"}))
    assert set(node.versions().values()) == {"v1.25.4"}


def test_a_kubelet_that_a_wrapper_starts_is_found_on_the_path(tmp_path: Path) -> None:
    fake_program(tmp_path / "usr/bin/kubelet", "kubelet", "v1.25.4")
    runner = FakeRunner({"systemctl": "ExecStart={ path=/usr/local/bin/start.sh ; }\n"}, {"systemctl"})
    assert Node(tmp_path, runner).binary("kubelet") == tmp_path / "usr/bin/kubelet"


def test_a_program_that_fails_has_no_version(tmp_path: Path) -> None:
    program = fake_program(tmp_path / "usr/bin/kubectl", "kubectl", "v1.25.4")
    program.write_text("#!/bin/sh\necho no json\n")
    fake_program(tmp_path / "usr/bin/kubelet", "kubelet", "v1.25.4").write_text("#!/bin/sh\nexit 1\n")
    assert Node(tmp_path).versions() == {"kubeadm": None, "kubelet": None, "kubectl": None}


def test_unfinished_folders_are_not_ready(tmp_path: Path) -> None:
    write(tmp_path, ".v1.25.4.abc/kubeadm")
    assert _node.staged(tmp_path) == {}
