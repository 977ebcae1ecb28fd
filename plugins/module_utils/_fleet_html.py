# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a fleet as a page and as files; each cluster's own report is linked. The page fetches nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils import _fleet, _fleet_report
from ansible_collections.uplift.kubeadm.plugins.module_utils._durations import about, exactly
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import write_private
from ansible_collections.uplift.kubeadm.plugins.module_utils._html import Html, Part, prose, tag
from ansible_collections.uplift.kubeadm.plugins.module_utils._report_css import CSS
from ansible_collections.uplift.kubeadm.plugins.module_utils._report_verdict import clock

NAMES = {"json": "fleet.json", "html": "fleet.html"}
_TONES = {
    _fleet.DONE: "good",
    _fleet.FAILED: "bad",
    _fleet.UNKNOWN: "bad",
    _fleet.BLOCKED: "bad",
    _fleet.STOPPED: "warn",
}
_HEADERS = ("Cluster", "State", "Versions", "Time", "More")
_OWN_CSS = """
.wave-note { margin-top: -.3rem; }
.trouble { margin-top: .8rem; }
.trouble p { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .9rem; margin-bottom: 0; }
td .links a { white-space: nowrap; margin-right: .8rem; }
td .findings { display: block; color: var(--soft); font-size: .875rem; }
@media (min-width: 36.01rem) {
  table.fleet { table-layout: fixed; }
  table.fleet th { width: 24%; overflow-wrap: anywhere; }
  table.fleet thead th:last-child { width: 12%; }
}
"""


def write(document: Mapping[str, Any], folder: Path) -> None:
    """Both files, each whole or not at all, for their user alone. Raises UpliftError when they cannot be written."""
    contents = {"html": page(document), "json": json.dumps(document, indent=1, ensure_ascii=False) + "\n"}
    for kind, text in contents.items():
        _write(folder, NAMES[kind], text)


def page(document: Mapping[str, Any]) -> str:
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"Fleet {document['name']}: {document['target']}"),
        tag("style", Html(CSS + _OWN_CSS)),
    )
    waves = [_wave(document, wave, number) for number, wave in enumerate(document["waves"], 1)]
    foot = tag("footer", f"Written by uplift.kubeadm {document['collection_version']}. The same in JSON: fleet.json.")
    body = tag("body", tag("main", _header(document), waves, foot))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _header(document: Mapping[str, Any]) -> Html:
    tone, headline, sentences = _verdict(document)
    summary = document["summary"]
    figures = [
        ("Clusters", str(summary["clusters"])),
        ("Done", str(summary["done"])),
        ("Left", str(summary["left"])),
        ("Waves", str(len(document["waves"]))),
    ]
    return tag(
        "header",
        tag("p", clock(document["generated"]), class_="eyebrow"),
        tag("h1", f"Fleet {document['name']}"),
        tag("p", f"target {document['target']}", class_="route"),
        tag("div", tag("strong", headline), [tag("p", prose(line)) for line in sentences], class_=f"verdict {tone}"),
        tag("dl", [tag("div", tag("dt", label), tag("dd", value)) for label, value in figures], class_="figures"),
    )


def _verdict(document: Mapping[str, Any]) -> tuple[str, str, list[str]]:
    """Tone, headline and sentences."""
    summary, outcome = document["summary"], document["outcome"]
    again = "When the cause is mended, run the same command again: it does what is left."
    reason = [document["reason"]] if document["reason"] else []
    if outcome == "failed":
        headline = f"Stopped at {', '.join(summary['failed'])}" if summary["failed"] else "Stopped"
        return "bad", headline, [*reason, again]
    if outcome == "running":
        said = f"This was written at {clock(document['generated'])}. If no run is going on any more, it was ended after"
        return "note", "Under way", [f"{said} that: run the same command again, and it does what is left."]
    if not summary["left"]:
        return "good", "Every cluster is done", reason
    if outcome == "planned":
        expected = [entry["plan"]["expected_seconds"] for entry in document["clusters"].values() if _is_left(entry)]
        told = [f"All upgrades together are expected to take {about(sum(expected))}, were they done one by one."]
        return "note", f"{summary['left']} of {summary['clusters']} clusters are left", told if expected else []
    return "warn", "Ended before the last wave", [*reason, "The same command does what is left."]


def _is_left(entry: Mapping[str, Any]) -> bool:
    return entry["state"] in (_fleet.LEFT, _fleet.BLOCKED) and bool(entry["plan"])


def _wave(document: Mapping[str, Any], wave: Mapping[str, Any], number: int) -> Html:
    asked = " Begun when a person says so." if wave["approval"] else ""
    note = f"{_fleet_report.wave_times(wave)}.{asked}"
    entries = {name: document["clusters"][name] for name in wave["clusters"]}
    head = tag("tr", [tag("th", header, scope="col", role="columnheader") for header in _HEADERS], role="row")
    rows = [_row(name, entry) for name, entry in entries.items()]
    troubles = [_trouble(name, entry) for name, entry in entries.items() if entry["why"]]
    return tag(
        "section",
        tag("h2", f"{number}. {wave['name']}"),
        tag("p", note[0].upper() + note[1:], class_="soft small wave-note"),
        tag(
            "table",
            tag("thead", head, role="rowgroup"),
            tag("tbody", rows, role="rowgroup"),
            class_="cards fleet",
            role="table",
        ),
        troubles,
    )


def _row(name: str, entry: Mapping[str, Any]) -> Html:
    links = entry["links"]
    own = links.get("upgrade") or links.get("plan")
    more = [tag("a", what, href=links[what]) for what in ("plan", "log") if links.get(what) not in (None, own)]
    found = _fleet_report.findings(entry["plan"] or {}) if _is_left(entry) else ""
    state = tag("span", _fleet_report.STATES[entry["state"]], class_=f"badge {_TONES.get(entry['state'], 'note')}")
    cells: list[tuple[Part, str | None]] = [
        ([state, tag("span", found, class_="findings") if found else None], None),
        (_versions(entry), "nowrap"),
        (_took(entry), None),
        (tag("span", more, class_="links"), None if more else "empty"),
    ]
    first = tag("th", _cell("Cluster", tag("a", name, href=own) if own else name), scope="row", role="rowheader")
    rest = [
        tag("td", _cell(header, content), role="cell", class_=fit)
        for header, (content, fit) in zip(_HEADERS[1:], cells)
    ]
    return tag("tr", first, rest, role="row")


def _cell(header: str, content: Part) -> list[Part]:
    return [tag("span", header, class_="label", aria_hidden="true"), tag("span", content)]


def _versions(entry: Mapping[str, Any]) -> str:
    facts = entry["done"] or entry["plan"] or {}
    if not facts:
        return "-"
    begin, target = facts.get("from") or "unknown", facts.get("target") or "unknown"
    return f"{begin} → {target}" if begin != target else begin


def _took(entry: Mapping[str, Any]) -> str:
    if entry["done"] and entry["done"]["took_seconds"] is not None:
        return exactly(entry["done"]["took_seconds"])
    return f"{about(entry['plan']['expected_seconds'])} expected" if _is_left(entry) else "-"


def _trouble(name: str, entry: Mapping[str, Any]) -> Html:
    tone = _TONES.get(entry["state"], "note")
    return tag("div", tag("strong", name), tag("p", entry["why"]), class_=f"verdict trouble {tone}")


def _write(folder: Path, name: str, text: str) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(folder / name, text)
    except OSError as error:
        raise UpliftError(
            f"The report of the fleet cannot be written to {folder}: {error.strerror}. Name a folder that the user who "
            "runs Ansible can write to, with fleet_report."
        ) from error
