# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The book of one drain: which pods it has to see gone, which evictions were accepted, what holds the others. No I/O.

Times are seconds since the epoch, so that they mean the same to the next run.
"""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass

from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_order import Group
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_rules import Options, Pod
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_verdict import WAIT

# Seconds between two tries against a budget that refuses; kubectl: always 5. What it waits for is often a replica that
# is Ready elsewhere after a second or two.
FIRST_PAUSE, PAUSE_GROWS, LONGEST_PAUSE = 0.25, 1.6, 4.0

Row = dict[str, t.Any]


@dataclass
class Gate:
    """What evictions have to pass one by one once it has refused: a budget, or what refused one pod alone."""

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
        self.waited = self.seconds(now)
        self.refusing_since, self.next_try, self.pause = None, 0.0, FIRST_PAUSE

    def seconds(self, now: float) -> float:
        return self.waited + (now - self.refusing_since if self.refusing_since is not None else 0.0)


class Ledger:
    """See above. dump() and load() carry it from one slice, or one run that was killed, to the next."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.targets: dict[str, Pod] = {}  # by UID, as all others here: the pods that have to be seen gone
        self.seen: set[str] = set()  # all pods that this drain ever decided on
        self.sent: dict[str, float] = {}  # when the eviction was accepted
        self.gone: set[str] = set()
        self.evicted: dict[str, Row] = {}
        self.completed: dict[str, Row] = {}
        self.forced: dict[str, Row] = {}
        self.gates: dict[str, Gate] = {}  # by budget, or "pod NAMESPACE/NAME"
        self.turns: dict[int, float] = {}  # index of a group of the order -> when its turn came
        self.volumes: dict[str, str] = {}  # VolumeAttachments to be seen gone -> what they attach

    def adopt(self, pods: t.Collection[Pod]) -> None:
        """Take in what was decided on the pods that are on the node now."""
        for pod in pods:
            self.seen.add(pod.uid)
            if pod.leaves:
                self.targets[pod.uid] = pod
            else:
                self.targets.pop(pod.uid, None)

    def remaining(self) -> list[Pod]:
        return [pod for uid, pod in self.targets.items() if uid not in self.gone]

    def due(self, now: float) -> list[Pod]:
        """Pods to evict now: of the group whose turn it is, and one alone behind a budget that has refused."""
        turn = self._turn(now)
        due: list[Pod] = []
        tried: set[int] = set()
        for pod in self._untouched(turn):
            gates = self._gates(pod)
            shut = [gate for gate in gates if gate.refusing_since is not None]
            if self._awaited(pod, now) or any(now < gate.next_try or id(gate) in tried for gate in shut):
                continue
            tried.update(map(id, shut))
            due.append(pod)
        return due

    def forcible(self, now: float) -> list[Pod]:
        """Of the group whose turn it is, the pods that a budget refuses to let go."""
        return [
            pod
            for pod in self._untouched(self._turn(now))
            if pod.budgets and not self._awaited(pod, now) and self._budget_gate(pod).refusing_since is not None
        ]

    def accept(self, pod: Pod, now: float) -> None:
        self.sent[pod.uid] = now
        for gate in self._gates(pod):
            gate.open(now)

    def refuse(self, pod: Pod, message: str, by_budget: bool, now: float) -> None:
        gate = self._budget_gate(pod) if by_budget else self._own_gate(pod)
        gate.refuse(now, message)

    def force(self, pod: Pod, now: float) -> None:
        gate = self._budget_gate(pod)
        self.forced[pod.uid] = {
            "namespace": pod.namespace,
            "name": pod.name,
            "budget": pod.budgets[0],
            "seconds": round(now - (gate.refusing_since or now), 1),
        }
        self.sent[pod.uid] = now

    def look(self, present: t.Mapping[str, bool], now: float) -> None:
        """Take in which pods are on the node: UID -> whether it has finished."""
        for uid, pod in self.targets.items():
            if uid not in present:
                self._leave(pod, now)
            elif pod.verdict == WAIT and uid not in self.sent and present[uid]:
                self._complete(pod, now)
            elif uid not in self.completed:
                self.gone.discard(uid)

    def give_up(self, uid: str) -> Pod | None:
        """A pod that is not waited for any more; None when it was none of the drain's."""
        return self.targets.pop(uid, None)

    def waited(self, now: float) -> list[Row]:
        return [
            {"budget": key, "seconds": round(gate.seconds(now), 1), "refusals": gate.refusals}
            for key, gate in sorted(self.gates.items())
            if gate.refusals and not key.startswith("pod ")
        ]

    def rows(self, now: float) -> list[Row]:
        """What is left, and what each waits for.

        {"namespace", "name", "state": held | refused | ending | running | queued | attached, "budget": the one that
        holds it, or null, "seconds": for how long, "refusals", "why": in words}. "attached" is a volume, of no
        namespace.
        """
        turn = self._turn(now)
        rows = [self._row(pod, turn, now) for pod in self.remaining()]
        return rows or [
            _entry("", name, "attached", 0.0, f"the volume {what} is still attached")
            for name, what in sorted(self.volumes.items())
        ]

    def interrupt(self, at: float) -> None:
        """Nobody went on with the drain since then: budgets that refused held nothing meanwhile."""
        for gate in self.gates.values():
            gate.open(at)

    def dump(self) -> Row:
        return {
            "targets": {
                uid: {"namespace": pod.namespace, "name": pod.name, "verdict": pod.verdict, "group": pod.group.index}
                for uid, pod in self.targets.items()
            },
            "seen": sorted(self.seen),
            "sent": self.sent,
            "gone": sorted(self.gone),
            "evicted": self.evicted,
            "completed": self.completed,
            "forced": self.forced,
            "gates": {key: asdict(gate) for key, gate in self.gates.items()},
            "turns": {str(index): began for index, began in self.turns.items()},
            "volumes": self.volumes,
        }

    def load(self, kept: Row) -> None:
        """Raises KeyError, TypeError, ValueError or AttributeError for what dump() did not write."""
        self.targets = {
            uid: Pod(row["namespace"], row["name"], uid, row["verdict"], group=Group(row["group"]))
            for uid, row in kept["targets"].items()
        }
        self.seen, self.gone = set(kept["seen"]), set(kept["gone"])
        self.sent = {uid: float(at) for uid, at in kept["sent"].items()}
        self.evicted, self.completed, self.forced = (dict(kept[key]) for key in ("evicted", "completed", "forced"))
        self.gates = {key: Gate(**gate) for key, gate in kept["gates"].items()}
        self.turns = {int(index): float(began) for index, began in kept["turns"].items()}
        self.volumes = dict(kept["volumes"])

    def _turn(self, now: float) -> int:
        """The index of the first group of the order that has pods left."""
        index = min((pod.group.index for pod in self.remaining()), default=0)
        self.turns.setdefault(index, now)
        return index

    def _untouched(self, turn: int) -> list[Pod]:
        """The pods of a group that still have to be asked to go."""
        return [
            pod
            for pod in self.remaining()
            if pod.group.index == turn and pod.uid not in self.sent and not pod.terminating
        ]

    def _awaited(self, pod: Pod, now: float) -> bool:
        """Is the pod left to complete?"""
        if pod.verdict != WAIT:
            return False
        return pod.group.timeout is None or now < self.turns.get(pod.group.index, now) + pod.group.timeout

    def _gates(self, pod: Pod) -> list[Gate]:
        return [self._budget_gate(pod), self._own_gate(pod)]

    def _budget_gate(self, pod: Pod) -> Gate:
        return self.gates.setdefault(pod.budgets[0], Gate()) if pod.budgets else self._own_gate(pod)

    def _own_gate(self, pod: Pod) -> Gate:
        return self.gates.setdefault(f"pod {pod.key}", Gate())

    def _leave(self, pod: Pod, now: float) -> None:
        self.gone.add(pod.uid)
        since = self.sent.get(pod.uid)
        if since is None and pod.verdict == WAIT:
            self._complete(pod, now)
            return
        seconds = round(now - since, 1) if since is not None else None
        self.evicted.setdefault(pod.uid, {"namespace": pod.namespace, "name": pod.name, "seconds": seconds})

    def _complete(self, pod: Pod, now: float) -> None:
        self.gone.add(pod.uid)
        seconds = round(now - self.turns.get(pod.group.index, now), 1)
        self.completed.setdefault(pod.uid, {"namespace": pod.namespace, "name": pod.name, "seconds": seconds})

    def _row(self, pod: Pod, turn: int, now: float) -> Row:
        def row(state: str, seconds: float, why: str, **more: t.Any) -> Row:
            return _entry(pod.namespace, pod.name, state, seconds, why, **more)

        if pod.uid in self.sent:
            seconds = now - self.sent[pod.uid]
            how = "deleted past its budget" if pod.uid in self.forced else "evicted"
            return row("ending", seconds, f"{how} {seconds:.0f} s ago and still terminating; it has {pod.grace} s")
        if pod.terminating:
            return row("ending", 0.0, "terminating since before the drain")
        if pod.group.index != turn:
            return row("queued", 0.0, f"its turn comes with {pod.group.text}")
        if self._awaited(pod, now):
            seconds, limit = now - self.turns[turn], pod.group.timeout
            return row("running", seconds, f"left to complete for {seconds:.0f} s{f' of {limit} s' if limit else ''}")
        own, gate = self._own_gate(pod), self._budget_gate(pod)
        if own.refusing_since is not None or not pod.budgets:
            why = "its eviction is refused" if own.refusals else "not evicted yet"
            return row("refused" if own.refusals else "queued", own.seconds(now), _refused(why, own, now))
        seconds = gate.seconds(now)
        why = _refused(f"held by the budget {pod.budgets[0]}", gate, now)
        return row("held", seconds, why, budget=pod.budgets[0], refusals=gate.refusals)


def _entry(
    namespace: str, name: str, state: str, seconds: float, why: str, budget: str | None = None, refusals: int = 0
) -> Row:
    return {
        "namespace": namespace,
        "name": name,
        "state": state,
        "budget": budget,
        "seconds": round(seconds, 1),
        "refusals": refusals,
        "why": why,
    }


def _refused(what: str, gate: Gate, now: float) -> str:
    if not gate.refusals:
        return what
    return f"{what}, which refused {gate.refusals} times in {gate.seconds(now):.0f} s: {gate.message}"
