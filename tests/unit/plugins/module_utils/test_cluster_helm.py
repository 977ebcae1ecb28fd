# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Helm's releases: what their manifests name, and what cannot be read."""

from __future__ import annotations

import base64
import gzip
import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _api, _cluster_helm
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster_helm import objects_of
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import unread_of
from ansible_collections.uplift.kubeadm.plugins.module_utils._reading import Reading
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_api import FakeApi

MANIFEST = """\
---
# Source: shop/templates/cronjob.yaml
apiVersion: batch/v1beta1   # old
kind: CronJob
metadata:
  labels:
    name: not this one
  name: "nightly"
  namespace: shop
spec:
  jobTemplate:
    metadata:
      name: nor this one
---
apiVersion: v1
kind: Secret
metadata:
    name: password
stringData:
  password: hunter2
  file: |
    ---
    apiVersion: apps/v1beta1
    kind: Deployment
"""


def packed(release: object, zipped: bool = True) -> str:
    data = json.dumps(release).encode()
    return base64.b64encode(gzip.compress(data, mtime=0) if zipped else data).decode()


def release(manifest: str = MANIFEST, **more: t.Any) -> dict[str, t.Any]:
    return {"name": "shop", "manifest": manifest, "chart": {"metadata": {"name": "shop", "version": "1.2.3"}}, **more}


def stored(name: str, revision: int, data: object, status: str = "deployed", kind: str = "secrets") -> dict[str, t.Any]:
    """A Secret or ConfigMap as the API has it; `data` is a release, or the text to have in its place."""
    text = data if isinstance(data, str) else packed(data)
    labels = {"owner": "helm", "name": name, "status": status, "version": str(revision)}
    meta = {"name": f"sh.helm.release.v1.{name}.v{revision}", "namespace": "shop", "labels": labels}
    value = base64.b64encode(text.encode()).decode() if kind == "secrets" else text
    return {"metadata": meta, "type": "helm.sh/release.v1", "data": {"release": value}}


@pytest.fixture
def fake(tmp_path: Path) -> t.Iterator[FakeApi]:
    server = FakeApi(tmp_path / "admin.conf")
    yield server
    server.stop()


def read(fake: FakeApi) -> tuple[list[dict[str, t.Any]], list[dict[str, t.Any]]]:
    reading = Reading(_api.connect({"kubeconfig": str(fake.kubeconfig), "transport": "stdlib", "api_timeout": 2}))
    return _cluster_helm.read(reading), reading.unread


NIGHTLY = {"apiVersion": "batch/v1beta1", "kind": "CronJob", "namespace": "shop", "name": "nightly"}
PASSWORD = {"apiVersion": "v1", "kind": "Secret", "name": "password"}


def test_the_newest_deployed_revision_of_each(fake: FakeApi) -> None:
    fake.add("secrets", stored("shop", 3, release(), status="failed"))
    fake.add("secrets", stored("shop", 2, release()))
    fake.add("secrets", stored("shop", 1, release("")))
    hook = {"manifest": "apiVersion: batch/v1\nkind: Job\nmetadata: {}\n"}
    fake.add("configmaps", stored("other", 10, release("", hooks=[hook]), kind="configmaps"))
    releases, unread = read(fake)
    row = {"ns": "shop", "status": "deployed", "chart": "shop-1.2.3"}
    assert releases == [
        {**row, "name": "shop", "revision": 2, "objects": [NIGHTLY, PASSWORD]},
        {**row, "name": "other", "revision": 10, "objects": [{"apiVersion": "batch/v1", "kind": "Job"}]},
    ]
    assert unread == []
    assert "hunter2" not in json.dumps(releases)


def test_other_secrets_are_not_asked_for(fake: FakeApi) -> None:
    read(fake)
    (request,) = [target for _method, target, _body in fake.sent("GET", "/secrets")]
    assert "fieldSelector=type%3Dhelm.sh%2Frelease.v1" in request
    assert "labelSelector=owner%3Dhelm%2Cstatus%3Ddeployed" in request


@pytest.mark.parametrize(
    "text",
    [
        "%%%",
        "",
        base64.b64encode(b"\x1f\x8b\x08 no gzip").decode(),
        base64.b64encode(gzip.compress(b"{}" * 100, mtime=0)[:-12]).decode(),
        base64.b64encode(gzip.compress(b" " * 20_000_000, mtime=0)).decode(),
        packed([1, 2]),
        packed({"manifest": 5}),
        packed({"manifest": '{"hunter2'}),
        packed({"hooks": ["x"]}),
        packed("hunter2", zipped=False),
    ],
)
def test_what_cannot_be_decoded_is_named_and_not_quoted(fake: FakeApi, text: str) -> None:
    fake.add("secrets", stored("shop", 7, text))
    fake.add("secrets", stored("fine", 1, release()))
    releases, unread = read(fake)
    assert [row["name"] for row in releases] == ["fine"]
    assert [row["what"] for row in unread] == ["helm_releases"]
    assert "Secret shop/sh.helm.release.v1.shop.v7 (" in unread[0]["why"]
    assert "hunter2" not in json.dumps(unread)


def test_many_that_cannot_be_decoded_are_one_gap(fake: FakeApi) -> None:
    for number in range(300):
        fake.add("secrets", stored(f"r{number}", 1, "%%%"))
    releases, unread = read(fake)
    assert releases == []
    assert unread_of({"helm_releases": releases, "unread": unread}, "helm_releases").endswith("and 288 more.")


def test_forbidden(fake: FakeApi) -> None:
    forbidden = {"message": "secrets is forbidden: User x cannot list"}
    fake.faults = [("GET .*/secrets", (403, forbidden)), ("GET .*/configmaps", (403, forbidden))]
    releases, unread = read(fake)
    assert releases == []
    assert [row["what"] for row in unread] == ["helm_releases", "helm_releases"]
    assert "cannot list" in unread[0]["why"]


def test_an_old_release_that_is_not_compressed(fake: FakeApi) -> None:
    fake.add("secrets", stored("shop", 1, packed(release(), zipped=False)))
    assert read(fake)[0][0]["objects"] == [NIGHTLY, PASSWORD]


@pytest.mark.parametrize(
    ("text", "objects"),
    [
        ("", []),
        ("# only a comment\n---\n---\n", []),
        ("just words", []),
        ("kind: Pod\n", []),
        (
            "apiVersion: v1\r\nkind: 'Pod'\r\nmetadata:\r\n  name: a b\r\n",
            [{"apiVersion": "v1", "kind": "Pod", "name": "a b"}],
        ),
        (
            '--- # next\napiVersion: v1\nmetadata:\n  name: n  # why\n  namespace: "s"\nkind: Pod\n',
            [{"apiVersion": "v1", "kind": "Pod", "namespace": "s", "name": "n"}],
        ),
        (
            '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "n"}}',
            [{"apiVersion": "v1", "kind": "Pod", "name": "n"}],
        ),
        (
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: batch/v1beta1\n  kind: CronJob\n  metadata:\n"
            "    name: a\n  spec:\n    list:\n    - apiVersion: x\n- kind: Pod\n  apiVersion: v1\n  metadata:\n"
            "    name: b\n",
            [
                {"apiVersion": "batch/v1beta1", "kind": "CronJob", "name": "a"},
                {"apiVersion": "v1", "kind": "Pod", "name": "b"},
            ],
        ),
        (
            "apiVersion: v1\nkind: List\nitems:\n  -  apiVersion: v1\n     kind: Pod\n     metadata:\n       name: a\n",
            [{"apiVersion": "v1", "kind": "Pod", "name": "a"}],
        ),
    ],
)
def test_manifests(text: str, objects: list[dict[str, str]]) -> None:
    assert objects_of(text) == objects
