# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.30: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.30",
    "calendar": {
        "release": "2024-04-17",
        "maintenance": "2025-04-28",
        "end_of_life": "2025-07-15",
        "latest": "1.30.14",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.5.15-0",
        "coredns": "v1.11.3",
        "pause": "3.9",
        "min_external_etcd": "3.4.13-4",
        "kubeadm_max_kubelet_skew": 3,
        "read_at": "v1.30.14",
        "source": "kubernetes/kubernetes@v1.30.14:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [],
    "config_apis": [],
    "breakers": [
        {
            "id": "kubeadm-output",
            "severity": "info",
            "component": "kubeadm",
            "title": "kubeadm's structured output is of output.kubeadm.k8s.io/v1alpha3",
            "not_covered": "Programs of your own that parse it are not to be seen on a cluster.",
            "why": "Programs that parse kubeadm -o json may not know it.",
            "fix": "Let them accept both.",
            "source": "CHANGELOG-1.30",
        },
        {
            "id": "gates-130",
            "severity": "blocker",
            "component": "feature gates",
            "title": "A feature gate that is in use is no longer known",
            "detect": {
                "feature_gates": [
                    "RemoveSelfLink",
                    "ExpandedDNSConfig",
                    "KubeletPodResources",
                    "KubeletPodResourcesGetAllocatable",
                    "MinimizeIPTablesRestore",
                    "APISelfSubjectReview",
                    "IPTablesOwnershipCleanup",
                    "ProxyTerminatingEndpoints",
                    "LegacyServiceAccountTokenTracking",
                    "IPv6DualStack",
                    "CSIMigrationAzureFile",
                ],
            },
            "why": "A component that is started with a feature gate it does not know exits at once.",
            "fix": (
                "Remove the gate from the place shown. The feature itself has become a fixed part of "
                "Kubernetes, or is gone."
            ),
            "source": "CHANGELOG-1.30; absent from pkg/features of 1.30.0",
        },
    ],
}
