# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Detectors: each looks for one kind of thing that breaks, as `detect` of a row of knowledge describes it. Pure.

A detector is given what the row says, the context, and the row's minor. It yields Seen for each object or node that
the row hits, and Missing for facts that it needed and does not have. docs/knowledge.md lists what rows may say.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils import _detect_flags
from ansible_collections.uplift.kubeadm.plugins.module_utils._detect_facts import (
    Hit,
    Missing,
    Seen,
    cluster_configuration,
    cluster_rows,
    config_map,
    control_planes,
    each_node,
    is_external,
    mapping,
    numbers,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Context
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import minor_name, parse_minor

# kubeadm's own add-ons: each kubeadm writes them as its minor needs them.
KUBEADM_ADDONS = frozenset(("kube-proxy", "kube-dns"))
CONTROLLERS = frozenset(("ReplicaSet", "StatefulSet", "DaemonSet", "Job"))
# Before 1.24 a kubelet with docker:// ran dockershim, unless it was told to speak CRI (then it is cri-dockerd).
FIRST_WITHOUT_DOCKERSHIM = 24
# The first kubeadm that takes an UpgradeConfiguration (`kubeadm upgrade --config`).
FIRST_WITH_UPGRADE_CONFIGURATION = 31


def config_api(apis: t.Sequence[str], ctx: Context, minor: str) -> t.Iterator[Hit]:
    """["GROUP/VERSION"] of configuration files that static pods name, and of kubeadm's ConfigMap."""
    if minor == minor_name(parse_minor(ctx.current) + 1):  # later hops find what the kubeadm before them wrote
        api = mapping(ctx.facts.get("cluster")).get("config_api")
        if api in apis:
            yield Seen(f"ConfigMap kube-system/kubeadm-config: {api}")
    if all(api.startswith("kubeadm.") for api in apis):
        return
    for node, files in each_node(ctx, "files", "the configuration files of its static pods", control_planes(ctx)):
        if isinstance(files, Missing):
            yield files
            continue
        for path, file in files.items():
            if file.get("apiVersion") in apis:
                yield Seen(f"{node}: {path} is of {file['apiVersion']}")


def kubelet_config(fields: t.Mapping[str, t.Any], ctx: Context, minor: str) -> t.Iterator[Hit]:
    """{field of KubeletConfiguration: the value that breaks}; None stands for a field that is not set."""
    for node, config in each_node(ctx, "kubelet_configuration", "kubelet's configuration"):
        if isinstance(config, Missing):
            yield config
            continue
        for field, value in fields.items():
            if value is None and config.get(field) in (None, ""):
                yield Seen(f"{node}: kubelet's configuration sets no {field}")
            elif value is not None and config.get(field) == value:
                yield Seen(f"{node}: kubelet's configuration has {field}: {str(value).lower()}")


def etcd_between(bounds: t.Sequence[str], ctx: Context, minor: str) -> t.Iterator[Hit]:
    """[lowest, first that is well]: versions of the etcd that runs on the control planes."""
    low, high = (numbers(bound) for bound in bounds)
    for node in control_planes(ctx):
        pod = mapping(mapping(mapping(ctx.facts.get("nodes")).get(node)).get("static_pods")).get("etcd")
        version = mapping(ctx.nodes[node].get("running")).get("etcd") or mapping(pod).get("version")
        if not version and not is_external(ctx):
            yield Missing("etcd's version", node, "etcd did not answer")
        elif version and low <= numbers(version) < high:
            yield Seen(f"{node}: etcd {version}")


def etcd_pinned_below(lowest: str, ctx: Context, minor: str) -> t.Iterator[Hit]:
    """etcd.local.imageTag of the ClusterConfiguration is older than this version."""
    tag = mapping(mapping(ctx.facts.get("cluster")).get("etcd")).get("image_tag")
    if tag and numbers(tag) < numbers(lowest):
        yield Seen(f"ConfigMap kube-system/kubeadm-config: etcd.local.imageTag is {tag}")


def runtime(lowest: t.Mapping[str, str], ctx: Context, minor: str) -> t.Iterator[Hit]:
    """{container runtime: the oldest version that will do}."""
    for node in ctx.nodes:
        name, version = _runtime(ctx, node)
        if not name:
            yield Missing("the container runtime", node, "the Node object does not name it")
        elif name in lowest and numbers(version) < numbers(lowest[name]):
            yield Seen(f"{node}: {name} {version}")


def dockershim(_yes: bool, ctx: Context, minor: str) -> t.Iterator[Hit]:
    """The node's runtime is Docker, and its kubelet talks to it through dockershim."""
    for node, facts in ctx.nodes.items():
        flags = {**mapping(facts.get("kubelet_flags")), **mapping(facts.get("kubelet_arguments"))}
        name, version = _runtime(ctx, node)
        kubelet = mapping(mapping(ctx.facts.get("nodes")).get(node)).get("kubelet")
        old = kubelet is None or parse_minor(kubelet) < FIRST_WITHOUT_DOCKERSHIM
        if name == "docker" and old and flags.get("container-runtime") != "remote":
            yield Seen(f"{node}: docker {version}")


def cri_socket_without_scheme(_yes: bool, ctx: Context, minor: str) -> t.Iterator[Hit]:
    """The container runtime's socket is a bare path."""
    for node, facts in ctx.nodes.items():
        socket = facts.get("cri_socket")
        if socket and "://" not in socket:
            yield Seen(f"{node}: {socket}")


def volume_source(drivers: t.Mapping[str, str | None], ctx: Context, minor: str) -> t.Iterator[Hit]:
    """{source of PersistentVolumes: the CSI driver that serves them, once installed, or None}."""
    volumes, missing = cluster_rows(ctx, "volumes")
    yield from missing
    installed, not_known = cluster_rows(ctx, "csi_drivers")
    for volume in volumes:
        source = volume.get("source")
        if source not in drivers or drivers[source] in installed:
            continue
        if drivers[source] and not_known:
            yield from not_known
            continue
        wanted = f", and its CSI driver {drivers[source]} is not installed" if drivers[source] else ""
        claim = f", claimed by {volume['claim']}" if volume.get("claim") else ""
        yield Seen(f"PersistentVolume {volume['name']}: {source}{claim}{wanted}")


def storage_class(provisioners: t.Sequence[str], ctx: Context, minor: str) -> t.Iterator[Hit]:
    """StorageClasses with one of these provisioners."""
    classes, missing = cluster_rows(ctx, "storage_classes")
    yield from missing
    for row in classes:
        if row.get("provisioner") in provisioners:
            yield Seen(f"StorageClass {row['name']}: provisioner {row['provisioner']}")


def cgroup(version: str, ctx: Context, minor: str) -> t.Iterator[Hit]:
    """Nodes with this version of cgroups ("v1"). It is borne where kubelet and kubeadm's preflight were told so.

    kubeadm writes a node's own config.yaml anew, from the ConfigMap, its patches on top: what is there alone is lost.
    """
    everywhere = mapping(config_map(ctx, "kubelet-config")).get("failCgroupV1") is False
    ignores, where = ignores_preflight(ctx, minor, "SystemVerification")
    for node, found in each_node(ctx, "cgroup", "the version of cgroups"):
        if isinstance(found, Missing):
            yield found
        elif found == version:
            facts = ctx.nodes[node]
            here = mapping(facts.get("kubelet_configuration")).get("failCgroupV1") is False
            borne = everywhere or (here and bool(facts.get("kubelet_drop_ins") or facts.get("patches_found")))
            said = ", failCgroupV1 is false" if borne or here else ""
            if here and not borne:
                said += ", but in its own config.yaml alone, which kubeadm writes anew"
            elif borne:
                state = "is ignored" if ignores else "is not ignored"
                said += f"; the preflight error SystemVerification {state} ({where})"
            yield Seen(f"{node}: cgroup {found}{said}", certain=not (borne and ignores))


def ignores_preflight(
    ctx: Context, minor: str, check: str, commands: t.Sequence[str] = ("apply", "node")
) -> tuple[bool, str]:
    """Whether kubeadm of a minor is told to ignore one of its preflight checks, and the variable that says so.

    From 1.31 on an UpgradeConfiguration stands in the place of the flags. Of its commands each that makes the check has
    to say it. kubeadm does not tell upper from lower case in the names.
    """
    configuration = mapping(ctx.options.get("upgrade_configuration"))
    if configuration and parse_minor(minor) >= FIRST_WITH_UPGRADE_CONFIGURATION:
        lists = [mapping(configuration.get(command)).get("ignorePreflightErrors") for command in commands]
        variable = "ignorePreflightErrors in kubeadm_upgrade_configuration"
    else:
        lists, variable = [ctx.options.get("ignore_preflight_errors")], "kubeadm_upgrade_ignore_preflight_errors"
    wanted = {check.lower(), "all"}
    return all(wanted & {str(name).lower() for name in ignored or ()} for ignored in lists), variable


def kernel_below(lowest: str, ctx: Context, minor: str) -> t.Iterator[Hit]:
    """Nodes with an older kernel."""
    for node, facts in ctx.nodes.items():
        kernel = facts.get("kernel") or mapping(mapping(ctx.facts.get("nodes")).get(node)).get("kernel")
        if not kernel:
            yield Missing("the kernel's version", node, "neither the node nor its Node object says it")
        elif numbers(kernel) < numbers(lowest):
            yield Seen(f"{node}: kernel {kernel}")


def image(pattern: str, ctx: Context, minor: str) -> t.Iterator[Hit]:
    """Workloads, and pods without one, that run an image whose whole name matches; kubeadm's own are left out."""
    wanted = re.compile(pattern)
    workloads, missing = cluster_rows(ctx, "workloads")
    pods, not_known = cluster_rows(ctx, "pods")
    yield from (*missing, *not_known)
    for row in workloads:
        if not (row.get("ns") == "kube-system" and row.get("name") in ("kube-proxy", "coredns")):
            yield from _images(f"{row['kind']} {row['ns']}/{row['name']}", row, wanted)
    for row in pods:
        if not row.get("mirror") and (missing or mapping(row.get("owner")).get("kind") not in CONTROLLERS):
            yield from _images(f"Pod {row['ns']}/{row['name']}", row, wanted)


def image_repository(prefix: str, ctx: Context, minor: str) -> t.Iterator[Hit]:
    """The ClusterConfiguration's imageRepository is this one."""
    found = mapping(ctx.facts.get("cluster")).get("image_repository")
    if found == prefix:
        yield Seen(f"ConfigMap kube-system/kubeadm-config: imageRepository is {found}")


def node_selector(label: str, ctx: Context, minor: str) -> t.Iterator[Hit]:
    """Pods that must run on a node with this label, by node selector or required node affinity."""
    for subject, pod in _pods(ctx):
        if isinstance(pod, Missing):
            yield pod
        elif label in mapping(pod.get("node_selector")) or label in _required_labels(pod.get("affinity")):
            yield Seen(f"{subject}: selects nodes by {label}")


def toleration_only(taints: t.Mapping[str, str], ctx: Context, minor: str) -> t.Iterator[Hit]:
    """{"key": a taint that pods tolerate, "without": one that they do not}."""
    for subject, pod in _pods(ctx):
        if isinstance(pod, Missing):
            yield pod
            continue
        keys = {toleration.get("key") or "*" for toleration in pod.get("tolerations") or ()}
        if taints["key"] in keys and not keys & {taints["without"], "*"}:
            yield Seen(f"{subject}: tolerates {taints['key']}, and not {taints['without']}")


def kube_proxy_mode(modes: t.Sequence[str], ctx: Context, minor: str) -> t.Iterator[Hit]:
    """The mode in kube-proxy's ConfigMap is one of these."""
    config = config_map(ctx, "kube-proxy")
    if isinstance(config, Missing):
        yield config
    elif config.get("mode") in modes:
        yield Seen(f"ConfigMap kube-system/kube-proxy: mode is {config['mode']}")


def missing_san(_yes: bool, ctx: Context, minor: str) -> t.Iterator[Hit]:
    """An API server has counted calls to servers whose certificate has no SAN."""
    for node, usage in each_node(ctx, "api_usage", "the metrics of its API server", control_planes(ctx)):
        if isinstance(usage, Missing):
            yield usage
            continue
        for metric, count in mapping(usage.get("san_missing")).items():
            if count and "missing_san" in metric:  # others count weak signatures
                yield Seen(f"{node}: {metric} is {count:g} since {usage.get('since') or 'its start'}")


def patches(_yes: bool, ctx: Context, minor: str) -> t.Iterator[Hit]:
    """There are folders of kubeadm patches."""
    for node, facts in ctx.nodes.items():
        for folder in facts.get("patches_found") or ():
            yield Seen(f"{node}: {folder}")


def kubeadm_feature_gates(names: t.Sequence[str], ctx: Context, minor: str) -> t.Iterator[Hit]:
    """featureGates of the ClusterConfiguration, which are kubeadm's own."""
    config = cluster_configuration(ctx)
    if isinstance(config, Missing):
        yield config
        return
    for name in names:
        if name in mapping(config.get("featureGates")):
            yield Seen(f"ConfigMap kube-system/kubeadm-config: featureGates has {name}")


Detector = t.Callable[[t.Any, Context, str], t.Iterable[Hit]]
DETECTORS: dict[str, Detector] = {
    detector.__name__: detector
    for detector in (
        _detect_flags.flags,
        _detect_flags.gone_flags,
        _detect_flags.extra_args,
        _detect_flags.feature_gates,
        config_api,
        kubelet_config,
        etcd_between,
        etcd_pinned_below,
        runtime,
        dockershim,
        cri_socket_without_scheme,
        volume_source,
        storage_class,
        cgroup,
        kernel_below,
        image,
        image_repository,
        node_selector,
        toleration_only,
        kube_proxy_mode,
        missing_san,
        patches,
        kubeadm_feature_gates,
    )
}


def _runtime(ctx: Context, node: str) -> tuple[str, str]:
    """("containerd", "1.6.20"), as the Node object says it."""
    told = mapping(mapping(ctx.facts.get("nodes")).get(node)).get("container_runtime") or ""
    name, _scheme, version = str(told).partition("://")
    return name, version


def _images(subject: str, row: t.Mapping[str, t.Any], wanted: re.Pattern[str]) -> t.Iterator[Hit]:
    for name in row.get("images") or ():
        if wanted.fullmatch(name):
            yield Seen(f"{subject}: {name}")


def _pods(ctx: Context) -> t.Iterator[tuple[str, t.Any]]:
    """(name of its owner, or its own; the pod's facts), one pod an owner, without finished and kubeadm's own pods."""
    pods, missing = cluster_rows(ctx, "pods")
    yield from (("", gap) for gap in missing)
    told = set()
    for pod in pods:
        ours = pod.get("ns") == "kube-system" and mapping(pod.get("labels")).get("k8s-app") in KUBEADM_ADDONS
        if pod.get("mirror") or pod.get("finished") or ours:
            continue
        owner = pod.get("owner")
        subject = f"{owner['kind']} {pod['ns']}/{owner['name']}" if owner else f"Pod {pod['ns']}/{pod['name']}"
        if subject not in told:
            told.add(subject)
            yield subject, pod


def _required_labels(affinity: t.Any) -> set[str]:
    required = mapping(
        mapping(mapping(affinity).get("nodeAffinity")).get("requiredDuringSchedulingIgnoredDuringExecution")
    )
    return {
        expression.get("key")
        for term in required.get("nodeSelectorTerms") or ()
        for expression in mapping(term).get("matchExpressions") or ()
        if expression.get("operator") in ("In", "Exists")
    }
