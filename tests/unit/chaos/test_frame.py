# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How every scenario's program ends."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("yaml")

from lab.errors import LabError
from scenario.frame import Figures, ended
from scenario.kube import KubeError
from scenario.world import ScenarioError


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


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
