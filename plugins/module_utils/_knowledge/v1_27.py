# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.27: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.27",
    "calendar": {
        "release": "2023-04-11",
        "maintenance": "2024-04-28",
        "end_of_life": "2024-06-28",
        "latest": "1.27.16",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.5.12-0",
        "coredns": "v1.10.1",
        "pause": "3.9",
        "min_external_etcd": "3.2.18",
        "kubeadm_max_kubelet_skew": 1,
        "read_at": "v1.27.16",
        "source": "kubernetes/kubernetes@v1.27.16:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "resource.k8s.io/v1alpha1 PodScheduling",
            "resource": "podschedulings",
            "replacement": None,
            "served_by_default": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after."
            ),
            "source": "k8s.io/api@kubernetes-1.26.0:resource/v1alpha1/register.go (type absent from next tag)",
        },
        {
            "api": "resource.k8s.io/v1alpha1 ResourceClaim",
            "resource": "resourceclaims",
            "replacement": "resource.k8s.io/v1 ResourceClaim",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "resource.k8s.io/v1 is served from 1.34. Objects stored in the old form cannot be read after: "
                "delete them before the hop, create them again after."
            ),
            "source": "k8s.io/api@kubernetes-1.26.0:resource/v1alpha1/register.go (type absent from next tag)",
        },
        {
            "api": "resource.k8s.io/v1alpha1 ResourceClaimTemplate",
            "resource": "resourceclaimtemplates",
            "replacement": "resource.k8s.io/v1 ResourceClaimTemplate",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "resource.k8s.io/v1 is served from 1.34. Objects stored in the old form cannot be read after: "
                "delete them before the hop, create them again after."
            ),
            "source": "k8s.io/api@kubernetes-1.26.0:resource/v1alpha1/register.go (type absent from next tag)",
        },
        {
            "api": "resource.k8s.io/v1alpha1 ResourceClass",
            "resource": "resourceclasses",
            "replacement": None,
            "served_by_default": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after."
            ),
            "source": "k8s.io/api@kubernetes-1.26.0:resource/v1alpha1/register.go (type absent from next tag)",
        },
        {
            "api": "storage.k8s.io/v1beta1 CSIStorageCapacity",
            "resource": "csistoragecapacities",
            "replacement": "storage.k8s.io/v1 CSIStorageCapacity",
            "deprecated_in": "1.24",
        },
    ],
    "config_apis": [
        {
            "api": "kubeadm.k8s.io/v1beta2",
            "replacement": "v1beta3 (kubeadm config migrate)",
            "source": "CHANGELOG-1.27 (kubernetes/kubernetes#114540)",
        },
    ],
    "breakers": [
        {
            "id": "kubelet-container-runtime",
            "severity": "blocker",
            "component": "kubelet",
            "title": "Flags of kubelet or kube-apiserver are gone",
            "detect": {
                "gone_flags": {
                    "kubelet": ["container-runtime", "master-service-namespace"],
                    "kube-apiserver": ["master-service-namespace"],
                },
            },
            "why": ("A component that is started with --container-runtime or --master-service-namespace exits."),
            "fix": (
                "Remove the flag from /etc/default/kubelet, /etc/sysconfig/kubelet, kubelet's systemd "
                "drop-in, or extraArgs. In kubeadm-flags.env it is removed for you."
            ),
            "source": (
                "CHANGELOG-1.27 (kubernetes/kubernetes#114017, kubernetes/kubernetes#116015, "
                "kubernetes/kubernetes#114446)"
            ),
        },
        {
            "id": "aws-azuredisk",
            "severity": "blocker",
            "component": "storage",
            "title": "The AWS provider, or EBS and Azure disks, without their CSI driver",
            "detect": {
                "volume_source": {"awsElasticBlockStore": "ebs.csi.aws.com", "azureDisk": "disk.csi.azure.com"},
                "flags": {
                    "kube-apiserver": ["cloud-provider=aws"],
                    "kube-controller-manager": ["cloud-provider=aws"],
                    "kubelet": ["cloud-provider=aws"],
                },
            },
            "partly": "PersistentVolumes are looked at; volumes that a pod names itself are not.",
            "why": "What was built in is gone. EBS and Azure disks are mounted by the CSI drivers alone.",
            "fix": "Install the external cloud controller manager and the CSI driver before this hop.",
            "source": "CHANGELOG-1.27 (kubernetes/kubernetes#115838)",
        },
        {
            "id": "k8s-gcr-frozen",
            "severity": "warning",
            "component": "images",
            "title": "Pods take images from k8s.gcr.io",
            "detect": {"image": "k8s\\.gcr\\.io/.*"},
            "why": (
                "k8s.gcr.io is frozen since 2023-04-03. A pod that a drain moves has its image pulled anew on "
                "another node, and that may fail."
            ),
            "fix": "Name the same images at registry.k8s.io.",
            "source": "kubernetes.io blog 2023-02-06, k8s.gcr.io freeze",
        },
        {
            "id": "kubeadm-v1beta2",
            "severity": "blocker",
            "component": "kubeadm",
            "title": "The kubeadm configuration is of kubeadm.k8s.io/v1beta2",
            "detect": {"config_api": ["kubeadm.k8s.io/v1beta2"]},
            "partly": "The cluster's own configuration is looked at, kubeadm files kept elsewhere are not.",
            "why": "kubeadm of this minor does not read it, and stops.",
            "fix": "Write it anew with kubeadm config migrate of 1.26 or older.",
            "source": "CHANGELOG-1.27 (kubernetes/kubernetes#114540)",
        },
        {
            "id": "seccomp-annotations",
            "severity": "info",
            "component": "workloads",
            "title": "seccomp annotations have no effect",
            "not_covered": "Pods' annotations are not kept in the facts.",
            "why": (
                "Pods with annotations of seccomp.security.alpha.kubernetes.io alone run without the profile "
                "that they name."
            ),
            "fix": "Set securityContext.seccompProfile in the pod templates.",
            "source": "CHANGELOG-1.27 (kubernetes/kubernetes#114947)",
        },
        {
            "id": "dra-v1alpha1",
            "severity": "warning",
            "component": "API",
            "title": "resource.k8s.io/v1alpha1 is gone, and what is stored of it cannot be read",
            "detect": {
                "flags": {
                    "kube-apiserver": [
                        "runtime-config=(.*,)?(resource\\.k8s\\.io/v1alpha1|api/all|api/alpha)=true(,.*)?"
                    ],
                },
            },
            "why": "Objects of v1alpha1 stay behind in etcd and can neither be read nor deleted.",
            "fix": (
                "Delete ResourceClaims, ResourceClaimTemplates, ResourceClasses and PodSchedulings before "
                "this hop, and take the version out of --runtime-config."
            ),
            "source": "CHANGELOG-1.27 (kubernetes/kubernetes#116556)",
        },
        {
            "id": "volume-gates",
            "severity": "blocker",
            "component": "feature gates",
            "title": "A feature gate that is in use is no longer known",
            "detect": {
                "feature_gates": [
                    "ExpandCSIVolumes",
                    "ExpandInUsePersistentVolumes",
                    "ExpandPersistentVolumes",
                    "ControllerManagerLeaderMigration",
                    "CSIInlineVolume",
                    "CSIMigration",
                    "DaemonSetUpdateSurge",
                    "EphemeralContainers",
                    "IdentifyPodOS",
                    "LocalStorageCapacityIsolation",
                    "NetworkPolicyEndPort",
                    "StatefulSetMinReadySeconds",
                ],
            },
            "why": "A component that is started with a feature gate it does not know exits at once.",
            "fix": (
                "Remove the gate from the place shown. The feature itself has become a fixed part of "
                "Kubernetes, or is gone."
            ),
            "source": "CHANGELOG-1.27 (kubernetes/kubernetes#113942, kubernetes/kubernetes#114410)",
        },
    ],
}
