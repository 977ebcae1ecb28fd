# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which hops a run makes, to which versions, and at which of them a kubelet stops.

A control plane passes through every minor. A hop that was begun (API servers mixed, or anything that does not agree
with them yet) is the first hop of the plan. A worker's kubelet may skip a hop where the rules of module _skew allow it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import Cluster, KubeadmRun, Node, listing
from ansible_collections.uplift.kubeadm.plugins.module_utils._skew import (
    LAST_MINOR_WITH_ADDONS_FIRST,
    kubeadm_kubelet_skew,
    kubelet_allows,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import (
    Target,
    Version,
    minor_name,
    minors_between,
    parse_minor,
    parse_version,
)

MOST_HOPS = 12

Offers = Mapping[int, "list[Version]"]


@dataclass
class Hop:
    """One version on the way. `apply` and `node` are control plane nodes that run that command of kubeadm."""

    version: Version
    apply: Node | None
    node: list[Node]

    @property
    def moves_control_plane(self) -> bool:
        return bool(self.apply or self.node)


def read_offers(available: Mapping[str, list[str]]) -> dict[int, list[Version]]:
    """{"1.25": ["1.25.4"]} -> {25: [Version]}, oldest first."""
    what = "A version that the package source offers"
    return {parse_minor(minor): sorted(parse_version(text, what) for text in some) for minor, some in available.items()}


def read_pins(versions: Mapping[str, str]) -> dict[int, Version]:
    """{"1.25": "1.25.4"} -> {25: Version}. Raises UpliftError for a patch of another minor."""
    pins = {}
    for minor, text in versions.items():
        version = parse_version(text, f"The version set for {minor}")
        if version.minor != parse_minor(minor):
            raise UpliftError(
                f"The version set for {minor} is {version}, a patch of another minor. Quote minors in YAML: unquoted, "
                "1.30 is the number 1.3."
            )
        pins[version.minor] = version
    return pins


def newest_of(cluster: Cluster) -> Version:
    """The version that the control plane has, or has begun to have."""
    pods = [version for node in cluster.control_planes for version in node.static_pods.values()]
    return max([*pods, cluster.config])


def first_hop(cluster: Cluster, version: Version) -> Hop:
    """What is left to do on the control plane before all of it says `version`; nothing when it does.

    `upgrade apply` uploads ConfigMap kubeadm-config after the static pods of its node, and `upgrade node` takes its
    version from there: so `apply` is repeated until the ConfigMap agrees. Add-ons come last of all: up to 1.27 in
    `apply`, from 1.28 with whichever control plane is upgraded last (kubernetes/kubernetes#117660). The node's kubelet
    configuration comes after its static pods, so a run of kubeadm that was cut off there is only known by its record.
    """
    old = [node for node in cluster.control_planes if any(pod < version for pod in node.static_pods.values())]
    new = [node for node in cluster.control_planes if node not in old]
    begun = [node for node in cluster.control_planes if node.unfinished == KubeadmRun("apply", version)]
    undone = [node for node in cluster.control_planes if node in old or node.unfinished == KubeadmRun("node", version)]
    proxy_comes_later = bool(old) and version.minor > LAST_MINOR_WITH_ADDONS_FIRST
    proxy_done = cluster.kube_proxy is None or cluster.kube_proxy >= version or proxy_comes_later
    if cluster.config >= version and new and proxy_done and not begun:
        return Hop(version, None, undone)
    partly = [node for node in old if any(pod >= version for pod in node.static_pods.values())]
    first = (begun + new + partly + cluster.control_planes)[0]
    return Hop(version, first, [node for node in undone if node is not first])


def choose_hops(
    cluster: Cluster, target: Target, offers: Offers, pins: Mapping[int, Version], with_control_plane: bool
) -> list[Hop]:
    """Every hop that may be needed, the one to the control plane's present version included. Raises UpliftError.

    A hop's version: the user's pin; or the exact target; or what was begun in that minor; or the newest patch that the
    source offers. Whether a hop's packages are to be had is checked when it is known to be needed (check_offers).
    """
    pinned = pins.get(target.minor)
    if target.exact and pinned and pinned != target.exact:
        raise UpliftError(f"The target is {target}, but the version set for {minor_name(target.minor)} is {pinned}.")
    if not with_control_plane:
        return [Hop(_version_beside_control_plane(cluster, target, offers, pinned), None, [])]
    newest = newest_of(cluster)
    if target.minor < newest.minor or (target.exact and target.exact < newest):
        begun = " and has been begun" if min(cluster.apiservers) < newest else ""
        raise UpliftError(
            f"The target {target} is older than the control plane, which is at {newest}{begun}. "
            "A downgrade is refused: neither kubeadm nor etcd can go back."
        )
    hops = []
    if target.minor > newest.minor:
        hops.append(first_hop(cluster, _present_version(cluster, newest, offers)))
        check_number(len(minors_between(newest.minor, target.minor)))
        for minor in minors_between(newest.minor, target.minor):
            exact = target.exact if minor == target.minor else None
            hops.append(_whole_hop(cluster, _version_of(cluster, minor, exact, offers, pins)))
    else:
        exact = target.exact or pinned
        if exact and exact < newest:
            raise UpliftError(f"The control plane is at {newest}, newer than {exact}: a downgrade is refused.")
        newer = [version for version in _released(offers, newest.minor) if version >= newest]
        last = first_hop(cluster, exact or (newer[-1] if newer else newest))
        present = first_hop(cluster, newest)
        if last.apply and not present.moves_control_plane:
            hops.append(present)  # where workers catch up first that kubeadm would refuse to leave so far behind
        hops.append(last)
    return hops


def _whole_hop(cluster: Cluster, version: Version) -> Hop:
    """A hop that no static pod has begun; where an `apply` of it was cut off, it is taken up again."""
    nodes = cluster.control_planes
    first = next((node for node in nodes if node.unfinished == KubeadmRun("apply", version)), nodes[0])
    return Hop(version, first, [node for node in nodes if node is not first])


def _present_version(cluster: Cluster, newest: Version, offers: Offers) -> Version:
    """A hop that was begun is finished at the version it was begun with, or the next patch when that is gone."""
    if not first_hop(cluster, newest).moves_control_plane:
        return newest
    newer = [version for version in _released(offers, newest.minor) if version >= newest]
    return newer[0] if newer else newest


def _version_of(
    cluster: Cluster, minor: int, exact: Version | None, offers: Offers, pins: Mapping[int, Version]
) -> Version:
    if exact or minor in pins:
        return exact or pins[minor]
    released = _released(offers, minor)
    for node in cluster.control_planes:
        run = node.unfinished
        if run and run.command == "apply" and run.version in released:
            return run.version
    if not released:
        raise UpliftError(no_packages([minor_name(minor)], offers))
    return released[-1]


def _version_beside_control_plane(cluster: Cluster, target: Target, offers: Offers, pinned: Version | None) -> Version:
    oldest = min(cluster.apiservers)
    exact = target.exact or pinned
    if target.minor > oldest.minor or (exact and exact > oldest):
        raise UpliftError(
            f"The control plane does not take part in this run and is at {oldest}; workers cannot go to {target}, as "
            "no kubelet may be newer than an API server. Upgrade the control plane first (kubeadm_upgrade_scope all or "
            "control_plane, with its hosts within --limit)."
        )
    fitting = [version for version in _released(offers, target.minor) if version <= oldest]
    if exact or fitting:
        return exact or fitting[-1]
    if oldest.minor == target.minor:
        return oldest
    raise UpliftError(no_packages([minor_name(target.minor)], offers))


def _released(offers: Offers, minor: int) -> list[Version]:
    return [version for version in offers.get(minor, []) if not version.pre]


def check_number(hops: int) -> None:
    if hops > MOST_HOPS:
        raise UpliftError(
            f"{hops} minors lie between the cluster and the target; one run makes at most {MOST_HOPS} hops. "
            "Name a target on the way first, then the rest in a second run."
        )


def check_offers(hops: list[Hop], offers: Offers) -> None:
    """Raise UpliftError unless the source offers the version of each hop."""
    missing = [str(hop.version) for hop in hops if hop.version not in offers.get(hop.version.minor, [])]
    if missing:
        raise UpliftError(no_packages(missing, offers))


def no_packages(missing: list[str], offers: Offers) -> str:
    offered = [f"{minor_name(minor)}: {_shown(offers[minor])}" for minor in sorted(offers)]
    return (
        f"The package source does not offer {listing(missing)} on all hosts of the run, and every hop's packages must "
        f"be to be had before the first hop. It offers {'; '.join(offered) or 'nothing'}. "
        "Add them to the source, set kubeadm_upgrade_versions to patches that are there, or name another target."
    )


def _shown(versions: list[Version]) -> str:
    """The newest few; a minor has some 15 patches."""
    names = [str(version) for version in versions[-6:]]
    return ("…, " if len(versions) > 6 else "") + (", ".join(names) or "none")


def allows(kubelet: Version, minor: int, mode: str) -> bool:
    """Whether the control plane may hop to `minor` while this kubelet is what it is (forced only in mode fewest)."""
    if not kubelet_allows(kubelet.minor, minor):
        return False
    return mode == "fewest" or minor - kubelet.minor <= kubeadm_kubelet_skew(minor)


def kubelet_stops(node: Node, hops: list[Hop], mode: str) -> list[int]:
    """The hops at which this node's kubelet is upgraded (drained), as few as rules and mode let it be.

    Going as far as allowed before each stop is the fewest: a newer kubelet is never held to a shorter distance than an
    older one. Control planes' kubelets follow every minor, as the documented order has it. The control plane's present
    version, when the run goes on from there, is a stop only for a kubelet of an older minor.
    """
    kubelet, stops = node.kubelet, []
    for index, hop in enumerate(hops):
        if index == len(hops) - 1:
            stop = kubelet < hop.version
        elif kubelet.minor >= hop.version.minor:
            stop = False
        else:
            after = hops[index + 1].version.minor
            follows = (node.control_plane or mode == "every") and after > hop.version.minor
            stop = follows or not allows(kubelet, after, mode)
        if stop:
            stops.append(index)
            kubelet = hop.version
    return stops


def check_kubelets(cluster: Cluster, hops: list[Hop], stops: Mapping[str, list[int]], mode: str) -> list[bool]:
    """For each hop: must kubeadm's own kubelet check be forced? Raises UpliftError when a kubelet blocks a hop."""
    forced = []
    for index, hop in enumerate(hops):
        minor = hop.version.minor
        behind = [(node, _kubelet_before(node, index, hops, stops.get(node.name, []))) for node in cluster.nodes]
        # The policy counts from the first API server at the new version; kubeadm looks in `apply` alone.
        blocking = [
            (node, kubelet)
            for node, kubelet in behind
            if hop.moves_control_plane and not allows(kubelet, minor, mode if hop.apply else "fewest")
        ]
        if blocking:
            raise UpliftError(_blocked(hop, blocking, hops[index - 1] if index else None))
        far = [1 for _node, kubelet in behind if minor - kubelet.minor > kubeadm_kubelet_skew(minor)]
        forced.append(bool(hop.apply and far))
    return forced


def _kubelet_before(node: Node, index: int, hops: list[Hop], stops: list[int]) -> Version:
    passed = [stop for stop in stops if stop < index]
    return hops[passed[-1]].version if passed else node.kubelet


def _blocked(hop: Hop, blocking: list[tuple[Node, Version]], before: Hop | None) -> str:
    minor = hop.version.minor
    policy = any(not kubelet_allows(kubelet.minor, minor) for _node, kubelet in blocking)
    rule = (
        "Kubernetes supports kubelets at most 3 minors older than the newest API server (2 for those before 1.25)"
        if policy
        else f"kubeadm {minor_name(minor)} refuses when a kubelet is more than {kubeadm_kubelet_skew(minor)} minor(s) "
        "older than its target, and counts every node of the cluster"
    )
    named = listing([f"{node.name} ({kubelet}; {node.stays or 'part of this run'})" for node, kubelet in blocking])
    far = f" As things are, the control plane can go to {minor_name(before.version.minor)}." if before else ""
    force = "" if policy else " kubeadm_upgrade_worker_hops=fewest would force kubeadm's check."
    return (
        f"The control plane cannot go to {hop.version} while these kubelets are so old: {named}. {rule}. Upgrade these "
        f"nodes first or with this run, remove them from the cluster, or name a nearer target.{far}{force}"
    )
