# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: hop_state
author: The uplift.kubeadm authors (@uplift-kubeadm)
version_added: 0.1.0
short_description: Say what a failed kubeadm left of a control plane node
description:
  - Finds out from a node's facts whether kubeadm put the old static pods back, or ended in the middle, and whether the
    node serves; and says what to do next.
positional: _input, version, said
options:
  _input:
    description: The facts of the node after the failure, as M(uplift.kubeadm.node_info) returned them.
    type: dict
    required: true
  version:
    description: The version that the hop was to bring.
    type: str
    required: true
  said:
    description: kubeadm's last words.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Say what state the node is in
  ansible.builtin.debug:
    msg: "{{ (info.node | uplift.kubeadm.hop_state('v1.25.4', kubeadm.stdout)).text }}"
"""

RETURN = r"""
_value:
  description:
    - C(state) is V(running), V(old), V(rolled_back), V(mixed) or V(new). C(serves) says whether the API server of the
      node does. C(etcd_data_replaced) says whether kubeadm put its own copy of etcd's data back. C(text) is for
      people.
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._hop_state import hop_state


def as_dict(node: Mapping[str, Any], version: str, said: str) -> dict[str, Any]:
    """hop_state as a dictionary, which playbooks like better."""
    return hop_state(node, version, said)._asdict()


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"hop_state": as_dict}
