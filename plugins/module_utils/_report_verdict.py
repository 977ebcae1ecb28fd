# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How an upgrade stands, in a few words: the first thing that a reader of a report sees. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._durations import exactly
from ansible_collections.uplift.kubeadm.plugins.module_utils._report import read_time, took_seconds


@dataclass(frozen=True)
class Verdict:
    """How it stands. `tone` is good, warn, bad or note."""

    tone: str
    headline: str
    sentences: list[str]


def verdict_of(document: Mapping[str, Any]) -> Verdict:
    outcome = document["done"]["outcome"]
    if outcome == "planned":
        return _planned_verdict(document)
    if outcome == "failed":
        return _failed_verdict(document)
    if outcome == "running":
        return Verdict(
            "note",
            "Under way",
            [
                f"This was written at {clock(document['generated'])}. If no run is going on any more, it was stopped "
                "after that: run the same command again, and it goes on from where the cluster is."
            ],
        )
    if outcome == "stopped":
        return Verdict(
            "warn",
            "Stopped before the end",
            ["Nothing failed. Run the same command again, and it goes on from where the cluster is."],
        )
    return _succeeded_verdict(document)


def clock(text: str) -> str:
    """A time for a person, in UTC as it came."""
    return read_time(text).strftime("%Y-%m-%d %H:%M UTC")


def _planned_verdict(document: Mapping[str, Any]) -> Verdict:
    summary = document["summary"]
    unchecked = summary["unchecked"]
    more = [f"{_number(unchecked, 'thing')} could not be checked: see Not checked."] if unchecked else []
    if summary["blockers"]:
        return Verdict(
            "bad",
            f"{_number(summary['blockers'], 'blocker')}: the upgrade would be refused",
            [
                "Mend what is named below, or accept a finding by its id (`kubeadm_upgrade_accept`), then plan again.",
                *more,
            ],
        )
    if not summary["changes"]:
        return Verdict("good", "Nothing to do", [f"Every node of this run is at {document['target']} already.", *more])
    if summary["warnings"]:
        return Verdict(
            "warn", f"Nothing blocks the upgrade; {_number(summary['warnings'], 'warning')} to read first", more
        )
    if unchecked:
        return Verdict("warn", "Nothing was found that stands in the way, as far as it was checked", more)
    return Verdict("good", "Nothing was found that stands in the way", [])


def _failed_verdict(document: Mapping[str, Any]) -> Verdict:
    failed = document["done"]["failed"]
    if not failed:
        return Verdict("bad", "Failed", ["What failed was not recorded here; the output of the run says it."])
    where = f" on {failed['node']}" if failed["node"] else ""
    at = f' at "{failed["task"]}"' if failed["task"] else ""
    sentences = [f"In stage {failed['stage']}{at}:"] if failed["stage"] else []
    return Verdict(
        "bad",
        f"Failed{where}",
        [*sentences, failed["message"], "When the cause is mended, run the same command again: it goes on from here."],
    )


def _succeeded_verdict(document: Mapping[str, Any]) -> Verdict:
    took = took_seconds(document["done"]["steps"])
    lost = document["summary"]["workloads_lost"]
    if not document["plan"]["changes"]:
        return Verdict(
            "good", "Nothing was to be done", [f"Every node of this run was at {document['target']} already."]
        )
    headline = f"Upgraded to {document['target']}" + (f" in {exactly(took)}" if took is not None else "")
    if lost:
        return Verdict("warn", headline, [f"{_number(lost, 'workload')} not as before: see Workloads."])
    return Verdict("good", headline, [])


def _number(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
