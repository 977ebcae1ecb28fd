# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stages of a plan: data that the playbook walks, in this order within a hop:

uncordon (first hop only), prepare, kubectl, etcd, control_plane, control_plane_kubelet, workers, finish.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import Cluster, Node, listing
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_etcd import Bridge
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_hops import Hop
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import Version, minor_name, parse_version

# Flags that one release of kubeadm alone takes out of kubeadm-flags.env; a kubelet newer than that does not start
# with them. Sources: kubernetes/kubernetes#112000 and CHANGELOG-1.26; kubernetes/kubernetes#133778, #135807.
CLEAN_UPS = {26: "container-runtime", 35: "pod-infra-container-image"}

KINDS = ("uncordon", "prepare", "kubectl", "etcd", "control_plane", "control_plane_kubelet", "workers", "finish")

# Programs that the steps of a stage install at the stage's version, in the role's tasks.
INSTALLS = {
    "kubectl": ("kubectl",),
    "control_plane": ("kubeadm",),
    "control_plane_kubelet": ("kubelet", "kubectl"),
    "workers": ("kubeadm", "kubelet", "kubectl"),
}

WHY = {
    "uncordon": "A run that was stopped left these nodes cordoned; their kubelets are where they belong.",
    "prepare": "Packages and images are brought while nothing is out, so that each node is out for as short as can be.",
    "kubectl": "These workers skip this hop, and kubectl must stay within one minor of the API servers; no drain.",
    "control_plane_kubelet": "Kubelets may not be newer than any API server, so they wait until all are upgraded.",
    "workers": "The control plane is whole at this version, so kubelets may follow.",
    "finish": "The hop is verified as a whole before the next one begins.",
}

Stage = dict[str, Any]


def hop_stages(
    cluster: Cluster,
    index: int,
    hop: Hop,
    due: Mapping[str, Version],
    kubectl: list[Node],
    serial: Any,
    forced: bool,
    bridge: Bridge | None = None,
) -> list[Stage]:
    """Stages of one hop; [] when nothing is to do. `due`: {node: version of its kubelet before its step here}."""
    kubelets = [node for node in cluster.moving if node.name in due]
    control = [node for node in kubelets if node.control_plane]
    workers = [node for node in kubelets if not node.control_plane]
    commands = ([hop.apply] if hop.apply else []) + hop.node
    named = {node.name for node in commands + kubelets}
    busy = [node for node in cluster.moving if node.name in named]
    first = next((node for node in cluster.moving if node.control_plane), None)
    finish = [first or busy[0]] if busy else []

    stages = [
        _stage("prepare", index, hop.version, busy, serial="100%"),
        _stage("kubectl", index, hop.version, kubectl, serial="100%"),
        *([_etcd_stage(index, hop, bridge)] if bridge else []),
        _control_plane(index, hop, commands, forced),
        _kubelet_stage("control_plane_kubelet", index, hop.version, control, 1, due),
        _kubelet_stage("workers", index, hop.version, workers, serial, due),
        _stage("finish", index, hop.version, finish),
    ]
    return [stage for stage in stages if stage["hosts"]]


def let_one_host_prove(cluster: Cluster, stages: list[Stage]) -> None:
    """Have one host bring the packages and images of all hops before the first hop, so that they are known to be had.

    A control plane host, where any has a step, as its images are more; it joins the first hop even when it has no other
    step there. Sets `proves` of the first stage "prepare" to the host.
    """
    prepares = [stage for stage in stages if stage["kind"] == "prepare"]
    if not prepares:
        return
    first = prepares[0]
    busy = {host for stage in prepares for host in stage["hosts"]}
    able = [node for node in cluster.moving if node.control_plane and node.host in busy]
    here = [node for node in able if node.host in first["hosts"]]
    if able and not here:
        first["hosts"].insert(0, str(able[0].host))
        first["nodes"].insert(0, able[0].name)
    first["proves"] = str((here or able)[0].host) if able else first["hosts"][0]


def check_step_back(cluster: Cluster, stages: list[Stage]) -> None:
    """Raise UpliftError where a step would replace an installed program by an older one."""
    nodes = {node.host: node for node in cluster.moving}
    found: dict[str, str] = {}
    for stage in stages:
        version = parse_version(stage["version"])
        for node in (nodes[host] for host in stage["hosts"]):
            for program in INSTALLS.get(stage["kind"], ()):
                if program in node.installed and node.installed[program] > version:
                    path = f"{node.binary_dir}/{program}"
                    seen = f"{path} on {node.host} is {node.installed[program]}, and {version} is to be installed"
                    found.setdefault(path + node.name, seen)
    if found:
        raise UpliftError(
            f"Installed programs are newer than this run would make them: {listing(list(found.values()), 5)}. "
            "Something else upgraded them (unattended-upgrades? packages not on hold?), and a newer release is never "
            "replaced by an older one. Put the older package or binary there by hand, or name a newer target, or a "
            "newer patch of that minor with kubeadm_upgrade_versions."
        )


def uncordon_stage(nodes: list[Node]) -> Stage:
    """Nodes that are done and were left cordoned by a run that was killed."""
    return _stage("uncordon", 0, max((node.kubelet for node in nodes), default=Version(0, 0)), nodes, serial="100%")


def empty_stage(index: int, kind: str) -> Stage:
    """What a play finds for a stage that the plan does not have: a stage without hosts."""
    return {
        "id": f"none/{kind}",
        "hop": index,
        "kind": kind,
        "version": "",
        "hosts": [],
        "nodes": [],
        "serial": 1,
        "drains": [],
        "why": "",
    }


def find_stage(plan: Any, index: int, kind: str) -> Stage:
    """The stage of that hop and kind; an empty one when the plan has none, or is none itself."""
    stages = plan.get("stages") if isinstance(plan, Mapping) else None
    for stage in stages if isinstance(stages, list) else []:
        if stage.get("hop") == index and stage.get("kind") == kind:
            return dict(stage)
    return empty_stage(index, kind)


def _etcd_stage(index: int, hop: Hop, bridge: Bridge) -> Stage:
    stage = _stage("etcd", index, hop.version, bridge.nodes)
    stage["image_tag"] = bridge.tag
    stage["why"] = (
        f"etcd wants its members at this release before it goes to {bridge.to}; one at a time, nothing drained."
    )
    return stage


def _control_plane(index: int, hop: Hop, commands: list[Node], forced: bool) -> Stage:
    stage = _stage("control_plane", index, hop.version, commands)
    stage["actions"] = {str(node.host): "apply" if node is hop.apply else "node" for node in commands}
    stage["force_kubelet_skew"] = forced
    if hop.apply:
        stage["why"] = f"kubeadm upgrade apply on {hop.apply.name}, then kubeadm upgrade node on the others; no drain."
    else:
        stage["why"] = "The cluster's configuration says this version already; these control planes do not run it yet."
    return stage


def _kubelet_stage(
    kind: str, index: int, version: Version, nodes: list[Node], serial: Any, due: Mapping[str, Version]
) -> Stage:
    stage = _stage(kind, index, version, nodes, serial)
    stage["drains"] = list(stage["hosts"])
    flags = {str(node.host): _skipped_clean_ups(node, due[node.name], version) for node in nodes}
    stage["strip_kubelet_flags"] = {host: names for host, names in flags.items() if names}
    return stage


def _skipped_clean_ups(node: Node, before: Version, after: Version) -> list[str]:
    """Flags to take out: of releases that the kubelet jumps over, and what an earlier jump left behind."""
    return [
        flag
        for minor, flag in CLEAN_UPS.items()
        if after.minor > minor and (before.minor < minor or flag in node.kubelet_flags)
    ]


def _stage(kind: str, index: int, version: Version, nodes: list[Node], serial: Any = 1) -> Stage:
    return {
        "id": f"{minor_name(version.minor)}/{kind}",
        "hop": index,
        "kind": kind,
        "version": str(version),
        "hosts": [str(node.host) for node in nodes],
        "nodes": [node.name for node in nodes],
        "serial": serial,
        "drains": [],
        "why": WHY.get(kind, ""),
    }
