# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster as a plan sees it: facts of the cluster and of the inventory hosts, matched, and refused when wrong.

Hosts are matched to nodes by the name in the kubelet's client certificate (`name` of the host's facts), never by guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._skew import skew_violations
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import Version, parse_version

STATIC_PODS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
PROGRAMS = ("kubeadm", "kubelet", "kubectl")


class KubeadmRun(NamedTuple):
    """What `kubeadm upgrade` was to do on a node."""

    command: str  # apply or node
    version: Version


@dataclass(eq=False)  # a node is itself: compared by identity, which also keeps plans of thousands of nodes quick
class Node:
    """One node. `stays` says why the run does not touch it; empty for a node of the run."""

    name: str
    host: str | None
    control_plane: bool
    kubelet: Version
    installed: dict[str, Version] = field(default_factory=dict)  # kubeadm, kubelet, kubectl: what the files are
    binary_dir: str = ""
    kube_proxy: Version | None = None
    static_pods: dict[str, Version] = field(default_factory=dict)
    etcd: str | None = None  # release of its member of etcd, of a control plane
    kubelet_flags: frozenset[str] = frozenset()
    unfinished: KubeadmRun | None = None  # a run that has not reported success
    in_phase: bool = False  # a run of one phase, by which a bridge of etcd is made, has not reported success
    unhealthy: dict[str, str] = field(default_factory=dict)  # {program of the control plane: why}
    ours: bool = False  # cordoned by a run of this collection that did not get to the uncordon
    ready: bool = True
    ready_message: str = ""
    stays: str = ""

    @property
    def kubectl(self) -> Version | None:
        return self.installed.get("kubectl")


class EtcdConfig(NamedTuple):
    """etcd in ConfigMap kubeadm-config. `bridge` is a pin that a killed run of ours left, `image_tag` any other."""

    external: bool = False
    image_tag: str | None = None
    bridge: str | None = None


@dataclass
class Cluster:
    """The nodes: first those of the inventory in its order, then the others by name."""

    name: str
    config: Version  # kubernetesVersion of ConfigMap kubeadm-config
    kube_proxy: Version | None  # of the add-on; None when the cluster has none
    nodes: list[Node]
    etcd: EtcdConfig = field(default_factory=EtcdConfig)
    left_out: list[dict[str, str]] = field(default_factory=list)

    @property
    def control_planes(self) -> list[Node]:
        return [node for node in self.nodes if node.control_plane]

    @property
    def moving(self) -> list[Node]:
        """Nodes that the run may touch."""
        return [node for node in self.nodes if not node.stays]

    @property
    def apiservers(self) -> list[Version]:
        return [node.static_pods["kube-apiserver"] for node in self.control_planes]


def read_cluster(facts: Mapping[str, Any], hosts: Mapping[str, Mapping[str, Any]]) -> Cluster:
    """Match hosts to nodes. `facts` as module cluster_info writes them; `hosts` {inventory name: node_info + group}."""
    known: Mapping[str, Mapping[str, Any]] = facts.get("nodes") or {}
    _check_identity(frozenset(facts.get("ca_fingerprints") or []), hosts)
    owners = _owners(known, hosts)
    names = list(owners) + sorted(name for name in known if name not in owners)
    nodes = []
    for name in names:
        host = owners.get(name)
        nodes.append(_node(name, known[name], host, hosts[host] if host is not None else {}))
    cluster = facts.get("cluster") or {}
    proxy = (facts.get("addons") or {}).get("kube_proxy") or {}
    return Cluster(
        name=str(cluster.get("cluster_name") or "kubernetes"),
        config=parse_version(cluster.get("kubernetes_version"), "kubernetesVersion in ConfigMap kubeadm-config"),
        kube_proxy=_optional(proxy.get("version"), "The image tag of DaemonSet kube-proxy"),
        nodes=nodes,
        etcd=_etcd_config(cluster.get("etcd") or {}),
    )


def _etcd_config(told: Mapping[str, Any]) -> EtcdConfig:
    return EtcdConfig(bool(told.get("external")), told.get("image_tag") or None, told.get("bridge") or None)


def _check_identity(trusted: frozenset[str], hosts: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise UpliftError for hosts whose kubelet trusts none of the CA certificates that the cluster's pods trust.

    Two clusters may well have nodes of the same names. Where either side could not be read nothing is concluded.
    """
    own = {host: frozenset(facts.get("ca_fingerprints") or []) for host, facts in hosts.items()}
    strangers = [host for host, found in own.items() if found and trusted and not found & trusted]
    if strangers:
        raise UpliftError(
            f"Inventory hosts and kubeconfig belong to different clusters: {listing(strangers)} trust(s) a CA "
            "(kubelet.conf) that the cluster which the kubeconfig reaches does not have (ConfigMap kube-root-ca.crt in "
            "kube-system). Going on would drain the nodes of one cluster and upgrade those of another: set "
            "kubeadm_upgrade_kubeconfig to the kubeconfig of these nodes, or name the other inventory."
        )


def _owners(known: Mapping[str, Any], hosts: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """{node name: inventory host}, in the order of the inventory."""
    owners: dict[str, str] = {}
    for host, facts in hosts.items():
        name = facts.get("name")
        if name is None and (facts.get("unread") or {}).get("name"):
            raise UpliftError(
                f"Which node inventory host {host} is cannot be told: {facts['unread']['name']}. Mend that, or take "
                "the host out of the inventory groups."
            )
        if not isinstance(name, str) or name not in known:
            raise UpliftError(
                f"Inventory host {host} is no node of this cluster: its kubelet calls itself {name!r} (client "
                f"certificate), and the cluster's nodes are {listing(sorted(known))}. Take the host out of the "
                "inventory groups, or point the run at the cluster that it belongs to."
            )
        if name in owners:
            raise UpliftError(
                f"Inventory hosts {owners[name]} and {host} are both node {name}. List each node once: taken twice, "
                "it would be drained and upgraded by two hosts at the same time."
            )
        owners[name] = host
    return owners


def _node(name: str, facts: Mapping[str, Any], host: str | None, own: Mapping[str, Any]) -> Node:
    pods = facts.get("static_pods") or {}
    control_plane = bool(facts.get("role") == "control_plane" or own.get("control_plane") or pods.get("kube-apiserver"))
    return Node(
        name=name,
        host=host,
        control_plane=control_plane,
        kubelet=parse_version(facts.get("kubelet"), f"The kubelet version that node {name} reports"),
        installed={
            program: parse_version(own[program], f"The version of {program} on {name}")
            for program in PROGRAMS
            if own.get(program)
        },
        binary_dir=str(own.get("binary_dir") or "/usr/bin"),
        kube_proxy=_optional(facts.get("kube_proxy"), f"The kube-proxy image tag on {name}"),
        static_pods={pod: _running(pod, name, pods, own) for pod in STATIC_PODS} if control_plane else {},
        etcd=_etcd(pods, own) if control_plane else None,
        kubelet_flags=frozenset(own.get("kubelet_flags") or {}),
        unfinished=_unfinished(own.get("kubeadm_unit"), name),
        in_phase=_in_phase(own.get("kubeadm_unit")),
        unhealthy=_unhealthy(pods, own) if control_plane else {},
        ours=bool(facts.get("cordon")),
        ready=bool(facts.get("ready")),
        ready_message=str(facts.get("ready_message") or ""),
    )


def _running(pod: str, name: str, pods: Mapping[str, Any], own: Mapping[str, Any]) -> Version:
    """What the program says of itself; else the tag of its image, as the API server has it."""
    version = (own.get("running") or {}).get(pod) or (pods.get(pod) or {}).get("version")
    if version is None:
        why = (own.get("unread") or {}).get(pod) or "there is no such static pod in the API either"
        raise UpliftError(
            f"The version of {pod} on control plane node {name} could not be read: {why}. "
            "Without it nothing can be planned: see that its static pod runs, then start again."
        )
    return parse_version(version, f"The version of {pod} on {name}")


def _etcd(pods: Mapping[str, Any], own: Mapping[str, Any]) -> str | None:
    """The release of the node's etcd, as it says itself; else the tag of its image, as the API server has it."""
    version = (own.get("running") or {}).get("etcd") or (pods.get("etcd") or {}).get("version")
    return str(version) if version else None


def _unfinished(unit: Any, name: str) -> KubeadmRun | None:
    """The `kubeadm upgrade` whose unit on the node has not reported success. A phase of it is no hop."""
    words = (unit or {}).get("command") or []
    if not unit or unit.get("state") == "done" or not unit.get("version") or "phase" in words:
        return None
    version = parse_version(unit["version"], f"The version of the kubeadm run recorded on {name}")
    return next((KubeadmRun(command, version) for command in ("apply", "node") if command in words), None)


def _in_phase(unit: Any) -> bool:
    return bool(unit) and unit.get("state") != "done" and "phase" in (unit.get("command") or [])


def _unhealthy(pods: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, str]:
    """{program: why}, as the node itself sees it, else the API. In the midst of a run of ours it is to be expected."""
    if (own.get("kubeadm_unit") or {}).get("state") in ("running", "failed", "unfinished"):
        return {}
    asked, unread = own.get("healthy") or {}, own.get("unread") or {}
    shown = {program: "its pod is not ready" for program, pod in pods.items() if pod.get("ready") is False}
    return {program: why for program, why in shown.items() if program not in asked} | {
        program: str(unread.get(program) or "its health check fails")
        for program, healthy in asked.items()
        if healthy is False
    }


def _optional(text: Any, what: str) -> Version | None:
    return parse_version(text, what) if text else None


def check_inventory(
    cluster: Cluster,
    hosts: Mapping[str, Mapping[str, Any]],
    limited: frozenset[str] | None,
    unreachable: list[dict[str, Any]],
) -> None:
    """Raise UpliftError for hosts in the wrong group and for control planes that are missing or not healthy."""
    for node in cluster.nodes:
        group = hosts[node.host].get("group") if node.host is not None else None
        if group and (group == "control_plane") != node.control_plane:
            is_one, other = ("a control plane", "workers") if node.control_plane else ("a worker", "control planes")
            raise UpliftError(
                f"Inventory host {node.host} is in the group of {other}, but node {node.name} is {is_one} node of the "
                "cluster. Move it to the other group: the two are upgraded in different ways."
            )
    silent = [entry for entry in unreachable if entry.get("group") == "control_plane"]
    if silent:
        raise UpliftError(
            f"Control plane host {_entry(silent[0])} cannot be reached. A control plane is upgraded whole or not at "
            "all: make every host of it reachable, then start again."
        )
    missing = [node.name for node in cluster.control_planes if node.host is None]
    if missing and limited is None:
        away = [str(entry["host"]) for entry in unreachable]
        lost = f" Hosts that could not be reached: {listing(away)}." if away else ""
        raise UpliftError(
            f"Control plane node {listing(missing)} of the cluster is no host of the inventory. A control plane is "
            f"upgraded whole or not at all: add it to the group of control planes.{lost}"
        )
    for node in cluster.control_planes:
        if not node.ready:
            raise UpliftError(
                f"Control plane node {node.name} is NotReady ({node.ready_message or 'no reason given'}). An upgrade "
                "of a control plane that is not healthy can lose it: mend the node first, then start again."
            )
    sick = [(node.name, program, why) for node in cluster.control_planes for program, why in node.unhealthy.items()]
    if sick:
        programs = "; ".join(f"{program} on {name} ({why})" for name, program, why in sick)
        raise UpliftError(
            f"The control plane is not healthy: {programs}. An upgrade stops these programs one after the other, and "
            "could lose the cluster (etcd: its quorum). Look on the node with crictl ps -a, in /var/log/pods, and with "
            "journalctl -u kubelet; mend it first, then start again."
        )


def choose_nodes(
    cluster: Cluster, scope: str, limited: frozenset[str] | None, unreachable: list[dict[str, Any]], max_left_out: int
) -> None:
    """Mark the nodes that stay as they are, with the reason, and fill `cluster.left_out`. Raises UpliftError."""
    for node in cluster.nodes:
        node.stays = _reason_to_stay(node, scope, limited)
    in_limit = [node for node in cluster.control_planes if node.host is not None and _within(node.host, limited)]
    if in_limit and len(in_limit) < len(cluster.control_planes) and scope != "workers":
        out = [node.name for node in cluster.control_planes if node not in in_limit]
        raise UpliftError(
            f"--limit holds {listing([node.name for node in in_limit])} of the control plane, but not {listing(out)}. "
            "Put all control plane hosts within the limit or none of them: the API servers of a cluster must not stay "
            "at two versions."
        )
    lost = [node for node in cluster.moving if not node.ready and not node.ours]
    for node in lost:
        node.stays = f"NotReady ({node.ready_message or 'no reason given'})"
    away = [] if scope == "control_plane" else unreachable
    names = [f"{node.name}: {node.stays}" for node in lost] + [_entry(entry) for entry in away]
    if len(names) > max_left_out:
        raise UpliftError(
            f"{len(names)} of the workers cannot be upgraded now: {'; '.join(names)}. At most {max_left_out} may be "
            f"left out. Mend them, or leave them behind with -e kubeadm_upgrade_max_left_out={len(names)}."
        )
    hosts = {str(entry["host"]): str(entry.get("why") or "unreachable") for entry in away}
    for node in cluster.nodes:
        if node.stays and not (node.control_plane and scope == "workers"):
            # A host that cannot be reached cannot say which node it is; the same name is good enough to print.
            same = node.host is None and node.name in hosts
            why = f"host unreachable: {hosts.pop(node.name)}" if same else node.stays
            cluster.left_out.append({"node": node.name, "why": why})
    cluster.left_out += [{"node": host, "why": f"host unreachable: {why}"} for host, why in hosts.items()]


def _reason_to_stay(node: Node, scope: str, limited: frozenset[str] | None) -> str:
    if scope == "control_plane" and not node.control_plane:
        return "a worker, and the scope is control_plane"
    if scope == "workers" and node.control_plane:
        return "a control plane, and the scope is workers"
    if node.host is None:
        return "not in the inventory" if limited is None else "not in the inventory, or outside --limit"
    return "" if _within(node.host, limited) else "outside --limit"


def _within(host: str, limited: frozenset[str] | None) -> bool:
    return limited is None or host in limited


def check_skew(cluster: Cluster) -> None:
    """Refuse to start from a state that the skew policy forbids; kubectl on a node runs nothing and may be mended."""
    control = cluster.control_planes
    found = skew_violations(
        {
            "apiserver": {node.name: str(node.static_pods["kube-apiserver"]) for node in control},
            "controller_manager": {node.name: str(node.static_pods["kube-controller-manager"]) for node in control},
            "scheduler": {node.name: str(node.static_pods["kube-scheduler"]) for node in control},
            "kubelet": {node.name: str(node.kubelet) for node in cluster.nodes},
            "kube_proxy": {node.name: str(node.kube_proxy) for node in cluster.nodes if node.kube_proxy},
        },
        kubeadm_exception=True,
    )
    if found:
        raise UpliftError(
            f"The versions in this cluster are further apart than Kubernetes supports, before anything is done: "
            f"{' '.join(found)} Bring these together by hand first; an upgrade from such a state is not safe."
        )


def listing(names: list[str], most: int = 12) -> str:
    """Names as prose, a, b and c; long lists are cut."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names) or "none"


def _entry(entry: Mapping[str, Any]) -> str:
    return f"{entry['host']}: {entry.get('why') or 'unreachable'}"
