# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.uplift.kubeadm.plugins.modules import upgrade_plan
from ansible_collections.uplift.kubeadm.tests.unit.plugins.module_utils.fake_cluster import FakeCluster


def run(capsys: pytest.CaptureFixture[str], **args: Any) -> dict[str, Any]:
    with patch_module_args(args), pytest.raises(SystemExit):
        upgrade_plan.main()
    return json.loads(capsys.readouterr().out)


def test_facts_by_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = FakeCluster.whole("v1.24.17")
    path = tmp_path / "cluster.json"
    path.write_text(json.dumps(cluster.facts()))
    available = {"1.25": ["1.25.4"], "1.26": ["1.26.9"]}
    given = {"facts": str(path), "target": "1.26", "hosts": cluster.hosts(), "available": available}
    result = run(capsys, **given, _ansible_check_mode=True)
    assert result["changed"] is False
    assert result["plan"]["hop_versions"] == {"1.25": "v1.25.4", "1.26": "v1.26.9"}
    assert result["table"][0] == "Cluster lab: v1.24.17 -> v1.26.9, 2 hops"
    assert result["minors"] == ["1.25", "1.26"]


def test_facts_that_are_not_those_that_were_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = FakeCluster.whole("v1.24.17")
    path = tmp_path / "cluster.json"
    path.write_text(json.dumps(cluster.facts()))
    given = {"target": "1.26", "hosts": cluster.hosts()}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert run(capsys, facts=str(path), sha256=digest, **given)["minors"] == ["1.25", "1.26"]
    assert "have changed since" in run(capsys, facts=str(path), sha256="0" * 64, **given)["msg"]
    old = {**cluster.facts(), "schema": 1}
    assert "not of schema 2" in run(capsys, facts_data=old, **given)["msg"]
    path.write_text(json.dumps(old))
    assert "not of schema 2" in run(capsys, facts=str(path), **given)["msg"]


def test_without_offers_only_the_minors(capsys: pytest.CaptureFixture[str]) -> None:
    cluster = FakeCluster.whole("v1.24.17")
    result = run(capsys, facts_data=cluster.facts(), target="1.26", hosts=cluster.hosts())
    assert (result["minors"], result["plan"]) == (["1.25", "1.26"], {})


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({}, "No target was given"),
        ({"target": 1.3}, "Quote it"),
        ({"target": "1.23"}, "downgrade"),
        ({"target": "1.25", "left_out": [{"host": "w3", "why": "ssh"}]}, "w3: ssh"),
        ({"target": "1.25", "facts": "/nonexistent/cluster.json", "facts_data": None}, "cluster_info"),
    ],
)
def test_refusals_are_failures_of_the_module(
    args: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = FakeCluster.whole("v1.24.17")
    given = {"facts_data": cluster.facts(), "hosts": cluster.hosts(), "available": {"1.25": ["1.25.4"]}, **args}
    result = run(capsys, **{name: value for name, value in given.items() if value is not None})
    assert result["failed"] is True
    assert message in result["msg"]


def test_facts_that_are_no_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cluster.json"
    path.write_text("{")
    result = run(capsys, facts=str(path), target="1.26", hosts={})
    assert f"{path} cannot be read" in result["msg"]
