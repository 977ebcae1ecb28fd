# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of the collection in which every module that touches a node or the API is a FAKE (stub_action.py).

What is left is real: the playbooks, the role, the filters, the planner and the report, run by the real
ansible-playbook on hosts with local connections. It answers one question: how is the plan walked, and where does the
walk stop? Real nodes are for the molecule scenarios.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

COLLECTION = Path(__file__).resolve().parents[2]
FAKED_MODULES = (
    "cluster_info", "etcd_member", "etcd_pin", "etcd_snapshot", "flags_trial", "join_secret", "kubeadm_run",
    "kubelet_flags", "kubernetes_release", "node_backup", "node_drain", "node_images", "node_info", "node_join",
    "node_ready", "old_nodes", "upgrade_lock", "upgrade_note", "worker_wave", "workload_state",
)  # fmt: skip
# The action plugin of a module stays what it is; what it asks its module is answered by the fake.
STUBBED_ACTION = """
from ansible_collections.uplift.kubeadm.plugins.module_utils import _stub

ActionModule._execute_module = lambda self, module_name, module_args, task_vars: (
    _stub.answer(self, module_args, task_vars)
)
"""
NODE_TEMPLATE = {"kubectl": None, "install_method": "binary", "package_manager": None, "binary_dir": "/usr/bin",
                 "arch": "amd64", "python": "3.11.2", "manifests": {}, "running": {}, "unread": {}, "kubelet_flags": {},
                 "patches_found": [], "patches_there": False, "kubeadm_unit": None,
                 "cri_socket": "unix:///run/containerd/containerd.sock",
                 "holds": [], "release_staged": {}, "swap": False, "cgroup": "v2", "certificates": {}}  # fmt: skip


class StubbedCluster:
    """A pretended cluster of `control_planes` + `workers` nodes at `version`, and the means to run a playbook on it."""

    def __init__(
        self,
        folder: Path,
        control_planes: int = 1,
        workers: int = 3,
        version: str = "v1.24.17",
        in_process: bool = True,
    ) -> None:
        """`in_process`: modules that are not faked run in the process of their task (in_process_action.py)."""
        self.folder = folder
        self.control_planes = [f"cp{i + 1}" for i in range(control_planes)]
        self.workers = [f"w{i + 1}" for i in range(workers)]
        (folder / "stub").mkdir(parents=True)
        self._copy_collection()
        if in_process:
            self._run_modules_in_process()
        self._write_state(version)
        self._write_inventory()

    def _copy_collection(self) -> None:
        target = self.folder / "collections/ansible_collections/uplift/kubeadm"
        for part in ("plugins", "roles", "playbooks", "meta"):
            shutil.copytree(COLLECTION / part, target / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(COLLECTION / "galaxy.yml", target / "galaxy.yml")
        stub = (Path(__file__).parent / "stub_action.py").read_text()
        actions = target / "plugins/action"
        (target / "plugins/module_utils/_stub.py").write_text(stub)
        (target / "plugins/connection").mkdir()
        shutil.copy(Path(__file__).parent / "stub_connection.py", target / "plugins/connection/stubbed.py")
        for name in FAKED_MODULES:
            real = actions / f"{name}.py"
            real.write_text(real.read_text() + STUBBED_ACTION if real.exists() else stub)

    def _run_modules_in_process(self) -> None:
        """Those that no action plugin speaks for, be it the collection's own or a fake."""
        plugins = self.folder / "collections/ansible_collections/uplift/kubeadm/plugins"
        runner = (Path(__file__).parent / "in_process_action.py").read_text()
        for module in (plugins / "modules").glob("*.py"):
            if not (plugins / "action" / module.name).exists():
                (plugins / "action" / module.name).write_text(runner.replace("MODULE", module.stem))

    def _write_state(self, version: str) -> None:
        pods = {
            program: {"image": "", "version": version, "ready": True}
            for program in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
        }
        nodes: dict[str, Any] = {}
        for name in self.control_planes + self.workers:
            control_plane = name in self.control_planes
            nodes[name] = {
                "role": "control_plane" if control_plane else "worker", "kubelet": version, "ready": True,
                "ready_message": "", "unschedulable": False, "cordon": None, "kube_proxy": version,
                "static_pods": dict(pods) if control_plane else {}, "internal_ip": "127.0.0.1", "os": "linux",
                "arch": "amd64", "os_image": "", "container_runtime": "containerd://1.6.20", "kernel": "6",
            }  # fmt: skip
        self.write("cluster.json", {
            "schema": 2, "server": "https://127.0.0.1:6443", "version": version,
            "cluster": {"kubernetes_version": version, "config_api": "kubeadm.k8s.io/v1beta3",
                        "image_repository": "registry.k8s.io", "control_plane_endpoint": None, "cluster_name": "stub",
                        "etcd": {"external": False, "image_tag": None}, "dns": {"image_tag": None}},
            "nodes": nodes,
            "addons": {"kube_proxy": {"image": "", "version": version}, "coredns": {"image": "", "version": "v1.8.6"}},
        })  # fmt: skip
        self.write("node.json", {
            name: {**NODE_TEMPLATE, "name": name, "kubeadm": version, "kubelet": version,
                   "control_plane": name in self.control_planes}
            for name in nodes
        })  # fmt: skip
        self.write("available.json", {"1.24": ["1.24.17"], "1.25": ["1.25.4"], "1.26": ["1.26.9"]})

    def _write_inventory(self) -> None:
        self.inventory = {
            "all": {
                "vars": {
                    "ansible_connection": "uplift.kubeadm.stubbed",
                    "ansible_python_interpreter": sys.executable,
                    "kubeadm_upgrade_become": False,
                },
                "children": {
                    "kube_control_plane": {"hosts": {name: {"ansible_host": name} for name in self.control_planes}},
                    "kube_node": {"hosts": {name: {"ansible_host": name} for name in self.workers}},
                },
            }
        }  # fmt: skip
        (self.folder / "inventory.json").write_text(json.dumps(self.inventory))

    def write(self, name: str, data: Any) -> None:
        (self.folder / "stub" / name).write_text(json.dumps(data))

    def read(self, name: str) -> Any:
        return json.loads((self.folder / "stub" / name).read_text())

    def misbehave(self, *rules: dict[str, Any]) -> None:
        """From now on the fakes fail (`do: fail`) or lose their host (`do: down`) where a rule matches."""
        self.write("rules.json", list(rules))

    def misbehaving_from(self, node: str, rule: dict[str, Any]) -> str:
        """The file of a hook: from when it is called for the node on, the fakes do as the rule says."""
        hook = self.folder / "misbehaving.yml"
        copied = f"{{dest: {self.folder / 'stub/rules.json'}, content: '{json.dumps([rule])}', mode: '0600'}}"
        hook.write_text(
            f"- name: From now on\n  ansible.builtin.copy: {copied}\n  when: kubeadm_upgrade_node == '{node}'\n"
        )
        return str(hook)

    def mend(self) -> None:
        self.write("rules.json", [])
        for file in (self.folder / "stub").glob("down-*"):
            file.unlink()

    def run(self, playbook: str, *arguments: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        """Run ansible-playbook for real. `variables` go in as extra variables."""
        (self.folder / "stub/events.jsonl").write_text("")
        environment = dict(
            os.environ,
            ANSIBLE_COLLECTIONS_PATH=str(self.folder / "collections"),
            UPLIFT_STUB=str(self.folder / "stub"),
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_HOME=str(self.folder / "home"),
            ANSIBLE_LOCALHOST_WARNING="0",
            ANSIBLE_FORKS="20",
        )
        program = str(Path(sys.executable).parent / "ansible-playbook")
        extra = json.dumps(
            {"kubeadm_upgrade_become": False, "kubeadm_upgrade_report": str(self.folder / "report"), **variables}
        )
        command = [program, playbook, "-i", str(self.folder / "inventory.json"), "-e", extra, *arguments]
        return subprocess.run(command, env=environment, text=True, capture_output=True, check=False, timeout=600)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "stub/events.jsonl").read_text().splitlines()]
