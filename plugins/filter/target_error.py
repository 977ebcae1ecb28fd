# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: target_error
short_description: What is wrong with an upgrade target
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Says why a value cannot be the target of an upgrade, before anything is read or touched.
options:
  _input:
    description: The target as the user gave it; a minor such as V(1.26), or a patch such as V(1.26.9).
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: A target whose last digit YAML took away
  ansible.builtin.debug:
    msg: "{{ 1.3 | uplift.kubeadm.target_error }}"
"""

RETURN = r"""
_value:
  description: A sentence for the user; empty when the target is fine.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import target_error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"target_error": target_error}
