# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks backup and restore: their lock of the cluster, and what they refuse.

Protects lock_take.yml, lock_release.yml, restore_locked.yml and the lock of restore_do.yml. On real clusters they are
proved by tests/restore.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from stubbed import StubbedCluster

BACKUP = "20261121T180000Z-v1.24.17"
OF_THEN = {"id": "anna@bastion_48211_aa", "user": "anna", "host": "bastion", "pid": 48211, "target": "1.25"}
MANIFEST = {
    "id": BACKUP, "taken": "2026-11-21T18:00:00Z", "kubernetes": "v1.24.17", "programs": {"etcd": "x"},
    "etcd": {"version": "3.5.6", "revision": 597, "keys": 346, "members": [{"name": "cp1"}]},
    "snapshot": {"bytes": 1048576},
}  # fmt: skip
SINCE = {"revisions": 3, "written": {"pods": 2}, "removed": {}, "fleeting": 1}
# A FAKE of a module beside those of stub_action.py: it answers with what the test wrote to answers.json, and stops or
# starts the pretended API where a restore does.
FAKE = """
import json, os
from ansible_collections.uplift.kubeadm.plugins.module_utils import _stub

class ActionModule(_stub.ActionModule):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        args = self._task.args
        name = self._task.action.rpartition(".")[2]
        event = {"fake": name, "step": args.get("step") or args.get("state") or "taken", "pods": args.get("pods"),
                 "lock": args.get("lock"), "id": args.get("id"), "endpoint": args.get("endpoint"),
                 "data_dir": args.get("data_dir"), "host": task_vars["inventory_hostname"]}
        with open(os.path.join(_stub.STUB, "steps.jsonl"), "a") as file:
            file.write(json.dumps(event) + "\\n")
        if event["step"] == "etcd":  # what etcd holds is what it held then, the lock of then included
            _stub.save("lock.json", _stub.load("lock-of-then.json", {}))
        answers, asked = _stub.load("answers.json", {}), f"{name}.{event['step']}"
        return {**result, **answers.get(f"{asked} on {self._task.delegate_to}", answers.get(asked, {}))}
"""
# What the lock answers when a rule makes it fail.
FAKE_REFUSAL = """
_answer = ActionModule._execute_module

def _told(self, module_name, module_args, task_vars):
    result = _answer(self, module_name, module_args, task_vars)
    return {**result, **(_stub.load("refusal.json", {}) if result.get("failed") else {})}

ActionModule._execute_module = _told
"""
SYSTEMCTL = '#!/bin/sh\necho "LoadState=loaded"; echo "ActiveState=active"; echo "UnitFileState=enabled"\n'


class BackedUpCluster(StubbedCluster):
    """A pretended cluster at v1.25.4 with a backup of v1.24.17, taken while an upgrade held the lock."""

    def _copy_collection(self) -> None:
        super()._copy_collection()
        actions = self.folder / "collections/ansible_collections/uplift/kubeadm/plugins/action"
        for name in ("node_restore", "node_backup", "etcd_snapshot"):
            (actions / f"{name}.py").write_text(FAKE)
        lock = actions / "upgrade_lock.py"
        lock.write_text(lock.read_text() + FAKE_REFUSAL)

    def _write_state(self, version: str) -> None:
        super()._write_state(version)
        nodes = self.read("node.json")
        for name in self.control_planes:
            nodes[name] |= {
                "running": {"kube-apiserver": version},
                "healthy": {"etcd": True},
                "manifests": {"etcd": ""},
            }
        self.write("node.json", nodes)
        etcd = {"name": "cp1", "peer_urls": ["https://10.0.0.1:2380"]}
        then = {"name": "cp1", "kubelet": "v1.24.17"}
        self.write("lock-of-then.json", OF_THEN)
        self.write("answers.json", {
            "etcd_snapshot.listed": {"snapshots": [MANIFEST]},
            "etcd_snapshot.verified": {"manifest": MANIFEST, "since": SINCE},
            "etcd_snapshot.taken": {"manifest": MANIFEST},
            "node_backup.listed": {"backups": [BACKUP]},
            "node_backup.taken": {"node": then, "warnings_told": []},
            "node_restore.examine": {"id": BACKUP, "node": then, "etcd": etcd, "images": [], "has_snapshot": True,
                                     "damage": "", "bumps": False, "api_server": "v1.24.17", "told": [],
                                     "etcd_servers": ""},
        })  # fmt: skip

    def restore(self, **variables: Any) -> subprocess.CompletedProcess[str]:
        return self.run("uplift.kubeadm.restore", kubeadm_upgrade_restore=BACKUP,
                        kubeadm_upgrade_restore_confirm=BACKUP, **variables)  # fmt: skip

    def run(self, playbook: str, *arguments: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        (self.folder / "stub/steps.jsonl").write_text("")
        return super().run(playbook, *arguments, **variables)

    def steps(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "stub/steps.jsonl").read_text().splitlines()]

    def lock_states(self) -> list[str]:
        return [event["state"] for event in self.events() if event["module"] == "upgrade_lock"]


def with_systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the FAKE systemctl before the real one."""
    fake = tmp_path / "bin/systemctl"
    fake.parent.mkdir()
    fake.write_text(SYSTEMCTL)
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    assert shutil.which("systemctl") == str(fake)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BackedUpCluster:
    with_systemctl(tmp_path, monkeypatch)
    return BackedUpCluster(tmp_path, workers=1, version="v1.25.4")


def stopped(cluster: BackedUpCluster) -> list[str]:
    """The hosts that were stopped, once for the pods of users and once for the control plane."""
    return sorted(step["host"] for step in cluster.steps() if step["fake"] == "node_restore" and step["step"] == "stop")


def test_a_restore_holds_the_lock_and_takes_the_place_of_the_one_that_came_back(cluster: BackedUpCluster) -> None:
    """Without the second taking, the lock of then is there at the end, and the next upgrade is refused."""
    run = cluster.restore()
    assert run.returncode == 0, run.stdout
    assert cluster.lock_states() == ["held", "renewed", "held", "released"]
    assert cluster.read("lock.json") == {}
    assert stopped(cluster) == ["cp1", "cp1", "w1", "w1"]
    taken = [step for step in cluster.steps() if step["fake"] == "etcd_snapshot" and step["step"] == "taken"]
    assert taken[0]["lock"], "no sign of life while etcd works"


def test_a_restore_beside_an_upgrade_is_refused(cluster: BackedUpCluster) -> None:
    cluster.misbehave({"module": "upgrade_lock", "host": "cp1", "do": "fail"})
    cluster.write("refusal.json", {"refused": True, "held_by": OF_THEN})
    run = cluster.restore()
    assert run.returncode != 0, run.stdout
    assert "goes on without it" not in run.stdout
    assert stopped(cluster) == []


def test_without_an_api_a_restore_goes_on_and_says_that_nothing_is_locked(cluster: BackedUpCluster) -> None:
    cluster.misbehave({"module": "upgrade_lock", "host": "cp1", "do": "fail"})
    run = cluster.restore()
    assert run.returncode == 0, run.stdout
    assert "goes on without it" in " ".join(run.stdout.split())
    assert stopped(cluster) == ["cp1", "cp1", "w1", "w1"]
    assert cluster.lock_states() == ["held", "held"], "there is none to renew and to release"


def test_a_restore_that_fails_before_the_api_is_stopped_leaves_no_lock(cluster: BackedUpCluster) -> None:
    cluster.misbehave({"module": "kubernetes_release", "host": "w1", "state": "fetched", "do": "fail"})
    run = cluster.restore()
    assert run.returncode != 0, run.stdout
    assert "The restore stopped: w1 failed" in " ".join(run.stdout.split())
    assert stopped(cluster) == []
    assert cluster.lock_states() == ["held", "released"]
    assert cluster.read("lock.json") == {}


def test_a_restore_that_fails_after_that_has_no_lock_to_release(cluster: BackedUpCluster) -> None:
    cluster.misbehave({"module": "kubernetes_release", "host": "w1", "state": "installed", "do": "fail"})
    run = cluster.restore()
    assert run.returncode != 0, run.stdout
    assert cluster.lock_states() == ["held", "renewed"]
    assert "Start kubelet on the workers" not in run.stdout


def test_a_restore_that_lost_the_lock_stops_nothing(cluster: BackedUpCluster) -> None:
    cluster.misbehave({"module": "upgrade_lock", "host": "cp1", "state": "renewed", "do": "fail"})
    cluster.write("refusal.json", {"lost": True})
    run = cluster.restore()
    assert run.returncode != 0, run.stdout
    assert stopped(cluster) == []


def test_a_kubeadm_that_is_at_work_is_waited_for(cluster: BackedUpCluster) -> None:
    nodes = cluster.read("node.json")
    nodes["cp1"]["kubeadm_unit"] = {"command": ["kubeadm"], "state": "running"}
    cluster.write("node.json", nodes)
    run = cluster.restore()
    assert run.returncode != 0, run.stdout
    assert "kubeadm is at work on cp1" in " ".join(run.stdout.split())
    assert stopped(cluster) == []
    assert cluster.lock_states() == []


def test_who_only_asks_needs_no_lock(cluster: BackedUpCluster) -> None:
    run = cluster.run("uplift.kubeadm.restore", kubeadm_upgrade_restore=BACKUP)
    assert run.returncode != 0
    assert f"kubeadm_upgrade_restore_confirm={BACKUP}" in run.stdout
    assert cluster.run("uplift.kubeadm.backup", "--check").returncode == 0
    assert cluster.lock_states() == []


@pytest.mark.parametrize("bad", [None, {"module": "node_backup", "host": "w1", "do": "fail"}])
def test_a_backup_holds_the_lock(cluster: BackedUpCluster, bad: dict[str, str] | None) -> None:
    cluster.misbehave(*([bad] if bad else []))
    run = cluster.run("uplift.kubeadm.backup")
    assert (run.returncode == 0) is (bad is None), run.stdout
    assert cluster.lock_states() == ["held", "released"]
    assert cluster.read("lock.json") == {}
    if bad:
        assert "The backup has not all nodes: w1" in " ".join(run.stdout.split())


@pytest.mark.parametrize("playbook", ["uplift.kubeadm.backup", "uplift.kubeadm.restore"])
@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"kubeadm_upgrade_backup_kept": 5}, "No such variable: kubeadm_upgrade_backup_kept"),
        ({"kubeadm_upgrade_backup_keep": "many"}, "unable to convert to int"),
        ({"kubeadm_upgrade_hook_backup": "/nowhere/restic.yml"}, "is no file on the controller"),
        ({"kubeadm_upgrade_control_plane_group": "masters", "kubeadm_upgrade_worker_group": "x"}, "Nothing to work on"),
        ({"awx_workflow_job_name": "Back up", "awx_job_template_name": "Back up"}, "one slice of a sliced job of AWX"),
    ],
    ids=["misspelt", "wrong kind", "no such hook", "no such group", "a slice"],
)
def test_wrong_variables_are_refused_before_any_node_is_spoken_to(
    cluster: BackedUpCluster, playbook: str, variables: dict[str, Any], words: str
) -> None:
    run = cluster.run(playbook, **variables)
    assert run.returncode != 0, run.stdout
    assert words in " ".join((run.stdout + run.stderr).split())
    assert cluster.events() == []


@pytest.mark.parametrize(
    ("version", "target", "hooked", "left"),
    [
        ("v1.25.4", "1.25", ["v1.25.4"], None),  # a run was killed between the last node and the hook
        ("v1.24.17", "1.25", ["v1.25.5"], None),  # a restore undid the hop; it is done again, with a newer patch
        ("v1.24.17", "1.24", [], None),  # a restore undid the hop, for good
    ],
    ids=["owed", "done again", "undone"],
)
def test_a_hook_is_owed_for_a_hop_that_the_cluster_has_made(
    tmp_path: Path, version: str, target: str, hooked: list[str], left: str | None
) -> None:
    """Without the look at the API servers, the hook of a hop that was undone is run, with add-ons that are too new."""
    cluster = StubbedCluster(tmp_path, workers=1, version=version)
    cluster.write("available.json", {"1.24": ["1.24.17"], "1.25": ["1.25.5", "1.25.4"]})
    cluster.write("notes.json", {"after_hop": "v1.25.4"})
    said = tmp_path / "said"
    hook = tmp_path / "after_hop.yml"
    hook.write_text(
        f"- name: Say it\n  ansible.builtin.shell: echo {{{{ kubeadm_upgrade_stage.version }}}} >> {said}\n"
    )
    exact = "1.25.4" if version == "v1.25.4" else target
    run = cluster.run("uplift.kubeadm.upgrade", target=exact, kubeadm_upgrade_hook_after_hop=str(hook))
    assert run.returncode == 0, run.stdout
    assert (said.read_text().split() if said.exists() else []) == hooked
    assert cluster.read("notes.json")["after_hop"] == left


@pytest.mark.parametrize("limit", [[], ["--limit", "w1"]], ids=["all", "one worker"])
def test_the_control_planes_are_asked_at_once_and_each_of_them(tmp_path: Path, limit: list[str]) -> None:
    """One is down: another one's etcd is backed up. Those that --limit leaves out of the play are asked, too."""
    cluster = BackedUpCluster(tmp_path, control_planes=3, workers=1, version="v1.25.4")
    nodes = cluster.read("node.json")
    nodes["cp1"]["healthy"]["etcd"] = False
    cluster.write("node.json", nodes)
    run = cluster.run("uplift.kubeadm.backup", *limit)
    assert run.returncode == 0, run.stdout
    asked = [event["host"] for event in cluster.events() if event["module"] == "node_info"]
    assert sorted(asked) == ["cp1", "cp2", "cp3"]
    assert ("(item=cp" in run.stdout) is bool(limit)
    taken = [event["host"] for event in cluster.events() if event["module"] == "etcd_snapshot"]
    assert taken == ["cp2"]


def test_a_hop_is_backed_up_once_with_all_its_nodes(tmp_path: Path) -> None:
    """The worker skips 1.30, and gets kubectl there alone. In a wave of its own it had a backup of its own."""
    cluster = BackedUpCluster(tmp_path, workers=1, version="v1.28.9")
    minors = {"1.28": "1.28.9", "1.29": "1.29.5", "1.30": "1.30.2", "1.31": "1.31.1"}
    cluster.write("available.json", {minor: [patch] for minor, patch in minors.items()})
    nodes = cluster.read("node.json")
    cluster.write("node.json", {name: {**node, "kubectl": "v1.28.9"} for name, node in nodes.items()})
    run = cluster.run("uplift.kubeadm.upgrade", target="1.31")
    assert run.returncode == 0, run.stdout
    assert [e["version"] for e in cluster.events() if e["module"] == "kubeadm_run" and e["host"] == "w1"] == ["v1.31.1"]
    kept: dict[str, list[str]] = {}
    for step in cluster.steps():
        if step["step"] == "taken":
            kept.setdefault(step["id"], []).append(f"{step['fake']} {step['host']}")
    alone, both = ["etcd_snapshot cp1", "node_backup cp1"], ["etcd_snapshot cp1", "node_backup cp1", "node_backup w1"]
    assert [sorted(steps) for steps in kept.values()] == [alone, both, both]


@pytest.fixture
def external(tmp_path: Path) -> BackedUpCluster:
    """FAKE: a cluster whose etcd is on a host of its own, at v1.25.4."""
    return externally(BackedUpCluster(tmp_path, workers=1, version="v1.25.4"), "etcd1")


def externally(cluster: BackedUpCluster, place: str) -> BackedUpCluster:
    nodes = cluster.read("node.json")
    for name in cluster.control_planes:
        nodes[name] |= {"healthy": {}, "manifests": {"kube-apiserver": ""}}
    cluster.write("node.json", nodes)
    cluster.inventory["all"]["children"]["etcd"] = {"hosts": {place: {}}}
    (cluster.folder / "inventory.json").write_text(json.dumps(cluster.inventory))
    return cluster


@pytest.mark.parametrize("place", ["cp1", "etcd1"])
def test_an_external_etcd_is_backed_up_on_a_host_of_its_group_wherever_that_is(tmp_path: Path, place: str) -> None:
    """And what is older is removed there, too: without that its disk fills."""
    cluster = externally(BackedUpCluster(tmp_path, workers=1, version="v1.25.4"), place)
    run = cluster.run("uplift.kubeadm.backup", kubeadm_upgrade_etcd_data_dir="/data")
    assert run.returncode == 0, run.stdout
    taken = [event["host"] for event in cluster.events() if event["module"] == "etcd_snapshot"]
    assert taken == [place]
    (snapshot,) = (step for step in cluster.steps() if step["fake"] == "etcd_snapshot")
    assert (snapshot["endpoint"], snapshot["data_dir"]) == ("https://127.0.0.1:2379", "/data")
    pruned = [e["host"] for e in cluster.events() if e["module"] == "node_backup" and e["state"] == "pruned"]
    assert sorted(pruned) == sorted({"cp1", "w1", place})


def test_a_hop_that_was_begun_is_not_backed_up_again_with_an_external_etcd(tmp_path: Path) -> None:
    """Fails when the backup of before is looked for on control planes alone."""
    cluster = externally(BackedUpCluster(tmp_path, workers=1, version="v1.24.17"), "etcd1")
    nodes = cluster.read("node.json")
    nodes["cp1"]["running"] = {"kube-apiserver": "v1.25.4"}
    cluster.write("node.json", nodes)
    answers = cluster.read("answers.json")
    answers["etcd_snapshot.listed on etcd1"] = {"snapshots": [{**MANIFEST, "before_hop_to": "v1.25.4"}]}
    cluster.write("answers.json", answers)
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25")
    assert run.returncode == 0, run.stdout
    assert [step for step in cluster.steps() if step["step"] == "taken"] == []


def test_where_no_control_plane_says_what_runs_no_backup_is_taken(cluster: BackedUpCluster) -> None:
    """Fails when silence is taken for an external etcd: the backup would have no snapshot, and end well."""
    cluster.misbehave({"module": "node_info", "host": "cp1", "do": "fail"})
    run = cluster.run("uplift.kubeadm.backup")
    assert run.returncode != 0, run.stdout
    assert "none of cp1 could be asked" in " ".join(run.stdout.split())
    assert [step for step in cluster.steps() if step["step"] == "taken"] == []


@pytest.mark.parametrize("named", [True, False])
def test_a_restore_of_an_external_etcd_is_refused_whatever_is_asked_for(external: BackedUpCluster, named: bool) -> None:
    """Fails when snapshots are looked for first: there are none on control planes, and that would be the answer."""
    answers = external.read("answers.json")
    external.write("answers.json", {**answers, "etcd_snapshot.listed": {"snapshots": []}})
    run = external.restore() if named else external.run("uplift.kubeadm.restore")
    assert run.returncode != 0, run.stdout
    said = " ".join(run.stdout.split())
    assert "kubeadm runs an API server on cp1, and no etcd: it is external, and not ours to stop and restore" in said
    assert "/ID/etcd.snapshot on etcd1" in said
    assert stopped(external) == []


def test_kubeadms_own_copies_are_counted_where_no_backup_is_taken(tmp_path: Path) -> None:
    cluster = BackedUpCluster(tmp_path, workers=1, version="v1.24.17")
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_backup=False)
    assert run.returncode == 0, run.stdout
    assert {(s["host"], s["step"]) for s in cluster.steps()} == {("cp1", "pruned"), ("w1", "pruned")}
