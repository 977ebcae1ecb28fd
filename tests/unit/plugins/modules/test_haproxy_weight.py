# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""haproxy_weight through main(), against a real HAProxy on loopback with plain HTTP servers behind it."""

from __future__ import annotations

import errno
import os
import socket
import stat
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _haproxy_file, _haproxy_switch
from ansible_collections.uplift.kubeadm.plugins.module_utils._haproxy_runtime import Runtime
from ansible_collections.uplift.kubeadm.plugins.modules import haproxy_weight
from ansible_collections.uplift.kubeadm.tests.bluegreen import haproxy
from ansible_collections.uplift.kubeadm.tests.bluegreen.client import Client
from ansible_collections.uplift.kubeadm.tests.bluegreen.haproxy import Haproxy
from ansible_collections.uplift.kubeadm.tests.bluegreen.site import Site
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module

pytestmark = pytest.mark.skipif(haproxy.PROGRAM is None, reason=haproxy.HOW_TO_INSTALL)


@pytest.fixture
def sites() -> t.Iterator[dict[str, Site]]:
    made = {name: Site(name) for name in ("blue-1", "green-1")}
    yield made
    for site in made.values():
        site.stop()


@pytest.fixture
def proxy(tmp_path: Path, sites: dict[str, Site]) -> t.Iterator[Haproxy]:
    made = Haproxy(tmp_path, {name: site.address for name, site in sites.items()}, connect="100ms")
    yield made
    made.stop()


@pytest.fixture
def run(proxy: Haproxy, capsys: pytest.CaptureFixture[str]) -> Run:
    return module(proxy, capsys)


def module(proxy: Haproxy, capsys: pytest.CaptureFixture[str]) -> Run:
    defaults = {"socket": str(proxy.socket), "config": str(proxy.config), "backends": ["web"]}
    return run_module(haproxy_weight.main, capsys, defaults)


def test_reading_changes_nothing(run: Run, proxy: Haproxy) -> None:
    before = proxy.config.read_bytes()
    result = run()
    assert (result["changed"], result["shares"]) == (False, {"web": 0})
    assert [(s["name"], s["side"], s["weight"]) for s in result["servers"]] == [
        ("blue-1", "blue", 100),
        ("green-1", "green", 0),
    ]
    assert result["counters"] == {"blue": {"web/blue-1": [0, 0]}, "green": {"web/green-1": [0, 0]}}
    assert proxy.config.read_bytes() == before


def test_a_share_is_set_at_run_time_and_kept(run: Run, proxy: Haproxy) -> None:
    before = proxy.config.read_text()
    proxy.config.chmod(0o640)
    result = run(share=10)
    assert (result["changed"], result["shares"], result["kept"]) == (True, {"web": 10}, True)
    assert proxy.weights() == {"blue-1": 90, "green-1": 10}
    after = proxy.config.read_text()
    assert after == before.replace("weight 100", "weight 90").replace("weight 0", "weight 10")
    assert Path(result["old_config"]).read_text() == before
    assert stat.S_IMODE(proxy.config.stat().st_mode) == 0o640
    assert [name.name for name in proxy.config.parent.glob(".haproxy.cfg*")] == []
    proxy.reload()
    assert proxy.weights() == {"blue-1": 90, "green-1": 10}
    again = run(share=10)
    assert (again["changed"], again["shares"]) == (False, {"web": 10})


def test_requests_are_shared_by_weight(run: Run, proxy: Haproxy, sites: dict[str, Site]) -> None:
    for share, expected in ((0, 0), (10, 10), (50, 50), (100, 100)):
        run(share=share)
        green = sites["green-1"].requests
        with Client(proxy.entry, rate=400) as client:
            while client.total.requests < 100:
                threading.Event().wait(0.01)
        assert client.total.failures == []
        assert abs(100 * (sites["green-1"].requests - green) / client.total.requests - expected) < 6


def test_no_request_fails_while_weights_move_and_haproxy_is_reloaded(run: Run, proxy: Haproxy) -> None:
    with Client(proxy.entry) as client:
        for share in (10, 50, 100, 0, 100, 50, 0):
            run(share=share)
            proxy.reload()
            assert proxy.weights() == {"blue-1": 100 - share, "green-1": share}
    assert client.total.requests > 50
    assert client.total.failures == []
    assert set(client.total.by) == {"blue-1", "green-1"}


def test_a_worker_that_takes_over_before_the_weights_are_read_back(
    run: Run, proxy: Haproxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, reloads = Runtime.set_weight, iter([True])

    def set_weight(runtime: Runtime, backend: str, name: str, weight: int) -> None:
        really(runtime, backend, name, weight)
        if next(reloads, False):
            proxy.reload()

    monkeypatch.setattr(Runtime, "set_weight", set_weight)
    assert run(share=50)["shares"] == {"web": 50}
    assert proxy.weights() == {"blue-1": 50, "green-1": 50}


def test_a_side_that_has_gone_down_when_weights_are_set_again_gets_nothing(
    run: Run, proxy: Haproxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, calls = Runtime.set_weight, iter(range(9))

    def set_weight(runtime: Runtime, backend: str, name: str, weight: int) -> None:
        really(runtime, backend, name, weight)
        if next(calls) == 1:  # both are set; the worker that takes over has the file's, and green is down there
            proxy.reload()
            proxy.ask("set server web/green-1 state maint")

    monkeypatch.setattr(Runtime, "set_weight", set_weight)
    assert "No green server would take traffic" in run(failed=True, share=100)["msg"]
    assert proxy.weights() == {"blue-1": 100, "green-1": 0}


def test_a_worker_of_the_old_file_that_takes_over_after_they_are_read_back(
    run: Run, proxy: Haproxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = _haproxy_file.put

    def put(*arguments: t.Any) -> str:
        proxy.reload()
        return really(*arguments)

    monkeypatch.setattr(_haproxy_file, "put", put)
    assert run(share=50)["shares"] == {"web": 50}
    assert proxy.weights() == {"blue-1": 50, "green-1": 50}


def test_weights_that_something_else_sets_again_are_told(
    run: Run, proxy: Haproxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_haproxy_switch, "BETWEEN_TRIES", 0.0)
    really = Runtime.set_weight
    monkeypatch.setattr(Runtime, "set_weight", lambda runtime, backend, name, weight: really(runtime, backend, name, 7))
    said = run(failed=True, share=50)["msg"]
    assert "3 times: web/blue-1 has 7 instead of 50" in said and "Does something else set weights" in said


def test_backup_servers_have_no_share(
    tmp_path: Path, sites: dict[str, Site], capsys: pytest.CaptureFixture[str]
) -> None:
    addresses = {name: site.address for name, site in sites.items()}
    made = Haproxy(tmp_path, {**addresses, "green-2": f"{addresses['green-1']} backup"}, connect="100ms")
    try:
        result = module(made, capsys)(share=10)
        assert [row["name"] for row in result["servers"]] == ["blue-1", "green-1"]
        weights = made.weights()
        assert (weights["blue-1"], weights["green-1"]) == (90, 10)
    finally:
        made.stop()


def test_check_mode_shows_what_it_would_do(run: Run, proxy: Haproxy) -> None:
    before = proxy.config.read_bytes()
    result = run(check_mode=True, share=50)
    assert result["changed"] is True
    assert result["diff"][0]["after"] == "web/blue-1 weight 50\nweb/green-1 weight 50\n"
    assert result["diff"][1]["after"].count("weight 50") == 2
    assert "defaults" not in result["diff"][1]["before"]  # only what changes is shown
    assert proxy.config.read_bytes() == before
    assert proxy.weights() == {"blue-1": 100, "green-1": 0}


def test_a_file_that_lost_the_weights_is_mended(run: Run, proxy: Haproxy) -> None:
    before = proxy.config.read_text()
    run(share=50)
    proxy.config.write_text(before)  # as configuration management would
    assert run(share=50)["changed"] is True
    assert "weight 50" in proxy.config.read_text()


def test_nothing_is_set_that_the_file_cannot_keep(run: Run, proxy: Haproxy) -> None:
    broken = proxy.config.read_text() + "\nfrontend nonsense\n    bind nowhere at all\n"
    proxy.config.write_text(broken)
    for check_mode in (True, False):
        said = run(check_mode=check_mode, failed=True, share=50)["msg"]
        assert "HAProxy does not accept" in said and "At run time" not in said
        assert "nowhere" in said  # HAProxy's own words
    assert proxy.weights() == {"blue-1": 100, "green-1": 0}
    assert proxy.config.read_text() == broken
    assert list(proxy.config.parent.glob(".haproxy.cfg*")) == []


def test_going_back_does_not_wait_for_a_file(run: Run, proxy: Haproxy) -> None:
    run(share=50)
    broken = proxy.config.read_text() + "\nfrontend nonsense\n    bind nowhere at all\n"
    proxy.config.write_text(broken)
    said = run(failed=True, share=0, force=True)["msg"]
    assert "haproxy.cfg with the new weights, so the old one stays" in said
    assert "At run time 0 % goes to green now. The next reload of HAProxy would bring back" in said
    assert proxy.weights() == {"blue-1": 100, "green-1": 0}
    assert proxy.config.read_text() == broken


def test_a_full_disk_does_not_keep_traffic_on_green(run: Run, proxy: Haproxy, monkeypatch: pytest.MonkeyPatch) -> None:
    run(share=100)

    def full(_number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    said = run(failed=True, share=0, force=True)["msg"]
    assert "No space left on device" in said and "At run time 0 % goes to green now" in said
    assert proxy.weights() == {"blue-1": 100, "green-1": 0}
    assert list(proxy.config.parent.glob(".haproxy.cfg*")) == []


@pytest.mark.parametrize("force", [False, True])
def test_a_side_that_somebody_has_drained_gets_nothing(run: Run, proxy: Haproxy, force: bool) -> None:
    """Protects: with weight 0 it looks as any other; green would give its share away, and nobody would answer."""
    run(share=100)
    proxy.ask("set server web/blue-1 state drain")
    said = run(failed=True, share=0, force=force)["msg"]
    assert "No blue server would take traffic (web/blue-1 is DRAIN)" in said
    assert proxy.weights() == {"blue-1": 0, "green-1": 100}
    proxy.ask("set server web/blue-1 state ready")
    assert run(share=0, force=force)["shares"] == {"web": 0}


def test_a_backend_that_cannot_go_back_keeps_no_other_from_it(
    tmp_path: Path, sites: dict[str, Site], capsys: pytest.CaptureFixture[str]
) -> None:
    addresses = {name: site.address for name, site in sites.items()}
    proxy = Haproxy(tmp_path, addresses, connect="100ms")
    try:
        text = proxy.config.read_text()
        _head, _backend, servers = text.partition("\nbackend web\n")
        proxy.config.write_text(f"{text}\nbackend api\n{servers}")
        proxy.reload()
        run = module(proxy, capsys)
        run(backends=["web", "api"], share=100)
        proxy.ask("set server api/blue-1 state maint")
        assert "No blue server" in run(backends=["api", "web"], share=0, failed=True)["msg"]
        assert run(backends=["web"])["shares"] == {"web": 100}, "forward, it is all of them or none"
        said = run(backends=["api", "web"], share=0, force=True, failed=True)["msg"]
        assert "(api/blue-1 is MAINT" in said and said.endswith("In web, 0 % goes to green.")
        assert run(backends=["api", "web"])["shares"] == {"api": 100, "web": 0}
    finally:
        proxy.stop()


def test_tcp_socket_and_no_file(run: Run, proxy: Haproxy) -> None:
    before = proxy.config.read_bytes()
    result = run(socket=f"127.0.0.1:{proxy.admin}", config="", share=50)
    assert (result["shares"], result["kept"]) == ({"web": 50}, False)
    assert proxy.config.read_bytes() == before


def test_a_link_stays_a_link(run: Run, proxy: Haproxy, tmp_path: Path) -> None:
    link = tmp_path / "link.cfg"
    link.symlink_to(proxy.config)
    run(config=str(link), share=50)
    assert link.is_symlink() and "weight 50" in proxy.config.read_text()


def test_errors_are_counted_by_what_the_client_lost(run: Run, proxy: Haproxy, sites: dict[str, Site]) -> None:
    run(share=50)
    told = []
    for behaviour in ("well", "errors", "drops", "refuses"):
        if behaviour == "refuses":
            sites["green-1"].stop()
        else:
            sites["green-1"].behaviour = behaviour
        before = run()["counters"]["green"]["web/green-1"]
        ask(proxy, 20)
        after = run()["counters"]["green"]["web/green-1"]
        told.append((after[0] - before[0], after[1] - before[1]))
    assert all(9 <= requests <= 11 for requests, _errors in told)
    assert [errors for _requests, errors in told] == [0, *(requests for requests, _errors in told[1:])]


def test_errors_in_tcp_mode(tmp_path: Path, sites: dict[str, Site], capsys: pytest.CaptureFixture[str]) -> None:
    proxy = Haproxy(tmp_path, {name: site.address for name, site in sites.items()}, mode="tcp", connect="100ms")
    try:
        run = module(proxy, capsys)
        run(share=50)
        ask(proxy, 20)
        requests, errors = run()["counters"]["green"]["web/green-1"]
        assert 9 <= requests <= 11 and errors == 0
        sites["green-1"].stop()
        ask(proxy, 20)
        more, errors = run()["counters"]["green"]["web/green-1"]
        assert more - requests == errors > 8
    finally:
        proxy.stop()


def ask(proxy: Haproxy, times: int) -> None:
    for _unused in range(times):
        with socket.create_connection(("127.0.0.1", proxy.entry), 5) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            try:
                while connection.recv(65536):
                    pass
            except OSError:
                pass


def test_a_side_that_is_down_gets_nothing(
    tmp_path: Path, sites: dict[str, Site], capsys: pytest.CaptureFixture[str]
) -> None:
    proxy = Haproxy(tmp_path, {name: site.address for name, site in sites.items()}, check=True)
    try:
        run = module(proxy, capsys)
        sites["green-1"].stop()
        while "DOWN" not in proxy.ask("show stat"):
            threading.Event().wait(0.02)
        said = run(failed=True, share=100)["msg"]
        assert "No green server would take traffic (web/green-1 is DOWN" in said
        assert proxy.weights() == {"blue-1": 100, "green-1": 0}
        assert run(share=0)["changed"] is False
    finally:
        proxy.stop()


def test_an_algorithm_that_is_fixed_is_refused(
    tmp_path: Path, sites: dict[str, Site], capsys: pytest.CaptureFixture[str]
) -> None:
    proxy = Haproxy(tmp_path, {name: site.address for name, site in sites.items()}, balance="source")
    try:
        said = module(proxy, capsys)(failed=True, share=50)["msg"]
        assert "static LB algorithm" in said and "hash-type consistent" in said
    finally:
        proxy.stop()


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"backends": ["nope"]}, "HAProxy has no backend «nope» with servers; it has web."),
        ({"green": ["gruen*"]}, "is blue or green"),
        ({"blue": ["*"]}, "is blue or green"),
        (
            {"blue": ["*"], "green": ["x"]},
            "The backend «web» has no green server: none of blue-1, green-1 is called x.",
        ),
        ({"socket": "/nonexistent/admin.sock"}, "There is no socket /nonexistent/admin.sock. Is HAProxy running"),
        ({"socket": "127.0.0.1:1"}, "Nobody listens at 127.0.0.1:1"),
        ({"share": 101}, "A share of 101 % cannot be set"),
        ({"share": 50, "validate": "true"}, "validate has no %s"),
        ({"share": 50, "validate": "no-such-program %s"}, "cannot be checked, so the old one stays"),
        ({"share": 50, "config": "/nonexistent/haproxy.cfg"}, "cannot be read, so weights cannot be kept there"),
        ({"share": 50, "config": "/etc/hostname"}, "has no «server» line for web/blue-1, web/green-1"),
    ],
)
def test_what_is_told_when_it_cannot_be_done(run: Run, params: dict[str, t.Any], words: str) -> None:
    assert words in run(failed=True, **params)["msg"]
