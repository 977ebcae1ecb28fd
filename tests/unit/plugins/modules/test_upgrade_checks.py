# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.parameters import PASS_VARS

from ansible_collections.uplift.kubeadm.plugins.module_utils import _cluster
from ansible_collections.uplift.kubeadm.plugins.modules import upgrade_checks
from ansible_collections.uplift.kubeadm.tests.unit.plugins.healthy import (
    TODAY,
    healthy_facts,
    healthy_hosts,
    healthy_plan,
)
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module

CRONJOB = "removed-api:batch/v1beta1/CronJob"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    facts, hosts = healthy_facts(), healthy_hosts()
    plan = healthy_plan(facts, hosts)
    return run_module(upgrade_checks.main, capsys, {"facts_data": facts, "hosts": hosts, "plan": plan, "today": TODAY})


def with_a_cronjob() -> dict[str, Any]:
    hosts = healthy_hosts()
    call = {"group": "batch", "version": "v1beta1", "resource": "cronjobs", "removed_release": "1.25"}
    hosts["host-cp1"]["api_usage"]["requests"].append(call)
    return hosts


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_healthy_cluster(run: Run, check_mode: bool) -> None:
    result = run(check_mode)
    assert (result["changed"], result["summary"]["blockers"], result["summary"]["warnings"]) == (False, 0, 0)
    assert result["lines"][0].startswith("Findings: 0 blockers, 0 warnings")


def test_blockers_are_no_failure_of_the_module(run: Run) -> None:
    result = run(hosts=with_a_cronjob())
    assert result["summary"]["blockers"] == 1
    assert result["findings"][0]["id"] == CRONJOB


def test_accepted(run: Run) -> None:
    result = run(hosts=with_a_cronjob(), accepted=[CRONJOB])
    assert (result["summary"]["blockers"], result["summary"]["accepted"]) == (0, 1)


def test_manifests_and_findings_from_elsewhere(run: Run) -> None:
    found = {"file": "deploy/a.yaml", "line": 3, "apiVersion": "batch/v1beta1", "kind": "CronJob", "name": "a"}
    result = run(options={"manifests": {"objects": [found], "unread": []}}, extra=[{"id": "own:x", "title": "X"}])
    assert [row["id"] for row in result["findings"][:2]] == ["own:x", CRONJOB]
    assert result["findings"][1]["seen"] == ["deploy/a.yaml:3: CronJob a as batch/v1beta1"]


def test_facts_by_path(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    data = json.dumps({**healthy_facts(), "schema": _cluster.SCHEMA}).encode()
    path.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    assert run(facts=str(path), facts_data=None, sha256=digest)["summary"]["blockers"] == 0
    refused = run(facts=str(path), facts_data=None, sha256="0" * 64, failed=True)
    assert "have changed since" in refused["msg"]


def test_big_arguments_do_not_come_back(run: Run) -> None:
    # From some core on arguments come back only when they are asked for.
    asked = {"_ansible_inject_invocation": True} if "inject_invocation" in PASS_VARS else {}
    result = run(accepted=["x"], **asked)
    assert result["invocation"]["module_args"]["accepted"] == ["x"]
    assert not {"facts_data", "hosts", "plan", "extra", "options"} & set(result["invocation"]["module_args"])


def test_today_is_the_hosts_own_day(run: Run) -> None:
    """A server that started now has counted for less than a day."""
    hosts = healthy_hosts()
    hosts["host-cp1"]["api_usage"]["since"] = datetime.datetime.now(datetime.timezone.utc).isoformat()
    assert "removed-api-window" in [row["id"] for row in run(hosts=hosts, today=None)["findings"]]


@pytest.mark.parametrize("plan", [{}, {"hops": [], "stages": [], "changes": False}])
def test_nothing_to_do(run: Run, plan: dict[str, Any]) -> None:
    result = run(plan=plan)
    assert result["summary"]["blockers"] == 0
    assert not [gap for gap in result["unchecked"] if "error in this collection" in gap["why"]]


def test_no_host_is_known(run: Run) -> None:
    checks = {gap["check"] for gap in run(hosts={})["unchecked"]}
    assert "removed-api:usage:cp1" in checks


def test_no_worker(run: Run) -> None:
    facts, hosts = healthy_facts(), healthy_hosts()
    for name in ("w1", "w2"):
        del facts["nodes"][name], hosts[f"host-{name}"]
        facts["pods"] = [pod for pod in facts["pods"] if pod["node"] != name]
    result = run(facts_data=facts, hosts=hosts, plan=healthy_plan(facts, hosts))
    assert not [gap for gap in result["unchecked"] if "error in this collection" in gap["why"]]
