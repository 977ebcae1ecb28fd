# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can befall a cluster of the lab, and how it is lifted. Only the cluster's own nodes are touched.

A file system that is full is a tmpfs of 64 KiB; a server that is down is one that the node's own firewall rejects; an
API server or etcd member that is lost is a static pod whose manifest is out of the way; a node that is lost is a
container that was killed.
"""

from __future__ import annotations

import queue
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from lab import docker
from lab.paths import MIRROR, NETWORK, REGISTRY
from scenario.kube import Kube, KubeError, is_ready
from scenario.playbook import Playbook
from scenario.world import World, wait

from . import ways
from .agents import agents

_MANIFESTS, _AWAY = "/etc/kubernetes/manifests", "/var/lib/uplift-scenario-away"
_FULL = "/etc/kubernetes/tmp"
_DROP_IN = "/etc/systemd/system/kubelet.service.d/99-scenario.conf"
_BACK = 240.0  # seconds in which a node or static pod has to come back


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
        fill = f"dd if=/dev/zero of={_FULL}/full bs=4k 2>/dev/null || true"
        site.world.on(host, f"mkdir -p {_FULL} && mount -t tmpfs -o size=64k tmpfs {_FULL} && {fill}")

    return strike, lambda site: _unmount(site, host)


def _unmount(site: Site, host: str) -> None:
    site.world.on(host, f"umount -l {_FULL}")


def static_pod_gone(name: str, host: str) -> tuple[Act, Act]:
    """A static pod that does not run, until its manifest is put back and it is Ready again."""

    def strike(site: Site) -> None:
        site.world.on(host, f"mkdir -p {_AWAY} && mv {_MANIFESTS}/{name}.yaml {_AWAY}/")
        pattern = f"pgrep -x {name[:15]}"
        wait(f"{name} on {host} to end", lambda: not site.world.on(host, pattern, check=False).strip(), 90)

    def lift(site: Site) -> None:
        site.world.on(host, f"mv {_AWAY}/{name}.yaml {_MANIFESTS}/ && rmdir {_AWAY}")
        pod = f"/api/v1/namespaces/kube-system/pods/{name}-{site.world.nodes[host].name}"

        def back() -> bool:
            try:
                return is_ready(site.kube.get(pod))
            except KubeError:
                return False

        wait(f"{name} on {host} to be Ready", back, _BACK)

    return strike, lift


def kubelet_broken(host: str, version: str) -> tuple[Act, Act]:
    """A kubelet of that version does not start; the one that runs is left alone."""

    def strike(site: Site) -> None:
        text = f"[Service]\\nExecStartPre=/bin/sh -c '! /usr/bin/kubelet --version | grep -qF {version}'\\n"
        site.world.on(host, f'printf "{text}" > {_DROP_IN} && systemctl daemon-reload')

    def lift(site: Site) -> None:
        site.world.on(host, f"rm {_DROP_IN} && systemctl daemon-reload && systemctl reset-failed kubelet || true")

    return strike, lift


def ssh_cut(host: str) -> tuple[Act, Act]:
    """All SSH connections end when kubeadm is at work on a host; new ones can be made at once."""

    def strike(site: Site) -> None:
        active = "systemctl is-active uplift-kubeadm.service"
        wait("kubeadm to be at work", lambda: site.world.on(host, active, check=False).strip() == "active", 60, 0.1)
        ways.end(ways.processes_with(str(site.playbook.control_path)))
        with agents(site.world, queue.Queue()) as started:
            for agent in started.values():
                agent.command("cut")

    return strike, lambda site: None


def node_lost(host: str) -> tuple[Act, Act]:
    """A node's power is gone; lifted, it boots."""

    def strike(site: Site) -> None:
        subprocess.run(["docker", "kill", site.world.nodes[host].name], check=True, capture_output=True)

    def lift(site: Site) -> None:
        name = site.world.nodes[host].name
        subprocess.run(["docker", "start", name], check=True, capture_output=True)

        def back() -> bool:
            try:
                pods = site.kube.get(f"/api/v1/pods?fieldSelector=spec.nodeName={name}")["items"]
                etcd = [pod for pod in pods if pod["metadata"]["name"].startswith("etcd-")]
                return is_ready(site.kube.get(f"/api/v1/nodes/{name}")) and all(map(is_ready, etcd))
            except KubeError:
                return False

        wait(f"{host} to be back", back, _BACK)

    return strike, lift
