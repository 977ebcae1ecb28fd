# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drain a node as `kubectl drain --ignore-daemonsets` does; what holds it is named, and nothing is left cordoned."""

from __future__ import annotations

import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ansible_collections.uplift.kubeadm.plugins.module_utils import (
    _cordon,
    _drain_rules,
    _drain_volumes,
    _drain_words,
    _leaders,
    _proxies,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Api, ApiAway, ApiError, Object
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import (
    condition,
    is_cordoned,
    is_true,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_ledger import Ledger
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_rules import Options, Pod, key_of
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_store import Store, TakenOver
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_survey import Survey
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_verdict import EVICT, LEAVE, WAIT
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

SOONEST_LOOK, LATEST_LOOK = 0.1, 0.5  # seconds between two looks at which pods are gone: a tenth of the wait so far
MOMENT = 0.4  # seconds; what was read before a longer wait is read again
SAME_RUN = 60.0  # seconds; a drain that nobody went on with for longer was killed, and gets its time-out anew
_EPOCH = time.time() - time.monotonic()


def clock() -> float:
    """Seconds since the epoch, by a clock that is not set while we look at it."""
    return time.monotonic() + _EPOCH


@dataclass
class Report:
    """What a drain did so far, in the shape that node_drain returns."""

    drained: bool = False
    changed: bool = False
    cordoned_before: bool = False
    cordoned_by_person: bool = False
    offered: Object = field(default_factory=dict)
    evicted: list[Object] = field(default_factory=list)
    completed: list[Object] = field(default_factory=list)
    forced: list[Object] = field(default_factory=list)
    left: list[Object] = field(default_factory=list)
    waited: list[Object] = field(default_factory=list)
    progress: Object = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Drain:
    """The drain of one node, or one slice of it: run() does it, forecast() says what it would do."""

    def __init__(self, api: Api, node: str, options: Options, lost: t.Callable[[], str] = lambda: "") -> None:
        """lost(): why this run must not touch the cluster any more, "" while it may."""
        self.api = api
        self._lost = lost
        self.node = node
        self.options = options
        self.report = Report()
        self._survey = Survey(api, node, options)
        self._ledger = Ledger(options)
        self._store = Store(options.state_directory, node)
        self._begun = clock()
        self._before = 0.0  # seconds that earlier slices took
        self._counted_from = 0.0  # of all these seconds, those before the time-out began
        self._took_up = False  # an earlier slice's book
        self._kept: tuple[int, ...] = ()  # what the book had when it was kept last
        self._all_gone = False
        self._pool = ThreadPoolExecutor(max_workers=options.evictions_in_parallel)

    def run(self) -> Report:
        """Drain the node until it is drained or the slice is over; on failure lift what is our cordon again.

        :raises UpliftError: it cannot be drained, or was not drained in time; self.report says how far it came.
        """
        try:
            self._open()
            while not self._step():
                self._keep()
                if self._lost():
                    raise UpliftError(self._lost())
                if self._counted() > self.options.timeout:
                    raise UpliftError(self._timed_out())
                if self.options.slice and clock() - self._begun >= self.options.slice:
                    self._store.save(self._book())
                    return self.report
                waited = clock() - max(self._ledger.sent.values(), default=self._begun)
                time.sleep(min(max(waited / 10, SOONEST_LOOK), LATEST_LOOK))
            self.report.drained = True
            self._store.forget()
        except ApiAway as e:
            raise UpliftError(
                f"{e} The node {self.node} could not be uncordoned either; run again when the API server is back."
            ) from e
        except TakenOver:
            raise
        except UpliftError as e:
            text = self._give_back()
            self._store.forget()
            raise UpliftError(f"{e} {text}") from e
        finally:
            self._pool.shutdown()
            self._finish_report()
        return self.report

    def forecast(self) -> Report:
        """What run() would do, in a report; changes nothing. Raises as run() does where pods stop the drain."""
        node, found = self._survey.read()
        pods, budgets = self._decide(found)
        self._set_cordon(node, found, dry_run=True)
        self._warn_of(node, pods, budgets)
        self.report.warnings += _drain_rules.shut_now(self.node, pods, budgets)
        for pod in pods:
            rows = {EVICT: self.report.evicted, WAIT: self.report.completed}.get(pod.verdict)
            if rows is not None:
                rows.append({"namespace": pod.namespace, "name": pod.name, "seconds": None})
        self.report.changed |= bool(self.report.evicted)
        self.report.drained = True
        line = _drain_words.forecast_line(self.node, len(self.report.evicted), len(self.report.completed))
        self.report.progress = {"line": line, "left": []}
        return self.report

    # --- how it begins, and where it goes on -------------------------------------------------------------------------

    def _open(self) -> None:
        """Take up what an earlier slice or a killed run has kept, decide on the pods, cordon the node."""
        node, found = self._survey.read()
        uid = node["metadata"]["uid"]
        if is_cordoned(node):
            self._take_up(self._store.read(uid, _cordon.record(node, self.options.leaving).get("at", "")), found)
        pods, budgets = self._decide(found)
        if any(pod.verdict == EVICT for pod in pods) and self._cluster_was_waited_for():
            node, found = self._survey.read()
            pods, budgets = self._decide(found)
        self._set_cordon(node, found)
        self._warn_of(node, pods, budgets)
        if self.options.wait_for_volumes:
            claims = _drain_volumes.claims_leaving(pods)
            self._ledger.volumes.update(_drain_volumes.attached(self.api, self.node, claims))
        cordoned_at = "" if self.report.cordoned_by_person else self.report.offered.get("at", "")
        self._store.begin(uid, cordoned_at, self._book(), needed=self.options.slice > 0)

    def _cluster_was_waited_for(self) -> bool:
        """Wait for those who start pods anew, and for those who send requests elsewhere; whether that took a while.

        A rollout of kube-proxy that takes longer than a drain waits for it is not waited for again in each slice.
        """
        begun = clock()
        if self.options.leader_timeout:
            _leaders.wait(self.api, self.options.leader_timeout)
        if self.options.proxy_timeout and not self._took_up:
            self.report.warnings += filter(None, [_proxies.wait(self.api, self.options.proxy_timeout)])
        return clock() - begun > MOMENT

    def _take_up(self, book: Object | None, found: list[Object]) -> None:
        """Go on with an earlier slice's book. One that cannot be read is as good as none."""
        if book is None:
            return
        try:
            self._ledger.load(book["ledger"])
            self._before, gap = float(book["seconds"]), clock() - book["at"]
            if gap < SAME_RUN:
                self._before += gap
                self._counted_from = float(book["counted_from"])
            else:
                self._counted_from = self._before
                self._ledger.interrupt(book["at"])
            self.report.changed, self.report.cordoned_before = bool(book["changed"]), bool(book["cordoned_before"])
            self._took_up = True
        except (KeyError, TypeError, ValueError, AttributeError):
            self._ledger = Ledger(self.options)
            return
        self._ledger.look(_finished(found), clock())

    def _book(self) -> Object:
        return {
            "ledger": self._ledger.dump(),
            "at": clock(),
            "seconds": self._seconds(),
            "counted_from": self._counted_from,
            "changed": self.report.changed,
            "cordoned_before": self.report.cordoned_before,
        }

    def _keep(self) -> None:
        """Keep the book where it has changed. Raises TakenOver."""
        ledger = self._ledger
        now = tuple(map(len, (ledger.sent, ledger.gone, ledger.targets)))
        if now == self._kept:
            self._store.check()
        else:
            self._store.save(self._book())
            self._kept = now

    def _set_cordon(self, node: Object, found: list[Object], dry_run: bool = False) -> None:
        outcome = _cordon.cordon(self.api, self.node, dry_run, node, found, self.options.leaving)
        self.report.changed |= outcome.changed
        if not self._took_up:
            self.report.cordoned_before = outcome.was_cordoned
        self.report.cordoned_by_person = outcome.by_person
        self.report.offered = outcome.offered

    def _decide(self, found: list[Object]) -> tuple[list[Pod], list[Object]]:
        """What is to become of the node's pods, and the budgets. Raises UpliftError: pods stop the drain."""
        pods, budgets = self._survey.decide(found, self._ledger.seen)
        self._ledger.adopt(pods)
        self.report.left = [_left(pod, "; ".join(pod.why)) for pod in pods if pod.verdict == LEAVE]
        return pods, budgets

    def _warn_of(self, node: Object, pods: list[Pod], budgets: list[Object]) -> None:
        if not is_true(node, "Ready") and any(pod.leaves for pod in pods):
            message = condition(node, "Ready").get("message", "")
            skip = self.options.skip_wait_for_delete_timeout
            self.report.warnings.append(_drain_words.not_ready(self.node, message, skip))
        self.report.warnings += _drain_rules.warnings_of(self.node, pods, budgets)

    # --- one step ----------------------------------------------------------------------------------------------------

    def _step(self) -> bool:
        """Evict what is due, look what is gone; True when all is. Takes about as long as its requests."""
        if not self._all_gone:
            self._each(self._evict, self._ledger.due(clock()), self._take)
            if 0 < self.options.force_past_budgets_after <= self._counted():
                self._each(self._delete, self._ledger.forcible(clock()), self._take_forced)
            self._all_gone = self._look() and self._look_closely()
        if not self._all_gone:
            return False
        self._ledger.volumes = _drain_volumes.still_attached(self.api, self._ledger.volumes)
        return not self._ledger.volumes

    def _each(
        self,
        ask: t.Callable[[Pod], ApiError | None],
        pods: list[Pod],
        take: t.Callable[[Pod, ApiError | None, float], None],
    ) -> None:
        """Ask for several pods at once. One alone goes over the connection that is open already."""
        for pod, error in zip(pods, self._pool.map(ask, pods) if len(pods) > 1 else map(ask, pods)):
            take(pod, error, clock())

    def _evict(self, pod: Pod) -> ApiError | None:
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod.name, "namespace": pod.namespace},
            "deleteOptions": self._delete_options(pod),
        }
        try:
            self.api.create(f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/eviction", body, wait_when_busy=False)
        except ApiError as e:
            return e
        return None

    def _delete(self, pod: Pod) -> ApiError | None:
        body = {"apiVersion": "v1", "kind": "DeleteOptions", **self._delete_options(pod)}
        try:
            self.api.delete(f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}", body)
        except ApiError as e:
            return e
        return None

    def _delete_options(self, pod: Pod) -> Object:
        # The UID keeps a pod of the same name that has taken this one's place (StatefulSet) from being evicted for it.
        options: Object = {"preconditions": {"uid": pod.uid}}
        if self.options.grace_period is not None:
            options["gracePeriodSeconds"] = self.options.grace_period
        return options

    def _take(self, pod: Pod, error: ApiError | None, now: float) -> None:
        """Take in the answer to an eviction: accepted, to be tried again, or the end of the drain."""
        if error is None or error.status == 404:  # 404: gone meanwhile
            self._ledger.accept(pod, now)
            self.report.changed = True
            return
        double = "more than one PodDisruptionBudget" in error.detail
        again = error.status in (409, 429) or error.status >= 500 or "NamespaceTerminating" in error.causes
        if double or not again:
            raise UpliftError(
                f"The pod {pod.key} on the node {self.node} cannot be evicted ({error.status}): {error.detail}"
            )
        message = "; ".join(error.cause_messages) or error.detail
        self._ledger.refuse(pod, message, "DisruptionBudget" in error.causes, now)

    def _take_forced(self, pod: Pod, error: ApiError | None, now: float) -> None:
        if error is None:
            self._ledger.force(pod, now)
            self.report.changed = True
        elif error.status not in (404, 409):  # gone meanwhile, or another pod of that name is there
            raise UpliftError(
                f"The pod {pod.key} on the node {self.node} cannot be deleted ({error.status}): {error.detail}"
            )

    def _look(self) -> bool:
        """Are all gone, by the API server's cache?"""
        found = _cordon.pods_on(self.api, self.node)
        for obj in found:
            if _drain_rules.deleted_long_ago(obj, self.options, time.time()):
                pod = self._ledger.give_up(obj["metadata"]["uid"])
                if pod:
                    self.report.left.append(_left(pod, "deleted long ago, not waited for"))
        self._ledger.look(_finished(found), clock())
        return not self._ledger.remaining()

    def _look_closely(self) -> bool:
        """Are all gone, by etcd? It also knows pods that were bound just before the cordon was seen."""
        found = _cordon.pods_on(self.api, self.node, exact=True)
        present = _finished(found)
        if not present.keys() <= self._ledger.seen:
            if not is_cordoned(_cordon.get_node(self.api, self.node)):
                raise UpliftError(f"Someone uncordoned the node {self.node} during its drain: pods come to it again.")
            self._decide(found)
        self._ledger.look(present, clock())
        return not self._ledger.remaining()

    # --- what is said of it ------------------------------------------------------------------------------------------

    def _seconds(self) -> float:
        return self._before + clock() - self._begun

    def _counted(self) -> float:
        """Seconds of the time-out that are over."""
        return self._seconds() - self._counted_from

    def _finish_report(self) -> None:
        now, ledger, report = clock(), self._ledger, self.report
        report.evicted, report.completed = list(ledger.evicted.values()), list(ledger.completed.values())
        report.forced, report.waited = list(ledger.forced.values()), ledger.waited(now)
        report.seconds = round(self._seconds(), 1)
        rows = [] if report.drained else ledger.rows(now)
        report.progress = {"line": _drain_words.progress_line(self.node, rows, report.seconds), "left": rows}
        if report.forced:
            report.warnings.append(_drain_words.forced(self.node, report.forced))

    def _timed_out(self) -> str:
        rows = self._ledger.rows(clock())
        ready = is_true(_cordon.get_node(self.api, self.node), "Ready")
        holding = {row["budget"] for row in rows if row["budget"]}
        budgets = self._survey.budgets() if holding else []
        never = {key_of(budget): _drain_rules.never_allows(budget) for budget in budgets}
        return _drain_words.timed_out(
            self.node,
            self.options.timeout,
            rows,
            ready,
            {key: why for key, why in never.items() if why and key in holding},
            self.options.force_past_budgets_after > 0,
        )

    def _give_back(self) -> str:
        gone = [f"{e['namespace']}/{e['name']}" for e in self._ledger.evicted.values()]
        text = (
            f"Pods that are gone stay gone, and their controllers start them elsewhere: {', '.join(gone)}. "
            if gone
            else ""
        )
        if self._lost():
            return text + "The node is left as it is, for the run that has the cluster now."
        if self.options.leaving or self.options.keep_cordon:
            return text + "The node stays cordoned."
        try:
            outcome = _cordon.uncordon(self.api, self.node)
        except UpliftError as e:
            return text + f"The node could not be uncordoned either, so it stays cordoned until the next run: {e}"
        if outcome.by_person:
            return text + "The node stays cordoned, as someone had left it."
        return text + ("The node was uncordoned again." if outcome.changed else "The node is not cordoned.")


def _finished(found: t.Iterable[Object]) -> dict[str, bool]:
    """UID -> whether the pod has finished."""
    return {obj["metadata"]["uid"]: _drain_rules.is_finished(obj) for obj in found}


def _left(pod: Pod, why: str) -> Object:
    return {"namespace": pod.namespace, "name": pod.name, "why": why}
