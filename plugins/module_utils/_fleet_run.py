# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run for a fleet does with its clusters: look, upgrade, watch; several at once, and progress in lines."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from typing import Any, Protocol

from ansible_collections.uplift.kubeadm.plugins.module_utils import _fleet, _fleet_report
from ansible_collections.uplift.kubeadm.plugins.module_utils._durations import exactly
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._fleet_children import last_words
from ansible_collections.uplift.kubeadm.plugins.module_utils._fleet_clusters import LOOK, PLAN, SETTLE, UPGRADE

POLL = 0.5  # seconds between two looks at the children
LOOKS_AT_ONCE = 4  # looks and plans only read; each is an ansible-playbook on the controller
TELL_EVERY = 30.0  # seconds between two lines of progress of one cluster
# Seconds between two lines of a watch in which nothing happens: AWX and others end a job that says nothing for long.
TELL_WATCH = 600.0
LONGEST_LOOK = 120.0  # seconds; or the watch's patience where that is longer
LEFT_OUT = 4  # ansible-playbook's exit code when a host was unreachable; one may be left out (docs/upgrade.md)
TIMED_OUT = 124  # the exit code of a child that was ended, as of timeout(1); ansible-playbook has none like it
_LOOK_AGAIN = 5.0  # seconds, when a cluster that was well a moment ago is not: soon, as it may be settling


class Child(Protocol):
    """What is started for a cluster."""

    def poll(self) -> int | None: ...

    def end(self) -> None: ...


class Clusters(Protocol):
    """See _fleet_clusters.Clusters."""

    def launch(self, name: str, verb: str) -> Any: ...

    def plan(self, name: str) -> dict[str, Any] | None: ...

    def answer(self, name: str) -> dict[str, Any] | None: ...

    def upgrade(self, name: str) -> dict[str, Any] | None: ...

    def links(self, name: str) -> dict[str, str]: ...

    def log(self, name: str, verb: str) -> Any: ...


class Fleet:
    """The clusters of a document (_fleet_report), and what is done to them.

    :param tell: takes a line for the person who watches.
    :param save: takes the document whenever it has changed.
    :param alive: raises when nobody is left who would hear of it.
    """

    def __init__(
        self,
        document: dict[str, Any],
        clusters: Clusters,
        tell: Callable[[str], None],
        save: Callable[[dict[str, Any]], None],
        alive: Callable[[], None] = lambda: None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.document, self.clusters, self.tell, self._save = document, clusters, tell, save
        self.alive, self.sleep, self.clock = alive, sleep, clock
        self._told: dict[str, tuple[float, int]] = {}
        self._begun: dict[str, float] = {}  # when what runs for a cluster was started

    def look(self, names: Sequence[str]) -> None:
        """Plan the clusters, and see what they owe."""

        def looked(name: str, code: int) -> bool:
            summary, answer = self.clusters.plan(name), self.clusters.answer(name)
            planned = code == 0 or (code == LEFT_OUT and summary is not None)
            if not planned or answer is None:
                self._set(name, _fleet.UNKNOWN, why=last_words(self.clusters.log(name, PLAN)))
            else:
                state = _fleet.state_of(summary, answer["notes"])
                self._set(name, state, why="", plan=_fleet_report.plan_facts(summary), troubles=answer["troubles"])
            return True

        self._all(names, PLAN, LOOKS_AT_ONCE, looked)
        self.save()

    def upgrade(self, names: Sequence[str], at_once: int) -> bool:
        """Upgrade clusters; whether all went well. After one that did not, none is begun."""

        def begun(name: str) -> None:
            self._set(name, _fleet.UPGRADING, began=_now(), ended=None)
            self.say(name, f"upgrade to {self.document['target']} begins")
            self.save()

        def ended(name: str, code: int) -> bool:
            report = self.clusters.upgrade(name)
            outcome = report["done"]["outcome"] if report else ""
            well = code == 0 or (code == LEFT_OUT and outcome == "succeeded")
            if well:
                self._set(name, _fleet.WATCH, why="", ended=_now())
            else:
                failed = (report["done"]["failed"] if report else None) or {}
                stopped = outcome == "stopped" and not failed
                why = failed.get("message") or last_words(self.clusters.log(name, UPGRADE))
                self._set(name, _fleet.STOPPED if stopped else _fleet.FAILED, why=why, ended=_now())
            if report:
                self._entry(name)["done"] = _fleet_report.done_facts(report)
            self.say(name, "is upgraded" if well else f"FAILED; its log is {self.clusters.log(name, UPGRADE)}")
            self.save()
            return well

        return self._all(names, UPGRADE, at_once, ended, begun, self._progress)

    def watch(self, names: Sequence[str], soak: float, patience: float, every: float, settle: bool) -> bool:
        """Look at clusters until they have been well for `soak` seconds, or not for `patience`; whether they were.

        A look that hangs, as SSH to a host without power may, is ended, and its cluster was unwell all the while.

        :param every: seconds from one look to the next.
        :param settle: what was owed is done with when all is well to the end.
        """
        began, limit = self.clock(), max(LONGEST_LOOK, patience)
        looks: dict[str, list[tuple[float, bool]]] = {name: [] for name in names}
        if soak and names:
            self.tell(f"Watching {', '.join(names)} for {exactly(soak)}.")
        open_, told = list(names), began
        while open_:
            begun = self.clock()
            self._all(
                open_, LOOK, LOOKS_AT_ONCE, lambda name, code: self._looked(name, code, looks[name], began), limit=limit
            )
            verdicts = {name: _fleet.verdict(looks[name], soak, patience) for name in open_}
            failed = [name for name in open_ if verdicts[name] == _fleet.FAILED]
            for name in failed:
                self._set(name, _fleet.FAILED, why=_unwell(self._entry(name)["troubles"], patience))
                self.say(name, "FAILED: " + self._entry(name)["why"])
            self.save()
            if failed:
                return False
            open_ = [name for name in open_ if verdicts[name] == _fleet.GOING_ON]
            if open_:
                well = all(looks[name][-1][1] for name in open_)
                if self.clock() - told >= TELL_WATCH:
                    told = self.clock()
                    gone = exactly((told - began) // 60 * 60)
                    self.tell(f"Watching {', '.join(open_)}: {gone} of {exactly(soak)} are over.")
                rest = began + soak - self.clock()
                self._wait(begun + min(every if well else _LOOK_AGAIN, max(rest, 1.0) if well else every))
        return not settle or self._settle(names)

    def save(self) -> None:
        """Put the document where people read it."""
        for name, entry in self.document["clusters"].items():
            entry["links"] = self.clusters.links(name)
        self.document["generated"] = _now()
        _fleet_report.conclude(self.document)
        self._save(self.document)

    def say(self, name: str, text: str) -> None:
        self.tell(f"{datetime.now():%H:%M:%S} {name}: {text}")

    def _settle(self, names: Sequence[str]) -> bool:
        """Nothing is owed any more."""

        def settled(name: str, code: int) -> bool:
            if code == 0:
                self._set(name, _fleet.DONE, why="")
            else:
                self._set(name, _fleet.FAILED, why=last_words(self.clusters.log(name, SETTLE)))
            return code == 0

        well = self._all(names, SETTLE, LOOKS_AT_ONCE, settled)
        self.save()
        return well

    def _looked(self, name: str, code: int, looks: list[tuple[float, bool]], began: float) -> bool:
        answer = self.clusters.answer(name)
        missing = code != 0 or answer is None
        troubles = [last_words(self.clusters.log(name, LOOK))] if missing else list((answer or {})["troubles"])
        if code == TIMED_OUT:
            hung = exactly(self.clock() - self._begun[name])
            troubles = [f"a look was ended that had no answer after {hung}; its last words: {troubles[0]}"]
            looks.append((self._begun[name] - began, False))
        before = self._entry(name)["troubles"]
        self._entry(name)["troubles"] = troubles
        looks.append((self.clock() - began, not troubles))
        if troubles and troubles != before:
            self.say(name, f"not well: {'; '.join(troubles)}")
        elif before and not troubles:
            self.say(name, "well again")
        return True

    def _all(
        self,
        names: Sequence[str],
        verb: str,
        at_once: int,
        ended: Callable[[str, int], bool],
        begun: Callable[[str], None] = lambda name: None,
        progress: Callable[[str], None] = lambda name: None,
        limit: float = math.inf,
    ) -> bool:
        """Run a verb for clusters, `at_once` at a time, until all have ended; children never outlive this.

        :param limit: seconds after which a child is ended; `ended` is then given TIMED_OUT.
        :raises OSError, UpliftError: of ours (a disk that is full, no process more), when those that ran have ended.
        """
        waiting, badly = list(names), False
        running: dict[str, Child] = {}
        ours: list[Exception] = []
        try:
            while running or (waiting and not badly):
                self.alive()
                for name in _fleet.to_begin(waiting, len(running), badly, at_once):
                    waiting.remove(name)
                    with _kept(ours):
                        begun(name)
                        running[name], self._begun[name] = self.clusters.launch(name, verb), self.clock()
                    if name not in running and self._entry(name)["state"] == _fleet.UPGRADING:
                        self._set(name, _fleet.FAILED, why=f"Its upgrade could not be started: {ours[-1]}")
                for name, child in list(running.items()):
                    code = child.poll()
                    if code is None and self.clock() - self._begun[name] >= limit:
                        child.end()
                        code = TIMED_OUT
                    with _kept(ours):
                        if code is None:
                            progress(name)
                        else:
                            del running[name]
                            badly = not ended(name, code) or badly
                badly = badly or bool(ours)
                if running:
                    self.sleep(POLL)
        finally:
            for child in running.values():
                child.end()
        if ours:
            raise ours[0]
        return not badly

    def _progress(self, name: str) -> None:
        """A line when a cluster has done another step, not more often than a person wants to read."""
        at, steps = self._told.get(name, (self.clock(), 0))
        if self.clock() - at < TELL_EVERY:
            self._told[name] = (at, steps)
            return
        report = self.clusters.upgrade(name)
        done = [step for step in report["done"]["steps"] if step["ended"]] if report else []
        self._told[name] = (self.clock(), len(done))
        if len(done) > steps:
            self.say(name, f"{done[-1]['stage']} on {done[-1]['node']} done; steps so far: {len(done)}")

    def _wait(self, until: float) -> None:
        while self.clock() < until:
            self.alive()
            self.sleep(min(POLL, max(until - self.clock(), 0.01)))

    def _entry(self, name: str) -> dict[str, Any]:
        entry: dict[str, Any] = self.document["clusters"][name]
        return entry

    def _set(self, name: str, state: str, **facts: Any) -> None:
        self._entry(name).update(facts, state=state)


@contextlib.contextmanager
def _kept(errors: list[Exception]) -> Iterator[None]:
    """Keep an error for later: what else runs is not to be cut off for it."""
    try:
        yield
    except (OSError, UpliftError) as error:
        errors.append(error)


def _unwell(troubles: Sequence[str], patience: float) -> str:
    return f"It was not well for {exactly(patience)}: {'; '.join(troubles)}"


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
