# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenario runs and what it watches with: playbooks, added hosts, the network of pods, the workload."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from lab import cluster as lab_cluster
from lab import extra
from lab.errors import LabError
from lab.inventory import Node
from scenario.kube import Kube, Object, Watch, is_ready
from scenario.playbook import Playbook, run_whole
from scenario.world import HOPS, World, say

TARGET = HOPS[-1]
SPACE, REPLICAS, BUDGET = "replace", 6, 5  # the budget wants so many of the replicas
HOOKS = Path(__file__).resolve().parent / "hooks"
IMAGE = "registry.k8s.io/pause:3.8"  # of the first version


class Site:
    """A cluster, the hosts that are added to it, and the commands that a user runs on them."""

    def __init__(self, made: World, folder: Path, deadline: float) -> None:
        self.made, self.folder, self.deadline = made, folder, deadline
        self.planes = len(made.control_planes) > 1  # a control plane is replaced, too
        self.added: list[Node] = []
        self.overlay = folder / "replace.yml"
        self.environment = {**Playbook(made, folder, TARGET).environment, "TASK_EVENTS": str(folder / "events")}
        self.number = 0

    @property
    def old(self) -> list[str]:
        """Hosts that go: both workers, and the first control plane where there are several."""
        return [*(self.made.control_planes[:1] if self.planes else []), *self.made.workers]

    @property
    def asked(self) -> str:
        """A control plane that stays."""
        return self.made.control_planes[1 if self.planes else 0]

    def name(self, host: str) -> str:
        """The node, and the container, of a host."""
        found = {node.host: node.name for node in [*self.made.nodes.values(), *self.added]}
        return found[host]

    def add_hosts(self) -> None:
        """Two workers, and a control plane where one is replaced; and the inventory that says who is who."""
        roles = [False, False, *([True] if self.planes else [])]
        self.added = [extra.add(self.made.name, TARGET, control_plane) for control_plane in roles]
        planes: dict[str, dict[str, str]] = {node.host: {} for node in self.added if node.control_plane}
        groups = {
            "replace_nodes_old": {"hosts": {host: {} for host in self.old}},
            "replace_nodes_new": {"hosts": {node.host: {} for node in self.added}},
            **({"kube_control_plane": {"hosts": planes}} if planes else {}),
        }
        self.overlay.write_text(json.dumps({"all": {"children": groups}}), encoding="utf-8")

    def upgrade(self) -> str:
        return self._run(
            "upgrade", True, [], target=TARGET, kubeadm_upgrade_scope="control_plane", kubeadm_upgrade_report="",
            kubeadm_upgrade_backup=False,
        )  # fmt: skip

    def replace(self, *flags: str, expected: bool = True, **variables: Any) -> str:
        """uplift.kubeadm.replace_nodes; its output. Raises ScenarioError when it ends otherwise than expected."""
        balancer = {
            "replace_nodes_hook_joined": str(HOOKS / "joined.yml"),
            "replace_nodes_hook_before_remove": str(HOOKS / "before_remove.yml"),
            "scenario_load_balancer": f"{self.made.name}-external-load-balancer",
        }
        # Nodes in containers do not pass kubeadm's checks of a machine; kind leaves these out as well.
        checks = {"kubeadm_upgrade_ignore_preflight_errors": ["all"]}
        given = {**checks, **(balancer if self.planes else {}), **variables}
        return self._run("replace_nodes", expected, ["-i", str(self.overlay), *flags], **given)

    def _run(self, verb: str, expected: bool, flags: list[str], **variables: Any) -> str:
        self.number += 1
        log = self.folder / f"{self.number}-{verb}.log"
        program = Playbook(self.made, self.folder, TARGET).command[0]
        command = [
            program,
            f"uplift.kubeadm.{verb}",
            "-i",
            str(self.made.inventory),
            *flags,
            "-e",
            json.dumps(variables),
        ]
        return run_whole(f"`{verb}`", command, log, self.environment, self.deadline, expected)

    def on(self, host: str, script: str) -> str:
        """Run a shell script on a host, as root; its output, whatever its exit code."""
        command = ["docker", "exec", self.name(host), "bash", "-c", script]
        return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False).stdout


class Network:
    """What a CNI's DaemonSet does: a node that has joined gets its network of pods, a second or two later."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Network:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        seen: dict[str, str] = {}
        while not self._stop.wait(2.0):
            try:
                now = lab_cluster.pod_cidrs(self.site.name(self.site.asked))
                if now != seen:
                    wired = extra.connect(self.site.made.name, self.site.asked)
                    say(f"    network of pods: {', '.join(wired)}")
                    seen = now
            except LabError:  # the API is away, or a host is just being reset: it is asked again
                continue


class Workload:
    """A Deployment with a disruption budget, and what becomes of its pods: how often they move, how many are Ready."""

    def __init__(self, kube: Kube) -> None:
        self.kube = kube
        self.seen: dict[str, str] = {}  # {uid: node} of all pods that ever ran
        self.least = REPLICAS  # Ready at a time, since watched() began
        self._ready: dict[str, bool] = {}

    def start(self) -> None:
        self.kube.apply("/api/v1/namespaces", SPACE, {"metadata": {"name": SPACE}})
        container = {"name": "web", "image": IMAGE, "imagePullPolicy": "IfNotPresent",
                     "resources": {"requests": {"cpu": "50m", "memory": "16Mi"}}}  # fmt: skip
        template = {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [container], "terminationGracePeriodSeconds": 2},
        }
        chosen = {"matchLabels": {"app": "web"}}
        spec = {"replicas": REPLICAS, "selector": chosen, "template": template}
        self.kube.patient(
            "POST", f"/apis/apps/v1/namespaces/{SPACE}/deployments", {"metadata": {"name": "web"}, "spec": spec}
        )
        budget = {"metadata": {"name": "web"}, "spec": {"minAvailable": BUDGET, "selector": chosen}}
        self.kube.patient("POST", f"/apis/policy/v1/namespaces/{SPACE}/poddisruptionbudgets", budget)

    def ready(self) -> bool:
        return sum(is_ready(pod) for pod in self.pods()) == REPLICAS

    def pods(self) -> list[Object]:
        found: list[Object] = self.kube.patient("GET", f"/api/v1/namespaces/{SPACE}/pods")["items"]
        return found

    def watched(self) -> Watch:
        for pod in self.pods():
            self._take("ADDED", pod)
        self.least = sum(self._ready.values())
        return Watch(self.kube, f"/api/v1/namespaces/{SPACE}/pods", self._take)

    def _take(self, what: str, pod: Object) -> None:
        uid, node = pod["metadata"]["uid"], pod["spec"].get("nodeName")
        if node:
            self.seen[uid] = node
        if what == "DELETED":
            self._ready.pop(uid, None)
        else:
            self._ready[uid] = is_ready(pod) and "deletionTimestamp" not in pod["metadata"]
        if len(self.seen) > REPLICAS:  # what comes first tells of the pods one by one
            self.least = min(self.least, sum(self._ready.values()))

    def moves(self, new: set[str]) -> int:
        """Pods that ever ran on a node that is not new, beyond the first ones: each of these moved twice."""
        return sum(node not in new for node in self.seen.values()) - REPLICAS
