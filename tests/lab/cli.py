# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the lab."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from . import cluster, docker, extra, services
from .errors import LabError
from .paths import cache_dir, cluster_dir

_PROGRAM = "python3 tests/lab"
_VERSION = "1.24.17"
_HOPS = "1.25.4,1.26.9"
_INSTALLS = ("binary", "deb", "rpm")

_EPILOG = f"""examples:
  {_PROGRAM} up --name demo                      1 control plane, 2 workers at {_VERSION}; {_HOPS} to be had
  {_PROGRAM} up --name ha --control-planes 3 --install deb
  {_PROGRAM} status
  ansible-inventory -i "$({_PROGRAM} inventory --name demo --connection ssh --path)" --graph
  {_PROGRAM} exec --name demo cp1 -- systemctl status kubelet
  KUBECONFIG="$({_PROGRAM} kubeconfig --name demo)" kubectl get nodes
  {_PROGRAM} down --name demo

What can be made again is cached in $XDG_CACHE_HOME/uplift-kubeadm-lab, clusters are described in
$XDG_STATE_HOME/uplift-kubeadm-lab. The first run on a machine takes many minutes, later ones one or two.
"""


def main(argv: list[str] | None = None) -> int:
    """Run a command; 0 when it did what it says, 1 when a person has to do something, as the message says."""
    arguments = _parser().parse_args(argv)
    try:
        command: Callable[[argparse.Namespace], int] = arguments.run
        return command(arguments)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; nothing half-made stays in the cache. Run the same command to go on.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="Real kubeadm clusters in containers on this machine, for tests, demos and benchmarks.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="command", required=True)

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str, example: str) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=f"example:\n  {_PROGRAM} {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.set_defaults(run=run)
        return command

    def name(command: argparse.ArgumentParser) -> None:
        command.add_argument("--name", required=True, help="name of the cluster")

    build = add("build", _build, "fill the cache for some versions, without a cluster", "build --versions 1.25.4")
    build.add_argument("--versions", default=f"{_VERSION},{_HOPS}", help="comma-separated (default: %(default)s)")
    _etcd_option(build)
    build.add_argument(
        "--nodes", default="", metavar="VERSION:INSTALL", help="node images too, as 1.24.17:binary,1.24.17:deb"
    )

    up = add("up", _up, "make a cluster, unless it is there", "up --name demo --workers 1 --hops 1.25.4")
    name(up)
    up.add_argument("--control-planes", type=_count(1), default=1, metavar="N", help="default: %(default)s")
    up.add_argument("--workers", type=_count(0), default=2, metavar="N", help="default: %(default)s")
    up.add_argument("--version", default=_VERSION, help="Kubernetes version to start at (default: %(default)s)")
    up.add_argument("--hops", default=_HOPS, help="versions to be had by the nodes later (default: %(default)s)")
    _etcd_option(up)
    up.add_argument("--install", choices=_INSTALLS, default="binary", help="default: %(default)s")
    up.add_argument("--external-etcd", action="store_true", help="etcd on a host of its own, not made by kubeadm")
    up.add_argument("--connection", choices=("docker", "ssh"), default="docker", help="whose inventory to print")

    text = "add a host to a cluster, with kubeadm and kubelet, that has not joined"
    host = add("add-host", _add_host, text, "add-host --name demo --version 1.26.9 --role worker")
    name(host)
    host.add_argument("--version", required=True, help="version of its kubeadm and kubelet")
    host.add_argument("--role", choices=("worker", "control-plane"), default="worker", help="default: %(default)s")

    down = add("down", _down, "remove a cluster, and nothing that the lab did not make", "down --name demo")
    which = down.add_mutually_exclusive_group(required=True)
    which.add_argument("--name", help="name of the cluster")
    which.add_argument("--all", action="store_true", help="all clusters of the lab")

    status = add("status", _status, "say what there is", "status --json")
    status.add_argument("--json", action="store_true", help="for programs")

    inventory = add("inventory", _inventory, "print a cluster's Ansible inventory", "inventory --name demo --path")
    name(inventory)
    inventory.add_argument("--connection", choices=("docker", "ssh"), default="docker", help="default: %(default)s")
    where = inventory.add_mutually_exclusive_group()
    where.add_argument("--path", action="store_true", help="print the path of the inventory file instead")
    where.add_argument("--output", type=Path, metavar="FILE", help="write it to this file instead")

    name(add("kubeconfig", _kubeconfig, "print the path of a cluster's kubeconfig", "kubeconfig --name demo"))

    text = "print the name of the image of nginx, docker-registry, haproxy and tinyproxy, made when it is not there"
    add("service-image", _service_image, text, "service-image")

    execute = add("exec", _exec, "run a command on a node", "exec --name demo worker1 -- systemctl status kubelet")
    name(execute)
    execute.add_argument("node", help="name in the inventory (cp1, worker1) or of the node")
    execute.add_argument("argv", nargs="+", metavar="cmd", help="the command and its arguments, after --")
    return parser


def _etcd_option(command: argparse.ArgumentParser) -> None:
    command.add_argument("--etcd", default="", metavar="TAGS", help="images of etcd to be had besides, as 3.5.33-0")


def _count(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} up")
        return int(text)

    return number


def _versions(text: str) -> list[str]:
    return [version.strip() for version in text.split(",") if version.strip()]


def _build(arguments: argparse.Namespace) -> int:
    nodes = [_node(text) for text in _versions(arguments.nodes)]
    cluster.build(_versions(arguments.versions), nodes, _versions(arguments.etcd))
    print(f"cache: {cache_dir()}")
    return 0


def _node(text: str) -> tuple[str, str]:
    version, _unused, install = text.partition(":")
    if install not in _INSTALLS:
        raise LabError(f"{text!r} is no node image: write 1.24.17:binary, the last part one of {', '.join(_INSTALLS)}.")
    return version, install


def _up(arguments: argparse.Namespace) -> int:
    spec = cluster.Spec(
        arguments.name,
        arguments.control_planes,
        arguments.workers,
        arguments.version,
        arguments.install,
        arguments.external_etcd,
    )
    cluster.up(spec, _versions(arguments.hops), _versions(arguments.etcd))
    base = cluster_dir(spec.name)
    print(f"inventory:  {base / f'inventory-{arguments.connection}.yml'}")
    print(f"kubeconfig: {base / 'kubeconfig'}")
    print(f"registry:   {services.REGISTRY_URL} (in the place of registry.k8s.io on the nodes)")
    print(f"mirror:     {services.MIRROR_URL}")
    return 0


def _add_host(arguments: argparse.Namespace) -> int:
    node = extra.add(arguments.name, arguments.version, arguments.role == "control-plane")
    print(f"{node.host}: {node.name} at {node.address}, in the group added of the cluster's inventory")
    return 0


def _down(arguments: argparse.Namespace) -> int:
    for name in cluster.traces() if arguments.all else [arguments.name]:
        cluster.down(name)
    return 0


def _status(arguments: argparse.Namespace) -> int:
    found = cluster.status()
    if arguments.json:
        print(json.dumps(found, indent=2))
        return 0
    print(f"engine:   {'answers' if found['engine'] else 'does not answer'}")
    print(f"registry: {found['registry'] or 'not running'}")
    print(f"mirror:   {found['mirror'] or 'not running'}")
    for name, spec in found["clusters"].items():
        print(f"cluster {name}: started at {spec['version']}, installed by {spec['install']}")
        for host, node in spec["nodes"].items():
            state = "running" if node["running"] else "NOT RUNNING"
            print(f"  {host:10} {node['name']:28} {node['address']:16} {state}")
    return 0


def _inventory(arguments: argparse.Namespace) -> int:
    path = cluster.write_inventories(arguments.name)[arguments.connection]
    if arguments.output:
        shutil.copyfile(path, arguments.output)
    elif arguments.path:
        print(path)
    else:
        print(path.read_text(), end="")
    return 0


def _kubeconfig(arguments: argparse.Namespace) -> int:
    cluster.require(arguments.name)
    print(cluster_dir(arguments.name) / "kubeconfig")
    return 0


def _service_image(arguments: argparse.Namespace) -> int:
    print(services.image())
    return 0


def _exec(arguments: argparse.Namespace) -> int:
    hosts = cluster.hosts(cluster.require(arguments.name))
    node = next((node for node in hosts if arguments.node in (node.host, node.name)), None)
    if node is None:
        raise LabError(f"{arguments.name} has no node {arguments.node!r}; it has {', '.join(n.host for n in hosts)}.")
    flags = ["-it"] if sys.stdin.isatty() and sys.stdout.isatty() else ["-i"]
    if not docker.running(node.name):
        raise LabError(f"The container of {node.name} does not run: `docker start {node.name}`.")
    return subprocess.run(["docker", "exec", *flags, node.name, *arguments.argv], check=False).returncode
