# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How every scenario's program ends, and what scenarios wait for."""

from __future__ import annotations

import importlib.util
import itertools
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("yaml")

import scenario
from lab.errors import LabError
from scenario.frame import Figures, ended
from scenario.kube import KubeError
from scenario.playbook import processes_with
from scenario.world import ScenarioError, wait_steady


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_drain_that_is_a_loop_tells_what_it_evicted_and_a_failure_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASK_EVENTS", str(tmp_path / "events"))
    plugin = Path(scenario.__file__).parent / "callback_plugins/task_events.py"
    spec = importlib.util.spec_from_file_location("task_events", plugin)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    callback = module.CallbackModule()
    host = SimpleNamespace(get_name=lambda: "worker1")
    task = SimpleNamespace(get_name=lambda: "kubeadm_upgrade : Drain", action="uplift.kubeadm.node_drain", _uuid="1")
    slices = [{"evicted": ["a"]}, {"evicted": ["a", "b"]}]
    callback.v2_runner_on_ok(SimpleNamespace(result={"results": slices, "msg": "All"}, host=host, task=task))
    broken = [{"evicted": []}, {"failed": True, "msg": "a budget"}]
    callback.v2_runner_on_failed(SimpleNamespace(result={"results": broken, "msg": "One"}, host=host, task=task))
    told = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    assert (told[0]["evicted"], told[1]["message"]) == (2, "a budget")


@pytest.mark.parametrize("error", [ScenarioError("no"), LabError("no"), KubeError("no")])
def test_what_cannot_go_on_says_why_and_what_was_found(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    def scenario() -> int:
        raise error

    assert ended("drill", scenario, lambda: ["  1.0 s  begun"]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("  1.0 s  begun\n", "drill: no\n")


def test_interrupted_terminated_and_ended_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    assert ended("drill", interrupted) == 130
    assert capsys.readouterr().err == "drill: interrupted\n"
    assert ended("drill", lambda: 3) == 3
    with pytest.raises(SystemExit, match="143"):
        ended("drill", lambda: signal.raise_signal(signal.SIGTERM) or 0)


def test_figures_that_do_not_hold_keep_the_logs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures, logs, file = Figures(), tmp_path / "logs", tmp_path / "figures.json"
    logs.mkdir()
    figures.seconds["up"] = 2.0
    figures.check(False, "all is there")
    assert figures.told("drill: 1 + 1", file, logs) == 1
    assert logs.exists()
    assert capsys.readouterr().out == "drill: 1 + 1\n      2.0 s  up\n  NOT  all is there\n"
    assert json.loads(file.read_text()) == {"seconds": {"up": 2.0}, "checks": [[False, "all is there"]]}
    figures.checks = [(True, "all is there")]
    assert figures.told("drill: 1 + 1", None, logs) == 0
    assert not logs.exists()


def test_what_has_to_stay_is_waited_for_anew_when_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: next(seconds))  # each look at the clock takes a second
    asked = iter([True, False, True, True, True])
    wait_steady("it", lambda: next(asked), 0.0, 5, interval=0)
    assert list(asked) == [False, True, True, True]
    asked = iter([True, False, *[True] * 10])
    wait_steady("it", lambda: next(asked), 4, 50, interval=0)
    assert list(asked) == [True] * 7  # the first one alone was not enough, nor was what had been before it went
    with pytest.raises(ScenarioError, match="for it, in vain"):
        wait_steady("it", lambda: True, 60, 20, interval=0)


def wait_until_named(pid: int) -> None:
    deadline = time.monotonic() + 30
    while not Path(f"/proc/{pid}/cmdline").read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_connections_that_ssh_keeps_open_are_no_process_of_a_run(tmp_path: Path) -> None:
    """fleet asks so: they are there for a minute after every run."""
    master = subprocess.Popen([f"ssh: {tmp_path}/cp/0123456789 [mux]", "60"], executable="/bin/sleep")
    run = subprocess.Popen([f"ansible-playbook -i {tmp_path}/x", "60"], executable="/bin/sleep")
    try:
        for process in (master, run):  # Linux says what a process is called a moment after it has begun
            wait_until_named(process.pid)
        assert set(processes_with(str(tmp_path))) == {master.pid, run.pid}
        assert processes_with(str(tmp_path), masters=False) == [run.pid]
    finally:
        for process in (master, run):
            process.kill()
            process.wait()
