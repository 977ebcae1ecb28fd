# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.28: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.28",
    "calendar": {
        "release": "2023-08-15",
        "maintenance": "2024-08-28",
        "end_of_life": "2024-10-28",
        "latest": "1.28.15",
        "source": (
            "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22); kubernetes/website data/releases/eol.yaml"
        ),
    },
    "components": {
        "etcd": "3.5.15-0",
        "coredns": "v1.10.1",
        "pause": "3.9",
        "min_external_etcd": "3.4.13-4",
        "kubeadm_max_kubelet_skew": 1,
        "read_at": "v1.28.15",
        "source": "kubernetes/kubernetes@v1.28.15:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [],
    "config_apis": [
        {
            "api": "kubescheduler.config.k8s.io/v1beta2",
            "replacement": "v1",
            "source": "CHANGELOG-1.28 (kubernetes/kubernetes#117649)",
        },
    ],
    "breakers": [
        {
            "id": "kubeadm-skew-const",
            "severity": "info",
            "component": "kubeadm",
            "title": "kubeadm up to 1.28 wants kubelets at most one minor behind",
            "covered_by": "The plan keeps to it by itself: kubelets follow as kubeadm demands it.",
            "why": "The policy allows three from 1.28, kubeadm itself only from 1.29.",
            "fix": "Nothing: see kubeadm_upgrade_worker_hops.",
            "source": "kubeadm app/constants and policy.go, 1.28.15 and 1.29.15",
        },
        {
            "id": "addons-last",
            "severity": "warning",
            "component": "kubeadm",
            "title": "API servers name their image differently",
            "covered_by": "The check of versions compares the images, for every plan with a hop to 1.28 or later.",
            "why": (
                "kubeadm upgrades CoreDNS and kube-proxy only when all API servers run one and the same "
                "image. Where the names differ, it never does, and says nothing."
            ),
            "fix": (
                "Make the images equal (imageRepository in the kubeadm-config ConfigMap, patches of single nodes)."
            ),
            "source": "CHANGELOG-1.28 (kubernetes/kubernetes#117660); cmd/phases/upgrade/apply/addons.go",
        },
        {
            "id": "vap-alpha",
            "severity": "warning",
            "component": "API",
            "title": "ValidatingAdmissionPolicy v1alpha1 from before cannot be read",
            "detect": {
                "flags": {
                    "kube-apiserver": [
                        (
                            ""
                            "runtime-config=(.*,)?(admissionregistration\\.k8s\\.io/v1alpha1|api/all|api/alpha)=true(,.*)?"
                        ),
                    ],
                },
            },
            "why": "The schema changed: objects that 1.27 or older stored must go first.",
            "fix": (
                "Delete ValidatingAdmissionPolicies and their bindings before this hop, and create them again after it."
            ),
            "source": "CHANGELOG-1.28, urgent upgrade notes",
        },
        {
            "id": "scheduler-cfg-v1beta2",
            "severity": "blocker",
            "component": "kube-scheduler",
            "title": "kube-scheduler's configuration is of v1beta2",
            "detect": {"config_api": ["kubescheduler.config.k8s.io/v1beta2"]},
            "why": "kube-scheduler does not read it, and exits.",
            "fix": "Rewrite the file that --config names to kubescheduler.config.k8s.io/v1.",
            "source": "CHANGELOG-1.28 (kubernetes/kubernetes#117649)",
        },
        {
            "id": "azurefile-gce",
            "severity": "warning",
            "component": "storage",
            "title": "Azure file or GCE volumes without their CSI driver",
            "detect": {
                "volume_source": {"azureFile": "file.csi.azure.com", "gcePersistentDisk": "pd.csi.storage.gke.io"},
            },
            "partly": "PersistentVolumes are looked at; volumes that a pod names itself are not.",
            "why": "They are handed to the CSI driver. Without it, they are not mounted.",
            "fix": "Install the CSI driver before this hop.",
            "source": "CHANGELOG-1.28 (kubernetes/kubernetes#118236, kubernetes/kubernetes#117055)",
        },
        {
            "id": "gates-128",
            "severity": "blocker",
            "component": "feature gates",
            "title": "A feature gate that is in use is no longer known",
            "detect": {
                "feature_gates": [
                    "WindowsHostProcessContainers",
                    "DelegateFSGroupToCSIDriver",
                    "DevicePlugins",
                    "KubeletCredentialProviders",
                    "MixedProtocolLBService",
                    "ServiceInternalTrafficPolicy",
                    "CSIStorageCapacity",
                    "CSIMigrationGCE",
                    "DisableAcceleratorUsageMetrics",
                    "PodSecurity",
                    "AdvancedAuditing",
                    "EndpointSliceTerminatingCondition",
                    "ServiceIPStaticSubrange",
                ],
            },
            "why": "A component that is started with a feature gate it does not know exits at once.",
            "fix": (
                "Remove the gate from the place shown. The feature itself has become a fixed part of "
                "Kubernetes, or is gone."
            ),
            "source": "CHANGELOG-1.28",
        },
    ],
}
