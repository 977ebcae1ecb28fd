# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Findings about disruption budgets: those that hold a drain for good, now, or maybe; those that protect nothing."""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._check_drain_seen import Entries, by, lines, subject
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Context, Finding
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast import Forecast, oldest_api_server
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast_budgets import (
    NEVER,
    NOW,
    ROOM,
    UNOBSERVED,
    Budget,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import listing
from ansible_collections.uplift.kubeadm.plugins.module_utils._selectors import Labels, honours_empty_selector, matches
from ansible_collections.uplift.kubeadm.plugins.module_utils._times import epoch
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import parse_version

LATELY = 180  # seconds: those that the disruption controller keeps a grant (DeletionTimeout), and a minute more
MOST_IDLE = 20  # findings of budgets that select nothing; past them there is one for all
_REPOSITORY = "https://github.com/kubernetes/kubernetes/blob/v1.30.0"
EVICTION = f"{_REPOSITORY}/pkg/registry/core/pod/storage/eviction.go"
DISRUPTION = f"{_REPOSITORY}/pkg/controller/disruption/disruption.go"
GUIDE = "https://kubernetes.io/docs/tasks/run-application/configure-pdb/"
EMPTY_SELECTOR = "https://github.com/kubernetes/kubernetes/pull/119732"


def budget_findings(context: Context, outcome: Forecast) -> t.Iterator[Finding]:
    budgets = {budget.key: budget for budget in outcome.budgets}
    makers = {NEVER: _never, NOW: _now, ROOM: _room, UNOBSERVED: _unknown}
    for key, held in by(outcome, "blocked", "budget"):
        for why, make in makers.items():
            entries = [(row, entry) for row, entry in held if entry["why"] == why]
            if entries:
                yield make(context, budgets[key], entries)
    yield from _two_budgets(outcome)
    yield from _unobserved(outcome)
    yield from _select_nothing(outcome.budgets, _templates(context))
    for budget in outcome.budgets:
        yield from _granted(budget)
        yield from _selects_all(budget, context)


def _never(_context: Context, budget: Budget, entries: Entries) -> Finding:
    return Finding(
        id=f"drain-budget:{budget.key}",
        severity="blocker",
        title=f"The disruption budget {budget.key} can never allow an eviction",
        seen=(f"PodDisruptionBudget {budget.key}: {budget.never}", *lines(entries)),
        why="However healthy its pods are, it allows none of them to be evicted. A drain waits for it until its time "
        "is over, and the upgrade stops at that node.",
        fix=_widen(budget, entries),
        source=DISRUPTION,
    )


def _widen(budget: Budget, entries: Entries) -> str:
    """How to give a budget room for one pod."""
    namespace, name = budget.key.split("/")
    pods = max(budget.expected, budget.pods)
    workload = entries[0][1]["workload"]
    kind, owner = workload.partition(" ")[0].lower(), subject(workload).partition("/")[2]
    scale = f"kubectl -n {namespace} scale {kind}/{owner} --replicas={pods + 1}"
    if budget.facts.get("max_unavailable") is not None:
        rule = '{"spec":{"maxUnavailable":1}}'
    else:
        rule = f'{{"spec":{{"minAvailable":{max(0, pods - 1)}}}}}'
    patch = f"kubectl -n {namespace} patch pdb {name} --type merge -p '{rule}'"
    if budget.expected <= 0:
        rule = f'{{"spec":{{"maxUnavailable":null,"minAvailable":{max(0, pods - 1)}}}}}'
        patch = f"kubectl -n {namespace} patch pdb {name} --type merge -p '{rule}'"
        return f"Count its pods by a whole number of minAvailable: {patch}; or narrow its selector."
    fixed = isinstance(budget.facts.get("min_available"), int) and kind in ("deployment", "statefulset", "replicaset")
    more = f"Run one pod more than it asks for: {scale}; or allow one to be away: {patch}."
    return more if fixed else f"Allow one pod to be away: {patch}."


def _now(context: Context, budget: Budget, entries: Entries) -> Finding:
    """A blocker, unless that has only just begun: then it may be over when the drain comes."""
    moving = _closed_lately(context, budget) or any(
        pod.facts.get("phase") == "Pending" or pod.facts.get("terminating") for pod in budget.unready
    )
    names = [pod.key for pod in budget.unready]
    unready = f": not Ready: {listing(sorted(names), 8)}" if names else ""
    state = f"{budget.healthy} healthy, {budget.desired} wanted, {budget.expected} expected"
    namespace = budget.key.partition("/")[0]
    if budget.stuck:
        state += (
            ", and yet its status allows no disruption: the controller could not work it out (its condition says why)"
        )
    return Finding(
        id=f"drain-budget-now:{budget.key}",
        severity="warning" if moving else "blocker",
        title=f"The disruption budget {budget.key} allows no eviction while its pods are as they are",
        seen=(f"PodDisruptionBudget {budget.key} ({budget.rule}): {state}{unready}", *lines(entries)),
        why="It would allow evictions if more of its pods were Ready. If they do not get better, a drain waits for "
        "it until its time is over, and the upgrade stops at that node.",
        fix=f"See why pods are not Ready (kubectl -n {namespace} get pods, and describe), and mend that first. "
        "From Kubernetes 1.27 on, unhealthyPodEvictionPolicy: AlwaysAllow lets pods go that are not Ready; "
        f"kubectl -n {namespace} describe pdb {budget.key.partition('/')[2]} shows where it stands.",
        source=EVICTION,
    )


def _closed_lately(context: Context, budget: Budget) -> bool:
    """Whether it did so for so short a time that its pods may just be starting: after a drain that was cut off, say."""
    since, now = budget.facts.get("closed_since"), context.facts.get("read_at")
    return since is not None and now is not None and now - epoch(since) < LATELY


def _room(_context: Context, budget: Budget, entries: Entries) -> Finding:
    certain = any(entry["certain"] for _row, entry in entries)
    return Finding(
        id=f"drain-budget-room:{budget.key}",
        severity="blocker" if certain else "warning",
        title=f"The disruption budget {budget.key} "
        + ("will" if certain else "may")
        + " hold a drain, as evicted pods find no other node",
        seen=(f"PodDisruptionBudget {budget.key} ({budget.rule})", *lines(entries)),
        why="It lets some of these pods go. They come up nowhere else while the nodes of that wave are out, so that "
        "it never lets the others go, and the drain waits until its time is over.",
        fix="Spread the pods over more nodes before the upgrade, add a node or room, or widen the budget: kubectl -n "
        f"{budget.key.partition('/')[0]} edit pdb {budget.key.partition('/')[2]}. With several nodes in a wave, fewer "
        "at once may do (kubeadm_upgrade_serial).",
        source=EVICTION,
    )


def _unknown(_context: Context, budget: Budget, entries: Entries) -> Finding:
    return Finding(
        id=f"drain-budget-unknown:{budget.key}",
        severity="warning",
        title=f"What the disruption budget {budget.key} allows is not known",
        seen=(f"PodDisruptionBudget {budget.key} ({budget.rule}): its status is not up to date", *lines(entries)),
        why="The API server refuses evictions until the disruption controller has taken in the budget, and how many "
        "pods there should be is not to be read from this cluster's workloads.",
        fix=f"Look what it says: kubectl -n {budget.key.partition('/')[0]} describe pdb "
        f"{budget.key.partition('/')[2]}; "
        "then run the plan again.",
        source=EVICTION,
    )


def _unobserved(outcome: Forecast) -> t.Iterator[Finding]:
    nodes: dict[str, list[str]] = {}
    for row in outcome.drains:
        for key in row["unobserved"]:
            nodes.setdefault(key, []).append(row["node"])
    for key, names in sorted(nodes.items()):
        yield Finding(
            id=f"drain-budget-unobserved:{key}",
            severity="info",
            title=f"The status of the disruption budget {key} is not up to date",
            seen=(f"PodDisruptionBudget {key}: needed to drain {listing(list(dict.fromkeys(names)))}",),
            why="It was changed a moment ago, or the disruption controller does not get to it. By its own numbers it "
            "would let the pods go, but the API server refuses evictions until the controller has seen it.",
            fix=f"Look again in a minute: kubectl -n {key.partition('/')[0]} describe pdb {key.partition('/')[2]}.",
            source=EVICTION,
        )


def _granted(budget: Budget) -> t.Iterator[Finding]:
    if not budget.granted:
        return
    namespace, name = budget.key.split("/")
    pods = listing([f"{namespace}/{pod}" for pod in budget.granted], 8)
    yield Finding(
        id=f"drain-budget-granted:{budget.key}",
        severity="info",
        title=f"The disruption budget {budget.key} counts a pod as evicted that is still there",
        seen=(f"PodDisruptionBudget {budget.key} ({budget.rule}): {pods}",),
        why="Its eviction was granted, and whoever asked for it was cut off before the pod was deleted, as when a "
        "drain is killed. The disruption controller forgets that two minutes later; until then a drain waits for it.",
        fix="Nothing, as a rule. If it stays, see whether the controller manager runs: kubectl -n "
        f"{namespace} describe pdb {name}.",
        source=DISRUPTION,
    )


def _two_budgets(outcome: Forecast) -> t.Iterator[Finding]:
    for workload, entries in by(outcome, "two_budgets", "workload"):
        names = sorted({budget for _row, entry in entries for budget in entry["budgets"]})
        yield Finding(
            id=f"drain-two-budgets:{subject(workload)}",
            severity="blocker",
            title=f"{workload} is under more than one disruption budget, and cannot be evicted",
            seen=(f"{workload}: selected by {listing(names)}", *lines(entries)),
            why="The API server answers an eviction of such a pod with an error (500), for good: it cannot count "
            "down two budgets at once. The drain stops before it begins.",
            fix="Narrow one of the selectors, or delete a budget: kubectl -n "
            f"{names[0].partition('/')[0]} delete pdb {names[-1].partition('/')[2]}.",
            source=EVICTION,
        )


def _templates(context: Context) -> dict[str, list[Labels]]:
    """{namespace: labels that its workloads give their pods}."""
    found: dict[str, list[Labels]] = {}
    for row in context.facts.get("workloads") or ():
        if row.get("template_labels"):
            found.setdefault(row["ns"], []).append(row["template_labels"])
    return found


def _select_nothing(budgets: t.Iterable[Budget], templates: t.Mapping[str, t.Iterable[Labels]]) -> t.Iterator[Finding]:
    """Budgets without a pod, and without a workload that would make one: a finding each; of many, one for all."""
    lines_of = {}
    for budget in budgets:
        if budget.pods or budget.empty:
            continue
        selector = budget.facts.get("selector")
        if not any(matches(selector, labels) for labels in templates.get(budget.facts["ns"], ())):
            lines_of[budget.key] = f"PodDisruptionBudget {budget.key}: selector {_text(selector)}"
    if len(lines_of) > MOST_IDLE:
        title = f"{len(lines_of)} disruption budgets select no pod"
        yield _idle("pdb-selects-nothing", title, "NAMESPACE", tuple(lines_of.values()))
        return
    for key, line in lines_of.items():
        title = f"The disruption budget {key} selects no pod"
        yield _idle(f"pdb-selects-nothing:{key}", title, key.partition("/")[0], (line,))


def _idle(name: str, title: str, namespace: str, seen: tuple[str, ...]) -> Finding:
    return Finding(
        id=name,
        severity="info",
        title=title,
        seen=seen,
        why="Whatever it is meant to protect is drained without it.",
        fix=f"Compare its selector with the labels of the pods (kubectl -n {namespace} get pods --show-labels), or "
        "delete it.",
        source=GUIDE,
    )


def _selects_all(budget: Budget, context: Context) -> t.Iterator[Finding]:
    if not budget.empty or not budget.pods:
        return
    before = honours_empty_selector(oldest_api_server(context.facts))
    after = honours_empty_selector(parse_version(context.plan["target"]))
    if before:
        why = "It counts all of them together, of whatever workload; and no other budget may select any of them."
    elif after:
        why = (
            "API servers before 1.27.7 and 1.28.3 let evictions pass by such a budget; those of this upgrade's target "
            "honour it, so that drains begin to wait for it, and a second budget on one of its pods stops them."
        )
    else:
        why = "API servers before 1.27.7 and 1.28.3 let evictions pass by such a budget: it protects nothing."
    yield Finding(
        id=f"pdb-selects-all:{budget.key}",
        severity="info",
        title=f"The disruption budget {budget.key} selects every pod of its namespace",
        seen=(f"PodDisruptionBudget {budget.key}: empty selector, {budget.pods} pods",),
        why=why,
        fix="Give each workload a budget of its own, with the labels of its pods.",
        source=EMPTY_SELECTOR,
    )


def _text(selector: t.Mapping[str, t.Any] | None) -> str:
    if selector is None:
        return "none"
    pairs = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    rules = [
        " ".join([e.get("key", ""), e.get("operator", ""), ",".join(e.get("values") or [])]).strip()
        for e in selector.get("matchExpressions") or []
    ]
    return ", ".join(pairs + rules) or "empty"
