#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: api_server_drain
short_description: Have the clients of a control plane's API server go to another one
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - For a control plane node whose own etcd is about to go. Its API server knows that etcd alone; without it, it answers
    nobody, and holds on to its clients all the same. Kubelets that are connected to it cannot renew their leases, and
    after 40 seconds their nodes are NotReady.
  - So it is asked to end (SIGTERM), while another one is well. It takes no new connections then, answers what it was
    asked, and tells its clients to connect anew. Kubelet starts it again when it has ended. Take it out of the load
    balancer before, so that no new clients come.
  - Where the kubelet of this node knows no other one (control planes made by kubeadm 1.33 or later), it has 10 seconds
    for what it was asked. It is waited for then, and so is the node until the API takes it for alive, for O(timeout)
    seconds again.
  - O(uplift.kubeadm.kubeadm_run#module:drain_api_server) does the same before C(kubeadm upgrade).
  - Nothing is done where there is no other healthy API server, where etcd is not on this node, and on workers.
  - Must run as root on the node.
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: none
  diff_mode:
    description: Returns details on what has changed when in diff mode.
    support: none
options:
  kubeconfig:
    description: The file on the node whose server has to answer new connections afterwards.
    type: path
    default: /etc/kubernetes/admin.conf
  timeout:
    description:
      - How long new connections may fail, in seconds; ten in a row have to be answered. When they are not, the module
        fails, and Kubelet has started the API server again.
    type: float
    default: 120
requirements:
  - root on the node
seealso:
  - module: uplift.kubeadm.etcd_member
  - name: Considerations when upgrading etcd
    description: What Kubernetes' documentation says of it.
    link: https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/
"""

EXAMPLES = r"""
- name: Have the clients of the API server that leaves go to the others
  uplift.kubeadm.api_server_drain:
    timeout: 60
"""

RETURN = r"""
api_server:
  description: What came of it, V(drained) or why it was left alone.
  type: str
  returned: success
  sample: There is no other API server for its clients to go to.
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import _api_server
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

ROOT = Path("/")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
            "timeout": {"type": "float", "default": 120},
        },
        supports_check_mode=False,
    )
    try:
        why = _api_server.drain(ROOT, module.params["kubeconfig"], module.params["timeout"])
    except UpliftError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=not why, api_server=why or "drained")


if __name__ == "__main__":
    main()
