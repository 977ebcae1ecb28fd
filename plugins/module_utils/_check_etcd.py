# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""etcd: is it well, may its version take the steps of the plan, and is there room for kubeadm's copies of its data?"""

from __future__ import annotations

import typing as t
from urllib.parse import urlsplit

from ansible_collections.uplift.kubeadm.plugins.module_utils._check_etcd_versions import VERSION_CHECKS, bridges
from ansible_collections.uplift.kubeadm.plugins.module_utils._detect_facts import control_planes, is_external, mapping
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Check, Context, Finding, Unchecked
from ansible_collections.uplift.kubeadm.plugins.module_utils._hops import Hop, control_plane_hops
from ansible_collections.uplift.kubeadm.plugins.module_utils._seen import seen as cut

ETCDCTL = (
    "kubectl -n kube-system exec etcd-NODE -- etcdctl --cacert /etc/kubernetes/pki/etcd/ca.crt "
    "--cert /etc/kubernetes/pki/etcd/server.crt --key /etc/kubernetes/pki/etcd/server.key"
)
EXTERNAL_ETCDCTL = "etcdctl --endpoints URL --cacert CA --cert CERT --key KEY"
MAINTENANCE = "https://etcd.io/docs/latest/op-guide/maintenance/"
FAQ = "https://etcd.io/docs/latest/faq/"
UPGRADE = "kubernetes/kubernetes: cmd/kubeadm/app/phases/upgrade/staticpods.go, performEtcdStaticPodUpgrade"
DEFAULT_QUOTA = 2 * 1024**3  # etcd's --quota-backend-bytes when it is not set
NEARLY_FULL = 0.8
# A database smaller than this is not worth a word, however much of it is empty.
FRAGMENTED_BYTES = 512 * 1024**2
LEFT_OVER_BYTES = 1024**3
MIB = 1024**2


def etcdctl(ctx: Context) -> str:
    """How to ask etcd by hand: in kubeadm's pod, or on a host of an external one."""
    return EXTERNAL_ETCDCTL if is_external(ctx) else ETCDCTL


def told(ctx: Context) -> dict[str, t.Mapping[str, t.Any]]:
    """{control plane node: what etcd said when asked from there}; nodes where it said nothing are left out."""
    return {node: ctx.nodes[node]["etcd"] for node in control_planes(ctx) if ctx.nodes[node].get("etcd")}


def unknown(ctx: Context) -> t.Iterator[Unchecked]:
    """Control planes whose etcd was not asked, where the node itself does not say why."""
    silent = [node for node in control_planes(ctx) if not ctx.nodes[node].get("etcd")]
    silent = [node for node in silent if "etcd" not in mapping(ctx.nodes[node].get("unread"))]
    if silent and control_plane_hops(ctx.plan):
        yield Unchecked(
            "etcd", f"Nothing is known of the etcd of {', '.join(silent)}: members, alarms, size and version."
        )


def members(ctx: Context) -> t.Iterator[Finding]:
    """Members that are not up, still learning, or left over; and too few of them to lose one."""
    known: dict[str, t.Mapping[str, t.Any]] = {}
    external = False
    for etcd in told(ctx).values():
        known.update({member["id"]: member for member in etcd.get("members") or ()})
        external = external or bool(etcd.get("external"))
    down = [f"member {m['id']} at {', '.join(m.get('peer_urls') or ())}" for m in known.values() if not m["started"]]
    if down:
        yield Finding(
            id="etcd-member-not-started",
            severity="blocker",
            title="A member was added to etcd and has never come up",
            seen=tuple(down),
            why="It counts for the quorum all the same, so that one more restart"
            + (
                " may stop the whole cluster."
                if external
                else ", which every hop makes, may stop the whole cluster. kubeadm too finds such an etcd unhealthy."
            ),
            fix=f"Start it, or take it out: {etcdctl(ctx)} member remove ID.",
            source=FAQ,
        )
    yield from _learners(ctx, [m for m in known.values() if m.get("learner") and m["started"]])
    if not external:
        yield from _left_over(ctx, [m for m in known.values() if m["started"]])
    voting = [m for m in known.values() if not m.get("learner")]
    if len(voting) == 2:
        yield Finding(
            id="etcd-two-members",
            severity="warning",
            title="etcd has two members, and stops when either is away",
            seen=tuple(f"member {m['id']} {m.get('name') or '(not started)'}" for m in voting),
            why="Two members need both for a quorum: two are worse than one. "
            + ("" if external else "Each hop restarts each of them, and the API is away meanwhile."),
            fix=f"Add a third {'member' if external else 'control plane node'}, or remove one, before the upgrade.",
            source=FAQ,
        )


def _learners(ctx: Context, learners: t.Sequence[t.Mapping[str, t.Any]]) -> t.Iterator[Finding]:
    to_36, external = "1.34" in ctx.minors, is_external(ctx)
    if learners:
        yield Finding(
            id="etcd-learner",
            severity="blocker" if to_36 else "warning",
            title="A member of etcd is still a learner",
            seen=tuple(f"member {m['id']} {m.get('name', '')}" for m in learners),
            why="It was added, and has not been promoted since"
            + (": it " if external else ", as by a join of a control plane node that was not finished: it ")
            + "does not vote. "
            + ("etcd must have no learner when it goes to 3.6 (Kubernetes 1.34)." if to_36 else ""),
            fix=f"Promote it ({etcdctl(ctx)} member promote ID), or remove it and "
            + ("add it again." if external else "join the node again."),
            source="https://etcd.io/docs/v3.6/upgrades/upgrade_3_6/",
            minor="1.34" if to_36 else "",
        )


def _left_over(ctx: Context, started: t.Sequence[t.Mapping[str, t.Any]]) -> t.Iterator[Finding]:
    """Members of a stacked etcd that belong to no control plane node, by name or by address."""
    nodes = {name: node for name, node in ctx.facts["nodes"].items() if node.get("role") == "control_plane"}
    addresses = {str(node.get("internal_ip")) for node in nodes.values()}
    stale = [m for m in started if m.get("name") not in nodes and not addresses & _hosts(m)]
    if stale:
        yield Finding(
            id="etcd-member-without-node",
            severity="blocker",
            title="A member of etcd belongs to no node of the cluster",
            seen=tuple(f"member {m['id']} {m['name']} at {', '.join(sorted(_hosts(m)))}" for m in stale),
            why="A control plane node was probably deleted without kubeadm reset. The member counts for the quorum, "
            "and kubeadm asks every member whether it is healthy before it upgrades etcd: the first hop would fail.",
            fix=f"If that machine is gone for good: {etcdctl(ctx)} member remove ID.",
            source=UPGRADE,
        )


def _hosts(member: t.Mapping[str, t.Any]) -> set[str]:
    urls = [*(member.get("client_urls") or ()), *(member.get("peer_urls") or ())]
    return {urlsplit(url).hostname or url for url in urls}


def health(ctx: Context) -> t.Iterator[Finding]:
    """No leader, alarms, members of an external etcd that do not answer."""
    lost = [node for node, etcd in told(ctx).items() if etcd.get("has_leader") is False]
    if lost:
        yield Finding(
            id="etcd-no-leader",
            severity="blocker",
            title="etcd has no leader",
            seen=tuple(f"{node}: its etcd knows no leader" for node in lost),
            why="Without a leader nothing can be written"
            + ("." if is_external(ctx) else ", and an upgrade would take away one member more."),
            fix="Bring the members back that are down"
            + ("." if is_external(ctx) else " (crictl ps -a --name etcd on each control plane node)."),
            source=FAQ,
        )
    alarms = {(row["alarm"], row["member"]) for etcd in told(ctx).values() for row in etcd.get("alarms") or ()}
    for kind in sorted({kind for kind, _member in alarms}):
        yield Finding(
            id=f"etcd-alarm:{kind}",
            severity="blocker",
            title=f"etcd has raised the alarm {kind}",
            seen=tuple(f"member {member}: {kind}" for found, member in sorted(alarms) if found == kind),
            why="The database is full: etcd takes no more writes, and kubeadm's upgrade needs some."
            if kind == "NOSPACE"
            else "A member's data differ from the others'. An upgrade could spread what is wrong.",
            fix=f"Compact and defragment, then {etcdctl(ctx)} alarm disarm."
            if kind == "NOSPACE"
            else "Replace the member that is wrong from the others, or restore a snapshot, before anything else.",
            source=MAINTENANCE,
        )
    silent = {url: why for etcd in told(ctx).values() for url, why in mapping(etcd.get("silent")).items()}
    if silent:
        yield Finding(
            id="etcd-member-silent",
            severity="blocker",
            title="A member of the external etcd does not answer",
            seen=tuple(f"{url}: {why}" for url, why in sorted(silent.items())),
            why="API servers are restarted at every hop, and each needs etcd then.",
            fix="Bring the member back before the upgrade.",
            source=FAQ,
        )


def size(ctx: Context) -> t.Iterator[Finding]:
    """A database that is nearly as large as it may be, or mostly empty."""
    full, loose = [], []
    for node, etcd in told(ctx).items():
        used, quota, inside = etcd.get("db_size") or 0, etcd.get("quota") or DEFAULT_QUOTA, etcd.get("db_in_use")
        if used >= NEARLY_FULL * quota:
            full.append(f"{node}: {_mib(used)} of {_mib(quota)}")
        elif inside is not None and used >= FRAGMENTED_BYTES and inside < used / 2:
            loose.append(f"{node}: {_mib(used)}, of which {_mib(inside)} are in use")
    if full:
        yield Finding(
            id="etcd-nearly-full",
            severity="warning",
            title="etcd's database is near its quota",
            seen=tuple(full),
            why="At the quota etcd takes no more writes, and the cluster stands still until somebody mends it.",
            fix=f"{etcdctl(ctx)} defrag, one member after the other; find what fills it; or raise "
            "--quota-backend-bytes.",
            source=MAINTENANCE,
        )
    if loose:
        yield Finding(
            id="etcd-fragmented",
            severity="info",
            title="More than half of etcd's database is empty",
            seen=tuple(loose),
            why=f"{'A backup' if is_external(ctx) else 'kubeadm'} copies all of it at every hop, the empty part too.",
            fix=f"{etcdctl(ctx)} defrag, one member after the other, the leader last.",
            source=MAINTENANCE,
        )


def room(ctx: Context) -> t.Iterator[Finding | Unchecked]:
    """Each hop copies etcd's data folder to /etc/kubernetes/tmp on each control plane node, and nothing removes it.

    So does a step of etcd within its minor.
    """
    hops = control_plane_hops(ctx.plan)
    copies = len(hops) + len(bridges(ctx))
    short, tight, not_known = [], [], []
    for node, etcd in told(ctx).items():
        if etcd.get("external") or not hops or etcd.get("data_bytes") is None:
            continue
        data = etcd["data_bytes"]
        free = mapping(mapping(ctx.nodes[node].get("disk")).get("/etc/kubernetes")).get("free")
        if free is None:
            not_known.append(node)
            continue
        line = f"{node}: {_mib(free)} free at /etc/kubernetes; {copies} copies of {_mib(data)} will be made"
        if free < copies * data:
            short.append(line)
        elif free < (copies + 1) * data:
            tight.append(line)
    if not_known and not any("disk" in mapping(ctx.nodes[node].get("unread")) for node in not_known):
        yield Unchecked("etcd-copy-room", f"How much room /etc/kubernetes has on {', '.join(not_known)} is not known.")
    for severity, seen in (("blocker", short), ("warning", tight)):
        if seen:
            yield _no_room(severity, seen, hops, copies)


def _no_room(severity: str, seen: t.Sequence[str], hops: t.Sequence[Hop], copies: int) -> Finding:
    return Finding(
        id="etcd-copy-room",
        severity=severity,
        title="kubeadm's copies of etcd's data do not fit on the disk"
        if severity == "blocker"
        else "kubeadm's copies of etcd's data will all but fill the disk",
        seen=cut(seen),
        why=f"At each of the {len(hops)} hop(s)"
        + (" and of the steps of etcd within its minor" if copies > len(hops) else "")
        + " kubeadm copies etcd's whole data folder to /etc/kubernetes/tmp, and never removes a copy. When the disk is "
        "full the hop fails, and kubelet and etcd, where they share the disk, with it.",
        fix="Make room: old copies go with rm -r /etc/kubernetes/tmp/kubeadm-backup-etcd-*; a fragmented database "
        "shrinks with etcdctl defrag.",
        source=UPGRADE,
        minor=hops[0].minor,
    )


def left_overs(ctx: Context) -> t.Iterator[Finding]:
    """What earlier upgrades left in /etc/kubernetes/tmp."""
    seen = [
        f"{node}: {_mib(tmp['bytes'])} in {tmp['folders']} folders"
        for node, tmp in ((node, mapping(facts.get("kubernetes_tmp"))) for node, facts in ctx.nodes.items())
        if tmp.get("bytes", 0) >= LEFT_OVER_BYTES
    ]
    if seen:
        yield Finding(
            id="kubeadm-left-overs",
            severity="info",
            title="Earlier upgrades left copies in /etc/kubernetes/tmp",
            seen=cut(seen),
            why="kubeadm never removes its copies. They hold all of the cluster's secrets, and are no backup: they "
            "were made while etcd was running.",
            fix="Once you do not need them: rm -r /etc/kubernetes/tmp/kubeadm-backup-etcd-*.",
            source="kubernetes/kubeadm#3023; kubernetes/kubernetes#125357",
        )


def _mib(size_in_bytes: float) -> str:
    return f"{size_in_bytes / MIB:.0f} MiB"


CHECKS: tuple[Check, ...] = (unknown, members, health, size, room, left_overs, *VERSION_CHECKS)
