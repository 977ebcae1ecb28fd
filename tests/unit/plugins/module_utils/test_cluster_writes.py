# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who wrote objects through API versions that go: managedFields, and the last-applied annotation."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _api, _cluster_writes
from ansible_collections.uplift.kubeadm.plugins.module_utils._reading import Reading
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_api import FakeApi

ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"


@pytest.fixture
def fake(tmp_path: Path) -> t.Iterator[FakeApi]:
    server = FakeApi(tmp_path / "admin.conf")
    yield server
    server.stop()


def read(fake: FakeApi, version: str = "v1.24.17") -> tuple[list[dict[str, t.Any]], list[dict[str, t.Any]]]:
    reading = Reading(_api.connect({"kubeconfig": str(fake.kubeconfig), "transport": "stdlib", "api_timeout": 1}))
    return _cluster_writes.read(reading, version), reading.unread


def written(api_version: str, manager: str = "helm", **more: str) -> dict[str, str]:
    return {
        "apiVersion": api_version,
        "manager": manager,
        "operation": "Update",
        "time": "2026-10-02T00:00:00Z",
        **more,
    }


def add(fake: FakeApi, kind: str, name: str, *entries: dict[str, str], applied: str | None = None) -> None:
    meta: dict[str, t.Any] = {"name": name, "managedFields": list(entries)}
    if kind != "podsecuritypolicies":
        meta["namespace"] = "shop"
    if applied is not None:
        meta["annotations"] = {ANNOTATION: applied}
    fake.add(kind, {"metadata": meta})


OLD = {"group": "batch", "version": "v1beta1", "kind": "CronJob", "ns": "shop"}
BY = {"manager": "helm", "operation": "Update", "time": "2026-10-02T00:00:00Z"}


def test_both_authorities(fake: FakeApi) -> None:
    add(fake, "cronjobs", "old", written("batch/v1beta1"), written("batch/v1", "kube-controller-manager"))
    add(fake, "cronjobs", "new", written("batch/v1"), applied=json.dumps({"apiVersion": "batch/v1"}))
    add(fake, "cronjobs", "once", written("batch/v1"), applied=json.dumps({"apiVersion": "batch/v1beta1"}))
    found, unread = read(fake)
    assert found == [
        {"authority": "managed_fields", **OLD, "name": "old", **BY},
        {"authority": "last_applied", **OLD, "name": "once"},
    ]
    assert unread == []


def test_only_metadata_travels_and_no_removed_api_is_called_that_has_a_successor(fake: FakeApi) -> None:
    add(fake, "cronjobs", "old", written("batch/v1beta1"))
    read(fake)
    lists = [
        (target.partition("?")[0], accept)
        for (_method, target, _body), accept in zip(fake.requests, fake.accepted)
        if target != "/apis"
    ]
    assert lists
    assert all("as=PartialObjectMetadataList" in accept for _path, accept in lists)
    assert "/apis/batch/v1/cronjobs" in [path for path, _accept in lists]
    assert [path for path, _accept in lists if "beta" in path] == ["/apis/policy/v1beta1/podsecuritypolicies"]


def test_a_kind_that_goes_as_a_whole(fake: FakeApi) -> None:
    add(fake, "podsecuritypolicies", "restricted", written("policy/v1beta1", "kubectl-client-side-apply"))
    found, _unread = read(fake)
    assert [(row["kind"], row["name"], "ns" in row) for row in found] == [("PodSecurityPolicy", "restricted", False)]


def test_events_are_told_by_writer(fake: FakeApi) -> None:
    for number in range(20):
        entry = written("events.k8s.io/v1beta1", "sender", time=f"2026-10-02T00:00:{number:02}Z")
        add(fake, "events", f"e{number}", entry)
    add(fake, "events", "other", written("events.k8s.io/v1beta1", "another"))
    found, _unread = read(fake)
    assert [(row["manager"], row["name"]) for row in found] == [("sender", "e19"), ("another", "other")]


def test_entries_of_a_subresource_say_so(fake: FakeApi) -> None:
    add(fake, "cronjobs", "old", written("batch/v1beta1", subresource="status"))
    assert read(fake)[0][0]["subresource"] == "status"


def test_a_client_that_wrote_through_a_newer_version_since_has_moved(fake: FakeApi) -> None:
    add(fake, "cronjobs", "moved", written("batch/v1beta1"), written("batch/v1", time="2026-11-02T00:00:00Z"))
    assert read(fake) == ([], [])


@pytest.mark.parametrize(
    "other",
    [
        {"time": "2026-09-02T00:00:00Z"},
        {"time": "2026-10-02T00:00:00Z"},
        {"time": "2026-11-02T00:00:00Z", "manager": "kubectl"},
        {"time": "2026-11-02T00:00:00Z", "operation": "Apply"},
        {"time": "2026-11-02T00:00:00Z", "subresource": "status"},
    ],
    ids=["written before", "at the same time", "another client", "another operation", "a subresource"],
)
def test_another_write_does_not_speak_for_a_client(fake: FakeApi, other: dict[str, str]) -> None:
    add(fake, "cronjobs", "old", written("batch/v1beta1"), written("batch/v1", **other))
    (row,) = read(fake)[0]
    assert (row["version"], row["manager"], row["time"]) == ("v1beta1", BY["manager"], BY["time"])


def test_of_two_old_versions_the_later_write_counts(fake: FakeApi) -> None:
    old, older = written("batch/v2alpha1"), written("batch/v1beta1", time="2026-11-02T00:00:00Z")
    add(fake, "cronjobs", "old", old, older)
    assert [row["version"] for row in read(fake)[0]] == ["v1beta1"]


@pytest.mark.parametrize("applied", ["", "no json", "[]", "3", '{"apiVersion": 3}', "{}", '{"apiVersion": null}'])
def test_an_annotation_that_is_no_manifest_is_passed_over(fake: FakeApi, applied: str) -> None:
    add(fake, "cronjobs", "odd", applied=applied)
    assert read(fake) == ([], [])


def test_what_is_gone_already_is_not_asked_for(fake: FakeApi) -> None:
    add(fake, "cronjobs", "old", written("batch/v1beta1"))
    assert read(fake, "v1.25.4") == ([], [])
    assert not fake.sent("GET", "cronjobs")
    fake.requests.clear()
    assert read(fake, "v1.99.0") == ([], [])
    assert fake.requests == [], "beyond what is known there is nothing to ask"


def test_a_forbidden_kind_is_listed_and_the_others_are_read(fake: FakeApi) -> None:
    add(fake, "podsecuritypolicies", "p", written("policy/v1beta1"))
    fake.faults = [("GET .*/cronjobs", (403, {"message": "cronjobs.batch is forbidden"}))]
    found, unread = read(fake)
    assert [row["kind"] for row in found] == ["PodSecurityPolicy"]
    assert [row["what"] for row in unread] == ["old_api_writes"]
    assert "cronjobs.batch is forbidden" in unread[0]["why"]


def test_no_discovery(fake: FakeApi) -> None:
    fake.faults = [("GET /apis$", (403, {"message": "forbidden"}))]
    found, unread = read(fake)
    assert (found, [row["what"] for row in unread]) == ([], ["old_api_writes"])


def test_a_list_that_expires_begins_anew(fake: FakeApi) -> None:
    fake.page_limit = 2
    for number in range(5):
        add(fake, "cronjobs", f"c{number}", written("batch/v1beta1"))
    fake.faults = [("GET .*/cronjobs.*continue=2", 410)]
    assert [row["name"] for row in read(fake)[0]] == ["c0", "c1", "c2", "c3", "c4"]
