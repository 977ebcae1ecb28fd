# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs on a control plane node, read back from the programs themselves on this host.

A manifest says what should run; only the program that answers says what does. Addresses and ports come from the
flags in the static pod manifests, the client certificate from the node's own admin.conf and etcd certificates.
"""

from __future__ import annotations

import base64
import concurrent.futures
import contextlib
import http.client
import json
import re
import ssl
import time
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils import _settled
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._memfile import memory_file

KUBERNETES_PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
PROGRAMS = (*KUBERNETES_PROGRAMS, "etcd")
# A program that is slower than that is not well: what kubelet gives it in kubeadm's own probes (timeoutSeconds,
# cmd/kubeadm/app/util/staticpod/utils.go).
PROBE_SECONDS = 15.0
MANIFESTS = "etc/kubernetes/manifests"
POLL_SECONDS = 0.5

FLAG = re.compile(r"""^\s*-\s+["']?--([A-Za-z0-9-]+)(?:=(.*?))?["']?\s*$""", re.MULTILINE)
IMAGE = re.compile(r"""^[\s-]*image:\s*["']?([^\s"']+)""", re.MULTILINE)
BUILD_INFO = re.compile(rb'^kubernetes_build_info\{[^}]*git_version="([^"]+)"', re.MULTILINE)


class Manifest(t.NamedTuple):
    """The image and the flags of a static pod's program, as its manifest has them."""

    image: str
    flags: dict[str, str]


class Answer(t.NamedTuple):
    """A program's version as it says itself, whether it is healthy, and why one of them is not known."""

    version: str | None
    healthy: bool
    why: str


def parse_manifest(name: str, text: str) -> Manifest:
    """Image and flags of the container called name in a static pod manifest (YAML or JSON, as Kubernetes reads it)."""
    images = IMAGE.findall(text)
    own = [image for image in images if repository(image).rsplit("/", 1)[-1] == name]
    flags = {flag: value.strip("\"'") for flag, value in FLAG.findall(text)}
    return Manifest((own or images or [""])[0], flags)


def repository(image: str) -> str:
    """An image's name without tag and digest: a colon before the last slash belongs to a registry's port."""
    name = image.partition("@")[0]
    head, slash, tail = name.rpartition("/")
    return head + slash + tail.partition(":")[0]


def manifests(root: Path) -> dict[str, Manifest]:
    """The manifests of the programs that kubeadm runs as static pods on this node; {} on a worker."""
    found = {}
    for name in PROGRAMS:
        with contextlib.suppress(OSError):
            found[name] = parse_manifest(name, (root / MANIFESTS / f"{name}.yaml").read_text(errors="replace"))
    return found


class Refused(UpliftError):
    """A program answered, with another HTTP status than 200."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Local:
    """Asks the programs of this control plane node. root is "/", but for tests."""

    def __init__(self, root: Path, timeout: float = 3.0) -> None:
        self.root = root
        self.timeout = timeout

    def ask(self, name: str, manifest: Manifest) -> Answer:
        """Version and health of one program; what cannot be had is said in the answer, never raised."""
        try:
            return self._ask(name, manifest)
        except (OSError, http.client.HTTPException, ValueError) as exc:
            return Answer(None, False, f"{name} does not answer at {self.address(name, manifest)}: {exc}")

    def ask_all(self, names: t.Iterable[str] = PROGRAMS) -> dict[str, Answer]:
        """The answers of those of the named programs that have a manifest here, asked side by side."""
        here = {name: manifest for name, manifest in manifests(self.root).items() if name in set(names)}
        if not here:
            return {}
        with concurrent.futures.ThreadPoolExecutor(len(here)) as pool:
            return dict(zip(here, pool.map(self.ask, here, here.values())))

    def address(self, name: str, manifest: Manifest) -> str:
        """host:port at which a program listens on this host."""
        flags = manifest.flags
        if name == "etcd":
            return _first_address(flags.get("listen-client-urls", "https://127.0.0.1:2379"))
        port = {"kube-apiserver": "6443", "kube-controller-manager": "10257", "kube-scheduler": "10259"}[name]
        default = flags.get("advertise-address", "127.0.0.1") if name == "kube-apiserver" else "127.0.0.1"
        host = flags.get("bind-address", default)
        if host in ("0.0.0.0", "::", ""):  # every address: this one too
            host = default
        return f"{_bracketed(host)}:{flags.get('secure-port', port)}"

    def _ask(self, name: str, manifest: Manifest) -> Answer:
        if name == "etcd":
            plain = manifest.flags.get("listen-client-urls", "").startswith("http://")
            context = None if plain else self.etcd_context()
            version = json.loads(self._get(name, manifest, context, "/version")[1])["etcdserver"]
            status, body = self._get(name, manifest, context, "/health")
            healthy = status == 200 and str(json.loads(body).get("health")) == "true"
            return Answer(version, healthy, "" if healthy else f"/health says {body[:200]!r}")
        contexts = self._admin_contexts(verify=name == "kube-apiserver")
        path, health = ("/version", "/readyz") if name == "kube-apiserver" else ("/metrics", "/healthz")
        status, body, context = 0, b"", contexts[0]
        for context in contexts:  # a first control plane of 1.29 or later has a super-admin.conf, which needs no RBAC
            status, body = self._get(name, manifest, context, path)
            if status == 200:
                break
        if status != 200:
            return Answer(None, False, f"{name} at {self.address(name, manifest)}{path} answers HTTP {status}")
        status, said = self._get(name, manifest, context, health)
        why = "" if status == 200 else f"{health} says HTTP {status}: {_failing(said)}"
        return Answer(_version_of(path, body), status == 200, why)

    @contextlib.contextmanager
    def open(self, name: str, path: str) -> t.Iterator[t.Iterable[bytes]]:
        """The lines that a program answers a GET with, as they come: some answers are big.

        :raises UpliftError: it does not answer; Refused: with anything but 200.
        """
        manifest = manifests(self.root).get(name, Manifest("", {}))
        status = 0
        try:
            for context in self._admin_contexts(verify=name == "kube-apiserver"):
                with contextlib.closing(self._connect(name, manifest, context)) as connection:
                    connection.request("GET", path)
                    response = connection.getresponse()
                    status = response.status
                    if status == 200:
                        yield response
                        return
        except (OSError, http.client.HTTPException, ValueError) as exc:
            raise UpliftError(f"{name} does not answer {path} at {self.address(name, manifest)}: {exc}.") from exc
        raise Refused(f"{name} at {self.address(name, manifest)} answers {path} with HTTP {status}.", status)

    def _get(self, name: str, manifest: Manifest, context: ssl.SSLContext | None, path: str) -> tuple[int, bytes]:
        with contextlib.closing(self._connect(name, manifest, context)) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()

    def _connect(self, name: str, manifest: Manifest, context: ssl.SSLContext | None) -> http.client.HTTPConnection:
        host, _colon, port = self.address(name, manifest).rpartition(":")
        host = host.strip("[]")
        if context is None:
            return http.client.HTTPConnection(host, int(port), timeout=self.timeout)
        return http.client.HTTPSConnection(host, int(port), timeout=self.timeout, context=context)

    def _admin_contexts(self, verify: bool) -> list[ssl.SSLContext]:
        """TLS with the administrators' certificates of this node, in the order to try them."""
        folder = self.root / "etc/kubernetes"
        files = [folder / name for name in ("admin.conf", "super-admin.conf") if (folder / name).is_file()]
        if not files:
            raise ValueError(f"{folder}/admin.conf is not there, so there is no certificate to ask with")
        return [self._admin_context(file, verify) for file in files]

    def _admin_context(self, file: Path, verify: bool) -> ssl.SSLContext:
        text = file.read_text()
        certificate, key = kubeconfig_data(text, "client-certificate"), kubeconfig_data(text, "client-key")
        if certificate is None or key is None:
            raise ValueError(f"{file} holds no client certificate")
        context = unverified()
        if verify:
            # The address may be one that the certificate does not name (a bind address of the user's own), and it is
            # this host's in any case: the authority is checked, the name is not.
            context.verify_mode = ssl.CERT_REQUIRED
            authority = kubeconfig_data(text, "certificate-authority") or (
                self.root / "etc/kubernetes/pki/ca.crt"
            ).read_text(encoding="ascii")
            context.load_verify_locations(cadata=authority)
        with memory_file(f"{certificate}\n{key}".encode("ascii")) as path:
            context.load_cert_chain(path)
        return context

    def etcd_context(self) -> ssl.SSLContext:
        """TLS with the client certificates that kubeadm made for its own etcd.

        :raises ValueError, OSError: they are not there, or of no use.
        """
        pki = self.root / "etc/kubernetes/pki"
        for pair in ("etcd/healthcheck-client", "apiserver-etcd-client"):
            if (pki / f"{pair}.crt").is_file() and (pki / f"{pair}.key").is_file():
                context = unverified()
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(cafile=str(pki / "etcd/ca.crt"))
                context.load_cert_chain(str(pki / f"{pair}.crt"), str(pki / f"{pair}.key"))
                return context
        raise ValueError(f"neither etcd/healthcheck-client.crt nor apiserver-etcd-client.crt is in {pki}")


def wanted_versions(root: Path, kubernetes: str | None, programs: t.Mapping[str, str]) -> dict[str, str]:
    """{program: version} to wait for: the three Kubernetes programs (and a healthy etcd, if it runs here), and more.

    Raises UpliftError for a program that this collection does not know.
    """
    unknown = sorted(set(programs) - set(PROGRAMS))
    if unknown:
        raise UpliftError(f"wait_for names {', '.join(unknown)}; the programs that can be waited for are {PROGRAMS}.")
    wanted: dict[str, str] = {}
    if kubernetes:
        wanted = dict.fromkeys(KUBERNETES_PROGRAMS, kubernetes)
        if "etcd" in manifests(root):
            wanted["etcd"] = ""
    return {**wanted, **{name: version or "" for name, version in programs.items()}}


def wait_for(local: Local, wanted: t.Mapping[str, str], timeout: float, settled: bool = False) -> dict[str, Answer]:
    """Wait until every program in wanted answers with its version and is healthy; returns the last answers.

    wanted is {program: version}, of which an empty version means any. With settled, also until kubelet, if it was just
    started, is done with restarting them. Raises UpliftError when timeout (seconds) is up.
    """
    deadline = time.monotonic() + timeout
    while True:
        # Looked at first: a program that is restarted between the two looks is still late.
        moving = _settled.unsettled_now(local.root, wanted) if settled else []
        answers = local.ask_all(wanted)
        late = {name: version for name, version in wanted.items() if not _arrived(answers.get(name), version)}
        if not late and not moving:
            return answers
        if time.monotonic() >= deadline:
            late.update((name, wanted[name]) for name in moving)
            raise UpliftError(" ".join(_lateness(local.root, n, v, answers.get(n), timeout) for n, v in late.items()))
        time.sleep(POLL_SECONDS)


def kubeconfig_data(text: str, key: str) -> str | None:
    """A PEM of a kubeconfig that kubeadm wrote: KEY-data as it is in the file, or the file that KEY names; or None."""
    match = re.search(rf"^\s*{key}-data:\s*(\S+)", text, re.MULTILINE)
    if match:
        return base64.b64decode(match.group(1)).decode("ascii")
    match = re.search(rf"^\s*{key}:\s*(\S+)", text, re.MULTILINE)
    return Path(match.group(1)).read_text(encoding="ascii") if match else None


def _failing(said: bytes) -> str:
    """Of the checks that an unhealthy program lists, a line each, those that fail ("[-]etcd failed"); else its end."""
    text = said.decode(errors="replace")
    failing = [line.strip() for line in text.splitlines() if line.startswith("[-]")]
    return "; ".join(failing) or text[-300:]


def _version_of(path: str, body: bytes) -> str:
    if path == "/version":
        return str(json.loads(body)["gitVersion"])
    match = BUILD_INFO.search(body)
    if match is None:
        raise ValueError("its metrics have no kubernetes_build_info")
    return match.group(1).decode("ascii")


def _arrived(answer: Answer | None, version: str) -> bool:
    return answer is not None and answer.healthy and (not version or answer.version == version)


def _lateness(root: Path, name: str, wanted: str, answer: Answer | None, timeout: float) -> str:
    """One program's part of the error of a wait that timed out."""
    if answer is None:
        return f"{name} has no manifest in /{MANIFESTS} on this node, so {wanted} cannot be waited for."
    seen = answer.version or "nothing"
    text = f"{name} was to answer as {wanted or 'healthy'} within {timeout:g} s, but said {seen}"
    text += f" ({answer.why})." if answer.why else "."
    path, lines = last_log(root, name)
    if path:
        text += f" Last lines of {path}: " + " | ".join(lines)
    return text + f" Look at it with: crictl ps -a --name {name}, and journalctl -u kubelet."


def last_log(root: Path, name: str, lines: int = 5) -> tuple[str, list[str]]:
    """Path and last lines of the newest container log of a static pod; ("", []) when none can be read."""
    logs = root.glob(f"var/log/pods/kube-system_{name}-*/{name}/*.log")
    try:
        newest = max(logs, key=lambda path: path.stat().st_mtime)
        with newest.open("rb") as log:
            log.seek(max(0, newest.stat().st_size - 8192))
            return str(newest), log.read().decode(errors="replace").splitlines()[-lines:]
    except (ValueError, OSError):
        return "", []


def _first_address(urls: str) -> str:
    """host:port of the first of etcd's URLs that is on the loopback, else of the first."""
    addresses = [url.partition("://")[2] for url in urls.split(",")]
    return next((address for address in addresses if address.startswith(("127.", "[::1]"))), addresses[0])


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def unverified() -> ssl.SSLContext:
    """TLS that checks no certificate: controller manager and scheduler sign their own, in memory, on the loopback."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
