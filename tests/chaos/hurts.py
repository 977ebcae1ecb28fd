# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can befall a cluster of the lab, and how it is lifted. Only the cluster's own nodes are touched.

A file system that is full is a tmpfs of 64 KiB; a server that is down is one that the node's own firewall rejects; an
API server or etcd member that is lost is a static pod whose manifest is out of the way; a kubelet that does not start
has been given a flag that it does not know; a node that is lost is a container that was killed.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass

from lab import docker
from lab.paths import MIRROR, NETWORK, REGISTRY
from lab.shell import run
from scenario.kube import Kube, KubeError, Object, is_ready
from scenario.playbook import Playbook
from scenario.world import ScenarioError, World, wait

from .agents import agents

_MANIFESTS, _AWAY = "/etc/kubernetes/manifests", "/var/lib/uplift-scenario-away"
_MIRROR = "kubernetes.io/config.mirror"
_FULL = "/etc/kubernetes/tmp"
_DROP_IN, _KUBELET_ENV = "/etc/systemd/system/kubelet.service.d/99-scenario.conf", "/etc/uplift-scenario-kubelet.env"
# Seconds in which a node or static pod has to come back. A container that ended several times is held back for 160
# seconds at most after outages as long as ours (CrashLoopBackOff: 10, 20, 40 ...).
_BACK = 300.0


@dataclass(frozen=True)
class Site:
    """Where a fault strikes."""

    world: World
    kube: Kube
    playbook: Playbook


Act = Callable[[Site], None]


def down(server: str, host: str) -> tuple[Act, Act]:
    """The registry or the mirror does not answer a node."""

    def rule(site: Site, what: str) -> None:
        address = (docker.inspect(server) or {})["NetworkSettings"]["Networks"][NETWORK]["IPAddress"]
        site.world.on(host, f"iptables -w {what} OUTPUT -d {address} -p tcp -j REJECT --reject-with tcp-reset")

    return lambda site: rule(site, "-I"), lambda site: rule(site, "-D")


def registry_down(host: str) -> tuple[Act, Act]:
    return down(REGISTRY, host)


def mirror_down(host: str) -> tuple[Act, Act]:
    return down(MIRROR, host)


def disk_full(host: str) -> tuple[Act, Act]:
    """No room where kubeadm writes."""

    def strike(site: Site) -> None:
        fill = f"dd if=/dev/zero of={_FULL}/full bs=4k 2>/dev/null"  # ends with an error, when all is full
        site.world.on(host, f"mkdir -p {_FULL} && mount -t tmpfs -o size=64k tmpfs {_FULL} && ! {fill}")

    return strike, lambda site: _unmount(site, host)


def _unmount(site: Site, host: str) -> None:
    site.world.on(host, f"umount -l {_FULL}")


def static_pod_gone(name: str, host: str) -> tuple[Act, Act]:
    """A static pod that does not run, until its manifest is put back and all that suffered on its node is well."""
    return lambda site: _take_away(site, name, host), lambda site: _put_back(site, name, host)


def api_away(host: str) -> tuple[Act, Act]:
    """The same of the only API server, until it answers again: nothing more, as the run goes on at that moment."""
    name = "kube-apiserver"

    def lift(site: Site) -> None:
        _put_manifest_back(site, name, host)
        wait("the API server to answer", lambda: _ask(site, "/readyz") is not None, _BACK)

    return lambda site: _take_away(site, name, host), lift


def _take_away(site: Site, name: str, host: str) -> None:
    site.world.on(host, f"mkdir -p {_AWAY} && mv {_MANIFESTS}/{name}.yaml {_AWAY}/")
    pattern = f"pgrep -x {name[:15]}"
    wait(f"{name} on {host} to end", lambda: not site.world.on(host, pattern, check=False).strip(), 90)


def _put_manifest_back(site: Site, name: str, host: str) -> None:
    site.world.on(host, f"mv {_AWAY}/{name}.yaml {_MANIFESTS}/ && rmdir {_AWAY}")


def _put_back(site: Site, name: str, host: str) -> None:
    _put_manifest_back(site, name, host)
    _wait_for_static_pods(site, host)


def _wait_for_static_pods(site: Site, host: str) -> None:
    """Until the node is Ready, and all of its static pods: an API server without its etcd ends, and is held back."""
    node = site.world.nodes[host].name
    wanted = len(site.world.on(host, f"ls {_MANIFESTS}").split())
    path = f"/api/v1/namespaces/kube-system/pods?fieldSelector=spec.nodeName%3D{node}"

    def back() -> bool:
        found, pods = _ask(site, f"/api/v1/nodes/{node}"), _ask(site, path)
        if found is None or pods is None:
            return False
        static = [pod for pod in pods["items"] if _MIRROR in (pod["metadata"].get("annotations") or {})]
        return is_ready(found) and len(static) == wanted and all(map(is_ready, static))

    wait(f"{host} and its {wanted} static pods to be Ready", back, _BACK)


def _ask(site: Site, path: str) -> Object | None:
    """None while there is no answer."""
    try:
        return site.kube.get(path)
    except KubeError:
        return None


def kubelet_broken(host: str) -> tuple[Act, Act]:
    """A kubelet that is started ends at once; the one that runs is left alone, until it is replaced."""

    def strike(site: Site) -> None:
        # A file: the node's own EnvironmentFile goes before an Environment of any drop-in, and this one comes last.
        site.world.on(
            host,
            f"echo KUBELET_EXTRA_ARGS=--flag-of-the-scenario > {_KUBELET_ENV} && "
            f"printf '[Service]\\nEnvironmentFile={_KUBELET_ENV}\\n' > {_DROP_IN} && systemctl daemon-reload",
        )

    def lift(site: Site) -> None:
        site.world.on(host, f"rm {_DROP_IN} {_KUBELET_ENV} && systemctl daemon-reload && systemctl restart kubelet")
        path = f"/api/v1/nodes/{site.world.nodes[host].name}"
        wait(f"{host} to be Ready", lambda: is_ready(_ask(site, path) or {}), _BACK)

    return strike, lift


def ssh_cut(host: str) -> tuple[Act, Act]:
    """All SSH connections end when kubeadm is at work on a host; new ones can be made at once."""

    def strike(site: Site) -> None:
        state = "systemctl show uplift-kubeadm.service --property=SubState --value"  # active is also one that has ended
        wait("kubeadm to be at work", lambda: site.world.on(host, state, check=False).strip() == "running", 60, 0.1)
        # On the nodes alone: SSH's clients here see what they see when a network goes, and say so themselves.
        with agents(site.world, queue.Queue()) as started:
            killed = {name: agent.command("cut") for name, agent in started.items()}
        if not killed[host]:
            raise ScenarioError(f"There was no SSH connection to cut on {host}.")

    return strike, lambda site: None


def node_lost(host: str) -> tuple[Act, Act]:
    """A node's power is gone; lifted, it boots."""

    def strike(site: Site) -> None:
        name = site.world.nodes[host].name
        run("docker", "kill", name)
        wait(f"{host} to be gone", lambda: not docker.running(name), 30)

    def lift(site: Site) -> None:
        node = site.world.nodes[host]
        run("docker", "start", node.name)
        networks = (docker.inspect(node.name) or {})["NetworkSettings"]["Networks"]
        address = networks[NETWORK]["IPAddress"]
        if address != node.address:  # etcd and certificates of the others know the old one
            raise ScenarioError(
                f"{host} came back as {address}, and was {node.address}: another container took or freed an address "
                "meanwhile. Run this fault while no other cluster is made or removed."
            )
        _wait_for_static_pods(site, host)

    return strike, lift
