# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three pretended clusters (stubbed.py), which are upgraded as a fleet by real ansible-playbook processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from stubbed import StubbedCluster

NAMES = ("dev", "stage", "prod")


class StubbedFleet:
    """Clusters of one control plane node each, a wave each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clusters = {name: StubbedCluster(folder / "clusters" / name, workers=0) for name in NAMES}
        (folder / "stubs").mkdir()
        for name in NAMES:
            (folder / "stubs" / name).symlink_to(folder / "clusters" / name / "stub")
        self.waves: list[dict[str, Any]] = [
            {
                "name": name,
                "clusters": [{"name": name, "inventory": str(folder / "clusters" / name / "inventory.json")}],
            }
            for name in NAMES
        ]

    def command(self, **variables: Any) -> tuple[list[str], dict[str, str]]:
        for cluster in self.clusters.values():
            (cluster.folder / "stub/events.jsonl").write_text("")
        given = {
            "target": "1.25", "fleet_waves": self.waves, "fleet_soak": 0, "fleet_patience": 1, "fleet_look_every": 1,
            "fleet_report": str(self.folder / "report"), "kubeadm_upgrade_become": False, **variables,
        }  # fmt: skip
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(self.clusters["dev"].folder / "collections"),
            "UPLIFT_STUB": str(self.folder / "stubs"),
            "ANSIBLE_HOME": str(self.folder / "home"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
        }
        program = str(Path(sys.executable).parent / "ansible-playbook")
        return [program, "uplift.kubeadm.fleet", "-e", json.dumps(given)], environment

    def run(self, *arguments: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        command, environment = self.command(**variables)
        return subprocess.run(
            [*command, *arguments], env=environment, text=True, capture_output=True, check=False, timeout=600,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def upgraded(self) -> list[str]:
        """Clusters of which a node was drained."""
        return [name for name in NAMES if any(event["state"] == "drained" for event in self.events(name))]

    def events(self, name: str) -> list[dict[str, Any]]:
        return self.clusters[name].events()

    def version(self, name: str) -> str:
        return str(self.clusters[name].read("cluster.json")["cluster"]["kubernetes_version"])

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "report/fleet.json").read_text())
        return found
