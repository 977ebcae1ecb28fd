# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""upgrade_lock as a task of real ansible-playbook processes, against a fake API server: who is refused, who follows.

Protects plugins/action/upgrade_lock.py and the finding of the process in _lock_holder.py: with the worker's id in place
of the playbook's, every holder is dead at once, and the second of two is let in.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_leases import FakeLeases

COLLECTIONS = next(path for path in map(Path, sys.path) if (path / "ansible_collections/uplift/kubeadm").is_dir())
PLAYBOOK = """
- name: Work under the lock
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Take the lock
      uplift.kubeadm.upgrade_lock:
        target: "{{ target }}"
        kubeconfig: "{{ kubeconfig }}"
      register: lock
    - name: Say how
      ansible.builtin.debug:
        msg: "taken={{ lock.taken }} pid={{ lock.holder.pid }}"
    - name: Work
      ansible.builtin.wait_for:
        path: "{{ until }}"
        timeout: 120
    - name: Release it
      uplift.kubeadm.upgrade_lock:
        state: released
        holder: "{{ lock.holder }}"
        kubeconfig: "{{ kubeconfig }}"
"""


@pytest.fixture
def api(tmp_path: Path) -> t.Iterator[FakeLeases]:
    fake = FakeLeases(tmp_path / "admin.conf")
    yield fake
    fake.stop()


class Start(t.Protocol):
    def __call__(self, target: str) -> subprocess.Popen[str]: ...


@pytest.fixture
def start(tmp_path: Path, api: FakeLeases) -> t.Iterator[Start]:
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    begun: list[subprocess.Popen[str]] = []

    def start(target: str) -> subprocess.Popen[str]:
        variables = {"target": target, "kubeconfig": str(api.kubeconfig), "until": str(tmp_path / "done")}
        command = [
            str(Path(sys.executable).parent / "ansible-playbook"),
            str(tmp_path / "play.yml"),
            "-i",
            "localhost,",
        ]
        command += ["-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"]
        command += [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]
        home = {"ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
        begun.append(
            subprocess.Popen(
                command, env={**os.environ, **home}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
        )
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.wait()


def until_held(api: FakeLeases, by: int) -> None:
    deadline = time.monotonic() + 60
    while api.lease is None or f"_{by}_" not in api.lease["spec"]["holderIdentity"]:
        assert time.monotonic() < deadline, api.lease
        time.sleep(0.1)


def test_refused_while_it_lives_and_followed_when_it_was_killed(api: FakeLeases, start: Start, tmp_path: Path) -> None:
    first = start("1.26")
    until_held(api, first.pid)

    second = start("1.25")
    said = " ".join(second.communicate(timeout=120)[0].split())
    assert second.returncode != 0
    assert "Another run is at work on this cluster, so nothing was begun." in said
    assert f"(process {first.pid}), upgrade to 1.26" in said
    assert f"That process runs on this controller: look at it with «ps -fp {first.pid}»." in said

    first.send_signal(signal.SIGKILL)  # and not waited for: a zombie is dead, too
    third = start("1.26")
    until_held(api, third.pid)
    (tmp_path / "done").touch()
    said = " ".join(third.communicate(timeout=120)[0].split())
    assert third.returncode == 0, said
    assert "taken=dead" in said
    assert "was taken over from" in said
    assert "its process is dead" in said
    assert api.lease is None
