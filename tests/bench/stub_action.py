# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A FAKE of the modules that touch nodes or the API, which answers on the controller at once. For scale.py alone.

scale.py puts it, under each module's name, among the action plugins of a copy of the collection. So the controller does
all that it does in a real run, but for bringing a module to a node; and no node competes with it for the processors.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import summary

# What plays make use of, beyond that a module has changed something.
_ANSWERS: dict[str, dict[str, Any]] = {
    "flags_trial": {"tried": {"kubelet": ["1.25"]}, "said": [], "untried": []},
    "upgrade_lock": {"holder": {"id": "bench"}, "words": "bench", "stop": None},
    "upgrade_note": {"value": None},
    "workload_state": {"compared": False, "lost": 0, "lines": []},
}


class ActionModule(ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        assert task_vars is not None
        stub = Path(os.environ["UPLIFT_STUB"])
        module = self._task.action.rpartition(".")[2]
        if module == "node_info":
            node = json.loads((stub / f"node-{task_vars['inventory_hostname']}.json").read_text())
            return {"changed": False, "node": node}
        if module == "cluster_info":
            path = stub / "cluster.json"
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            texts = {"configuration": "", "kubelet_configuration": ""}
            shown = summary(json.loads(path.read_text()))
            return {"changed": False, "path": str(path), "sha256": digest, "summary": shown, **texts}
        if module == "kubernetes_release" and self._task.args["state"] == "listed":
            return {"changed": False, "available": json.loads((stub / "available.json").read_text()), "errors": {}}
        return {"changed": True, **_ANSWERS.get(module, {})}
