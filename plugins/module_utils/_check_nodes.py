# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes: which are not well or out of service, where disks are short, and what may change under the run.

cgroups, kernels and the hard limits of container runtimes are rows of the tables of knowledge.
"""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils import _knowledge
from ansible_collections.uplift.kubeadm.plugins.module_utils._detect_facts import mapping, numbers
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Check, Context, Finding, Unchecked
from ansible_collections.uplift.kubeadm.plugins.module_utils._hops import control_plane_hops, kubelet_hops
from ansible_collections.uplift.kubeadm.plugins.module_utils._images import NODE_IMAGES
from ansible_collections.uplift.kubeadm.plugins.module_utils._knowledge import container_runtimes
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import listing
from ansible_collections.uplift.kubeadm.plugins.module_utils._seen import seen as cut
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import minor_name, parse_minor

GIB = 1024**3
MIB = 1024**2
PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")
NODE_STATUS = "https://kubernetes.io/docs/reference/node/node-status/"
# Where runtimes keep images, the first that is there being the one in use.
IMAGE_FOLDERS = ("/var/lib/containerd", "/var/lib/containers", "/var/lib/docker")
# Unpacked, of one minor, of 1.24 to 1.30, rounded up: all that kubeadm names; and what workers are brought.
CONTROL_PLANE_IMAGES = GIB
WORKER_IMAGES = sum({"kube-proxy": 175 * MIB, "coredns": 80 * MIB, "pause": MIB}[image] for image in NODE_IMAGES)
BINARIES_BYTES = 300 * MIB  # kubeadm, kubelet and kubectl of one minor
GC_PERCENT = 85  # kubelet's imageGCHighThresholdPercent when it is not set
EVICTION_FREE = 0.1  # kubelet's evictionHard nodefs.available when it is not set
PACKAGES = ("kubeadm", "kubelet")
RUNTIME_SOURCES = {"containerd": container_runtimes.CONTAINERD_SOURCE, "cri-o": container_runtimes.CRIO_SOURCE}


def not_ready(ctx: Context) -> t.Iterator[Finding]:
    """Nodes that are not Ready; the planner refuses to begin when they belong to the control plane."""
    seen = [
        f"{name}: {node.get('ready_message') or 'no reason given'}"
        for name, node in ctx.facts["nodes"].items()
        if not node.get("ready") and not node.get("cordon")
    ]
    if seen:
        yield Finding(
            id="node-not-ready",
            severity="warning",
            title=f"{len(seen)} node(s) are not Ready",
            seen=cut(seen),
            why="They are left out of the run, and offer no room for the pods of nodes that are drained.",
            fix="See why with kubectl describe node NAME, and journalctl -u kubelet there; mend or remove them.",
            source=NODE_STATUS,
        )


def pressure(ctx: Context) -> t.Iterator[Finding]:
    """Nodes that say themselves that they are short of something."""
    seen = [
        f"{name}: {condition}"
        for name, node in ctx.facts["nodes"].items()
        for condition in PRESSURES
        if mapping(node.get("conditions")).get(condition) == "True"
    ]
    if seen:
        yield Finding(
            id="node-pressure",
            severity="warning",
            title="Nodes are under pressure",
            seen=cut(seen),
            why="Such a node takes no new pods and evicts some, while other nodes are drained towards it.",
            fix="See kubectl describe node NAME; make room, or leave the node out of the run.",
            source="https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/",
        )


def cordoned(ctx: Context) -> t.Iterator[Finding]:
    """Nodes that a person cordoned, or a replacement: they stay so."""
    seen = [
        f"{name}: unschedulable{', as others replace it' if node.get('leaving') is not None else ''}"
        for name, node in ctx.facts["nodes"].items()
        if node.get("unschedulable") and not node.get("cordon")
    ]
    if seen:
        yield Finding(
            id="node-cordoned",
            severity="info",
            title=f"{len(seen)} node(s) are cordoned",
            seen=cut(seen),
            why="Somebody, or replace_nodes, cordoned them. They are upgraded and stay cordoned, and offer no room for "
            "pods meanwhile.",
            fix="kubectl uncordon NAME, if the reason is gone. Nodes that others have replaced need no upgrade: remove "
            "them (replace_nodes_remove), or give them back (replace_nodes_state=back).",
            source="docs/drain.md of this collection",
        )


def kube_system(ctx: Context) -> t.Iterator[Finding]:
    """Pods of kube-system that are not well, on nodes that are."""
    ready = {name for name, node in ctx.facts["nodes"].items() if node.get("ready")}
    seen = [
        f"Pod kube-system/{pod['name']}: {pod.get('phase')}, not ready"
        + (f", on {pod['node']}" if "node" in pod else "")
        for pod in ctx.facts.get("pods") or ()
        if pod["ns"] == "kube-system"
        and not (pod.get("ready") or pod.get("finished") or pod.get("terminating"))
        and mapping(pod.get("owner")).get("kind") != "Job"
        and pod.get("node") in {None, *ready}
    ]
    if seen:
        yield Finding(
            id="kube-system-unhealthy",
            severity="warning",
            title="Pods of kube-system are not ready",
            seen=cut(seen),
            why="What is broken before an upgrade is hard to tell from what the upgrade broke; and a network, DNS or "
            "storage that is not well makes drains fail.",
            fix="See why with kubectl -n kube-system describe pod NAME, and mend it first.",
            source="kubernetes/kubernetes: cmd/kubeadm/app/phases/upgrade/health.go",
        )


def swap(ctx: Context) -> t.Iterator[Finding]:
    """Swap that kubelet was not told to bear: it starts without noticing only while it is not restarted."""
    seen = [name for name, node in ctx.nodes.items() if node.get("swap") and _fails_on_swap(node)]
    if seen:
        yield Finding(
            id="swap",
            severity="blocker",
            title="Swap is on, and kubelet will not start with it",
            seen=cut(f"{name}: swap is on, failSwapOn is not false" for name in seen),
            why="kubelet looks at it when it starts. It runs since before swap was switched on, and the upgrade "
            "restarts it.",
            fix="swapoff -a, and take it out of /etc/fstab; or set failSwapOn: false in kube-system/kubelet-config.",
            source="https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/ (failSwapOn)",
        )


def _fails_on_swap(node: t.Mapping[str, t.Any]) -> bool:
    """Whether kubelet's settings are known, and forbid swap."""
    config, flags = node.get("kubelet_configuration"), node.get("kubelet_arguments")
    if config is None or flags is None:
        return False
    flag = flags.get("fail-swap-on")
    return flag != "false" if flag is not None else config.get("failSwapOn") is not False


def kubelet_not_restarted(ctx: Context) -> t.Iterator[Finding]:
    """Nodes where the kubelet on the disk is of another minor than the one that runs."""
    seen = [
        f"{name}: {node['kubelet']} is installed, {runs} runs"
        for name, node in ctx.nodes.items()
        for runs in [mapping(ctx.facts["nodes"].get(name)).get("kubelet")]
        if node.get("kubelet") and runs and parse_minor(node["kubelet"]) != parse_minor(runs)
    ]
    if seen:
        yield Finding(
            id="kubelet-not-restarted",
            severity="warning",
            title="A kubelet was replaced on the disk and not restarted",
            seen=cut(seen),
            why="The next restart, a reboot for one, changes its minor, on a node that is not drained for it.",
            fix="Let this run finish it if the plan names the node; else drain it and restart kubelet, or put the old "
            "package back.",
            source="https://kubernetes.io/releases/version-skew-policy/",
        )


def holds(ctx: Context) -> t.Iterator[Finding]:
    """Packages that nothing keeps from being upgraded by somebody else. dnf's excludes are not among the facts."""
    seen = []
    for name, node in ctx.nodes.items():
        loose = [package for package in PACKAGES if package not in (node.get("holds") or ())]
        if node.get("package_manager") == "apt" and loose:
            seen.append(f"{name}: {', '.join(loose)} not on hold")
    kept = ctx.options.get("package_hold", True)
    if seen:
        yield Finding(
            id="packages-not-held",
            severity="info" if kept else "warning",
            title="Kubernetes packages are not on hold",
            seen=cut(seen),
            why="An unattended upgrade may replace kubelet at any time, on a node that is not drained."
            + (" This run puts them on hold." if kept else ""),
            fix="apt-mark hold kubeadm kubelet kubectl on these nodes.",
            source="https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/",
        )


def runtimes(ctx: Context) -> t.Iterator[Finding | Unchecked]:
    """Container runtimes that are older than upstream pairs with a minor to come; they do work, as a rule."""
    first: dict[str, tuple[str, list[str]]] = {}
    unknown: set[str] = set()
    for name, hops in kubelet_hops(ctx.plan).items():
        kind, _sep, version = str(mapping(ctx.facts["nodes"].get(name)).get("container_runtime") or "").partition("://")
        for minor in (minor_name(parse_minor(hop)) for hop in hops):
            fits = _fits(kind, numbers(version), minor)
            if fits is None:
                unknown.add(f"{kind or 'a runtime that is not named'} with {minor}")
            elif not fits:
                first.setdefault(kind, (minor, []))[1].append(f"{name}: {kind} {version}")
                break
    if unknown:
        yield Unchecked("runtime", f"Which releases go together is not known of: {', '.join(sorted(unknown))}.")
    for kind, (minor, seen) in first.items():
        yield Finding(
            id=f"runtime-old:{kind}",
            severity="warning",
            title=f"{kind} is older than its project pairs with {minor}",
            seen=cut(seen),
            why="Upstream neither tests nor supports the two together.",
            fix=f"Upgrade {kind} before, or while a node is drained (kubeadm_upgrade_hook_drained).",
            source=RUNTIME_SOURCES[kind],
            minor=minor,
        )


@functools.cache
def _fits(kind: str, version: tuple[int, ...], minor: str) -> bool | None:
    """Whether a runtime fits a minor; None when that is not known. Nodes have few of them: each is asked for once."""
    if kind == "containerd":
        if _told_by_tables(kind, version, minor):
            return True
        return container_runtimes.containerd_fits(version, minor)
    if kind == "cri-o":
        return version[:2] >= (1, parse_minor(minor))
    return None


def _told_by_tables(kind: str, version: tuple[int, ...], minor: str) -> bool:
    """Whether a row of the tables of knowledge says that kubelets of this minor cannot work with the runtime at all."""
    lowest = (
        mapping(mapping(row.get("detect")).get("runtime")).get(kind)
        for row in _knowledge.breakers("1.0", minor)
        if row["severity"] == "blocker"
    )
    return any(version < numbers(least) for least in lowest if least)


def disks(ctx: Context) -> t.Iterator[Finding | Unchecked]:
    """Room for images and programs of all hops, as far as it makes kubelet remove images, or evict pods."""
    seen, unknown = [], []
    kubelets, control = kubelet_hops(ctx.plan), len(control_plane_hops(ctx.plan))
    for name, node in ctx.nodes.items():
        hops = control if node.get("control_plane") else len(kubelets.get(name, ()))
        if not hops:
            continue
        if not node.get("disk"):
            unknown += [] if "disk" in mapping(node.get("unread")) else [name]
            continue
        seen += [f"{name}: {line}" for line in _short(node, hops)]
    if unknown:
        yield Unchecked("disk-room", f"How much room the disks of {listing(unknown)} have is not known.")
    if seen:
        yield Finding(
            id="disk-room",
            severity="warning",
            title="Disks are short of room for what the hops bring",
            seen=cut(seen),
            why="Past its limits kubelet removes images, those that were just brought among them, and evicts pods; a "
            "full disk stops the step in its midst.",
            fix="Make room: crictl rmi --prune on the node, old logs, old copies in /etc/kubernetes/tmp.",
            source="https://kubernetes.io/docs/concepts/architecture/garbage-collection/#container-image-lifecycle",
        )


def _short(node: t.Mapping[str, t.Any], hops: int) -> t.Iterator[str]:
    disk = node["disk"]
    folder = next((path for path in IMAGE_FOLDERS if path in disk), "/var/lib/kubelet")
    need = hops * (CONTROL_PLANE_IMAGES if node.get("control_plane") else WORKER_IMAGES)
    percent = mapping(node.get("kubelet_configuration")).get("imageGCHighThresholdPercent") or GC_PERCENT
    limits = [
        (folder, need, 1 - percent / 100, f"kubelet removes images when {percent} % are used"),
        ("/var/lib/kubelet", 0, EVICTION_FREE, "kubelet evicts pods below that"),
        ("/usr/bin", BINARIES_BYTES, 0.0, "the new programs go there"),
    ]
    told: set[t.Any] = set()
    for path, bytes_needed, keep, what in limits:
        room = disk.get(path)
        device = (room or {}).get("device", path)
        if room and device not in told and room["free"] - bytes_needed < keep * room["total"]:
            told.add(device)
            yield (
                f"{path} has {room['free'] / GIB:.1f} of {room['total'] / GIB:.1f} GiB free"
                + (f", of which some {bytes_needed / GIB:.1f} will be used" if bytes_needed else "")
                + f" ({what})"
            )


CHECKS: tuple[Check, ...] = (
    not_ready,
    pressure,
    cordoned,
    kube_system,
    swap,
    kubelet_not_restarted,
    holds,
    runtimes,
    disks,
)
