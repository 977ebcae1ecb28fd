# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: restore_lines
author: The uplift.kubeadm authors (@uplift-kubeadm)
version_added: 0.1.0
short_description: Say what a restore would do, and what would be lost
description:
  - Says what a restore would do, and what would be lost, as lines for a person.
positional: _input, backups, nodes, pods_go
options:
  _input:
    description: What M(uplift.kubeadm.etcd_snapshot) returned with V(verified).
    type: dict
    required: true
  backups:
    description: What M(uplift.kubeadm.node_restore) returned with V(examine), by host.
    type: dict
    required: true
  nodes:
    description: What M(uplift.kubeadm.node_info) returned, by host.
    type: dict
    required: true
  pods_go:
    description: Whether every pod is started anew.
    type: bool
    required: true
"""

EXAMPLES = r"""
- name: Say what would be lost
  ansible.builtin.debug:
    msg: "{{ verified | uplift.kubeadm.restore_lines({'cp1': examined}, {'cp1': info}, true) }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._restore_lines import restore_lines


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"restore_lines": restore_lines}
