# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A planned wave, held against the cluster as it is when the wave is to begin."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils import _cluster_facts
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Api, Object
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import is_true
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast import oldest_api_server
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves import fitting, plan_waves, to_stay_cordoned
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_rules import Rules
from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_words import what

_SHARE = 4  # of the time at most a fifth is spent reading
# Seconds without a pod on its way, after which waiting is in vain: a budget's status, and the pods that a controller
# owes, are written within moments.
_STILL = 15.0
# Seconds without a change, after which a pod that is not Ready, or does not end, is broken: in a large cluster there is
# always one, and no wave is to wait for it.
_BROKEN = 60.0


class Clock(t.NamedTuple):
    """Where time comes from; tests have their own."""

    now: t.Callable[[], float] = time.monotonic
    sleep: t.Callable[[float], None] = time.sleep


REAL = Clock()


def watch(api: Api, nodes: t.Collection[str], seconds: float, patience: float, clock: Clock = REAL) -> None:
    """See that nodes that were upgraded stay Ready for so long. One that is not yet Ready gets `patience` seconds.

    :raises UpliftError: one is not Ready, by name.
    """
    begun = clock.now()
    ready_once = False
    while True:
        asked = clock.now()
        down = sorted(_not_ready(api, nodes)) if nodes else []
        if down and (ready_once or asked - begun >= patience):
            raise UpliftError(
                f"{', '.join(down)} went before and should be in service, but is not Ready now, after "
                f"{clock.now() - begun:.0f} s of watching. No node after it was begun."
            )
        ready_once = ready_once or not down
        if not down and asked - begun >= seconds:
            return
        clock.sleep(max(1.0, (clock.now() - asked) * _SHARE))


def _not_ready(api: Api, nodes: t.Collection[str]) -> set[str]:
    wanted = frozenset(nodes)

    def name_and_state(node: Object) -> tuple[str, bool]:
        return node["metadata"]["name"], is_true(node, "Ready")

    return {name for name, ready in api.list("/api/v1/nodes", keep=name_and_state) if name in wanted and not ready}


def let_in(api: Api, nodes: t.Sequence[str], rules: Rules, patience: float, clock: Clock = REAL) -> dict[str, t.Any]:
    """Which nodes of a planned wave may be out together now. All of them; or what is so after `patience` seconds, and
    sooner where no pod is on its way any more.

    Returns {"fits": [nodes in order, one at least], "held": {node: by what}, "waited": seconds}. One node alone goes in
    the end whatever holds it, and also where it cannot be read what does: its drain waits for budgets itself.
    """
    if not nodes:
        return {"fits": [], "held": {}, "waited": 0.0}
    begun = moved = clock.now()
    unsettled = Unsettled()
    while True:
        asked = clock.now()
        try:
            facts = _cluster_facts.read_for_waves(api)
        except _cluster_facts.Unread:
            if len(nodes) > 1:
                raise
            return {"fits": list(nodes), "held": {}, "waited": round(asked - begun, 1)}
        fit = fitting(facts, nodes, rules, oldest_api_server(facts))
        if unsettled.look(facts["pods"], clock.now()):
            moved = clock.now()
        free = not fit.held and not fit.forced
        if free or clock.now() - begun >= patience or clock.now() - moved >= _STILL:
            words = {name: what(key, fit.limits) for name, key in fit.held.items()}
            return {"fits": fit.nodes, "held": words, "waited": round(asked - begun, 1)}
        clock.sleep(max(1.0, (clock.now() - asked) * _SHARE))


class Unsettled:
    """Pods that wait for a node, start or end, and since when each has been as it is."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[tuple[t.Any, ...], float]] = {}

    def look(self, pods: t.Iterable[Object], now: float) -> bool:
        """Is one on its way? Then what a limit lets go may still change."""
        found = {}
        for pod in pods:
            going = bool(pod.get("terminating"))
            if pod["phase"] not in ("Succeeded", "Failed") and (going or not pod.get("ready")):
                state = (pod.get("node"), pod["phase"], going)
                before = self._since.get(pod["uid"])
                found[pod["uid"]] = before if before and before[0] == state else (state, now)
        self._since = found
        return any(now - since < _BROKEN for _state, since in found.values())


def plan_anew(api: Api, nodes: t.Sequence[str], rules: Rules) -> list[list[str]]:
    """Waves of nodes that did not fit into those that they were planned for.

    Those that are cordoned already stay so, as nodes do that are to go: no pod finds room on one that was drained.
    """
    facts = _cluster_facts.read_for_waves(api)
    known = facts["nodes"]
    known.update({name: to_stay_cordoned(known[name]) for name in nodes if name in known})
    found = [wave.nodes for wave in plan_waves(facts, nodes, rules, oldest_api_server(facts)).waves]
    planned = {name for wave in found for name in wave}
    return found + [[name] for name in nodes if name not in planned]  # nodes that the cluster does not know any more
