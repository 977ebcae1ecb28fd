# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The oracle: what is allowed, written from what is published, without a line of the code under test.

Sources
- https://kubernetes.io/releases/version-skew-policy/ ("the policy"), section by section below;
- https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/create-cluster-kubeadm/#version-skew-policy and
  the function detectTooOldKubelets of kubeadm's cmd/kubeadm/app/phases/upgrade/policy.go ("kubeadm's check").

One state that kubeadm itself makes is excused, and only this one: see KUBE_PROXY_EXCEPTION.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

KUBE_PROXY_EXCEPTION = (
    "Up to kubeadm 1.27 the first `kubeadm upgrade apply` updates kube-proxy on all nodes, while others "
    "still run the API server of the minor before. kube-proxy may then be as new as the newest API server."
)


@dataclass
class State:
    """Versions ("v1.26.9") by node. kubectl where it is installed, kube-proxy where it runs."""

    apiserver: dict[str, str] = field(default_factory=dict)
    controller_manager: dict[str, str] = field(default_factory=dict)
    scheduler: dict[str, str] = field(default_factory=dict)
    kubelet: dict[str, str] = field(default_factory=dict)
    kube_proxy: dict[str, str] = field(default_factory=dict)
    kubectl: dict[str, str] = field(default_factory=dict)


def minor(version: str) -> int:
    return int(re.match(r"v1\.(\d+)\.\d+", version)[1])  # type: ignore[index]


def breaks(state: State) -> list[str]:
    """Every sentence of the policy that this state breaks, with the component."""
    servers = [minor(version) for version in state.apiserver.values()]
    broken = []

    # "In highly-available (HA) clusters, the newest and oldest kube-apiserver instances must be within one minor
    # version."
    if max(servers) - min(servers) > 1:
        broken.append(f"kube-apiserver instances {servers}")

    for node, version in state.kubelet.items():
        kubelet = minor(version)
        # "kubelet must not be newer than kube-apiserver."
        if any(kubelet > server for server in servers):
            broken.append(f"kubelet {version} of {node} is newer than an API server")
        # "kubelet may be up to three minor versions older than kube-apiserver (kubelet < 1.25 may only be up to two)."
        if any(server - kubelet > (2 if kubelet < 25 else 3) for server in servers):
            broken.append(f"kubelet {version} of {node} is too old for an API server")

    excused = len(servers) > 1 and max(servers) <= 27 and max(servers) == min(servers) + 1
    for node, version in state.kube_proxy.items():
        proxy = minor(version)
        older, newer = (2, 2) if proxy < 25 else (3, 3)
        # "kube-proxy must not be newer than kube-apiserver." (KUBE_PROXY_EXCEPTION)
        if any(proxy > server for server in servers) and not (excused and proxy == max(servers)):
            broken.append(f"kube-proxy {version} of {node} is newer than an API server")
        # "kube-proxy may be up to three minor versions older than kube-apiserver (kube-proxy < 1.25: two)."
        if any(server - proxy > older for server in servers):
            broken.append(f"kube-proxy {version} of {node} is too old for an API server")
        # "kube-proxy may be up to three minor versions older or newer than the kubelet instance it runs alongside
        # (kube-proxy < 1.25: two)."
        if node in state.kubelet and not -older <= minor(state.kubelet[node]) - proxy <= newer:
            broken.append(f"kube-proxy {version} of {node} is too far from its kubelet")

    # "kube-controller-manager, kube-scheduler [...] must not be newer than the kube-apiserver instances they
    # communicate with. They [...] may be up to one minor version older." kubeadm points them at the API server of their
    # own node.
    for name, group in (("controller manager", state.controller_manager), ("scheduler", state.scheduler)):
        for node, version in group.items():
            if not 0 <= minor(state.apiserver[node]) - minor(version) <= 1:
                broken.append(f"{name} {version} of {node}")

    # "kubectl is supported within one minor version (older or newer) of kube-apiserver."
    for node, version in state.kubectl.items():
        if any(abs(server - minor(version)) > 1 for server in servers):
            broken.append(f"kubectl {version} of {node}")
    return broken


def kubeadm_objects(target: str, kubelets: list[str]) -> bool:
    """kubeadm's check at `upgrade apply`: no kubelet of the cluster further behind the target than one minor (three
    from kubeadm 1.29 on)."""
    allowed = 1 if minor(target) < 29 else 3
    return any(minor(target) > minor(kubelet) + allowed for kubelet in kubelets)


def fewest_drains(kubelet: int, control_plane: int, target: int, forced: bool) -> int | None:
    """The least number of times that a kubelet has to be upgraded on the way, by trying everything; None: no way.

    A state is (minor of the control plane, minor of the kubelet). The control plane steps one minor; the kubelet may
    step to any minor up to the control plane's at the cost of one drain.
    """
    queue = deque([(control_plane, kubelet, 0)])
    best: dict[tuple[int, int], int] = {}
    while queue:
        server, node, cost = queue.popleft()
        if best.get((server, node), cost + 1) <= cost:
            continue
        best[server, node] = cost
        after = server + 1
        allowed = after - node <= (2 if node < 25 else 3) and (forced or after - node <= (1 if after < 29 else 3))
        if server < target and allowed:
            queue.appendleft((after, node, cost))
        queue.extend((server, newer, cost + 1) for newer in range(node + 1, server + 1))
    return best.get((target, target))
