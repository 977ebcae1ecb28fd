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
    nothing. The node counts as drained when the volumes of these pods are detached, too.
  - On a node that is not Ready pods are evicted with a warning, as no kubelet ends them.
  - A drain that fails uncordons the node again (unless O(keep_cordon)), and names each pod that is left and what holds
    it.
  - A cordon that this module sets carries the annotation C(uplift.kubeadm/cordon), set in the same request, with what
    the node offered before. A node that is cordoned without it was cordoned by a person. It is drained, and stays
    cordoned.
extends_documentation_fragment:
  - uplift.kubeadm.api
  - uplift.kubeadm.drain
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
  keep_cordon:
    description:
      - Whether a drain that fails leaves the node cordoned, with our annotation. For a node that is not to come back as
        it is, such as one whose kubelet is being replaced.
    type: bool
    default: false
seealso:
  - module: uplift.kubeadm.node_ready
"""

EXAMPLES = r"""
- name: Drain a worker
  uplift.kubeadm.node_drain:
    name: worker-1
    timeout: 1800
    delete_emptydir_data: true

- name: Let batch jobs end, for half an hour at most, before anything else goes; databases last
  uplift.kubeadm.node_drain:
    name: worker-1
    timeout: 3600
    order:
      - selector: type=batch
        action: wait
        timeout: 1800
      - action: drain
      - selector:
          matchLabels:
            tier: database

- name: Drain a node whose new kubelet did not come up, and which stays out of service whatever comes of it
  uplift.kubeadm.node_drain:
    name: worker-1
    keep_cordon: true

- name: Drain in slices of 15 seconds, so that each shows how far it is
  uplift.kubeadm.node_drain:
    name: worker-1
    slice: 15
  register: drain
  until: drain is failed or drain.drained
  retries: 100
  delay: 0

- name: Put it back into service
  uplift.kubeadm.node_drain:
    name: worker-1
    state: uncordoned
"""

RETURN = r"""
drained:
  description:
    - Whether the drain is over. V(false) is returned by a slice after which pods are left.
    - In check mode, whether it can be.
  returned: when O(state=drained)
  type: bool
evicted:
  description:
    - Pods that are gone; in check mode, those that would be evicted. A drain that failed returns them too.
    - C(seconds) is the time from the eviction to the end of the pod, and null for a pod that ended by itself.
  returned: when O(state=drained)
  type: list
  elements: dict
  sample: [{"namespace": "default", "name": "web-0", "seconds": 3.5}]
completed:
  description: Pods that were left to complete, and have, or are gone; in check mode, those that would be waited for.
  returned: when O(state=drained)
  type: list
  elements: dict
  sample: [{"namespace": "batch", "name": "import-x7k2p", "seconds": 312.4}]
forced:
  description: Pods that were deleted in spite of the budget that held them, and for how long it had.
  returned: when O(state=drained)
  type: list
  elements: dict
  sample: [{"namespace": "shop", "name": "web-0", "budget": "shop/web", "seconds": 600.2}]
progress:
  description: How far the drain is.
  returned: when O(state=drained)
  type: dict
  contains:
    line:
      description: One line for a person.
      type: str
      sample: >-
        w1: 1 pod left after 35 s: shop/web-0 (held by the budget shop/web, which refused 11 times in 33 s: The
        disruption budget web needs 2 healthy pods and has 2 currently)
    left:
      description:
        - The pods that are left, and what each waits for.
        - C(state) is V(held) by a budget, V(refused) for another reason, V(ending), V(running) as it is left to
          complete, V(queued) as its turn has not come, or V(attached) for a volume.
      type: list
      elements: dict
      sample:
        - namespace: shop
          name: web-0
          state: held
          budget: shop/web
          seconds: 33.1
          refusals: 11
          why: held by the budget shop/web, which refused 11 times in 33 s
left:
  description: Pods that stay on the node, and why.
  returned: when O(state=drained)
  type: list
  elements: dict
  sample: [{"namespace": "kube-system", "name": "kube-proxy-x2x7k", "why": "DaemonSet pod"}]
waited:
  description: Budgets that refused evictions, how often, and how long they held pods, all slices together.
  returned: when O(state=drained)
  type: list
  elements: dict
  sample: [{"budget": "default/web", "refusals": 4, "seconds": 7.5}]
warned:
  description: The warnings, as texts, for a report.
  returned: when O(state=drained)
  type: list
  elements: str
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
    - C(static_pods_not_ready) are the static pods that were not Ready, but for those of kubeadm.
  returned: unless O(state=uncordoned)
  type: dict
  sample:
    at: "2026-11-01T12:00:00Z"
    resources: {"nvidia.com/gpu": "4"}
    csi_drivers: [ebs.csi.aws.com]
    daemonset_pods: 3
    static_pods_not_ready: [kube-system/virtual-ip-worker-1]
seconds:
  description: How long the drain took, all slices together.
  returned: when O(state=drained)
  type: float
"""

import typing as t
from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import _cordon
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import API_ARGS, Api, connect
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain import Drain
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_args import DRAIN_ARGS, options
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._lock_beat import for_module


def drained(module: AnsibleModule, api: Api) -> dict[str, t.Any]:
    heart = for_module(None if module.check_mode else module.params["lock"], module.params)
    drain = Drain(api, module.params["name"], options(module.params), lambda: heart.lost)
    try:
        with heart:
            report = drain.forecast() if module.check_mode else drain.run()
    except UpliftError as e:
        result = _result(drain)
        _warn(module, result)
        module.fail_json(msg=str(e), **result)
    return _result(drain, report.cordoned_before)


def _warn(module: AnsibleModule, result: dict[str, t.Any]) -> None:
    """Warnings among the arguments of exit_json and fail_json are deprecated."""
    for warning in result.pop("warnings", []):
        module.warn(warning)


def _result(drain: Drain, cordoned_before: bool = True) -> dict[str, t.Any]:
    result = asdict(drain.report)
    result["warned"] = list(drain.report.warnings)
    result["diff"] = {
        "before": _state(cordoned_before, result["evicted"], result["completed"]),
        "after": _state(True, [], []),
    }
    return result


def _state(cordoned: bool, evicted: list[dict[str, t.Any]], completed: list[dict[str, t.Any]]) -> str:
    lines = [f"schedulable: {str(not cordoned).lower()}"]
    for title, pods in (("pods to evict:", evicted), ("pods left to complete:", completed)):
        if pods or title == "pods to evict:":
            lines += [title, *sorted(f"  {pod['namespace']}/{pod['name']}" for pod in pods)]
    return "\n".join([*lines, ""])


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
            "keep_cordon": {"type": "bool", "default": False},
            **DRAIN_ARGS,
            **API_ARGS,
        },
        supports_check_mode=True,
    )
    states = {"drained": drained, "cordoned": cordoned, "uncordoned": uncordoned}
    try:
        result = states[module.params["state"]](module, connect(module.params))
    except UpliftError as e:
        module.fail_json(msg=str(e))
    _warn(module, result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
