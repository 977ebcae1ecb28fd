#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: traffic_watch
short_description: Look for some seconds whether a side that gets traffic is well
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Looks once a second at HTTP checks, and at HAProxy's counters of a side, and ends as soon as the side is not well,
    or after O(seconds).
  - A side is not well when a check was not good O(failures) times in a row, when none of its servers is up, or when
    more than O(error_rate) percent of its requests failed since RV(seen) was begun. Failed requests are 5xx answers of
    its servers, answers that broke off, connections that failed, and requests that HAProxy had to send elsewhere.
  - What was seen is returned as RV(seen), for the next look to go on from. A reload of HAProxy, which begins its
    counters anew, is noticed.
  - Changes nothing.
extends_documentation_fragment:
  - uplift.kubeadm.haproxy
attributes:
  check_mode:
    description: Can run in check_mode.
    support: full
  diff_mode:
    description: Will return details on what has changed.
    support: none
options:
  side:
    description:
      - Which side is looked at.
    type: str
    choices: [blue, green]
    required: true
  seconds:
    description:
      - For how long. V(0) is a single look.
    type: float
    default: 0
  final:
    description:
      - Whether this is the last look. Then the error rate is judged however few requests there were, and a check that
        is not good at the end is asked until it is, or has failed often enough.
    type: bool
    default: true
  backends:
    description:
      - Backends of HAProxy whose counters are read. Without them, HAProxy is not asked.
    required: false
    default: []
  urls:
    description:
      - URLs that must be answered with 200; short for O(checks) with nothing but O(checks[].url).
    type: list
    elements: str
    default: []
  checks:
    description:
      - HTTP checks. They are sent from the host that the module runs on, past any proxy.
    type: list
    elements: dict
    default: []
    suboptions:
      url:
        description: What to ask for.
        type: str
        required: true
      status:
        description: Answers that are good. A redirect is not followed.
        type: list
        elements: int
        default: [200]
      contains:
        description: Text that the answer must contain.
        type: str
        default: ""
      headers:
        description: Headers to send, for example C(Host).
        type: dict
        default: {}
      validate_certs:
        description: Whether the certificate must be valid.
        type: bool
        default: true
  check_timeout:
    description:
      - Seconds within which the whole answer to a check must be there.
    type: float
    default: 5
  failures:
    description:
      - How often in a row a check may not be good, before the side is not well.
    type: int
    default: 3
  error_rate:
    description:
      - Percentage of failed requests that is allowed.
    type: float
    default: 1
  least_requests:
    description:
      - Number of requests from which on the error rate is judged before the end.
    type: int
    default: 20
  counters:
    description:
      - Counters from which on requests count, as RV(uplift.kubeadm.haproxy_weight#module:counters) has them. Without
        them and O(seen), those of the first look.
    type: dict
  seen:
    description:
      - RV(seen) of the look before.
    type: dict
"""

EXAMPLES = r"""
- name: Look at green for 15 seconds
  uplift.kubeadm.traffic_watch:
    side: green
    seconds: 15
    backends: [web]
    checks:
      - url: https://shop.example/healthz
        contains: ok
  register: watched

- name: Green is well
  ansible.builtin.assert:
    that: watched.ok
    fail_msg: "{{ watched.why | join(' ') }}"
"""

RETURN = r"""
ok:
  description: Whether the side is well.
  type: bool
  returned: success
why:
  description: Why it is not, a sentence each.
  type: list
  elements: str
  returned: success
  sample: ["12 of the 120 requests to green failed, 10.0 %; 1 % are allowed (blue: 0 of 1080)."]
line:
  description: What was seen, for people.
  type: str
  returned: success
  sample: green had 120 requests, 0 of them failed; 2 of 2 checks are good
requests:
  description: Requests to the side since RV(seen) was begun.
  type: int
  returned: success
errors:
  description: How many of them failed.
  type: int
  returned: success
seen:
  description: What was seen, for the next look.
  type: dict
  returned: success
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import _traffic_gate
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._haproxy_switch import SOCKET_ARGS, Switch, described
from ansible_collections.uplift.kubeadm.plugins.module_utils._traffic_watch import Gate

CHECK: dict[str, dict[str, t.Any]] = {
    "url": {"type": "str", "required": True},
    "status": {"type": "list", "elements": "int", "default": [200]},
    "contains": {"type": "str", "default": ""},
    "headers": {"type": "dict", "default": {}},
    "validate_certs": {"type": "bool", "default": True},
}


def run(params: dict[str, t.Any]) -> dict[str, t.Any]:
    switch = Switch(params) if params["backends"] else None
    side = params["side"]
    seen = params["seen"]
    if not seen:
        there = described(switch.servers())["counters"] if switch and not params["counters"] else {}
        seen = _traffic_gate.begin(params["counters"] or there)
    limits = _traffic_gate.Limits(params["error_rate"], params["least_requests"], params["failures"])
    checks = [_plain(url) for url in params["urls"]] + params["checks"]
    gate = Gate(side, limits, checks, params["check_timeout"], switch)
    why = gate.watch(seen, params["seconds"], params["final"])
    requests, errors = seen["sums"][side]
    line = _traffic_gate.line(seen, side, len(checks), switch is not None)
    return {"ok": not why, "why": why, "line": line, "requests": requests, "errors": errors, "seen": seen}


def _plain(url: str) -> dict[str, t.Any]:
    return {"url": url, **{name: option["default"] for name, option in CHECK.items() if "default" in option}}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **SOCKET_ARGS,
            "side": {"type": "str", "choices": ["blue", "green"], "required": True},
            "seconds": {"type": "float", "default": 0},
            "final": {"type": "bool", "default": True},
            "backends": {"type": "list", "elements": "str", "default": []},
            "urls": {"type": "list", "elements": "str", "default": []},
            "checks": {"type": "list", "elements": "dict", "default": [], "options": CHECK},
            "check_timeout": {"type": "float", "default": 5},
            "failures": {"type": "int", "default": 3},
            "error_rate": {"type": "float", "default": 1},
            "least_requests": {"type": "int", "default": 20},
            "counters": {"type": "dict"},
            "seen": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module.params)
    except UpliftError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
