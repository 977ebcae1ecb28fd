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
    "breakers": [],
}
