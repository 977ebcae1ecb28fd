# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module fleet_run, all of it: runs of ansible-playbook for clusters are started on the controller."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible import context
from ansible.plugins.action import ActionBase
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible.utils.display import Display

from ansible_collections.uplift.kubeadm.plugins.module_utils import (
    _fleet,
    _fleet_children,
    _fleet_clusters,
    _fleet_html,
    _fleet_report,
    _fleet_run,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

ROOT = Path(__file__).resolve().parents[2]
ARGUMENTS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["looked", "upgraded", "watched", "ended"], "required": True},
    "name": {"type": "str", "default": "fleet"},
    "target": {"type": "raw", "required": True},
    "waves": {"type": "list", "elements": "dict", "required": True},
    "at_once": {"type": "int", "default": 1},
    "soak": {"type": "raw", "default": 600},
    "patience": {"type": "int", "default": 120},
    "every": {"type": "int", "default": 30},
    "gates": {"type": "list", "elements": "dict", "default": []},
    "through": {"type": "str", "default": ""},
    "approved": {"type": "list", "elements": "str", "default": []},
    "directory": {"type": "path", "required": True},
    "document": {"type": "dict", "default": {}},
    "wave": {"type": "int"},
    "earlier": {"type": "bool", "default": False},
    "outcome": {"type": "str", "choices": ["succeeded", "waiting", "stopped", "failed"]},
    "reason": {"type": "str", "default": ""},
    "control_plane_group": {"type": "str", "default": "kube_control_plane"},
    "worker_group": {"type": "str", "default": "kube_node"},
    "etcd_group": {"type": "str", "default": "etcd"},
}


class ActionModule(ActionBase):
    """Ansible's entry point."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, given = self.validate_argument_spec(ARGUMENTS)
        try:
            return {**result, **Session(given, task_vars or {}).run()}
        except UpliftError as error:
            return {**result, "failed": True, "msg": str(error)}
        except _fleet_children.OrphanedError:
            os._exit(1)  # the playbook that would read a result is no more


class Session:
    """One task: the fleet as it is given, and what is to be done to it."""

    def __init__(self, given: dict[str, Any], task_vars: dict[str, Any]) -> None:
        self.given, self.task_vars = given, task_vars
        self.waves = _fleet.read_waves(given["waves"], given["at_once"], given["soak"])
        self.document = given["document"] or _fleet_report.new_document(given["name"], str(given["target"]), self.waves)
        self.folder = Path(given["directory"])
        self.failed = ""

    def run(self) -> dict[str, Any]:
        """What the module returns."""
        if _fleet_children.asks_for_passwords(context.CLIARGS):
            raise UpliftError(
                "A fleet runs an ansible-playbook for each cluster, and cannot hand on a password that was typed. Give "
                "it by a file (--become-password-file, --vault-password-file), in the inventory, or by an SSH agent."
            )
        scratch = Path(tempfile.mkdtemp(prefix="fleet-", dir=C.DEFAULT_LOCAL_TMP))
        before = signal.signal(signal.SIGTERM, lambda *_: _end_without(scratch))
        try:
            fleet = _fleet_run.Fleet(
                self.document, self._clusters(scratch), Display().display, self._save, _fleet_children.Parent().check
            )
            fleet.save()  # a folder that cannot be written to is told before anything is begun
            getattr(self, f"_{self.given['state']}")(fleet)
            fleet.save()
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            signal.signal(signal.SIGTERM, before)
        return self._result()

    def _looked(self, fleet: _fleet_run.Fleet) -> None:
        fleet.look(self._names())

    def _upgraded(self, fleet: _fleet_run.Fleet) -> None:
        wave = self.waves[self.given["wave"]]
        self.document["outcome"] = "running"
        names = _fleet.with_state(wave, _fleet_report.states(self.document), _fleet.LEFT)
        if not fleet.upgrade(names, wave["at_once"]):
            rest = _fleet.with_state(wave, _fleet_report.states(self.document), _fleet.LEFT)
            self._fail(f"Of the wave {wave['name']}, {', '.join(rest)} was not begun." if rest else "")

    def _watched(self, fleet: _fleet_run.Fleet) -> None:
        """A wave for its soak time, after which it owes nothing; or, once, all that are done already."""
        index, earlier = self.given["wave"], self.given["earlier"]
        wave = self.waves[index]
        self.document["outcome"] = "running"
        names = (
            _fleet.names_before(self.waves, index)
            if earlier
            else _fleet.with_state(wave, _fleet_report.states(self.document), _fleet.WATCH)
        )
        soak = 0 if earlier else wave["soak"]
        if not fleet.watch(names, soak, self.given["patience"], self.given["every"], settle=not earlier):
            self._fail("")

    def _ended(self, fleet: _fleet_run.Fleet) -> None:
        self.document["outcome"], self.document["reason"] = self.given["outcome"], self.given["reason"]
        if self.given["outcome"] in ("stopped", "failed"):
            self.failed = self.given["reason"]

    def _fail(self, more: str) -> None:
        """Tell what failed, and where; nothing after it is begun."""
        entries = self.document["clusters"]
        told = [
            f"{name}: {entry['why']}"
            for name, entry in entries.items()
            if entry["state"] in (_fleet.FAILED, _fleet.STOPPED)
        ]
        after = [wave["name"] for wave in self.waves[self.given["wave"] + 1 :]]
        later = f"No later wave is begun ({', '.join(after)})." if after and not self.given["earlier"] else ""
        self.document["outcome"] = "failed"
        self.document["reason"] = " ".join(part for part in (more, later) if part)
        again = "When the cause is mended, run the same command again: it does what is left."
        self.failed = "\n".join(part for part in (*told, self.document["reason"], again) if part)

    def _names(self) -> list[str]:
        waves = self.waves if self.given["wave"] is None else [self.waves[self.given["wave"]]]
        return [cluster["name"] for wave in waves for cluster in wave["clusters"]]

    def _save(self, document: dict[str, Any]) -> None:
        _fleet_html.write(document, self.folder)

    def _result(self) -> dict[str, Any]:
        states = _fleet_report.states(self.document)
        left = _fleet.left(self.waves, states, self.given["through"])
        files = {kind: str(self.folder / name) for kind, name in _fleet_html.NAMES.items()}
        told = {"changed": self.given["state"] == "upgraded", "summary": self.document["summary"], "files": files}
        if self.failed:  # Ansible prints all of it
            return {**told, "failed": True, "msg": self.failed}
        result = {
            **told,
            "document": self.document,
            "lines": _fleet_report.lines(self.document),
            "left": left,
            "unapproved": _fleet.approvals(self.waves, left, self.given["approved"]),
        }
        if self.given["wave"] is not None:
            result.update(self._of_wave(self.given["wave"], states))
        return result

    def _of_wave(self, index: int, states: dict[str, str]) -> dict[str, Any]:
        wave = self.waves[index]
        names = _fleet.with_state(wave, states, _fleet.LEFT)
        refusal = _fleet.refusal(self.waves, states, index)
        whys = _fleet_report.unknown(self.document, _fleet.with_state(wave, states, _fleet.UNKNOWN))
        return {
            "to_upgrade": names,
            "refusal": "\n".join([f"The wave {wave['name']} was not begun: {refusal}", *whys]) if refusal else "",
            "question": _fleet_report.question(self.document, index, names),
        }

    def _clusters(self, scratch: Path) -> _fleet_clusters.Clusters:
        folders = [str(path) for path in AnsibleCollectionConfig.collection_paths or []]
        return _fleet_clusters.Clusters(
            self.waves,
            self.folder,
            scratch,
            ROOT / "playbooks",
            self._members(),
            [str(source) for source in self.task_vars.get("ansible_inventory_sources") or []],
            [*_fleet_children.options(context.CLIARGS)],
            _fleet_children.environment(folders),
            self.given["gates"],
            str(self.given["target"]),
        )

    def _members(self) -> dict[str, dict[str, list[str]]]:
        """Hosts of the clusters that are groups of this run's inventory. Raises UpliftError for one without any."""
        groups: dict[str, Sequence[str]] = self.task_vars.get("groups") or {}
        found = {}
        for cluster in (cluster for wave in self.waves for cluster in wave["clusters"] if cluster["group"]):
            hosts = groups.get(cluster["group"]) or []
            found[cluster["group"]] = {
                part: [host for host in hosts if host in (groups.get(self.given[f"{part}_group"]) or [])]
                for part in _fleet_clusters.PARTS
            }
            if not found[cluster["group"]]["control_plane"]:
                raise UpliftError(
                    f"The cluster {cluster['name']} is the group {cluster['group']} of this inventory, and no host of "
                    f"it is in {self.given['control_plane_group']}. List its control plane nodes in both groups, or "
                    "give the cluster an inventory of its own."
                )
        return found


def _end_without(scratch: Path) -> None:
    """End as SIGTERM ends a worker of Ansible, but for what clusters' variables have of secrets."""
    shutil.rmtree(scratch, ignore_errors=True)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
