# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drift of a node's files and of the add-ons, with a kubeadm that is a fake and otherwise real files."""

from __future__ import annotations

import copy
import json
import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _node_addons, _node_drift, _running, _yaml
from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Result
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_drift import Installed
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_static_pods import static_pods
from ansible_collections.uplift.kubeadm.plugins.module_utils._render import Wanted
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_control_plane import FakeControlPlane
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_runner import FakeRunner

CLUSTER = """apiVersion: kubeadm.k8s.io/v1beta3
certificatesDir: /pki
kind: ClusterConfiguration
kubernetesVersion: v1.25.4
"""
KUBELET = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: 110\n"
POD = """apiVersion: v1
kind: Pod
metadata:
  annotations:
    {annotation}: {endpoint}
  name: {name}
spec:
  containers:
  - command:
    - {name}
    - --x={x}
    image: registry.k8s.io/{name}:{tag}
    name: {name}
"""
PHASE_FILES = {
    "control-plane": ("kube-apiserver", "kube-controller-manager", "kube-scheduler"),
    "etcd": ("etcd",),
    "kubelet-start": (),
}
DAEMON_SET = {
    "kind": "DaemonSet",
    "metadata": {"name": "kube-proxy"},
    "spec": {"template": {"spec": {"hostNetwork": True}}},
}
CONFIG_MAP = {
    "kind": "ConfigMap",
    "metadata": {"name": "kube-proxy"},
    "data": {"kubeconfig.conf": "server: https://lb\n"},
}


def pod(name: str, x: str = "1", tag: str = "v1.25.4", endpoint: str = "10.0.0.5:6443") -> str:
    return POD.format(name=name, x=x, tag=tag, endpoint=endpoint, annotation=_node_drift.ENDPOINT)


class FakeKubeadm(FakeRunner):
    """Renders pods like POD, as kubeadm of a minor does: up to 1.25 only the whole of init knows --dry-run for all."""

    def __init__(self, minor: int, refuses: str = "") -> None:
        super().__init__({"^/kubeadm init": self.answer})
        self.minor = minor
        self.refuses = refuses
        self.documents: list[dict[str, t.Any]] = []
        self.modes: set[int] = set()

    def answer(self, argv: list[str]) -> Result:
        folder = Path(self.environments[-1]["KUBEADM_INIT_DRYRUN_DIR"])
        config = Path(next(word for word in argv if word.startswith("--config="))[len("--config=") :])
        self.modes |= {config.stat().st_mode & 0o777, folder.stat().st_mode & 0o777}
        self.documents = [_yaml.load(text) for text in config.read_text().split("\n---\n")]
        assert "--dry-run" in argv
        if self.minor >= 26:
            assert argv[2] == "phase"
            phases = [argv[3] + "".join(word for word in argv if word == "--print-manifest")]
        else:
            skipped = argv[2].partition("=")[2].split(",")
            phases = [phase for phase in (*PHASE_FILES, "addon") if phase not in skipped]
        if self.refuses:
            return Result(1, "", f"error: {self.refuses}\n")
        out = ""
        target = folder / ("tmp/kubeadm-init-dryrun1" if self.minor < 32 else "")
        target.mkdir(parents=True, exist_ok=True)
        for phase in phases:
            if phase == "addon--print-manifest":
                out += f"---\n{json.dumps(DAEMON_SET if argv[4] == 'kube-proxy' else {})}\n"
            if phase == "addon":
                for item in (DAEMON_SET, CONFIG_MAP):
                    out += f"[dryrun] Attached object:\n\t{json.dumps(item)}\n[addons] x\n"
            for name in PHASE_FILES.get(phase, ()):
                (target / f"{name}.yaml").write_text(pod(name))
            if phase == "kubelet-start":
                certificates = self.documents[0]["certificatesDir"]
                (target / "config.yaml").write_text(f"{KUBELET}ca: {certificates}/ca.crt\nsyncFrequency: 0s\n")
        return Result(0 if self.minor >= 26 else 1, out, "failed to print join command\n")


ADDONS_DRIFT = _node_addons.drift


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A control plane node as kubeadm 1.25 left it, whose API server is not asked."""
    monkeypatch.setattr(_node_addons, "drift", lambda *_args: [])
    folder = tmp_path / _running.MANIFESTS
    folder.mkdir(parents=True)
    for name in _running.PROGRAMS:
        (folder / f"{name}.yaml").write_text(pod(name, tag="3.5.6-0" if name == "etcd" else "v1.25.4"))
    (tmp_path / "var/lib/kubelet").mkdir(parents=True)
    (tmp_path / _node_drift.KUBELET.lstrip("/")).write_text(KUBELET + "ca: /pki/ca.crt\n")
    return tmp_path


def wanted(**changes: t.Any) -> Wanted:
    return Wanted(CLUSTER, KUBELET, "cp1", None, "unix:///x.sock", None, {})._replace(**changes)


def drift(
    root: Path, kubeadm: FakeKubeadm | None = None, version: str | None = "v1.25.4", **changes: t.Any
) -> tuple[list[dict[str, t.Any]] | None, dict[str, str]]:
    kubeadm = kubeadm or FakeKubeadm(25)
    pods, _unread = static_pods(root)
    return _node_drift.drift(root, kubeadm, Installed("/kubeadm", version), pods, wanted(**changes))


@pytest.mark.parametrize("minor", [24, 25, 26, 34])
def test_files_as_kubeadm_writes_them_have_no_drift(root: Path, minor: int) -> None:
    for name in _running.KUBERNETES_PROGRAMS:
        (root / _running.MANIFESTS / f"{name}.yaml").write_text(pod(name, tag=f"v1.{minor}.1"))
    kubeadm = FakeKubeadm(minor)
    cluster = CLUSTER.replace("v1.25.4", f"v1.{minor}.9")
    assert drift(root, kubeadm, f"v1.{minor}.3", cluster=cluster) == ([], {})
    assert len(kubeadm.commands) == (3 if minor >= 26 else 1)
    assert kubeadm.modes == {0o600, 0o700}
    init = kubeadm.documents[1]
    assert init == {
        "apiVersion": "kubeadm.k8s.io/v1beta3",
        "kind": "InitConfiguration",
        "localAPIEndpoint": {"advertiseAddress": "10.0.0.5", "bindPort": 6443},
        "nodeRegistration": {"name": "cp1", "criSocket": "unix:///x.sock"},
    }
    assert not Path(kubeadm.environments[-1]["KUBEADM_INIT_DRYRUN_DIR"]).exists()


def test_edits_are_found_file_by_file(root: Path) -> None:
    (root / _running.MANIFESTS / "kube-scheduler.yaml").write_text(pod("kube-scheduler", x="2"))
    (root / _node_drift.KUBELET.lstrip("/")).write_text(KUBELET.replace("110", "250") + "ca: /pki/ca.crt\n")
    assert drift(root)[0] == [
        {"file": "/etc/kubernetes/manifests/kube-scheduler.yaml", "lost": ["- --x=2"], "back": ["- --x=1"]},
        {"file": "/var/lib/kubelet/config.yaml", "lost": ["maxPods: 250"], "back": ["maxPods: 110"]},
    ]


def test_patches_and_proxies_are_those_of_the_upgrade(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "http_proxy", "http://of-this-session")
    kubeadm = FakeKubeadm(25)
    drift(root, kubeadm, patches="/etc/patches", environment={"HTTPS_PROXY": "http://p"})
    assert kubeadm.documents[1]["patches"] == {"directory": "/etc/patches"}
    environment = kubeadm.environments[-1]
    assert (environment["http_proxy"], environment["HTTPS_PROXY"]) == ("", "http://p")


def test_a_worker_has_kubelets_configuration_only(root: Path) -> None:
    for file in (root / _running.MANIFESTS).iterdir():
        file.unlink()
    kubeadm = FakeKubeadm(25)
    assert drift(root, kubeadm) == ([], {})
    assert "control-plane" in kubeadm.commands[0]
    assert not kubeadm.documents[0]["certificatesDir"].startswith("/pki")
    assert drift(root, kubelet="") == (None, {})


def test_the_runtimes_socket_is_the_nodes_own(root: Path) -> None:
    file = root / _node_drift.KUBELET.lstrip("/")
    file.write_text(file.read_text() + "containerRuntimeEndpoint: unix:///y.sock\n")
    assert drift(root)[0] != []
    (root / _node_drift.INSTANCE).write_text("")
    assert drift(root)[0] == []


@pytest.mark.parametrize("version", ["v1.24.17", "v1.26.0", None])
def test_a_kubeadm_of_another_minor_is_not_asked(root: Path, version: str | None) -> None:
    with pytest.raises(UpliftError, match="edits by hand that an upgrade will overwrite cannot be found"):
        drift(root, version=version)


def test_files_that_cannot_be_compared_are_named_and_hide_no_other(root: Path) -> None:
    folder = root / _running.MANIFESTS
    (folder / "kube-scheduler.yaml").write_text(pod("kube-scheduler", x="2") + "more: &anchor x\n")
    (folder / "kube-controller-manager.yaml").write_text(pod("kube-controller-manager", tag="v1.24.17"))
    (folder / "etcd.yaml").write_text(pod("etcd", x="2"))
    found, unread = drift(root)
    assert [row["file"] for row in found or []] == ["/etc/kubernetes/manifests/etcd.yaml"]
    assert "line 14" in unread["drift /etc/kubernetes/manifests/kube-scheduler.yaml"]
    assert "of another minor" in unread["drift /etc/kubernetes/manifests/kube-controller-manager.yaml"]


@pytest.mark.parametrize("minor", [25, 26])
def test_what_kubeadm_complains_of_is_said(root: Path, minor: int) -> None:
    for name in _running.KUBERNETES_PROGRAMS:
        (root / _running.MANIFESTS / f"{name}.yaml").write_text(pod(name, tag=f"v1.{minor}.1"))
    with pytest.raises(UpliftError, match="patch of etcd is broken"):
        drift(
            root,
            FakeKubeadm(minor, "patch of etcd is broken"),
            f"v1.{minor}.0",
            cluster=CLUSTER.replace("v1.25", f"v1.{minor}"),
        )


@pytest.mark.parametrize("text", ["", "just words", "kind: Other\nkubernetesVersion: v1.25.4\n", "a: &b c"])
def test_a_configuration_that_is_none(root: Path, text: str) -> None:
    with pytest.raises(UpliftError, match=r"ClusterConfiguration|configuration is of no version"):
        drift(root, cluster=text)


@pytest.mark.parametrize(
    ("annotated", "expected"), [("[fd00::1]:6444", ("fd00::1", 6444)), ("''", ("10.9.9.9", 6443)), ("nowhere", None)]
)
def test_the_address_is_the_one_kubeadm_takes(root: Path, annotated: str, expected: tuple[str, int] | None) -> None:
    text = pod("kube-apiserver", endpoint=f"'{annotated}'" if annotated != "''" else annotated)
    text = text.replace("    - --x=1\n", "    - --x=1\n    - --advertise-address=10.9.9.9\n")
    (root / _running.MANIFESTS / "kube-apiserver.yaml").write_text(text)
    kubeadm = FakeKubeadm(25)
    if expected is None:
        with pytest.raises(UpliftError, match="no address of its API server"):
            drift(root, kubeadm)
    else:
        drift(root, kubeadm)
        endpoint = kubeadm.documents[1]["localAPIEndpoint"]
        assert (endpoint["advertiseAddress"], endpoint["bindPort"]) == expected


@pytest.fixture
def node(tmp_path: Path) -> t.Iterator[FakeControlPlane]:
    node = FakeControlPlane(tmp_path)
    yield node
    for program in node.programs.values():
        program.stop()


def addons(node: FakeControlPlane, answers: dict[str, tuple[int, str]], minor: int = 26) -> list[dict[str, t.Any]]:
    node.start("kube-apiserver", answers)
    kubeadm = FakeKubeadm(minor)
    return _node_addons.drift(node.root, kubeadm, "/kubeadm", (1, minor), wanted(endpoint=("10.0.0.5", 6443)))


@pytest.mark.parametrize("minor", [24, 26, 32])
def test_addons_that_are_as_kubeadm_makes_them_or_not_there(node: FakeControlPlane, minor: int) -> None:
    path = _node_addons.WORKLOADS["DaemonSet", "kube-proxy"]
    assert addons(node, {path: (200, json.dumps(DAEMON_SET))}, minor) == []


def test_edits_of_addons(node: FakeControlPlane) -> None:
    live = {**DAEMON_SET, "spec": {"template": {"spec": {"hostNetwork": True, "nodeSelector": {"a": "b"}}}}}
    config = {**CONFIG_MAP, "data": {"kubeconfig.conf": "server: https://mine\n"}}
    answers = {
        _node_addons.WORKLOADS["DaemonSet", "kube-proxy"]: (200, json.dumps(live)),
        _node_addons.PROXY_CONFIG_PATH: (200, json.dumps(config)),
    }
    assert addons(node, answers) == [
        {
            "file": "DaemonSet kube-system/kube-proxy",
            "lost": ['spec.template.spec.nodeSelector: {"a": "b"}'],
            "back": [],
        },
        {
            "file": "ConfigMap kube-system/kube-proxy, kubeconfig.conf",
            "lost": ["server: https://mine"],
            "back": ["server: https://lb"],
        },
    ]


def test_proxies_are_added_where_kubeadm_prints_without_them(node: FakeControlPlane) -> None:
    container = {"name": "kube-proxy", "env": [{"name": "HTTPS_PROXY", "value": "http://p"}]}
    live = {"kind": "DaemonSet", "spec": {"template": {"spec": {"containers": [container]}}}}
    rendered = {**copy.deepcopy(live), "metadata": {"name": "kube-proxy"}}
    rendered["spec"]["template"]["spec"]["containers"][0].pop("env")
    kubeadm = FakeRunner({"kube-proxy": f"---\n{json.dumps(rendered)}\n---", "coredns": ""})
    node.start("kube-apiserver", {_node_addons.WORKLOADS["DaemonSet", "kube-proxy"]: (200, json.dumps(live))})
    proxies = {"HTTPS_PROXY": "http://p", "OTHER": "x"}
    told = wanted(endpoint=("10.0.0.5", 6443), environment=proxies)
    assert _node_addons.drift(node.root, kubeadm, "/kubeadm", (1, 34), told) == []
    assert len(_node_addons.drift(node.root, kubeadm, "/kubeadm", (1, 34), wanted(endpoint=("10.0.0.5", 6443)))) == 1


def test_an_api_server_that_is_away_hides_no_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_node_addons, "drift", ADDONS_DRIFT)
    found, unread = drift(root)
    assert found == []
    assert "admin.conf is not there" in unread["drift add-ons"]


def test_addons_that_may_not_be_read(node: FakeControlPlane) -> None:
    with pytest.raises(UpliftError, match="HTTP 403"):
        addons(node, {_node_addons.WORKLOADS["DaemonSet", "kube-proxy"]: (403, "")})
