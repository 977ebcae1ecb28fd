# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches a cluster while its workers go out in waves, through its API, and takes nobody's word for anything.

Budgets as the disruption controller has them, Deployments without a budget, pods that the scheduler finds no node for;
and evictions as the API server has counted them.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import living

_BUDGETS, _DEPLOYMENTS = "/apis/policy/v1/poddisruptionbudgets", "/apis/apps/v1/deployments"
_HOMELESS = "/api/v1/pods?fieldSelector=spec.nodeName%3D"  # a watch of it says DELETED, too, when a pod is placed
_WATCH, _SILENCE, _AGAIN = 600, 660, 0.5  # seconds: of one watch, until one is given up, between two tries
_EVICTIONS = re.compile(r"^apiserver_request_total\{([^}]*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')

Object = dict[str, Any]


@dataclass
class Seen:
    """broken: {budget: pods that it was short of, at most}. short: {Deployment without a budget: pods that were not
    Ready, at most}. waiting: pods at most, at one time, that the scheduler found no node for."""

    broken: dict[str, int] = field(default_factory=dict)
    short: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    _homeless: set[str] = field(default_factory=set)

    def budget(self, _kind: str, budget: Object) -> None:
        meta, status = budget["metadata"], budget.get("status") or {}
        if status.get("observedGeneration") == meta["generation"]:
            _raise_to(self.broken, meta["name"], status["desiredHealthy"] - status["currentHealthy"])

    def deployment(self, _kind: str, deployment: Object) -> None:
        meta = deployment["metadata"]
        if meta.get("labels", {}).get(living.BUDGET_LABEL) == living.NO_BUDGET:
            ready, wanted = living.ready_of(deployment)
            _raise_to(self.short, meta["name"], wanted - ready)

    def homeless(self, kind: str, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        refused = any(
            c["type"] == "PodScheduled" and c["status"] == "False" and c.get("reason") == "Unschedulable"
            for c in pod.get("status", {}).get("conditions") or []
        )
        if kind != "DELETED" and refused:
            self._homeless.add(uid)
            self.waiting = max(self.waiting, len(self._homeless))
        else:
            self._homeless.discard(uid)


def _raise_to(most: dict[str, int], name: str, number: int) -> None:
    if number > most.get(name, 0):
        most[name] = number


def evictions(metrics: str) -> dict[str, int]:
    """{HTTP status: how often the API server has answered an eviction with it}, from its metrics."""
    found: dict[str, int] = {}
    for line in _EVICTIONS.finditer(metrics):
        labels = dict(_LABEL.findall(line[1]))
        if (labels.get("resource"), labels.get("subresource")) == ("pods", "eviction"):
            found[labels["code"]] = found.get(labels["code"], 0) + int(float(line[2]))
    return found


def since(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int]:
    return {code: number - before.get(code, 0) for code, number in now.items() if number > before.get(code, 0)}


class Watch:
    """Calls `take` with (event's type, object) for all objects of a collection as they are and as they change.

    In a thread of its own, until it is stopped. A watch that has ended begins anew, with an ADDED for each object.
    """

    def __init__(self, server: str, token: str, path: str, take: Callable[[str, Object], None]) -> None:
        self._where, self._path, self._take = urlsplit(server), path, take
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()  # the thread is a daemon, and ends with the next event

    def _run(self) -> None:
        while not self._stop.is_set():
            # Whatever goes wrong on the way, it is begun again.
            with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
                self._follow()
            self._stop.wait(_AGAIN)

    def _follow(self) -> None:
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(self._where.netloc, timeout=_SILENCE, context=trusting)
        try:
            mark = "&" if "?" in self._path else "?"
            connection.request("GET", f"{self._path}{mark}watch=1&timeoutSeconds={_WATCH}", None, self._headers)
            response = connection.getresponse()
            while response.status == 200 and not self._stop.is_set():
                line = response.readline()
                if not line:
                    return
                event = json.loads(line)
                if event["type"] in ("ADDED", "MODIFIED", "DELETED"):
                    self._take(event["type"], event["object"])
        finally:
            connection.close()


@contextlib.contextmanager
def watching(kubeconfig: str) -> Iterator[Seen]:
    """What is seen while the block runs."""
    from ansible_collections.uplift.kubeadm.plugins.module_utils import _kubeconfig

    config, seen = _kubeconfig.load(kubeconfig), Seen()
    with contextlib.ExitStack() as stack:
        for path, take in ((_BUDGETS, seen.budget), (_DEPLOYMENTS, seen.deployment), (_HOMELESS, seen.homeless)):
            stack.enter_context(Watch(config.server, str(config.token), path, take))
        yield seen


def count_evictions(kubeconfig: str) -> dict[str, int]:
    """What the API server has counted since it was started."""
    from ansible_collections.uplift.kubeadm.plugins.module_utils import _api

    answer = _api.StdlibTransport(kubeconfig).request("GET", "/metrics", None, "application/json")
    if answer.status != 200:
        raise SystemExit(f"GET /metrics: HTTP {answer.status}")
    return evictions(answer.body.decode())
