# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an upgrade left behind that it should not have. Comparison is pure; `look` reads a node and the cluster."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scenario.kube import Kube, KubeError
from scenario.world import World

# Where a run writes, or might. Sockets, pods' volumes and images are the node's own business.
FOLDERS = ("/etc/apt /etc/cni /etc/kubernetes /etc/systemd /etc/yum.repos.d /home /opt /root "
           "/run/systemd/transient /tmp /usr/bin /usr/local /var/lib/uplift-kubeadm /var/tmp").split()  # fmt: skip
# Paths that may be new after an upgrade, and why.
MAY_BE_NEW = {
    r"/var/lib/uplift-kubeadm(/(cluster\.json|kubeadm\.json|kubeadm\.lock))?": "the last facts, and kubeadm's last run",
    r"/var/lib/uplift-kubeadm/log(/kubeadm-[^/]*\.log)?": "kubeadm's last outputs, kept by count",
    r"/var/lib/uplift-kubeadm/backup(/[^./][^/]*(/[^.][^/]*)?)?": "backups, kept by count",
    r"/var/lib/uplift-kubeadm/backup/programs/[^/]+/etcd[a-z]*": "the etcd that backups are proven and restored by",
    r"/etc/kubernetes/tmp(/kubeadm-(backup|upgraded|kubelet|init|dryrun).*)?": "kubeadm's own backups",
    r"/etc/kubernetes/(super-admin\.conf|kubelet\.conf\.d.*)": "written by newer kubeadms",
    r"/root/\.kube(/cache.*)?": "kubectl's cache",
    r"(/root|/home/\w+)/\.ansible(/(tmp|cp))?": "Ansible's folders, empty",
    r"(/root|/home/\w+)/(\.cache|\.config)": "of programs' own",
    r"/run/systemd/transient": "",
    r"/run/systemd/transient/session-.*\.scope(\.d.*)?": "logins",
    r"/run/systemd/transient/(run-|cri|kubepods|kubelet-kubepods).*": "pods' mounts, containers and groups",
    r"/home/\w+/\.sudo_as_admin_successful": "sudo's, when a member of its group first uses it",
    r"/run/systemd/transient/uplift-kubeadm\.service": "the unit of the last kubeadm, which has ended (checked apart)",
    r"/tmp/systemd-private-.*|/var/tmp/systemd-private-.*": "systemd's",
    r"/etc/apt/sources\.list\.d/.*\.(list|sources)": "the node's sources (their contents are checked apart)",
}
# What kubeadm_upgrade_package_hold holds, as it does by default: of a node on which not all of them were held before.
MAY_BE_HELD = frozenset(("cri-tools", "kubeadm", "kubectl", "kubelet", "kubernetes-cni"))
CONFIG_MAP = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config"
# Ansible's own, when a module is killed with SIGKILL: not ours to avoid, and told apart.
ANSIBLES = r"/tmp/ansible_.*|(/root|/home/\w+)/\.ansible/tmp/.*|/var/tmp/ansible.*"


@dataclass(frozen=True)
class NodeLook:
    """What a node has, by name in the inventory."""

    paths: frozenset[str] = frozenset()
    versions: Mapping[str, str] = field(default_factory=dict)  # kubeadm, kubelet, kubectl
    holds: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()  # minors that the node's package sources name
    unit: str = ""  # state of kubeadm's transient unit
    half_installed: str = ""  # what dpkg says of packages that are not whole
    modules: tuple[str, ...] = ()  # of Ansible, that still run


@dataclass(frozen=True)
class ClusterLook:
    """What the API has."""

    cordoned: frozenset[str] = frozenset()
    annotations: frozenset[str] = frozenset()  # node/key, of ours
    leases: frozenset[str] = frozenset()  # name: holder, of ours that are held
    notes: frozenset[str] = frozenset()  # keys of our ConfigMap
    versions: Mapping[str, str] = field(default_factory=dict)  # node -> kubelet; also "ConfigMap" and static pods
    not_ready: frozenset[str] = frozenset()


def new_paths(before: Iterable[str], after: Iterable[str]) -> tuple[list[str], list[str]]:
    """(paths that should not have come, those that Ansible itself left), without those below one another."""
    allowed = re.compile("|".join(f"(?:{pattern})" for pattern in MAY_BE_NEW))
    ansibles = re.compile(ANSIBLES)
    new = sorted(set(after) - set(before))
    theirs = [path for path in new if ansibles.fullmatch(path)]
    ours = [path for path in new if not allowed.fullmatch(path) and path not in theirs]
    return _tops(ours), _tops(theirs)


def _tops(paths: Iterable[str]) -> list[str]:
    found: list[str] = []
    for path in sorted(paths):
        if not found or not path.startswith(found[-1] + "/"):
            found.append(path)
    return found


def on_node(before: NodeLook, after: NodeLook, version: str) -> list[str]:
    """What is wrong with a node after an upgrade to `version` (v1.26.9); a phrase each."""
    minor = version[1:].rpartition(".")[0]
    wrong = [f"left over: {path}" for path in new_paths(before.paths, after.paths)[0]]
    wrong += [f"gone: {path}" for path in _gone(before.paths, after.paths)]
    wrong += [f"{name} is {seen}" for name, seen in sorted(after.versions.items()) if seen != version]
    if not before.holds <= after.holds <= before.holds | MAY_BE_HELD:
        wrong.append(f"holds were {_listed(before.holds)}, are {_listed(after.holds)}")
    if after.sources - {minor}:
        wrong.append(f"package sources name {_listed(after.sources)}")
    if after.unit not in ("", "inactive", "active/exited"):
        wrong.append(f"kubeadm's unit is {after.unit}")
    wrong += [f"still running: {command}" for command in after.modules]
    if after.half_installed:
        wrong.append(f"half installed: {after.half_installed}")
    return wrong


def _gone(before: Iterable[str], after: Iterable[str]) -> list[str]:
    """Programs and configuration that were there before. Temporary folders may lose what they like."""
    kept = ("/usr/bin/", "/etc/apt/", "/etc/systemd/", "/etc/cni/", "/usr/local/")
    return [path for path in sorted(set(before) - set(after)) if path.startswith(kept)]


def in_cluster(before: ClusterLook, after: ClusterLook, version: str) -> list[str]:
    """What is wrong with the cluster after an upgrade to `version`."""
    wrong = [f"cordoned, and was not: {node}" for node in sorted(after.cordoned - before.cordoned)]
    wrong += [
        f"not cordoned any more, though a person had: {node}" for node in sorted(before.cordoned - after.cordoned)
    ]
    wrong += [f"annotation left: {name}" for name in sorted(after.annotations)]
    wrong += [f"lease still held: {name}" for name in sorted(after.leases)]
    wrong += [f"note left: {name}" for name in sorted(after.notes - {"durations"})]
    wrong += [f"{name} is at {seen}" for name, seen in sorted(after.versions.items()) if seen != version]
    return wrong + [f"not Ready: {name}" for name in sorted(after.not_ready)]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


_LOOK = r"""
find %s -xdev 2>/dev/null | sed 's/^/path /'
for name in kubeadm kubelet kubectl; do
  case $name in
  kubeadm) v=$(kubeadm version -o short) ;;
  kubelet) v=$(kubelet --version | cut -d' ' -f2) ;;
  kubectl) v=$(kubectl version --client -o json | sed -n 's/.*"gitVersion": "\(.*\)".*/\1/p') ;;
  esac
  echo "version $name $v"
done
if ls /etc/apt/sources.list.d/*kube* > /dev/null 2>&1; then
  apt-mark showhold | sed 's/^/hold /'
  cat /etc/apt/sources.list.d/*kube* | grep -v '^#' | grep -o '/v1\.[0-9]*/' | sort -u | tr -d '/v' | sed 's/^/source /'
  dpkg --audit | tr '\n' ' ' | sed 's/^\(.\)/half \1/'
fi
pgrep -af '[B]ECOME-SUCCESS' | sed 's/^/module /'
pgrep -ax 'etcd|etcdctl|etcdutl' | grep -v -e '--data-dir=/var/lib/etcd ' | sed 's/^/module /'
echo "unit $(systemctl show uplift-kubeadm.service --property=ActiveState,SubState --value | paste -sd/)"
"""


def look(world: World, host: str) -> NodeLook:
    """A node as it is now. Reads it through docker, so that no SSH session of our own is among what is seen."""
    rows: dict[str, list[str]] = {}
    for line in world.on(host, _LOOK % " ".join(FOLDERS)).splitlines():
        kind, _unused, value = line.partition(" ")
        rows.setdefault(kind, []).append(value)
    unit = (rows.get("unit") or [""])[0]
    return NodeLook(
        paths=frozenset(rows.get("path", [])),
        versions=dict(tuple(value.split(" ", 1)) for value in rows.get("version", [])),  # type: ignore[misc]
        holds=frozenset(rows.get("hold", [])),
        sources=frozenset(rows.get("source", [])),
        unit="" if unit == "inactive/dead" else unit,
        modules=tuple(rows.get("module", [])),
        half_installed=" ".join(rows.get("half", [])).strip(),
    )


def look_at_cluster(kube: Kube) -> ClusterLook:
    nodes = kube.patient("GET", "/api/v1/nodes")["items"]
    pods = kube.patient("GET", "/api/v1/namespaces/kube-system/pods")["items"]
    leases = kube.patient("GET", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases")["items"]
    versions = {node["metadata"]["name"]: node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes}
    versions["ConfigMap kubeadm-config"] = configured_version(kube.patient("GET", CONFIG_MAP))
    versions.update(_tags(pods))
    return ClusterLook(
        cordoned=frozenset(n["metadata"]["name"] for n in nodes if n["spec"].get("unschedulable")),
        annotations=frozenset(
            f"{n['metadata']['name']}/{key}"
            for n in nodes
            for key in n["metadata"].get("annotations") or {}
            if key.startswith("uplift.kubeadm/")
        ),
        leases=frozenset(
            f"{lease['metadata']['name']}: {lease['spec']['holderIdentity']}"
            for lease in leases
            if "uplift" in lease["metadata"]["name"] and lease.get("spec", {}).get("holderIdentity")
        ),
        notes=frozenset(_notes(kube)),
        versions=versions,
        not_ready=frozenset(n["metadata"]["name"] for n in nodes if not _ready(n)),
    )


def configured_version(config_map: Mapping[str, Any]) -> str:
    """The version that kubeadm's ConfigMap has; kubeadm writes it after the static pods."""
    found = re.search(r"^kubernetesVersion: (\S+)$", config_map["data"]["ClusterConfiguration"], re.MULTILINE)
    return found.group(1) if found else "?"


def _tags(pods: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Pod -> tag, of static pods and kube-proxy, which have the cluster's version."""
    wanted = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
    return {
        pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"].rpartition(":")[2]
        for pod in pods
        if pod["metadata"]["name"].startswith(wanted)
    }


def _notes(kube: Kube) -> list[str]:
    try:
        notes = kube.patient("GET", "/api/v1/namespaces/kube-system/configmaps/uplift-kubeadm")
    except KubeError as e:
        if e.status == 404:
            return []
        raise
    return list(notes.get("data") or {})


def _ready(node: Mapping[str, Any]) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"].get("conditions") or [])
