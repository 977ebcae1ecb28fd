# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: upgrade_path
short_description: The minors that a control plane passes through on its way to a target
version_added: 0.1.0
description:
  - kubeadm takes a control plane one minor at a time. This lists the minors between the version that it runs and the
    target, the target's included. Within a minor the list is empty. A downgrade is an error.
positional: target
options:
  _input:
    description: The version that the (oldest) API server runs.
    type: str
    required: true
  target:
    description: The minor or the patch to go to.
    type: raw
    required: true
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
"""

EXAMPLES = r"""
- name: Two hops
  ansible.builtin.debug:
    msg: "{{ '1.24.17' | uplift.kubeadm.upgrade_path('1.26') }}"  # ['1.25', '1.26']

- name: Within a minor
  ansible.builtin.debug:
    msg: "{{ '1.26.3' | uplift.kubeadm.upgrade_path('1.26.9') }}"  # []
"""

RETURN = r"""
_value:
  description: The minors.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import upgrade_path as _upgrade_path


def upgrade_path(current: Any, target: Any) -> list[str]:
    try:
        return _upgrade_path(current, target)
    except UpliftError as error:
        raise AnsibleFilterError(f"upgrade_path: {error}") from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"upgrade_path": upgrade_path}
