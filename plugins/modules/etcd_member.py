#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_member
short_description: See that all members of etcd are well, or remove one without losing the quorum
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Asks the member of etcd that kubeadm runs on this node, and through it the others.
  - A member that leads hands over before it is removed.
  - Does nothing where kubeadm runs no etcd on this node, as with an external one.
  - Must run as root on a control plane node.
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
      - V(healthy) waits until every member has started, votes, answers and knows a leader, and those of O(names) are
        among them.
      - V(removed) removes the member O(name). All others have to be well; where that member itself is not, so many as
        are a quorum without it. It is not removed otherwise.
    type: str
    choices: [healthy, removed]
    default: healthy
  names:
    description:
      - With O(state=healthy), members that have to be there. kubeadm calls a member as its node.
    type: list
    elements: str
    default: []
  name:
    description:
      - With O(state=removed), the member that is to go. It cannot be the one of this node.
    type: str
    default: ""
  address:
    description:
      - With O(state=removed), the address in the peer URL of a member that has never come up, and so has no name. It
        counts where no member is called O(name).
    type: str
    default: ""
  only_dead:
    description:
      - With O(state=removed), leave a member that answers. A node that is NotReady may have a member that is well.
    type: bool
    default: false
  timeout:
    description:
      - Seconds to wait for it.
    type: float
    default: 300
requirements:
  - root on a control plane node
"""

EXAMPLES = r"""
- name: The new control plane's member is in, and all are well
  uplift.kubeadm.etcd_member:
    names: [cp4]

- name: Remove the member of a control plane that is to go
  uplift.kubeadm.etcd_member:
    state: removed
    name: cp1

- name: Remove it only when it is dead
  uplift.kubeadm.etcd_member:
    state: removed
    name: cp1
    only_dead: true
"""

RETURN = r"""
members:
  description: Names of the members.
  returned: when O(state=healthy)
  type: list
  elements: str
  sample: [cp1, cp2, cp3]
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import _etcd_member
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

ROOT = Path("/")


def answer(params: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
    own = _etcd_member.ours(ROOT)
    if params["state"] == "healthy":
        if own is None:
            return {"changed": False, "members": []}
        return {"changed": False, "members": _etcd_member.wait_healthy(own, params["names"], params["timeout"])}
    if not params["name"] and not params["address"]:
        raise UpliftError("A member that is to be removed is named by «name», or by «address».")
    if own is None:
        return {"changed": False}
    named = (params["name"], params["address"])
    changed = _etcd_member.remove(own, *named, params["timeout"], check, params["only_dead"])
    return {"changed": changed}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["healthy", "removed"], "default": "healthy"},
            "names": {"type": "list", "elements": "str", "default": []},
            "name": {"type": "str", "default": ""},
            "address": {"type": "str", "default": ""},
            "only_dead": {"type": "bool", "default": False},
            "timeout": {"type": "float", "default": 300},
        },
        supports_check_mode=True,
    )
    try:
        result = answer(module.params, module.check_mode)
    except UpliftError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
