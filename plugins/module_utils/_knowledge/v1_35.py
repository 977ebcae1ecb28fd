# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.35: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.35",
    "calendar": {
        "release": "2025-12-17",
        "maintenance": "2026-12-28",
        "end_of_life": "2027-02-28",
        "latest": "1.35.8",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.6.6-0",
        "coredns": "v1.13.1",
        "pause": "3.10.1",
        "min_external_etcd": "3.5.24-0",
        "kubeadm_max_kubelet_skew": 3,
        "read_at": "v1.35.8",
        "source": "kubernetes/kubernetes@v1.35.8:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "certificates.k8s.io/v1alpha1 PodCertificateRequest",
            "resource": "podcertificaterequests",
            "replacement": "certificates.k8s.io/v1beta1 PodCertificateRequest",
            "served_by_default": False,
            "note": "Its lifecycle marker says 1.40; the type went earlier.",
            "source": ("k8s.io/api@kubernetes-1.34.0:certificates/v1alpha1/zz_generated.prerelease-lifecycle.go"),
        },
        {
            "api": "storage.k8s.io/v1alpha1 VolumeAttributesClass",
            "resource": "volumeattributesclasses",
            "replacement": "storage.k8s.io/v1 VolumeAttributesClass",
            "deprecated_in": "1.32",
            "served_by_default": False,
        },
        {
            "api": "storagemigration.k8s.io/v1alpha1 StorageVersionMigration",
            "resource": "storageversionmigrations",
            "replacement": "storagemigration.k8s.io/v1beta1 StorageVersionMigration",
            "deprecated_in": "1.33",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after. Its lifecycle marker says 1.36; the type went earlier."
            ),
            "source": ("k8s.io/api@kubernetes-1.34.0:storagemigration/v1alpha1/zz_generated.prerelease-lifecycle.go"),
        },
    ],
    "config_apis": [],
    "not_resources": [
        {
            "api": "apidiscovery.k8s.io/v2beta1 APIGroupDiscovery",
            "why": "It is a message or a part of another object; nothing of it is stored or listed.",
        },
    ],
    "breakers": [],
}
