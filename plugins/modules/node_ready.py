#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_ready
short_description: Wait until a node is back as it was before, and put it into service
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Waits until a node is Ready, its kubelet reports the wanted version, and the node has back what it offered before
    it was cordoned by M(uplift.kubeadm.node_drain). That is its extended resources (GPUs and the like), its CSI
    drivers and its DaemonSet pods. Static pods on it are Ready too.
  - An extended resource of which there are some again, and fewer than before, is waited for until 30 seconds after all
    else is back. Then the module goes on with a warning that names it, as something other than the upgrade may have
    lowered it. One of which there is none at all is missing.
  - A static pod that was not Ready before the node was cordoned either is named in a warning, and not waited for.
    Those of kubeadm (API server, controller manager, scheduler, etcd) always are.
  - With O(uncordon=true) the cordon is lifted in the same call, so that the node is out of service as short as can be.
extends_documentation_fragment:
  - uplift.kubeadm.api
attributes:
  check_mode:
    description: Can run in check_mode. It then looks once, does not wait, and does not fail.
    support: full
  diff_mode:
    description: Will return details on what has changed.
    support: none
options:
  name:
    description:
      - Name of the node, as its kubelet registers it.
    type: str
    required: true
  kubelet_version:
    description:
      - Version that the kubelet has to report, as in V(v1.25.4). Any if not set.
    type: str
  static_pods_version:
    description:
      - Version that the static pods C(kube-apiserver), C(kube-controller-manager) and C(kube-scheduler) of the node
        have to show. For control plane nodes.
    type: str
  healthy_static_pods:
    description:
      - Programs of kubeadm's static pods that have been asked themselves, as by M(uplift.kubeadm.node_info), and are
        healthy. The Ready condition of their pods is not waited for. Kubelet's startup probe, which sets it, looks
        every 10 seconds only.
    type: list
    elements: str
    default: []
  offered:
    description:
      - What the node offered before it was drained, as RV(uplift.kubeadm.node_drain#module:offered) has it. For a node
        that a person had cordoned; where the cordon is M(uplift.kubeadm.node_drain)'s own, its annotation counts.
    type: dict
    default: {}
  timeout:
    description:
      - Seconds to wait.
    type: int
    default: 300
  uncordon:
    description:
      - Uncordon the node when it is back. A person's cordon stays, as with
        O(uplift.kubeadm.node_drain#module:state=uncordoned).
    type: bool
    default: false
  lock:
    description:
      - The C(id) of the RV(uplift.kubeadm.upgrade_lock#module:holder) of the cluster's lock. It is renewed while the
        module works. When it is another run's, the node is left as it is.
    type: str
  keep_record:
    description:
      - With O(uncordon=true), leave the annotation C(uplift.kubeadm/cordon) on the node, so that a run that is killed
        before it has finished with the node leaves a trace. O(uplift.kubeadm.node_drain#module:state=uncordoned)
        removes it later.
      - Without this, O(uncordon=true) removes it, also from a node that is schedulable already.
    type: bool
    default: false
seealso:
  - module: uplift.kubeadm.node_drain
"""

EXAMPLES = r"""
- name: Wait for the new kubelet, then put the node into service
  uplift.kubeadm.node_ready:
    name: worker-1
    kubelet_version: v1.25.4
    uncordon: true

- name: Wait until the programs of a control plane node have come to rest under its new kubelet
  uplift.kubeadm.node_info:
    wait_version: v1.25.4
    settled: true
  register: asked

- name: Put the control plane node into service
  uplift.kubeadm.node_ready:
    name: cp1
    kubelet_version: v1.25.4
    healthy_static_pods: "{{ asked.node.running.keys() }}"
    uncordon: true

- name: Wait for the new control plane of a node
  uplift.kubeadm.node_ready:
    name: cp1
    static_pods_version: v1.25.4
"""

RETURN = r"""
missing:
  description: What the node does not show yet. Empty, but in check mode.
  returned: success
  type: list
  elements: str
  sample: ["the kubelet reports v1.24.17, not v1.25.4"]
warned:
  description: The warnings, as texts, for a report.
  returned: success
  type: list
  elements: str
cordoned_by_person:
  description: Whether the node stays cordoned because someone else had cordoned it.
  returned: when O(uncordon=true)
  type: bool
seconds:
  description: How long it took.
  returned: success
  type: float
"""

import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import _cordon, _node_ready
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import API_ARGS, connect
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._lock_beat import for_module


def bring_back(module: AnsibleModule) -> dict[str, t.Any]:
    begun = time.monotonic()
    api, name = connect(module.params), module.params["name"]
    expected = _node_ready.Expected(
        module.params["kubelet_version"],
        module.params["static_pods_version"],
        module.params["healthy_static_pods"],
        module.params["offered"],
    )
    result: dict[str, t.Any] = {"changed": False, "missing": []}
    if module.check_mode:
        seen = _node_ready.look(api, name, expected)
        result["missing"], seen = seen.missing + seen.less, seen._replace(less=[])
    else:
        with for_module(module.params["lock"], module.params) as heart:
            seen = _node_ready.wait(api, name, expected, module.params["timeout"])
        if heart.lost:
            raise UpliftError(f"{heart.lost} The node {name} is back, and left as it is.")
    result["warned"] = _node_ready.warnings(name, seen)
    for warning in result["warned"]:
        module.warn(warning)
    if module.params["uncordon"]:
        outcome = _cordon.uncordon(api, name, module.check_mode, module.params["keep_record"])
        result.update(changed=outcome.changed, cordoned_by_person=outcome.by_person)
        if outcome.by_person:
            result["msg"] = f"The node {name} stays cordoned: someone else had cordoned it."
    return {**result, "seconds": round(time.monotonic() - begun, 1)}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "kubelet_version": {"type": "str"},
            "static_pods_version": {"type": "str"},
            "healthy_static_pods": {"type": "list", "elements": "str", "default": []},
            "offered": {"type": "dict", "default": {}},
            "timeout": {"type": "int", "default": 300},
            "uncordon": {"type": "bool", "default": False},
            "keep_record": {"type": "bool", "default": False},
            "lock": {"type": "str"},
            **API_ARGS,
        },
        supports_check_mode=True,
    )
    try:
        result = bring_back(module)
    except UpliftError as e:
        module.fail_json(msg=str(e))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
