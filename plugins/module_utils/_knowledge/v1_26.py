# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.26: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.26",
    "calendar": {
        "release": "2022-12-08",
        "maintenance": "2023-12-28",
        "end_of_life": "2024-02-28",
        "latest": "1.26.15",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.5.10-0",
        "coredns": "v1.9.3",
        "pause": "3.9",
        "min_external_etcd": "3.2.18",
        "kubeadm_max_kubelet_skew": 1,
        "read_at": "v1.26.15",
        "source": "kubernetes/kubernetes@v1.26.15:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "autoscaling/v2beta2 HorizontalPodAutoscaler",
            "resource": "horizontalpodautoscalers",
            "replacement": "autoscaling/v2 HorizontalPodAutoscaler",
            "deprecated_in": "1.23",
            "source": "k8s.io/api@kubernetes-1.35.0:autoscaling/v2beta2/zz_generated.prerelease-lifecycle.go",
        },
        {
            "api": "flowcontrol.apiserver.k8s.io/v1beta1 FlowSchema",
            "resource": "flowschemas",
            "replacement": "flowcontrol.apiserver.k8s.io/v1beta3 FlowSchema",
            "deprecated_in": "1.23",
            "note": "v1beta3 is served until 1.31, v1 from 1.29.",
        },
        {
            "api": "flowcontrol.apiserver.k8s.io/v1beta1 PriorityLevelConfiguration",
            "resource": "prioritylevelconfigurations",
            "replacement": "flowcontrol.apiserver.k8s.io/v1beta3 PriorityLevelConfiguration",
            "deprecated_in": "1.23",
            "note": "v1beta3 is served until 1.31, v1 from 1.29.",
        },
    ],
    "config_apis": [],
    "breakers": [
        {
            "id": "cri-v1",
            "severity": "blocker",
            "component": "container runtime",
            "title": "containerd older than 1.6",
            "detect": {
                "runtime": {
                    "containerd": "1.6.0",
                }
            },
            "why": (
                "kubelet speaks the container runtime interface v1 alone, which containerd has from 1.6. It "
                "does not start with an older one."
            ),
            "fix": "Upgrade containerd on the node to 1.7 or newer before this hop.",
            "source": "kubernetes.io blog 2022-11-18, upcoming changes in 1.26",
        },
        {
            "id": "glusterfs-openstack",
            "severity": "blocker",
            "component": "storage",
            "title": "GlusterFS volumes, or the OpenStack provider that was built in",
            "detect": {
                "volume_source": {"glusterfs": None, "cinder": "cinder.csi.openstack.org"},
                "flags": {
                    "kube-apiserver": ["cloud-provider=openstack"],
                    "kube-controller-manager": ["cloud-provider=openstack"],
                    "kubelet": ["cloud-provider=openstack"],
                },
            },
            "partly": "PersistentVolumes are looked at; volumes that a pod names itself are not.",
            "why": (
                "GlusterFS can no longer be mounted. The OpenStack provider and its Cinder volumes need the "
                "cloud's own controller manager and CSI driver."
            ),
            "fix": "Move to CSI volumes and the external cloud controller manager before this hop.",
            "source": "CHANGELOG-1.26 (kubernetes/kubernetes#112015, kubernetes/kubernetes#67782)",
        },
        {
            "id": "beta-api-removal-126",
            "severity": "blocker",
            "component": "API",
            "title": "HorizontalPodAutoscaler v2beta2 and flow control v1beta1 are no longer served",
            "covered_by": "The check of removed APIs looks for its users.",
            "why": "Requests to them fail.",
            "fix": "Use autoscaling/v2, and flowcontrol.apiserver.k8s.io/v1beta3.",
            "source": "Kubernetes deprecation guide, v1.26",
        },
        {
            "id": "kube-proxy-userspace",
            "severity": "blocker",
            "component": "kube-proxy",
            "title": "kube-proxy runs in the mode userspace",
            "detect": {"kube_proxy_mode": ["userspace"]},
            "why": "The mode is gone: kube-proxy does not start, and Services are not reached.",
            "fix": "Set mode to iptables in the kube-proxy ConfigMap of kube-system before this hop.",
            "source": "CHANGELOG-1.26 (kubernetes/kubernetes#112133)",
        },
        {
            "id": "container-runtime-strip",
            "severity": "info",
            "component": "kubeadm",
            "title": "kubeadm takes --container-runtime=remote out of kubeadm-flags.env",
            "covered_by": (
                "The plan keeps to it by itself: a node that skips the minor has the flag taken out by the role."
            ),
            "why": "Only kubeadm of 1.26 does that; kubelet of 1.27 does not start with the flag.",
            "fix": "Nothing: it is done for nodes that skip 1.26, too.",
            "source": ("CHANGELOG-1.26 (kubernetes/kubernetes#112000); kubeadm 1.26.15 and 1.27.16 cmd/phases/upgrade"),
        },
        {
            "id": "kubeadm-gates-126",
            "severity": "blocker",
            "component": "kubeadm",
            "title": "A feature gate of kubeadm's own is no longer known",
            "detect": {"kubeadm_feature_gates": ["UnversionedKubeletConfigMap"]},
            "why": (
                "Up to 1.27 kubeadm upgrade ends at a gate in the kubeadm-config ConfigMap that it does not know: "
                "«FATAL. Unable to upgrade a cluster using deprecated feature-gate flags». From 1.28 on it warns."
            ),
            "fix": (
                "Delete the gate from featureGates with kubectl -n kube-system edit configmap kubeadm-config, "
                "and from saved kubeadm files."
            ),
            "source": (
                "kubernetes/kubernetes cmd/kubeadm/app/features/features.go of 1.25.4 and 1.26.9, "
                "cmd/kubeadm/app/cmd/upgrade/common.go of 1.24.17 to 1.28.15; kubernetes/kubernetes#118270"
            ),
        },
        {
            "id": "gates-126",
            "severity": "blocker",
            "component": "feature gates",
            "title": "A feature gate that is in use is no longer known",
            "detect": {
                "feature_gates": [
                    "ServiceLoadBalancerClass",
                    "ServiceLBNodePortControl",
                    "DefaultPodTopologySpread",
                    "NonPreemptingPriority",
                    "PodAffinityNamespaceSelector",
                    "PreferNominatedNode",
                    "PodOverhead",
                    "CSRDuration",
                    "IndexedJob",
                    "SuspendJob",
                    "CSIMigrationOpenStack",
                    "DynamicKubeletConfig",
                ],
            },
            "why": "A component that is started with a feature gate it does not know exits at once.",
            "fix": (
                "Remove the gate from the place shown. The feature itself has become a fixed part of "
                "Kubernetes, or is gone."
            ),
            "source": "kubernetes/kubernetes pkg/features of 1.25.4 and 1.26.9; CHANGELOG-1.26",
        },
    ],
}
