# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Webhooks and other objects: what an upgrade hangs on. The corpus has the plain cases."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._backends import Backends
from ansible_collections.uplift.kubeadm.plugins.module_utils._check_objects import (
    api_services,
    conversion_webhooks,
    docker_socket,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._check_webhooks import webhooks
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Context, Finding, Unchecked
from ansible_collections.uplift.kubeadm.plugins.module_utils._webhook_scope import Scope
from ansible_collections.uplift.kubeadm.tests.unit.plugins.healthy import healthy_context, healthy_facts

PODS = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}


def rule(group: str, resource: str, operation: str, scope: str = "*") -> dict[str, t.Any]:
    return {
        "apiGroups": [group],
        "apiVersions": ["*"],
        "operations": [operation],
        "resources": [resource],
        "scope": scope,
    }


def asked(*rules: dict[str, t.Any], **selectors: t.Any) -> set[str]:
    return {need.what for need in Scope(healthy_facts()).needs_met_by({"rules": rules, **selectors})}


@pytest.mark.parametrize(
    ("given", "needs"),
    [
        (rule("", "pods", "CREATE"), {"new pods", "static pods of the control plane"}),
        (rule("", "pods/eviction", "CREATE"), {"evictions of pods"}),
        (rule("", "pods/*", "CREATE"), {"new pods", "static pods of the control plane", "evictions of pods"}),
        (rule("*", "*/eviction", "CREATE"), {"evictions of pods"}),
        (rule("", "nodes", "*"), {"changes of nodes (cordon)"}),
        (rule("", "nodes", "UPDATE", "Namespaced"), set()),
        (rule("", "*", "UPDATE", "Cluster"), {"changes of nodes (cordon)"}),
        (rule("*", "*", "UPDATE", "Cluster"), {"changes of nodes (cordon)"}),
        (rule("", "nodes/status", "UPDATE"), {"the status of nodes"}),
        (rule("apps", "deployments", "UPDATE"), {"kube-proxy and CoreDNS"}),
        (rule("apps", "deployments", "CREATE"), set()),
        (rule("extensions", "pods", "CREATE"), set()),
        (rule("networking.k8s.io", "ingresses", "*"), set()),
    ],
)
def test_what_a_rule_is_asked_about(given: dict[str, t.Any], needs: set[str]) -> None:
    assert asked(given) == needs


def test_everything_is_everything() -> None:
    assert "heartbeats of nodes" in asked(rule("*", "*/*", "*"))
    assert "the status of nodes" in asked(rule("*", "*/*", "*"))
    assert "the status of nodes" not in asked(rule("*", "*", "*"))


def test_a_namespace_selector_leaves_out() -> None:
    name = "kubernetes.io/metadata.name"
    not_system = {"matchExpressions": [{"key": name, "operator": "NotIn", "values": ["kube-system"]}]}
    assert asked(PODS, namespace_selector=not_system) == {"new pods"}
    assert asked(PODS, namespace_selector={"matchLabels": {"inject": "yes"}}) == set()
    assert asked(PODS, namespace_selector={}) == {"new pods", "static pods of the control plane"}
    # and says nothing of objects without a namespace
    assert asked(rule("", "nodes", "UPDATE"), namespace_selector={"matchLabels": {"inject": "yes"}})


def test_an_object_selector_leaves_out() -> None:
    assert asked(PODS, object_selector={"matchLabels": {"app": "web"}}) == {"new pods"}
    assert asked(PODS, object_selector={"matchLabels": {"app": "other"}}) == set()
    assert asked(rule("", "nodes", "UPDATE"), object_selector={"matchLabels": {"app": "other"}}) == set()
    assert asked(rule("apps", "*", "UPDATE"), object_selector={"matchLabels": {"k8s-app": "kube-dns"}})


def guarded(pods: t.Sequence[tuple[str, str]], serial: t.Any = 1, owner: str = "ReplicaSet", **hook: t.Any) -> Context:
    """A webhook for new pods in shop, whose pods (name, node) are in namespace guard."""

    def spoil(facts: dict[str, t.Any], _nodes: dict[str, t.Any]) -> None:
        facts["namespaces"].append({"name": "guard", "labels": {"kubernetes.io/metadata.name": "guard"}})
        facts["services"] = [{"ns": "guard", "name": "guard", "selector": {"app": "guard"}}]
        facts["pods"] += [
            {"ns": "guard", "name": name, "node": node, "phase": "Running", "ready": True, "labels": {"app": "guard"},
             "owner": {"kind": owner, "name": "guard"}}
            for name, node in pods
        ]  # fmt: skip
        facts["webhooks"] = [
            {
                "kind": "ValidatingWebhookConfiguration",
                "configuration": "guard",
                "name": "guard.example",
                "failure_policy": "Fail",
                "service": {"ns": "guard", "name": "guard", "port": 443},
                "rules": [PODS],
                "namespace_selector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}},
                **hook,
            }
        ]

    context = healthy_context(spoil)
    stages = [{**stage, "serial": serial} for stage in context.plan["stages"]]
    return dataclasses.replace(context, plan={**context.plan, "stages": stages})


def said(context: Context) -> list[tuple[str, str]]:
    return [(s.id, s.severity) if isinstance(s, Finding) else (s.check, "unchecked") for s in webhooks(context)]


DRAINED = ("webhook-drained:guard/guard.example", "warning")


def test_pods_on_two_nodes_that_are_drained_one_after_the_other_are_enough() -> None:
    assert said(guarded([("a", "w1"), ("b", "w2")])) == []


def test_pods_that_share_a_node_are_drained_together() -> None:
    assert said(guarded([("a", "w1"), ("b", "w1")])) == [DRAINED]


def test_pods_on_nodes_of_one_wave_are_drained_together() -> None:
    assert said(guarded([("a", "w1"), ("b", "w2")], serial=2)) == [DRAINED]
    assert said(guarded([("a", "w1"), ("b", "w2")], serial="100%")) == [DRAINED]


def test_pods_that_no_drain_moves_answer_on() -> None:
    assert said(guarded([("a", "w1")], owner="DaemonSet")) == []
    assert said(guarded([("a", "elsewhere")])) == []


def test_a_webhook_that_its_own_pods_wait_for() -> None:
    assert said(guarded([("a", "w1")], namespace_selector=None)) == [(DRAINED[0], "blocker")]
    not_its_own = {"matchLabels": {"app": "web"}}
    assert said(guarded([("a", "w1")], namespace_selector=None, object_selector=not_its_own)) == [DRAINED]


def test_nobody_answers() -> None:
    assert said(guarded([])) == [("webhook-down:guard/guard.example", "blocker")]
    assert said(guarded([], rules=[rule("example.com", "widgets", "*")])) == [
        ("webhook-down:guard/guard.example", "warning")
    ]


def test_fails_open() -> None:
    assert said(guarded([], failure_policy="Ignore")) == []


def test_where_it_leads_is_not_known() -> None:
    context = guarded([])
    context.facts["services"][0]["selector"] = None
    assert said(context) == [("webhook:guard/guard.example", "unchecked")]
    (gap,) = webhooks(context)
    assert isinstance(gap, Unchecked) and "Service guard/guard" in gap.why


def test_pods_or_services_that_were_not_read_are_not_none() -> None:
    facts = {**healthy_facts(), "unread": [{"what": "pods", "why": "403"}]}
    assert Backends(facts, {}).ready({"ns": "guard", "name": "guard"}) is None
    assert Backends(healthy_facts(), {}).ready({"ns": "guard", "name": "guard"}) == []
    context = guarded([])
    context.facts["unread"].append({"what": "pods", "why": "403"})
    (gap,) = webhooks(context)
    assert isinstance(gap, Unchecked) and gap.cause == "pods" and "guard/guard.example" in gap.why


def test_pods_that_are_not_ready_or_end_are_no_backend() -> None:
    def spoil(facts: dict[str, t.Any], _nodes: dict[str, t.Any]) -> None:
        facts["services"] = [{"ns": "shop", "name": "web", "selector": {"app": "web"}}]
        first, second, _third = [pod for pod in facts["pods"] if pod["ns"] == "shop"]
        del first["ready"]
        second["terminating"] = True

    pods = Backends(healthy_context(spoil).facts, {}).ready({"ns": "shop", "name": "web"})
    assert pods is not None and [pod["name"] for pod in pods] == ["web-7c5d-2"]


def test_dockers_socket_bites_at_1_24() -> None:
    def spoil(facts: dict[str, t.Any], _nodes: dict[str, t.Any]) -> None:
        facts["pods"][0]["host_paths"] = ["/run/docker.sock"]

    before = dataclasses.replace(healthy_context(spoil), minors=("1.24",), current="1.23")
    assert [finding.severity for finding in docker_socket(before)] == ["warning"]
    assert [finding.severity for finding in docker_socket(healthy_context(spoil))] == ["info"]


def asked_by_the_api_server(pods: t.Sequence[tuple[str, str]], **service: t.Any) -> Context:
    """A CRD whose objects a webhook converts, and an aggregated API, both behind pods (name, node) of one Service."""
    context = guarded(pods)
    leads = {"ns": "guard", "name": "guard"}
    context.facts["webhooks"].clear()
    context.facts["services"][0].update(service)
    crd = {"kind": "Widget", "stored_versions": [], "versions": [], "conversion": "Webhook", "service": leads}
    context.facts["crds"] += [{"name": name, **crd} for name in ("widgets.example", "gears.example")]
    context.facts["api_services"] = [{"name": "v1.metrics.example", "service": leads, "available": True, "message": ""}]
    return context


def both(context: Context) -> list[Finding | Unchecked]:
    return [*conversion_webhooks(context), *api_services(context)]


def test_who_converts_and_who_answers_for_an_api_may_be_drained_at_once() -> None:
    conversion, aggregated = both(asked_by_the_api_server([("a", "w1"), ("b", "w1")]))
    assert isinstance(conversion, Finding) and isinstance(aggregated, Finding)
    assert (conversion.id, conversion.severity) == ("conversion-webhook-drained:guard/guard", "info")
    assert [line.partition(":")[0] for line in conversion.seen] == ["CRD widgets.example", "CRD gears.example"]
    assert (aggregated.id, aggregated.severity) == ("api-service-drained:guard/guard", "info")
    assert "w1" in aggregated.title
    assert both(asked_by_the_api_server([("a", "w1"), ("b", "w2")])) == []


def test_a_selector_that_selects_other_pods_leaves_nobody() -> None:
    context = asked_by_the_api_server([("a", "w1")], selector={"app": "other"})
    ids = [one.id for one in both(context) if isinstance(one, Finding)]
    assert ids == ["conversion-webhook-down:widgets.example", "conversion-webhook-down:gears.example"]


@pytest.mark.parametrize("selector", [None, {}])
def test_a_service_without_a_selector_leads_to_who_knows_whom(selector: t.Any) -> None:
    gaps = both(asked_by_the_api_server([("a", "w1")], selector=selector))
    assert [gap.check for gap in gaps if isinstance(gap, Unchecked)] == ["conversion-webhooks", "api-services"]
    assert "widgets.example and gears.example" in gaps[0].why and "without a selector" in gaps[0].why


def test_a_conversion_outside_of_the_cluster_is_not_passed_over() -> None:
    context = asked_by_the_api_server([("a", "w1"), ("b", "w2")])
    del context.facts["crds"][-1]["service"]
    (gap,) = both(context)
    assert isinstance(gap, Unchecked) and "gears.example" in gap.why and "widgets" not in gap.why


def test_backends_that_were_not_read_hang_on_one_cause() -> None:
    context = asked_by_the_api_server([("a", "w1")])
    context.facts["unread"].append({"what": "services", "why": "403"})
    assert [gap.cause for gap in both(context) if isinstance(gap, Unchecked)] == ["services", "services"]
