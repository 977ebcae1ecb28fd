# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tasks of the role fleet have to say of themselves."""

from __future__ import annotations

from pathlib import Path

import yaml

TASKS = Path(__file__).resolve().parents[3] / "roles/fleet/tasks/main.yml"


def test_ansibles_time_out_of_tasks_ends_no_wave() -> None:
    """Protects: task_timeout in ansible.cfg is meant for tasks of a minute; one of these is a whole wave, or a watch.

    A block's own holds for its tasks, and not for those of a file that is included: they have it from `apply`.
    """
    (block,) = [task for task in yaml.safe_load(TASKS.read_text()) if task["name"] == "Upgrade the fleet"]
    assert block["timeout"] == 0
    (waves,) = [task for task in block["block"] if task["name"] == "Do the waves that are left"]
    assert waves["ansible.builtin.include_tasks"]["apply"] == {"timeout": 0}
