# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches nodes and workloads from outside, through the API, and takes nobody's word for anything."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from scenario.kube import Kube, KubeError, Object, is_ready

from .tally import Sample
from .workload import BUDGETS, ready

_AGAIN = 0.2  # seconds between two tries
_WATCH, _SILENCE = 10, 15  # seconds after which a watch is begun anew, and a silent connection is given up


class Mirror:
    """A collection as it is: `take` is called with all of its objects, by name, whenever one of them has changed.

    In a thread of its own. After the API server was away everything is read anew, so that nothing that went meanwhile
    is believed to be there; `blind` has the seconds in which nothing could be seen.
    """

    def __init__(self, kube: Kube, path: str, take: Callable[[Mapping[str, Object]], None]) -> None:
        self._kube, self._path, self._take = Kube(kube.where, _SILENCE), path, take
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._since: float | None = None
        self.blind = 0.0

    def __enter__(self) -> Mirror:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join(_SILENCE + 1)
        self._seen()

    def stop(self) -> None:
        """It ends with the next thing that it sees, or with its watch."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.follow()
            except KubeError:  # away: that is what is waited for
                self._since = self._since or time.monotonic()
                self._stop.wait(_AGAIN)

    def follow(self) -> None:
        """Read all, then what changes, until the watch ends. Raises KubeError."""
        listed = self._kube.get(self._path)
        known = {item["metadata"]["name"]: item for item in listed["items"]}
        self._seen()
        self._take(known)

        def changed(event: Object) -> None:
            thing = event["object"]
            if event["type"] == "ERROR":  # too old a version: all is read anew
                raise KubeError(f"watch {self._path}: {thing.get('message')}")
            if event["type"] == "DELETED":
                known.pop(thing["metadata"]["name"], None)
            else:
                known[thing["metadata"]["name"]] = thing
            self._take(known)

        mark = "&" if "?" in self._path else "?"
        version = listed["metadata"]["resourceVersion"]
        path = f"{self._path}{mark}watch=1&resourceVersion={version}&timeoutSeconds={_WATCH}"
        self._kube.lines(path, self._stop, changed)

    def _seen(self) -> None:
        if self._since is not None:
            self.blind += time.monotonic() - self._since
            self._since = None


@dataclass
class Eyes:
    """What was seen, in order of time: nodes by their host, and Ready pods by budget."""

    hosts: Mapping[str, str]  # node -> host
    nodes: list[Sample] = field(default_factory=list)
    ready: dict[str, list[tuple[float, int]]] = field(default_factory=lambda: {b.name: [] for b in BUDGETS})
    mirrors: list[Mirror] = field(default_factory=list)

    @property
    def blind(self) -> float:
        """Seconds in which the API could not be asked, by the one that could for the shortest time."""
        return max((mirror.blind for mirror in self.mirrors), default=0.0)

    def take_nodes(self, nodes: Mapping[str, Object]) -> None:
        at = time.monotonic()
        for name, node in nodes.items():
            cordoned, kubelet = bool(node["spec"].get("unschedulable")), node["status"]["nodeInfo"]["kubeletVersion"]
            self.nodes.append(Sample(at, self.hosts[name], cordoned, is_ready(node), kubelet))

    def take_pods(self, budget: str, pods: Mapping[str, Object]) -> None:
        self.ready[budget].append((time.monotonic(), ready(list(pods.values()))))


@contextlib.contextmanager
def watching(kube: Kube, hosts: Mapping[str, str]) -> Iterator[Eyes]:
    """Eyes that are open while the block runs.

    :param hosts: inventory names by names of nodes.
    """
    eyes = Eyes(hosts)

    def of(budget: str) -> Callable[[Mapping[str, Object]], None]:
        return lambda pods: eyes.take_pods(budget, pods)

    eyes.mirrors = [Mirror(kube, "/api/v1/nodes", eyes.take_nodes)]
    eyes.mirrors += [Mirror(kube, budget.pods, of(budget.name)) for budget in BUDGETS]
    with contextlib.ExitStack() as stack:
        for mirror in eyes.mirrors:
            stack.enter_context(mirror)
        try:
            yield eyes
        finally:  # all at once, as each may take a while to end
            for mirror in eyes.mirrors:
                mirror.stop()
