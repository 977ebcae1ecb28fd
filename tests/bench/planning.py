# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What planning and checking a cluster of crowd.py cost: upgrade_plan and upgrade_checks as Ansible runs them.

Each run is a process of its own, whose arguments arrive as JSON and whose answer is what it prints. Facts of the hosts
are generated from those of a healthy host, as unit tests have it: nobody has thousands of hosts to ask.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

MIB = 1024**2
TARGET = "1.26"
AVAILABLE = {"1.25": ["1.25.16"], "1.26": ["1.26.15"]}
OPTIONS = {"drain_delete_emptydir_data": True}  # every pod of the crowd has an emptyDir
_HEALTHY = "ansible_collections.uplift.kubeadm.tests.unit.plugins.healthy"
_CLUSTER_NAMES = {"control_plane": "cp1", "worker": "w1"}  # of the healthy cluster's nodes
# What node_info adds with `detail`: the planner does without.
DETAIL = frozenset(
    (
        "static_pods", "kubelet_arguments", "kubelet_configuration", "kubelet_drop_ins", "kubelet_extra_args", "disk",
        "kubernetes_tmp", "kernel", "memory", "etcd", "api_usage", "drift", "files",
    )
)  # fmt: skip

Host = dict[str, Any]


class Run(NamedTuple):
    """A module's answer, and what it cost: seconds and peak MiB of its process, MiB of arguments and of the answer."""

    answer: dict[str, Any]
    seconds: float
    mib: float
    sent: float
    answered: float


def measure(collections: Path, nodes: int, facts: Path, sha256: str) -> dict[str, Any]:
    """Plan and check as the playbook does: ask what to list, plan with what the package source offers, then check."""
    sys.path.insert(0, str(collections))
    hosts = details(nodes)
    brief = {name: {key: value for key, value in host.items() if key not in DETAIL} for name, host in hosts.items()}
    at = {"facts": str(facts), "sha256": sha256}
    asked = run(collections, "upgrade_plan", {**at, "target": TARGET, "hosts": brief})
    planned = run(collections, "upgrade_plan", {**at, "target": TARGET, "hosts": brief, "available": AVAILABLE})
    plan = planned.answer["plan"]
    wanted = {**at, "plan": plan, "hosts": hosts, "today": _healthy().TODAY, "options": OPTIONS}
    checked = run(collections, "upgrade_checks", wanted)
    return {
        "plan": asked.seconds + planned.seconds,
        "plan_mib": max(asked.mib, planned.mib),
        "plan_sent": planned.sent,
        "plan_answered": planned.answered,
        "drains": sum(plan["drains"].values()),
        "check": checked.seconds,
        "check_mib": checked.mib,
        "check_sent": checked.sent,
        "check_answered": checked.answered,
        "findings": checked.answer["summary"],
    }


def run(collections: Path, module: str, arguments: dict[str, Any]) -> Run:
    sent = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, __file__, module],
        input=sent, capture_output=True, check=False, env={**os.environ, "PYTHONPATH": str(collections)},
    )  # fmt: skip
    seconds = time.monotonic() - begun
    if done.returncode:
        raise SystemExit(f"{module} failed:\n{done.stdout.decode()[-3000:]}\n{done.stderr.decode()[-3000:]}")
    mib = float(done.stderr.split()[-1])
    return Run(json.loads(done.stdout), seconds, mib, len(sent) / MIB, len(done.stdout) / MIB)


def details(nodes: int) -> dict[str, Host]:
    """{inventory name: facts of the host as node_info returns them with `detail`, and its group}."""
    crowd, system_pods = importlib.import_module("crowd"), importlib.import_module("system_pods")
    healthy, templates = _healthy(), _healthy().healthy_hosts()
    texts = {
        group: json.dumps(templates[f"host-{name}"]).replace(healthy.VERSION, system_pods.VERSION)
        for group, name in _CLUSTER_NAMES.items()
    }
    hosts: dict[str, Host] = {}
    for number in range(nodes):
        group = "control_plane" if number < system_pods.CONTROL_PLANES else "worker"
        name = crowd.node_name(number)
        hosts[name] = json.loads(re.sub(rf"\b{_CLUSTER_NAMES[group]}\b", name, texts[group]))
    _in_one_etcd([host for host in hosts.values() if host["etcd"]])
    return hosts


def _in_one_etcd(hosts: list[Host]) -> None:
    """Each of the control planes' etcd knows all of its members; the first is the leader."""
    members = [{**host["etcd"]["members"][0], "id": f"a{number}"} for number, host in enumerate(hosts)]
    for number, host in enumerate(hosts):
        host["etcd"].update(members=members, leader=number == 0)


def _healthy() -> Any:
    return importlib.import_module(_HEALTHY)


def peak() -> float:
    """MiB that this process has had at most. (Not ru_maxrss, which begins with what the parent has.)"""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _main(name: str) -> None:
    """The module on the arguments from standard input, as Ansible's wrapper runs it; the peak goes to stderr."""
    basic: Any = importlib.import_module("ansible.module_utils.basic")
    basic._ANSIBLE_ARGS = sys.stdin.buffer.read()
    basic._ANSIBLE_PROFILE = "legacy"
    try:
        importlib.import_module(f"ansible_collections.uplift.kubeadm.plugins.modules.{name}").main()
    finally:
        print(peak(), file=sys.stderr)


if __name__ == "__main__":
    _main(sys.argv[1])
