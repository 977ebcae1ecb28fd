# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ran and was Ready before an upgrade, compared with what is after it. Pure: no I/O, no clock.

A state is {"Deployment shop/web": [replicas wanted, replicas Ready]}: of Deployments, StatefulSets and DaemonSets,
and of pods that no controller manages. Jobs come and go by themselves, and are left out.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

# etcd takes 1.5 MiB a request, and the API server 1 MiB a ConfigMap; other notes need some of it.
MOST_CHARACTERS = 900_000
SCALED = ("Deployment", "StatefulSet")  # kinds of which the owner, or an autoscaler, says how many are wanted
MOST_LINES = 20

State = dict[str, list[int]]


def of_workload(kind: str, workload: Mapping[str, Any]) -> tuple[str, list[int]]:
    """The row of a Deployment, StatefulSet or DaemonSet as the API has it."""
    spec, status = workload.get("spec") or {}, workload.get("status") or {}
    if kind == "DaemonSet":
        counts = [status.get("desiredNumberScheduled") or 0, status.get("numberReady") or 0]
    else:
        wanted = spec.get("replicas")
        counts = [1 if wanted is None else wanted, status.get("readyReplicas") or 0]
    return _key(kind, workload), counts


def of_pod(pod: Mapping[str, Any]) -> tuple[str, list[int]] | None:
    """The row of a pod that no controller manages; None for others, and for one that has finished or is going."""
    meta, status = pod["metadata"], pod.get("status") or {}
    if any(owner.get("controller") for owner in meta.get("ownerReferences") or []):
        return None
    if "kubernetes.io/config.mirror" in (meta.get("annotations") or {}) or "deletionTimestamp" in meta:
        return None
    if status.get("phase") in ("Succeeded", "Failed"):
        return None
    ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in status.get("conditions") or [])
    return _key("Pod", pod), [1, int(ready)]


def compare(before: State, after: State) -> dict[str, Any]:
    """What was Ready before and is not now.

    Returns {"before": workloads that were Ready, "as_before": how many still are, "lost": number of those that are not,
    "missing": [...], "not_ready": [...], "fewer": [...], "changed_by_owner": [...]}, each entry {"kind", "ns", "name",
    "before": "3 of 3", "now": "1 of 3", "why"}. What was not Ready before is not asked for; what is new is not counted.
    """
    found: dict[str, list[dict[str, str]]] = {"missing": [], "not_ready": [], "fewer": [], "changed_by_owner": []}
    were_ready = {key: counts for key, counts in before.items() if counts[1] > 0}
    for key, counts in sorted(were_ready.items()):
        verdict = _verdict(key, counts, after.get(key))
        if verdict:
            which, why = verdict
            found[which].append(_entry(key, counts, after.get(key), why))
    lost = sum(len(found[which]) for which in ("missing", "not_ready", "fewer"))
    as_before = len(were_ready) - lost - len(found["changed_by_owner"])
    return {"before": len(were_ready), "as_before": as_before, "lost": lost, **found}


def lines(comparison: Mapping[str, Any], at: str) -> list[str]:
    """The comparison for people: a sentence, then a line for each workload that is not as it was."""
    lost, before = comparison["lost"], comparison["before"]
    changed = len(comparison["changed_by_owner"])
    owners = f"; {changed} changed by the owner or an autoscaler" if changed else ""
    if lost:
        head = f"{lost} of {before} workloads that were Ready at {at} are not as they were{owners}."
    else:
        head = f"All {before} workloads that were Ready at {at} are Ready{owners}."
    shown = [
        f"{entry['kind']} {entry['ns']}/{entry['name']}: {entry['why']} (before {entry['before']}, now {entry['now']})"
        for which in ("missing", "not_ready", "fewer")
        for entry in comparison[which]
    ]
    more = [f"and {len(shown) - MOST_LINES} more"] if len(shown) > MOST_LINES else []
    return [head, *shown[:MOST_LINES], *more]


def pack(state: State, key: str, at: str) -> str:
    """A state as the text of a note. Raises UpliftError when it does not fit into a ConfigMap."""
    content = json.dumps({"key": key, "at": at, "workloads": state}, separators=(",", ":"), sort_keys=True)
    text = base64.b64encode(gzip.compress(content.encode(), mtime=0)).decode()
    if len(text) > MOST_CHARACTERS:
        raise UpliftError(
            f"The state of {len(state)} workloads takes {len(text)} characters, more than the {MOST_CHARACTERS} that "
            "fit into a ConfigMap, so it is not kept, and cannot be compared after the upgrade."
        )
    return text


def unpack(text: str | None) -> dict[str, Any] | None:
    """{"key", "at", "workloads"} of a note; None when there is none, or none that can be read."""
    try:
        content = json.loads(gzip.decompress(base64.b64decode(text or "", validate=True)))
        return content if isinstance(content["workloads"], dict) and content["at"] and content["key"] else None
    except (OSError, ValueError, EOFError, KeyError, TypeError):
        return None


def _verdict(key: str, before: list[int], now: list[int] | None) -> tuple[str, str] | None:
    """(which list it belongs to, why); None when it is as it was."""
    kind = key.partition(" ")[0]
    if now is None:
        gone = "is gone; no controller starts it again" if kind == "Pod" else "is gone"
        return "missing", gone
    wanted, ready = now
    scaled = kind in SCALED and wanted != before[0]
    if scaled and ready >= min(wanted, before[1]):
        return "changed_by_owner", f"is wanted {wanted} times, and was {before[0]} times"
    if ready >= before[1]:
        return None
    if ready == 0 and wanted > 0:
        return "not_ready", "is not Ready"
    if kind == "DaemonSet" and wanted < before[0] and ready >= wanted:
        return "fewer", "is wanted on fewer nodes: a node has left, or labels, taints or its selector have changed"
    return "fewer", "has fewer Ready replicas"


def _entry(key: str, before: list[int], now: list[int] | None, why: str) -> dict[str, str]:
    kind, _unused, place = key.partition(" ")
    namespace, _unused, name = place.partition("/")
    return {
        "kind": kind,
        "ns": namespace,
        "name": name,
        "before": f"{before[1]} of {before[0]}",
        "now": f"{now[1]} of {now[0]}" if now else "none",
        "why": why,
    }


def _key(kind: str, obj: Mapping[str, Any]) -> str:
    return f"{kind} {obj['metadata']['namespace']}/{obj['metadata']['name']}"
