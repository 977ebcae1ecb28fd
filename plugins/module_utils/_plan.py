# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts and a target in, a plan out. Pure: no I/O, no clock, no environment; the same facts give the same plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import (
    Cluster,
    check_inventory,
    check_skew,
    choose_nodes,
    listing,
    read_cluster,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_etcd import bridge_words, plan_bridges
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_hops import (
    Hop,
    allows,
    check_kubelets,
    check_number,
    check_offers,
    choose_hops,
    first_hop,
    kubelet_stops,
    newest_of,
    read_offers,
    read_pins,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_stages import (
    check_step_back,
    hop_stages,
    let_one_host_prove,
    uncordon_stage,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_table import plan_table
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_waves import (
    AUTO,
    WaveOptions,
    lay_waves,
    read_rules,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import (
    Target,
    Version,
    minor_name,
    minors_between,
    parse_target,
)

SCHEMA = 1
MODES = ("auto", "every", "fewest")
SCOPES = ("all", "control_plane", "workers")


@dataclass(frozen=True)
class Options:
    """What the user chose; see the documentation of module upgrade_plan."""

    target: Any = None
    worker_hops: str = "auto"
    scope: str = "all"
    serial: Any = None
    limited: list[str] | None = None
    left_out: list[dict[str, Any]] = field(default_factory=list)
    max_left_out: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    etcd_bridge: list[str] = field(default_factory=list)
    waves: WaveOptions = field(default_factory=WaveOptions)


def make_plan(
    facts: Mapping[str, Any],
    hosts: Mapping[str, Mapping[str, Any]],
    available: Mapping[str, list[str]] | None,
    options: Options,
) -> dict[str, Any]:
    """Plan an upgrade. Returns {"plan": …, "table": [lines], "minors": [minors], "hosts": [inventory names]}.

    `minors` are those whose packages have to be listed, `hosts` those whose package sources have to offer them; both
    are empty when no package can be needed. `available` is {minor: [versions that the package source offers on all
    these hosts]}. None means that it is not known yet: then all that can be refused without it is refused, and "plan"
    is {}.
    Raises UpliftError for everything that must stop a run before it touches a node.
    """
    target = parse_target(options.target)
    rules = read_rules(options.waves, hosts) if options.serial == AUTO else None
    serial = 1 if rules else _serial(options.serial)
    pins = read_pins(options.versions)
    cluster = read_cluster(facts, hosts)
    limited = None if options.limited is None else frozenset(options.limited)
    check_inventory(cluster, hosts, limited, options.left_out)
    choose_nodes(cluster, options.scope, limited, options.left_out, options.max_left_out)
    check_skew(cluster)
    with_control_plane = any(node.control_plane for node in cluster.moving)
    minors = _minors_to_list(cluster, target, pins, with_control_plane, options.worker_hops)
    hosts_to_ask = [str(node.host) for node in cluster.moving] if minors else []
    asked = {"minors": minors, "hosts": hosts_to_ask}
    if available is None:
        return {"plan": {}, "table": [], **asked}
    offers = read_offers(available)
    hops = choose_hops(cluster, target, offers, pins, with_control_plane)
    plan = _build(cluster, hops, options.worker_hops, serial, options.etcd_bridge)
    check_offers([hop for hop in hops if str(hop.version) in plan["hop_versions"].values()], offers)
    check_number(len(plan["hops"]))
    check_step_back(cluster, plan["stages"])
    plan["decisions"] += _unlisted(facts, cluster)
    if rules:
        lay_waves(plan, facts, rules)
    return {"plan": plan, "table": plan_table(plan, cluster), **asked}


def _minors_to_list(
    cluster: Cluster, target: Target, pins: Mapping[int, Version], with_control_plane: bool, mode: str
) -> list[str]:
    """Minors of the hops that a plan may need. Dummy offers let the refusals that need no packages speak first."""
    newest = newest_of(cluster)
    guess = {minor: [Version(minor, 0)] for minor in [target.minor, *minors_between(newest.minor, target.minor)]}
    hops = choose_hops(cluster, target, guess, pins, with_control_plane)
    if (target.exact or target.minor in pins) and not _build(cluster, hops, mode, 1)["hops"]:
        return []  # all is there: a package source that is down is no reason to fail
    if not with_control_plane or target.minor == newest.minor:
        return [minor_name(target.minor)]
    lagging = any(node.kubelet.minor < newest.minor for node in cluster.moving)
    present = [newest.minor] if lagging or first_hop(cluster, newest).moves_control_plane else []
    return [minor_name(minor) for minor in present + minors_between(newest.minor, target.minor)]


def _serial(raw: Any) -> Any:
    """`serial` of the workers' play: 1, "25%", or a list of such. Raises UpliftError."""
    if raw is None or raw == "" or raw == []:
        return 1
    parts = [_serial_part(part) for part in (raw if isinstance(raw, list) else [raw])]
    return parts[0] if len(parts) == 1 else parts


def _serial_part(part: Any) -> int | str:
    text = "" if isinstance(part, bool) else str(part).strip()
    number = text[:-1] if text.endswith("%") else text
    if not number.isdigit() or int(number) < 1 or (text.endswith("%") and int(number) > 100):
        raise UpliftError(
            f'kubeadm_upgrade_serial holds {part!r}: write a number of nodes from 1 on, a percentage up to "100%", '
            "a list of these, or auto."
        )
    return text if text.endswith("%") else int(number)


def _build(
    cluster: Cluster, hops: list[Hop], mode: str, serial: Any, etcd_bridge: Sequence[str] = ()
) -> dict[str, Any]:
    stops = {node.name: kubelet_stops(node, hops, mode) for node in cluster.moving}
    forced = check_kubelets(cluster, hops, stops, mode)
    bridges = plan_bridges(cluster, hops, etcd_bridge)
    kubectl = {node.name: node.kubectl for node in cluster.moving}
    kubelet = {node.name: node.kubelet for node in cluster.moving}
    stages: list[dict[str, Any]] = []
    done: list[Hop] = []
    for index, hop in enumerate(hops):
        due = {node.name: kubelet[node.name] for node in cluster.moving if index in stops[node.name]}
        stale = [node for node in cluster.moving if _kubectl_too_old(kubectl[node.name], hop)]
        newer = [*due, *(node.name for node in stale)]
        bridge = bridges.by_hop.get(index)
        new = hop_stages(cluster, len(done), hop, due, stale, serial, forced[index], bridge)
        kubectl.update({name: hop.version for name in newer if kubectl[name]})
        kubelet.update(dict.fromkeys(due, hop.version))
        if new:
            done.append(hop)
            stages += new
    let_one_host_prove(cluster, stages)
    drained = {host for stage in stages if stage["hop"] == 0 for host in stage["drains"]}
    waiting = [node for node in cluster.moving if node.ours and node.host not in drained]
    if waiting:
        stages.insert(0, uncordon_stage(waiting))
    drains = {node.name: len(stops[node.name]) for node in cluster.moving if stops[node.name]}
    return {
        "schema": SCHEMA,
        "target": str(hops[-1].version),
        "changes": bool(stages),
        "hops": [
            {"index": index, "minor": minor_name(hop.version.minor), "version": str(hop.version)}
            for index, hop in enumerate(done)
        ],
        "stages": stages,
        "drains": drains,
        "decisions": _decisions(cluster, done, stops, hops, mode, forced) + bridge_words(cluster, hops, bridges),
        "left_out": cluster.left_out,
        "hop_versions": {minor_name(hop.version.minor): str(hop.version) for hop in done},
    }


def _kubectl_too_old(kubectl: Version | None, hop: Hop) -> bool:
    """Whether the hop takes an API server more than one minor past this kubectl (None: the host has none)."""
    return kubectl is not None and hop.moves_control_plane and kubectl.minor < hop.version.minor - 1


def _decisions(
    cluster: Cluster, done: list[Hop], stops: Mapping[str, list[int]], hops: list[Hop], mode: str, forced: list[bool]
) -> list[str]:
    """Why the plan is as it is, a sentence each."""
    said = []
    newest = newest_of(cluster)
    resumed = [node.name for node in cluster.moving if node.ours]
    if resumed:
        said.append(f"An earlier run left {listing(resumed)} cordoned; this one goes on with it.")
    if not done:
        return [*said, f"Every node of this run is at {hops[-1].version} already: nothing to upgrade."]
    mixed = done[0].version.minor == newest.minor and min(cluster.apiservers) < newest
    if done[0].moves_control_plane and (mixed or done[0].version == newest):
        said.append(f"The hop to {done[0].version} was begun before; it is finished first.")
    moving = [hop for hop in done if hop.moves_control_plane]
    if moving:
        path = ", ".join(str(hop.version) for hop in moving)
        said.append(f"The control plane goes one minor at a time: {path}.")
    if any(stops[node.name] for node in cluster.moving if node.control_plane):
        said.append("Kubelets of control plane nodes follow every hop, as kubeadm's documentation has it.")
    said += _about_workers(cluster, stops, hops, mode)
    for hop, force in zip(hops, forced):
        if force:
            said.append(
                f"At {hop.version} kubelets are further behind than kubeadm accepts: it is forced (--force) there, "
                "once a run without it has shown that this is its only objection."
            )
    last = moving[-1].version.minor if moving else newest.minor
    staying = [node.name for node in cluster.nodes if node.stays and last - node.kubelet.minor > 1]
    if staying:
        said.append(f"kubectl on {listing(staying)} falls more than one minor behind: use it from another host.")
    return said


def _unlisted(facts: Mapping[str, Any], cluster: Cluster) -> list[str]:
    """Nodes of the cluster that no host of the run stands for: counted, and named with what is known of them."""
    known = facts.get("nodes") or {}
    names = [node.name for node in cluster.nodes if node.host is None]
    if not names:
        return []
    systems = {name: str(known[name].get("os") or "linux") for name in names}
    shown = [name if systems[name] == "linux" else f"{name} ({systems[name]})" for name in names]
    return [
        f"{len(names)} node(s) of the cluster are no hosts of this run and stay as they are: {listing(shown)}. They "
        "count in every rule, and take pods in."
    ]


def _about_workers(cluster: Cluster, stops: Mapping[str, list[int]], hops: list[Hop], mode: str) -> list[str]:
    workers = [node for node in cluster.moving if not node.control_plane and stops[node.name]]
    crossed = [node for node in workers if minors_between(node.kubelet.minor, hops[-1].version.minor)[1:]]
    if not crossed:
        return []
    most = max(len(stops[node.name]) for node in crossed)
    saved = max(hops[-1].version.minor - node.kubelet.minor - len(stops[node.name]) for node in crossed)
    if mode == "every":
        behind = "; minors that the control plane left behind before are passed over (a kubeadm older than the cluster "
        late = f"{behind}may not read its configuration)" if saved > 0 else ""
        return [f"Workers follow every hop of this run, as kubeadm_upgrade_worker_hops=every asks{late}."]
    if saved > 0:
        rule = "skew policy and kubeadm's own check both allow" if mode == "auto" else "the skew policy allows"
        return [f"Workers skip minors where {rule} it: {most} drain(s) a worker at most, up to {saved} fewer."]
    if mode == "auto" and any(allows(node.kubelet, node.kubelet.minor + 2, "fewest") for node in crossed):
        return [
            "Workers follow every minor: kubeadm up to 1.28 refuses kubelets more than one minor behind "
            "(kubeadm_upgrade_worker_hops=fewest would force it, for fewer drains)."
        ]
    return ["Workers follow every minor: the rules leave none to skip."]
