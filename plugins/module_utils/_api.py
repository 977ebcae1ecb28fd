# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes API: one small interface, two transports.

Objects are plain dicts, as the API's JSON has them. An API server that is away while it is being upgraded is waited
for here, so that no caller has to; an answer that will not change by asking again (4xx) is raised at once as ApiError.

A 403 may change where the API server has just started. It takes requests before it has read who may do what, and
refuses them to whoever has the right: authorizers answer from caches that take 30 to 50 s to fill in large clusters
(kubernetes/kubernetes#92506, #121635). A request that has waited for a server that was away asks again until its
time-out, others of the same Api for STARTING seconds after that. Who has just had an API server restarted says so
(just_restarted). Everywhere else a 403 is raised at once.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import ssl
import sys
import threading
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlencode, urlsplit

from ansible_collections.uplift.kubeadm.plugins.module_utils import _kubeconfig
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._memfile import memory_file

API_ARGS: dict[str, dict[str, t.Any]] = {
    "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
    "transport": {"type": "str", "choices": ["stdlib", "kubernetes"], "default": "stdlib"},
    "api_timeout": {"type": "int", "default": 300},
}

PAGE = 500  # objects a page, as kubectl asks for
REQUEST_TIMEOUT = (
    35.0  # seconds for one answer; an API server gives up on etcd after 30 (--etcd timeouts and webhooks: 10 to 30)
)
STARTING = 60.0  # seconds after an API server was away in which a 403 may be that of one that is not ready yet
FIELD_MANAGER = "uplift.kubeadm"  # who managedFields says has written

_JSON = "application/json"
_MERGE_PATCH = "application/merge-patch+json"
# Objects without spec and status; whole ones where a server knows no better (aggregated API servers).
_METADATA = f"{_JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,{_JSON}"
# Where a list goes on, as API servers write it: before the objects. Elsewhere it is found when the page is read.
_CONTINUE = re.compile(rb'\{"kind":"\w+","apiVersion":"[^"]+","metadata":\{[^{}]*"continue":"([\w-]+=*)"')
# etcd changing its leader, or losing its connection, comes through as a 500 with one of these in the message.
_AWAY_WORDS = (
    "etcdserver:",
    "leader changed",
    "connection refused",
    "connection reset",
    "transport is closing",
    "context deadline exceeded",
    "malformed header",
)
# The words of a 403 that authorization says, and not an admission plugin, which means it: forbiddenMessage in
# staging/src/k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/errors.go.
_NO_RIGHT = re.compile(r'User ".*" cannot ')
# And those of an admission plugin that has not read its objects yet: it says so of every write, and for seconds only
# (staging/src/k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle/admission.go and others: WaitForReady).
_NOT_READY = "not yet ready to handle request"
# What an API server says when it is there, and a webhook that it has to ask first is not.
_WEBHOOK = "failed calling webhook"

Object = dict[str, t.Any]
Query = t.Mapping[str, t.Union[str, int]]
T = t.TypeVar("T")


class Answer(t.NamedTuple):
    """One HTTP answer, whatever its status; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Transport(t.Protocol):
    """Sends one request. Raises Away when there was no answer and asking again may help; UpliftError when it won't."""

    server: str
    kubeconfig: str  # its path

    def request(self, method: str, path: str, body: bytes | None, content_type: str, accept: str = _JSON) -> Answer: ...


class Away(Exception):
    """No answer: the message says what happened on the way."""


class ApiAway(UpliftError):
    """The API server was away for longer than api_timeout."""


class ApiError(UpliftError):
    """The API server answered, and refused. `causes` has the reasons of details.causes, as in ["DisruptionBudget"]."""

    def __init__(self, method: str, path: str, answer: Answer) -> None:
        try:
            status = json.loads(answer.body)
        except ValueError:
            status = None
        status = status if isinstance(status, dict) else {}
        details = status.get("details") or {}
        causes = details.get("causes") or []
        self.status = answer.status
        self.reason: str = status.get("reason") or ""
        self.detail: str = (
            status.get("message") or answer.body.decode("utf-8", "replace").strip()[:500] or f"HTTP {answer.status}"
        )
        self.causes: list[str] = [cause.get("reason", "") for cause in causes]
        self.cause_messages: list[str] = [cause["message"] for cause in causes if cause.get("message")]
        super().__init__(f"The Kubernetes API refused {method} {path} ({answer.status}): {self.detail}")


class Api:
    """Get, list, create, patch and delete by path. Safe to be used by several threads at once."""

    def __init__(self, transport: Transport, timeout: float) -> None:
        self._transport = transport
        self._timeout = timeout
        self._ahead = ThreadPoolExecutor(max_workers=1)  # its thread is made when a list has a second page
        self._starting_until = 0.0  # on the monotonic clock: until then a 403 is not the last word

    @property
    def server(self) -> str:
        return self._transport.server

    def just_restarted(self, seconds: float) -> None:
        """An API server may have been restarted: for that long, from now on, a 403 is not its last word."""
        self._starting_until = max(self._starting_until, time.monotonic() + seconds)

    def get(self, path: str, query: Query | None = None) -> Object:
        return self._request("GET", path, query)

    def find(self, path: str, query: Query | None = None) -> Object | None:
        """As get; None when there is no such object (404)."""
        try:
            return self.get(path, query)
        except ApiError as e:
            if e.status == 404:
                return None
            raise

    def headers(self, path: str) -> dict[str, str]:
        """The headers of the answer to a get, their names in lower case."""
        return self._send("GET", path, None).headers

    def now(self) -> float:
        """Seconds since 1970 by the clock of the API server that answers; by this machine's, if a proxy drops that."""
        try:
            return parsedate_to_datetime(self.headers("/version")["date"]).timestamp()
        except (KeyError, TypeError, ValueError):
            return time.time()

    def list(
        self,
        path: str,
        query: Query | None = None,
        keep: t.Callable[[Object], T] | None = None,
        metadata_only: bool = False,
    ) -> t.List[T]:  # noqa: UP006
        """All objects of a collection, page by page, as they were at one moment: that of the first page.

        No resourceVersion is asked for. resourceVersion=0 would spare etcd, but API servers answer it from their
        watch cache, which passes over the limit before 1.31, so that 100,000 pods would come as one answer; and it may
        be older than what we ourselves have just changed.

        :param query: may have a limit of its own, for objects that are large one by one.
        :param keep: reduces each object as its page arrives, so that big collections stay small in memory. It sees an
            object again when a list begins anew.
        :param metadata_only: only metadata travels, and is in the objects.
        A list that expires between two pages (410 Gone, after 5 minutes as a rule) begins anew.
        """
        accept = _METADATA if metadata_only else _JSON
        while True:
            items: t.List[T] = []  # noqa: UP006
            begun = False
            try:
                for page in self._pages(path, {"limit": PAGE, **(query or {})}, accept):
                    begun = True
                    items.extend(keep(item) if keep else t.cast(T, item) for item in page.get("items") or [])
                return items
            except ApiError as e:
                if e.status != 410 or not begun:
                    raise

    def _pages(self, path: str, query: Query, accept: str) -> t.Iterator[Object]:
        """The pages of a collection. While one is read, which takes as long, the server makes the next."""

        def fetch(token: str) -> Answer:
            return self._send("GET", path, {**query, **({"continue": token} if token else {})}, accept=accept)

        answer = fetch("")
        while True:
            early = _CONTINUE.match(answer.body)
            coming = self._ahead.submit(fetch, early[1].decode()) if early else None
            page = _object("GET", path, answer)
            yield page
            token = page.get("metadata", {}).get("continue")
            if not token:
                return
            answer = coming.result() if coming else fetch(token)

    def create(self, path: str, body: Object, wait_when_busy: bool = True) -> Object:
        """Create an object or a subresource. It may be sent twice when an answer was lost on the way.

        :param wait_when_busy: False raises a 429 at once: for evictions, where it is a disruption budget's refusal.
        """
        return self._request("POST", path, None, body, wait_when_busy=wait_when_busy)

    def patch(self, path: str, body: Object) -> Object:
        """Merge patch. With metadata.resourceVersion in it, a 409 says that the object has changed since then."""
        return self._request("PATCH", path, {"fieldManager": FIELD_MANAGER}, body, _MERGE_PATCH)

    def delete(self, path: str, body: Object | None = None) -> Object:
        return self._request("DELETE", path, None, body)

    def _request(
        self,
        method: str,
        path: str,
        query: Query | None,
        body: Object | None = None,
        content_type: str = _JSON,
        wait_when_busy: bool = True,
    ) -> Object:
        return _object(method, path, self._send(method, path, query, body, content_type, wait_when_busy))

    def _send(
        self,
        method: str,
        path: str,
        query: Query | None,
        body: Object | None = None,
        content_type: str = _JSON,
        wait_when_busy: bool = True,
        accept: str = _JSON,
    ) -> Answer:
        """Send until there is an answer that stands, for api_timeout seconds from the first failure on.

        Where all that failed is a 403 after another request's wait, for as long as that may be the server's start.
        """
        target = path + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        deadline = None
        pause = 0.1
        was_away = False
        while True:
            last_word: ApiError | None = None  # what is raised when time is up, where the server did answer
            early, gone, wait = False, True, 0.0
            try:
                answer = self._transport.request(method, target, data, content_type, accept)
                if 200 <= answer.status < 300:
                    return answer
                error = ApiError(method, path, answer)
                starting = was_away or time.monotonic() < self._starting_until
                early = starting and error.status == 403 and _NO_RIGHT.search(error.detail) is not None
                if not early and not _is_away(error, method, wait_when_busy):
                    raise _explained(error, self._transport)
                # A 500 is an etcd or a webhook that is away, and a 429 a server that is busy. Neither starts anew.
                seen, wait, gone = error.detail, _retry_after(answer), error.status > 500
                last_word = error if error.status == 403 or _WEBHOOK in error.detail else None
            except Away as e:
                seen = str(e)
            now = time.monotonic()
            if gone:
                was_away = True
                self.just_restarted(min(STARTING, self._timeout))
            if deadline is None and not early:
                deadline = now + self._timeout
            ends = self._starting_until if deadline is None else deadline
            if now >= ends:
                if last_word:
                    raise last_word
                raise ApiAway(
                    f"The API server {self._transport.server} (kubeconfig {self._transport.kubeconfig}) was away for "
                    f"{self._timeout:g} s ({method} {path}; last seen: {seen}). "
                    "Check its static pod (crictl ps -a, journalctl -u kubelet), the load balancer before it, and "
                    "whether the kubeconfig names the right server; a longer wait is «api_timeout»."
                )
            time.sleep(min(max(pause, wait), max(ends - now, 0.01)))
            pause = min(pause * 2, 1.0)


def connect(params: t.Mapping[str, t.Any]) -> Api:
    """The API that the module parameters API_ARGS describe. Sends nothing yet.

    :raises UpliftError: kubeconfig missing or of no use, package kubernetes missing.
    """
    kinds: dict[str, t.Callable[[str], Transport]] = {"stdlib": StdlibTransport, "kubernetes": KubernetesTransport}
    return Api(kinds[params["transport"]](params["kubeconfig"]), params["api_timeout"])


def path_part(name: str) -> str:
    """A name as it stands in a path; the API's own names need no escaping, a user's mistake may."""
    return quote(name, safe="")


def _object(method: str, path: str, answer: Answer) -> Object:
    try:
        return json.loads(answer.body) if answer.body else {}
    except ValueError as e:
        raise UpliftError(
            f"{method} {path} was answered with something that is no JSON ({answer.body[:80]!r}): is the server "
            "of the kubeconfig an API server?"
        ) from e


def _is_away(error: ApiError, method: str, wait_when_busy: bool) -> bool:
    """Whether asking again may help.

    An API server whose etcd is being restarted answers with 500s of many wordings ("etcdserver: leader changed",
    "malformed header: missing HTTP content-type"). What may be sent twice is sent again after any; an eviction's
    500 may be its last word (two disruption budgets for one pod), so there the wording decides. A webhook that is away
    uses the same words; a drain has to go on with other pods meanwhile, its own may be the one that is missing.
    A 403 is an answer that stands, unless an admission plugin of a server that has just started says it.
    """
    if error.status == 429:
        return wait_when_busy
    if error.status == 403:
        return _NOT_READY in error.detail
    if error.status != 500 or method != "POST":
        return error.status >= 500
    return _WEBHOOK not in error.detail and any(word in error.detail for word in _AWAY_WORDS)


def _retry_after(answer: Answer) -> float:
    """Seconds that the server asks for, bounded: a wait stays a short poll."""
    try:
        return min(float(answer.headers.get("retry-after", "0")), 1.0)
    except ValueError:
        return 0.0


def _explained(error: ApiError, transport: Transport) -> ApiError:
    if error.status == 401:
        error.args = (
            f"{error} The API server {transport.server} does not accept the credentials of the kubeconfig: "
            "has its client certificate expired («kubeadm certs check-expiration»), or is it of another cluster?",
        )
    return error


class StdlibTransport:
    """http.client with the client certificate or token of a kubeconfig; one kept-alive connection a thread."""

    def __init__(self, kubeconfig: str) -> None:
        self.kubeconfig = kubeconfig
        self._config = _kubeconfig.load(kubeconfig)
        self.server = self._config.server
        url = urlsplit(self.server)
        try:
            self._host, self._port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
        except ValueError as e:
            raise UpliftError(
                f"The kubeconfig {kubeconfig} names the server {self.server}, which is no URL: {e}."
            ) from e
        self._prefix = url.path
        self._tls = _tls_context(self._config) if url.scheme == "https" else None
        self._local = threading.local()

    def request(self, method: str, path: str, body: bytes | None, content_type: str, accept: str = _JSON) -> Answer:
        headers = {"Accept": accept, "User-Agent": FIELD_MANAGER}
        if body is not None:
            headers["Content-Type"] = content_type
        if self._config.token:
            headers["Authorization"] = f"Bearer {self._config.token}"
        try:
            connection = self._connection()
            connection.request(method, self._prefix + path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        except (OSError, http.client.HTTPException) as e:
            self._drop()
            if _is_final(e):
                raise _bad_kubeconfig(self, e) from e
            raise Away(f"{type(e).__name__}: {e}") from e

    def _connection(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            if self._tls is None:
                connection = http.client.HTTPConnection(self._host, self._port, timeout=REQUEST_TIMEOUT)
            else:
                connection = _NamedHttpsConnection(self._host, self._port, self._tls, self._config.tls_server_name)
            self._local.connection = connection
        return connection

    def _drop(self) -> None:
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None


class _NamedHttpsConnection(http.client.HTTPSConnection):
    """HTTPS, where a kubeconfig may ask for another name to be verified than the one that is connected to."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, tls_server_name: str | None) -> None:
        super().__init__(host, port, timeout=REQUEST_TIMEOUT, context=context)
        self._tls = context
        self._verified_name = tls_server_name or host

    def connect(self) -> None:
        sock = socket.create_connection((self.host, self.port), self.timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.sock = self._tls.wrap_socket(sock, server_hostname=self._verified_name)
        except BaseException:
            sock.close()
            raise


def _is_final(error: object) -> bool:
    """Would asking again fail again? Trust and unknown names would; a connection that ended in its handshake not."""
    if isinstance(error, ssl.SSLError):
        return not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError))
    return isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN


def _bad_kubeconfig(transport: Transport, error: Exception) -> UpliftError:
    return UpliftError(
        f"The API server {transport.server} (kubeconfig {transport.kubeconfig}) cannot be talked to: {error}. "
        "Check server, certificate-authority and client-certificate of the kubeconfig against the cluster."
    )


def _tls_context(config: _kubeconfig.Kubeconfig) -> ssl.SSLContext:
    try:
        context = _lenient(ssl.create_default_context(cadata=config.ca.decode("ascii") if config.ca else None))
        if not config.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if config.certificate and config.key:
            with memory_file(config.certificate + b"\n" + config.key) as path:
                context.load_cert_chain(path)
        return context
    except (ssl.SSLError, ValueError) as e:
        raise UpliftError(f"The certificates in the kubeconfig {config.path} cannot be used: {e}.") from e


def _lenient(context: ssl.SSLContext) -> ssl.SSLContext:
    """From Python 3.13 on certificates must also be well-formed to the letter of RFC 5280. Clusters' own authorities
    often are not (no key usage), kubectl takes them, and strictness adds nothing to who is trusted."""
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    return context


class KubernetesTransport:
    """The package kubernetes reads the kubeconfig, runs its plugins and renews its tokens; no models are built."""

    def __init__(self, kubeconfig: str) -> None:
        try:
            import urllib3
            from kubernetes import config
        except ImportError as e:
            raise UpliftError(
                f"The transport «kubernetes» needs the Python package kubernetes, which {sys.executable} on "
                f"{socket.gethostname()} does not have ({e}). Install it there with "
                f"«{sys.executable} -m pip install kubernetes», name another interpreter with "
                "ansible_python_interpreter, or let the API modules run on a control plane node with "
                "«transport: stdlib»."
            ) from e
        if not os.path.exists(kubeconfig):
            raise UpliftError(
                f"The kubeconfig {kubeconfig} does not exist on {socket.gethostname()}; «kubeconfig» names its "
                "path there."
            )
        try:
            client = config.new_client_from_config(config_file=kubeconfig, persist_config=False)
        except Exception as e:  # the package lets its own, YAML's and OS errors through
            raise UpliftError(f"The kubeconfig {kubeconfig} cannot be used: {e}") from e
        self._configuration = client.configuration
        self._pool = client.rest_client.pool_manager
        if self._configuration.verify_ssl:
            self._pool.connection_pool_kw["ssl_context"] = _lenient(urllib3.util.ssl_.create_urllib3_context())
        self._http_error: type[Exception] = urllib3.exceptions.HTTPError
        self.kubeconfig = kubeconfig
        self.server: str = str(self._configuration.host).rstrip("/")

    def request(self, method: str, path: str, body: bytes | None, content_type: str, accept: str = _JSON) -> Answer:
        headers = {"Accept": accept, "User-Agent": FIELD_MANAGER}
        if body is not None:
            headers["Content-Type"] = content_type
        for auth in self._configuration.auth_settings().values():  # renews a token that has expired
            if auth["in"] == "header" and auth["value"]:
                headers[auth["key"]] = auth["value"]
        try:
            response = self._pool.request(
                method,
                self.server + path,
                body=body,
                headers=headers,
                timeout=REQUEST_TIMEOUT,
                retries=False,
                redirect=False,
            )
        except (OSError, self._http_error) as e:
            if any(map(_is_final, (e, *e.args, e.__cause__, e.__context__))):  # urllib3 wraps what happened
                raise _bad_kubeconfig(self, e) from e
            raise Away(f"{type(e).__name__}: {e}") from e
        return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, response.data)
