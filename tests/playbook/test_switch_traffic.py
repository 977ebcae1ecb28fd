# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""switch_traffic as users run it, with real HAProxies and plain HTTP servers on loopback."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import typing as t
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from bluegreen import haproxy
from bluegreen.client import Client
from bluegreen.loopback import Loopback, loopback

needs_haproxy = pytest.mark.skipif(haproxy.PROGRAM is None, reason=haproxy.HOW_TO_INSTALL)
ALL_BLUE, ALL_GREEN = {"blue-1": 100, "green-1": 0}, {"blue-1": 0, "green-1": 100}
GATE = """
- name: A look of one's own
  ansible.builtin.assert:
    that: inventory_hostname != bad_host or switch_traffic_state.share | int < 50
    fail_msg: the shop's own test failed
"""


@pytest.fixture
def make(tmp_path: Path) -> t.Iterator[t.Callable[..., Loopback]]:
    collections = os.environ.get("ANSIBLE_COLLECTIONS_PATH") or str(ROOT / ".build/collections")
    made: list[t.Any] = []

    def start(**options: t.Any) -> Loopback:
        context = loopback(tmp_path, {"ANSIBLE_COLLECTIONS_PATH": collections}, **options)
        made.append(context)
        return t.cast(Loopback, context.__enter__())

    yield start
    for context in made:
        context.__exit__(None, None, None)


@needs_haproxy
def test_to_green_step_by_step_and_nothing_is_left_to_do(make: t.Callable[..., Loopback]) -> None:
    both = make(proxies=2)
    with Client(both.proxies[0].entry) as client:
        code, output = both.run()
    assert code == 0, output
    assert client.total.failures == []
    assert both.weights() == [ALL_GREEN, ALL_GREEN]
    assert "0 % of the traffic goes to green. Steps: 10 %, 50 %, 100 %, each held for 2 s." in output
    assert "50 % to green, held 2 of 2 s: green had " in output
    assert output.count("changed: [lb1]") == 3
    code, output = both.run()
    assert code == 0 and "There is nothing to do." in output and "changed=0" in output
    assert "Look at green" not in output  # blue may be gone: nothing could send the traffic back to it


@needs_haproxy
def test_a_gate_that_fails_sends_everything_back(make: t.Callable[..., Loopback]) -> None:
    one = make()
    one.sites["green-1"].broken_from = 25
    with Client(one.proxies[0].entry):
        code, output = one.run({"switch_traffic_hold": 6, "switch_traffic_report_every": 2})
    assert code != 0
    assert one.weights() == [ALL_BLUE]
    assert "Green is not well" in output
    assert "All traffic goes to blue again. Mend green, and run the same command again" in output
    assert one.proxies[0].config.read_text().count("weight 100") == 1


@needs_haproxy
def test_one_gate_for_all_load_balancers(make: t.Callable[..., Loopback], tmp_path: Path) -> None:
    both = make(proxies=2)
    (tmp_path / "gate.yml").write_text(GATE)
    code, output = both.run({"switch_traffic_gate": str(tmp_path / "gate.yml"), "bad_host": "lb2"})
    assert code != 0
    assert both.weights() == [ALL_BLUE, ALL_BLUE]
    assert "the shop's own test failed All traffic goes to blue again." in output
    assert "Its gate failed on another load balancer. All traffic goes to blue again." in output


@needs_haproxy
def test_it_goes_on_where_it_was_and_check_mode_changes_nothing(make: t.Callable[..., Loopback]) -> None:
    one = make()
    proxy = one.proxies[0]
    for command in ("green-1 weight 50", "blue-1 weight 50"):
        proxy.ask(f"set server web/{command}")
    before = proxy.config.read_text()
    code, output = one.run({}, "--check", "--diff")
    assert code == 0, output
    assert one.weights() == [{"blue-1": 50, "green-1": 50}] and proxy.config.read_text() == before
    assert "+web/green-1 weight 100" in output and "Look at green" not in output
    code, output = one.run({"switch_traffic_hold": 0})
    assert code == 0 and "Steps: 50 %, 100 %, each held" in output
    assert one.weights() == [ALL_GREEN]
    code, output = one.run({"switch_traffic_back": True})
    assert code == 0 and "All traffic goes to blue." in output and "Look at" not in output
    assert one.weights() == [ALL_BLUE]


@needs_haproxy
def test_a_load_balancer_that_cannot_be_read_stops_it_before_it_begins(make: t.Callable[..., Loopback]) -> None:
    both = make(proxies=2)
    both.proxies[1].stop()
    code, output = both.run()
    assert code != 0 and "so nothing was changed" in output
    assert both.proxies[0].weights() == ALL_BLUE


class FakeWeights(HTTPServer):
    """The HTTP API of docs/examples/switch_by_http_api.yml."""

    def __init__(self) -> None:
        self.weights = {"blue": 100, "green": 0}
        self.set: list[int] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: FakeWeights

    def do_GET(self) -> None:
        body = json.dumps(self.server.weights).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.weights = {side: int(weight) for side, weight in given.items()}
        self.server.set.append(self.server.weights["green"])
        self.do_GET()

    def log_message(self, *_: t.Any) -> None:
        """Not on the terminal."""


def test_the_example_of_another_switch_runs(make: t.Callable[..., Loopback], tmp_path: Path) -> None:
    other = make(proxies=0)
    weights = FakeWeights()
    example = shutil.copy(ROOT / "docs/examples/switch_by_http_api.yml", tmp_path)
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    other.inventory.write_text(json.dumps({"haproxy": {"hosts": {"here": host}}}))
    url = f"http://127.0.0.1:{weights.server_address[1]}/"
    given = {"switch_traffic_switch": example, "weights_url": url, "switch_traffic_hold": 1}
    try:
        code, output = other.run(given)
        assert code == 0, output
        assert weights.set == [10, 50, 100]
        other.sites["blue-1"].behaviour = "errors"
        code, output = other.run({**given, "switch_traffic_to": "blue"})
        assert code != 0 and "Blue is not well (beforehand)" in output
        assert weights.weights == {"blue": 0, "green": 100}
        code, output = other.run({**given, "switch_traffic_green_checks": [], "switch_traffic_back": False})
        assert code != 0 and "Nothing would say whether green is well" in output
        code, output = other.run({**given, "switch_traffic_bakc": True})
        assert code != 0 and "No such variable: switch_traffic_bakc (did you mean switch_traffic_back?)" in output
        assert weights.weights == {"blue": 0, "green": 100}
    finally:
        weights.shutdown()
        weights.server_close()
