# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""api_server_drain through main(); what it leans on is tested in test_api_server."""

from __future__ import annotations

import pytest

from ansible_collections.uplift.kubeadm.plugins.modules import api_server_drain
from ansible_collections.uplift.kubeadm.tests.unit.plugins.module_utils.test_api_server import OWN, Scene, scene
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module

__all__ = ["scene"]  # a fixture


@pytest.fixture
def run(scene: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(api_server_drain, "ROOT", scene.node.root)
    return run_module(api_server_drain.main, capsys, {"kubeconfig": str(scene.api.kubeconfig), "timeout": 5})


def test_its_clients_go(run: Run) -> None:
    result = run()
    assert (result["changed"], result["api_server"]) == (True, "drained")


def test_it_says_why_it_was_left_alone(run: Run, scene: Scene) -> None:
    scene.noted(OWN)
    result = run()
    assert result["changed"] is False
    assert result["api_server"] == "There is no other API server for its clients to go to."


def test_it_fails_when_the_api_is_away_after_it(run: Run, scene: Scene) -> None:
    scene.api.faults = [("readyz", "closed")] * 1000
    assert "new connections to the API still fail" in run(failed=True, timeout=0.3)["msg"]


def test_check_mode_leaves_it_alone(run: Run, scene: Scene) -> None:
    assert run(check_mode=True)["skipped"] is True
    assert scene.ended == []
