# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything on this machine: HAProxies, sites behind them, and the playbook as users run it, by a local connection."""

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

ROOT = Path(__file__).resolve().parents[2]


class Loopback:
    """Two sites and HAProxies in front of both, in a folder; `environment` is what finds the collection."""

    def __init__(self, folder: Path, environment: Mapping[str, str], proxies: int = 1, check: bool = False) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            **environment,
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        }
        self.sites = {name: Site(name) for name in ("blue-1", "green-1")}
        self.proxies: list[Haproxy] = []
        addresses = {name: site.address for name, site in self.sites.items()}
        for number in range(proxies):
            place = folder / f"lb{number + 1}"
            place.mkdir()
            self.proxies.append(Haproxy(place, addresses, check=check, connect="200ms"))
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
        """The playbook, with a gate on the sites themselves."""
        given = {
            "switch_traffic_become": False,
            "switch_traffic_haproxy_backends": ["web"],
            "switch_traffic_hold": 2,
            "switch_traffic_report_every": 1,
            "switch_traffic_blue_checks": [self.sites["blue-1"].url],
            "switch_traffic_green_checks": [{"url": self.sites["green-1"].url, "contains": "green"}],
            **variables,
        }
        program = str(Path(sys.executable).parent / "ansible-playbook")
        return [program, "uplift.kubeadm.switch_traffic", "-i", str(self.inventory), "-e", json.dumps(given), *words]

    def run(self, variables: Mapping[str, Any] | None = None, *words: str, limit: float = 300) -> tuple[int, str]:
        """(exit code, output)."""
        done = subprocess.run(
            self.command(variables or {}, *words), cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    def weights(self) -> list[dict[str, int]]:
        return [proxy.weights() for proxy in self.proxies]

    def stop(self) -> None:
        for proxy in self.proxies:
            proxy.stop()
        for site in self.sites.values():
            site.stop()


@contextlib.contextmanager
def loopback(folder: Path, environment: Mapping[str, str], **options: Any) -> Iterator[Loopback]:
    made = Loopback(folder, environment, **options)
    try:
        yield made
    finally:
        made.stop()
