# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One line for each event of _progress that is worth one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._durations import about, exactly
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import listing

MOST_NAMES = 5
MOST_MESSAGE = 200  # characters of a message; Ansible has printed all of it
NOUNS = {
    "uncordon": "return to service",
    "prepare": "prepare",
    "kubectl": "kubectl",
    "etcd": "etcd",
    "control_plane": "control plane",
    "control_plane_kubelet": "control plane kubelet",
    "workers": "worker",
}
# What the pods of a drain wait for, as node_drain names it.
STATES = {
    "refused": "refused",
    "ending": "ending",
    "running": "left to complete",
    "queued": "to be evicted",
    "attached": "still attached",
}

Data = Mapping[str, Any]


def line(kind: str, data: Data) -> str:
    """The line of an event (its type, its data), without the time of day."""
    return LINES[kind](data)


def _begin(data: Data) -> str:
    parts = [
        _count(len(data["hops"]), "hop"),
        *(_count(data[kind], noun) for kind, noun in (("control_planes", "control plane"), ("workers", "worker"))),
        _count(data["drains"], "drain"),
    ]
    return f"to {data['target']}: {', '.join(parts)}"


def _wave(data: Data) -> str:
    first, last = data["first"], data["last"]
    which = f"{first}" if first == last else f"{first}-{last}"
    noun = NOUNS.get(data["stage"], data["stage"])
    text = f"{_hop(data, ', ')}{noun} {which}/{data['of']}{' (canary)' if data['canary'] else ''}"
    text += f": {listing(list(data['nodes']), MOST_NAMES)}"
    measured = [part for part in (_rate(data), _left(data)) if part]
    return f"{text}; {', '.join(measured)}" if measured else text


def _rate(data: Data) -> str:
    if data["wave_seconds"] is None:
        return ""
    return f"{exactly(data['wave_seconds'])} a {'node' if data['wave_nodes'] == 1 else 'wave'}"


def _left(data: Data) -> str:
    if data["left_seconds"] is not None:
        return f"{about(data['left_seconds'])} left"
    if data["stage_left_seconds"] is not None:
        return f"{about(data['stage_left_seconds'])} left for this stage"
    return ""


def _drain(data: Data) -> str:
    rows = data["left"]
    what = "volume" if rows and rows[0]["state"] == "attached" else "pod"
    text = f"{data['node']}: draining, {_count(len(rows), what)} left after {exactly(data['seconds'])}"
    parts = [_held(budget, pods) for budget, pods in _by_budget(rows).items()]
    for state, words in STATES.items():
        number = sum(row["state"] == state for row in rows)
        parts += [f"{number} {words}"] if number else []
    return f"{text}; {', '.join(parts)}" if parts else text


def _by_budget(rows: Sequence[Data]) -> dict[str, list[Data]]:
    found: dict[str, list[Data]] = {}
    for row in rows:
        if row["state"] == "held":
            found.setdefault(row["budget"], []).append(row)
    return found


def _held(budget: str, pods: Sequence[Data]) -> str:
    return f"{len(pods)} held by the budget {budget} for {exactly(max(pod['seconds'] for pod in pods))}"


def _drained(data: Data) -> str:
    text = f"{data['node']}: drained after {exactly(data['seconds'])}, {_count(data['evicted'], 'pod')}"
    held = [f"{row['budget']} for {exactly(row['seconds'])}" for row in data["waited"] if row["seconds"] >= 1]
    return f"{text}; held by the budget {listing(held, MOST_NAMES)}" if held else text


def _failed(data: Data) -> str:
    how = "is UNREACHABLE" if data["unreachable"] else "FAILED"
    where = f"{_hop(data, ', ')}{NOUNS.get(data['stage'], data['stage'])}"
    text = f'{data["node"]} {how} at "{data["task"]}", {where}'
    return f"{text}: {_short(data['message'])}" if data["message"] else text


def _hop_done(data: Data) -> str:
    return f"{_hop(data, ' ')}done after {exactly(data['seconds'])}"


def _end(data: Data) -> str:
    if data["outcome"] == "succeeded":
        return f"done: {data['target']} after {exactly(data['seconds'])}, {_count(data['steps_done'], 'step')}"
    text = f"stopped after {exactly(data['seconds'])}"
    at = data["at"]
    if at:
        text += f": {_hop(at, ', ')}{NOUNS.get(at['stage'], at['stage'])} {at['done']} of {at['of']} done"
        text += f", {at['not_begun']} not begun" if at["not_begun"] else ""
    if data["failed"]:
        return f"{text}; failed: {listing(list(data['failed']), MOST_NAMES)}"
    why = data["reason"] or data["message"]
    return f"{text}. {_short(why)}" if why else text


def _short(message: str) -> str:
    words = " ".join(message.split())
    return words if len(words) <= MOST_MESSAGE else f"{words[:MOST_MESSAGE]}…"


def _hop(data: Data, then: str) -> str:
    """ "hop 1/2 (v1.25.4)"; nothing for a run that has no hops, and only returns nodes to service."""
    return f"hop {data['hop']}/{data['hops']} ({data['version']}){then}" if data["hops"] else ""


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


LINES: dict[str, Callable[[Data], str]] = {
    "begin": _begin,
    "wave": _wave,
    "drain": _drain,
    "drained": _drained,
    "failed": _failed,
    "hop": _hop_done,
    "end": _end,
}
