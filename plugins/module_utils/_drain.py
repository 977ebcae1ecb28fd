# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drain a node as `kubectl drain --ignore-daemonsets` does; what holds it is named, and nothing is left cordoned."""

from __future__ import annotations

import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ansible_collections.uplift.kubeadm.plugins.module_utils import _cordon
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Api, ApiAway, ApiError, Object
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import is_true
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_rules import (
    EVICT,
    LEAVE,
    Options,
    Pod,
    budgets_of,
    classify,
    deleted_long_ago,
    key_of,
    never_allows,
    refusal,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._selectors import honours_empty_selector, is_empty
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import parse_version

SOONEST_LOOK, LATEST_LOOK = 0.1, 0.5  # seconds between two looks at which pods are gone: a tenth of the wait so far
# Seconds between two tries against a budget that refuses; kubectl: always 5. What it waits for is often a replica that
# is Ready elsewhere after a second or two.
FIRST_PAUSE, PAUSE_GROWS, LONGEST_PAUSE = 0.25, 1.6, 4.0


@dataclass
class _Gate:
    """What evictions have to pass one by one once it has refused: a budget, or a pod of its own."""

    refusals: int = 0
    waited: float = 0.0  # seconds, in all, from a refusal to the next eviction that passed
    refusing_since: float | None = None
    next_try: float = 0.0
    pause: float = FIRST_PAUSE
    message: str = ""

    def refuse(self, now: float, message: str) -> None:
        self.refusals += 1
        self.message = message
        self.refusing_since = now if self.refusing_since is None else self.refusing_since
        if now >= self.next_try:  # one refusal of several that were asked for at once is enough to back off
            self.next_try = now + self.pause
            self.pause = min(self.pause * PAUSE_GROWS, LONGEST_PAUSE)

    def open(self, now: float) -> None:
        if self.refusing_since is not None:
            self.waited += now - self.refusing_since
        self.refusing_since, self.next_try, self.pause = None, 0.0, FIRST_PAUSE

    def seconds(self, now: float) -> float:
        return self.waited + (now - self.refusing_since if self.refusing_since is not None else 0.0)


@dataclass
class Report:
    """What a drain did so far, in the shape that node_drain returns."""

    changed: bool = False
    cordoned_before: bool = False
    cordoned_by_person: bool = False
    offered: Object = field(default_factory=dict)
    evicted: list[Object] = field(default_factory=list)
    left: list[Object] = field(default_factory=list)
    waited: list[Object] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Drain:
    """The drain of one node: survey(), then cordon(), then step() until it says True; run() does all of it."""

    def __init__(self, api: Api, node: str, options: Options) -> None:
        self.api = api
        self.node = node
        self.options = options
        self.report = Report()
        self.pods: dict[str, Pod] = {}  # by UID, what the last survey saw
        self._begun = time.monotonic()
        self._sent: dict[str, float] = {}  # UID -> when its eviction was accepted
        self._gone: set[str] = set()
        self._targets: dict[str, Pod] = {}  # by UID, all that this drain has to see gone
        self._honours: bool | None = None  # of the API server; None while it was not asked
        self._gates: dict[str, _Gate] = {}
        self._pool = ThreadPoolExecutor(max_workers=options.evictions_in_parallel)

    def run(self) -> Report:
        """Drain the node; on failure lift what is our cordon again.

        :raises UpliftError: it cannot be drained, or was not drained in time; self.report says how far it came.
        """
        try:
            self.survey()
            self.cordon()
            while not self.step():
                if time.monotonic() - self._begun > self.options.timeout:
                    raise UpliftError(self._timed_out())
                waited = time.monotonic() - max(self._sent.values(), default=self._begun)
                time.sleep(min(max(waited / 10, SOONEST_LOOK), LATEST_LOOK))
        except ApiAway as e:
            raise UpliftError(
                f"{e} The node {self.node} could not be uncordoned either; run again when the API server is back."
            ) from e
        except UpliftError as e:
            raise UpliftError(f"{e} {self._give_back()}") from e
        finally:
            self._pool.shutdown()
            self._finish_report()
        return self.report

    def forecast(self) -> Report:
        """What run() would do, in a report; changes nothing. Raises as run() does where pods stop the drain."""
        self.survey()
        self.cordon(dry_run=True)
        self.report.evicted = [
            {"namespace": pod.namespace, "name": pod.name, "seconds": None} for pod in self.to_evict()
        ]
        self.report.changed |= bool(self.report.evicted)
        return self.report

    def survey(self, pods: list[Object] | None = None) -> None:
        """Read the node's pods and the budgets, and decide on each pod.

        :param pods: what is on the node, where that was read already.
        :raises UpliftError: pods stop the drain; each is named.
        """
        first = pods is None
        pods = _cordon.pods_on(self.api, self.node) if pods is None else pods
        daemonsets = self._daemonsets(pods)
        budgets = self._budgets()
        self.pods = {pod["metadata"]["uid"]: self._decide(pod, daemonsets, budgets) for pod in pods}
        problem = refusal(self.node, self.pods.values())
        if problem:
            raise UpliftError(problem)
        for uid, pod in self.pods.items():
            if pod.verdict == EVICT:
                self._targets[uid] = pod
            else:
                self._targets.pop(uid, None)
        self.report.left = [
            {"namespace": pod.namespace, "name": pod.name, "why": "; ".join(pod.why)}
            for pod in self.pods.values()
            if pod.verdict == LEAVE
        ]
        if first:
            self._warn_of(budgets)

    def to_evict(self) -> list[Pod]:
        """The pods that the last survey found to be evicted or waited for."""
        return [pod for pod in self.pods.values() if pod.verdict == EVICT]

    def cordon(self, dry_run: bool = False) -> None:
        outcome = _cordon.cordon(self.api, self.node, dry_run)
        self.report.changed |= outcome.changed
        self.report.cordoned_before = outcome.was_cordoned
        self.report.cordoned_by_person = outcome.by_person
        self.report.offered = outcome.offered

    def step(self) -> bool:
        """Evict what is due, look which pods are gone; True when none is left. Takes about as long as its requests."""
        due = self._due(time.monotonic())
        # One alone goes over the connection that is open already.
        for pod, error in zip(due, self._pool.map(self._evict, due) if len(due) > 1 else map(self._evict, due)):
            self._take(pod, error, time.monotonic())
        self._look()
        if self._remaining():
            return False
        # The cache of one API server said so. Ask etcd, once: also for pods bound just before the cordon was seen.
        pods = _cordon.pods_on(self.api, self.node, exact=True)
        present = {pod["metadata"]["uid"] for pod in pods}
        if not present <= self.pods.keys():
            self.survey(pods)
        self._look_at(present)
        return not self._remaining()

    def _budgets(self) -> list[Object]:
        """The budgets that evictions have to pass. One with the selector {} is honoured by newer API servers alone."""
        budgets: list[Object] = self.api.list("/apis/policy/v1/poddisruptionbudgets", {"resourceVersion": "0"})
        if not any(is_empty(budget["spec"].get("selector")) for budget in budgets) or self._honours_empty_selector():
            return budgets
        return [budget for budget in budgets if not is_empty(budget["spec"].get("selector"))]

    def _honours_empty_selector(self) -> bool:
        if self._honours is None:
            self._honours = honours_empty_selector(parse_version(self.api.get("/version")["gitVersion"]))
        return self._honours

    def _daemonsets(self, pods: list[Object]) -> set[str]:
        """The DaemonSets of these pods that exist. All of them in one request; a cache that does not have one yet is no
        proof that it is gone."""
        owners = {
            f"{pod['metadata']['namespace']}/{owner['name']}"
            for pod in pods
            if (owner := _cordon.controller(pod)) and owner["kind"] == "DaemonSet"
        }
        if not owners:
            return set()
        known: list[str] = self.api.list(
            "/apis/apps/v1/daemonsets", {"resourceVersion": "0"}, keep=key_of, metadata_only=True
        )
        gone = [
            key
            for key in owners.difference(known)
            if not self.api.find("/apis/apps/v1/namespaces/{}/daemonsets/{}".format(*key.split("/")))
        ]
        return owners.difference(gone)

    def _decide(self, pod: Object, daemonsets: set[str], budgets: list[Object]) -> Pod:
        meta = pod["metadata"]
        verdict, why = classify(pod, daemonsets, self.options, time.time())
        deleted = "deletionTimestamp" in meta
        return Pod(meta["namespace"], meta["name"], meta["uid"], verdict, why, deleted, tuple(budgets_of(pod, budgets)))

    def _warn_of(self, budgets: list[Object]) -> None:
        held = {key: [pod.key for pod in self.to_evict() if key in pod.budgets] for key in map(key_of, budgets)}
        for budget in budgets:
            why = never_allows(budget)
            if why and held[key_of(budget)]:
                self.report.warnings.append(
                    f"The PodDisruptionBudget {key_of(budget)} ({why}) allows no eviction, and holds "
                    f"{', '.join(held[key_of(budget)])} on the node "
                    f"{self.node}: the drain can end only if someone changes the budget or its workload."
                )

    def _remaining(self) -> list[Pod]:
        return [pod for uid, pod in self._targets.items() if uid not in self._gone]

    def _gate(self, pod: Pod) -> _Gate:
        return self._gates.setdefault(pod.budgets[0] if pod.budgets else f"pod {pod.key}", _Gate())

    def _due(self, now: float) -> list[Pod]:
        """Pods to evict now. Behind a gate that has refused, one pod at a time tries; once one passes, all do."""
        due, tried = [], set()
        for pod in self._remaining():
            gate = self._gate(pod)
            if pod.uid in self._sent or pod.terminating or now < gate.next_try or id(gate) in tried:
                continue
            if gate.refusing_since is not None:
                tried.add(id(gate))
            due.append(pod)
        return due

    def _evict(self, pod: Pod) -> ApiError | None:
        # The UID keeps a pod of the same name that has taken this one's place (StatefulSet) from being evicted for it.
        delete_options: Object = {"preconditions": {"uid": pod.uid}}
        if self.options.grace_period is not None:
            delete_options["gracePeriodSeconds"] = self.options.grace_period
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod.name, "namespace": pod.namespace},
            "deleteOptions": delete_options,
        }
        try:
            self.api.create(f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/eviction", body, wait_when_busy=False)
        except ApiError as e:
            return e
        return None

    def _take(self, pod: Pod, error: ApiError | None, now: float) -> None:
        """Take in the answer to an eviction: accepted, to be tried again, or the end of the drain."""
        gate = self._gate(pod)
        if error is None or error.status == 404:  # 404: gone meanwhile
            self._sent[pod.uid] = now
            self.report.changed = True
            gate.open(now)
            return
        double = "more than one PodDisruptionBudget" in error.detail
        again = error.status in (409, 429) or error.status >= 500 or "NamespaceTerminating" in error.causes
        if double or not again:
            raise UpliftError(
                f"The pod {pod.key} on the node {self.node} cannot be evicted ({error.status}): {error.detail}"
            )
        gate.refuse(now, "; ".join(error.cause_messages) or error.detail)

    def _look(self) -> None:
        present = {pod["metadata"]["uid"]: pod for pod in _cordon.pods_on(self.api, self.node)}
        for uid in list(self._targets):
            if uid in present and deleted_long_ago(present[uid], self.options, time.time()):
                del self._targets[uid]
        self._look_at(present)

    def _look_at(self, present: t.Collection[str]) -> None:
        """Mark as gone what is not present (UIDs), and as there what is again."""
        now = time.monotonic()
        for uid, pod in self._targets.items():
            if uid in present:
                self._gone.discard(uid)
            elif uid not in self._gone:
                self._gone.add(uid)
                since = self._sent.get(uid)
                self.report.evicted.append(
                    {
                        "namespace": pod.namespace,
                        "name": pod.name,
                        "seconds": round(now - since, 1) if since is not None else None,
                    }
                )

    def _finish_report(self) -> None:
        now = time.monotonic()
        self.report.waited = [
            {"budget": key, "seconds": round(gate.seconds(now), 1), "refusals": gate.refusals}
            for key, gate in sorted(self._gates.items())
            if gate.refusals and not key.startswith("pod ")
        ]
        self.report.seconds = round(now - self._begun, 1)

    def _timed_out(self) -> str:
        now = time.monotonic()
        held: dict[str, list[str]] = {}  # what holds them -> pods
        for pod in self._remaining():
            held.setdefault(self._holder(pod, now), []).append(pod.key)
        left = "; ".join(f"{', '.join(sorted(pods))} ({holder})" for holder, pods in held.items())
        text = f"The node {self.node} was not drained within {self.options.timeout:g} s. Pods left: {left}."
        if not is_true(_cordon.get_node(self.api, self.node), "Ready"):
            text += (
                " The node is not Ready: its kubelet ends no pods."
                " «skip_wait_for_delete_timeout» lets a drain go on without pods that were deleted long ago."
            )
        elif any(gate.refusing_since is not None for gate in self._gates.values()):
            text += self._never_allowing()
            text += (
                " Give the budgets room (more replicas that are Ready, or a wider budget), or the drain more time "
                "(kubeadm_upgrade_drain_timeout, or the module's option timeout), and run again."
            )
        return text

    def _never_allowing(self) -> str:
        """A sentence for each budget that a longer wait would not help with, as budgets and replicas are now."""
        holding = {key for pod in self._remaining() for key in pod.budgets}
        reasons = {key_of(budget): never_allows(budget) for budget in self._budgets() if key_of(budget) in holding}
        return "".join(
            f" The budget {key} can never allow an eviction ({why}): no time is long enough, until someone changes "
            "it or the number of replicas."
            for key, why in sorted(reasons.items())
            if why
        )

    def _holder(self, pod: Pod, now: float) -> str:
        """What a pod that is left is waiting for."""
        if pod.uid in self._sent:
            return f"evicted {now - self._sent[pod.uid]:.0f} s ago and still terminating"
        if pod.terminating:
            return "terminating since before the drain"
        gate = self._gate(pod)
        what = f"held by the budget {pod.budgets[0]}" if pod.budgets else "its eviction is refused"
        if not gate.refusals:
            return what
        return f"{what}, which refused {gate.refusals} times in {gate.seconds(now):.0f} s: {gate.message}"

    def _give_back(self) -> str:
        gone = [f"{e['namespace']}/{e['name']}" for e in self.report.evicted]
        text = (
            f"Pods that are gone stay gone, and their controllers start them elsewhere: {', '.join(gone)}. "
            if gone
            else ""
        )
        try:
            outcome = _cordon.uncordon(self.api, self.node)
        except UpliftError as e:
            return text + f"The node could not be uncordoned either, so it stays cordoned until the next run: {e}"
        if outcome.by_person:
            return text + "The node stays cordoned, as someone had left it."
        return text + ("The node was uncordoned again." if outcome.changed else "The node is not cordoned.")
