#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_images
short_description: Bring the container images of a Kubernetes version to a node
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Pulls the images that a kubeadm names for its version, or those named, as far as the node does not have them.
  - Archives that lie on the node are imported first, so that a node without a registry needs none.
  - Images are pulled by crictl with the container runtime's own configuration of registries and mirrors; a proxy is the
    runtime's business too.
  - Must run as root on the node.
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
    details: Says which images are missing.
  diff_mode:
    description: Returns details on what has changed when in diff mode.
    support: none
options:
  images:
    description: Images to bring, besides those that O(version) needs.
    type: list
    elements: str
    default: []
  version:
    description: Kubernetes version, such as V(v1.25.4), whose images are to be brought.
    type: str
  kubeadm:
    description:
      - Path of the kubeadm that is asked for the images of O(version).
      - The default is the one that M(uplift.kubeadm.kubernetes_release) fetched.
    type: path
  image_repository:
    description: The C(imageRepository) of the cluster's kubeadm configuration.
    type: str
  config:
    description:
      - Path on the node of a kubeadm configuration that names version and repositories, used instead of
        O(image_repository).
    type: path
  cluster_configuration:
    description:
      - The cluster's ClusterConfiguration, the text in ConfigMap C(kube-system/kubeadm-config). kubeadm is asked with
        it, its C(kubernetesVersion) replaced by O(version), so that the repositories and tags that it names for etcd
        and CoreDNS count too.
      - Goes over O(image_repository).
    type: str
  environment:
    description: Environment variables for kubeadm, crictl and ctr. They never appear on a command line.
    type: dict
    default: {}
  components:
    description: V(all) for a control plane; V(node) for what any node may run, kube-proxy, pause and CoreDNS.
    type: str
    choices: [all, node]
    default: all
  archives:
    description: Paths on the node of archives of images (C(docker save), C(ctr images export)), plain or compressed.
    type: list
    elements: path
    default: []
  cri_socket:
    description: The container runtime's socket. The default is the one that kubelet uses.
    type: str
  registry_username:
    description: User name for the registry.
    type: str
  registry_password:
    description: Password for the registry.
    type: str
requirements:
  - root and crictl on the node; ctr for O(archives)
"""

EXAMPLES = r"""
- name: Bring the images of the next version to a control plane
  uplift.kubeadm.node_images:
    version: v1.25.4

- name: Bring what a worker needs from archives
  uplift.kubeadm.node_images:
    version: v1.25.4
    components: node
    archives: [/srv/images/v1.25.4.tar]
"""

RETURN = r"""
images:
  description: The images that were asked for.
  type: list
  elements: str
  returned: success
imported:
  description: Archives that were imported, or in check mode would be.
  type: list
  elements: str
  returned: success
pulled:
  description: Images that were pulled, or in check mode would be (or come from an archive).
  type: list
  elements: str
  returned: success
"""

import contextlib
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner, apply_environment
from ansible_collections.uplift.kubeadm.plugins.module_utils._environment import hide_only_secrets
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import STATE
from ansible_collections.uplift.kubeadm.plugins.module_utils._images import Images, configuration_file, needed, tags_in
from ansible_collections.uplift.kubeadm.plugins.module_utils._node import Node


def run(wants: t.Mapping[str, t.Any], check: bool) -> dict[str, t.Any]:
    """Find what is missing, and bring it unless check is true."""
    apply_environment(wants["environment"])
    runner = Runner()
    node = Node(runner=runner)
    name = node.name()[0] or "This node"
    socket = wants["cri_socket"] or node.cri_socket()
    images = list(wants["images"])
    if wants["version"]:
        kubeadm = wants["kubeadm"] or str(STATE / "release" / wants["version"] / "kubeadm")
        with config_of(wants, socket) as config:
            images += needed(
                runner,
                kubeadm,
                wants["version"],
                image_repository=wants["image_repository"],
                config=config,
                components=wants["components"],
            )
    credentials = f"{wants['registry_username']}:{wants['registry_password']}" if wants["registry_username"] else None
    runtime = Images(runner, name, socket, credentials)
    archives = [archive for archive in map(Path, wants["archives"]) if runtime.missing(tags_in(archive))]
    if not check:
        for archive in archives:
            runtime.load(archive)
    missing = runtime.missing(images)
    if missing and not check:
        runtime.pull(missing)
    return {
        "changed": bool(archives or missing),
        "images": list(dict.fromkeys(images)),
        "imported": [str(archive) for archive in archives],
        "pulled": missing,
    }


def config_of(wants: t.Mapping[str, t.Any], socket: str | None) -> contextlib.AbstractContextManager[str | None]:
    """The path of the kubeadm configuration to ask with, if any."""
    if wants["cluster_configuration"]:
        return configuration_file(wants["cluster_configuration"], wants["version"], socket)
    return contextlib.nullcontext(wants["config"])


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "images": {"type": "list", "elements": "str", "default": []},
            "version": {"type": "str"},
            "kubeadm": {"type": "path"},
            "image_repository": {"type": "str"},
            "config": {"type": "path"},
            "cluster_configuration": {"type": "str"},
            "environment": {"type": "dict", "default": {}, "no_log": True},
            "components": {"type": "str", "choices": ["all", "node"], "default": "all"},
            "archives": {"type": "list", "elements": "path", "default": []},
            "cri_socket": {"type": "str"},
            "registry_username": {"type": "str"},
            "registry_password": {"type": "str", "no_log": True},
        },
        required_together=[("registry_username", "registry_password")],
        mutually_exclusive=[("config", "image_repository"), ("config", "cluster_configuration")],
        supports_check_mode=True,
    )
    hide_only_secrets(module, module.params["environment"])
    try:
        result = run(module.params, module.check_mode)
    except UpliftError as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
