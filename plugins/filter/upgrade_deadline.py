# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: upgrade_deadline
short_description: The moment that a deadline names
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Reads a time with its zone, a time of day (the next one by the controller's clock) or a length of time from now.
  - Ask once and keep the answer, as a time of day names another moment tomorrow.
options:
  _input:
    description: What the user gave; none or an empty string for no deadline.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: When is that?
  ansible.builtin.debug:
    msg: "{{ '90m' | uplift.kubeadm.upgrade_deadline }}"
"""

RETURN = r"""
_value:
  description: The moment in ISO 8601 with its zone, or an empty string.
  type: str
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.uplift.kubeadm.plugins.module_utils._control import deadline
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError


def upgrade_deadline(given: Any) -> str:
    try:
        moment = deadline(given, datetime.now().astimezone())
    except UpliftError as e:
        raise AnsibleFilterError(str(e)) from e
    return moment.isoformat(timespec="seconds") if moment else ""


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"upgrade_deadline": upgrade_deadline}
