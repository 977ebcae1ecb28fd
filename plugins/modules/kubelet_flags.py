#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubelet_flags
short_description: Take flags out of those that kubeadm wrote for kubelet
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Some releases of kubeadm take a flag out of C(kubeadm-flags.env) that the kubelet of the next minor no longer knows,
    such as C(--container-runtime) in 1.26 and C(--pod-infra-container-image) in 1.35. A worker that skips such a minor
    would be left with the flag, and its kubelet would not start. This module does the clean-up of the minors
    that were skipped.
  - The file is replaced as a whole; kubelet is not restarted.
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: full
options:
  absent:
    description: Names of the flags, without dashes.
    type: list
    elements: str
    required: true
  path:
    description: The file.
    type: path
    default: /var/lib/kubelet/kubeadm-flags.env
"""

EXAMPLES = r"""
- name: A worker that goes from 1.24 to 1.27 in one step
  uplift.kubeadm.kubelet_flags:
    absent: [container-runtime]
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: success
"""

import os
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils._kubelet_flags import without_flags


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "absent": {"type": "list", "elements": "str", "required": True},
            "path": {"type": "path", "default": "/var/lib/kubelet/kubeadm-flags.env"},
        },
        supports_check_mode=True,
    )
    path = module.params["path"]
    try:
        with open(path, encoding="utf-8") as file:
            before = file.read()
    except OSError as error:
        module.fail_json(msg=f"The flags that kubeadm wrote for kubelet cannot be read: {error}.")
    after = without_flags(before, module.params["absent"])
    if after != before and not module.check_mode:
        handle, draft = tempfile.mkstemp(dir=module.tmpdir)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(after)
        module.atomic_move(draft, path)
    diff = {"before": before, "after": after, "before_header": path, "after_header": path}
    module.exit_json(changed=after != before, path=path, diff=diff)


if __name__ == "__main__":
    main()
