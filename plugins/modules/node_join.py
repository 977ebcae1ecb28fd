#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_join
short_description: Have a host join a cluster, or leave it, with kubeadm
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Runs C(kubeadm join) and C(kubeadm reset) as M(uplift.kubeadm.kubeadm_run) does, such that they outlive a lost
    connection. Token and key travel in a configuration file of mode 0600 below C(/run), never on a command line.
  - A join is marked on the host (C(/var/lib/uplift-kubeadm/member.json)) before it begins. One that was cut off is
    found by that, and the host is reset before it is tried again. A host with files of a cluster and without that mark
    is somebody's, and is refused.
  - Must run as root on the host.
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns details on what has changed when in diff mode.
    support: none
options:
  state:
    description:
      - V(looked) says what the host is, and changes nothing.
      - V(joined) joins it. A host that is a node already is left as it is.
      - V(left) resets it. A host without anything of a node is left as it is.
    type: str
    choices: [looked, joined, left]
    default: looked
  token:
    description: Bootstrap token, as M(uplift.kubeadm.join_secret) makes one. Needed with O(state=joined).
    type: str
  endpoint:
    description: Host and port of the API. Needed with O(state=joined).
    type: str
  ca_hashes:
    description: Hashes of the public keys of the cluster's authority. Needed with O(state=joined).
    type: list
    elements: str
    default: []
  certificate_key:
    description: The key of the uploaded certificates. With it the host joins as a control plane.
    type: str
  advertise_address:
    description: Address at which its API server is reached by the others. Default is kubeadm's choice.
    type: str
    default: ""
  bind_port:
    description: Port at which its API server listens. Default is kubeadm's, 6443.
    type: int
    default: 0
  labels:
    description: Labels that kubelet registers its node with.
    type: dict
    default: {}
  taints:
    description: Taints that kubelet registers its node with, each with C(key), C(effect) and perhaps C(value).
    type: list
    elements: dict
    default: []
  kubelet_args:
    description:
      - More flags of kubelet, by name without dashes. C(hostname-override) names the node, for kubeadm too.
    type: dict
    default: {}
  cri_socket:
    description: The container runtime's socket, where there are several.
    type: str
    default: ""
  patches:
    description:
      - A folder of kubeadm patches on the host. A worker on which it is missing joins without it; a control plane is
        refused.
    type: str
    default: ""
  ignore_preflight_errors:
    description: Preflight checks of kubeadm whose errors become warnings; V(all) for all of them.
    type: list
    elements: str
    default: []
  environment:
    description: Environment variables for kubeadm; see M(uplift.kubeadm.kubeadm_run).
    type: dict
    default: {}
  proxies:
    description:
      - Proxies for the programs of a control plane that joins, as RV(uplift.kubeadm.join_secret#module:proxies) has
        them. kubeadm writes them into the static pods, as it did with those of the first control plane.
    type: dict
    default: {}
  timeout:
    description: How long to wait for kubeadm, in seconds. When the time is up this module fails, and kubeadm goes on.
    type: float
    default: 900
requirements:
  - systemd and root on the host; kubeadm and kubelet for all but O(state=looked)
seealso:
  - module: uplift.kubeadm.join_secret
  - module: uplift.kubeadm.replace_plan
"""

EXAMPLES = r"""
- name: What is this host?
  uplift.kubeadm.node_join:
  register: seen

- name: Join it as a worker
  uplift.kubeadm.node_join:
    state: joined
    token: "{{ ticket.token }}"
    endpoint: "{{ ticket.endpoint }}"
    ca_hashes: "{{ ticket.ca_hashes }}"
    labels: {topology.kubernetes.io/zone: b}
  no_log: true

- name: Reset it
  uplift.kubeadm.node_join:
    state: left
"""

RETURN = r"""
look:
  description:
    - What the host is. C(name) of its node, from kubelet's certificate, or null; C(was), the name that it had before it
      was reset here; C(half), whether a join was cut off; C(at_work), whether kubeadm joins it now; C(leftovers), files
      of a node.
    - C(hostname), C(arch), C(cpus), C(memory) and C(disk) (bytes), C(kubeadm) and C(kubelet) (versions, or null),
      C(control_plane), C(ca_fingerprints).
    - C(patches_there), whether O(patches) is a folder there; null without O(patches).
  returned: when O(state=looked)
  type: dict
  sample: {name: null, was: null, half: false, hostname: w7, kubeadm: v1.26.9, kubelet: v1.26.9, cpus: 8}
node:
  description: The name of the host's node now; null without one.
  returned: unless O(state=looked)
  type: str
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._environment import hide_only_secrets
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._join import (
    Membership,
    configuration,
    look,
    usable_patches,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._kubeadm import environment_for
from ansible_collections.uplift.kubeadm.plugins.module_utils._node import Node

ROOT = Path("/")


def answer(module: AnsibleModule) -> dict[str, t.Any]:
    wants, runner = module.params, Runner()
    seen = look(ROOT, runner, wants["patches"])
    if wants["state"] == "looked":
        return {"changed": False, "look": seen}
    joins = wants["state"] == "joined" and (not seen["name"] or seen["half"])
    leaves = wants["state"] == "left" and bool(seen["leftovers"])
    if module.check_mode:
        return {"changed": joins or leaves, "node": seen["name"]}
    program = Node(ROOT, runner).binary("kubeadm")
    if program is None or not seen["kubeadm"]:
        raise UpliftError("This host has no kubeadm, so it can neither join nor be reset.")
    environment = environment_for(wants["environment"], ROOT)
    membership, changed = Membership(ROOT, runner, wants["timeout"]), False
    if joins:
        patches = usable_patches(ROOT, wants["patches"], bool(wants["certificate_key"]))
        config = configuration(seen["kubeadm"], {**wants, "patches": patches})
        proxies = {name: str(value) for name, value in wants["proxies"].items()}
        ignored = wants["ignore_preflight_errors"]
        changed = membership.join(str(program), config, {**environment, **proxies}, ignored)
    elif leaves:
        changed = membership.leave(str(program), wants["cri_socket"] or None, environment)
    return {"changed": changed, "node": Node(ROOT, runner).name()[0]}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["looked", "joined", "left"], "default": "looked"},
            "token": {"type": "str", "no_log": True},
            "endpoint": {"type": "str"},
            "ca_hashes": {"type": "list", "elements": "str", "default": []},
            "certificate_key": {"type": "str", "no_log": True},
            "advertise_address": {"type": "str", "default": ""},
            "bind_port": {"type": "int", "default": 0},
            "labels": {"type": "dict", "default": {}},
            "taints": {"type": "list", "elements": "dict", "default": []},
            "kubelet_args": {"type": "dict", "default": {}},
            "cri_socket": {"type": "str", "default": ""},
            "patches": {"type": "str", "default": ""},
            "ignore_preflight_errors": {"type": "list", "elements": "str", "default": []},
            "environment": {"type": "dict", "default": {}, "no_log": True},
            "proxies": {"type": "dict", "default": {}, "no_log": True},
            "timeout": {"type": "float", "default": 900},
        },
        required_if=[("state", "joined", ("token", "endpoint", "ca_hashes"))],
        supports_check_mode=True,
    )
    hide_only_secrets(module, {**module.params["environment"], **module.params["proxies"]})
    try:
        result = answer(module)
    except UpliftError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
