# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxies on this machine, the playbook as users run it by a local connection, and sites for it on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .haproxy import Haproxy
from .site import Site


class Balancers:
    """HAProxies with the same servers, and the playbook for them.

    :param environment: what lets ansible-playbook find the collection.
    :param addresses: of the servers, by name (blue-…, green-…).
    :param variables: of every run.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        addresses: Mapping[str, str],
        variables: Mapping[str, Any],
        proxies: int = 1,
        **options: Any,
    ) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            **environment,
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        }
        self.variables = dict(variables)
        self.proxies: list[Haproxy] = []
        for number in range(proxies):
            place = folder / f"lb{number + 1}"
            place.mkdir()
            self.proxies.append(Haproxy(place, addresses, **options))
        hosts = {
            f"lb{number + 1}": {
                "ansible_connection": "local",
                "ansible_python_interpreter": sys.executable,
                "switch_traffic_haproxy_socket": str(proxy.socket),
                "switch_traffic_haproxy_config": str(proxy.config),
            }
            for number, proxy in enumerate(self.proxies)
        }
        self.inventory = folder / "inventory.json"
        self.inventory.write_text(json.dumps({"haproxy": {"hosts": hosts}}))

    def command(self, variables: Mapping[str, Any], *words: str) -> list[str]:
        given = {
            "switch_traffic_become": False,
            "switch_traffic_haproxy_backends": ["web"],
            **self.variables,
            **variables,
        }
        program = str(Path(sys.executable).parent / "ansible-playbook")
        return [program, "uplift.kubeadm.switch_traffic", "-i", str(self.inventory), "-e", json.dumps(given), *words]

    def start(self, variables: Mapping[str, Any], log: Path, *words: str) -> subprocess.Popen[bytes]:
        """The playbook, with its output in a file."""
        with log.open("wb") as output:
            return subprocess.Popen(
                self.command(variables, *words), cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def run(self, variables: Mapping[str, Any] | None = None, *words: str, limit: float = 300) -> tuple[int, str]:
        """(exit code, output); the code is -9 when it had to be ended after `limit` seconds."""
        log = self.folder / "run.log"
        process = self.start(variables or {}, log, *words)
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            with log.open("a", encoding="utf-8") as output:
                output.write(f"\nstill at work after {limit:.0f} s, and ended by the test\n")
        finally:
            process.kill()
        return process.wait(), log.read_text(encoding="utf-8", errors="replace")

    def weights(self) -> list[dict[str, int]]:
        return [proxy.weights() for proxy in self.proxies]

    def stop(self) -> None:
        for proxy in self.proxies:
            proxy.stop()


class Loopback(Balancers):
    """Two plain sites on this machine, and a gate on them."""

    def __init__(self, folder: Path, environment: Mapping[str, str], **options: Any) -> None:
        self.sites = {name: Site(name) for name in ("blue-1", "green-1")}
        blue, green = self.sites["blue-1"].url, self.sites["green-1"].url
        variables = {
            "switch_traffic_hold": 2,
            "switch_traffic_report_every": 1,
            "switch_traffic_blue_checks": [blue],
            "switch_traffic_green_checks": [{"url": green, "contains": "green"}],
        }
        addresses = {name: site.address for name, site in self.sites.items()}
        super().__init__(folder, environment, addresses, variables, **{"connect": "200ms", **options})

    def stop(self) -> None:
        super().stop()
        for site in self.sites.values():
            site.stop()


@contextlib.contextmanager
def loopback(folder: Path, environment: Mapping[str, str], **options: Any) -> Iterator[Loopback]:
    made = Loopback(folder, environment, **options)
    try:
        yield made
    finally:
        made.stop()
