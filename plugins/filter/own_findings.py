# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: own_findings
short_description: Findings of a user's own checks
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Takes the results of a loop of M(ansible.builtin.command) over checks, and gives a finding, as
    M(uplift.kubeadm.upgrade_checks) knows them, for each that did not exit with 0.
options:
  _input:
    description:
      - Results, each with its check as C(item). A check is a dictionary with C(id) and C(command), and as it likes
        C(severity), C(title), C(why) and C(fix).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Which of these checks did not pass?
  ansible.builtin.debug:
    msg: "{{ [{'item': {'id': 'quiet', 'command': ['false']}, 'rc': 1}] | uplift.kubeadm.own_findings }}"
"""

RETURN = r"""
_value:
  description: Findings, with C(id), C(severity), C(title), C(seen), C(why), C(fix) and C(source).
  type: list
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._own_checks import own_findings


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"own_findings": own_findings}
