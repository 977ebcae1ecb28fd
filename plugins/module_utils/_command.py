# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running programs of a managed node."""

from __future__ import annotations

import os
import shutil
import subprocess
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

# Ansible's shell on a node may have a short PATH; administrators' programs live in these folders too.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin"


class Result(t.NamedTuple):
    """What a program left behind: exit code and its two outputs."""

    rc: int
    out: str
    err: str

    def why(self, lines: int = 5) -> str:
        """The last words of a program that failed, on one line."""
        text = (self.err.strip() or self.out.strip()).splitlines()
        return " | ".join(line.strip() for line in text[-lines:]) or f"no output, exit code {self.rc}"


def apply_environment(values: t.Mapping[str, t.Any]) -> None:
    """Put variables, named as the user named them, into the environment of this process and of all that it starts."""
    os.environ.update({name: str(value) for name, value in values.items()})


class Runner:
    """Runs programs on this node with a predictable environment (English messages, full PATH, no stdin)."""

    def which(self, name: str) -> str | None:
        """Path of a program, or None."""
        return shutil.which(name, path=PATH)

    def run(
        self,
        argv: t.Sequence[str],
        *,
        env: t.Mapping[str, str] | None = None,
        timeout: float = 600,
        cwd: str | None = None,
    ) -> Result:
        """Run one program to its end. A program that is missing or overstays raises UpliftError."""
        full_env = dict(os.environ, LC_ALL="C", LANGUAGE="C", PATH=PATH, **(env or {}))
        try:
            # Unlike run_command it has a time-out, and needs no module.
            done = subprocess.run(  # pylint: disable=ansible-bad-function
                list(argv),
                env=full_env,
                cwd=cwd,
                timeout=timeout,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            raise UpliftError(f"{argv[0]} did not end within {timeout:g} s and was ended: {' '.join(argv)}") from exc
        except OSError as exc:
            raise UpliftError(f"{argv[0]} cannot be run on this node: {exc.strerror or exc}.") from exc
        return Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def save(self, argv: t.Sequence[str], file: Path, what: str) -> None:
        """Run a program that has to succeed, its output going to a file as it is."""
        with file.open("wb") as out:
            done = subprocess.run(  # pylint: disable=ansible-bad-function
                list(argv), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, check=False
            )
        if done.returncode != 0:
            raise UpliftError(f"{what} failed ({argv[0]}, exit code {done.returncode}): {done.stderr.decode()[-300:]}")

    def must(self, argv: t.Sequence[str], what: str, **how: t.Any) -> Result:
        """Run a program that has to succeed; the error says what was tried and the program's last words."""
        result = self.run(argv, **how)
        if result.rc != 0:
            raise UpliftError(f"{what} failed ({argv[0]}, exit code {result.rc}): {result.why()}")
        return result
