# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is copied of a backup, is copied byte for byte, or not at all: to the controller.

Protects backup_fetch.yml, backup_fetch_snapshot.yml and fetch_snapshot.yml. The files are real, and so is what moves
them; only who makes them is a FAKE.
"""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path

import pytest
from stubbed import StubbedCluster
from test_restore_walk import BackedUpCluster, externally

PIECE = 40
SNAPSHOT = bytes(range(100))  # three pieces; none ends in a newline, and the bytes are no text
DIGEST = hashlib.sha256(SNAPSHOT).hexdigest()
PROGRAMS = {"etcd": b"the server", "etcdctl": b"its client"}
MANIFEST = {
    "schema": 1,
    "etcd": {"version": "3.5.6", "revision": 597, "keys": 346, "members": [{"name": "cp1"}, {"name": "cp2"}]},
    "snapshot": {"file": "etcd.snapshot", "bytes": len(SNAPSHOT), "sha256": DIGEST},
    "programs": {name: hashlib.sha256(content).hexdigest() for name, content in PROGRAMS.items()},
}  # fmt: skip
# A FAKE of node_backup and etcd_snapshot: writes the files of a backup, with content of the test.
FAKE_KEEPER = f"""
import json, os
from ansible_collections.uplift.kubeadm.plugins.module_utils import _stub

MANIFEST = {MANIFEST!r}
FILES = {{
    "node_backup": {{"{{id}}/node.tar": b"files", "{{id}}/node.json": b"{{}}"}},
    "etcd_snapshot": {{"{{id}}/etcd.snapshot": {SNAPSHOT!r}, "{{id}}/etcd.json": json.dumps(MANIFEST).encode(),
                      **{{f"programs/etcd-3.5.6/{{name}}": content for name, content in {PROGRAMS!r}.items()}}}},
}}

class ActionModule(_stub.ActionModule):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        args = self._task.args
        if args.get("state") == "pruned":
            return result
        for name, content in FILES[self._task.action.rpartition(".")[2]].items():
            path = os.path.join(args["directory"], name.format(id=args["id"]))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content if "snapshot" not in name else content[: _stub.load("bytes.json", None)])
        return {{**result, "node": {{"name": "n", "kubelet": "v1"}}, "warnings_told": [], "manifest": MANIFEST}}
"""


class KeepingCluster(BackedUpCluster):
    """A pretended cluster of which backups are files: all its hosts have the same disk."""

    def _copy_collection(self) -> None:
        super()._copy_collection()
        in_small_pieces(self)
        actions = self.folder / "collections/ansible_collections/uplift/kubeadm/plugins/action"
        for name in ("node_backup", "etcd_snapshot"):
            (actions / f"{name}.py").write_text(FAKE_KEEPER)

    def fetch(self, *arguments: str) -> tuple[str, bool]:
        """What the playbook backup said, and whether it ended well."""
        run = self.run("uplift.kubeadm.backup", *arguments, kubeadm_upgrade_backup_fetch=str(self.folder / "fetched"),
                       kubeadm_upgrade_backup_directory=str(self.folder / "disk"))  # fmt: skip
        return run.stdout, run.returncode == 0

    def fetched(self) -> dict[str, bytes]:
        """The files on the controller by host and name."""
        top = self.folder / "fetched"
        files = [path for path in top.rglob("*") if path.is_file()]
        return {f"{path.relative_to(top).parts[0]}/{path.name}": path.read_bytes() for path in files}


def in_small_pieces(cluster: StubbedCluster) -> None:
    """So that a snapshot of a test is of more than one; 32 MiB each else."""
    variables = cluster.folder / "collections/ansible_collections/uplift/kubeadm/roles/kubeadm_upgrade/vars/main.yml"
    text = variables.read_text()
    assert "kubeadm_upgrade_piece_bytes: 33554432\n" in text
    variables.write_text(
        text.replace("kubeadm_upgrade_piece_bytes: 33554432\n", f"kubeadm_upgrade_piece_bytes: {PIECE}\n")
    )


@pytest.fixture
def keeping(tmp_path: Path) -> KeepingCluster:
    return KeepingCluster(tmp_path, control_planes=2, workers=1, version="v1.25.4")


def without_etcd_on_cp1(cluster: KeepingCluster) -> None:
    nodes = cluster.read("node.json")
    nodes["cp1"]["healthy"]["etcd"] = False
    cluster.write("node.json", nodes)


@pytest.mark.parametrize(
    ("place", "hosts", "limit"),
    [
        ("cp1", ["cp1", "cp2", "w1"], []),
        ("cp2", ["cp1", "cp2", "w1"], []),
        ("cp1", ["w1"], ["--limit", "w1"]),
        ("etcd1", ["cp1", "cp2", "w1"], []),
    ],
    ids=["the first host", "another host", "no host of the play", "external etcd"],
)
def test_a_fetched_snapshot_is_byte_for_byte_the_one_that_was_taken(
    keeping: KeepingCluster, place: str, hosts: list[str], limit: list[str]
) -> None:
    """Wherever it was taken. Joined as text, it had a newline after each piece, and nobody could restore it."""
    if place == "cp2":
        without_etcd_on_cp1(keeping)
    if place == "etcd1":
        externally(keeping, place)
    said, well = keeping.fetch(*limit)
    assert well, said
    own = {
        f"{host}/{name}": content for host in hosts for name, content in (("node.tar", b"files"), ("node.json", b"{}"))
    }
    theirs = {f"{place}/{name}": content for name, content in PROGRAMS.items()}
    snapshot = {f"{place}/etcd.snapshot": SNAPSHOT, f"{place}/etcd.json": json.dumps(MANIFEST).encode()}
    assert keeping.fetched() == {**own, **theirs, **snapshot}
    modes = {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in (keeping.folder / "fetched").rglob("*")}
    assert modes == {(True, 0o700), (False, 0o600)}
    assert list((keeping.folder / "disk").rglob(".pieces")) == []


def test_a_fetched_snapshot_that_is_another_is_no_backup(keeping: KeepingCluster) -> None:
    """Nothing compared it: the run ended well, and the copy was good for nothing."""
    keeping.write("bytes.json", 99)  # a disk that lost one since it was proven
    said, well = keeping.fetch()
    assert not well, said
    assert f"when it was taken it had {DIGEST}" in " ".join(said.split())
    assert not [name for name in keeping.fetched() if "etcd" in name]
    assert list(keeping.folder.rglob("*pieces")) == []
