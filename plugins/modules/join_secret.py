#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: join_secret
short_description: A bootstrap token for hosts that join, revoked afterwards
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Makes a bootstrap token that lasts for minutes, with a description, and waits until hosts can use it. For control
    planes it has kubeadm upload the certificates that they need (C(kubeadm init phase upload-certs)).
  - Revokes them all. Tokens of this collection are known by their description, so that those of a run that was killed
    go as well.
  - What it returns opens the cluster. Use C(no_log) on the task.
  - O(certificates) needs root on a control plane node.
extends_documentation_fragment:
  - uplift.kubeadm.api
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns details on what has changed when in diff mode.
    support: none
options:
  state:
    description:
      - V(issued) makes a token.
      - V(revoked) deletes the tokens, and the uploaded certificates.
    type: str
    choices: [issued, revoked]
    default: issued
  ttl:
    description: Seconds after which a token ends by itself.
    type: int
    default: 1800
  certificates:
    description: Whether to upload the certificates for control planes, too.
    type: bool
    default: false
  cri_socket:
    description: The container runtime's socket, where there are several.
    type: str
    default: ""
seealso:
  - module: uplift.kubeadm.node_join
"""

EXAMPLES = r"""
- name: Join new workers
  block:
    - name: Make a token
      uplift.kubeadm.join_secret:
      register: ticket
      no_log: true
  always:
    - name: Revoke it
      uplift.kubeadm.join_secret:
        state: revoked
"""

RETURN = r"""
token:
  description: The token.
  returned: when O(state=issued)
  type: str
endpoint:
  description: Host and port of the API, as hosts that join are to use it.
  returned: when O(state=issued)
  type: str
  sample: lb.example:6443
ca_hashes:
  description: Hashes of the public keys of the cluster's authority.
  returned: when O(state=issued)
  type: list
  elements: str
  sample: ["sha256:7c2e69131a36ae2a042a339b33381c6d0d43887e2de83720eff5359e26aec866"]
certificate_key:
  description: The key of the uploaded certificates; empty where none were.
  returned: when O(state=issued)
  type: str
secure_port:
  description: Port at which the API server of this control plane listens; 0 without O(certificates).
  returned: when O(state=issued)
  type: int
  sample: 6443
proxies:
  description:
    - Environment variables ending in C(_proxy) that all programs of this control plane have; others that join are to
      have them as well. Empty without O(certificates).
  returned: when O(state=issued)
  type: dict
  sample: {https_proxy: "http://proxy.example:3128"}
revoked:
  description: Names of the Secrets that are gone.
  returned: when O(state=revoked)
  type: list
  elements: str
  sample: [bootstrap-token-x1y2z3]
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import _join_secret
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import API_ARGS, connect
from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._kubeadm import proxies_in_place
from ansible_collections.uplift.kubeadm.plugins.module_utils._node import Node

ROOT = Path("/")


def issued(module: AnsibleModule) -> dict[str, t.Any]:
    params = module.params
    api = connect(params)
    own: dict[str, t.Any] = {"certificate_key": "", "secure_port": 0, "proxies": {}}
    if params["certificates"]:
        own.update(secure_port=_join_secret.secure_port(ROOT), proxies=proxies_in_place(ROOT))
    if module.check_mode:
        return {"changed": True, **_join_secret.Ticket("", "", [])._asdict(), **own}
    ticket = _join_secret.issue(api, params["ttl"])
    if params["certificates"]:
        node = Node(ROOT, Runner())
        program = node.binary("kubeadm")
        if program is None:
            raise UpliftError("This node has no kubeadm, which uploads the certificates for new control planes.")
        cri_socket = params["cri_socket"] or node.cri_socket()
        own["certificate_key"] = _join_secret.upload(api, node.runner, str(program), cri_socket, ROOT)
    return {"changed": True, **ticket._asdict(), **own}


def revoked(module: AnsibleModule) -> dict[str, t.Any]:
    gone = _join_secret.revoke(connect(module.params), module.check_mode)
    return {"changed": bool(gone), "revoked": gone}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["issued", "revoked"], "default": "issued"},
            "ttl": {"type": "int", "default": 1800},
            "certificates": {"type": "bool", "default": False},
            "cri_socket": {"type": "str", "default": ""},
            **API_ARGS,
        },
        supports_check_mode=True,
    )
    try:
        result = issued(module) if module.params["state"] == "issued" else revoked(module)
    except UpliftError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
