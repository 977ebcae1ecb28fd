# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API server of a control plane node lets its clients go, before the etcd under it is restarted, or leaves.

An API server that kubeadm made knows the member of etcd on its own node alone. While kubeadm restarts that member, it
takes connections and answers none, and whoever is connected to it waits: kubelets, whose leases run out (40 s, then
their nodes are NotReady, and their pods no endpoints of any Service), and the kubelet of this node itself, which does
not start the new member before it has given up on the mirror pod of the old one (34 s: kubernetes/kubernetes#139502).
A load balancer that sees it only sends no new connections there.

One that was asked to end (SIGTERM) takes no new connections, answers what it was asked, and tells its clients to
connect anew (HTTP/2's GOAWAY). kubelet starts it again when it has ended. Kubernetes' documentation advises the same:
"Considerations when upgrading etcd", https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/

The kubelet of a control plane that kubeadm 1.33 or later has made knows this API server alone (the feature gate
ControlPlaneKubeletLocalMode; https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-init/). Until it is back,
this node renews no lease and starts no pod that the API has for it. Its end takes a minute by itself, as kubelet's own
watches are among those that it waits for: the node would be NotReady then, which kubeadm's preflight check refuses
(ControlPlaneNodesReady). So it is told twice: the second signal ends it at once (SetupSignalContext in
k8s.io/apiserver/pkg/server/signal.go), after it has had IN_FLIGHT seconds for what it was asked. Then it is waited for,
and for the node: kubeadm's own check, a Job that may come to this node, gets 15 seconds (CreateJob,
cmd/kubeadm/app/phases/upgrade/health.go).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
import typing as t
from pathlib import Path
from urllib.parse import urlsplit

from ansible_collections.uplift.kubeadm.plugins.module_utils import _kubeconfig
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import (
    Api,
    ApiError,
    Away,
    Object,
    StdlibTransport,
    path_part,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import is_true
from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._node import Node
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_flags import flags_of
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_static_pods import StaticPod, static_pods
from ansible_collections.uplift.kubeadm.plugins.module_utils._running import Local, Manifest
from ansible_collections.uplift.kubeadm.plugins.module_utils._settled import Process, processes

NAME = "kube-apiserver"
KUBELET = "etc/kubernetes/kubelet.conf"
# Where every API server notes that it is there (pkg/controlplane/controller/kubernetesendpoints).
SLICE = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"
# New connections in a row that have to be answered. A load balancer takes some seconds to see that a server is gone,
# and sends every second or third connection there until then.
STEADY = 10
POLL_SECONDS = 0.5
# For requests that it answers yet, where its kubelet has no other. A lease may be 40 s old (50 s from 1.32 on), and the
# new one takes up to 20 s to serve.
IN_FLIGHT = 10.0
LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/"


def drain(root: Path, kubeconfig: str, timeout: float) -> str:
    """End the API server of this node, if its clients have another to go to; "", or why it was left alone.

    It keeps the watches of before until it has ended, which may take a minute, and has no other clients.

    :raises UpliftError: new connections to the API are not answered, timeout seconds later; or this node's kubelet
        knows no other API server, and that or the node is not back after as long again.
    """
    pods, _unread = static_pods(root)
    pod = pods.get(NAME)
    if pod is None:
        return f"This node runs no {NAME}."
    if not etcd_is_local(pod.flags):
        return "Its etcd is not on this node."
    local = Local(root)
    try:
        noted = Api(StdlibTransport(kubeconfig), timeout).find(SLICE)
    except UpliftError as error:
        return f"Which other API servers there are could not be asked. {error}"
    others = others_than(pod.flags.get("advertise-address"), noted)
    if not others:
        return "There is no other API server for its clients to go to."
    answers = {host: local.ask(NAME, Manifest("", flags)) for host, flags in others.items()}
    if not any(answer.healthy for answer in answers.values()):
        told = " ".join(f"{host}: {answer.why}." for host, answer in answers.items())
        return f"No other API server is well, for its clients to go to. {told}"
    own = [process.pid for process in processes(root) if _is_of(root, process, pod)]
    if not own:
        return f"No {NAME} of this node's static pod runs."
    for pid in own:
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    _wait_closed(local.address(NAME, Manifest(pod.image, pod.flags)), deadline)
    kubelets_only = _is_kubelets_only(root, pod.flags)
    if kubelets_only:
        _end_now(root, own)
    _wait_answered(kubeconfig, deadline, timeout)
    if kubelets_only:
        _wait_back(local, Manifest(pod.image, pod.flags), kubeconfig, Node(root, Runner()).name()[0], timeout)
    return ""


def etcd_is_local(flags: t.Mapping[str, str]) -> bool:
    """Whether all of etcd that an API server knows is on its own node. Pure."""
    hosts = {urlsplit(url.strip()).hostname for url in flags.get("etcd-servers", "").split(",")}
    return hosts <= {"127.0.0.1", "::1", "localhost", flags.get("advertise-address")} - {None}


def others_than(own: str | None, endpoint_slice: Object | None) -> dict[str, dict[str, str]]:
    """{address: flags that say so} of the API servers that have noted that they are there, but for one. Pure."""
    noted = endpoint_slice or {}
    port = next((str(entry["port"]) for entry in noted.get("ports") or () if entry.get("port")), "6443")
    hosts = {host for endpoint in noted.get("endpoints") or () for host in endpoint.get("addresses") or ()}
    return {host: {"bind-address": host, "secure-port": port} for host in sorted(hosts - {own})}


def _is_of(root: Path, process: Process, pod: StaticPod) -> bool:
    """Whether it is the static pod's. Control planes of other clusters may run in pods on this node."""
    if process.name != NAME or not process.in_pod:
        return False
    try:
        words = (root / f"proc/{process.pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return False
    flags = flags_of(words)
    return all(flags.get(flag) == pod.flags.get(flag) for flag in ("advertise-address", "secure-port"))


def _wait_closed(address: str, deadline: float) -> None:
    """Wait until it takes no connections. It may have been told to go on (--shutdown-delay-duration)."""
    host, _colon, port = address.rpartition(":")
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=POLL_SECONDS).close()
        except OSError:
            return
        time.sleep(POLL_SECONDS)


def _wait_answered(kubeconfig: str, deadline: float, timeout: float) -> None:
    """Wait until new connections to the API are answered, STEADY of them in a row."""
    answered = 0
    while True:
        why = _unanswered(kubeconfig)
        answered = 0 if why else answered + 1
        if answered >= STEADY:
            return
        if time.monotonic() >= deadline:
            raise UpliftError(
                "The API server of this node was ended, so that its clients go to another while etcd is away, and "
                f"{timeout:g} s later new connections to the API still fail ({why or 'now and then'}). Nothing else "
                "was done, and kubelet starts the API server again. Does the load balancer in front of them check "
                "them, and leave out those that are away? See «crictl ps -a --name kube-apiserver», and run again."
            )
        time.sleep(POLL_SECONDS)


def _is_kubelets_only(root: Path, flags: t.Mapping[str, str]) -> bool:
    """Whether the kubelet of this node speaks to this API server, and not to all of them by way of a load balancer."""
    try:
        server = _kubeconfig.load(str(root / KUBELET)).server
    except UpliftError:
        return False  # then nobody can tell, and the node's readiness is waited for later in any case
    return urlsplit(server).hostname in {"127.0.0.1", "::1", "localhost", flags.get("advertise-address")}


def _end_now(root: Path, own: t.Sequence[int]) -> None:
    """Have it end without its watches, when it has answered what it was asked."""
    deadline = time.monotonic() + IN_FLIGHT
    while any((root / f"proc/{pid}").exists() for pid in own) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    for pid in own:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def _wait_back(local: Local, manifest: Manifest, kubeconfig: str, node: str | None, timeout: float) -> None:
    """Wait until it is healthy, and until its kubelet has said to it that the node is alive, and the node is Ready."""
    deadline = time.monotonic() + timeout
    back = ""  # when it was seen to be, by this node's clock, as its kubelet's leases are
    while True:
        answer = local.ask(NAME, manifest)
        why = "" if answer.healthy else answer.why
        if not why:
            back = back or time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
            why = _not_alive(kubeconfig, node, back) if node else ""
        if not why:
            return
        if time.monotonic() >= deadline:
            raise UpliftError(
                "The API server of this node was ended, so that its clients go to another while etcd is away, and "
                f"what its kubelet needs is not back within {timeout:g} s: {why}. It is the only API server that this "
                f"kubelet knows (/{KUBELET}). Nothing else was done. See «crictl ps -a --name kube-apiserver» and "
                "«journalctl -u kubelet», and run again."
            )
        time.sleep(POLL_SECONDS)


def _not_alive(kubeconfig: str, node: str, since: str) -> str:
    """Why a node does not count as alive since then; "" when it does."""
    api = Api(StdlibTransport(kubeconfig), 0)
    try:
        lease, found = api.find(LEASE + path_part(node)), api.find(f"/api/v1/nodes/{path_part(node)}")
    except UpliftError as error:
        return str(error)
    renewed = str(((lease or {}).get("spec") or {}).get("renewTime") or "")
    if renewed < since:
        return f"kubelet has not renewed the lease of {node} since (it did at {renewed or 'no time'})"
    return "" if is_true(found or {}, "Ready") else f"the node {node} is not Ready"


def _unanswered(kubeconfig: str) -> str:
    """Why a new connection to the API was not answered, and which address that is; "" when it was."""
    transport = StdlibTransport(kubeconfig)
    try:
        answer = transport.request("GET", "/readyz", None, "application/json")
    except Away as gone:
        return f"{transport.server}: {gone}"
    return "" if answer.status == 200 else f"{transport.server}: {ApiError('GET', '/readyz', answer)}"
