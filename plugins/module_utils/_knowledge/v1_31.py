# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.31: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.31",
    "calendar": {
        "release": "2024-08-13",
        "maintenance": "2025-08-28",
        "end_of_life": "2025-11-11",
        "latest": "1.31.14",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.5.24-0",
        "coredns": "v1.11.3",
        "pause": "3.10",
        "min_external_etcd": "3.5.24-0",
        "kubeadm_max_kubelet_skew": 3,
        "read_at": "v1.31.14",
        "source": "kubernetes/kubernetes@v1.31.14:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "resource.k8s.io/v1alpha2 PodSchedulingContext",
            "resource": "podschedulingcontexts",
            "replacement": None,
            "served_by_default": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after."
            ),
            "source": "k8s.io/api@kubernetes-1.30.0:resource/v1alpha2/register.go (type absent from next tag)",
        },
        {
            "api": "resource.k8s.io/v1alpha2 ResourceClaim",
            "resource": "resourceclaims",
            "replacement": "resource.k8s.io/v1 ResourceClaim",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "resource.k8s.io/v1 is served from 1.34. Objects stored in the old form cannot be read after: "
                "delete them before the hop, create them again after."
            ),
            "source": "k8s.io/api@kubernetes-1.30.0:resource/v1alpha2/register.go (type absent from next tag)",
        },
        {
            "api": "resource.k8s.io/v1alpha2 ResourceClaimParameters",
            "resource": "resourceclaimparameters",
            "replacement": None,
            "served_by_default": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after."
            ),
            "source": "k8s.io/api@kubernetes-1.30.0:resource/v1alpha2/register.go (type absent from next tag)",
        },
        {
            "api": "resource.k8s.io/v1alpha2 ResourceClaimTemplate",
            "resource": "resourceclaimtemplates",
            "replacement": "resource.k8s.io/v1 ResourceClaimTemplate",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "resource.k8s.io/v1 is served from 1.34. Objects stored in the old form cannot be read after: "
                "delete them before the hop, create them again after."
            ),
            "source": "k8s.io/api@kubernetes-1.30.0:resource/v1alpha2/register.go (type absent from next tag)",
        },
        {
            "api": "resource.k8s.io/v1alpha2 ResourceClass",
            "resource": "resourceclasses",
            "replacement": None,
            "served_by_default": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after."
            ),
            "source": "k8s.io/api@kubernetes-1.30.0:resource/v1alpha2/register.go (type absent from next tag)",
        },
        {
            "api": "resource.k8s.io/v1alpha2 ResourceClassParameters",
            "resource": "resourceclassparameters",
            "replacement": None,
            "served_by_default": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after."
            ),
            "source": "k8s.io/api@kubernetes-1.30.0:resource/v1alpha2/register.go (type absent from next tag)",
        },
        {
            "api": "resource.k8s.io/v1alpha2 ResourceSlice",
            "resource": "resourceslices",
            "replacement": "resource.k8s.io/v1 ResourceSlice",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "resource.k8s.io/v1 is served from 1.34. Objects stored in the old form cannot be read after: "
                "delete them before the hop, create them again after."
            ),
            "source": "k8s.io/api@kubernetes-1.30.0:resource/v1alpha2/register.go (type absent from next tag)",
        },
    ],
    "config_apis": [],
    "breakers": [],
}
