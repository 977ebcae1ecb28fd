# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain HTTP servers that say their name, and can be told to fail."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Site:
    """Answers every GET with its name. `behaviour`: "well"; "errors" answers 500; "drops" breaks off."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.behaviour = "well"
        self.broken_from: int | None = None  # number of the request from which on it answers 500
        self.requests = 0
        self._server: ThreadingHTTPServer | None = _Server(("127.0.0.1", 0), _handler(self))
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}/"

    def stop(self) -> None:
        """From now on connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        """HAProxy breaks connections off when it is done with them; that is nothing to tell."""


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # headers and body in one packet

        def do_GET(self) -> None:
            site.requests += 1
            if site.behaviour == "drops":
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            broken = site.broken_from is not None and site.requests >= site.broken_from
            self.send_response(500 if broken or site.behaviour == "errors" else 200)
            self.send_header("Content-Length", str(len(site.name)))
            self.end_headers()
            self.wfile.write(site.name.encode())

        def log_message(self, *_: Any) -> None:
            """Not on the terminal."""

    return Handler
