# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab cluster for a scenario, reached over SSH, and what is done to it from outside: by docker, never by SSH."""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import cluster as lab_cluster
from lab import docker
from lab.inventory import Node
from lab.paths import cluster_dir

from .kube import Kube, access

VERSION, HOPS = "1.24.17", ("1.25.4", "1.26.9")


class ScenarioError(Exception):
    """The scenario cannot go on. The message says what was seen and what to do."""


@dataclass(frozen=True)
class World:
    """A cluster at its first version."""

    name: str
    install: str
    nodes: dict[str, Node]  # by name in the inventory
    inventory: Path
    kubeconfig: Path

    @property
    def control_planes(self) -> list[str]:
        return [host for host, node in self.nodes.items() if node.control_plane]

    @property
    def workers(self) -> list[str]:
        return [host for host, node in self.nodes.items() if not node.control_plane]

    def host_of(self, node: str) -> str:
        """Name in the inventory of a node."""
        return next(host for host, found in self.nodes.items() if found.name == node)

    def kube(self, timeout: float = 10) -> Kube:
        return Kube(access(self.kubeconfig), timeout)

    def on(self, host: str, script: str, check: bool = True) -> str:
        """Run a shell script on a node, as root."""
        command = ["docker", "exec", self.nodes[host].name, "bash", "-c", script]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if check and done.returncode:
            raise ScenarioError(f"On {host}, `{script[:200]}` ended with {done.returncode}: {done.stderr[-500:]}")
        return done.stdout


def say(text: str) -> None:
    """Progress, for the person who watches; results go to stdout."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def add_options(parser: argparse.ArgumentParser, name: str) -> None:
    """Options that all scenarios have."""
    parser.add_argument("--name", default=name, help="name of the lab cluster (default: %(default)s)")
    parser.add_argument("--control-planes", type=int, choices=(1, 3), default=1, help="default: %(default)s")
    parser.add_argument("--workers", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--install", choices=("binary", "deb"), help="default: binary with 1 control plane, deb with 3")
    parser.add_argument("--limit", type=float, default=39 * 60, metavar="SECONDS", help="default: %(default).0f")
    parser.add_argument("--keep", action="store_true", help="leave the cluster there afterwards")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file, too")


def build(
    options: argparse.Namespace, version: str = VERSION, hops: Sequence[str] = HOPS, etcd: Sequence[str] = ()
) -> None:
    """Have what `world` makes a cluster of, before the time of the scenario runs: minutes, where it was never built."""
    lab_cluster.build([version, *hops], [(version, method(options))], etcd)


def method(options: argparse.Namespace) -> str:
    """How programs come to the nodes."""
    return str(options.install or ("binary" if options.control_planes == 1 else "deb"))


@contextlib.contextmanager
def world(
    options: argparse.Namespace, version: str = VERSION, hops: Sequence[str] = HOPS, etcd: Sequence[str] = ()
) -> Iterator[World]:
    """A new cluster at a version; gone afterwards, whatever happens, unless it is to be kept.

    Its nodes can have the versions of the hops, and the tags of `etcd` besides what those need.
    """
    install = method(options)
    spec = lab_cluster.Spec(options.name, options.control_planes, options.workers, version, install)
    if lab_cluster.load(spec.name) is not None:
        raise ScenarioError(
            f"There is a cluster {spec.name} already. Remove it: `python3 tests/lab down --name {spec.name}`."
        )
    try:
        lab_cluster.up(spec, list(hops), etcd)
        folder = cluster_dir(spec.name)
        nodes = {node.host: node for node in lab_cluster.nodes(spec)}
        yield World(spec.name, install, nodes, folder / "inventory-ssh.yml", folder / "kubeconfig")
    finally:
        if options.keep:
            say(f"the cluster {spec.name} stays; remove it with `python3 tests/lab down --name {spec.name}`")
        else:
            lab_cluster.down(spec.name)


def wait(what: str, condition: Callable[[], bool], timeout: float, interval: float = 0.5) -> None:
    """Until the condition holds. Raises ScenarioError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise ScenarioError(f"Waited {timeout:.0f} s for {what}, in vain.")
        time.sleep(interval)


def wait_steady(what: str, condition: Callable[[], bool], steady: float, timeout: float, interval: float = 0.5) -> None:
    """Until the condition has held for `steady` seconds on end. Raises ScenarioError after `timeout` seconds."""
    since: float | None = None

    def held() -> bool:
        nonlocal since
        if not condition():
            since = None
            return False
        since = time.monotonic() if since is None else since
        return time.monotonic() - since >= steady

    wait(what, held, timeout, interval)


def running(host: Node) -> bool:
    return docker.running(host.name)
