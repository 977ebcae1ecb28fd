# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether somebody would start evicted pods anew, over a fake API and a fake clock."""

from __future__ import annotations

import datetime
import typing as t

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _leaders
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

NOW = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.timezone.utc).timestamp()


class FakeCluster:
    """Leases that are renewed, from a second of the test on, at every look; before that at `last`."""

    def __init__(self, **leads_from: float) -> None:
        self.leads_from = {name.replace("_", "-"): second for name, second in leads_from.items()}
        self.last = NOW - 60
        self.second = 0.0

    def find(self, path: str) -> dict[str, t.Any] | None:
        begins = self.leads_from.get(path.rpartition("/")[2])
        if begins is None:
            return None
        at = NOW + self.second if self.second >= begins else self.last
        stamp = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {"spec": {"renewTime": stamp}}

    def sleep(self, seconds: float) -> None:
        self.second += seconds


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., float]:
    """Returns the seconds that were waited."""

    def run(cluster: FakeCluster, timeout: float = 60) -> float:
        monkeypatch.setattr(_leaders.time, "time", lambda: NOW + cluster.second)
        monkeypatch.setattr(_leaders.time, "monotonic", lambda: cluster.second)
        monkeypatch.setattr(_leaders.time, "sleep", cluster.sleep)
        assert _leaders.wait(t.cast(t.Any, cluster), timeout) == (cluster.second > 0)
        return cluster.second

    return run


def test_leaders_that_lead_are_not_waited_for(wait: t.Callable[..., float]) -> None:
    assert wait(FakeCluster(kube_controller_manager=0, kube_scheduler=0)) == 0


def test_a_controller_manager_that_waits_for_its_predecessors_lease(wait: t.Callable[..., float]) -> None:
    assert 15 <= wait(FakeCluster(kube_controller_manager=15, kube_scheduler=0)) < 16


def test_clocks_that_differ_cost_a_moment(wait: t.Callable[..., float]) -> None:
    cluster = FakeCluster(kube_controller_manager=0.1)
    cluster.last = NOW - 3600  # an hour behind
    assert wait(cluster) < 2


def test_programs_that_elect_nobody_are_passed_over(wait: t.Callable[..., float]) -> None:
    assert wait(FakeCluster()) == 0


def test_nobody_leads(wait: t.Callable[..., float]) -> None:
    with pytest.raises(UpliftError, match=r"kube-scheduler since 2026-03-01T11:59:00.*none was evicted"):
        wait(FakeCluster(kube_controller_manager=0, kube_scheduler=1e9), 30)


def test_a_time_that_cannot_be_read_is_waited_for() -> None:
    assert not _leaders._is_fresh("yesterday", NOW)
