#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_run
short_description: Run kubeadm on a node such that it outlives a lost connection
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Starts kubeadm as the transient systemd unit C(uplift-kubeadm.service) and waits for it. A lost connection, or a
    controller that is killed, leaves kubeadm at work; the next run of this module finds it.
  - When the same command is at work already, it is waited for, and its result is taken. When another one is at work, it
    is waited for first.
  - When the same command ended well after its caller was lost, and nobody has had its result yet, O(adopt) takes it.
  - The output is kept on the node in C(/var/lib/uplift-kubeadm/log) (0600, the last 20 runs), and the last run is
    recorded in C(/var/lib/uplift-kubeadm/kubeadm.json).
  - Must run as root on the node.
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
    details: Says what would be run; kubeadm is not started.
  diff_mode:
    description: Returns details on what has changed when in diff mode.
    support: none
options:
  arguments:
    description: The arguments of kubeadm.
    type: list
    elements: str
    required: true
  version:
    description:
      - The version that kubeadm must be, such as V(v1.25.4). Nothing is run when it is another.
    type: str
  kubeadm:
    description:
      - Path of kubeadm, or its name. V(kubeadm) is the one that M(uplift.kubeadm.kubernetes_release) manages.
    type: str
    default: kubeadm
  timeout:
    description:
      - How long to wait, in seconds. When the time is up this module fails, and kubeadm is left running.
    type: float
    default: 900
  environment:
    description:
      - Environment variables for kubeadm. They never appear on a command line.
      - Those with names ending in C(_proxy) are left out, as kubeadm would write them into static pods and kube-proxy.
        It gets those that API server, controller manager and scheduler of this node all have, so that they stay as they
        are. What one of them has alone comes from C(extraEnvs) or a patch, which kubeadm knows.
    type: dict
    default: {}
  adopt:
    description:
      - Take the result of a run of the same command and version that ended well since this boot, and whose caller never
        had its result because it was lost.
      - A run that failed is never taken, but done again.
    type: bool
    default: true
  force_if_only:
    description:
      - V(kubelet_skew) runs kubeadm again with C(--force) when it refused, and its single objection was kubelets that
        are too old for the new control plane. C(--force) silences every objection of that kind, so it is never given
        first.
    type: str
    choices: [kubelet_skew]
  drain_api_server:
    description:
      - Have the clients of this node's API server go to another one, before kubeadm is started.
      - It knows the etcd of its own node alone. While kubeadm restarts that, it answers nobody, and holds on to its
        clients all the same. Kubelets that are connected to it cannot renew their leases; after 40 seconds their nodes
        are NotReady, and their pods get no requests any more.
      - So it is asked to end (SIGTERM). It takes no new connections then, answers what it was asked, and tells its
        clients to connect anew. Kubelet starts it again when it has ended, which may take a minute.
      - kubeadm is started when new connections to the server of C(/etc/kubernetes/admin.conf) are answered, ten of them
        in a row, so that a load balancer has seen that this one is away; when they are not within two minutes, it is
        not started.
      - Nothing of it is done where there is no other healthy API server, where etcd is not on this node, and on
        workers.
    type: bool
    default: false
  lock:
    description:
      - The C(id) of the RV(uplift.kubeadm.upgrade_lock#module:holder) of the cluster's lock. It is renewed while the
        module works, on a node that has C(/etc/kubernetes/admin.conf). When it is another run's, kubeadm is not begun.
    type: str
seealso:
  - name: Considerations when upgrading etcd
    description: What Kubernetes' documentation says of O(drain_api_server).
    link: https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/
requirements:
  - systemd and root on the node
"""

EXAMPLES = r"""
- name: Upgrade the first control plane
  uplift.kubeadm.kubeadm_run:
    arguments: [upgrade, apply, v1.25.4, --yes]
    version: v1.25.4
    timeout: 1200
    drain_api_server: true

- name: Upgrade a worker's kubelet configuration
  uplift.kubeadm.kubeadm_run:
    arguments: [upgrade, node]
    version: v1.25.4
"""

RETURN = r"""
command:
  description: The command that was run, or in check mode would be.
  type: list
  elements: str
  returned: always
rc:
  description: kubeadm's exit code.
  type: int
  returned: when kubeadm came to its end
stdout:
  description: The last 40 lines of kubeadm's output.
  type: str
  returned: when kubeadm came to its end
log:
  description: Path of the whole output on the node.
  type: str
  returned: when kubeadm came to its end
seconds:
  description: How long kubeadm ran.
  type: float
  returned: when kubeadm came to its end
adopted:
  description: Whether the result is that of a run that an earlier, lost call had started.
  type: bool
  returned: when kubeadm came to its end
forced:
  description: Whether kubeadm was run again with C(--force).
  type: bool
  returned: when kubeadm came to its end
api_server:
  description: What came of O(drain_api_server), V(drained) or why it was left alone.
  type: str
  returned: when kubeadm was started with O(drain_api_server)
  sample: There is no other API server for its clients to go to.
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import _api_server
from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._environment import hide_only_secrets
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import STATE
from ansible_collections.uplift.kubeadm.plugins.module_utils._kubeadm import (
    Kubeadm,
    changes_something,
    complaint,
    environment_for,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._lock_beat import on_node
from ansible_collections.uplift.kubeadm.plugins.module_utils._node import Node
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_disk import full

ROOT = Path("/")
ADMIN = "/etc/kubernetes/admin.conf"  # what kubeadm itself speaks to the API with
DRAIN_SECONDS = 120.0


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "arguments": {"type": "list", "elements": "str", "required": True},
            "version": {"type": "str"},
            "kubeadm": {"type": "str", "default": "kubeadm"},
            "timeout": {"type": "float", "default": 900},
            "environment": {"type": "dict", "default": {}, "no_log": True},
            "adopt": {"type": "bool", "default": True},
            "force_if_only": {"type": "str", "choices": ["kubelet_skew"]},
            "drain_api_server": {"type": "bool", "default": False},
            "lock": {"type": "str"},
        },
        supports_check_mode=True,
    )
    wants = module.params
    hide_only_secrets(module, wants["environment"])
    runner = Runner()
    kubeadm = wants["kubeadm"]
    if "/" not in kubeadm:
        kubeadm = str(Node(ROOT, runner).binary(kubeadm) or kubeadm)
    command = [kubeadm, *wants["arguments"]]
    changed = changes_something(wants["arguments"])
    if module.check_mode:
        module.exit_json(changed=changed, command=command)
    drained: dict[str, str] = {}

    def drain_api_server() -> None:
        drained["api_server"] = _api_server.drain(ROOT, ADMIN, min(DRAIN_SECONDS, wants["timeout"])) or "drained"

    try:
        with on_node(wants["lock"]):
            run = Kubeadm(runner, STATE).run(
                kubeadm,
                wants["arguments"],
                version=wants["version"],
                environment=environment_for(wants["environment"], ROOT),
                timeout=wants["timeout"],
                adopt=wants["adopt"],
                force_if_only_kubelets=wants["force_if_only"] == "kubelet_skew",
                before=drain_api_server if wants["drain_api_server"] else None,
            )
    except UpliftError as exc:
        module.fail_json(msg=str(exc), command=command)
    result = {**run._asdict(), **drained, "changed": changed}
    result["stdout"] = result.pop("output")
    if run.rc:
        module.fail_json(
            msg=f"{' '.join(run.command)} failed with exit code {run.rc} after {run.seconds:g} s: "
            f"{complaint(run.output)}. The whole output is on the node in {run.log}. {full(ROOT)}".rstrip(),
            **result,
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
