# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An API server lets its clients go: programs that answer over TLS, /proc below a folder, signals that are noted."""

from __future__ import annotations

import os
import signal
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _api_server
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._running import Answer, Local, Manifest
from ansible_collections.uplift.kubeadm.tests.unit.plugins.certificates import kubeconfig
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_api import FakeApi
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_control_plane import FakeControlPlane, FakeProgram
from ansible_collections.uplift.kubeadm.tests.unit.plugins.module_utils.test_settled import add_process

WELL = {"/version": (200, '{"gitVersion": "v1.25.4"}'), "/readyz": (200, "ok")}
OWN, PID, TENANTS = "10.0.0.1", 41, 42


class Scene:
    """This node's API server, advertised as OWN; another one, at 127.0.0.1; and the API by its name for all."""

    def __init__(self, root: Path, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
        self.node, self.api = FakeControlPlane(root), api
        self.own = self.node.start("kube-apiserver", WELL)
        (root / "other").mkdir()
        self.other = FakeProgram(root / "other", self.node.authority, dict(WELL))
        self.flags(f"--advertise-address={OWN}", "--etcd-servers=https://127.0.0.1:2379")
        self.noted(OWN, "127.0.0.1")
        api.objects["/readyz"] = {}
        self.process(PID, OWN)
        self.process(TENANTS, "10.9.9.9")
        add_process(root, 43, "kube-apiserver", 1, cgroup="/user.slice")
        self.ended: list[tuple[int, int]] = []
        monkeypatch.setattr(os, "kill", self._end)
        monkeypatch.setattr(_api_server, "POLL_SECONDS", 0.01)
        monkeypatch.setattr(_api_server, "IN_FLIGHT", 0.05)

    def flags(self, *flags: str) -> None:
        path = self.node.root / "etc/kubernetes/manifests/kube-apiserver.yaml"
        text = path.read_text().split("    - --")[0] + "".join(f"    - {flag}\n" for flag in flags)
        path.write_text(f"{text}    - --secure-port={self.own.port}\n    - --bind-address=127.0.0.1\n    image: a:v1\n")

    def noted(self, *addresses: str) -> None:
        endpoints = [{"addresses": [address]} for address in addresses]
        self.api.objects[_api_server.SLICE] = {"endpoints": endpoints, "ports": [{"port": self.other.port}]}

    def process(self, pid: int, address: str) -> None:
        add_process(self.node.root, pid, "kube-apiserver", 1)
        words = ("kube-apiserver", f"--advertise-address={address}", f"--secure-port={self.own.port}", "")
        (self.node.root / f"proc/{pid}/cmdline").write_text("\0".join(words))

    def drain(self, timeout: float = 5) -> str:
        return _api_server.drain(self.node.root, str(self.api.kubeconfig), timeout)

    def _end(self, pid: int, number: int) -> None:
        self.ended.append((pid, number))
        self.own.stop()

    def kubelet(self, host: str) -> None:
        """What the kubelet of this node, which is called cp1, speaks to."""
        path = self.node.root / _api_server.KUBELET
        kubeconfig(path, self.node.authority, self.node.authority.issue("system:node:cp1"))
        context = "contexts:\n- context:\n    cluster: k\n    user: kubernetes-admin\n  name: c\ncurrent-context: c\n"
        path.write_text(path.read_text().replace("127.0.0.1", host) + context)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Scene]:
    api = FakeApi(tmp_path / "all.conf")
    scene = Scene(tmp_path, api, monkeypatch)
    yield scene
    api.stop()
    for program in (scene.other, scene.own):
        program.stop()


def test_it_is_asked_to_end_and_the_api_answers_steadily_after(scene: Scene) -> None:
    scene.api.faults = [("readyz", "closed"), ("readyz", "closed")]
    assert scene.drain() == ""
    assert scene.ended == [(PID, signal.SIGTERM)], "its own, and no API server of another cluster on this node"
    assert len(scene.api.sent("GET", "readyz")) == 2 + _api_server.STEADY
    assert scene.api.faults == []


def test_one_answer_in_two_is_not_enough(scene: Scene) -> None:
    """Protects: a load balancer that has not seen it yet sends every other connection to the server that is gone."""
    scene.api.objects.pop("/readyz")
    good: t.Any = (200, {})
    scene.api.faults = [("readyz", good if number % 2 else "closed") for number in range(100)]
    with pytest.raises(UpliftError, match=r"new connections to the API still fail .*Nothing else was done"):
        scene.drain(timeout=0.5)


def test_the_only_api_server_that_kubelet_knows_is_waited_for_and_the_node(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects: kubeadm refuses to begin while a control plane is NotReady; its Job may come here, and gets 15 s."""
    scene.kubelet(OWN)
    with pytest.raises(UpliftError, match=r"is not back within 0\.5 s: kube-apiserver does not answer"):
        scene.drain(timeout=0.5)
    monkeypatch.setattr(_api_server, "_wait_closed", lambda *_arguments: None)
    back = iter([False, False, True, True, True])

    def ask(_local: Local, _name: str, manifest: Manifest) -> Answer:
        return Answer("v1.34.0", True, "") if not manifest.image else Answer(None, next(back, True), "not yet")

    monkeypatch.setattr(Local, "ask", ask)
    lease = scene.api.objects[_api_server.LEASE + "cp1"] = {"spec": {"renewTime": "2026-11-01T12:00:00.000000Z"}}
    scene.api.node("cp1")
    with pytest.raises(UpliftError, match=r"kubelet has not renewed the lease of cp1 since"):
        scene.drain(timeout=0.5)
    lease["spec"]["renewTime"] = "2999-11-01T12:00:00.000000Z"
    ready = scene.api.objects["/api/v1/nodes/cp1"]["status"]["conditions"][0]
    ready["status"] = "Unknown"
    with pytest.raises(UpliftError, match=r"the node cp1 is not Ready"):
        scene.drain(timeout=0.5)
    ready["status"] = "True"
    assert scene.drain() == ""


def test_one_that_its_kubelet_waits_for_is_told_twice(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects: it would keep kubelet's watches for a minute, and the node would be NotReady."""
    monkeypatch.setattr(_api_server, "_wait_back", lambda *_arguments: None)
    assert scene.drain() == ""
    assert scene.ended == [(PID, signal.SIGTERM)]
    scene.kubelet(OWN)
    scene.ended.clear()
    assert scene.drain() == ""
    assert scene.ended == [(PID, signal.SIGTERM)] * 2


@pytest.mark.parametrize("host", ["lb.example.com", None])
def test_a_kubelet_that_knows_others_waits_for_none(scene: Scene, host: str | None) -> None:
    if host:
        scene.kubelet(host)
    assert scene.drain() == ""


@pytest.mark.parametrize("urls", ["https://127.0.0.1:2379", f"https://{OWN}:2379", "https://[::1]:2379"])
def test_etcd_of_this_node(scene: Scene, urls: str) -> None:
    scene.flags(f"--advertise-address={OWN}", f"--etcd-servers={urls}")
    assert scene.drain() == ""


@pytest.mark.parametrize("urls", ["https://10.7.0.1:2379", "https://127.0.0.1:2379,https://10.7.0.1:2379"])
def test_with_etcd_elsewhere_there_is_nothing_to_be_afraid_of(scene: Scene, urls: str) -> None:
    scene.flags(f"--advertise-address={OWN}", f"--etcd-servers={urls}")
    assert scene.drain() == "Its etcd is not on this node."
    assert scene.ended == []


def test_the_only_one_is_left_alone(scene: Scene) -> None:
    scene.noted(OWN)
    assert scene.drain() == "There is no other API server for its clients to go to."
    scene.api.objects.pop(_api_server.SLICE)
    assert scene.drain() == "There is no other API server for its clients to go to."
    assert scene.ended == []


def test_the_only_one_that_is_well_is_left_alone(scene: Scene) -> None:
    """Protects: without the look at the others, the API would be away."""
    scene.other.answers["/readyz"] = (500, "[-]etcd failed: reason withheld")
    assert scene.drain() == (
        "No other API server is well, for its clients to go to. "
        "127.0.0.1: /readyz says HTTP 500: [-]etcd failed: reason withheld."
    )
    assert scene.ended == []


def test_where_the_api_cannot_be_asked_it_is_left_alone(scene: Scene) -> None:
    """Protects: an old control plane whose admin.conf has expired could not be removed any more."""
    scene.api.stop()
    assert scene.drain(timeout=0.3).startswith("Which other API servers there are could not be asked.")
    assert scene.ended == []


def test_a_worker_has_none(scene: Scene, tmp_path: Path) -> None:
    assert _api_server.drain(tmp_path / "worker", "", 1) == "This node runs no kube-apiserver."


def test_one_that_does_not_run_has_no_clients(scene: Scene) -> None:
    (scene.node.root / f"proc/{PID}/cmdline").unlink()
    assert scene.drain() == "No kube-apiserver of this node's static pod runs."
