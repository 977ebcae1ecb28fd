#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_run
short_description: Look at, upgrade and watch the clusters of a fleet
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - The steps of the playbook C(uplift.kubeadm.fleet). Each cluster is worked on by an C(ansible-playbook) of its own,
    which this starts on the controller with the cluster's inventory, and which ends when this run ends, however that
    ends.
  - It has a corresponding action plugin, which does all of it.
  - Every step writes the report of the fleet, C(fleet.html) and C(fleet.json), into O(directory), as it goes.
attributes:
  check_mode:
    description: Can run in check_mode. O(state=looked) does the same there; leave the others out.
    support: partial
    details: The playbook leaves out what upgrades.
  diff_mode:
    description: Will return details on what has changed.
    support: none
options:
  state:
    description:
      - V(looked) plans clusters and reads what they owe, of all waves or of O(wave). Nothing that runs is changed.
      - V(upgraded) upgrades the clusters of O(wave) that are left. After one that fails, none is begun.
      - V(watched) looks at the clusters of O(wave) that were upgraded until they have been well for its soak time, and
        fails when one is not well for O(patience) seconds. With O(earlier) it looks once at those of all waves before.
      - V(ended) concludes the report with O(outcome), and fails when that is V(stopped) or V(failed).
    type: str
    choices: [looked, upgraded, watched, ended]
    required: true
  name:
    description: What the fleet is called.
    type: str
    default: fleet
  target:
    description: The version to reach.
    type: raw
    required: true
  waves:
    description:
      - Waves in their order, each with C(name), C(clusters), C(at_once), C(soak), C(approval), as the role
        C(uplift.kubeadm.fleet) describes them.
    type: list
    elements: dict
    required: true
  at_once:
    description: Clusters at a time, for waves that do not say.
    type: int
    default: 1
  soak:
    description: How long clusters are watched, for waves that do not say. The last wave is looked at once.
    type: raw
    default: 600
  patience:
    description:
      - Seconds for which a cluster may be found unwell. A look that has not ended after that time, or after 120 seconds
        where that is longer, is ended, and found its cluster unwell.
    type: int
    default: 120
  every:
    description: Seconds from one look to the next.
    type: int
    default: 30
  gates:
    description: Commands with C(id) and C(command) that are asked at each look of a watch.
    type: list
    elements: dict
    default: []
  through:
    description: Name of the last wave that this run is to do.
    type: str
    default: ""
  approved:
    description: Names of waves that need nobody's yes any more.
    type: list
    elements: str
    default: []
  directory:
    description: Folder for the report.
    type: path
    required: true
  document:
    description: RV(document) of the step before. A new one is begun without it.
    type: dict
    default: {}
  wave:
    description: Index of a wave.
    type: int
  earlier:
    description: Whether the clusters of the waves before O(wave) are looked at.
    type: bool
    default: false
  outcome:
    description: How the run ended.
    type: str
    choices: [succeeded, waiting, stopped, failed]
  reason:
    description: Why it ended, as a sentence.
    type: str
    default: ""
  control_plane_group:
    description: Group of the control plane nodes, for clusters that are groups of this inventory.
    type: str
    default: kube_control_plane
  worker_group:
    description: Group of the workers, for clusters that are groups of this inventory.
    type: str
    default: kube_node
  etcd_group:
    description: Group of the hosts of an external etcd, for clusters that are groups of this inventory.
    type: str
    default: etcd
"""

EXAMPLES = r"""
- name: Look at two clusters, and plan them
  uplift.kubeadm.fleet_run:
    state: looked
    target: "1.26"
    directory: "{{ playbook_dir }}/fleet-report"
    waves:
      - name: dev
        clusters:
          - {name: dev1, inventory: "{{ playbook_dir }}/dev1.yml"}
      - name: prod
        clusters:
          - {name: prod1, inventory: "{{ playbook_dir }}/prod1.yml"}
  register: fleet

- name: Upgrade the first wave
  uplift.kubeadm.fleet_run:
    state: upgraded
    wave: 0
    document: "{{ fleet.document }}"
    target: "1.26"
    directory: "{{ playbook_dir }}/fleet-report"
    waves: "{{ fleet_waves }}"
"""

RETURN = r"""
document:
  description: Where the fleet stands, for the next step; the same as in C(fleet.json).
  type: dict
  returned: success
summary:
  description: The document in a few flat values, for C(set_stats).
  type: dict
  returned: always
  sample:
    fleet: shop
    outcome: failed
    target: "1.26"
    clusters: 3
    done: 1
    left: 2
    failed: [prod1]
    begun: [dev1, prod1]
    reason: ""
    text: "shop: 1 of 3 clusters are done, target 1.26; failed or stopped: prod1."
lines:
  description: The fleet as a table for the terminal.
  type: list
  elements: str
  returned: success
left:
  description: Indices of the waves that are not done, none after O(through).
  type: list
  elements: int
  returned: success
unapproved:
  description: Names of the waves of these that a person has to approve.
  type: list
  elements: str
  returned: success
to_upgrade:
  description: Names of the clusters of O(wave) that are to be upgraded.
  type: list
  elements: str
  returned: when O(wave) is given
refusal:
  description: Why O(wave) must not begin; empty when it may.
  type: str
  returned: when O(wave) is given
question:
  description: What a person is asked before O(wave).
  type: str
  returned: when O(wave) is given
files:
  description: Where the report is.
  type: dict
  returned: always
  sample: {"json": "/srv/fleet/fleet.json", "html": "/srv/fleet/fleet.html"}
"""
