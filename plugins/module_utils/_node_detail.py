# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts of a node that only findings need: read side by side, and one that cannot be read hides no other."""

from __future__ import annotations

import concurrent.futures
import functools
import http.client
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils import (
    _etcd,
    _kubeadm,
    _node_api_usage,
    _node_disk,
    _node_drift,
    _node_kubelet,
    _node_static_pods,
    _render,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._node import Node

Facts = dict[str, t.Any]


class Live(t.NamedTuple):
    """What the cluster says of itself, for the comparison with what kubeadm would write.

    cluster: the text of ClusterConfiguration, "" for no comparison. kubelet: the text of KubeletConfiguration, or "".
    patches: the folder of patches that kubeadm will be given, or None.
    """

    cluster: str = ""
    kubelet: str = ""
    patches: str | None = None


def add_detail(node: Node, facts: Facts, live: Live) -> None:
    """Add the detailed facts to those that Node.facts() gave, and to its `unread` what could not be read."""
    unread: dict[str, str] = facts["unread"]
    pods, why = _node_static_pods.static_pods(node.root)
    unread.update(why)
    facts["static_pods"] = {name: pod.facts() for name, pod in pods.items()}
    readers: dict[str, t.Callable[[], Facts]] = {
        "kubelet": lambda: _kubelet(node.root, unread),
        "files": lambda: _with_why("files", _node_static_pods.named_files(node.root, pods), unread),
        "disk": lambda: _disk(node.root, pods, unread),
        "etcd": lambda: {"etcd": _etcd.etcd_facts(node.root, pods)},
        "api_usage": lambda: {"api_usage": _node_api_usage.api_usage(node.root)},
        "drift": lambda: _drift(node, facts, pods, live, unread),
    }
    with concurrent.futures.ThreadPoolExecutor(len(readers)) as pool:
        for told in pool.map(lambda name: _guarded(name, readers[name], unread), readers):
            facts.update(told)


def _guarded(name: str, read: t.Callable[[], Facts], unread: dict[str, str]) -> Facts:
    """What read says, or {name: None} and the reason in unread: facts never fail as a whole."""
    try:
        return read()
    except (UpliftError, OSError, ValueError, http.client.HTTPException) as exc:
        unread[name] = str(exc)
        return {name: None}


def _with_why(name: str, told: tuple[t.Any, dict[str, str]], unread: dict[str, str]) -> Facts:
    value, why = told
    unread.update(why)
    return {name: value}


def _kubelet(root: Path, unread: dict[str, str]) -> Facts:
    facts: Facts = {"kubelet_extra_args": _node_kubelet.extra_args(root)}
    facts.update(_guarded("kubelet_arguments", lambda: {"kubelet_arguments": _node_kubelet.arguments(root)}, unread))

    def configuration() -> Facts:
        merged, drop_ins = _node_kubelet.configuration(root, facts["kubelet_arguments"] or {})
        return {"kubelet_configuration": merged, "kubelet_drop_ins": drop_ins}

    return {"kubelet_drop_ins": [], **facts, **_guarded("kubelet_configuration", configuration, unread)}


def _disk(root: Path, pods: t.Mapping[str, _node_static_pods.StaticPod], unread: dict[str, str]) -> Facts:
    data = pods["etcd"].on_host(pods["etcd"].flags.get("data-dir", _etcd.DATA_DIR)) if "etcd" in pods else ""
    single: dict[str, t.Callable[[], t.Any]] = {
        "disk": lambda: _node_disk.room(root, [data] if data and data not in _node_disk.FOLDERS else []),
        "kubernetes_tmp": lambda: _node_disk.kubeadm_tmp(root),
        "memory": lambda: _node_disk.memory(root),
        "kernel": lambda: _node_disk.kernel(root),
    }
    told: Facts = {}
    for name, read in single.items():
        told.update(_guarded(name, functools.partial(_named, name, read), unread))
    return told


def _named(name: str, read: t.Callable[[], t.Any]) -> Facts:
    return {name: read()}


def _drift(
    node: Node,
    facts: Facts,
    pods: t.Mapping[str, _node_static_pods.StaticPod],
    live: Live,
    unread: dict[str, str],
) -> Facts:
    if not live.cluster.strip():
        return {"drift": None}
    if not facts["name"]:
        raise UpliftError("The node's name is not known, so kubeadm cannot be asked what it would write for it.")
    path = node.binary("kubeadm")
    kubeadm = _node_drift.Installed(str(path) if path else None, facts["kubeadm"])
    wanted = _render.Wanted(
        cluster=live.cluster,
        kubelet=live.kubelet,
        name=facts["name"],
        endpoint=None,
        cri_socket=facts["cri_socket"],
        patches=live.patches if live.patches and facts["patches_there"] else None,
        environment=_kubeadm.proxies_in_place(node.root),
    )
    return _with_why("drift", _node_drift.drift(node.root, node.runner, kubeadm, pods, wanted), unread)
