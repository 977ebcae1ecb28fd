#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: upgrade_report
short_description: Write the report of an upgrade
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Writes what will happen, or what happened, into a folder as C(report.json), C(report.md) and C(report.html).
  - Meant for the controller (C(delegate_to=localhost), without become). It needs nothing but Python, and speaks to no
    cluster.
  - With O(plan) a new report is begun. Without it, the report in O(directory) is gone on with, so that a run can write
    it wave by wave, and what is written is there when the run is killed.
  - The files hold names of nodes, workloads and configuration, and no secrets. They are written with mode 0600, whole
    or not at all. C(report.html) is one page that fetches nothing. C(docs/report.schema.json) of the collection has the
    schema of C(report.json).
attributes:
  check_mode:
    description: Can run in check_mode. Nothing is written, and all is returned.
    support: full
  diff_mode:
    description: Will return details on what has changed.
    support: none
options:
  directory:
    description:
      - Folder for the files. Made with mode 0700 if it is not there.
    type: path
    required: true
  outcome:
    description:
      - How it stands. A report that has a failed step stays V(failed), whatever is said here later.
    type: str
    choices: [planned, running, succeeded, failed, stopped]
    required: true
  plan:
    description:
      - The plan, as M(uplift.kubeadm.upgrade_plan) returned it. Begins a new report.
    type: dict
  cluster:
    description:
      - What the cluster is called in the report. Used with O(plan).
    type: str
    default: kubernetes
  checks:
    description:
      - Findings and what could not be checked, as M(uplift.kubeadm.upgrade_checks) returned them (C(findings) and
        C(unchecked)). Used with O(plan). If not set, the report says that nothing was checked.
    type: dict
  before:
    description:
      - The summary of M(uplift.kubeadm.cluster_info) before the upgrade. Used with O(plan).
    type: dict
  durations:
    description:
      - What RV(durations) was at the end of an earlier run on this cluster, kept with M(uplift.kubeadm.upgrade_note).
      - With O(plan), the expected duration is made of it. Else it is what this run's steps are added to, for
        RV(durations).
    type: str
  forks:
    description:
      - On how many hosts Ansible works at once (C(ansible_forks)). Used with O(plan).
    type: int
    default: 5
  steps:
    description:
      - Steps of nodes since the report was last written. A step that was begun before is completed.
    type: list
    elements: dict
    default: []
    suboptions:
      step:
        description: What the node does, as the filter P(uplift.kubeadm.host_steps#filter) has it.
        type: dict
        required: true
      began:
        description: When it began, in UTC, as V(2026-11-21T14:00:00Z).
        type: str
        required: true
      ended:
        description: When it ended. If not set, it is under way.
        type: str
      drain:
        description: What M(uplift.kubeadm.node_drain) returned.
        type: dict
      failure:
        description: What failed, with C(task) and C(message).
        type: dict
  failure:
    description:
      - What stopped the run, where it was no step of a node, with C(node), C(stage), C(task) and C(message).
    type: dict
  after:
    description:
      - The summary of M(uplift.kubeadm.cluster_info) after the upgrade.
    type: dict
  workloads:
    description:
      - What M(uplift.kubeadm.workload_state) returned after the upgrade.
    type: dict
"""

EXAMPLES = r"""
- name: Report what would happen
  uplift.kubeadm.upgrade_report:
    directory: "{{ playbook_dir }}/upgrade-report"
    outcome: planned
    cluster: shop
    plan: "{{ planned.plan }}"
    before: "{{ cluster.summary }}"
  delegate_to: localhost
  become: false
  register: report

- name: Add what was done on a node
  uplift.kubeadm.upgrade_report:
    directory: "{{ playbook_dir }}/upgrade-report"
    outcome: running
    steps:
      - step: {hop: 0, version: v1.25.4, kinds: [workers], node: worker1}
        began: "2026-11-21T14:00:00Z"
        ended: "2026-11-21T14:01:05Z"
  delegate_to: localhost
  become: false
"""

RETURN = r"""
files:
  description: Where the files are.
  type: dict
  returned: success
  sample: {"json": "/srv/report/report.json", "markdown": "/srv/report/report.md", "html": "/srv/report/report.html"}
summary:
  description: The report in a few flat values, for C(set_stats). C(text) is a sentence.
  type: dict
  returned: success
  sample:
    cluster: shop
    outcome: planned
    from: v1.24.17
    target: v1.26.9
    changes: true
    hops: 2
    nodes: 3
    drains: 6
    left_out: 0
    blockers: 0
    warnings: 1
    infos: 2
    accepted: 0
    unchecked: 0
    expected_seconds: 920
    took_seconds: null
    failed_node: null
    workloads_lost: null
    text: "shop: v1.24.17 to v1.26.9 is planned, about 15 min: 0 blockers, 1 warning, 2 info."
lines:
  description: The expected duration, for the terminal, below the table of the plan. None when there is nothing to do.
  type: list
  elements: str
  returned: success
durations:
  description:
    - What steps took, this run's added to O(durations), to be kept for the next run with
      M(uplift.kubeadm.upgrade_note).
  type: str
  returned: success
"""

import copy
import typing as t
from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import _durations, _report, _report_files
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

STEP = {
    "step": {"type": "dict", "required": True},
    "began": {"type": "str", "required": True},
    "ended": {"type": "str"},
    "drain": {"type": "dict"},
    "failure": {"type": "dict"},
}


def report(params: t.Mapping[str, t.Any], now: str, write: bool) -> dict[str, t.Any]:
    """One writing of the report; what the module returns."""
    directory = params["directory"]
    with _report_files.lock(directory, write):
        before = _report_files.load(directory)
        document = _begun(params) if params["plan"] is not None else _continued(before, directory)
        _report.add_steps(document, params["steps"])
        if params["failure"]:
            _report.set_failure(document, params["failure"])
        _report.conclude(document, params["outcome"], now, params["after"], params["workloads"])
        if write:
            _report_files.write(document, directory)
    return {
        "changed": _undated(document) != _undated(before),
        "files": _report_files.paths(directory),
        "summary": document["summary"],
        "lines": _durations.duration_lines(document["durations"]),
        "durations": _durations.add_to_note(
            params["durations"], document["done"]["steps"], document["plan"], document["durations"]
        ),
    }


def _begun(params: t.Mapping[str, t.Any]) -> _report.Document:
    durations = _durations.expected(params["plan"], params["durations"], params["forks"])
    return _report.new_document(params["cluster"], params["plan"], durations, params["checks"], params["before"])


def _continued(document: t.Any, directory: str) -> _report.Document:
    path = _report_files.paths(directory)["json"]
    if document is None:
        raise UpliftError(f"There is no report to go on with at {path}: begin one by giving the plan.")
    return copy.deepcopy(_report.check_continues(document, path))


def _undated(document: t.Any) -> t.Any:
    """What counts as a change: all but the date."""
    return {**document, "generated": ""} if isinstance(document, dict) else document


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "outcome": {"type": "str", "choices": list(_report.OUTCOMES), "required": True},
            "plan": {"type": "dict"},
            "cluster": {"type": "str", "default": "kubernetes"},
            "checks": {"type": "dict"},
            "before": {"type": "dict"},
            "durations": {"type": "str"},
            "forks": {"type": "int", "default": 5},
            "steps": {"type": "list", "elements": "dict", "default": [], "options": STEP},
            "failure": {"type": "dict"},
            "after": {"type": "dict"},
            "workloads": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    now = datetime.now(timezone.utc).strftime(_report.TIME)
    try:
        result = report(module.params, now, not module.check_mode)
    except UpliftError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
