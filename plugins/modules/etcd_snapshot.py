#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_snapshot
short_description: Take, prove and list snapshots of etcd
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Takes a snapshot of etcd on a control plane node and proves it. Its checksum has to be right. An etcd that is
    started from it has to serve. What that etcd holds at its revision has to have the hash of what the live etcd held
    at that revision. A snapshot of which one of these does not hold is thrown away.
  - The etcd that proves it listens on sockets in a folder that only root can enter, on no network, and is gone with its
    data when the module ends.
  - etcd's own programs are copied from the etcd that runs, and kept beside the snapshots, so that a snapshot can be
    read wherever its folder is brought.
  - Must run as root on the node.
extends_documentation_fragment:
  - uplift.kubeadm.backup
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
    details: With O(state=taken), etcd, its programs and the room on the disk are looked at, and nothing is written.
  diff_mode:
    description: Returns details on what has changed when in diff mode.
    support: none
options:
  state:
    description:
      - V(taken) takes the snapshot O(id) and proves it. One that lies there whole is left as it is.
      - V(verified) proves the snapshot O(id) again from what lies on the disk, and says what has changed in the live
        etcd since, where one answers. Nothing is changed.
      - V(listed) says which whole snapshots there are, newest first.
    type: str
    choices: [taken, verified, listed]
    default: taken
  endpoint:
    description:
      - Client URL of the etcd to ask. The default is the etcd that kubeadm runs on this node.
      - Needed for an external etcd, together with O(ca), O(cert) and O(key) where it wants them.
    type: str
  ca:
    description: Path on the node of the authority of etcd's certificate.
    type: path
  cert:
    description: Path on the node of a client certificate.
    type: path
  key:
    description: Path on the node of its key.
    type: path
  data_dir:
    description:
      - With O(endpoint), the data folder of that etcd, to find its programs where more than one etcd runs on the host.
      - The default is the only one that runs.
    type: path
  lock:
    description:
      - The C(id) of the RV(uplift.kubeadm.upgrade_lock#module:holder) of the cluster's lock. It is renewed while the
        snapshot is taken and proven, where the node has an C(admin.conf).
    type: str
requirements:
  - root on the node
  - C(etcdctl) where the running etcd came without one
"""

EXAMPLES = r"""
- name: Back up etcd
  uplift.kubeadm.etcd_snapshot:
    id: 20261121T180000Z-v1.24.17

- name: Is the snapshot good, and what would be lost?
  uplift.kubeadm.etcd_snapshot:
    state: verified
    id: 20261121T180000Z-v1.24.17

- name: Back up an external etcd, on one of its members
  uplift.kubeadm.etcd_snapshot:
    id: 20261121T180000Z-v1.24.17
    endpoint: https://127.0.0.1:2379
    ca: /etc/etcd/pki/ca.crt
    cert: /etc/etcd/pki/client.crt
    key: /etc/etcd/pki/client.key
"""

RETURN = r"""
path:
  description: Folder of the snapshot.
  type: str
  returned: state=taken and state=verified
manifest:
  description: What the snapshot is, as C(etcd.json) beside it says. Empty in check mode.
  type: dict
  returned: state=taken and state=verified
since:
  description:
    - What a restore of the snapshot would undo. C(revisions) is how many writes came since, C(written) and C(removed)
      are numbers of objects by kind, C(fleeting) is the number of events and leases.
    - Null where no etcd answers.
  type: dict
  returned: state=verified
  sample: {"revisions": 812, "written": {"pods": 4, "configmaps": 1}, "removed": {}, "fleeting": 230}
silent:
  description: Why no etcd answered.
  type: str
  returned: state=verified
snapshots:
  description: The manifests of the whole snapshots, newest first.
  type: list
  elements: dict
  returned: state=listed
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import _backup_folder, _etcd_programs, _etcd_snapshot
from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._etcd_snapshot import Endpoint
from ansible_collections.uplift.kubeadm.plugins.module_utils._lock_beat import on_node
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_static_pods import static_pods

ROOT = Path("/")


def reached(wants: t.Mapping[str, t.Any]) -> tuple[Endpoint, str | None]:
    """How the etcd that is meant is reached, and its data folder where that is known.

    :raises UpliftError: there is none on this node, and none was named.
    """
    if wants["endpoint"]:
        return Endpoint(wants["endpoint"], wants["ca"], wants["cert"], wants["key"]), wants["data_dir"]
    pods, _unread = static_pods(ROOT)
    if "etcd" not in pods:
        raise UpliftError(
            "This node has no static pod of etcd. Name an external etcd with endpoint, ca, cert and key, and run this "
            "on one of its members; or run it on a control plane node that has one."
        )
    return _etcd_snapshot.local_endpoint(ROOT, pods["etcd"]), _etcd_snapshot.data_dir(pods["etcd"])


def taken(wants: t.Mapping[str, t.Any], check: bool) -> dict[str, t.Any]:
    """state=taken."""
    folder = _backup_folder.folder(wants["directory"], wants["id"])
    if (folder / _etcd_snapshot.MANIFEST).is_file():
        return {"changed": False, "path": str(folder), "manifest": _etcd_snapshot.read_manifest(folder)}
    endpoint, data_dir = reached(wants)
    if check:
        facts = endpoint.etcd().facts()
        _etcd_snapshot.refuse_unwell(facts)
        _etcd_snapshot.require_room(folder.parent, facts["db_size"])
        _etcd_programs.running(ROOT / "proc", data_dir, Runner())
        return {"changed": True, "path": str(folder), "manifest": {}}
    runner = Runner()
    programs = _etcd_programs.running(ROOT / "proc", data_dir, runner)
    manifest = _etcd_snapshot.take(endpoint, programs, folder, wants["about"], runner)
    return {"changed": True, "path": str(folder), "manifest": manifest}


def verified(wants: t.Mapping[str, t.Any], check: bool) -> dict[str, t.Any]:
    """state=verified. A live etcd is compared with where it answers; the proof does not depend on it."""
    folder = _backup_folder.folder(wants["directory"], wants["id"])
    live, silent = None, ""
    try:
        live = reached(wants)[0].etcd()
        live.call("/v3/maintenance/status")
    except UpliftError as exc:
        live, silent = None, str(exc)
    manifest, since = _etcd_snapshot.verify(folder, Runner(), live)
    return {"changed": False, "path": str(folder), "manifest": manifest, "since": since, "silent": silent}


def listed(wants: t.Mapping[str, t.Any], check: bool) -> dict[str, t.Any]:
    """state=listed."""
    folders = _backup_folder.folders(Path(wants["directory"]), _etcd_snapshot.MANIFEST)
    return {"changed": False, "snapshots": [_etcd_snapshot.read_manifest(folder) for folder in folders]}


STATES = {"taken": taken, "verified": verified, "listed": listed}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": list(STATES), "default": "taken"},
            **_backup_folder.BACKUP_ARGS,
            "endpoint": {"type": "str"},
            "ca": {"type": "path"},
            "cert": {"type": "path"},
            "key": {"type": "path", "no_log": False},
            "data_dir": {"type": "path"},
            "lock": {"type": "str"},
        },
        required_if=[("state", "taken", ["id"]), ("state", "verified", ["id"])],
        supports_check_mode=True,
    )
    try:
        with on_node(None if module.check_mode else module.params["lock"]):
            result = STATES[module.params["state"]](module.params, module.check_mode)
    except UpliftError as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
