# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: offered_by_all
short_description: Versions that the package sources of all hosts offer
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Takes what M(uplift.kubeadm.kubernetes_release) listed on each host, and keeps the versions that every host
    can have.
options:
  _input:
    description: Result of the module by host.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Which patches of 1.25 can all nodes have?
  ansible.builtin.debug:
    msg: "{{ {'a': {'available': {'1.25': ['1.25.4']}}} | uplift.kubeadm.offered_by_all }}"
"""

RETURN = r"""
_value:
  description: Versions by minor, newest first.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._offers import offered_by_all


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"offered_by_all": offered_by_all}
