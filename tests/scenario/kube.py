# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's API as the scenarios need it: small requests, and watches that go on when the server comes back.

Standard library, and PyYAML for the kubeconfig: what fails here, and how, is what is measured.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import ssl
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_AGAIN = 0.2  # seconds between two tries
_WATCH = 30  # seconds after which a watch is begun anew
STRATEGIC = "application/strategic-merge-patch+json"

Object = dict[str, Any]


class KubeError(Exception):
    """A request got no answer, or not the one that was needed. `status` is 0 where there was none."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Access:
    """Where an API server is, and who asks it: by the context's certificate, or by a token."""

    host: str
    port: int
    trusting: ssl.SSLContext
    token: str = ""


def access(kubeconfig: Path) -> Access:
    """The one cluster and user of a kubeconfig with client certificates, as the lab's are."""
    content = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
    server = urllib.parse.urlsplit(cluster["server"])
    trusting = ssl.create_default_context(cadata=_decoded(cluster, "certificate-authority-data"))
    # kubeadm's certificates are older than what Python 3.13 asks of certificates.
    trusting.verify_flags &= ~ssl.VERIFY_X509_STRICT
    with tempfile.TemporaryDirectory(prefix="uplift-scenario-") as folder:
        pair = os.path.join(folder, "pair.pem")
        with open(os.open(pair, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as stream:
            stream.write(_decoded(user, "client-certificate-data") + _decoded(user, "client-key-data"))
        trusting.load_cert_chain(pair)
    return Access(str(server.hostname), server.port or 443, trusting)


def _decoded(entry: Object, key: str) -> str:
    return base64.b64decode(entry[key]).decode()


class Kube:
    """One connection to the API server, for one thread. It is made anew after an error."""

    def __init__(self, where: Access, timeout: float = 10) -> None:
        self.where = where
        self.timeout = timeout
        self._connection: http.client.HTTPSConnection | None = None

    def another(self) -> Kube:
        """The same for another thread."""
        return Kube(self.where, self.timeout)

    def request(self, method: str, path: str, body: Object | None = None, media: str = "application/json") -> Object:
        """One request, one answer. Raises KubeError; nothing is tried again."""
        response = self._send(method, path, body, media)
        try:
            text = response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as e:
            self.close()
            raise KubeError(f"{method} {path}: {e or type(e).__name__}") from e
        if response.status >= 300:
            raise KubeError(f"{method} {path}: HTTP {response.status} {text[:300]}", response.status)
        content: Object = json.loads(text) if text.startswith("{") else {"text": text}
        return content

    def get(self, path: str) -> Object:
        return self.request("GET", path)

    def apply(self, path: str, name: str, body: Object) -> None:
        """Create an object in a collection, or leave the one that is there."""
        try:
            self.request("POST", path, body)
        except KubeError as e:
            if e.status != 409:
                raise

    def patient(self, method: str, path: str, body: Object | None = None, patience: float = 120) -> Object:
        """A request that is tried again while no server answers, or one that cannot: the API may be away."""
        deadline = time.monotonic() + patience
        while True:
            try:
                media = STRATEGIC if method == "PATCH" else "application/json"
                return self.request(method, path, body, media)
            except KubeError as e:
                # 429: from 1.31 on, while a watch cache starts anew
                if (300 <= e.status < 500 and e.status != 429) or time.monotonic() > deadline:
                    raise
                time.sleep(_AGAIN)

    def lines(self, path: str, stop: threading.Event, take: Callable[[Object], None]) -> None:
        """Follow a watch until it ends. Raises KubeError."""
        response = self._send("GET", path, None, "application/json")
        if response.status != 200:
            self.close()
            raise KubeError(f"GET {path}: HTTP {response.status}", response.status)
        try:
            while not stop.is_set():
                line = response.readline()
                if not line:
                    return
                take(json.loads(line))
        except (OSError, ValueError, http.client.HTTPException) as e:
            raise KubeError(f"GET {path}: {e or type(e).__name__}") from e
        finally:
            self.close()

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.close()
            self._connection = None

    def _send(self, method: str, path: str, body: Object | None, media: str) -> http.client.HTTPResponse:
        try:
            if self._connection is None:
                self._connection = http.client.HTTPSConnection(
                    self.where.host, self.where.port, timeout=self.timeout, context=self.where.trusting
                )
            content = None if body is None else json.dumps(body)
            headers = {"Content-Type": media, "Accept": "application/json"}
            if self.where.token:
                headers["Authorization"] = f"Bearer {self.where.token}"
            self._connection.request(method, path, content, headers)
            return self._connection.getresponse()
        except (OSError, http.client.HTTPException) as e:
            self.close()
            raise KubeError(f"{method} {path}: {e or type(e).__name__}") from e


class Watch:
    """Calls `take` with (event's type, object) for all objects of a collection as they are and as they change.

    In a thread of its own, until it is stopped. After the API server was away it begins anew, with an ADDED for each
    object that is there; also after `seconds`.
    """

    def __init__(self, kube: Kube, path: str, take: Callable[[str, Object], None], seconds: int = _WATCH) -> None:
        self._kube, self._take = Kube(kube.where, seconds + 15), take
        self._path = f"{path}{'&' if '?' in path else '?'}watch=1&timeoutSeconds={seconds}"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()  # the thread is a daemon, and ends with the watch's next event

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._kube.lines(self._path, self._stop, self._took)
            except KubeError:  # away: that is what is waited for
                self._stop.wait(_AGAIN)

    def _took(self, event: Object) -> None:
        if event["type"] in ("ADDED", "MODIFIED", "DELETED"):  # an ERROR has no object of the collection
            self._take(event["type"], event["object"])


def is_ready(thing: Object) -> bool:
    """Whether a node, or a pod, says that it is Ready."""
    conditions = thing.get("status", {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
