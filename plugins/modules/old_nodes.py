#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: old_nodes
short_description: Cordon, drain and remove nodes that are to go, several at once
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Cordons nodes, drains them as M(uplift.kubeadm.node_drain) does, all at once, and sees that they are empty; removes
    their Node objects; or gives them back.
  - A drain that fails ends no other of the same call, and leaves all nodes cordoned. M(uplift.kubeadm.node_drain) would
    uncordon its node.
  - Which nodes may be out together is for M(uplift.kubeadm.worker_wave) to say.
extends_documentation_fragment:
  - uplift.kubeadm.api
  - uplift.kubeadm.drain
attributes:
  check_mode:
    description: Can run in check_mode. What would stop it fails it there too.
    support: full
  diff_mode:
    description: Will return which nodes are schedulable, or there.
    support: full
options:
  names:
    description:
      - Names of the nodes, as their kubelets register them.
    type: list
    elements: str
    required: true
  state:
    description:
      - V(cordoned) cordons all of them, each with the annotation C(uplift.kubeadm/leaving). An upgrade takes that for a
        person's cordon, and leaves it. A cordon that an upgrade has left is taken over.
      - V(drained) cordons them and evicts their pods, all at once. After it nothing but pods of DaemonSets and static
        pods runs there; anything else fails it, but for what O(skip_wait_for_delete_timeout) goes on without.
      - V(removed) deletes their Node objects. A node that is not cordoned, one that is Ready and not empty, and a
        control plane whose API server runs is refused.
      - V(empty) changes nothing, and fails for a node that V(removed) would not find empty, whether its API server runs
        or not.
      - V(uncordoned) lifts the cordons that this module has set. Others stay.
    type: str
    choices: [cordoned, drained, empty, removed, uncordoned]
    default: drained
  were_reset:
    description:
      - With O(state=removed), their hosts were just reset. What the cluster says of them is then old, and is not asked.
    type: bool
    default: false
seealso:
  - module: uplift.kubeadm.node_drain
  - module: uplift.kubeadm.replace_plan
"""

EXAMPLES = r"""
- name: Cordon all old nodes before any is drained
  uplift.kubeadm.old_nodes:
    names: [old-1, old-2, old-3]
    state: cordoned

- name: Drain two of them together
  uplift.kubeadm.old_nodes:
    names: [old-1, old-2]

- name: Remove them
  uplift.kubeadm.old_nodes:
    names: [old-1, old-2]
    state: removed
"""

RETURN = r"""
drained:
  description: Whether all of them are drained and empty. V(false) is returned by a slice after which pods are left.
  returned: when O(state=drained)
  type: bool
progress:
  description: C(line), how far the drains are, for a person.
  returned: when O(state=drained)
  type: dict
  sample: {"line": "old-1: 2 pods left after 12 s: shop/web-1, shop/web-2 (evicted); old-2: no pods left after 12 s"}
evicted:
  description: Pods that are gone, by node; in check mode, those that would be evicted.
  returned: when O(state=drained)
  type: dict
forced:
  description: Pods that were deleted past their budget (O(force_past_budgets_after)), by node.
  returned: when O(state=drained)
  type: dict
failed_nodes:
  description: Why the drain of a node failed, by node.
  returned: when O(state=drained)
  type: dict
nodes:
  description: The nodes that were changed; in check mode, that would be. With O(state=empty), none.
  returned: unless O(state=drained)
  type: list
  elements: str
by_person:
  description: Nodes that were cordoned by someone else, and stay so.
  returned: when O(state) is V(cordoned) or V(uncordoned)
  type: list
  elements: str
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import _old_nodes
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import API_ARGS, Api, connect
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_args import DRAIN_ARGS, options
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._lock_beat import for_module

Result = dict[str, t.Any]


def drained(module: AnsibleModule, api: Api) -> Result:
    names = module.params["names"]
    chosen = options(module.params, leaving=True)
    with for_module(None if module.check_mode else module.params["lock"], module.params) as heart:
        found = _old_nodes.drain(api, names, chosen, lambda: heart.lost, module.check_mode)
    reports = found.nodes
    lines = [
        report.progress["line"] for name, report in reports.items() if report.progress and name not in found.failed
    ]
    result = {
        "changed": any(report.changed for report in reports.values()),
        "drained": found.drained,
        "progress": {"line": "; ".join(lines)},
        "evicted": {name: report.evicted for name, report in reports.items()},
        "forced": {name: report.forced for name, report in reports.items()},
        "failed_nodes": found.failed,
        "diff": _diff({name: len(report.evicted) for name, report in reports.items()}),
    }
    for warning in dict.fromkeys(warning for report in reports.values() for warning in report.warnings):
        module.warn(warning)
    if found.failed:
        module.fail_json(
            msg=" ".join(found.failed.values())
            + " All of them stay cordoned; what has left them runs elsewhere. Mend what is named, and run again.",
            **result,
        )
    return result


def cordoned(module: AnsibleModule, api: Api) -> Result:
    return _outcome(_old_nodes.cordon(api, module.params["names"], module.check_mode), cordoned_after=True)


def uncordoned(module: AnsibleModule, api: Api) -> Result:
    return _outcome(_old_nodes.uncordon(api, module.params["names"], module.check_mode), cordoned_after=False)


def empty(module: AnsibleModule, api: Api) -> Result:
    for name in module.params["names"]:
        _old_nodes.require_empty(api, name)
    return {"changed": False, "nodes": []}


def removed(module: AnsibleModule, api: Api) -> Result:
    was_reset, check = module.params["were_reset"], module.check_mode
    gone = [name for name in module.params["names"] if _old_nodes.remove(api, name, was_reset, check)]
    diff = {"before": "".join(f"node {name}\n" for name in gone), "after": ""}
    return {"changed": bool(gone), "nodes": gone, "diff": diff}


def _outcome(outcomes: dict[str, t.Any], cordoned_after: bool) -> Result:
    changed = [name for name, outcome in outcomes.items() if outcome.changed]
    return {
        "changed": bool(changed),
        "nodes": changed,
        "by_person": [name for name, outcome in outcomes.items() if outcome.by_person],
        "diff": {
            "before": "".join(f"{name} schedulable: {str(cordoned_after).lower()}\n" for name in changed),
            "after": "".join(f"{name} schedulable: {str(not cordoned_after).lower()}\n" for name in changed),
        },
    }


def _diff(pods: dict[str, int]) -> Result:
    return {
        "before": "".join(f"{name}: {number} pods that go\n" for name, number in pods.items()),
        "after": "".join(f"{name}: 0 pods that go\n" for name in pods),
    }


def main() -> None:
    states = {"cordoned": cordoned, "drained": drained, "empty": empty, "removed": removed, "uncordoned": uncordoned}
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": list(states), "default": "drained"},
            "were_reset": {"type": "bool", "default": False},
            **DRAIN_ARGS,
            **API_ARGS,
        },
        supports_check_mode=True,
    )
    try:
        result = states[module.params["state"]](module, connect(module.params))
    except UpliftError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
