# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.24: what it ships, what it removes, what breaks. docs/knowledge.md explains the fields."""

from __future__ import annotations

import typing as t

MINOR: dict[str, t.Any] = {
    "minor": "1.24",
    "calendar": {
        "release": "2022-05-03",
        "maintenance": "2023-05-28",
        "end_of_life": "2023-07-28",
        "latest": "1.24.17",
        "source": "endoflife.date products/kubernetes.md@a70eca3 (2026-08-22)",
    },
    "components": {
        "etcd": "3.5.6-0",
        "coredns": "v1.8.6",
        "pause": "3.7",
        "min_external_etcd": "3.2.18",
        "kubeadm_max_kubelet_skew": 1,
        "read_at": "v1.24.17",
        "source": "kubernetes/kubernetes@v1.24.17:cmd/kubeadm/app/constants/constants.go",
    },
    "removed_apis": [
        {
            "api": "node.k8s.io/v1alpha1 RuntimeClass",
            "resource": "runtimeclasses",
            "replacement": "node.k8s.io/v1 RuntimeClass",
            "served_by_default": False,
            "source": "CHANGELOG-1.24 (kubernetes/kubernetes#103061)",
        },
        {
            "api": "storage.k8s.io/v1alpha1 CSIStorageCapacity",
            "resource": "csistoragecapacities",
            "replacement": "storage.k8s.io/v1beta1 CSIStorageCapacity",
            "deprecated_in": "1.21",
            "served_by_default": False,
        },
        {
            "api": "storage.k8s.io/v1alpha1 VolumeAttachment",
            "resource": "volumeattachments",
            "replacement": "storage.k8s.io/v1 VolumeAttachment",
            "deprecated_in": "1.21",
            "served_by_default": False,
        },
    ],
    "config_apis": [
        {
            "api": "audit.k8s.io/v1alpha1",
            "replacement": "audit.k8s.io/v1 (policy file and webhook/log version flags)",
            "source": "CHANGELOG-1.24",
        },
        {"api": "audit.k8s.io/v1beta1", "replacement": "audit.k8s.io/v1", "source": "CHANGELOG-1.24"},
        {
            "api": "client.authentication.k8s.io/v1alpha1",
            "replacement": "v1beta1 or v1 (exec plugins in kubeconfig files)",
            "source": "CHANGELOG-1.24",
        },
    ],
    "breakers": [
        {
            "id": "dockershim",
            "severity": "blocker",
            "component": "container runtime",
            "title": "The node's kubelet runs containers through dockershim",
            "detect": {"dockershim": True},
            "why": "kubelet of this minor has no dockershim, and does not start.",
            "fix": (
                "Drain the node, move it to containerd, CRI-O or cri-dockerd, and set the "
                "kubeadm.alpha.kubernetes.io/cri-socket annotation, before this hop."
            ),
            "source": "CHANGELOG-1.24; kubernetes.io blog 2022-03-31, ready for dockershim removal",
        },
        {
            "id": "dockershim-flags",
            "severity": "blocker",
            "component": "kubelet",
            "title": "kubelet is started with flags of dockershim",
            "detect": {
                "gone_flags": {
                    "kubelet": [
                        "network-plugin",
                        "cni-conf-dir",
                        "cni-bin-dir",
                        "cni-cache-dir",
                        "network-plugin-mtu",
                        "docker-endpoint",
                        "image-pull-progress-deadline",
                        "experimental-dockershim-root-directory",
                        "non-masquerade-cidr",
                    ],
                },
            },
            "why": "kubelet of this minor does not know them, and exits.",
            "fix": ("Remove them from /etc/default/kubelet, /etc/sysconfig/kubelet or kubelet's systemd drop-in."),
            "source": "CHANGELOG-1.24",
        },
        {
            "id": "cri-socket-scheme",
            "severity": "info",
            "component": "kubeadm",
            "title": "The container runtime's socket is named without unix://",
            "detect": {"cri_socket_without_scheme": True},
            "why": (
                "The bare path is deprecated. kubeadm of the later 1.24 patches writes unix:// into "
                "annotation and kubelet flags by itself."
            ),
            "fix": (
                "Nothing, if kubeadm does it. Else: kubectl annotate node NODE --overwrite "
                "kubeadm.alpha.kubernetes.io/cri-socket=unix:///run/containerd/containerd.sock."
            ),
            "source": "CHANGELOG-1.24 (kubernetes/kubernetes#110634)",
        },
        {
            "id": "master-label",
            "severity": "warning",
            "component": "workloads",
            "title": "Pods look for control planes by their old label or taint",
            "detect": {
                "node_selector": "node-role.kubernetes.io/master",
                "toleration_only": {
                    "key": "node-role.kubernetes.io/master",
                    "without": "node-role.kubernetes.io/control-plane",
                },
            },
            "why": (
                "kubeadm removes the label node-role.kubernetes.io/master and adds the taint "
                "node-role.kubernetes.io/control-plane. Pods that select the label stay Pending, and "
                "tolerating the old taint alone is not enough."
            ),
            "fix": ("Select node-role.kubernetes.io/control-plane, and tolerate both taints until the hop is done."),
            "source": "CHANGELOG-1.24 (kubernetes/kubernetes#107533)",
        },
        {
            "id": "sa-token-secrets",
            "severity": "info",
            "component": "workloads",
            "title": "New ServiceAccounts get no token Secret",
            "not_covered": "Only automation outside of the cluster can be hit, and it is not to be seen.",
            "why": (
                "Automation that reads the first entry of a ServiceAccount's secrets finds none. Secrets that "
                "exist stay."
            ),
            "fix": (
                "Ask for a token (kubectl create token), or make a Secret of type kubernetes.io/service-account-token."
            ),
            "source": "CHANGELOG-1.24",
        },
        {
            "id": "apiserver-flags-124",
            "severity": "blocker",
            "component": "API server",
            "title": "Flags of kube-apiserver or kube-controller-manager are gone",
            "detect": {
                "gone_flags": {
                    "kube-apiserver": [
                        "insecure-port",
                        "insecure-bind-address",
                        "port",
                        "address",
                        "experimental-encryption-provider-config",
                        "target-ram-mb",
                    ],
                    "kube-controller-manager": ["port", "address"],
                    "kube-scheduler": ["port", "address"],
                },
            },
            "why": (
                "A component that is started with a flag it does not know exits, and the control plane does "
                "not come up."
            ),
            "fix": (
                "Remove the flag from extraArgs in the kubeadm-config ConfigMap, and from your patches; "
                "--experimental-encryption-provider-config is now --encryption-provider-config."
            ),
            "source": "CHANGELOG-1.24 (kubernetes/kubernetes#108423, kubernetes/kubernetes#108457)",
        },
        {
            "id": "csi-staging-path",
            "severity": "blocker",
            "component": "kubelet",
            "title": "The path where CSI volumes are staged changes",
            "covered_by": "The plan keeps to it by itself: a node is drained before its kubelet is upgraded.",
            "why": ("Under a kubelet that is upgraded with CSI pods on its node, volumes are not unmounted rightly."),
            "fix": "Drain the node before its kubelet is upgraded.",
            "source": "CHANGELOG-1.24 (kubernetes/kubernetes#107065)",
        },
        {
            "id": "unversioned-kubelet-cm",
            "severity": "info",
            "component": "kubeadm",
            "title": "The kubelet-config ConfigMap has no version in its name any more",
            "not_covered": "Only tools outside of the cluster can be hit; kubeadm moves the ConfigMap by itself.",
            "why": "Tools that read kubelet-config-1.23 and the like find nothing.",
            "fix": "Read kube-system/kubelet-config.",
            "source": "CHANGELOG-1.24",
        },
        {
            "id": "beta-off",
            "severity": "info",
            "component": "API",
            "title": "New beta APIs are off",
            "not_covered": "It takes nothing away that is in use.",
            "why": (
                "A client that expects a new beta API finds it only when --runtime-config switches it on. "
                "Beta APIs from before stay on."
            ),
            "fix": "Switch on what you need with --runtime-config.",
            "source": "KEP-3136; CHANGELOG-1.24",
        },
        {
            "id": "audit-v1beta1",
            "severity": "blocker",
            "component": "API server",
            "title": "Audit versions before audit.k8s.io/v1 are gone",
            "detect": {
                "config_api": ["audit.k8s.io/v1alpha1", "audit.k8s.io/v1beta1"],
                "flags": {"kube-apiserver": ["audit-(log|webhook)-version=audit.k8s.io/v1(alpha|beta)1"]},
            },
            "why": ("kube-apiserver exits on a policy file or a flag that names audit.k8s.io/v1alpha1 or v1beta1."),
            "fix": "Write audit.k8s.io/v1 into the policy file and the flags.",
            "source": "CHANGELOG-1.24 (kubernetes/kubernetes#108092)",
        },
        {
            "id": "exec-credential-v1alpha1",
            "severity": "warning",
            "component": "clients",
            "title": "Exec plugins of client.authentication.k8s.io/v1alpha1 are no longer called",
            "not_covered": "It is in the kubeconfig files of people and tools, which are not read.",
            "why": "Clients of this minor refuse a kubeconfig whose exec plugin speaks v1alpha1.",
            "fix": ("Write client.authentication.k8s.io/v1 into the kubeconfig, with a plugin that speaks it."),
            "source": "CHANGELOG-1.24",
        },
        {
            "id": "kubeadm-gates-124",
            "severity": "blocker",
            "component": "kubeadm",
            "title": "A feature gate of kubeadm's own is no longer known",
            "detect": {"kubeadm_feature_gates": ["IPv6DualStack"]},
            "why": (
                "Up to 1.27 kubeadm upgrade ends at a gate in the kubeadm-config ConfigMap that it does not know: "
                "«FATAL. Unable to upgrade a cluster using deprecated feature-gate flags». From 1.28 on it warns."
            ),
            "fix": (
                "Delete the gate from featureGates with kubectl -n kube-system edit configmap kubeadm-config, "
                "and from saved kubeadm files. Clusters of two address families do not need it."
            ),
            "source": (
                "kubernetes/kubernetes#106648 (1.24), #118270 (1.28); cmd/kubeadm/app/features/features.go and "
                "cmd/kubeadm/app/cmd/upgrade/common.go of 1.24.17"
            ),
        },
        {
            "id": "gates-124",
            "severity": "blocker",
            "component": "feature gates",
            "title": "A feature gate that is in use is no longer known",
            "detect": {
                "feature_gates": [
                    "ValidateProxyRedirects",
                    "StreamingProxyRedirects",
                    "SetHostnameAsFQDN",
                    "ImmutableEphemeralVolumes",
                    "NamespaceDefaultLabelName",
                ],
            },
            "why": "A component that is started with a feature gate it does not know exits at once.",
            "fix": (
                "Remove the gate from the place shown. The feature itself has become a fixed part of "
                "Kubernetes, or is gone."
            ),
            "source": "CHANGELOG-1.24; absent from pkg/features of 1.24.17",
        },
    ],
}
