# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The execution environment: ansible-builder takes its definition, and what it installs is enough.

The image itself needs a base image, which not every network has. So what the image installs is installed into a virtual
environment (kept under .build, and made again when the definition changes), and a job is run with it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.uplift.kubeadm.tests.awx import data, environment
from ansible_collections.uplift.kubeadm.tests.awx.data import ROOT
from ansible_collections.uplift.kubeadm.tests.awx.job import Custom, Job
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_leases import FakeLeases

TOOLS = Path(sys.executable).parent
NAME = "uplift-kubeadm-{version}.tar.gz".format(**yaml.safe_load((ROOT / "galaxy.yml").read_text()))


def run(*command: str | Path, cwd: Path) -> str:
    # A collection that Ansible finds elsewhere would be «installed already».
    alone = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(cwd / "collections"), "PYTHONPATH": ""}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=alone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection as it is released, of the parts that matter here."""
    folder = tmp_path_factory.mktemp("artifact")
    for part in ("plugins", "roles", "playbooks", "meta"):
        shutil.copytree(ROOT / part, folder / "source" / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("galaxy.yml", "README.md", "LICENSE"):
        shutil.copy(ROOT / part, folder / "source" / part)
    run(TOOLS / "ansible-galaxy", "collection", "build", "--output-path", folder, cwd=folder / "source")
    return folder / NAME


@pytest.fixture(scope="module")
def collections(artifact: Path) -> Path:
    """Where the artifact is installed, as the image has it in /usr/share/ansible/collections."""
    folder = artifact.parent / "collections"
    run(TOOLS / "ansible-galaxy", "collection", "install", "--offline", "-p", folder, artifact, cwd=artifact.parent)
    return folder


@pytest.fixture
def api() -> Iterator[FakeLeases]:
    # A short name, as SSH's sockets lie below it.
    with tempfile.TemporaryDirectory(prefix="awx_", dir="/tmp") as name:
        fake = FakeLeases(Path(name) / "kubeconfig")
        yield fake
        fake.stop()


def test_ansible_builder_takes_the_definition(artifact: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "execution-environment.yml", tmp_path)
    shutil.copy(artifact, tmp_path)
    run(TOOLS / "ansible-builder", "create", cwd=tmp_path)
    context = tmp_path / "context"
    asked: dict[str, Any] = yaml.safe_load((context / "_build/requirements.yml").read_text())
    (collection,) = asked["collections"]
    assert (context / "_build" / collection["name"]).read_bytes() == artifact.read_bytes()
    text = next(path for path in (context / "Containerfile", context / "Dockerfile") if path.exists()).read_text()
    assert "quay.io/centos/centos:stream9" in text and "/usr/bin/python3.12" in text


def test_the_image_and_the_tests_have_the_same_ansible() -> None:
    developed = dict(
        line.partition(" ")[0].split("==")
        for line in (ROOT / "requirements-dev.txt").read_text().splitlines()
        if "==" in line and "< " not in line
    )
    wanted = yaml.safe_load(environment.DEFINITION.read_text())["dependencies"]
    assert f">={developed['ansible-core']}," in wanted["ansible_core"]["package_pip"]
    assert f">={developed['ansible-runner']}," in wanted["ansible_runner"]["package_pip"]


def test_ansible_builder_reads_what_the_collection_needs(collections: Path) -> None:
    told = yaml.safe_load(run(TOOLS / "ansible-builder", "introspect", collections, cwd=collections))
    assert [line.partition(">")[0] for line in told["python"]] == ["kubernetes"]
    assert any(line.startswith("openssh-clients") for line in told["system"])


def test_a_job_runs_with_nothing_but_what_the_image_has(collections: Path, api: FakeLeases) -> None:
    """The job `stop`, with a kubeconfig from a credential: the package kubernetes speaks to a (fake) API server."""
    python = environment.python(collections)
    host = {"ansible_connection": "local", "ansible_python_interpreter": str(python), "kubeadm_upgrade_become": False}
    path = Path(api.kubeconfig)
    job = Job(
        data.templates()["stop"], {"kubeadm_upgrade_stop": "true", "kubeadm_upgrade_stop_reason": ""},
        {"kube_control_plane": {"hosts": ["cp1"]}, "_meta": {"hostvars": {"cp1": host}}}, path.parent / "job",
        credentials=[Custom(data.credential_type(), {"kubeconfig": path.read_text()})],
        site={"ANSIBLE_COLLECTIONS_PATH": str(collections)}, python=python,
    )  # fmt: skip
    result = job.run()
    assert result.status == "successful", result.stdout
    assert "No upgrade is running on this cluster" in result.stdout
    assert any("leases/uplift-kubeadm" in request[1] for request in api.requests)
    assert path.read_text() not in result.shown() and result.left() == []
