# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three tools, each told to drain a node, and what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenario.world import World

from .cases import Case

ROOT = Path(__file__).resolve().parents[2]
KUBECTL, K8S_DRAIN, NODE_DRAIN = "kubectl drain", "kubernetes.core.k8s_drain", "uplift.kubeadm.node_drain"
_PATIENCE = 120  # seconds past its own time-out after which a tool is ended


@dataclass(frozen=True)
class Said:
    """What a tool said of its own work."""

    ok: bool
    seconds: float
    text: str


Tool = Callable[[World, Case, Path, str], Said]  # the last is the node


def kubectl(world: World, case: Case, folder: Path, node: str) -> Said:
    container = world.nodes[world.control_planes[0]].name
    drain = ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "drain", node, "--ignore-daemonsets"]
    return _run(["docker", "exec", container, *drain, f"--timeout={case.timeout}s", *case.kubectl], case)


def k8s_drain(world: World, case: Case, folder: Path, node: str) -> Said:
    options = {"ignore_daemonsets": True, "wait_timeout": case.timeout, "wait_sleep": 1, **case.k8s_drain}
    arguments = {"name": node, "kubeconfig": str(world.kubeconfig), "delete_options": options}
    return _module(K8S_DRAIN, arguments, case, folder)


def node_drain(world: World, case: Case, folder: Path, node: str) -> Said:
    place = {"kubeconfig": str(world.kubeconfig), "state_directory": str(folder / "state")}
    return _module(NODE_DRAIN, {"name": node, **place, "timeout": case.timeout, **case.node_drain}, case, folder)


TOOLS: dict[str, Tool] = {KUBECTL: kubectl, K8S_DRAIN: k8s_drain, NODE_DRAIN: node_drain}


def _module(name: str, arguments: dict[str, Any], case: Case, folder: Path) -> Said:
    """A module in one task, on this machine, by the Python that runs this."""
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_FORCE_COLOR": "0",
    }
    program = str(Path(sys.executable).parent / "ansible")
    words = [program, "localhost", "-i", "localhost,", "-c", "local", "-m", name, "-a", json.dumps(arguments)]
    return _run([*words, "-e", f"ansible_python_interpreter={sys.executable}"], case, environment)


def _run(words: list[str], case: Case, environment: dict[str, str] | None = None) -> Said:
    begun = time.monotonic()
    try:
        done = subprocess.run(
            words, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=case.timeout + _PATIENCE, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as e:
        return Said(False, time.monotonic() - begun, f"still at it after {e.timeout:.0f} s, and ended")
    return Said(done.returncode == 0, time.monotonic() - begun, done.stdout)
