# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of an upgrade as one document: what was planned, what was found, what was done.

Pure: no I/O, and the time comes from outside. The document's shape is published in docs/report.schema.json; pages are
made of it alone (_report_html, _report_markdown), so that whoever has the document can make them again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._durations import about, exactly
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import SEVERITIES
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import parse_version

SCHEMA = 1
COLLECTION_VERSION = "0.1.0"  # as in galaxy.yml
OUTCOMES = ("planned", "running", "succeeded", "failed", "stopped")
TIME = "%Y-%m-%dT%H:%M:%SZ"

# Of what workload_state returns; a registered result holds more.
WORKLOADS = "compared at before as_before lost missing not_ready fewer changed_by_owner lines".split()

# A node may do several things in one play; its step is named for the one that takes the time.
_NAMED_FOR = ("control_plane", "control_plane_kubelet", "workers", "etcd", "prepare", "kubectl", "uncordon")

Document = dict[str, Any]


def new_document(
    cluster: str,
    plan: Mapping[str, Any],
    durations: Mapping[str, Any],
    checks: Mapping[str, Any] | None,
    before: Mapping[str, Any] | None,
) -> Document:
    """A report on which nothing is done yet.

    `checks` is {"findings": [...], "unchecked": [...]} as upgrade_checks returns them, None where none were made.
    `before` is the summary of cluster_info.
    """
    versions = _versions(before)
    return {
        "schema": SCHEMA,
        "kind": "plan",
        "cluster": cluster,
        "generated": "",
        "collection_version": COLLECTION_VERSION,
        "from": next(iter(versions["api_servers"]), None) if versions else None,
        "target": plan["target"],
        "plan": dict(plan),
        "durations": dict(durations),
        "findings": _sorted((checks or {}).get("findings") or []),
        "unchecked": [dict(entry) for entry in _unchecked(checks)],
        "summary": {},
        "done": {
            "outcome": "planned",
            "steps": [],
            "versions_before": versions,
            "versions_after": None,
            "workloads": None,
            "failed": None,
        },
    }


def add_steps(document: Document, raw_steps: Iterable[Mapping[str, Any]]) -> None:
    """Put steps of nodes into the document. A step that is there already (begun, say) is replaced.

    A raw step is {"step": one of filter host_steps, "began": time, "ended"?: time, "drain"?: result of node_drain,
    "failure"?: {"task", "message", …}}; without `ended` and `failure` it is under way.
    """
    steps = {_identity(step): step for step in document["done"]["steps"]}
    for raw in raw_steps:
        step = read_step(raw, document["plan"])
        steps[_identity(step)] = step
        if raw.get("failure"):
            set_failure(document, {**raw["failure"], "node": step["node"], "stage": step["stage"]})
    document["done"]["steps"] = sorted(steps.values(), key=lambda step: (step["began"], step["hop"]))


def set_failure(document: Document, failure: Mapping[str, Any]) -> None:
    """Say what stopped the run: {"node", "stage", "task", "message"}. The first failure is the one that is told."""
    if not document["done"]["failed"]:
        keys = ("node", "stage", "task", "message")
        document["done"]["failed"] = {key: str(failure.get(key) or "") for key in keys}


def read_step(raw: Mapping[str, Any], plan: Mapping[str, Any]) -> dict[str, Any]:
    """A step as the document has it. Raises UpliftError for a time that cannot be read."""
    mine = raw["step"]
    kind = next((kind for kind in _NAMED_FOR if kind in mine["kinds"]), mine["kinds"][-1])
    ended = raw.get("ended") or None
    failed = bool(raw.get("failure"))
    step = {
        "stage": _stage_id(plan, mine["hop"], kind),
        "hop": mine["hop"],
        "kind": kind,
        "version": mine["version"],
        "node": mine["node"],
        "began": raw["began"],
        "ended": ended,
        "seconds": _seconds_between(raw["began"], ended) if ended else None,
        "outcome": "failed" if failed else "succeeded" if ended else "running",
    }
    if mine.get("action"):
        step["action"] = mine["action"]
    drain = raw.get("drain") or {}
    if "evicted" in drain:
        step["evictions"] = len(drain["evicted"])
        step["held_by"] = [{"budget": held["budget"], "seconds": held["seconds"]} for held in drain.get("waited") or []]
        for key in ("forced", "warned"):
            if drain.get(key):
                step[key] = list(drain[key])
    return step


def conclude(
    document: Document,
    outcome: str,
    now: str,
    after: Mapping[str, Any] | None = None,
    workloads: Mapping[str, Any] | None = None,
) -> None:
    """Say how it stands at `now`: the outcome, the time, the summary; and what is after, when that is known.

    A failed step makes the outcome "failed", whatever the caller has seen: its peers go on to the end of their wave.
    """
    done = document["done"]
    failed = bool(done["failed"]) or any(step["outcome"] == "failed" for step in done["steps"])
    done["outcome"] = "failed" if failed and outcome in ("running", "succeeded") else outcome
    if after is not None:
        done["versions_after"] = _versions(after)
    if workloads is not None:
        done["workloads"] = {key: workloads[key] for key in WORKLOADS if key in workloads}
    document["kind"] = "plan" if outcome == "planned" else "upgrade"
    document["generated"] = now
    document["summary"] = summary(document)


def summary(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document in a few flat values: for set_stats, and for whoever sends a message."""
    plan, done = document["plan"], document["done"]
    severities = Counter(finding["severity"] for finding in document["findings"] if not finding.get("accepted"))
    took = took_seconds(done["steps"])
    return {
        "cluster": document["cluster"],
        "outcome": done["outcome"],
        "from": document["from"],
        "target": document["target"],
        "changes": plan["changes"],
        "hops": len(plan["hops"]),
        "nodes": len({node for stage in plan["stages"] for node in stage["nodes"]}),
        "drains": sum(plan["drains"].values()),
        "left_out": len(plan["left_out"]),
        "blockers": severities["blocker"],
        "warnings": severities["warning"],
        "infos": severities["info"],
        "accepted": sum(bool(finding.get("accepted")) for finding in document["findings"]),
        "unchecked": len(document["unchecked"]),
        "expected_seconds": document["durations"]["seconds"],
        "took_seconds": took,
        "failed_node": (done["failed"] or {}).get("node"),
        "workloads_lost": (done["workloads"] or {}).get("lost"),
        "text": _in_words(document, severities, took),
    }


def took_seconds(steps: Sequence[Mapping[str, Any]]) -> float | None:
    """From the first step's beginning to the last one's end; None before anything has ended."""
    ended = [step["ended"] for step in steps if step["ended"]]
    return _seconds_between(min(step["began"] for step in steps), max(ended)) if ended else None


def read_time(text: str) -> datetime:
    try:
        return datetime.strptime(text, TIME)
    except (TypeError, ValueError) as e:
        raise UpliftError(f"{text!r} is no time of the form 2026-11-21T14:00:00Z.") from e


def check_continues(document: Any, path: str) -> Document:
    """A document that is to be gone on with. Raises UpliftError when it is none of ours."""
    if not isinstance(document, dict) or document.get("schema") != SCHEMA or "done" not in document:
        raise UpliftError(
            f"{path} is no report of schema {SCHEMA}, so it cannot be gone on with. Start a new one by giving the plan."
        )
    return document


def _sorted(findings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """As given, the gravest first."""
    return [dict(finding) for finding in sorted(findings, key=lambda finding: SEVERITIES.index(finding["severity"]))]


def _unchecked(checks: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    if checks is None:
        return [{"check": "all checks", "why": "No checks were made for this report."}]
    return list(checks.get("unchecked") or [])


def _versions(summary: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What runs, as a summary of cluster_info has it, with node names only where they say something."""
    if not summary:
        return None
    servers = Counter(summary["api_servers"].values())
    return {
        "api_servers": {version: servers[version] for version in sorted(servers, key=_by_version)},
        "kubelets": {version: summary["kubelets"][version] for version in sorted(summary["kubelets"], key=_by_version)},
        "kube_proxy": summary.get("kube_proxy"),
        "coredns": summary.get("coredns"),
        "nodes": summary["nodes"],
        "not_ready": list(summary["not_ready"]),
        "unschedulable": list(summary["unschedulable"]),
    }


def _by_version(text: str) -> tuple[bool, Any]:
    """Order of versions where one may be none: a node that has not reported yet."""
    try:
        return False, parse_version(text)
    except UpliftError:
        return True, text


def _stage_id(plan: Mapping[str, Any], hop: int, kind: str) -> str:
    """Id of the plan's stage; of a step that is in no plan (owed by an earlier run) its kind alone."""
    return next((stage["id"] for stage in plan["stages"] if (stage["hop"], stage["kind"]) == (hop, kind)), kind)


def _identity(step: Mapping[str, Any]) -> tuple[int, str, str]:
    return step["hop"], step["kind"], step["node"]


def _seconds_between(began: str, ended: str) -> float:
    return max(0.0, (read_time(ended) - read_time(began)).total_seconds())


def _in_words(document: Mapping[str, Any], severities: Mapping[str, int], took: float | None) -> str:
    plan, done = document["plan"], document["done"]
    way = f"{document['cluster']}: {document['from'] or 'unknown'} to {document['target']}"
    time = f", {exactly(took)}" if took is not None else ""
    if done["outcome"] == "failed":
        failed = done["failed"]
        return f"{way} failed" + (f" on {failed['node']} in {failed['stage']}." if failed else ".")
    if done["outcome"] == "planned":
        if not plan["changes"]:
            return f"{way}: nothing to do."
        found = ", ".join(
            f"{severities[severity]} {severity if severity == 'info' else severity + 's' * (severities[severity] != 1)}"
            for severity in SEVERITIES
        )
        return f"{way} is planned, {about(document['durations']['seconds'])}: {found}."
    words = {"running": "is under way", "succeeded": "succeeded", "stopped": "was stopped"}
    return f"{way} {words[done['outcome']]}{time}."
