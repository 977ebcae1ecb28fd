# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HAProxy's Runtime API: one command, one connection, one answer (management guide, "Unix Socket commands")."""

from __future__ import annotations

import re
import socket

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

CHUNK = 65536
SOCKET_LINE = "«stats socket /run/haproxy/admin.sock mode 660 level admin» in the section «global» of haproxy.cfg"
_ADDRESS = re.compile(r"(?:tcp:|ipv4@|ipv6@|)\[?(?P<host>[^\]/]+?)\]?:(?P<port>\d+)")


class Runtime:
    """Asks one HAProxy. `where` is the path of a Unix socket, or host:port; `timeout` in seconds, for each command."""

    def __init__(self, where: str, timeout: float) -> None:
        self.where, self.timeout = where, timeout

    def ask(self, command: str) -> str:
        """The answer, without empty lines around it. Raises UpliftError when there is none."""
        try:
            with self._connect() as connection:
                connection.sendall(f"{command}\n".encode())
                return b"".join(iter(lambda: connection.recv(CHUNK), b"")).decode(errors="replace").strip()
        except OSError as e:
            raise UpliftError(_no_answer(self.where, self.timeout, e)) from e

    def stat(self) -> str:
        """`show stat`: all backends and servers, as CSV."""
        answer = self.ask("show stat -1 6 -1")  # 6: backends (2) and servers (4)
        if not answer.startswith("# pxname"):
            raise UpliftError(f"What listens at {self.where} answers «show stat» with «{answer[:100]}»: is it HAProxy?")
        return answer

    def set_weight(self, backend: str, server: str, weight: int) -> None:
        """Raises UpliftError when HAProxy refuses; it answers nothing when all is well."""
        refusal = self.ask(f"set server {backend}/{server} weight {weight}")
        if refusal:
            raise UpliftError(
                f"HAProxy refuses the weight {weight} for {backend}/{server}: {refusal} {_advice(refusal)}".strip()
            )

    def _connect(self) -> socket.socket:
        found = _ADDRESS.fullmatch(self.where)
        if found:
            return socket.create_connection((found["host"], int(found["port"])), self.timeout)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(self.timeout)
        try:
            connection.connect(self.where[5:] if self.where.startswith("unix:") else self.where)
        except OSError:
            connection.close()
            raise
        return connection


def _no_answer(where: str, timeout: float, error: OSError) -> str:
    if isinstance(error, socket.timeout):
        return f"HAProxy's socket {where} gave no answer within {timeout:g} s. Is the process stuck? Look at its log."
    if isinstance(error, FileNotFoundError):
        return (
            f"There is no socket {where}. Is HAProxy running, and does its configuration open that socket? "
            f"It needs {SOCKET_LINE}."
        )
    if isinstance(error, PermissionError):
        return f"The socket {where} may not be opened by this user. Become root, or a member of the socket's group."
    if isinstance(error, ConnectionRefusedError):
        return f"Nobody listens at {where}: HAProxy is not running, or opens another socket. It needs {SOCKET_LINE}."
    return f"HAProxy's socket {where} cannot be used: {error}."


def _advice(refusal: str) -> str:
    if "static LB algorithm" in refusal:
        return "Weights that move need «balance roundrobin», «leastconn», «random», or «hash-type consistent»."
    if "Permission denied" in refusal:
        return f"The socket needs the level admin: {SOCKET_LINE}."
    return ""
