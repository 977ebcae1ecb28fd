# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
import typing as t
from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._control import deadline, deadline_lines, stop_reason
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

CET = timezone(timedelta(hours=1))
NOW = datetime(2026, 11, 21, 18, 0, tzinfo=CET)


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-11-21T23:30:00+01:00", "2026-11-21T23:30:00+01:00"),
        ("2026-11-21T22:30:00Z", "2026-11-21T22:30:00+00:00"),
        ("2026-11-21 23:30+01:00", "2026-11-21T23:30:00+01:00"),
        (datetime(2026, 11, 21, 22, 30, tzinfo=timezone.utc), "2026-11-21T22:30:00+00:00"),
        ("23:30", "2026-11-21T23:30:00+01:00"),
        ("6:05", "2026-11-22T06:05:00+01:00"),
        ("18:00", "2026-11-22T18:00:00+01:00"),  # now is not the next one
        ("90m", "2026-11-21T19:30:00+01:00"),
        ("2h", "2026-11-21T20:00:00+01:00"),
        (" 1h30m ", "2026-11-21T19:30:00+01:00"),
    ],
)
def test_moments(given: t.Any, expected: str) -> None:
    assert (deadline(given, NOW) or NOW).isoformat() == expected


def test_none() -> None:
    assert deadline("", NOW) is None
    assert deadline(None, NOW) is None


@pytest.mark.usefixtures("berlin")
def test_a_time_of_day_on_the_other_side_of_a_change_of_clocks() -> None:
    summer = timezone(timedelta(hours=2))
    night = datetime(2026, 10, 24, 23, 0, tzinfo=summer)  # clocks go back at 03:00
    assert (deadline("06:00", night) or night).isoformat() == "2026-10-25T06:00:00+01:00"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("soon", "is 'soon', which is no moment"),
        ("24:10", "no moment"),
        ("90", "no moment"),
        (1320, "YAML reads 22:00 without quotes as the number 1320"),
        (1.5, "no moment"),
        ("2026-11-21T23:30:00", "has no zone"),
        (datetime(2026, 11, 21, 23, 30), "has no zone"),
        ("2026-11-21T17:30:00+01:00", "30 min ago"),
        (["23:30"], "no moment"),
    ],
)
def test_no_moments(given: t.Any, words: str) -> None:
    with pytest.raises(UpliftError, match=words):
        deadline(given, NOW)


def stage(name: str, kind: str, hosts: int, **more: t.Any) -> dict[str, t.Any]:
    names = [f"{kind[:2]}{number}" for number in range(hosts)]
    stage = {"id": f"1.25/{name}", "kind": kind, "hop": 0, "hosts": names, "nodes": names, "serial": 1, "drains": []}
    return {**stage, "version": "v1.25.4", **more}


PLAN = {
    "hops": [{"index": 0, "minor": "1.25", "version": "v1.25.4"}],
    "stages": [
        stage("prepare", "prepare", 4, serial="100%"),  # 90 s
        stage("control_plane", "control_plane", 1, actions={"co0": "apply"}),  # 150 s
        stage("workers", "workers", 4),  # 75 s each
        stage("finish", "finish", 1),
    ],
}


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (30, "expected to end about 20 min before that"),
        (9, "expected to be begun before that"),
        (6, "1.25/workers (2 of 4 nodes)."),
        (1, "1.25/control_plane (1 of 1 nodes); 1.25/workers (4 of 4 nodes)."),
    ],
)
def test_how_a_deadline_compares_with_the_forecast(minutes: int, words: str) -> None:
    until = NOW + timedelta(minutes=minutes)
    lines = deadline_lines(PLAN, until.isoformat(), NOW, None, 5)
    assert lines[0] == f"No node is begun after {until:%H:%M} +01:00, in {minutes} min (kubeadm_upgrade_deadline)."
    assert words in " ".join(line.strip() for line in lines)


def test_no_lines_without_a_deadline_or_anything_to_do() -> None:
    assert deadline_lines(PLAN, "", NOW, None, 5) == []
    assert deadline_lines({"stages": []}, NOW.isoformat(), NOW, None, 5) == []


def test_why_nothing_more_is_begun() -> None:
    stop = {"by": "anna on bastion", "at": "2026-11-21T17:00:00Z", "reason": "pager"}
    until = (NOW - timedelta(seconds=20)).isoformat()
    assert stop_reason(None, "", NOW) == ""
    assert stop_reason(None, (NOW + timedelta(seconds=1)).isoformat(), NOW) == ""
    assert (
        stop_reason(None, until, NOW)
        == "The deadline 2026-11-21T17:59+01:00 (kubeadm_upgrade_deadline) passed 20 s ago"
    )
    assert stop_reason(stop, until, NOW) == (
        "anna on bastion asked this run at 2026-11-21T17:00:00Z to end before its next node: pager"
    )
    assert stop_reason({}, "", NOW) == ""
