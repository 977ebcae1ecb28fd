# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.25: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.25",
    "calendar": {
        "release": "2022-08-23",
        "maintenance": "2023-08-27",
        "end_of_life": "2023-10-27",
        "latest": "1.25.16",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.5.9-0",
        "coredns": "v1.9.3",
        "pause": "3.8",
        "min_external_etcd": "3.2.18",
        "kubeadm_max_kubelet_skew": 1,
        "read_at": "v1.25.16",
        "source": "kubernetes/kubernetes@v1.25.16:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "autoscaling/v2beta1 HorizontalPodAutoscaler",
            "resource": "horizontalpodautoscalers",
            "replacement": "autoscaling/v2 HorizontalPodAutoscaler",
            "deprecated_in": "1.22",
            "source": "k8s.io/api@kubernetes-1.35.0:autoscaling/v2beta1/zz_generated.prerelease-lifecycle.go",
        },
        {
            "api": "batch/v1beta1 CronJob",
            "resource": "cronjobs",
            "replacement": "batch/v1 CronJob",
            "deprecated_in": "1.21",
        },
        {
            "api": "discovery.k8s.io/v1beta1 EndpointSlice",
            "resource": "endpointslices",
            "replacement": "discovery.k8s.io/v1 EndpointSlice",
            "deprecated_in": "1.21",
        },
        {
            "api": "events.k8s.io/v1beta1 Event",
            "resource": "events",
            "replacement": "events.k8s.io/v1 Event",
            "deprecated_in": "1.22",
        },
        {
            "api": "node.k8s.io/v1beta1 RuntimeClass",
            "resource": "runtimeclasses",
            "replacement": "node.k8s.io/v1 RuntimeClass",
            "deprecated_in": "1.22",
        },
        {
            "api": "policy/v1beta1 Eviction",
            "resource": "pods/eviction",
            "replacement": "policy/v1 Eviction",
            "deprecated_in": "1.22",
            "stored": False,
            "note": ("pods/eviction still takes a body of policy/v1beta1 in 1.36, so that old clients go on working."),
        },
        {
            "api": "policy/v1beta1 PodDisruptionBudget",
            "resource": "poddisruptionbudgets",
            "replacement": "policy/v1 PodDisruptionBudget",
            "deprecated_in": "1.21",
        },
        {
            "api": "policy/v1beta1 PodSecurityPolicy",
            "resource": "podsecuritypolicies",
            "replacement": None,
            "deprecated_in": "1.21",
            "source": "k8s.io/api@kubernetes-1.28.0:policy/v1beta1/zz_generated.prerelease-lifecycle.go",
        },
    ],
    "config_apis": [],
    "not_resources": [
        {
            "api": "batch/v1beta1 JobTemplate",
            "why": "It is a message or a part of another object; nothing of it is stored or listed.",
        },
    ],
    "breakers": [
        {
            "id": "psp",
            "severity": "blocker",
            "component": "API server",
            "title": "The admission plugin PodSecurityPolicy is gone",
            "detect": {
                "flags": {"kube-apiserver": ["(enable|disable)-admission-plugins=(.*,)?PodSecurityPolicy(,.*)?"]},
            },
            "why": (
                "kube-apiserver exits when --enable-admission-plugins names it, and the control plane does not come up."
            ),
            "fix": (
                "Put Pod Security labels on the namespaces, then take the plugin out of extraArgs in the "
                "kubeadm-config ConfigMap (and patches), before this hop."
            ),
            "source": "CHANGELOG-1.25; kubernetes.io, migrate from PodSecurityPolicy",
        },
        {
            "id": "beta-api-removal-125",
            "severity": "blocker",
            "component": "API",
            "title": "CronJob, PodDisruptionBudget and others are no longer served as beta",
            "covered_by": "The check of removed APIs looks for its users.",
            "why": (
                "CronJob, EndpointSlice, Event, RuntimeClass and PodDisruptionBudget are served as v1, "
                "HorizontalPodAutoscaler as v2."
            ),
            "fix": "Move clients and manifests to v1, and to autoscaling/v2.",
            "source": "Kubernetes deprecation guide, v1.25",
        },
        {
            "id": "master-taint",
            "severity": "warning",
            "component": "workloads",
            "title": "Pods tolerate the old taint of control planes alone",
            "detect": {
                "toleration_only": {
                    "key": "node-role.kubernetes.io/master",
                    "without": "node-role.kubernetes.io/control-plane",
                },
            },
            "why": (
                "kubeadm removes the taint node-role.kubernetes.io/master; the taint "
                "node-role.kubernetes.io/control-plane stays, and such pods do not tolerate it. They do not "
                "come back to a control plane after its drain."
            ),
            "fix": "Tolerate node-role.kubernetes.io/control-plane.",
            "source": "CHANGELOG-1.25 (kubernetes/kubeadm#2200)",
        },
        {
            "id": "registry",
            "severity": "info",
            "component": "images",
            "title": "kubeadm takes its images from registry.k8s.io",
            "detect": {"image_repository": "k8s.gcr.io"},
            "why": (
                "An imageRepository of k8s.gcr.io becomes registry.k8s.io. Firewalls, mirrors and image "
                "policies must let it pass."
            ),
            "fix": "Make sure that the nodes reach registry.k8s.io, or set imageRepository to your mirror.",
            "source": "CHANGELOG-1.25",
        },
        {
            "id": "apiserver-flags-125",
            "severity": "blocker",
            "component": "API server",
            "title": "Flags of kube-apiserver or kube-controller-manager are gone",
            "detect": {
                "gone_flags": {
                    "kube-apiserver": ["service-account-api-audiences"],
                    "kube-controller-manager": ["experimental-cluster-signing-duration"],
                },
            },
            "why": (
                "A component that is started with a flag it does not know exits, and the control plane does "
                "not come up."
            ),
            "fix": (
                "In extraArgs of the kubeadm-config ConfigMap: --service-account-api-audiences is now "
                "--api-audiences, --experimental-cluster-signing-duration is now --cluster-signing-duration."
            ),
            "source": "CHANGELOG-1.25 (kubernetes/kubernetes#108624, kubernetes/kubernetes#108476)",
        },
        {
            "id": "volumes-125",
            "severity": "blocker",
            "component": "storage",
            "title": "Volumes of flocker, Quobyte or StorageOS",
            "detect": {
                "volume_source": {
                    "flocker": None,
                    "quobyte": None,
                    "storageos": None,
                }
            },
            "partly": "PersistentVolumes are looked at; volumes that a pod names itself are not.",
            "why": "kubelet can no longer mount them.",
            "fix": "Move the data to volumes of a CSI driver before this hop.",
            "source": "CHANGELOG-1.25 (kubernetes/kubernetes#111618, kubernetes/kubernetes#111619)",
        },
        {
            "id": "gates-125",
            "severity": "blocker",
            "component": "feature gates",
            "title": "A feature gate that is in use is no longer known",
            "detect": {
                "feature_gates": [
                    "CSIServiceAccountToken",
                    "ConfigurableFSGroupPolicy",
                    "CSIVolumeFSGroupPolicy",
                    "EndpointSlice",
                    "EndpointSliceNodeName",
                    "EndpointSliceProxying",
                    "GenericEphemeralVolume",
                    "IngressClassNamespacedParams",
                    "PodDisruptionBudget",
                    "SelectorIndex",
                    "StorageObjectInUseProtection",
                    "TTLAfterFinished",
                    "VolumeSubpath",
                    "WindowsEndpointSliceProxying",
                ],
            },
            "why": "A component that is started with a feature gate it does not know exits at once.",
            "fix": (
                "Remove the gate from the place shown. The feature itself has become a fixed part of "
                "Kubernetes, or is gone."
            ),
            "source": "kubernetes/kubernetes pkg/features of 1.24.17 and 1.25.4; CHANGELOG-1.25",
        },
    ],
}
