# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run of all checks passes only when every one of them ran, and passed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

if sys.version_info < (3, 11):
    pytest.skip("the checks are run on the developer's machine, with Python 3.11 or newer", allow_module_level=True)

TOOLS = Path(__file__).resolve().parents[2] / "tools"


class FakeToolbox:
    version, core = "3.13", "2.21.5"

    def __init__(self, venv: Path) -> None:
        pass


class FakeArtifacts:
    """They are there at once."""

    def __init__(self, tools: FakeToolbox) -> None:
        self.log = Path("artifacts.log")

    def wait(self) -> Any:
        return importlib.import_module("check").Result("lab artifacts", "passed", 0.0)

    def stop(self) -> None:
        pass


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(TOOLS))
    module = importlib.import_module("check")
    monkeypatch.setattr(module, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(module, "Toolbox", FakeToolbox)
    monkeypatch.setattr(module, "Artifacts", FakeArtifacts)
    monkeypatch.setattr(module.signal, "signal", lambda number, handler: None)
    monkeypatch.setattr(sys, "argv", ["check.py", "all"])
    return module


def ended(check: Any, monkeypatch: pytest.MonkeyPatch, **phases: Callable[[Any, Any], None]) -> int:
    """The exit code of a run of all phases. Those that are named beside_* run beside the clusters."""
    made = tuple(check.Phase("x", name, run, beside=name.startswith("beside_")) for name, run in phases.items())
    monkeypatch.setattr(check, "GROUPS", {"all": made})
    return int(check.main())


def passes(run: Any, tools: Any) -> None:
    pass


def fails(error: BaseException) -> Callable[[Any, Any], None]:
    def run(run: Any, tools: Any) -> None:
        raise error

    return run


def test_all_that_ran_passed(check: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    skipped = fails(check.Skipped("there is no such thing here"))
    assert ended(check, monkeypatch, first=passes, second=skipped, beside_third=passes) == 0
    assert "All that ran passed." in capsys.readouterr().out


@pytest.mark.parametrize("error", [ValueError("too many values to unpack"), OSError("disk full"), AssertionError()])
@pytest.mark.parametrize("phase", ["first", "beside_first"])
def test_an_error_that_nobody_foresaw_fails_its_phase_and_no_other(
    check: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], phase: str, error: Exception
) -> None:
    """Protects: execute() catches everything. Such an error ended the thread, and the phases after it never ran."""
    ran: list[str] = []
    after = {f"{phase}_{number}": lambda run, tools: ran.append("") for number in range(2)}
    assert ended(check, monkeypatch, **{phase: fails(error)}, **after) == 1
    assert len(ran) == 2
    told = capsys.readouterr().out
    assert f"BROKEN: {phase}\n" in told
    assert str(error) in told


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_phase_that_did_not_run_is_no_success(
    check: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects: what is left out counts. SystemExit ends a thread without a word."""
    assert ended(check, monkeypatch, beside_first=fails(SystemExit(0)), beside_second=passes) == 1
    assert "NOT RUN: beside_first, beside_second" in capsys.readouterr().out
