# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Versions of components as they are and as the plan leaves them, and what in the cluster pins or mixes them.

Skew among the nodes that the plan knows is the planner's matter: it refuses what the policy forbids, nodes outside the
run included.
"""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils import _knowledge
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import image_version
from ansible_collections.uplift.kubeadm.plugins.module_utils._detect_facts import (
    Missing,
    cluster_configuration,
    mapping,
    numbers,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import (
    Check,
    Context,
    Finding,
    Unchecked,
    unread_of,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._hops import control_plane_hops, target_minor
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import listing
from ansible_collections.uplift.kubeadm.plugins.module_utils._running import repository
from ansible_collections.uplift.kubeadm.plugins.module_utils._seen import seen as cut
from ansible_collections.uplift.kubeadm.plugins.module_utils._skew import reach
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import minor_name, parse_minor

POLICY = "https://kubernetes.io/releases/version-skew-policy/"
UPGRADE = "kubernetes/kubernetes: cmd/kubeadm/app/phases/upgrade/postupgrade.go"
IMAGES = "kubernetes/kubernetes: cmd/kubeadm/app/images/images.go"
EDIT = "kubectl -n kube-system edit configmap kubeadm-config"
# The first kubeadm that reads a version of its configuration (cmd/kubeadm/app/apis/kubeadm; when one goes is told by
# the tables of knowledge).
READ_FROM = {"kubeadm.k8s.io/v1beta2": 15, "kubeadm.k8s.io/v1beta3": 22, "kubeadm.k8s.io/v1beta4": 31}
# From this minor on kubeadm upgrades CoreDNS and kube-proxy only when all API servers have one image.
ADDONS_LAST = 28
STATIC = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
# What kubeadm wrote as its default up to 1.24, and takes for the other one since.
OLD_REGISTRY, REGISTRY = "k8s.gcr.io", "registry.k8s.io"


def nodes_that_stay(ctx: Context) -> t.Iterator[Finding | Unchecked]:
    """Nodes that the run does not touch, and how far behind the control plane it leaves them."""
    target = target_minor(ctx.minors, ctx.current)
    why = {str(row.get("node")): str(row.get("why")) for row in ctx.plan.get("left_out") or ()}
    behind: list[str] = []
    edge: list[str] = []
    silent: list[str] = []
    for name, node in ctx.facts["nodes"].items():
        if not node.get("kubelet"):
            silent.append(name)
            continue
        distance = target - parse_minor(node["kubelet"])
        if (name in ctx.nodes and name not in why) or distance <= 0:
            continue
        windows = "Windows, which this collection does not upgrade; " if node.get("os") == "windows" else ""
        reason = f"{windows}{why.get(name, 'not in the inventory')}"
        line = f"{name}: kubelet {node['kubelet']} stays ({reason}), then {_minors(distance)} behind the control plane"
        (edge if distance >= reach(parse_minor(node["kubelet"])) else behind).append(line)
    if silent:
        yield Unchecked("nodes-that-stay", f"Which kubelet runs on {listing(silent)} is not known: it reported none.")
    if edge:
        yield Finding(
            id="nodes-at-the-limit",
            severity="warning",
            title=f"{len(edge)} node(s) will be as far behind as Kubernetes supports",
            seen=cut(edge),
            why="This run is still allowed with them. No later upgrade of the control plane is, while they are there.",
            fix="Upgrade or replace these nodes (an autoscaled group: give it a newer image, and renew its nodes), or "
            "add them to the inventory.",
            source=POLICY,
        )
    if behind:
        yield Finding(
            id="nodes-that-stay",
            severity="info",
            title=f"{len(behind)} node(s) are not upgraded by this run",
            seen=cut(behind),
            why="Their kubelets stay within what Kubernetes supports.",
            fix="Nothing has to be done now. Nodes that are not in the inventory need an upgrade of their own.",
            source=POLICY,
        )


def mixed_control_plane(ctx: Context) -> t.Iterator[Finding]:
    """Programs of the control plane at several versions, or at another than the cluster's configuration says."""
    found: dict[str, list[str]] = {}
    for name, node in ctx.facts["nodes"].items():
        for program in STATIC:
            version = mapping(mapping(node.get("static_pods")).get(program)).get("version")
            if version:  # the tag of an image has a vendor's build behind an underscore, as it cannot have a plus
                found.setdefault(version.replace("_", "+"), []).append(f"{program} on {name}")
    said = ctx.facts["cluster"].get("kubernetes_version")
    if len(found) > 1 or (found and said not in found):
        yield Finding(
            id="control-plane-mixed",
            severity="info",
            title="The control plane is at more than one version",
            seen=(
                *(f"{version}: {', '.join(where)}" for version, where in sorted(found.items())),
                f"ConfigMap kube-system/kubeadm-config: kubernetesVersion is {said}",
            ),
            why="An upgrade was begun and not finished, or a program was changed by hand. The plan begins by finishing "
            "it.",
            fix="Nothing has to be done, if that upgrade was meant.",
            source=POLICY,
        )


def configuration_too_new(ctx: Context) -> t.Iterator[Finding | Unchecked]:
    """The cluster's kubeadm configuration is of an API that the first hop's kubeadm does not read yet.

    One that it no longer reads is told by the tables of knowledge. Later hops find what the kubeadm before them wrote.
    """
    hops = control_plane_hops(ctx.plan)
    api = ctx.facts["cluster"].get("config_api")
    if not hops or api is None:
        return
    known = {f"{row['group']}/{row['version']}" for row in _knowledge.config_apis("1.0", "1.99")}
    if api not in READ_FROM and api not in known:
        yield Unchecked(
            "kubeadm-config-api",
            f"The ConfigMap kube-system/kubeadm-config is of {api}, which this release of the collection does not "
            "know: whether the kubeadm of each hop reads it is unknown.",
        )
    elif READ_FROM.get(api, 0) > parse_minor(hops[0].minor):
        yield Finding(
            id=f"kubeadm-config-api:{api}",
            severity="blocker",
            title=f"kubeadm {hops[0].minor} does not read the cluster's configuration yet",
            seen=(f"ConfigMap kube-system/kubeadm-config: {api}",),
            why=f"It was written by a newer kubeadm; {api} is read from {minor_name(READ_FROM[api])} on. kubeadm "
            "upgrade would stop at once.",
            fix=f"Write it anew in the version that kubeadm {hops[0].minor} reads: {EDIT}.",
            source="kubernetes/kubernetes: cmd/kubeadm/app/apis/kubeadm/scheme",
            minor=hops[0].minor,
        )


def kube_proxy_stays(ctx: Context) -> t.Iterator[Finding]:
    """A kube-proxy that kubeadm will not upgrade, since its ConfigMap is not where kubeadm keeps it."""
    proxy = mapping(mapping(ctx.facts.get("addons")).get("kube_proxy"))
    maps = mapping(ctx.facts.get("config_maps"))
    if not proxy.get("version") or not control_plane_hops(ctx.plan) or "kubeadm-config" not in maps:
        return
    if maps.get("kube-proxy") or unread_of(ctx.facts, "config_maps"):
        return
    distance = target_minor(ctx.minors, ctx.current) - parse_minor(proxy["version"])
    allowed = reach(parse_minor(proxy["version"]))
    yield Finding(
        id="kube-proxy-stays",
        severity="blocker" if distance > allowed else "warning",
        title=f"kubeadm will not upgrade kube-proxy, which stays at {proxy['version']}",
        seen=(f"DaemonSet kube-system/kube-proxy: {proxy['image']}; there is no ConfigMap kube-system/kube-proxy",),
        why="kubeadm takes a missing ConfigMap for a kube-proxy that is not its own, and says so in a warning only. "
        f"kube-proxy may be at most {_minors(allowed)} older than the API servers; at the end it is "
        f"{_minors(distance)} older.",
        fix="Upgrade kube-proxy in the way it was installed, after each hop (kubeadm_upgrade_hook_after_hop), or "
        "restore its ConfigMap.",
        source=UPGRADE,
    )


def api_server_images(ctx: Context) -> t.Iterator[Finding]:
    """Image names of API servers that differ: then kubeadm never upgrades CoreDNS and kube-proxy, without an error."""
    hit = [hop.minor for hop in control_plane_hops(ctx.plan) if parse_minor(hop.minor) >= ADDONS_LAST]
    names: dict[str, list[str]] = {}
    for node, facts in ctx.facts["nodes"].items():
        pod = mapping(mapping(facts.get("static_pods")).get("kube-apiserver"))
        if pod.get("image"):
            names.setdefault(pod["image"].replace(pod.get("version") or "\0", "VERSION"), []).append(node)
    if hit and len(names) > 1:
        yield Finding(
            id="api-server-images-differ",
            severity="warning",
            title="The image names of the API servers differ between control planes",
            seen=cut(f"{', '.join(nodes)}: {name}" for name, nodes in sorted(names.items())),
            why="kubeadm upgrades CoreDNS and kube-proxy when all API servers have the same image, and compares the "
            "names as text. Where a patch keeps a name different, it never does, and reports success.",
            fix="Give all control planes the same image name (kubeadm patches that change it: on all of them, or on "
            "none). Where it was edited by hand, the upgrade itself puts it right.",
            source=f"{UPGRADE}, unupgradedControlPlaneInstances; kubernetes/kubernetes#117660",
            minor=hit[0],
        )


def coredns_pinned(ctx: Context) -> t.Iterator[Finding]:
    """dns.imageTag of the ClusterConfiguration, which keeps CoreDNS at one version through every upgrade."""
    tag = mapping(ctx.facts["cluster"].get("dns")).get("image_tag")
    hops = control_plane_hops(ctx.plan)
    if not tag or not hops:
        return
    shipped = (_knowledge.components(hops[-1].minor) or {}).get("coredns", "")
    yield Finding(
        id="coredns-pinned",
        severity="warning" if numbers(tag) < numbers(shipped) else "info",
        title=f"CoreDNS is pinned to {tag}",
        seen=(f"ConfigMap kube-system/kubeadm-config: dns.imageTag is {tag}",),
        why=f"kubeadm keeps CoreDNS at this tag on every hop. {hops[-1].minor} comes with {shipped or 'another'}. "
        "A tag that the kubeadm of a hop does not know stops it, which is a finding of its own (coredns-release).",
        fix=f"If the tag is a left-over, take it out with {EDIT}: the next hop then brings the CoreDNS of its minor.",
        source=IMAGES,
    )


def image_repository(ctx: Context) -> t.Iterator[Finding]:
    """Images of kubeadm's own that run from elsewhere than kubeadm will take them."""
    config = cluster_configuration(ctx)
    if isinstance(config, Missing) or not control_plane_hops(ctx.plan):
        return
    default = str(config.get("imageRepository") or REGISTRY)
    of_etcd = mapping(mapping(config.get("etcd")).get("local")).get("imageRepository") or default
    of_dns = mapping(config.get("dns")).get("imageRepository") or default
    seen = [
        f"{where}: {image}; kubeadm will take it from {wanted}"
        for where, image, wanted in _own_images(ctx, default, str(of_etcd), str(of_dns))
        if not _below(image, wanted)
    ]
    if seen:
        yield Finding(
            id="image-repository-differs",
            severity="warning",
            title="Images run from another registry than the one in kubeadm's configuration",
            seen=cut(seen),
            why="kubeadm writes these images anew from its configuration. Where nodes cannot reach that registry, or "
            "must not, the first hop fails at it, unless a kubeadm patch sets the image again.",
            fix=f"Set imageRepository to the registry that is meant ({EDIT}), before the upgrade.",
            source=IMAGES,
        )


def _own_images(ctx: Context, default: str, of_etcd: str, of_dns: str) -> t.Iterator[tuple[str, str, str]]:
    """(where, image, repository in the configuration) of kubeadm's static pods and add-ons."""
    for name, node in ctx.facts["nodes"].items():
        for program, pod in mapping(node.get("static_pods")).items():
            if pod.get("image") and image_version(pod["image"]):
                yield f"{program} on {name}", pod["image"], of_etcd if program == "etcd" else default
    addons = mapping(ctx.facts.get("addons"))
    for addon, wanted, where in (
        ("kube_proxy", default, "DaemonSet kube-system/kube-proxy"),
        ("coredns", of_dns, "Deployment kube-system/coredns"),
    ):
        if mapping(addons.get(addon)).get("image"):
            yield where, addons[addon]["image"], wanted


def _below(image: str, wanted: str) -> bool:
    """Whether an image is of that repository; CoreDNS has a folder of its own in the default one."""
    wanted = REGISTRY if wanted == OLD_REGISTRY else wanted
    name = repository(image)
    name = REGISTRY + name[len(OLD_REGISTRY) :] if name.startswith(f"{OLD_REGISTRY}/") else name
    return name.startswith(wanted.rstrip("/") + "/")


def _minors(number: int) -> str:
    return f"{number} minor{'' if number == 1 else 's'}"


CHECKS: tuple[Check, ...] = (
    nodes_that_stay,
    mixed_control_plane,
    configuration_too_new,
    kube_proxy_stays,
    api_server_images,
    coredns_pinned,
    image_repository,
)
