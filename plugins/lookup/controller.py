# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: controller
short_description: The process that runs this playbook
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Who holds the lock of a cluster when this playbook takes it, and whether a person can be asked.
  - It is found out from the C(ansible-playbook) process itself, not from the workers that it starts for tasks.
options: {}
"""

EXAMPLES = r"""
- name: Can anyone answer?
  ansible.builtin.assert:
    that: lookup('uplift.kubeadm.controller').terminal
"""

RETURN = r"""
_list:
  description:
    - One dictionary. C(terminal) says whether a person at a terminal can answer a question; AWX has none.
    - C(sliced) says whether it seems to be one slice of a sliced job of AWX, which sees a part of the hosts.
    - The other keys are those of C(holder) of M(uplift.kubeadm.upgrade_lock).
  type: list
  elements: dict
"""

import os
from typing import Any

from ansible.plugins.lookup import LookupBase

from ansible_collections.uplift.kubeadm.plugins.module_utils import _lock_holder


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        pid = _lock_holder.playbook_process()
        holder = _lock_holder.identify(pid, variables=variables)
        # ansible-runner may give its child a terminal of its own, which nobody sits at.
        by_runner = "AWX_ISOLATED_DATA_DIR" in os.environ or bool(holder["job"])
        terminal = _lock_holder.has_terminal(pid) and not by_runner
        return [{**holder, "terminal": terminal, "sliced": _lock_holder.is_slice(variables or {})}]
