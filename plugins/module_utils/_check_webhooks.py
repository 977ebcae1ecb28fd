# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Admission webhooks that refuse requests when nobody answers (failurePolicy: Fail), and who would answer."""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._backends import Backends
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Check, Context, Finding, Unchecked
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import listing
from ansible_collections.uplift.kubeadm.plugins.module_utils._webhook_scope import Need, Scope, matches

Row = t.Mapping[str, t.Any]
SOURCE = "https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#failure-policy"
NEW_PODS = "new pods"


def webhooks(context: Context) -> t.Iterator[Finding | Unchecked]:
    """Each webhook that fails closed: does somebody answer now, and while nodes are drained?"""
    scope, backends = Scope(context.facts), Backends(context.facts, context.plan)
    in_doubt = []
    for webhook in context.facts.get("webhooks") or ():
        if webhook.get("failure_policy", "Fail") != "Fail":
            continue
        needs = scope.needs_met_by(webhook)
        service = webhook.get("service")
        pods = backends.ready(service) if service else None
        if pods is None and service and backends.unread:
            in_doubt += [_name(webhook)] if needs else []
        elif pods is None:
            yield from _unknown(webhook, needs)
        elif not pods:
            yield _nobody(webhook, needs)
        elif needs:
            yield from _drained(webhook, needs, pods, backends, scope)
    if in_doubt:
        why = f"Whether somebody answers for webhooks that the upgrade needs is not known: {listing(in_doubt)}."
        yield Unchecked("webhooks", why, backends.unread)


CHECKS: tuple[Check, ...] = (webhooks,)


def _unknown(webhook: Row, needs: t.Sequence[Need]) -> t.Iterator[Unchecked]:
    """Where it leads is not known. That is worth a word only where an upgrade hangs on it."""
    if needs:
        yield Unchecked(
            f"webhook:{_name(webhook)}",
            f"{_named(webhook)} is asked about {_what(needs)}, and refuses them when nobody answers. It leads to "
            f"{webhook.get('url') or _service(webhook)}, and whether somebody will answer there all through the "
            "upgrade cannot be told from the cluster.",
        )


def _nobody(webhook: Row, needs: t.Sequence[Need]) -> Finding:
    refused = _what(needs) or "what its rules name"
    return Finding(
        id=f"webhook-down:{_name(webhook)}",
        severity="blocker" if needs else "warning",
        title=f"Nobody answers for the webhook {webhook['name']}, and it fails closed",
        seen=(f"{_named(webhook)}: {_service(webhook)} has no ready pod; refused now: {refused}",),
        why="The API server refuses every request that the webhook is to be asked about"
        + (", and the upgrade needs these." if needs else "; the upgrade itself needs none of these."),
        fix="Get its pods Ready, or, where nobody needs it any longer, kubectl delete "
        f"{str(webhook['kind']).lower()} {webhook['configuration']}",
        source=SOURCE,
    )


def _drained(
    webhook: Row,
    needs: t.Sequence[Need],
    pods: t.Sequence[Row],
    backends: Backends,
    scope: Scope,
) -> t.Iterator[Finding]:
    """All pods behind it go at once: then the upgrade waits for itself, or only for a moment."""
    nodes = backends.drained_at_once(pods)
    if not nodes:
        return
    deadlock = _refuses_its_own(webhook, needs, pods[0], scope)
    names = listing([f"{pod['ns']}/{pod['name']} on {pod.get('node')}" for pod in pods], 5)
    evicted = "Its own pods are new pods that it is asked about: none can be made while none is there. "
    yield Finding(
        id=f"webhook-drained:{_name(webhook)}",
        severity="blocker" if deadlock else "warning",
        title=f"The webhook {webhook['name']} has nobody to answer while {listing(nodes, 3)} is drained",
        seen=(f"{_named(webhook)}: all ready pods behind {_service(webhook)} are drained at once: {names}",),
        why=f"It fails closed, and is asked about {_what(needs)}. Until another pod of it is Ready these are refused, "
        f"evictions among them fail and are tried again. {evicted if deadlock else ''}".strip(),
        fix="Give it two replicas that do not share a node (topologySpreadConstraints or anti-affinity) and a "
        "PodDisruptionBudget with minAvailable: 1"
        + ("; and exempt its own namespace by its namespaceSelector." if deadlock else "."),
        source=SOURCE,
    )


def _refuses_its_own(webhook: Row, needs: t.Sequence[Need], pod: Row, scope: Scope) -> bool:
    return (
        any(need.what == NEW_PODS for need in needs)
        and matches(webhook.get("namespace_selector"), scope.namespaces.get(pod["ns"], {}))
        and matches(webhook.get("object_selector"), pod.get("labels") or {})
    )


def _what(needs: t.Sequence[Need]) -> str:
    return listing(list(dict.fromkeys(need.what for need in needs))) if needs else ""


def _name(webhook: Row) -> str:
    return f"{webhook['configuration']}/{webhook['name']}"


def _named(webhook: Row) -> str:
    return f"{webhook['kind']} {webhook['configuration']}, webhook {webhook['name']}"


def _service(webhook: Row) -> str:
    service = webhook.get("service") or {}
    return f"Service {service.get('ns')}/{service.get('name')}"
