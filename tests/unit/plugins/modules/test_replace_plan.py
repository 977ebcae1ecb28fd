# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""replace_plan through main(), on facts in a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.modules import replace_plan
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_pods import budget, control_plane, facts, node, pod
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module

LABEL = {"node-role.kubernetes.io/control-plane": ""}


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    nodes = {"cp1": control_plane("cp1", labels=LABEL), "o1": node("o1", labels={"pool": "old"})}
    nodes["n1"] = node("n1", labels={"pool": "new"})
    made = facts(nodes, [pod("web-1", "o1")], [budget(min_available=1)])
    (tmp_path / "facts.json").write_text(json.dumps({**made, "cluster": {}, "volumes": []}))
    hosts = [{"name": "cp1", "control_plane": True, "look": {"name": "cp1", "control_plane": True}}]
    chosen = {"old_selector": "pool=old", "new_selector": "pool=new"}
    defaults = {"facts": str(tmp_path / "facts.json"), "hosts": hosts, **chosen}
    return run_module(replace_plan.main, capsys, defaults)


def test_the_plan_its_table_and_what_stands_in_the_way(run: Run) -> None:
    result = run()
    assert result["changed"] is False
    assert result["plan"]["cordon"] == ["o1"]
    assert result["blocking"] == ["replace-budget:shop/web"]
    assert "BLOCKER" in " ".join(result["lines"])
    accepted = run(accept=["replace-budget:shop/web"])
    assert accepted["blocking"] == []
    assert accepted["plan"] == result["plan"]


def test_wrong_input_is_refused(run: Run, tmp_path: Path) -> None:
    assert "max_nodes" in run(failed=True, max_nodes="some")["msg"]
    assert "facts" in run(failed=True, sha256="0")["msg"]
    (tmp_path / "facts.json").write_text("{}")
    assert "schema" in run(failed=True)["msg"]
