# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenario of faults: a cluster is upgraded, and at certain steps something breaks on its nodes.

Each fault has to end in a clear stop, whose message says what it is about, or in a recovery within the same run; the
cluster has to serve meanwhile; and when it is lifted, the same command goes on, in the end to the target.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scenario.events import Event
from scenario.kube import KubeError, is_ready
from scenario.playbook import Playbook, Run
from scenario.world import HOPS, ScenarioError, say, world

from .hurts import Act, Site, disk_full, kubelet_broken, mirror_down, node_lost, registry_down, ssh_cut, static_pod_gone
from .kills import deploy, why

STOPS, RECOVERS = "stops", "recovers"
_ENDS = 420.0  # seconds in which a run has to stop after a fault; the API may be away for 300
_POLL = 0.1
_WORKLOAD_LEAST = 4  # of 5 pods, as its budget has it


@dataclass(frozen=True)
class Moment:
    """When a fault strikes: a task of the role begins, or has ended, on a host (any, if empty) in a hop."""

    task: str
    at: str  # begin, end
    host: str = ""
    hop: int | None = None

    def is_at(self, event: Event) -> bool:
        return (
            (event.task, event.kind) == (self.task, self.at)
            and self.host in ("", event.host)
            and self.hop in (None, event.hop)
        )


@dataclass(frozen=True)
class Fault:
    """One thing that breaks. `says` is a pattern that a stop's message has to match."""

    id: str
    what: str
    control_planes: int  # of the cluster that it needs
    when: Moment | None  # None: before the run
    how: tuple[Act, Act]  # strike, lift
    ends: str  # STOPS or RECOVERS
    says: str = ""
    seconds: float = 0.0  # until it is lifted by itself, for one that is to be ridden out
    never: Moment | None = None  # must not happen while it lasts
    api_away: bool = False


_NOTED = Moment("Keep what is Ready now, to compare with at the end", "end")
_APPLY = "Run kubeadm upgrade"

# In the order in which a run comes to them.
FAULTS = (
    Fault("source-down", "a worker cannot reach the source of its programs", 1, _NOTED, mirror_down("worker2"), STOPS,
          "cannot be read"),
    Fault("disk-full", "no room in /etc/kubernetes/tmp", 1, Moment("Install kubeadm", "begin", "cp1", 0),
          disk_full("cp1"), STOPS, "no space|space left|full"),
    Fault("ssh-lost", "SSH is lost in the middle of kubeadm upgrade apply", 1, Moment(_APPLY, "begin", "cp1", 0),
          ssh_cut("cp1"), STOPS, "unreachable|SSH|ssh|lost"),
    Fault("api-away", "the only API server is away for two minutes during a drain", 1,
          Moment("Drain", "begin", "worker1", 0), static_pod_gone("kube-apiserver", "cp1"), RECOVERS, seconds=120,
          api_away=True),
    Fault("kubelet-broken", "a worker's kubelet does not start at the new version", 1,
          Moment("Drain", "end", "worker2", 0), kubelet_broken("worker2", f"v{HOPS[0]}"), STOPS,
          "kubelet was restarted"),
    Fault("registry-down", "a worker cannot reach the registry in hop 2", 1,
          Moment("Read the cluster after the hop", "begin", "", 0), registry_down("worker1"), STOPS, "could not pull"),
    Fault("etcd-down", "an etcd member is down before the run", 3, None, static_pod_gone("etcd", "cp3"), STOPS, "etcd"),
    Fault("source-down-apt", "a worker cannot reach its package repository", 3, _NOTED, mirror_down("worker2"), STOPS,
          "cannot be read"),
    Fault("etcd-lost", "an etcd member is lost between two control planes", 3, Moment(_APPLY, "end", "cp1", 0),
          static_pod_gone("etcd", "cp3"), STOPS, "etcd", never=Moment(_APPLY, "begin", "cp2", 0)),
    Fault("node-lost", "a control plane node is lost while another is upgraded", 3, Moment(_APPLY, "begin", "cp2", 0),
          node_lost("cp3"), STOPS, "cp3|etcd|unreachable|lost"),
)  # fmt: skip


def listing() -> list[str]:
    return [f"{fault.id:<16} {fault.control_planes} + 2  {fault.ends:<8}  {fault.what}" for fault in FAULTS]


def chosen(only: str | None, control_planes: int) -> list[Fault]:
    """The faults to do on a cluster of that shape, in order. Raises ValueError."""
    names = [name.strip() for name in (only or "").split(",") if name.strip()]
    unknown = sorted(set(names) - {fault.id for fault in FAULTS})
    if unknown:
        raise ValueError(f"no such fault: {', '.join(unknown)} (see --list)")
    found = [fault for fault in FAULTS if fault.control_planes == control_planes and fault.id in (names or [fault.id])]
    if not found:
        raise ValueError(f"{only} needs another number of --control-planes (see --list)")
    return found


@dataclass
class Outcome:
    """What came of a fault."""

    fault: str
    what: str
    ended: str = ""  # stopped, recovered, hung
    message: str = ""
    seconds: float = 0.0  # from the strike to the stop, or until the task that it struck was done
    served: str = ""  # what served meanwhile
    went_on: str = ""  # what the same command did when it was lifted
    wrong: list[str] = field(default_factory=list)


def scenario(options: argparse.Namespace) -> int:
    """The whole of it; 0 when all was as it should be."""
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="uplift-faults-"))
    say(f"faults: logs of the runs are in {folder}")
    with world(options) as made:
        # One hop is enough where the control plane is what breaks; it takes half as long.
        target = HOPS[-1] if options.control_planes == 1 else HOPS[0]
        site = Site(made, made.kube(), Playbook(made, folder, target))
        deploy(site.kube)
        todo = chosen(options.only, options.control_planes)
        try:
            outcomes, seconds, wrong = Faults(site, todo, began + options.limit, target).go()
        finally:
            site.playbook.stop()
    print("\n".join(table(outcomes, len(site.playbook.runs), seconds, wrong)), flush=True)
    if options.json:
        text = json.dumps([dataclasses.asdict(outcome) for outcome in outcomes], indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")
    bad = bool(wrong) or any(outcome.wrong for outcome in outcomes)
    if not bad:
        shutil.rmtree(folder)
    return int(bad)


class Faults:
    """Runs, one after the other, each until a fault stops it; the last one to the target."""

    def __init__(self, site: Site, faults: Sequence[Fault], deadline: float, target: str) -> None:
        self.site = site
        self.todo = list(faults)
        self.deadline = deadline
        self.target = target
        self.outcomes: list[Outcome] = []
        self.wrong: list[str] = []
        self._last: tuple[Outcome, str, str] | None = None  # task and host that a later run has to get past

    def go(self) -> tuple[list[Outcome], float, list[str]]:
        begun = time.monotonic()
        try:
            self._until_a_run_ends_well()
        except ScenarioError as e:  # what was found until then is told all the same
            self.wrong.append(str(e))
        self.wrong += [f"no run came to {fault.id}" for fault in self.todo]
        self._look_at_the_end()
        return self.outcomes, time.monotonic() - begun, self.wrong

    def _until_a_run_ends_well(self) -> None:
        while True:
            run, fault = self._run()
            if fault is None and run.process.returncode == 0:
                return
            if fault is None:
                raise ScenarioError(
                    f"Run {run.number} failed though nothing was broken: {why(run.why()) or run.tail()}"
                )

    def _run(self) -> tuple[Run, Fault | None]:
        """One run to its end; the fault that ended it."""
        fault: Fault | None = None
        outcome, struck = Outcome("", ""), 0.0
        if self.todo and self.todo[0].when is None:
            fault = self.todo.pop(0)
            outcome, struck = self._strike(fault), time.monotonic()
        run = self.site.playbook.start()
        while True:
            ended = run.ended()
            for event in run.events.new():
                self._notice(event)
                if fault is None and self.todo and (when := self.todo[0].when) and when.is_at(event):
                    fault = self.todo.pop(0)
                    outcome, struck = self._strike(fault), time.monotonic()
                elif fault is not None and fault.never is not None and fault.never.is_at(event):
                    outcome.wrong.append(f"{event.where} was begun all the same")
            if ended:
                break
            if fault is not None and fault.ends == RECOVERS and time.monotonic() - struck >= fault.seconds:
                self._recover(fault, outcome, run, struck)
                fault = None
                continue
            if fault is not None and time.monotonic() - struck > _ENDS:
                outcome.wrong.append(f"the run was still at work {_ENDS:.0f} s after the fault")
                outcome.ended = "hung"
                run.end()
            if time.monotonic() > self.deadline:
                raise ScenarioError(f"The time is over in run {run.number} ({run.log}).")
            time.sleep(_POLL)
        if fault is not None:
            self._judge(fault, outcome, run, time.monotonic() - struck)
        return run, fault

    def _strike(self, fault: Fault) -> Outcome:
        say(f"fault: {fault.what}")
        fault.how[0](self.site)
        outcome = Outcome(fault.id, fault.what)
        self.outcomes.append(outcome)
        return outcome

    def _recover(self, fault: Fault, outcome: Outcome, run: Run, struck: float) -> None:
        """Lift it while the run waits; then the task that it struck has to end well."""
        outcome.served = self._served(fault, outcome)
        fault.how[1](self.site)
        say(f"lifted: {fault.what}")
        while not run.ended() and time.monotonic() - struck < fault.seconds + _ENDS:
            for event in run.events.new():
                self._notice(event)
                assert fault.when is not None
                if (event.kind, event.host, event.task) == ("end", fault.when.host, fault.when.task):
                    outcome.seconds = time.monotonic() - struck
                    outcome.ended = "recovered" if event.status == "ok" else "stopped"
                    outcome.went_on = "in the same run"
                    if event.status != "ok":
                        outcome.wrong.append(f"{event.where} was to ride it out: {event.message[:300]}")
                    say(f"  {outcome.ended} after {outcome.seconds:.0f} s")
                    return
            time.sleep(_POLL)
        outcome.ended = "stopped" if run.ended() else "hung"
        outcome.wrong.append(f"the run did not ride it out: {why(run.why())[:400]}")

    def _judge(self, fault: Fault, outcome: Outcome, run: Run, seconds: float) -> None:
        """The run has ended under the fault."""
        outcome.seconds = seconds
        failed = run.why()
        outcome.message = why(failed) or run.tail()[-600:]
        outcome.ended = outcome.ended or ("stopped" if run.process.returncode else "went through")
        if fault.ends == RECOVERS:
            outcome.wrong.append("it was to be ridden out")
        elif outcome.ended == "went through":
            outcome.wrong.append("the run went through as if nothing had been")
        elif not re.search(fault.says, " ".join(event.message for event in failed) + outcome.message):
            outcome.wrong.append(f"the message does not speak of it (/{fault.says}/)")
        outcome.served = self._served(fault, outcome)
        say(f"  {outcome.ended} after {seconds:.0f} s: {outcome.message[:500]}")
        fault.how[1](self.site)
        say(f"lifted: {fault.what}")
        struck = next(((event.task, event.host) for event in failed if event.message), None)
        self._last = None if struck is None else (outcome, *struck)

    def _served(self, fault: Fault, outcome: Outcome) -> str:
        """Does the cluster serve while the fault lasts?"""
        if fault.api_away:
            return "not asked: the API is what is away"
        try:
            pods = self.site.kube.patient(
                "GET", "/api/v1/namespaces/default/pods?labelSelector=app%3Dweb", patience=60
            )["items"]
        except KubeError as e:
            outcome.wrong.append(f"the API does not serve: {e}")
            return "no API"
        ready = sum(map(is_ready, pods))
        if ready < _WORKLOAD_LEAST:
            outcome.wrong.append(f"only {ready} pods of the workload are Ready")
        return f"API, {ready} of 5 pods"

    def _notice(self, event: Event) -> None:
        """A later run has got past the task that had failed."""
        if self._last is None or event.kind != "end" or event.status != "ok":
            return
        outcome, task, host = self._last
        if (event.task, event.host) == (task, host):
            outcome.went_on = "yes"
            self._last = None

    def _look_at_the_end(self) -> None:
        version = f"v{self.target}"
        nodes = self.site.kube.patient("GET", "/api/v1/nodes")["items"]
        for node in nodes:
            name, seen = node["metadata"]["name"], node["status"]["nodeInfo"]["kubeletVersion"]
            if seen != version or not is_ready(node) or node["spec"].get("unschedulable"):
                state = "Ready" if is_ready(node) else "not Ready"
                cordoned = ", cordoned" if node["spec"].get("unschedulable") else ""
                self.wrong.append(f"at the end {name} is at {seen}, {state}{cordoned}")
        for outcome in self.outcomes:
            if not outcome.went_on:
                # Its step had been done by then: the next run had nothing more to do there.
                outcome.went_on = "no" if self.wrong else "yes, to the target"


def table(outcomes: Sequence[Outcome], runs: int, seconds: float, wrong: Sequence[str]) -> list[str]:
    """Lines for a person."""
    lines = [f"{'fault':<16} {'ended':<12} {'after s':>7}  {'meanwhile served':<36} {'went on':<20}"]
    for outcome in outcomes:
        row = f"{outcome.fault:<16} {outcome.ended:<12} {outcome.seconds:>7.0f}  {outcome.served:<36} {outcome.went_on}"
        lines += [row, f"  {outcome.what}"]
        lines += [f"  it said: {outcome.message[:600]}"] if outcome.message else []
        lines += [f"  WRONG: {text}" for text in outcome.wrong]
    lines += ["", f"{len(outcomes)} faults, {runs} runs, {seconds:.0f} s"]
    lines += [f"WRONG: {text}" for text in wrong]
    good = not wrong and not any(outcome.wrong for outcome in outcomes)
    return [*lines, "all as it should be"] if good else lines
