# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_answer
short_description: What one look at a cluster of a fleet says
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Says what a cluster of a fleet owes, and what is wrong with it, from what modules returned.
positional: _input, notes, workloads, gates, max_left_out
options:
  _input:
    description: The summary of M(uplift.kubeadm.cluster_info).
    type: dict
    required: true
  notes:
    description: Results of a loop of M(uplift.kubeadm.upgrade_note) over names.
    type: list
    elements: dict
    required: true
  workloads:
    description: What M(uplift.kubeadm.workload_state) returned. One that was skipped compares nothing.
    type: dict
    required: true
  gates:
    description: Results of a loop of commands over gates, each with an C(item) that has C(id) and C(command).
    type: list
    elements: dict
    required: true
  max_left_out:
    description: How many workers may be NotReady.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Say how the cluster is
  ansible.builtin.debug:
    msg: "{{ cluster.summary | uplift.kubeadm.fleet_answer(notes.results, workloads, []) }}"
"""

RETURN = r"""
_value:
  description: C(notes), names of the notes that the cluster keeps; C(troubles), a sentence each.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._fleet_look import fleet_answer


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"fleet_answer": fleet_answer}
