# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was removed before 1.22. Clusters have passed it; manifests and charts may still name it."""

from __future__ import annotations

import typing as t

REMOVED: dict[str, t.Any] = {
    "removed_apis": [
        {
            "api": "apps/v1beta1 ControllerRevision",
            "resource": "controllerrevisions",
            "replacement": "apps/v1 ControllerRevision",
            "deprecated_in": "1.8",
            "removed_in": "1.16",
        },
        {
            "api": "apps/v1beta1 Deployment",
            "resource": "deployments",
            "replacement": "apps/v1 Deployment",
            "deprecated_in": "1.8",
            "removed_in": "1.16",
        },
        {
            "api": "apps/v1beta1 DeploymentRollback",
            "resource": "deployments/rollback",
            "replacement": None,
            "deprecated_in": "1.8",
            "stored": False,
            "removed_in": "1.16",
        },
        {
            "api": "apps/v1beta1 Scale",
            "resource": "*/scale",
            "replacement": "autoscaling/v1 Scale",
            "deprecated_in": "1.8",
            "stored": False,
            "removed_in": "1.16",
        },
        {
            "api": "apps/v1beta1 StatefulSet",
            "resource": "statefulsets",
            "replacement": "apps/v1 StatefulSet",
            "deprecated_in": "1.8",
            "removed_in": "1.16",
        },
        {
            "api": "apps/v1beta2 ControllerRevision",
            "resource": "controllerrevisions",
            "replacement": "apps/v1 ControllerRevision",
            "deprecated_in": "1.9",
            "removed_in": "1.16",
        },
        {
            "api": "apps/v1beta2 DaemonSet",
            "resource": "daemonsets",
            "replacement": "apps/v1 DaemonSet",
            "deprecated_in": "1.9",
            "removed_in": "1.16",
        },
        {
            "api": "apps/v1beta2 Deployment",
            "resource": "deployments",
            "replacement": "apps/v1 Deployment",
            "deprecated_in": "1.9",
            "removed_in": "1.16",
        },
        {
            "api": "apps/v1beta2 ReplicaSet",
            "resource": "replicasets",
            "replacement": "apps/v1 ReplicaSet",
            "deprecated_in": "1.9",
            "removed_in": "1.16",
        },
        {
            "api": "apps/v1beta2 Scale",
            "resource": "*/scale",
            "replacement": "autoscaling/v1 Scale",
            "deprecated_in": "1.9",
            "stored": False,
            "removed_in": "1.16",
        },
        {
            "api": "apps/v1beta2 StatefulSet",
            "resource": "statefulsets",
            "replacement": "apps/v1 StatefulSet",
            "deprecated_in": "1.9",
            "removed_in": "1.16",
        },
        {
            "api": "extensions/v1beta1 DaemonSet",
            "resource": "daemonsets",
            "replacement": "apps/v1 DaemonSet",
            "deprecated_in": "1.8",
            "removed_in": "1.16",
        },
        {
            "api": "extensions/v1beta1 Deployment",
            "resource": "deployments",
            "replacement": "apps/v1 Deployment",
            "deprecated_in": "1.8",
            "removed_in": "1.16",
        },
        {
            "api": "extensions/v1beta1 DeploymentRollback",
            "resource": "deployments/rollback",
            "replacement": None,
            "deprecated_in": "1.8",
            "stored": False,
            "removed_in": "1.16",
        },
        {
            "api": "extensions/v1beta1 NetworkPolicy",
            "resource": "networkpolicies",
            "replacement": "networking.k8s.io/v1 NetworkPolicy",
            "deprecated_in": "1.9",
            "removed_in": "1.16",
        },
        {
            "api": "extensions/v1beta1 PodSecurityPolicy",
            "resource": "podsecuritypolicies",
            "replacement": "policy/v1beta1 PodSecurityPolicy",
            "deprecated_in": "1.11",
            "removed_in": "1.16",
            "source": "k8s.io/api@kubernetes-1.26.0:extensions/v1beta1/zz_generated.prerelease-lifecycle.go",
        },
        {
            "api": "extensions/v1beta1 ReplicaSet",
            "resource": "replicasets",
            "replacement": "apps/v1 ReplicaSet",
            "deprecated_in": "1.8",
            "removed_in": "1.16",
        },
        {
            "api": "extensions/v1beta1 Scale",
            "resource": "*/scale",
            "replacement": "autoscaling/v1 Scale",
            "deprecated_in": "1.2",
            "stored": False,
            "removed_in": "1.16",
        },
        {
            "api": "auditregistration.k8s.io/v1alpha1 AuditSink",
            "resource": "auditsinks",
            "replacement": None,
            "served_by_default": False,
            "removed_in": "1.19",
            "source": (
                "k8s.io/api@kubernetes-1.18.0:auditregistration/v1alpha1/register.go (type absent from next tag)"
            ),
        },
        {
            "api": "settings.k8s.io/v1alpha1 PodPreset",
            "resource": "podpresets",
            "replacement": None,
            "served_by_default": False,
            "removed_in": "1.20",
            "source": "k8s.io/api@kubernetes-1.19.0:settings/v1alpha1/register.go (type absent from next tag)",
        },
        {
            "api": "batch/v2alpha1 CronJob",
            "resource": "cronjobs",
            "replacement": "batch/v1 CronJob",
            "served_by_default": False,
            "removed_in": "1.21",
            "source": "k8s.io/api@kubernetes-1.20.0:batch/v2alpha1/register.go (type absent from next tag)",
        },
        {
            "api": "discovery.k8s.io/v1alpha1 EndpointSlice",
            "resource": "endpointslices",
            "replacement": "discovery.k8s.io/v1 EndpointSlice",
            "served_by_default": False,
            "removed_in": "1.21",
            "source": ("k8s.io/api@kubernetes-1.20.0:discovery/v1alpha1/register.go (type absent from next tag)"),
        },
        {
            "api": "flowcontrol.apiserver.k8s.io/v1alpha1 FlowSchema",
            "resource": "flowschemas",
            "replacement": "flowcontrol.apiserver.k8s.io/v1beta3 FlowSchema",
            "deprecated_in": "1.20",
            "served_by_default": False,
            "removed_in": "1.21",
            "note": "v1beta3 is served until 1.31, v1 from 1.29.",
            "source": "k8s.io/api@kubernetes-1.28.0:flowcontrol/v1alpha1/zz_generated.prerelease-lifecycle.go",
        },
        {
            "api": "flowcontrol.apiserver.k8s.io/v1alpha1 PriorityLevelConfiguration",
            "resource": "prioritylevelconfigurations",
            "replacement": "flowcontrol.apiserver.k8s.io/v1beta3 PriorityLevelConfiguration",
            "deprecated_in": "1.20",
            "served_by_default": False,
            "removed_in": "1.21",
            "note": "v1beta3 is served until 1.31, v1 from 1.29.",
            "source": "k8s.io/api@kubernetes-1.28.0:flowcontrol/v1alpha1/zz_generated.prerelease-lifecycle.go",
        },
    ],
    "not_resources": [
        {
            "api": "batch/v2alpha1 JobTemplate",
            "why": "It is a message or a part of another object; nothing of it is stored or listed.",
        },
        {
            "api": "extensions/v1beta1 ReplicationControllerDummy",
            "why": "It is a message or a part of another object; nothing of it is stored or listed.",
        },
    ],
    "calendars": {
        "1.21": {
            "release": "2021-04-08",
            "maintenance": "2022-04-28",
            "end_of_life": "2022-06-28",
            "latest": "1.21.14",
            "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
        },
        "1.20": {
            "release": "2020-12-08",
            "maintenance": "2021-12-28",
            "end_of_life": "2022-02-28",
            "latest": "1.20.15",
            "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
        },
        "1.19": {
            "release": "2020-08-26",
            "maintenance": "2021-08-28",
            "end_of_life": "2021-10-28",
            "latest": "1.19.16",
            "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
        },
        "1.18": {
            "release": "2020-03-25",
            "maintenance": "2021-04-28",
            "end_of_life": "2021-06-18",
            "latest": "1.18.20",
            "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
        },
        "1.17": {
            "release": "2019-12-07",
            "maintenance": None,
            "end_of_life": "2020-12-25",
            "latest": "1.17.17",
            "source": (
                "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22); kubernetes/website data/releases/eol.yaml"
            ),
        },
        "1.16": {
            "release": "2019-09-18",
            "maintenance": None,
            "end_of_life": "2020-08-04",
            "latest": "1.16.15",
            "source": (
                "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22); kubernetes/website data/releases/eol.yaml"
            ),
        },
        "1.15": {
            "release": "2019-06-19?",
            "maintenance": None,
            "end_of_life": "2020-05-06",
            "latest": "1.15.12",
            "source": "kubernetes/website data/releases/eol.yaml; release date not verified",
        },
    },
}
