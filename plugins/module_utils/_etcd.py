# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""etcd, asked through the JSON gateway to its gRPC API that it serves on its client URLs (/v3/..., from etcd 3.4 on).

64-bit numbers are strings in that JSON, and fields that are zero, false or empty are left out
(https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import ssl
import typing as t
from pathlib import Path
from urllib.parse import urlsplit

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_disk import size
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_static_pods import StaticPod
from ansible_collections.uplift.kubeadm.plugins.module_utils._running import Local, Manifest, unverified

DATA_DIR = "/var/lib/etcd"
TIMEOUT = 5.0  # seconds for one answer
# The gateway may be switched off. And it asks etcd itself with the server's certificate, as a client (server/embed/
# serve.go of etcd): one that is for servers alone is refused by an etcd that wants clients' certificates.
HINTS = {
    404: "Its JSON gateway is off; it is on by default (--enable-grpc-gateway).",
    503: "Its JSON gateway does not reach etcd behind it. Where etcd asks clients for certificates, its own server "
    "certificate (--cert-file) has to be good for clients, too: extendedKeyUsage with both serverAuth and clientAuth.",
}
QUOTA = re.compile(rb"^etcd_server_quota_backend_bytes (\S+)", re.MULTILINE)


class Etcd:
    """One member of etcd at one client URL. context is None for plain HTTP."""

    def __init__(self, url: str, context: ssl.SSLContext | None, timeout: float = TIMEOUT) -> None:
        self.url = url
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 2379
        self.context = context  # of the client, whatever this URL is
        self._context = context if parts.scheme == "https" else None
        self._timeout = timeout

    def facts(self) -> dict[str, t.Any]:
        """Members, alarms, and the state of this member.

        :raises UpliftError: it does not answer, or not as etcd does.
        """
        status = self.call("/v3/maintenance/status")
        members = self.call("/v3/cluster/member/list").get("members") or []
        alarms = self.call("/v3/maintenance/alarm", {"action": "GET"}).get("alarms") or []
        own = _number(status.get("header", {}).get("member_id"))
        leader = _number(status.get("leader"))
        return {
            "url": self.url,
            "version": str(status.get("version", "")),
            "db_size": _number(status.get("dbSize")),
            "db_in_use": _number(status.get("dbSizeInUse")),
            "quota": self.quota(),
            "member": f"{own:x}",
            "leader": leader == own,
            "has_leader": leader != 0,
            "raft_term": _number(status.get("raftTerm")),
            "members": [_member(member) for member in members],
            "alarms": [
                {"member": f"{_number(alarm.get('memberID')):x}", "alarm": str(alarm.get("alarm", ""))}
                for alarm in alarms
            ],
            "errors": [str(error) for error in status.get("errors") or []],
        }

    def call(self, path: str, body: t.Mapping[str, t.Any] | None = None) -> dict[str, t.Any]:
        """One call of the gateway.

        :raises UpliftError: no answer, a refusal, or an answer that is no JSON object.
        """
        status, answer = self._request("POST", path, json.dumps(body or {}))
        try:
            said = json.loads(answer)
        except ValueError:
            said = None
        if status == 200 and isinstance(said, dict):
            return said
        why = said.get("message") or said.get("error") if isinstance(said, dict) else None
        raise UpliftError(self._refusal(path, status, str(why) if why else repr(answer[:200])))

    def quota(self) -> int | None:
        """Bytes that the database may grow to, from etcd's metrics; None when they do not tell."""
        with contextlib.suppress(UpliftError, ValueError):
            _status, answer = self._request("GET", "/metrics")
            match = QUOTA.search(answer)
            return int(float(match.group(1))) if match else None
        return None

    @contextlib.contextmanager
    def stream(self, path: str) -> t.Iterator[t.Iterable[bytes]]:
        """The lines that a call is answered with as they come, for answers too big to be held: each one is JSON.

        :raises UpliftError: no answer, a refusal, or an answer that breaks off.
        """
        try:
            with contextlib.closing(self._connect()) as connection:
                connection.request("POST", path, "{}", {"Content-Type": "application/json"})
                response = connection.getresponse()
                if response.status != 200:
                    raise UpliftError(self._refusal(path, response.status, repr(response.read(500))))
                yield response
        except (OSError, http.client.HTTPException) as exc:
            raise UpliftError(f"etcd at {self.url} breaks off its answer to {path}: {exc}.") from exc

    def _refusal(self, path: str, status: int, why: str) -> str:
        return f"etcd at {self.url} answers {path} with HTTP {status}: {why}. {HINTS.get(status, '')}".rstrip()

    def _connect(self) -> http.client.HTTPConnection:
        if self._context is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._context)

    def _request(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        try:
            with contextlib.closing(self._connect()) as connection:
                connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
                response = connection.getresponse()
                return response.status, response.read()
        except (OSError, http.client.HTTPException) as exc:
            raise UpliftError(f"etcd at {self.url} does not answer: {exc}.") from exc


def etcd_facts(root: Path, pods: t.Mapping[str, StaticPod]) -> dict[str, t.Any] | None:
    """What etcd says, asked from this node: its own member, or the external etcd of its API server; None on a worker.

    Of an external etcd the first member that answers is told of; `silent` has those that do not, with the reason.

    :raises UpliftError: nobody answers, or the certificates cannot be used.
    """
    if "etcd" in pods:
        return _local(root, pods["etcd"])
    server = pods.get("kube-apiserver")
    if server is None or not server.flags.get("etcd-servers"):
        return None
    context = _external_context(root, server)
    told: dict[str, t.Any] | None = None
    silent: dict[str, str] = {}
    for url in server.flags["etcd-servers"].split(","):
        try:
            member = Etcd(url, context)
            if told is None:
                told = member.facts()
            else:
                member.call("/v3/maintenance/status")
        except UpliftError as exc:
            silent[url] = str(exc)
    if told is None:
        raise UpliftError(" ".join(silent.values()))
    return {"external": True, **told, "silent": silent}


def local_member(root: Path, pod: StaticPod) -> Etcd:
    """The member of this node.

    :raises UpliftError: the certificates cannot be used.
    """
    local = Local(root)
    plain = pod.flags.get("listen-client-urls", "").startswith("http://")
    address = local.address("etcd", Manifest(pod.image, pod.flags))
    try:
        context = None if plain else local.etcd_context()
    except (OSError, ValueError) as exc:
        raise UpliftError(f"The certificates to ask etcd with cannot be used: {exc}.") from exc
    return Etcd(f"http{'' if plain else 's'}://{address}", context)


def _local(root: Path, pod: StaticPod) -> dict[str, t.Any]:
    data = pod.on_host(pod.flags.get("data-dir", DATA_DIR))
    return {
        "external": False,
        "data_dir": data,
        "data_bytes": size(root / data.lstrip("/")),
        **local_member(root, pod).facts(),
    }


def _external_context(root: Path, server: StaticPod) -> ssl.SSLContext:
    """The API server's own certificates for etcd. The authority is checked; names are the API server's to check."""
    files = {name: server.flags.get(f"etcd-{name}") for name in ("cafile", "certfile", "keyfile")}
    paths = {name: str(root / server.on_host(path).lstrip("/")) for name, path in files.items() if path}
    context = unverified()
    try:
        if "cafile" in paths:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cafile=paths["cafile"])
        if "certfile" in paths:
            context.load_cert_chain(paths["certfile"], paths.get("keyfile"))
    except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError
        named = ", ".join(paths.values())
        raise UpliftError(f"The API server's certificates for etcd ({named}) cannot be used: {exc}.") from exc
    return context


def _member(member: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A member that was added and has not come up yet has no name."""
    return {
        "id": f"{_number(member.get('ID')):x}",
        "name": str(member.get("name", "")),
        "client_urls": member.get("clientURLs") or [],
        "peer_urls": member.get("peerURLs") or [],
        "learner": bool(member.get("isLearner", False)),
        "started": bool(member.get("name")),
    }


def _number(value: t.Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0
