# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What breaks in the minors to come, as the tables of knowledge have it: a finding for each row that the facts hit."""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils import _knowledge
from ansible_collections.uplift.kubeadm.plugins.module_utils._detect import DETECTORS
from ansible_collections.uplift.kubeadm.plugins.module_utils._detect_facts import Missing, Seen, mapping
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Check, Context, Finding, Unchecked
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import listing
from ansible_collections.uplift.kubeadm.plugins.module_utils._seen import seen as cut
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import minor_name, parse_minor

CHECK = "breakers"
MOST_NODES = 5
DOCS = "docs/knowledge.md of this collection"
# Rows that bite when a kubelet passes their minor. A kubelet that lags has minors to pass which the API servers have
# behind them.
OF_KUBELETS = frozenset(("kubelet", "container runtime", "node OS", "storage", "feature gates"))


def check_breakers(ctx: Context) -> t.Iterator[Finding | Unchecked]:
    """A finding a row of the plan's minors that hits; rows of the minor after the target as information."""
    after = minor_after(ctx)
    missing: dict[Missing, list[str]] = {}
    for row in _rows(ctx, after):
        seen: dict[str, bool] = {}
        for hit in look(row, ctx):
            if isinstance(hit, Missing):
                missing.setdefault(hit, []).append(row["id"])
            else:
                seen[hit.line] = seen.get(hit.line, False) or hit.certain
        if seen:
            yield _finding(row, seen, row["minor"] == after)
    yield from _unchecked(missing)
    yield from _unknown_minors(ctx)


def known_risks(ctx: Context) -> t.Iterator[Finding]:
    """One finding for what is known to break in the plan's minors and no check can see."""
    lines = [
        f"{row['minor']}: {row['title']}. {row['not_covered' if 'not_covered' in row else 'partly']}"
        for row in not_covered(ctx.minors)
    ]
    if lines:
        yield Finding(
            id=f"known-risks:{ctx.minors[-1]}",
            severity="info",
            title="Known changes of these minors that no check can see as a whole",
            seen=tuple(lines),
            why="They concern what is outside of the cluster, or not among its facts. Most clusters are not hit.",
            fix="Read them through, and look where one may concern you.",
            source=DOCS,
            minor=ctx.minors[-1],
        )


def not_covered(minors: t.Sequence[str]) -> list[t.Mapping[str, t.Any]]:
    """Rows of these minors that no check covers, or not as a whole: they have "not_covered" or "partly", a sentence."""
    rows = _knowledge.breakers("1.0", minors[-1]) if minors else []
    return [row for row in rows if row["minor"] in minors and ("not_covered" in row or "partly" in row)]


def minor_after(ctx: Context) -> str:
    """The minor after the plan's last one."""
    return minor_name(parse_minor(ctx.minors[-1] if ctx.minors else ctx.current) + 1)


def _rows(ctx: Context, after: str) -> t.Iterator[t.Mapping[str, t.Any]]:
    """Rows with a detector that concern this plan."""
    kubelets = [mapping(mapping(ctx.facts.get("nodes")).get(node)).get("kubelet") for node in ctx.nodes]
    passed = [parse_minor(version) for version in (ctx.current, *kubelets) if version]
    for row in _knowledge.breakers(minor_name(min(passed)), after):
        lagging = row["component"] in OF_KUBELETS and parse_minor(row["minor"]) <= parse_minor(ctx.current)
        if "detect" in row and (row["minor"] in (*ctx.minors, after) or lagging):
            yield row


def look(row: t.Mapping[str, t.Any], ctx: Context) -> t.Iterator[Seen | Missing]:
    """What a row's detectors see."""
    for name, wanted in row["detect"].items():
        yield from DETECTORS[name](wanted, ctx, row["minor"])


def _finding(row: t.Mapping[str, t.Any], seen: t.Mapping[str, bool], after: bool) -> Finding:
    severity = row["severity"]
    if after:
        severity = "info"
    elif severity == "blocker" and not any(seen.values()):
        severity = "warning"
    return Finding(
        id=f"breaker:{row['id']}",
        severity=severity,
        title=f"{row['title']} (in {row['minor']}, after the target)" if after else row["title"],
        seen=cut(seen),
        why=row["why"],
        fix=row["fix"],
        source=row["source"],
        minor=row["minor"],
    )


def _unchecked(missing: t.Mapping[Missing, t.Sequence[str]]) -> t.Iterator[Unchecked]:
    """What is missing, once for all rows that want it and all nodes that lack it for one reason."""
    grouped: dict[tuple[str, str, str], tuple[list[str], dict[str, None]]] = {}
    for fact, ids in missing.items():
        nodes, rows = grouped.setdefault((fact.what, fact.why, fact.cause), ([], {}))
        if fact.node:
            nodes.append(fact.node)
        rows.update(dict.fromkeys(ids))
    for (what, why, cause), (nodes, rows) in grouped.items():
        where = f" of {listing(nodes, MOST_NODES)}" if nodes else ""
        if cause:
            yield Unchecked(CHECK, f"Not looked for in {what}: {', '.join(rows)}.", cause)
        else:
            yield Unchecked(
                CHECK, f"Not known: {what}{where} ({why.rstrip('.')}). Not looked for there: {', '.join(rows)}."
            )


def _unknown_minors(ctx: Context) -> t.Iterator[Unchecked]:
    known = _knowledge.known_minors()
    for minor in ctx.minors:
        if minor not in known:
            yield Unchecked(
                CHECK,
                f"This release of the collection knows nothing of what breaks in {minor}; it knows {known[0]} to "
                f"{known[-1]}. Upgrade the collection, or read the Kubernetes changelog of {minor}.",
            )


CHECKS: tuple[Check, ...] = (check_breakers, known_risks)
