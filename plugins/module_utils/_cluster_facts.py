# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All facts of one cluster, read from its API in a few paged requests.

Each collection is read as it was at one moment, one after the other: two of them may differ by what happened between,
so a pod may run on a node that is not among the nodes. Without nodes, version and kubeadm's configuration there is no
plan, and reading fails; anything else that cannot be read is listed in `unread`.
"""

from __future__ import annotations

import contextlib
import gc
import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils import (
    _cluster_helm,
    _cluster_objects,
    _cluster_pods,
    _cluster_writes,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Api, Object
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import (
    KUBE_SYSTEM,
    SCHEMA,
    addon,
    api_addresses,
    ca_fingerprints,
    kubeadm_config,
    node_facts,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._reading import Reading
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import minor_name, parse_minor

_KUBE_SYSTEM_APPS = "/apis/apps/v1/namespaces/kube-system"
_CONFIGURED = "What kubeadm would change in it is not known."


def read(api: Api) -> Object:
    """The facts (their shape is documented in cluster_info), read now.

    :raises UpliftError: the cluster is not kubeadm's, or the API refuses its nodes, or is away.
    """
    with _uncollected():
        return _read(api)


def read_nodes(api: Api) -> Object:
    """The part of the facts that a summary is made of: nodes, the control planes' static pods, add-ons. A request for
    each page of nodes and a few more, however many pods there are.

    :raises UpliftError: as read().
    """
    version = api.get("/version")["gitVersion"]
    cluster = kubeadm_config(api)
    nodes = dict(api.list("/api/v1/nodes", keep=node_facts))
    reading = Reading(api)
    _cluster_pods.add_components(nodes, _cluster_pods.read_control_planes(reading))
    return {
        "schema": SCHEMA,
        "version": version,
        "cluster": cluster,
        "nodes": dict(sorted(nodes.items())),
        "addons": _addons(reading),
        "unread": reading.unread,
    }


class Unread(UpliftError):
    """Something that a decision needs could not be read."""


def read_for_waves(api: Api) -> Object:
    """The part of the facts that says which nodes may be out together: nodes, pods, their workloads, budgets, volumes.

    :raises UpliftError: as read(); Unread where some of it cannot be read.
    """
    with _uncollected():
        version = api.get("/version")["gitVersion"]
        nodes = dict(api.list("/api/v1/nodes", keep=node_facts))
        reading = Reading(api)
        pods, components = _cluster_pods.read(reading)
        _cluster_pods.add_components(nodes, components)
        objects = _cluster_objects.read_for_waves(reading, pods)
    if reading.unread:
        gap = reading.unread[0]
        raise Unread(f"Which nodes may be out together cannot be told: {gap['what']}: {gap['why']}")
    return {"schema": SCHEMA, "version": version, "nodes": nodes, "pods": pods, **objects, "unread": []}


@contextlib.contextmanager
def _uncollected() -> t.Iterator[None]:
    """Python's search for cycles among a growing number of rows takes a quarter of the time, and finds none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _read(api: Api) -> Object:
    version = api.get("/version")["gitVersion"]
    cluster = kubeadm_config(api)
    nodes = dict(api.list("/api/v1/nodes", keep=node_facts))
    reading = Reading(api)
    pods, components = _cluster_pods.read(reading)
    _cluster_pods.add_components(nodes, components)
    objects = _cluster_objects.read(reading, pods)
    return {
        "schema": SCHEMA,
        "read_at": api.now(),
        "server": api.server,
        "version": version,
        "ca_fingerprints": reading.section(
            "ca_fingerprints",
            "Hosts of another cluster in the inventory are not found by their certificate authority.",
            lambda: ca_fingerprints(api),
            list[str](),
        ),
        "cluster": cluster,
        "api_addresses": reading.section(
            "config_maps",
            "Whether hosts that join, and kube-proxy, find the API at an address that goes is not known.",
            lambda: api_addresses(api),
            dict[str, str](),
        ),
        "nodes": dict(sorted(nodes.items())),
        "addons": _addons(reading),
        "config_maps": {"kubeadm-config": cluster["configuration"], **_config_maps(reading, version)},
        "pods": pods,
        **objects,
        "services": _cluster_objects.services(reading, objects),
        "helm_releases": _cluster_helm.read(reading),
        "old_api_writes": _cluster_writes.read(reading, version),
        "unread": reading.unread,
    }


def _addons(reading: Reading) -> dict[str, Object | None]:
    return {
        "kube_proxy": _addon(reading, "daemonsets", "kube-proxy"),
        "coredns": _addon(reading, "deployments", "coredns"),
    }


def _addon(reading: Reading, plural: str, name: str) -> Object | None:
    def read_it() -> Object | None:
        return addon(reading.api.find(f"{_KUBE_SYSTEM_APPS}/{plural}/{name}"), name)

    return reading.section("addons", f"The version of {name} that the cluster has is not known.", read_it, None)


def _config_maps(reading: Reading, version: str) -> dict[str, str]:
    """{name: text} of kubeadm's own; one that is not there is left out. kubelet-config had the minor in its name once
    (up to 1.23, and in clusters that keep the feature gate UnversionedKubeletConfigMap off)."""
    found = {}
    for name, key, older in (
        ("kubelet-config", "kubelet", f"kubelet-config-{minor_name(parse_minor(version))}"),
        ("kube-proxy", "config.conf", None),
        ("coredns", "Corefile", None),
    ):
        text = reading.section("config_maps", _CONFIGURED, _text(reading.api, key, name, older), "")
        if text:
            found[name] = text
    return found


def _text(api: Api, key: str, *names: str | None) -> t.Callable[[], str]:
    """Reads a key of the first of the ConfigMaps that is there; "" when none has it."""

    def read_it() -> str:
        for name in filter(None, names):
            config_map = api.find(f"{KUBE_SYSTEM}/configmaps/{name}")
            if config_map is not None:
                return (config_map.get("data") or {}).get(key, "")
        return ""

    return read_it
