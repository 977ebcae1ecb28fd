# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several controllers want the lock at once, in any interleaving of their requests, with crashes and lost answers.

A controller believes that it holds the lock from when it took or renewed it until that counts no more, by its own
count of seconds. Never do two believe at once, and who believes is never told that it lost the lock: as long as the
clocks of the API servers are within SKEW of each other (less a second, which is what a Date header leaves out), and
nobody takes over by variable.
"""

from __future__ import annotations

import copy
import json
import typing as t
from email.utils import formatdate

import pytest

pytest.importorskip("hypothesis")
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ansible_collections.uplift.kubeadm.plugins.module_utils import _api, _lock
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Answer, Api, Away

DURATION = 100
APART = _lock.SKEW - 1  # seconds that the clocks of two API servers are apart, at most
START = 1_800_000_000.0


class Crash(BaseException):
    """The controller is killed between two steps of its work."""


class Controller:
    def __init__(self, name: str) -> None:
        self.name = name
        self.lives = 0
        self.until = 0.0  # it believes until then
        self.begin()

    def begin(self) -> None:
        """Started again: another process."""
        self.lives += 1
        self.id = f"{self.name}_{self.lives}"
        self.until = 0.0


class FakeServers:
    """FAKE of the API servers of a cluster, each with its clock, and one etcd. Also all that may happen meanwhile."""

    server = "fake"
    kubeconfig = "fake"

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.now = START
        self.ahead = [data.draw(st.sampled_from([-APART / 2, APART / 2])) for _server in range(2)]
        self.lease: dict[str, t.Any] | None = None
        self.version = 0
        self.controllers = [Controller(name) for name in "abc"]
        self.dead: list[str] = []
        self.depth = 0
        self.api = Api(self, 1000)

    # The world

    def play(self, steps: int) -> None:
        for _step in range(steps):
            self.act()

    def act(self) -> None:
        controller = self.data.draw(st.sampled_from(self.controllers))
        act = self.data.draw(st.sampled_from(["take", "take", "renew", "release", "wait", "follow"]))
        if getattr(controller, "busy", False):
            return
        controller.busy = True  # type: ignore[attr-defined]
        try:
            getattr(self, act)(controller)
        except Crash:
            self.dead.append(controller.id)
            controller.begin()
        finally:
            controller.busy = False  # type: ignore[attr-defined]
        believers = [c.id for c in self.controllers if c.until > self.now]
        assert len(believers) <= 1, believers

    def take(self, controller: Controller, instead_of: str | None = None) -> None:
        began = self.now
        try:
            _lock.acquire(self.api, {"id": controller.id}, DURATION, instead_of=instead_of)
            controller.until = began + DURATION
        except _lock.Held:
            assert controller.until <= self.now, "it was refused its own lock"

    def follow(self, controller: Controller) -> None:
        if self.dead:
            self.take(controller, self.data.draw(st.sampled_from(self.dead)))

    def renew(self, controller: Controller) -> None:
        began, sure = self.now, controller.until
        try:
            _lock.renew(self.api, controller.id)
            controller.until = began + DURATION
        except _lock.LockLost:
            assert sure <= self.now, "it lost the lock while it could rely on it"
            controller.until = 0.0

    def release(self, controller: Controller) -> None:
        controller.until = 0.0
        _lock.release(self.api, controller.id)

    def wait(self, _controller: Controller) -> None:
        self.now += self.data.draw(st.sampled_from([1, DURATION / 2, DURATION - 1, DURATION + 1, 2 * DURATION]))

    # The transport

    def request(self, method: str, path: str, body: bytes | None, content_type: str, accept: str = "") -> Answer:
        self._meanwhile()
        answer = self._answer(method, path.partition("?")[0], json.loads(body) if body else None)
        self._meanwhile()
        return answer

    def _meanwhile(self) -> None:
        """Between any two steps of one controller the others may do things, time passes, and anything may break."""
        happens = self.data.draw(st.sampled_from(["", "", "", "", "act", "pass", "lost", "crash"]))
        if happens == "act" and self.depth < 2:
            self.depth += 1
            try:
                self.act()
            finally:
                self.depth -= 1
        elif happens == "pass":
            self.now += self.data.draw(st.sampled_from([1, DURATION / 3, DURATION - 1]))
        elif happens == "lost":
            raise Away("lost")
        elif happens == "crash":
            raise Crash

    def _answer(self, method: str, path: str, body: dict[str, t.Any] | None) -> Answer:
        ahead = self.data.draw(st.sampled_from(self.ahead))
        headers = {"date": formatdate(self.now + ahead, usegmt=True)}
        code, obj = self._do(method, path, body)
        return Answer(code, headers, json.dumps(obj).encode())

    def _do(self, method: str, path: str, body: dict[str, t.Any] | None) -> tuple[int, t.Any]:
        if path == "/version":
            return 200, {}
        if method == "POST":
            assert body is not None
            if self.lease is not None:
                return 409, {}
            self.lease = copy.deepcopy(body)
            self.lease["metadata"]["uid"] = f"uid-{self.version}"
            return 201, self._bumped()
        if self.lease is None:
            return 404, {}
        metadata = self.lease["metadata"]
        if method == "GET":
            return 200, self.lease
        assert body is not None
        wanted = body["preconditions"] if method == "DELETE" else body["metadata"]
        if wanted.get("resourceVersion", metadata["resourceVersion"]) != metadata["resourceVersion"]:
            return 409, {}
        if method == "DELETE":
            self.lease = None
            return 200, {}
        self.lease["spec"].update(body["spec"])
        metadata["annotations"].update(body["metadata"].get("annotations") or {})
        return 200, self._bumped()

    def _bumped(self) -> dict[str, t.Any]:
        self.version += 1
        assert self.lease is not None
        self.lease["metadata"]["resourceVersion"] = str(self.version)
        return self.lease


@settings(max_examples=200)
@given(st.data())
def test_never_two_that_believe(data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_api.time, "sleep", lambda _seconds: None)
        FakeServers(data).play(12)


def test_the_property_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """When anyone may take the lock. What else protects it has tests of its own in test_upgrade_lock.py."""
    monkeypatch.setattr(_lock, "_may_take", lambda *_arguments: "free")
    monkeypatch.setattr(_api.time, "sleep", lambda _seconds: None)

    @settings(max_examples=300, phases=[Phase.generate], report_multiple_bugs=False)
    @given(st.data())
    def property_(data: st.DataObject) -> None:
        FakeServers(data).play(12)

    with pytest.raises(AssertionError):
        property_()
