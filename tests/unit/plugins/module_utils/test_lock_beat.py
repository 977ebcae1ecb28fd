# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _lock, _lock_beat
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Api, connect
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._lock_beat import Heartbeat
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_leases import FakeLeases

US = {"id": "us"}


@pytest.fixture
def fake(tmp_path: Path) -> t.Iterator[FakeLeases]:
    server = FakeLeases(tmp_path / "admin.conf")
    yield server
    server.stop()


@pytest.fixture
def api(fake: FakeLeases) -> Api:
    return connect({"kubeconfig": str(fake.kubeconfig), "transport": "stdlib", "api_timeout": 3})


def until(condition: t.Callable[[], t.Any]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_signs_of_life_while_the_block_runs_and_none_after(fake: FakeLeases, api: Api) -> None:
    _lock.acquire(api, US)
    with Heartbeat(api, "us", beat=0.05):
        until(lambda: len(fake.sent("PATCH")) >= 3)
    time.sleep(0.2)
    told = len(fake.sent("PATCH"))
    time.sleep(0.2)
    assert len(fake.sent("PATCH")) == told


def test_a_lock_that_is_lost_before_keeps_the_block_from_being_entered(api: Api) -> None:
    _lock.acquire(api, {"id": "them"})
    with pytest.raises(UpliftError, match="no longer holds the lock"), Heartbeat(api, "us"):
        pytest.fail("entered")


def test_a_lock_that_is_lost_meanwhile_is_told_and_breaks_nothing(api: Api) -> None:
    _lock.acquire(api, US)
    with Heartbeat(api, "us", beat=0.05) as heart:
        assert heart.lost == ""
        _lock.acquire(api, {"id": "them"}, take_over=True)
        until(lambda: heart.lost)
    assert "held by «them»" in heart.lost


def test_an_api_server_that_is_away_breaks_nothing(fake: FakeLeases, api: Api) -> None:
    _lock.acquire(api, US)
    fake.stop()
    with Heartbeat(api, "us", beat=0.05) as heart:
        time.sleep(0.1)
    assert heart.lost == ""


def test_without_an_identity_or_an_admin_conf_there_is_none(fake: FakeLeases, tmp_path: Path) -> None:
    for heart in (
        _lock_beat.for_module(None, {}),
        _lock_beat.for_module("us", {"kubeconfig": "/nowhere", "transport": "stdlib", "api_timeout": 5}),
        _lock_beat.on_node("us", str(tmp_path / "none")),
        _lock_beat.on_node(None, str(fake.kubeconfig)),
    ):
        with heart:
            pass
    assert fake.requests == []


def test_on_a_control_plane_node(fake: FakeLeases, api: Api) -> None:
    _lock.acquire(api, US)
    with _lock_beat.on_node("us", str(fake.kubeconfig)):
        assert len(fake.sent("PATCH")) == 1
