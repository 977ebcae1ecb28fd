# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.35: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.35",
    "calendar": {
        "release": "2025-12-17",
        "maintenance": "2026-12-28",
        "end_of_life": "2027-02-28",
        "latest": "1.35.8",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.6.6-0",
        "coredns": "v1.13.1",
        "pause": "3.10.1",
        "min_external_etcd": "3.5.24-0",
        "kubeadm_max_kubelet_skew": 3,
        "read_at": "v1.35.8",
        "source": "kubernetes/kubernetes@v1.35.8:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "certificates.k8s.io/v1alpha1 PodCertificateRequest",
            "resource": "podcertificaterequests",
            "replacement": "certificates.k8s.io/v1beta1 PodCertificateRequest",
            "served_by_default": False,
            "note": "Its lifecycle marker says 1.40; the type went earlier.",
            "source": ("k8s.io/api@kubernetes-1.34.0:certificates/v1alpha1/zz_generated.prerelease-lifecycle.go"),
        },
        {
            "api": "storage.k8s.io/v1alpha1 VolumeAttributesClass",
            "resource": "volumeattributesclasses",
            "replacement": "storage.k8s.io/v1 VolumeAttributesClass",
            "deprecated_in": "1.32",
            "served_by_default": False,
        },
        {
            "api": "storagemigration.k8s.io/v1alpha1 StorageVersionMigration",
            "resource": "storageversionmigrations",
            "replacement": "storagemigration.k8s.io/v1beta1 StorageVersionMigration",
            "deprecated_in": "1.33",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after. Its lifecycle marker says 1.36; the type went earlier."
            ),
            "source": ("k8s.io/api@kubernetes-1.34.0:storagemigration/v1alpha1/zz_generated.prerelease-lifecycle.go"),
        },
    ],
    "config_apis": [],
    "not_resources": [
        {
            "api": "apidiscovery.k8s.io/v2beta1 APIGroupDiscovery",
            "why": "It is a message or a part of another object; nothing of it is stored or listed.",
        },
    ],
    "breakers": [
        {
            "id": "cgroup-v1",
            "severity": "blocker",
            "component": "node OS",
            "title": "Nodes run on cgroup v1",
            "detect": {"cgroup": "v1"},
            "why": (
                "kubelet refuses to start on cgroup v1 (failCgroupV1 is true unless set), and kubeadm's "
                "preflight fails, whatever failCgroupV1 is."
            ),
            "fix": (
                "Move the nodes to an operating system with cgroup v2. For the time being, both: failCgroupV1: "
                "false in the kubelet-config ConfigMap (kubectl -n kube-system edit configmap kubelet-config), and "
                "SystemVerification in kubeadm_upgrade_ignore_preflight_errors, or, where "
                "kubeadm_upgrade_configuration is set, in ignorePreflightErrors under its apply and its node."
            ),
            "source": ("CHANGELOG-1.35 (kubernetes/kubernetes#134744); kubernetes/system-validators#61; KEP-5573"),
        },
        {
            "id": "pod-infra-image",
            "severity": "blocker",
            "component": "kubelet",
            "title": "kubelet's flag --pod-infra-container-image is gone",
            "detect": {
                "gone_flags": {
                    "kubelet": ["pod-infra-container-image"],
                }
            },
            "why": "kubelet exits when it is started with it.",
            "fix": (
                "Remove it from /etc/default/kubelet, /etc/sysconfig/kubelet or kubelet's systemd drop-in, "
                "and pin the sandbox image in the runtime's configuration. In kubeadm-flags.env it is removed "
                "for you."
            ),
            "source": (
                "CHANGELOG-1.35 (kubernetes/kubernetes#133778, kubernetes/kubernetes#133779); "
                "kubernetes/kubernetes#135807"
            ),
        },
        {
            "id": "exec-create-verb",
            "severity": "warning",
            "component": "RBAC",
            "title": "kubectl exec, attach and port-forward need the verb create",
            "not_covered": "Roles are not read.",
            "why": "Over websockets the verb get was enough until now. Roles with get alone no longer do.",
            "fix": "Add create on pods/exec, pods/attach and pods/portforward.",
            "source": "CHANGELOG-1.35 (kubernetes/kubernetes#134577)",
        },
        {
            "id": "svm-alpha",
            "severity": "info",
            "component": "API",
            "title": "storagemigration.k8s.io/v1alpha1 is no longer served",
            "covered_by": "The check of removed APIs looks for its users.",
            "why": "What is stored of it cannot be read after.",
            "fix": "Delete StorageVersionMigrations before this hop.",
            "source": "CHANGELOG-1.35",
        },
        {
            "id": "runtime-config",
            "severity": "info",
            "component": "container runtime",
            "title": "containerd older than 2.0",
            "detect": {
                "runtime": {
                    "containerd": "2.0.0",
                }
            },
            "why": (
                "kubeadm's preflight warns: the runtime does not tell kubelet its cgroup driver. Nothing breaks yet."
            ),
            "fix": "Plan for containerd 2.",
            "source": "CHANGELOG-1.35",
        },
        {
            "id": "ipvs-deprecated",
            "severity": "info",
            "component": "kube-proxy",
            "title": "kube-proxy runs in the mode ipvs",
            "detect": {"kube_proxy_mode": ["ipvs"]},
            "why": "The mode is deprecated from this minor on; it still works.",
            "fix": "Plan for nftables (from 1.33 stable; kernel 5.13), or iptables.",
            "source": "CHANGELOG-1.35 (kubernetes/kubernetes#134539)",
        },
        {
            "id": "ingress-nginx",
            "severity": "warning",
            "component": "add-ons",
            "title": "ingress-nginx is retired",
            "detect": {"image": ".*/ingress-nginx/controller(-chroot)?[:@].*|.*/nginx-ingress-controller[:@].*"},
            "why": "Its project ended in March 2026: it gets no fixes, not for security either.",
            "fix": "Move to another ingress controller or to the Gateway API.",
            "source": "kubernetes.io blog, ingress-nginx retirement",
        },
        {
            "id": "kubeadm-gates-135",
            "severity": "info",
            "component": "kubeadm",
            "title": "A feature gate of kubeadm's own is no longer known",
            "detect": {"kubeadm_feature_gates": ["WaitForAllControlPlaneComponents"]},
            "why": (
                "kubeadm upgrade only warns of a gate that it does not know in the kubeadm-config ConfigMap; "
                "kubeadm init and join, and kubeadm config validate, refuse it."
            ),
            "fix": (
                "Delete the gate from featureGates with kubectl -n kube-system edit configmap kubeadm-config, "
                "and from saved kubeadm files."
            ),
            "source": "kubernetes/kubernetes cmd/kubeadm/app/features/features.go of 1.35",
        },
        {
            "id": "gates-135",
            "severity": "blocker",
            "component": "feature gates",
            "title": "A feature gate that is in use is no longer known",
            "detect": {
                "feature_gates": [
                    "AggregatedDiscoveryRemoveBetaType",
                    "ComponentSLIs",
                    "SizeMemoryBackedVolumes",
                    "StrictCostEnforcementForVAP",
                    "StrictCostEnforcementForWebhooks",
                    "UserNamespacesPodSecurityStandards",
                ],
            },
            "why": "A component that is started with a feature gate it does not know exits at once.",
            "fix": (
                "Remove the gate from the place shown. The feature itself has become a fixed part of "
                "Kubernetes, or is gone."
            ),
            "source": "CHANGELOG-1.35 (kubernetes/kubernetes#133720, kubernetes/kubernetes#133742)",
        },
    ],
}
