# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The clusters of a fleet on the controller's side: which command is for which, and the files that it leaves.

A folder a cluster below the folder of the fleet's report: report.* of its upgrade, plan/report.* of its last plan, and
the logs plan.log, upgrade.log and watch.log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils import _fleet_children, _report_files
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import write_private
from ansible_collections.uplift.kubeadm.plugins.module_utils._fleet import Wave

PLAN, LOOK, UPGRADE, SETTLE = "plan", "look", "upgrade", "settle"
LOGS = {PLAN: "plan.log", LOOK: "watch.log", UPGRADE: "upgrade.log", SETTLE: "settle.log"}
LOOK_PLAYBOOK, NOTE_PLAYBOOK = "stages/fleet_look.yml", "stages/fleet_note.yml"
# Parts of a cluster that is a group of an inventory, and the names under which its own run finds their hosts.
PARTS = ("control_plane", "worker", "etcd")
GROUPS = {part: f"uplift_fleet_{part}" for part in PARTS}


class Clusters:
    """Starts what is run for a cluster, and reads what it left.

    :param folder: of the report, absolute.
    :param scratch: a private folder that is gone after the run.
    :param playbooks: folder of the collection's playbooks.
    :param members: {group: {one of PARTS: [host]}} of clusters that are groups of this inventory.
    :param sources: the inventory of this run.
    :param target: the fleet's, which a cluster's own variables may change, and its inventory may not.
    """

    def __init__(
        self,
        waves: Sequence[Wave],
        folder: Path,
        scratch: Path,
        playbooks: Path,
        members: Mapping[str, Mapping[str, Sequence[str]]],
        sources: Sequence[str],
        options: Sequence[str],
        environment: Mapping[str, str],
        gates: Sequence[Mapping[str, Any]] = (),
        target: str = "",
    ) -> None:
        self.waves = {cluster["name"]: wave["name"] for wave in waves for cluster in wave["clusters"]}
        self.given = {cluster["name"]: cluster for wave in waves for cluster in wave["clusters"]}
        self.folder, self.scratch, self.playbooks = folder, scratch, playbooks
        self.members, self.sources, self.gates = members, sources, gates
        self.options, self.environment, self.target = options, environment, target

    def launch(self, name: str, verb: str) -> _fleet_children.Child:
        """Start what `verb` needs. What an earlier one left for this verb is gone, and is not taken for its own."""
        left = [self._answer(name)] if verb in (PLAN, LOOK) else []
        if verb in (PLAN, UPGRADE):
            left += [Path(path) for path in _report_files.paths(str(self._report(name, verb))).values()]
        for path in left:
            path.unlink(missing_ok=True)
        variables = self._file(name, "variables", self.given[name]["variables"])
        ours = self._file(name, verb, self._variables(name, verb))
        defaults = self._file(name, "defaults", {"kubeadm_upgrade_require_workloads": True})
        words = _fleet_children.command(
            self._playbooks(verb),
            self._inventory(name),
            ["-e", f"@{defaults}", *self.options, "-e", json.dumps({"target": self.target})],
            [variables, ours],
        )
        environment = {**self.environment, "FLEET_CLUSTER": name, "FLEET_WAVE": self.waves[name]}
        return _fleet_children.Child(words, environment, self.folder / name / LOGS[verb])

    def plan(self, name: str) -> dict[str, Any] | None:
        """The summary of its plan; None when none was made."""
        found = _read(self._report(name, PLAN) / "report.json")
        return None if found is None else dict(found["summary"])

    def answer(self, name: str) -> dict[str, Any] | None:
        """What its look said: {"notes": [name], "troubles": [sentence]}; None when it was not made."""
        return _read(self._answer(name))

    def upgrade(self, name: str) -> dict[str, Any] | None:
        """The document of its upgrade's report; None when there is none."""
        found = _read(self._report(name, UPGRADE) / "report.json")
        return found if found is not None and found["kind"] == "upgrade" else None

    def links(self, name: str) -> dict[str, str]:
        """What is there to be read of it, relative to the folder of the fleet's report."""
        there = {"upgrade": f"{name}/report.html", "plan": f"{name}/plan/report.html", "log": f"{name}/upgrade.log"}
        return {what: path for what, path in there.items() if (self.folder / path).exists()}

    def log(self, name: str, verb: str) -> Path:
        return self.folder / name / LOGS[verb]

    def _playbooks(self, verb: str) -> list[str]:
        look, note = str(self.playbooks / LOOK_PLAYBOOK), str(self.playbooks / NOTE_PLAYBOOK)
        return {
            PLAN: ["uplift.kubeadm.plan", look],
            LOOK: [look],
            UPGRADE: [note, "uplift.kubeadm.upgrade"],
            SETTLE: [note],
        }[verb]

    def _inventory(self, name: str) -> list[str]:
        """Its own inventory; or this run's, and groups which say who of it belongs to the cluster."""
        cluster = self.given[name]
        if not cluster["group"]:
            return list(cluster["inventory"])
        hosts = self.members[cluster["group"]]
        told = {GROUPS[part]: {"hosts": dict.fromkeys(hosts[part])} for part in PARTS}
        return [*self.sources, self._file(name, "inventory", {"all": {"children": told}})]

    def _variables(self, name: str, verb: str) -> dict[str, Any]:
        """What the fleet decides, whatever the user gave."""
        variables: dict[str, Any] = {
            "kubeadm_upgrade_report": str(self._report(name, verb)),
            "fleet_answer": str(self._answer(name)),
            "fleet_child": {"gates": list(self.gates), "verb": verb},
        }
        if self.given[name]["group"]:
            variables.update({f"kubeadm_upgrade_{part}_group": group for part, group in GROUPS.items()})
        return variables

    def _report(self, name: str, verb: str) -> Path:
        """The folder of the report that a verb writes."""
        return self.folder / name / "plan" if verb == PLAN else self.folder / name

    def _answer(self, name: str) -> Path:
        return self.scratch / f"{name}.answer.json"

    def _file(self, name: str, what: str, content: Mapping[str, Any]) -> str:
        """JSON, which is YAML, too; in the private folder, as variables may be secret."""
        path = self.scratch / f"{name}.{what}.json"
        write_private(path, json.dumps(content))
        return str(path)


def _read(path: Path) -> dict[str, Any] | None:
    """A JSON object; None when it is not there, or half-written by a run that was killed."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
