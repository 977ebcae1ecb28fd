# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as one page of HTML that needs nothing besides itself: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils import _report_views as views
from ansible_collections.uplift.kubeadm.plugins.module_utils._durations import about
from ansible_collections.uplift.kubeadm.plugins.module_utils._html import Html, Part, join, prose, tag
from ansible_collections.uplift.kubeadm.plugins.module_utils._report_css import CSS
from ansible_collections.uplift.kubeadm.plugins.module_utils._report_svg import draw
from ansible_collections.uplift.kubeadm.plugins.module_utils._report_verdict import clock, verdict_of

TONES = {"blocker": "bad", "warning": "warn", "info": "note"}
NAMES_SHOWN = 8  # names in a cell, and things seen in a finding; the rest is folded
ROWS_SHOWN = 12  # steps; more are folded
NAMES_WIDTH = 64  # characters of names in a cell
SHORT = 16  # characters of a cell that are kept on one line
OPEN_WARNINGS = 5  # as many warnings are shown unfolded


def html_page(document: Mapping[str, Any]) -> str:
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{views.title(document)}: {views.route(document)}"),
        tag("style", Html(CSS)),
    )
    found = [_findings(document), _not_checked(document)]
    stages, out = _stages(document), _unavailable(document)
    done = [_workloads(document), stages, _steps(document), _steps_warned(document), _versions(document)]
    middle = [*found, stages, out, _versions(document)] if document["kind"] == "plan" else [*done, out, *found]
    sections = [_header(document), _timeline(document), middle, _reasons(document), _footer(document)]
    return f"<!doctype html>\n{tag('html', head, tag('body', tag('main', sections)), lang='en')}\n"


def _header(document: Mapping[str, Any]) -> Html:
    verdict = verdict_of(document)
    figures = [tag("div", tag("dt", label), tag("dd", value)) for label, value in views.figures(document)]
    return tag(
        "header",
        tag("p", clock(document["generated"]), class_="eyebrow"),
        tag("h1", views.title(document)),
        tag("p", views.route(document), class_="route"),
        tag(
            "div",
            tag("strong", verdict.headline),
            [tag("p", prose(sentence)) for sentence in verdict.sentences],
            class_=f"verdict {verdict.tone}",
        ),
        tag("dl", figures, class_="figures"),
    )


def _timeline(document: Mapping[str, Any]) -> Html:
    figure = draw(document)
    if not figure:
        return Html("")
    durations = document["durations"]
    said = f"Expected to take {about(durations['seconds'])}, {views.ORIGINS[durations['from']]}."
    return _section("Timeline", tag("p", said, class_="soft small"), figure)


def _findings(document: Mapping[str, Any]) -> Html:
    findings = document["findings"]
    if not findings:
        checked = not any(entry["check"] == "all checks" for entry in document["unchecked"])
        said = "The checks found nothing to tell." if checked else "No checks were made."
        return _section("Findings", tag("p", said, class_="soft"))
    parts: list[Part] = []
    for heading, group in views.finding_groups(document):
        parts.append(tag("h3", heading))
        parts += [_finding(finding, _is_unfolded(finding, group)) for finding in group]
    return _section("Findings", parts)


def _is_unfolded(finding: Mapping[str, Any], group: list[Mapping[str, Any]]) -> bool:
    if finding.get("accepted"):
        return False
    return finding["severity"] == "blocker" or (finding["severity"] == "warning" and len(group) <= OPEN_WARNINGS)


def _finding(finding: Mapping[str, Any], unfolded: bool) -> Html:
    accepted = bool(finding.get("accepted"))
    badges = [tag("span", "accepted", class_="badge note")] if accepted else []
    badges += [tag("span", finding["minor"], class_="badge")] if finding.get("minor") else []
    body = [
        _term("Seen", _folded([tag("li", prose(line)) for line in finding["seen"]])),
        _term("Why it matters", prose(finding["why"])),
        _term("How to fix it", prose(finding["fix"])),
        _term("Source", prose(finding["source"])),
        _term("Id", tag("span", finding["id"], class_="id")),
    ]
    return tag(
        "details",
        tag("summary", tag("span", finding["title"], class_="title"), badges),
        tag("div", tag("dl", body), class_="body"),
        class_=f"finding {TONES[finding['severity']]}{' accepted' if accepted else ''}",
        open=unfolded,
    )


def _term(name: str, value: Part) -> list[Html]:
    return [tag("dt", name), tag("dd", value)]


def _folded(items: list[Html]) -> Part:
    """A list, the tail of which is folded when it is long."""
    rest = items[NAMES_SHOWN:]
    if len(rest) < 2:
        return tag("ul", items)
    return [
        tag("ul", items[:NAMES_SHOWN]),
        tag("details", tag("summary", f"{len(rest)} more"), tag("ul", rest), class_="more"),
    ]


def _not_checked(document: Mapping[str, Any]) -> Html:
    if not document["unchecked"]:
        return Html("")
    items = [tag("li", tag("strong", entry["check"]), ": ", prose(entry["why"])) for entry in document["unchecked"]]
    return _section(
        "Not checked", tag("p", "What could not be looked at is not said to be well:", class_="soft"), _folded(items)
    )


def _stages(document: Mapping[str, Any]) -> Html:
    table = views.stages(document)
    return _section("Stages", _table(table)) if table.rows else Html("")


def _unavailable(document: Mapping[str, Any]) -> Html:
    sentences = [tag("p", sentence) for sentence in views.availability(document)]
    table = views.unavailable(document)
    return _section("What is out of service, and for how long", sentences, _table(table)) if sentences else Html("")


def _steps(document: Mapping[str, Any]) -> Html:
    if not document["done"]["steps"]:
        return Html("")
    table, in_sum = views.steps(document)
    shown = _table(table)
    if len(table.rows) > ROWS_SHOWN:
        shown = tag("details", tag("summary", f"{len(table.rows)} steps, node by node"), shown, class_="more")
    note = "By stage, as there are many; report.json has every step." if in_sum else None
    return _section("What was done", tag("p", note, class_="soft small") if note else None, shown)


def _steps_warned(document: Mapping[str, Any]) -> Html:
    table = views.steps_warned(document)
    return _section("Warnings of steps", _table(table)) if table.rows else Html("")


def _versions(document: Mapping[str, Any]) -> Html:
    table = views.versions(document)
    return _section("Versions", _table(table)) if table.rows else Html("")


def _workloads(document: Mapping[str, Any]) -> Html:
    said, table = views.workloads(document)
    return _section("Workloads", tag("p", said), _table(table) if table.rows else None) if said else Html("")


def _reasons(document: Mapping[str, Any]) -> Html:
    plan = document["plan"]
    parts: list[Part] = []
    if plan["decisions"]:
        parts.append(tag("ul", [tag("li", sentence) for sentence in plan["decisions"]]))
    if plan["left_out"]:
        items = [tag("li", tag("strong", entry["node"]), ": ", prose(entry["why"])) for entry in plan["left_out"]]
        parts += [tag("h3", f"Left out ({len(items)})"), _folded(items)]
    return _section("Why the plan is like this", parts) if parts else Html("")


def _footer(document: Mapping[str, Any]) -> Html:
    return tag(
        "footer",
        f"Written by uplift.kubeadm {document['collection_version']} at {document['generated']}. Times are UTC. "
        "The same in JSON: report.json.",
    )


def _section(heading: str, *parts: Part) -> Html:
    return tag("section", tag("h2", heading), parts)


def _table(table: views.Table) -> Html:
    """A table; on a narrow screen each row is a card, in which every value has its label."""
    head = tag("tr", [tag("th", header, scope="col", role="columnheader") for header in table.headers], role="row")
    rows = [
        tag("tr", [_cell(table.headers[i], cell, i == 0) for i, cell in enumerate(row)], role="row")
        for row in table.rows
    ]
    return tag(
        "table", tag("thead", head, role="rowgroup"), tag("tbody", rows, role="rowgroup"), class_="cards", role="table"
    )


def _cell(header: str, cell: views.Cell, first: bool) -> Html:
    content = [tag("span", header, class_="label", aria_hidden="true"), tag("span", _names(cell))]
    fit = "names" if isinstance(cell, list) else "empty" if not cell else "nowrap" if len(cell) <= SHORT else None
    if first:
        return tag("th", content, scope="row", role="rowheader", class_=fit)
    return tag("td", content, role="cell", class_=fit)


def _names(cell: views.Cell) -> Part:
    """Names of nodes: some, and the rest folded."""
    if isinstance(cell, str):
        return cell
    shown = max(1, sum(length <= NAMES_WIDTH for length in accumulate(len(name) + 2 for name in cell[:NAMES_SHOWN])))
    rest = cell[shown:]
    folded = tag("details", tag("summary", f"{len(rest)} more"), ", ".join(rest), class_="more") if rest else None
    return join([", ".join(cell[:shown]), " ", folded])
