# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.36: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.36",
    "calendar": {
        "release": "2026-04-22",
        "maintenance": "2027-04-28",
        "end_of_life": "2027-06-28",
        "latest": "1.36.4",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.6.8-0",
        "coredns": "v1.14.2",
        "pause": "3.10.2",
        "min_external_etcd": "3.5.24-0",
        "kubeadm_max_kubelet_skew": 3,
        "read_at": "v1.36.4",
        "source": "kubernetes/kubernetes@v1.36.4:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "scheduling.k8s.io/v1alpha1 Workload",
            "resource": "workloads",
            "replacement": "scheduling.k8s.io/v1alpha2 Workload",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after."
            ),
            "source": ("k8s.io/api@kubernetes-1.35.0:scheduling/v1alpha1/register.go (type absent from next tag)"),
        },
    ],
    "config_apis": [],
    "breakers": [
        {
            "id": "flexvolume",
            "severity": "blocker",
            "component": "storage",
            "title": "FlexVolumes in use",
            "detect": {
                "volume_source": {"flexVolume": None},
                "flags": {"kube-controller-manager": ["flex-volume-plugin-dir"]},
            },
            "partly": "PersistentVolumes are looked at; volumes that a pod names itself are not.",
            "why": (
                "kubeadm no longer mounts the folder of flex volume plugins into kube-controller-manager, "
                "whose image has no shell for them."
            ),
            "fix": "Move to CSI volumes. Else: extraVolumes, and an image of your own.",
            "source": "CHANGELOG-1.36 (kubernetes/kubernetes#136423)",
        },
        {
            "id": "portworx-removed",
            "severity": "blocker",
            "component": "storage",
            "title": "Portworx volumes without their CSI driver",
            "detect": {
                "volume_source": {
                    "portworxVolume": "pxd.portworx.com",
                }
            },
            "partly": "PersistentVolumes are looked at; volumes that a pod names itself are not.",
            "why": "What was built in is gone. They are mounted by the CSI driver alone.",
            "fix": "Switch on CSI in the Portworx operator before this hop.",
            "source": "CHANGELOG-1.36 (kubernetes/kubernetes#135322)",
        },
        {
            "id": "strict-ip",
            "severity": "info",
            "component": "workloads",
            "title": "IP addresses and CIDRs are checked strictly",
            "not_covered": "Services and NetworkPolicies are not read as a whole.",
            "why": (
                "New or changed fields with leading zeros, or a CIDR with host bits, are refused. What is stored stays."
            ),
            "fix": "Put them right in the manifests of Services and NetworkPolicies.",
            "source": "CHANGELOG-1.36 (kubernetes/kubernetes#137053)",
        },
        {
            "id": "dra-rbac",
            "severity": "info",
            "component": "RBAC",
            "title": "Drivers of dynamic resources need finer rights",
            "not_covered": "Roles are not read.",
            "why": ("Status of a ResourceClaim is written through resourceclaims/binding and resourceclaims/driver."),
            "fix": "Upgrade the driver, or grant them.",
            "source": "CHANGELOG-1.36",
        },
        {
            "id": "gates-136",
            "severity": "blocker",
            "component": "feature gates",
            "title": "A feature gate that is in use is no longer known",
            "detect": {
                "feature_gates": [
                    "AllowServiceLBStatusOnNonLB",
                    "CPUCFSQuotaPeriod",
                    "CSIMigrationPortworx",
                    "CronJobsScheduledAnnotation",
                    "HonorPVReclaimPolicy",
                    "InPlacePodVerticalScalingAllocatedStatus",
                    "InTreePluginPortworxUnregister",
                    "LoadBalancerIPMode",
                    "MemoryManager",
                    "PodIndexLabel",
                    "ProbeHostPodSecurityStandards",
                    "RuntimeClassInImageCriAPI",
                    "ServiceTrafficDistribution",
                    "StatefulSetAutoDeletePVC",
                    "StructuredAuthorizationConfiguration",
                    "TopologyAwareHints",
                    "WatchFromStorageWithoutResourceVersion",
                ],
            },
            "why": "A component that is started with a feature gate it does not know exits at once.",
            "fix": (
                "Remove the gate from the place shown. The feature itself has become a fixed part of "
                "Kubernetes, or is gone."
            ),
            "source": "kubernetes/kubernetes versioned_feature_list.yaml, 1.34 against 1.36, without what went in 1.35",
        },
        {
            "id": "externalips",
            "severity": "info",
            "component": "workloads",
            "title": "externalIPs of Services are deprecated",
            "not_covered": "Nothing breaks, and Services are not read as a whole.",
            "why": "Clients are warned. Nothing is taken away yet.",
            "fix": "Use a load balancer.",
            "source": "CHANGELOG-1.36 (kubernetes/kubernetes#137293)",
        },
        {
            "id": "etcd-flags-136",
            "severity": "warning",
            "component": "etcd",
            "title": "etcd is pinned below 3.6",
            "detect": {"etcd_pinned_below": "3.6.0"},
            "why": "kubeadm no longer writes the flags that etcd before 3.6 needs.",
            "fix": (
                "Reach etcd 3.6 within 1.34 or 1.35: clear etcd.local.imageTag in the kubeadm-config ConfigMap before."
            ),
            "source": "CHANGELOG-1.36 (kubernetes/kubernetes#135701)",
        },
        {
            "id": "scheduling-v1alpha1",
            "severity": "info",
            "component": "API",
            "title": "scheduling.k8s.io/v1alpha1 Workload is replaced",
            "covered_by": "The check of removed APIs looks for its users.",
            "why": "What is stored of it cannot be read after.",
            "fix": "Delete Workloads before this hop.",
            "source": "k8s.io/api of 1.35 and 1.36",
        },
        {
            "id": "kubeadm-gates-136",
            "severity": "info",
            "component": "kubeadm",
            "title": "A feature gate of kubeadm's own is no longer known",
            "detect": {"kubeadm_feature_gates": ["ControlPlaneKubeletLocalMode"]},
            "why": (
                "kubeadm upgrade only warns of a gate that it does not know in the kubeadm-config ConfigMap; "
                "kubeadm init and join, and kubeadm config validate, refuse it."
            ),
            "fix": (
                "Delete the gate from featureGates with kubectl -n kube-system edit configmap kubeadm-config, "
                "and from saved kubeadm files."
            ),
            "source": "kubernetes/kubernetes cmd/kubeadm/app/features/features.go of 1.36",
        },
    ],
}
