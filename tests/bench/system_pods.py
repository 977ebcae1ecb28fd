# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kubeadm leaves in kube-system: the control plane's static pods as kubelets mirror them, add-ons, ConfigMaps.

As of kubeadm 1.24. Objects are (path of the collection, object, status to give it after), as in crowd.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Object = dict[str, Any]
Write = tuple[str, Object, "Object | None"]

VERSION = "v1.24.17"
CONTROL_PLANES = 3  # the first nodes
_DNS_PODS = 2  # on the first nodes, where kubeadm's own come up
_ETCD = "3.5.6-0"
_CORE, _APPS = "/api/v1/namespaces/kube-system", "/apis/apps/v1/namespaces/kube-system"
_REGISTRY = "registry.k8s.io"
_COMPONENTS = {
    "kube-apiserver": (VERSION, 6443, "250m"),
    "kube-controller-manager": (VERSION, 10257, "200m"),
    "kube-scheduler": (VERSION, 10259, "100m"),
    "etcd": (_ETCD, 2381, "100m"),
}
_REPLICA_SET = "coredns-6d4b75cb6d"
_CONFIG_MAPS = {
    "kubeadm-config": (
        "ClusterConfiguration",
        f"""\
apiServer:
  extraArgs:
    authorization-mode: Node,RBAC
  timeoutForControlPlane: 4m0s
apiVersion: kubeadm.k8s.io/v1beta3
certificatesDir: /etc/kubernetes/pki
clusterName: bench
controlPlaneEndpoint: api.bench:6443
controllerManager: {{}}
dns: {{}}
etcd:
  local:
    dataDir: /var/lib/etcd
imageRepository: {_REGISTRY}
kind: ClusterConfiguration
kubernetesVersion: {VERSION}
networking:
  dnsDomain: cluster.local
  podSubnet: 10.244.0.0/16
  serviceSubnet: 10.96.0.0/16
scheduler: {{}}
""",
    ),
    "kubelet-config": (
        "kubelet",
        """\
apiVersion: kubelet.config.k8s.io/v1beta1
cgroupDriver: systemd
clusterDNS:
- 10.96.0.10
clusterDomain: cluster.local
kind: KubeletConfiguration
rotateCertificates: true
staticPodPath: /etc/kubernetes/manifests
""",
    ),
    "kube-proxy": (
        "config.conf",
        """\
apiVersion: kubeproxy.config.k8s.io/v1alpha1
clusterCIDR: 10.244.0.0/16
kind: KubeProxyConfiguration
mode: ""
""",
    ),
    "coredns": (
        "Corefile",
        """\
.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf
    cache 30
    loop
    reload
    loadbalance
}
""",
    ),
}
_EVERYWHERE = [{"operator": "Exists"}]
_DNS_TOLERATIONS = [
    {"key": "CriticalAddonsOnly", "operator": "Exists"},
    {"key": "node-role.kubernetes.io/master", "effect": "NoSchedule"},
    {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
]


def count(nodes: int) -> int:
    """How many pods of_node() makes of so many nodes."""
    return nodes + min(nodes, CONTROL_PLANES) * len(_COMPONENTS) + min(nodes, _DNS_PODS)


def configuration() -> Iterator[Write]:
    """The namespace, and kubeadm's ConfigMaps."""
    yield "/api/v1/namespaces", {"metadata": {"name": "kube-system"}}, None
    for name, (key, text) in _CONFIG_MAPS.items():
        yield f"{_CORE}/configmaps", {"metadata": _meta(name), "data": {key: text}}, None


def addons(nodes: int) -> Iterator[Write]:
    """The DaemonSet of kube-proxy and the Deployment of CoreDNS; made again, their counts are brought up to date."""
    for kind, name, app, spec, status in (
        ("daemonsets", "kube-proxy", "kube-proxy", _proxy_spec(), {
            "currentNumberScheduled": nodes, "desiredNumberScheduled": nodes, "numberReady": nodes,
            "numberMisscheduled": 0, "numberAvailable": nodes, "updatedNumberScheduled": nodes,
        }),
        ("deployments", "coredns", "kube-dns", _dns_spec(), {
            "replicas": _DNS_PODS, "readyReplicas": _DNS_PODS, "updatedReplicas": _DNS_PODS,
        }),
    ):  # fmt: skip
        labels = {"k8s-app": app}
        template = {"metadata": {"labels": labels}, "spec": spec}
        body: Object = {"selector": {"matchLabels": labels}, "template": template}
        if kind == "deployments":
            body["replicas"] = _DNS_PODS
        yield f"{_APPS}/{kind}", {"metadata": _meta(name, labels), "spec": body}, status


def of_node(number: int, node: str) -> Iterator[Write]:
    """kube-proxy's pod; on the first nodes the control plane, and CoreDNS."""
    proxy = {**_proxy_spec(), "affinity": _pinned(node)}
    yield _pod(f"kube-proxy-{number:05}", {"k8s-app": "kube-proxy"}, proxy, node, ("DaemonSet", "kube-proxy"))
    if number < CONTROL_PLANES:
        for component in _COMPONENTS:
            yield _mirror(component, node)
    if number < _DNS_PODS:
        labels = {"k8s-app": "kube-dns", "pod-template-hash": _REPLICA_SET.rpartition("-")[2]}
        yield _pod(f"{_REPLICA_SET}-{number:05}", labels, _dns_spec(), node, ("ReplicaSet", _REPLICA_SET))


def _mirror(component: str, node: str) -> Write:
    path, body, status = _pod(
        f"{component}-{node}",
        {"component": component, "tier": "control-plane"},
        _static_spec(component),
        node,
        ("Node", node),
    )
    digest = f"{sum(component.encode()):032x}"
    body["metadata"]["annotations"] = {
        "kubernetes.io/config.hash": digest,
        "kubernetes.io/config.mirror": digest,
        "kubernetes.io/config.seen": "2026-01-01T00:00:00.000000000Z",
        "kubernetes.io/config.source": "file",
    }
    return path, body, status


def _pod(name: str, labels: dict[str, str], spec: Object, node: str, owner: tuple[str, str]) -> Write:
    kind, of = owner
    reference = {
        "apiVersion": "v1" if kind == "Node" else "apps/v1", "kind": kind, "name": of, "controller": True,
        "uid": "00000000-0000-4000-8000-000000000000",
    }  # fmt: skip
    statuses = [
        {
            "name": c["name"], "image": c["image"], "imageID": f"{c['image']}@sha256:{1:064}", "ready": True,
            "started": True, "restartCount": 0, "containerID": f"containerd://{1:064}",
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
        }
        for c in spec["containers"]
    ]  # fmt: skip
    status = {
        "phase": "Running",
        "startTime": "2026-01-01T00:00:00Z",
        "conditions": [
            {"type": kind, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
            for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")
        ],
        "containerStatuses": statuses,
    }
    meta = {**_meta(name, labels), "ownerReferences": [reference]}
    return f"{_CORE}/pods", {"metadata": meta, "spec": {**spec, "nodeName": node}}, status


def _static_spec(component: str) -> Object:
    tag, port, cpu = _COMPONENTS[component]
    probe = {"httpGet": {"host": "127.0.0.1", "path": "/healthz", "port": port, "scheme": "HTTPS"}, "periodSeconds": 10}
    container = {
        "name": component,
        "image": f"{_REGISTRY}/{component}:{tag}",
        "command": [component, *(f"--a-flag-of-the-usual-length-{i}=/etc/kubernetes/pki/{i}.crt" for i in range(25))],
        "resources": {"requests": {"cpu": cpu, "memory": "100Mi"}},
        "livenessProbe": probe,
        "startupProbe": probe,
        "volumeMounts": [{"name": "pki", "mountPath": "/etc/kubernetes/pki"}],
    }
    return {
        "containers": [container],
        "hostNetwork": True,
        "priorityClassName": "system-node-critical",
        "tolerations": [{"effect": "NoExecute", "operator": "Exists"}],
        "volumes": [{"name": "pki", "hostPath": {"path": "/etc/kubernetes/pki", "type": "DirectoryOrCreate"}}],
    }


def _proxy_spec() -> Object:
    container = {
        "name": "kube-proxy",
        "image": f"{_REGISTRY}/kube-proxy:{VERSION}",
        "command": ["/usr/local/bin/kube-proxy", "--config=/var/lib/kube-proxy/config.conf"],
        "env": [{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
        "securityContext": {"privileged": True},
        "volumeMounts": [
            {"name": "kube-proxy", "mountPath": "/var/lib/kube-proxy"},
            {"name": "modules", "mountPath": "/lib/modules", "readOnly": True},
        ],
    }
    return {
        "containers": [container],
        "hostNetwork": True,
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "priorityClassName": "system-node-critical",
        "tolerations": _EVERYWHERE,
        "volumes": [
            {"name": "kube-proxy", "configMap": {"name": "kube-proxy"}},
            {"name": "modules", "hostPath": {"path": "/lib/modules"}},
        ],
    }


def _dns_spec() -> Object:
    container = {
        "name": "coredns",
        "image": f"{_REGISTRY}/coredns/coredns:v1.8.6",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [{"containerPort": 53, "name": "dns", "protocol": "UDP"}],
        "resources": {"requests": {"cpu": "100m", "memory": "70Mi"}, "limits": {"memory": "170Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}},
        "volumeMounts": [{"name": "config-volume", "mountPath": "/etc/coredns", "readOnly": True}],
    }
    return {
        "containers": [container],
        "dnsPolicy": "Default",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "priorityClassName": "system-cluster-critical",
        "tolerations": _DNS_TOLERATIONS,
        "volumes": [{"name": "config-volume", "configMap": {"name": "coredns"}}],
    }


def _pinned(node: str) -> Object:
    """What the DaemonSet controller adds to a pod, so that the scheduler puts it where it belongs."""
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    terms = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}


def _meta(name: str, labels: dict[str, str] | None = None) -> Object:
    return {"name": name, "namespace": "kube-system", **({"labels": labels} if labels else {})}
