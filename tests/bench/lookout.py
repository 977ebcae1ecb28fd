# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches a cluster while its workers go out in waves, through its API, and takes nobody's word for anything.

Budgets as the disruption controller has them, Deployments without a budget, pods that the scheduler finds no node for;
and evictions as the API server has counted them.
"""

from __future__ import annotations

import contextlib
import re
import ssl
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import kube
import living

sys.path.insert(0, str(kube.ROOT))
from tests.scenario.kube import Access, Kube, Watch  # type: ignore[import-not-found]

_BUDGETS, _DEPLOYMENTS = "/apis/policy/v1/poddisruptionbudgets", "/apis/apps/v1/deployments"
_HOMELESS = "/api/v1/pods?fieldSelector=spec.nodeName%3D"  # a watch of it says DELETED, too, when a pod is placed
_WATCH = 600  # seconds of one watch: each begins with all objects anew
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


def _asking(kubeconfig: str) -> Kube:
    """kube.py's API server: a token, and a certificate of its own making."""
    from ansible_collections.uplift.kubeadm.plugins.module_utils import _kubeconfig

    config = _kubeconfig.load(kubeconfig)
    server = urlsplit(config.server)
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    return Kube(Access(str(server.hostname), server.port or 443, trusting, str(config.token)))


@contextlib.contextmanager
def watching(kubeconfig: str) -> Iterator[Seen]:
    """What is seen while the block runs."""
    asking, seen = _asking(kubeconfig), Seen()
    with contextlib.ExitStack() as stack:
        for path, take in ((_BUDGETS, seen.budget), (_DEPLOYMENTS, seen.deployment), (_HOMELESS, seen.homeless)):
            stack.enter_context(Watch(asking, path, take, _WATCH))
        yield seen


def count_evictions(kubeconfig: str) -> dict[str, int]:
    """What the API server has counted since it was started."""
    from ansible_collections.uplift.kubeadm.plugins.module_utils import _api

    answer = _api.StdlibTransport(kubeconfig).request("GET", "/metrics", None, "application/json")
    if answer.status != 200:
        raise SystemExit(f"GET /metrics: HTTP {answer.status}")
    return evictions(answer.body.decode())
