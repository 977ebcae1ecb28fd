# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which pods stand behind a Service that the API server itself calls, and which drains take all of them. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import unread_of
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast import waves

Row = t.Mapping[str, t.Any]


class Backends:
    """Pods by the Service that they answer for; made once a check, as there may be 100,000 of them.

    unread: the key of the facts that was not read, so that nothing is known of any Service; "" when all were.
    """

    def __init__(self, facts: Row, plan: Row) -> None:
        self.unread = next((key for key in ("services", "pods") if unread_of(facts, key)), "")
        self._selectors = {(row["ns"], row["name"]): row.get("selector") for row in facts.get("services") or ()}
        namespaces = {namespace for namespace, _name in self._selectors}
        self._pods: dict[str, list[Row]] = {}
        for pod in facts.get("pods") or ():
            if pod["ns"] in namespaces and _answers(pod):
                self._pods.setdefault(pod["ns"], []).append(pod)
        self._together = _drained_together(plan)

    def ready(self, service: Row) -> list[Row] | None:
        """The ready pods behind a Service {"ns", "name"}; [] when there are none, or no such Service.

        None when it cannot be told: pods or Services were not read, or the Service has no selector, so that somebody
        else says where it leads.
        """
        if self.unread:
            return None
        key = (service["ns"], service["name"])
        if key not in self._selectors:
            return []
        selector = self._selectors[key]
        if not selector:
            return None
        return [pod for pod in self._pods.get(service["ns"], ()) if _selects(selector, pod.get("labels") or {})]

    def drained_at_once(self, pods: t.Sequence[Row]) -> list[str]:
        """The nodes of these pods, when one wave of the plan drains all of them; else []."""
        nodes = {str(pod.get("node")) for pod in pods}
        # A pod that no drain moves (a DaemonSet's, a static one) answers on.
        if any((pod.get("owner") or {}).get("kind") in ("DaemonSet", "Node") for pod in pods):
            return []
        return sorted(nodes) if any(nodes <= wave for wave in self._together) else []


def _answers(pod: Row) -> bool:
    return bool(pod.get("ready")) and not pod.get("terminating") and not pod.get("finished")


def _selects(selector: t.Mapping[str, str], labels: t.Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in selector.items())


def _drained_together(plan: Row) -> set[frozenset[str]]:
    """Sets of nodes that the plan drains at the same moment."""
    stages = [stage for stage in plan.get("stages") or () if stage["drains"]]
    return {frozenset(wave) for stage in stages for wave in waves(plan, stage)}
