# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubeadm's preflight checks of CoreDNS, foreseen for each hop: CoreDNSUnsupportedPlugins and CoreDNSMigration.

`kubeadm upgrade apply` refuses a CoreDNS release, a plugin or an option that its migration of the Corefile does not
know. What each kubeadm knows stands in _knowledge/corefile.py.
"""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils import _corefile
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import image_version
from ansible_collections.uplift.kubeadm.plugins.module_utils._detect import ignores_preflight
from ansible_collections.uplift.kubeadm.plugins.module_utils._detect_facts import cluster_configuration, mapping
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import (
    Check,
    Context,
    Finding,
    Unchecked,
    unread_of,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._hops import Hop, control_plane_hops
from ansible_collections.uplift.kubeadm.plugins.module_utils._knowledge import corefile as tables
from ansible_collections.uplift.kubeadm.plugins.module_utils._seen import seen as cut
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import parse_minor, parse_version

CHECK = "coredns-preflight"
PLUGINS, MIGRATION = "CoreDNSUnsupportedPlugins", "CoreDNSMigration"
CONFIG_MAP, DEPLOYMENT = "ConfigMap kube-system/coredns", "Deployment kube-system/coredns"
# Up to this kubeadm a missing ConfigMap means that DNS is not kubeadm's; from 1.33 on it puts CoreDNS up, unless
# dns.disabled is set (1.31 and 1.32 were not read; cmd/kubeadm/app/cmd/phases/upgrade/addons.go).
MISSING_IS_LEFT_UP_TO = 30
# From this kubeadm on `upgrade node` writes the add-ons, too, when its node is the last (kubernetes/kubernetes#117660).
ADDONS_BY_NODE_FROM = 28


class Step(t.NamedTuple):
    """A hop, what its kubeadm knows, and the image of CoreDNS that runs before it; where: what says so."""

    hop: Hop
    library: tables.Library
    read: bool
    image: str
    where: str

    @property
    def minor(self) -> int:
        return parse_minor(self.hop.minor)

    @property
    def running(self) -> str:
        """The version that kubeadm takes from the image: "1.8.6"; "" when there is no tag."""
        if self.minor >= tables.TAG_BEFORE_DIGEST_FROM:
            return (image_version(self.image) or "").lstrip("v")
        return self.image.rpartition(":")[2].lstrip("v")

    @property
    def knows(self) -> bool:
        """Whether kubeadm goes on from this release."""
        return self.running in tables.releases(self.library)


def coredns_preflight(ctx: Context) -> t.Iterator[Finding | Unchecked]:
    """What kubeadm will refuse of CoreDNS at the hops of the plan, and what of it is not known."""
    hops = control_plane_hops(ctx.plan)
    if not hops:
        return
    asked = _asked(ctx.plan)
    corefile = mapping(ctx.facts.get("config_maps")).get("coredns")
    addon = mapping(mapping(ctx.facts.get("addons")).get("coredns"))
    for missing, key in ((not corefile, "config_maps"), (not addon.get("image"), "addons")):
        if missing and unread_of(ctx.facts, key):
            yield Unchecked(CHECK, "Whether kubeadm's preflight takes CoreDNS and its Corefile is not known.", key)
            return
    if not corefile:
        yield from _no_corefile(ctx, [hop for hop in hops if hop.version in asked])
    elif not addon.get("image"):
        yield Unchecked(
            CHECK,
            f"There is a {CONFIG_MAP} and no {DEPLOYMENT}: which CoreDNS kubeadm will find, and whether its preflight "
            f"takes it ({MIGRATION}), is not known.",
        )
    else:
        steps = list(_steps(ctx, hops, str(addon["image"])))
        stopped = [step for step in steps if step.hop.version in asked or step.minor >= ADDONS_BY_NODE_FROM]
        yield from _releases([step for step in stopped if not step.knows])
        yield from _plugins(ctx, str(corefile), [step for step in steps if step.hop.version in asked])
        yield from _not_in_the_tables([hop for hop in hops if hop not in [step.hop for step in steps]])


def _asked(plan: t.Mapping[str, t.Any]) -> set[str]:
    """The versions of hops with a `kubeadm upgrade apply`, whose preflight asks. What is left of a hop may lack one."""
    return {
        stage["version"]
        for stage in plan.get("stages") or ()
        if stage["kind"] == "control_plane" and "apply" in mapping(stage.get("actions")).values()
    }


def _steps(ctx: Context, hops: t.Sequence[Hop], image: str) -> t.Iterator[Step]:
    """The hops whose kubeadm and whose CoreDNS are known. Each leaves what dns.imageTag says, or what it ships."""
    pin = mapping(mapping(ctx.facts.get("cluster")).get("dns")).get("image_tag")
    running: tuple[str, str] | None = (image, f"{DEPLOYMENT}: {image}")
    for hop in hops:
        version = parse_version(hop.version)
        library, read = tables.library(version.minor, version.patch)
        if library and running:
            yield Step(hop, library, read, *running)
        if pin:
            running = (f"coredns:{pin}", f"ConfigMap kube-system/kubeadm-config: dns.imageTag is {pin}")
        elif library:
            running = (f"coredns:v{library.coredns}", f"CoreDNS {library.coredns} of the hop to {hop.minor}")
        else:
            running = None


def _no_corefile(ctx: Context, hops: t.Sequence[Hop]) -> t.Iterator[Finding]:
    """kubeadm takes the version of a CoreDNS without a Corefile for '', which no table has."""
    refusing = [hop for hop in hops if not _ignores(ctx, hop, PLUGINS, MIGRATION)]
    disabled = mapping(mapping(cluster_configuration(ctx)).get("dns")).get("disabled") is True
    putting = [hop for hop in hops if parse_minor(hop.minor) > MISSING_IS_LEFT_UP_TO and not disabled]
    hit = refusing or putting
    if hit:
        yield Finding(
            id="coredns-no-corefile",
            severity="blocker" if refusing else "warning",
            title=f"kubeadm {hit[0].minor} refuses a cluster without CoreDNS' Corefile"
            if refusing
            else f"kubeadm {hit[0].minor} may put CoreDNS up",
            seen=(f"{CONFIG_MAP}: it is not there, or has no Corefile ({', '.join(hop.minor for hop in hit)})",),
            why="kubeadm's preflight wants to know which CoreDNS runs, and ends with «start version '' not supported» "
            "when it does not find CoreDNS' ConfigMap. Where that is ignored, kubeadm up to 1.30 leaves DNS alone; "
            "later ones put CoreDNS up beside what serves DNS, unless dns.disabled is set.",
            fix=f"Where DNS is not kubeadm's: {_to_ignore(ctx, hops, PLUGINS, MIGRATION)}. For hops from 1.31 on, "
            "set dns.disabled: true in the ClusterConfiguration as well, once it is of kubeadm.k8s.io/v1beta4 "
            "(kubectl -n kube-system edit configmap kubeadm-config).",
            source="kubernetes/kubernetes: cmd/kubeadm/app/phases/addons/dns/dns.go, GetCoreDNSInfo; "
            "cmd/kubeadm/app/phases/upgrade/preflight.go",
            minor=hit[0].minor,
        )


def _releases(steps: t.Sequence[Step]) -> t.Iterator[Finding]:
    """A CoreDNS that kubeadm does not know: it refuses it, and where that is ignored fails at the add-on."""
    if not steps:
        return
    first = steps[0]
    yield Finding(
        id="coredns-release",
        severity="blocker" if any(step.read for step in steps) else "warning",
        title=f"kubeadm {first.hop.minor} does not know the CoreDNS that runs",
        seen=cut(
            f"{step.where}; kubeadm {step.hop.minor} takes it for «{step.running}», and knows the releases up to "
            f"{step.library.coredns}{_unread(step)}"
            for step in steps
        ),
        why=f"kubeadm's preflight ({MIGRATION}, {PLUGINS}) refuses what its migration of the Corefile does not know: "
        "releases newer than the one it ships, and tags of your own. It looks at the tag alone. To ignore these checks "
        "does not help: kubeadm then ends with an error at the add-on, after it has upgraded the control plane.",
        fix="Before that hop, give CoreDNS an image whose tag is a release that this kubeadm knows (kubectl -n "
        "kube-system set image deployment/coredns coredns=IMAGE; an image of your own may carry such a tag), and where "
        "dns.imageTag is set, set it so or take it out: kubectl -n kube-system edit configmap kubeadm-config.",
        source=tables.SOURCE.format(release=first.library.release) + "; cmd/kubeadm/app/phases/addons/dns/dns.go",
        minor=first.hop.minor,
    )


def _plugins(ctx: Context, corefile: str, steps: t.Sequence[Step]) -> t.Iterator[Finding]:
    """Plugins and options of the Corefile that kubeadm does not know."""
    hits: dict[str, list[Step]] = {}
    changed = False  # by a migration on the way
    for step in steps:
        if not step.knows:
            continue
        for what in _corefile.unknown(corefile, step.minor, step.library, step.running):
            if not changed or _corefile.never_listed(what):
                name = f"option {what.option} of plugin {what.plugin}" if what.option else f"plugin {what.plugin}"
                hits.setdefault(f"{CONFIG_MAP}: {name}, in the block {what.server}", []).append(step)
        known = tables.releases(step.library)
        changed = changed or known.index(step.running) < known.index(tables.LEFT_ALONE_FROM)
    refusing = [step for step in steps if any(step in some for some in hits.values())]
    sure = [step for step in refusing if step.read and not _ignores(ctx, step.hop, PLUGINS)]
    if refusing:
        first = (sure or refusing)[0]
        yield Finding(
            id="coredns-plugins",
            severity="blocker" if sure else "warning",
            title=f"kubeadm {first.hop.minor} does not know all of the Corefile",
            seen=cut(
                f"{line} ({', '.join(step.hop.minor + _unread(step) for step in some)})" for line, some in hits.items()
            ),
            why=f"kubeadm's preflight ({PLUGINS}) refuses what its migration of the Corefile does not know, whether "
            "CoreDNS knows it or not. Where it is ignored, kubeadm leaves these lines as they are, and cannot tell "
            "whether the CoreDNS that comes takes them.",
            fix=f"Read in the release notes of CoreDNS up to {refusing[-1].library.coredns} "
            "(https://coredns.io/blog) whether these lines are still good. If so, "
            f"{_to_ignore(ctx, [step.hop for step in refusing], PLUGINS)}.",
            source=tables.SOURCE.format(release=first.library.release),
            minor=first.hop.minor,
        )


def _not_in_the_tables(hops: t.Sequence[Hop]) -> t.Iterator[Unchecked]:
    if hops:
        yield Unchecked(
            CHECK,
            f"Whether the preflight of kubeadm {', '.join(hop.minor for hop in hops)} takes CoreDNS and its Corefile "
            "could not be checked: this release of the collection does not know what its migration knows, or which "
            "CoreDNS runs by then.",
        )


def _ignores(ctx: Context, hop: Hop, *checks: str) -> bool:
    return all(ignores_preflight(ctx, hop.minor, check, ("apply",))[0] for check in checks)


def _to_ignore(ctx: Context, hops: t.Iterable[Hop], *checks: str) -> str:
    """«have kubeadm ignore …», with each variable that says so at these hops."""
    variables: dict[str, list[str]] = {}
    for hop in hops:
        variables.setdefault(ignores_preflight(ctx, hop.minor, PLUGINS, ("apply",))[1], []).append(hop.minor)
    where = " and ".join(f"{variable} (for {', '.join(minors)})" for variable, minors in variables.items())
    return f"name {' and '.join(checks)} in {where}"


def _unread(step: Step) -> str:
    """That a later patch may know more than the tables."""
    return "" if step.read else f", as read up to 1.{step.library.minor}.{step.library.last}"


CHECKS: tuple[Check, ...] = (coredns_preflight,)
