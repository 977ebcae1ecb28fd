# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an admission webhook is asked about, as far as an upgrade needs it. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_rules import selects

Row = t.Mapping[str, t.Any]


@dataclass(frozen=True)
class Need:
    """A request that an upgrade cannot do without. namespace: "" for objects without one, "*" for any namespace."""

    what: str
    group: str
    resource: str  # RESOURCE or RESOURCE/SUBRESOURCE
    operation: str
    namespace: str


# Mirror pods are what kubeadm waits for when it replaces a static pod; leases are the heartbeat of nodes, and the
# leader elections of the control plane.
NEEDS = (
    Need("evictions of pods", "", "pods/eviction", "CREATE", "*"),
    Need("deletion of pods", "", "pods", "DELETE", "*"),
    Need("new pods", "", "pods", "CREATE", "*"),
    Need("changes of nodes (cordon)", "", "nodes", "UPDATE", ""),
    Need("the status of nodes", "", "nodes/status", "UPDATE", ""),
    Need("heartbeats of nodes", "coordination.k8s.io", "leases", "UPDATE", "kube-node-lease"),
    Need("leader elections of the control plane", "coordination.k8s.io", "leases", "UPDATE", "kube-system"),
    Need("static pods of the control plane", "", "pods", "CREATE", "kube-system"),
    Need("kubeadm's ConfigMaps", "", "configmaps", "UPDATE", "kube-system"),
    Need("kube-proxy and CoreDNS", "apps", "daemonsets", "UPDATE", "kube-system"),
    Need("kube-proxy and CoreDNS", "apps", "deployments", "UPDATE", "kube-system"),
)


def needs_met_by(webhook: Row, facts: Row) -> list[Need]:
    """What of an upgrade this webhook is asked about. matchConditions are not looked at: they may make it less.

    facts: of the cluster, of which namespaces, pods and nodes say what its selectors match.
    """
    selector = webhook.get("namespace_selector")
    namespaces = {row["name"]: row.get("labels") or {} for row in facts.get("namespaces") or ()}
    inside = {name for name, labels in namespaces.items() if matches(selector, labels)}
    asked = [need for need in NEEDS if _in_scope(need, inside) and _asked(webhook, need)]
    wanted = webhook.get("object_selector")
    return [need for need in asked if any(matches(wanted, labels) for labels in _labels(need, facts, inside))]


def _labels(need: Need, facts: Row, inside: t.Collection[str]) -> t.Iterable[t.Mapping[str, str]]:
    """Labels of the objects that such requests will carry, for an objectSelector."""
    if need.resource.startswith("nodes"):
        return [node.get("labels") or {} for node in (facts.get("nodes") or {}).values()]
    if need.resource == "pods" and need.namespace == "*":
        return [pod.get("labels") or {} for pod in facts.get("pods") or () if pod["ns"] in inside] or [{}]
    if need.resource == "pods":
        return [{"component": "kube-apiserver", "tier": "control-plane"}]
    if need.group == "apps":
        return [{"k8s-app": "kube-proxy"}, {"k8s-app": "kube-dns"}]
    return [{}]  # evictions, leases and kubeadm's ConfigMaps have none


def matches(selector: Row | None, labels: t.Mapping[str, str]) -> bool:
    """As for webhooks and Services of the API: an empty selector matches everything."""
    if not selector or not (selector.get("matchLabels") or selector.get("matchExpressions")):
        return True
    return selects(dict(selector), labels)


def _in_scope(need: Need, inside: t.Collection[str]) -> bool:
    """A namespaceSelector says nothing of objects without a namespace."""
    if need.namespace == "*":
        return bool(inside)
    return need.namespace == "" or need.namespace in inside


def _asked(webhook: Row, need: Need) -> bool:
    return any(_rule_asks(rule, need) for rule in webhook.get("rules") or ())


def _rule_asks(rule: Row, need: Need) -> bool:
    scope = rule.get("scope") or "*"
    if scope != "*" and (scope == "Namespaced") != bool(need.namespace):
        return False
    groups, operations = rule.get("apiGroups") or (), rule.get("operations") or ()
    if not {"*", need.group} & set(groups) or not {"*", need.operation} & set(operations):
        return False
    return any(_covers(pattern, need.resource) for pattern in rule.get("resources") or ())


def _covers(pattern: str, resource: str) -> bool:
    """Matching of the admission API: "pods", "*" (all but subresources), "pods/*", "*/status", "*/*" (all).

    "pods/*" stands for the subresources of pods, and pods itself.
    """
    name, _slash, sub = resource.partition("/")
    wanted, slash, wanted_sub = pattern.partition("/")
    if wanted not in ("*", name):
        return False
    if not slash:
        return not sub
    return wanted_sub == "*" or wanted_sub == sub
