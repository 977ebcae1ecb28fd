# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.24: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.24",
    "calendar": {
        "release": "2022-05-03",
        "maintenance": "2023-05-28",
        "end_of_life": "2023-07-28",
        "latest": "1.24.17",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.5.6-0",
        "coredns": "v1.8.6",
        "pause": "3.7",
        "min_external_etcd": "3.2.18",
        "kubeadm_max_kubelet_skew": 1,
        "read_at": "v1.24.17",
        "source": "kubernetes/kubernetes@v1.24.17:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "node.k8s.io/v1alpha1 RuntimeClass",
            "resource": "runtimeclasses",
            "replacement": "node.k8s.io/v1 RuntimeClass",
            "served_by_default": False,
            "source": "CHANGELOG-1.24 (kubernetes/kubernetes#103061)",
        },
        {
            "api": "storage.k8s.io/v1alpha1 CSIStorageCapacity",
            "resource": "csistoragecapacities",
            "replacement": "storage.k8s.io/v1beta1 CSIStorageCapacity",
            "deprecated_in": "1.21",
            "served_by_default": False,
        },
        {
            "api": "storage.k8s.io/v1alpha1 VolumeAttachment",
            "resource": "volumeattachments",
            "replacement": "storage.k8s.io/v1 VolumeAttachment",
            "deprecated_in": "1.21",
            "served_by_default": False,
        },
    ],
    "config_apis": [
        {
            "api": "audit.k8s.io/v1alpha1",
            "replacement": "audit.k8s.io/v1 (policy file and webhook/log version flags)",
            "source": "CHANGELOG-1.24",
        },
        {"api": "audit.k8s.io/v1beta1", "replacement": "audit.k8s.io/v1", "source": "CHANGELOG-1.24"},
        {
            "api": "client.authentication.k8s.io/v1alpha1",
            "replacement": "v1beta1 or v1 (exec plugins in kubeconfig files)",
            "source": "CHANGELOG-1.24",
        },
    ],
    "breakers": [],
}
