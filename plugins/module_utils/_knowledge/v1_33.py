# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.33: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.33",
    "calendar": {
        "release": "2025-04-23",
        "maintenance": "2026-04-28",
        "end_of_life": "2026-06-28",
        "latest": "1.33.13",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.5.24-0",
        "coredns": "v1.12.0",
        "pause": "3.10",
        "min_external_etcd": "3.5.24-0",
        "kubeadm_max_kubelet_skew": 3,
        "read_at": "v1.33.13",
        "source": "kubernetes/kubernetes@v1.33.13:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "authentication.k8s.io/v1beta1 SelfSubjectReview",
            "resource": "selfsubjectreviews",
            "replacement": "authentication.k8s.io/v1 SelfSubjectReview",
            "deprecated_in": "1.30",
            "served_by_default": False,
            "stored": False,
        },
        {
            "api": "networking.k8s.io/v1alpha1 IPAddress",
            "resource": "ipaddresses",
            "replacement": "networking.k8s.io/v1 IPAddress",
            "deprecated_in": "1.30",
            "served_by_default": False,
            "source": "k8s.io/api@kubernetes-1.33.0:networking/v1alpha1/zz_generated.prerelease-lifecycle.go",
        },
        {
            "api": "networking.k8s.io/v1alpha1 ServiceCIDR",
            "resource": "servicecidrs",
            "replacement": "networking.k8s.io/v1 ServiceCIDR",
            "deprecated_in": "1.30",
            "served_by_default": False,
            "source": "k8s.io/api@kubernetes-1.33.0:networking/v1alpha1/zz_generated.prerelease-lifecycle.go",
        },
    ],
    "config_apis": [],
    "breakers": [],
}
