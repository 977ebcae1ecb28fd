# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: host_steps
short_description: What each host does in a play of an upgrade plan
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Gives, by host, what each host of a play needs to know of it.
  - Evaluate it once in a wave, and let each host take its own; the cost of a play is then linear in its hosts.
positional: _input
options:
  _input:
    description: A play, as the filter P(uplift.kubeadm.plan_play#filter) gives it.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: What does each worker do?
  ansible.builtin.debug:
    msg: "{{ plan | uplift.kubeadm.plan_play(0, ['workers']) | uplift.kubeadm.host_steps }}"
"""

RETURN = r"""
_value:
  description:
    - A dictionary of dictionaries, by inventory name, each with C(id), C(title), C(hop), C(version), C(kinds), C(node),
      C(action), C(image_tag), C(force_kubelet_skew), C(strip_kubelet_flags), C(versions), C(wave) and C(ends_hop).
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_play import host_steps


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_steps": host_steps}
