# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.37: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.37",
    "calendar": {
        "release": "2026-08-26",
        "maintenance": None,
        "end_of_life": None,
        "latest": "1.37.0",
        "source": (
            "Go module proxy k8s.io/kubernetes v1.37.0 .info; EOL not verified (14-month policy suggests Oct 2027)"
        ),
    },
    "components": {
        "etcd": "3.7.0-0",
        "coredns": "v1.14.6",
        "pause": "3.10.2",
        "min_external_etcd": "3.5.24-0",
        "kubeadm_max_kubelet_skew": 3,
        "read_at": "v1.37.0",
        "source": "kubernetes/kubernetes@v1.37.0:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "certificates.k8s.io/v1alpha1 ClusterTrustBundle",
            "resource": "clustertrustbundles",
            "replacement": "certificates.k8s.io/v1beta1 ClusterTrustBundle",
            "deprecated_in": "1.34",
            "served_by_default": False,
        },
        {
            "api": "networking.k8s.io/v1beta1 IPAddress",
            "resource": "ipaddresses",
            "replacement": "networking.k8s.io/v1 IPAddress",
            "deprecated_in": "1.34",
            "served_by_default": False,
        },
        {
            "api": "networking.k8s.io/v1beta1 ServiceCIDR",
            "resource": "servicecidrs",
            "replacement": "networking.k8s.io/v1 ServiceCIDR",
            "deprecated_in": "1.34",
            "served_by_default": False,
        },
        {
            "api": "scheduling.k8s.io/v1alpha2 PodGroup",
            "resource": "podgroups",
            "replacement": "scheduling.k8s.io/v1alpha3 PodGroup",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after."
            ),
            "source": ("k8s.io/api@kubernetes-1.36.0:scheduling/v1alpha2/register.go (type absent from next tag)"),
        },
        {
            "api": "scheduling.k8s.io/v1alpha2 Workload",
            "resource": "workloads",
            "replacement": "scheduling.k8s.io/v1alpha3 Workload",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after."
            ),
            "source": ("k8s.io/api@kubernetes-1.36.0:scheduling/v1alpha2/register.go (type absent from next tag)"),
        },
        {
            "api": "storage.k8s.io/v1beta1 VolumeAttributesClass",
            "resource": "volumeattributesclasses",
            "replacement": "storage.k8s.io/v1 VolumeAttributesClass",
            "deprecated_in": "1.34",
            "served_by_default": False,
        },
    ],
    "config_apis": [
        {
            "api": "kubeadm.k8s.io/v1beta3",
            "replacement": "v1beta4",
            "source": "CHANGELOG-1.37 (kubernetes/kubernetes#136016)",
        },
    ],
    "breakers": [],
}
