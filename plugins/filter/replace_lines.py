# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: replace_lines
short_description: The last lines of a replacement of nodes
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Says what a run did, what is left, how to go back and how to remove old nodes, as lines for a person.
positional: _input
options:
  _input:
    description: The plan, as M(uplift.kubeadm.replace_plan) returned it.
    type: dict
    required: true
  removed:
    description: Names of the nodes that were removed.
    type: list
    elements: str
    default: []
  back:
    description:
      - What M(uplift.kubeadm.old_nodes) returned when it uncordoned them. The lines then say what going back did.
    type: dict
"""

EXAMPLES = r"""
- name: Say what was done
  ansible.builtin.debug:
    msg: "{{ replace.plan | uplift.kubeadm.replace_lines(removed=['old-1']) }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils import _replace_words


def replace_lines(
    plan: Mapping[str, Any], removed: Sequence[str] = (), back: Mapping[str, Any] | None = None
) -> list[str]:
    """See DOCUMENTATION."""
    if back is not None:
        return _replace_words.back(plan, list(back.get("nodes") or ()), list(back.get("by_person") or ()))
    return _replace_words.done(plan, list(removed))


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"replace_lines": replace_lines}
