# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: flags_in_use
short_description: Flags of a cluster that an upgrade leaves as they are
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Gives the flags that programs of a later version will be started with, for M(uplift.kubeadm.flags_trial).
  - For the control plane these are C(extraArgs) of kubeadm's ClusterConfiguration, since kubeadm writes all others
    itself. For kubelet these are the flags that it runs with, and the feature gates of its configuration.
options:
  _input:
    description:
      - Facts of nodes by name, as M(uplift.kubeadm.node_info) returns them with
        O(uplift.kubeadm.node_info#module:detail).
    type: dict
    required: true
  cluster_configuration:
    description: The text of the ClusterConfiguration.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Flags that stay
  ansible.builtin.debug:
    msg: "{{ {'w1': {'kubelet_arguments': {'v': '2'}}} | uplift.kubeadm.flags_in_use('') }}"
    # {'kubelet': ['--v=2']}
"""

RETURN = r"""
_value:
  description: A list of flags for each program that has any.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._flags_in_use import flags_in_use


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"flags_in_use": flags_in_use}
