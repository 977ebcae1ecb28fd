# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.29: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.29",
    "calendar": {
        "release": "2023-12-13",
        "maintenance": "2024-12-28",
        "end_of_life": "2025-02-28",
        "latest": "1.29.15",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.5.16-0",
        "coredns": "v1.11.1",
        "pause": "3.9",
        "min_external_etcd": "3.4.13-4",
        "kubeadm_max_kubelet_skew": 3,
        "read_at": "v1.29.15",
        "source": "kubernetes/kubernetes@v1.29.15:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "flowcontrol.apiserver.k8s.io/v1beta2 FlowSchema",
            "resource": "flowschemas",
            "replacement": "flowcontrol.apiserver.k8s.io/v1beta3 FlowSchema",
            "deprecated_in": "1.26",
            "note": "v1beta3 is served until 1.31, v1 from 1.29.",
        },
        {
            "api": "flowcontrol.apiserver.k8s.io/v1beta2 PriorityLevelConfiguration",
            "resource": "prioritylevelconfigurations",
            "replacement": "flowcontrol.apiserver.k8s.io/v1beta3 PriorityLevelConfiguration",
            "deprecated_in": "1.26",
            "note": "v1beta3 is served until 1.31, v1 from 1.29.",
        },
        {
            "api": "networking.k8s.io/v1alpha1 ClusterCIDR",
            "resource": "clustercidrs",
            "replacement": None,
            "deprecated_in": "1.28",
            "served_by_default": False,
            "note": "Its lifecycle marker says 1.31; the type went earlier.",
            "source": "k8s.io/api@kubernetes-1.28.0:networking/v1alpha1/zz_generated.prerelease-lifecycle.go",
        },
    ],
    "config_apis": [
        {
            "api": "kubescheduler.config.k8s.io/v1beta3",
            "replacement": "v1",
            "source": "CHANGELOG-1.29 (kubernetes/kubernetes#119994)",
        },
    ],
    "breakers": [
        {
            "id": "super-admin",
            "severity": "info",
            "component": "kubeadm",
            "title": "admin.conf loses system:masters, and super-admin.conf appears",
            "not_covered": (
                "Whether the CA's key is kept elsewhere is not among the facts; a late patch of 1.29 only warns."
            ),
            "why": (
                "admin.conf is of the group kubeadm:cluster-admins from now on. With an external CA, kubeadm "
                "cannot sign the two, and early patches of 1.29 failed on it."
            ),
            "fix": "With an external CA: make both files by hand, and take a late patch of 1.29.",
            "source": "CHANGELOG-1.29 (kubernetes/kubernetes#124682, kubernetes/kubernetes#125821)",
        },
        {
            "id": "cloud-off",
            "severity": "blocker",
            "component": "cloud",
            "title": "A cloud provider that was built in is named",
            "detect": {
                "flags": {
                    "kube-apiserver": ["cloud-provider=(?!external$).+"],
                    "kube-controller-manager": ["cloud-provider=(?!external$).+"],
                    "kubelet": ["cloud-provider=(?!external$).+"],
                },
            },
            "why": "The built-in providers are off: components that are started with one exit.",
            "fix": "Install the external cloud controller manager, and set --cloud-provider=external.",
            "source": "CHANGELOG-1.29 (kubernetes/kubernetes#117503)",
        },
        {
            "id": "flowcontrol-v1beta2",
            "severity": "warning",
            "component": "API",
            "title": "flowcontrol.apiserver.k8s.io/v1beta2 is no longer served",
            "covered_by": "The check of removed APIs looks for its users.",
            "why": "Requests to it fail.",
            "fix": "Use v1 (from 1.29) or v1beta3.",
            "source": "k8s.io/api flowcontrol/v1beta2/zz_generated.prerelease-lifecycle.go",
        },
        {
            "id": "scheduler-cfg-v1beta3",
            "severity": "blocker",
            "component": "kube-scheduler",
            "title": "kube-scheduler's configuration is of v1beta3",
            "detect": {"config_api": ["kubescheduler.config.k8s.io/v1beta3"]},
            "why": "kube-scheduler does not read it, and exits.",
            "fix": "Rewrite the file that --config names to kubescheduler.config.k8s.io/v1.",
            "source": "CHANGELOG-1.29 (kubernetes/kubernetes#119994)",
        },
        {
            "id": "plan-config",
            "severity": "info",
            "component": "kubeadm",
            "title": "kubeadm upgrade plan --config takes no component configurations",
            "not_covered": (
                "It is an option on command lines of your own automation, which are not to be seen on a cluster."
            ),
            "why": "It refuses them.",
            "fix": "Drop them from the file in your own automation.",
            "source": "CHANGELOG-1.29",
        },
        {
            "id": "legacy-repos",
            "severity": "blocker",
            "component": "packages",
            "title": "apt.kubernetes.io and yum.kubernetes.io are gone",
            "covered_by": (
                "The plan keeps to it by itself: every hop's packages are asked for from each node's own "
                "source before the first hop."
            ),
            "why": (
                "Packages of 1.29 and later, and since 2024-03-04 of all minors, are at pkgs.k8s.io alone, "
                "with a repository for each minor."
            ),
            "fix": "Point the nodes' package source to pkgs.k8s.io or a mirror of it.",
            "source": ("kubernetes.io blog 2023-08-31, legacy package repository deprecation; kubernetes/release#3485"),
        },
        {
            "id": "sa-legacy-cleanup",
            "severity": "info",
            "component": "workloads",
            "title": "Token Secrets that were made automatically and not used for a year are removed",
            "not_covered": "Secrets are not read.",
            "why": "They are first marked invalid, and a year later deleted.",
            "fix": "Ask for tokens (TokenRequest), or use the Secrets within the year.",
            "source": "CHANGELOG-1.29",
        },
        {
            "id": "gates-129",
            "severity": "blocker",
            "component": "feature gates",
            "title": "A feature gate that is in use is no longer known",
            "detect": {
                "feature_gates": [
                    "CSIMigrationvSphere",
                    "ProbeTerminationGracePeriod",
                    "TopologyManager",
                    "OpenAPIV3",
                    "SeccompDefault",
                    "CronJobTimeZone",
                    "JobMutableNodeSchedulingDirectives",
                    "LegacyServiceAccountTokenNoAutoGeneration",
                    "DownwardAPIHugePages",
                    "GRPCContainerProbe",
                    "RetroactiveDefaultStorageClass",
                    "JobTrackingWithFinalizers",
                ],
            },
            "why": "A component that is started with a feature gate it does not know exits at once.",
            "fix": (
                "Remove the gate from the place shown. The feature itself has become a fixed part of "
                "Kubernetes, or is gone."
            ),
            "source": "CHANGELOG-1.29",
        },
    ],
}
