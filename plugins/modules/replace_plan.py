#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: replace_plan
short_description: Plan how new nodes take over from old ones
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Says which nodes join, are cordoned, are drained in which waves, and are removed, and what stands in the way.
  - Reads the facts that M(uplift.kubeadm.cluster_info) has written on this host, and what M(uplift.kubeadm.node_join)
    said of the hosts. Nothing is changed, and what is done already is not in the plan.
attributes:
  check_mode:
    description: Can run in check_mode. Nothing is ever changed.
    support: full
  diff_mode:
    description: Returns details on what has changed when in diff mode.
    support: N/A
options:
  facts:
    description: Path of the facts of the cluster.
    type: path
    required: true
  sha256:
    description: SHA-256 of that file, as M(uplift.kubeadm.cluster_info) returned it.
    type: str
  hosts:
    description: The hosts of the inventory that matter, control planes, old ones and new ones.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name in the inventory.
        type: str
        required: true
      control_plane:
        description: Whether it is in the group of the control planes.
        type: bool
        default: false
      old:
        description: Whether its node is to go.
        type: bool
        default: false
      new:
        description: Whether its node takes over. It is joined where it is no node yet.
        type: bool
        default: false
      look:
        description: What M(uplift.kubeadm.node_join) said of it. If not set, the host does not answer.
        type: dict
      why:
        description: Why it does not.
        type: str
        default: ""
      labels:
        description: Labels that its node is to have when it joins.
        type: dict
        default: {}
      taints:
        description: Taints that its node is to have when it joins, each with C(key), C(effect) and perhaps C(value).
        type: list
        elements: dict
        default: []
      node:
        description: Name that its node is to have when it joins. Default is the host's own.
        type: str
        default: ""
  old_selector:
    description: Labels of nodes that are to go, as C(kubectl get nodes --selector) takes them.
    type: str
    default: ""
  new_selector:
    description: Labels of nodes that take over and have joined already.
    type: str
    default: ""
  remove:
    description:
      - V(none) keeps old nodes, cordoned and empty.
      - V(node) deletes their Node objects.
      - V(reset) also resets their hosts.
    type: str
    choices: [none, node, reset]
    default: none
  drain:
    description: The drain's options as RV(findings) depend on them, C(drain_delete_emptydir_data) and so on.
    type: dict
    default: {}
  groups:
    description: Limits of waves by group, as in P(uplift.kubeadm.worker_waves#filter).
    type: list
    elements: dict
    default: []
  inventory_groups:
    description: Names of the nodes of each inventory group that O(groups) names.
    type: dict
    default: {}
  max_nodes:
    description: Nodes of a wave at most, a number or a percentage.
    type: raw
    default: 100%
  unbudgeted:
    description: How many pods of a workload without a disruption budget may be out together, a number or a percentage.
    type: raw
    default: 25%
  accept:
    description: Ids of findings that do not stand in the way.
    type: list
    elements: str
    default: []
seealso:
  - module: uplift.kubeadm.old_nodes
  - module: uplift.kubeadm.node_join
"""

EXAMPLES = r"""
- name: Plan
  uplift.kubeadm.replace_plan:
    facts: "{{ cluster.path }}"
    sha256: "{{ cluster.sha256 }}"
    old_selector: pool=2024
    new_selector: pool=2026
  register: replace

- name: Show it
  ansible.builtin.debug:
    var: replace.table
"""

RETURN = r"""
plan:
  description: What to do.
  returned: success
  type: dict
  contains:
    changes:
      description: Whether anything is left to do.
      type: bool
    old:
      description: Nodes that go, each C(node), C(host), C(role), C(ready), C(reached).
      type: list
      elements: dict
    new:
      description: Nodes that take over, each C(node), C(host), C(role), C(joined).
      type: list
      elements: dict
    gone:
      description: Old hosts of which nothing is left to do.
      type: list
      elements: str
    members_first:
      description: Dead control planes whose members of etcd go before another joins.
      type: list
      elements: str
    join_control_planes:
      description: Hosts to be joined one by one, each C(host), C(node), C(half) (a join of it was cut off),
          C(registered) (it has a Node object from that), C(address).
      type: list
      elements: dict
    join_workers:
      description: Hosts to be joined together, as those.
      type: list
      elements: dict
    cordon:
      description: Nodes that are not cordoned yet.
      type: list
      elements: str
    waves:
      description: Nodes that are drained together, each C(nodes), C(soak), C(why).
      type: list
      elements: dict
    remove:
      description: Nodes to be removed, workers first, each C(node), C(host), C(role), C(reset),
          C(was_reset).
      type: list
      elements: dict
    reset_only:
      description: Hosts whose Node object is gone and that were not reset, each C(host), C(node).
      type: list
      elements: dict
    conductor:
      description: The control plane host through which the API is spoken to at first.
      type: str
    successor:
      description: The same from when new control planes have joined.
      type: str
    version:
      description: Version of the oldest API server.
      type: str
    kubernetes_version:
      description: Version that new control planes run, as kubeadm has it.
      type: str
    external_etcd:
      description: Whether etcd is none of kubeadm's.
      type: bool
    removal:
      description: As O(remove).
      type: str
table:
  description: The plan as lines for a person.
  returned: success
  type: list
  elements: str
findings:
  description: What stands in the way, as M(uplift.kubeadm.upgrade_checks) returns findings.
  returned: success
  type: list
  elements: dict
blocking:
  description: Ids of the findings that stand in the way and are not accepted.
  returned: success
  type: list
  elements: str
lines:
  description: The findings as lines for a person; empty without any.
  returned: success
  type: list
  elements: str
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import _cluster, _replace_words
from ansible_collections.uplift.kubeadm.plugins.module_utils._checks_lines import terminal_lines
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._replace import Options, make_plan
from ansible_collections.uplift.kubeadm.plugins.module_utils._replace_cast import REMOVALS, Host
from ansible_collections.uplift.kubeadm.plugins.module_utils._replace_checks import judged
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_rules import Rules, amount, read_groups


def answer(params: dict[str, t.Any]) -> dict[str, t.Any]:
    rules = Rules(
        groups=read_groups(params["groups"], params["inventory_groups"]),
        most=amount(params["max_nodes"], "max_nodes") or "100%",
        unbudgeted=amount(params["unbudgeted"], "unbudgeted") or "100%",
    )
    given = ("old_selector", "new_selector", "remove", "accept", "drain")
    options = Options(**{name: params[name] for name in given}, rules=rules)
    facts = _cluster.load(params["facts"], params["sha256"])
    plan, findings = make_plan(facts, [Host.read(row) for row in params["hosts"]], options)
    rows, summary = judged(findings, params["accept"])
    return {
        "plan": plan,
        "table": _replace_words.table(plan),
        "findings": rows,
        "blocking": [row["id"] for row in rows if row["severity"] == "blocker" and not row["accepted"]],
        "lines": terminal_lines(rows, [], summary) if rows else [],
    }


def main() -> None:
    host = {
        "name": {"type": "str", "required": True},
        "control_plane": {"type": "bool", "default": False},
        "old": {"type": "bool", "default": False},
        "new": {"type": "bool", "default": False},
        "look": {"type": "dict"},
        "why": {"type": "str", "default": ""},
        "labels": {"type": "dict", "default": {}},
        "taints": {"type": "list", "elements": "dict", "default": []},
        "node": {"type": "str", "default": ""},
    }
    module = AnsibleModule(
        argument_spec={
            "facts": {"type": "path", "required": True},
            "sha256": {"type": "str"},
            "hosts": {"type": "list", "elements": "dict", "default": [], "options": host},
            "old_selector": {"type": "str", "default": ""},
            "new_selector": {"type": "str", "default": ""},
            "remove": {"type": "str", "choices": list(REMOVALS), "default": "none"},
            "drain": {"type": "dict", "default": {}},
            "groups": {"type": "list", "elements": "dict", "default": []},
            "inventory_groups": {"type": "dict", "default": {}},
            "max_nodes": {"type": "raw", "default": "100%"},
            "unbudgeted": {"type": "raw", "default": "25%"},
            "accept": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        result = answer(module.params)
    except UpliftError as error:
        module.fail_json(msg=str(error))
    small = {name: value for name, value in module.params.items() if name != "hosts"}
    module.exit_json(changed=False, invocation={"module_args": small}, **result)


if __name__ == "__main__":
    main()
