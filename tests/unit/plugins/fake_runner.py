# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""FakeRunner stands in for programs of a node that a unit test cannot have: apt, dpkg, systemd, a container runtime."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Result, Runner

Answer = t.Union[str, Result, t.Callable[[list[str]], t.Union[str, Result]]]


class FakeRunner(Runner):
    """Answers commands by regular expressions over the whole command line; the rest runs for real if it is a path.

    commands has all command lines in order, environments what was added to the environment of each.
    """

    def __init__(self, answers: dict[str, Answer] | None = None, programs: t.Container[str] = ()) -> None:
        self.answers = answers or {}
        self.programs = programs
        self.commands: list[str] = []
        self.environments: list[dict[str, str]] = []

    def which(self, name: str) -> str | None:
        return f"/usr/bin/{name}" if name in self.programs else None

    def run(self, argv: t.Sequence[str], **how: t.Any) -> Result:
        line = " ".join(argv)
        self.commands.append(line)
        self.environments.append(dict(how.get("env") or {}))
        for pattern, answer in self.answers.items():
            if re.search(pattern, line):
                said = answer(list(argv)) if callable(answer) else answer
                return said if isinstance(said, Result) else Result(0, said, "")
        if argv[0].startswith("/"):
            return super().run(argv, **how)
        raise AssertionError(f"FakeRunner knows no answer to: {line}")

    def ran(self, pattern: str) -> list[str]:
        """The command lines that match."""
        return [line for line in self.commands if re.search(pattern, line)]


OUTPUTS = {
    "kubeadm": "{version}",
    "kubelet": "Kubernetes {version}",
    "kubectl": '{{"clientVersion": {{"gitVersion": "{version}"}}}}',
}


def fake_program(path: Path, name: str, version: str) -> Path:
    """A runnable file that says its version as kubeadm, kubelet or kubectl does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{OUTPUTS[name].format(version=version)}\nEND\n")
    path.chmod(0o755)
    return path
