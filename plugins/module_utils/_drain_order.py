# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In which order a drain takes pods, as the user has it: entries of {selector, namespace, action, timeout}. Pure."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._selectors import Labels, Selector, matches

DRAIN, WAIT, SKIP = "drain", "wait", "skip"
ACTIONS = (DRAIN, WAIT, SKIP)
VARIABLE = "kubeadm_upgrade_drain_order"

_KEY = r"[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?"
_VALUE = r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
_EQUALITY = re.compile(rf"(?P<key>{_KEY})\s*(?P<operator>==|=|!=)\s*(?P<value>{_VALUE})")
_SET = re.compile(rf"(?P<key>{_KEY})\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
_EXISTS = re.compile(rf"(?P<absent>!?)\s*(?P<key>{_KEY})")
_COMMA = re.compile(r",(?![^(]*\))")  # not those between the values of one requirement
_OPERATORS = {"In": True, "NotIn": True, "Exists": False, "DoesNotExist": False}  # whether it takes values


@dataclass(frozen=True)
class Group:
    """An entry of the order. One without selector and namespace is for the pods that no other entry selects."""

    index: int
    action: str = DRAIN
    selector: Selector = None
    namespace: str | None = None
    timeout: int | None = None  # seconds that WAIT waits before its pods are evicted after all; None: for good

    @property
    def is_rest(self) -> bool:
        return self.selector is None and self.namespace is None

    @property
    def text(self) -> str:
        return f"entry {self.index + 1} of the order ({self.action})"

    def selects(self, namespace: str, labels: Labels) -> bool:
        """Is it written for such a pod?"""
        if self.is_rest or self.namespace not in (None, namespace):
            return False
        return self.selector is None or matches(self.selector, labels)


Order = tuple[Group, ...]
NO_ORDER: Order = (Group(0),)


def parse_order(entries: t.Sequence[t.Mapping[str, t.Any]] | None, drain_timeout: float) -> Order:
    """The groups in order, the one for the rest among them: last, unless an entry gives it a place.

    :param entries: each with selector (a string as kubectl takes it, or a LabelSelector), namespace, action, timeout.
    :param drain_timeout: seconds for the whole drain, which waits have to keep to.
    :raises UpliftError: an entry that is no good; it is named.
    """
    groups = [_group(index, entry) for index, entry in enumerate(entries or [])]
    rests = [group for group in groups if group.is_rest]
    if len(rests) > 1:
        raise UpliftError(
            f"{VARIABLE}: {rests[0].text} and {rests[1].text} have neither selector nor namespace; one alone can be "
            "for the pods that no other entry selects."
        )
    waits = sum(group.timeout or 0 for group in groups if group.action == WAIT)
    if waits and waits >= drain_timeout:
        raise UpliftError(
            f"{VARIABLE}: the entries with action wait take up to {waits} s together, and the whole drain may take "
            f"{drain_timeout:g} s: it would be given up before. Set kubeadm_upgrade_drain_timeout to more than that, "
            "with time for the evictions, or give the entries less."
        )
    return (*groups, *([] if rests else [Group(len(groups))]))


def group_of(order: Order, namespace: str, labels: Labels) -> Group:
    """The first entry that selects a pod, or the one for the rest."""
    chosen = next((group for group in order if group.selects(namespace, labels)), None)
    return chosen or next(group for group in order if group.is_rest)


def parse_selector(text: str) -> dict[str, t.Any]:
    """A LabelSelector from what kubectl takes: app=web,tier!=db,stage in (a, b),!canary. Raises ValueError."""
    expressions = []
    for part in _COMMA.split(text):
        part = part.strip()
        equality, among, exists = (pattern.fullmatch(part) for pattern in (_EQUALITY, _SET, _EXISTS))
        if equality:
            operator = "NotIn" if equality["operator"] == "!=" else "In"
            expressions.append({"key": equality["key"], "operator": operator, "values": [equality["value"]]})
        elif among:
            values = [value.strip() for value in among["values"].split(",")]
            operator = {"in": "In", "notin": "NotIn"}[among["operator"]]
            expressions.append({"key": among["key"], "operator": operator, "values": values})
        elif exists:
            expressions.append({"key": exists["key"], "operator": "DoesNotExist" if exists["absent"] else "Exists"})
        else:
            raise ValueError(
                f"{part!r} is no requirement such as app=web, tier!=db, stage in (a, b), canary or !canary"
            )
    return {"matchExpressions": expressions}


def _group(index: int, entry: t.Mapping[str, t.Any]) -> Group:
    where = f"{VARIABLE}: entry {index + 1}"
    unknown = sorted(set(entry) - {"selector", "namespace", "action", "timeout"})
    action, timeout = entry.get("action") or DRAIN, entry.get("timeout")
    if unknown:
        raise UpliftError(f"{where} has {', '.join(unknown)}; an entry has selector, namespace, action and timeout.")
    if action not in ACTIONS:
        raise UpliftError(f"{where} has the action {action!r}; it is one of {', '.join(ACTIONS)}.")
    if timeout is not None and (action != WAIT or isinstance(timeout, bool) or int(timeout) < 1):
        raise UpliftError(f"{where} has the timeout {timeout!r}: seconds, at least 1, and for the action wait alone.")
    try:
        selector = _selector(entry.get("selector"))
    except ValueError as e:
        raise UpliftError(f"{where} has a selector that cannot be used: {e}.") from e
    return Group(index, action, selector, entry.get("namespace") or None, None if timeout is None else int(timeout))


def _selector(given: t.Any) -> Selector:
    if given in (None, "", {}):
        return None
    if isinstance(given, str):
        return parse_selector(given)
    if not isinstance(given, dict):
        raise ValueError(f"it is {given!r}, neither a string nor a LabelSelector")
    unknown = sorted(set(given) - {"matchLabels", "matchExpressions"})
    if unknown:
        raise ValueError(f"it has {', '.join(map(str, unknown))}; a LabelSelector has matchLabels and matchExpressions")
    for key, value in (given.get("matchLabels") or {}).items():
        if not isinstance(value, str):
            raise ValueError(f"the label {key} is to be {value!r}; labels are strings, so put it in quotes")
    for expression in given.get("matchExpressions") or []:
        takes_values = _OPERATORS.get(expression.get("operator"))
        if takes_values is None or not expression.get("key") or takes_values != bool(expression.get("values")):
            raise ValueError(f"{expression!r} is no requirement: {', '.join(_OPERATORS)}; the first two with values")
    return given
