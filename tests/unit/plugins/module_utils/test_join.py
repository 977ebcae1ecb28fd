# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host that joins and leaves, with FakeSystemd and a fake kubeadm in the place of the real ones."""

from __future__ import annotations

import json
import stat
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _kubeadm
from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Result
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._join import Membership, configuration, look
from ansible_collections.uplift.kubeadm.tests.unit.plugins.certificates import Authority, kubeconfig
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_runner import fake_program
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_systemd import FakeSystemd

AUTHORITY = Authority()
TICKET = {"token": "abcdef.0123456789abcdef", "endpoint": "lb:6443", "ca_hashes": ["sha256:aa"]}


class FakeHost(FakeSystemd):
    """A host on which kubeadm, when it is started, does to the files what it really does."""

    def __init__(self, root: Path, *outcomes: tuple[int, int, str]) -> None:
        super().__init__(*outcomes)
        self.root = root
        self.ran_kubeadm: list[list[str]] = []
        self.configuration: dict[str, t.Any] = {}
        self.mode = 0
        for name in ("kubeadm", "kubelet"):
            fake_program(root / "usr/bin" / name, name, "v1.26.9")

    def which(self, name: str) -> str | None:  # type: ignore[override]
        return None if name == "rpm" else super().which(name)

    def systemctl(self, argv: list[str]) -> str:
        return "" if "kubelet.service" in argv else super().systemctl(argv)

    def start(self, argv: list[str]) -> Result:
        words = argv[argv.index("--") + 2 :]
        self.ran_kubeadm.append(words)
        fails = self.outcomes[0][1] != 0
        result = super().start(argv)
        if words[0] == "join":
            file = Path(words[1].partition("=")[2])
            self.configuration, self.mode = json.loads(file.read_text()), stat.S_IMODE(file.stat().st_mode)
            (self.root / "etc/kubernetes/pki").mkdir(parents=True, exist_ok=True)
            (self.root / "etc/kubernetes/pki/ca.crt").write_text(AUTHORITY.pem)
            if not fails:
                joined(self.root)
        elif not fails:
            for path in ("kubelet.conf", "pki/ca.crt"):
                (self.root / "etc/kubernetes" / path).unlink(missing_ok=True)
        return result


def joined(root: Path, name: str = "w7") -> None:
    kubeconfig(root / "etc/kubernetes/kubelet.conf", AUTHORITY, AUTHORITY.issue(f"system:node:{name}"))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_kubeadm, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(_kubeadm, "SYSTEMD", tmp_path)


OK = (1, 0, "This node has joined the cluster")
CONFIG = configuration("v1.26.9", TICKET)


def member(host: FakeHost) -> Membership:
    return Membership(host.root, host, 5)


def test_a_host_joins_once(tmp_path: Path) -> None:
    host = FakeHost(tmp_path, OK)
    assert member(host).join("/usr/bin/kubeadm", CONFIG, {}) is True
    assert host.configuration["discovery"]["bootstrapToken"]["token"] == TICKET["token"]
    seen = look(tmp_path, host)
    assert (seen["name"], seen["half"], seen["kubelet"]) == ("w7", False, "v1.26.9")
    assert member(host).join("/usr/bin/kubeadm", CONFIG, {}) is False


def test_the_token_is_on_no_command_line_and_in_no_file_after(tmp_path: Path) -> None:
    host = FakeHost(tmp_path, OK)
    member(host).join("/usr/bin/kubeadm", CONFIG, {})
    assert host.mode == 0o600
    secret = TICKET["token"].encode() if isinstance(TICKET["token"], str) else b""
    assert not [line for line in host.commands if secret.decode() in line]
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and secret in file.read_bytes()]


def test_ignored_checks_are_a_flag_as_kubeadm_refuses_all_in_its_file(tmp_path: Path) -> None:
    host = FakeHost(tmp_path, OK)
    member(host).join("/usr/bin/kubeadm", CONFIG, {}, ["all"])
    assert host.ran_kubeadm[0][2:] == ["--ignore-preflight-errors=all"]
    assert "ignorePreflightErrors" not in json.dumps(host.configuration)


def test_a_join_that_failed_is_cleared_away_before_the_next(tmp_path: Path) -> None:
    host = FakeHost(tmp_path, (1, 1, "error execution phase kubelet-start: timed out"), OK, OK)
    with pytest.raises(UpliftError, match=r"kubeadm join failed with exit code 1.*timed out"):
        member(host).join("/usr/bin/kubeadm", CONFIG, {})
    assert look(tmp_path, host)["half"] is True
    assert member(host).join("/usr/bin/kubeadm", CONFIG, {}) is True
    assert [words[0] for words in host.ran_kubeadm] == ["join", "reset", "join"]


def test_a_join_whose_caller_was_lost_is_taken_up_and_not_reset(tmp_path: Path) -> None:
    host = FakeHost(tmp_path, (10_000, 0, "joining"))
    work = member(host)
    work.timeout = 0.05
    with pytest.raises(UpliftError, match="still running"):
        work.join("/usr/bin/kubeadm", CONFIG, {})
    assert host.unit is not None
    assert look(tmp_path, host)["at_work"] is True
    host.unit[0] = 2
    assert member(host).join("/usr/bin/kubeadm", CONFIG, {}) is True
    assert [words[0] for words in host.ran_kubeadm] == ["join"]


def test_a_host_of_somebody_else_is_neither_joined_nor_reset(tmp_path: Path) -> None:
    """Protects: only a host that we had begun to join is reset on the way."""
    host = FakeHost(tmp_path)
    (tmp_path / "etc/kubernetes/manifests").mkdir(parents=True)
    (tmp_path / "etc/kubernetes/manifests/etcd.yaml").write_text("")
    with pytest.raises(UpliftError, match=r"was part of a cluster: /etc/kubernetes/manifests/etcd.yaml"):
        member(host).join("/usr/bin/kubeadm", CONFIG, {})
    assert host.ran_kubeadm == []


def test_a_host_that_leaves_keeps_the_name_that_it_had(tmp_path: Path) -> None:
    host = FakeHost(tmp_path, OK, OK)
    member(host).join("/usr/bin/kubeadm", CONFIG, {})
    assert member(host).leave("/usr/bin/kubeadm", "unix:///run/c.sock", {}) is True
    assert host.ran_kubeadm[-1] == ["reset", "--force", "--cri-socket=unix:///run/c.sock"]
    seen = look(tmp_path, host)
    assert (seen["name"], seen["was"], seen["leftovers"]) == (None, "w7", [])
    assert member(host).leave("/usr/bin/kubeadm", None, {}) is False


def test_what_a_reset_leaves_behind_is_told(tmp_path: Path) -> None:
    host = FakeHost(tmp_path, OK)
    joined(tmp_path)
    (tmp_path / "etc/kubernetes/manifests").mkdir(parents=True)
    (tmp_path / "etc/kubernetes/manifests/etcd.yaml").write_text("")
    with pytest.raises(UpliftError, match=r"left /etc/kubernetes/manifests/etcd.yaml behind"):
        member(host).leave("/usr/bin/kubeadm", None, {})


def test_the_configuration_of_a_worker() -> None:
    wants = {**TICKET, "labels": {"zone": "b", "pool": "new"}, "kubelet_args": {"node-ip": "10.0.0.7"},
             "taints": [{"key": "gpu", "effect": "NoSchedule"}]}  # fmt: skip
    made = configuration("v1.26.9", wants)
    assert made["apiVersion"] == "kubeadm.k8s.io/v1beta3"
    assert made["nodeRegistration"]["kubeletExtraArgs"] == {"node-ip": "10.0.0.7", "node-labels": "zone=b,pool=new"}
    assert made["nodeRegistration"]["taints"] == [{"key": "gpu", "effect": "NoSchedule"}]
    assert "controlPlane" not in made
    newer = configuration("v1.31.0", wants)
    assert newer["apiVersion"] == "kubeadm.k8s.io/v1beta4"
    assert {"name": "node-ip", "value": "10.0.0.7"} in newer["nodeRegistration"]["kubeletExtraArgs"]


def test_the_configuration_of_a_control_plane() -> None:
    made = configuration("v1.26.9", {**TICKET, "certificate_key": "ab" * 32, "advertise_address": "10.0.0.4"})
    assert made["controlPlane"] == {"certificateKey": "ab" * 32, "localAPIEndpoint": {"advertiseAddress": "10.0.0.4"}}
    made = configuration("v1.26.9", {**TICKET, "certificate_key": "ab" * 32, "patches": "/etc/kubernetes/patches"})
    assert made["controlPlane"] == {"certificateKey": "ab" * 32}
    assert made["patches"] == {"directory": "/etc/kubernetes/patches"}
    made = configuration("v1.26.9", {**TICKET, "certificate_key": "ab" * 32, "bind_port": 8443})
    assert made["controlPlane"]["localAPIEndpoint"] == {"bindPort": 8443}
