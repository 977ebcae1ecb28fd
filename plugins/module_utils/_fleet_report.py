# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a fleet as one document: its waves, where each cluster stands, what was done. Pure.

It is written as the run goes, and never read again: what is left to do is what the clusters say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils import _fleet
from ansible_collections.uplift.kubeadm.plugins.module_utils._durations import about, exactly
from ansible_collections.uplift.kubeadm.plugins.module_utils._fleet import Wave
from ansible_collections.uplift.kubeadm.plugins.module_utils._report import COLLECTION_VERSION, took_seconds

SCHEMA = 1
Document = dict[str, Any]

# A cluster's state, for people.
STATES = {
    _fleet.UNSEEN: "not looked at yet",
    _fleet.UNKNOWN: "could not be looked at",
    _fleet.BLOCKED: "has blockers",
    _fleet.LEFT: "to be upgraded",
    _fleet.WATCH: "upgraded, to be watched",
    _fleet.DONE: "done",
    _fleet.UPGRADING: "is being upgraded",
    _fleet.FAILED: "failed",
    _fleet.STOPPED: "stopped as asked",
}
_PLAN_KEYS = (
    "from",
    "target",
    "changes",
    "hops",
    "nodes",
    "drains",
    "left_out",
    "blockers",
    "warnings",
    "expected_seconds",
)


def new_document(name: str, target: str, waves: Sequence[Wave]) -> Document:
    """A report on which nothing has been looked at yet. Variables of clusters, which may be secret, are not in it."""
    return {
        "schema": SCHEMA,
        "kind": "fleet",
        "name": name,
        "target": target,
        "collection_version": COLLECTION_VERSION,
        "generated": "",
        "outcome": "planned",
        "reason": "",
        "waves": [
            {**{key: wave[key] for key in ("name", "at_once", "soak", "approval")}, "clusters": _names(wave)}
            for wave in waves
        ],
        "clusters": {name: _new_cluster() for wave in waves for name in _names(wave)},
        "summary": {},
    }


def plan_facts(summary: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What the fleet's report keeps of a cluster's plan."""
    return None if summary is None else {key: summary[key] for key in _PLAN_KEYS}


def done_facts(report: Mapping[str, Any]) -> dict[str, Any]:
    """What it keeps of the report of a cluster's upgrade."""
    summary, done = report["summary"], report["done"]
    return {
        "outcome": done["outcome"],
        "from": summary["from"],
        "target": summary["target"],
        "took_seconds": took_seconds(done["steps"]),
        "failed": done["failed"],
        "workloads_lost": summary["workloads_lost"],
    }


def states(document: Document) -> dict[str, str]:
    return {name: entry["state"] for name, entry in document["clusters"].items()}


def conclude(document: Document) -> None:
    """Bring the summary up to date."""
    document["summary"] = summary(document)


def summary(document: Document) -> dict[str, Any]:
    """The document in a few flat values, for set_stats."""
    count = Counter(states(document).values())
    failed = [name for name, state in states(document).items() if state in (_fleet.FAILED, _fleet.STOPPED)]
    return {
        "fleet": document["name"],
        "outcome": document["outcome"],
        "target": document["target"],
        "clusters": len(document["clusters"]),
        "done": count[_fleet.DONE],
        "left": len(document["clusters"]) - count[_fleet.DONE],
        "failed": failed,
        "begun": [name for name, entry in document["clusters"].items() if entry["began"]],
        "reason": document["reason"],
        "text": _in_words(document, count[_fleet.DONE], failed),
    }


def lines(document: Document) -> list[str]:
    """The fleet as a table for the terminal."""
    rows = [("WAVE", "CLUSTER", "NOW", "STATE", "EXPECTED", "FINDINGS")]
    for wave in document["waves"]:
        for number, name in enumerate(wave["clusters"]):
            entry = document["clusters"][name]
            plan = entry["plan"] or {}
            is_left = entry["state"] in (_fleet.LEFT, _fleet.BLOCKED)
            rows.append(
                (
                    "" if number else wave["name"],
                    name,
                    _version(entry) or "-",
                    STATES[entry["state"]],
                    about(plan["expected_seconds"]) if is_left else "-",
                    (findings(plan) if is_left else "") or "-",
                )
            )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    order = [f"  {number}. {_wave_words(wave)}" for number, wave in enumerate(document["waves"], 1)]
    unseen = unknown(document, document["clusters"])
    return [_title(document), "", *table, *([""] if unseen else []), *unseen, "", "Waves:", *order]


def unknown(document: Document, names: Iterable[str]) -> list[str]:
    """Why clusters could not be looked at, a line each and those that belong to it."""
    return [
        line
        for name in names
        if document["clusters"][name]["state"] == _fleet.UNKNOWN
        for line in f"{name}: {document['clusters'][name]['why']}".splitlines()
    ]


def findings(plan: Mapping[str, Any]) -> str:
    """ "1 blocker, 2 warnings"; "" when there is none of these."""
    told = [(plan.get("blockers") or 0, "blocker"), (plan.get("warnings") or 0, "warning")]
    return ", ".join(f"{number} {what}{'s' * (number != 1)}" for number, what in told if number)


def wave_times(wave: Mapping[str, Any]) -> str:
    """How a wave is done: how many at once, how long it is watched."""
    watched = f"watched for {exactly(wave['soak'])}" if wave["soak"] else "looked at once"
    return f"{'one' if wave['at_once'] == 1 else wave['at_once']} at a time, then {watched}"


def question(document: Document, index: int, names: Sequence[str]) -> str:
    """What a person is asked before a wave."""
    wave = document["waves"][index]
    told = []
    for name in names:
        plan = document["clusters"][name]["plan"] or {}
        found = findings(plan)
        expected = f", {about(plan['expected_seconds'])}" if plan.get("changes") else ""
        told.append(f"{name} ({plan.get('from')} to {plan.get('target')}{expected}{', ' + found if found else ''})")
    before = [name for one in document["waves"][:index] for name in one["clusters"]]
    done = f"Done and well: {', '.join(before)}. " if before else ""
    return (
        f"{done}Next is the wave {wave['name']}: {'; '.join(told)}. Type yes to go on; anything else ends the run here"
    )


def _version(entry: Mapping[str, Any]) -> str | None:
    """What it runs, as far as this run has seen; between two versions, the older one."""
    upgraded = entry["state"] in (_fleet.WATCH, _fleet.DONE) and entry["done"]
    facts = entry["plan"] or {}
    return entry["done"]["target"] if upgraded else facts.get("from")


def _new_cluster() -> dict[str, Any]:
    facts = dict.fromkeys(("plan", "began", "ended", "done"))
    return {"state": _fleet.UNSEEN, "why": "", "troubles": [], "links": {}, **facts}


def _names(wave: Wave) -> list[str]:
    return [cluster["name"] for cluster in wave["clusters"]]


def _title(document: Document) -> str:
    clusters, waves = len(document["clusters"]), len(document["waves"])
    return (
        f"Fleet {document['name']}: {clusters} cluster{'s' * (clusters != 1)} in {waves} wave{'s' * (waves != 1)}, "
        f"target {document['target']}"
    )


def _wave_words(wave: Mapping[str, Any]) -> str:
    asked = ", begun when a person says so" if wave["approval"] else ""
    return f"{wave['name']}: {wave_times(wave)}{asked}"


def _in_words(document: Document, done: int, failed: Sequence[str]) -> str:
    way = f"{document['name']}: {done} of {len(document['clusters'])} clusters are done, target {document['target']}"
    if failed:
        return f"{way}; failed or stopped: {', '.join(failed)}."
    return f"{way}." if not document["reason"] else f"{way}. {document['reason']}"
