# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubeadm_run through main(), with FakeSystemd in the place of systemd."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _kubeadm, _node_disk
from ansible_collections.uplift.kubeadm.plugins.modules import kubeadm_run
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_runner import fake_program
from ansible_collections.uplift.kubeadm.tests.unit.plugins.module_utils.test_kubeadm import FakeSystemd, static_pods
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module


@pytest.fixture
def systemd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeSystemd:
    fake = FakeSystemd()
    monkeypatch.setattr(kubeadm_run, "Runner", lambda: fake)
    monkeypatch.setattr(kubeadm_run, "STATE", tmp_path / "state")
    monkeypatch.setattr(kubeadm_run, "ROOT", tmp_path)
    fake_program(tmp_path / "usr/local/bin/kubeadm", "kubeadm", "v1.30.0")  # somebody's own, which is not the node's
    fake_program(tmp_path / "usr/bin/kubeadm", "kubeadm", "v1.26.9")
    (tmp_path / "var/lib/dpkg/info").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/info/kubeadm.list").write_text("/.\n/usr/bin/kubeadm\n")
    monkeypatch.setattr(_kubeadm, "SYSTEMD", tmp_path)
    monkeypatch.setattr(_kubeadm, "POLL_SECONDS", 0.001)
    return fake


@pytest.fixture
def run(systemd: FakeSystemd, capsys: pytest.CaptureFixture[str]) -> Run:
    return run_module(kubeadm_run.main, capsys, {"arguments": ["upgrade", "node"], "version": "v1.26.9"})


def test_success(run: Run, systemd: FakeSystemd, tmp_path: Path) -> None:
    systemd.outcomes = [(1, 0, "one\ntwo\n")]
    result = run()
    assert (result["changed"], result["rc"], result["stdout"], result["adopted"]) == (True, 0, "one\ntwo", False)
    assert result["command"] == [str(tmp_path / "usr/bin/kubeadm"), "upgrade", "node"]


def test_failure_says_kubeadms_error_first_and_where_the_rest_is(run: Run, systemd: FakeSystemd) -> None:
    systemd.outcomes = [(0, 2, "[upgrade] Reading\nerror execution phase preflight: no\nTo see the stack trace\n")]
    result = run(failed=True)
    assert "failed with exit code 2 after 2.5 s: error execution phase preflight: no. The whole" in result["msg"]
    assert result["log"] in result["msg"]
    assert result["rc"] == 2


def test_a_disk_that_is_full_is_named_where_kubeadm_does_not(
    run: Run, systemd: FakeSystemd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the look at the disks nothing tells why cp failed."""
    for folder in ("etc/kubernetes/tmp", "var/lib/etcd"):
        (tmp_path / folder).mkdir(parents=True)
    blocks = {"tmp": 1}  # of 4 KiB; elsewhere there are plenty
    monkeypatch.setattr(
        _node_disk.os,
        "statvfs",
        lambda path: SimpleNamespace(f_bfree=blocks.get(Path(path).name, 1 << 20), f_frsize=4096, f_blocks=1 << 21),
    )
    systemd.outcomes = [(0, 1, "error: failed to back up etcd data: exit status 1\n"), (0, 1, "error: other\n")]
    message = run(failed=True)["msg"]
    assert message.endswith("No space left in /etc/kubernetes/tmp (4 KiB free): make room there first.")
    blocks.clear()
    assert "No space" not in run(failed=True)["msg"]


def test_check_mode_starts_nothing(run: Run, systemd: FakeSystemd) -> None:
    assert run(check_mode=True)["changed"] is True
    assert run(check_mode=True, arguments=["upgrade", "plan"])["changed"] is False
    assert systemd.commands == []


def test_the_api_server_is_drained_before_kubeadm_is_started(
    run: Run, systemd: FakeSystemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def drain(*_args: object) -> str:
        seen.append(len(systemd.outcomes))  # each start takes one
        return "" if len(seen) == 1 else "There is no other."

    monkeypatch.setattr(kubeadm_run._api_server, "drain", drain)
    systemd.outcomes = [(0, 0, ""), (0, 0, ""), (3, 0, "")]
    assert run(drain_api_server=True)["api_server"] == "drained"
    assert run(drain_api_server=True)["api_server"] == "There is no other."
    assert "api_server" not in run()
    assert seen == [3, 2]


def test_a_kubeadm_that_is_at_work_is_not_disturbed(
    run: Run, systemd: FakeSystemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be waiting for that API server itself."""
    drains: list[tuple[object, ...]] = []
    monkeypatch.setattr(kubeadm_run._api_server, "drain", lambda *args: drains.append(args) or "")
    systemd.outcomes = [(1000, 0, "")]
    run(failed=True, timeout=0.01, drain_api_server=True)  # it goes on without its caller
    run(failed=True, timeout=0.01, drain_api_server=True)
    assert len(drains) == 1


def test_the_environment_shows_up_nowhere(run: Run, systemd: FakeSystemd) -> None:
    systemd.outcomes = [(0, 0, "")]
    result = run(environment={"TOKEN": "secret"})
    assert 'TOKEN="secret"' in systemd.environment_file
    assert "secret" not in f"{result} {systemd.commands}"


def test_proxies_are_not_kubeadms(run: Run, systemd: FakeSystemd) -> None:
    systemd.outcomes = [(0, 0, "")]
    run(environment={"HTTPS_PROXY": "http://me:secret@proxy"})
    assert systemd.environment_file == ""


def test_it_gets_the_proxies_that_all_programs_of_the_control_plane_have(
    run: Run, systemd: FakeSystemd, tmp_path: Path
) -> None:
    """Protects: kubeadm would give the API server's own proxy to all, and send its own requests through it."""
    static_pods(tmp_path, apiserver="http://for-webhooks:3128")
    systemd.outcomes = [(0, 0, "")]
    run(environment={"HTTPS_PROXY": "http://me:secret@proxy"})
    assert systemd.environment_file == 'NO_PROXY="10.0.0.0/8,.svc"\n'


def test_another_version_is_refused(run: Run, systemd: FakeSystemd) -> None:
    assert "needs v1.25.4" in run(failed=True, version="v1.25.4")["msg"]
