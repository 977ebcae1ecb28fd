# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edits by hand on this node that the next `kubeadm upgrade` will overwrite.

The present kubeadm is asked what it would write for the present version, and that is laid beside the files that are
there. A kubeadm of another minor writes other defaults, so it cannot be asked: then nothing is said, with the reason.
"""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils import _drift, _node_addons, _render, _running, _yaml
from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_static_pods import StaticPod

ENDPOINT = "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint"
KUBELET = "/var/lib/kubelet/config.yaml"
INSTANCE = "var/lib/kubelet/instance-config.yaml"


class Installed(t.NamedTuple):
    """The kubeadm of the node: its path and version ("v1.25.4"); None when there is none."""

    path: str | None
    version: str | None


def drift(
    root: Path, runner: Runner, kubeadm: Installed, pods: t.Mapping[str, StaticPod], wanted: _render.Wanted
) -> tuple[list[dict[str, t.Any]] | None, dict[str, str]]:
    """[{"file", "lost": lines that would go, "back": lines that kubeadm would write}] and why files were left out.

    Files that are as kubeadm would write them are not told of. None when there was nothing to compare.

    :raises UpliftError: kubeadm cannot be asked, or refuses the cluster's configuration.
    """
    cluster = _mapping(wanted.cluster, "The ClusterConfiguration in ConfigMap kube-system/kubeadm-config")
    minor = _same_minor(kubeadm, str(cluster.get("kubernetesVersion", "")))
    gates = cluster.get("featureGates")
    rootless = isinstance(gates, dict) and gates.get("RootlessControlPlane") is True
    unread: dict[str, str] = {}
    found: list[dict[str, t.Any]] = []
    live: dict[str, dict[str, t.Any]] = {}
    for path in _paths(root, pods, minor, wanted, unread):
        try:
            live[path] = _mapping((root / path.lstrip("/")).read_text(errors="replace"), path)
        except (OSError, UpliftError) as exc:
            unread[f"drift {path}"] = f"{path} cannot be compared with what kubeadm would write: {exc}"
    if not live:
        return None, unread
    if "kube-apiserver" in pods:
        wanted = wanted._replace(endpoint=_endpoint(live, pods["kube-apiserver"]))
        try:
            found += _node_addons.drift(root, runner, str(kubeadm.path), minor, wanted)
        except UpliftError as exc:
            unread["drift add-ons"] = f"CoreDNS and kube-proxy cannot be compared with what kubeadm would write: {exc}"
    names = {path: path.rpartition("/")[2] for path in live}
    rendered = _render.render(runner, str(kubeadm.path), minor, wanted, list(names.values()))
    for path, name in names.items():
        ours = _mapping(rendered[name], f"What kubeadm would write to {path}")
        if path == KUBELET:
            ignored = ("containerRuntimeEndpoint",) if (root / INSTANCE).exists() else ()
            difference = _drift.kubelet_difference(live[path], ours, ignored)
        else:
            difference = _drift.manifest_difference(live[path], ours, rootless)
        if difference:
            found.append({"file": path, "lost": difference.lost, "back": difference.back})
    return found, unread


def _paths(
    root: Path,
    pods: t.Mapping[str, StaticPod],
    minor: tuple[int, int],
    wanted: _render.Wanted,
    unread: dict[str, str],
) -> list[str]:
    """The files that kubeadm would overwrite and that can be compared; to unread, why others cannot."""
    paths = []
    for name in _running.PROGRAMS if "kube-apiserver" in pods else ():
        path = f"/{_running.MANIFESTS}/{name}.yaml"
        if name not in pods:
            continue
        seen = _minor(pods[name].image) if name != "etcd" else minor
        if seen != minor:
            unread[f"drift {path}"] = (
                f"{path} is of another minor ({pods[name].image}) than the cluster's configuration and kubeadm, so "
                "what was edited by hand cannot be told from what the minors write differently."
            )
        else:
            paths.append(path)
    if wanted.kubelet.strip() and (root / KUBELET.lstrip("/")).exists():
        paths.append(KUBELET)
    return paths


def _same_minor(kubeadm: Installed, cluster: str) -> tuple[int, int]:
    """kubeadm's minor, if it is the cluster's."""
    if kubeadm.path is None or kubeadm.version is None:
        raise UpliftError(
            "There is no kubeadm on this node, so edits by hand that an upgrade will overwrite cannot be found."
        )
    minor = _minor(kubeadm.version)
    if minor is None or minor != _minor(cluster):
        raise UpliftError(
            f"kubeadm on this node is {kubeadm.version} and the cluster's configuration is of {cluster or 'no version'}"
            ": another minor writes other defaults, so edits by hand that an upgrade will overwrite cannot be found."
        )
    return minor


def _minor(text: str) -> tuple[int, int] | None:
    match = re.search(r"(?:^|:)v(\d+)\.(\d+)", text)
    return (int(match.group(1)), int(match.group(2))) if match else None


def _endpoint(live: t.Mapping[str, t.Mapping[str, t.Any]], server: StaticPod) -> tuple[str, int]:
    """Address and port of this API server, where kubeadm reads them on an upgrade: from the pod's annotation.

    :raises UpliftError: it is not there, or is none.
    """
    metadata = live.get(server.path, {}).get("metadata") or {}
    said = (metadata.get("annotations") or {}).get(ENDPOINT)
    if not said:
        said = f"{server.flags.get('advertise-address', '')}:{server.flags.get('secure-port', '6443')}"
    address, _colon, port = str(said).rpartition(":")
    if not address or not port.isdigit():
        raise UpliftError(f"{server.path} says no address of its API server (annotation {ENDPOINT}: {said!r}).")
    return address.strip("[]"), int(port)


def _mapping(text: str, name: str) -> dict[str, t.Any]:
    content = _yaml.load(text, name)
    if not isinstance(content, dict):
        raise UpliftError(f"{name} is no mapping.")
    return content
