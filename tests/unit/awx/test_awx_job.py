# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is taken for left over of a job."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("yaml")
pytest.importorskip("jinja2")

from awx.job import Job, Result


def test_all_but_the_jobs_own_output_is_left_over(tmp_path: Path) -> None:
    result = Result(Job({}, {}, {}, tmp_path), "successful", 0, "")
    for path in ("home/.ansible/tmp/uplift-kubeadm-0123456789ab.json", "tmp/x", "artifacts/42/x"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    assert result.left() == ["home/.ansible/tmp/uplift-kubeadm-0123456789ab.json", "tmp/x"]
