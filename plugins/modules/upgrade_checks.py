#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: upgrade_checks
short_description: Find what will go wrong in an upgrade, before anything is touched
version_added: 0.1.0
description:
  - Takes the facts of a cluster, of its nodes, and a plan, and says what will break, what may, and what is good to
    know; each with where it was seen, why it matters, how to fix it, and where the rule comes from. Changes nothing.
  - What could not be looked at is listed beside it, so that no finding means that somebody looked.
  - Findings never fail the module. Who calls it decides, by RV(summary).
options:
  facts:
    description: Path, on the host that the module runs on, of the facts that M(uplift.kubeadm.cluster_info) wrote.
    type: path
  sha256:
    description: Digest of the file O(facts), as M(uplift.kubeadm.cluster_info) returned it; another file is refused.
    type: str
  facts_data:
    description: The facts themselves, instead of O(facts); for small clusters and for tests.
    type: dict
  plan:
    description: The plan, as M(uplift.kubeadm.upgrade_plan) returned it.
    type: dict
    required: true
  hosts:
    description:
      - Facts of the inventory hosts as M(uplift.kubeadm.node_info) returns them in detail, by inventory name.
      - What is asked of nodes that are not among them could not be checked, and is listed so.
    type: dict
    default: {}
  accepted:
    description:
      - Ids of findings that are accepted. They stay in RV(findings), marked, and no longer count as blockers or
        warnings.
      - An id that is not found is a finding itself, as it may be misspelt.
    type: list
    elements: str
    default: []
  extra:
    description:
      - Findings from elsewhere, such as those of the filter P(uplift.kubeadm.own_findings#filter). Each has C(id), and
        as it likes C(severity) (V(blocker), V(warning) or V(info); anything else is taken for V(blocker)), C(title),
        C(seen), C(why), C(fix), C(source), C(minor).
      - One without C(id), with C(check) and C(why), is something that could not be checked.
    type: list
    elements: dict
    default: []
  today:
    description: The day to count from (V(2026-11-21)); that of the host that the module runs on when left out.
    type: str
  options:
    description:
      - Settings that checks depend on. C(manifests) is what M(uplift.kubeadm.manifest_scan) returned; the others are
        given by the role C(kubeadm_upgrade).
    type: dict
    default: {}
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
  - module: uplift.kubeadm.upgrade_plan
  - module: uplift.kubeadm.manifest_scan
  - plugin: uplift.kubeadm.own_findings
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Read the cluster
  uplift.kubeadm.cluster_info:
    path: /var/lib/uplift-kubeadm/facts.json
  register: cluster

- name: Search what GitOps will apply
  uplift.kubeadm.manifest_scan:
    paths: [deploy]
  register: manifests
  delegate_to: localhost

- name: Find what will go wrong
  uplift.kubeadm.upgrade_checks:
    facts: /var/lib/uplift-kubeadm/facts.json
    sha256: "{{ cluster.sha256 }}"
    plan: "{{ upgrade.plan }}"
    hosts: "{{ node_facts }}"
    accepted: ["removed-api:batch/v1beta1/CronJob"]
    options:
      manifests: "{{ manifests }}"
  register: checked

- name: Show it
  ansible.builtin.debug:
    var: checked.lines

- name: Stop on blockers
  ansible.builtin.assert:
    that: checked.summary.blockers == 0
"""

RETURN = r"""
findings:
  description: What was found; blockers first, then by minor and id.
  type: list
  elements: dict
  returned: success
  contains:
    id:
      description: A stable name, by which the finding is accepted.
      type: str
    severity:
      description:
        - V(blocker), when the upgrade, or what runs on the cluster, will break; V(warning), when it may; V(info), what
          is good to know.
      type: str
    title:
      description: One short line.
      type: str
    seen:
      description: Where it was seen, a line an object or node.
      type: list
      elements: str
    why:
      description: Why it matters.
      type: str
    fix:
      description: What to do.
      type: str
    source:
      description: Where the rule comes from.
      type: str
    minor:
      description: The minor at which it bites; empty when it holds whatever the target.
      type: str
    accepted:
      description: Whether it is among O(accepted).
      type: bool
  sample:
    - id: removed-api:batch/v1beta1/CronJob
      severity: blocker
      title: batch/v1beta1 CronJob goes in 1.25 and is in use
      seen: ["CronJob shop/nightly: last written as batch/v1beta1 by kubectl on 2026-10-30 (managedFields)"]
      minor: "1.25"
      accepted: false
unchecked:
  description: What could not be looked at, each C(check) and C(why).
  type: list
  elements: dict
  returned: success
  sample:
    - check: removed-api:usage:cp2
      why: What clients call is not known from the API server on cp2. It is not in the inventory of this run.
summary:
  description:
    - Counts. C(blockers), C(warnings) and C(infos) are those that are not accepted; C(accepted) and C(unchecked) the
      others.
  type: dict
  returned: success
  sample: {blockers: 1, warnings: 0, infos: 4, accepted: 0, unchecked: 1}
lines:
  description: The findings as lines for a terminal, none longer than 100 characters.
  type: list
  elements: str
  returned: success
"""

import datetime

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import _checks, _cluster
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

BIG = ("facts_data", "plan", "hosts", "extra", "options")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "facts": {"type": "path"},
            "sha256": {"type": "str"},
            "facts_data": {"type": "dict"},
            "plan": {"type": "dict", "required": True},
            "hosts": {"type": "dict", "default": {}},
            "accepted": {"type": "list", "elements": "str", "default": []},
            "extra": {"type": "list", "elements": "dict", "default": []},
            "today": {"type": "str"},
            "options": {"type": "dict", "default": {}},
        },
        required_one_of=[("facts", "facts_data")],
        mutually_exclusive=[("facts", "facts_data"), ("facts_data", "sha256")],
        supports_check_mode=True,
    )
    params = module.params
    today = params["today"] or datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    try:
        facts = params["facts_data"] or _cluster.load(params["facts"], params["sha256"])
        context = _checks.make_context(facts, params["hosts"], params["plan"], today, params["options"])
        result = _checks.run(context, params["accepted"], params["extra"])
    except UpliftError as error:
        module.fail_json(msg=str(error))
    # Left to itself, Ansible sends all arguments back: with thousands of hosts that is most of the answer.
    small = {name: value for name, value in params.items() if name not in BIG}
    module.exit_json(changed=False, invocation={"module_args": small}, **result)


if __name__ == "__main__":
    main()
