# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of the scenario, and the collection run as users run it. molecule hands the inventory's path to testinfra."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

BIN = Path(sys.executable).parent
Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="session")
def ansible(request: pytest.FixtureRequest) -> Run:
    """Exit code and output of a program of Ansible, its line breaks folded."""

    def run(program: str, *arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [str(BIN / program), "-i", request.config.option.ansible_inventory, *arguments],
            text=True, capture_output=True, check=False, timeout=900, env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
        )  # fmt: skip
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    return run


@pytest.fixture(scope="session")
def playbook(ansible: Run) -> Run:
    """The same of uplift.kubeadm.VERB."""

    def run(verb: str, *arguments: str, **variables: Any) -> tuple[int, str]:
        return ansible("ansible-playbook", f"uplift.kubeadm.{verb}", *arguments, "-e", json.dumps(variables))

    return run


@pytest.fixture(scope="session")
def etcd_host(host_of: Callable[[str], Host]) -> Host:
    return host_of("etcd1")


@pytest.fixture(scope="session")
def every(host_of: Callable[[str], Host]) -> list[Host]:
    """Every node of the cluster."""
    return [host_of("cp1"), host_of("worker1")]
