# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of the scenario's inventory. molecule hands its path to testinfra as --ansible-inventory."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import testinfra
from testinfra.host import Host
from testinfra.utils.ansible_runner import AnsibleRunner


def _runner(config: pytest.Config) -> AnsibleRunner:
    return AnsibleRunner(config.option.ansible_inventory)


def _host(name: str, config: pytest.Config) -> Host:
    return testinfra.get_host(f"ansible://{name}?force_ansible=true", ansible_inventory=config.option.ansible_inventory)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "every_node" in metafunc.fixturenames:
        runner = _runner(metafunc.config)
        names = runner.get_hosts("kube_control_plane") + runner.get_hosts("kube_node")
        metafunc.parametrize("every_node", names, indirect=True)


@pytest.fixture(scope="session")
def every_node(request: pytest.FixtureRequest) -> Host:
    return _host(request.param, request.config)


@pytest.fixture(scope="session")
def host_of(request: pytest.FixtureRequest) -> Callable[[str], Host]:
    """The host of a name in the inventory."""
    return lambda name: _host(name, request.config)


@pytest.fixture(scope="session")
def control_planes(request: pytest.FixtureRequest) -> list[str]:
    return list(_runner(request.config).get_hosts("kube_control_plane"))


@pytest.fixture(scope="session")
def control_plane(control_planes: list[str], request: pytest.FixtureRequest) -> Host:
    return _host(control_planes[0], request.config)


@pytest.fixture(scope="session")
def kubectl(control_plane: Host) -> Any:
    """The answer of kubectl to a question, read from its JSON."""

    def get(*words: str) -> Any:
        command = " ".join(("kubectl --kubeconfig /etc/kubernetes/admin.conf", *words, "-o json"))
        return json.loads(control_plane.check_output(command))

    return get
