# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.23: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.23",
    "calendar": {
        "release": "2021-12-07",
        "maintenance": "2022-12-28",
        "end_of_life": "2023-02-28",
        "latest": "1.23.17",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.5.6-0",
        "coredns": "v1.8.6",
        "pause": "3.6",
        "min_external_etcd": "3.2.18",
        "kubeadm_max_kubelet_skew": 1,
        "read_at": "v1.23.17",
        "source": "kubernetes/kubernetes@v1.23.17:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "rbac.authorization.k8s.io/v1alpha1 ClusterRole",
            "resource": "clusterroles",
            "replacement": "rbac.authorization.k8s.io/v1 ClusterRole",
            "deprecated_in": "1.17",
            "served_by_default": False,
            "source": "CHANGELOG-1.23 (kubernetes/kubernetes#104248); Go types still vendored, not served",
        },
        {
            "api": "rbac.authorization.k8s.io/v1alpha1 ClusterRoleBinding",
            "resource": "clusterrolebindings",
            "replacement": "rbac.authorization.k8s.io/v1 ClusterRoleBinding",
            "deprecated_in": "1.17",
            "served_by_default": False,
            "source": "CHANGELOG-1.23 (kubernetes/kubernetes#104248); Go types still vendored, not served",
        },
        {
            "api": "rbac.authorization.k8s.io/v1alpha1 Role",
            "resource": "roles",
            "replacement": "rbac.authorization.k8s.io/v1 Role",
            "deprecated_in": "1.17",
            "served_by_default": False,
            "source": "CHANGELOG-1.23 (kubernetes/kubernetes#104248); Go types still vendored, not served",
        },
        {
            "api": "rbac.authorization.k8s.io/v1alpha1 RoleBinding",
            "resource": "rolebindings",
            "replacement": "rbac.authorization.k8s.io/v1 RoleBinding",
            "deprecated_in": "1.17",
            "served_by_default": False,
            "source": "CHANGELOG-1.23 (kubernetes/kubernetes#104248); Go types still vendored, not served",
        },
        {
            "api": "scheduling.k8s.io/v1alpha1 PriorityClass",
            "resource": "priorityclasses",
            "replacement": "scheduling.k8s.io/v1 PriorityClass",
            "served_by_default": False,
            "source": "CHANGELOG-1.23 (kubernetes/kubernetes#104248)",
        },
    ],
    "config_apis": [
        {
            "api": "kubescheduler.config.k8s.io/v1beta1",
            "replacement": "v1beta2/v1beta3",
            "source": "CHANGELOG-1.23 (kubernetes/kubernetes#104782)",
        },
    ],
    "breakers": [],
}
