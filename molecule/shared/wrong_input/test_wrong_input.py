# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users get wrong, tried on a real cluster: one clear message, a non-zero exit, and no node touched.

Every run is a real `ansible-playbook uplift.kubeadm.upgrade`, without check mode: if a refusal were missing, the run
would go on to change the cluster, and `untouched` would see it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

BIN = Path(sys.executable).parent
Run = Callable[..., str]
Inventory = dict[str, Any]


@pytest.fixture
def inventory(request: pytest.FixtureRequest) -> Inventory:
    return dict(yaml.safe_load(Path(request.config.getoption("--inventory")).read_text()))


@pytest.fixture
def refused(tmp_path: Path, inventory: Inventory) -> Run:
    """Run the upgrade with these arguments; it must be refused. Returns the output with its line breaks folded."""

    def run(*arguments: str, inventory: Inventory = inventory, environment: dict[str, str] | None = None) -> str:
        path = tmp_path / "hosts.yml"
        path.write_text(yaml.safe_dump(inventory))
        command = [str(BIN / "ansible-playbook"), "uplift.kubeadm.upgrade", "-i", str(path), *arguments]
        result = subprocess.run(
            command, text=True, capture_output=True, check=False, timeout=300,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", **(environment or {})},
        )  # fmt: skip
        assert result.returncode != 0, result.stdout
        assert "PLAY [Hop 1 of" not in result.stdout, "the first hop was begun\n" + result.stdout
        return " ".join((result.stdout + result.stderr).split())

    return run


def hosts(inventory: Inventory, group: str) -> dict[str, Any]:
    return dict(inventory["all"]["children"][group]["hosts"])


def test_no_target(refused: Run) -> None:
    assert "No target was given" in refused()


@pytest.mark.parametrize("target", ["latest", "1", "1.26.x", "stable"])
def test_not_a_version(refused: Run, target: str) -> None:
    assert "is not a Kubernetes version" in refused("-e", f"target={target}")


def test_a_float_that_lost_its_zero(refused: Run) -> None:
    output = refused("-e", '{"target": 1.30}')
    assert "Quote it" in output
    assert "1.30" in output


def test_downgrade(refused: Run) -> None:
    assert "downgrade" in refused("-e", "target=1.23").lower()


def test_a_target_that_cannot_be_had(refused: Run) -> None:
    output = refused("-e", "target=1.26.77")
    assert "1.26.77" in output
    assert "1.26.9" in output, "what can be had is not said"


def test_the_packages_of_one_hop_are_missing(refused: Run) -> None:
    output = refused("-e", "target=1.27")
    assert "1.27" in output


def test_a_variable_that_does_not_exist(refused: Run) -> None:
    assert "kubeadm_upgrade_seriel" in refused("-e", "target=1.26", "-e", "kubeadm_upgrade_seriel=2")


def test_a_variable_of_the_wrong_kind(refused: Run) -> None:
    assert "kubeadm_upgrade_scope" in refused("-e", "target=1.26", "-e", "kubeadm_upgrade_scope=everything")


def test_a_hook_that_is_not_there(refused: Run) -> None:
    assert "is no file" in refused("-e", "target=1.26", "-e", "kubeadm_upgrade_hook_drained=/nowhere/hook.yml")


def test_a_host_that_is_listed_twice_under_two_names(refused: Run, inventory: Inventory) -> None:
    workers = inventory["all"]["children"]["kube_node"]["hosts"]
    workers["again"] = dict(next(iter(workers.values())))
    assert "List each node once" in refused("-e", "target=1.26", inventory=inventory)


def test_a_host_that_is_no_node_of_the_cluster(refused: Run, inventory: Inventory) -> None:
    # The machine that runs this test answers to Ansible, and is no node of the lab's cluster.
    inventory["all"]["children"]["kube_node"]["hosts"]["stranger"] = {
        "ansible_connection": "local", "ansible_python_interpreter": sys.executable, "ansible_become": False,
    }  # fmt: skip
    assert "stranger" in refused("-e", "target=1.26", inventory=inventory)


def test_a_control_plane_that_is_missing_from_the_inventory(refused: Run, inventory: Inventory) -> None:
    # A worker in its place: the cluster's control plane is then nowhere in the inventory.
    groups = inventory["all"]["children"]
    first = next(iter(groups["kube_node"]["hosts"]))
    groups["kube_control_plane"]["hosts"] = {first: groups["kube_node"]["hosts"].pop(first)}
    refused("-e", "target=1.26", inventory=inventory)


def test_a_worker_that_does_not_answer(refused: Run, inventory: Inventory) -> None:
    inventory["all"]["children"]["kube_node"]["hosts"]["gone"] = {
        "ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1,
    }  # fmt: skip
    output = refused("-e", "target=1.26", inventory=inventory)
    assert "gone" in output
    assert "max_left_out" in output


def test_a_control_plane_that_does_not_answer(refused: Run, inventory: Inventory) -> None:
    inventory["all"]["children"]["kube_control_plane"]["hosts"]["gone"] = {
        "ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1,
    }  # fmt: skip
    assert "gone" in refused("-e", "target=1.26", inventory=inventory)


def test_python_on_a_node_is_too_old(refused: Run, inventory: Inventory) -> None:
    old = next(Path.home().glob(".pyenv/versions/3.[678].*/bin/python3"), None)
    if old is None:
        pytest.skip("no Python older than 3.9 on this machine")
    inventory["all"]["children"]["kube_node"]["hosts"]["old"] = {
        "ansible_connection": "local", "ansible_python_interpreter": str(old), "ansible_become": False,
    }  # fmt: skip
    output = refused("-e", "target=1.26", inventory=inventory)
    assert "Python 3.9" in output
    assert "old" in output


def test_no_kubeconfig(refused: Run) -> None:
    output = refused("-e", "target=1.26", "-e", "kubeadm_upgrade_kubeconfig=/nowhere/admin.conf")
    assert "/nowhere/admin.conf" in output


def test_a_bad_kubeconfig(refused: Run) -> None:
    output = refused("-e", "target=1.26", "-e", "kubeadm_upgrade_kubeconfig=/etc/hostname")
    assert "/etc/hostname" in output


def test_api_modules_on_a_controller_without_the_kubernetes_package(refused: Run, tmp_path: Path) -> None:
    # A Python that has ansible-core's needs, and hides the package.
    blocked = tmp_path / "blocked/kubernetes"
    blocked.mkdir(parents=True)
    (blocked / "__init__.py").write_text("raise ImportError('No module named kubernetes')\n")
    output = refused("-e", "target=1.26", "-e", "kubeadm_upgrade_api_host=localhost",
                     environment={"PYTHONPATH": str(tmp_path / "blocked")})  # fmt: skip
    assert "kubernetes" in output
    assert "pip install" in output


def test_nothing_was_touched(inventory: Inventory, tmp_path: Path) -> None:
    """The last test: after all the others every node is as it was."""
    path = tmp_path / "hosts.yml"
    path.write_text(yaml.safe_dump(inventory))
    result = subprocess.run(
        [str(BIN / "ansible"), "all", "-i", str(path), "-m", "uplift.kubeadm.node_info", "-o", "-b"],
        text=True, capture_output=True, check=True, env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
    )  # fmt: skip
    for line in result.stdout.splitlines():
        node = json.loads(line.split("=>", 1)[1])["node"]
        assert (node["kubelet"], node["kubeadm"], node["kubectl"]) == ("v1.24.17",) * 3
        assert node["kubeadm_unit"] is None
        assert node["release_staged"] == {}
