# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters: made by kind from the lab's node images, given a network, and described by a directory of state."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import (
    artifacts,
    docker,
    engine,
    etcd_host,
    images,
    inventory,
    mirror,
    nodeimage,
    package_contents,
    packages,
    services,
)
from .cache import lock
from .errors import LabError
from .inventory import Node
from .paths import CLUSTER_LABEL, MIRROR, NETWORK, REGISTRY, cluster_dir, mirror_dir, state_dir
from .progress import say, step, wait
from .shell import out, run

_POD_CIDR = "10.244.0.0/16"
KIND_LABEL = "io.x-k8s.kind.cluster"
ADDED = "added.json"  # in the cluster's directory: hosts that kind did not make
# It is there where cgroup v2 is all that this machine has.
_CGROUP_V2 = Path("/sys/fs/cgroup/cgroup.controllers")
_REFUSES_CGROUP_V1 = 35  # the first minor whose kubelet does, unless it is told otherwise


@dataclass(frozen=True)
class Spec:
    """What a cluster is. Versions of later hops are not part of it: they are only made available."""

    name: str
    control_planes: int
    workers: int
    version: str
    install: str  # binary, deb or rpm
    external_etcd: bool = False  # etcd on a host of its own, and not made by kubeadm


def up(spec: Spec, hops: list[str], etcd: Sequence[str] = ()) -> None:
    """Make the cluster, unless it is there, and make the versions of the hops available to its nodes.

    `etcd` has tags of etcd's image that they can have besides.
    Raises LabError when another cluster has the name.
    """
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", spec.name):
        raise LabError(f"{spec.name!r} cannot be the name of a cluster: use a-z, 0-9 and -, starting with a letter.")
    if spec.external_etcd and spec.control_planes > 1:
        # Its pkg/cluster/internal/create/actions/kubeadminit/init.go: pki/etcd/ca.key is copied from the first one.
        raise LabError("With --external-etcd, one control plane: kind copies the key of kubeadm's own etcd to more.")
    with lock(state_dir() / "clusters" / f"{spec.name}.lock"):
        engine.ensure()
        existing = load(spec.name)
        if existing is not None and existing != spec:
            raise LabError(
                f"A cluster {spec.name!r} exists and is another: {_describe(existing)}; wanted: {_describe(spec)}. "
                f"Take it down first (`down --name {spec.name}`) or choose another name."
            )
        # The directory comes first: as long as it is there, no other run takes the shared services down.
        cluster_dir(spec.name).mkdir(parents=True, exist_ok=True)
        cluster_dir(spec.name).chmod(0o700)
        versions = list(dict.fromkeys([spec.version, *hops]))
        build(versions, [], etcd)
        services.ensure()
        for layout in (*map(images.ensure, versions), *map(images.ensure_etcd, etcd)):
            services.push(layout)
        if existing is not None and _as_made(spec):
            say(f"Cluster {spec.name} is up already: {_describe(spec)}.")
        else:
            if existing is not None:
                say(f"Cluster {spec.name} does not run as it was made: making it anew.")
            _create(spec)
        write_inventories(spec.name)


def build(versions: list[str], node_images: list[tuple[str, str]], etcd: Sequence[str] = ()) -> None:
    """Have in the cache all that clusters of these versions need, node images as (version, install), images of etcd."""
    engine.ensure()
    artifacts.tool("kind", artifacts.KIND)
    for version in versions:
        artifacts.ensure(version)
        images.ensure(version)
    for tag in etcd:
        images.ensure_etcd(tag)
    services.image()
    mirror_dir().mkdir(parents=True, exist_ok=True)
    mirror.ensure(mirror_dir(), versions)
    packages.ensure(mirror_dir(), versions)
    for version, install in node_images:
        nodeimage.ensure(version, install)


def down(name: str) -> None:
    """Remove a cluster and its state; the shared services too when it was the last one."""
    with lock(state_dir() / "clusters" / f"{name}.lock"):
        answering = engine.answers()
        if cluster_dir(name).exists() and not answering:
            raise LabError("No docker engine answers, so the cluster's containers cannot be removed: start it first.")
        containers = _containers(name) if answering else []
        if containers:
            with step(f"removing cluster {name}"):
                run("docker", "rm", "-f", "-v", *containers)
        elif not cluster_dir(name).exists():
            say(f"There is no cluster {name}.")
        shutil.rmtree(cluster_dir(name), ignore_errors=True)
    if answering and not traces():
        services.remove()


def names() -> list[str]:
    """Names of the clusters that have state here."""
    base = state_dir() / "clusters"
    return sorted(path.parent.name for path in base.glob("*/spec.json")) if base.is_dir() else []


def traces() -> list[str]:
    """Names of all clusters that have left anything here, complete or not."""
    base = state_dir() / "clusters"
    found = {path.name for path in base.iterdir() if path.is_dir()} if base.is_dir() else set()
    if engine.answers():
        column = f'{{{{.Label "{KIND_LABEL}"}}}}'
        listing = ("docker", "ps", "-a", "--filter", f"network={NETWORK}", "--filter", f"label={KIND_LABEL}")
        found.update(out(*listing, "--format", column).split())
        ours = ("docker", "ps", "-a", "--filter", f"label={CLUSTER_LABEL}")
        found.update(out(*ours, "--format", f'{{{{.Label "{CLUSTER_LABEL}"}}}}').split())
    return sorted(found)


def load(name: str) -> Spec | None:
    """The specification of a cluster; None when there is no such cluster."""
    path = cluster_dir(name) / "spec.json"
    return Spec(**json.loads(path.read_text())) if path.exists() else None


def require(name: str) -> Spec:
    """The specification of a cluster that must exist."""
    spec = load(name)
    if spec is None:
        known = ", ".join(names()) or "none"
        raise LabError(f"There is no cluster {name!r} (there are: {known}). Make it with `up --name {name}`.")
    return spec


def nodes(spec: Spec) -> list[Node]:
    """The nodes of a cluster, control planes first, in kind's order and with kind's names."""
    planes, workers = range(1, spec.control_planes + 1), range(1, spec.workers + 1)
    planned = [(f"cp{i}", f"{spec.name}-control-plane{suffix(i)}", True) for i in planes]
    planned += [(f"worker{i}", f"{spec.name}-worker{suffix(i)}", False) for i in workers]
    return [Node(host, node, address(node), role) for host, node, role in planned]


def members(spec: Spec) -> list[Node]:
    """The nodes, and the hosts that were added since (extra.py), whether they have joined or not."""
    return nodes(spec) + [Node(**{**row, "address": address(row["name"])}) for row in _added(spec.name)]


def etcd_hosts(spec: Spec) -> list[Node]:
    """The host of an external etcd; none where kubeadm made etcd."""
    name = etcd_host.container(spec.name)
    return [Node(etcd_host.HOST, name, address(name), False)] if spec.external_etcd else []


def hosts(spec: Spec) -> list[Node]:
    """All that is in the inventory: nodes, hosts that were added, and the host of an external etcd."""
    return members(spec) + etcd_hosts(spec)


def _added(name: str) -> list[dict[str, Any]]:
    path = cluster_dir(name) / ADDED
    found: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    return found


def status() -> dict[str, Any]:
    """The lab's state, as `status --json` prints it."""
    answering = engine.answers()
    shared: dict[str, Any] = {"registry": None, "mirror": None, "registry_from_host": None, "mirror_from_host": None}
    if answering and docker.running(REGISTRY) and docker.running(MIRROR):
        shared = {
            "registry": services.REGISTRY_URL,
            "mirror": services.MIRROR_URL,
            "registry_from_host": services.host_url(REGISTRY, 5000),
            "mirror_from_host": services.host_url(MIRROR, 80),
        }
    clusters = {}
    for name in names():
        spec = require(name)
        found = {n.host: {**asdict(n), "running": answering and docker.running(n.name)} for n in hosts(spec)}
        clusters[name] = {**asdict(spec), "nodes": found, "state": str(cluster_dir(name))}
    return {"engine": answering, **shared, "clusters": clusters}


def write_inventories(name: str) -> dict[str, Path]:
    """Write the inventory of each connection into the cluster's directory; connection -> path."""
    spec = require(name)
    base, added = cluster_dir(name), members(spec)[len(nodes(spec)) :]
    variables: dict[str, Any] = {
        "kubeadm_upgrade_method": "binary" if spec.install == "binary" else "package",
        "kubeadm_upgrade_binary_url": f"{services.MIRROR_URL}/release",
    }
    paths = {}
    for connection in ("docker", "ssh"):
        more = {"added": added, "etcd": etcd_hosts(spec)}
        text = inventory.render(nodes(spec), connection, variables, base / "ssh", nodeimage.USER, more)
        paths[connection] = base / f"inventory-{connection}.yml"
        write_file(paths[connection], text)
    return paths


def _create(spec: Spec) -> None:
    base = cluster_dir(spec.name)
    (base / "spec.json").unlink(missing_ok=True)
    leftovers = _containers(spec.name)
    if leftovers:  # of an attempt that did not get through, or of a cluster that does not run
        run("docker", "rm", "-f", "-v", *leftovers)
    image = nodeimage.ensure(spec.version, spec.install)
    kind = artifacts.tool("kind", artifacts.KIND) / "kind"
    if spec.control_planes > 1:
        services.ensure_load_balancer()
    etcd = None
    if spec.external_etcd:
        with step(f"starting an etcd of its own for {spec.name}"):
            etcd = etcd_host.create(spec.name, etcd_version(spec.version), image, base)
    write_file(base / "kind.yml", kind_config(spec, cgroup_v1=not _CGROUP_V2.exists(), etcd=etcd))
    environment = {
        "KIND_EXPERIMENTAL_DOCKER_NETWORK": NETWORK,
        "KIND_EXPERIMENTAL_PROVIDER": "docker",
        "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY", ""), REGISTRY, MIRROR])),
    }
    with step(f"creating cluster {spec.name} ({_describe(spec)})"):
        argv = ["create", "cluster", "--name", spec.name, "--image", image, "--config", base / "kind.yml"]
        run(kind, *map(str, argv), "--kubeconfig", base / "kubeconfig", "--retain", env=environment)
    found = nodes(spec)
    with step("network of the pods, SSH, waiting for the nodes"):
        ssh_access(base, found + etcd_hosts(spec))
        _network(found)
        _wait_ready(found, spec.external_etcd)
    write_file(base / "nodes.json", json.dumps([asdict(host) for host in found + etcd_hosts(spec)]))
    # Last: a cluster with a specification is complete. What came no further is found by its containers' label.
    write_file(base / "spec.json", json.dumps(asdict(spec)))


def etcd_version(version: str) -> str:
    """The etcd that kubeadm of a version would bring itself, which is the one that its API server is tested with."""
    image = next(reference for reference in artifacts.images_of(version) if "/etcd:" in reference)
    return images.split(image)[2].partition("-")[0]


def kind_config(spec: Spec, cgroup_v1: bool = False, etcd: etcd_host.External | None = None) -> str:
    """Configuration for `kind create cluster`.

    `cgroup_v1`: whether this machine's kernel offers the nodes no other. `etcd`: the one that kubeadm is not to make.
    """
    lines = ["kind: Cluster", "apiVersion: kind.x-k8s.io/v1alpha4", f"name: {spec.name}", "networking:"]
    lines += ["  disableDefaultCNI: true", f'  podSubnet: "{_POD_CIDR}"']
    patches: list[list[str]] = []
    if cgroup_v1 and package_contents.minor_of(spec.version) >= _REFUSES_CGROUP_V1:
        # kind leaves kubeadm's preflight checks out, of which one refuses cgroup v1 whatever kubelet is told.
        version = "apiVersion: kubelet.config.k8s.io/v1beta1"
        patches.append(["kind: KubeletConfiguration", version, "failCgroupV1: false"])
    if etcd is not None:
        patches.append(etcd.kubeadm_patch())
    if patches:
        lines += ["kubeadmConfigPatches:", *(line for patch in patches for line in ["- |", *(f"  {x}" for x in patch)])]
    plane = ["- role: control-plane", *(etcd.mounts() if etcd is not None else [])]
    lines += ["nodes:", *plane * spec.control_planes, *["- role: worker"] * spec.workers]
    return "\n".join(lines) + "\n"


def network_script(own_cidr: str, routes: dict[str, str]) -> str:
    """Shell script of a node: routes to the other nodes' pods (CIDR -> node address), NAT for the way out.

    Run again at every start of the node. Pods keep their own address within the cluster.
    """
    lines = [f"ip route replace {cidr} via {address}" for cidr, address in routes.items()]
    rule = f"POSTROUTING -s {own_cidr} ! -d {_POD_CIDR} -j MASQUERADE"
    lines.append(f"iptables -w -t nat -C {rule} 2>/dev/null || iptables -w -t nat -A {rule}")
    return "\n".join(lines) + "\n"


def cni_config(own_cidr: str) -> str:
    """CNI configuration of a node: a bridge, and addresses of the node's own range."""
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": own_cidr}]], "routes": [{"dst": "0.0.0.0/0"}]},
    }
    plugins = [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}]
    return json.dumps({"cniVersion": "0.4.0", "name": "lab", "plugins": plugins}, indent=2) + "\n"


def pod_cidrs(container: str) -> dict[str, str]:
    """{node: range of its pods} of the nodes that have one, asked in the container of a control plane."""
    path = '{range .items[*]}{.metadata.name} {.spec.podCIDR}{"\\n"}{end}'
    text = docker.execute(container, *_KUBECTL, "get", "nodes", "-o", f"jsonpath={path}")
    pairs = (line.partition(" ")[::2] for line in text.splitlines())
    return {name: cidr for name, cidr in pairs if cidr}


def _network(found: list[Node]) -> None:
    cidrs: dict[str, str] = {}

    def assigned() -> bool:
        cidrs.update(pod_cidrs(found[0].name))
        return len(cidrs) == len(found)

    wait("the nodes' pod CIDRs", assigned)
    wire(found, cidrs)


def wire(found: list[Node], cidrs: dict[str, str]) -> None:
    """Give these nodes routes to each other's pods, and a configuration of CNI."""
    for node in found:
        routes = {cidrs[other.name]: other.address for other in found if other is not node}
        docker.write(node.name, "/etc/lab/network.sh", network_script(cidrs[node.name], routes))
        docker.execute(node.name, "systemctl", "restart", "lab-network")
        docker.write(node.name, "/etc/cni/net.d/10-lab.conflist", cni_config(cidrs[node.name]))


_KUBECTL = ("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf")


def _wait_ready(members: list[Node], external_etcd: bool) -> None:
    """Wait for all nodes, and for all that kubeadm runs on them, to be ready."""
    first = members[0].name
    planes = sum(node.control_plane for node in members)
    # A mirror pod each of etcd and the three control plane programs, kube-proxy everywhere, two of CoreDNS.
    pods = (3 if external_etcd else 4) * planes + len(members) + 2

    def conditions(*what: str) -> list[str]:
        path = '{range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{" "}{end}'
        return docker.execute(first, *_KUBECTL, "get", *what, "-o", f"jsonpath={path}").split()

    def ready() -> bool:
        nodes_ready = conditions("nodes") == ["True"] * len(members)
        return nodes_ready and conditions("pods", "-n", "kube-system") == ["True"] * pods

    wait("the nodes and the pods of kube-system to be ready", ready)


def ssh_access(base: Path, found: list[Node]) -> None:
    """A key of the cluster's own, in each node's authorized_keys, and the nodes' host keys in known_hosts."""
    folder = base / "ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    key = folder / "id_ed25519"
    if not key.exists():
        engine.ensure_programs({"ssh-keygen": "openssh-client"})
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "uplift-kubeadm-lab", "-f", key)
    public = key.with_suffix(".pub").read_text()
    known = []
    for node in found:
        owner, home = f"-o {nodeimage.USER} -g {nodeimage.USER}", f"/home/{nodeimage.USER}/.ssh"
        script = f"install -d -m 700 {owner} {home} && install -m 600 {owner} /dev/stdin {home}/authorized_keys"
        docker.execute(node.name, "sh", "-c", script, stdin=public)
        host_key = docker.execute(node.name, "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
        known.append(f"{node.address},{node.name} {' '.join(host_key.split()[:2])}\n")
    write_file(folder / "known_hosts", "".join(known))


def _containers(name: str) -> list[str]:
    """Names of the containers of a cluster, load balancer and the host of an external etcd included.

    Raises LabError when kind made a cluster of that name that is not in the lab's network: it is not ours.
    """
    listing = ("docker", "ps", "-a", "--filter", f"label={KIND_LABEL}={name}", "--format", "{{.Names}}")
    everything, ours = out(*listing).split(), out(*listing, "--filter", f"network={NETWORK}").split()
    foreign = sorted(set(everything) - set(ours))
    if foreign:
        raise LabError(
            f"There is a kind cluster {name!r} that the lab did not make ({', '.join(foreign)}): it is left alone. "
            "Choose another name."
        )
    listing = ("docker", "ps", "-a", "--filter", f"label={CLUSTER_LABEL}={name}", "--format", "{{.Names}}")
    return ours + out(*listing).split()


def _as_made(spec: Spec) -> bool:
    """Do all nodes run, at the addresses that they had when routes, certificates and known_hosts were written?"""
    made = json.loads((cluster_dir(spec.name) / "nodes.json").read_text())
    now = nodes(spec) + etcd_hosts(spec)
    return made == [asdict(host) for host in now] and all(docker.running(host.name) for host in now)


def address(container: str) -> str:
    """Address in the lab's network; empty when there is no such container, or no engine to ask."""
    found = docker.inspect(container) if shutil.which("docker") else None
    if found is None:
        return ""
    networks = found["NetworkSettings"]["Networks"]
    return str(networks.get(NETWORK, {}).get("IPAddress", ""))


def _describe(spec: Spec) -> str:
    what = f"{spec.version}, control planes: {spec.control_planes}, workers: {spec.workers}, install: {spec.install}"
    return what + (", etcd: external" if spec.external_etcd else "")


def suffix(number: int) -> str:
    return "" if number == 1 else str(number)


def write_file(path: Path, text: str) -> None:
    """Write a file that only the owner reads: all of them may lead to credentials."""
    path.touch(mode=0o600)
    path.write_text(text)
