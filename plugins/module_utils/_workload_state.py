# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what runs on a cluster (_workloads), and waits until it is Ready again."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Api, path_part
from ansible_collections.uplift.kubeadm.plugins.module_utils._workloads import State, compare, of_pod, of_workload

COLLECTIONS = {
    "Deployment": "/apis/apps/v1/deployments",
    "StatefulSet": "/apis/apps/v1/statefulsets",
    "DaemonSet": "/apis/apps/v1/daemonsets",
}
POLL = 1.0  # seconds between two looks
LISTS_A_LOOK = 2  # a look costs the API server little, however many workloads there are
PODS_A_LOOK = 20


def read(api: Api) -> State:
    """The state of the whole cluster: four paged lists."""
    state: State = {}
    for kind in COLLECTIONS:
        state.update(_workloads(api, kind))
    state.update(row for row in api.list("/api/v1/pods", keep=of_pod) if row)
    return state


def wait(api: Api, before: State, timeout: float) -> dict[str, Any]:
    """Compare until nothing is lost, or until `timeout` seconds are over; the last comparison.

    Only kinds in which something is lost are read again, two a look; pods without a controller one by one.
    """
    deadline = time.monotonic() + timeout
    state = read(api)
    turn = 0
    while True:
        comparison = compare(before, state)
        kinds = sorted({entry["kind"] for entry in _lost(comparison)})
        left = deadline - time.monotonic()
        if not kinds or left <= 0:
            return comparison
        time.sleep(min(POLL, left))
        lists = [kind for kind in kinds if kind in COLLECTIONS]
        for kind in lists if len(lists) <= LISTS_A_LOOK else _turn(lists, turn):
            state = {key: counts for key, counts in state.items() if not key.startswith(f"{kind} ")}
            state.update(_workloads(api, kind))
        turn += LISTS_A_LOOK
        _look_at_pods(api, state, [entry for entry in _lost(comparison) if entry["kind"] == "Pod"])


def _turn(kinds: list[str], turn: int) -> list[str]:
    return [kinds[(turn + offset) % len(kinds)] for offset in range(LISTS_A_LOOK)]


def _workloads(api: Api, kind: str) -> State:
    return dict(api.list(COLLECTIONS[kind], keep=lambda workload: of_workload(kind, workload)))


def _look_at_pods(api: Api, state: State, entries: list[dict[str, str]]) -> None:
    for entry in entries[:PODS_A_LOOK]:
        path = f"/api/v1/namespaces/{path_part(entry['ns'])}/pods/{path_part(entry['name'])}"
        pod = api.find(path)
        row = of_pod(pod) if pod else None
        if row:
            state[row[0]] = row[1]
        else:
            state.pop(f"Pod {entry['ns']}/{entry['name']}", None)


def _lost(comparison: dict[str, Any]) -> list[dict[str, str]]:
    return [entry for which in ("missing", "not_ready", "fewer") for entry in comparison[which]]
