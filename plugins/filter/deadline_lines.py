# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: deadline_lines
short_description: How a deadline compares with what an upgrade is expected to take
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Compares the deadline with the expected duration of each wave of the plan, and names what will be left for another
    run.
positional: _input, until, note, forks
options:
  _input:
    description: The plan, as M(uplift.kubeadm.upgrade_plan) returned it.
    type: dict
    required: true
  until:
    description: The deadline, as P(uplift.kubeadm.upgrade_deadline#filter) gave it.
    type: str
    required: true
  note:
    description: What earlier runs took, as M(uplift.kubeadm.upgrade_note) has it under the name C(durations).
    type: str
    default: ""
  forks:
    description: Hosts that Ansible works on at once.
    type: int
    default: 5
"""

EXAMPLES = r"""
- name: Will it fit?
  ansible.builtin.debug:
    msg: "{{ {'stages': []} | uplift.kubeadm.deadline_lines('2036-11-21T23:30:00+01:00') }}"
"""

RETURN = r"""
_value:
  description: Lines for a person; none without a deadline, or when nothing is to be done.
  type: list
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils import _control


def deadline_lines(plan: Mapping[str, Any], until: str, note: str = "", forks: int = 5) -> list[str]:
    return _control.deadline_lines(plan, until, datetime.now().astimezone(), note or None, int(forks))


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"deadline_lines": deadline_lines}
