# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cases one after the other, each by every tool, each time with new pods on the same node."""

from __future__ import annotations

import argparse
import contextlib
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from lab import cluster as lab_cluster
from lab.paths import cluster_dir
from scenario.frame import ended
from scenario.kube import Kube, KubeError, Object, is_ready
from scenario.world import ScenarioError, World, say, wait

from .cases import CASES, Case
from .objects import COLLECTIONS, OVER
from .telling import Outcome, failures, table
from .tools import TOOLS, Said, Tool

LABEL = "drain-table"
_AT_ONCE = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}
_GATE = "--feature-gates=PDBUnhealthyPodEvictionPolicy=true"  # beta, and on, from 1.27
_MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"
_SETTLES = 180.0  # seconds in which pods have to be there, or gone


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python tests/drain",
        description="Drains a node of a real cluster by kubectl, by kubernetes.core.k8s_drain and by node_drain, case "
        "by case, prints a table, and fails when node_drain does not do what it is to.",
    )
    made.add_argument("--name", default="drain", help="name of the lab cluster (default: %(default)s)")
    made.add_argument("--version", default="1.26.9", help="Kubernetes (default: %(default)s)")
    made.add_argument("--only", metavar="WORDS", default="", help="cases with these words in their name")
    made.add_argument("--tools", default=",".join(TOOLS), help="default: %(default)s")
    made.add_argument("--limit", type=float, default=37 * 60, metavar="SECONDS", help="until which cases are begun")
    made.add_argument("--keep", action="store_true", help="leave the cluster there; the next run takes it")
    made.add_argument("--output", type=Path, metavar="FILE", help="write the table to a file, too")
    return made


def main(argv: list[str] | None = None) -> int:
    """0 when node_drain does in every case what it is to; 1 otherwise."""
    options = parser().parse_args(argv)
    results: dict[str, dict[str, Outcome]] = {}
    return ended("drain", lambda: compare(options, results), lambda: [table(results)])


def compare(options: argparse.Namespace, results: dict[str, dict[str, Outcome]]) -> int:
    version = tuple(int(part) for part in options.version.split(".")[:2])
    cases = {case.name: case for case in CASES if options.only in case.name and version >= case.needs}
    tools = {name: tool for name, tool in TOOLS.items() if name in options.tools.split(",")}
    folder = Path(tempfile.mkdtemp(prefix="uplift-drain-"))
    deadline = time.monotonic() + options.limit
    with cluster(options) as world:
        troubles = play_all(Stage(world, version), cases, tools, folder, deadline, results)
    text = table(results)
    print(text, flush=True)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")
    wrong = [*failures(cases, results), *troubles]
    print("\n".join(["", *wrong, f"Output of the tools: {folder}"] if wrong else []), file=sys.stderr)
    if not wrong:
        shutil.rmtree(folder)
    return 1 if wrong else 0


def play_all(
    stage: Stage,
    cases: dict[str, Case],
    tools: dict[str, Tool],
    folder: Path,
    deadline: float,
    results: dict[str, dict[str, Outcome]],
) -> list[str]:
    """Play each case with each tool, until the deadline; what could not be played. One that could not costs itself."""
    troubles: list[str] = []
    for name, case in cases.items():
        if time.monotonic() > deadline:
            troubles.append(f"{name}: not begun, as the time was over")
            continue
        for tool_name, tool in tools.items():
            try:
                outcome = stage.play(case, partial(tool, stage.world, case, folder))
            except (ScenarioError, KubeError) as e:
                troubles.append(f"{name}: {tool_name}: could not be played: {e}")
                say(troubles[-1])
                continue
            say(f"{name}: {tool_name}: {outcome.cell}")
            log = folder / f"{re.sub('[^a-z0-9]+', '-', f'{name} {tool_name}'.lower())}.log"
            log.write_text(outcome.said.text, encoding="utf-8")
            results.setdefault(name, {})[tool_name] = outcome
    return troubles


@contextlib.contextmanager
def cluster(options: argparse.Namespace) -> Iterator[World]:
    """A cluster of one control plane and two workers; one that was kept is taken as it is."""
    spec = lab_cluster.load(options.name) or lab_cluster.Spec(options.name, 1, 2, options.version, "binary")
    if spec.version != options.version or spec.workers != 2:
        raise ScenarioError(f"The cluster {spec.name} is another one: remove it (`python3 tests/lab down --name …`).")
    try:
        lab_cluster.up(spec, [])
        folder = cluster_dir(spec.name)
        nodes = {node.host: node for node in lab_cluster.nodes(spec)}
        yield World(spec.name, spec.install, nodes, folder / "inventory-docker.yml", folder / "kubeconfig")
    finally:
        if options.keep:
            say(f"the cluster {spec.name} stays; remove it with `python3 tests/lab down --name {spec.name}`")
        else:
            lab_cluster.down(spec.name)


class Stage:
    """The cluster between two drains: the node that is drained, and the one beside it."""

    def __init__(self, world: World, version: tuple[int, ...]) -> None:
        self.world = world
        self.kube: Kube = world.kube()
        self.host, self.other_host = world.workers
        self.node, self.other = (world.nodes[host].name for host in world.workers)
        self._number = 0
        self._prefix = f"drain-{int(time.time())}"  # a cluster that was kept has the namespaces of its last run
        proxy = self.kube.patient("GET", "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy")
        self.image: str = proxy["spec"]["template"]["spec"]["containers"][0]["image"]
        self._patch(self.node, {"metadata": {"labels": {LABEL: "here"}}})
        if version == (1, 26):
            self._switch_gate_on()
        self._make_room()

    def play(self, case: Case, drain: Callable[[str], Said]) -> Outcome:
        """Put the case's pods on the node, drain it, look, and clear all away."""
        self._number += 1
        namespace = f"{self._prefix}-{self._number}"
        try:
            before = self._set(case, namespace)
            if case.dead:
                self._kubelet("stop", ready=False)
            said = drain(self.node)
            node = self.kube.get(f"/api/v1/nodes/{self.node}")
            left = [pod for pod in self._own(namespace) if pod["metadata"]["uid"] in before]
            completed = sum(pod["status"].get("phase") == "Succeeded" for pod in left)
            cordoned = bool(node["spec"].get("unschedulable"))
            return Outcome(said, len(before), len(left) - completed, completed, cordoned)
        finally:
            if case.dead:
                self._kubelet("start", ready=True)
            self._clear(namespace)

    def _set(self, case: Case, namespace: str) -> set[str]:
        """The UIDs of the pods of the case that are on the node."""
        self._cordon(self.other, True)
        self.kube.apply("/api/v1/namespaces", namespace, {"metadata": {"name": namespace}})
        objects = case.objects(self.image)
        wait(
            "the account of the namespace",
            lambda: self._there(f"/api/v1/namespaces/{namespace}/serviceaccounts/default"),
            30,
        )
        for thing in objects:
            self.kube.request("POST", COLLECTIONS[thing["kind"]].format(namespace), thing)
        wanted = sum(_pods(thing) for thing in objects)

        def settled() -> bool:
            pods = self._pods(namespace)
            return len(pods) >= wanted and all(_settled(pod, case.ready) for pod in pods) and self._counted(namespace)

        wait(f"the pods of «{case.name}»", settled, _SETTLES)
        self._cordon(self.other, False)
        return {str(pod["metadata"]["uid"]) for pod in self._own(namespace)}

    def _counted(self, namespace: str) -> bool:
        """Have the budgets been counted, with all pods that are Ready?

        Of several that cover a pod, the controller counts one anew when the pod changes, whichever comes first
        (getPdbForPod in pkg/controller/disruption/disruption.go).
        """
        ready = sum(is_ready(pod) for pod in self._pods(namespace))
        budgets = self.kube.get(COLLECTIONS["PodDisruptionBudget"].format(namespace))["items"]
        seen = all(b["status"].get("observedGeneration", 0) >= b["metadata"]["generation"] for b in budgets)
        return seen and (not budgets or any(b["status"].get("currentHealthy") == ready for b in budgets))

    def _clear(self, namespace: str) -> None:
        self._cordon(self.node, False)
        self._cordon(self.other, False)
        self.kube.patient("DELETE", f"/api/v1/namespaces/{namespace}")
        everything = f"/api/v1/namespaces/{namespace}/pods"

        def gone() -> bool:
            pods = self._pods(namespace, None)
            if pods:
                with contextlib.suppress(KubeError):
                    self.kube.request("DELETE", everything, _AT_ONCE)
            return not pods

        wait(f"the pods of {namespace} to be gone", gone, _SETTLES)

    def _kubelet(self, action: str, ready: bool) -> None:
        self.world.on(self.host, f"systemctl {action} kubelet")
        path = f"/api/v1/nodes/{self.node}"
        wait(f"the node to be {'Ready' if ready else 'not Ready'}", lambda: is_ready(self.kube.get(path)) is ready, 120)

    def _make_room(self) -> None:
        """Away with the pods that CoreDNS may have on the node: the first tool would have to end them, too."""
        self._cordon(self.node, True)
        chosen = f"fieldSelector=spec.nodeName%3D{self.node}&labelSelector=k8s-app%3Dkube-dns"
        path = f"/api/v1/namespaces/kube-system/pods?{chosen}"

        def gone() -> bool:
            pods = self.kube.patient("GET", path)["items"]
            for pod in pods:
                if not pod["metadata"].get("deletionTimestamp"):
                    self.kube.patient("DELETE", f"/api/v1/namespaces/kube-system/pods/{pod['metadata']['name']}")
            return not pods

        wait("CoreDNS to leave the node", gone, _SETTLES)
        self._cordon(self.node, False)

    def _switch_gate_on(self) -> None:
        say("switching on unhealthyPodEvictionPolicy, which 1.26 has behind a gate")
        made = "/etc/kubernetes/kube-apiserver.new"  # elsewhere: kubelet takes each file beside it for a static pod
        self.world.on(
            self.world.control_planes[0],
            f"grep -qe {_GATE} {_MANIFEST} || {{ cp -p {_MANIFEST} {made} && "
            f"sed -i 's/^    - kube-apiserver$/&\\n    - {_GATE}/' {made} && mv {made} {_MANIFEST}; }}",
        )
        wait("the API server with the gate", self._has_gate, 300, 1)

    def _has_gate(self) -> bool:
        path = "/api/v1/namespaces/kube-system/pods?labelSelector=component%3Dkube-apiserver"
        with contextlib.suppress(KubeError):
            return all(
                is_ready(pod) and _GATE in pod["spec"]["containers"][0]["command"]
                for pod in self.kube.get(path)["items"]
            )
        return False

    def _cordon(self, node: str, cordoned: bool) -> None:
        annotations = {} if cordoned else {"annotations": {"uplift.kubeadm/cordon": None}}
        self._patch(node, {"metadata": annotations, "spec": {"unschedulable": cordoned or None}})

    def _patch(self, node: str, body: Object) -> None:
        self.kube.patient("PATCH", f"/api/v1/nodes/{node}", body)

    def _there(self, path: str) -> bool:
        try:
            self.kube.get(path)
        except KubeError as e:
            if e.status != 404:
                raise
            return False
        return True

    def _pods(self, namespace: str, node: str | None = "") -> list[Object]:
        """The namespace's pods on the node that is drained; with None on all nodes."""
        chosen = "" if node is None else f"?fieldSelector=spec.nodeName%3D{self.node}"
        found: list[Object] = self.kube.get(f"/api/v1/namespaces/{namespace}/pods{chosen}")["items"]
        return found

    def _own(self, namespace: str) -> list[Object]:
        """Those on the node that a drain is about: not the pods of DaemonSets that are there."""
        return [pod for pod in self._pods(namespace) if "agent" not in (pod["metadata"].get("labels") or {}).values()]


def _pods(thing: Object) -> int:
    """How many pods an object makes on the node."""
    if thing["kind"] == "PodDisruptionBudget":
        return 0
    return int(thing["spec"].get("replicas", 1))


def _settled(pod: Object, ready: bool) -> bool:
    if pod["spec"]["containers"][0]["command"][-1] == OVER:
        return pod["status"].get("phase") == "Succeeded"
    return pod["status"].get("phase") == "Running" and is_ready(pod) is ready
