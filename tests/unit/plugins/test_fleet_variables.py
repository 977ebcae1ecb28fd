# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of the role fleet are told in several places; these agree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _fleet
from ansible_collections.uplift.kubeadm.plugins.module_utils._names import unknown_variables

yaml = pytest.importorskip("yaml")
ROLE = Path(__file__).resolve().parents[3] / "roles/fleet"


def load(name: str) -> Any:
    return yaml.safe_load((ROLE / name).read_text())


def test_every_default_is_documented_and_the_other_way_round() -> None:
    options = load("meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    told = {name: option["default"] for name, option in options.items() if "default" in option}
    assert told == load("defaults/main.yml")
    assert {name for name, option in options.items() if option.get("required")} == {"target", "fleet_waves"}


def test_the_readme_lists_every_variable_and_every_key_of_a_wave() -> None:
    readme = (ROLE / "README.md").read_text()
    options = load("meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    assert [name for name in [*options, *options["fleet_waves"]["options"]] if f"`{name}`" not in readme] == []


def test_a_wave_takes_the_keys_that_are_documented() -> None:
    options = load("meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    assert set(options["fleet_waves"]["options"]) == _fleet._WAVE_KEYS


def test_facts_of_the_role_are_not_taken_for_misspelt_variables() -> None:
    """They resemble no variable: else a playbook that imports the fleet twice would be refused the second time."""
    texts = [path.read_text() for path in ROLE.glob("tasks/*.yml")]
    registered = {name for text in texts for name in re.findall(r"register: (fleet_\w+)", text)}
    kept = {name for text in texts for name in re.findall(r"^\s+(fleet_\w+): \"", text, re.MULTILINE)}
    options = load("meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    assert {"fleet_document", "fleet_looked"} <= registered | kept
    assert unknown_variables(registered | kept, options, "fleet_", only_alike=True) == []
