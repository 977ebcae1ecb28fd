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


def test_the_facts_of_a_cluster_may_stay_in_the_containers_home_and_nothing_else(tmp_path: Path) -> None:
    """The role's vars/main.yml, kubeadm_upgrade_facts, names the file where the API is asked from the job."""
    result = Result(Job({}, {}, {}, tmp_path), "successful", 0, "")
    facts = tmp_path / "home/.ansible/tmp/uplift-kubeadm-0123456789ab.json"
    for path in (facts, facts.with_name("uplift-kubeadm-key.json"), tmp_path / "tmp/x", tmp_path / "artifacts/42/x"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    assert result.left() == ["home/.ansible/tmp/uplift-kubeadm-key.json", "tmp/x"]
