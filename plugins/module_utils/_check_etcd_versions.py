# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which etcd each hop brings, and whether etcd's own rules allow the step.

kubeadm installs the etcd that its release ships, or the one that etcd.local.imageTag pins; it never goes back to an
older one (cmd/kubeadm/app/phases/upgrade/staticpods.go), and it knows none of the rules below.
"""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils import _knowledge
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import image_version
from ansible_collections.uplift.kubeadm.plugins.module_utils._detect_facts import (
    control_planes,
    is_external,
    mapping,
    numbers,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._etcd_pin import ANNOTATION
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Check, Context, Finding, Unchecked
from ansible_collections.uplift.kubeadm.plugins.module_utils._flags_trial import image_of
from ansible_collections.uplift.kubeadm.plugins.module_utils._hops import Hop, control_plane_hops
from ansible_collections.uplift.kubeadm.plugins.module_utils._knowledge import etcd_rules
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import listing

Numbers = tuple[int, ...]
EDIT = "kubectl -n kube-system edit configmap kubeadm-config"
CONSTANTS = "kubernetes/kubernetes: cmd/kubeadm/app/constants/constants.go"
# The tables of knowledge speak of releases that corrupt data when a plan passes through this minor.
CORRUPTING_ROW = "1.23"


class Step(t.NamedTuple):
    """etcd at one hop. before and after are versions as numbers; after is before where kubeadm leaves etcd alone.

    `before` is what the run finds, or has made of it in the stage "etcd" of the hop; then `bridge` has its image's tag.
    """

    hop: Hop
    before: Numbers
    wanted: Numbers
    after: Numbers
    bridge: str = ""


def running(ctx: Context) -> dict[str, str]:
    """{control plane node: version of its etcd}; tags that tell no version ("latest") are left out."""
    return {node: version for node, version in _told(ctx).items() if len(numbers(version)) > 1}


def _told(ctx: Context) -> dict[str, str]:
    """{control plane node: version of its etcd, from the program itself where it answered, else its image's tag}."""
    found = {}
    for node in control_planes(ctx):
        facts = ctx.nodes[node]
        pod = mapping(mapping(mapping(ctx.facts["nodes"].get(node)).get("static_pods")).get("etcd"))
        version = (
            mapping(facts.get("etcd")).get("version") or mapping(facts.get("running")).get("etcd") or pod.get("version")
        )
        if version:
            found[node] = str(version)
    return found


def steps(ctx: Context, start: Numbers) -> list[Step]:
    """What each hop makes of an etcd of this version; hops whose etcd is not known are left out."""
    pinned = numbers(mapping(ctx.facts["cluster"].get("etcd")).get("image_tag") or "")
    raised = bridges(ctx)
    found, current = [], start
    for hop in control_plane_hops(ctx.plan):
        wanted = (pinned or numbers(shipped(ctx, hop)))[:3]
        if len(wanted) > 1:
            bridge = raised.get(hop.version, "")
            before = max(current, numbers(bridge)[:3])
            after = max(before, wanted)
            found.append(Step(hop, before, wanted, after, bridge))
            current = after
    return found


def bridges(ctx: Context) -> dict[str, str]:
    """{version of a hop: the tag that the plan takes etcd to before it}."""
    stages = ctx.plan.get("stages") or ()
    return {stage["version"]: stage["image_tag"] for stage in stages if stage["kind"] == "etcd"}


def shipped(ctx: Context, hop: Hop) -> str:
    """The etcd that kubeadm of a hop brings: of the images that it named when it was asked, else of the tables."""
    image = image_of(mapping(ctx.options.get("images")).get(hop.version) or (), "etcd")
    return (image_version(image) if image else None) or str((_knowledge.components(hop.minor) or {}).get("etcd") or "")


def version_steps(ctx: Context) -> t.Iterator[Finding | Unchecked]:
    """The step from one minor of etcd to the next, for a stacked etcd."""
    if is_external(ctx):
        return
    versions = running(ctx)
    unknown = [hop.minor for hop in control_plane_hops(ctx.plan) if not shipped(ctx, hop)]
    if unknown and not mapping(ctx.facts["cluster"].get("etcd")).get("image_tag"):
        yield Unchecked("etcd-versions", f"Which etcd comes with {', '.join(unknown)} is not known to this collection.")
    odd = [f"{node} ({version})" for node, version in _told(ctx).items() if node not in versions]
    if odd:
        yield Unchecked("etcd-versions", f"The version of the etcd on {listing(odd)} is not told by its image's tag.")
    for version in sorted(set(versions.values()), key=numbers):
        where = [node for node, found in versions.items() if found == version]
        for step in steps(ctx, numbers(version)[:3]):
            yield from _crossing(step, version, where)


def _crossing(step: Step, version: str, where: t.Sequence[str]) -> t.Iterator[Finding]:
    old, new = step.before[:2], step.after[:2]
    if old == new:
        return
    line = f"{', '.join(where)}: etcd {version} now, {_text(step.before)} before this hop, {_text(step.after)} after"
    if old[0] == new[0] and new[1] - old[1] > 1:
        yield Finding(
            id=f"etcd-skips:{_text(new)}",
            severity="blocker",
            title=f"etcd would skip a minor on its way to {_text(new)}",
            seen=(line,),
            why="etcd can be upgraded one minor at a time only.",
            fix=f"Set etcd.local.imageTag to a release of each minor in between ({EDIT}), and upgrade with it first.",
            source="https://etcd.io/docs/latest/upgrades/",
            minor=step.hop.minor,
        )
        return
    rule = etcd_rules.entry_rule(_text(new))
    wanted = rule["members_at_least"] if rule else ""
    if rule and step.bridge and step.before >= numbers(wanted):
        yield Finding(
            id=f"etcd-bridge:{_text(new)}",
            severity="info",
            title=f"etcd goes to {_text(step.before)} before it goes to {_text(new)}, as you asked",
            seen=(line,),
            why=f"Every member is to be at {wanted} or later before. {rule['why']}",
            fix="Nothing has to be done: it is a stage of the plan (kubeadm_upgrade_etcd_bridge).",
            source=rule["source"],
            minor=step.hop.minor,
        )
    if rule is None or step.before >= numbers(wanted):
        return
    yield Finding(
        id=f"etcd-before:{_text(new)}",
        severity="blocker" if step.before < numbers(rule["breaks_below"]) else "warning",
        title=f"etcd is to go to {_text(new)} from a release that is too old for that",
        seen=(line,),
        why=f"Every member is to be at {wanted} or later before. {rule['why']}",
        fix=rule["fix"],
        source=rule["source"],
        minor=step.hop.minor,
    )


def stays_back(ctx: Context) -> t.Iterator[Finding]:
    """Hops that ship an older etcd than the one that runs: kubeadm leaves etcd as it is, with a message."""
    seen = []
    for node, version in running(ctx).items():
        for step in steps(ctx, numbers(version)[:3]):
            if step.wanted < step.before and not is_external(ctx):
                seen.append(f"{node}: {step.hop.minor} would bring {_text(step.wanted)}, {_text(step.before)} stays")
    if seen:
        yield Finding(
            id="etcd-stays",
            severity="info",
            title="etcd is newer than the one that a hop brings, and stays",
            seen=tuple(seen),
            why="kubeadm never goes back with etcd. It says so in a message that reads like an error, and goes on.",
            fix="Nothing has to be done.",
            source=etcd_rules.NO_DOWNGRADE_SOURCE,
        )


def pinned(ctx: Context) -> t.Iterator[Finding]:
    """etcd.local.imageTag, which keeps etcd at one version through every hop."""
    tag = mapping(ctx.facts["cluster"].get("etcd")).get("image_tag")
    hops = control_plane_hops(ctx.plan)
    if not tag or not hops or is_external(ctx):
        return
    brought = shipped(ctx, hops[-1])
    yield Finding(
        id="etcd-pinned",
        severity="warning" if numbers(tag) < numbers(brought) else "info",
        title=f"etcd is pinned to {tag}",
        seen=(f"ConfigMap kube-system/kubeadm-config: etcd.local.imageTag is {tag}",),
        why=f"kubeadm keeps to this tag on every hop, for good; {hops[-1].version} would bring {brought or 'its own'}.",
        fix=f"If the tag is a left-over, take it out ({EDIT}): the next hop then brings its own etcd.",
        source=CONSTANTS,
    )


def left_pinned(ctx: Context) -> t.Iterator[Finding]:
    """A pin of ours that a run has left which was ended within a stage "etcd"."""
    tag = mapping(ctx.facts["cluster"].get("etcd")).get("bridge")
    if not tag:
        return
    goes_on = tag in bridges(ctx).values()
    yield Finding(
        id="etcd-bridge-left",
        severity="info" if goes_on else "warning",
        title=f"A run that was stopped has left etcd pinned to {tag}",
        seen=(f"ConfigMap kube-system/kubeadm-config: etcd.local.imageTag is {tag}, and {ANNOTATION} says it is ours",),
        why="This run goes on with that step, and clears the pin."
        if goes_on
        else "kubeadm keeps etcd at this tag, and this plan has no step that clears it.",
        fix="Nothing has to be done."
        if goes_on
        else "Run the upgrade again that was stopped; or, to keep etcd as it is, have module etcd_pin clear it "
        "(state: absent).",
        source=CONSTANTS,
    )


def mixed(ctx: Context) -> t.Iterator[Finding]:
    """Members of several versions."""
    versions = running(ctx)
    if len({numbers(version)[:3] for version in versions.values()}) > 1:
        yield Finding(
            id="etcd-mixed",
            severity="warning",
            title="The members of etcd are of several versions",
            seen=tuple(f"{node}: etcd {version}" for node, version in versions.items()),
            why="It is a state to pass through, not to stay in: an upgrade was not finished, or one member was changed "
            "by hand.",
            fix="Let this run finish it, if the plan begins with the version that was begun; else bring the members to "
            "one version first.",
            source="https://etcd.io/docs/latest/upgrades/",
        )


def corrupting(ctx: Context) -> t.Iterator[Finding]:
    """Releases of etcd that can lose data, where the tables do not speak of it."""
    if CORRUPTING_ROW in ctx.minors:
        return
    low, high = numbers(etcd_rules.CORRUPTION["from"]), numbers(etcd_rules.CORRUPTION["fixed"])
    seen = tuple(f"{node}: etcd {found}" for node, found in running(ctx).items() if low <= numbers(found)[:3] < high)
    if seen:
        yield Finding(
            id="etcd-corrupting",
            severity="warning",
            title="This release of etcd can corrupt its data",
            seen=seen,
            why="etcd 3.5.0 to 3.5.2 may write inconsistent data when they are killed under load.",
            fix="Take a snapshot, compare the members (etcdctl endpoint hashkv --cluster), and upgrade soon.",
            source=etcd_rules.CORRUPTION["source"],
        )


def external(ctx: Context) -> t.Iterator[Finding | Unchecked]:
    """An etcd that kubeadm does not run: it is not upgraded, and each minor wants a certain age of it."""
    hops = control_plane_hops(ctx.plan)
    if not is_external(ctx) or not hops:
        return
    versions = set(running(ctx).values())
    said = f"etcd {', '.join(sorted(versions))}" if versions else "its version is not known"
    yield Finding(
        id="etcd-external",
        severity="info",
        title="etcd is external, and is not upgraded by this run",
        seen=(f"ConfigMap kube-system/kubeadm-config: etcd.external; {said}",),
        why="kubeadm leaves an external etcd alone. It has to be upgraded, and restored, by whoever runs it.",
        fix="For a snapshot before each hop list its hosts in the inventory's group etcd (docs/backup.md). Without, "
        "take one yourself.",
        source=etcd_rules.NO_DOWNGRADE_SOURCE,
    )
    for version in sorted(versions):
        old = [(hop.minor, least) for hop in hops for least in [_least(hop)] if numbers(version) < numbers(least)]
        if old:
            yield Finding(
                id="etcd-external-old",
                severity="warning",
                title="The external etcd is older than a hop's kubeadm wants",
                seen=tuple(f"etcd {version}: {minor} wants {least} or later" for minor, least in old),
                why="kubeadm tests the API server of a minor with this release and later ones. kubeadm upgrade does "
                "not refuse an older one; kubeadm init and join do.",
                fix="Upgrade etcd first, one minor at a time.",
                source=f"{CONSTANTS}, MinExternalEtcdVersion",
                minor=old[0][0],
            )


def _least(hop: Hop) -> str:
    return str((_knowledge.components(hop.minor) or {}).get("min_external_etcd") or "")


def _text(version: Numbers) -> str:
    return ".".join(str(number) for number in version)


VERSION_CHECKS: tuple[Check, ...] = (version_steps, stays_back, pinned, left_pinned, mixed, corrupting, external)
