# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removed APIs: which authority says what, and what is no reason to worry. The corpus has the plain cases."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._check_apis import OWN_CALLS, removed_api_findings
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Context, Finding, Unchecked
from ansible_collections.uplift.kubeadm.plugins.module_utils._knowledge import removed_apis
from ansible_collections.uplift.kubeadm.tests.unit.plugins.healthy import TODAY, healthy_context

CRONJOB = {"group": "batch", "version": "v1beta1", "kind": "CronJob", "ns": "shop", "name": "nightly"}
FLOW = "flowcontrol.apiserver.k8s.io"


def call(group: str, version: str, resource: str, removed: str, subresource: str = "") -> dict[str, str]:
    names = ("group", "version", "resource", "subresource", "removed_release")
    return dict(zip(names, (group, version, resource, subresource, removed)))


def context(
    calls: t.Sequence[t.Mapping[str, str]] = (),
    writes: t.Sequence[t.Mapping[str, t.Any]] = (),
    current: str = "1.24",
    minors: tuple[str, ...] = ("1.25", "1.26"),
    **options: t.Any,
) -> Context:
    def spoil(facts: dict[str, t.Any], nodes: dict[str, t.Any]) -> None:
        nodes["cp1"]["api_usage"]["requests"] = list(calls)
        facts["old_api_writes"] = list(writes)
        facts["nodes"]["cp1"]["static_pods"]["kube-apiserver"]["version"] = f"v{current}.3"

    return dataclasses.replace(healthy_context(spoil, **options), current=current, minors=minors)


def find(context: Context) -> dict[str, Finding]:
    return {said.id: said for said in removed_api_findings(context) if isinstance(said, Finding)}


def only(context: Context) -> Finding:
    (finding,) = find(context).values()
    return finding


def written(by: str, on: str, **more: str) -> dict[str, str]:
    return {"authority": "managed_fields", **CRONJOB, "manager": by, "operation": "Update", "time": on, **more}


def test_what_was_counted_stays_and_the_finding_says_how_to_count_anew() -> None:
    fix = only(context([call("batch", "v1beta1", "cronjobs", "1.25")])).fix
    for words in (
        "counts until it restarts",
        "crictl stop --timeout 90 $(crictl ps -q --name kube-apiserver)",
        "A hop restarts",
    ):
        assert words in fix


def test_every_witness_of_a_kind_is_in_one_finding() -> None:
    applied = {"authority": "last_applied", **CRONJOB}
    manifests = {
        "objects": [{"file": "a.yaml", "line": 7, "apiVersion": "batch/v1beta1", "kind": "CronJob", "name": ""}]
    }
    calls = [call("batch", "v1beta1", "cronjobs", "1.25"), call("batch", "v1beta1", "cronjobs", "1.25", "status")]
    finding = only(context(calls, [written("kubectl", "2021-01-01T00:00:00Z"), applied], manifests=manifests))
    assert finding.severity == "blocker" and finding.minor == "1.25"
    assert finding.seen == (
        "API server on cp1: batch/v1beta1 cronjobs, cronjobs/status was called since 2023-05-01 "
        "(apiserver_requested_deprecated_apis)",
        "CronJob shop/nightly: last written as batch/v1beta1 by kubectl on 2021-01-01 (managedFields)",
        "CronJob shop/nightly: once applied as batch/v1beta1 (last-applied annotation)",
        "a.yaml:7: CronJob without a name as batch/v1beta1",
    )
    assert "safe" in finding.why and "batch/v1 CronJob" in finding.why
    assert "audit log" in finding.fix and "named client" in finding.fix and "named files" in finding.fix


@pytest.mark.parametrize(
    ("day", "severity"),
    [
        (TODAY, "blocker"),
        ("2023-05-02", "blocker"),
        ("2023-05-01", "warning"),
        ("2020-01-01", "warning"),
        ("", "warning"),
    ],
)
def test_a_write_of_the_last_month_is_by_somebody_who_still_does_so(day: str, severity: str) -> None:
    assert only(context(writes=[written("terraform", day)])).severity == severity


@pytest.mark.parametrize(
    "manager",
    ["kube-controller-manager", "kube-apiserver", "api-priority-and-fairness-config-producer-v1", "before-first-apply"],
)
def test_the_control_planes_own_entries_are_no_witness(manager: str) -> None:
    assert find(context(writes=[written(manager, TODAY)])) == {}


def test_a_kind_that_goes_as_a_whole_counts_whoever_wrote_it() -> None:
    policy = {"group": "policy", "version": "v1beta1", "kind": "PodSecurityPolicy", "ns": "", "name": "p"}
    finding = only(context(writes=[written("kube-apiserver", "2019-01-01", **policy)]))
    assert finding.severity == "blocker"
    assert finding.seen == ("PodSecurityPolicy p exists, last written by kube-apiserver on 2019-01-01 (managedFields)",)
    assert "out of reach" in finding.why


@pytest.mark.parametrize(("group", "version", "resource"), sorted(OWN_CALLS))
def test_what_the_control_plane_calls_is_in_the_table_and_never_a_blocker(
    group: str, version: str, resource: str
) -> None:
    minors, _who = OWN_CALLS[group, version, resource]
    row = next(
        r
        for r in removed_apis("1.0", "1.40")
        if (r["group"], r["version"], r["resource"]) == (group, version, resource)
    )
    for current in minors:
        mark = call(group, version, resource, row["removed_in"])
        assert only(context([mark], current=current, minors=(row["removed_in"],))).severity != "blocker"


def test_the_same_call_at_another_minor_is_a_clients() -> None:
    mark = call(FLOW, "v1beta2", "flowschemas", "1.29")
    own = only(context([mark], current="1.27", minors=("1.28", "1.29")))
    clients = only(context([mark], current="1.28", minors=("1.29",)))
    assert (own.severity, clients.severity) == ("info", "blocker")


def test_a_mark_of_the_scheduler_is_as_likely_a_drivers_where_there_are_drivers() -> None:
    mark = call("storage.k8s.io", "v1beta1", "csistoragecapacities", "1.27")
    there = context([mark], minors=("1.25", "1.26", "1.27"))
    there.facts["csi_drivers"].append("topolvm.io")
    assert only(there).severity == "warning"


def test_what_goes_after_the_target_is_information() -> None:
    finding = only(context([call("batch", "v1beta1", "cronjobs", "1.25")], current="1.23", minors=("1.24",)))
    assert (finding.severity, finding.minor) == ("info", "1.25")
    assert find(context([call("batch", "v1beta1", "cronjobs", "1.25")], current="1.22", minors=("1.23",))) == {}


def test_nothing_to_do_looks_one_minor_ahead() -> None:
    assert only(context([call("batch", "v1beta1", "cronjobs", "1.25")], minors=())).severity == "info"


def test_every_api_server_is_asked_and_missed() -> None:
    def spoil(facts: dict[str, t.Any], nodes: dict[str, t.Any]) -> None:
        facts["nodes"]["cp2"] = {**facts["nodes"]["cp1"]}
        facts["nodes"]["cp3"] = {**facts["nodes"]["cp1"]}
        nodes["cp2"] = {"name": "cp2", "api_usage": None, "unread": {"api_usage": "403 from /metrics"}}

    gaps = [said for said in removed_api_findings(healthy_context(spoil)) if isinstance(said, Unchecked)]
    assert [gap.check for gap in gaps] == ["removed-api:usage:cp2", "removed-api:usage:cp3"]
    assert "403 from /metrics" in gaps[0].why and "not in the inventory" in gaps[1].why


@pytest.mark.parametrize(
    ("since", "says"),
    [("2023-05-31T22:00:00Z", "1 days"), ("2023-06-01T08:00:00Z", "less than a day"), ("", "unknown time")],
)
def test_a_short_window_is_said(since: str, says: str) -> None:
    there = context()
    there.nodes["cp1"]["api_usage"]["since"] = since
    assert says in find(there)["removed-api-window"].seen[0]


def test_minors_that_remove_nothing_need_no_metrics() -> None:
    there = dataclasses.replace(context(current="1.29", minors=()), nodes={})
    assert list(removed_api_findings(there)) == []
