# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Label selectors, node selectors and tolerations, as Kubernetes matches them. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import Version

Labels = t.Mapping[str, str]
Selector = t.Optional[t.Mapping[str, t.Any]]
T = t.TypeVar("T")

# API servers from these patches on (and from 1.29) honour a disruption budget with the selector {}:
# kubernetes/kubernetes#119732, #121131, #121132. Before, evictions pass by it («should match nothing, not everything»,
# pkg/registry/core/pod/storage/eviction.go), though the controller counts its pods. A budget that was written as
# policy/v1beta1 with an empty selector shows in policy/v1 with one that matches nothing.
_HONOURED_FROM = {27: Version(27, 7), 28: Version(28, 3)}


def matches(selector: Selector, labels: Labels) -> bool:
    """Does a label selector match? None selects nothing, an empty one everything, an invalid one nothing.

    apimachinery, pkg/apis/meta/v1/helpers.go, LabelSelectorAsSelector.
    """
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression(e, labels) for e in selector.get("matchExpressions") or [])


def is_empty(selector: Selector) -> bool:
    """Is it the selector {} that selects all?"""
    return selector is not None and not selector.get("matchLabels") and not selector.get("matchExpressions")


def honours_empty_selector(api: Version) -> bool:
    """Do evictions through an API server of this version have to pass a disruption budget with the selector {}?"""
    return api >= _HONOURED_FROM.get(api.minor, Version(29, 0))


def binds(selector: Selector, labels: Labels, api: Version) -> bool:
    """Does the eviction of a pod with these labels have to pass a disruption budget with this selector?"""
    return matches(selector, labels) and (not is_empty(selector) or honours_empty_selector(api))


def node_matches(terms: t.Iterable[t.Mapping[str, t.Any]], name: str, labels: Labels) -> bool:
    """Does a node match one of these nodeSelectorTerms? A term without any rule matches no node.

    component-helpers, scheduling/corev1/nodeaffinity.
    """
    return any(_node_term(term, name, labels) for term in terms)


def tolerates(tolerations: t.Iterable[t.Mapping[str, t.Any]], taint: t.Mapping[str, t.Any]) -> bool:
    """Is a taint tolerated? api, core/v1/toleration.go, ToleratesTaint."""
    for toleration in tolerations:
        key, effect = toleration.get("key") or "", toleration.get("effect") or ""
        if (effect and effect != taint.get("effect")) or (key and key != taint.get("key")):
            continue
        operator = toleration.get("operator") or "Equal"
        if operator == "Exists":
            return True
        if key and operator == "Equal" and (toleration.get("value") or "") == (taint.get("value") or ""):
            return True
    return False


class SelectorIndex(t.Generic[T]):
    """Things by the label selector that each has, found without asking every one of them.

    A selector holds in the given namespaces; in all when they are None.
    """

    def __init__(self) -> None:
        self._buckets: dict[tuple[t.Any, ...], list[tuple[Selector, T]]] = {}

    def add(self, namespaces: t.Iterable[str] | None, selector: Selector, thing: T) -> None:
        pair = next(iter(((selector or {}).get("matchLabels") or {}).items()), None)
        for namespace in [None] if namespaces is None else namespaces:
            self._buckets.setdefault((namespace, pair), []).append((selector, thing))

    def find(self, namespace: str, labels: Labels) -> list[T]:
        """The things whose selector matches these labels in this namespace."""
        pairs: list[tuple[str, str] | None] = [None, *labels.items()]
        return [
            thing
            for space in (namespace, None)
            for pair in pairs
            for selector, thing in self._buckets.get((space, pair), ())
            if matches(selector, labels)
        ]


def _node_term(term: t.Mapping[str, t.Any], name: str, labels: Labels) -> bool:
    by_label, by_field = term.get("matchExpressions") or [], term.get("matchFields") or []
    if not by_label and not by_field:
        return False
    return all(_expression(e, labels) for e in by_label) and all(
        _expression(e, {"metadata.name": name}) for e in by_field
    )


def _expression(expression: t.Mapping[str, t.Any], labels: Labels) -> bool:
    key, operator, values = expression.get("key", ""), expression.get("operator"), expression.get("values") or []
    if operator == "In":
        return labels.get(key) in values
    if operator == "NotIn":  # also when there is no such label
        return labels.get(key) not in values
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    if operator in ("Gt", "Lt"):
        return _compare(operator, labels.get(key), values)
    return False


def _compare(operator: str, value: str | None, limits: t.Sequence[str]) -> bool:
    """Gt and Lt, for nodes alone: of whole numbers; false when either is none."""
    try:
        number, limit = int(value or ""), int(limits[0])
    except (ValueError, IndexError):
        return False
    return number > limit if operator == "Gt" else number < limit
