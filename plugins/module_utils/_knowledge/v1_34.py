# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.34: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.34",
    "calendar": {
        "release": "2025-08-27",
        "maintenance": "2026-08-27",
        "end_of_life": "2026-10-27",
        "latest": "1.34.11",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.6.5-0",
        "coredns": "v1.12.1",
        "pause": "3.10.1",
        "min_external_etcd": "3.5.24-0",
        "kubeadm_max_kubelet_skew": 3,
        "read_at": "v1.34.4",
        "note": ("latest patch is 1.34.11, constants read at 1.34.4 only; kubeadm 1.35.8 maps 1.34 to 3.6.6-0"),
        "source": "kubernetes/kubernetes@v1.34.4:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "admissionregistration.k8s.io/v1beta1 ValidatingAdmissionPolicy",
            "resource": "validatingadmissionpolicies",
            "replacement": "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy",
            "deprecated_in": "1.31",
            "served_by_default": False,
        },
        {
            "api": "admissionregistration.k8s.io/v1beta1 ValidatingAdmissionPolicyBinding",
            "resource": "validatingadmissionpolicybindings",
            "replacement": "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding",
            "deprecated_in": "1.31",
            "served_by_default": False,
        },
        {
            "api": "resource.k8s.io/v1alpha3 DeviceClass",
            "resource": "deviceclasses",
            "replacement": "resource.k8s.io/v1beta1 DeviceClass",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after. Its lifecycle marker says 1.37; the type went earlier."
            ),
            "source": "k8s.io/api@kubernetes-1.33.0:resource/v1alpha3/zz_generated.prerelease-lifecycle.go",
        },
        {
            "api": "resource.k8s.io/v1alpha3 ResourceClaim",
            "resource": "resourceclaims",
            "replacement": "resource.k8s.io/v1beta1 ResourceClaim",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after. Its lifecycle marker says 1.37; the type went earlier."
            ),
            "source": "k8s.io/api@kubernetes-1.33.0:resource/v1alpha3/zz_generated.prerelease-lifecycle.go",
        },
        {
            "api": "resource.k8s.io/v1alpha3 ResourceClaimTemplate",
            "resource": "resourceclaimtemplates",
            "replacement": "resource.k8s.io/v1beta1 ResourceClaimTemplate",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after. Its lifecycle marker says 1.37; the type went earlier."
            ),
            "source": "k8s.io/api@kubernetes-1.33.0:resource/v1alpha3/zz_generated.prerelease-lifecycle.go",
        },
        {
            "api": "resource.k8s.io/v1alpha3 ResourceSlice",
            "resource": "resourceslices",
            "replacement": "resource.k8s.io/v1beta1 ResourceSlice",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after. Its lifecycle marker says 1.37; the type went earlier."
            ),
            "source": "k8s.io/api@kubernetes-1.33.0:resource/v1alpha3/zz_generated.prerelease-lifecycle.go",
        },
    ],
    "config_apis": [],
    "breakers": [],
}
