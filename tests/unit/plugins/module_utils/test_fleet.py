# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waves of clusters: what may begin, what is left, and when a watch is over; over many generated fleets."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.uplift.kubeadm.plugins.module_utils import _fleet
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

NOTHING = {"changes": False, "blockers": 0}
WORK = {"changes": True, "blockers": 0}


def cluster(name: str) -> dict[str, Any]:
    return {"name": name, "inventory": f"{name}.yml"}


def waves_of(*sizes: int, **more: Any) -> list[dict[str, Any]]:
    given_ = [{"name": f"w{i}", "clusters": [cluster(f"c{i}-{j}") for j in range(n)]} for i, n in enumerate(sizes)]
    return _fleet.read_waves(given_, more.get("at_once", 1), more.get("soak", 0))


def test_waves_are_read_with_what_they_do_not_say() -> None:
    waves = _fleet.read_waves(
        [{"clusters": ["dev"]}, {"name": "prod", "clusters": [cluster("p1")], "at_once": 2, "approval": True}], 1, "10m"
    )
    assert [wave["name"] for wave in waves] == ["wave 1", "prod"]
    assert waves[0]["clusters"] == [{"name": "dev", "inventory": [], "group": "dev", "variables": {}}]
    assert waves[1]["clusters"][0]["inventory"] == ["p1.yml"]
    assert (waves[0]["soak"], waves[0]["at_once"], waves[0]["approval"]) == (600, 1, False)
    assert (waves[1]["soak"], waves[1]["at_once"], waves[1]["approval"]) == (0, 2, True)  # nothing waits for the last


@pytest.mark.parametrize(
    ("waves", "told"),
    [
        ([], "no wave"),
        ("dev", "no wave"),
        ([{"name": "dev"}], "The wave dev has no clusters"),
        ([{"name": "dev", "clusters": [{"name": "a"}]}], "needs either"),
        ([{"name": "dev", "clusters": [{"name": "a", "group": "a", "inventory": "b"}]}], "needs either"),
        ([{"name": "dev", "clusters": [cluster("../a")]}], "is no name of a cluster"),
        ([{"name": "dev", "clusters": [cluster("a")], "serial": 2}], "serial, which means nothing there"),
        ([{"name": "dev", "clusters": [{**cluster("a"), "target": "1.25"}]}], "target, which means nothing there"),
        (
            [{"name": "dev", "clusters": [cluster("a")]}, {"name": "dev", "clusters": [cluster("b")]}],
            "wave is called dev",
        ),
        ([{"name": "a", "clusters": [cluster("a"), cluster("A")]}], "cluster is called a"),
        ([{"name": "a", "clusters": [cluster("a")], "at_once": 0}], "from 1 on"),
        ([{"name": "a", "clusters": [cluster("a")], "soak": "soon"}], "no length of time"),
        ([{"name": "a", "clusters": [cluster("a")], "approval": "prod"}], "true or false"),
    ],
)
def test_what_is_wrong_with_waves_is_said(waves: Any, told: str) -> None:
    with pytest.raises(UpliftError, match=told):
        _fleet.read_waves(waves, 1, 0)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("1h30m", 5400), ("2d", 172800), (30, 30), ("30", 30), (0, 0)]
)
def test_lengths_of_time(text: Any, seconds: int) -> None:
    assert _fleet.seconds(text, "it") == seconds


@pytest.mark.parametrize("text", ["", "-1", True, "1 week", "h", None, 1.5])
def test_what_is_no_length_of_time(text: Any) -> None:
    with pytest.raises(UpliftError):
        _fleet.seconds(text, "it")


@pytest.mark.parametrize(
    ("summary", "notes", "state"),
    [
        (None, [], _fleet.UNKNOWN),
        (WORK, [], _fleet.LEFT),
        ({"changes": True, "blockers": 2}, [], _fleet.BLOCKED),
        ({"changes": False, "blockers": 2}, [], _fleet.DONE),  # nothing to do, so nothing is in the way
        (NOTHING, [], _fleet.DONE),
        (NOTHING, ["durations"], _fleet.DONE),
        (NOTHING, ["after_hop"], _fleet.LEFT),
        (NOTHING, ["after_hop", "fleet"], _fleet.LEFT),
        (NOTHING, ["workloads"], _fleet.LEFT),
        (NOTHING, ["workloads", "fleet"], _fleet.WATCH),
        (NOTHING, ["fleet"], _fleet.WATCH),
        (WORK, ["fleet"], _fleet.LEFT),
    ],
)
def test_what_a_cluster_says_is_left(summary: Any, notes: list[str], state: str) -> None:
    assert _fleet.state_of(summary, notes) == state


def test_through_ends_the_list_and_is_checked() -> None:
    waves = waves_of(1, 1, 1)
    states = {"c0-0": _fleet.DONE, "c1-0": _fleet.LEFT, "c2-0": _fleet.LEFT}
    assert _fleet.left(waves, states) == [1, 2]
    assert _fleet.left(waves, states, "w1") == [1]
    with pytest.raises(UpliftError, match="the waves are w0, w1, w2"):
        _fleet.left(waves, states, "prod")


def test_a_wave_is_refused_for_what_is_in_its_way() -> None:
    waves = waves_of(1, 2)
    states = {"c0-0": _fleet.DONE, "c1-0": _fleet.LEFT, "c1-1": _fleet.LEFT}
    assert _fleet.refusal(waves, states, 1) == ""
    assert "could not be looked at" in _fleet.refusal(waves, {**states, "c1-1": _fleet.UNKNOWN}, 1)
    assert "has blockers" in _fleet.refusal(waves, {**states, "c1-0": _fleet.BLOCKED}, 1).replace("have", "has")
    for state in (_fleet.LEFT, _fleet.WATCH, _fleet.UNKNOWN, _fleet.FAILED):
        assert "c0-0 of an earlier wave" in _fleet.refusal(waves, {**states, "c0-0": state}, 1)


def test_approvals_that_are_missing() -> None:
    waves = [{**wave, "approval": wave["name"] != "w0"} for wave in waves_of(1, 1, 1)]
    assert _fleet.approvals(waves, [0, 1, 2], []) == ["w1", "w2"]
    assert _fleet.approvals(waves, [0, 1, 2], ["w1"]) == ["w2"]
    assert _fleet.approvals(waves, [0], []) == []


SIZES = st.lists(st.integers(1, 4), min_size=1, max_size=4)


class FakeWorld:
    """Clusters that fail now and then, upgraded as a run does it; each run forgets what the one before knew."""

    def __init__(self, waves: list[dict[str, Any]], at_once: int, seed: int) -> None:
        self.waves, self.at_once, self.chance = waves, at_once, random.Random(seed)
        self.upgraded: set[str] = set()
        self.owed: set[str] = set()
        self.upgrades: list[str] = []
        self.most = 0

    def looked(self) -> dict[str, str]:
        return {
            cluster["name"]: _fleet.state_of(
                NOTHING if cluster["name"] in self.upgraded else WORK, ["fleet"] if cluster["name"] in self.owed else []
            )
            for wave in self.waves
            for cluster in wave["clusters"]
        }

    def run(self, failing: float) -> bool:
        """One run to its end or its first failure; whether all is done."""
        states = self.looked()
        for index in _fleet.left(self.waves, states):
            assert not _fleet.refusal(self.waves, states, index)
            assert all(states[name] == _fleet.DONE for name in _fleet.names_before(self.waves, index))
            if not self.wave(self.waves[index], states, failing):
                return False
            for name in _fleet.with_state(self.waves[index], states, _fleet.WATCH):
                self.owed.discard(name)
                states[name] = _fleet.DONE
        return True

    def wave(self, wave: dict[str, Any], states: dict[str, str], failing: float) -> bool:
        waiting = _fleet.with_state(wave, states, _fleet.LEFT)
        running: list[str] = []
        badly = False
        while running or (waiting and not badly):
            for name in _fleet.to_begin(waiting, len(running), badly, self.at_once):
                waiting.remove(name)
                running.append(name)
                self.upgrades.append(name)
                self.owed.add(name)
            self.most = max(self.most, len(running))
            name = running.pop(self.chance.randrange(len(running)))
            if self.chance.random() < failing:
                badly, states[name] = True, _fleet.FAILED
            else:
                self.upgraded.add(name)
                states[name] = _fleet.WATCH
        return not badly


@settings(max_examples=100)
@given(sizes=SIZES, at_once=st.integers(1, 3), seed=st.integers(0, 10**6))
def test_whatever_fails_a_later_wave_never_begins_before_and_each_run_does_what_is_left(
    sizes: list[int], at_once: int, seed: int
) -> None:
    world = FakeWorld(waves_of(*sizes), at_once, seed)
    for _attempt in range(200):
        before = set(world.upgraded)
        begun = len(world.upgrades)
        done = world.run(failing=0.3)
        assert before.isdisjoint(world.upgrades[begun:])  # what is upgraded is not upgraded again
        if done:
            break
    else:
        raise AssertionError("200 runs did not do it")
    assert len(world.upgraded) == sum(sizes)
    assert world.owed == set()
    assert world.most <= at_once
    assert world.run(failing=1.0)  # nothing is begun, so nothing can fail


@settings(max_examples=200)
@given(
    gaps=st.lists(st.tuples(st.integers(1, 60), st.booleans()), max_size=40),
    soak=st.integers(0, 300),
    patience=st.integers(0, 120),
)
def test_a_watch_ends_well_only_after_its_time_and_badly_only_after_its_patience(
    gaps: list[tuple[int, bool]], soak: int, patience: int
) -> None:
    looks: list[tuple[float, bool]] = []
    now = 0.0
    for gap, well in gaps:
        now += gap
        looks.append((now, well))
        verdict = _fleet.verdict(looks, soak, patience)
        if verdict == _fleet.PASSED:
            assert well
            assert now >= soak
            return
        if verdict == _fleet.FAILED:
            stretch = [at for at, _good in looks[len(looks) - _trailing(looks) :]]
            assert not well
            assert now - stretch[0] >= patience
            return
        assert well or now - looks[len(looks) - _trailing(looks)][0] < patience
        assert not well or now < soak
    assert _fleet.verdict([], soak, patience) == _fleet.GOING_ON


def _trailing(looks: list[tuple[float, bool]]) -> int:
    """How many looks at the end found something wrong."""
    count = 0
    for _at, well in reversed(looks):
        if well:
            break
        count += 1
    return count
