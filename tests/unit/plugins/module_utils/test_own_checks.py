# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A user's own checks: what exits with 0 is silent, all else is a finding."""

from __future__ import annotations

from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils import _checks
from ansible_collections.uplift.kubeadm.plugins.module_utils._own_checks import own_findings
from ansible_collections.uplift.kubeadm.tests.unit.plugins.healthy import healthy_context


def result(rc: int | None, **check: Any) -> dict[str, Any]:
    item = {"id": "quiet", "command": ["alerts", "--none"], **check}
    return {"item": item, "stdout": "disk is hot\n\n", "stderr": "", **({} if rc is None else {"rc": rc})}


def test_a_check_that_passes_says_nothing() -> None:
    assert own_findings([result(0)]) == []


def test_a_check_that_fails_is_a_blocker_with_what_it_printed() -> None:
    (finding,) = own_findings([result(3)])
    assert (finding["id"], finding["severity"]) == ("own:quiet", "blocker")
    assert finding["seen"] == ["«alerts --none» exited with 3", "disk is hot"]


def test_its_words_are_the_users() -> None:
    words = {"severity": "warning", "title": "An alert is firing", "why": "We were asked to wait.", "fix": "Wait."}
    (finding,) = own_findings([result(1, **words)])
    assert {key: finding[key] for key in words} == words


def test_a_command_that_is_not_there_is_no_pass() -> None:
    (finding,) = own_findings([{"item": {"id": "x", "command": ["nowhere"]}, "msg": "No such file"}])
    assert finding["seen"] == ["«nowhere» could not be run", "No such file"]


def test_a_severity_that_does_not_exist_is_the_worst() -> None:
    (row,) = _checks.run(healthy_context(), extra=own_findings([result(1, severity="mild")]), checks=())["findings"]
    assert (row["id"], row["severity"]) == ("own:quiet", "blocker")
