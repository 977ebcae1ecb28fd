# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disruption budgets as the disruption controller counts them and as the API server asks them. Pure.

Sources, read at 1.24 to 1.30: kubernetes pkg/controller/disruption/disruption.go (getExpectedPodCount, updatePdbStatus,
failSafe) and pkg/registry/core/pod/storage/eviction.go (Create, checkAndDecrement, getPodDisruptionBudgets).
"""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils import _budgets
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast_pods import WITHOUT_SCALE, Pod, Workloads
from ansible_collections.uplift.kubeadm.plugins.module_utils._placement_shapes import Facts
from ansible_collections.uplift.kubeadm.plugins.module_utils._selectors import is_empty
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import Version

NEVER = "never"  # by its own arithmetic: until somebody changes the budget or its workload
NOW = "now"  # not while as few pods are healthy as at present
ROOM = "room"  # not until pods that were evicted run again, and they find no room
UNOBSERVED = "unobserved"  # its numbers cannot be known

_UNHEALTHY_POLICY = Version(27, 0)  # unhealthyPodEvictionPolicy: alpha and off in 1.26


class Budget:
    """A PodDisruptionBudget, with its numbers as the simulation goes.

    expected, desired: pods there should be, and that have to stay healthy. healthy: that are. All None when unknown.
    never: why it can allow no eviction; "" when it can.
    observed: whether the controller has taken in the budget as it is now.
    granted: pods that it let go and that are still there, sound: whoever had their evictions granted was cut off before
        they were deleted. The controller forgets such a grant two minutes after it was given.
    waiting: its pods that were evicted, were healthy, and found no place.
    """

    __slots__ = (
        "desired",
        "empty",
        "expected",
        "facts",
        "granted",
        "healthy",
        "key",
        "never",
        "observed",
        "pods",
        "stuck",
        "unready",
        "waiting",
    )

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.key = f"{facts['ns']}/{facts['name']}"
        self.empty = is_empty(facts.get("selector"))
        self.observed = bool(facts.get("observed", True))
        self.expected = self.desired = 0
        self.healthy = 0
        self.never = ""
        self.stuck = False  # its status allows nothing though it should
        self.pods = 0
        self.unready: list[Pod] = []
        self.granted: list[str] = []
        self.waiting: dict[int, Pod] = {}  # by id()

    @property
    def allowed(self) -> int:
        """disruptionsAllowed, as updatePdbStatus() has it."""
        return 0 if self.expected <= 0 or self.stuck else max(0, self.healthy - self.desired)

    @property
    def rule(self) -> str:
        """ "minAvailable: 50%"."""
        return _budgets.rule(self.facts.get("max_unavailable"), self.facts.get("min_available"))

    def begin(self, pods: t.Sequence[Pod], workloads: Workloads) -> None:
        """Take in its pods, and work out where it stands before anything is drained."""
        self.pods = len(pods)
        self.unready = [pod for pod in pods if not pod.ready]
        count = (self.facts.get("expected_pods"), self.facts.get("desired_healthy"), self.facts.get("current_healthy"))
        if self.observed and None not in count:
            self.expected, self.desired, self.healthy = (int(number) for number in count if number is not None)
            self.granted = sorted({pod.facts["name"] for pod in pods if pod.ready} & set(self.facts.get("granted", ())))
            if self.granted:
                self.healthy = sum(pod.ready for pod in pods)
            else:
                self.stuck = self.facts.get("disruptions_allowed") == 0 and self.allowed > 0
        else:
            self.healthy = self.pods - len(self.unready)
            numbers = expected_numbers(self.facts, pods, workloads)
            self.observed = False
            self.stuck = numbers is None
            self.expected, self.desired = numbers or (0, 0)
        self.never = self._never(pods)

    def admits(self, pod: Pod, api: Version) -> bool:
        """Would the API server evict this pod now? (For one that does not pass by budgets.)"""
        if not pod.ready:
            if self.facts.get("unhealthy_policy") == "AlwaysAllow" and api >= _UNHEALTHY_POLICY:
                return True
            if self.healthy >= self.desired > 0:
                return True
        return self.allowed > 0

    def why(self) -> str:
        """Why it admits none: NEVER, NOW, ROOM or UNOBSERVED."""
        if self.never:
            return NEVER
        if self.stuck and not self.observed:
            return UNOBSERVED
        return ROOM if self.healthy + len(self.waiting) > self.desired and self.waiting else NOW

    def _never(self, pods: t.Sequence[Pod]) -> str:
        most, least = self.facts.get("max_unavailable"), self.facts.get("min_available")
        if not self.pods:
            return ""
        never = _budgets.never_allows(most, least, self.expected, self.desired)
        if never:
            return never
        if not isinstance(least, int) or most is not None:
            kinds = sorted({pod.owner[0] for pod in pods if pod.owner and pod.owner[0] in WITHOUT_SCALE})
            if kinds and (not self.observed or self.stuck):
                return f"{self.rule}, of pods of a {kinds[0]}, which has no scale to count by"
            if self.expected == 0 and all(pod.owner is None for pod in pods):
                return f"{self.rule}, of pods without a controller to count by"
        return ""


def expected_numbers(budget: Facts, pods: t.Sequence[Pod], workloads: Workloads) -> tuple[int, int] | None:
    """(expected, desired) pods of a budget, as getExpectedPodCount() has them; None when that cannot be known."""
    most, least = budget.get("max_unavailable"), budget.get("min_available")
    if most is None and isinstance(least, int):
        return len(pods), least
    expected = 0
    for namespace, owner in {(pod.facts["ns"], pod.owner) for pod in pods if pod.owner}:
        replicas = workloads.replicas(namespace, owner)
        if replicas is None or owner[0] in WITHOUT_SCALE:
            return None
        expected += replicas
    try:
        return expected, _budgets.desired(most, least, expected)
    except ValueError:
        return None
