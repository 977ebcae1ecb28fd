# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""etcd_pin through main(), against FakeApi over HTTP."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._etcd_pin import ANNOTATION, PATH, pin_of
from ansible_collections.uplift.kubeadm.plugins.modules import etcd_pin
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_api import FakeApi
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module

BEFORE = "etcd:\n  local:\n    dataDir: /var/lib/etcd\nkubernetesVersion: v1.33.0\n"
PINNED = "etcd:\n  local:\n    imageTag: 3.5.32-0\n    dataDir: /var/lib/etcd\nkubernetesVersion: v1.33.0\n"
THEIRS = BEFORE.replace("dataDir: /var/lib/etcd", "dataDir: /var/lib/etcd\n    imageTag: 3.5.24-0")


@pytest.fixture
def api(tmp_path: Path) -> t.Iterator[FakeApi]:
    fake = FakeApi(tmp_path / "admin.conf")
    meta = {"name": "kubeadm-config", "namespace": "kube-system", "annotations": {"their/own": "x"}}
    fake.add("configmaps", {"metadata": meta, "data": {"ClusterConfiguration": BEFORE, "Other": "kept"}})
    yield fake
    fake.stop()


@pytest.fixture
def run(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> Run:
    return run_module(etcd_pin.main, capsys, {"kubeconfig": str(api.kubeconfig), "api_timeout": 2})


def text(api: FakeApi) -> str:
    return str(api.get(PATH)["data"]["ClusterConfiguration"])


def test_pinned_once_and_cleared_once(api: FakeApi, run: Run) -> None:
    first = run(image_tag="3.5.32-0")
    assert (first["changed"], first["configuration"]) == (True, PINNED)
    assert (first["diff"]["before"], first["diff"]["after"]) == (BEFORE, PINNED)
    kept = api.get(PATH)
    assert kept["data"] == {"ClusterConfiguration": PINNED, "Other": "kept"}
    assert kept["metadata"]["annotations"] == {"their/own": "x", ANNOTATION: "3.5.32-0"}
    assert pin_of(kept) == "3.5.32-0"
    assert run(image_tag="3.5.32-0")["changed"] is False

    assert run(state="absent")["changed"] is True
    assert text(api) == BEFORE
    assert api.get(PATH)["metadata"]["annotations"] == {"their/own": "x"}
    assert run(state="absent")["changed"] is False


def test_check_mode_says_what_would_be(api: FakeApi, run: Run) -> None:
    would = run(image_tag="3.5.32-0", check_mode=True)
    assert (would["changed"], would["configuration"], text(api)) == (True, PINNED, BEFORE)
    assert api.sent("PATCH") == []


def test_a_pin_of_ours_gives_way_to_another(api: FakeApi, run: Run) -> None:
    run(image_tag="3.5.31-0")
    run(image_tag="3.5.32-0")
    assert pin_of(api.get(PATH)) == "3.5.32-0"


def test_a_pin_of_a_user_is_left_alone(api: FakeApi, run: Run) -> None:
    """Protection: set_pin's look at what is there, and clear_pin's at whose it is."""
    api.objects[PATH]["data"]["ClusterConfiguration"] = THEIRS
    assert "is 3.5.24-0, which this collection did not set" in run(image_tag="3.5.32-0", failed=True)["msg"]
    assert run(state="absent")["changed"] is False
    assert text(api) == THEIRS


def test_a_user_who_set_another_tag_over_ours_keeps_it(api: FakeApi, run: Run) -> None:
    run(image_tag="3.5.32-0")
    api.objects[PATH]["data"]["ClusterConfiguration"] = THEIRS
    assert pin_of(api.get(PATH)) is None
    assert "is 3.5.24-0, which this collection did not set" in run(image_tag="3.5.32-0", failed=True)["msg"]
    assert run(state="absent")["changed"] is True  # our annotation alone
    assert text(api) == THEIRS
    assert ANNOTATION not in api.get(PATH)["metadata"]["annotations"]


def test_what_somebody_writes_meanwhile_is_not_overwritten(api: FakeApi, run: Run) -> None:
    """Protection: the resourceVersion in the patch. The first comes too late; the second has what was written."""
    original = api.handle

    def handle(method: str, target: str, body: t.Any) -> t.Any:
        if method == "PATCH" and not api.sent("PATCH"):
            api.objects[PATH]["data"]["ClusterConfiguration"] = BEFORE + "clusterName: renamed\n"
            api.objects[PATH]["metadata"]["resourceVersion"] = "7777"
        return original(method, target, body)

    api.handle = handle  # type: ignore[method-assign]
    run(image_tag="3.5.32-0")
    assert text(api) == PINNED + "clusterName: renamed\n"
    assert len(api.sent("PATCH")) == 2


def test_somebody_who_writes_it_back_is_told_of(api: FakeApi, run: Run) -> None:
    """Protection: the ConfigMap is read back."""
    original = api.handle

    def handle(method: str, target: str, body: t.Any) -> t.Any:
        answer = original(method, target, body)
        if method == "PATCH":
            api.objects[PATH]["data"]["ClusterConfiguration"] = BEFORE
        return answer

    api.handle = handle  # type: ignore[method-assign]
    assert "somebody else writes it at the same time" in run(image_tag="3.5.32-0", failed=True)["msg"]


@pytest.mark.parametrize("tag", ["latest", "3.5", "", "3.5.32; rm"])
def test_a_tag_that_is_no_release_is_refused_before_anything_is_asked(api: FakeApi, run: Run, tag: str) -> None:
    assert "which is no release of etcd such as 3.5.32-0" in run(image_tag=tag, failed=True)["msg"]
    assert api.requests == []
