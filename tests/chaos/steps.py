# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a run at which it is killed, and how they are recognised. Pure: observations go in, hits come out.

A step is a task that is under way, or that has just ended, on a host, and where it says more than that, what the node
or the cluster looks like at that moment. Observations are the run's events (`scenario.events`), what the agents on the
nodes see (agent.py), and Node and Pod objects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from scenario.events import Event

CONTROL_PLANE, WORKER, ANY = "control plane", "worker", "any"


@dataclass(frozen=True)
class NodeState:
    """What the agent on a node sees."""

    manifests: Mapping[str, str] = field(default_factory=dict)  # static pod -> tag of its image
    temporary: tuple[str, ...] = ()  # files that are being written
    kubelet: int = 0  # process id
    kubelet_file: int = 0  # changes with the file


@dataclass(frozen=True)
class View:
    """All that a step may look at, of one host."""

    now: NodeState
    before: NodeState  # when the task began
    version: str  # that the hop goes to, v1.25.4
    cordoned: bool  # as the API has it
    terminating: int  # pods on the node that are on their way out


Probe = Callable[[View], bool]


@dataclass(frozen=True)
class Step:
    """A place to kill a run. `at` is "begun" or "ended" for the task's own begin and end, or a probe while it runs."""

    id: str
    what: str
    task: str
    at: str | Probe
    role: str = ANY
    per_hop: bool = True
    drain: bool = False  # the node is on its way out of service, or out of it


def _being_written(prefix: str) -> Probe:
    def probe(view: View) -> bool:
        names = (path.rpartition("/")[2] for path in view.now.temporary)
        return any(name.startswith((f".{prefix}", f"{prefix}.dpkg")) for name in names)

    return probe


def _static_pods(*changed: str, still: str = "") -> Probe:
    def probe(view: View) -> bool:
        pods = view.now.manifests
        return all(pods.get(name) == view.version for name in changed) and (
            not still or pods.get(still, view.version) != view.version
        )

    return probe


def _programs_changed(view: View) -> bool:
    return view.now.kubelet_file not in (0, view.before.kubelet_file)


def _cordoned_alone(view: View) -> bool:
    return view.cordoned and not view.terminating


_FETCH = "Fetch kubeadm, kubelet and kubectl"
_APPLY = "Run kubeadm upgrade"
_KUBELET = "Install kubelet and kubectl, and restart kubelet"
_READY = "Wait until the node offers what it offered, then uncordon"

# In the order of a run. Tasks are the role's; a unit test finds each of them there.
STEPS = (
    Step("plan-nodes", "reading the nodes", "Read the nodes", "begun", per_hop=False),
    Step("plan-cluster", "reading the cluster", "Read the cluster", "begun", per_hop=False),
    Step("plan-fetch", "fetching every hop's files", f"{_FETCH} of every hop", _being_written("v"), per_hop=False),
    Step("plan-images", "pulling every hop's images", "Pull the images of every hop", "begun", per_hop=False),
    Step("lock-taken", "the lock was just taken", "Take the lock of the cluster", "ended", per_hop=False),
    Step("plan-noted", "what ran before is noted", "Keep what is Ready now, to compare with at the end", "ended",
         per_hop=False),
    Step("backup", "taking the snapshot before the hop", "Take and prove the snapshot", "begun"),
    Step("fetch", "fetching the hop's files", _FETCH, _being_written("v")),
    Step("images", "pulling the hop's images", "Pull the images", "begun"),
    Step("kubeadm-file", "kubeadm's file or package is being written", "Install kubeadm", _being_written("kubeadm")),
    Step("apply-begun", "kubeadm upgrade has begun", _APPLY, "begun", CONTROL_PLANE),
    Step("apply-first", "kubeadm changed the API server's static pod, not yet the scheduler's", _APPLY,
         _static_pods("kube-apiserver", still="kube-scheduler"), CONTROL_PLANE),
    Step("apply-last", "kubeadm changed the last static pod; ConfigMap and add-ons not yet", _APPLY,
         _static_pods("kube-apiserver", "kube-controller-manager", "kube-scheduler"), CONTROL_PLANE),
    Step("apply-waited", "kubeadm is done, its programs are looked at", "Wait until its programs run the new version",
         "begun", CONTROL_PLANE),
    Step("lock-renewed", "the lock is being renewed between two nodes", "Renew the lock", "begun"),
    Step("node-config", "kubeadm upgrade node on a worker", "Run kubeadm upgrade node", "begun", WORKER),
    Step("cordon", "cordoned, nothing evicted yet", "Drain", _cordoned_alone, drain=True),
    Step("evicting", "pods are being evicted", "Drain", lambda view: view.terminating > 0, drain=True),
    Step("drained", "drained, kubelet not touched yet", "Drain", "ended", drain=True),
    Step("kubelet-file", "kubelet's file or package is being written", _KUBELET, _being_written("kubelet"),
         drain=True),
    Step("kubelet-new", "kubelet is replaced, not restarted yet", _KUBELET,
         lambda view: _programs_changed(view) and view.now.kubelet == view.before.kubelet, drain=True),
    Step("kubelet-restart", "kubelet is being restarted", _KUBELET,
         lambda view: _programs_changed(view) and view.now.kubelet != view.before.kubelet, drain=True),
    Step("before-uncordon", "kubelet is new, the node not uncordoned yet", _READY, "begun", drain=True),
    Step("uncordoned", "the node is back in service", _READY, "ended"),
    Step("finish", "looking at the cluster after the hop", "Read the cluster after the hop", "begun"),
    Step("prune", "tidying up", "Remove what was fetched for this run and kept from before it", "begun",
         per_hop=False),
    Step("compare", "comparing workloads", "Compare what runs with what ran before", "begun", per_hop=False),
    Step("notes", "writing the last notes", "Keep what this run took, for the next plan, and forget what ran before",
         "begun", per_hop=False),
    Step("lock-released", "the lock is being released", "Release the lock of the cluster", "begun", per_hop=False),
)  # fmt: skip
BY_ID = {step.id: step for step in STEPS}
# kubeadm itself is killed with the run at these, once: what a node that loses its power does to it.
KUBEADM_STEPS = ("apply-first", "apply-last")


@dataclass(frozen=True)
class Hit:
    """A step that a run is at."""

    step: str
    hop: int | None
    host: str


class Recogniser:
    """Keeps what was observed of a run, and says which steps it is at. `roles` is {host: CONTROL_PLANE or WORKER}."""

    def __init__(self, roles: Mapping[str, str], versions: tuple[str, ...]) -> None:
        self._roles = roles
        self._versions = versions  # of the hops: v1.25.4, v1.26.9
        self._states: dict[str, NodeState] = {}
        self._cordoned: dict[str, bool] = {}
        self._terminating: dict[str, set[str]] = {}
        self._running: dict[str, tuple[Event, NodeState]] = {}

    def forget_run(self) -> None:
        """A new run begins: nothing is under way."""
        self._running.clear()

    def event(self, event: Event) -> list[Hit]:
        if event.kind == "begin":
            self._running[event.host] = (event, self._states.get(event.host, NodeState()))
            return self._hits(event, "begun") + self._probes(event.host)
        self._running.pop(event.host, None)
        return self._hits(event, "ended") if event.status == "ok" else []

    def node_state(self, host: str, state: NodeState) -> list[Hit]:
        self._states[host] = state
        return self._probes(host)

    def cordoned(self, host: str, cordoned: bool) -> list[Hit]:
        self._cordoned[host] = cordoned
        return self._probes(host)

    def pod(self, host: str, uid: str, terminating: bool) -> list[Hit]:
        pods = self._terminating.setdefault(host, set())
        (pods.add if terminating else pods.discard)(uid)
        return self._probes(host)

    def leaving(self, host: str) -> int:
        """Pods of a host that are on their way out."""
        return len(self._terminating.get(host, ()))

    def still_at(self, hit: Hit) -> bool:
        """Whether a step that is a task's begin is still that: a task that is skipped begins, too, and ends at once."""
        step = BY_ID[hit.step]
        running = self._running.get(hit.host)
        return step.at != "begun" or (running is not None and running[0].task == step.task)

    def _hits(self, event: Event, at: str) -> list[Hit]:
        return [self._hit(step, event) for step in STEPS if step.at == at and self._is_of(step, event)]

    def _probes(self, host: str) -> list[Hit]:
        """The probes of the task that runs on a host."""
        if host not in self._running:
            return []
        event, before = self._running[host]
        view = View(
            now=self._states.get(host, NodeState()),
            before=before,
            version=self._versions[event.hop] if event.hop is not None and event.hop < len(self._versions) else "",
            cordoned=self._cordoned.get(host, False),
            terminating=self.leaving(host),
        )
        return [
            self._hit(step, event)
            for step in STEPS
            if not isinstance(step.at, str) and self._is_of(step, event) and step.at(view)
        ]

    def _is_of(self, step: Step, event: Event) -> bool:
        return (
            step.task == event.task
            and step.role in (ANY, self._roles.get(event.host))
            and (not step.per_hop or event.hop is not None)
        )

    def _hit(self, step: Step, event: Event) -> Hit:
        return Hit(step.id, event.hop if step.per_hop else None, event.host)


def state_of(line: Mapping[str, object], last: NodeState) -> NodeState:
    """The state in an agent's line; what it does not say is as it was."""
    known = {name: line[name] for name in ("manifests", "kubelet", "kubelet_file") if name in line}
    if "temporary" in line:
        known["temporary"] = tuple(line["temporary"])  # type: ignore[arg-type]
    return replace(last, **known)  # type: ignore[arg-type]
