# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fakes of the programs of a control plane node: they answer over TLS, to clients that have a certificate."""

from __future__ import annotations

import http.server
import ssl
import threading
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils import _running
from ansible_collections.uplift.kubeadm.tests.unit.plugins.certificates import Authority, kubeconfig

MANIFEST = """apiVersion: v1
kind: Pod
metadata:
  name: {name}
spec:
  containers:
  - command:
    - {name}
{flags}
    image: registry.example.com:5000/k8s/{name}:v1.25.4
    imagePullPolicy: IfNotPresent
    name: {name}
  - image: example.com/sidecar:v9
"""


class FakeProgram:
    """A program of the control plane: answers over TLS to clients with a certificate of the authority."""

    def __init__(self, folder: Path, authority: Authority, answers: dict[str, tuple[int, str]]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[str] = []
        pair = authority.issue("server")
        for name, text in (("server.pem", pair.certificate + pair.key), ("ca.pem", authority.pem)):
            (folder / name).write_text(text)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem")
        context.load_verify_locations(folder / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        program = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                subject = dict(pair for pairs in self.connection.getpeercert()["subject"] for pair in pairs)  # type: ignore[attr-defined]
                program.asked.append((subject["commonName"], self.path))
                key = f"{subject['commonName']} {self.path}"
                status, body = program.answers.get(key) or program.answers.get(self.path) or (404, "")
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body.encode())

            def do_POST(self) -> None:
                program.bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.do_GET()

            def log_message(self, *_args: t.Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class FakeControlPlane:
    """A control plane node's files below root, and its programs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.authority = Authority()
        self.programs: dict[str, FakeProgram] = {}
        kubeconfig(root / "etc/kubernetes/admin.conf", self.authority, self.authority.issue("kubernetes-admin"))
        pki = root / "etc/kubernetes/pki/etcd"
        pki.mkdir(parents=True)
        (pki / "ca.crt").write_text(self.authority.pem)
        pair = self.authority.issue("healthcheck")
        (pki / "healthcheck-client.crt").write_text(pair.certificate)
        (pki / "healthcheck-client.key").write_text(pair.key)

    def start(self, name: str, answers: dict[str, tuple[int, str]]) -> FakeProgram:
        folder = self.root / name
        folder.mkdir()
        program = self.programs[name] = FakeProgram(folder, self.authority, answers)
        flags = [f"--secure-port={program.port}", "--bind-address=127.0.0.1"]
        if name == "etcd":
            flags = [f"--listen-client-urls=https://10.9.8.7:2379,https://127.0.0.1:{program.port}"]
        manifests = self.root / _running.MANIFESTS
        manifests.mkdir(exist_ok=True)
        text = MANIFEST.format(name=name, flags="\n".join(f"    - {flag}" for flag in flags))
        (manifests / f"{name}.yaml").write_text(text)
        return program
