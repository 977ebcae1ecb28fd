# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The corpus: a healthy cluster made bad in one way a file, all checks run, and what must come and nothing else.

A file of tests/unit/plugins/corpus: "what" (a sentence), "facts", "nodes" and "options" to add to the healthy ones
(dictionaries are merged, lists appended, anything else replaced; "KEY!" replaces in any case), "finds" {id: severity},
and, where they are to come, "unchecked" [ids] and "notes" [beginnings of ids of further info findings that may come].
"""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.uplift.kubeadm.plugins.module_utils import _checks
from ansible_collections.uplift.kubeadm.tests.unit.plugins.healthy import healthy_context

CORPUS = sorted((Path(__file__).parent.parent / "corpus").glob("*.yml"))
HEALTHY = _checks.run(healthy_context())


def add(base: t.Any, more: t.Any) -> t.Any:
    if isinstance(base, dict) and isinstance(more, dict):
        merged = dict(base)
        for key, value in more.items():
            name = key.rstrip("!")
            merged[name] = value if key.endswith("!") or name not in base else add(base[name], value)
        return merged
    return [*base, *more] if isinstance(base, list) and isinstance(more, list) else more


def run(case: dict[str, t.Any]) -> dict[str, t.Any]:
    def spoil(facts: dict[str, t.Any], nodes: dict[str, t.Any]) -> None:
        facts.update(add(facts, case.get("facts", {})))
        nodes.update(add(nodes, case.get("nodes", {})))

    return _checks.run(healthy_context(spoil, **case.get("options", {})))


def ids(result: dict[str, t.Any]) -> dict[str, str]:
    return {finding["id"]: finding["severity"] for finding in result["findings"]}


def test_a_healthy_cluster_has_nothing_to_fix() -> None:
    assert [(row["id"], row["seen"]) for row in HEALTHY["findings"] if row["severity"] != "info"] == []


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_what_must_come_comes_and_nothing_else(path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    result = run(case)
    found = {name: severity for name, severity in ids(result).items() if name not in ids(HEALTHY)}
    notes = tuple(case.get("notes", []))
    wanted = case["finds"]
    more = {
        name: severity
        for name, severity in found.items()
        if name not in wanted and not (severity == "info" and notes and name.startswith(notes))
    }
    assert {name: found.get(name) for name in wanted} == wanted, case["what"]
    assert more == {}, case["what"]
    gaps = {gap["check"] for gap in result["unchecked"]} - {gap["check"] for gap in HEALTHY["unchecked"]}
    assert gaps == set(case.get("unchecked", [])), result["unchecked"]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_every_finding_says_all_that_a_finding_says(path: Path) -> None:
    result = run(yaml.safe_load(path.read_text()))
    for row in result["findings"]:
        assert row["seen"] and all(row["seen"]), row["id"]
        assert not row["title"].endswith("."), row["id"]
        for part in ("title", "why", "fix", "source"):
            assert row[part].strip(), (row["id"], part)
        assert row["why"].endswith(".") or row["severity"] == "info", row["id"]
    assert all(len(line) <= 100 for line in result["lines"])
