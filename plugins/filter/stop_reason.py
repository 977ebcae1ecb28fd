# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: stop_reason
short_description: Why a run is to begin nothing more
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Says whether someone asked the run to end, or its deadline is over.
positional: _input, until
options:
  _input:
    description: The request to stop, as M(uplift.kubeadm.upgrade_lock) returned it as C(stop); may be none.
    type: raw
    required: true
  until:
    description: The deadline, as P(uplift.kubeadm.upgrade_deadline#filter) gave it.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: May the next node be begun?
  ansible.builtin.assert:
    that: none | uplift.kubeadm.stop_reason('2036-11-21T23:30:00+01:00') == ''
"""

RETURN = r"""
_value:
  description: A sentence without its full stop; an empty string when all may go on.
  type: str
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils import _control


def stop_reason(stop: Mapping[str, Any] | None, until: str = "") -> str:
    return _control.stop_reason(stop, until, datetime.now().astimezone())


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"stop_reason": stop_reason}
