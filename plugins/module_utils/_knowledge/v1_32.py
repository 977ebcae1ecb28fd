# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.32: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.32",
    "calendar": {
        "release": "2024-12-11",
        "maintenance": "2025-12-28",
        "end_of_life": "2026-02-28",
        "latest": "1.32.13",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.5.24-0",
        "coredns": "v1.11.3",
        "pause": "3.10",
        "min_external_etcd": "3.5.24-0",
        "kubeadm_max_kubelet_skew": 3,
        "read_at": "v1.32.13",
        "source": "kubernetes/kubernetes@v1.32.13:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "admissionregistration.k8s.io/v1alpha1 ValidatingAdmissionPolicy",
            "resource": "validatingadmissionpolicies",
            "replacement": "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy",
            "deprecated_in": "1.29",
            "served_by_default": False,
            "note": "Objects stored by 1.27 or older must be deleted before 1.28, whose schema differs.",
        },
        {
            "api": "admissionregistration.k8s.io/v1alpha1 ValidatingAdmissionPolicyBinding",
            "resource": "validatingadmissionpolicybindings",
            "replacement": "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding",
            "deprecated_in": "1.29",
            "served_by_default": False,
            "note": "Objects stored by 1.27 or older must be deleted before 1.28, whose schema differs.",
        },
        {
            "api": "authentication.k8s.io/v1alpha1 SelfSubjectReview",
            "resource": "selfsubjectreviews",
            "replacement": "authentication.k8s.io/v1 SelfSubjectReview",
            "deprecated_in": "1.29",
            "served_by_default": False,
            "stored": False,
        },
        {
            "api": "coordination.k8s.io/v1alpha1 LeaseCandidate",
            "resource": "leasecandidates",
            "replacement": "coordination.k8s.io/v1beta1 LeaseCandidate",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after. Its lifecycle marker says 1.37; the type went earlier."
            ),
            "source": ("k8s.io/api@kubernetes-1.31.0:coordination/v1alpha1/zz_generated.prerelease-lifecycle.go"),
        },
        {
            "api": "flowcontrol.apiserver.k8s.io/v1beta3 FlowSchema",
            "resource": "flowschemas",
            "replacement": "flowcontrol.apiserver.k8s.io/v1 FlowSchema",
            "deprecated_in": "1.29",
        },
        {
            "api": "flowcontrol.apiserver.k8s.io/v1beta3 PriorityLevelConfiguration",
            "resource": "prioritylevelconfigurations",
            "replacement": "flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration",
            "deprecated_in": "1.29",
        },
        {
            "api": "resource.k8s.io/v1alpha3 PodSchedulingContext",
            "resource": "podschedulingcontexts",
            "replacement": None,
            "served_by_default": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after."
            ),
            "source": "k8s.io/api@kubernetes-1.31.0:resource/v1alpha3/register.go (type absent from next tag)",
        },
    ],
    "config_apis": [],
    "breakers": [],
}
