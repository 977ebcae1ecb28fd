# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: unknown_variables
short_description: Variables that a role does not know, and what may have been meant
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Finds misspelt variables, which Ansible passes over in silence.
positional: _input, known, prefix, only_alike
options:
  _input:
    description: Names of the variables that there are.
    type: list
    elements: str
    required: true
  known:
    description: Names of the variables that the role reads.
    type: list
    elements: str
    required: true
  prefix:
    description: What all these names begin with.
    type: str
    required: true
  only_alike:
    description: Leave out names that resemble no known one, where the prefix may be others' as well.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Every variable is one that exists
  ansible.builtin.debug:
    msg: "{{ ['shop_prot', 'shop_port'] | uplift.kubeadm.unknown_variables(['shop_port'], 'shop_') }}"
    # ['shop_prot (did you mean shop_port?)']
"""

RETURN = r"""
_value:
  description: Names that are not known, each with the known one that may have been meant.
  type: list
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._names import unknown_variables


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"unknown_variables": unknown_variables}
