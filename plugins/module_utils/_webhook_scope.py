# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an admission webhook is asked about, as far as an upgrade needs it. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import unread_of
from ansible_collections.uplift.kubeadm.plugins.module_utils._selectors import is_empty
from ansible_collections.uplift.kubeadm.plugins.module_utils._selectors import matches as selects

Row = t.Mapping[str, t.Any]
Labels = t.Mapping[str, str]


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


NAME_LABEL = "kubernetes.io/metadata.name"
SYSTEM_NAMESPACES = ("kube-system", "kube-node-lease")


class Scope:
    """What the selectors of webhooks can match in a cluster; made once, as there may be 100,000 pods."""

    def __init__(self, facts: Row) -> None:
        self.namespaces = {row["name"]: row.get("labels") or {} for row in facts.get("namespaces") or ()}
        self.nodes = _distinct(node.get("labels") for node in (facts.get("nodes") or {}).values())
        pods: dict[str, list[Labels]] = {}
        for pod in facts.get("pods") or ():
            pods.setdefault(pod["ns"], []).append(pod.get("labels") or {})
        if unread_of(facts, "namespaces"):  # of each there is one label that the API server itself sets
            known = {name: {NAME_LABEL: name} for name in (*pods, *SYSTEM_NAMESPACES)}
            self.namespaces = {**known, **self.namespaces}
        self.pods = {namespace: _distinct(labels) for namespace, labels in pods.items()}

    def needs_met_by(self, webhook: Row) -> list[Need]:
        """What of an upgrade this webhook is asked about. matchConditions are not looked at: they may make it less."""
        selector, wanted = webhook.get("namespace_selector"), webhook.get("object_selector")
        inside = {name for name, labels in self.namespaces.items() if matches(selector, labels)}
        asked = [need for need in NEEDS if _in_scope(need, inside) and _asked(webhook, need)]
        return [need for need in asked if any(matches(wanted, labels) for labels in self._labels(need, inside))]

    def _labels(self, need: Need, inside: t.Collection[str]) -> t.Iterable[Labels]:
        """Labels of the objects that such requests will carry."""
        if need.resource.startswith("nodes"):
            return self.nodes
        if need.resource == "pods" and need.namespace == "*":
            return [labels for name in inside for labels in self.pods.get(name, ())] or [{}]
        if need.resource == "pods":
            return [{"component": "kube-apiserver", "tier": "control-plane"}]
        if need.group == "apps":
            return [{"k8s-app": "kube-proxy"}, {"k8s-app": "kube-dns"}]
        return [{}]  # evictions, leases and kubeadm's ConfigMaps have none


def _distinct(labels: t.Iterable[Labels | None]) -> list[Labels]:
    return list({tuple(sorted((one or {}).items())): one or {} for one in labels}.values())


def matches(selector: Row | None, labels: Labels) -> bool:
    """As for webhooks and Services of the API: an empty selector matches everything."""
    return selector is None or is_empty(selector) or selects(selector, labels)


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
