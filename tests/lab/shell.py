# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run programs; a failure carries the command and the end of what it printed."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from .errors import LabError

_TAIL = 25  # lines of output in an error


def run(
    *argv: str | Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    check: bool = True,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return its output as text.

    `env` is added to the environment. Raises LabError when the program is missing, takes longer than `timeout`
    seconds or, with `check`, exits non-zero.
    """
    command = [str(arg) for arg in argv]
    environment = {**os.environ, **(env or {})}
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment, input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )
    except FileNotFoundError:
        raise LabError(f"`{command[0]}` is not on this machine (needed for: {shlex.join(command)}).") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"`{shlex.join(command)}` did not end within {timeout:.0f} s.") from None
    if check and done.returncode != 0:
        output = (done.stdout + done.stderr).strip().splitlines()[-_TAIL:]
        raise LabError("\n".join([f"`{shlex.join(command)}` ended with code {done.returncode}:", *output]))
    return done


def out(*argv: str | Path, **options: object) -> str:
    """Standard output of a program, stripped."""
    return run(*argv, **options).stdout.strip()  # type: ignore[arg-type]
