# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the user's own checks (commands with an exit code) found, as findings. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

LINES = 10


def own_findings(results: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A finding for each check that did not exit with 0, as upgrade_checks takes them in `extra`.

    results: of a loop of ansible.builtin.command over kubeadm_upgrade_checks: {"item": {"id", "command", "severity"?,
    "title"?, "why"?, "fix"?}, "rc"?, "stdout"?, "stderr"?, "msg"?}. Without a code the command could not be started,
    which is a finding too: a check that does not run must not look like one that passed.
    """
    return [_finding(result) for result in results if result.get("rc") != 0]


def _finding(result: Mapping[str, Any]) -> dict[str, Any]:
    """The severity is the user's word; what it is taken for when there is no such one, upgrade_checks decides."""
    check = result["item"]
    said = str(result.get("stdout") or "") + str(result.get("stderr") or "") or str(result.get("msg") or "no output")
    code = result.get("rc")
    command = " ".join(str(word) for word in check["command"])
    ended = f"«{command}» could not be run" if code is None else f"«{command}» exited with {code}"
    return {
        "id": f"own:{check['id']}",
        "severity": check.get("severity", "blocker"),
        "title": str(check.get("title") or f"Your check {check['id']} did not pass"),
        "seen": [ended, *[line for line in said.splitlines() if line.strip()][-LINES:]],
        "why": str(check.get("why") or "It is one of the checks in kubeadm_upgrade_checks."),
        "fix": str(check.get("fix") or "See what the command printed."),
        "source": "kubeadm_upgrade_checks",
    }
