# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches a cluster's nodes from outside, through the API, and tells when each was out of service.

It is the same for both ways of upgrading, and takes neither's word for anything.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import kubernetes
from outage import Sample, outages

# Seconds after which a watch is begun anew, and after which a silent connection is given up.
_WATCH, _SILENCE = 10, 15
_RECONNECT = 0.2


class Observer:
    """Collects samples in the background, until it is stopped; goes on when the API server comes back."""

    def __init__(self, kubeconfig: Path) -> None:
        configuration = kubernetes.client.Configuration()
        kubernetes.config.load_kube_config(str(kubeconfig), client_configuration=configuration)
        configuration.retries = False
        self._api = kubernetes.client.CoreV1Api(kubernetes.client.ApiClient(configuration))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.samples: list[Sample] = []

    def __enter__(self) -> Observer:
        logging.getLogger("urllib3").setLevel(logging.ERROR)
        self.nodes()  # fails here, not in the background, when the cluster cannot be reached
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(_SILENCE + 1)

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

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                # Without a resource version a watch begins with an event for each object as it is.
                events = kubernetes.watch.Watch().stream(
                    self._api.list_node, timeout_seconds=_WATCH, _request_timeout=(2, _SILENCE)
                )
                for event in events:
                    self.samples.append(_sample(event["object"]))
                    if self._stop.is_set():
                        return
            except Exception:  # the API server is away, in whatever manner: that is what is waited for
                self._stop.wait(_RECONNECT)


def _sample(node: Any) -> Sample:
    conditions = {condition.type: condition.status for condition in node.status.conditions or []}
    return Sample(
        at=time.monotonic(),
        node=node.metadata.name,
        cordoned=bool(node.spec.unschedulable),
        ready=conditions.get("Ready") == "True",
        kubelet=node.status.node_info.kubelet_version,
    )
