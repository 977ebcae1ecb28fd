# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The part of the module upgrade_lock that only the controller can do: say who holds, and whether a holder is dead."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.uplift.kubeadm.plugins.module_utils import _lock_holder


class ActionModule(ActionBase):
    """Runs the module; and once more when the lock is held by a process that is provably dead."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        if not arguments.get("holder"):
            arguments["holder"] = _lock_holder.identify(
                _lock_holder.playbook_process(),
                str(arguments.get("target") or ""),
                task_vars,
                str(arguments.get("purpose") or ""),
            )
        answer = self._run_module(arguments, task_vars)
        if answer.get("refused"):
            if _lock_holder.is_dead(answer["held_by"]):
                answer = self._run_module({**arguments, "instead_of": answer["held_by"]["id"]}, task_vars)
            else:
                answer["msg"] += _lock_holder.hint(answer["held_by"])
        result.update(answer)
        return result

    def _run_module(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module(
            module_name="uplift.kubeadm.upgrade_lock", module_args=arguments, task_vars=task_vars
        )
        return answer
