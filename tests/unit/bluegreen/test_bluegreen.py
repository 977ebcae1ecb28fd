# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The blue-green scenario's own parts: what it needs, what it leaves, which requests it holds against whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("yaml")

from bluegreen import cli, clusters, haproxy, scenes
from bluegreen.client import TIMEOUT, Tally
from lab.errors import LabError
from scenario.world import ScenarioError


def test_haproxy_is_installed_where_clusters_are_made_and_asked_for_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[dict[str, str]] = []
    monkeypatch.setattr(haproxy, "PROGRAM", None)
    monkeypatch.setattr(cli.engine, "ensure_programs", installed.append)
    monkeypatch.setattr(haproxy, "find", lambda: "/usr/sbin/haproxy" if installed else None)
    with pytest.raises(ScenarioError, match="apt-get install haproxy"):
        cli.have_haproxy(loopback=True)
    assert not installed
    cli.have_haproxy(loopback=False)
    assert (installed, haproxy.PROGRAM) == ([{"haproxy": "haproxy"}], "/usr/sbin/haproxy")


@pytest.mark.parametrize("keep", [False, True])
def test_both_clusters_go_also_when_the_second_could_not_be_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, keep: bool
) -> None:
    made: list[str] = []
    removed: list[str] = []

    def up(spec: Any, _hops: list[str]) -> None:
        made.append(f"{spec.name} {spec.version}")
        if len(made) == 2:
            raise LabError("no")

    monkeypatch.setattr(clusters.lab_cluster, "up", up)
    monkeypatch.setattr(clusters.lab_cluster, "down", removed.append)
    monkeypatch.setattr(clusters.lab_cluster, "load", lambda _name: None)
    with pytest.raises(LabError), clusters.clusters("b", tmp_path, 1, keep):
        pass
    assert made == ["b-blue 1.24.17", "b-green 1.26.9"]
    assert sorted(removed) == ([] if keep else ["b-blue", "b-green"])


class FakePlayer(scenes.Player):
    """A fake: a client that counts failures at the times of a clock of its own, and weights that are back at once."""

    def __init__(self, failures_at: list[float]) -> None:
        self.now, self._failures_at, self._from = 0.0, failures_at, 0.0
        self.deadline = 10_000_000.0
        self.client: Any = self

    @property
    def total(self) -> Tally:
        return Tally(failures=[str(at) for at in self._failures_at if at <= self.now])

    def since(self) -> Tally:
        found = Tally(failures=[str(at) for at in self._failures_at if self._from < at <= self.now])
        self._from = self.now
        return found

    def share(self) -> int:
        return 0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class FakeProcess:
    """A fake: a playbook that ends after half a second."""

    def __init__(self, player: FakePlayer) -> None:
        self.player = player

    def poll(self) -> int | None:
        return None

    def wait(self, _timeout: float) -> None:
        self.player.now += 0.5


@pytest.mark.parametrize(("at", "wrong"), [(TIMEOUT, 0), (TIMEOUT + 1.2, 1), (TIMEOUT + 3, 1)])
def test_a_request_that_was_under_way_to_green_is_not_held_against_blue(
    monkeypatch: pytest.MonkeyPatch, at: float, wrong: int
) -> None:
    """A request takes up to TIMEOUT to fail. What fails later was sent when all traffic went to blue."""
    player = FakePlayer([at])
    monkeypatch.setattr(scenes.time, "sleep", player.sleep)
    scene = scenes.Scene("green fails")
    player._until_back(scene, FakeProcess(player), 0.0)  # type: ignore[arg-type]
    assert len(scene.wrong) == wrong
    assert scene.notes[-1] == f"{1 - wrong} requests had failed until then, {wrong} after it"
