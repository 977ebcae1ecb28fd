# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether nodes hear of pods that go, over a fake API and a fake clock."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _proxies

Object = dict[str, t.Any]


class FakeCluster:
    """A DaemonSet whose status is that of the last moment that has come, and nodes."""

    def __init__(self, moments: dict[float, Object] | None, unready: int = 0, nodes: int = 3) -> None:
        self.moments, self.second = moments, 0.0
        self.nodes = [
            {"status": {"conditions": [{"type": "Ready", "status": "False" if n < unready else "True"}]}}
            for n in range(nodes)
        ]

    def find(self, path: str) -> Object | None:
        assert path.endswith("/namespaces/kube-system/daemonsets/kube-proxy")
        if self.moments is None:
            return None
        return {
            "metadata": {"generation": 2},
            "status": self.moments[max(at for at in self.moments if at <= self.second)],
        }

    def list(self, path: str, keep: t.Callable[[Object], t.Any]) -> list[t.Any]:
        assert path == "/api/v1/nodes"
        return [keep(node) for node in self.nodes]

    def sleep(self, seconds: float) -> None:
        self.second += seconds


def status(updated: int, available: int, observed: int = 2, desired: int = 3) -> Object:
    return {"observedGeneration": observed, "desiredNumberScheduled": desired, "updatedNumberScheduled": updated,
            "numberAvailable": available}  # fmt: skip


DONE = status(3, 3)


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., tuple[float, str]]:
    """Returns the seconds that were waited, and what was said."""

    def run(cluster: FakeCluster) -> tuple[float, str]:
        monkeypatch.setattr(_proxies.time, "monotonic", lambda: cluster.second)
        monkeypatch.setattr(_proxies.time, "sleep", cluster.sleep)
        said = _proxies.wait(t.cast(t.Any, cluster), 60)
        return cluster.second, said

    return run


@pytest.mark.parametrize(
    ("moments", "unready", "seconds"),
    [
        (None, 0, 0),  # the CNI does its work
        ({0: DONE}, 0, 0),
        ({0: {}, 2: DONE}, 0, 2),
        ({0: status(3, 3, observed=1), 5: DONE}, 0, 5),  # the controller has not seen the new template yet
        ({0: status(1, 2), 7: status(3, 2), 9: DONE}, 0, 9),
        ({0: status(2, 2)}, 1, 0),  # a node that is not Ready has none
        ({0: status(2, 1), 4: status(2, 2)}, 1, 4),
        ({0: status(0, 0, observed=1, desired=0), 3: status(0, 0, desired=0)}, 0, 3),
    ],
)
def test_it_is_waited_until_every_node_that_can_has_one(
    wait: t.Callable[..., tuple[float, str]], moments: dict[float, Object] | None, unready: int, seconds: float
) -> None:
    assert wait(FakeCluster(moments, unready)) == (seconds, "")


def test_a_rollout_that_takes_longer_is_told_of(wait: t.Callable[..., tuple[float, str]]) -> None:
    seconds, said = wait(FakeCluster({0: status(0, 2), 20: status(1, 1), 40: status(1, 2)}))
    assert 60 < seconds <= 62
    assert "not up to date on 2 of 3 nodes after 61 s" in said


def test_a_rollout_that_stands_still_is_not_waited_for_as_long(wait: t.Callable[..., tuple[float, str]]) -> None:
    """On a Ready node without a working kube-proxy, each drain would cost the whole time-out."""
    seconds, said = wait(FakeCluster({0: status(2, 2), 10: status(3, 2)}))
    assert seconds == 40
    assert "not up to date on 1 of 3 nodes after 40 s" in said
