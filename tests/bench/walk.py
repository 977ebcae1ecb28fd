# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Walks the waves of workers on a cluster that lives, as the playbook does, and says what came of it.

What the collection decides and does with the API is done by its own code: which nodes go (_waves), whether a wave may
begin (_wave_now), drain, cordon, uncordon (_drain, _cordon). As in the playbook, all nodes of a wave are drained before
the first is upgraded. What a kubelet would do in between takes no time here: the node says the new version.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

import living
import lookout
import planning
import simulated

Object = dict[str, Any]

AUTO, GROUPS, FIFTH = "auto", "groups", "fifth"
NAMES = {AUTO: "auto", GROUPS: "auto, zones and groups", FIFTH: "20%"}
CANARIES = 1  # as the role has it by default, and so:
WAVE_TIMEOUT, DRAIN_TIMEOUT = 300.0, 900.0
SETTLES = 600.0  # seconds that pods may take to be Ready again before a walk, and after it


@dataclass
class Walked:
    """How a walk went. planned: waves, when it began; walked: waves that were; held: nodes that were held back from
    their wave, and went later, or not; by: what held them, by kind; left: workers that did not go, and why;
    evictions: by HTTP status; looks: CPU seconds of reading and choosing before each wave, a look; waited: seconds for
    waves to fit; drain: seconds of the longest one. broken, short, waiting: as in lookout.Seen."""

    how: str
    planned: int
    workers: int
    walked: int = 0
    largest: int = 0
    held: int = 0
    by: dict[str, int] = field(default_factory=dict)
    left: int = 0
    why: str = ""
    evictions: dict[str, int] = field(default_factory=dict)
    broken: dict[str, int] = field(default_factory=dict)
    short: int = 0
    waiting: int = 0
    looks: list[float] = field(default_factory=list)
    waited: float = 0.0
    drain: float = 0.0
    failed: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    mib: float = 0.0


class Walker:
    """Takes workers out, wave by wave, until all have gone, a drain has failed, or the time is over.

    version: what nodes say after it. forks: on how many nodes Ansible works at once. deadline: by time.monotonic().
    """

    def __init__(
        self, api: Any, version: str, forks: int, deadline: float, walked: Walked, say: Callable[[str], None]
    ) -> None:
        self.api, self.version, self.forks, self.deadline = api, version, forks, deadline
        self.walked, self.say = walked, say
        self.done: list[str] = []

    def with_look(self, waves: Sequence[Sequence[str]], rules: Any) -> None:
        """Waves of kubeadm_upgrade_serial: auto, each held against the cluster first; then the nodes held back."""
        from ansible_collections.uplift.kubeadm.plugins.module_utils import _wave_now

        held = self._in_turn(waves, rules)
        if held and not self._over():
            self.say(f"{len(held)} nodes were held back; they go now")
            self._in_turn(_wave_now.plan_anew(self.api, held, rules), rules)

    def at_once(self, waves: Sequence[Sequence[str]]) -> None:
        """Waves of a fixed size, without a look at anything."""
        for nodes in waves:
            if self._over():
                return
            self._go(nodes, time.monotonic())

    def why(self) -> str:
        """Why those that did not go did not."""
        if self.walked.failed:
            return f"{len(self.walked.failed)} drains failed"
        return "the time was over" if self._over() else "held back twice"

    def _in_turn(self, waves: Sequence[Sequence[str]], rules: Any) -> list[str]:
        """The nodes that were held back."""
        held: list[str] = []
        for nodes in waves:
            if self._over():
                break
            begun = time.monotonic()
            fits = self._let_in(nodes, rules)
            back = [node for node in nodes if node not in fits]
            held += back
            self._go(fits, begun, f", {len(back)} held back" if back else "")
        self.walked.held += len(held)
        return held

    def _let_in(self, nodes: Sequence[str], rules: Any) -> list[str]:
        from ansible_collections.uplift.kubeadm.plugins.module_utils import _wave_now

        sleeps = []

        def sleep(seconds: float) -> None:
            sleeps.append(seconds)
            time.sleep(seconds)

        patience = max(0.0, min(WAVE_TIMEOUT, self.deadline - time.monotonic()))
        _wave_now.watch(self.api, self.done, 0, patience)
        used = time.thread_time()
        answer = _wave_now.let_in(self.api, nodes, rules, patience, _wave_now.Clock(sleep=sleep))
        self.walked.looks.append((time.thread_time() - used) / (len(sleeps) + 1))
        self.walked.waited += answer["waited"]
        for what in answer["held"].values():
            self.walked.by[kind_of(what)] = self.walked.by.get(kind_of(what), 0) + 1
        fits: list[str] = answer["fits"]
        return fits

    def _go(self, nodes: Sequence[str], begun: float, and_so: str = "") -> None:
        """Drain them all, then bring them back with the new version."""
        looked = time.monotonic()
        with ThreadPoolExecutor(self.forks) as pool:
            out = [node for node, drained in zip(nodes, pool.map(self._drain, nodes), strict=True) if drained]
            list(pool.map(self._bring_back, out))
        self.done += out
        self.walked.walked += 1
        self.walked.largest = max(self.walked.largest, len(nodes))
        spent = f"{looked - begun:.0f} s to begin, {time.monotonic() - looked:.0f} s out"
        self.say(
            f"wave {self.walked.walked} ({self.walked.planned} planned): {len(nodes)} nodes{and_so}, {spent}; "
            f"{len(self.done)} of {self.walked.workers} done"
        )

    def _drain(self, node: str) -> bool:
        from ansible_collections.uplift.kubeadm.plugins.module_utils import _drain, _drain_rules
        from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

        timeout = max(60.0, min(DRAIN_TIMEOUT, self.deadline - time.monotonic()))
        drain = _drain.Drain(self.api, node, _drain_rules.Options(timeout=timeout))
        try:
            drain.run()
        except UpliftError as e:
            self.walked.failed[node] = str(e)
            self.say(f"FAILED: {e}")
            return False
        finally:
            self.walked.drain = max(self.walked.drain, drain.report.seconds)
        return True

    def _bring_back(self, node: str) -> None:
        from ansible_collections.uplift.kubeadm.plugins.module_utils import _cordon

        self.api.patch(f"/api/v1/nodes/{node}/status", {"status": {"nodeInfo": {"kubeletVersion": self.version}}})
        _cordon.uncordon(self.api, node)

    def _over(self) -> bool:
        """A failed drain ends a run, as nodes may fail (kubeadm_upgrade_max_failed) only where somebody says so."""
        return bool(self.walked.failed) or time.monotonic() >= self.deadline


def kind_of(what: str) -> str:
    """What held a node back, in the words of _waves_words.what(): a budget, room, or a workload without a budget."""
    return next((kind for kind in ("no disruption budget", "disruption budget", "room") if kind in what), what)


def rules_of(how: str, forks: int) -> Any:
    """What the user of such a run would have said."""
    from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_rules import Rules, read_groups

    groups = read_groups(living.GROUPS if how == GROUPS else [], {})
    return Rules(groups=groups, canaries=CANARIES, forks=forks)


def fifths(workers: Sequence[str]) -> list[Sequence[str]]:
    """Batches of a fifth, as Ansible makes them of `serial: 20%`."""
    size = max(1, len(workers) // 5)
    return [workers[start : start + size] for start in range(0, len(workers), size)]


def workers_of(facts: Any) -> list[str]:
    return [name for name, node in sorted(facts["nodes"].items()) if node["role"] == "worker"]


def walk(how: str, kubeconfig: str, version: str, forks: int, limit: float, say: Callable[[str], None]) -> Object:
    """Wait until the cluster is whole, then take all workers out once, for `limit` seconds at most."""
    from ansible_collections.uplift.kubeadm.plugins.module_utils import _api, _cluster_facts
    from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast import oldest_api_server
    from ansible_collections.uplift.kubeadm.plugins.module_utils._waves import plan_waves

    api = _api.connect({"kubeconfig": kubeconfig, "transport": "stdlib", "api_timeout": 120})
    simulated.wait(lambda: living.unsettled(api), SETTLES, say)
    facts = _cluster_facts.read_for_waves(api)
    workers, rules = workers_of(facts), rules_of(how, forks)
    waves: Sequence[Sequence[str]] = fifths(workers)
    if how != FIFTH:
        waves = [wave.nodes for wave in plan_waves(facts, workers, rules, oldest_api_server(facts)).waves]
    del facts
    walked = Walked(how, len(waves), len(workers))
    before, begun = lookout.count_evictions(kubeconfig), time.monotonic()
    walker = Walker(api, version, forks, begun + limit, walked, say)
    with lookout.watching(kubeconfig) as seen:
        walker.with_look(waves, rules) if how != FIFTH else walker.at_once(waves)
        walked.seconds = time.monotonic() - begun
        simulated.wait(lambda: living.unsettled(api), SETTLES, say)
    walked.evictions = lookout.since(before, lookout.count_evictions(kubeconfig))
    walked.broken, walked.waiting = seen.broken, seen.waiting
    walked.short = max(seen.short.values(), default=0)
    walked.left, walked.why, walked.mib = walked.workers - len(walker.done), walker.why(), planning.peak()
    prove(api, walker.done, version)
    return asdict(walked)


def prove(api: Any, done: Sequence[str], version: str) -> None:
    """That the nodes that went serve again, and say the new version."""
    from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import is_cordoned, is_true

    def state(node: Object) -> tuple[str, bool]:
        serves = is_true(node, "Ready") and not is_cordoned(node)
        return node["metadata"]["name"], serves and node["status"]["nodeInfo"]["kubeletVersion"] == version

    serving = {name for name, serves in api.list("/api/v1/nodes", keep=state) if serves}
    lost = sorted(set(done) - serving)
    if lost:
        raise SystemExit(f"These went, and do not serve with {version}: {', '.join(lost)}")


HEADER = (
    "| nodes | walked | waves planned | waves walked | largest | held back | not gone | evictions | refused (429) "
    "| budgets broken | of those without a budget out at most | without room at most | a look, CPU s "
    "| longest drain, s | minutes | peak MiB |"
)


def row(nodes: int, walked: Object) -> str:
    evicted = sum(number for code, number in walked["evictions"].items() if code.startswith("2"))
    looks = sorted(walked["looks"])
    look = f"{looks[len(looks) // 2]:.2f}, at most {looks[-1]:.2f}" if looks else "-"
    left = f"{walked['left']:,} ({walked['why']})" if walked["left"] else "0"
    return (
        f"| {nodes:,} | {NAMES[walked['how']]} | {walked['planned']} | {walked['walked']} | {walked['largest']} "
        f"| {walked['held']} | {left} | {evicted:,} | {walked['evictions'].get('429', 0):,} "
        f"| {len(walked['broken'])} | {walked['short']} of {living.crowd.REPLICAS} | {walked['waiting']} | {look} "
        f"| {math.ceil(walked['drain'])} | {walked['seconds'] / 60:.1f} | {walked['mib']:.0f} |"
    )
