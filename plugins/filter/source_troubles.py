# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: source_troubles
short_description: What package sources could not answer
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Takes what M(uplift.kubeadm.kubernetes_release) listed on each host, and gives a line for each thing that
    went wrong.
options:
  _input:
    description: Result of the module by host.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Which package sources did not answer?
  ansible.builtin.debug:
    msg: "{{ {'a': {'errors': {'1.25': 'HTTP 404'}}} | uplift.kubeadm.source_troubles }}"
"""

RETURN = r"""
_value:
  description: Lines for a person; empty when every source answered.
  type: list
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._offers import source_troubles


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"source_troubles": source_troubles}
