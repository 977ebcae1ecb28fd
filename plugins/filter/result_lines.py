# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: result_lines
short_description: The last lines of an upgrade run
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Says what a run did and where the cluster is now, as lines for a person.
positional: _input, summary, seconds
options:
  _input:
    description: The plan that was walked, as M(uplift.kubeadm.upgrade_plan) returned it.
    type: dict
    required: true
  summary:
    description: The summary that M(uplift.kubeadm.cluster_info) returned after it.
    type: dict
    required: true
  seconds:
    description: How long the run took.
    type: float
    required: true
"""

EXAMPLES = r"""
- name: Say what was done
  ansible.builtin.debug:
    msg: "{{ plan | uplift.kubeadm.result_lines(cluster.summary, 500) }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._result import result_lines


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"result_lines": result_lines}
