# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.34: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.34",
    "calendar": {
        "release": "2025-08-27",
        "maintenance": "2026-08-27",
        "end_of_life": "2026-10-27",
        "latest": "1.34.11",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.6.5-0",
        "coredns": "v1.12.1",
        "pause": "3.10.1",
        "min_external_etcd": "3.5.24-0",
        "kubeadm_max_kubelet_skew": 3,
        "read_at": "v1.34.4",
        "note": ("latest patch is 1.34.11, constants read at 1.34.4 only; kubeadm 1.35.8 maps 1.34 to 3.6.6-0"),
        "source": "kubernetes/kubernetes@v1.34.4:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "admissionregistration.k8s.io/v1beta1 ValidatingAdmissionPolicy",
            "resource": "validatingadmissionpolicies",
            "replacement": "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy",
            "deprecated_in": "1.31",
            "served_by_default": False,
        },
        {
            "api": "admissionregistration.k8s.io/v1beta1 ValidatingAdmissionPolicyBinding",
            "resource": "validatingadmissionpolicybindings",
            "replacement": "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding",
            "deprecated_in": "1.31",
            "served_by_default": False,
        },
        {
            "api": "resource.k8s.io/v1alpha3 DeviceClass",
            "resource": "deviceclasses",
            "replacement": "resource.k8s.io/v1beta1 DeviceClass",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after. Its lifecycle marker says 1.37; the type went earlier."
            ),
            "source": "k8s.io/api@kubernetes-1.33.0:resource/v1alpha3/zz_generated.prerelease-lifecycle.go",
        },
        {
            "api": "resource.k8s.io/v1alpha3 ResourceClaim",
            "resource": "resourceclaims",
            "replacement": "resource.k8s.io/v1beta1 ResourceClaim",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after. Its lifecycle marker says 1.37; the type went earlier."
            ),
            "source": "k8s.io/api@kubernetes-1.33.0:resource/v1alpha3/zz_generated.prerelease-lifecycle.go",
        },
        {
            "api": "resource.k8s.io/v1alpha3 ResourceClaimTemplate",
            "resource": "resourceclaimtemplates",
            "replacement": "resource.k8s.io/v1beta1 ResourceClaimTemplate",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after. Its lifecycle marker says 1.37; the type went earlier."
            ),
            "source": "k8s.io/api@kubernetes-1.33.0:resource/v1alpha3/zz_generated.prerelease-lifecycle.go",
        },
        {
            "api": "resource.k8s.io/v1alpha3 ResourceSlice",
            "resource": "resourceslices",
            "replacement": "resource.k8s.io/v1beta1 ResourceSlice",
            "served_by_default": False,
            "kind_survives": False,
            "note": (
                "Objects stored in the old form cannot be read after: delete them before the hop, create them "
                "again after. Its lifecycle marker says 1.37; the type went earlier."
            ),
            "source": "k8s.io/api@kubernetes-1.33.0:resource/v1alpha3/zz_generated.prerelease-lifecycle.go",
        },
    ],
    "config_apis": [],
    "breakers": [
        {
            "id": "etcd-36",
            "severity": "blocker",
            "component": "etcd",
            "title": "etcd goes to 3.6, and wants members of a late 3.5 patch",
            "covered_by": "The etcd check looks at every hop's etcd versions and at the members.",
            "why": (
                "Members of an early 3.5 patch may leave learners or removed members behind that break the "
                "cluster. kubeadm 1.33.13 ships 3.5.24; etcd asks for 3.5.32 or newer."
            ),
            "fix": (
                "Set etcd.local.imageTag to a late 3.5 patch, upgrade within the present minor, then clear the tag."
            ),
            "source": "etcd.io docs v3.6, upgrade_3_6; etcd blog 2025-12-21; kubernetes/kubeadm#3247",
        },
        {
            "id": "kubelet-flags-134",
            "severity": "blocker",
            "component": "kubelet",
            "title": "Flags of kubelet are gone",
            "detect": {
                "gone_flags": {
                    "kubelet": ["cloud-config", "register-schedulable"],
                }
            },
            "why": "kubelet exits when it is started with --cloud-config or --register-schedulable.",
            "fix": (
                "Remove them from /etc/default/kubelet, /etc/sysconfig/kubelet or kubelet's systemd drop-in; "
                "for the second use registerWithTaints."
            ),
            "source": "CHANGELOG-1.34 (kubernetes/kubernetes#130161, kubernetes/kubernetes#122384)",
        },
        {
            "id": "static-pod-refs",
            "severity": "warning",
            "component": "kubelet",
            "title": "Static pods that refer to API objects are refused",
            "not_covered": "Of static pods the image and flags are read, not the references.",
            "why": (
                "A static pod that names a ServiceAccount, Secret, ConfigMap or claim does not start. "
                "kubeadm's own do not."
            ),
            "fix": "Use files of the host instead (hostPath).",
            "source": "CHANGELOG-1.34 (kubernetes/kubernetes#131837)",
        },
        {
            "id": "probe-port",
            "severity": "info",
            "component": "kubeadm",
            "title": "Probes of the static pods use a named port",
            "detect": {"patches": True},
            "partly": "That there are patches is looked at, what they patch is not.",
            "why": (
                "Patches of kubeadm's that change the port of a probe must change the container port probe-port too."
            ),
            "fix": "Look through the patches in the folder shown.",
            "source": "CHANGELOG-1.34 (kubernetes/kubernetes#132776)",
        },
        {
            "id": "dra-v1alpha3",
            "severity": "warning",
            "component": "API",
            "title": "Of resource.k8s.io/v1alpha3 only DeviceTaintRule is left",
            "covered_by": "The check of removed APIs looks for its users.",
            "why": "Objects that were stored in this version by 1.31 cannot be read after.",
            "fix": "Delete them before this hop, and create them again after it.",
            "source": "CHANGELOG-1.34",
        },
        {
            "id": "node-local-cri-socket",
            "severity": "info",
            "component": "kubeadm",
            "title": ("The runtime's socket is kept in instance-config.yaml, no longer in the Node's annotation"),
            "not_covered": "Only tools of your own can be hit.",
            "why": "Tools that read the annotation kubeadm.alpha.kubernetes.io/cri-socket find nothing.",
            "fix": "Read /var/lib/kubelet/instance-config.yaml.",
            "source": "CHANGELOG-1.34",
        },
        {
            "id": "apparmor-annotations",
            "severity": "info",
            "component": "workloads",
            "title": "AppArmor fields are no longer copied to annotations",
            "not_covered": "Only programs that read annotations can be hit, and they are not to be seen.",
            "why": ("Programs that read container.apparmor.security.beta.kubernetes.io find nothing on new pods."),
            "fix": "Read securityContext.appArmorProfile.",
            "source": "CHANGELOG-1.34 (kubernetes/kubernetes#131989)",
        },
        {
            "id": "vap-v1beta1",
            "severity": "warning",
            "component": "API",
            "title": "ValidatingAdmissionPolicy v1beta1 is no longer served",
            "covered_by": "The check of removed APIs looks for its users.",
            "why": "Requests to it fail.",
            "fix": "Use admissionregistration.k8s.io/v1.",
            "source": "k8s.io/api admissionregistration/v1beta1/zz_generated.prerelease-lifecycle.go",
        },
        {
            "id": "metrics-134",
            "severity": "info",
            "component": "observability",
            "title": "Labels of etcd and cache metrics are renamed",
            "not_covered": "Dashboards and alerts are outside of the cluster's facts.",
            "why": (
                "Dashboards and alerts that use resource_prefix or type show nothing: the labels are group "
                "and resource now."
            ),
            "fix": "Rewrite the queries.",
            "source": "CHANGELOG-1.34",
        },
        {
            "id": "gates-134",
            "severity": "blocker",
            "component": "feature gates",
            "title": "A feature gate that is in use is no longer known",
            "detect": {"feature_gates": ["DevicePluginCDIDevices", "PodDisruptionConditions"]},
            "why": "A component that is started with a feature gate it does not know exits at once.",
            "fix": (
                "Remove the gate from the place shown. The feature itself has become a fixed part of "
                "Kubernetes, or is gone."
            ),
            "source": "CHANGELOG-1.34",
        },
    ],
}
