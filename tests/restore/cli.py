# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drill: up one hop, back to the backup of before it, up again; what was to be there is compared with what is."""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scenario.frame import Figures, ended
from scenario.kube import Kube, is_ready
from scenario.playbook import Playbook, run_whole
from scenario.world import HOPS, VERSION, ScenarioError, World, add_options, build, say, wait, world

from . import content, encryption

TARGET = HOPS[0]
BACKUPS = "/var/lib/uplift-kubeadm/backup"
PIECE = 32  # MiB that are read from a node at once
SETTLE = 120.0  # seconds that pods may take to be Ready after the playbook has ended


class Drill:
    """The playbooks of one cluster, run as users run them."""

    def __init__(self, made: World, folder: Path, figures: Figures, deadline: float) -> None:
        self.made, self.folder, self.figures = made, folder, figures
        self.playbook = Playbook(made, folder, TARGET)
        self.environment = {**self.playbook.environment, "TASK_EVENTS": str(folder / "events")}
        self.deadline = deadline
        self.number = 0

    def run(self, verb: str, expected: bool = True, **variables: Any) -> str:
        """Run a playbook; its output. Raises ScenarioError when it ends otherwise than expected."""
        self.number += 1
        log = self.folder / f"{self.number}-{verb}.log"
        command = [self.playbook.command[0], f"uplift.kubeadm.{verb}", "-i", str(self.made.inventory)]
        command += ["-e", json.dumps(variables)]
        return run_whole(f"`{verb}`", command, log, self.environment, self.deadline, expected)

    def restore(self, backup: str, expected: bool = True, confirm: bool = True) -> str:
        more = {"kubeadm_upgrade_restore_confirm": backup} if confirm else {}
        return self.run("restore", expected, kubeadm_upgrade_restore=backup, **more)

    def backups(self) -> list[str]:
        """Names of the backups with a snapshot, oldest first."""
        found = {
            line.split("/")[-2]
            for host in self.made.control_planes
            for line in self.made.on(host, f"ls {BACKUPS}/*/etcd.json", check=False).split()
        }
        return sorted(found)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python tests/restore",
        description="Takes a real cluster up a hop, back, and up again; tests/restore/README.md says how.",
    )
    add_options(made, "restore")
    made.add_argument("--encrypt", action="store_true", help="Secrets are encrypted at rest, and the key is lost later")
    return made


def main(argv: list[str] | None = None) -> int:
    """0 when all came back as it was; 1 otherwise, as the output says; 2 for wrong arguments."""
    options = parser().parse_args(argv)
    figures = Figures()
    return ended("restore", lambda: scenario(options, figures), figures.lines)


def scenario(options: argparse.Namespace, figures: Figures) -> int:
    build(options)
    deadline = time.monotonic() + options.limit
    folder = Path(tempfile.mkdtemp(prefix="uplift-restore-"))
    say(f"restore: the logs of the runs are in {folder}")
    with world(options) as made:
        shape = f"{len(made.control_planes)} + {len(made.workers)} nodes, {made.install}"
        drill(Drill(made, folder, figures, deadline), options.encrypt)
    encrypted = ", secrets encrypted at rest" if options.encrypt else ""
    title = f"restore: {shape}{encrypted}, {VERSION} to {TARGET}, back, and up again"
    return figures.told(title, options.json, folder)


def drill(run: Drill, encrypt: bool) -> None:
    made, kube, figures = run.made, run.made.kube(30), run.figures
    if encrypt:
        with figures.step("encryption turned on"):
            encryption.turn_on(made, kube)
    content.write_before(kube)
    wait("the workload", lambda: content.ready_pods(kube) == 4, SETTLE)
    before = content.held(kube)
    with figures.step(f"upgrade to {TARGET}, with a backup before the hop"):
        run.run("upgrade", **upgrade())
    versions(kube, figures, TARGET)
    backup = run.backups()[0]
    size = mebibytes(run, backup)
    figures.check(size > PIECE, f"its snapshot has {size} MiB, and is read in pieces of {PIECE}")
    if encrypt:
        stored = encryption.stored(made, "before-1")
        figures.check(stored.startswith(b"k8s:enc:aescbc"), "secrets were encrypted in etcd")
        encryption.write_key(made, encryption.configuration())  # the backup alone has the key now
    content.write_after(kube)
    refusals(run, backup)
    with figures.step(f"restore of {backup}"):
        told = run.restore(backup)
    figures.check("Lost: what was created or changed since" in told, "the restore said what would be lost")
    came_back(made, kube.another(), figures, before)
    if encrypt:
        figures.check(encryption.readable(kube.another(), "before-1"), "an encrypted Secret can be read again")
    with figures.step(f"upgrade to {TARGET} once more"):
        run.run("upgrade", **upgrade())
    versions(kube.another(), figures, TARGET)
    figures.check(content.held(kube.another()) == before, "every object is still there after the second upgrade")


def upgrade() -> dict[str, Any]:
    return {"target": TARGET, "kubeadm_upgrade_report": ""}


def holders(run: Drill, backup: str) -> list[str]:
    """The control planes that have the backup's snapshot."""
    return [h for h in run.made.control_planes if run.made.on(h, f"ls {BACKUPS}/{backup}/etcd.json", check=False)]


def mebibytes(run: Drill, backup: str) -> int:
    """Of the snapshot."""
    return int(run.made.on(holders(run, backup)[0], f"stat -c %s {BACKUPS}/{backup}/etcd.snapshot")) >> 20


def refusals(run: Drill, backup: str) -> None:
    """What must not begin: without a confirmation, and from a snapshot that rotted."""
    figures, made = run.figures, run.made
    run.restore(backup, expected=False, confirm=False)
    figures.check(serves(made), "without the confirmation nothing was done")
    holder = holders(run, backup)[0]
    flip = f"printf '%b' {{}} | dd of={BACKUPS}/{backup}/etcd.snapshot bs=1 seek=4000 conv=notrunc status=none"
    read = f"dd if={BACKUPS}/{backup}/etcd.snapshot bs=1 skip=4000 count=1 status=none | od -An -tu1"
    old = int(made.on(holder, read))
    made.on(holder, flip.format(f"'\\0{(old + 1) % 256:o}'"))
    text = run.restore(backup, expected=False)
    made.on(holder, flip.format(f"'\\0{old:o}'"))
    figures.check(bool(re.search("is not what was backed up", text)), "a snapshot that rotted was refused")
    figures.check(serves(made), "and nothing was done")


def serves(made: World) -> bool:
    kube = made.kube()
    return kube.patient("GET", "/version")["gitVersion"] == f"v{TARGET}" and len(content.held(kube)) > 0


def came_back(made: World, kube: Kube, figures: Figures, before: dict[str, dict[str, str]]) -> None:
    """The cluster after the restore: objects, nodes, members, pods, and nothing left over."""
    now = content.held(kube)
    same = sum(now.get(name) == data for name, data in before.items())
    figures.check(same == len(before), f"{same} of {len(before)} objects of before are there, as they were")
    later = sorted(set(now) - set(before))
    figures.check(not later, f"{len(later)} of {content.AFTER} objects that were written later are there")
    spaces = [item["metadata"]["name"] for item in kube.patient("GET", "/api/v1/namespaces")["items"]]
    figures.check(content.LATER not in spaces, "the namespace that was made later is gone")
    versions(kube, figures, VERSION)
    soon(figures, lambda: content.ready_pods(kube) == 4, "the workload runs with its 4 pods of before")
    kube.patient("POST", content.in_space("configmaps"), content.named("proof"))
    kube.patient("DELETE", f"{content.in_space('configmaps')}/proof")
    left = "ls -d /etc/kubernetes/manifests-before-restore /var/lib/etcd/.restore.* /var/lib/uplift-kubeadm/backup/.t*"
    found = [line for host in made.nodes for line in made.on(host, f"{left} 2>/dev/null", check=False).split()]
    figures.check(not found, f"nothing is left over {' '.join(found)}".rstrip())
    modes = "find /var/lib/uplift-kubeadm/backup -perm /077"
    loose = [line for host in made.nodes for line in made.on(host, modes).split()]
    figures.check(not loose, f"no backup can be read by others {' '.join(loose)}".rstrip())


def versions(kube: Kube, figures: Figures, version: str) -> None:
    """Every node Ready at a version, and every API server too."""
    nodes = kube.patient("GET", "/api/v1/nodes")["items"]
    at = [node for node in nodes if node["status"]["nodeInfo"]["kubeletVersion"] == f"v{version}" and is_ready(node)]
    figures.check(len(at) == len(nodes), f"{len(at)} of {len(nodes)} nodes are Ready with kubelet {version}")
    pods = kube.patient("GET", "/api/v1/namespaces/kube-system/pods?labelSelector=component%3Dkube-apiserver")["items"]
    servers = [pod for pod in pods if pod["spec"]["containers"][0]["image"].endswith(f":v{version}")]
    figures.check(len(servers) == len(pods), f"{len(servers)} of {len(pods)} API servers are {version}")


def soon(figures: Figures, condition: Callable[[], bool], what: str) -> None:
    try:
        wait(what, condition, SETTLE)
        figures.check(True, what)
    except ScenarioError:
        figures.check(False, what)
