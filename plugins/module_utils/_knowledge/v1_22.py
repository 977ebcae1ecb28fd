# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.22: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.22",
    "calendar": {
        "release": "2021-08-04",
        "maintenance": "2022-08-28",
        "end_of_life": "2022-10-28",
        "latest": "1.22.17",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.5.6-0",
        "coredns": "v1.8.4",
        "pause": "3.5",
        "min_external_etcd": "3.2.18",
        "kubeadm_max_kubelet_skew": 1,
        "read_at": "v1.22.17",
        "source": "kubernetes/kubernetes@v1.22.17:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "admissionregistration.k8s.io/v1beta1 MutatingWebhookConfiguration",
            "resource": "mutatingwebhookconfigurations",
            "replacement": "admissionregistration.k8s.io/v1 MutatingWebhookConfiguration",
            "deprecated_in": "1.16",
        },
        {
            "api": "admissionregistration.k8s.io/v1beta1 ValidatingWebhookConfiguration",
            "resource": "validatingwebhookconfigurations",
            "replacement": "admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration",
            "deprecated_in": "1.16",
        },
        {
            "api": "apiextensions.k8s.io/v1beta1 CustomResourceDefinition",
            "resource": "customresourcedefinitions",
            "replacement": "apiextensions.k8s.io/v1 CustomResourceDefinition",
            "deprecated_in": "1.16",
            "source": "kubernetes.io deprecation guide v1.22; CHANGELOG-1.22",
        },
        {
            "api": "apiregistration.k8s.io/v1beta1 APIService",
            "resource": "apiservices",
            "replacement": "apiregistration.k8s.io/v1 APIService",
            "deprecated_in": "1.19",
            "source": "kubernetes.io deprecation guide v1.22; CHANGELOG-1.22",
        },
        {
            "api": "authentication.k8s.io/v1beta1 TokenReview",
            "resource": "tokenreviews",
            "replacement": "authentication.k8s.io/v1 TokenReview",
            "deprecated_in": "1.19",
            "stored": False,
        },
        {
            "api": "authorization.k8s.io/v1beta1 LocalSubjectAccessReview",
            "resource": "localsubjectaccessreviews",
            "replacement": "authorization.k8s.io/v1 LocalSubjectAccessReview",
            "deprecated_in": "1.19",
            "stored": False,
        },
        {
            "api": "authorization.k8s.io/v1beta1 SelfSubjectAccessReview",
            "resource": "selfsubjectaccessreviews",
            "replacement": "authorization.k8s.io/v1 SelfSubjectAccessReview",
            "deprecated_in": "1.19",
            "stored": False,
        },
        {
            "api": "authorization.k8s.io/v1beta1 SelfSubjectRulesReview",
            "resource": "selfsubjectrulesreviews",
            "replacement": "authorization.k8s.io/v1 SelfSubjectRulesReview",
            "deprecated_in": "1.19",
            "stored": False,
        },
        {
            "api": "authorization.k8s.io/v1beta1 SubjectAccessReview",
            "resource": "subjectaccessreviews",
            "replacement": "authorization.k8s.io/v1 SubjectAccessReview",
            "deprecated_in": "1.19",
            "stored": False,
        },
        {
            "api": "certificates.k8s.io/v1beta1 CertificateSigningRequest",
            "resource": "certificatesigningrequests",
            "replacement": "certificates.k8s.io/v1 CertificateSigningRequest",
            "deprecated_in": "1.19",
        },
        {
            "api": "coordination.k8s.io/v1beta1 Lease",
            "resource": "leases",
            "replacement": "coordination.k8s.io/v1 Lease",
            "deprecated_in": "1.19",
        },
        {
            "api": "extensions/v1beta1 Ingress",
            "resource": "ingresses",
            "replacement": "networking.k8s.io/v1 Ingress",
            "deprecated_in": "1.14",
        },
        {
            "api": "networking.k8s.io/v1beta1 Ingress",
            "resource": "ingresses",
            "replacement": "networking.k8s.io/v1 Ingress",
            "deprecated_in": "1.19",
        },
        {
            "api": "networking.k8s.io/v1beta1 IngressClass",
            "resource": "ingressclasses",
            "replacement": "networking.k8s.io/v1 IngressClass",
            "deprecated_in": "1.19",
        },
        {
            "api": "rbac.authorization.k8s.io/v1beta1 ClusterRole",
            "resource": "clusterroles",
            "replacement": "rbac.authorization.k8s.io/v1 ClusterRole",
            "deprecated_in": "1.17",
        },
        {
            "api": "rbac.authorization.k8s.io/v1beta1 ClusterRoleBinding",
            "resource": "clusterrolebindings",
            "replacement": "rbac.authorization.k8s.io/v1 ClusterRoleBinding",
            "deprecated_in": "1.17",
        },
        {
            "api": "rbac.authorization.k8s.io/v1beta1 Role",
            "resource": "roles",
            "replacement": "rbac.authorization.k8s.io/v1 Role",
            "deprecated_in": "1.17",
        },
        {
            "api": "rbac.authorization.k8s.io/v1beta1 RoleBinding",
            "resource": "rolebindings",
            "replacement": "rbac.authorization.k8s.io/v1 RoleBinding",
            "deprecated_in": "1.17",
        },
        {
            "api": "scheduling.k8s.io/v1beta1 PriorityClass",
            "resource": "priorityclasses",
            "replacement": "scheduling.k8s.io/v1 PriorityClass",
            "deprecated_in": "1.14",
        },
        {
            "api": "storage.k8s.io/v1beta1 CSIDriver",
            "resource": "csidrivers",
            "replacement": "storage.k8s.io/v1 CSIDriver",
            "deprecated_in": "1.19",
        },
        {
            "api": "storage.k8s.io/v1beta1 CSINode",
            "resource": "csinodes",
            "replacement": "storage.k8s.io/v1 CSINode",
            "deprecated_in": "1.17",
        },
        {
            "api": "storage.k8s.io/v1beta1 StorageClass",
            "resource": "storageclasses",
            "replacement": "storage.k8s.io/v1 StorageClass",
            "deprecated_in": "1.19",
        },
        {
            "api": "storage.k8s.io/v1beta1 VolumeAttachment",
            "resource": "volumeattachments",
            "replacement": "storage.k8s.io/v1 VolumeAttachment",
            "deprecated_in": "1.19",
        },
    ],
    "config_apis": [
        {
            "api": "kubeadm.k8s.io/v1beta1",
            "replacement": "v1beta2+",
            "source": "CHANGELOG-1.22",
        }
    ],
    "not_resources": [
        {
            "api": "admission.k8s.io/v1beta1 AdmissionReview",
            "why": "It is a message or a part of another object; nothing of it is stored or listed.",
        },
    ],
    "breakers": [
        {
            "id": "beta-api-removal-122",
            "severity": "blocker",
            "component": "API",
            "title": "23 API kinds that were beta are no longer served",
            "covered_by": "The check of removed APIs looks for its users.",
            "why": (
                "Ingress, CustomResourceDefinition, webhook configurations, RBAC and others are served as v1 alone."
            ),
            "fix": "Move clients and manifests to v1.",
            "source": "Kubernetes deprecation guide, v1.22",
        },
        {
            "id": "cgroupdriver-systemd",
            "severity": "warning",
            "component": "kubelet",
            "title": "kubelet's cgroup driver is not set",
            "detect": {
                "kubelet_config": {
                    "cgroupDriver": None,
                }
            },
            "why": (
                "kubeadm takes systemd where cgroupDriver is not set. A container runtime that is left on "
                "cgroupfs then starts no pods."
            ),
            "fix": (
                "Set cgroupDriver in the kubelet-config ConfigMap and in /var/lib/kubelet/config.yaml to what "
                "the container runtime uses."
            ),
            "source": "CHANGELOG-1.22 (kubernetes/kubernetes#102133)",
        },
        {
            "id": "kubeadm-v1beta1",
            "severity": "blocker",
            "component": "kubeadm",
            "title": "The kubeadm configuration is of kubeadm.k8s.io/v1beta1",
            "detect": {"config_api": ["kubeadm.k8s.io/v1beta1"]},
            "partly": "The cluster's own configuration is looked at, kubeadm files kept elsewhere are not.",
            "why": "kubeadm of this minor does not read it, and stops.",
            "fix": "Write it anew with kubeadm config migrate of the minor before.",
            "source": "CHANGELOG-1.22",
        },
        {
            "id": "scheduler-algorithm-provider",
            "severity": "blocker",
            "component": "kube-scheduler",
            "title": "kube-scheduler's flag --algorithm-provider is gone",
            "detect": {
                "gone_flags": {
                    "kube-scheduler": ["algorithm-provider"],
                }
            },
            "why": "kube-scheduler exits when it is started with it.",
            "fix": "Use profiles of a KubeSchedulerConfiguration instead.",
            "source": "CHANGELOG-1.22 (kubernetes/kubernetes#102239)",
        },
        {
            "id": "gates-122",
            "severity": "blocker",
            "component": "feature gates",
            "title": "A feature gate that is in use is no longer known",
            "detect": {
                "feature_gates": [
                    "CSIMigrationVSphereComplete",
                    "ServiceAppProtocol",
                    "WarningHeader",
                    "CRIContainerLogRotation",
                    "RootCAConfigMap",
                    "RunAsGroup",
                ],
            },
            "why": "A component that is started with a feature gate it does not know exits at once.",
            "fix": (
                "Remove the gate from the place shown. The feature itself has become a fixed part of "
                "Kubernetes, or is gone."
            ),
            "source": "CHANGELOG-1.22",
        },
    ],
}
