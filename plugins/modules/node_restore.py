#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_restore
short_description: Bring one node back to a backup, a step at a time
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - The steps of a restore on one node. The playbook C(uplift.kubeadm.restore) does them on all nodes, in the order that
    keeps a cluster whole, and is what you want. Each step can be done again.
  - Must run as root on the node.
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
    details: O(step=etcd) and O(step=files) say nothing of what they would change.
  diff_mode:
    description: Returns details on what has changed when in diff mode.
    support: none
options:
  step:
    description:
      - V(examine) reads the backup O(id) of this node, and fails when the node is no longer of the cluster that was
        backed up. The snapshot and etcd's programs beside it are compared with their checksums. Nothing is changed but
        the mode of these programs, where a copy that was brought back lost it.
      - V(stop) stops kubelet, sets the static pods' manifests aside, and removes the pods of O(pods).
      - V(etcd) gives the member of this node the data of the snapshot. The data that it had are set aside.
      - V(files) puts the node's files back, static pods among them; with O(etcd_only=true) no static pod but etcd's.
      - V(finish) removes the manifests that were set aside. etcd's data of before are kept as C(member-replaced).
    type: str
    choices: [examine, stop, etcd, files, finish]
    required: true
  id:
    description:
      - Name of the backup. Of the node's own files, the oldest newer backup is taken where there is none of this name.
        A node that a hop left alone has none, and was then what its next one shows.
    type: str
  directory:
    description: Folder of all backups.
    type: path
    default: /var/lib/uplift-kubeadm/backup
  pods:
    description: Which pods O(step=stop) removes. C(control_plane) are the static pods, C(workloads) all others.
    type: list
    elements: str
    choices: [workloads, control_plane]
    default: [workloads, control_plane]
  forget_state:
    description:
      - With O(step=stop), remove what kubelet keeps for itself of CPUs, memory and devices. A kubelet of another
        version may not read it.
    type: bool
    default: false
  peers:
    description: With O(step=etcd), the peer URLs of each member of the cluster, by its name.
    type: dict
    default: {}
  token:
    description: With O(step=etcd), the token of the new etcd cluster, the same on all members.
    type: str
  etcdutl:
    description:
      - Path on the node of an C(etcdutl) of 3.5.21 or later and of the minor of the snapshot's etcd. With one, the
        revision is lifted, so that clients notice that they were left behind.
      - The one beside the snapshot is used where it is new enough.
    type: path
  etcd_only:
    description: With O(step=files), leave all static pods but etcd's for a later call.
    type: bool
    default: false
requirements:
  - systemd, crictl and root on the node
seealso:
  - module: uplift.kubeadm.etcd_snapshot
  - module: uplift.kubeadm.node_backup
"""

EXAMPLES = r"""
- name: May this node go back?
  uplift.kubeadm.node_restore:
    step: examine
    id: 20261121T180000Z-v1.24.17

- name: Stop all that runs on it
  uplift.kubeadm.node_restore:
    step: stop
    forget_state: true

- name: Restore etcd
  uplift.kubeadm.node_restore:
    step: etcd
    id: 20261121T180000Z-v1.24.17
    token: restored-1
    peers:
      cp1: [https://10.0.0.1:2380]
"""

RETURN = r"""
id:
  description: The backup that the node's own files are taken from.
  type: str
  returned: step=examine
node:
  description: Name and versions of the node when it was backed up.
  type: dict
  returned: step=examine
control_plane:
  description: Whether it was a control plane node.
  type: bool
  returned: step=examine
etcd:
  description: Name, peer URLs and data folder of its member of etcd. Null where it had none.
  type: dict
  returned: step=examine and step=etcd
api_server:
  description: The version of its API server then.
  type: str
  returned: step=examine
etcd_servers:
  description: Which etcd its API server asks.
  type: str
  returned: step=examine
images:
  description: Images of its static pods.
  type: list
  elements: str
  returned: step=examine
bumps:
  description: Whether the revision is lifted in the step V(etcd).
  type: bool
  returned: step=examine and step=etcd
has_snapshot:
  description: Whether the snapshot of the backup lies on this node, and etcd's programs, all as their checksums say.
  type: bool
  returned: step=examine
damage:
  description: Why a snapshot that lies on this node is of no use. Empty where it is whole, and where there is none.
  type: str
  returned: step=examine
told:
  description: What a person has to know of the backup.
  type: list
  elements: str
  returned: step=examine
stopped:
  description: Whether kubelet ran.
  type: bool
  returned: step=stop
pods_removed:
  description: How many pods were removed.
  type: int
  returned: step=stop
pods_left:
  description: Pods that were ended, and whose empty sandboxes kubelet will clear away.
  type: list
  elements: str
  returned: step=stop
files:
  description: Files that were set aside, removed or put back.
  type: list
  elements: str
  returned: step=stop, step=files and step=finish
set_aside:
  description: Where etcd's data of before lie now.
  type: str
  returned: step=etcd
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import (
    _backup,
    _backup_folder,
    _etcd_snapshot,
    _kubeadm,
    _restore,
    _restore_pods,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import state_of
from ansible_collections.uplift.kubeadm.plugins.module_utils._node import Node

ROOT = Path("/")


def examine(wants: t.Mapping[str, t.Any], check: bool) -> dict[str, t.Any]:
    """step=examine."""
    folder = _backup_folder.folder(wants["directory"], wants["id"])
    archive = _archive(wants)
    facts = {"id": archive.manifest["id"], **_restore.examine(ROOT, archive)}
    backup, damage = _snapshot(folder)
    bumps = backup is not None and _bump(backup, wants["etcdutl"], Runner()) is not None
    return {"changed": False, **facts, "has_snapshot": backup is not None, "damage": damage, "bumps": bumps}


def stop(wants: t.Mapping[str, t.Any], check: bool) -> dict[str, t.Any]:
    """step=stop. kubelet first: it would start again what is ended."""
    runner = Runner()
    pods = _restore_pods.Pods(runner, Node(ROOT, runner).cri_socket())
    chosen = {"workloads": False, "control_plane": True}
    wanted = {chosen[name] for name in wants["pods"]}
    if check:
        going = [pod for pod in pods.sandboxes() if pod.static in wanted]
        return {"changed": True, "stopped": True, "pods_removed": len(going), "pods_left": [], "files": []}
    stopped = _restore_pods.stop_kubelet(runner)
    files = _restore.set_aside(ROOT, check)
    removed, left = pods.remove(lambda pod: pod.static in wanted)
    if wants["forget_state"]:
        files += _restore.forget_state(ROOT, check)
    changed = stopped or bool(files) or removed > len(left)
    return {"changed": changed, "stopped": stopped, "pods_removed": removed, "pods_left": left, "files": files}


def etcd(wants: t.Mapping[str, t.Any], check: bool) -> dict[str, t.Any]:
    """step=etcd."""
    folder = _backup_folder.folder(wants["directory"], wants["id"])
    runner = Runner()
    own = _restore.examine(ROOT, _archive(wants))["etcd"]
    if own is None or own["name"] not in wants["peers"]:
        raise UpliftError(
            f"The backup {folder.name} of this node has no member of etcd that is among {wants['peers']}."
        )
    backup = _etcd_snapshot.undamaged(folder)
    bump = _bump(backup, wants["etcdutl"], runner)
    aside = "" if check else _restore.restore_etcd(ROOT, backup, own, wants["peers"], wants["token"], bump, runner)
    return {"changed": True, "etcd": own, "bumps": bump is not None, "set_aside": aside}


def files(wants: t.Mapping[str, t.Any], check: bool) -> dict[str, t.Any]:
    """step=files. What kubeadm did has to be done again after it, though nobody has had its result."""
    if not check:
        _kubeadm.Kubeadm(Runner(), state_of(ROOT)).disown()
    done = _restore.put_back(ROOT, _archive(wants), wants["etcd_only"], check)
    return {"changed": bool(done), "files": done}


def finish(wants: t.Mapping[str, t.Any], check: bool) -> dict[str, t.Any]:
    """step=finish."""
    done = _restore.finish(ROOT, check)
    return {"changed": bool(done), "files": done}


def _archive(wants: t.Mapping[str, t.Any]) -> _restore.Archive:
    return _restore.Archive(_backup_folder.at(Path(wants["directory"]), wants["id"], _backup.MANIFEST))


def _snapshot(folder: Path) -> tuple[_etcd_snapshot.Whole | None, str]:
    """The backup whose snapshot lies on this node; or why it is of no use ("" where there is none)."""
    if not (folder / _etcd_snapshot.MANIFEST).is_file():
        return None, ""
    try:
        return _etcd_snapshot.undamaged(folder), ""
    except UpliftError as exc:
        return None, str(exc)


def _bump(backup: _etcd_snapshot.Whole, etcdutl: str | None, runner: Runner) -> _restore.Bump | None:
    """The program that lifts the revision: the one that was named, else the one beside the snapshot.

    :raises UpliftError: the one that was named cannot.
    """
    version = backup.manifest["etcd"]["version"]
    candidates = [Path(etcdutl) if etcdutl else backup.programs.etcdutl]
    bump = _restore.bumper(runner, filter(None, candidates), version)
    if etcdutl and bump is None:
        raise UpliftError(
            f"{etcdutl} cannot lift the revision of a snapshot of etcd {version}: it has to be an etcdutl of 3.5.21 or "
            f"later, and of the minor {version.rpartition('.')[0]}."
        )
    return bump


STEPS = {"examine": examine, "stop": stop, "etcd": etcd, "files": files, "finish": finish}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "step": {"type": "str", "choices": list(STEPS), "required": True},
            "id": {"type": "str"},
            "directory": {"type": "path", "default": _backup_folder.DIRECTORY},
            "pods": {
                "type": "list",
                "elements": "str",
                "choices": ["workloads", "control_plane"],
                "default": ["workloads", "control_plane"],
            },
            "forget_state": {"type": "bool", "default": False},
            "peers": {"type": "dict", "default": {}},
            "token": {"type": "str", "no_log": False},
            "etcdutl": {"type": "path"},
            "etcd_only": {"type": "bool", "default": False},
        },
        required_if=[
            ("step", "examine", ["id"]),
            ("step", "etcd", ["id", "peers", "token"]),
            ("step", "files", ["id"]),
        ],
        supports_check_mode=True,
    )
    try:
        result = STEPS[module.params["step"]](module.params, module.check_mode)
    except UpliftError as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
