# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report in Markdown: the same as the page, shorter, for a merge request, a ticket or a terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils import _report_views as views
from ansible_collections.uplift.kubeadm.plugins.module_utils._durations import about
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import listing
from ansible_collections.uplift.kubeadm.plugins.module_utils._report_verdict import clock, verdict_of

MOST_SEEN = 8  # things seen in a finding; the rest is counted

# What would be read as markup: HTML, links, emphasis, code, the end of a cell. Not within `code`.
_SPECIAL = re.compile(r"([\\<>\[\]*`|]|(?<!\w)_|_(?!\w))")
_CODE = re.compile(r"(`[^`\n]+`)")


def markdown_page(document: Mapping[str, Any]) -> str:
    found = [_findings(document), _not_checked(document)]
    stages, out = _tabled("Stages", views.stages(document)), _unavailable(document)
    versions = _tabled("Versions", views.versions(document))
    steps = [_tabled("What was done", views.steps(document)[0])]
    steps.append(_tabled("Warnings of steps", views.steps_warned(document)))
    done = [_workloads(document), stages, *steps, versions]
    middle = [*found, stages, out, versions] if document["kind"] == "plan" else [*done, out, *found]
    parts = [_head(document), *middle, _reasons(document)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(document: Mapping[str, Any]) -> str:
    verdict = verdict_of(document)
    figures = ", ".join(f"{label.lower()} {value}" for label, value in views.figures(document))
    durations = document["durations"]
    lines = [
        f"# {_plain(views.title(document))}",
        f"{_plain(views.route(document))}, {clock(document['generated'])}",
        f"**{_plain(verdict.headline)}**",
        *(_prose(sentence) for sentence in verdict.sentences),
        f"{figures}.",
    ]
    if durations["stages"]:
        lines.append(f"Expected to take {about(durations['seconds'])}, {views.ORIGINS[durations['from']]}.")
    return "\n\n".join(lines)


def _findings(document: Mapping[str, Any]) -> str:
    parts = []
    for heading, group in views.finding_groups(document):
        parts += [f"## {heading}", *(_finding(finding) for finding in group)]
    return "\n\n".join(parts)


def _finding(finding: Mapping[str, Any]) -> str:
    seen = [f"  - {_prose(line)}" for line in finding["seen"][:MOST_SEEN]]
    more = len(finding["seen"]) - MOST_SEEN
    minor = f" ({_plain(finding['minor'])})" if finding.get("minor") else ""
    return "\n".join(
        [
            f"### {_plain(finding['title'])}{minor}",
            "",
            "- Seen:",
            *seen,
            *([f"  - and {more} more"] if more > 0 else []),
            f"- Why it matters: {_prose(finding['why'])}",
            f"- How to fix it: {_prose(finding['fix'])}",
            f"- Source: {_prose(finding['source'])}",
            f"- Id: {_code(finding['id'])}",
        ]
    )


def _not_checked(document: Mapping[str, Any]) -> str:
    entries = [f"- **{_plain(entry['check'])}**: {_prose(entry['why'])}" for entry in document["unchecked"]]
    return "\n".join(["## Not checked", "", *entries]) if entries else ""


def _unavailable(document: Mapping[str, Any]) -> str:
    sentences = views.availability(document)
    if not sentences:
        return ""
    table = views.unavailable(document)
    body = "\n\n".join(sentences) + (f"\n\n{_table(table)}" if table.rows else "")
    return f"## What is out of service, and for how long\n\n{body}"


def _workloads(document: Mapping[str, Any]) -> str:
    said, table = views.workloads(document)
    return f"## Workloads\n\n{_plain(said)}" + (f"\n\n{_table(table)}" if table.rows else "") if said else ""


def _reasons(document: Mapping[str, Any]) -> str:
    plan = document["plan"]
    lines = [f"- {_prose(sentence)}" for sentence in plan["decisions"]]
    lines += [f"- Left out: {_plain(entry['node'])}: {_prose(entry['why'])}" for entry in plan["left_out"]]
    return "\n".join(["## Why the plan is like this", "", *lines]) if lines else ""


def _tabled(heading: str, table: views.Table) -> str:
    return f"## {heading}\n\n{_table(table)}" if table.rows else ""


def _table(table: views.Table) -> str:
    rows = [" | ".join(_cell(cell) for cell in row) for row in table.rows]
    head = " | ".join(header or " " for header in table.headers)
    return "\n".join([f"| {head} |", f"|{'---|' * len(table.headers)}", *(f"| {row} |" for row in rows)])


def _cell(cell: views.Cell) -> str:
    return _plain(cell if isinstance(cell, str) else listing(cell))


def _plain(text: str) -> str:
    return _begun(_SPECIAL.sub(r"\\\1", _flat(text)))


def _prose(text: str) -> str:
    """Plain text in which `this` is code."""
    pieces = _CODE.split(_flat(text))
    return _begun("".join(p if index % 2 else _SPECIAL.sub(r"\\\1", p) for index, p in enumerate(pieces)))


def _flat(text: str) -> str:
    return " ".join(text.split())


def _begun(line: str) -> str:
    """A line that does not begin a heading or a list."""
    return f"\\{line}" if line.startswith(("#", "+ ", "- ")) else line


def _code(text: str) -> str:
    return f"`{text}`" if "`" not in text else _plain(text)
