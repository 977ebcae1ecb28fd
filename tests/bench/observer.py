# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches a cluster's nodes and the workload from outside, through the API: when was which out of service?

It is the same for both ways of upgrading, and takes neither's word for anything.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import kubernetes
from outage import Sample, outages

# Seconds after which a watch is begun anew, and after which a silent connection is given up.
_WATCH, _SILENCE = 10, 15
_RECONNECT = 0.2
WORKLOAD = "app=bench"  # the label of its pods, in the namespace default


class Observer:
    """Collects samples in the background, until it is stopped; goes on when the API server comes back."""

    def __init__(self, kubeconfig: Path) -> None:
        configuration = kubernetes.client.Configuration()
        kubernetes.config.load_kube_config(str(kubeconfig), client_configuration=configuration)
        configuration.retries = False
        self._api = kubernetes.client.CoreV1Api(kubernetes.client.ApiClient(configuration))
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._nodes, self._pods)]
        self.samples: list[Sample] = []
        self.ready: list[tuple[float, int]] = []  # (when, how many pods of the workload were Ready)

    def __enter__(self) -> Observer:
        logging.getLogger("urllib3").setLevel(logging.ERROR)
        self.nodes()  # fails here, not in the background, when the cluster cannot be reached
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(_SILENCE + 1)

    def nodes(self) -> dict[str, Sample]:
        """The nodes as they are now."""
        return {sample.node: sample for sample in map(_sample, self._api.list_node(_request_timeout=30).items)}

    def wait(self, nodes: Iterable[str], timeout: float) -> None:
        """Until none of the nodes is out, as far as has been seen, or the time is over."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if all(outage.back for node in nodes for outage in outages(list(self.samples), node)):
                return
            time.sleep(_RECONNECT)

    def _nodes(self) -> None:
        self._watch(lambda event: self.samples.append(_sample(event["object"])), self._api.list_node)

    def _pods(self) -> None:
        ready: set[str] = set()

        def take(event: Any) -> None:
            name = event["object"].metadata.name
            if event["type"] != "DELETED" and _is_ready(event["object"]):
                ready.add(name)
            else:
                ready.discard(name)
            self.ready.append((time.monotonic(), len(ready)))

        self._watch(take, self._api.list_namespaced_pod, namespace="default", label_selector=WORKLOAD)

    def _watch(self, take: Callable[[Any], None], read: Callable[..., Any], **what: str) -> None:
        while not self._stop.is_set():
            try:
                # Without a resource version a watch begins with an event for each object as it is.
                events = kubernetes.watch.Watch().stream(
                    read, timeout_seconds=_WATCH, _request_timeout=(2, _SILENCE), **what
                )
                for event in events:
                    take(event)
                    if self._stop.is_set():
                        return
            except Exception:  # the API server is away, in whatever manner: that is what is waited for
                self._stop.wait(_RECONNECT)


def _is_ready(pod: Any) -> bool:
    if pod.metadata.deletion_timestamp is not None:
        return False
    return any(condition.type == "Ready" and condition.status == "True" for condition in pod.status.conditions or [])


def _sample(node: Any) -> Sample:
    conditions = {condition.type: condition.status for condition in node.status.conditions or []}
    return Sample(
        at=time.monotonic(),
        node=node.metadata.name,
        cordoned=bool(node.spec.unschedulable),
        ready=conditions.get("Ready") == "True",
        kubelet=node.status.node_info.kubelet_version,
    )
