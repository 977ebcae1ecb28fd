# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen of a cluster from outside while it is upgraded: who was out for how long, and which etcd ran."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from scenario.kube import Kube, Object, Watch, is_ready
from scenario.world import World

ETCD_PODS = "/api/v1/namespaces/kube-system/pods?labelSelector=component%3Detcd"


@dataclass
class Nodes:
    """Cordons of each host, and seconds for which it was cordoned or not Ready."""

    cordons: dict[str, int] = field(default_factory=dict)
    out: dict[str, float] = field(default_factory=dict)
    _since: dict[str, float] = field(default_factory=dict)
    _cordoned: set[str] = field(default_factory=set)

    def see(self, host: str, node: Object, now: float) -> None:
        cordoned, ready = bool(node["spec"].get("unschedulable")), is_ready(node)
        if cordoned and host not in self._cordoned:
            self.cordons[host] = self.cordons.get(host, 0) + 1
        (self._cordoned.add if cordoned else self._cordoned.discard)(host)
        if cordoned or not ready:
            self._since.setdefault(host, now)
        elif host in self._since:
            self.out[host] = self.out.get(host, 0.0) + now - self._since.pop(host)


@dataclass
class Members:
    """{host: the releases of etcd that its static pod ran, in order}, from the pods' images."""

    releases: dict[str, list[str]] = field(default_factory=dict)

    def see(self, host: str, pod: Object) -> None:
        # The image of the spec: what the runtime says of one that was there before any registry may be a bare digest.
        statuses = pod.get("status", {}).get("containerStatuses") or []
        if not any("running" in status.get("state", {}) for status in statuses):
            return
        release = pod["spec"]["containers"][0]["image"].rpartition(":")[2].partition("-")[0]
        seen = self.releases.setdefault(host, [])
        if not seen or seen[-1] != release:
            seen.append(release)

    def any_at(self, release: str) -> bool:
        """Whether a member has been seen at a release."""
        return any(release in seen for seen in list(self.releases.values()))


@contextlib.contextmanager
def eyes(made: World) -> Iterator[tuple[Nodes, Members]]:
    """Look at nodes and at etcd's pods until the block ends."""
    nodes, members, lock = Nodes(), Members(), threading.Lock()
    kube = made.kube()

    def node(_change: str, thing: Object) -> None:
        if "metadata" in thing and "spec" in thing:
            with lock:
                nodes.see(made.host_of(thing["metadata"]["name"]), thing, time.monotonic())

    def pod(change: str, thing: Object) -> None:
        if change != "DELETED" and "spec" in thing:
            with lock:
                members.see(made.host_of(thing["spec"]["nodeName"]), thing)

    with Watch(kube, "/api/v1/nodes", node), Watch(kube, ETCD_PODS, pod):
        yield nodes, members


def etcd_says(made: World, host: str) -> str:
    """The release that the member on a control plane host says it is, asked there with etcd's own certificates."""
    pki = "/etc/kubernetes/pki"
    text = made.on(
        host,
        f"curl -sS --max-time 10 --cacert {pki}/etcd/ca.crt --cert {pki}/apiserver-etcd-client.crt "
        f"--key {pki}/apiserver-etcd-client.key https://127.0.0.1:2379/version",
    )
    return text.partition('"etcdserver":"')[2].partition('"')[0]


def pin(kube: Kube) -> tuple[str, str]:
    """etcd.local.imageTag in ConfigMap kubeadm-config, and our annotation; "" where there is none."""
    config_map = kube.patient("GET", "/api/v1/namespaces/kube-system/configmaps/kubeadm-config")
    lines = config_map["data"]["ClusterConfiguration"].splitlines()
    tags = [line.partition(":")[2].strip() for line in lines if line.strip().startswith("imageTag:")]
    annotations = config_map["metadata"].get("annotations") or {}
    return "".join(tags), annotations.get("uplift.kubeadm/etcd-image-tag", "")
