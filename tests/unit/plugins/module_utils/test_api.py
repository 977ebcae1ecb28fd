# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API client: retries, errors, both transports, TLS with a client certificate."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import typing as t
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _api
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_api import FakeApi, status

NO_RIGHT = (
    403,
    status(403, "Forbidden", 'nodes "w1" is forbidden: User "kubernetes-admin" cannot get resource "nodes"'),
)
DENIED = (403, status(403, "Forbidden", 'admission webhook "policy.example.com" denied the request: not on Fridays'))


def connect(kubeconfig: Path | str, transport: str = "stdlib", timeout: float = 5) -> _api.Api:
    return _api.connect({"kubeconfig": str(kubeconfig), "transport": transport, "api_timeout": timeout})


@pytest.fixture
def fake(tmp_path: Path) -> t.Iterator[FakeApi]:
    server = FakeApi(tmp_path / "admin.conf")
    server.node("w1")
    yield server
    server.stop()


@pytest.fixture(params=["stdlib", "kubernetes"])
def api(request: pytest.FixtureRequest, fake: FakeApi) -> _api.Api:
    if request.param == "kubernetes":
        pytest.importorskip("kubernetes")
    return connect(fake.kubeconfig, request.param)


def test_the_small_interface(api: _api.Api, fake: FakeApi) -> None:
    assert api.get("/version") == {"gitVersion": "v1.24.17"}
    assert api.server == f"http://127.0.0.1:{fake.port}"
    assert [n["metadata"]["name"] for n in api.list("/api/v1/nodes")] == ["w1"]
    assert api.list("/api/v1/nodes", keep=lambda n: n["metadata"]["name"]) == ["w1"]
    assert api.patch("/api/v1/nodes/w1", {"metadata": {"labels": {"a": "b"}}})["metadata"]["labels"] == {"a": "b"}
    assert "fieldManager=uplift.kubeadm" in fake.sent("PATCH")[0][1]
    assert api.find("/api/v1/nodes/w9") is None


def test_lists_may_have_a_limit_of_their_own(api: _api.Api, fake: FakeApi) -> None:
    for number in range(5):
        fake.node(f"n{number}")
    assert len(api.list("/api/v1/nodes", {"limit": 2})) == 6
    pages = [target.partition("?")[2] for _method, target, _body in fake.sent("GET", "/nodes")]
    assert pages == ["limit=2", "limit=2&continue=2", "limit=2&continue=4"]


def test_the_next_page_is_asked_for_while_one_is_read(api: _api.Api, fake: FakeApi) -> None:
    for number in range(3):
        fake.node(f"n{number}")

    def keep(node: dict[str, t.Any]) -> int:
        deadline = time.monotonic() + 5
        while len(fake.requests) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        return len(fake.requests)

    assert api.list("/api/v1/nodes", {"limit": 2}, keep)[0] == 2


@pytest.mark.parametrize(
    "page",
    [
        '{"apiVersion":"v1","items":[{"metadata":{"continue":"no"}}],"kind":"List","metadata":{"continue":"1"}}',
        '{"kind":"List","apiVersion":"v1","metadata":{"a":{"continue":"no"},"continue":"1"},"items":[{}]}',
        '{"kind": "List", "metadata": {"continue": "1"}, "items": [{}]}',
    ],
)
def test_pages_that_do_not_begin_with_where_to_go_on(page: str) -> None:
    """As API servers write lists of custom resources, and as others may."""
    asked: list[str] = []

    class Transport:
        server, kubeconfig = "s", "k"

        def request(self, method: str, path: str, body: t.Any, content_type: str, accept: str = "") -> _api.Answer:
            asked.append(path.partition("continue=")[2])
            text = page if len(asked) == 1 else '{"items":[{}]}'
            return _api.Answer(200, {}, text.encode())

    assert len(_api.Api(Transport(), 1).list("/x")) == 2
    assert asked == ["", "1"]


def test_metadata_is_asked_for_alone(api: _api.Api, fake: FakeApi) -> None:
    api.list("/api/v1/nodes")
    api.list("/api/v1/nodes", metadata_only=True)
    whole, alone = fake.accepted
    assert whole == "application/json"
    assert alone.startswith("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")


@pytest.mark.parametrize(
    "fault",
    [
        "closed",
        502,
        503,
        504,
        (429, status(429, "", "Too many requests, please try again later."), {"Retry-After": "1"}),
        (429, status(429, "", "Too many requests"), {"Retry-After": "soon"}),
        (500, status(500, "", "etcdserver: leader changed")),
        (500, status(500, "", "etcdserver: request timed out")),
        # Seen on a real control plane while its etcd was being restarted.
        (500, status(500, "", "rpc error: code = Unknown desc = malformed header: missing HTTP content-type")),
        (500, status(500, "", "words that nobody has seen yet")),
    ],
)
def test_rides_out(api: _api.Api, fake: FakeApi, fault: t.Any) -> None:
    fake.faults = [("GET", fault), ("GET", fault)]
    assert api.get("/version")
    assert fake.faults == []


@pytest.mark.parametrize("code", [400, 403, 404, 409, 422])
def test_an_answer_that_stands_is_raised_at_once(api: _api.Api, fake: FakeApi, code: int) -> None:
    fake.faults = [("GET", (code, status(code, "Reason", "the words of the server")))]
    with pytest.raises(_api.ApiError, match="the words of the server") as e:
        api.get("/version")
    assert (e.value.status, e.value.reason) == (code, "Reason")
    assert len(fake.requests) == 1


@pytest.mark.parametrize("gone", ["closed", 503])
def test_a_403_of_a_server_that_was_waited_for_is_asked_again(api: _api.Api, fake: FakeApi, gone: t.Any) -> None:
    """An API server that has just started refuses whom it has not read the rights of yet."""
    fake.faults = [("GET", gone), ("GET", NO_RIGHT), ("GET", NO_RIGHT)]
    assert api.get("/version")
    fake.faults = [("PATCH", NO_RIGHT)]
    assert api.patch("/api/v1/nodes/w1", {"metadata": {}}), "another request, a moment later"
    assert fake.faults == []


@pytest.mark.parametrize("busy", [429, (500, status(500, "", "etcdserver: leader changed"))])
def test_a_403_of_a_server_that_was_busy_stands(api: _api.Api, fake: FakeApi, busy: t.Any) -> None:
    fake.faults = [("GET", busy), ("GET", NO_RIGHT), ("GET", NO_RIGHT)]
    with pytest.raises(_api.ApiError, match="cannot get resource"):
        api.get("/version")
    assert len(fake.requests) == 2


def test_a_403_that_stays_is_told_as_one_when_the_wait_is_over(api: _api.Api, fake: FakeApi) -> None:
    api._timeout = 0.5
    fake.faults = [("GET", "closed"), *[("GET", NO_RIGHT)] * 100]
    begun = time.monotonic()
    with pytest.raises(_api.ApiError, match="cannot get resource") as e:
        api.get("/version")
    assert e.value.status == 403
    assert 0.4 < time.monotonic() - begun < 3
    asked = len(fake.requests)
    with pytest.raises(_api.ApiError, match="cannot get resource"):
        api.get("/version")
    assert len(fake.requests) == asked + 1, "the wait is over for good"


def test_a_403_after_a_restart_that_the_caller_knows_of_is_asked_again(api: _api.Api, fake: FakeApi) -> None:
    fake.faults = [("GET", NO_RIGHT), ("GET", NO_RIGHT)]
    api.just_restarted(5)
    assert api.get("/version")
    api._starting_until = 0.0
    fake.faults = [("GET", NO_RIGHT)] * 100
    api.just_restarted(0.3)
    begun = time.monotonic()
    with pytest.raises(_api.ApiError, match="cannot get resource"):
        api.get("/version")
    assert time.monotonic() - begun < 3


def test_a_403_of_an_admission_plugin_stands_whenever_it_comes(api: _api.Api, fake: FakeApi) -> None:
    fake.faults = [("POST", "closed"), ("POST", DENIED), ("POST", DENIED)]
    with pytest.raises(_api.ApiError, match="not on Fridays"):
        api.create("/api/v1/namespaces/default/pods/a/eviction", {})
    assert len(fake.requests) == 2


def test_an_admission_plugin_that_is_not_ready_yet_is_asked_again(api: _api.Api, fake: FakeApi) -> None:
    """Whoever restarted the server, and whether or not this Api noticed: the words are those of a server's start."""
    words = 'pods "a" is forbidden: not yet ready to handle request'
    fake.faults = [("PATCH", (403, status(403, "Forbidden", words)))] * 2
    assert api.patch("/api/v1/nodes/w1", {"metadata": {}})
    assert fake.faults == []
    api._timeout = 0.3
    fake.faults = [("PATCH", (403, status(403, "Forbidden", words)))] * 100
    with pytest.raises(_api.ApiError, match="not yet ready"):
        api.patch("/api/v1/nodes/w1", {"metadata": {}})


def test_the_last_word_on_an_eviction_is_raised_at_once(api: _api.Api, fake: FakeApi) -> None:
    fake.faults = [("POST", (500, status(500, "", "This pod has more than one PodDisruptionBudget")))]
    with pytest.raises(_api.ApiError, match="more than one"):
        api.create("/api/v1/namespaces/default/pods/a/eviction", {})
    assert len(fake.requests) == 1


def test_waits_for_an_api_server_that_is_not_there_yet(fake: FakeApi, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "away.conf"
    config.write_text(fake.kubeconfig.read_text().replace(str(fake.port), str(port)))

    class Late(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"late": true}')

        def log_message(self, format: str, *args: t.Any) -> None:
            pass

    servers: list[ThreadingHTTPServer] = []

    def begin() -> None:
        servers.append(ThreadingHTTPServer(("127.0.0.1", port), Late))
        servers[0].serve_forever(poll_interval=0.02)

    threading.Timer(0.6, begin).start()
    begun = time.monotonic()
    assert connect(config, timeout=20).get("/version") == {"late": True}
    assert time.monotonic() - begun < 6
    servers[0].shutdown()


def test_a_webhook_that_stays_away_is_named_and_not_the_api_server(api: _api.Api, fake: FakeApi) -> None:
    api._timeout = 0.5
    detail = 'failed calling webhook "policy.example.com": context deadline exceeded'
    fake.faults = [("PATCH", (500, {"kind": "Status", "message": detail}))] * 100
    with pytest.raises(_api.ApiError, match=r"refused PATCH /api/v1/nodes/w1 .*policy\.example\.com"):
        api.patch("/api/v1/nodes/w1", {"spec": {"unschedulable": True}})
    assert len(fake.sent("PATCH")) > 1  # it was asked again: webhooks come back


def test_gives_up_after_api_timeout(api: _api.Api, fake: FakeApi) -> None:
    api._timeout = 0.5
    fake.faults = [("GET", 503)] * 100
    begun = time.monotonic()
    with pytest.raises(_api.ApiAway, match=r"was away for 0\.5 s .*GET /version.*fault 503") as e:
        api.get("/version")
    assert f"http://127.0.0.1:{fake.port} (kubeconfig {fake.kubeconfig})" in str(e.value)
    assert time.monotonic() - begun < 3


def test_a_name_that_nobody_knows_is_no_matter_of_waiting(
    api: _api.Api, fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*args: t.Any, **kwargs: t.Any) -> t.NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(UpliftError, match=r"Name or service not known.*Check server") as e:
        api.get("/version")
    assert not isinstance(e.value, _api.ApiAway)
    assert str(fake.kubeconfig) in str(e.value)


def test_evictions_see_a_429_themselves(api: _api.Api, fake: FakeApi) -> None:
    fake.faults = [("POST", 429)]
    with pytest.raises(_api.ApiError) as e:
        api.create("/api/v1/namespaces/default/pods/a/eviction", {}, wait_when_busy=False)
    assert e.value.status == 429


def test_one_connection_a_thread_kept_alive(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    connect_once = socket.create_connection

    def counted(*args: t.Any, **kwargs: t.Any) -> socket.socket:
        opened.append(threading.get_ident())
        return connect_once(*args, **kwargs)

    monkeypatch.setattr("http.client.socket.create_connection", counted)
    api = connect(fake.kubeconfig)
    barrier = threading.Barrier(3)

    def work() -> None:
        barrier.wait(5)
        for _n in range(3):
            api.get("/version")

    threads = [threading.Thread(target=work) for _n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 3


def test_401_explains_itself(api: _api.Api, fake: FakeApi) -> None:
    fake.faults = [("GET", 401)]
    with pytest.raises(UpliftError, match="certs check-expiration"):
        api.get("/version")


def test_no_json(fake: FakeApi) -> None:
    fake.handle = lambda method, target, body: (200, "x", {})  # type: ignore[assignment, method-assign, return-value]
    transport = connect(fake.kubeconfig)._transport
    answer = _api.Answer(200, {}, b"<html>login</html>")
    transport.request = lambda *a: answer  # type: ignore[method-assign]
    with pytest.raises(UpliftError, match="is the server of the kubeconfig an API server"):
        _api.Api(transport, 1).get("/version")


BAD_KUBECONFIGS = [
    ("", "is empty"),
    ("a: [b\n", "line 1"),
    ("apiVersion: v1\n", "no current-context"),
    ("current-context: x\ncontexts: []\n", "the context 'x' and has none"),
    ("current-context: x\ncontexts:\n- name: x\n  context: {}\n", "the cluster None"),
    (
        "current-context: x\ncontexts:\n- name: x\n  context:\n    cluster: c\n    user: u\nclusters:\n- name: c\n"
        "  cluster:\n    server: nonsense\nusers:\n- name: u\n",
        "names no server URL",
    ),
    (
        "current-context: x\ncontexts:\n- name: x\n  context:\n    cluster: c\n    user: u\nclusters:\n- name: c\n"
        "  cluster:\n    server: https://a\nusers:\n- name: u\n  user:\n    exec:\n      command: aws\n",
        "transport: kubernetes",
    ),
    (
        "current-context: x\ncontexts:\n- name: x\n  context:\n    cluster: c\n    user: u\nclusters:\n- name: c\n"
        "  cluster:\n    server: https://a\n    certificate-authority-data: '%%%'\nusers:\n- name: u\n",
        "is not base64",
    ),
    (
        "current-context: x\ncontexts:\n- name: x\n  context:\n    cluster: c\n    user: u\nclusters:\n- name: c\n"
        "  cluster:\n    server: https://a\n    certificate-authority-data: Z2FyYmFnZQ==\nusers:\n- name: u\n",
        "certificates in the kubeconfig",
    ),
]


@pytest.mark.parametrize(("text", "words"), BAD_KUBECONFIGS, ids=[words for _text, words in BAD_KUBECONFIGS])
def test_bad_kubeconfig(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.conf"
    path.write_text(text)
    with pytest.raises(UpliftError) as e:
        connect(path)
    assert words in str(e.value)
    assert str(path) in str(e.value)
    if "exec" not in text:
        pytest.importorskip("kubernetes")
        with pytest.raises(UpliftError):
            connect(path, "kubernetes", timeout=0.1).get("/version")


def test_no_kubeconfig(tmp_path: Path) -> None:
    with pytest.raises(UpliftError, match=r"none\.conf does not exist"):
        connect(tmp_path / "none.conf")
    pytest.importorskip("kubernetes")
    with pytest.raises(UpliftError, match=r"none\.conf does not exist"):
        connect(tmp_path / "none.conf", "kubernetes")


def test_without_the_package_kubernetes(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    with pytest.raises(UpliftError) as e:
        connect(fake.kubeconfig, "kubernetes")
    assert f"{sys.executable} -m pip install kubernetes" in str(e.value)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate authority, a server's and a client's certificate, and an authority that nobody trusts."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl")
    folder = tmp_path_factory.mktemp("pki")

    def openssl(*args: str) -> None:
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)

    new_key = ("-newkey", "rsa:2048", "-nodes", "-keyout")
    for ca in ("ca", "other"):
        openssl("req", "-x509", *new_key, f"{ca}.key", "-out", f"{ca}.crt", "-subj", f"/CN={ca}")
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1,DNS:kubernetes\n")
    signed_by_ca = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "san")
    for name in ("server", "client"):
        openssl("req", *new_key, f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", *signed_by_ca, "-out", f"{name}.crt")
    return folder


@pytest.fixture
def tls(fake: FakeApi, pki: Path) -> FakeApi:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "server.crt", pki / "server.key")
    context.load_verify_locations(pki / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    fake._server.socket = context.wrap_socket(fake._server.socket, server_side=True)
    return fake


def write_kubeconfig(path: Path, fake: FakeApi, pki: Path, ca: str = "ca", inline: bool = True) -> Path:
    def field(name: str, file: str) -> str:
        if inline:
            return f"{name}-data: {base64.b64encode((pki / file).read_bytes()).decode()}"
        shutil.copy(pki / file, path.parent)
        return f"{name}: {file}"  # relative to the kubeconfig

    path.write_text(
        f'current-context: c\ncontexts:\n- context: {{"cluster": "k", "user": "u"}}\n  name: c\n'
        f"clusters:\n- cluster:\n    {field('certificate-authority', f'{ca}.crt')}\n    server: "
        f"https://127.0.0.1:{fake.port}\n  name: k\n"
        f"users:\n- name: u\n  user:\n    {field('client-certificate', 'client.crt')}\n    "
        f"{field('client-key', 'client.key')}\n"
    )
    return path


@pytest.mark.parametrize("inline", [True, False])
@pytest.mark.parametrize("transport", ["stdlib", "kubernetes"])
def test_client_certificate(tls: FakeApi, pki: Path, tmp_path: Path, transport: str, inline: bool) -> None:
    if transport == "kubernetes":
        pytest.importorskip("kubernetes")
    config = write_kubeconfig(tmp_path / "tls.conf", tls, pki, inline=inline)
    assert connect(config, transport).get("/version")["gitVersion"] == "v1.24.17"


@pytest.mark.parametrize("linux", [True, False])
def test_key_material_leaves_no_file(
    tls: FakeApi, pki: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linux: bool
) -> None:
    if not linux:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    seen: list[tuple[bool, int, int]] = []
    load = ssl.SSLContext.load_cert_chain

    def spied(self: ssl.SSLContext, certfile: str, *args: t.Any) -> None:
        seen.append((certfile.startswith("/proc/self/fd/"), len(list(scratch.iterdir())), os.stat(certfile).st_mode))
        load(self, certfile, *args)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", spied)
    config = write_kubeconfig(tmp_path / "tls.conf", tls, pki)
    assert connect(config).get("/version")
    in_memory, files, mode = seen[0]
    assert (in_memory, files) == ((True, 0) if linux else (False, 1))
    assert linux or mode & 0o777 == 0o600
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("transport", ["stdlib", "kubernetes"])
def test_a_server_that_is_not_trusted_is_no_matter_of_waiting(
    tls: FakeApi, pki: Path, tmp_path: Path, transport: str
) -> None:
    if transport == "kubernetes":
        pytest.importorskip("kubernetes")
    config = write_kubeconfig(tmp_path / "tls.conf", tls, pki, ca="other")
    begun = time.monotonic()
    with pytest.raises(UpliftError, match="Check server, certificate-authority") as e:
        connect(config, transport, timeout=60).get("/version")
    assert time.monotonic() - begun < 10
    assert str(config) in str(e.value)
