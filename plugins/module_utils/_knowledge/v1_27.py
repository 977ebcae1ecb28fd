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
    "breakers": [],
}
