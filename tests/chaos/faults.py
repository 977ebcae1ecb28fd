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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import LabError
from scenario.events import Event
from scenario.kube import KubeError, is_ready
from scenario.playbook import Playbook, Run
from scenario.world import HOPS, ScenarioError, build, say, world

from .hurts import (
    Act,
    Site,
    api_away,
    disk_full,
    kubelet_broken,
    mirror_down,
    node_lost,
    registry_down,
    ssh_cut,
    static_pod_gone,
)
from .kills import deploy, why

STOPS, RECOVERS = "stops", "recovers"
_ENDS = 420.0  # seconds in which a run has to stop after a fault; the API may be away for 300
_POLL = 0.1
_WORKLOAD_LEAST = 4  # of 5 pods, as its budget has it
# An API server without its etcd holds on to kubelets, whose nodes become NotReady after 40 s, until its liveness probe
# has failed 8 times, every 10 s, and it has had its 30 s to end. That is the fault's doing, and no run's.
_HEALS = 240.0
_FAILURES = 2  # runs in a row that fail though nothing is broken, after which the scenario gives up


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
    lost: str = ""  # a host whose pods are lost with it, and are not asked for
    heals: float = 0.0  # seconds until the workload has to be whole again, while the fault lasts


_NOTED = Moment("Keep what is Ready now, to compare with at the end", "end")
_APPLY = "Run kubeadm upgrade"

# In the order in which a run comes to them.
FAULTS = (
    Fault("source-down", "a worker cannot reach the source of its programs", 1, _NOTED, mirror_down("worker2"), STOPS,
          "cannot be read|could not be brought|broke off"),
    Fault("disk-full", "no room in /etc/kubernetes/tmp", 1, Moment("Install kubeadm", "begin", "cp1", 0),
          disk_full("cp1"), STOPS, "[Nn]o space left"),
    Fault("ssh-lost", "SSH is lost in the middle of kubeadm upgrade apply", 1, Moment(_APPLY, "begin", "cp1", 0),
          ssh_cut("cp1"), STOPS, "unreachable|SSH|ssh|lost"),
    Fault("api-away", "the only API server is away for two minutes during a drain", 1,
          Moment("Drain", "begin", "worker1", 0), api_away("cp1"), RECOVERS, seconds=120, api_away=True),
    # From the drain's begin on: the old kubelet runs on, and at its end it could be too late.
    Fault("kubelet-broken", "a worker's kubelet does not start when it is replaced", 1,
          Moment("Drain", "begin", "worker2", 0), kubelet_broken("worker2"), STOPS, "kubelet was restarted"),
    Fault("registry-down", "a worker cannot reach the registry in hop 2", 1,
          Moment("Fetch kubeadm, kubelet and kubectl", "begin", "worker1", 1), registry_down("worker1"), STOPS,
          "could not pull"),
    Fault("etcd-down", "an etcd member is down before the run", 3, None, static_pod_gone("etcd", "cp3"), STOPS,
          "control plane is not healthy: .*control-plane3|control-plane3 is NotReady", heals=_HEALS),
    Fault("source-down-apt", "a worker cannot reach its package repository", 3, _NOTED, mirror_down("worker2"), STOPS,
          "cannot be read|Downloading .* failed"),
    Fault("etcd-lost", "an etcd member is lost between two control planes", 3, Moment(_APPLY, "end", "cp1", 0),
          static_pod_gone("etcd", "cp3"), STOPS, "etcd would lose its quorum", never=Moment(_APPLY, "begin", "cp2", 0),
          heals=_HEALS),
    Fault("node-lost", "a control plane node is lost while another is upgraded", 3, Moment(_APPLY, "begin", "cp2", 0),
          node_lost("cp3"), STOPS, "cp3|control-plane3|etcd cluster is not healthy|EOF|connection lost|TLS handshake",
          lost="cp3"),
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
    build(options)
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


@dataclass
class Strike:
    """A fault that lasts, or was lifted and is being recovered from. `at` and `lifted` are times of day in seconds."""

    fault: Fault
    outcome: Outcome
    at: float
    begun: float  # of the monotonic clock
    lifted: float | None = None


def rode_out(events: Iterable[Event], when: Moment, struck: float, lifted: float) -> float | None:
    """When the task that was struck had ended well, and the run had got on since the fault was lifted; None until then.

    The task may have ended before the fault bit: then it is the next that shows whether the run got over it.
    """
    well = [event for event in events if (event.kind, event.status) == ("end", "ok") and event.at >= struck]
    task = [event.at for event in well if (event.task, event.host) == (when.task, when.host)]
    later = [event.at for event in well if event.at > lifted]
    return max(task[0], later[0]) if task and later else None


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
            self._look_at_the_end()
        except (ScenarioError, KubeError, LabError) as e:  # what was found until then is told all the same
            self.wrong.append(str(e))
        self.wrong += [f"no run came to {fault.id}" for fault in self.todo]
        for outcome in self.outcomes:
            if not outcome.went_on:
                # Its step had been done by then: the next run had nothing more to do there.
                outcome.went_on = "no" if self.wrong else "yes, to the target"
        return self.outcomes, time.monotonic() - begun, self.wrong

    def _until_a_run_ends_well(self) -> None:
        failed = 0
        while True:
            run, fault = self._run()
            if fault is not None:
                failed = 0
                continue
            if run.process.returncode == 0:
                return
            failed += 1
            self.wrong.append(f"run {run.number} failed though nothing was broken: {why(run.why()) or run.tail()}")
            say(self.wrong[-1])
            if failed == _FAILURES:
                raise ScenarioError(f"{_FAILURES} runs in a row failed; given up. See {run.log}")

    def _run(self) -> tuple[Run, Fault | None]:
        """One run to its end; the fault that ended it."""
        strike = self._strike(time.time()) if self.todo and self.todo[0].when is None else None
        run = self.site.playbook.start()
        while True:
            ended = run.ended()
            for event in run.events.new():
                self._notice(event)
                if strike is not None and self._is_over(strike, run):
                    strike = None
                if strike is None and self.todo and (when := self.todo[0].when) and when.is_at(event):
                    strike = self._strike(event.at)
                elif strike is not None and (never := strike.fault.never) and never.is_at(event):
                    strike.outcome.wrong.append(f"{event.where} was begun all the same")
            if ended:
                break
            if strike is not None:
                self._wait_for_it(strike, run)
            if time.monotonic() > self.deadline:
                raise ScenarioError(f"The time is over in run {run.number} ({run.log}).")
            time.sleep(_POLL)
        if strike is not None:
            self._judge(strike, run)
        return run, strike.fault if strike is not None else None

    def _strike(self, at: float) -> Strike:
        fault = self.todo.pop(0)
        say(f"fault: {fault.what}")
        outcome = Outcome(fault.id, fault.what)
        self.outcomes.append(outcome)
        began = time.monotonic()  # an API server that is asked to end serves no one from then on
        fault.how[0](self.site)
        return Strike(fault, outcome, at, began)

    def _wait_for_it(self, strike: Strike, run: Run) -> None:
        """Lift a fault that is to be ridden out when its time has come; end a run that does not end."""
        fault, seconds = strike.fault, time.monotonic() - strike.begun
        if fault.ends == RECOVERS and strike.lifted is None and seconds >= fault.seconds:
            self._lift(strike)
        elif seconds > fault.seconds + _ENDS:
            strike.outcome.wrong.append(f"the run was still at work {seconds:.0f} s after the fault")
            strike.outcome.ended = "hung"
            run.end()

    def _lift(self, strike: Strike) -> None:
        strike.outcome.served = self._served(strike.fault, strike.outcome)
        strike.fault.how[1](self.site)
        strike.lifted = time.time()
        say(f"lifted: {strike.fault.what}")

    def _is_over(self, strike: Strike, run: Run) -> bool:
        """Has the run ridden it out?"""
        if strike.lifted is None or strike.fault.when is None:
            return False
        at = rode_out(run.events.seen, strike.fault.when, strike.at, strike.lifted)
        if at is None:
            return False
        outcome = strike.outcome
        outcome.seconds, outcome.ended, outcome.went_on = at - strike.at, "recovered", "in the same run"
        say(f"  recovered after {outcome.seconds:.0f} s")
        return True

    def _judge(self, strike: Strike, run: Run) -> None:
        """The run has ended under the fault, or before it had got over it."""
        fault, outcome = strike.fault, strike.outcome
        outcome.seconds = time.monotonic() - strike.begun
        failed = [event for event in run.why() if event.at >= strike.at]
        outcome.message = why(failed) or run.tail()[-600:]
        outcome.ended = outcome.ended or ("stopped" if run.process.returncode else "went through")
        if fault.ends == RECOVERS:
            outcome.wrong.append("it was to be ridden out")
        elif outcome.ended == "went through":
            outcome.wrong.append("the run went through as if nothing had been")
        elif not re.search(fault.says, " ".join([*(event.message for event in failed), outcome.message])):
            outcome.wrong.append(f"the message does not speak of it (/{fault.says}/)")
        say(f"  {outcome.ended} after {outcome.seconds:.0f} s: {outcome.message[:500]}")
        if strike.lifted is None:
            self._lift(strike)
        struck = next(((event.task, event.host) for event in failed if event.message), None)
        self._last = None if struck is None else (outcome, *struck)

    def _served(self, fault: Fault, outcome: Outcome) -> str:
        """Does the cluster serve while the fault lasts?"""
        if fault.api_away:
            return "not asked: the API is what is away"
        begun = time.monotonic()
        try:
            first = ready, gone = self._workload(fault)
            while ready + gone < _WORKLOAD_LEAST and time.monotonic() - begun < fault.heals:
                time.sleep(1.0)
                ready, gone = self._workload(fault)
        except KubeError as e:
            outcome.wrong.append(f"the API does not serve: {e}")
            return "no API"
        if ready + gone < _WORKLOAD_LEAST:
            outcome.wrong.append(f"only {ready} pods of the workload are Ready")
        served = f"API, {first[0]} of 5 pods" + (f", {gone} lost with {fault.lost}" if gone else "")
        healed = f", {ready} after {time.monotonic() - begun:.0f} s more" if (ready, gone) != first else ""
        return served + healed

    def _workload(self, fault: Fault) -> tuple[int, int]:
        """How many of its pods are Ready, and how many are lost with the host that the fault takes."""
        path = "/api/v1/namespaces/default/pods?labelSelector=app%3Dweb"
        pods = self.site.kube.patient("GET", path, patience=120)["items"]
        lost = self.site.world.nodes[fault.lost].name if fault.lost else ""
        gone = sum(not is_ready(pod) and pod["spec"].get("nodeName") == lost for pod in pods)
        return sum(map(is_ready, pods)), gone

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
