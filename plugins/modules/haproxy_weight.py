#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: haproxy_weight
short_description: Read or set what share of HAProxy's traffic goes to green
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Two clusters, blue and green, are servers of the same backends of an HAProxy. The module sets their weights so that
    O(share) percent of the traffic goes to green, and the rest to blue. Within a cluster all servers get the same.
  - Weights are set at run time, read back, and kept in the configuration file as well, so that a reload does not bring
    old ones back. HAProxy itself is neither reloaded nor restarted.
  - The new configuration is checked by HAProxy, and takes the old one's place whole. The file as it was before the last
    change is kept beside it, as C(haproxy.cfg.uplift-old).
  - Weights are raised before others are lowered, so that no request finds a backend without weights.
requirements:
  - HAProxy 1.8 or newer, with a balance algorithm whose weights can be changed at run time (C(roundrobin),
    C(leastconn), C(random), or C(hash-type consistent)), and a socket of level C(admin).
extends_documentation_fragment:
  - uplift.kubeadm.haproxy
attributes:
  check_mode:
    description: Can run in check_mode. The new configuration is checked by HAProxy there, too.
    support: full
  diff_mode:
    description: Will return details on what has changed.
    support: full
options:
  share:
    description:
      - Percentage of the traffic that goes to green, from 0 to 100. Without it, nothing is changed.
    type: int
  config:
    description:
      - Path of the configuration file with the C(server) lines of O(backends). Empty leaves all files alone; then a
        reload brings back the weights of the file.
    type: str
    default: /etc/haproxy/haproxy.cfg
  validate:
    description:
      - Command that checks a configuration. V(%s) stands for the file. Where HAProxy is started with several files,
        name them all, with V(%s) in the place of O(config).
    type: str
    default: haproxy -c -f %s
  force:
    description:
      - Set the weights at run time even where they cannot be kept in O(config), and fail then. Without it, nothing is
        changed in that case.
      - For going back, which a broken configuration must not stand in the way of.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Read how the traffic is shared
  uplift.kubeadm.haproxy_weight:
    backends: [web]
  register: traffic

- name: Send a tenth of it to green
  uplift.kubeadm.haproxy_weight:
    backends: [web]
    blue: ["blue-*"]
    green: ["green-*"]
    share: 10

- name: Send everything back to blue, over a TCP socket, of a HAProxy started with two files
  uplift.kubeadm.haproxy_weight:
    socket: 127.0.0.1:9999
    backends: [web, api]
    share: 0
    force: true
    config: /etc/haproxy/backends.cfg
    validate: haproxy -c -f /etc/haproxy/haproxy.cfg -f %s
"""

RETURN = r"""
shares:
  description: Percentage that goes to green, for each backend, as read back; null where no server has a weight.
  type: dict
  returned: success
  sample: {"web": 10}
servers:
  description: The servers of the backends.
  type: list
  elements: dict
  returned: success
  sample: [{"backend": "web", "name": "blue-1", "side": "blue", "weight": 90, "status": "UP", "sessions": 3}]
sessions:
  description: Sessions that are open now, for each side.
  type: dict
  returned: success
  sample: {"blue": 3, "green": 0}
counters:
  description: Requests and errors of each server since HAProxy was started or reloaded, from before a change.
  type: dict
  returned: success
  sample: {"blue": {"web/blue-1": [1204, 0]}, "green": {"web/green-1": [130, 2]}}
kept:
  description: Whether the configuration file has these weights.
  type: bool
  returned: when O(share) is given
old_config:
  description: Path of the configuration as it was before.
  type: str
  returned: when the configuration was changed
  sample: /etc/haproxy/haproxy.cfg.uplift-old
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import _haproxy_file, _haproxy_switch
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._haproxy_stat import Server

NEXT_RELOAD = "The next reload of HAProxy would bring back the weights of the file: mend it, and run again."


def run(module: AnsibleModule) -> dict[str, t.Any]:
    switch = _haproxy_switch.Switch(module.params)
    servers = switch.servers()
    share = module.params["share"]
    if share is None:
        return {"changed": False, **_haproxy_switch.described(servers)}
    able, errors = _haproxy_switch.movable(servers, share)
    if errors and able and module.params["force"]:
        # Green is no good, and what can leave it leaves it.
        run_for(module, switch.only(able), [server for server in servers if server.backend in able], share)
        raise UpliftError(f"{' '.join(errors)} In {', '.join(able)}, {share} % goes to green.")
    return run_for(module, switch, servers, share)


def run_for(
    module: AnsibleModule, switch: _haproxy_switch.Switch, servers: list[Server], share: int
) -> dict[str, t.Any]:
    result = _haproxy_switch.described(servers)
    before, planned = _haproxy_switch.in_words(servers), _haproxy_switch.planned(servers, share)
    diff = [{**_headers("HAProxy, at run time"), "before": before, "after": planned}]

    def set_now() -> None:
        if not module.check_mode:
            after = _haproxy_switch.described(_haproxy_switch.set_weights(switch, share))
            result.update({key: after[key] for key in ("shares", "servers", "sessions")})

    kept = set_and_keep(module, servers, share, set_now)
    diff += kept.pop("diff", [])
    return {**result, **kept, "changed": planned != before or len(diff) > 1, "diff": diff}


def set_and_keep(
    module: AnsibleModule, servers: list[Server], share: int, set_now: t.Callable[[], None]
) -> dict[str, t.Any]:
    """Weights at run time, and in the file when HAProxy has accepted the new one; what is returned of the file."""
    if not module.params["config"]:
        set_now()
        return {"kept": False}
    try:
        change = _haproxy_switch.to_keep(module.params["config"], servers, share)
        if not change.needed:
            set_now()
            return {"kept": True}
        before, after = change.lines
        diff = [{**_headers(change.path), "before": before, "after": after}]
        with _haproxy_file.staged(change, module.params["validate"]) as candidate:
            set_now()
            old = {} if module.check_mode else {"old_config": _haproxy_file.put(change, candidate, module)}
            set_now()  # a reload that had read the old file may have taken over since
            return {"kept": True, "diff": diff, **old}
    except _haproxy_file.ConfigError as error:
        if module.check_mode or not module.params["force"]:
            raise
        set_now()
        raise UpliftError(f"{error} At run time {share} % goes to green now. {NEXT_RELOAD}") from error


def _headers(what: str) -> dict[str, str]:
    return {"before_header": what, "after_header": what}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **_haproxy_switch.SOCKET_ARGS,
            "share": {"type": "int"},
            "config": {"type": "str", "default": "/etc/haproxy/haproxy.cfg"},
            "validate": {"type": "str", "default": "haproxy -c -f %s"},
            "force": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    if "%s" not in module.params["validate"]:
        module.fail_json(msg="validate has no %s, so HAProxy would not be asked about the new configuration.")
    try:
        result = run(module)
    except UpliftError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
