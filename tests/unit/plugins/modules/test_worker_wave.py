# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""worker_wave through main(), against FakeApi over HTTP; and its waits, on a clock of their own."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _wave_now
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import connect
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_rules import Rules
from ansible_collections.uplift.kubeadm.plugins.modules import worker_wave
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_api import FakeApi
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module

NODES: dict[str, t.Any] = {}  # the objects of the present FakeApi


@pytest.fixture
def api(tmp_path: Path) -> t.Iterator[FakeApi]:
    """Five workers; two of them have a pod of a budget that lets one go."""
    fake = FakeApi(tmp_path / "admin.conf")
    for name in ("w1", "w2", "w3", "w4", "w5"):
        NODES[name] = fake.node(name, allocatable={"cpu": "4", "pods": "110"})
    for name in ("w1", "w2"):
        fake.pod(f"web-{name}", name, labels={"app": "web"})
    NODES["web"] = fake.budget("web", {"matchLabels": {"app": "web"}}, 1, maxUnavailable=1)
    yield fake
    fake.stop()


@pytest.fixture
def run(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> Run:
    defaults = {"kubeconfig": str(api.kubeconfig), "api_timeout": 2, "timeout": 0}
    return run_module(worker_wave.main, capsys, defaults)


class FakeClock:
    """Time that passes by sleeping alone; at `then` seconds something happens."""

    def __init__(self, then: float = 0, what: t.Callable[[], t.Any] | None = None) -> None:
        self.time, self.then, self.what = 0.0, then, what

    def clock(self) -> _wave_now.Clock:
        return _wave_now.Clock(lambda: self.time, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.time += seconds
        if self.what and self.time >= self.then:
            self.what()
            self.what = None


def test_what_fits_is_let_in_and_the_rest_is_told(run: Run) -> None:
    result = run(nodes=["w3", "w1", "w2", "w4"])
    assert result["fits"] == ["w3", "w1", "w4"]
    assert result["held"] == {"w2": "disruption budget default/web (1 at a time)"}
    assert result["changed"] is False
    assert run(nodes=["w3", "w1"])["held"] == {}


def test_one_node_alone_goes_where_nothing_can_be_read_of_others(run: Run, api: FakeApi) -> None:
    api.faults = [("GET .*/poddisruptionbudgets", (403, {"message": "no"}))]
    assert run(nodes=["w2"])["fits"] == ["w2"]


def test_one_node_alone_waits_while_its_pods_may_not_go(api: FakeApi) -> None:
    """Protects: what left its node with the wave before is Ready before the next one of the same workload goes."""
    NODES["web"]["status"].update(disruptionsAllowed=0, currentHealthy=2)
    connected = connect({"kubeconfig": str(api.kubeconfig), "transport": "stdlib", "api_timeout": 2})
    clock = FakeClock(9, lambda: NODES["web"]["status"].update(disruptionsAllowed=1, currentHealthy=3))
    result = _wave_now.let_in(connected, ["w2"], Rules(unbudgeted="100%"), 60, clock.clock())
    assert (result["fits"], result["held"]) == (["w2"], {})
    assert 9 <= result["waited"] <= 11
    NODES["web"]["status"].update(disruptionsAllowed=0, currentHealthy=2)
    assert _wave_now.let_in(connected, ["w2"], Rules(), 60, FakeClock().clock())["fits"] == ["w2"], "in vain"


def test_nothing_is_asked_where_nodes_are_only_watched(run: Run, api: FakeApi) -> None:
    assert run(nodes=[], ready=["w4"])["fits"] == []
    assert not api.sent("GET", "/pods")


def test_groups_count_when_a_wave_begins(run: Run) -> None:
    groups = [{"name": "db", "inventory_group": "db", "max": 1}]
    result = run(nodes=["w3", "w4"], groups=groups, inventory_groups={"db": ["host-w3", "w4"]}, hosts={"host-w3": "w3"})
    assert result["held"] == {"w4": "group db (1 at a time)"}


def test_nodes_are_cut_anew(run: Run) -> None:
    assert run(nodes=["w2", "w1", "gone"], state="planned")["waves"] == [["w2"], ["w1"], ["gone"]]
    assert run(nodes=["w3", "w4", "w5"], state="planned", max_nodes=2)["waves"] == [["w3", "w4"], ["w5"]]


def test_those_that_went_before_have_to_be_ready(run: Run) -> None:
    NODES["w5"]["status"]["conditions"][0]["status"] = "Unknown"
    assert "w5 went before" in run(nodes=["w3"], ready=["w4", "w5"], failed=True)["msg"]
    assert run(nodes=["w3"], ready=["w4"])["fits"] == ["w3"]


def test_what_cannot_be_read_is_not_guessed(run: Run, api: FakeApi) -> None:
    api.faults = [("GET .*/poddisruptionbudgets", (403, {"message": "no"}))]
    assert "Which nodes may be out together cannot be told: pdbs" in run(nodes=["w1", "w2"], failed=True)["msg"]


def test_it_waits_until_all_fit(api: FakeApi) -> None:
    connected = connect({"kubeconfig": str(api.kubeconfig), "transport": "stdlib", "api_timeout": 2})

    def more() -> None:
        NODES["web"]["status"].update(disruptionsAllowed=2, currentHealthy=4)

    clock = FakeClock(5, more)
    result = _wave_now.let_in(connected, ["w1", "w2"], Rules(unbudgeted="100%"), 60, clock.clock())
    assert result["held"] == {}
    assert 5 <= result["waited"] <= 7


@pytest.mark.parametrize(("ready", "waited"), [("True", 15), ("False", 74)])
def test_it_waits_no_longer_than_pods_are_on_their_way(api: FakeApi, ready: str, waited: int) -> None:
    """Without the look at them, a wave that can never be whole costs the whole time-out; so would a broken pod."""
    pod = api.pod("other", "w3", labels={"app": "other"})
    pod["status"]["conditions"] = [{"type": "Ready", "status": ready}]
    connected = connect({"kubeconfig": str(api.kubeconfig), "transport": "stdlib", "api_timeout": 2})
    clock = FakeClock()
    result = _wave_now.let_in(connected, ["w1", "w2"], Rules(unbudgeted="100%"), 300, clock.clock())
    assert list(result["held"]) == ["w2"]
    assert waited <= clock.time <= waited + 3


def test_the_nodes_before_are_watched(api: FakeApi) -> None:
    connected = connect({"kubeconfig": str(api.kubeconfig), "transport": "stdlib", "api_timeout": 2})
    clock = FakeClock()
    _wave_now.watch(connected, ["w1"], 30, 10, clock.clock())
    assert clock.time >= 30
    ready = NODES["w1"]["status"]["conditions"][0]
    clock = FakeClock(12, lambda: ready.update(status="False"))
    with pytest.raises(UpliftError, match="w1 went before"):
        _wave_now.watch(connected, ["w1"], 30, 60, clock.clock())
    clock = FakeClock(5, lambda: ready.update(status="True"))
    _wave_now.watch(connected, ["w1"], 0, 10, clock.clock())
