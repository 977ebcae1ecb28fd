# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: plan_play
short_description: Several stages of an upgrade plan as one play
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Says what a play that serves some stages of a hop needs to know of the plan, namely its hosts, its waves, and
    what each host does.
  - Without a plan, or where the plan has no such stage, the play has no hosts. That is what a playbook wants in
    C(hosts).
positional: _input, hop, kinds, held
options:
  _input:
    description: A plan, as the module M(uplift.kubeadm.upgrade_plan) returns it.
    type: dict
    required: true
  hop:
    description: Index of the hop, from 0.
    type: int
    required: true
  kinds:
    description: Kinds of the stages that the play serves, in order.
    type: list
    elements: str
    required: true
  held:
    description: For the play of workers that were held back, their waves, each a list of names of nodes.
    type: list
    elements: list
"""

EXAMPLES = r"""
- name: Workers of the first hop
  hosts: "{{ (plan | default({}) | uplift.kubeadm.plan_play(0, ['workers'])).hosts }}"
"""

RETURN = r"""
_value:
  description:
    - A dictionary with C(title), C(id), C(hop), C(version), C(hosts), C(nodes), C(kinds), C(serial), C(waves),
      C(versions), C(actions), C(image_tag), C(force_kubelet_skew), C(strip_kubelet_flags), C(last_of_hop)
      and C(held).
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_play import plan_play


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"plan_play": plan_play}
