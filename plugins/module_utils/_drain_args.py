# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module that drains takes, and a drain's options from it."""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_order import parse_order
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_rules import Options
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import STATE

DRAIN_ARGS: dict[str, dict[str, t.Any]] = {
    "timeout": {"type": "int", "default": 900},
    "delete_emptydir_data": {"type": "bool", "default": False},
    "force_unmanaged": {"type": "bool", "default": False},
    "grace_period": {"type": "int"},
    "skip_wait_for_delete_timeout": {"type": "int", "default": 0},
    "evictions_in_parallel": {"type": "int", "default": 10},
    "order": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "selector": {"type": "raw"},
            "namespace": {"type": "str"},
            "action": {"type": "str", "choices": ["drain", "wait", "skip"], "default": "drain"},
            "timeout": {"type": "int"},
        },
    },
    "wait_for_volumes": {"type": "bool", "default": True},
    "force_past_budgets_after": {"type": "int", "default": 0},
    "leader_timeout": {"type": "int", "default": 60},
    "proxy_timeout": {"type": "int", "default": 120},
    "slice": {"type": "int", "default": 0},
    "lock": {"type": "str"},
    "state_directory": {"type": "path", "default": str(STATE)},
}


def options(params: t.Mapping[str, t.Any], leaving: bool = False) -> Options:
    """:raises UpliftError: they do not fit together."""
    given = {name: params[name] for name in Options.__dataclass_fields__ if name in params}
    if given["force_past_budgets_after"] >= given["timeout"]:
        raise UpliftError(
            f"force_past_budgets_after is {given['force_past_budgets_after']} s, and the whole drain may take "
            f"{given['timeout']} s: give it (kubeadm_upgrade_drain_timeout, or the module's option timeout) more than "
            "that, with time for the pods to end."
        )
    return Options(**{**given, "order": parse_order(params["order"], params["timeout"]), "leaving": leaving})
