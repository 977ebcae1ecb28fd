# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module's main() in this process and return its JSON."""

from __future__ import annotations

import json
import sys
import typing as t

import pytest
from ansible.module_utils.common import warnings
from ansible.module_utils.testing import patch_module_args

Run = t.Callable[..., dict[str, t.Any]]


def run_module(main: t.Callable[[], None], capsys: pytest.CaptureFixture[str], defaults: dict[str, t.Any]) -> Run:
    """A function that runs main with defaults and its keyword arguments; it checks that the run failed or not, as
    told."""

    def run(check_mode: bool = False, failed: bool = False, **params: t.Any) -> dict[str, t.Any]:
        args = {"_ansible_check_mode": check_mode, "_ansible_diff": True, **defaults, **params}
        given = {k: v for k, v in args.items() if v is not None}
        with pytest.MonkeyPatch.context() as patch, patch_module_args(given), pytest.raises(SystemExit):
            # A process has one store of warnings, and here many runs of modules.
            patch.setattr(warnings, "_global_warnings", type(warnings._global_warnings)())
            # Where another test of this process has loaded parts of the controller, warnings would go to its display.
            internal = sys.modules.get("ansible.module_utils._internal")  # from ansible-core 2.19 on
            if internal is not None:
                patch.setattr(internal, "is_controller", False)
            main()
        result = json.loads(capsys.readouterr().out)
        assert result.get("failed", False) is failed, result.get("msg")
        return result

    return run
