# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""node_join through main(), with FakeHost in the place of a machine with systemd and kubeadm."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _kubeadm
from ansible_collections.uplift.kubeadm.plugins.modules import node_join
from ansible_collections.uplift.kubeadm.tests.unit.plugins.module_utils.test_join import OK, TICKET, FakeHost, joined
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module

PATCHES = "/etc/kubernetes/patches"
PLANE = {"certificate_key": "ab" * 32}


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeHost:
    fake = FakeHost(tmp_path, OK)
    monkeypatch.setattr(node_join, "Runner", lambda: fake)
    monkeypatch.setattr(node_join, "ROOT", tmp_path)
    monkeypatch.setattr(_kubeadm, "SYSTEMD", tmp_path)
    monkeypatch.setattr(_kubeadm, "POLL_SECONDS", 0.001)
    return fake


@pytest.fixture
def run(host: FakeHost, capsys: pytest.CaptureFixture[str]) -> Run:
    return run_module(node_join.main, capsys, {"state": "joined", **TICKET})


def test_a_worker_joins_with_the_patches_where_they_are(run: Run, host: FakeHost, tmp_path: Path) -> None:
    """Protects: kubeadm fails over a folder that is not there, when it has written files of a node."""
    assert run(patches=PATCHES)["changed"] is True
    assert "patches" not in host.configuration
    host.outcomes = [OK]
    assert run(state="left")["changed"] is True
    (tmp_path / PATCHES.lstrip("/")).mkdir(parents=True)
    host.outcomes = [OK]
    assert run(patches=PATCHES)["changed"] is True
    assert host.configuration["patches"] == {"directory": PATCHES}


def test_a_control_plane_without_the_patches_is_refused_before_kubeadm_runs(run: Run, host: FakeHost) -> None:
    assert f"{PATCHES}, the folder of kubeadm patches, is not on" in run(failed=True, patches=PATCHES, **PLANE)["msg"]
    assert host.ran_kubeadm == []
    joined(host.root)
    assert run(patches=PATCHES, **PLANE)["changed"] is False, "a node already"


def test_a_control_plane_listens_at_the_port_that_it_is_told(run: Run, host: FakeHost) -> None:
    assert run(bind_port=8443, advertise_address="10.0.0.4", **PLANE)["changed"] is True
    endpoint = {"advertiseAddress": "10.0.0.4", "bindPort": 8443}
    assert host.configuration["controlPlane"]["localAPIEndpoint"] == endpoint


def test_a_node_that_is_not_called_as_its_host_is_named_to_kubeadm(run: Run, host: FakeHost) -> None:
    """Protects: with kubelet's flag alone, kubeadm waits for a node that is called as the host."""
    run(kubelet_args={"hostname-override": "w7.eu.internal", "v": 2})
    assert host.configuration["nodeRegistration"] == {"name": "w7.eu.internal", "kubeletExtraArgs": {"v": "2"}}


def test_a_control_plane_gets_the_proxies_of_the_others_and_not_those_of_downloads(run: Run, host: FakeHost) -> None:
    """Protects: there are no static pods on the host yet to read them from."""
    proxies, secret = {"no_proxy": ".svc"}, "http://me:secret@downloads"
    result = run(environment={"https_proxy": secret, "LANG": "C"}, proxies=proxies, **PLANE)
    assert host.environment_file == 'LANG="C"\nno_proxy=".svc"\n'
    assert secret not in f"{result} {host.commands}"


def test_a_look_says_whether_the_patches_are_there(run: Run, tmp_path: Path) -> None:
    assert run(state="looked")["look"]["patches_there"] is None
    assert run(state="looked", patches=PATCHES)["look"]["patches_there"] is False
    (tmp_path / PATCHES.lstrip("/")).mkdir(parents=True)
    assert run(state="looked", patches=PATCHES)["look"]["patches_there"] is True
