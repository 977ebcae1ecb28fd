# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.36: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.36",
    "calendar": {
        "release": "2026-04-22",
        "maintenance": "2027-04-28",
        "end_of_life": "2027-06-28",
        "latest": "1.36.4",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.6.8-0",
        "coredns": "v1.14.2",
        "pause": "3.10.2",
        "min_external_etcd": "3.5.24-0",
        "kubeadm_max_kubelet_skew": 3,
        "read_at": "v1.36.4",
        "source": "kubernetes/kubernetes@v1.36.4:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "scheduling.k8s.io/v1alpha1 Workload",
            "resource": "workloads",
            "replacement": "scheduling.k8s.io/v1alpha2 Workload",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after."
            ),
            "source": ("k8s.io/api@kubernetes-1.35.0:scheduling/v1alpha1/register.go (type absent from next tag)"),
        },
    ],
    "config_apis": [],
    "breakers": [],
}
