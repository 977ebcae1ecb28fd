# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Detectors of flags and feature gates, wherever they may be set. Pure; see _detect."""

from __future__ import annotations

import re
import shlex
import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils import _flags_in_use
from ansible_collections.uplift.kubeadm.plugins.module_utils._detect_facts import (
    Hit,
    Missing,
    Seen,
    cluster_configuration,
    config_map,
    control_planes,
    each_node,
    mapping,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Context
from ansible_collections.uplift.kubeadm.plugins.module_utils._flags_trial import GATES, split_gates
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_flags import flags_of
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_stages import CLEAN_UPS

# Where the ClusterConfiguration keeps a component's extraArgs.
SECTIONS = {**{program: (name,) for program, name in _flags_in_use.SECTIONS.items()}, "etcd": ("etcd", "local")}
COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet")
# Older kubeadms wrote these into the manifests themselves, and newer ones leave them out.
KUBEADM_WROTE = frozenset(
    (("kube-apiserver", "insecure-port"), ("kube-controller-manager", "port"), ("kube-scheduler", "port"))
)
# kubeadm takes them out of kubeadm-flags.env, or the plan does.
CLEANED = frozenset(CLEAN_UPS.values())
LOST = "in its manifest alone: kubeadm writes the manifest anew without it, unless a patch puts it back"


class Flag(t.NamedTuple):
    """A flag in use. where: "cp1" or a ConfigMap; certain: it stays over a hop."""

    where: str
    name: str
    value: str
    origin: str
    certain: bool


def flags(wanted: t.Mapping[str, t.Sequence[str]], ctx: Context, minor: str) -> t.Iterator[Hit]:
    """{component: [regular expression of NAME or NAME=VALUE]}, each matched as a whole."""
    for component, patterns in wanted.items():
        for flag in in_use(component, ctx):
            if isinstance(flag, Missing):
                yield flag
            elif named(patterns, flag.name, flag.value):
                yield _seen(component, flag)


def gone_flags(wanted: t.Mapping[str, t.Sequence[str]], ctx: Context, minor: str) -> t.Iterator[Hit]:
    """As flags, of flags that the programs of the minor do not know: where one was tried and takes it, it is well."""
    for component, patterns in wanted.items():
        for flag in in_use(component, ctx):
            if isinstance(flag, Missing):
                yield flag
            elif named(patterns, flag.name, flag.value) and not (
                flag.certain and taken(ctx, minor, component, f"--{flag.name}={flag.value}")
            ):
                yield _seen(component, flag)


def named(patterns: t.Iterable[str], name: str, value: str) -> bool:
    """Does a row's pattern mean this flag?"""
    return any(re.fullmatch(pattern, name) or re.fullmatch(pattern, f"{name}={value}") for pattern in patterns)


def extra_args(wanted: t.Mapping[str, t.Sequence[str]], ctx: Context, minor: str) -> t.Iterator[Hit]:
    """As flags, but of the ClusterConfiguration's extraArgs alone, where kubeadm itself sets a flag of the name."""
    for component, patterns in wanted.items():
        for flag in _extra_args(component, ctx):
            if isinstance(flag, Missing):
                yield flag
            elif any(re.fullmatch(pattern, flag.name) for pattern in patterns):
                yield _seen(component, flag)


def feature_gates(names: t.Sequence[str], ctx: Context, minor: str) -> t.Iterator[Hit]:
    """Gates that are switched on or off: by flags of any component, and in configurations of kubelet and kube-proxy."""
    for component in COMPONENTS:
        for flag in in_use(component, ctx):
            if isinstance(flag, Missing):
                yield flag
            elif flag.name == "feature-gates":
                for gate, state in _gates(flag.value):
                    if gate in names and not (flag.certain and taken(ctx, minor, component, f"{GATES}{gate}={state}")):
                        yield Seen(f"{flag.where}: {component} --feature-gates={gate} ({flag.origin})", flag.certain)
    for node, config in each_node(ctx, "kubelet_configuration", "kubelet's configuration"):
        if isinstance(config, Missing):
            yield config
        else:
            yield from _configured(f"{node}: kubelet's configuration", config, names, ctx, minor)
    for name in ("kubelet-config", "kube-proxy"):
        config = config_map(ctx, name)
        if isinstance(config, Missing):
            yield config
        else:
            yield from _configured(f"ConfigMap kube-system/{name}", config, names, ctx, minor)


def in_use(component: str, ctx: Context) -> t.Iterator[Flag | Missing]:
    """All flags of a component, each with where it is set. Names have dashes, as the programs read them."""
    if component == "kubelet":
        yield from _of_kubelet(ctx)
        return
    configured = set()
    for flag in _extra_args(component, ctx):
        if isinstance(flag, Flag):
            configured.add(flag.name)
        yield flag
    for node, pods in each_node(ctx, "static_pods", "the manifests of its static pods", control_planes(ctx)):
        if isinstance(pods, Missing):
            yield pods
            continue
        for name, value in _dashed(mapping(pods.get(component)).get("flags")).items():
            if name not in configured and (component, name) not in KUBEADM_WROTE:
                yield Flag(node, name, value, LOST, False)


def _of_kubelet(ctx: Context) -> t.Iterator[Flag | Missing]:
    for node, running in each_node(ctx, "kubelet_arguments", "kubelet's arguments"):
        facts = ctx.nodes[node]
        generated = _dashed(facts.get("kubelet_flags"))
        own = _dashed(_words(facts.get("kubelet_extra_args") or ""))
        if isinstance(running, Missing):
            yield running
            running = {}
        for name, value in {**generated, **_dashed(running), **own}.items():
            if name in own:
                yield Flag(node, name, value, "KUBELET_EXTRA_ARGS", True)
            elif name in generated:
                if name not in CLEANED:
                    yield Flag(node, name, value, "kubeadm-flags.env", True)
            else:
                yield Flag(node, name, value, "kubelet's systemd unit or a drop-in of it", True)


def _extra_args(component: str, ctx: Context) -> t.Iterator[Flag | Missing]:
    config = cluster_configuration(ctx)
    if isinstance(config, Missing):
        yield config
        return
    for key in SECTIONS[component]:
        config = mapping(config.get(key))
    for name, value in _flags_in_use.extra_args(config):
        yield Flag("ConfigMap kube-system/kubeadm-config", name.replace("_", "-"), value, "extraArgs", True)


def _seen(component: str, flag: Flag) -> Seen:
    value = f"={flag.value}" if flag.value else ""
    return Seen(f"{flag.where}: {component} --{flag.name}{value} ({flag.origin})", flag.certain)


def _configured(
    where: str, config: t.Mapping[str, t.Any], names: t.Sequence[str], ctx: Context, minor: str
) -> t.Iterator[Hit]:
    of_kubelet = config.get("kind") != "KubeProxyConfiguration"
    for gate, state in mapping(config.get("featureGates")).items():
        if gate in names and not (of_kubelet and taken(ctx, minor, "kubelet", f"{GATES}{gate}={str(state).lower()}")):
            yield Seen(f"{where}: featureGates has {gate}")


def _gates(value: str) -> list[tuple[str, str]]:
    """Names and states in "A=true,B=false"."""
    pairs = [gate[len(GATES) :].partition("=") for gate in split_gates([f"{GATES}{value}"])[1]]
    return [(name.strip(), state.strip()) for name, _equals, state in pairs]


def taken(ctx: Context, minor: str, component: str, flag: str) -> bool:
    """Was the program of that minor tried with this flag ("--name=value"; one gate for itself), and does it take it?"""
    trial = mapping(ctx.options.get("trial"))
    # Gates of kubelet are tried with the API server of the minor, which knows the same.
    asked = {component, "kube-apiserver"} if flag.startswith(GATES) else {component}
    if any(minor not in (mapping(trial.get("tried")).get(program) or ()) for program in asked):
        return False
    if any((row["component"], row["minor"]) == (component, minor) for row in trial.get("untried") or ()):
        return False
    refused = {
        _dashed_flag(row["flag"])
        for row in trial.get("said") or ()
        if (row["component"], row["minor"]) == (component, minor) and not row["accepted"]
    }
    return flag not in refused and flag in _tried(ctx, component)


def _tried(ctx: Context, component: str) -> set[str]:
    """What a trial tries: not what stands in manifests alone, or in kube-proxy's configuration."""
    configuration = mapping(ctx.facts.get("cluster")).get("configuration") or ""
    others, gates = split_gates(_flags_in_use.flags_in_use(ctx.nodes, configuration).get(component, ()))
    return {_dashed_flag(flag) for flag in (*others, *gates)}


def _dashed_flag(flag: str) -> str:
    name, equals, value = flag.partition("=")
    return f"{name.replace('_', '-')}{equals}{value}"


def _words(text: str) -> dict[str, str]:
    try:
        return flags_of(shlex.split(text))
    except ValueError:  # a quote that is not closed: systemd would pass on what it can
        return flags_of(text.split())


def _dashed(found: t.Any) -> dict[str, str]:
    return {str(name).replace("_", "-"): str(value) for name, value in mapping(found).items()}
