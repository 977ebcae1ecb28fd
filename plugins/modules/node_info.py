#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_info
short_description: Facts of one node of a kubeadm cluster, and what its control plane programs say they run
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Reads what a node of a kubeadm cluster is and runs, from its own files and programs. No API server is needed.
  - The versions of API server, controller manager, scheduler and etcd are read back from the running programs on this
    host, with the certificates that the node has.
  - Can wait until those programs answer with given versions and are healthy.
  - Must run as root on the node.
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns details on what has changed when in diff mode.
    support: N/A
    details: Nothing is ever changed.
options:
  wait_version:
    description:
      - Wait until API server, controller manager and scheduler of this node answer with this version and are healthy,
        and etcd, if it runs here, is healthy.
    type: str
  wait_for:
    description:
      - Wait until each of these programs answers with the version given, and is healthy.
      - Keys are V(kube-apiserver), V(kube-controller-manager), V(kube-scheduler) and V(etcd).
      - An empty version means any.
      - Goes over O(wait_version) where both name a program.
    type: dict
    default: {}
  timeout:
    description: How long to wait, in seconds.
    type: float
    default: 300
  settled:
    description:
      - Also wait until kubelet, if it was just started, is done with restarting these programs. A kubelet of another
        minor makes the containers of static pods anew, some seconds after it has said that the node is Ready.
    type: bool
    default: false
  etcd_spare:
    description:
      - Wait until the etcd of the cluster can do without the member of this node, and fail when it cannot, O(timeout)
        seconds later. For the moment before that member is restarted.
      - Of three members, both others have to be well. Of two, the other one; a single one is not asked.
      - At once where kubeadm runs no etcd on this node.
    type: bool
    default: false
  patience:
    description:
      - How many seconds a control plane program of this node may be unhealthy before that is told as a fact. Programs
        that are just being restarted are no news.
    type: float
    default: 0
  patches:
    description: A folder of kubeadm patches on the node; RV(node.patches_there) says whether it is there.
    type: path
  detail:
    description:
      - Also read what only findings need, such as flags and configuration in use, room on disks, etcd's members, and
        deprecated APIs that clients asked for.
      - These facts are marked C(detail) below.
    type: bool
    default: false
  cluster_configuration:
    description:
      - The text of C(ClusterConfiguration) in ConfigMap C(kubeadm-config) of the cluster. With it and O(detail),
        RV(node.drift) tells what C(kubeadm upgrade) will overwrite on this node.
      - For that the node's kubeadm does a dry run into a temporary folder; neither node nor cluster is changed.
    type: str
  kubelet_configuration:
    description:
      - The text of C(KubeletConfiguration) in ConfigMap C(kubelet-config), for the same of kubelet's configuration.
    type: str
requirements:
  - root on the node
"""

EXAMPLES = r"""
- name: Facts of the node
  uplift.kubeadm.node_info:
  register: node

- name: Wait until the static pods run the new version and are healthy
  uplift.kubeadm.node_info:
    wait_version: v1.25.4
    timeout: 300

- name: Wait until a new kubelet has restarted them
  uplift.kubeadm.node_info:
    wait_version: v1.25.4
    settled: true

- name: All that can be known of a node
  uplift.kubeadm.node_info:
    detail: true
    cluster_configuration: "{{ lookup('file', 'ClusterConfiguration.yaml') }}"
    patches: /etc/kubernetes/patches
  register: node
"""

RETURN = r"""
node:
  description:
    - The node's facts. A value is null when it cannot be read; RV(node.unread) then says why.
  type: dict
  returned: success
  contains:
    name:
      description: The node's name, from kubelet's client certificate.
      type: str
    kubeadm:
      description: Version of the installed kubeadm; null when there is none.
      type: str
    kubelet:
      description: Version of the installed kubelet program.
      type: str
    kubectl:
      description: Version of the installed kubectl.
      type: str
    install_method:
      description: V(package) when a package owns kubelet, else V(binary).
      type: str
    package_manager:
      description: V(apt) or V(dnf), whichever owns kubelet; null for binaries.
      type: str
    binary_dir:
      description: The folder that kubelet is in.
      type: str
    arch:
      description: Architecture, as Kubernetes names it.
      type: str
    python:
      description: Version of the Python that runs modules on this node.
      type: str
    control_plane:
      description: Whether this node has the manifest of an API server.
      type: bool
    manifests:
      description: The image of each static pod manifest of kubeadm.
      type: dict
    running:
      description: The version that each control plane program on this host says it is.
      type: dict
    healthy:
      description: Whether each of those programs says it is healthy.
      type: dict
    unread:
      description: Why something could not be read, by its name.
      type: dict
    kubelet_flags:
      description: The flags in kubeadm-flags.env.
      type: dict
    patches_found:
      description: Folders below /etc with files that are named as kubeadm's patches are.
      type: list
      elements: str
    patches_there:
      description: Whether O(patches) is a folder on this node; null when it was not asked for.
      type: bool
    cri_socket:
      description: The container runtime's socket, as kubelet has it.
      type: str
    kubeadm_unit:
      description: The last run of M(uplift.kubeadm.kubeadm_run), with its command, version, state and rc; or null.
      type: dict
    holds:
      description: Kubernetes packages that apt is told to hold.
      type: list
      elements: str
    release_staged:
      description: The files that lie ready for each version.
      type: dict
    swap:
      description: Whether swap is on.
      type: bool
    cgroup:
      description: V(v1) or V(v2).
      type: str
    certificates:
      description: The end of validity of each certificate, by path.
      type: dict
    ca_fingerprints:
      description: SHA-256, in hexadecimal, of each certificate of the authority in kubelet.conf.
      type: list
      elements: str
    static_pods:
      description:
        - With detail. Path, image, command, flags of each static pod's program, by the stem of its file.
        - C(ours) tells whether it is one of kubeadm's four.
      type: dict
    files:
      description:
        - With detail. The kind of each configuration file that a flag of a static pod names, by the path in the flag.
        - Of an encryption configuration no more than its providers' names.
      type: dict
    kubelet_arguments:
      description: With detail. The flags of the kubelet that runs; one that is given twice has its values joined.
      type: dict
    kubelet_configuration:
      description: With detail. kubelet's configuration, all drop-ins merged.
      type: dict
    kubelet_drop_ins:
      description: With detail. The files below kubelet's C(--config-dir), in their order.
      type: list
      elements: str
    kubelet_extra_args:
      description: With detail. The text of C(KUBELET_EXTRA_ARGS).
      type: str
    disk:
      description: With detail. Bytes free and in all, and the device's number, of each folder that matters.
      type: dict
    kubernetes_tmp:
      description: With detail. Bytes and folders in C(/etc/kubernetes/tmp), where kubeadm leaves copies of etcd.
      type: dict
    memory:
      description: With detail. Bytes of memory.
      type: int
    kernel:
      description: With detail. The kernel's release.
      type: str
    etcd:
      description:
        - With detail. What etcd says, its own member on this node, or an external one; null on a worker.
        - Has version, db_size, db_in_use, quota, member, leader, has_leader, members, alarms, errors, external, and
          data_dir and data_bytes, or silent members of an external etcd.
      type: dict
    api_usage:
      description:
        - With detail. The deprecated APIs that this node's API server was asked for (C(requests)) C(since) its start.
        - C(san_missing) has its counters of certificates that a later minor refuses, if any is not zero.
      type: dict
    drift:
      description:
        - With detail. For each file that C(kubeadm upgrade) would write otherwise than it is now, apart from versions,
          the lines that would be C(lost) and those that come C(back).
        - Null when O(cluster_configuration) was not given, or when it cannot be known.
      type: list
      elements: dict
  sample: {name: cp1, kubelet: v1.24.17, control_plane: true, running: {etcd: 3.5.6, kube-apiserver: v1.24.17}}
waited:
  description: Seconds that were waited.
  type: float
  returned: when a wait was asked for
"""

import contextlib
import time
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._etcd_spare import require_spare
from ansible_collections.uplift.kubeadm.plugins.module_utils._node import Node
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_detail import Live, add_detail
from ansible_collections.uplift.kubeadm.plugins.module_utils._running import Local, manifests, wait_for, wanted_versions

ROOT = Path("/")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "wait_version": {"type": "str"},
            "wait_for": {"type": "dict", "default": {}},
            "timeout": {"type": "float", "default": 300},
            "settled": {"type": "bool", "default": False},
            "etcd_spare": {"type": "bool", "default": False},
            "patience": {"type": "float", "default": 0},
            "patches": {"type": "path"},
            "detail": {"type": "bool", "default": False},
            "cluster_configuration": {"type": "str"},
            "kubelet_configuration": {"type": "str"},
        },
        supports_check_mode=True,
    )
    result: dict[str, t.Any] = {"changed": False}
    try:
        wanted = wanted_versions(ROOT, module.params["wait_version"], module.params["wait_for"])
        if wanted and not module.check_mode:
            began = time.monotonic()
            wait_for(Local(ROOT), wanted, module.params["timeout"], module.params["settled"])
            result["waited"] = round(time.monotonic() - began, 1)
        if module.params["etcd_spare"] and not module.check_mode:
            require_spare(ROOT, module.params["timeout"])
        node = Node(ROOT)
        result["node"] = facts(node, module.params["patches"], module.params["patience"])
        if module.params["detail"]:
            add_detail(node, result["node"], live(module.params))
    except UpliftError as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(**result)


def facts(node: Node, patches: str | None, patience: float) -> dict[str, t.Any]:
    """The node's facts; looked at again, for so many seconds, while a program of its control plane is unhealthy.

    The look that is told is the one that was well: one in a second wait could find what the first had not.
    """
    deadline = time.monotonic() + patience
    while True:
        found = node.facts(patches)
        left = deadline - time.monotonic()
        if all(found["healthy"].values()) or left <= 0:
            return found
        with contextlib.suppress(UpliftError):  # whoever is unhealthy for longer is told among the facts
            wait_for(Local(ROOT), dict.fromkeys(manifests(ROOT), ""), left)


def live(params: dict[str, t.Any]) -> Live:
    return Live(
        cluster=params["cluster_configuration"] or "",
        kubelet=params["kubelet_configuration"] or "",
        patches=params["patches"],
    )


if __name__ == "__main__":
    main()
