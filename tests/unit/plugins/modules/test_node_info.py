# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""node_info through main(), on the files of a node below a temporary folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _running
from ansible_collections.uplift.kubeadm.plugins.modules import node_info
from ansible_collections.uplift.kubeadm.tests.unit.plugins.certificates import kubeconfig
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_control_plane import FakeControlPlane
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setattr(node_info, "ROOT", tmp_path)
    monkeypatch.setattr(_running, "POLL_SECONDS", 0.001)
    return run_module(node_info.main, capsys, {})


def test_an_empty_machine_is_described_and_nothing_fails(run: Run) -> None:
    result = run()
    assert result["changed"] is False
    assert result["node"]["name"] is None
    assert "kubelet.conf" in result["node"]["unread"]["name"]
    assert result["node"]["control_plane"] is False


def test_a_wait_that_cannot_succeed_says_why(run: Run) -> None:
    message = run(failed=True, wait_version="v1.25.4", timeout=0.01)["msg"]
    assert "kube-apiserver has no manifest in /etc/kubernetes/manifests on this node" in message
    assert "programs that can be waited for" in run(failed=True, wait_for={"kubelet": "v1"})["msg"]


def test_check_mode_does_not_wait(run: Run) -> None:
    assert "waited" not in run(check_mode=True, wait_version="v1.25.4")


def test_what_is_told_is_a_look_at_which_all_were_well(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects: a starved machine, on which a wait had just found all well, and the look after it had not."""
    looks = [False, False, True]
    monkeypatch.setattr(node_info.Node, "facts", lambda _node, _patches: {"healthy": {"kube-apiserver": looks.pop(0)}})
    monkeypatch.setattr(node_info, "wait_for", lambda *_arguments: {})  # well
    assert run(patience=30)["node"]["healthy"] == {"kube-apiserver": True}
    looks[:] = [False]
    assert run()["node"]["healthy"] == {"kube-apiserver": False}
    looks[:] = [False] * 10**6
    assert run(patience=0.05)["node"]["healthy"] == {"kube-apiserver": False}


def test_a_folder_of_patches_is_looked_for(run: Run, tmp_path: Path) -> None:
    assert run()["node"]["patches_there"] is None
    assert run(patches="/etc/patches")["node"]["patches_there"] is False
    (tmp_path / "etc/patches").mkdir(parents=True)
    assert run(patches="/etc/patches")["node"]["patches_there"] is True


def test_detail_of_an_empty_machine_is_unread_and_no_failure(run: Run) -> None:
    assert "etcd" not in run()["node"]
    node = run(detail=True, cluster_configuration="kind: ClusterConfiguration\n", kubelet_configuration="")["node"]
    assert {
        name: node[name] for name in ("static_pods", "files", "disk", "kubelet_drop_ins", "kubelet_extra_args")
    } == {
        "static_pods": {},
        "files": {},
        "disk": {},
        "kubelet_drop_ins": [],
        "kubelet_extra_args": "",
    }
    nothing = ("kubelet_arguments", "kubelet_configuration", "memory", "kernel", "drift")
    assert [node[name] for name in nothing] == [None] * len(nothing)
    assert set(nothing) <= set(node["unread"])
    assert (node["etcd"], node["api_usage"]) == (None, None)
    assert not {"etcd", "api_usage"} & set(node["unread"])


def test_detail_of_a_node_with_everything_broken_has_a_reason_for_each(run: Run, tmp_path: Path) -> None:
    control_plane = FakeControlPlane(tmp_path)
    for name in ("etcd", "kube-apiserver"):
        control_plane.start(name, {}).stop()
    manifests = tmp_path / _running.MANIFESTS
    (manifests / "kube-scheduler.yaml").write_bytes(b"\xff\xfe no manifest")
    (manifests / "kube-controller-manager.yaml").mkdir()
    kubelet = tmp_path / "var/lib/kubelet/config.yaml"
    kubelet.parent.mkdir(parents=True)
    kubelet.write_text("maxPods: *pods\n")
    kubeconfig(
        tmp_path / "etc/kubernetes/kubelet.conf",
        control_plane.authority,
        control_plane.authority.issue("system:node:cp1"),
    )
    text = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nkubernetesVersion: v1.25.4\n"
    node = run(detail=True, cluster_configuration=text)["node"]
    assert node["name"] == "cp1"
    assert sorted(node["static_pods"]) == ["etcd", "kube-apiserver", "kube-scheduler"]
    unread = node["unread"]
    assert "does not answer" in unread["etcd"]
    assert "does not answer /metrics" in unread["api_usage"]
    assert "line 1" in unread["kubelet_configuration"]
    assert "no kubeadm on this node" in unread["drift"]
    assert "static_pods kube-scheduler.yaml" in unread
