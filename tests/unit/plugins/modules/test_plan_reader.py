# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ClusterRole in docs/rbac lets a plan read all that it reads, and write nothing."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._knowledge import known_minors, removed_apis
from ansible_collections.uplift.kubeadm.plugins.modules import cluster_info, upgrade_note
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_api import FakeApi
from ansible_collections.uplift.kubeadm.tests.unit.plugins.modules.test_cluster_info import CONFIG
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import run_module

yaml = pytest.importorskip("yaml")
ROLE = Path(__file__).resolve().parents[4] / "docs/rbac/plan-reader.yml"
RESOURCE = re.compile(
    r"/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)/(?:namespaces/[^/]+/)?(?P<resource>[a-z]+)(?P<name>/[^/]+)?"
)


@pytest.fixture(scope="module")
def rules() -> list[dict[str, t.Any]]:
    return list(yaml.safe_load(ROLE.read_text())["rules"])


def allows(rules: list[dict[str, t.Any]], path: str) -> bool:
    found = RESOURCE.fullmatch(path)
    if found is None:
        return any(path in rule.get("nonResourceURLs", ()) for rule in rules)
    verb, group, resource = "get" if found["name"] else "list", found["group"] or "", found["resource"]
    return any(
        group in rule.get("apiGroups", ())
        and verb in rule["verbs"]
        and not {resource, "*"}.isdisjoint(rule["resources"])
        for rule in rules
    )


def test_it_writes_nothing(rules: list[dict[str, t.Any]]) -> None:
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list"}


def test_all_that_is_read_may_be_read(
    rules: list[dict[str, t.Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    api = FakeApi(tmp_path / "admin.conf")
    kubeadm = {"name": "kubeadm-config", "namespace": "kube-system"}
    api.add("configmaps", {"metadata": kubeadm, "data": {"ClusterConfiguration": CONFIG}})
    api.node("cp1")
    where = {"kubeconfig": str(api.kubeconfig)}
    run_module(cluster_info.main, capsys, where)(path=str(tmp_path / "facts.json"))
    run_module(upgrade_note.main, capsys, where)(name="durations", state="read")
    asked = {(method, urlsplit(path).path) for method, path, _body in api.requests}
    assert len(asked) > 20
    assert [(method, path) for method, path in sorted(asked) if method != "GET" or not allows(rules, path)] == []


def test_every_kind_of_which_a_version_goes_may_be_listed(rules: list[dict[str, t.Any]]) -> None:
    """What is not served by FakeApi, or not yet: a new row of the tables may need a new group here."""
    rows = removed_apis(known_minors()[0], known_minors()[-1])
    assert {
        f"{row['group']}/{row['resource']}"
        for row in rows
        if row["stored"]
        and "/" not in row["resource"]
        and not allows(
            rules, f"/apis/{row['group']}/v1/{row['resource']}" if row["group"] else f"/api/v1/{row['resource']}"
        )
    } == set()
