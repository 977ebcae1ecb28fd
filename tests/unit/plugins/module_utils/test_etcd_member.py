# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Members of etcd that come and go, with FakeMembers in the place of etcd."""

from __future__ import annotations

import http.server
import json
import threading
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.uplift.kubeadm.plugins.module_utils import _etcd_member
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._etcd import Etcd


class FakeMembers:
    """An etcd of several members, each at an address of its own. Those in `silent` answer with 503."""

    def __init__(self, *names: str) -> None:
        self.leader = 1
        self.silent: set[str] = set()
        self.calls: list[str] = []
        self.members: dict[int, dict[str, t.Any]] = {}
        self.servers: list[http.server.ThreadingHTTPServer] = []
        for number, name in enumerate(names, 1):
            self.add(number, name)

    def add(self, number: int, name: str, **more: t.Any) -> str:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler(number, name))
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.servers.append(server)
        url = f"http://127.0.0.1:{server.server_port}"
        self.members[number] = {
            "ID": str(number), "name": name, "peerURLs": [f"https://10.0.0.{number}:2380"], "clientURLs": [url], **more,
        }  # fmt: skip
        return url

    def url(self, number: int) -> str:
        return str(self.members[number]["clientURLs"][0])

    def stop(self) -> None:
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def answer(self, number: int, path: str, body: dict[str, t.Any]) -> dict[str, t.Any]:
        if path == "/v3/maintenance/status":
            return {"header": {"member_id": str(number)}, "version": "3.5.6", "leader": str(self.leader)}
        if path == "/v3/cluster/member/list":
            return {"members": list(self.members.values())}
        if path == "/v3/maintenance/alarm":
            return {}
        self.calls.append(f"{path} {json.dumps(body)} at {number}")
        if path == "/v3/maintenance/transfer-leadership":
            assert number == self.leader, "etcd: not leader"
            self.leader = int(body["targetID"])
            return {}
        assert path == "/v3/cluster/member/remove"
        del self.members[int(body["ID"])]
        return {}

    def _handler(self, number: int, name: str) -> type:
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(503 if name in fake.silent else 200)
                self.end_headers()
                self.wfile.write(json.dumps(fake.answer(number, self.path, body)).encode())

            def do_GET(self) -> None:
                self.send_response(404)
                self.end_headers()

            def log_message(self, *_args: t.Any) -> None:
                pass

        return Handler


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_etcd_member, "POLL_SECONDS", 0.01)


@pytest.fixture
def etcd() -> t.Iterator[FakeMembers]:
    fake = FakeMembers("cp1", "cp2", "cp3", "cp4")
    yield fake
    fake.stop()


def own(etcd: FakeMembers, number: int = 2) -> Etcd:
    return Etcd(etcd.url(number), None)


def test_all_are_well_and_the_new_one_is_among_them(etcd: FakeMembers) -> None:
    assert _etcd_member.wait_healthy(own(etcd), ["cp4"], 1) == ["cp1", "cp2", "cp3", "cp4"]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda etcd: etcd.silent.add("cp3"), "cp3: etcd at .* HTTP 503"),
        (lambda etcd: etcd.add(5, ""), "5: it was added and has never come up"),
        (lambda etcd: etcd.add(5, "cp5", isLearner=True), "cp5: it is a learner"),
        (lambda etcd: etcd.members.pop(4), "cp4 is no member"),
    ],
)
def test_what_is_wrong_is_told_by_member(etcd: FakeMembers, make: t.Callable[[FakeMembers], t.Any], why: str) -> None:
    make(etcd)
    with pytest.raises(UpliftError, match=why):
        _etcd_member.wait_healthy(own(etcd), ["cp4"], 0.05)


def test_the_leader_hands_over_before_it_is_removed(etcd: FakeMembers) -> None:
    assert _etcd_member.remove(own(etcd), "cp1", "", 2) is True
    assert [call.split()[0].rsplit("/", 1)[1] for call in etcd.calls] == ["transfer-leadership", "remove"]
    assert etcd.leader != 1
    assert 1 not in etcd.members
    assert _etcd_member.remove(own(etcd), "cp1", "", 2) is False


def test_a_follower_goes_without_a_word_to_the_leader(etcd: FakeMembers) -> None:
    _etcd_member.remove(own(etcd), "cp3", "", 2)
    assert etcd.calls == ['/v3/cluster/member/remove {"ID": "3"} at 2']


def test_check_mode_removes_nothing(etcd: FakeMembers) -> None:
    assert _etcd_member.remove(own(etcd), "cp3", "", 2, dry_run=True) is True
    assert etcd.calls == []


def test_a_member_stays_while_another_one_is_not_well(etcd: FakeMembers) -> None:
    """Protects: quorum. Four members, one silent: with another gone a single failure would stop etcd."""
    etcd.silent.add("cp3")
    with pytest.raises(UpliftError, match="2 of 3 other members are well"):
        _etcd_member.remove(own(etcd), "cp1", "", 0.05)
    assert etcd.calls == []


def test_a_member_that_is_dead_goes_while_a_quorum_is_left(etcd: FakeMembers) -> None:
    etcd.silent.update(["cp3", "cp4"])
    assert _etcd_member.remove(own(etcd), "cp3", "", 2) is True
    etcd.silent.add("cp1")
    with pytest.raises(UpliftError, match="1 of 2 other members are well"):
        _etcd_member.remove(own(etcd), "cp4", "", 0.05)


def test_a_member_that_answers_stays_when_only_a_dead_one_is_to_go(etcd: FakeMembers) -> None:
    """Protects: a node that is NotReady may have a kubelet that is away, and an etcd and API server that serve."""
    assert _etcd_member.remove(own(etcd), "cp3", "", 2, only_dead=True) is False
    assert etcd.calls == []
    etcd.silent.add("cp3")
    assert _etcd_member.remove(own(etcd), "cp3", "", 2, only_dead=True) is True


def test_a_member_that_never_came_up_is_known_by_its_address(etcd: FakeMembers) -> None:
    etcd.add(5, "")
    assert _etcd_member.remove(own(etcd), "cp5", "10.0.0.5", 2) is True
    assert _etcd_member.remove(own(etcd), "cp5", "10.0.0.4", 2) is False, "one with a name is not taken for it"


def test_the_member_that_is_asked_is_not_removed(etcd: FakeMembers) -> None:
    with pytest.raises(UpliftError, match="another control plane has to be"):
        _etcd_member.remove(own(etcd, 3), "cp3", "", 0.05)


@given(st.integers(1, 9), st.data())
def test_a_quorum_is_left_whatever_goes(others: int, data: st.DataObject) -> None:
    """Written anew: what is left decides by a majority of its own number."""
    well = data.draw(st.integers(0, others))
    target_well = data.draw(st.booleans())
    if _etcd_member.enough(others, well, target_well):
        assert well > others / 2
    elif not target_well:
        assert well <= others / 2
