#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: worker_wave
short_description: Hold a planned wave of workers against the cluster as it is now
version_added: 0.1.0
description:
  - Waves are planned from what a cluster was like at the start. Pods have moved since, and other things may have
    happened. Before a wave begins, this module reads the cluster again, and says which of its nodes may be out together
    now. It changes nothing.
  - It waits (O(timeout)) until all of them may, but no longer than 15 seconds in which no pod is on its way, that is,
    waits for a node, starts or ends. After that those that do not fit are held back, by name and with the reason. One
    node at least is let in then; its drain waits for disruption budgets by itself.
  - It can watch the nodes that went before for a while (O(soak)), and fails when one of them is not Ready. Without
    O(nodes) it does that alone.
options:
  nodes:
    description: Names of the nodes of the wave, in order; none to watch those that went before.
    type: list
    elements: str
    required: true
  state:
    description:
      - V(open) asks whether the wave may begin.
      - V(planned) cuts the nodes into waves anew (RV(waves)), at once, for nodes that were held back.
    type: str
    choices: [open, planned]
    default: open
  ready:
    description: Names of the nodes that went before, and have to be Ready.
    type: list
    elements: str
    default: []
  soak:
    description: Seconds for which these are watched before the wave may begin.
    type: int
    default: 0
  timeout:
    description: Seconds to wait until all nodes of the wave fit, and until those that went before are Ready.
    type: int
    default: 300
  unbudgeted:
    description: How many pods of a workload without a disruption budget may be out together, a number or a percentage.
    type: raw
    default: 25%
  groups:
    description: Limits by group, as in P(uplift.kubeadm.worker_waves#filter).
    type: list
    elements: dict
    default: []
  inventory_groups:
    description: Inventory names of the hosts of each inventory group that O(groups) names.
    type: dict
    default: {}
  hosts:
    description:
      - With O(inventory_groups), names of the nodes by inventory name. A host that is missing is called as its node.
    type: dict
    default: {}
  max_nodes:
    description: With O(state=planned), nodes of a wave at most.
    type: raw
    default: 100%
  forks:
    description: With O(state=planned), on how many hosts Ansible works at once; no wave is larger.
    type: int
  lock:
    description: Identity of the run that holds the lock of the cluster, which is renewed while the module works.
    type: str
extends_documentation_fragment:
  - uplift.kubeadm.api
attributes:
  check_mode:
    support: full
    description: Can run in check_mode and return changed status prediction without modifying target.
  diff_mode:
    support: none
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
seealso:
  - plugin: uplift.kubeadm.worker_waves
    plugin_type: filter
"""

EXAMPLES = r"""
- name: May these three be out together?
  uplift.kubeadm.worker_wave:
    nodes: [w1, w2, w3]
  register: wave

- name: Who is held back, and by what
  ansible.builtin.debug:
    var: wave.held

- name: Watch the wave before for ten minutes
  uplift.kubeadm.worker_wave:
    nodes: []
    ready: [w1, w2, w3]
    soak: 600

- name: Of the nodes with a GPU, one at a time, those that are out counted
  uplift.kubeadm.worker_wave:
    nodes: [w4, w5]
    groups:
      - {name: gpu, selector: pool=gpu, max: 1}
"""

RETURN = r"""
fits:
  description: Names of the nodes that may be out together now, in order; one at least, where O(nodes) has any.
  returned: when O(state=open)
  type: list
  elements: str
  sample: [w1, w2]
held:
  description: The other nodes, each with what holds it back.
  returned: when O(state=open)
  type: dict
  sample: {"w3": "disruption budget shop/web (1 at a time)"}
waited:
  description: Seconds that it waited for all of them to fit.
  returned: when O(state=open)
  type: float
waves:
  description: Names of the nodes, a list a wave.
  returned: when O(state=planned)
  type: list
  elements: list
  sample: [["w3"], ["w4", "w5"]]
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import _wave_now
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import API_ARGS, connect
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._lock_beat import for_module
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_rules import Rules, amount, read_groups


def answer(params: dict[str, t.Any]) -> dict[str, t.Any]:
    nodes = params["hosts"]
    members = {group: [nodes.get(host, host) for host in hosts] for group, hosts in params["inventory_groups"].items()}
    rules = Rules(
        groups=read_groups(params["groups"], members),
        most=amount(params["max_nodes"], "max_nodes") or "100%",
        forks=params["forks"],
        unbudgeted=amount(params["unbudgeted"], "unbudgeted") or "100%",
    )
    api = connect(params)
    if params["state"] == "planned":
        return {"waves": _wave_now.plan_anew(api, params["nodes"], rules)}
    with for_module(params["lock"], params) as heart:
        _wave_now.watch(api, params["ready"], params["soak"], params["timeout"])
        result = _wave_now.let_in(api, params["nodes"], rules, params["timeout"])
    if heart.lost:
        raise UpliftError(f"{heart.lost} No node of this wave was begun.")
    return result


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "nodes": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["open", "planned"], "default": "open"},
            "ready": {"type": "list", "elements": "str", "default": []},
            "soak": {"type": "int", "default": 0},
            "timeout": {"type": "int", "default": 300},
            "unbudgeted": {"type": "raw", "default": "25%"},
            "groups": {"type": "list", "elements": "dict", "default": []},
            "inventory_groups": {"type": "dict", "default": {}},
            "hosts": {"type": "dict", "default": {}},
            "max_nodes": {"type": "raw", "default": "100%"},
            "forks": {"type": "int"},
            "lock": {"type": "str"},
            **API_ARGS,
        },
        supports_check_mode=True,
    )
    try:
        result = answer(module.params)
    except UpliftError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
