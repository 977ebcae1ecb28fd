# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.25: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.25",
    "calendar": {
        "release": "2022-08-23",
        "maintenance": "2023-08-27",
        "end_of_life": "2023-10-27",
        "latest": "1.25.16",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.5.9-0",
        "coredns": "v1.9.3",
        "pause": "3.8",
        "min_external_etcd": "3.2.18",
        "kubeadm_max_kubelet_skew": 1,
        "read_at": "v1.25.16",
        "source": "kubernetes/kubernetes@v1.25.16:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "autoscaling/v2beta1 HorizontalPodAutoscaler",
            "resource": "horizontalpodautoscalers",
            "replacement": "autoscaling/v2 HorizontalPodAutoscaler",
            "deprecated_in": "1.22",
            "source": "k8s.io/api@kubernetes-1.35.0:autoscaling/v2beta1/zz_generated.prerelease-lifecycle.go",
        },
        {
            "api": "batch/v1beta1 CronJob",
            "resource": "cronjobs",
            "replacement": "batch/v1 CronJob",
            "deprecated_in": "1.21",
        },
        {
            "api": "discovery.k8s.io/v1beta1 EndpointSlice",
            "resource": "endpointslices",
            "replacement": "discovery.k8s.io/v1 EndpointSlice",
            "deprecated_in": "1.21",
        },
        {
            "api": "events.k8s.io/v1beta1 Event",
            "resource": "events",
            "replacement": "events.k8s.io/v1 Event",
            "deprecated_in": "1.22",
        },
        {
            "api": "node.k8s.io/v1beta1 RuntimeClass",
            "resource": "runtimeclasses",
            "replacement": "node.k8s.io/v1 RuntimeClass",
            "deprecated_in": "1.22",
        },
        {
            "api": "policy/v1beta1 Eviction",
            "resource": "pods/eviction",
            "replacement": "policy/v1 Eviction",
            "deprecated_in": "1.22",
            "stored": False,
            "note": ("pods/eviction still takes a body of policy/v1beta1 in 1.36, so that old clients go on working."),
        },
        {
            "api": "policy/v1beta1 PodDisruptionBudget",
            "resource": "poddisruptionbudgets",
            "replacement": "policy/v1 PodDisruptionBudget",
            "deprecated_in": "1.21",
        },
        {
            "api": "policy/v1beta1 PodSecurityPolicy",
            "resource": "podsecuritypolicies",
            "replacement": None,
            "deprecated_in": "1.21",
            "source": "k8s.io/api@kubernetes-1.28.0:policy/v1beta1/zz_generated.prerelease-lifecycle.go",
        },
    ],
    "config_apis": [],
    "not_resources": [
        {
            "api": "batch/v1beta1 JobTemplate",
            "why": "It is a message or a part of another object; nothing of it is stored or listed.",
        },
    ],
    "breakers": [],
}
