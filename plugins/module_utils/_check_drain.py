# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check: will the drains of the plan succeed, and what do they do to workloads? The forecast, said to a person."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._check_drain_budgets import budget_findings
from ansible_collections.uplift.kubeadm.plugins.module_utils._check_drain_seen import (
    DRAIN_GUIDE,
    Entries,
    by,
    counted,
    lines,
    subject,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import (
    Check,
    Context,
    Finding,
    Unchecked,
    unread_of,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast import Forecast, forecast

MOST_WORKLOADS = 20  # findings of one kind; past them they are gathered by namespace
SCHEDULING = "https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/"
# Sections of the facts that the forecast reads, and what it cannot say without them.
_READS = {
    "pdbs": "which disruption budgets would hold a drain",
    "workloads": "which pods are the only replica, and whether the DaemonSet of a pod still exists",
    "volumes": "whether pods are bound to a node or zone by their volumes",
}


def drains(context: Context) -> t.Iterator[Finding | Unchecked]:
    """Findings from the drain forecast; none when the plan drains nothing."""
    if not any(stage["drains"] for stage in context.plan.get("stages") or []):
        return
    if unread_of(context.facts, "pods"):
        yield Unchecked("drain-forecast", "Whether the drains can succeed is not known.", "pods")
        return
    for what, matters in _READS.items():
        if unread_of(context.facts, what):
            yield Unchecked(f"drain-{what}", f"The drain forecast does not know {matters}.", what)
    outcome = forecast(context.facts, context.plan, context.options)
    yield from budget_findings(context, outcome)
    yield from _unmanaged(outcome)
    yield from _empty_dir(outcome)
    yield from _jobs(outcome)
    yield from _slow(outcome, context.options)
    if outcome.alone:
        yield from _single_node(outcome)
    else:
        yield from _single_replica(outcome)
        yield from _unplaceable(outcome)


CHECKS: tuple[Check, ...] = (drains,)


def _unmanaged(outcome: Forecast) -> t.Iterator[Finding]:
    for kind, check, one, many in (
        ("unmanaged", "drain-unmanaged", "has no controller, and stops the drain", "have no controller, and stop it"),
        (
            "orphans",
            "drain-orphan",
            "belongs to a DaemonSet that is gone, and stops the drain",
            "belong to DaemonSets that are gone, and stop it",
        ),
    ):
        stop: list[tuple[str, Entries]] = []
        given_up: Entries = []
        for pod, entries in by(outcome, kind, "pod"):
            if entries[0][1]["stops"]:
                stop.append((f"Pod {pod}", entries))
            else:
                given_up += entries
        yield from _each(stop, functools.partial(_stops, check, one, many), "pod")
        if given_up:
            yield Finding(
                id=f"{check}-deleted",
                severity="info",
                title=f"{counted(given_up, 'pod')} will be deleted for good",
                seen=lines(given_up),
                why="kubeadm_upgrade_drain_force_unmanaged is set, and no controller starts these pods again.",
                fix="Save what you need of them (kubectl get pod NAME -o yaml), or unset the variable.",
                source=DRAIN_GUIDE,
            )


def _stops(check: str, one: str, many: str, about: str, what: str, entries: Entries) -> Finding:
    namespace, _slash, name = about.partition("/")
    return Finding(
        id=f"{check}:{about}",
        severity="blocker",
        title=f"The {what[:1].lower()}{what[1:]} {one}" if name else f"{what} {many}",
        seen=lines(entries),
        why="An eviction deletes such a pod, and nothing starts it again. So the drain stops before it begins, as that "
        "of kubectl does.",
        fix=f"Give it a controller (a Deployment, a Job), or delete it: kubectl -n {namespace} delete pod "
        f"{name or 'NAME'}. Or let drains delete such pods for good: kubeadm_upgrade_drain_force_unmanaged=true.",
        source=DRAIN_GUIDE,
    )


def _empty_dir(outcome: Forecast) -> t.Iterator[Finding]:
    for namespace, entries in by(outcome, "empty_dir", "namespace"):
        stops = entries[0][1]["stops"]
        yield Finding(
            id=f"drain-empty-dir{'' if stops else '-lost'}:{namespace}",
            severity="blocker" if stops else "info",
            title=f"{counted(entries, 'pod')} in {namespace} with emptyDir data"
            + (" stop the drain" if stops else " will lose it"),
            seen=lines(entries, lambda entry: f"{entry['pod']} ({', '.join(entry['volumes'])})"),
            why="An emptyDir ends with its pod. "
            + (
                "So the drain stops before it begins, as that of kubectl does."
                if stops
                else "Drains may do so, as set."
            ),
            fix="Most pods keep scratch data there, some keep what they cannot get back: look at each. Then "
            "kubeadm_upgrade_drain_delete_emptydir_data=true lets drains delete it."
            if stops
            else "If one of them keeps more than scratch data, save it first, or give it a PersistentVolumeClaim.",
            source=DRAIN_GUIDE,
        )


def _jobs(outcome: Forecast) -> t.Iterator[Finding]:
    found = by(outcome, "jobs", "workload")
    for cron in (False, True):
        some = [(workload, entries) for workload, entries in found if bool(entries[0][1]["cron"]) is cron]
        yield from _each(some, functools.partial(_cut_off, cron), "Job")


def _cut_off(cron: bool, about: str, what: str, entries: Entries) -> Finding:
    namespace, _slash, name = about.partition("/")
    return Finding(
        id=f"drain-job:{about}",
        severity="info" if cron else "warning",
        title=f"{what} {'is' if name else 'are'} running, and will be cut off",
        seen=lines(entries),
        why="A drain ends its pods with their work unfinished. The Job starts them anew on another node, and counts "
        "each as a failure where it has a podFailurePolicy or few retries (backoffLimit).",
        fix="Let it end before the upgrade"
        + (", or suspend its CronJob for that time" if cron else "")
        + f": kubectl -n {namespace} wait --for=condition=complete --timeout=-1s job/{name or 'NAME'}.",
        source="https://kubernetes.io/docs/concepts/workloads/controllers/job/#handling-pod-and-container-failures",
    )


def _slow(outcome: Forecast, options: t.Mapping[str, t.Any]) -> t.Iterator[Finding]:
    timeout = options.get("drain_timeout") or 900
    yield from _each(by(outcome, "slow", "workload"), functools.partial(_grace, timeout))


def _grace(timeout: int, about: str, what: str, entries: Entries) -> Finding:
    longest = max(entry["grace"] for _row, entry in entries)
    return Finding(
        id=f"drain-grace:{about}",
        severity="warning",
        title=f"{what} may take longer to end than a drain waits",
        seen=lines(entries, lambda entry: f"{entry['pod']} ({entry['grace']} s)"),
        why=f"Its terminationGracePeriodSeconds is {longest}, and a drain fails after {timeout} s. A pod that "
        "uses all of its time stops the upgrade at its node.",
        fix=f"Set kubeadm_upgrade_drain_timeout to more than {longest}, or give pods less time with "
        "kubeadm_upgrade_drain_grace_period.",
        source="https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination",
    )


def _single_node(outcome: Forecast) -> t.Iterator[Finding]:
    row = outcome.drains[0]
    yield Finding(
        id="drain-single-node",
        severity="info",
        title="The cluster has one node: its workloads are down while it is drained",
        seen=(f"node {row['node']}: {row['pods']} pods are evicted, and wait until it is back",),
        why="There is no other node for the pods to go to. They are Pending from the drain until the node is "
        "uncordoned, some minutes a hop. Static pods and DaemonSets go on.",
        fix="Plan the time, or add a node before the upgrade.",
        source=DRAIN_GUIDE,
    )


def _single_replica(outcome: Forecast) -> t.Iterator[Finding]:
    for namespace, entries in by(outcome, "single_replica", "namespace"):
        workloads = len({entry["workload"] for _row, entry in entries})
        yield Finding(
            id=f"drain-single-replica:{namespace}",
            severity="info",
            title=f"{workloads} workload{'' if workloads == 1 else 's'} in {namespace} with one replica will be "
            "away while moving",
            seen=lines(entries, lambda entry: f"{entry['workload']} ({entry['pod'].partition('/')[2]})"),
            why="Its pod ends on the drained node before another starts elsewhere. It is away for as long as it "
            "takes to end, be placed, pull its image and become Ready: once a drain that finds it.",
            fix="Where that matters, run two for the time of the upgrade: kubectl -n "
            f"{namespace} scale KIND/NAME --replicas=2.",
            source="https://kubernetes.io/docs/concepts/workloads/pods/disruptions/",
        )


def _unplaceable(outcome: Forecast) -> t.Iterator[Finding]:
    never: list[tuple[str, Entries]] = []
    tight: list[tuple[str, Entries]] = []
    meant: list[tuple[str, Entries]] = []
    for workload, entries in by(outcome, "unplaceable", "workload"):
        certain = [(row, entry) for row, entry in entries if entry["certain"]]
        if certain:
            never.append((workload, certain))
        rest = [(row, entry) for row, entry in entries if not entry["certain"]]
        if rest:
            (meant if _as_meant(rest) else tight).append((workload, rest))
    for some, make in ((never, _never_fits), (tight, _no_room), (meant, _spread)):
        yield from _each(some, make)


def _each(
    found: t.Sequence[tuple[str, Entries]], make: t.Callable[[str, str, Entries], Finding], noun: str = "workload"
) -> t.Iterator[Finding]:
    """A finding for each of these: ("KIND NAMESPACE/NAME", entries). Of many, a finding a namespace: that is what a
    person can read, and accept.

    make(what the id ends in, what it is about, entries): "shop/web" and "Deployment shop/web", or "shop" and
    "30 workloads in shop".
    """
    if len(found) <= MOST_WORKLOADS:
        yield from (make(subject(workload), workload, entries) for workload, entries in found)
        return
    spaces: dict[str, dict[str, Entries]] = {}
    for workload, entries in found:
        spaces.setdefault(subject(workload).partition("/")[0], {})[workload] = entries
    for namespace, workloads in sorted(spaces.items()):
        title = f"{len(workloads)} {noun}{'' if len(workloads) == 1 else 's'} in {namespace}"
        yield make(namespace, title, [entry for entries in workloads.values() for entry in entries])


def _as_meant(entries: Entries) -> bool:
    """Is it by its own rules that a workload finds no room, with others of its pods running on?"""
    return all(entry["by_pods"] for _row, entry in entries) and (entries[0][1]["replicas"] or 0) > 1


def _never_fits(about: str, what: str, entries: Entries) -> Finding:
    returns = all(entry["returns"] for _row, entry in entries)
    more = all((entry["replicas"] or 0) > 1 for _row, entry in entries)
    return Finding(
        id=f"drain-never-fits:{about}",
        severity="info" if returns and more else "warning",
        title=f"{what} {'has a pod' if '/' in about else 'have pods'} that can run on no other node"
        + ("" if returns else ", nor on its own one once it has left it"),
        seen=lines(entries, lambda entry: f"{entry['pod']}: {entry['why']}"),
        why="No other node that is in service then could take it, even an empty one: by its node selector, affinity, "
        "volumes, tolerations or requests, or since all such nodes are drained at once. It is Pending "
        + (
            "until its node is back."
            if returns
            else "until somebody changes that: its node does not match it any more."
        ),
        fix="Give it another node that matches, or plan for the time that it is away; with several nodes in a wave, "
        "fewer at once (kubeadm_upgrade_serial)."
        if returns
        else "Compare its rules with the nodes: kubectl describe node NODE, kubectl -n "
        f"{about.partition('/')[0]} get pod POD -o yaml. Mend labels, taints or tolerations first.",
        source=SCHEDULING,
    )


def _no_room(about: str, what: str, entries: Entries) -> Finding:
    return Finding(
        id=f"drain-room:{about}",
        severity="warning",
        title=f"{what} may find no room while nodes are drained",
        seen=lines(entries, lambda entry: f"{entry['pod']}: {entry['why']}"),
        why="As things are, no node that is left has what it requests, or other pods keep it off. The scheduler may do "
        "better than this forecast, or not; what it cannot place is Pending until the node is back.",
        fix="Add a node, lower requests that are larger than needed, scale something down for the time of the upgrade, "
        "or drain fewer nodes at once (kubeadm_upgrade_serial).",
        source=SCHEDULING,
    )


def _spread(about: str, what: str, entries: Entries) -> Finding:
    return Finding(
        id=f"drain-spread:{about}",
        severity="info",
        title=f"With fewer pods while nodes are drained: {what}",
        seen=lines(entries, lambda entry: f"{entry['pod']}: {entry['why']}"),
        why="Its own rules (pod anti-affinity, topology spread) keep it off the nodes that are left. What was evicted "
        "is Pending until its node is back.",
        fix="Nothing, if that is what its rules are meant to do.",
        source=SCHEDULING,
    )
