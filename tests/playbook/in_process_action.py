# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the real module in the process of its task, in place of a new interpreter that compiles all of it anew.

stubbed.py puts it, under the name of each module that is not faked, among the action plugins of a copy of the
collection, with the module's name in the place of MODULE. Arguments go in, and the answer comes out, as ever.
"""

from __future__ import annotations

import contextlib
import io
import json
from typing import Any

from ansible.module_utils.testing import patch_module_args
from ansible.plugins.action import ActionBase

# Imported once, where the plugin is loaded: tasks are forks of that process.
from ansible_collections.uplift.kubeadm.plugins.modules import MODULE as module


class ActionModule(ActionBase):  # type: ignore[misc]
    """In place of Ansible's own way to run a module."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        self._connection._connect()  # raises where the host is down
        arguments = dict(self._task.args)
        self._update_module_args(self._task.action, arguments, task_vars)
        said = io.StringIO()
        with patch_module_args(arguments), contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            module.main()
        return {**result, **json.loads(said.getvalue())}
