# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which pods stand behind a Service that the API server itself calls. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import unread_of

Row = t.Mapping[str, t.Any]


def ready_pods(facts: Row, service: Row) -> list[Row] | None:
    """The ready pods behind a Service {"ns", "name"}; [] when there are none, or no such Service.

    None when it cannot be told: pods or Services were not read, or the Service has no selector, so that somebody else
    says where it leads.
    """
    if unread_of(facts, "pods", "services"):
        return None
    found = [s for s in facts.get("services") or () if (s["ns"], s["name"]) == (service["ns"], service["name"])]
    if not found:
        return []
    selector = found[0].get("selector")
    if not selector:
        return None
    return [pod for pod in facts["pods"] if pod["ns"] == service["ns"] and _serves(pod, selector)]


def _serves(pod: Row, selector: t.Mapping[str, str]) -> bool:
    labels = pod.get("labels") or {}
    if not pod.get("ready") or pod.get("terminating") or pod.get("finished"):
        return False
    return all(labels.get(key) == value for key, value in selector.items())
