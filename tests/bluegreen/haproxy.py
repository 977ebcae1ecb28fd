# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real HAProxy on this machine, of a configuration made here, that can be reloaded."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path


def find() -> str | None:
    """The program on this machine."""
    return shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


PROGRAM = find()
HOW_TO_INSTALL = "There is no haproxy on this machine. Install it: `apt-get install haproxy` or `dnf install haproxy`."
_PATIENCE = 20.0  # seconds
_AGAIN = 4.0

CONFIG = """\
# Weights are moved by uplift.kubeadm.switch_traffic.
global
    stats socket {socket} mode 600 level admin expose-fd listeners
    stats socket ipv4@127.0.0.1:{admin} level admin

defaults
    mode {mode}
    timeout connect {connect}
    retries 1
    timeout client 10s
    timeout server 10s

frontend entry
    bind 127.0.0.1:{entry}
    default_backend web

backend web
    balance {balance}
    {option}
{servers}
"""


class Haproxy:
    """Started when this is made. `servers` are addresses by name; green ones begin with weight 0."""

    def __init__(
        self,
        folder: Path,
        servers: Mapping[str, str],
        *,
        mode: str = "http",
        balance: str = "roundrobin",
        check: bool = False,
        option: str = "",
        connect: str = "2s",
    ) -> None:
        assert PROGRAM is not None, HOW_TO_INSTALL
        self.socket = folder / "admin.sock"
        self.config = folder / "haproxy.cfg"
        self.entry, self.admin = free_port(), free_port()
        # A look has `inter` to connect: less than what a lost packet costs would take servers out that are well.
        checks = " check inter 2s fastinter 1s fall 3 rise 1" if check else ""
        lines = [
            f"    server {name} {address} weight {0 if name.startswith('green') else 100}{checks}"
            for name, address in servers.items()
        ]
        self.config.write_text(
            CONFIG.format(
                socket=self.socket, admin=self.admin, entry=self.entry, mode=mode, balance=balance, option=option,
                connect=connect, servers="\n".join(lines),
            )
        )  # fmt: skip
        self._log = (folder / "haproxy.log").open("w")
        self.process = subprocess.Popen(
            [PROGRAM, "-W", "-f", str(self.config)], stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )
        self._until(lambda: self.pid() != 0, "it answers")

    def ask(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(self.socket))
            connection.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def pid(self) -> int:
        """Of the worker that answers; 0 when none does."""
        with contextlib.suppress(OSError):
            for line in self.ask("show info").splitlines():
                if line.startswith("Pid: "):
                    return int(line[5:])
        return 0

    def weights(self) -> dict[str, int]:
        """As the process has them; a worker that ends, as another takes over, may not answer."""
        found: dict[str, int] = {}

        def answered() -> bool:
            nonlocal found
            with contextlib.suppress(OSError):
                rows = [line.split() for line in self.ask("show servers state web").splitlines()]
                found = {row[3]: int(row[7]) for row in rows if len(row) > 7 and not row[0].startswith("#")}
            return bool(found)

        self._until(answered, "it says its weights")
        return found

    def reload(self) -> None:
        """As `systemctl reload haproxy` does it; returns when the new process answers."""
        old, asked = self.pid(), 0.0

        def reloaded() -> bool:
            nonlocal asked
            # A signal that comes while the master is still busy with the last reload is lost.
            if time.monotonic() > asked + _AGAIN:
                self.process.send_signal(signal.SIGUSR2)
                asked = time.monotonic()
            return self.pid() not in (0, old)

        self._until(reloaded, "it is reloaded")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(_PATIENCE)
        self._log.close()

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"HAProxy: waited until {what}, in vain:\n{Path(self._log.name).read_text()}")
            time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
