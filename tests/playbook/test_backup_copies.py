# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is copied of a backup, is copied byte for byte, or not at all: to the controller, and to members of a restore.

Protects backup_fetch.yml, backup_fetch_snapshot.yml, fetch_snapshot.yml and restore_spread.yml. The files are real, and
so is what moves them; only who makes them is a FAKE.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stubbed import StubbedCluster
from test_restore_walk import BACKUP, BackedUpCluster, externally, stopped, with_systemctl

from ansible_collections.uplift.kubeadm.plugins.module_utils import _backup

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


GUIDE = Path(__file__).parents[2] / "docs/backup.md"


@pytest.mark.parametrize("place", ["cp1", "cp2", "etcd1"])
def test_the_hook_of_the_guide_hands_over_all_of_a_backup(
    keeping: KeepingCluster, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It handed over the folder of the first host: without the snapshot where that was taken on another."""
    if place == "cp2":
        without_etcd_on_cp1(keeping)
    if place == "etcd1":
        externally(keeping, place)
    hook, fake, calls = (keeping.folder / name for name in ("restic.yml", "bin/restic", "calls"))
    hook.write_text(GUIDE.read_text().partition("# hooks/restic.yml\n")[2].partition("```")[0])
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh -e\nshift\nls -d "$@" >/dev/null\necho "$@" >>{calls}\n')  # all of it is there
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    run = keeping.run("uplift.kubeadm.backup", kubeadm_upgrade_hook_backup=str(hook),
                      kubeadm_upgrade_backup_directory=str(keeping.folder / "disk"))  # fmt: skip
    assert run.returncode == 0, run.stdout
    hosts = ["cp1", "cp2", "w1", *(["etcd1"] if place == "etcd1" else [])]
    assert re.findall(r"changed: \[.*\] => \(item=(\w+)\)", run.stdout) == hosts
    with_programs = [len(line.split()) == 2 for line in calls.read_text().splitlines()]
    assert with_programs == [host == place for host in hosts]


# node_restore really looks, in the process of its task; what changes a node is the FAKE of test_restore_walk.py. Before
# the look, a snapshot that lies on a host of rotten.json loses a byte, as if its disk were bad.
LOOKS = """
from ansible_collections.uplift.kubeadm.plugins.module_utils import _really

_faked = ActionModule.run

def _looked(self, tmp=None, task_vars=None):
    if self._task.args["step"] != "examine":
        return _faked(self, tmp, task_vars)
    snapshot = os.path.join(self._task.args["directory"], self._task.args["id"], "etcd.snapshot")
    if task_vars["inventory_hostname"] in _stub.load("rotten.json", []) and os.path.exists(snapshot):
        os.truncate(snapshot, 99)
    parts = (self._task, self._connection, self._play_context, self._loader, self._templar, self._shared_loader_obj)
    return _really.ActionModule(*parts).run(tmp, task_vars)

ActionModule.run = _looked
"""
STATIC_POD = """apiVersion: v1
kind: Pod
spec:
  containers:
  - name: {name}
    command:
    - {name}
    - --name={host}
    - --initial-advertise-peer-urls=https://{host}:2380
    image: registry.k8s.io/{name}:{tag}
"""


class SpreadingCluster(BackedUpCluster):
    """A pretended cluster with a backup of real files, on a disk for each host. Its snapshot lies on cp1 alone."""

    def _copy_collection(self) -> None:
        super()._copy_collection()
        in_small_pieces(self)
        plugins = self.folder / "collections/ansible_collections/uplift/kubeadm/plugins"
        really = (Path(__file__).parent / "in_process_action.py").read_text().replace("MODULE", "node_restore")
        (plugins / "module_utils/_really.py").write_text(really)
        with (plugins / "action/node_restore.py").open("a") as file:
            file.write(LOOKS)

    def _write_state(self, version: str) -> None:
        super()._write_state(version)
        for host in [*self.control_planes, *self.workers]:
            root, pods = self.folder / "roots" / host, {"etcd": "3.5.6-0", "kube-apiserver": "v1.24.17"}
            (root / "etc/kubernetes/manifests").mkdir(parents=True)
            for name, tag in pods.items() if host in self.control_planes else ():
                text = STATIC_POD.format(name=name, host=host, tag=tag)
                (root / f"etc/kubernetes/manifests/{name}.yaml").write_text(text)
            _backup.take(root, self.disk(host) / BACKUP, {"node": {"name": host, "kubelet": "v1.24.17"}})
        manifest = {**MANIFEST, "id": BACKUP, "taken": "2026-11-21T18:00:00Z", "kubernetes": "v1.24.17"}
        files = {f"{BACKUP}/etcd.snapshot": SNAPSHOT, f"{BACKUP}/etcd.json": json.dumps(manifest).encode()}
        for name, content in {**files, **{f"programs/etcd-3.5.6/{p}": c for p, c in PROGRAMS.items()}}.items():
            (self.disk("cp1") / name).parent.mkdir(parents=True, exist_ok=True)
            (self.disk("cp1") / name).write_bytes(content)
        members = {"etcd_snapshot.listed": {"snapshots": [manifest]},
                   "etcd_snapshot.verified": {"manifest": manifest, "since": None, "silent": ""}}  # fmt: skip
        self.write("answers.json", {**self.read("answers.json"), **members})

    def disk(self, host: str) -> Path:
        return self.folder / "disks" / host

    def restore(self, **variables: Any) -> subprocess.CompletedProcess[str]:
        return super().restore(kubeadm_upgrade_backup_directory=f"{self.folder}/disks/{{{{ inventory_hostname }}}}",
                               **variables)  # fmt: skip

    def on_cp2(self) -> dict[str, bytes]:
        """What a member needs that had nothing."""
        disk = self.disk("cp2")
        files = [path for part in ("programs/etcd-3.5.6", BACKUP) for path in (disk / part).glob("etc*")]
        return {path.name: path.read_bytes() for path in files}


@pytest.fixture
def spreading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SpreadingCluster]:
    with_systemctl(tmp_path, monkeypatch)
    # A short path: Ansible has a socket in it, and Linux takes 107 characters for one.
    with tempfile.TemporaryDirectory(prefix="uplift-") as temporary:
        monkeypatch.setenv("TMPDIR", temporary)
        yield SpreadingCluster(tmp_path, control_planes=2, workers=1, version="v1.25.4")


def left_on_the_controller() -> list[Path]:
    return list(Path(os.environ["TMPDIR"]).glob("*.uplift-kubeadm"))


def test_a_member_gets_the_snapshot_byte_for_byte(spreading: SpreadingCluster) -> None:
    run = spreading.restore()
    assert run.returncode == 0, run.stdout
    assert spreading.on_cp2() == {
        **PROGRAMS,
        "etcd.snapshot": SNAPSHOT,
        "etcd.json": (spreading.disk("cp1") / BACKUP / "etcd.json").read_bytes(),
    }
    assert stopped(spreading) == ["cp1", "cp1", "cp2", "cp2", "w1", "w1"]
    assert left_on_the_controller() == []


def test_a_snapshot_that_comes_damaged_stops_nothing_and_the_next_run_brings_it_anew(
    spreading: SpreadingCluster,
) -> None:
    """It was refused when etcd was restored, with all stopped; and the member counted as one that had it, for ever."""
    spreading.write("rotten.json", ["cp2"])
    run = spreading.restore()
    assert run.returncode != 0, run.stdout
    said = " ".join(run.stdout.replace("\\n", " ").split())
    assert "Nothing was stopped. The snapshot did not come whole to every control plane." in said
    assert f"cp2: {spreading.disk('cp2')}/{BACKUP}/etcd.snapshot is not what was backed up" in said
    assert stopped(spreading) == []
    assert spreading.on_cp2()["etcd.snapshot"] == SNAPSHOT[:99]
    assert left_on_the_controller() == []
    assert spreading.lock_states() == ["held", "released"]

    spreading.write("rotten.json", [])
    run = spreading.restore()
    assert run.returncode == 0, run.stdout
    assert "The snapshot on cp2 is damaged; it is brought there anew" in " ".join(run.stdout.split())
    assert spreading.on_cp2()["etcd.snapshot"] == SNAPSHOT


def test_a_snapshot_that_rotted_on_the_one_that_has_it_is_told_of(spreading: SpreadingCluster) -> None:
    spreading.write("rotten.json", ["cp1"])
    run = spreading.restore()
    assert run.returncode != 0, run.stdout
    said = " ".join(run.stdout.replace("\\n", " ").split())
    assert f"No control plane has the snapshot {BACKUP} as it was taken: cp1: {spreading.disk('cp1')}/{BACKUP}" in said
    assert spreading.lock_states() == []
