#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: upgrade_lock
short_description: One run at a time changes a cluster
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Takes, renews and releases the lock of a cluster, which is the Lease C(kube-system/uplift-kubeadm).
  - Upgrades, backups and restores hold it.
  - The holder is the C(ansible-playbook) process on the controller. Another one is refused, with who holds the lock,
    since when, and when it ends. A holder on the same controller that is provably dead is followed at once.
  - A lock that is not renewed ends after O(duration) seconds and 30 more, by the clock of the API server.
  - Also carries the request to a running upgrade to end before its next node.
extends_documentation_fragment:
  - uplift.kubeadm.api
attributes:
  action:
    description: Has a part on the controller, which says who the holder is and whether another one is dead.
    support: full
  check_mode:
    description: Can run in check_mode. A lock that would be refused is refused there too.
    support: full
  diff_mode:
    description: Will return who holds the lock before and after.
    support: full
options:
  state:
    description:
      - V(held) takes the lock, or renews it when it is this run's already.
      - V(renewed) gives a sign of life, and fails when the lock is not this run's any more.
      - V(released) removes the lock if it is this run's. One of another run stays.
      - V(read) says who holds it.
      - V(stop) asks the run that holds the lock to end before its next node; V(go_on) takes that back.
    type: str
    choices: [held, renewed, released, read, stop, go_on]
    default: held
  holder:
    description:
      - Who this is, as an earlier call returned it. If not set, it is found out on the controller.
    type: dict
  target:
    description:
      - What the upgrade is to reach, for those who are refused.
    type: str
    default: ""
  purpose:
    description:
      - What a run does that is no upgrade, such as V(backup), for those who are refused. Such a run is not asked to end
        early, unless it is a V(replacement of nodes).
    type: str
    default: ""
  duration:
    description:
      - Seconds that a sign of life counts for. Used with O(state=held) and O(state=renewed).
    type: int
    default: 900
  take_over:
    description:
      - Take the lock from whoever holds it. A run that is alive notices when it renews the lock, and stops.
    type: bool
    default: false
  instead_of:
    description:
      - The C(id) of a holder that is known to be dead, whose lock is taken. Set by the part on the controller.
    type: str
  reason:
    description:
      - Why, for the person who reads how the run ended. Used with O(state=stop).
      - Why the lock is taken from another holder, for the warning that says so. Used with O(state=held).
    type: str
    default: ""
seealso:
  - module: uplift.kubeadm.node_drain
  - module: uplift.kubeadm.kubeadm_run
"""

EXAMPLES = r"""
- name: Take the lock
  uplift.kubeadm.upgrade_lock:
    target: "1.26"
  register: lock

- name: Still ours? Was the run asked to stop?
  uplift.kubeadm.upgrade_lock:
    state: renewed
    holder: "{{ lock.holder }}"
  register: now

- name: Release it
  uplift.kubeadm.upgrade_lock:
    state: released
    holder: "{{ lock.holder }}"
"""

RETURN = r"""
holder:
  description:
    - Who holds the lock now. With O(state=released) and O(state=renewed), who was asked for.
    - Null when nobody does.
  returned: success
  type: dict
  sample: {"id": "anna@bastion_812_3f0c9a2b11de", "user": "anna", "host": "bastion", "pid": 812, "target": "1.26"}
words:
  description: The same for a person.
  returned: success
  type: str
  sample: anna on bastion (process 812), upgrade to 1.26
taken:
  description: >-
    Why the lock could be taken: V(free), V(ours), V(dead) (its holder is), V(expired), or V(asked) (O(take_over)).
  returned: when O(state=held)
  type: str
stop:
  description: The request to end before the next node, if there is one, with C(by), C(at) and C(reason).
  returned: when O(state) is V(renewed), V(read), V(stop) or V(go_on)
  type: dict
ends:
  description: When the lock ends without another sign of life, by the API server's clock.
  returned: when O(state) is V(read), V(stop) or V(go_on), and there is one
  type: str
  sample: "2026-11-01T12:15:30Z"
refused:
  description: Whether another run holds the lock.
  returned: when O(state=held) failed
  type: bool
held_by:
  description: That run.
  returned: when O(state=held) failed
  type: dict
lost:
  description: Whether the lock is not this run's any more.
  returned: when O(state=renewed) failed
  type: bool
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import _lock
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import API_ARGS, Api, connect
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

Result = dict[str, t.Any]


def held(module: AnsibleModule, api: Api) -> Result:
    wants = module.params
    taken = _lock.acquire(
        api,
        wants["holder"],
        wants["duration"],
        take_over=wants["take_over"],
        instead_of=wants["instead_of"],
        dry_run=module.check_mode,
    )
    if taken.before is not None and taken.why in _TAKEN_OVER and not module.check_mode:
        why = wants["reason"] or _TAKEN_OVER[taken.why]
        module.warn(f"The lock was taken over from {_lock.words(taken.before.holder)}: {why}.")
    before = taken.before.holder if taken.before else None
    return {
        **_holder(wants["holder"]),
        "changed": taken.changed,
        "taken": taken.why,
        "diff": _diff(before, wants["holder"]),
    }


_TAKEN_OVER = {
    "dead": "its process is dead",
    "expired": "it gave no sign of life for too long",
    "asked": "it was asked for by variable. If that run is alive, it stops before its next node",
}


def renewed(module: AnsibleModule, api: Api) -> Result:
    if module.check_mode:
        lock = _lock.read(api)
        if lock is None or lock.identity != module.params["holder"]["id"]:
            raise _lock.LockLost(lock)
    else:
        lock = _lock.renew(api, module.params["holder"]["id"], module.params["duration"])
    return {**_holder(module.params["holder"]), "changed": False, "stop": lock.stop}


def released(module: AnsibleModule, api: Api) -> Result:
    was_ours = _lock.release(api, module.params["holder"]["id"], module.check_mode)
    before = module.params["holder"] if was_ours else None
    return {**_holder(module.params["holder"]), "changed": was_ours, "diff": _diff(before, None)}


def read(module: AnsibleModule, api: Api) -> Result:
    lock = _lock.read(api)
    if lock is None:
        return {**_holder(None), "changed": False, "stop": None}
    return {**_holder(lock.holder), "changed": False, "stop": lock.stop, "ends": _lock.stamp(lock.ends)}


def stop(module: AnsibleModule, api: Api) -> Result:
    who = module.params["holder"]
    request = {
        "by": f"{who['job']} on {who['host']}" if who.get("job") else f"{who.get('user')} on {who.get('host')}",
        "at": _lock.stamp(api.now()),
        "reason": module.params["reason"],
    }
    return _asked(module, api, request)


def go_on(module: AnsibleModule, api: Api) -> Result:
    return _asked(module, api, None)


def _asked(module: AnsibleModule, api: Api, request: Result | None) -> Result:
    changed, lock = _lock.ask_to_stop(api, request, module.check_mode)
    if lock is None:
        return {**_holder(None), "changed": False, "stop": None}
    return {**_holder(lock.holder), "changed": changed, "stop": lock.stop, "ends": _lock.stamp(lock.ends)}


def _holder(holder: Result | None) -> Result:
    return {"holder": holder, "words": _lock.words(holder or {})}


def _diff(before: Result | None, after: Result | None) -> Result:
    return {"before": f"held by: {_lock.words(before or {})}\n", "after": f"held by: {_lock.words(after or {})}\n"}


def main() -> None:
    states: dict[str, t.Callable[[AnsibleModule, Api], Result]] = {
        "held": held,
        "renewed": renewed,
        "released": released,
        "read": read,
        "stop": stop,
        "go_on": go_on,
    }
    module = AnsibleModule(
        argument_spec={
            "state": {
                "type": "str",
                "choices": ["held", "renewed", "released", "read", "stop", "go_on"],
                "default": "held",
            },
            "holder": {"type": "dict"},
            "target": {"type": "str", "default": ""},
            "purpose": {"type": "str", "default": ""},
            "duration": {"type": "int", "default": _lock.DURATION},
            "take_over": {"type": "bool", "default": False},
            "instead_of": {"type": "str"},
            "reason": {"type": "str", "default": ""},
            **API_ARGS,
        },
        supports_check_mode=True,
    )
    if not (module.params["holder"] or {}).get("id"):
        module.fail_json(
            msg="«holder» has no «id». Run this module as a task of a playbook, where the controller fills it in, or "
            "give it the «holder» that an earlier call returned."
        )
    try:
        result = states[module.params["state"]](module, connect(module.params))
    except _lock.Held as e:
        module.fail_json(msg=str(e), refused=True, held_by=e.lock.holder)
    except _lock.LockLost as e:
        module.fail_json(msg=str(e), lost=True)
    except UpliftError as e:
        module.fail_json(msg=str(e))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
