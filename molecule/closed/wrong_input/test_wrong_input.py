# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users leave out or get wrong in a closed network: the upgrade says what is amiss, and no node is touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BIN = Path(sys.executable).parent
WRONG = "not-the-p4ss"
Ansible = Callable[..., tuple[int, str]]


@pytest.fixture
def ansible(request: pytest.FixtureRequest) -> Ansible:
    def run(program: str, *arguments: str) -> tuple[int, str]:
        result = subprocess.run(
            [str(BIN / program), "-i", request.config.getoption("--ansible-inventory"), *arguments],
            text=True, capture_output=True, check=False, timeout=600, env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
        )  # fmt: skip
        return result.returncode, result.stdout + result.stderr

    return run


@pytest.fixture
def refused(ansible: Ansible) -> Callable[..., str]:
    """Run the upgrade with these variables; it must fail. Returns the output with its line breaks folded."""

    def run(**variables: Any) -> str:
        arguments = json.dumps({"target": "1.26", **variables})
        code, output = ansible("ansible-playbook", "uplift.kubeadm.upgrade", "-e", arguments)
        assert code != 0, output
        return " ".join(output.split())

    return run


def through(proxy: str) -> dict[str, Any]:
    return {"kubeadm_upgrade_environment": {"https_proxy": proxy}}


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        (through(""), "Name or service not known"),
        (through("http://proxy.closed.test:3128"), "407 Proxy Authentication Required"),
        (through(f"http://node:{WRONG}@proxy.closed.test:3128"), "401 Unauthorized"),
        ({"kubeadm_upgrade_ca_path": ""}, "CERTIFICATE_VERIFY_FAILED"),
        ({"kubeadm_upgrade_binary_username": ""}, "401 Unauthorized"),
        ({"kubeadm_upgrade_binary_password": WRONG}, "401 Unauthorized"),
    ],
    ids=["no proxy", "no password for the proxy", "wrong password for the proxy", "no CA", "no user", "wrong password"],
)
def test_the_mirror_is_out_of_reach(refused: Callable[..., str], variables: dict[str, Any], why: str) -> None:
    output = refused(**variables)
    assert "Nothing was changed. Not every hop's packages are to be had" in output
    assert "https://mirror.closed.test/release/stable-1.25.txt" in output
    assert why in output
    assert "p4ss" not in output, "a password is shown"


def test_the_registry_is_out_of_reach(refused: Callable[..., str]) -> None:
    """It is found out when images are brought: before the first node of the hop is touched."""
    # No archives: the upgrade itself has all images still to bring.
    output = refused(kubeadm_upgrade_registry_password=WRONG, kubeadm_upgrade_image_archives={})
    assert "Nothing but images was changed" in output
    assert "registry.k8s.io/kube-apiserver:v1.25.4" in output
    assert "401 Unauthorized" in output
    assert WRONG not in output


def test_the_archive_is_not_there(refused: Callable[..., str]) -> None:
    missing = ["/srv/images/missing.tar"]
    output = refused(kubeadm_upgrade_image_archives={"v1.25.4": missing, "v1.26.9": missing})
    assert missing[0] in output
    assert "No such file" in output


def test_nothing_was_touched(ansible: Ansible) -> None:
    """The last test: after all the others every node is as it was."""
    code, output = ansible("ansible", "all", "-m", "uplift.kubeadm.node_info", "-o", "-b")
    assert code == 0, output
    seen = [json.loads(line.split("=>", 1)[1])["node"] for line in output.splitlines() if "=>" in line]
    assert len(seen) == 2
    for node in seen:
        assert (node["kubelet"], node["kubeadm"], node["kubectl"]) == ("v1.24.17",) * 3
        assert node["kubeadm_unit"] is None
