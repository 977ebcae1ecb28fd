# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Odd clusters for hypothesis, in the shapes that cluster_info and node_info document.

Every key that may be missing there is so now and then, and names are of any characters.
"""

from __future__ import annotations

import typing as t

from hypothesis import strategies as st

from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Context
from ansible_collections.uplift.kubeadm.tests.unit.plugins.healthy import (
    STATIC_FLAGS,
    healthy_facts,
    healthy_hosts,
    healthy_plan,
)

Rows = st.SearchStrategy[list[dict[str, t.Any]]]

ODD = ["w1", "cp1", "shop", "web", "x" * 253, "näme", "名前", "a b", "a/b:c", "\x1b[31m", "{0}%s", "-", "a\nb", '"']
BOOLS, VERSION = st.booleans(), st.just("v1.24.17")
NAMES = st.sampled_from(ODD) | st.text(min_size=1, max_size=6)
NODES = st.sampled_from(["cp1", "w1", "w2", "gone"])
SPACES = st.sampled_from(["shop", "kube-system", "näme", "x" * 63])
KEYS, VALUES = st.sampled_from(["app", "k8s-app", "tier", "例"]), st.sampled_from(["web", "", "ü"])
LABELS = st.dictionaries(KEYS, VALUES, max_size=2)
VERSIONS = st.sampled_from(["v1.24.17", "v1.24.0-rc.1+build", "latest", "", "3.5.6-0", "v2", "名"])
IMAGES = st.sampled_from(
    ["", "web", "web:latest", "r:5000/a/b@sha256:00", "k8s.gcr.io/kube-proxy:v1.24.17", "docker.io/calico/node:v3.1.1",
     "registry.k8s.io/coredns/coredns:", "例/例:例", "quay.io/jetstack/cert-manager-controller:v1"]
)  # fmt: skip
NUMBERS = st.sampled_from([0, 1, 3, 10**12])
PERCENTS = st.sampled_from([None, 0, 1, 5, "0%", "50%", "100%", "250%", "1%"])
DATES = st.sampled_from(["2023-05-30T10:00:00Z", "2023-06-20T10:00:00Z", "9999-12-31T23:59:59Z", "2020-02-29"])
SELECTORS = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "matchLabels": LABELS,
        "matchExpressions": st.lists(
            st.fixed_dictionaries(
                {"key": st.sampled_from(["app", "例"])},
                optional={
                    "operator": st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Odd"]),
                    "values": st.lists(st.sampled_from(["web", "7", ""]), max_size=2),
                },
            ),
            max_size=2,
        ),
    },
)


def rows(required: dict[str, t.Any], optional: dict[str, t.Any] | None = None, most: int = 3) -> Rows:
    return st.lists(st.fixed_dictionaries(required, optional=optional or {}), max_size=most)


SERVICE = st.fixed_dictionaries({"ns": SPACES, "name": st.sampled_from(["web", "näme"]), "port": NUMBERS})
TAINTS = rows({"key": st.sampled_from(["node-role.kubernetes.io/control-plane", "例"])},
              {"effect": st.sampled_from(["NoSchedule", "NoExecute", "Odd"]), "value": NAMES}, 1)  # fmt: skip
TERMS = st.lists(
    st.fixed_dictionaries({}, optional={
        "matchExpressions": rows({"key": NAMES, "operator": st.sampled_from(["In", "Exists", "Lt", "Odd"])},
                                 {"values": st.lists(NAMES, max_size=1)}, 1),
        "matchFields": rows({"key": st.just("metadata.name"), "operator": st.just("In"), "values": st.lists(NODES)}),
    }), max_size=2)  # fmt: skip
POD_TERMS = rows(
    {"topologyKey": st.sampled_from(["kubernetes.io/hostname", "zone"])},
    {"labelSelector": SELECTORS, "namespaces": st.lists(SPACES), "namespaceSelector": SELECTORS},
    1,
)
AMOUNTS = st.dictionaries(st.sampled_from(["cpu", "memory", "pods", "例.com/gpu"]), NUMBERS)
POD_SPEC = {
    "owner": st.fixed_dictionaries(
        {"kind": st.sampled_from(["ReplicaSet", "DaemonSet", "StatefulSet", "Job", "Node", "Widget"]), "name": NAMES}
    ),
    "labels": LABELS,
    "requests": AMOUNTS,
    "node_selector": LABELS,
    "tolerations": rows({}, {"key": NAMES, "operator": st.sampled_from(["Exists", "Equal"]), "effect": NAMES}, 2),
    "affinity": st.fixed_dictionaries({}, optional={
        "nodeAffinity": st.fixed_dictionaries({"requiredDuringSchedulingIgnoredDuringExecution":
                                               st.fixed_dictionaries({"nodeSelectorTerms": TERMS})}),
        "podAffinity": st.fixed_dictionaries({"requiredDuringSchedulingIgnoredDuringExecution": POD_TERMS}),
        "podAntiAffinity": st.fixed_dictionaries({"requiredDuringSchedulingIgnoredDuringExecution": POD_TERMS}),
    }),
    "spread": rows({"topologyKey": st.just("kubernetes.io/hostname"), "maxSkew": st.just(1),
                    "whenUnsatisfiable": st.just("DoNotSchedule")}, {"labelSelector": SELECTORS}, 1),
    "empty_dir": st.lists(NAMES, min_size=1, max_size=1),
    "claims": st.lists(NAMES, min_size=1, max_size=1),
    "host_paths": st.lists(st.sampled_from(["/run/docker.sock", "/", "", "/例"]), max_size=2),
    "host_ports": st.lists(st.sampled_from([80, 443]), max_size=1),
    "priority": NUMBERS,
    "grace": st.sampled_from([0, 60, 10**6]),
    "no_readiness": st.just(True),
    "annotations": st.just({"cluster-autoscaler.kubernetes.io/safe-to-evict": "ü"}),
}  # fmt: skip
FLAG = st.just(True)
FACTS: dict[str, t.Any] = {
    "pods": rows(
        {"ns": SPACES, "name": NAMES, "phase": st.sampled_from(["Running", "Pending", "Unknown", "Succeeded"])},
        {"uid": NAMES, "node": NODES, "ready": FLAG, "terminating": FLAG, "mirror": FLAG, "finished": FLAG,
         "images": st.lists(IMAGES, max_size=2), **POD_SPEC},
        5,
    ),
    "workloads": rows(
        {"kind": st.sampled_from(["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"]),
         "ns": SPACES, "name": NAMES, "images": st.lists(IMAGES, max_size=2)},
        {"replicas": NUMBERS, "ready": NUMBERS, "selector": SELECTORS, "labels": LABELS, "template_labels": LABELS,
         "grace": NUMBERS, "strategy": NAMES, "suspended": FLAG, "no_readiness": FLAG, "min_ready_seconds": NUMBERS},
    ),
    "pdbs": rows({
        "ns": SPACES, "name": NAMES, "selector": SELECTORS, "min_available": PERCENTS, "max_unavailable": PERCENTS,
        "unhealthy_policy": st.sampled_from([None, "AlwaysAllow", "Odd"]), "current_healthy": NUMBERS,
        "desired_healthy": NUMBERS, "disruptions_allowed": NUMBERS, "expected_pods": NUMBERS, "observed": BOOLS,
    }, {"granted": st.lists(NAMES, max_size=2), "closed_since": st.just("2026-11-21T21:32:30Z")}),
    "webhooks": rows(
        {"kind": st.just("ValidatingWebhookConfiguration"), "configuration": NAMES, "name": NAMES,
         "rules": rows({}, {"apiGroups": st.just(["*"]), "operations": st.just(["*"]), "scope": st.just("*"),
                            "resources": st.lists(st.sampled_from(["*", "pods", "*/*", "/", ""]), max_size=2)}, 2)},
        {"failure_policy": st.sampled_from(["Fail", "Ignore"]), "service": SERVICE, "url": NAMES,
         "namespace_selector": SELECTORS, "object_selector": SELECTORS, "timeout": NUMBERS},
    ),
    "api_services": rows({"name": NAMES, "service": SERVICE, "available": BOOLS, "message": NAMES}),
    "services": rows({"ns": SPACES, "name": st.sampled_from(["web", "näme"]), "selector": st.none() | LABELS}),
    "crds": rows(
        {"name": NAMES, "group": NAMES, "kind": NAMES, "stored_versions": st.lists(NAMES, max_size=2),
         "versions": rows({"name": NAMES, "served": BOOLS, "storage": BOOLS, "deprecated": BOOLS}),
         "conversion": st.sampled_from(["None", "Webhook"])},
        {"service": SERVICE},
    ),
    "helm_releases": rows({
        "ns": SPACES, "name": NAMES, "revision": NUMBERS, "status": NAMES, "chart": NAMES,
        "objects": rows({}, {"apiVersion": st.sampled_from(["batch/v1beta1", "v1", "", "例"]), "namespace": NAMES,
                             "kind": st.sampled_from(["CronJob", "例", ""]), "name": NAMES}),
    }),
    "old_api_writes": rows(
        {"authority": st.sampled_from(["managed_fields", "last_applied"]), "name": NAMES,
         "group": st.sampled_from(["batch", "policy"]), "version": st.just("v1beta1"),
         "kind": st.sampled_from(["CronJob", "PodSecurityPolicy", "PodDisruptionBudget"])},
        {"ns": SPACES, "manager": NAMES, "operation": NAMES, "time": DATES | NAMES, "subresource": NAMES},
    ),
    "volumes": rows(
        {"name": NAMES, "source": st.sampled_from(["csi", "glusterfs", "rbd", "unknown"])},
        {"driver": NAMES, "claim": st.sampled_from(["shop/web", "/"]), "phase": NAMES,
         "node_affinity": st.fixed_dictionaries({}, optional={"nodeSelectorTerms": TERMS})},
    ),
    "storage_classes": rows({"name": NAMES, "provisioner": NAMES}),
    "csi_drivers": st.lists(NAMES, max_size=2),
    "certificate_requests_pending": st.lists(NAMES, max_size=2),
    "namespaces": rows({"name": SPACES}, {"labels": LABELS}),
    "config_maps": st.dictionaries(
        st.sampled_from(["kubelet-config", "kube-proxy", "coredns", "kubeadm-config"]),
        st.sampled_from(["", "a: 1\n", "- a\n", "a: &x b\n", "\tnot yaml", "{", "例: 例\n", "null\n"]), max_size=4,
    ),
    "addons": st.fixed_dictionaries({
        addon: st.none() | st.fixed_dictionaries({"image": IMAGES, "version": st.none() | VERSION})
        for addon in ("kube_proxy", "coredns")
    }),
    "unread": rows({"what": st.sampled_from(["pods", "workloads", "services"]), "why": NAMES, "matters": NAMES}),
}  # fmt: skip
NODE = {  # of the cluster; a node that has no status yet has none of these
    "ready": BOOLS, "ready_message": NAMES, "unschedulable": BOOLS,
    "cordon": st.sampled_from([None, {}, {"at": "2023-06-01T00:00:00Z"}]), "kube_proxy": st.none() | VERSION,
    "internal_ip": st.none() | st.just("fd00::1"), "os": st.sampled_from([None, "linux", "windows"]),
    "arch": st.none() | st.just("arm64"), "os_image": st.none() | NAMES, "kernel": st.none() | NAMES,
    "container_runtime": st.sampled_from([None, "", "containerd://1.6.20", "docker://20", "cri-o://", "名"]),
    "labels": LABELS, "taints": TAINTS, "allocatable": AMOUNTS,
    "conditions": st.dictionaries(st.sampled_from(["Ready", "DiskPressure"]), st.sampled_from(["True", "Unknown"])),
}  # fmt: skip
POD_OF_CONTROL_PLANE = st.fixed_dictionaries({"image": IMAGES, "version": st.none() | VERSION, "ready": BOOLS})
MEMBER = {"id": NAMES, "name": NAMES, "client_urls": st.just(["https://10.0.0.10:2379"]),
          "peer_urls": st.lists(st.just("https://[fd00::1]:2380"), max_size=1), "learner": BOOLS,
          "started": BOOLS}  # fmt: skip
OWN: dict[str, t.Any] = {  # of a node, from the node itself
    "kubeadm": st.none() | VERSION, "kubelet": st.none() | VERSION,
    "running": st.dictionaries(st.sampled_from(["etcd", "kube-apiserver"]), st.none() | VERSIONS),
    "unread": st.dictionaries(st.sampled_from(["disk", "etcd", "drift /x", "files 例", "certificates"]), NAMES),
    "kubelet_flags": st.dictionaries(st.sampled_from(["container-runtime", "network-plugin"]), NAMES),
    "patches_found": st.lists(NAMES, max_size=1), "holds": st.lists(st.just("kubelet")), "swap": BOOLS,
    "package_manager": st.sampled_from([None, "apt", "dnf"]), "cri_socket": st.none() | NAMES,
    "cgroup": st.sampled_from([None, "v1", "v2"]), "kernel": st.none() | NAMES, "memory": NUMBERS,
    "certificates": st.dictionaries(
        st.sampled_from(["/etc/kubernetes/pki/ca.crt", "/etc/kubernetes/pki/apiserver.crt", "/etc/kubernetes/例.conf"]),
        DATES,
    ),
    "static_pods": st.none() | st.dictionaries(
        st.sampled_from([*STATIC_FLAGS, "例", "kube-apiserver.yaml"]),
        st.fixed_dictionaries({"image": IMAGES, "command": st.just([]), "ours": BOOLS, "path": NAMES,
                               "flags": st.dictionaries(NAMES, NAMES, max_size=2)}),
        max_size=2,
    ),
    "files": st.none() | st.dictionaries(NAMES, st.fixed_dictionaries(
        {"flag": NAMES, "host_path": NAMES}, optional={"apiVersion": NAMES, "kind": NAMES, "partly_read": FLAG}
    ), max_size=2),
    "kubelet_arguments": st.none() | st.dictionaries(NAMES, NAMES, max_size=2),
    "kubelet_configuration": st.none() | st.fixed_dictionaries({}, optional={
        "failSwapOn": BOOLS, "imageGCHighThresholdPercent": st.sampled_from([0, 50, 100]),
        "featureGates": st.sampled_from([None, {}, {"A": True}]), "例": NAMES,
    }),
    "kubelet_drop_ins": st.lists(NAMES, max_size=1), "kubelet_extra_args": NAMES,
    "disk": st.none() | st.dictionaries(
        st.sampled_from(["/etc/kubernetes", "/usr/bin", "/var/lib/etcd", "/var/lib/containerd"]),
        st.fixed_dictionaries({"free": NUMBERS, "total": NUMBERS, "device": NUMBERS}),
    ),
    "kubernetes_tmp": st.fixed_dictionaries({"bytes": NUMBERS, "folders": NUMBERS}),
    "etcd": st.none() | st.fixed_dictionaries(
        {"external": BOOLS, "members": rows(MEMBER), "alarms": rows({"member": NAMES, "alarm": NAMES})},
        optional={"url": NAMES, "version": st.none() | VERSIONS, "db_size": NUMBERS, "db_in_use": NUMBERS,
                  "quota": st.none() | NUMBERS, "member": NAMES, "leader": BOOLS, "has_leader": BOOLS,
                  "errors": st.lists(NAMES), "data_dir": NAMES, "data_bytes": NUMBERS,
                  "silent": st.dictionaries(NAMES, NAMES, max_size=1)},
    ),
    "api_usage": st.none() | st.fixed_dictionaries(
        {"since": st.none() | DATES | NAMES,
         "requests": rows({"group": NAMES | st.just("batch"), "version": st.just("v1beta1"), "resource": NAMES,
                           "subresource": st.just(""), "removed_release": st.sampled_from(["1.25", "1.99", ""])})},
        optional={"san_missing": st.dictionaries(NAMES, NUMBERS, max_size=1)},
    ),
    "drift": st.none() | rows({"file": NAMES | st.just("/x"), "lost": st.lists(NAMES, max_size=2),
                               "back": st.lists(NAMES, max_size=2)}, most=2),
}  # fmt: skip


@st.composite
def contexts(draw: st.DrawFn) -> Context:
    """A cluster of odd facts, with the plan of the healthy one; nodes that a plan names are always there."""
    workers = draw(st.lists(st.sampled_from(["w1", "w2"]), unique=True))
    here = ["cp1", *workers]
    facts = {**healthy_facts(), **draw(st.fixed_dictionaries(FACTS))}
    more = draw(st.lists(NAMES, max_size=2, unique=True))  # nodes that are not in the inventory
    facts["nodes"] = {
        name: {
            "role": "control_plane" if name == "cp1" else "worker",
            "kubelet": draw(st.sampled_from(["v1.24.17", "v1.23.4"] if name in here else [None, "v1.22.1"])),
            "static_pods": draw(st.dictionaries(st.sampled_from([*STATIC_FLAGS, "odd"]), POD_OF_CONTROL_PLANE)),
            **draw(st.fixed_dictionaries({}, optional=NODE)),
        }
        for name in (*here, *more)
    }  # fmt: skip
    hosts = {name: host for name, host in healthy_hosts().items() if host["name"] in here}
    healthy = {**healthy_facts(), "nodes": {name: healthy_facts()["nodes"][name] for name in here}}
    plan = healthy_plan(healthy, hosts)
    for stage in plan["stages"]:
        stage["serial"] = draw(st.sampled_from([1, "100%", [1, "50%"]]))
    nodes = {
        name: {"name": name, "control_plane": name == "cp1", **draw(st.fixed_dictionaries({}, optional=OWN))}
        for name in here
    }
    minors = tuple(hop["minor"] for hop in plan["hops"])
    return Context(facts, nodes, plan, minors, "1.24", "2023-06-01", {})
