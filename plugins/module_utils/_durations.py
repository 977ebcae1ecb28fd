# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long an upgrade will take: from what earlier runs on this cluster took, and from stated defaults before that.

Pure: no I/O, no clock. What earlier runs took is kept as a note in the cluster (upgrade_note), as JSON:
{"steps": {"control_plane_apply": [seconds, …], "workers": […], …}}, the newest last.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import listing
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_play import plan_play

# Seconds that one step takes on one node, until an earlier run says better. From upgrades of the project's own lab
# clusters (3 to 5 nodes on 2 cores, few pods), rounded up for drains of pods that take their time to end. kubeadm
# itself waits up to 5 minutes for each component of a control plane, so slow machines take longer.
DEFAULTS: dict[str, float] = {
    "uncordon": 15,
    "prepare": 90,
    "kubectl": 10,
    "etcd": 90,
    "control_plane_apply": 150,
    "control_plane_node": 100,
    "control_plane_kubelet": 60,
    "workers": 75,
    "finish": 10,
}
KEPT = 20  # durations kept of each kind of step
FORKS = 5  # Ansible's own default of how many hosts it works on at once

EARLIER, BOTH, STATED = "earlier runs", "earlier runs and defaults", "defaults"


def read_note(text: str | None) -> dict[str, list[float]]:
    """Seconds of earlier steps by kind. A note that is missing or damaged counts as none: a guess is made without."""
    try:
        steps = json.loads(text or "{}")["steps"]
        return {
            kind: [float(value) for value in steps[kind] if value >= 0][-KEPT:] for kind in DEFAULTS if steps.get(kind)
        }
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def add_to_note(
    text: str | None, steps: Iterable[Mapping[str, Any]], plan: Mapping[str, Any], durations: Mapping[str, Any]
) -> str:
    """The note with the steps of a run added, each {"stage", "kind", "action"?, "node", "seconds", "outcome"}.

    Those count that succeeded. Ansible takes the hosts of a wave task by task, `forks` at once, so that all of them end
    when the wave does: what one host takes by itself is its seconds by the number of rounds. `durations` are those that
    expected() made of `plan`.
    """
    kept = read_note(text)
    rounds = _rounds_of_nodes(plan, durations)
    for step in steps:
        if step["outcome"] == "succeeded" and step["seconds"] is not None:
            alone = step["seconds"] / rounds.get((step["stage"], step["node"]), 1)
            kept.setdefault(_key(step["kind"], step.get("action", "")), []).append(round(alone))
    return json.dumps({"steps": {kind: values[-KEPT:] for kind, values in sorted(kept.items())}})


def expected(plan: Mapping[str, Any], note: str | None = None, forks: int = FORKS) -> dict[str, Any]:
    """What a plan is expected to take.

    Returns {"seconds": in all, "forks": as given, "from": "earlier runs" | "earlier runs and defaults" | "defaults",
    "stages": [{"id", "seconds", "waves": [{"nodes": how many, "seconds"}]}],
    "unavailable": [{"node", "seconds": each time, "times"}]}: the nodes that are drained.
    """
    earlier = {kind: median(values) for kind, values in read_note(note).items()}
    seconds = {**DEFAULTS, **earlier}
    stages = [_stage(plan, stage, seconds, forks) for stage in plan["stages"]]
    return {
        "seconds": sum(stage["seconds"] for stage in stages),
        "forks": max(forks, 1),
        "from": _origin({key for stage in plan["stages"] for key in _keys(stage)}, set(earlier)),
        "stages": stages,
        "unavailable": _unavailable(plan, stages),
    }


def about(seconds: float) -> str:
    """An expected time as a person would say it: "about 25 min", never more exact than it can be."""
    minutes = seconds / 60
    if minutes < 1:
        return "less than 1 min"
    if minutes < 20:
        return f"about {_round_to(minutes, 1)} min"
    if minutes < 90:
        return f"about {_round_to(minutes, 5)} min"
    return f"about {_long(_round_to(minutes, 5 if minutes < 600 else 60))}"


def exactly(seconds: float) -> str:
    """A time that was measured: "45 s", "8 min 25 s", "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return _long(_round_to(whole / 60, 1))


def duration_lines(durations: Mapping[str, Any]) -> list[str]:
    """What a person reads below the table of a plan, in lines of at most 100 columns."""
    if not durations["stages"]:
        return []
    origin = {
        EARLIER: "from what earlier runs on this cluster took",
        BOTH: "from earlier runs on this cluster, and from defaults for steps that it has not seen",
        STATED: "from defaults; after a run on this cluster, from what that one took",
    }
    lines = [f"Expected to take {about(durations['seconds'])}", f"  ({origin[durations['from']]})."]
    for row in unavailable_rows(durations["unavailable"])[:5]:
        times = f"{row['times']} x " if row["times"] > 1 else ""
        lines += _bullet(f"out of service for {times}{about(row['seconds'])}: {listing(row['nodes'], 6)}")
    return lines


def unavailable_rows(unavailable: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Nodes that are out equally often and long, together: [{"times", "seconds", "nodes"}], the most often first."""
    rows: dict[tuple[int, float], list[str]] = {}
    for entry in unavailable:
        rows.setdefault((entry["times"], entry["seconds"]), []).append(entry["node"])
    ordered = sorted(rows, key=lambda row: (-row[0], -row[1]))
    return [{"times": times, "seconds": seconds, "nodes": rows[times, seconds]} for times, seconds in ordered]


def _stage(
    plan: Mapping[str, Any], stage: Mapping[str, Any], seconds: Mapping[str, float], forks: int
) -> dict[str, Any]:
    """A wave takes as long as its slowest node, and as often that as Ansible's forks make rounds of it."""
    keys = _keys(stage)
    waves = []
    begun = 0
    for size in plan_play(plan, stage["hop"], [stage["kind"]])["serial"]:
        waves.append(
            {"nodes": size, "seconds": _rounds(size, forks) * max(seconds[key] for key in keys[begun : begun + size])}
        )
        begun += size
    watched = sum(wave["soak"] for wave in stage.get("waves") or [])
    return {"id": stage["id"], "seconds": sum(wave["seconds"] for wave in waves) + watched, "waves": waves}


def _rounds(size: int, forks: int) -> int:
    return math.ceil(size / max(forks, 1))


def _rounds_of_nodes(plan: Mapping[str, Any], durations: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """{(id of the stage, node): rounds of its wave}."""
    return {
        (stage["id"], node): _rounds(wave["nodes"], durations["forks"])
        for stage, timed in zip(plan["stages"], durations["stages"])
        for node, wave in zip(stage["nodes"], _waves_of_nodes(timed))
    }


def _waves_of_nodes(timed: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """For each node of a stage, in order, the wave that it is in."""
    return [wave for wave in timed["waves"] for _node in range(wave["nodes"])]


def _keys(stage: Mapping[str, Any]) -> list[str]:
    """For each host of a stage, the kind of step that it has there."""
    return [_key(stage["kind"], stage.get("actions", {}).get(host, "")) for host in stage["hosts"]]


def _key(kind: str, action: str) -> str:
    return f"control_plane_{action or 'apply'}" if kind == "control_plane" else kind


def _origin(needed: set[str], known: set[str]) -> str:
    if needed & known:
        return EARLIER if needed - known <= {"finish", "uncordon"} else BOTH
    return STATED


def _unavailable(plan: Mapping[str, Any], stages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A node is out until its wave is done, as Ansible takes a wave task by task."""
    found: dict[str, dict[str, Any]] = {}
    for stage, timed in zip(plan["stages"], stages):
        drained = set(stage["drains"])
        for host, node, wave in zip(stage["hosts"], stage["nodes"], _waves_of_nodes(timed)):
            if host in drained:
                entry = found.setdefault(node, {"node": node, "seconds": 0, "times": 0})
                entry["seconds"] = max(entry["seconds"], wave["seconds"])
                entry["times"] += 1
    return list(found.values())


def _round_to(value: float, step: int) -> int:
    return max(step, int(value / step + 0.5) * step)


def _long(minutes: int) -> str:
    days, rest = divmod(minutes, 24 * 60)
    parts = [(days, f"day{'' if days == 1 else 's'}"), (rest // 60, "h"), (0 if days else rest % 60, "min")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def _bullet(text: str) -> list[str]:
    """Lines; names of nodes are left whole, to be searched for and copied."""
    return textwrap.wrap(
        text, 100, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False, break_long_words=False
    )
