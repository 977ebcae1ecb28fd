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
    "breakers": [
        {
            "id": "etcd-35-corruption",
            "severity": "warning",
            "component": "etcd",
            "title": "etcd 3.5.0 to 3.5.2 can corrupt data under load",
            "detect": {"etcd_between": ["3.5.0", "3.5.3"]},
            "why": (
                "When such a member is killed under load, its data may differ from the other members' without a sign."
            ),
            "fix": ("Take a newer 3.5 patch first: kubeadm of the latest patch of the present minor ships one."),
            "source": "CHANGELOG-1.23, known issues; etcd's production recommendation of 2022-03-31",
        },
        {
            "id": "x509-cn",
            "severity": "blocker",
            "component": "API server",
            "title": "A webhook or aggregated API has a serving certificate without SAN",
            "detect": {"missing_san": True},
            "why": (
                "From this minor the API server refuses certificates that name their host in the common name "
                "alone. What the webhook or API stands for fails."
            ),
            "fix": (
                "Issue the certificate anew with subjectAltName (openssl x509 -noout -ext subjectAltName shows it)."
            ),
            "source": "CHANGELOG-1.23",
        },
        {
            "id": "scheduler-cfg-v1beta1",
            "severity": "blocker",
            "component": "kube-scheduler",
            "title": "kube-scheduler's configuration is of v1beta1",
            "detect": {"config_api": ["kubescheduler.config.k8s.io/v1beta1"]},
            "why": "kube-scheduler does not read it, and exits.",
            "fix": "Rewrite the file that --config names to kubescheduler.config.k8s.io/v1beta2.",
            "source": "CHANGELOG-1.23 (kubernetes/kubernetes#104782)",
        },
        {
            "id": "experimental-patches",
            "severity": "info",
            "component": "kubeadm",
            "title": "kubeadm's flag --experimental-patches is gone",
            "not_covered": (
                "It is an option on command lines of your own automation, which are not to be seen on a cluster."
            ),
            "why": "kubeadm refuses it, and takes --patches not beside --config.",
            "fix": "Use patches.directory of the kubeadm configuration in your own automation.",
            "source": "CHANGELOG-1.23 (kubernetes/kubernetes#104065)",
        },
        {
            "id": "json-logs-stderr",
            "severity": "info",
            "component": "logs",
            "title": "Logs in JSON go to standard error",
            "not_covered": "How logs are collected is not to be seen in the facts.",
            "why": "A log shipper that reads standard output of the components finds nothing more.",
            "fix": "Let it read standard error too.",
            "source": "CHANGELOG-1.23 (kubernetes/kubernetes#106146)",
        },
        {
            "id": "rbac-scheduling-alpha",
            "severity": "info",
            "component": "API",
            "title": "rbac.authorization.k8s.io/v1alpha1 and scheduling.k8s.io/v1alpha1 are no longer served",
            "covered_by": "The check of removed APIs looks for its users.",
            "why": "Requests to them fail.",
            "fix": "Use v1.",
            "source": "CHANGELOG-1.23 (kubernetes/kubernetes#104248)",
        },
        {
            "id": "gates-123",
            "severity": "blocker",
            "component": "feature gates",
            "title": "A feature gate that is in use is no longer known",
            "detect": {"feature_gates": ["NodeLease", "ServiceAccountIssuerDiscovery", "AllowInsecureBackendProxy"]},
            "why": "A component that is started with a feature gate it does not know exits at once.",
            "fix": (
                "Remove the gate from the place shown. The feature itself has become a fixed part of "
                "Kubernetes, or is gone."
            ),
            "source": "CHANGELOG-1.23",
        },
    ],
}
