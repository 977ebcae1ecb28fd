# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pods as a forecast moves them: what a drain would do with each, and whose they are. Pure.

The verdicts are those of the drain, from facts in the place of API objects.
"""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_order import NO_ORDER, Order, group_of, parse_order
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_verdict import (
    EVICT,
    LEAVE,
    WAIT,
    Traits,
    Verdict,
    judge,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import unread_of
from ansible_collections.uplift.kubeadm.plugins.module_utils._placement import Refusal
from ansible_collections.uplift.kubeadm.plugins.module_utils._placement_shapes import Facts, Shape

DEFAULT_GRACE = 30  # seconds; facts leave out a terminationGracePeriodSeconds of that
# Controllers that stand in a pod's ownerReferences and have no subresource scale.
WITHOUT_SCALE = frozenset(("Job", "DaemonSet", "Node"))


class DrainOptions(t.NamedTuple):
    """The role's variables kubeadm_upgrade_drain_…; a check gets them in Context.options as drain_…."""

    delete_emptydir_data: bool = False
    force_unmanaged: bool = False
    grace_period: int | None = None
    timeout: float = 900
    order: Order = NO_ORDER

    @classmethod
    def read(cls, options: t.Mapping[str, t.Any]) -> DrainOptions:
        """Raises UpliftError for an order that is no good."""
        grace = options.get("drain_grace_period")
        timeout = float(options.get("drain_timeout") or 900)
        return cls(
            _is_true(options.get("drain_delete_emptydir_data")),
            _is_true(options.get("drain_force_unmanaged")),
            int(grace) if grace not in (None, "") else None,
            timeout,
            parse_order(options.get("drain_order"), timeout),
        )


class Pod:
    """A pod of the simulation. `node` is "" while no node takes it; `home` is the node that it last ran on."""

    __slots__ = ("facts", "home", "node", "owner", "ready", "refusal", "shape")

    def __init__(self, facts: Facts, shape: Shape, owner: tuple[str, str] | None) -> None:
        self.facts = facts
        self.shape = shape
        self.owner = owner
        self.node: str = facts.get("node") or ""
        self.home = self.node
        self.ready = bool(facts.get("ready")) and not facts.get("terminating") and not facts.get("finished")
        self.refusal: Refusal | None = None

    @property
    def key(self) -> str:
        return f"{self.facts['ns']}/{self.facts['name']}"

    @property
    def workload(self) -> str:
        """ "Deployment shop/web"; of a pod without a controller "Pod shop/web-1"."""
        kind, name = self.owner or ("Pod", self.facts["name"])
        return f"{kind} {self.facts['ns']}/{name}"

    @property
    def passes_budgets(self) -> bool:
        """canIgnorePDB() in the API server's eviction.go."""
        return bool(self.facts.get("finished") or self.facts.get("terminating")) or self.facts.get("phase") == "Pending"

    @property
    def comes_back(self) -> bool:
        """Will its controller start another in its place? One that is terminating has been replaced already."""
        return self.owner is not None and not self.facts.get("finished") and not self.facts.get("terminating")


class Workloads:
    """The controllers of pods: what ReplicaSets stand for, and how many replicas each wants."""

    def __init__(self, facts: Facts) -> None:
        self._daemonsets_known = not unread_of(facts, "workloads")
        self._rows = {(row["kind"], row["ns"], row["name"]): row for row in facts.get("workloads") or []}

    def owner(self, pod: Facts) -> tuple[str, str] | None:
        """(kind, name) of what a person calls the owner: the Deployment, where a ReplicaSet belongs to one."""
        owner = pod.get("owner")
        if not owner:
            return None
        kind, name = owner["kind"], owner["name"]
        deployment = name.rpartition("-")[0]
        if kind == "ReplicaSet" and ("Deployment", pod["ns"], deployment) in self._rows:
            return "Deployment", deployment
        return kind, name

    def replicas(self, namespace: str, owner: tuple[str, str] | None) -> int | None:
        """How many there should be; None when the facts do not say."""
        row = self._rows.get((owner[0], namespace, owner[1])) if owner else None
        replicas = (row or {}).get("replicas")
        return replicas if isinstance(replicas, int) else None

    def has_daemonset(self, namespace: str, name: str) -> bool:
        return not self._daemonsets_known or ("DaemonSet", namespace, name) in self._rows

    def of_cron_job(self, namespace: str, job: str) -> bool:
        return ("CronJob", namespace, job.rpartition("-")[0]) in self._rows


def verdict(pod: Facts, workloads: Workloads, options: DrainOptions) -> Verdict:
    """What a drain does with a pod: EVICT, LEAVE, or REFUSE with each of UNMANAGED, ORPHAN, EMPTYDIR.

    A pod that is waited for ends by itself; it counts as one to evict where that has a time limit.
    """
    owner = pod.get("owner")
    group = group_of(options.order, pod["ns"], pod.get("labels") or {})
    traits = Traits(
        owner["kind"] if owner else None,
        workloads.has_daemonset(pod["ns"], owner["name"]) if owner else False,
        bool(pod.get("mirror")),
        bool(pod.get("finished")),
        bool(pod.get("empty_dir")),
    )
    what, why = judge(traits, group, options.delete_emptydir_data, options.force_unmanaged)
    if what == WAIT:
        return (LEAVE if group.timeout is None else EVICT), why
    return what, why


def _is_true(value: t.Any) -> bool:
    """Variables given with -e are strings."""
    return value.strip().lower() in ("true", "yes", "on", "1") if isinstance(value, str) else bool(value)
