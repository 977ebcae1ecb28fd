# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: worker_waves
short_description: The largest sets of workers that can be out together
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Cuts workers into waves. The nodes of a wave can be drained together without breaking a disruption budget, with
    room for their pods on the nodes that stay, and within what is said of groups and zones.
  - Pods are counted by their requests (cpu, memory, number, extended resources) against what nodes offer; node
    selectors, required node affinity, taints, host ports, required pod affinity and anti-affinity, spread constraints
    and volumes' nodes are honoured.
  - A workload without a disruption budget loses a share of its pods at a time at most (O(unbudgeted)), a StatefulSet
    without one a single pod.
  - A node that takes more than a limit by itself goes without others under that limit; its pods leave a few at a time.
  - Not modelled are time, preferred rules, priorities and preemption, autoscalers, dynamic resources, and workloads
    that change meanwhile. Look again before each wave, as the role P(uplift.kubeadm.kubeadm_upgrade#role) does.
positional: nodes
options:
  _input:
    description: Facts of a cluster, as the module M(uplift.kubeadm.cluster_info) writes them to its file.
    type: dict
    required: true
  nodes:
    description: Names of the nodes to cut into waves, in order; without it all workers of the cluster.
    type: list
    elements: str
  groups:
    description:
      - Limits by group, as in the role's C(kubeadm_upgrade_groups). Each has some of C(name), C(selector) (of node
        labels, as kubectl takes it; without it all nodes), C(inventory_group), C(max) and C(max_per_zone) (a number or
        a percentage of the group), C(order) (lower ones go first; 100 without one), C(canaries) and C(soak) (seconds).
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
  canaries:
    description:
      - Nodes of the first wave. Where there are any, a later wave is at most four times as large as all before it.
    type: int
    default: 0
  unbudgeted:
    description: How many pods of a workload without a disruption budget may be out together, a number or a percentage.
    type: raw
    default: 25%
"""

EXAMPLES = r"""
- name: Which workers could be out together?
  ansible.builtin.debug:
    msg: "{{ facts | uplift.kubeadm.worker_waves(canaries=1, groups=groups).waves | map(attribute='nodes') }}"
  vars:
    groups:
      - {name: gpu, selector: pool=gpu, max: 1, order: 200}
    facts:
      version: v1.26.9
      nodes:
        w1: {role: worker, ready: true, labels: {}, allocatable: {cpu: 4000, memory: 8589934592, pods: 110}}
        w2: {role: worker, ready: true, labels: {}, allocatable: {cpu: 4000, memory: 8589934592, pods: 110}}
        g1: {role: worker, ready: true, labels: {pool: gpu}, allocatable: {cpu: 4000, memory: 8589934592, pods: 110}}
      pods:
        - {ns: shop, name: web-1, node: w1, owner: {kind: ReplicaSet, name: web-5d4f}, labels: {app: web}, ready: true}
        - {ns: shop, name: web-2, node: w2, owner: {kind: ReplicaSet, name: web-5d4f}, labels: {app: web}, ready: true}
      pdbs: []
      workloads: [{kind: Deployment, ns: shop, name: web, replicas: 2}]
  # [["w1"], ["w2"], ["g1"]]

- name: From the file that cluster_info wrote on this host
  ansible.builtin.debug:
    msg: "{{ (lookup('ansible.builtin.file', '/tmp/facts.json') | from_json | uplift.kubeadm.worker_waves).why }}"
"""

RETURN = r"""
_value:
  description:
    - A dictionary with C(waves), C(least) and C(why).
    - Each of C(waves) has C(nodes) (in order), C(canary), C(soak) (seconds to watch after it), C(groups) and C(why) (a
      sentence).
    - C(least) is a number of waves that are needed at least, as pods lie now. C(why) says what decided, a sentence
      each.
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast import oldest_api_server
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_waves import NEEDED
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves import plan_waves
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_rules import Rules, amount, read_groups, whole
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_words import as_data, decisions


def worker_waves(
    facts: Any,
    nodes: Any = None,
    groups: Any = (),
    inventory_groups: Any = None,
    max_nodes: Any = "100%",
    canaries: Any = 0,
    unbudgeted: Any = "25%",
) -> dict[str, Any]:
    """See DOCUMENTATION. Raises AnsibleFilterError."""
    if not isinstance(facts, Mapping) or not isinstance(facts.get("nodes"), Mapping):
        raise AnsibleFilterError("worker_waves: the input is no facts of a cluster, which have nodes, pods and pdbs.")
    known: Mapping[str, Any] = facts["nodes"]
    workers = [name for name, node in known.items() if node.get("role") != "control_plane"] if nodes is None else nodes
    strangers = [name for name in workers if name not in known]
    if strangers:
        raise AnsibleFilterError(f"worker_waves: the facts have no node {', '.join(strangers)}.")
    unread = [gap for gap in facts.get("unread") or () if gap.get("what") in NEEDED]
    if unread:
        raise AnsibleFilterError(
            "worker_waves: which nodes may be out together cannot be told, as some of the facts could not be read: "
            + "; ".join(f"{gap.get('what')}: {gap.get('why')}" for gap in unread)
        )
    try:
        rules = Rules(
            groups=read_groups(groups, inventory_groups or {}),
            most=amount(max_nodes, "max_nodes") or "100%",
            canaries=whole(canaries, "canaries"),
            unbudgeted=amount(unbudgeted, "unbudgeted") or "100%",
        )
        waves = plan_waves(facts, workers, rules, oldest_api_server(facts))
    except UpliftError as error:
        raise AnsibleFilterError(f"worker_waves: {error}") from error
    return {"waves": as_data(waves), "least": waves.bound, "why": decisions(waves, rules)}


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"worker_waves": worker_waves}
