# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The support calendar: what of this cluster is out of support already, and what will be, and when."""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils import _knowledge
from ansible_collections.uplift.kubeadm.plugins.module_utils._detect_facts import days_between, mapping, numbers
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Check, Context, Finding, Unchecked
from ansible_collections.uplift.kubeadm.plugins.module_utils._hops import target_minor
from ansible_collections.uplift.kubeadm.plugins.module_utils._knowledge import container_runtimes, etcd_rules
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import listing
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import minor_name

RELEASES = "https://kubernetes.io/releases/"
SOON_DAYS = 90
MOST_NAMES = 5


class Line(t.NamedTuple):
    """A line of releases in use: its name, when support ends (None: not known), and where it runs."""

    name: str
    ends: str | None
    where: str


def calendar(ctx: Context) -> t.Iterator[Finding | Unchecked]:
    """Dates of the present minor and the target, of etcd and of the container runtimes."""
    target = minor_name(target_minor(ctx.minors, ctx.current))
    lines = [_kubernetes(ctx.current, "the present version")]
    if target != ctx.current:
        lines.append(_kubernetes(target, "the target"))
    lines += [*_etcd(ctx), *_containerd(ctx)]
    yield Finding(
        id="support-calendar",
        severity="info",
        title="How long what runs here is supported",
        seen=tuple(_say(line, ctx.today) for line in lines),
        why="What is out of support gets no fixes, not for security either.",
        fix="Nothing has to be done for this upgrade.",
        source=f"{RELEASES}; {etcd_rules.END_OF_LIFE_SOURCE}; {container_runtimes.END_OF_LIFE_SOURCE}",
    )
    end = mapping(_knowledge.calendar(target)).get("end_of_life")
    if not _knowledge.calendar(target):
        yield Unchecked("support-calendar", f"How long {target} is supported is not known to this collection.")
    elif end and days_between(ctx.today, end) < SOON_DAYS:
        yield _short_lived(target, end, ctx.today)


def _short_lived(target: str, end: str, today: str) -> Finding:
    over = end < today
    supported = [minor for minor in _knowledge.known_minors() if _supported(minor, today)]
    return Finding(
        id=f"target-support:{target}",
        severity="info",  # the owner named it, and it may be a step on the way
        title=f"Kubernetes {target} is out of support" if over else f"Kubernetes {target} is soon out of support",
        seen=(f"Kubernetes {target}: support {'ended' if over else 'ends'} on {end}",),
        why="It gets no fixes after that day, not for security either, and no patch of it will come.",
        fix=f"As a step on the way it is right. Supported on {today}, as far as is known: {', '.join(supported)}."
        if supported
        else "As a step on the way it is right; plan for the next upgrade.",
        source=str(mapping(_knowledge.calendar(target)).get("source") or RELEASES),
    )


def _supported(minor: str, today: str) -> bool:
    row = mapping(_knowledge.calendar(minor))
    return str(row.get("release") or "9999") <= today <= str(row.get("end_of_life") or "9999")


def _kubernetes(minor: str, what: str) -> Line:
    return Line(f"Kubernetes {minor}", mapping(_knowledge.calendar(minor)).get("end_of_life"), what)


def _etcd(ctx: Context) -> list[Line]:
    where: dict[str, list[str]] = {}
    for name, node in ctx.nodes.items():
        version = mapping(node.get("etcd")).get("version") or mapping(node.get("running")).get("etcd")
        where.setdefault(_release_line(version), []).append(name)
    return [
        Line(f"etcd {line}", etcd_rules.END_OF_LIFE.get(line), listing(names, MOST_NAMES))
        for line, names in sorted(where.items())
        if line
    ]


def _containerd(ctx: Context) -> list[Line]:
    where: dict[str, list[str]] = {}
    for name, node in ctx.facts["nodes"].items():
        runtime, _sep, version = str(node.get("container_runtime") or "").partition("://")
        if runtime == "containerd":
            where.setdefault(_release_line(version), []).append(name)
    return [
        Line(f"containerd {line}", container_runtimes.containerd_end_of_life(numbers(line)), listing(names, MOST_NAMES))
        for line, names in sorted(where.items(), key=lambda item: numbers(item[0]))
        if line
    ]


def _release_line(version: object) -> str:
    """ "3.5.6-0" -> "3.5"; "" when it is no version."""
    return ".".join(str(number) for number in numbers(version)[:2])


def _say(line: Line, today: str) -> str:
    if line.ends is None:
        return f"{line.name} ({line.where}): no end of support is known"
    return f"{line.name} ({line.where}): support {'ended' if line.ends < today else 'ends'} on {line.ends}"


CHECKS: tuple[Check, ...] = (calendar,)
