#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: upgrade_plan
short_description: Plan the upgrade of a kubeadm cluster
version_added: 0.1.0
description:
  - Turns the facts of a cluster and a target version into an ordered list of stages, each with its version, its hosts
    and who is drained, and says why. Changes nothing.
  - The control plane goes one minor at a time. At no moment does the plan leave Kubernetes' version skew policy
    (U(https://kubernetes.io/releases/version-skew-policy/)), with one exception that kubeadm itself makes; up to
    kubeadm 1.27 the first C(kubeadm upgrade apply) moves kube-proxy everywhere while other control planes wait.
  - Everything is derived from what runs, so a run that was killed is planned again and goes on where it was. A hop of
    which anything does not say its version yet (ConfigMap kubeadm-config, static pods, kube-proxy) is finished first.
  - Whatever must stop a run before it touches a node fails here, with one message that says what to do.
options:
  facts:
    description: Path, on the host that the module runs on, of the facts that M(uplift.kubeadm.cluster_info) wrote.
    type: path
  sha256:
    description:
      - Digest of that file, as C(cluster_info) returned it. A file that has changed since is refused.
    type: str
  facts_data:
    description: The facts themselves, instead of O(facts); for small clusters and for tests.
    type: dict
  target:
    description:
      - The minor to go to (V(1.26), its newest patch that the package source offers) or the patch (V(1.26.9)).
      - A float that may have lost a digit (V(1.3) for 1.30) is refused.
    type: raw
  hosts:
    description:
      - Facts of the inventory hosts as M(uplift.kubeadm.node_info) returns them, each with C(group) added
        (V(control_plane) or V(worker)), by inventory name, in the order of the inventory.
      - Hosts are matched to nodes by C(name), which is the name in the client certificate of the kubelet.
    type: dict
    required: true
  available:
    description:
      - Versions that the package source offers on all hosts, by minor.
      - Leave it out to learn which minors to ask for (RV(minors)), and which hosts (RV(hosts)); then no plan is
        returned, but all that is wrong and can be seen without it is refused.
    type: dict
  worker_hops:
    description:
      - V(auto) lets a worker skip minors where the policy and kubeadm's own check both allow it (up to three minors a
        drain when the control plane goes to 1.29 or later); otherwise workers follow every minor.
      - V(every) follows every minor of the run.
      - V(fewest) skips wherever the policy allows it, and has kubeadm's own check forced.
      - Minors that the control plane left behind before this run are not gone through again; kubeadm does not manage
        a cluster newer than itself.
    type: str
    choices: [auto, every, fewest]
    default: auto
  scope:
    description:
      - What to upgrade. With V(control_plane) workers stay, and the run is refused when they would be left too far
        behind. With V(workers) the control plane must be at the target (or later) already.
    type: str
    choices: [all, control_plane, workers]
    default: all
  serial:
    description:
      - How many workers at once, as for C(serial) of a play; a number, a percentage, or a list of these.
      - V(auto) has the planner choose waves, the largest sets of workers that can be out together without breaking a
        disruption budget, with room for their pods on the nodes that stay; see P(uplift.kubeadm.worker_waves#filter).
        Where pods or budgets could not be read, workers go one at a time.
    type: raw
    default: 1
  waves:
    description: For O(serial=auto), what holds of waves beside budgets and room.
    type: dict
    default: {}
    suboptions:
      groups:
        description: Limits by group, as the filter P(uplift.kubeadm.worker_waves#filter) takes them.
        type: list
        elements: dict
        default: []
      inventory_groups:
        description: Inventory names of the hosts of each inventory group that O(waves.groups) names.
        type: dict
        default: {}
      max_nodes:
        description: Nodes of a wave at most, a number or a percentage of the workers that go.
        type: raw
        default: 100%
      canaries:
        description: Nodes of the first wave; with V(0) there is no such wave, and later ones need not grow from it.
        type: int
        default: 1
      unbudgeted:
        description: How many pods of a workload without a disruption budget may be out together.
        type: raw
        default: 25%
      forks:
        description: On how many hosts Ansible works at once; no wave is larger.
        type: int
  limited:
    description:
      - Inventory names within C(--limit); leave it out when there is no limit. Any set of workers may be chosen; of the
        control plane all hosts or none.
      - Nodes outside the limit stay as they are, and count in every rule.
    type: list
    elements: str
  left_out:
    description: Inventory hosts that could not be reached. An unreachable control plane is refused.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description: Inventory name.
        type: str
        required: true
      why:
        description: What Ansible said.
        type: str
      group:
        description: The group of the host.
        type: str
        choices: [control_plane, worker]
  max_left_out:
    description: How many workers may be left out because they are unreachable or NotReady.
    type: int
    default: 0
  versions:
    description: Patches to use instead of the newest that the source offers, each by its minor.
    type: dict
    default: {}
  etcd_bridge:
    description:
      - Tags of etcd's image, such as V(3.5.32-0), one for each minor of etcd. Before the hop whose kubeadm brings the
        next minor of etcd, the members that are older go there, in a stage C(etcd) of its own.
      - A tag that no hop needs is named in C(decisions).
      - Refused with an external etcd, and where C(etcd.local.imageTag) has been set by somebody else.
    type: list
    elements: str
    default: []
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
  - plugin: uplift.kubeadm.plan_stage
    plugin_type: filter
  - plugin: uplift.kubeadm.worker_waves
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Which minors' packages have to be listed
  uplift.kubeadm.upgrade_plan:
    facts: /var/lib/uplift-kubeadm/facts.json
    target: "1.26"
    hosts: "{{ node_facts }}"
  register: needed

- name: Plan the upgrade
  uplift.kubeadm.upgrade_plan:
    facts: /var/lib/uplift-kubeadm/facts.json
    target: "1.26"
    hosts: "{{ node_facts }}"
    available: {"1.25": ["1.25.4"], "1.26": ["1.26.8", "1.26.9"]}
    serial: [1, "25%"]
  register: upgrade

- name: Show it
  ansible.builtin.debug:
    var: upgrade.table
"""

RETURN = r"""
plan:
  description: The plan; empty when O(available) was left out.
  type: dict
  returned: success
  contains:
    schema:
      description: Version of this shape.
      type: int
    target:
      description: The version that the run ends at.
      type: str
    changes:
      description: Whether anything is to be done.
      type: bool
    hops:
      description: The hops, each C(index), C(minor), C(version).
      type: list
      elements: dict
    stages:
      description:
        - What to do, in order. Each has C(id), C(hop) (index), C(kind), C(version), C(hosts), C(nodes), C(serial),
          C(drains) (hosts) and C(why).
        - Kinds in their order within a hop are C(uncordon) (hosts that an earlier run left cordoned and that have no
          other step in the first hop; before the first hop alone), C(prepare), C(kubectl) (kubectl alone, no drain, on
          workers that skip hops), C(etcd) (with C(image_tag), see O(etcd_bridge)), C(control_plane) (with C(actions)
          host to C(apply) or C(node), and C(force_kubelet_skew)), C(control_plane_kubelet) and C(workers) (both with
          C(strip_kubelet_flags) host to flags), C(finish).
        - With O(serial=auto) a stage C(workers) has its hosts in the order of its waves, and C(waves), each C(size),
          C(canary), C(soak) (seconds), C(groups) and C(why).
        - The first C(prepare) has C(proves), the host that brings what all hops need before the first one begins; a
          control plane host, where any has a step in any hop.
      type: list
      elements: dict
    drains:
      description: How often each node is drained; nodes that are not are left out.
      type: dict
    decisions:
      description: Why the plan is as it is, a sentence each.
      type: list
      elements: str
    left_out:
      description: Nodes that stay as they are, each C(node) and C(why).
      type: list
      elements: dict
    hop_versions:
      description: Version of each hop by minor.
      type: dict
  sample:
    schema: 1
    target: v1.26.9
    changes: true
table:
  description: The plan as lines for a person.
  type: list
  elements: str
  returned: success
minors:
  description:
    - Minors whose packages have to be listed for O(available).
    - Empty when an exact target is reached already; then the plan needs no package source, and takes V({}).
  type: list
  elements: str
  returned: success
  sample: ["1.25", "1.26"]
hosts:
  description: Inventory hosts that the plan may move, and whose package sources therefore have to be asked.
  type: list
  elements: str
  returned: success
  sample: ["cp1", "w1"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import _cluster
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan import MODES, SCOPES, Options, make_plan
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_waves import WaveOptions


def _facts(params: dict[str, Any]) -> dict[str, Any]:
    if params["facts_data"] is not None:
        return _cluster.checked(params["facts_data"], "in «facts_data»")
    return _cluster.load(params["facts"], params["sha256"])


def main() -> None:
    left_out = {
        "host": {"type": "str", "required": True},
        "why": {"type": "str"},
        "group": {"type": "str", "choices": ["control_plane", "worker"]},
    }
    waves = {
        "groups": {"type": "list", "elements": "dict", "default": []},
        "inventory_groups": {"type": "dict", "default": {}},
        "max_nodes": {"type": "raw", "default": "100%"},
        "canaries": {"type": "int", "default": 1},
        "unbudgeted": {"type": "raw", "default": "25%"},
        "forks": {"type": "int"},
    }
    module = AnsibleModule(
        argument_spec={
            "facts": {"type": "path"},
            "sha256": {"type": "str"},
            "facts_data": {"type": "dict"},
            "target": {"type": "raw"},
            "hosts": {"type": "dict", "required": True},
            "available": {"type": "dict"},
            "worker_hops": {"type": "str", "choices": list(MODES), "default": "auto"},
            "scope": {"type": "str", "choices": list(SCOPES), "default": "all"},
            "serial": {"type": "raw", "default": 1},
            "waves": {"type": "dict", "default": {}, "options": waves},
            "limited": {"type": "list", "elements": "str"},
            "left_out": {"type": "list", "elements": "dict", "default": [], "options": left_out},
            "max_left_out": {"type": "int", "default": 0},
            "versions": {"type": "dict", "default": {}},
            "etcd_bridge": {"type": "list", "elements": "str", "default": []},
        },
        required_one_of=[("facts", "facts_data")],
        mutually_exclusive=[("facts", "facts_data")],
        supports_check_mode=True,
    )
    chosen = ("target", "worker_hops", "scope", "serial", "limited", "left_out", "max_left_out", "versions")
    try:
        rules = WaveOptions(**module.params["waves"])
        wanted = {name: module.params[name] for name in (*chosen, "etcd_bridge")}
        options = Options(**wanted, waves=rules)
        result = make_plan(_facts(module.params), module.params["hosts"], module.params["available"], options)
    except UpliftError as error:
        module.fail_json(msg=str(error))
    # Left to itself, Ansible sends all arguments back: with thousands of hosts that is most of the answer.
    small = {name: value for name, value in module.params.items() if name not in ("hosts", "facts_data")}
    module.exit_json(changed=False, invocation={"module_args": small}, **result)


if __name__ == "__main__":
    main()
