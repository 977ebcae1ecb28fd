#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_backup
short_description: Keep the files that a node needs to come back as it was
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Keeps C(/etc/kubernetes) with its PKI and static pods, kubelet's configuration and certificates, and the files that
    flags of static pods name (encryption configuration, audit policy and others), wherever they lie.
  - A link that leads out of these, such as C(/etc/kubernetes/pki) to a folder on another disk, is kept as what it
    shows, by the name that it is reached by; above 8 MiB as a link alone, and RV(warnings_told) names it.
  - Archive and manifest are of mode 0600 in folders of mode 0700. They hold the secrets of the cluster.
  - Must run as root on the node.
extends_documentation_fragment:
  - uplift.kubeadm.backup
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns details on what has changed when in diff mode.
    support: none
options:
  state:
    description:
      - V(taken) keeps the node's files as O(id). A backup that lies there whole is left as it is.
      - V(pruned) removes all backups of this node, snapshots of etcd among them, but the newest O(keep), and kubeadm's
        own copies below C(/etc/kubernetes/tmp) but the newest O(keep_kubeadm) of each kind.
      - V(listed) says which backups this node has, newest first.
    type: str
    choices: [taken, pruned, listed]
    default: taken
  unless_since:
    description:
      - With O(state=taken), take none where this node has a backup that is not older than the one of this name, and
        the newest of these has the version of kubelet that the node has now. V(0) stands for any.
      - A run of workers alone gives the newest snapshot of etcd. To go back to that, each node needs a backup that is
        no older. A run that was killed, and goes on, keeps the files of a node once.
    type: str
  keep:
    description: How many backups O(state=pruned) keeps. The newest one is always kept.
    type: int
    default: 3
  keep_kubeadm:
    description: How many of kubeadm's own copies of each kind O(state=pruned) keeps.
    type: int
    default: 3
requirements:
  - root on the node
seealso:
  - module: uplift.kubeadm.etcd_snapshot
"""

EXAMPLES = r"""
- name: Keep the node's files
  uplift.kubeadm.node_backup:
    id: 20261121T180000Z-v1.24.17

- name: Keep them once, however often a run of workers alone goes on
  uplift.kubeadm.node_backup:
    id: 20261128T180000Z-v1.24.17
    unless_since: 20261121T180000Z-v1.24.17

- name: Remove what is older
  uplift.kubeadm.node_backup:
    state: pruned
    keep: 5
"""

RETURN = r"""
path:
  description: Folder of the backup.
  type: str
  returned: state=taken
warnings_told:
  description: What a person has to know of this backup, such as that a KMS holds the key of the snapshot's secrets.
  type: list
  elements: str
  returned: state=taken
node:
  description: The node's name and its versions of kubelet, kubeadm and kubectl.
  type: dict
  returned: state=taken
removed:
  description: Folders that were removed, or in check mode would be.
  type: list
  elements: str
  returned: state=pruned
backups:
  description: The names of this node's backups, newest first.
  type: list
  elements: str
  returned: state=listed
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import _backup, _backup_folder, _etcd_snapshot
from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import STATE
from ansible_collections.uplift.kubeadm.plugins.module_utils._kubeadm import Kubeadm
from ansible_collections.uplift.kubeadm.plugins.module_utils._node import Node

ROOT = Path("/")
MANIFESTS = (_backup.MANIFEST, _etcd_snapshot.MANIFEST)


def taken(wants: t.Mapping[str, t.Any], check: bool) -> dict[str, t.Any]:
    """state=taken."""
    node, folder = Node(ROOT, Runner()), _backup_folder.folder(wants["directory"], wants["id"])
    if wants["unless_since"] is not None:
        folder = _since(wants["unless_since"], node, wants["directory"]) or folder
    if (folder / _backup.MANIFEST).is_file():
        manifest, changed = _backup.read_manifest(folder), False
    else:
        name, _why = node.name()
        manifest, changed = {"node": {"name": name, **node.versions()}}, True
        if not check:
            manifest = _backup.take(ROOT, folder, {**manifest, **wants["about"]})
    told = _backup.warnings(manifest)
    return {"changed": changed, "path": str(folder), "warnings_told": told, "node": manifest["node"]}


def _since(name: str, node: Node, directory: str) -> Path | None:
    """The newest backup, when it is not older than that name, whole, and of the kubelet that this node has now."""
    newest = next(iter(_backup_folder.folders(Path(directory), _backup.MANIFEST)), None)
    if newest is None or newest.name < name:
        return None
    try:
        then = _backup.read_manifest(newest)["node"]["kubelet"]
    except (UpliftError, LookupError, TypeError):
        return None
    return newest if then == node.versions()["kubelet"] else None


def pruned(wants: t.Mapping[str, t.Any], check: bool) -> dict[str, t.Any]:
    """state=pruned. What a kubeadm that is at work has made is left alone."""
    going = _backup_folder.expired(Path(wants["directory"]), MANIFESTS, wants["keep"])
    run = Kubeadm(Runner(), STATE).last_run()
    if run is None or run["state"] != "running":
        going += _backup_folder.leftovers(ROOT, wants["keep_kubeadm"])
    if not check:
        _backup_folder.remove(going)
    return {"changed": bool(going), "removed": [str(path) for path in going]}


def listed(wants: t.Mapping[str, t.Any], check: bool) -> dict[str, t.Any]:
    """state=listed."""
    found = _backup_folder.folders(Path(wants["directory"]), _backup.MANIFEST)
    return {"changed": False, "backups": [path.name for path in found]}


STATES = {"taken": taken, "pruned": pruned, "listed": listed}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": list(STATES), "default": "taken"},
            **_backup_folder.BACKUP_ARGS,
            "unless_since": {"type": "str"},
            "keep": {"type": "int", "default": 3},
            "keep_kubeadm": {"type": "int", "default": 3},
        },
        required_if=[("state", "taken", ["id"])],
        supports_check_mode=True,
    )
    try:
        result = STATES[module.params["state"]](module.params, module.check_mode)
    except UpliftError as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
