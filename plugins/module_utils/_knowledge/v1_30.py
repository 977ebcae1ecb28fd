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
    "breakers": [],
}
