# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""traffic_watch through main(), against a real HAProxy on loopback with plain HTTP servers behind it."""

from __future__ import annotations

import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _traffic_watch
from ansible_collections.uplift.kubeadm.plugins.modules import haproxy_weight, traffic_watch
from ansible_collections.uplift.kubeadm.tests.bluegreen import haproxy
from ansible_collections.uplift.kubeadm.tests.bluegreen.client import Client
from ansible_collections.uplift.kubeadm.tests.bluegreen.haproxy import Haproxy
from ansible_collections.uplift.kubeadm.tests.bluegreen.site import Site
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module

needs_haproxy = pytest.mark.skipif(haproxy.PROGRAM is None, reason=haproxy.HOW_TO_INSTALL)


@pytest.fixture(autouse=True)
def faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_traffic_watch, "EVERY", 0.05)


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
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return run_module(traffic_watch.main, capsys, {"side": "green", "failures": 3})


@pytest.fixture
def watch(proxy: Haproxy, capsys: pytest.CaptureFixture[str]) -> Run:
    """With HAProxy's counters; half of the traffic goes to green."""
    weights = run_module(haproxy_weight.main, capsys, {"socket": str(proxy.socket), "backends": ["web"], "config": ""})
    counters = weights(share=50)["counters"]
    defaults = {"side": "green", "socket": str(proxy.socket), "backends": ["web"], "counters": counters}
    return run_module(traffic_watch.main, capsys, defaults)


def test_a_good_check(run: Run, sites: dict[str, Site]) -> None:
    result = run(checks=[{"url": sites["green-1"].url, "contains": "green"}])
    assert (result["ok"], result["why"], result["changed"]) == (True, [], False)
    assert result["line"] == "1 of 1 checks are good"


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ({"status": [204]}, "answered 200, not 204 (3 times in a row)."),
        ({"contains": "blue"}, "answered 200 without «blue» (3 times in a row)."),
        ({"headers": {"Host": "shop"}, "status": [201, 204]}, "(Host: shop): answered 200, not 201 or 204"),
        ({"url": "http://127.0.0.1:1/"}, "http://127.0.0.1:1/: [Errno 111] Connection refused"),
        ({"url": "http://name.invalid/"}, "http://name.invalid/: "),
        ({"url": "nonsense"}, "nonsense: unknown url type"),
    ],
)
def test_a_bad_check(run: Run, sites: dict[str, Site], check: dict[str, t.Any], words: str) -> None:
    result = run(checks=[{"url": sites["green-1"].url, **check}])
    assert result["ok"] is False
    assert words in result["why"][0]
    assert result["seen"]["looks"] == 3  # a bad check is given its chances, also when it is the last look


def test_a_check_that_gets_well_again(run: Run, sites: dict[str, Site]) -> None:
    sites["green-1"].behaviour = "errors"
    url = [{"url": sites["green-1"].url}]
    seen = run(checks=url, final=False)["seen"]
    assert seen["trouble"] == {sites["green-1"].url: [1, "answered 500, not 200"]}
    sites["green-1"].behaviour = "well"
    assert run(checks=url, seen=seen)["ok"] is True


def test_trouble_goes_on_from_look_to_look(run: Run, sites: dict[str, Site]) -> None:
    sites["green-1"].behaviour = "errors"
    seen = None
    results = []
    for _unused in range(3):
        results.append(run(checks=[{"url": sites["green-1"].url}], seen=seen, final=False))
        seen = results[-1]["seen"]
    assert [result["ok"] for result in results] == [True, True, False]


def test_an_answer_that_never_ends_is_bad_in_time(run: Run) -> None:
    slow = Slow()
    try:
        result = run(checks=[{"url": slow.url}], check_timeout=0.3, failures=1)
        assert result["why"] == [f"{slow.url}: no whole answer within 0.3 s."]
    finally:
        slow.stop()


class Slow(Site):
    """Sends a byte of its answer now and then, so that no single read takes long."""

    def __init__(self) -> None:
        super().__init__("slow")
        handler = self._server.RequestHandlerClass  # type: ignore[union-attr]

        def trickle(self: t.Any) -> None:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            for _unused in range(40):
                self.wfile.write(b"x")
                self.wfile.flush()
                threading.Event().wait(0.05)
            self.close_connection = True

        handler.do_GET = trickle  # type: ignore[attr-defined]


@needs_haproxy
def test_counters_since_the_step_began(watch: Run, proxy: Haproxy) -> None:
    with Client(proxy.entry):
        result = watch(seconds=0.7)
    assert result["ok"] is True
    assert result["requests"] > 5 and result["errors"] == 0
    assert "requests, 0 of them failed" in result["line"]


@needs_haproxy
@pytest.mark.parametrize("behaviour", ["errors", "drops", "refuses"])
def test_a_side_whose_requests_fail(watch: Run, proxy: Haproxy, sites: dict[str, Site], behaviour: str) -> None:
    sites["green-1"].behaviour = behaviour
    if behaviour == "refuses":
        sites["green-1"].stop()
    with Client(proxy.entry):
        result = watch(seconds=20)
    assert result["ok"] is False
    assert "requests to green failed, 100.0 %; 1 % are allowed (blue: 0 of " in result["why"][0]
    assert result["requests"] < 400  # it did not wait for the end


@needs_haproxy
def test_few_requests_are_judged_at_the_end(watch: Run, proxy: Haproxy, sites: dict[str, Site]) -> None:
    sites["green-1"].behaviour = "errors"
    with Client(proxy.entry, rate=100) as client:
        while client.total.requests < 4:
            threading.Event().wait(0.01)
    first = watch(final=False)
    assert first["ok"] is True and first["errors"] > 0
    assert watch(seen=first["seen"])["ok"] is False


@needs_haproxy
def test_a_reload_in_between(watch: Run, proxy: Haproxy, sites: dict[str, Site], capsys: t.Any) -> None:
    with Client(proxy.entry):
        first = watch(seconds=0.5, final=False)
        proxy.config.write_text(proxy.config.read_text().replace("weight 0", "weight 100"))
        proxy.reload()
        second = watch(seconds=0.5, seen=first["seen"])
    assert second["ok"] is True
    assert first["requests"] < second["requests"] < 400


@needs_haproxy
def test_haproxy_that_is_gone_is_no_good_sign(watch: Run, proxy: Haproxy) -> None:
    first = watch(final=False)
    proxy.stop()
    result = watch(seen=first["seen"], seconds=20)
    assert result["ok"] is False
    assert "HAProxy's counters: " in result["why"][0] and "(3 times in a row)" in result["why"][0]


@needs_haproxy
def test_no_server_is_up(tmp_path: Path, sites: dict[str, Site], capsys: pytest.CaptureFixture[str]) -> None:
    proxy = Haproxy(tmp_path, {name: site.address for name, site in sites.items()}, check=True)
    try:
        watch = run_module(
            traffic_watch.main, capsys, {"side": "green", "socket": str(proxy.socket), "backends": ["web"]}
        )
        assert watch()["ok"] is True  # with weight 0 it is up, and could take traffic
        sites["green-1"].stop()
        while "DOWN" not in proxy.ask("show stat"):
            threading.Event().wait(0.02)
        result = watch(seconds=20)
        assert "no green server of web is up (web/green-1 is DOWN" in result["why"][0]
    finally:
        proxy.stop()
