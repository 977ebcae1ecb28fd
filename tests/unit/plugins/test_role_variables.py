# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's variables are told in several places; these agree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _backup_folder, _files

yaml = pytest.importorskip("yaml")
COLLECTION = Path(__file__).resolve().parents[3]
ROLE = COLLECTION / "roles/kubeadm_upgrade"


def load(name: str) -> Any:
    return yaml.safe_load((ROLE / name).read_text())


def test_every_default_is_documented_and_the_other_way_round() -> None:
    options = load("meta/argument_specs.yml")["argument_specs"]["plan"]["options"]
    defaults = load("defaults/main.yml")
    # Two have no default on the role: a run must say its target, and plays read the other before the role is there.
    assert set(options) - {"target", "kubeadm_upgrade_become"} == set(defaults)
    told = {name: option["default"] for name, option in options.items() if "default" in option and name in defaults}
    assert told == {name: value for name, value in defaults.items() if value is not None}


def test_the_readme_of_the_role_lists_every_variable() -> None:
    readme = (ROLE / "README.md").read_text()
    assert [name for name in load("defaults/main.yml") if f"`{name}`" not in readme] == []


def test_facts_of_the_role_are_not_taken_for_misspelt_variables() -> None:
    """Without this list, a playbook that imports the upgrade twice would be refused the second time."""
    texts = [path.read_text() for path in (*ROLE.glob("tasks/*.yml"), *COLLECTION.glob("playbooks/**/*.yml"))]
    registered = {name for text in texts for name in re.findall(r"register: (kubeadm_upgrade_\w+)", text)}
    kept = {
        name
        for text in texts
        for block in re.findall(r"set_fact:\n((?:(?:      |    ).*\n)+)", text)
        for name in re.findall(r"^\s+(kubeadm_upgrade_\w+):", block, re.MULTILINE)
    }
    assert registered | kept <= set(load("vars/main.yml")["kubeadm_upgrade_internals"])


def test_folders_on_the_nodes_are_where_the_modules_have_them() -> None:
    assert load("vars/main.yml")["kubeadm_upgrade_directory"] == str(_files.STATE)
    assert load("defaults/main.yml")["kubeadm_upgrade_backup_directory"] == _backup_folder.DIRECTORY
