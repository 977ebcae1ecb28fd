# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.29: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.29",
    "calendar": {
        "release": "2023-12-13",
        "maintenance": "2024-12-28",
        "end_of_life": "2025-02-28",
        "latest": "1.29.15",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.5.16-0",
        "coredns": "v1.11.1",
        "pause": "3.9",
        "min_external_etcd": "3.4.13-4",
        "kubeadm_max_kubelet_skew": 3,
        "read_at": "v1.29.15",
        "source": "kubernetes/kubernetes@v1.29.15:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "flowcontrol.apiserver.k8s.io/v1beta2 FlowSchema",
            "resource": "flowschemas",
            "replacement": "flowcontrol.apiserver.k8s.io/v1beta3 FlowSchema",
            "deprecated_in": "1.26",
            "note": "v1beta3 is served until 1.31, v1 from 1.29.",
        },
        {
            "api": "flowcontrol.apiserver.k8s.io/v1beta2 PriorityLevelConfiguration",
            "resource": "prioritylevelconfigurations",
            "replacement": "flowcontrol.apiserver.k8s.io/v1beta3 PriorityLevelConfiguration",
            "deprecated_in": "1.26",
            "note": "v1beta3 is served until 1.31, v1 from 1.29.",
        },
        {
            "api": "networking.k8s.io/v1alpha1 ClusterCIDR",
            "resource": "clustercidrs",
            "replacement": None,
            "deprecated_in": "1.28",
            "served_by_default": False,
            "note": "Its lifecycle marker says 1.31; the type went earlier.",
            "source": "k8s.io/api@kubernetes-1.28.0:networking/v1alpha1/zz_generated.prerelease-lifecycle.go",
        },
    ],
    "config_apis": [
        {
            "api": "kubescheduler.config.k8s.io/v1beta3",
            "replacement": "v1",
            "source": "CHANGELOG-1.29 (kubernetes/kubernetes#119994)",
        },
    ],
    "breakers": [],
}
