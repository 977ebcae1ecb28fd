#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: upgrade_note
short_description: A note of an upgrade, kept in the cluster
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Keeps what an upgrade must remember when its controller is killed and what cannot be read off the cluster, such as
    a hook that is still owed. Notes are keys of the ConfigMap C(kube-system/uplift-kubeadm), which is removed with its
    last note.
extends_documentation_fragment:
  - uplift.kubeadm.api
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: none
options:
  name:
    description: The note's name.
    type: str
    required: true
  value:
    description: Its text. Needed with O(state=present).
    type: str
  state:
    description: V(read) changes nothing.
    type: str
    choices: [present, absent, read]
    default: present
"""

EXAMPLES = r"""
- name: Remember that the hook after the hop to 1.25.4 is still to be run
  uplift.kubeadm.upgrade_note:
    name: after_hop
    value: v1.25.4

- name: It has been run
  uplift.kubeadm.upgrade_note:
    name: after_hop
    state: absent
"""

RETURN = r"""
value:
  description: The note's text as it was before; null when there was none.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import _notes
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import API_ARGS, connect
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "value": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent", "read"], "default": "present"},
            **API_ARGS,
        },
        required_if=[("state", "present", ["value"])],
        supports_check_mode=True,
    )
    name, state = module.params["name"], module.params["state"]
    wanted = module.params["value"] if state == "present" else None
    try:
        api = connect(module.params)
        before = _notes.read(api).get(name)
        changed = state != "read" and before != wanted
        if changed and not module.check_mode:
            _notes.write(api, name, wanted)
    except UpliftError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, value=before)


if __name__ == "__main__":
    main()
