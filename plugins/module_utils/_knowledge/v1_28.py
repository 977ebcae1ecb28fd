# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.28: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.28",
    "calendar": {
        "release": "2023-08-15",
        "maintenance": "2024-08-28",
        "end_of_life": "2024-10-28",
        "latest": "1.28.15",
        "source": (
            "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22); kubernetes/website data/releases/eol.yaml"
        ),
    },
    "components": {
        "etcd": "3.5.15-0",
        "coredns": "v1.10.1",
        "pause": "3.9",
        "min_external_etcd": "3.4.13-4",
        "kubeadm_max_kubelet_skew": 1,
        "read_at": "v1.28.15",
        "source": "kubernetes/kubernetes@v1.28.15:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [],
    "config_apis": [
        {
            "api": "kubescheduler.config.k8s.io/v1beta2",
            "replacement": "v1",
            "source": "CHANGELOG-1.28 (kubernetes/kubernetes#117649)",
        },
    ],
    "breakers": [],
}
