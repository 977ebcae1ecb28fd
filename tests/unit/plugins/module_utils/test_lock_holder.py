# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import multiprocessing
import os
import pty
import signal
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _lock_holder
from ansible_collections.uplift.kubeadm.plugins.module_utils._lock_holder import identify, is_dead

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


@pytest.fixture
def process() -> t.Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as child:
        yield child
        child.kill()


def test_alive_then_a_zombie_then_gone(process: subprocess.Popen[bytes]) -> None:
    holder = identify(process.pid)
    assert not is_dead(holder)
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet reaped, as in many containers
    assert is_dead(holder)
    process.wait()
    assert is_dead(holder)


def test_another_process_of_the_same_number_is_not_the_holder(process: subprocess.Popen[bytes]) -> None:
    holder = {**identify(process.pid), "started": "1"}
    assert is_dead(holder)


@pytest.mark.parametrize(
    "other",
    [
        {"boot": "other"}, {"machine": "other"}, {"namespaces": "pid:[1] time:[1]"}, {"started": ""}, {"pid": None},
        {"pid": "12"}, {"pid": -1}, {"pid": 0}, {"pid": 10**30}, {"boot": None},
    ],
)  # fmt: skip
def test_what_cannot_be_proved_is_alive(process: subprocess.Popen[bytes], other: dict[str, t.Any]) -> None:
    """A machine, boot or container that is not this one: the same number means nothing here."""
    holder = identify(process.pid)
    process.kill()
    process.wait()
    assert is_dead(holder)
    assert not is_dead({**holder, **other})
    assert not is_dead({"id": "x"})


@pytest.mark.parametrize("part", ["boot", "namespaces"])
def test_a_controller_that_does_not_know_where_it_is_proves_nothing(
    process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    where = {**_lock_holder._where(), part: ""}
    monkeypatch.setattr(_lock_holder, "_where", lambda: where)
    holder = identify(process.pid)
    process.kill()
    process.wait()
    assert not is_dead(holder)


def test_a_process_that_proc_does_not_show_is_alive(
    process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """hidepid: the processes of other users are not in /proc, but kill(2) knows them."""
    holder = identify(process.pid)
    monkeypatch.setattr(_lock_holder, "_process", lambda _pid: None)
    assert not is_dead(holder)


def test_a_proc_of_other_namespaces_is_not_believed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "self").symlink_to("1")
    monkeypatch.setattr(_lock_holder, "PROC", tmp_path)
    assert _lock_holder._namespaces() == ""


def test_identity_is_of_the_process_and_short(process: subprocess.Popen[bytes]) -> None:
    here, there = identify(os.getpid()), identify(process.pid)
    assert here["id"] != there["id"]
    assert identify(process.pid)["id"] == there["id"]
    assert f"_{process.pid}_" in there["id"]
    assert len(there["id"]) < 120
    assert Path("/etc/machine-id").exists() is bool(here["machine"])
    if here["machine"]:
        assert Path("/etc/machine-id").read_text().strip() not in str(here)


def test_the_person_before_sudo_and_the_job_of_awx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "anna")
    holder = identify(os.getpid(), "1.26", {"awx_job_id": 42, "awx_user_name": "bert"})
    assert (holder["user"], holder["job"], holder["target"]) == ("anna", "job 42 (launched by bert)", "1.26")
    assert identify(os.getpid(), variables={"tower_job_id": 7})["job"] == "job 7"

    def nobody() -> str:
        raise OSError("no such user")

    monkeypatch.delenv("SUDO_USER")
    monkeypatch.setattr(_lock_holder.getpass, "getuser", nobody)
    assert identify(os.getpid())["user"] == f"uid-{os.getuid()}"


def _worker(queue: t.Any) -> None:
    queue.put(_lock_holder.playbook_process())


def test_a_worker_knows_the_playbook() -> None:
    """Ansible runs each task in a fork, which ends with the task."""
    fork = multiprocessing.get_context("fork")
    queue = fork.SimpleQueue()
    worker = fork.Process(target=_worker, args=(queue,))
    worker.start()
    assert queue.get() == os.getpid() == _lock_holder.playbook_process()
    worker.join()


def test_hints(process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lock_holder, "MACHINE_ID", Path("/proc/sys/kernel/ostype"))
    holder = identify(process.pid)
    assert f"ps -fp {process.pid}" in _lock_holder.hint(holder)
    assert "another container" in _lock_holder.hint({**holder, "namespaces": "x"})
    assert "before this one was started" in _lock_holder.hint({**holder, "boot": "x"})
    assert _lock_holder.hint({**holder, "boot": "x", "machine": "y"}) == ""
    assert _lock_holder.hint({"id": "x"}) == ""


def test_a_terminal_is_one_that_a_person_sits_at(process: subprocess.Popen[bytes]) -> None:
    child, master = pty.fork()
    if child == 0:
        os.execvp(sys.executable, [sys.executable, "-c", "print('up', flush=True); input()"])
    try:
        os.read(master, 10)
        assert _lock_holder.has_terminal(child)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(master)
    with subprocess.Popen(["sleep", "60"], stdin=subprocess.DEVNULL) as deaf:
        assert not _lock_holder.has_terminal(deaf.pid)
        deaf.kill()
    assert not _lock_holder.has_terminal(2**22 + 1)


def test_without_proc_ps_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """macOS."""
    said = {"sysctl": "BOOT-UUID", "ps": "S    Sat Nov 21 17:00:00 2026"}
    monkeypatch.setattr(_lock_holder, "PROC", tmp_path)
    monkeypatch.setattr(_lock_holder, "_output", lambda command: said[command[0]])
    holder = identify(os.getpid())
    assert (holder["boot"], holder["started"]) == ("BOOT-UUID", "Sat Nov 21 17:00:00 2026")
    assert not is_dead(holder)
    said["ps"] = "S    Sat Nov 21 18:00:00 2026"
    assert is_dead(holder)
    assert _lock_holder.has_terminal(os.getpid())


@pytest.mark.parametrize("brand", ["awx", "tower"])
@pytest.mark.parametrize(
    ("workflow", "template", "sliced"),
    [("plan", "plan", True), ("Kubernetes upgrade", "plan", False), (None, "plan", False), (None, None, False)],
    ids=["a slice", "a node of a workflow", "a job", "no job"],
)
def test_a_slice_of_awx_is_known_by_the_name_of_its_workflow(
    brand: str, workflow: str | None, template: str | None, sliced: bool
) -> None:
    told = {f"{brand}_workflow_job_name": workflow, f"{brand}_job_template_name": template, f"{brand}_job_id": 7}
    assert _lock_holder.is_slice({name: value for name, value in told.items() if value is not None}) is sliced
