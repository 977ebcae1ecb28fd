# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.31: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.31",
    "calendar": {
        "release": "2024-08-13",
        "maintenance": "2025-08-28",
        "end_of_life": "2025-11-11",
        "latest": "1.31.14",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.5.24-0",
        "coredns": "v1.11.3",
        "pause": "3.10",
        "min_external_etcd": "3.5.24-0",
        "kubeadm_max_kubelet_skew": 3,
        "read_at": "v1.31.14",
        "source": "kubernetes/kubernetes@v1.31.14:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "resource.k8s.io/v1alpha2 PodSchedulingContext",
            "resource": "podschedulingcontexts",
            "replacement": None,
            "served_by_default": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after."
            ),
            "source": "k8s.io/api@kubernetes-1.30.0:resource/v1alpha2/register.go (type absent from next tag)",
        },
        {
            "api": "resource.k8s.io/v1alpha2 ResourceClaim",
            "resource": "resourceclaims",
            "replacement": "resource.k8s.io/v1 ResourceClaim",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "resource.k8s.io/v1 is served from 1.34. Objects stored in the old form cannot be read after: "
                "delete them before the hop, create them again after."
            ),
            "source": "k8s.io/api@kubernetes-1.30.0:resource/v1alpha2/register.go (type absent from next tag)",
        },
        {
            "api": "resource.k8s.io/v1alpha2 ResourceClaimParameters",
            "resource": "resourceclaimparameters",
            "replacement": None,
            "served_by_default": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after."
            ),
            "source": "k8s.io/api@kubernetes-1.30.0:resource/v1alpha2/register.go (type absent from next tag)",
        },
        {
            "api": "resource.k8s.io/v1alpha2 ResourceClaimTemplate",
            "resource": "resourceclaimtemplates",
            "replacement": "resource.k8s.io/v1 ResourceClaimTemplate",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "resource.k8s.io/v1 is served from 1.34. Objects stored in the old form cannot be read after: "
                "delete them before the hop, create them again after."
            ),
            "source": "k8s.io/api@kubernetes-1.30.0:resource/v1alpha2/register.go (type absent from next tag)",
        },
        {
            "api": "resource.k8s.io/v1alpha2 ResourceClass",
            "resource": "resourceclasses",
            "replacement": None,
            "served_by_default": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after."
            ),
            "source": "k8s.io/api@kubernetes-1.30.0:resource/v1alpha2/register.go (type absent from next tag)",
        },
        {
            "api": "resource.k8s.io/v1alpha2 ResourceClassParameters",
            "resource": "resourceclassparameters",
            "replacement": None,
            "served_by_default": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after."
            ),
            "source": "k8s.io/api@kubernetes-1.30.0:resource/v1alpha2/register.go (type absent from next tag)",
        },
        {
            "api": "resource.k8s.io/v1alpha2 ResourceSlice",
            "resource": "resourceslices",
            "replacement": "resource.k8s.io/v1 ResourceSlice",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "resource.k8s.io/v1 is served from 1.34. Objects stored in the old form cannot be read after: "
                "delete them before the hop, create them again after."
            ),
            "source": "k8s.io/api@kubernetes-1.30.0:resource/v1alpha2/register.go (type absent from next tag)",
        },
    ],
    "config_apis": [],
    "breakers": [
        {
            "id": "etcd-min-3511",
            "severity": "blocker",
            "component": "etcd",
            "title": "etcd is pinned below 3.5.11",
            "detect": {"etcd_pinned_below": "3.5.11"},
            "why": (
                "The probes of etcd's static pod ask for /livez and /readyz, which etcd has from 3.5.11. An "
                "older one is killed by them."
            ),
            "fix": "Remove or raise etcd.local.imageTag in the kubeadm-config ConfigMap before this hop.",
            "source": "CHANGELOG-1.31 (kubernetes/kubernetes#124465)",
        },
        {
            "id": "v1beta4",
            "severity": "info",
            "component": "kubeadm",
            "title": "kubeadm's configuration becomes v1beta4",
            "not_covered": (
                "Nothing breaks before 1.37, where a check looks at it; saved kubeadm files are not to be seen."
            ),
            "why": (
                "extraArgs are lists in it. kubeadm writes the cluster's own configuration anew; v1beta3 is "
                "still read until 1.36."
            ),
            "fix": "Write saved files anew with kubeadm config migrate when it suits you.",
            "source": "CHANGELOG-1.31",
        },
        {
            "id": "ceph-intree",
            "severity": "blocker",
            "component": "storage",
            "title": "CephFS or RBD volumes that are not of a CSI driver",
            "detect": {
                "volume_source": {
                    "cephfs": None,
                    "rbd": None,
                },
                "storage_class": ["kubernetes.io/rbd"],
            },
            "partly": ("PersistentVolumes and StorageClasses are looked at; volumes that a pod names itself are not."),
            "why": "kubelet can no longer mount them.",
            "fix": "Move them to ceph-csi before this hop.",
            "source": "CHANGELOG-1.31 (kubernetes/kubernetes#124544)",
        },
        {
            "id": "kubelet-flags-131",
            "severity": "blocker",
            "component": "kubelet",
            "title": "Flags of kubelet are gone",
            "detect": {
                "gone_flags": {
                    "kubelet": ["keep-terminated-pod-volumes", "iptables-masquerade-bit", "iptables-drop-bit"]
                },
            },
            "why": "kubelet exits when it is started with one of them.",
            "fix": ("Remove them from /etc/default/kubelet, /etc/sysconfig/kubelet or kubelet's systemd drop-in."),
            "source": "CHANGELOG-1.31 (kubernetes/kubernetes#122082, kubernetes/kubernetes#122363)",
        },
        {
            "id": "portworx-migration",
            "severity": "warning",
            "component": "storage",
            "title": "Portworx volumes without their CSI driver",
            "detect": {
                "volume_source": {
                    "portworxVolume": "pxd.portworx.com",
                }
            },
            "partly": "PersistentVolumes are looked at; volumes that a pod names itself are not.",
            "why": "They are handed to the CSI driver. Without it, they are not mounted.",
            "fix": "Switch on CSI in the Portworx operator before this hop.",
            "source": "CHANGELOG-1.31 (kubernetes/kubernetes#125016)",
        },
        {
            "id": "cgroup-v1-maint",
            "severity": "info",
            "component": "node OS",
            "title": "Nodes run on cgroup v1",
            "detect": {"cgroup": "v1"},
            "why": (
                "It gets no new features from this minor on, and is refused from 1.35 unless kubelet is told otherwise."
            ),
            "fix": "Plan for an operating system with cgroup v2.",
            "source": "CHANGELOG-1.31 (kubernetes/kubernetes#125328)",
        },
        {
            "id": "kubeadm-gates-131",
            "severity": "info",
            "component": "kubeadm",
            "title": "A feature gate of kubeadm's own is no longer known",
            "detect": {"kubeadm_feature_gates": ["UpgradeAddonsBeforeControlPlane"]},
            "why": (
                "kubeadm upgrade only warns of a gate that it does not know in the kubeadm-config ConfigMap; "
                "kubeadm init and join, and kubeadm config validate, refuse it."
            ),
            "fix": (
                "Delete the gate from featureGates with kubectl -n kube-system edit configmap kubeadm-config, "
                "and from saved kubeadm files."
            ),
            "source": "kubernetes/kubernetes cmd/kubeadm/app/features/features.go of 1.31",
        },
        {
            "id": "gates-131",
            "severity": "blocker",
            "component": "feature gates",
            "title": "A feature gate that is in use is no longer known",
            "detect": {
                "feature_gates": [
                    "StatefulSetStartOrdinal",
                    "CustomResourceValidationExpressions",
                    "APIPriorityAndFairness",
                    "JobReadyPods",
                    "ServiceNodePortStaticSubrange",
                    "CSINodeExpandSecret",
                    "ConsistentHTTPGetHandlers",
                    "ReadWriteOncePod",
                    "DefaultHostNetworkHostPortsInPodTemplates",
                    "SkipReadOnlyValidationGCE",
                ],
            },
            "why": "A component that is started with a feature gate it does not know exits at once.",
            "fix": (
                "Remove the gate from the place shown. The feature itself has become a fixed part of "
                "Kubernetes, or is gone."
            ),
            "source": "CHANGELOG-1.31",
        },
    ],
}
