# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order that a user gives a drain: what is read from it, and which entry a pod belongs to."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _drain_verdict as verdict
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_order import (
    NO_ORDER,
    Group,
    group_of,
    parse_order,
    parse_selector,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._selectors import matches


@pytest.mark.parametrize(
    ("selector", "labels", "matched"),
    [
        ("app=web", {"app": "web"}, True),
        ("app == web", {"app": "web"}, True),
        ("app=web", {"app": "db"}, False),
        ("app!=web", {"app": "db"}, True),
        ("app!=web", {}, True),
        ("app", {"app": "x"}, True),
        ("app", {}, False),
        ("!app", {}, True),
        ("!app", {"app": "x"}, False),
        ("app in (web, db)", {"app": "db"}, True),
        ("app in (web,db),tier=x", {"app": "db"}, False),
        ("app in (web,db),tier=x", {"app": "db", "tier": "x"}, True),
        ("app notin (web,db)", {"app": "db"}, False),
        ("example.org/app=", {"example.org/app": ""}, True),
    ],
)
def test_selectors_as_kubectl_takes_them(selector: str, labels: dict[str, str], matched: bool) -> None:
    assert matches(parse_selector(selector), labels) is matched


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"selector": "app=web=x"}, "'app=web=x' is"),
        ({"selector": "app in web"}, "'app in web' is"),
        ({"selector": "a=b,"}, "'' is"),
        ({"selector": 5}, "neither a string nor a LabelSelector"),
        ({"selector": {"app": "web"}}, "has app; a LabelSelector has matchLabels"),
        ({"selector": {"matchLabels": {"batch": True}}}, "put it in quotes"),
        ({"selector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}}, "is no requirement"),
        ({"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}, "is no requirement"),
        ({"selector": "a", "action": "evict"}, "'evict'; it is one of drain, wait, skip"),
        ({"selector": "a", "seconds": 5}, "has seconds; an entry has"),
        ({"selector": "a", "timeout": 5}, "for the action wait alone"),
        ({"selector": "a", "action": "wait", "timeout": 0}, "at least 1"),
        ({"selector": "a", "action": "wait", "timeout": 900}, "would be given up before"),
    ],
)
def test_what_cannot_be_meant_is_refused(entry: dict[str, t.Any], words: str) -> None:
    with pytest.raises(UpliftError, match="kubeadm_upgrade_drain_order") as caught:
        parse_order([entry], 900)
    assert words in str(caught.value)


def test_one_entry_for_the_rest() -> None:
    with pytest.raises(UpliftError, match=r"entry 1 of the order .* and entry 3 of the order"):
        parse_order([{"action": "drain"}, {"selector": "a"}, {"selector": "", "action": "skip"}], 900)


def names(order: tuple[Group, ...], pods: t.Iterable[tuple[str, dict[str, str]]]) -> list[int]:
    return [group_of(order, namespace, labels).index for namespace, labels in pods]


PODS = [("shop", {"app": "web"}), ("shop", {"app": "db"}), ("batch", {"app": "db"}), ("other", {})]


def test_the_first_entry_that_selects_a_pod_has_it_and_the_rest_comes_last() -> None:
    order = parse_order([{"namespace": "batch"}, {"selector": {"matchLabels": {"app": "db"}}}], 900)
    assert names(order, PODS) == [2, 1, 0, 2]
    assert names(NO_ORDER, PODS) == [0, 0, 0, 0] == names(parse_order(None, 900), PODS)


def test_an_entry_without_selector_says_where_the_rest_goes() -> None:
    order = parse_order([{"action": "drain"}, {"selector": "app=db"}], 900)
    assert names(order, PODS) == [0, 1, 1, 0]


def test_a_namespace_and_a_selector_have_both_to_fit() -> None:
    assert names(parse_order([{"namespace": "shop", "selector": "app=db"}], 900), PODS) == [1, 0, 1, 1]


def traits(**given: t.Any) -> verdict.Traits:
    return verdict.Traits(
        **{"owner": "Job", "daemonset_exists": True, "static": False, "finished": False, "empty_dir": False, **given}
    )


@pytest.mark.parametrize(
    ("group", "pod", "expected"),
    [
        (Group(0, "skip"), traits(), "leave"),
        (Group(0, "skip"), traits(owner=None, empty_dir=True, finished=True), "leave"),
        (Group(0, "wait"), traits(), "wait"),
        (Group(0, "wait"), traits(finished=True), "leave"),
        (Group(0, "drain"), traits(finished=True), "evict"),
        (Group(0, "wait"), traits(owner=None, empty_dir=True), "wait"),  # it is never evicted, so nothing is lost
        (Group(0, "wait", timeout=5), traits(empty_dir=True), "refuse"),  # it may be
        (Group(0, "wait"), traits(owner="DaemonSet"), "leave"),
        (Group(0, "wait"), traits(static=True), "leave"),
    ],
)
def test_what_the_order_makes_of_a_pod(group: Group, pod: verdict.Traits, expected: str) -> None:
    assert verdict.judge(pod, group, False, False)[0] == expected
