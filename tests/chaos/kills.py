# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenario that kills a run at its steps, each time runs the same command again, and looks at what is left."""

from __future__ import annotations

import argparse
import dataclasses
import json
import queue
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scenario.events import Event
from scenario.kube import STRATEGIC, Kube, KubeError, Object, Watch, is_ready
from scenario.playbook import Playbook, Run
from scenario.world import HOPS, ScenarioError, World, build, say, wait, world

from . import leftovers, ways
from .agents import Agent, agents
from .schedule import CUT, SESSIONS, Kill, Schedule, draw, in_time
from .steps import BY_ID, CONTROL_PLANE, STEPS, WORKER, Hit, NodeState, Recogniser, state_of
from .tally import DRAIN, Done, Figures, cordon_count, finished_drains, table

_LOOP = 0.02  # seconds
_ENDS = 120.0  # seconds in which a controller has to see that its connections are cut
_CUTS = 0.5  # seconds between two cuts
_SKIPPED = 0.15  # seconds in which a task that is skipped has ended
_FAILURES = 3  # runs in a row that fail though nobody killed them, after which the scenario gives up
NODES, PODS = "/api/v1/nodes", "/api/v1/pods"

# A workload that makes drains last: budgets let one pod go at a time. It may run on control planes, because a person
# keeps the last worker out of service.
WORKLOAD: tuple[tuple[str, Object], ...] = (
    (
        "/apis/apps/v1/namespaces/default/deployments",
        {
            "metadata": {"name": "web"},
            "spec": {
                "replicas": 5,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {
                        "terminationGracePeriodSeconds": 5,
                        "tolerations": [
                            {"key": f"node-role.kubernetes.io/{name}", "operator": "Exists", "effect": "NoSchedule"}
                            for name in ("control-plane", "master")
                        ],
                        "topologySpreadConstraints": [
                            {
                                "maxSkew": 1,
                                "topologyKey": "kubernetes.io/hostname",
                                "whenUnsatisfiable": "ScheduleAnyway",
                                "labelSelector": {"matchLabels": {"app": "web"}},
                            }
                        ],
                        "containers": [
                            {"name": "web", "image": "registry.k8s.io/pause:3.7", "imagePullPolicy": "IfNotPresent"}
                        ],
                    },
                },
            },
        },
    ),
    (
        "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
        {
            "metadata": {"name": "web"},
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}},
        },
    ),
)


def scenario(options: argparse.Namespace) -> int:
    """The whole of it; 0 when all was as it should be."""
    build(options)
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="uplift-chaos-"))
    say(f"chaos: seed {options.seed}; logs of the runs are in {folder}")
    with world(options) as made:
        figures = Chaos(made, options, folder, began).go()
    print("\n".join(table(figures)), flush=True)
    if options.json:
        options.json.write_text(json.dumps(dataclasses.asdict(figures), default=str, indent=2) + "\n", encoding="utf-8")
    wrong = figures.verdicts()
    if not wrong:
        shutil.rmtree(folder)
    return 1 if wrong else 0


class Chaos:
    """One cluster, upgraded once, killed often."""

    def __init__(self, made: World, options: argparse.Namespace, folder: Path, began: float) -> None:
        self.world = made
        self.began = began
        self.limit = options.limit
        self.kube = made.kube()
        self.playbook = Playbook(made, folder)
        drawn = draw(options.seed, options.kills, made.control_planes, made.workers, len(HOPS))
        self.schedule = Schedule(drawn)
        roles = {host: CONTROL_PLANE if node.control_plane else WORKER for host, node in made.nodes.items()}
        self.recogniser = Recogniser(roles, tuple(f"v{version}" for version in HOPS))
        self.seen: queue.Queue[Any] = queue.Queue()
        self.states = {host: NodeState() for host in made.nodes}
        self.cordons: dict[str, list[bool]] = {host: [] for host in made.nodes}
        self.agents: dict[str, Agent] = {}
        shape = f"{len(made.control_planes)} + {len(made.workers)} nodes, {made.install}"
        self.figures = Figures(options.seed, shape, hops=len(HOPS))

    def go(self) -> Figures:
        deploy(self.kube)
        self._a_person_cordons(self.world.workers[-1])
        cluster_before = leftovers.look_at_cluster(self.kube)
        before = {host: leftovers.look(self.world, host) for host in self.world.nodes}
        begun = time.monotonic()
        try:
            with self._watching():
                self._upgrade()
        except ScenarioError as e:  # what was found until then is told all the same
            self.figures.wrong.append(str(e))
        finally:
            self.playbook.stop()
        self.figures.seconds = time.monotonic() - begun
        self.figures.runs = len(self.playbook.runs)
        self.figures.missed += [kill.step for kill in self.schedule.pending]
        self._look_at_the_end(before, cluster_before)
        return self.figures

    # ---- runs

    def _upgrade(self) -> None:
        """Runs until one reaches the target."""
        failed = 0
        while True:
            run, killed = self._run()
            if killed:
                failed = 0
            elif run.process.returncode == 0:
                return
            else:
                failed += 1
                self.figures.errors.append(f"run {run.number}: {_why(run)}")
                say(f"run {run.number} FAILED by itself: {_why(run)}")
                if failed == _FAILURES:
                    self.figures.wrong.append(f"{_FAILURES} runs in a row failed; given up. See {run.log}")
                    return

    def _run(self) -> tuple[Run, bool]:
        """One run, to its end or until it is killed."""
        self._observe(None)  # what happened between two runs is no step of either
        self.recogniser.forget_run()
        run = self.playbook.start()
        while not run.ended():
            if time.monotonic() - self.began > self.limit:
                raise ScenarioError(f"The time of {self.limit:.0f} s is over in run {run.number} ({run.log}).")
            share = (time.monotonic() - self.began) / self.limit
            due = self.schedule.take([hit for hit in self._observe(run) if in_time(hit.hop, len(HOPS), share)])
            if due is not None and self._kill(run, *due):
                return run, True
        self._observe(run)
        self._count(run)
        return run, False

    def _kill(self, run: Run, planned: Kill, hit: Hit) -> bool:
        """Kill a run at its step; False when it was not there any more."""
        end = time.monotonic() + max(planned.delay, _SKIPPED if BY_ID[hit.step].at == "begun" else 0.0)
        while time.monotonic() < end and not run.ended():
            self._observe(run)
            time.sleep(_LOOP)
        if run.ended() or not self.recogniser.still_at(hit):
            self.schedule.pending.append(planned)
            return False
        seconds = run.seconds
        killed = ways.kill(planned, run, self.playbook.control_path, self.agents, hit.host)
        seen = self._seen(hit)
        if planned.way in (CUT, SESSIONS):
            killed += self._cut_until_the_controller_ends(run, planned)
        run.process.wait()
        unnoticed = run.process.returncode == 0 and not lock_was_left(run.log.read_text(errors="replace"))
        if unnoticed and hit.step == STEPS[-1].id:  # it had all that it wanted from the nodes by then
            self.schedule.pending.append(planned)
            return False
        if unnoticed:
            self.figures.errors.append(f"run {run.number} ended well though its SSH was cut at {planned.step}")
        self._observe(run)
        self._count(run)
        done = Done(
            len(self.figures.kills) + 1, hit.step, hit.hop, hit.host, planned.way, seconds, planned.kubeadm, seen
        )
        self.figures.kills.append(done)
        hop = "" if hit.hop is None else f" in hop {hit.hop + 1}"
        extra = " and kubeadm" if planned.kubeadm else ""
        say(
            f"kill {done.number} ({planned.way}{extra}) of run {run.number} after {seconds:.0f} s: {hit.step}{hop} on "
            f"{hit.host}; {seen}"
        )
        if killed:
            say(f"  on the nodes: {'; '.join(killed)[:400]}")
        return True

    def _cut_until_the_controller_ends(self, run: Run, planned: Kill) -> list[str]:
        """Connections that it makes anew are cut, too, as a network does that is gone; it has to notice."""
        killed: list[str] = []
        deadline = time.monotonic() + _ENDS
        while not run.ended():
            again = time.monotonic() + _CUTS
            while time.monotonic() < again and not run.ended():
                self._observe(run)
            if time.monotonic() > deadline:
                self.figures.errors.append(f"run {run.number} did not end within {_ENDS:.0f} s after its SSH was cut")
                run.end()
            elif not run.ended():
                killed += ways.cut(planned.way, self.playbook.control_path, self.agents)
        return killed

    def _seen(self, hit: Hit) -> str:
        """What says how far things were when it was killed."""
        state = self.states[hit.host]
        words = [f"being written: {', '.join(state.temporary)}"] if state.temporary else []
        if BY_ID[hit.step].task == DRAIN:
            words.append(f"{self.recogniser.leaving(hit.host)} pods on their way out")
        if hit.step.startswith("apply"):
            words.append("static pods " + ", ".join(f"{name} {tag}" for name, tag in sorted(state.manifests.items())))
            try:
                words.append(f"ConfigMap {leftovers.configured_version(self.world.kube(2).get(leftovers.CONFIG_MAP))}")
            except KubeError:
                words.append("the API is away")
        return "; ".join(words) or "nothing being written"

    # ---- seeing

    @contextmanager
    def _watching(self) -> Iterator[None]:
        def take(kind: str) -> Any:
            return lambda change, thing: self.seen.put((kind, change, thing))

        with (
            agents(self.world, self.seen) as self.agents,
            Watch(self.kube, NODES, take("node")),
            Watch(self.kube, PODS, take("pod")),
        ):
            yield

    def _observe(self, run: Run | None) -> list[Hit]:
        """Take in all that was seen since the last time."""
        hits: list[Hit] = []
        first = True
        while True:
            try:
                entry = self.seen.get(timeout=_LOOP) if first and run is not None else self.seen.get_nowait()
            except queue.Empty:
                break
            first = False
            hits += self._take(entry)
        for event in run.events.new() if run is not None else []:
            hits += self.recogniser.event(event)
        return hits

    def _take(self, entry: tuple[Any, ...]) -> list[Hit]:
        if len(entry) == 2:
            host, line = entry
            self.states[host] = state_of(line, self.states[host])
            return self.recogniser.node_state(host, self.states[host])
        kind, change, thing = entry
        if kind == "node" and "metadata" in thing:
            host = self.world.host_of(thing["metadata"]["name"])
            cordoned = bool(thing["spec"].get("unschedulable"))
            if self.cordons[host][-1:] != [cordoned]:
                self.cordons[host].append(cordoned)
            return self.recogniser.cordoned(host, cordoned)
        node = thing.get("spec", {}).get("nodeName")
        if kind == "pod" and node:
            # A static pod's mirror is deleted and made anew while kubeadm is at work: that is no eviction.
            mirror = "kubernetes.io/config.mirror" in (thing["metadata"].get("annotations") or {})
            going = change != "DELETED" and bool(thing["metadata"].get("deletionTimestamp")) and not mirror
            return self.recogniser.pod(self.world.host_of(node), thing["metadata"]["uid"], going)
        return []

    # ---- counting

    def _count(self, run: Run) -> None:
        for key, count in finished_drains(run.events.seen).items():
            self.figures.drains[key] = self.figures.drains.get(key, 0) + count

    def _look_at_the_end(self, before: dict[str, leftovers.NodeLook], cluster_before: leftovers.ClusterLook) -> None:
        version = f"v{HOPS[-1]}"
        self.figures.cordons = {
            host: cordon_count(changes) for host, changes in self.cordons.items() if cordon_count(changes)
        }

        def settled() -> bool:
            return not leftovers.look_at_cluster(self.kube).not_ready

        try:
            wait("all nodes to be Ready", settled, 60)
        except ScenarioError as e:
            self.figures.wrong.append(str(e))
        self.figures.wrong += leftovers.in_cluster(cluster_before, leftovers.look_at_cluster(self.kube), version)
        for host, look in before.items():
            after = leftovers.look(self.world, host)
            self.figures.wrong += [f"{host}: {text}" for text in leftovers.on_node(look, after, version)]
            self.figures.ansibles += len(leftovers.new_paths(look.paths, after.paths)[1])

    def _a_person_cordons(self, host: str) -> None:
        path = f"{NODES}/{self.world.nodes[host].name}"
        self.kube.request("PATCH", path, {"spec": {"unschedulable": True}}, STRATEGIC)
        say(f"a person cordons {host}")


def deploy(kube: Kube) -> None:
    """The workload, running."""
    for path, body in WORKLOAD:
        kube.apply(path, body["metadata"]["name"], body)

    def running() -> bool:
        pods = kube.get("/api/v1/namespaces/default/pods?labelSelector=app%3Dweb")["items"]
        return sum(is_ready(pod) for pod in pods) == WORKLOAD[0][1]["spec"]["replicas"]

    wait("the workload", running, 180)


def lock_was_left(output: str) -> bool:
    """Whether a run could not release its lock, said so, and ended well: that was all that it had left to do. Pure."""
    return "The lock of the cluster could not be released" in output


def _why(run: Run) -> str:
    return why(run.why()) or run.tail()


def why(failed: Iterable[Event]) -> str:
    """The last failures that say something, in one line."""
    told = [f"{event.where}: {' '.join(event.message.split())}" for event in failed if event.message]
    return " // ".join(told[-2:])
