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
      - Seconds for the whole drain, all its slices and waits together.
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
      - Evictions that are asked for at once.
    type: int
    default: 10
  order:
    description:
      - In which order pods go, by groups. The next group's turn comes when all pods of the one before are gone.
      - A pod belongs to the first entry that selects it. DaemonSet pods and static pods are left in any case.
      - An entry with neither O(order[].selector) nor O(order[].namespace) is for all pods that no other entry selects.
        Without one these are drained last.
    type: list
    elements: dict
    default: []
    suboptions:
      selector:
        description:
          - Labels of the pods, as C(kubectl get --selector) takes them (V(app=web,tier!=db)), or a LabelSelector with
            C(matchLabels) and C(matchExpressions).
        type: raw
      namespace:
        description:
          - Namespace of the pods.
        type: str
      action:
        description:
          - V(drain) evicts them.
          - V(wait) leaves them to complete, as pods of Jobs do, and leaves on the node what has completed.
          - V(skip) leaves them on the node.
        type: str
        choices: [drain, wait, skip]
        default: drain
      timeout:
        description:
          - Seconds that V(wait) waits, from when the group's turn comes, before it evicts what has not completed. If
            not set, it waits until O(timeout) ends the drain. All these times together must be less than O(timeout).
        type: int
  wait_for_volumes:
    description:
      - Wait until the volumes of the pods that left are detached from the node, by their VolumeAttachments. Volumes
        that DaemonSet pods or other pods use that stay on the node are not waited for.
    type: bool
    default: true
  force_past_budgets_after:
    description:
      - Seconds of the drain after which pods that a PodDisruptionBudget holds are deleted in spite of it. This breaks
        what the budget promises. Each of these pods is returned as RV(forced), with a warning.
      - V(0) never does that. It must be less than O(timeout).
    type: int
    default: 0
  leader_timeout:
    description:
      - How long, in seconds, to wait before the node is cordoned until the controller manager and the scheduler have a
        leader, by their Leases in C(kube-system). For 15 seconds after a control plane node was restarted there may be
        none, and pods that are evicted then are started nowhere. The drain fails when there is none by then.
      - V(0) does not look. Programs without such a Lease are not waited for.
    type: int
    default: 60
  proxy_timeout:
    description:
      - How long, in seconds, to wait before the node is cordoned until the DaemonSet C(kube-proxy) is rolled out, which
        C(kubeadm upgrade apply) changes. A node whose kube-proxy is just being replaced goes on sending requests to
        pods that a drain ended. After that time the drain goes on, with a warning.
      - V(0) does not look. A cluster without that DaemonSet is not waited for.
    type: int
    default: 120
  slice:
    description:
      - Seconds after which the module returns although the drain is not over, with RV(drained=false) and RV(progress).
        Called again with the same options, as with C(until), it goes on.
      - V(0) does the whole drain in one call.
    type: int
    default: 0
  lock:
    description:
      - The C(id) of the RV(uplift.kubeadm.upgrade_lock#module:holder) of the cluster's lock. It is renewed while the
        module works. When another run takes it, the drain ends, and the node is left as it is.
    type: str
  state_directory:
    description:
      - Folder on the host that the module runs on. There it keeps, readable by its user alone, what a drain has done
        so far, for the next slice and for the run after one that was killed. It is removed when the drain is over.
      - Where it cannot be written, a drain in one call goes on without, and one in slices fails.
    type: path
    default: /var/lib/uplift-kubeadm
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
  returned: unless O(state=uncordoned)
  type: dict
  sample:
    at: "2026-11-01T12:00:00Z"
    resources: {"nvidia.com/gpu": "4"}
    csi_drivers: [ebs.csi.aws.com]
    daemonset_pods: 3
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
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_order import parse_order
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_rules import Options
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._lock_beat import for_module


def options(params: t.Mapping[str, t.Any]) -> Options:
    """Raises UpliftError where they do not fit together."""
    given = {name: params[name] for name in Options.__dataclass_fields__}
    if given["force_past_budgets_after"] >= given["timeout"]:
        raise UpliftError(
            f"force_past_budgets_after is {given['force_past_budgets_after']} s, and the whole drain may take "
            f"{given['timeout']} s: give it (kubeadm_upgrade_drain_timeout, or the module's option timeout) more than "
            "that, with time for the pods to end."
        )
    return Options(**{**given, "order": parse_order(params["order"], params["timeout"])})


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
            "timeout": {"type": "int", "default": 900},
            "delete_emptydir_data": {"type": "bool", "default": False},
            "force_unmanaged": {"type": "bool", "default": False},
            "grace_period": {"type": "int"},
            "skip_wait_for_delete_timeout": {"type": "int", "default": 0},
            "evictions_in_parallel": {"type": "int", "default": 10},
            "order": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "selector": {"type": "raw"},
                    "namespace": {"type": "str"},
                    "action": {"type": "str", "choices": ["drain", "wait", "skip"], "default": "drain"},
                    "timeout": {"type": "int"},
                },
            },
            "wait_for_volumes": {"type": "bool", "default": True},
            "force_past_budgets_after": {"type": "int", "default": 0},
            "leader_timeout": {"type": "int", "default": 60},
            "proxy_timeout": {"type": "int", "default": 120},
            "slice": {"type": "int", "default": 0},
            "lock": {"type": "str"},
            "state_directory": {"type": "path", "default": "/var/lib/uplift-kubeadm"},
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
