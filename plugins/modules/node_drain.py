#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_drain
short_description: Drain, cordon or uncordon a node of a cluster
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Drains a node as C(kubectl drain --ignore-daemonsets) does, through the eviction API, several pods at a time.
  - Before the node is cordoned, pods that stop a drain are looked for and named. These are pods without a controller,
    pods with emptyDir data, pods of a DaemonSet that is gone, and pods under more than one PodDisruptionBudget.
  - An eviction that a budget refuses (429) is tried again until O(timeout).
  - A pod counts as gone when its UID is gone from the node, so a pod of the same name that took its place confuses
    nothing.
  - A drain that fails uncordons the node again, and names each pod that is left and what holds it.
  - A cordon that this module sets carries the annotation C(uplift.kubeadm/cordon), set in the same request, with what
    the node offered before. A node that is cordoned without it was cordoned by a person. It is drained, and stays
    cordoned.
extends_documentation_fragment:
  - uplift.kubeadm.api
attributes:
  check_mode:
    description: Can run in check_mode. Pods that would stop the drain fail it there too.
    support: full
  diff_mode:
    description: Will return whether the node is schedulable, and the pods that leave it.
    support: full
options:
  name:
    description:
      - Name of the node, as its kubelet registers it.
    type: str
    required: true
  state:
    description:
      - V(drained) cordons the node and evicts its pods. DaemonSet pods and static pods are left.
      - V(cordoned) only cordons it.
      - V(uncordoned) lifts a cordon of this module and removes its annotation, also where the cordon is lifted already;
        a person's cordon stays.
    type: str
    choices: [drained, cordoned, uncordoned]
    default: drained
  timeout:
    description:
      - Seconds for the whole drain.
    type: int
    default: 900
  delete_emptydir_data:
    description:
      - Evict pods that have emptyDir volumes; what is in these is lost.
    type: bool
    default: false
  force_unmanaged:
    description:
      - Evict pods that no controller would start again elsewhere; they are lost.
    type: bool
    default: false
  grace_period:
    description:
      - Seconds that a pod is given to end. If not set, each pod's own C(terminationGracePeriodSeconds).
    type: int
  skip_wait_for_delete_timeout:
    description:
      - Do not wait for pods that were to be gone this many seconds ago, as on a node that is dead. V(0) waits for all.
    type: int
    default: 0
  evictions_in_parallel:
    description:
      - Evictions that are under way at once.
    type: int
    default: 10
seealso:
  - module: uplift.kubeadm.node_ready
"""

EXAMPLES = r"""
- name: Drain a worker
  uplift.kubeadm.node_drain:
    name: worker-1
    timeout: 1800
    delete_emptydir_data: true

- name: Put it back into service
  uplift.kubeadm.node_drain:
    name: worker-1
    state: uncordoned
"""

RETURN = r"""
evicted:
  description:
    - Pods that are gone; in check mode, those that would be evicted. A drain that failed returns them too.
    - C(seconds) is the time from the eviction to the end of the pod, and null for a pod that ended by itself.
  returned: when O(state=drained)
  type: list
  elements: dict
  sample: [{"namespace": "default", "name": "web-0", "seconds": 3.5}]
left:
  description: Pods that stay on the node, and why.
  returned: when O(state=drained)
  type: list
  elements: dict
  sample: [{"namespace": "kube-system", "name": "kube-proxy-x2x7k", "why": "DaemonSet pod"}]
waited:
  description: Budgets that refused evictions, how often, and how long they held pods.
  returned: when O(state=drained)
  type: list
  elements: dict
  sample: [{"budget": "default/web", "refusals": 4, "seconds": 7.5}]
cordoned_before:
  description: Whether the node was cordoned when the module was called, by whomever.
  returned: success
  type: bool
cordoned_by_person:
  description: Whether the cordon is someone else's, and so stays.
  returned: success
  type: bool
offered:
  description:
    - What the node offered before it was cordoned. This is what the annotation holds.
    - C(daemonset_pods) is the number of DaemonSet pods that were Ready.
  returned: unless O(state=uncordoned)
  type: dict
  sample:
    at: "2026-11-01T12:00:00Z"
    resources: {"nvidia.com/gpu": "4"}
    csi_drivers: [ebs.csi.aws.com]
    daemonset_pods: 3
seconds:
  description: How long the drain took.
  returned: when O(state=drained)
  type: float
"""

import typing as t
from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import _cordon
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import API_ARGS, Api, connect
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain import Drain
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_rules import Options
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError


def drained(module: AnsibleModule, api: Api) -> dict[str, t.Any]:
    drain = Drain(
        api, module.params["name"], Options(**{name: module.params[name] for name in Options.__dataclass_fields__})
    )
    try:
        report = drain.forecast() if module.check_mode else drain.run()
    except UpliftError as e:
        module.fail_json(msg=str(e), **_result(drain))
    return _result(drain, report.cordoned_before)


def _result(drain: Drain, cordoned_before: bool = True) -> dict[str, t.Any]:
    result = asdict(drain.report)
    pods = [f"{pod['namespace']}/{pod['name']}" for pod in result["evicted"]]
    result["diff"] = {
        "before": _state(cordoned_before, pods),
        "after": _state(True, []),
    }
    return result


def _state(cordoned: bool, pods: list[str]) -> str:
    return "\n".join(
        [f"schedulable: {str(not cordoned).lower()}", "pods to evict:", *(f"  {pod}" for pod in sorted(pods)), ""]
    )


def cordoned(module: AnsibleModule, api: Api) -> dict[str, t.Any]:
    outcome = _cordon.cordon(api, module.params["name"], module.check_mode)
    return {**_outcome(outcome, cordoned_after=True), "offered": outcome.offered}


def uncordoned(module: AnsibleModule, api: Api) -> dict[str, t.Any]:
    outcome = _cordon.uncordon(api, module.params["name"], module.check_mode)
    result = _outcome(outcome, cordoned_after=outcome.by_person)
    if outcome.by_person:
        result["msg"] = f"The node {module.params['name']} stays cordoned: someone else had cordoned it."
    return result


def _outcome(outcome: _cordon.Cordon, cordoned_after: bool) -> dict[str, t.Any]:
    return {
        "changed": outcome.changed,
        "cordoned_before": outcome.was_cordoned,
        "cordoned_by_person": outcome.by_person,
        "diff": {
            "before": f"schedulable: {str(not outcome.was_cordoned).lower()}\n",
            "after": f"schedulable: {str(not cordoned_after).lower()}\n",
        },
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["drained", "cordoned", "uncordoned"], "default": "drained"},
            "timeout": {"type": "int", "default": 900},
            "delete_emptydir_data": {"type": "bool", "default": False},
            "force_unmanaged": {"type": "bool", "default": False},
            "grace_period": {"type": "int"},
            "skip_wait_for_delete_timeout": {"type": "int", "default": 0},
            "evictions_in_parallel": {"type": "int", "default": 10},
            **API_ARGS,
        },
        supports_check_mode=True,
    )
    states = {"drained": drained, "cordoned": cordoned, "uncordoned": uncordoned}
    try:
        result = states[module.params["state"]](module, connect(module.params))
    except UpliftError as e:
        module.fail_json(msg=str(e))
    for warning in result.pop("warnings", []):
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
