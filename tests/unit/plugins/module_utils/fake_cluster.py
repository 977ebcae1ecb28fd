# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster of versions alone, which does what a plan says, one change after the other, as kubeadm would do it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.uplift.kubeadm.tests.unit.plugins.module_utils.skew_oracle import State, kubeadm_objects, minor


class KubeadmRefused(AssertionError):
    """What kubeadm would have refused, or got wrong, had the plan been carried out."""


@dataclass
class FakeCluster:
    """Versions by node; the first node is the first control plane. `outside` are nodes without an inventory host."""

    state: State
    config: str
    proxy: str | None
    outside: set[str] = field(default_factory=set)
    kubeadm: dict[str, tuple[str, str]] = field(default_factory=dict)  # {node: (apply or node, version)}: cut off there
    not_ready: dict[str, str] = field(default_factory=dict)
    cordoned: set[str] = field(default_factory=set)
    flags: dict[str, list[str]] = field(default_factory=dict)
    drains: dict[str, int] = field(default_factory=dict)

    @classmethod
    def whole(
        cls,
        version: str,
        control_planes: int = 1,
        workers: int = 2,
        kubelets: dict[str, str] | None = None,
        proxy: bool = True,
    ) -> FakeCluster:
        """All at one version, but for the kubelets given. Nodes are cp1, cp2, …, w1, w2, …"""
        control = [f"cp{number + 1}" for number in range(control_planes)]
        nodes = control + [f"w{number + 1}" for number in range(workers)]
        components = [dict.fromkeys(control, version) for _unused in range(3)]
        kubelet = {**dict.fromkeys(nodes, version), **(kubelets or {})}
        proxies = dict.fromkeys(nodes, version) if proxy else {}
        state = State(*components, kubelet, proxies, dict.fromkeys(nodes, version))
        return cls(state, version, version if proxy else None)

    def copy(self) -> FakeCluster:
        return copy.deepcopy(self)

    # What the planner is given.
    def facts(self) -> dict[str, Any]:
        nodes = {}
        for name, kubelet in self.state.kubelet.items():
            control = name in self.state.apiserver
            nodes[name] = {
                "role": "control_plane" if control else "worker",
                "kubelet": kubelet,
                "ready": name not in self.not_ready,
                "ready_message": self.not_ready.get(name, ""),
                "cordon": {"at": "2026-01-01T00:00:00Z"} if name in self.cordoned else None,
                "kube_proxy": self.state.kube_proxy.get(name),
                "static_pods": {pod: {"version": version} for pod, version in self._pods(name).items()},
            }
        return {
            "schema": 2,
            "cluster": {"kubernetes_version": self.config, "cluster_name": "lab"},
            "nodes": nodes,
            "addons": {"kube_proxy": {"version": self.proxy} if self.proxy else None},
        }

    def hosts(self) -> dict[str, Any]:
        return {
            f"host-{name}": {
                "name": name,
                "group": "control_plane" if name in self.state.apiserver else "worker",
                "control_plane": name in self.state.apiserver,
                "kubelet": self.state.kubelet[name],
                "kubectl": self.state.kubectl.get(name),
                "running": self._pods(name),
                "kubelet_flags": dict.fromkeys(self.flags.get(name, []), ""),
                "kubeadm_unit": self._unit(name),
            }
            for name in self.state.kubelet
            if name not in self.outside
        }

    def _pods(self, name: str) -> dict[str, str]:
        if name not in self.state.apiserver:
            return {}
        return {
            "kube-apiserver": self.state.apiserver[name],
            "kube-controller-manager": self.state.controller_manager[name],
            "kube-scheduler": self.state.scheduler[name],
        }

    def _unit(self, name: str) -> dict[str, Any] | None:
        if name not in self.kubeadm:
            return None
        action, version = self.kubeadm[name]
        return {"command": ["/usr/bin/kubeadm", "upgrade", action], "version": version, "state": "unfinished"}

    # What the planner's stages do. Every yield is a moment at which the skew policy must hold, and a run may be killed.
    def walk(self, plan: dict[str, Any]) -> Iterator[str]:
        yield from self._roll_out()
        for stage in plan["stages"]:
            for host, node in zip(stage["hosts"], stage["nodes"]):
                assert host == f"host-{node}", stage
                if stage["kind"] == "control_plane":
                    force = stage["force_kubelet_skew"]
                    yield from getattr(self, "_" + stage["actions"][host])(node, stage["version"], force)
                elif stage["kind"] in ("control_plane_kubelet", "workers"):
                    assert host in stage["drains"]
                    yield from self._kubelet(node, stage["version"])
                elif stage["kind"] == "kubectl":
                    self.state.kubectl[node] = stage["version"]
                    yield f"kubectl {node}"
                elif stage["kind"] == "uncordon":
                    self.cordoned.discard(node)
                    yield f"uncordon {node}"

    def _apply(self, node: str, version: str, force: bool) -> Iterator[str]:
        if kubeadm_objects(version, list(self.state.kubelet.values())) and not force:
            raise KubeadmRefused(f"kubelets too old for apply {version}: {self.state.kubelet}")
        for server in self.state.apiserver.values():
            if not 0 <= minor(version) - minor(server) <= 1:
                raise KubeadmRefused(f"apply {version} with an API server at {server}")
        self.kubeadm[node] = ("apply", version)
        yield f"apply {version} begins on {node}"
        yield from self._static_pods(node, version)
        self.config = version
        yield f"config {version}"
        yield from self._addons(version)
        self.kubeadm.pop(node)
        yield f"apply {version} ended on {node}"

    def _node(self, node: str, version: str, _force: bool) -> Iterator[str]:
        if self.config != version:
            raise KubeadmRefused(f"upgrade node on {node} would go to {self.config}, not to {version}")
        self.kubeadm[node] = ("node", version)
        yield f"node {version} begins on {node}"
        yield from self._static_pods(node, version)
        if minor(version) >= 28:
            yield from self._addons(version)
        self.kubeadm.pop(node)
        yield f"node {version} ended on {node}"

    def _static_pods(self, node: str, version: str) -> Iterator[str]:
        for component in ("apiserver", "controller_manager", "scheduler"):
            getattr(self.state, component)[node] = version
            yield f"{component} {version} on {node}"

    def _addons(self, version: str) -> Iterator[str]:
        """From 1.28 kubeadm leaves them alone until every control plane is upgraded."""
        if self.proxy is None or (minor(version) >= 28 and set(self.state.apiserver.values()) != {version}):
            return
        self.proxy = version
        yield from self._roll_out()

    def _roll_out(self) -> Iterator[str]:
        for node, version in self.state.kube_proxy.items():
            if self.proxy and version != self.proxy:
                self.state.kube_proxy[node] = self.proxy
                yield f"kube-proxy {self.proxy} on {node}"

    def _kubelet(self, node: str, version: str) -> Iterator[str]:
        if minor(version) > minor(self.config):
            raise KubeadmRefused(f"upgrade node {version} on {node} with a configuration of {self.config}")
        assert self.state.kubelet[node] != version, f"{node} is drained for nothing"
        self.cordoned.add(node)
        yield f"cordoned {node}"
        if node in self.state.kubectl:
            self.state.kubectl[node] = version
            yield f"kubectl {node}"
        self.state.kubelet[node] = version
        self.drains[node] = self.drains.get(node, 0) + 1
        yield f"kubelet {version} on {node}"
        self.cordoned.discard(node)
        yield f"uncordoned {node}"
