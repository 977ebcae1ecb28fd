# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.33: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.33",
    "calendar": {
        "release": "2025-04-23",
        "maintenance": "2026-04-28",
        "end_of_life": "2026-06-28",
        "latest": "1.33.13",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.5.24-0",
        "coredns": "v1.12.0",
        "pause": "3.10",
        "min_external_etcd": "3.5.24-0",
        "kubeadm_max_kubelet_skew": 3,
        "read_at": "v1.33.13",
        "source": "kubernetes/kubernetes@v1.33.13:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "authentication.k8s.io/v1beta1 SelfSubjectReview",
            "resource": "selfsubjectreviews",
            "replacement": "authentication.k8s.io/v1 SelfSubjectReview",
            "deprecated_in": "1.30",
            "served_by_default": False,
            "stored": False,
        },
        {
            "api": "networking.k8s.io/v1alpha1 IPAddress",
            "resource": "ipaddresses",
            "replacement": "networking.k8s.io/v1 IPAddress",
            "deprecated_in": "1.30",
            "served_by_default": False,
            "source": "k8s.io/api@kubernetes-1.33.0:networking/v1alpha1/zz_generated.prerelease-lifecycle.go",
        },
        {
            "api": "networking.k8s.io/v1alpha1 ServiceCIDR",
            "resource": "servicecidrs",
            "replacement": "networking.k8s.io/v1 ServiceCIDR",
            "deprecated_in": "1.30",
            "served_by_default": False,
            "source": "k8s.io/api@kubernetes-1.33.0:networking/v1alpha1/zz_generated.prerelease-lifecycle.go",
        },
    ],
    "config_apis": [],
    "breakers": [
        {
            "id": "kernel-check",
            "severity": "warning",
            "component": "node OS",
            "title": "The kernel is older than 4.19",
            "detect": {"kernel_below": "4.19"},
            "why": (
                "kubeadm checks the kernel, and kubeadm upgrade of 1.33 refuses one that is older (RHEL 8 has "
                "4.18). From 1.34 it only warns."
            ),
            "fix": (
                "Move the node to a newer system, or add SystemVerification to the preflight errors that are ignored."
            ),
            "source": "kubernetes/kubernetes#129462 and #131919; kubernetes/system-validators",
        },
        {
            "id": "apiserver-cloud-flags",
            "severity": "blocker",
            "component": "API server",
            "title": "kube-apiserver's flags --cloud-provider and --cloud-config are gone",
            "detect": {
                "gone_flags": {
                    "kube-apiserver": ["cloud-provider", "cloud-config"],
                }
            },
            "why": (
                "kube-apiserver exits when it is started with them, and the control plane does not come up. "
                "kubeadm does not take them out."
            ),
            "fix": (
                "Remove them from apiServer.extraArgs in the kubeadm-config ConfigMap, and from patches, "
                "before this hop."
            ),
            "source": "CHANGELOG-1.33 (kubernetes/kubernetes#130162)",
        },
        {
            "id": "gitrepo-off",
            "severity": "info",
            "component": "workloads",
            "title": "gitRepo volumes are off",
            "not_covered": (
                "Volumes that a pod names itself are not kept in the facts, but for emptyDir, claims and host paths."
            ),
            "why": "Pods with a gitRepo volume do not start. From 1.36 they cannot be switched on again.",
            "fix": "Clone in an init container into an emptyDir.",
            "source": "CHANGELOG-1.33 (kubernetes/kubernetes#129923)",
        },
        {
            "id": "endpoints-deprecated",
            "severity": "info",
            "component": "API",
            "title": "Clients of v1 Endpoints are warned",
            "not_covered": "Nothing breaks, and Kubernetes announces no end.",
            "why": "Nothing is taken away.",
            "fix": "Use discovery.k8s.io/v1 EndpointSlice.",
            "source": "CHANGELOG-1.33",
        },
        {
            "id": "kubeadm-gates",
            "severity": "info",
            "component": "kubeadm",
            "title": "A feature gate of kubeadm's own is no longer known",
            "detect": {"kubeadm_feature_gates": ["EtcdLearnerMode"]},
            "why": (
                "kubeadm upgrade only warns of a gate that it does not know in the kubeadm-config ConfigMap; "
                "kubeadm init and join, and kubeadm config validate, refuse it."
            ),
            "fix": (
                "Delete the gate from featureGates with kubectl -n kube-system edit configmap kubeadm-config, "
                "and from saved kubeadm files."
            ),
            "source": "kubernetes/kubernetes cmd/kubeadm/app/features/features.go of 1.33",
        },
        {
            "id": "gates-133",
            "severity": "blocker",
            "component": "feature gates",
            "title": "A feature gate that is in use is no longer known",
            "detect": {
                "feature_gates": [
                    "CPUManager",
                    "PDBUnhealthyPodEvictionPolicy",
                    "DisableCloudProviders",
                    "DisableKubeletCloudCredentialProviders",
                    "PersistentVolumeLastPhaseTransitionTime",
                    "AppArmor",
                    "AppArmorFields",
                    "KubeProxyDrainingTerminatingNodes",
                    "JobPodFailurePolicy",
                ],
            },
            "why": "A component that is started with a feature gate it does not know exits at once.",
            "fix": (
                "Remove the gate from the place shown. The feature itself has become a fixed part of "
                "Kubernetes, or is gone."
            ),
            "source": "CHANGELOG-1.33",
        },
    ],
}
