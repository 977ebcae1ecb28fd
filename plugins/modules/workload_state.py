#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: workload_state
short_description: Compare what runs on a cluster with what ran before, or with what runs on another
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Keeps which Deployments, StatefulSets and DaemonSets, and which pods without a controller, are Ready, and says
    later which of them are not any more. Jobs come and go by themselves, and are left out.
  - What is kept is a note in the ConfigMap C(kube-system/uplift-kubeadm), so that it outlives a run that is killed, and
    is found by a run on another controller.
  - A Deployment or StatefulSet that is wanted another number of times than before was scaled by its owner or an
    autoscaler, and is no loss as long as what is wanted is Ready.
  - Between two clusters, such as blue and green, V(exported) on one and V(matched) on the other compare Deployments,
    StatefulSets, DaemonSets, Services, Ingresses, ConfigMaps, Secrets, CronJobs and Jobs of all namespaces but
    C(kube-system), C(kube-public) and C(kube-node-lease). Of ConfigMaps digests travel, of Secrets the names alone.
extends_documentation_fragment:
  - uplift.kubeadm.api
attributes:
  check_mode:
    description: Can run in check_mode. V(compared) compares there too; nothing is kept or removed.
    support: full
  diff_mode:
    description: Will return details on what has changed.
    support: none
options:
  state:
    description:
      - V(saved) keeps the state, unless one is kept for the same O(key) already. A run that goes on after it was
        killed thus compares with what ran before the first one. One that is older than 30 days is replaced.
      - V(compared) compares with what is kept, and waits until nothing is lost, for at most O(timeout) seconds.
      - V(absent) forgets what is kept.
      - V(exported) returns what runs on this cluster as RV(snapshot), and keeps nothing.
      - V(matched) compares what runs on this cluster with O(snapshot), once.
    type: str
    choices: [saved, compared, absent, exported, matched]
    required: true
  key:
    description:
      - What the state is kept for, for example the target of an upgrade. What is kept for another key is replaced.
      - Needed with O(state=saved).
    type: str
  timeout:
    description:
      - Seconds to wait for workloads that are not Ready as before.
    type: int
    default: 300
  snapshot:
    description:
      - RV(snapshot) of another cluster, from O(state=exported). Needed with O(state=matched).
    type: str
  snapshot_name:
    description:
      - What that other cluster is called in messages.
    type: str
    default: the other cluster
  name:
    description:
      - What this cluster is called in messages.
    type: str
    default: this cluster
  ignore:
    description:
      - Differences that are accepted, by kind, namespace and name with wildcards, for example V(ConfigMap shop/flags)
        or V(CronJob batch/*). For O(state=matched).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Keep what is Ready before the upgrade
  uplift.kubeadm.workload_state:
    state: saved
    key: v1.26.9

- name: Compare after it
  uplift.kubeadm.workload_state:
    state: compared
  register: workloads

- name: Fail when something was lost
  ansible.builtin.assert:
    that: workloads.lost == 0
    fail_msg: "{{ workloads.lines | join(' ') }}"

- name: Forget it
  uplift.kubeadm.workload_state:
    state: absent

- name: Read what runs on blue
  uplift.kubeadm.workload_state:
    state: exported
  delegate_to: blue-cp1
  register: blue

- name: Compare green with it
  uplift.kubeadm.workload_state:
    state: matched
    snapshot: "{{ blue.snapshot }}"
    snapshot_name: blue
    name: green
  delegate_to: green-cp1
  register: green

- name: Fail when green lacks something
  ansible.builtin.assert:
    that: green.differences.missing | length == 0
    fail_msg: "{{ green.lines | join(' ') }}"
"""

RETURN = r"""
at:
  description: When the state that is kept was read; null when none is kept.
  type: str
  returned: success
  sample: "2026-11-01T12:00:00Z"
workloads:
  description: Number of workloads and pods in the state that was read.
  type: int
  returned: when O(state=saved), and no state was kept for the key
kept:
  description: Whether the state is kept. It is not when it does not fit into a ConfigMap; a warning says so.
  type: bool
  returned: when O(state=saved)
compared:
  description: Whether there was a state to compare with.
  type: bool
  returned: when O(state=compared)
before:
  description: Number of workloads that were Ready before.
  type: int
  returned: when a comparison was made
as_before:
  description: Number of these that have as many Ready replicas as before.
  type: int
  returned: when a comparison was made
lost:
  description: Number of these that are gone, not Ready, or have fewer Ready replicas.
  type: int
  returned: when O(state=compared)
missing:
  description: Workloads that are gone.
  type: list
  elements: dict
  returned: when a comparison was made
  sample: [{"kind": "Pod", "ns": "shop", "name": "debug", "before": "1 of 1", "now": "none", "why": "is gone"}]
not_ready:
  description: Workloads of which nothing is Ready.
  type: list
  elements: dict
  returned: when a comparison was made
fewer:
  description: Workloads with fewer Ready replicas.
  type: list
  elements: dict
  returned: when a comparison was made
changed_by_owner:
  description: Workloads that are wanted another number of times, and have that many; these are no loss.
  type: list
  elements: dict
  returned: when a comparison was made
lines:
  description: The comparison for people.
  type: list
  elements: str
  returned: when O(state=compared) or O(state=matched)
snapshot:
  description: What runs on this cluster, as a text for O(snapshot).
  type: str
  returned: when O(state=exported)
objects:
  description: Number of objects in the snapshot.
  type: int
  returned: when O(state=exported) or O(state=matched)
differences:
  description:
    - What this cluster lacks of what runs on the other one. Lists of V(missing) objects, V(older) images, workloads
      that are V(not_ready) or have V(fewer) replicas, what V(differs) otherwise, and Jobs and CronJobs that would run
      V(twice).
  type: dict
  returned: when O(state=matched)
  sample:
    missing: [{"what": "Service shop/db", "why": "is not on green", "line": "Service shop/db: is not on green"}]
    older: []
    not_ready: []
    fewer: []
    differs: []
    twice: []
"""

import typing as t
from datetime import datetime, timedelta, timezone

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import (
    _notes,
    _workload_export,
    _workload_match,
    _workload_state,
    _workloads,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import API_ARGS, Api, connect
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

KEPT = ("saved", "compared", "absent")  # states that have to do with what is kept in the cluster
NOTE = "workloads"
TIME = "%Y-%m-%dT%H:%M:%SZ"
TOO_OLD = timedelta(days=30)  # of an upgrade that was given up


def saved(module: AnsibleModule, api: Api, kept: dict[str, t.Any] | None) -> dict[str, t.Any]:
    now = datetime.now(timezone.utc)
    if kept and kept["key"] == module.params["key"] and not _too_old(kept["at"], now):
        return {"changed": False, "kept": True, "at": kept["at"]}
    state = _workload_state.read(api)
    at = now.strftime(TIME)
    try:
        note = _workloads.pack(state, module.params["key"], at)
    except UpliftError as error:
        module.warn(str(error))
        return {"changed": False, "kept": False, "at": None, "workloads": len(state)}
    if not module.check_mode:
        _notes.write(api, NOTE, note)
    return {"changed": True, "kept": True, "at": at, "workloads": len(state)}


def compared(module: AnsibleModule, api: Api, kept: dict[str, t.Any] | None) -> dict[str, t.Any]:
    if not kept or (module.params["key"] and kept["key"] != module.params["key"]):
        said = "What ran before was not kept in the cluster, so it cannot be compared with what runs now."
        return {"changed": False, "compared": False, "at": None, "lost": 0, "lines": [said]}
    comparison = _workload_state.wait(api, kept["workloads"], module.params["timeout"])
    lines = _workloads.lines(comparison, kept["at"])
    return {"changed": False, "compared": True, "at": kept["at"], "lines": lines, **comparison}


def absent(module: AnsibleModule, api: Api, there: bool) -> dict[str, t.Any]:
    if there and not module.check_mode:
        _notes.write(api, NOTE, None)
    return {"changed": there, "at": None}


def exported(api: Api) -> dict[str, t.Any]:
    running = _workload_export.read(api)
    return {"changed": False, "snapshot": _workload_match.pack(running), "objects": len(running)}


def matched(module: AnsibleModule, api: Api) -> dict[str, t.Any]:
    params = module.params
    there = _workload_match.unpack(params["snapshot"])
    names = (params["snapshot_name"], params["name"])
    found = _workload_match.compare(there, _workload_export.read(api), names, params["ignore"])
    lines = _workload_match.lines(found, len(there), names)
    return {"changed": False, "objects": len(there), "differences": found, "lines": lines}


def _too_old(at: str, now: datetime) -> bool:
    try:
        return now - datetime.strptime(at, TIME).replace(tzinfo=timezone.utc) > TOO_OLD
    except ValueError:
        return True


def run(module: AnsibleModule, api: Api) -> dict[str, t.Any]:
    state = module.params["state"]
    if state == "exported":
        return exported(api)
    if state == "matched":
        return matched(module, api)
    note = _notes.read(api).get(NOTE)
    if state == "absent":
        return absent(module, api, note is not None)
    return {"saved": saved, "compared": compared}[state](module, api, _workloads.unpack(note))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": [*KEPT, "exported", "matched"], "required": True},
            "key": {"type": "str", "no_log": False},
            "timeout": {"type": "int", "default": 300},
            "snapshot": {"type": "str"},
            "snapshot_name": {"type": "str", "default": "the other cluster"},
            "name": {"type": "str", "default": "this cluster"},
            "ignore": {"type": "list", "elements": "str", "default": []},
            **API_ARGS,
        },
        required_if=[("state", "saved", ["key"]), ("state", "matched", ["snapshot"])],
        supports_check_mode=True,
    )
    try:
        api = connect(module.params)
        result = run(module, api)
    except UpliftError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
