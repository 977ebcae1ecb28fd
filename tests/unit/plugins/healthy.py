# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small healthy cluster that is to go from 1.24 to 1.26, as the checks are given it. Tests make one thing bad.

One control plane (cp1) and two workers (w1, w2), made by kubeadm with its defaults; Calico; a web shop with three
replicas and a budget that lets one go. No check may call anything of it a blocker or a warning. Its day is one at which
both versions were supported, so that no calendar spoils it.
"""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Context
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan import Options, make_plan

TODAY = "2023-06-01"
VERSION = "v1.24.14"
HOPS = {"1.25": "v1.25.10", "1.26": "v1.26.5"}
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
ETCD = "3.5.6-0"
NODES = ("cp1", "w1", "w2")
GIB = 1024**3

CLUSTER_CONFIGURATION = f"""\
apiServer:
  extraArgs:
    authorization-mode: Node,RBAC
  timeoutForControlPlane: 4m0s
apiVersion: kubeadm.k8s.io/v1beta3
certificatesDir: /etc/kubernetes/pki
clusterName: kubernetes
controlPlaneEndpoint: api.example:6443
controllerManager: {{}}
dns: {{}}
etcd:
  local:
    dataDir: /var/lib/etcd
imageRepository: registry.k8s.io
kind: ClusterConfiguration
kubernetesVersion: {VERSION}
networking:
  dnsDomain: cluster.local
  podSubnet: 10.244.0.0/16
  serviceSubnet: 10.96.0.0/12
scheduler: {{}}
"""
KUBELET_CONFIGURATION = """\
apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  anonymous:
    enabled: false
  webhook:
    cacheTTL: 0s
    enabled: true
  x509:
    clientCAFile: /etc/kubernetes/pki/ca.crt
authorization:
  mode: Webhook
cgroupDriver: systemd
clusterDNS:
- 10.96.0.10
clusterDomain: cluster.local
healthzBindAddress: 127.0.0.1
healthzPort: 10248
kind: KubeletConfiguration
resolvConf: /run/systemd/resolve/resolv.conf
rotateCertificates: true
staticPodPath: /etc/kubernetes/manifests
"""
KUBE_PROXY_CONFIGURATION = """\
apiVersion: kubeproxy.config.k8s.io/v1alpha1
bindAddress: 0.0.0.0
clientConnection:
  kubeconfig: /var/lib/kube-proxy/kubeconfig.conf
clusterCIDR: 10.244.0.0/16
kind: KubeProxyConfiguration
mode: ""
"""
COREFILE = """\
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
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30
    loop
    reload
    loadbalance
}
"""
STATIC_FLAGS: dict[str, dict[str, str]] = {
    "kube-apiserver": {
        "advertise-address": "10.0.0.10",
        "allow-privileged": "true",
        "authorization-mode": "Node,RBAC",
        "client-ca-file": "/etc/kubernetes/pki/ca.crt",
        "enable-admission-plugins": "NodeRestriction",
        "enable-bootstrap-token-auth": "true",
        "etcd-cafile": "/etc/kubernetes/pki/etcd/ca.crt",
        "etcd-certfile": "/etc/kubernetes/pki/apiserver-etcd-client.crt",
        "etcd-keyfile": "/etc/kubernetes/pki/apiserver-etcd-client.key",
        "etcd-servers": "https://127.0.0.1:2379",
        "secure-port": "6443",
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-account-key-file": "/etc/kubernetes/pki/sa.pub",
        "service-account-signing-key-file": "/etc/kubernetes/pki/sa.key",
        "service-cluster-ip-range": "10.96.0.0/12",
        "tls-cert-file": "/etc/kubernetes/pki/apiserver.crt",
        "tls-private-key-file": "/etc/kubernetes/pki/apiserver.key",
    },
    "kube-controller-manager": {
        "allocate-node-cidrs": "true",
        "authentication-kubeconfig": "/etc/kubernetes/controller-manager.conf",
        "bind-address": "127.0.0.1",
        "cluster-cidr": "10.244.0.0/16",
        "controllers": "*,bootstrapsigner,tokencleaner",
        "kubeconfig": "/etc/kubernetes/controller-manager.conf",
        "leader-elect": "true",
        "use-service-account-credentials": "true",
    },
    "kube-scheduler": {
        "authentication-kubeconfig": "/etc/kubernetes/scheduler.conf",
        "bind-address": "127.0.0.1",
        "kubeconfig": "/etc/kubernetes/scheduler.conf",
        "leader-elect": "true",
    },
    "etcd": {
        "advertise-client-urls": "https://10.0.0.10:2379",
        "data-dir": "/var/lib/etcd",
        "experimental-initial-corrupt-check": "true",
        "initial-cluster": "cp1=https://10.0.0.10:2380",
        "listen-client-urls": "https://127.0.0.1:2379,https://10.0.0.10:2379",
        "name": "cp1",
        "snapshot-count": "10000",
    },
}


def healthy_facts() -> dict[str, t.Any]:
    """The cluster as cluster_info writes it (schema 2)."""
    return {
        "schema": 2,
        "server": "https://api.example:6443",
        "version": VERSION,
        "ca_fingerprints": ["ab" * 32],
        "cluster": {
            "kubernetes_version": VERSION,
            "config_api": "kubeadm.k8s.io/v1beta3",
            "image_repository": "registry.k8s.io",
            "control_plane_endpoint": "api.example:6443",
            "etcd": {"external": False, "image_tag": None},
            "dns": {"image_tag": None},
            "cluster_name": "kubernetes",
            "configuration": CLUSTER_CONFIGURATION,
        },
        "nodes": {name: _node(name, number) for number, name in enumerate(NODES)},
        "addons": {
            "kube_proxy": {"image": f"registry.k8s.io/kube-proxy:{VERSION}", "version": VERSION},
            "coredns": {"image": "registry.k8s.io/coredns/coredns:v1.8.6", "version": "v1.8.6"},
        },
        "pods": _pods(),
        "workloads": _workloads(),
        "pdbs": [
            {
                "ns": "shop",
                "name": "web",
                "selector": {"matchLabels": {"app": "web"}},
                "min_available": 2,
                "max_unavailable": None,
                "unhealthy_policy": None,
                "current_healthy": 3,
                "desired_healthy": 2,
                "disruptions_allowed": 1,
                "expected_pods": 3,
                "observed": True,
            }
        ],
        "webhooks": [],
        "api_services": [],
        "services": [],
        "crds": [
            {
                "name": "ippools.crd.projectcalico.org",
                "group": "crd.projectcalico.org",
                "kind": "IPPool",
                "stored_versions": ["v1"],
                "versions": [{"name": "v1", "served": True, "storage": True}],
                "conversion": "None",
            }
        ],
        "helm_releases": [
            {
                "ns": "shop",
                "name": "web",
                "revision": 4,
                "status": "deployed",
                "chart": "web-2.1.0",
                "objects": [
                    {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web"},
                    {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "namespace": "shop", "name": "web"},
                ],
            }
        ],
        "old_api_writes": [],
        "volumes": [],
        "storage_classes": [],
        "csi_drivers": [],
        "certificate_requests_pending": [],
        "config_maps": {
            "kubelet-config": KUBELET_CONFIGURATION,
            "kube-proxy": KUBE_PROXY_CONFIGURATION,
            "coredns": COREFILE,
            "kubeadm-config": CLUSTER_CONFIGURATION,
        },
        "namespaces": [{"name": name, "labels": {"kubernetes.io/metadata.name": name}} for name in _NAMESPACES],
        "unread": [],
    }


def healthy_hosts() -> dict[str, t.Any]:
    """The inventory hosts as upgrade_plan takes them: facts of node_info with their group."""
    return {f"host-{name}": _host(name) for name in NODES}


def healthy_plan(facts: t.Mapping[str, t.Any], hosts: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """From 1.24 to 1.26, by the project's own planner."""
    available = {minor: [version[1:]] for minor, version in HOPS.items()}
    plan: dict[str, t.Any] = make_plan(facts, hosts, available, Options(target="1.26", serial=1))["plan"]
    return plan


def healthy_context(
    change: t.Callable[[dict[str, t.Any], dict[str, t.Any]], None] | None = None, **options: t.Any
) -> Context:
    """What checks are given. `change` may spoil (facts, node facts by node name) before the context is made."""
    facts, hosts = healthy_facts(), healthy_hosts()
    plan = healthy_plan(facts, hosts)
    nodes = {host["name"]: host for host in hosts.values()}
    if change is not None:
        change(facts, nodes)
    return Context(facts, nodes, plan, tuple(HOPS), "1.24", TODAY, options)


_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system", "shop")


def _node(name: str, number: int) -> dict[str, t.Any]:
    control = name.startswith("cp")
    labels = {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        **({"node-role.kubernetes.io/control-plane": ""} if control else {}),
    }
    taints = [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}] if control else []
    static = {
        pod: {"image": f"registry.k8s.io/{pod}:{VERSION}", "version": VERSION, "ready": True} for pod in CONTROL_PLANE
    }
    static["etcd"] = {"image": f"registry.k8s.io/etcd:{ETCD}", "version": ETCD, "ready": True}
    return {
        "role": "control_plane" if control else "worker",
        "kubelet": VERSION,
        "ready": True,
        "ready_message": "",
        "unschedulable": False,
        "cordon": None,
        "kube_proxy": VERSION,
        "static_pods": static if control else {},
        "internal_ip": f"10.0.0.{10 + number}",
        "os": "linux",
        "arch": "amd64",
        "os_image": "Ubuntu 22.04.2 LTS",
        "container_runtime": "containerd://1.6.20",
        "kernel": "5.15.0-72-generic",
        "labels": labels,
        "taints": taints,
        "allocatable": {"cpu": 4000, "memory": 8 * GIB, "pods": 110, "ephemeral-storage": 80 * GIB},
        "conditions": {
            "MemoryPressure": "False",
            "DiskPressure": "False",
            "PIDPressure": "False",
            "NetworkUnavailable": "False",
            "Ready": "True",
        },
        "pod_cidr": f"10.244.{number}.0/24",
    }


_EVERYWHERE = [{"operator": "Exists"}]
_COREDNS_TOLERATIONS = [
    {"key": "CriticalAddonsOnly", "operator": "Exists"},
    {"key": "node-role.kubernetes.io/master", "effect": "NoSchedule"},
    {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
]


def _pod(ns: str, name: str, node: str, images: list[str], **more: t.Any) -> dict[str, t.Any]:
    pod = {"ns": ns, "name": name, "uid": f"uid-{ns}-{name}", "node": node, "phase": "Running", "ready": True}
    return {**pod, "images": images, **more}


def _pods() -> list[dict[str, t.Any]]:
    pods = []
    for component in (*CONTROL_PLANE, "etcd"):
        tag = ETCD if component == "etcd" else VERSION
        pods.append(
            _pod(
                "kube-system",
                f"{component}-cp1",
                "cp1",
                [f"registry.k8s.io/{component}:{tag}"],
                labels={"component": component, "tier": "control-plane"},
                owner={"kind": "Node", "name": "cp1"},
                mirror=True,
                priority=2000001000,
                requests={"cpu": 100, "memory": 100 * 1024**2},
                tolerations=[{"operator": "Exists", "effect": "NoExecute"}],
                host_paths=["/etc/kubernetes/pki"],
            )
        )
    for node in NODES:
        for daemon, label, image in (
            ("kube-proxy", "k8s-app", f"registry.k8s.io/kube-proxy:{VERSION}"),
            ("calico-node", "k8s-app", "docker.io/calico/node:v3.25.1"),
        ):
            pods.append(
                _pod(
                    "kube-system",
                    f"{daemon}-{node}",
                    node,
                    [image],
                    labels={label: daemon},
                    owner={"kind": "DaemonSet", "name": daemon},
                    priority=2000001000,
                    tolerations=_EVERYWHERE,
                    host_paths=["/lib/modules", "/run/xtables.lock"],
                    **({"no_readiness": True} if daemon == "kube-proxy" else {}),
                )
            )
    for number, node in enumerate(("cp1", "w1")):
        pods.append(
            _pod(
                "kube-system",
                f"coredns-6d4b75cb6d-{number}",
                node,
                ["registry.k8s.io/coredns/coredns:v1.8.6"],
                labels={"k8s-app": "kube-dns", "pod-template-hash": "6d4b75cb6d"},
                owner={"kind": "ReplicaSet", "name": "coredns-6d4b75cb6d"},
                priority=2000000000,
                requests={"cpu": 100, "memory": 70 * 1024**2},
                node_selector={"kubernetes.io/os": "linux"},
                tolerations=_COREDNS_TOLERATIONS,
            )
        )
    for number, node in enumerate(("w1", "w2", "w2")):
        pods.append(
            _pod(
                "shop",
                f"web-7c5d-{number}",
                node,
                ["docker.io/library/nginx:1.25.0"],
                labels={"app": "web", "pod-template-hash": "7c5d"},
                owner={"kind": "ReplicaSet", "name": "web-7c5d"},
                requests={"cpu": 100, "memory": 128 * 1024**2},
            )
        )
    return pods


def _workload(kind: str, ns: str, name: str, replicas: int, labels: dict[str, str], image: str) -> dict[str, t.Any]:
    return {
        "kind": kind,
        "ns": ns,
        "name": name,
        "replicas": replicas,
        "ready": replicas,
        "selector": {"matchLabels": labels},
        "template_labels": labels,
        "images": [image],
        "strategy": "RollingUpdate",
    }


def _workloads() -> list[dict[str, t.Any]]:
    proxy = f"registry.k8s.io/kube-proxy:{VERSION}"
    dns = "registry.k8s.io/coredns/coredns:v1.8.6"
    return [
        {
            **_workload("DaemonSet", "kube-system", "kube-proxy", 3, {"k8s-app": "kube-proxy"}, proxy),
            "no_readiness": True,
        },
        _workload(
            "DaemonSet", "kube-system", "calico-node", 3, {"k8s-app": "calico-node"}, "docker.io/calico/node:v3.25.1"
        ),
        _workload("Deployment", "kube-system", "coredns", 2, {"k8s-app": "kube-dns"}, dns),
        _workload("Deployment", "shop", "web", 3, {"app": "web"}, "docker.io/library/nginx:1.25.0"),
    ]


_CERTIFICATES = (
    *(f"pki/{name}.crt" for name in ("apiserver", "apiserver-etcd-client", "apiserver-kubelet-client")),
    *("pki/front-proxy-client.crt", "pki/etcd/server.crt", "pki/etcd/peer.crt", "pki/etcd/healthcheck-client.crt"),
    *("admin.conf", "controller-manager.conf", "scheduler.conf"),
)
_AUTHORITIES = ("pki/ca.crt", "pki/front-proxy-ca.crt", "pki/etcd/ca.crt")


def _certificates(control: bool) -> dict[str, str]:
    ends = {"/etc/kubernetes/kubelet.conf": "2024-05-01T00:00:00Z"}
    if not control:
        return {**ends, "/etc/kubernetes/pki/ca.crt": "2033-04-28T00:00:00Z"}
    ends.update({f"/etc/kubernetes/{file}": "2024-05-01T00:00:00Z" for file in _CERTIFICATES})
    return {**ends, **{f"/etc/kubernetes/{file}": "2033-04-28T00:00:00Z" for file in _AUTHORITIES}}


def _host(name: str) -> dict[str, t.Any]:
    control = name.startswith("cp")
    components = dict.fromkeys(CONTROL_PLANE, VERSION) if control else {}
    manifests = {component: f"registry.k8s.io/{component}:{VERSION}" for component in components}
    if control:
        components = {**components, "etcd": "3.5.6"}
        manifests["etcd"] = f"registry.k8s.io/etcd:{ETCD}"
    return {
        "name": name,
        "group": "control_plane" if control else "worker",
        **dict.fromkeys(("kubeadm", "kubelet", "kubectl"), VERSION),
        "install_method": "package",
        "package_manager": "apt",
        "binary_dir": "/usr/bin",
        "arch": "amd64",
        "python": "3.10.6",
        "control_plane": control,
        "manifests": manifests,
        "running": {"kubelet": VERSION, **components},
        "healthy": dict.fromkeys(["kubelet", *components], True),
        "unread": {},
        "kubelet_flags": {
            "container-runtime": "remote",
            "container-runtime-endpoint": "unix:///run/containerd/containerd.sock",
            "pod-infra-container-image": "registry.k8s.io/pause:3.7",
        },
        "patches_found": [],
        "patches_there": None,
        "cri_socket": "unix:///run/containerd/containerd.sock",
        "kubeadm_unit": None,
        "holds": ["kubeadm", "kubectl", "kubelet"],
        "release_staged": {},
        "swap": False,
        "cgroup": "v2",
        "certificates": _certificates(control),
        "ca_fingerprints": ["ab" * 32],
        "static_pods": {
            component: {"image": image, "flags": dict(STATIC_FLAGS[component]), "command": [component], "ours": True}
            for component, image in manifests.items()
        },
        "kubelet_arguments": {
            "bootstrap-kubeconfig": "/etc/kubernetes/bootstrap-kubelet.conf",
            "config": "/var/lib/kubelet/config.yaml",
            "container-runtime": "remote",
            "container-runtime-endpoint": "unix:///run/containerd/containerd.sock",
            "kubeconfig": "/etc/kubernetes/kubelet.conf",
            "pod-infra-container-image": "registry.k8s.io/pause:3.7",
        },
        "kubelet_configuration": {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "cgroupDriver": "systemd",
            "clusterDNS": ["10.96.0.10"],
            "clusterDomain": "cluster.local",
            "rotateCertificates": True,
            "staticPodPath": "/etc/kubernetes/manifests",
        },
        "kubelet_drop_ins": [],
        "kubelet_extra_args": "",
        "disk": {
            path: {"free": 60 * GIB, "total": 80 * GIB}
            for path in (
                *("/etc/kubernetes", "/var/lib/kubelet", "/var/lib/containerd"),
                *(("/var/lib/etcd",) if control else ()),
            )
        },
        "kubernetes_tmp": {"bytes": 0, "folders": 0},
        "kernel": "5.15.0-72-generic",
        "memory": 8 * GIB,
        "etcd": _etcd() if control else None,
        "api_usage": {"since": "2023-05-01T00:00:00Z", "requests": []} if control else None,
        "drift": [],
        "files": {},
    }


def _etcd() -> dict[str, t.Any]:
    return {
        "data_dir": "/var/lib/etcd",
        "data_bytes": 200 * 1024**2,
        "version": "3.5.6",
        "db_size": 20 * 1024**2,
        "db_in_use": 8 * 1024**2,
        "quota": 2 * GIB,
        "leader": True,
        "members": [
            {
                "id": "a1",
                "name": "cp1",
                "client_urls": ["https://10.0.0.10:2379"],
                "peer_urls": ["https://10.0.0.10:2380"],
                "learner": False,
                "started": True,
            }
        ],
        "alarms": [],
    }
