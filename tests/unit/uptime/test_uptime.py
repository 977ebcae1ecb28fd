# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the uptime scenario that need no cluster: what counts as failed, as lost, and what is told of it."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("yaml")

from scenario.events import Event
from uptime import cli, service, tally, writer
from uptime.client import Client


def failure(at: float, entry: str = "cp1", error: str = "refused") -> tally.Failure:
    return tally.Failure(at, entry, error, 0.5)


def event(at: float, kind: str, task: str, host: str = "worker1") -> Event:
    return Event(at, kind, "ok" if kind == "end" else "", "p", 0, host, task, "uplift.kubeadm.node_drain")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        with self.server.lock:  # type: ignore[attr-defined]
            self.server.requests += 1  # type: ignore[attr-defined]
            fails = self.server.requests % 5 == 0  # type: ignore[attr-defined]
        self.send_response(500 if fails else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128  # by itself 5, which the threads of the client overrun: the kernel drops connections then


@pytest.fixture
def server() -> Iterator[Any]:
    with Server(("127.0.0.1", 0), Handler) as made:
        made.requests, made.lock = 0, threading.Lock()  # type: ignore[attr-defined]
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()


def test_every_request_is_either_answered_or_failed(server: Any) -> None:
    begun = time.monotonic()
    with Client([("cp1", "127.0.0.1"), ("worker1", "127.0.0.1")], server.server_address[1], rate=200) as client:
        until(lambda: client.count >= 50)
    assert client.count == server.requests
    assert len(client.failures) == server.requests // 5
    assert {f.error for f in client.failures} == {"HTTP 500"}
    assert client.count <= 200 * (time.monotonic() - begun) + 1, "none is sent before its time; the first is at 0"


def test_a_port_that_refuses_is_a_failure_with_its_node() -> None:
    with Client([("cp1", "127.0.0.1")], 1, rate=50) as client:
        until(lambda: client.failures)
    assert client.failures
    assert not client.seconds
    assert client.failures[0].entry == "cp1"
    assert "refused" in client.failures[0].error


def test_failures_close_together_are_one_burst() -> None:
    found = tally.bursts([failure(10.0), failure(20.0), failure(11.5), failure(21.0)])
    assert [(burst.at, len(burst.failures)) for burst in found] == [(10.0, 2), (20.0, 2)]
    assert found[0].seconds == 2.0


def test_what_the_run_was_at_and_which_nodes_were_out_is_told() -> None:
    events = [event(1.0, "begin", "Drain"), event(5.0, "end", "Drain"), event(9.0, "begin", "Install kubelet")]
    changes = [
        tally.NodeChange(0.0, "worker1", False, True),
        tally.NodeChange(2.0, "worker1", True, True),
        tally.NodeChange(8.0, "worker1", True, False),
    ]
    assert tally.doing(events, 3.0) == "hop 1, worker1: Drain"
    assert tally.doing(events, 6.0) == "after hop 1, worker1: Drain"
    assert tally.doing(events, 0.5) == "before the run"
    assert tally.nodes_at(changes, 1.0) == "all nodes in service"
    assert tally.nodes_at(changes, 3.0) == "worker1 cordoned"
    assert tally.nodes_at(changes, 9.0) == "worker1 cordoned and not Ready"
    lines = tally.told([failure(3.0), failure(3.1, "worker2")], events, changes)
    assert "2 failed within" in lines[0]
    assert lines[1].endswith("cp1 (1), worker2 (1)")
    assert "worker1: Drain" in lines[3]


def test_figures_that_hold_and_that_do_not() -> None:
    good = tally.Figures("1 + 2", "a to b", answered=[0.001] * tally.LEAST_REQUESTS)
    assert good.verdicts() == []
    assert tally.table(good, [], [])[-1] == "all as it should be"
    assert len(replace(good, failures=[failure(1.0)]).verdicts()) == 1
    assert len(replace(good, answered=[0.1]).verdicts()) == 1
    assert len(replace(good, returncode=2).verdicts()) == 1
    assert replace(good, api=tally.ApiFigures(9, 9, [], [failure(1.0)])).verdicts() == []
    bad = replace(good, api=tally.ApiFigures(9, 9, ["w1"], []))
    assert bad.verdicts() == ["1 acknowledged writes are lost: w1"]
    assert tally.table(bad, [], [])[-1].startswith("WRONG")


def test_acknowledged_writes_that_are_not_there_are_lost() -> None:
    found = {"w0": "0", "w1": "1", "w2": "7", "counter": "2"}
    assert writer.missing([0, 1], 2, found) == []
    assert writer.missing([0, 1, 2, 3], 2, found) == ["w2", "w3"]
    assert len(writer.missing([], 3, found)) == 1


def test_config_maps_that_the_writer_did_not_write_are_passed_over() -> None:
    """Every namespace has kube-root-ca.crt, and an object may have no data at all."""

    class Pages:
        def patient(self, method: str, path: str) -> dict[str, Any]:
            if "continue=" in path:
                return {"metadata": {}, "items": [{"metadata": {"name": "counter"}, "data": {"number": "0"}}]}
            authority = {"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": "…"}}
            own = {"metadata": {"name": "w0"}, "data": {"number": "0"}}
            return {"metadata": {"continue": "next"}, "items": [authority, {"metadata": {"name": "bare"}}, own]}

    did: Any = SimpleNamespace(acknowledged=[0, 1], counted=0)
    pages: Any = Pages()
    assert writer.lost(did, pages) == ["w1"]


def test_percentiles() -> None:
    assert tally.percentile([], 0.5) == 0.0
    assert tally.percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert tally.percentile([1.0, 2.0], 0.99) == 2.0


def test_the_service_is_one_that_a_careful_user_has() -> None:
    deployment, budget, _service = (body for _path, body in service.objects("image"))
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["terminationGracePeriodSeconds"] > service.PRE_STOP_SECONDS
    assert container["readinessProbe"]
    assert container["lifecycle"]["preStop"]
    assert budget["spec"]["selector"] == deployment["spec"]["selector"]


@pytest.mark.parametrize("argv", [["--rate", "0"], ["--control-planes", "2"], ["--nonsense"]])
def test_wrong_arguments_are_refused_before_anything_is_made(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(argv)
    assert stopped.value.code == 2
