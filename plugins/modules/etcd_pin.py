#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_pin
short_description: Pin the etcd that kubeadm installs, for the time of a step within its minor
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Sets C(etcd.local.imageTag) in the C(ClusterConfiguration) of the ConfigMap C(kube-system/kubeadm-config), so that
    C(kubeadm upgrade node) brings that etcd, and takes it away again, so that kubeadm's own choice holds. Nothing else
    in the ConfigMap is changed.
  - The annotation C(uplift.kubeadm/etcd-image-tag) of the ConfigMap says that the tag is ours. A tag that somebody else
    has set is neither replaced nor taken away.
  - The ConfigMap is read back after it was written.
extends_documentation_fragment:
  - uplift.kubeadm.api
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: full
options:
  image_tag:
    description: Tag of etcd's image, such as V(3.5.32-0). Needed with O(state=present).
    type: str
  state:
    description: V(absent) takes our pin away; a user's stays.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Have kubeadm install etcd 3.5.32
  uplift.kubeadm.etcd_pin:
    image_tag: 3.5.32-0

- name: Let kubeadm choose again
  uplift.kubeadm.etcd_pin:
    state: absent
"""

RETURN = r"""
configuration:
  description: The text of C(ClusterConfiguration) as it is now, or in check mode would be.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils._api import API_ARGS, connect
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._etcd_pin import NAME, clear_pin, set_pin
from ansible_collections.uplift.kubeadm.plugins.module_utils._etcd_tags import release_of


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "image_tag": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            **API_ARGS,
        },
        required_if=[("state", "present", ["image_tag"])],
        supports_check_mode=True,
    )
    tag = module.params["image_tag"]
    try:
        if module.params["state"] == "present":
            release_of(tag)
            change = set_pin(connect(module.params), tag, module.check_mode)
        else:
            change = clear_pin(connect(module.params), module.check_mode)
    except UpliftError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=change.changed,
        configuration=change.after,
        diff={"before": change.before, "after": change.after, "before_header": NAME, "after_header": NAME},
    )


if __name__ == "__main__":
    main()
