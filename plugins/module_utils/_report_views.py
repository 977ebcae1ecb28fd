# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a report says, in words and tables, before it is HTML or Markdown: both pages are made of this. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Union

from ansible_collections.uplift.kubeadm.plugins.module_utils._durations import (
    BOTH,
    EARLIER,
    STATED,
    about,
    exactly,
    unavailable_rows,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import SEVERITIES
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_table import TITLES
from ansible_collections.uplift.kubeadm.plugins.module_utils._report import read_time, took_seconds

MOST_STEPS = 60  # steps that are told node by node; above that, stage by stage

ORIGINS = {
    EARLIER: "from what earlier runs on this cluster took",
    BOTH: "from earlier runs on this cluster, and from defaults for steps that it has not seen",
    STATED: "from defaults, as no run on this cluster has been recorded yet",
}

Cell = Union[str, "list[str]"]  # a list: names of nodes, which may be many


@dataclass(frozen=True)
class Table:
    """The first column names the row."""

    headers: tuple[str, ...]
    rows: list[tuple[Cell, ...]]


def title(document: Mapping[str, Any]) -> str:
    what = "Upgrade plan of" if document["kind"] == "plan" else "Upgrade of"
    return f"{what} {document['cluster']}"


def route(document: Mapping[str, Any]) -> str:
    versions = [document["from"] or "unknown", *(hop["version"] for hop in document["plan"]["hops"])]
    return " → ".join(dict.fromkeys(versions)) if len(versions) > 1 else f"{versions[0]}, target {document['target']}"


def figures(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The numbers that a reader looks for first."""
    summary = document["summary"]
    took = summary["took_seconds"]
    shown = [
        ("Hops", str(summary["hops"])),
        ("Nodes", str(summary["nodes"])),
        ("Drains", str(summary["drains"])),
        ("Expected", about(summary["expected_seconds"]).replace("about ", "≈ ") if summary["changes"] else "-"),
    ]
    if document["kind"] == "plan":
        return [*shown, ("Blockers", str(summary["blockers"])), ("Warnings", str(summary["warnings"]))]
    if took is not None:
        shown.append(("Took", exactly(took)))
    evictions = sum(step.get("evictions") or 0 for step in document["done"]["steps"])
    lost = summary["workloads_lost"]
    return [*shown, ("Evictions", str(evictions)), *([] if lost is None else [("Workloads lost", str(lost))])]


def stages(document: Mapping[str, Any]) -> Table:
    """The plan in its order, what each stage is expected to take, and what it took."""
    expected = {stage["id"]: stage["seconds"] for stage in document["durations"]["stages"]}
    steps = _steps_by_stage(document)
    headers = ("Stage", "Nodes", "How", "Expected", *(["Took"] if steps else []))
    rows: list[tuple[Cell, ...]] = []
    for stage in document["plan"]["stages"]:
        row: list[Cell] = [
            f"{stage['version']} {TITLES[stage['kind']]}",
            stage["nodes"] if stage["kind"] != "finish" else "the cluster",
            _how(stage) if stage["kind"] != "finish" else "",
            about(expected[stage["id"]]),
        ]
        if steps:
            row.append(_took(steps.get(stage["id"], []), document["generated"], stage["kind"]))
        rows.append(tuple(row))
    return Table(headers, rows)


def finding_groups(document: Mapping[str, Any]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """(heading, findings) of each severity that has any; those that somebody has accepted by themselves."""
    findings = document["findings"]
    open_ones = [finding for finding in findings if not finding.get("accepted")]
    groups = [[finding for finding in open_ones if finding["severity"] == severity] for severity in SEVERITIES]
    accepted = [finding for finding in findings if finding.get("accepted")]
    headings = ("Blockers", "Warnings", "Accepted", "Good to know")
    return [
        (f"{heading} ({len(group)})", group)
        for heading, group in zip(headings, [*groups[:2], accepted, groups[2]])
        if group
    ]


def unavailable(document: Mapping[str, Any]) -> Table:
    """Nodes that are drained, those with the same lot together."""
    reasons: dict[str, list[str]] = {}
    for stage in document["plan"]["stages"]:
        drained = set(stage["drains"])
        for host, node in zip(stage["hosts"], stage["nodes"]):
            if host in drained:
                reasons.setdefault(node, []).append(stage["version"])
    rows: list[tuple[Cell, ...]] = []
    for row in unavailable_rows(document["durations"]["unavailable"]):
        by_reason: dict[str, list[str]] = {}
        for node in row["nodes"]:
            by_reason.setdefault(f"kubelet to {' and '.join(reasons.get(node, []))}", []).append(node)
        for reason, nodes in by_reason.items():
            rows.append((nodes, str(row["times"]), about(row["seconds"]), reason))
    return Table(("Nodes", "Times", "Each time", "Why"), rows)


def availability(document: Mapping[str, Any]) -> list[str]:
    """What can be said of the Kubernetes API and of workloads, in sentences."""
    if not document["plan"]["changes"]:
        return []
    control = {
        node for stage in document["plan"]["stages"] if stage["kind"] == "control_plane" for node in stage["nodes"]
    }
    before = document["done"]["versions_before"] or {}
    number = sum(before.get("api_servers", {}).values()) or len(control)
    said = []
    if control and number == 1:
        said.append(
            "There is one control plane node: the Kubernetes API does not answer while its programs are replaced at "
            "each hop. That takes seconds as a rule, and kubeadm allows 5 minutes for each program. What runs goes on "
            "running; nothing is scheduled or changed in that time."
        )
    elif control:
        said.append(
            f"The {number} control plane nodes are taken one at a time, so the Kubernetes API is served by the others, "
            "for clients that reach it through the load balancer."
        )
    said.append(
        "A node that is drained runs no pods but those of DaemonSets and static ones. Its pods are started elsewhere, "
        "as budgets allow; a workload with a single replica is away until its new pod is Ready."
    )
    return said


def steps(document: Mapping[str, Any]) -> tuple[Table, bool]:
    """What was done, step by step, or stage by stage when it is much (then the second value is True)."""
    done = document["done"]["steps"]
    return (_all_steps(done), False) if len(done) <= MOST_STEPS else (_steps_in_sum(document), True)


def steps_warned(document: Mapping[str, Any]) -> Table:
    """What had to be warned of: nodes that were not Ready, pods deleted in spite of their budgets, devices that did not
    come back, and so on."""
    rows: list[tuple[Cell, ...]] = [
        (f"{step['version']} {TITLES[step['kind']]}", step["node"], warning)
        for step in document["done"]["steps"]
        for warning in step.get("warned") or []
    ]
    return Table(("Step", "Node", "Warning"), rows)


def versions(document: Mapping[str, Any]) -> Table:
    """What ran before, and what runs after, or is to."""
    before, after = document["done"]["versions_before"], document["done"]["versions_after"]
    if not before:
        return Table(("", "Before"), [])
    rows: list[tuple[Cell, ...]] = []
    for name, key in (("API servers", "api_servers"), ("kubelets", "kubelets")):
        rows.append((name, _counted(before[key]), _counted(after[key]) if after else ""))
    for name, key in (("kube-proxy", "kube_proxy"), ("CoreDNS", "coredns")):
        rows.append((name, before[key] or "none", (after[key] or "none") if after else ""))
    for name, key in (("Nodes not Ready", "not_ready"), ("Nodes cordoned", "unschedulable")):
        rows.append((name, before[key] or "none", (after[key] or "none") if after else ""))
    if not after:
        return Table(("", "Now" if document["kind"] == "plan" else "Before"), [row[:2] for row in rows])
    return Table(("", "Before", "After"), rows)


def workloads(document: Mapping[str, Any]) -> tuple[str, Table]:
    """A sentence, and what is not as it was."""
    state = document["done"]["workloads"]
    headers = ("Workload", "Before", "Now", "What is seen")
    if not state:
        return "", Table(headers, [])
    rows: list[tuple[Cell, ...]] = [
        (f"{entry['kind']} {entry['ns']}/{entry['name']}", entry["before"], entry["now"], entry["why"])
        for key in ("missing", "not_ready", "fewer", "changed_by_owner")
        for entry in state.get(key, [])
    ]
    return " ".join(state["lines"][:1]), Table(headers, rows)


def _how(stage: Mapping[str, Any]) -> str:
    """How many at a time, and whether they are drained: "1, then 10% at a time, drained"."""
    serial = stage["serial"] if isinstance(stage["serial"], list) else [stage["serial"]]
    if stage.get("waves"):
        return f"in {len(serial)} waves of up to {max(serial)}, drained"
    parts = ", then ".join(str(part) for part in serial)
    together = "all at once" if parts == "100%" else f"{parts} at a time"
    return f"{together}, drained" if stage["drains"] else together


def _steps_by_stage(document: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    stages: dict[str, list[Mapping[str, Any]]] = {}
    for step in document["done"]["steps"]:
        stages.setdefault(step["stage"], []).append(step)
    return stages


def _took(steps: list[Mapping[str, Any]], now: str, kind: str) -> str:
    if not steps:
        return "" if kind == "finish" else "not begun"
    if any(step["outcome"] == "failed" for step in steps):
        return "failed"
    if any(step["outcome"] == "running" for step in steps):
        return "no end recorded"
    return exactly(took_seconds(steps) or 0)


def _all_steps(done: list[Mapping[str, Any]]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            f"{step['version']} {TITLES[step['kind']]}",
            step["node"],
            read_time(step["began"]).strftime("%H:%M:%S"),
            _step_took(step),
            "" if step.get("evictions") is None else str(step["evictions"]),
            _held(step.get("held_by") or []),
        )
        for step in done
    ]
    return Table(("Step", "Node", "Began (UTC)", "Took", "Evictions", "Held by budgets"), rows)


def _step_took(step: Mapping[str, Any]) -> str:
    if step["outcome"] == "running":
        return "no end recorded"
    took = exactly(step["seconds"] or 0)
    return f"failed after {took}" if step["outcome"] == "failed" else took


def _held(held_by: list[Mapping[str, Any]]) -> str:
    return ", ".join(f"{held['budget']} for {exactly(held['seconds'])}" for held in held_by)


def _steps_in_sum(document: Mapping[str, Any]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for steps in _steps_by_stage(document).values():
        ended = [step for step in steps if step["seconds"] is not None]
        slowest = max(ended, key=lambda step: step["seconds"], default=None)
        held: dict[str, float] = {}
        for entry in (entry for step in steps for entry in step.get("held_by") or []):
            held[entry["budget"]] = held.get(entry["budget"], 0) + entry["seconds"]
        longest = sorted(held.items(), key=lambda entry: -entry[1])
        failed = [step["node"] for step in steps if step["outcome"] == "failed"]
        evictions = [step["evictions"] for step in steps if step.get("evictions") is not None]
        rows.append(
            (
                f"{steps[0]['version']} {TITLES[steps[0]['kind']]}",
                str(len(steps)),
                failed or "none",
                exactly(median(step["seconds"] for step in ended)) if ended else "",
                f"{exactly(slowest['seconds'])} ({slowest['node']})" if slowest else "",
                str(sum(evictions)) if evictions else "",
                _held([{"budget": budget, "seconds": seconds} for budget, seconds in longest[:3]]),
            )
        )
    return Table(("Stage", "Nodes", "Failed", "Median", "Slowest", "Evictions", "Held by budgets, in all"), rows)


def _counted(versions: Mapping[str, int]) -> str:
    return ", ".join(f"{version} on {count}" for version, count in versions.items()) or "unknown"
