# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one play of playbooks/stages/hop.yml needs to know of a plan: its hosts, its waves, and what each host does.

A play may serve several stages (control plane kubelets, then workers): each unused play costs the reader three lines of
output, and a plan may have twelve hops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_stages import find_stage
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_table import TITLES


def plan_play(plan: Any, hop: int, kinds: Sequence[str], held: Sequence[Sequence[str]] | None = None) -> dict[str, Any]:
    """The stages of `kinds` in that hop as one play. Without any (or without a plan) a play that has no hosts.

    With `held` it is the play of the nodes that their waves had to leave behind: these waves of node names, of which
    there may be none.

    Returns {"title": str, "id": str, "hop": int, "version": "v1.25.4", "hosts": [in order], "nodes": {host: node name},
    "kinds": {host: [kind]}, "serial": [hosts a wave], "versions": {host: [versions to bring]},
    "waves": {host: its wave of kubeadm_upgrade_serial: auto, as in host_steps()},
    "actions": {host: action}, "image_tag": of the stage etcd, or "", "force_kubelet_skew": bool,
    "strip_kubelet_flags": {host: [flag]}, "last_of_hop": bool,
    "held": whether it is of nodes held back}.
    """
    found = [find_stage(plan, hop, kind) for kind in kinds]
    stages = [stage for stage in (found if held is None else [_only(s, held) for s in found]) if stage["hosts"]]
    hosts = list(dict.fromkeys(host for stage in stages for host in stage["hosts"]))
    version = stages[-1]["version"] if stages else ""  # an uncordon, which comes first, has one of its own
    return {
        "title": _title(plan, hop, stages, held is not None),
        "id": " and ".join(stage["id"] for stage in stages),
        "hop": hop,
        "version": version,
        "hosts": hosts,
        "nodes": {host: node for stage in stages for host, node in zip(stage["hosts"], stage["nodes"])},
        "kinds": _kinds(stages),
        "serial": _serial(stages, hosts),
        "waves": {host: wave for stage in stages for host, wave in _waves_of(stage).items()},
        "versions": _versions(plan, stages, hosts, version),
        "actions": {host: action for stage in stages for host, action in stage.get("actions", {}).items()},
        "image_tag": next((stage["image_tag"] for stage in stages if stage.get("image_tag")), ""),
        "force_kubelet_skew": any(stage.get("force_kubelet_skew") for stage in stages),
        "strip_kubelet_flags": {h: f for stage in stages for h, f in stage.get("strip_kubelet_flags", {}).items()},
        "last_of_hop": bool(stages) and _last_kind(plan, hop) == stages[-1]["kind"],
        "held": held is not None,
    }


def host_steps(play: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """{host: what it does in a play of plan_play()}, in one pass. A step is small: every task of the host refers to it.

    It is {"id", "title", "hop", "version", "kinds": [kind], "node": name in the cluster,
    "action": "apply" | "node" | "", "image_tag": of the stage etcd, or "", "force_kubelet_skew": bool,
    "strip_kubelet_flags": [flag], "versions": [versions to bring],
    "wave": {"number": from 1 on, "of": waves, "canary": bool, "soak": seconds to watch after it}, or {},
    "ends_hop": whether this host's wave is the last of the hop}.
    """
    ending = _ending(play)
    return {host: _step(play, host, ending) for host in play["hosts"]}


def _ending(play: Mapping[str, Any]) -> frozenset[str]:
    """Hosts of the wave with which the hop ends."""
    return frozenset(play["hosts"][-play["serial"][-1] :] if play["last_of_hop"] else ())


def _step(play: Mapping[str, Any], host: str, ending: frozenset[str]) -> dict[str, Any]:
    return {
        **{key: play[key] for key in ("id", "title", "hop", "version", "image_tag", "force_kubelet_skew")},
        "kinds": list(play["kinds"][host]),
        "node": play["nodes"][host],
        "action": play["actions"].get(host, ""),
        "strip_kubelet_flags": list(play["strip_kubelet_flags"].get(host, [])),
        "versions": list(play["versions"][host]),
        "wave": play["waves"].get(host, {}),
        "ends_hop": host in ending,
    }


def _kinds(stages: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """{host: kinds of its stages, in order}; in one pass, as plays are computed anew for every reference to them."""
    kinds: dict[str, list[str]] = {}
    for stage in stages:
        for host in stage["hosts"]:
            kinds.setdefault(host, []).append(stage["kind"])
    return kinds


def _last_kind(plan: Mapping[str, Any], hop: int) -> str:
    """Kind of the last stage of the hop that is a play; "finish" is the end of that play. "" without a "finish"."""
    kinds = [stage["kind"] for stage in plan["stages"] if stage["hop"] == hop]
    return str(kinds[-2]) if kinds[-1:] == ["finish"] and len(kinds) > 1 else ""


def _only(stage: Mapping[str, Any], waves: Sequence[Sequence[str]]) -> dict[str, Any]:
    """A stage of these waves of its nodes alone. Each is watched for as long as any wave of the stage."""
    hosts = dict(zip(stage["nodes"], stage["hosts"]))
    kept = [wave for wave in ([name for name in wave if name in hosts] for wave in waves) if wave]
    nodes = [name for wave in kept for name in wave]
    soak = max((wave["soak"] for wave in stage.get("waves") or ()), default=0)
    told: list[dict[str, Any]] = [
        {"size": len(wave), "canary": False, "soak": soak, "groups": [], "why": ""} for wave in kept
    ]
    names = [hosts[name] for name in nodes]
    sizes = [len(wave) for wave in kept]
    changed = {"hosts": names, "nodes": nodes, "drains": names, "serial": sizes, "waves": told}
    return {**stage, **changed}


def _title(plan: Any, hop: int, stages: list[dict[str, Any]], held: bool = False) -> str:
    if not stages:
        return f"Hop {hop + 1}{', workers held back' if held else ''}: not in this plan"
    work = ", then ".join(TITLES[stage["kind"]] for stage in stages) + (" that were held back" if held else "")
    if not plan["hops"]:
        return work.capitalize()
    return f"Hop {hop + 1} of {len(plan['hops'])}, {stages[-1]['version']}: {work}"


def _serial(stages: Sequence[Mapping[str, Any]], hosts: Sequence[str]) -> list[int]:
    """The waves of the stages, one stage after the other.

    Stages that each take all their hosts at once are one wave: a hop's backup is taken once a wave, of the nodes in it.
    """
    if stages and all(stage["serial"] == "100%" for stage in stages):
        return [len(hosts)]
    return [wave for stage in stages for wave in _waves(stage)] or [1]


def _waves_of(stage: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    waves, found, begun = stage.get("waves") or [], {}, 0
    for number, wave in enumerate(waves, 1):
        told = {"number": number, "of": len(waves), "canary": wave["canary"], "soak": wave["soak"]}
        found.update(dict.fromkeys(stage["hosts"][begun : begun + wave["size"]], told))
        begun += wave["size"]
    return found


def _waves(stage: Mapping[str, Any]) -> list[int]:
    """The stage's `serial` (a number, a percentage, or a list; the last holds for the rest) as hosts a wave.

    Counted out here, because in a play that serves several stages a percentage would be taken of all their hosts.
    """
    left = len(stage["hosts"])
    serial = stage["serial"] if isinstance(stage["serial"], list) else [stage["serial"]]
    sizes = [max(1, int(left * int(str(s)[:-1]) / 100)) if str(s).endswith("%") else int(s) for s in serial]
    waves: list[int] = []
    while left > 0:
        wave = min(left, sizes[min(len(waves), len(sizes) - 1)])
        waves.append(wave)
        left -= wave
    return waves


def _versions(plan: Any, stages: list[dict[str, Any]], hosts: list[str], version: str) -> dict[str, list[str]]:
    """What to bring to each host. One brings every hop's (see let_one_host_prove)."""
    versions = {host: [version] for host in hosts}
    for stage in stages:
        if stage.get("proves"):
            versions[stage["proves"]] = [entry["version"] for entry in plan["hops"]]
    return versions
