# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The document of a report: its schema, what steps do to it, and what is said of it in words and tables."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _report
from ansible_collections.uplift.kubeadm.plugins.module_utils import _report_views as views
from ansible_collections.uplift.kubeadm.plugins.module_utils._durations import expected
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._report_html import html_page
from ansible_collections.uplift.kubeadm.plugins.module_utils._report_markdown import markdown_page
from ansible_collections.uplift.kubeadm.plugins.module_utils._report_timeline import MOST_BARS, timeline
from ansible_collections.uplift.kubeadm.plugins.module_utils._report_verdict import verdict_of
from ansible_collections.uplift.kubeadm.tests.unit.plugins.module_utils import report_samples as samples
from ansible_collections.uplift.kubeadm.tests.unit.plugins.module_utils.fake_cluster import FakeCluster

ROOT = Path(__file__).parents[4]
SCHEMA = json.loads((ROOT / "docs/report.schema.json").read_text(encoding="utf-8"))


def nothing_to_do() -> dict[str, Any]:
    plan = samples.plan_of(FakeCluster.whole("v1.26.9"))
    document = _report.new_document("shop", plan, expected(plan), {"findings": [], "unchecked": []}, None)
    _report.conclude(document, "planned", samples.NOW)
    return document


def under_way() -> dict[str, Any]:
    document = samples.document_of()
    began = {**samples.raw_steps(document["plan"])[0], "ended": None}
    _report.add_steps(document, [began])
    _report.conclude(document, "running", samples.NOW)
    return document


DOCUMENTS = {
    "plan": samples.document_of(),
    "nothing to do": nothing_to_do(),
    "not checked": samples.document_of(checks=None),
    "upgrade": samples.upgraded(),
    "large upgrade": samples.upgraded(control_planes=3, workers=297, serial="10%"),
    "failed": samples.failed(),
    "under way": under_way(),
    "stopped": samples.upgraded("stopped"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = json.loads(json.dumps(DOCUMENTS[name]))
    jsonschema.validate(document, SCHEMA, jsonschema.Draft202012Validator)


@pytest.mark.parametrize("key", ["done", "findings", "summary"])
def test_schema_refuses_what_is_not_a_report(key: str) -> None:
    document = {name: value for name, value in DOCUMENTS["plan"].items() if name != key}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA, jsonschema.Draft202012Validator)


def test_version_is_the_one_of_the_collection() -> None:
    galaxy = (ROOT / "galaxy.yml").read_text(encoding="utf-8")
    assert re.search(r"^version: (\S+)", galaxy, re.M)[1] == _report.COLLECTION_VERSION  # type: ignore[index]


# --- the document ----------------------------------------------------------------------------------------------------
def test_plan() -> None:
    document = samples.document_of()
    assert (document["kind"], document["from"], document["target"]) == ("plan", "v1.24.17", "v1.26.9")
    assert [finding["severity"] for finding in document["findings"]] == ["blocker", "warning", "warning", "info"]
    summary = document["summary"]
    assert (summary["blockers"], summary["warnings"], summary["infos"], summary["accepted"]) == (1, 1, 1, 1)
    assert (summary["hops"], summary["nodes"], summary["drains"]) == (2, 3, 6)
    assert summary["text"] == "shop: v1.24.17 to v1.26.9 is planned, about 15 min: 1 blocker, 1 warning, 1 info."


def test_from_is_the_oldest_api_server() -> None:
    plan = samples.plan_of(FakeCluster.whole("v1.24.17"))
    before = {**samples.summary_of("v1.24.17", 2), "api_servers": {"cp1": "v1.25.4", "cp2": "v1.24.17"}}
    before["kubelets"] = {"v1.24.9": 1, "v1.24.17": 2, "unknown": 1}
    document = _report.new_document("shop", plan, expected(plan), None, before)
    assert document["from"] == "v1.24.17"
    assert list(document["done"]["versions_before"]["kubelets"]) == ["v1.24.9", "v1.24.17", "unknown"]


def test_without_checks_it_says_so() -> None:
    assert samples.document_of(checks=None)["unchecked"] == [
        {"check": "all checks", "why": "No checks were made for this report."}
    ]


def test_upgrade() -> None:
    done = samples.upgraded()["done"]
    assert done["outcome"] == "succeeded"
    assert done["versions_after"]["api_servers"] == {"v1.26.9": 1}
    assert {step["outcome"] for step in done["steps"]} == {"succeeded"}
    drained = next(step for step in done["steps"] if step["kind"] == "workers" and step["node"] == "w1")
    assert (drained["evictions"], drained["held_by"]) == (3, [{"budget": "shop/web", "seconds": 7.5}])
    assert drained["stage"] == "1.25/workers"
    assert next(step for step in done["steps"] if step["kind"] == "control_plane")["action"] == "apply"


def test_pods_that_were_deleted_past_budgets_and_warnings_of_drains_are_told() -> None:
    document = samples.upgraded()
    assert not any("forced" in step or "warned" in step for step in document["done"]["steps"])
    assert "Warnings of steps" not in html_page(document) + markdown_page(document)
    raw = next(step for step in samples.raw_steps(document["plan"]) if "drain" in step)
    forced = {"namespace": "shop", "name": "web-0", "budget": "shop/web", "seconds": 600.0}
    drain = {**raw["drain"], "forced": [forced], "warned": ["Deleted shop/web-0"]}
    _report.add_steps(document, [{**raw, "drain": drain}])
    jsonschema.validate(document, SCHEMA)
    assert [step["forced"] for step in document["done"]["steps"] if "forced" in step] == [[forced]]
    for page in (html_page(document), markdown_page(document)):
        assert "Warnings of steps" in page
        assert "Deleted shop/web-0" in page


def test_a_step_that_was_begun_is_completed() -> None:
    document = samples.document_of()
    raw = samples.raw_steps(document["plan"])[0]
    _report.add_steps(document, [{**raw, "ended": None}])
    assert [step["outcome"] for step in document["done"]["steps"]] == ["running"]
    _report.add_steps(document, [raw])
    assert [step["outcome"] for step in document["done"]["steps"]] == ["succeeded"]
    assert document["done"]["steps"][0]["seconds"] == 41


def test_a_failure_stays_whatever_comes_after() -> None:
    document = samples.failed()
    assert document["done"]["outcome"] == "failed"
    assert document["done"]["failed"]["node"] == "w2"
    assert document["done"]["failed"]["stage"] == "1.26/workers"
    _report.set_failure(document, {"node": "w1", "message": "the wave's other node"})
    assert document["done"]["failed"]["node"] == "w2"
    _report.conclude(document, "succeeded", samples.NOW)
    assert document["done"]["outcome"] == "failed"
    assert document["summary"]["failed_node"] == "w2"


def test_a_failure_that_is_no_step() -> None:
    document = samples.document_of()
    _report.set_failure(document, {"stage": "1.25/finish", "message": "not whole"})
    _report.conclude(document, "running", samples.NOW)
    assert document["done"]["outcome"] == "failed"
    assert document["done"]["failed"] == {"node": "", "stage": "1.25/finish", "task": "", "message": "not whole"}


def test_a_step_is_named_for_what_takes_the_time() -> None:
    plan = samples.plan_of(FakeCluster.whole("v1.24.17"))
    mine = {"hop": 0, "kinds": ["uncordon", "prepare"], "node": "w1", "version": "v1.25.9", "action": ""}
    step = _report.read_step({"step": mine, "began": samples.NOW}, plan)
    assert (step["kind"], step["stage"], step["outcome"], step["seconds"]) == (
        "prepare",
        "1.25/prepare",
        "running",
        None,
    )
    owed = _report.read_step({"step": {**mine, "kinds": ["finish"], "hop": -1}, "began": samples.NOW}, plan)
    assert owed["stage"] == "finish"


def test_a_time_that_is_none() -> None:
    plan = samples.plan_of(FakeCluster.whole("v1.24.17"))
    raw = {**samples.raw_steps(plan)[0], "ended": "yesterday"}
    with pytest.raises(UpliftError, match="'yesterday' is no time"):
        _report.read_step(raw, plan)


@pytest.mark.parametrize("document", [None, [], {}, {"schema": 2, "done": {}}, {"schema": 1}])
def test_only_a_report_is_gone_on_with(document: Any) -> None:
    with pytest.raises(UpliftError, match="no report of schema 1"):
        _report.check_continues(document, "report.json")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nothing to do", "shop: unknown to v1.26.9: nothing to do."),
        ("upgrade", "shop: v1.24.17 to v1.26.9 succeeded, 14 min 13 s."),
        ("failed", "shop: v1.24.17 to v1.26.9 failed on w2 in 1.26/workers."),
        ("under way", "shop: v1.24.17 to v1.26.9 is under way."),
        ("stopped", "shop: v1.24.17 to v1.26.9 was stopped, 14 min 13 s."),
    ],
)
def test_text(name: str, text: str) -> None:
    got = DOCUMENTS[name]["summary"]["text"]
    assert re.sub(r"\d+ min \d+ s", "T", got) == re.sub(r"\d+ min \d+ s", "T", text)


# --- words and tables ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "tone", "headline"),
    [
        ("plan", "bad", "1 blocker: the upgrade would be refused"),
        ("nothing to do", "good", "Nothing to do"),
        ("not checked", "warn", "Nothing was found that stands in the way, as far as it was checked"),
        ("upgrade", "warn", "Upgraded to v1.26.9 in"),
        ("failed", "bad", "Failed on w2"),
        ("under way", "note", "Under way"),
        ("stopped", "warn", "Stopped before the end"),
    ],
)
def test_verdict(name: str, tone: str, headline: str) -> None:
    verdict = verdict_of(DOCUMENTS[name])
    assert verdict.tone == tone
    assert verdict.headline.startswith(headline)


def checked(*findings: dict[str, Any]) -> dict[str, Any]:
    return samples.document_of(checks={"findings": list(findings), "unchecked": []})


def test_verdict_of_a_plan_by_its_findings() -> None:
    blocker, warning, accepted, _info = samples.FINDINGS
    assert verdict_of(checked()).tone == "good"
    assert verdict_of(checked(accepted)).tone == "good"
    assert verdict_of(checked({**blocker, "accepted": True})).tone == "good"
    assert verdict_of(checked(warning)).headline == "Nothing blocks the upgrade; 1 warning to read first"


def test_verdict_of_upgrades() -> None:
    document = samples.upgraded()
    document["summary"]["workloads_lost"] = 0
    assert verdict_of(document).tone == "good"
    idle = nothing_to_do()
    _report.conclude(idle, "succeeded", samples.NOW)
    assert verdict_of(idle).headline == "Nothing was to be done"
    lost = samples.document_of()
    _report.conclude(lost, "failed", samples.NOW)
    assert "not recorded" in verdict_of(lost).sentences[0]
    assert lost["summary"]["text"].endswith("failed.")


def test_findings_that_are_accepted_stand_apart() -> None:
    groups = views.finding_groups(DOCUMENTS["plan"])
    assert [heading for heading, _group in groups] == [
        "Blockers (1)",
        "Warnings (1)",
        "Accepted (1)",
        "Good to know (1)",
    ]


def test_stages() -> None:
    table = views.stages(DOCUMENTS["failed"])
    assert table.headers[-1] == "Took"
    took = {row[0]: row[-1] for row in table.rows}
    assert took["v1.26.9 workers"] == "failed"
    assert took["v1.25.9 verify"] == ""
    assert views.stages(DOCUMENTS["plan"]).headers[-1] == "Expected"
    assert {row[-1] for row in views.stages(DOCUMENTS["under way"]).rows} == {"no end recorded", "not begun", ""}
    serial = views.stages(samples.document_of(workers=9, serial=[1, "50%"])).rows[3]
    assert serial[2] == "1, then 50% at a time, drained"
    how = {row[0]: row[2] for row in views.stages(DOCUMENTS["plan"]).rows}
    assert (how["v1.25.9 prepare"], how["v1.25.9 control plane"]) == ("all at once", "1 at a time")


def test_who_is_out_and_how_often() -> None:
    table = views.unavailable(DOCUMENTS["plan"])
    assert (["w1", "w2"], "2", "about 1 min", "kubelet to v1.25.9 and v1.26.9") in table.rows


def test_what_is_said_of_the_api() -> None:
    assert "one control plane node" in views.availability(DOCUMENTS["plan"])[0]
    assert "3 control plane nodes" in views.availability(samples.document_of(3))[0]
    assert views.availability(nothing_to_do()) == []
    workers = samples.document_of(scope="all")
    workers["plan"]["stages"] = [stage for stage in workers["plan"]["stages"] if stage["kind"] == "workers"]
    assert len(views.availability(workers)) == 1


def test_steps_one_by_one_and_in_sum() -> None:
    table, in_sum = views.steps(DOCUMENTS["failed"])
    assert not in_sum
    assert table.rows[-1][3].startswith("failed after")  # type: ignore[union-attr]
    held = next(row for row in table.rows if row[:2] == ("v1.25.9 workers", "w1"))
    assert held[4:] == ("3", "shop/web for 8 s")
    assert views.steps(DOCUMENTS["under way"])[0].rows[0][3] == "no end recorded"
    table, in_sum = views.steps(DOCUMENTS["large upgrade"])
    assert in_sum
    workers = next(row for row in table.rows if row[0] == "v1.26.9 workers")
    assert workers[1:3] == ("297", "none")
    assert workers[5] == "891"
    assert len(table.rows) == 8


def test_versions() -> None:
    assert views.versions(DOCUMENTS["plan"]).headers == ("", "Now")
    assert views.versions(DOCUMENTS["failed"]).headers == ("", "Before")
    table = views.versions(DOCUMENTS["upgrade"])
    assert table.rows[0] == ("API servers", "v1.24.17 on 1", "v1.26.9 on 1")
    assert views.versions(nothing_to_do()).rows == []


def test_workloads() -> None:
    said, table = views.workloads(DOCUMENTS["upgrade"])
    assert said.startswith("2 of 48")
    assert [row[0] for row in table.rows] == ["Pod shop/debug", "Deployment shop/web", "Deployment shop/batch"]
    assert views.workloads(DOCUMENTS["plan"])[0] == ""


# --- timeline --------------------------------------------------------------------------------------------------------
def test_a_lane_a_node() -> None:
    shown = timeline(DOCUMENTS["failed"])
    assert [lane.name for lane in shown.lanes] == ["cp1", "w1", "w2"]
    assert [version for version, _at in shown.hops] == ["v1.25.9", "v1.26.9"]
    assert shown.lanes[2].done[-1].failed
    worked = [one for one in shown.lanes[1].planned if one.kind == "workers"]
    waiting = [one for one in shown.lanes[2].planned if one.kind == "workers"]
    assert worked[0].end == waiting[0].start  # one after the other


def test_large_clusters_share_lanes() -> None:
    shown = timeline(samples.upgraded(control_planes=3, workers=297, serial=1))
    assert [lane.name for lane in shown.lanes] == ["cp1", "cp2", "cp3", "297 workers"]
    assert [len(one.nodes) for one in shown.lanes[-1].planned if one.kind == "workers"] == [297, 297]
    waves = timeline(DOCUMENTS["large upgrade"]).lanes[-1].planned
    assert 20 < len(waves) <= MOST_BARS
    many = timeline(samples.document_of(12, 30))
    assert [lane.name for lane in many.lanes] == ["12 control planes", "30 workers"]
    one = timeline(samples.document_of(29, 1))
    assert [lane.name for lane in one.lanes] == ["29 control planes", "w1"]


def test_nothing_to_draw() -> None:
    assert timeline(nothing_to_do()).lanes == []
