# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Versions read back from programs that answer over TLS, as those of a control plane do."""

from __future__ import annotations

import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _running
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._running import (
    Local,
    Manifest,
    parse_manifest,
    repository,
    wait_for,
    wanted_versions,
)
from ansible_collections.uplift.kubeadm.tests.unit.plugins.certificates import Authority, kubeconfig
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_control_plane import MANIFEST, FakeControlPlane

METRICS = '# HELP x\nkubernetes_build_info{{build_date="x",git_version="{version}",major="1"}} 1\n'


@pytest.fixture
def node(tmp_path: Path) -> t.Iterator[FakeControlPlane]:
    node = FakeControlPlane(tmp_path)
    yield node
    for program in node.programs.values():
        program.stop()


def full(node: FakeControlPlane, version: str = "v1.25.4") -> None:
    node.start("kube-apiserver", {"/version": (200, f'{{"gitVersion": "{version}"}}'), "/readyz": (200, "ok")})
    for name in ("kube-controller-manager", "kube-scheduler"):
        node.start(name, {"/metrics": (200, METRICS.format(version=version)), "/healthz": (200, "ok")})
    node.start("etcd", {"/version": (200, '{"etcdserver": "3.5.5"}'), "/health": (200, '{"health":"true"}')})


def test_all_programs_are_read_back_with_the_certificates_of_the_node(node: FakeControlPlane) -> None:
    full(node)
    answers = Local(node.root).ask_all()
    assert {name: (answer.version, answer.healthy) for name, answer in answers.items()} == {
        "kube-apiserver": ("v1.25.4", True),
        "kube-controller-manager": ("v1.25.4", True),
        "kube-scheduler": ("v1.25.4", True),
        "etcd": ("3.5.5", True),
    }
    assert node.programs["etcd"].asked[0] == ("healthcheck", "/version")
    assert node.programs["kube-scheduler"].asked[0] == ("kubernetes-admin", "/metrics")


def test_of_an_unhealthy_api_server_the_checks_that_fail_are_told(node: FakeControlPlane) -> None:
    body = "[+]ping ok\n[-]etcd failed: reason withheld\n" + "[+]poststarthook/x ok\n" * 30 + "readyz check failed\n"
    node.start("kube-apiserver", {"/version": (200, '{"gitVersion": "v1.24.17"}'), "/readyz": (500, body)})
    answer = Local(node.root).ask_all(["kube-apiserver"])["kube-apiserver"]
    assert (answer.healthy, answer.why) == (False, "/readyz says HTTP 500: [-]etcd failed: reason withheld")
    node.programs["kube-apiserver"].answers["/readyz"] = (500, "leader is lost")
    assert Local(node.root).ask_all(["kube-apiserver"])["kube-apiserver"].why == "/readyz says HTTP 500: leader is lost"


def test_super_admin_is_asked_where_admin_may_not(node: FakeControlPlane) -> None:
    kubeconfig(node.root / "etc/kubernetes/super-admin.conf", node.authority, node.authority.issue("super"))
    answers = {"kubernetes-admin /metrics": (403, ""), "/metrics": (200, METRICS.format(version="v1.31.0"))}
    node.start("kube-scheduler", {**answers, "super /healthz": (200, "ok"), "/healthz": (403, "")})
    assert Local(node.root).ask_all()["kube-scheduler"] == ("v1.31.0", True, "")


def test_an_api_server_of_another_authority_is_not_believed(node: FakeControlPlane) -> None:
    full(node)
    kubeconfig(node.root / "etc/kubernetes/admin.conf", Authority(), node.authority.issue("kubernetes-admin"))
    answer = Local(node.root).ask_all()["kube-apiserver"]
    assert answer.version is None
    assert "certificate verify failed" in answer.why


def test_a_program_that_is_away_has_a_reason(node: FakeControlPlane) -> None:
    full(node)
    node.programs["etcd"].stop()
    answer = Local(node.root).ask_all()["etcd"]
    assert (answer.version, answer.healthy) == (None, False)
    assert f"127.0.0.1:{node.programs['etcd'].port}" in answer.why


def test_a_worker_has_nothing_to_ask(tmp_path: Path) -> None:
    assert Local(tmp_path).ask_all() == {}


def test_a_wait_ends_when_all_have_arrived(node: FakeControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_running, "POLL_SECONDS", 0.01)
    full(node, "v1.24.17")

    def arrive() -> None:
        for program in node.programs.values():
            for path, (status, body) in list(program.answers.items()):
                program.answers[path] = (status, body.replace("v1.24.17", "v1.25.4"))

    timer = threading.Timer(0.1, arrive)
    timer.start()
    answers = wait_for(Local(node.root), wanted_versions(node.root, "v1.25.4", {}), 10)
    assert {answer.version for answer in answers.values()} == {"v1.25.4", "3.5.5"}


def test_a_wait_that_is_too_long_says_what_was_seen_and_where_to_look(node: FakeControlPlane) -> None:
    full(node, "v1.24.17")
    node.programs["kube-scheduler"].answers["/healthz"] = (500, "leader election lost")
    log = node.root / "var/log/pods/kube-system_kube-scheduler-cp1_0/kube-scheduler/3.log"
    log.parent.mkdir(parents=True)
    log.write_text("older\npanic: here\n")
    wanted = {"kube-apiserver": "v1.25.4", "kube-scheduler": "v1.24.17", "kube-controller-manager": "v1.24.17"}
    with pytest.raises(UpliftError) as caught:
        wait_for(Local(node.root), wanted, 0)
    message = str(caught.value)
    assert "kube-apiserver was to answer as v1.25.4 within 0 s, but said v1.24.17" in message
    assert "leader election lost" in message
    assert "panic: here" in message
    assert "kube-controller-manager was" not in message


def test_an_unknown_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UpliftError, match="kubelet"):
        wanted_versions(tmp_path, None, {"kubelet": "v1.25.4"})


def test_waiting_for_a_program_that_is_not_here_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UpliftError, match="has no manifest"):
        wait_for(Local(tmp_path), {"etcd": ""}, 0)


@pytest.mark.parametrize(
    ("name", "flags", "address"),
    [
        ("kube-apiserver", {"advertise-address": "10.0.0.1"}, "10.0.0.1:6443"),
        ("kube-apiserver", {"advertise-address": "fd00::1", "secure-port": "7443"}, "[fd00::1]:7443"),
        ("kube-apiserver", {"advertise-address": "10.0.0.1", "bind-address": "0.0.0.0"}, "10.0.0.1:6443"),
        ("kube-scheduler", {}, "127.0.0.1:10259"),
        ("kube-controller-manager", {"bind-address": "0.0.0.0"}, "127.0.0.1:10257"),
        ("etcd", {"listen-client-urls": "https://10.0.0.1:2379"}, "10.0.0.1:2379"),
    ],
)
def test_addresses(name: str, flags: dict[str, str], address: str, tmp_path: Path) -> None:
    assert Local(tmp_path).address(name, Manifest("", flags)) == address


def test_a_manifest_with_a_sidecar_and_quotes() -> None:
    text = MANIFEST.format(name="etcd", flags='    - "--a=b c"\n    - --bare\n    - --x=y=z')
    assert parse_manifest("etcd", text) == (
        "registry.example.com:5000/k8s/etcd:v1.25.4",
        {"a": "b c", "bare": "", "x": "y=z"},
    )


@pytest.mark.parametrize(
    ("image", "name"),
    [("r:5000/a/b:v1", "r:5000/a/b"), ("r:5000/a/b", "r:5000/a/b"), ("b:v1@sha256:00", "b"), ("b", "b")],
)
def test_names_of_images(image: str, name: str) -> None:
    assert repository(image) == name
