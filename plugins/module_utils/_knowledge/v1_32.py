# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.32: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.32",
    "calendar": {
        "release": "2024-12-11",
        "maintenance": "2025-12-28",
        "end_of_life": "2026-02-28",
        "latest": "1.32.13",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.5.24-0",
        "coredns": "v1.11.3",
        "pause": "3.10",
        "min_external_etcd": "3.5.24-0",
        "kubeadm_max_kubelet_skew": 3,
        "read_at": "v1.32.13",
        "source": "kubernetes/kubernetes@v1.32.13:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "admissionregistration.k8s.io/v1alpha1 ValidatingAdmissionPolicy",
            "resource": "validatingadmissionpolicies",
            "replacement": "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy",
            "deprecated_in": "1.29",
            "served_by_default": False,
            "note": "Objects stored by 1.27 or older must be deleted before 1.28, whose schema differs.",
        },
        {
            "api": "admissionregistration.k8s.io/v1alpha1 ValidatingAdmissionPolicyBinding",
            "resource": "validatingadmissionpolicybindings",
            "replacement": "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding",
            "deprecated_in": "1.29",
            "served_by_default": False,
            "note": "Objects stored by 1.27 or older must be deleted before 1.28, whose schema differs.",
        },
        {
            "api": "authentication.k8s.io/v1alpha1 SelfSubjectReview",
            "resource": "selfsubjectreviews",
            "replacement": "authentication.k8s.io/v1 SelfSubjectReview",
            "deprecated_in": "1.29",
            "served_by_default": False,
            "stored": False,
        },
        {
            "api": "coordination.k8s.io/v1alpha1 LeaseCandidate",
            "resource": "leasecandidates",
            "replacement": "coordination.k8s.io/v1beta1 LeaseCandidate",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after. Its lifecycle marker says 1.37; the type went earlier."
            ),
            "source": ("k8s.io/api@kubernetes-1.31.0:coordination/v1alpha1/zz_generated.prerelease-lifecycle.go"),
        },
        {
            "api": "flowcontrol.apiserver.k8s.io/v1beta3 FlowSchema",
            "resource": "flowschemas",
            "replacement": "flowcontrol.apiserver.k8s.io/v1 FlowSchema",
            "deprecated_in": "1.29",
        },
        {
            "api": "flowcontrol.apiserver.k8s.io/v1beta3 PriorityLevelConfiguration",
            "resource": "prioritylevelconfigurations",
            "replacement": "flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration",
            "deprecated_in": "1.29",
        },
        {
            "api": "resource.k8s.io/v1alpha3 PodSchedulingContext",
            "resource": "podschedulingcontexts",
            "replacement": None,
            "served_by_default": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after."
            ),
            "source": "k8s.io/api@kubernetes-1.31.0:resource/v1alpha3/register.go (type absent from next tag)",
        },
    ],
    "config_apis": [],
    "breakers": [
        {
            "id": "flowcontrol-v1beta3",
            "severity": "warning",
            "component": "API",
            "title": "flowcontrol.apiserver.k8s.io/v1beta3 is no longer served",
            "covered_by": "The check of removed APIs looks for its users.",
            "why": "It was on by default, and requests to it fail now.",
            "fix": "Use flowcontrol.apiserver.k8s.io/v1.",
            "source": "Kubernetes deprecation guide, v1.32",
        },
        {
            "id": "dra-classic",
            "severity": "warning",
            "component": "API",
            "title": "Objects of classic resource allocation cannot be deleted after this hop",
            "detect": {
                "flags": {
                    "kube-apiserver": [
                        (
                            ""
                            "runtime-config=(.*,)?(resource\\.k8s\\.io/v1alpha[23]|coordination\\.k8s\\.io/v1alpha1|api/all|api/alpha)=true(,.*)?"
                        ),
                    ],
                },
            },
            "why": (
                "PodSchedulingContexts and objects of coordination.k8s.io/v1alpha1 that are left over stay in "
                "etcd for good."
            ),
            "fix": "Delete them before this hop, and take the versions out of --runtime-config.",
            "source": "CHANGELOG-1.32 (kubernetes/kubernetes#128003)",
        },
        {
            "id": "kubelet-runonce",
            "severity": "blocker",
            "component": "kubelet",
            "title": "kubelet is told to run once",
            "detect": {
                "flags": {
                    "kubelet": ["runonce(=true)?"],
                },
                "kubelet_config": {
                    "runOnce": True,
                },
            },
            "why": "--runonce, and runOnce in its configuration, are an error now.",
            "fix": "Remove it.",
            "source": "CHANGELOG-1.32",
        },
        {
            "id": "credential-provider-strict",
            "severity": "info",
            "component": "kubelet",
            "title": "The configuration of image credential providers is read strictly",
            "detect": {
                "flags": {
                    "kubelet": ["image-credential-provider-config"],
                }
            },
            "partly": "That such a file is in use is looked at, its content is not.",
            "why": "A field that is unknown or written twice stops kubelet.",
            "fix": "Look through the file that --image-credential-provider-config names.",
            "source": "CHANGELOG-1.32 (kubernetes/kubernetes#128062)",
        },
        {
            "id": "volume-limit-plugins",
            "severity": "blocker",
            "component": "kube-scheduler",
            "title": "A scheduler profile names plugins that are gone",
            "not_covered": "Of the scheduler's configuration file only the version is read.",
            "why": "kube-scheduler exits on AzureDiskLimits, CinderLimits, EBSLimits and GCEPDLimits.",
            "fix": "Remove them from the file that --config names; NodeVolumeLimits does their work.",
            "source": "CHANGELOG-1.32",
        },
        {
            "id": "kubeadm-flags-132",
            "severity": "info",
            "component": "kubeadm",
            "title": "Flags of kubeadm are gone",
            "not_covered": (
                "They are options on command lines of your own automation, which are not to be seen on a cluster."
            ),
            "why": "--experimental-output and some flags of kubeadm upgrade are refused.",
            "fix": "Use --output, and an UpgradeConfiguration, in your own automation.",
            "source": "CHANGELOG-1.32 (kubernetes/kubernetes#126914)",
        },
        {
            "id": "cloud-provider-kcm",
            "severity": "blocker",
            "component": "kube-controller-manager",
            "title": "kube-controller-manager has no cloud controllers any more",
            "detect": {
                "flags": {
                    "kube-controller-manager": ["cloud-provider=(?!external$).+"],
                }
            },
            "why": (
                "A --cloud-provider other than external is invalid, and the controllers of services, nodes "
                "and routes are gone from it."
            ),
            "fix": ("Install the external cloud controller manager, and set --cloud-provider=external or nothing."),
            "source": "CHANGELOG-1.32 (kubernetes/kubernetes#128197)",
        },
        {
            "id": "gates-132",
            "severity": "blocker",
            "component": "feature gates",
            "title": "A feature gate that is in use is no longer known",
            "detect": {
                "feature_gates": [
                    "HPAContainerMetrics",
                    "ValidatingAdmissionPolicy",
                    "CloudDualStackNodeIPs",
                    "LegacyServiceAccountTokenCleanUp",
                    "MinDomainsInPodTopologySpread",
                    "NewVolumeManagerReconstruction",
                    "NodeOutOfServiceVolumeDetach",
                    "StableLoadBalancerNodeSet",
                    "ZeroLimitedNominalConcurrencyShares",
                    "ServerSideApply",
                    "ServerSideFieldValidation",
                    "KMSv2KDF",
                    "PodHostIPs",
                ],
            },
            "why": "A component that is started with a feature gate it does not know exits at once.",
            "fix": (
                "Remove the gate from the place shown. The feature itself has become a fixed part of "
                "Kubernetes, or is gone."
            ),
            "source": "CHANGELOG-1.32",
        },
    ],
}
