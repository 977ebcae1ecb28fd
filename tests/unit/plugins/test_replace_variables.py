# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of the role replace_nodes are told in several places; these agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _lock

yaml = pytest.importorskip("yaml")
ROLE = Path(__file__).resolve().parents[3] / "roles/replace_nodes"


def load(name: str) -> Any:
    return yaml.safe_load((ROLE / name).read_text())


def test_every_default_is_documented_and_the_other_way_round() -> None:
    options = load("meta/argument_specs.yml")["argument_specs"]["plan"]["options"]
    assert {name: option["default"] for name, option in options.items()} == load("defaults/main.yml")


def test_the_readme_lists_every_variable() -> None:
    readme = (ROLE / "README.md").read_text()
    assert [name for name in load("defaults/main.yml") if f"`{name}`" not in readme] == []


def test_the_lock_says_what_the_run_does_as_the_module_knows_it() -> None:
    """Protects: such a run can be asked to end early."""
    assert load("tasks/lock.yml")[0]["uplift.kubeadm.upgrade_lock"]["purpose"] == _lock.REPLACEMENT


def set_by(tasks: Any) -> set[str]:
    """Names of facts, registered results and loop variables, of a list of tasks with all its blocks."""
    found: set[str] = set()
    for task in tasks or []:
        found |= set(task.get("ansible.builtin.set_fact", {})) | {
            task.get("register"),
            task.get("loop_control", {}).get("loop_var"),
        }
        for part in ("block", "rescue", "always"):
            found |= set_by(task.get(part))
    return {name for name in found if name}


def test_what_the_role_sets_is_no_misspelt_variable() -> None:
    """Protects: a playbook that imports this one twice is not refused for the facts of the first run."""
    kept = set(load("vars/main.yml")["replace_nodes_internals"])
    found = set().union(*(set_by(yaml.safe_load(file.read_text())) for file in (ROLE / "tasks").glob("*.yml")))
    assert found == kept
