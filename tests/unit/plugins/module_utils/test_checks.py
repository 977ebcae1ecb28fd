# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine of the findings: nothing is lost, nothing passes in silence, and it fits a screen."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins import module_utils
from ansible_collections.uplift.kubeadm.plugins.module_utils import _checks
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Check, Context, Finding, Unchecked
from ansible_collections.uplift.kubeadm.tests.unit.plugins.healthy import (
    HOPS,
    healthy_context,
    healthy_facts,
    healthy_hosts,
    healthy_plan,
)


def finding(name: str, severity: str = "blocker", seen: str = "Pod a/b", minor: str = "") -> Finding:
    return Finding(name, severity, f"Title of {name}", (seen,), "Why.", "Fix.", "Source", minor)


def check(*said: Finding | Unchecked) -> Check:
    return lambda _context: said


def run(*checks: Check, context: Context | None = None, **more: t.Any) -> dict[str, t.Any]:
    return _checks.run(context or healthy_context(), checks=checks, **more)


def test_every_module_of_checks_is_run() -> None:
    """Nothing is found at run time, as a module carries only what it imports; so nothing may be forgotten here."""
    folder = Path(next(iter(module_utils.__path__)))
    files = {path.stem for path in folder.glob("_check_*.py") if "\nCHECKS" in path.read_text()}
    assert files == {module.__name__.rpartition(".")[2] for module in _checks.MODULES}


def test_the_worst_first_then_by_minor_and_id() -> None:
    said = [
        finding("z", "info"),
        finding("b", minor="1.26"),
        finding("a", minor="1.26"),
        finding("c", minor="1.25"),
        finding("d"),
        finding("y", "warning"),
    ]
    assert [row["id"] for row in run(check(*said))["findings"]] == ["d", "c", "a", "b", "y", "z"]


def test_minors_are_sorted_as_numbers() -> None:
    said = [finding("ten", minor="1.10"), finding("nine", minor="1.9")]
    assert [row["id"] for row in run(check(*said))["findings"]] == ["nine", "ten"]


def test_the_same_id_is_one_finding_and_the_worst_speaks() -> None:
    one, two = finding("a", "info", "Pod a/1"), finding("a", "blocker", "Pod a/2")
    (row,) = run(check(one, one), check(two))["findings"]
    assert (row["severity"], row["seen"]) == ("blocker", ["Pod a/1", "Pod a/2"])


def test_a_check_that_breaks_is_said_and_the_others_are_heard() -> None:
    def broken(_context: Context) -> t.Iterator[Finding]:
        yield finding("before")
        raise KeyError("nodes")

    result = run(broken, check(finding("after")))
    assert {row["id"] for row in result["findings"]} == {"before", "after"}
    (gap,) = result["unchecked"]
    assert "broken" in gap["check"] and "KeyError: 'nodes'" in gap["why"]


def test_no_facts_at_all_are_no_all_clear() -> None:
    """Whatever is missing: no traceback, and what could not be checked is listed."""
    context = Context({"version": "v1.24.14"}, {}, {}, ("1.25",), "1.24", "2023-06-01")
    result = _checks.run(context)
    assert result["unchecked"], "nothing was looked at, and nothing says so"


def test_accepted_findings_stay_and_no_longer_count() -> None:
    result = run(check(finding("a"), finding("b"), finding("c", "warning")), accepted=["a", "c"])
    assert result["summary"] == {"blockers": 1, "warnings": 0, "infos": 0, "accepted": 2, "unchecked": 0}
    assert {row["id"]: row["accepted"] for row in result["findings"]} == {"a": True, "b": False, "c": True}
    assert "  Title of a (a)" in result["lines"]


def test_an_accepted_id_that_is_not_found_is_told() -> None:
    (row,) = run(accepted=["removed-api:typo", "removed-api:typo"])["findings"]
    assert (row["id"], row["severity"]) == ("accepted-unused:removed-api:typo", "info")


def test_findings_from_elsewhere() -> None:
    extra = [
        {"id": "own:backup", "severity": "warning", "title": "Old backup", "seen": ["3 days"], "minor": "soon"},
        {"id": "own:mute", "severity": "loud"},
        {"check": "own:slow", "why": "It took too long."},
    ]
    result = run(extra=extra)
    assert [(row["id"], row["severity"], row["seen"]) for row in result["findings"]] == [
        ("own:mute", "blocker", ["own:mute"]),
        ("own:backup", "warning", ["3 days"]),
    ]
    assert result["unchecked"] == [{"check": "own:slow", "why": "It took too long."}]


def test_what_could_not_be_read_is_told_once_for_all_nodes() -> None:
    def spoil(facts: dict[str, t.Any], nodes: dict[str, t.Any]) -> None:
        facts["unread"] = [{"what": "pods", "why": "It is forbidden.", "matters": "No drain is forecast."}]
        for node in nodes.values():
            node["unread"] = {"disk": "df said no", "api_usage": "told by the check of removed APIs"}

    gaps = {gap["check"]: gap["why"] for gap in run(context=healthy_context(spoil))["unchecked"]}
    assert gaps == {
        "cluster:pods": "It is forbidden. No drain is forecast.",
        "node:disk": "On cp1, w1 and w2: df said no. Whether there is room for the upgrade is unknown.",
    }


@pytest.mark.parametrize(
    "what", ["drift /var/lib/kubelet/config.yaml", "drift add-ons", "static_pods a.yaml", "files /x"]
)
def test_parts_of_facts_that_could_not_be_read_say_what_hangs_on_them(what: str) -> None:
    context = healthy_context(lambda _facts, nodes: nodes["cp1"].update(unread={what: "no such file"}))
    gaps = {gap["check"]: gap["why"] for gap in run(context=context)["unchecked"]}
    assert gaps == {f"node:{what}": f"On cp1: no such file. {_checks.NODE_FACTS[what.split()[0]]}"}


def test_a_context_from_what_modules_return() -> None:
    facts, hosts = healthy_facts(), healthy_hosts()
    facts["nodes"]["cp1"]["static_pods"]["kube-apiserver"]["version"] = "v1.23.17"
    hosts["nameless"] = {"name": None}
    context = _checks.make_context(facts, hosts, healthy_plan(healthy_facts(), healthy_hosts()), "2023-06-01", {})
    assert (context.current, context.minors, list(context.nodes)) == ("1.23", tuple(HOPS), ["cp1", "w1", "w2"])


def test_the_screen_tells_blockers_and_warnings_in_full_and_counts_notes() -> None:
    seen = tuple(f"Pod shop/web-{number}" for number in range(5))
    blocker = Finding("removed:x", "blocker", "X goes", seen, "Why.", "Do y. " * 30, "Source")
    gap = Unchecked("etcd", "It did not answer. " * 10)
    lines = run(check(blocker, finding("n1", "info"), finding("n2", "info"), gap))["lines"]
    assert lines[:8] == [
        "Findings: 1 blocker, 0 warnings, 2 notes, 1 could not be checked.",
        "",
        "BLOCKER X goes",
        "  id   removed:x",
        "  seen Pod shop/web-0",
        "       Pod shop/web-1",
        "       Pod shop/web-2",
        "       and 2 more",
    ]
    assert "2 notes: see the report." in lines
    assert "Title of n1" not in "\n".join(lines)
    assert lines[lines.index("Could not be checked:") + 1].startswith("  etcd: It did not answer.")


@pytest.mark.parametrize("severity", ["warning", "info"])
def test_the_screen_stays_one_screen(severity: str) -> None:
    many = [finding(f"f{number}", severity) for number in range(500)]
    gaps = [Unchecked(f"c{number}", "No.") for number in range(500)]
    assert len(run(check(*many, *gaps))["lines"]) < 70


def test_many_blockers_are_counted() -> None:
    lines = run(check(*(finding(f"f{number:04}") for number in range(5000))))["lines"]
    assert len(lines) < 150
    assert lines[-1] == "And 4980 more blockers: see the report."


def test_what_is_seen_on_thousands_of_objects_stays_readable() -> None:
    many = [finding("a", seen=f"Pod a/{number}" + "x" * 2000) for number in range(5000)]
    (row,) = run(check(*many))["findings"]
    assert len(row["seen"]) == 51 and row["seen"][-1] == "and 4950 more"
    assert max(map(len, row["seen"])) < 510


def test_what_could_not_be_checked_on_thousands_of_nodes_stays_readable() -> None:
    def spoil(_facts: t.Any, nodes: t.Any) -> None:
        nodes.update({f"n{number}": {"unread": {"disk": f"error {number}"}} for number in range(5000)})

    gaps = run(check(Unchecked("other", "No.")), context=healthy_context(spoil))["unchecked"]
    assert [gap["check"] for gap in gaps] == ["node:disk"] * 21 + ["other"]
    assert gaps[20]["why"] == "And 4980 more like these."


def test_no_line_is_longer_than_the_screen_nor_breaks_out_of_it() -> None:
    odd = finding("x" * 300, seen="Pod a/b\n\x1b[31mred\ttext " + "y" * 300)
    lines = run(check(odd))["lines"]
    assert max(map(len, lines)) <= 100
    assert not any("\n" in line or "\x1b" in line for line in lines)
