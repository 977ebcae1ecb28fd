# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Add-ons that are recognised by their images, and which version fits which minor, as far as their projects say it.

A row: "name", "kind" (cni, csi, metrics, ingress, …), "image": regular expression of the image's name without registry,
tag and digest, found at its end; "compatibility": where to read what fits; "supports": {Kubernetes minor: the oldest
release that its project tests or supports on it} with "source", where that could be verified; "note".
What is not in "supports" is not known, and is to be reported as unknown. Users add rows of the same shape.
"""

from __future__ import annotations

import re
import typing as t

Row = t.Mapping[str, t.Any]

ADDONS: tuple[dict[str, t.Any], ...] = (
    {
        "name": "Calico",
        "kind": "cni",
        "image": r"calico/node",
        "compatibility": "https://docs.tigera.io/calico/latest/getting-started/kubernetes/requirements",
        "supports": {"1.35": "3.31", "1.36": "3.32", "1.37": "3.33"},
        "source": "docs.tigera.io, requirements of 3.31 (1.32 to 1.35), 3.32 (1.34 to 1.36), 3.33 (1.35 to 1.37)",
    },
    {
        "name": "Tigera operator",
        "kind": "cni",
        "image": r"tigera/operator",
        "compatibility": "https://docs.tigera.io/calico/latest/getting-started/kubernetes/requirements",
        "note": "Its version goes with that of Calico.",
    },
    {
        "name": "Cilium",
        "kind": "cni",
        "image": r"cilium/cilium(-ci)?",
        "compatibility": "https://docs.cilium.io/en/stable/network/kubernetes/compatibility/",
        "supports": {"1.33": "1.18"},
        "source": "cilium/cilium v1.18.14 Documentation/network/kubernetes/compatibility.rst (1.30 to 1.33)",
    },
    {
        "name": "Flannel",
        "kind": "cni",
        "image": r"(flannel-io|flannelcni|coreos|flannel)/flannel",
        "compatibility": "https://github.com/flannel-io/flannel",
    },
    {
        "name": "Weave Net",
        "kind": "cni",
        "image": r"weaveworks/weave-kube",
        "compatibility": "https://github.com/weaveworks/weave",
        "note": "Its project is archived: there are no new releases.",
    },
    {
        "name": "kube-router",
        "kind": "cni",
        "image": r"cloudnativelabs/kube-router",
        "compatibility": "https://github.com/cloudnativelabs/kube-router",
    },
    {
        "name": "Antrea",
        "kind": "cni",
        "image": r"antrea/antrea(-agent)?(-ubuntu|-ubi)?",
        "compatibility": "https://antrea.io/docs/main/docs/versioning/",
    },
    {
        "name": "OVN-Kubernetes",
        "kind": "cni",
        "image": r"ovn-kube(rnetes)?-?[a-z]*",
        "compatibility": "https://ovn-kubernetes.io/",
    },
    {
        "name": "Kube-OVN",
        "kind": "cni",
        "image": r"kubeovn/kube-ovn",
        "compatibility": "https://kubeovn.github.io/docs/stable/en/start/prepare/",
    },
    {
        "name": "Multus",
        "kind": "cni",
        "image": r"multus-cni(/multus)?|k8snetworkplumbingwg/multus-cni|nfvpe/multus",
        "compatibility": "https://github.com/k8snetworkplumbingwg/multus-cni",
    },
    {
        "name": "AWS EBS CSI driver",
        "kind": "csi",
        "image": r"aws-ebs-csi-driver",
        "compatibility": "https://github.com/kubernetes-sigs/aws-ebs-csi-driver",
    },
    {
        "name": "Azure disk CSI driver",
        "kind": "csi",
        "image": r"azuredisk-csi",
        "compatibility": "https://github.com/kubernetes-sigs/azuredisk-csi-driver",
    },
    {
        "name": "vSphere CSI driver",
        "kind": "csi",
        "image": r"csi-vsphere(/driver)?|cloud-pv-vsphere/.*|vsphere-csi-driver(/.*)?",
        "compatibility": "https://github.com/kubernetes-sigs/vsphere-csi-driver",
    },
    {
        "name": "OpenStack Cinder CSI driver",
        "kind": "csi",
        "image": r"cinder-csi-plugin",
        "compatibility": "https://github.com/kubernetes/cloud-provider-openstack",
    },
    {
        "name": "ceph-csi",
        "kind": "csi",
        "image": r"cephcsi/cephcsi",
        "compatibility": "https://github.com/ceph/ceph-csi#known-to-work-co-platforms",
    },
    {
        "name": "NFS CSI driver",
        "kind": "csi",
        "image": r"sig-storage/nfsplugin",
        "compatibility": "https://github.com/kubernetes-csi/csi-driver-nfs",
    },
    {
        "name": "Longhorn",
        "kind": "csi",
        "image": r"longhornio/longhorn-manager",
        "compatibility": "https://longhorn.io/docs/latest/best-practices/",
    },
    {
        "name": "Rook",
        "kind": "csi",
        "image": r"rook/ceph",
        "compatibility": "https://rook.io/docs/rook/latest/Getting-Started/Prerequisites/prerequisites/",
    },
    {
        "name": "OpenEBS",
        "kind": "csi",
        "image": r"openebs/[a-z-]+",
        "compatibility": "https://openebs.io/docs/",
    },
    {
        "name": "Portworx",
        "kind": "csi",
        "image": r"portworx/(oci-monitor|px-enterprise|px-operator)",
        "compatibility": "https://docs.portworx.com/",
    },
    {
        "name": "metrics-server",
        "kind": "metrics",
        "image": r"metrics-server(/metrics-server)?",
        "compatibility": "https://github.com/kubernetes-sigs/metrics-server#compatibility-matrix",
    },
    {
        "name": "kube-state-metrics",
        "kind": "metrics",
        "image": r"kube-state-metrics(/kube-state-metrics)?",
        "compatibility": "https://github.com/kubernetes/kube-state-metrics#compatibility-matrix",
    },
    {
        "name": "Prometheus Operator",
        "kind": "metrics",
        "image": r"prometheus-operator/prometheus-operator",
        "compatibility": "https://prometheus-operator.dev/docs/getting-started/compatibility/",
    },
    {
        "name": "Prometheus Adapter",
        "kind": "metrics",
        "image": r"prometheus-adapter(/prometheus-adapter)?",
        "compatibility": "https://github.com/kubernetes-sigs/prometheus-adapter#compatibility-matrix",
    },
    {
        "name": "ingress-nginx",
        "kind": "ingress",
        "image": r"ingress-nginx/controller(-chroot)?|nginx-ingress-controller",
        "compatibility": "https://github.com/kubernetes/ingress-nginx#supported-versions-table",
        "supports": {
            "1.22": "1.0.0",
            "1.23": "1.1.3",
            "1.24": "1.3.0",
            "1.25": "1.4.0",
            "1.26": "1.6.4",
            "1.27": "1.7.1",
            "1.28": "1.9.0",
            "1.29": "1.9.6",
            "1.30": "1.10.1",
        },
        "source": "kubernetes/ingress-nginx README, supported versions, of 1.7.1 and 1.11.0",
        "note": "Its project ended in March 2026: it gets no fixes any more.",
    },
    {
        "name": "Traefik",
        "kind": "ingress",
        "image": r"(library/)?traefik(/traefik)?",
        "compatibility": "https://doc.traefik.io/traefik/",
    },
    {
        "name": "Contour",
        "kind": "ingress",
        "image": r"projectcontour/contour",
        "compatibility": "https://projectcontour.io/resources/compatibility-matrix/",
    },
    {
        "name": "HAProxy ingress",
        "kind": "ingress",
        "image": r"haproxytech/kubernetes-ingress|jcmoraisjr/haproxy-ingress",
        "compatibility": "https://www.haproxy.com/documentation/kubernetes-ingress/",
    },
    {
        "name": "Istio",
        "kind": "mesh",
        "image": r"istio/pilot",
        "compatibility": "https://istio.io/latest/docs/releases/supported-releases/",
    },
    {
        "name": "Linkerd",
        "kind": "mesh",
        "image": r"linkerd/controller",
        "compatibility": "https://linkerd.io/releases/",
    },
    {
        "name": "cert-manager",
        "kind": "certificates",
        "image": r"cert-manager-controller",
        "compatibility": "https://cert-manager.io/docs/releases/",
        "supports": {"1.22": "1.5", "1.34": "1.19", "1.35": "1.19", "1.36": "1.21"},
        "source": "cert-manager.io supported releases: 1.18 (1.29 to 1.33), 1.19 and 1.20 (to 1.35), 1.21 (to 1.36)",
    },
    {
        "name": "cluster-autoscaler",
        "kind": "autoscaler",
        "image": r"autoscaling/cluster-autoscaler(-[a-z0-9]+)?",
        "compatibility": "https://github.com/kubernetes/autoscaler/tree/master/cluster-autoscaler#releases",
        "note": "Its project recommends the release of the same minor as the cluster.",
    },
    {
        "name": "Karpenter",
        "kind": "autoscaler",
        "image": r"karpenter(/controller)?",
        "compatibility": "https://karpenter.sh/docs/upgrading/compatibility/",
        "supports": {"1.33": "1.5", "1.34": "1.6", "1.35": "1.9"},
        "source": "endoflife.date api/karpenter.json (2026-04)",
    },
    {
        "name": "KEDA",
        "kind": "autoscaler",
        "image": r"kedacore/keda",
        "compatibility": "https://keda.sh/docs/latest/operate/cluster/",
    },
    {
        "name": "Vertical Pod Autoscaler",
        "kind": "autoscaler",
        "image": r"autoscaling/vpa-admission-controller",
        "compatibility": "https://github.com/kubernetes/autoscaler/tree/master/vertical-pod-autoscaler",
    },
    {
        "name": "external-dns",
        "kind": "dns",
        "image": r"external-dns(/external-dns)?",
        "compatibility": "https://github.com/kubernetes-sigs/external-dns#kubernetes-version-compatibility",
    },
    {
        "name": "NodeLocal DNSCache",
        "kind": "dns",
        "image": r"k8s-dns-node-cache",
        "compatibility": "https://kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/",
    },
    {
        "name": "Argo CD",
        "kind": "gitops",
        "image": r"argoproj/argocd",
        "compatibility": "https://argo-cd.readthedocs.io/en/stable/operator-manual/tested-kubernetes-versions/",
    },
    {
        "name": "Flux",
        "kind": "gitops",
        "image": r"fluxcd/(source|kustomize|helm)-controller",
        "compatibility": "https://fluxcd.io/flux/installation/#prerequisites",
    },
    {
        "name": "Velero",
        "kind": "backup",
        "image": r"velero/velero",
        "compatibility": "https://github.com/vmware-tanzu/velero#velero-compatibility-matrix",
    },
    {
        "name": "MetalLB",
        "kind": "load balancer",
        "image": r"metallb/(speaker|controller)",
        "compatibility": "https://metallb.io/#requirements",
    },
    {
        "name": "kube-vip",
        "kind": "load balancer",
        "image": r"kube-vip/kube-vip(-iptables)?",
        "compatibility": "https://kube-vip.io/",
    },
    {
        "name": "OPA Gatekeeper",
        "kind": "policy",
        "image": r"openpolicyagent/gatekeeper",
        "compatibility": "https://open-policy-agent.github.io/gatekeeper/website/docs/install/",
    },
    {
        "name": "Kyverno",
        "kind": "policy",
        "image": r"kyverno/kyverno",
        "compatibility": "https://kyverno.io/docs/installation/#compatibility-matrix",
    },
    {
        "name": "Node Feature Discovery",
        "kind": "nodes",
        "image": r"nfd/node-feature-discovery",
        "compatibility": "https://kubernetes-sigs.github.io/node-feature-discovery/",
    },
    {
        "name": "NVIDIA GPU operator",
        "kind": "nodes",
        "image": r"nvidia/gpu-operator",
        "compatibility": "https://docs.nvidia.com/datacenter/cloud-native/gpu-operator/latest/platform-support.html",
    },
    {
        "name": "kured",
        "kind": "nodes",
        "image": r"kubereboot/kured|weaveworks/kured",
        "compatibility": "https://kured.dev/docs/installation/",
    },
)

VERSION = re.compile(r"v?(\d+(?:\.\d+)+)")


def recognise(image: str, more: t.Sequence[Row] = ()) -> tuple[Row, str | None] | None:
    """The row of an image ("quay.io/calico/node:v3.31.2"), and its version ("3.31.2", or None when the tag has none).

    more: rows of the user's own, which come first. None for an image that no row knows.
    """
    name, tag = _name_and_tag(image)
    for row in (*more, *ADDONS):
        if re.search(rf"(^|/)(?:{row['image']})$", name):
            version = VERSION.match(tag)
            return row, version[1] if version else None
    return None


def fits(row: Row, version: str | None, minor: str) -> bool | None:
    """Whether a version is one that its project says to fit a minor; None when that is not known."""
    oldest = (row.get("supports") or {}).get(minor)
    if oldest is None or not version:
        return None
    return _numbers(version) >= _numbers(oldest)


def _name_and_tag(image: str) -> tuple[str, str]:
    """A colon before the last slash belongs to a registry's port."""
    path = image.partition("@")[0]
    head, slash, tail = path.rpartition("/")
    name, _colon, tag = tail.partition(":")
    return head + slash + name, tag


def _numbers(version: str) -> tuple[int, ...]:
    match = VERSION.match(version)
    return tuple(int(part) for part in match[1].split(".")) if match else ()
