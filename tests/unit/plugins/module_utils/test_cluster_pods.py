# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods as rows of the facts."""

from __future__ import annotations

import copy
import typing as t

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _cluster_pods
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster_pods import Component, PodReader, requests

Object = dict[str, t.Any]
NOT_READY = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}

POD: Object = {
    "metadata": {
        "name": "web-7c5d-x",
        "namespace": "shop",
        "uid": "u1",
        "labels": {"app": "web"},
        "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "other": "not kept"},
        "ownerReferences": [
            {"kind": "Other", "name": "o"},
            {"kind": "ReplicaSet", "name": "web-7c5d", "controller": True, "uid": "u2"},
        ],
    },
    "spec": {
        "nodeName": "w1",
        "priority": 100,
        "terminationGracePeriodSeconds": 90,
        "nodeSelector": {"disk": "ssd"},
        "containers": [
            {
                "name": "web",
                "image": "web:1",
                "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "2"}},
                "ports": [{"containerPort": 80, "hostPort": 8080}, {"containerPort": 81}],
            },
            {"name": "side", "image": "side:2"},
        ],
        "tolerations": [{**NOT_READY, "tolerationSeconds": 300}, NOT_READY, {"key": "gpu", "operator": "Exists"}],
        "topologySpreadConstraints": [{"maxSkew": 1}],
        "affinity": {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}},
            "podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1}]},
            "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]},
        },
        "volumes": [
            {"name": "scratch", "emptyDir": {}},
            {"name": "data", "persistentVolumeClaim": {"claimName": "data-0"}},
            {"name": "tmp", "ephemeral": {"volumeClaimTemplate": {}}},
            {"name": "host", "hostPath": {"path": "/var/lib/x"}},
            {"name": "config", "configMap": {"name": "c"}},
        ],
    },
    "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
}


def row(pod: Object) -> Object:
    return PodReader()(pod)[0]


def test_a_pod_with_everything() -> None:
    assert row(POD) == {
        "ns": "shop",
        "name": "web-7c5d-x",
        "uid": "u1",
        "node": "w1",
        "owner": {"kind": "ReplicaSet", "name": "web-7c5d"},
        "labels": {"app": "web"},
        "phase": "Running",
        "ready": True,
        "priority": 100,
        "grace": 90,
        "requests": {"cpu": 100, "memory": 64 * 1024**2},
        "node_selector": {"disk": "ssd"},
        "affinity": {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}},
            "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]},
        },
        "tolerations": [NOT_READY, {"key": "gpu", "operator": "Exists"}],
        "spread": [{"maxSkew": 1}],
        "empty_dir": ["scratch"],
        "claims": ["data-0", "web-7c5d-x-tmp"],
        "host_paths": ["/var/lib/x"],
        "host_ports": [8080],
        "images": ["web:1", "side:2"],
        "no_readiness": True,
        "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
    }


def test_a_pod_with_next_to_nothing() -> None:
    pod = {
        "metadata": {"name": "p", "namespace": "n", "uid": "u"},
        "spec": {"containers": [{"name": "c", "image": "i", "readinessProbe": {}}]},
    }
    assert row(pod) == {"ns": "n", "name": "p", "uid": "u", "phase": "Unknown", "images": ["i"]}


@pytest.mark.parametrize("name", ["a.b-c.0", "x" * 253, "00000", "true"])
def test_odd_names_stay_as_they_are(name: str) -> None:
    pod = copy.deepcopy(POD)
    pod["metadata"]["name"] = name
    assert row(pod)["name"] == name


def test_a_grace_of_nothing_is_kept_and_the_usual_is_not() -> None:
    pod = copy.deepcopy(POD)
    pod["spec"]["terminationGracePeriodSeconds"] = 0
    assert row(pod)["grace"] == 0
    pod["spec"]["terminationGracePeriodSeconds"] = 30
    assert "grace" not in row(pod)


def test_on_its_way_out_and_finished() -> None:
    pod = copy.deepcopy(POD)
    pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    pod["status"] = {"phase": "Failed"}
    shown = row(pod)
    assert (shown["terminating"], shown["finished"], shown.get("ready")) == (True, True, None)


def test_of_a_daemonset_only_the_rules_about_other_pods_count() -> None:
    pod = copy.deepcopy(POD)
    pod["metadata"]["ownerReferences"] = [{"kind": "DaemonSet", "name": "d", "controller": True}]
    shown = row(pod)
    assert list(shown["affinity"]) == ["podAntiAffinity"]
    assert {"node_selector", "tolerations", "spread"} & shown.keys() == set()


def test_what_pods_have_in_common_is_held_once() -> None:
    reader = PodReader()
    one, other = reader(POD)[0], reader(copy.deepcopy(POD))[0]
    assert one == other
    for key in ("labels", "requests", "images", "affinity", "tolerations", "owner", "ns", "node"):
        assert one[key] is other[key], key


def container(cpu: str, **more: t.Any) -> Object:
    return {"resources": {"requests": {"cpu": cpu}}, **more}


@pytest.mark.parametrize(
    ("spec", "cpu"),
    [
        ({"containers": [container("1"), container("500m")]}, 1500),
        ({"containers": [container("1")], "initContainers": [container("3"), container("2")]}, 3000),
        ({"containers": [container("4")], "initContainers": [container("3")]}, 4000),
        # A sidecar that begins before an init container runs beside it, and beside the containers.
        ({"containers": [container("1")], "initContainers": [container("1", restartPolicy="Always")]}, 2000),
        (
            {
                "containers": [container("1")],
                "initContainers": [container("1", restartPolicy="Always"), container("3")],
            },
            4000,
        ),
        (
            {
                "containers": [container("1")],
                "initContainers": [container("3"), container("1", restartPolicy="Always")],
            },
            3000,
        ),
        ({"containers": [container("1")], "overhead": {"cpu": "250m"}}, 1250),
        ({"containers": [container("1")], "resources": {"requests": {"cpu": "5"}}, "overhead": {"cpu": "1"}}, 6000),
    ],
)
def test_requests(spec: Object, cpu: int) -> None:
    assert requests(spec) == {"cpu": cpu}


def test_requests_of_nothing() -> None:
    assert requests({"containers": [{"name": "c"}]}) == {}


def system_pod(labels: dict[str, str], image: str = "kube-proxy:v1.24.17", **meta: t.Any) -> Object:
    return {
        "metadata": {"name": "p", "namespace": "kube-system", "labels": labels, **meta},
        "spec": {"nodeName": "n", "containers": [{"name": "kube-proxy", "image": image}]},
        "status": {"phase": "Running"},
    }


def test_kube_proxy_that_leaves_says_nothing_of_its_node() -> None:
    assert PodReader()(system_pod({"k8s-app": "kube-proxy"}))[1] == Component(
        "n", "kube-proxy", "kube-proxy:v1.24.17", False
    )
    assert PodReader()(system_pod({"k8s-app": "kube-proxy"}, deletionTimestamp="2026-01-01T00:00:00Z"))[1] is None
    elsewhere = system_pod({"k8s-app": "kube-proxy"})
    elsewhere["metadata"]["namespace"] = "default"
    assert PodReader()(elsewhere)[1] is None


def test_components_of_nodes_that_are_not_known() -> None:
    nodes: dict[str, Object] = {"n": {"role": "worker", "static_pods": {}, "kube_proxy": None}}
    parts = [Component("n", "kube-apiserver", "a:v1", True), Component("gone", "etcd", "e:1", True)]
    _cluster_pods.add_components(nodes, [*parts, Component("n", "kube-proxy", "p:v2", True)])
    shown = {"kube-apiserver": {"image": "a:v1", "version": "v1", "ready": True}}
    assert nodes == {"n": {"role": "control_plane", "static_pods": shown, "kube_proxy": "v2"}}
