# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages of a report: their structure, and that nothing which a cluster names can become markup."""

from __future__ import annotations

import copy
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _report
from ansible_collections.uplift.kubeadm.plugins.module_utils._html import join, prose, tag
from ansible_collections.uplift.kubeadm.plugins.module_utils._report_html import html_page
from ansible_collections.uplift.kubeadm.plugins.module_utils._report_markdown import markdown_page
from ansible_collections.uplift.kubeadm.plugins.module_utils._report_svg import draw
from ansible_collections.uplift.kubeadm.tests.unit.plugins.module_utils import report_samples as samples

EVIL = "<script>alert('x')</script>\" onload=\"y"


class Page(HTMLParser):
    """A page that is read strictly: every element is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def count(self, name: str, **attributes: str) -> int:
        return sum(n == name and attributes.items() <= a.items() for n, a in self.tags)


def headings(document: dict[str, Any]) -> list[str]:
    return Page(html_page(document)).texts["h2"]


def everywhere(value: Any, evil: str) -> Any:
    """A document in which every text that may come from a cluster or a user is evil."""
    kept = (
        "kind",
        "severity",
        "outcome",
        "began",
        "ended",
        "at",
        "generated",
        "from",
        "version",
        "target",
        "id",
        "stage",
    )
    if isinstance(value, dict):
        return {key: each if key in kept else everywhere(each, evil) for key, each in value.items()}
    if isinstance(value, list):
        return [everywhere(each, evil) for each in value]
    return evil + value if isinstance(value, str) else value


@pytest.mark.parametrize("make", [samples.document_of, samples.failed, samples.upgraded])
def test_no_text_becomes_markup(make: Any) -> None:
    document = make()
    evil = copy.deepcopy(document)
    for key in ("cluster", "findings", "unchecked"):
        evil[key] = everywhere(document[key], EVIL)
    for finding in evil["findings"]:
        finding["id"] = finding["minor"] = EVIL
    evil["done"] = everywhere(document["done"], EVIL)
    evil["durations"] = {**document["durations"], "unavailable": everywhere(document["durations"]["unavailable"], EVIL)}
    plan = evil["plan"]
    plan["decisions"] = [EVIL]
    plan["left_out"] = [{"node": EVIL, "why": EVIL}]
    for stage in plan["stages"]:
        stage["nodes"] = [EVIL + node for node in stage["nodes"]]
    page = Page(html_page(evil))
    assert page.count("script") == 0
    assert not any("onload" in attributes for _name, attributes in page.tags)
    assert not any("onload" in name for name, _attributes in page.tags)
    text = re.sub(r"`[^`]+`", "", markdown_page(evil))  # in code, all is text
    assert "<script" not in text.replace("\\<script", "")


def test_only_addresses_of_the_web_are_links() -> None:
    document = samples.document_of()
    document["findings"][0]["source"] = "javascript:alert(1)"
    document["findings"][1]["source"] = 'see https://example.org/a?b=1&c="x, and (https://example.org/d).'
    page = Page(html_page(document))
    links = [attributes["href"] for name, attributes in page.tags if name == "a"]
    assert "https://example.org/a?b=1&c=" in links
    assert "https://example.org/d" in links
    assert all(str(link).startswith("https://") for link in links)


def test_the_page_needs_nothing_else() -> None:
    text = html_page(samples.upgraded())
    page = Page(text)
    assert not {"script", "link", "img", "iframe"} & {name for name, _attributes in page.tags}
    assert "url(" not in text
    assert "@import" not in text


def test_the_page_can_be_found_through_without_eyes() -> None:
    page = Page(html_page(samples.failed()))
    assert page.tags[0] == ("html", {"lang": "en"})
    assert page.count("h1") == page.count("main") == 1
    names = [name for name, _attributes in page.tags]
    assert names.count("th") > 10
    assert all("scope" in attributes for name, attributes in page.tags if name == "th")
    drawings = [attributes for name, attributes in page.tags if name == "svg"]
    assert all("aria-label" in each or each.get("aria-hidden") == "true" for each in drawings)


def test_sections() -> None:
    plan = ["Timeline", "Findings", "Not checked", "Stages", "What is out of service, and for how long", "Versions"]
    assert headings(samples.document_of()) == [*plan, "Why the plan is like this"]
    done = ["Timeline", "Workloads", "Stages", "What was done", "Versions"]
    assert headings(samples.upgraded())[:5] == done  # what happened comes before what was expected


def test_a_plan_without_anything() -> None:
    idle = samples.document_of(checks={"findings": [], "unchecked": []})
    idle["plan"] = {**idle["plan"], "changes": False, "stages": [], "hops": [], "drains": {}, "decisions": []}
    idle["durations"] = {"seconds": 0, "forks": 5, "from": "defaults", "stages": [], "unavailable": []}
    _report.conclude(idle, "planned", samples.NOW)
    assert headings(idle) == ["Findings", "Versions"]
    assert "The checks found nothing to tell." in html_page(idle)
    assert markdown_page(idle).startswith("# Upgrade plan of shop\n\nv1.24.17, target v1.26.9,")
    assert draw(idle) == ""


def test_findings_are_folded_when_they_are_many() -> None:
    page = Page(html_page(samples.document_of()))
    assert page.count("details", **{"class": "finding bad"}) == 1
    unfolded = [a["class"] for name, a in page.tags if name == "details" and "open" in a]
    assert unfolded == ["finding bad", "finding warn"]
    assert "8 more" in page.texts["summary"]
    warnings = [{**samples.FINDINGS[1], "id": f"w{number}"} for number in range(9)]
    page = Page(html_page(samples.document_of(checks={"findings": warnings, "unchecked": []})))
    assert not any("open" in a for name, a in page.tags if name == "details")


def test_thousands_of_nodes_make_a_page_that_can_be_read() -> None:
    text = html_page(samples.upgraded(control_planes=3, workers=2000, serial="1%"))
    assert len(text) < 400_000
    assert Page(text).count("svg") == 5
    assert Page(text).count("tr") < 60
    lines = markdown_page(samples.document_of(control_planes=3, workers=2000)).splitlines()
    assert max(map(len, lines)) < 1000


def test_the_timeline_shows_what_was_planned_and_done() -> None:
    planned, done = Page(draw(samples.document_of())), Page(draw(samples.failed()))
    assert planned.count("rect") == 14
    assert done.count("rect") == 28
    assert done.count("rect", **{"class": "workers failed"}) == 1
    assert "above: planned" in done.texts["span"]
    running = samples.document_of()
    _report.add_steps(running, [{**samples.raw_steps(running["plan"])[0], "ended": None}])
    _report.conclude(running, "running", samples.NOW)
    assert Page(draw(running)).count("rect", **{"class": "prepare running"}) == 1


@pytest.mark.parametrize(
    ("workers", "serial", "last"),
    [(2, 1, "10 min"), (40, 1, "2:00 h"), (297, 1, "12 h"), (600, 1, "30 h"), (2000, 1, "4 d"), (9000, 1, "16 d")],
)
def test_the_axis_has_a_handful_of_ticks(workers: int, serial: Any, last: str) -> None:
    document = samples.document_of(workers=workers, serial=serial)
    figure = Page(draw(document))
    ticks = [text for text in figure.texts["text"] if not text.startswith("v1.")]
    assert 3 <= len(ticks) <= 7
    assert ticks[-1] == last


def test_short_and_long_plans_have_their_own_clock() -> None:
    document = samples.document_of(workers=1)
    for stage in document["durations"]["stages"]:
        stage["seconds"] = 9
        stage["waves"] = [{**wave, "seconds": 9} for wave in stage["waves"]]
    assert Page(draw(document)).texts["text"][-6:] == ["0", "15 s", "30 s", "45 s", "1:00", "1:15"]


def test_many_hops_are_named_by_their_minors() -> None:
    document = samples.document_of()
    document["plan"]["hops"] = [{"index": n, "minor": f"1.{25 + n}", "version": f"v1.{25 + n}.9"} for n in range(6)]
    stage = document["plan"]["stages"][0]
    document["plan"]["stages"] = [{**stage, "hop": n, "version": f"v1.{25 + n}.9"} for n in range(6)]
    assert "v1.25" in Page(draw(document)).texts["text"]


def test_long_names_of_nodes() -> None:
    document = samples.document_of()
    for stage in document["plan"]["stages"]:
        stage["nodes"] = [f"ip-10-0-12-13{number}.{'x' * 40}" for number in range(len(stage["nodes"]))]
    page = Page(html_page(document))
    lanes = [
        attributes for name, attributes in page.tags if attributes.get("class") == "name" and "title" in attributes
    ]
    assert [lane["title"] for lane in lanes] == [f"ip-10-0-12-13{number}.{'x' * 40}" for number in range(3)]
    assert "ip-10-0-12-130" in page.texts["div"]
    assert "2 more" in page.texts["summary"]
    document["plan"]["stages"][0]["nodes"] = ["a.b", "a.c", "d"]
    assert {"a.b", "a.c", "d"} <= set(Page(draw(document)).texts["div"])


# --- the builder -----------------------------------------------------------------------------------------------------
def test_tags() -> None:
    assert tag("p", "a < b & c", [tag("b", "x"), None], class_="k", data_x=1, hidden=True, lang=None, open=False) == (
        '<p class="k" data-x="1" hidden>a &lt; b &amp; c<b>x</b></p>'
    )
    assert tag("meta", name='a"b') == '<meta name="a&quot;b">'
    assert join(["<", tag("br"), None]) == "&lt;<br>"


def test_prose() -> None:
    assert prose("say `kubectl <x>`; see https://a.example/b.") == (
        'say <code class="short">kubectl &lt;x&gt;</code>; see <a href="https://a.example/b">https://a.example/b</a>.'
    )
    assert prose("`open") == "`open"


# --- Markdown --------------------------------------------------------------------------------------------------------
def test_markdown_has_what_the_page_has() -> None:
    text = markdown_page(samples.upgraded())
    for heading in ("Blockers (1)", "Not checked", "Stages", "What was done", "Versions", "Workloads"):
        assert f"\n## {heading}\n" in text
    assert "| v1.25.9 workers | w1 |" in text
    assert "  - and 8 more" in text
    assert "- Id: `removed-api:policy/v1beta1/PodSecurityPolicy`" in text


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("# no heading", "\\# no heading"),
        ("- no list", "\\- no list"),
        ("a|b *c* _d_ e_f [g](h)", "a\\|b \\*c\\* \\_d\\_ e_f \\[g\\](h)"),
        ("two\nlines", "two lines"),
        ("`a | b` - c", "`a | b` - c"),
    ],
)
def test_markdown_is_text_where_text_is_meant(given: str, written: str) -> None:
    document = samples.document_of()
    document["unchecked"] = [{"check": "x", "why": given}]
    assert f"- **x**: {written}\n" in markdown_page(document)


def test_an_id_with_a_backtick() -> None:
    document = samples.document_of()
    document["findings"][0]["id"] = "a`b"
    assert "- Id: a\\`b" in markdown_page(document)
