# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.37: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.37",
    "calendar": {
        "release": "2026-08-26",
        "maintenance": None,
        "end_of_life": None,
        "latest": "1.37.0",
        "source": (
            "Go module proxy k8s.io/kubernetes v1.37.0 .info; EOL not verified (14-month policy suggests Oct 2027)"
        ),
    },
    "components": {
        "etcd": "3.7.0-0",
        "coredns": "v1.14.6",
        "pause": "3.10.2",
        "min_external_etcd": "3.5.24-0",
        "kubeadm_max_kubelet_skew": 3,
        "read_at": "v1.37.0",
        "source": "kubernetes/kubernetes@v1.37.0:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "certificates.k8s.io/v1alpha1 ClusterTrustBundle",
            "resource": "clustertrustbundles",
            "replacement": "certificates.k8s.io/v1beta1 ClusterTrustBundle",
            "deprecated_in": "1.34",
            "served_by_default": False,
        },
        {
            "api": "networking.k8s.io/v1beta1 IPAddress",
            "resource": "ipaddresses",
            "replacement": "networking.k8s.io/v1 IPAddress",
            "deprecated_in": "1.34",
            "served_by_default": False,
        },
        {
            "api": "networking.k8s.io/v1beta1 ServiceCIDR",
            "resource": "servicecidrs",
            "replacement": "networking.k8s.io/v1 ServiceCIDR",
            "deprecated_in": "1.34",
            "served_by_default": False,
        },
        {
            "api": "scheduling.k8s.io/v1alpha2 PodGroup",
            "resource": "podgroups",
            "replacement": "scheduling.k8s.io/v1alpha3 PodGroup",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after."
            ),
            "source": ("k8s.io/api@kubernetes-1.36.0:scheduling/v1alpha2/register.go (type absent from next tag)"),
        },
        {
            "api": "scheduling.k8s.io/v1alpha2 Workload",
            "resource": "workloads",
            "replacement": "scheduling.k8s.io/v1alpha3 Workload",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after."
            ),
            "source": ("k8s.io/api@kubernetes-1.36.0:scheduling/v1alpha2/register.go (type absent from next tag)"),
        },
        {
            "api": "storage.k8s.io/v1beta1 VolumeAttributesClass",
            "resource": "volumeattributesclasses",
            "replacement": "storage.k8s.io/v1 VolumeAttributesClass",
            "deprecated_in": "1.34",
            "served_by_default": False,
        },
    ],
    "config_apis": [
        {
            "api": "kubeadm.k8s.io/v1beta3",
            "replacement": "v1beta4",
            "source": "CHANGELOG-1.37 (kubernetes/kubernetes#136016)",
        },
    ],
    "breakers": [
        {
            "id": "kubeadm-v1beta3",
            "severity": "blocker",
            "component": "kubeadm",
            "title": "The kubeadm configuration is of kubeadm.k8s.io/v1beta3",
            "detect": {"config_api": ["kubeadm.k8s.io/v1beta3"]},
            "partly": "The cluster's own configuration is looked at, kubeadm files kept elsewhere are not.",
            "why": "kubeadm of this minor does not read it, and stops.",
            "fix": "Write it anew with kubeadm config migrate of 1.36 or older.",
            "source": "CHANGELOG-1.37 (kubernetes/kubernetes#136016)",
        },
        {
            "id": "cadvisor-flags",
            "severity": "blocker",
            "component": "kubelet",
            "title": "Flags of kubelet that were cAdvisor's are gone",
            "detect": {
                "gone_flags": {
                    "kubelet": [
                        "application-metrics-count-limit",
                        "boot-id-file",
                        "container-hints",
                        "containerd",
                        "containerd-namespace",
                        "enable-load-reader",
                        "event-storage-age-limit",
                        "event-storage-event-limit",
                        "global-housekeeping-interval",
                        "log-cadvisor-usage",
                        "machine-id-file",
                        "storage-driver-(user|password|host|db|table|secure|buffer-duration)",
                    ],
                },
            },
            "why": "kubelet exits when it is started with one of them.",
            "fix": (
                "Remove them from /etc/default/kubelet, /etc/sysconfig/kubelet or kubelet's systemd drop-in. "
                "--housekeeping-interval stays."
            ),
            "source": ("CHANGELOG-1.37 (kubernetes/kubernetes#139870); cmd/kubelet/app/options/globalflags_linux.go"),
        },
        {
            "id": "etcd-37",
            "severity": "blocker",
            "component": "etcd",
            "title": "etcd goes to 3.7, and wants members of 3.6.11 or newer",
            "covered_by": "The etcd check looks at every hop's etcd versions and at the members.",
            "why": "kubeadm 1.36.4 ships 3.6.8.",
            "fix": (
                "Set etcd.local.imageTag to 3.6.11 or newer, upgrade within the present minor, then clear the tag."
            ),
            "source": "CHANGELOG-1.37 (kubernetes/kubernetes#140333); etcd.io docs, upgrade_3_7",
        },
        {
            "id": "etcd-37-flags",
            "severity": "blocker",
            "component": "etcd",
            "title": "etcd's flags --experimental-… are gone",
            "detect": {
                "extra_args": {
                    "etcd": ["experimental-.+"],
                }
            },
            "why": "etcd 3.7 exits when it is started with one of them.",
            "fix": (
                "Give the flags in etcd.local.extraArgs of the kubeadm-config ConfigMap their new names, "
                "without experimental-."
            ),
            "source": "etcd.io docs, upgrade_3_7",
        },
        {
            "id": "scheduling-v1alpha2",
            "severity": "info",
            "component": "API",
            "title": "scheduling.k8s.io/v1alpha2 is no longer served",
            "covered_by": "The check of removed APIs looks for its users.",
            "why": "What is stored of it cannot be read after.",
            "fix": "Delete Workloads and PodGroups before this hop.",
            "source": "CHANGELOG-1.37 (kubernetes/kubernetes#138572, kubernetes/kubernetes#140184)",
        },
        {
            "id": "selinuxmount",
            "severity": "warning",
            "component": "workloads",
            "title": "Volumes are mounted with one SELinux label",
            "not_covered": "Whether SELinux is on, and which labels pods have, is not among the facts.",
            "why": "Where SELinux is on, pods that share a volume and have different labels fail.",
            "fix": (
                "Look at the metrics and events of selinux-warning-controller in 1.36, and set "
                "seLinuxChangePolicy: Recursive in those pods."
            ),
            "source": "CHANGELOG-1.37 (kubernetes/kubernetes#139956)",
        },
        {
            "id": "kubeadm-gates-137",
            "severity": "info",
            "component": "kubeadm",
            "title": "A feature gate of kubeadm's own is no longer known",
            "detect": {"kubeadm_feature_gates": ["PublicKeysECDSA", "NodeLocalCRISocket"]},
            "why": (
                "kubeadm upgrade only warns of a gate that it does not know in the kubeadm-config ConfigMap; "
                "kubeadm init and join, and kubeadm config validate, refuse it."
            ),
            "fix": (
                "Delete the gate from featureGates with kubectl -n kube-system edit configmap kubeadm-config, "
                "and from saved kubeadm files."
            ),
            "source": "kubernetes/kubernetes cmd/kubeadm/app/features/features.go of 1.37",
        },
    ],
}
