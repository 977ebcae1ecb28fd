# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: plan_stage
short_description: One stage of an upgrade plan
version_added: 0.1.0
description:
  - Finds the stage of a hop and kind in the plan of M(uplift.kubeadm.upgrade_plan).
  - Gives a stage without hosts (C(hosts) and C(drains) empty, C(serial) 1) where the plan has none, and where there
    is no plan yet, so that it can stand in C(hosts) and C(serial) of a play.
positional: hop, kind
options:
  _input:
    description: The plan; may be empty or undefined with C(default({})).
    type: dict
    required: true
  hop:
    description: Index of the hop, from 0.
    type: int
    required: true
  kind:
    description: The kind of stage.
    type: str
    required: true
    choices: [uncordon, prepare, kubectl, etcd, control_plane, control_plane_kubelet, workers, finish]
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
"""

EXAMPLES = r"""
- name: Who has a step in the first hop
  ansible.builtin.debug:
    msg: "{{ (plan | default({}) | uplift.kubeadm.plan_stage(0, 'prepare')).hosts }}"
"""

RETURN = r"""
_value:
  description: The stage.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_stages import KINDS, find_stage


def plan_stage(plan: Any, hop: Any, kind: Any) -> dict[str, Any]:
    if kind not in KINDS:
        raise AnsibleFilterError(f"plan_stage: no stage is of kind {kind!r}; kinds are {', '.join(KINDS)}.")
    return find_stage(plan, int(hop), str(kind))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"plan_stage": plan_stage}
