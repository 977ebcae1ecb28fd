# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs every check and puts together what they found. Pure: the same facts give the same findings."""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils import (
    _check_addons,
    _check_apis,
    _check_breakers,
    _check_calendar,
    _check_certificates,
    _check_coredns,
    _check_drain,
    _check_drift,
    _check_etcd,
    _check_flags,
    _check_images,
    _check_nodes,
    _check_objects,
    _check_versions,
    _check_webhooks,
    _check_workloads,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._checks_lines import terminal_lines
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import (
    SEVERITIES,
    Check,
    Context,
    Finding,
    Unchecked,
    unread_of,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast import oldest_api_server
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import listing
from ansible_collections.uplift.kubeadm.plugins.module_utils._seen import seen as cut
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import minor_name, parse_minor

# Imported by name, since Ansible sends to a host what a module's files import, and nothing that is found at run time.
MODULES = (
    _check_addons,
    _check_apis,
    _check_breakers,
    _check_calendar,
    _check_certificates,
    _check_coredns,
    _check_drain,
    _check_drift,
    _check_etcd,
    _check_flags,
    _check_images,
    _check_nodes,
    _check_objects,
    _check_versions,
    _check_webhooks,
    _check_workloads,
)
CHECKS: tuple[Check, ...] = tuple(check for module in MODULES for check in module.CHECKS)

LINE = 500  # characters of a line of what was seen; selectors and messages have no bound
GAPS = 20  # that are told of one check

# The cluster's facts that checks look at. Those that are missing are no fact at all: it is said that they are.
CLUSTER_FACTS = (
    "addons",
    "api_services",
    "certificate_requests_pending",
    "config_maps",
    "crds",
    "csi_drivers",
    "helm_releases",
    "namespaces",
    "old_api_writes",
    "pdbs",
    "pods",
    "services",
    "storage_classes",
    "volumes",
    "webhooks",
    "workloads",
)
# What hangs on a fact of a node. Where a check itself says that it could not look, that is said instead of this.
NODE_FACTS = {
    "drift": "Edits by hand that kubeadm would overwrite are not seen.",
    "etcd": "Members, alarms and size of etcd are unknown.",
    "disk": "Whether there is room for the upgrade is unknown.",
    "kubelet_configuration": "Settings of kubelet that the next minors do not know are not seen.",
    "kubelet_arguments": "Flags of kubelet that the next minors do not know are not seen.",
    "files": "Configuration files of static pods, of versions that the next minors do not read, are not seen.",
    "static_pods": "Flags of the control plane that the next minors do not know are not seen.",
    "certificates": "When certificates end is unknown.",
    "name": "The host cannot be matched to a node of the cluster.",
}
SAID_BY_CHECKS = ("api_usage",)


def make_context(
    facts: t.Mapping[str, t.Any],
    hosts: t.Mapping[str, t.Mapping[str, t.Any]],
    plan: t.Mapping[str, t.Any],
    today: str,
    options: t.Mapping[str, t.Any],
) -> Context:
    """What checks are given, from what modules return. hosts: {inventory name: node facts}."""
    nodes = {str(host["name"]): host for host in hosts.values() if host.get("name")}
    minors = tuple(str(hop["minor"]) for hop in plan.get("hops") or ())
    current = minor_name(oldest_api_server(facts).minor)
    return Context(facts, nodes, plan, minors, current, today, options)


def run(
    context: Context,
    accepted: t.Sequence[str] = (),
    extra: t.Iterable[t.Mapping[str, t.Any]] = (),
    checks: t.Sequence[Check] = CHECKS,
) -> dict[str, t.Any]:
    """Run all checks.

    accepted: ids of findings that the user takes upon themself; they no longer count as blockers or warnings.
    extra: findings from elsewhere (a user's own checks), as dictionaries; one with "check" and "why" alone is something
        that could not be checked.
    Returns {"findings": [finding with "accepted": bool; blockers first, then by minor and id], "unchecked": [{"check",
    "why"}], "summary": {"blockers", "warnings", "infos" (none of them accepted), "accepted", "unchecked": counts},
    "lines": [what fits a terminal]}.
    """
    said = list(_all(context, checks, extra))
    findings = _merged(one for one in said if isinstance(one, Finding))
    findings += _unused(accepted, findings)
    findings.sort(key=_order)
    rows = [{**finding.as_dict(), "accepted": finding.id in accepted} for finding in findings]
    gaps = [gap.as_dict() for gap in _once(context.facts, [one for one in said if isinstance(one, Unchecked)])]
    summary = _summary(rows, gaps)
    return {
        "findings": rows,
        "unchecked": gaps,
        "summary": summary,
        "lines": terminal_lines(rows, gaps, summary),
    }


def _all(
    context: Context, checks: t.Sequence[Check], extra: t.Iterable[t.Mapping[str, t.Any]]
) -> t.Iterator[Finding | Unchecked]:
    for check in checks:
        yield from _run_one(check, context)
    yield from _unread_of_nodes(context.nodes)
    yield from _nodes_not_seen(context)
    for row in extra:
        yield _from_dict(row)


def _run_one(check: Check, context: Context) -> t.Iterator[Finding | Unchecked]:
    """What a check says. One that breaks is no reason to lose the others, nor to look as if it had found nothing."""
    try:
        yield from check(context)
    except Exception as error:
        name = f"{check.__module__.rpartition('.')[2]}.{getattr(check, '__name__', 'check')}".lstrip("_")
        yield Unchecked(
            name,
            f"The check ended with {type(error).__name__}: {error}. What it looks for is unknown. This is an error in "
            "this collection, or in the facts that it was given; please report it.",
        )


def _unread_of_nodes(nodes: t.Mapping[str, t.Mapping[str, t.Any]]) -> t.Iterator[Unchecked]:
    """What could not be read on nodes, told once for all the nodes that it is the same on."""
    same: dict[tuple[str, str], list[str]] = {}
    for name, node in nodes.items():
        for what, why in (node.get("unread") or {}).items():
            if what not in SAID_BY_CHECKS:
                same.setdefault((what, str(why)), []).append(name)
    for (what, why), names in sorted(same.items()):
        fact = what.partition(" ")[0]  # "drift PATH", "static_pods FILE" are parts of one
        matters = NODE_FACTS.get(fact, "Checks that need it saw nothing there.")
        yield Unchecked(f"node:{what}", f"On {listing(names)}: {_sentences(why, matters)}")


def _nodes_not_seen(context: Context) -> t.Iterator[Unchecked]:
    names = [name for name in context.facts.get("nodes") or {} if name not in context.nodes]
    if names:
        yield Unchecked(
            "nodes",
            f"Not in this run, or without an answer: {listing(names)}. Only what the API says of them is known; their "
            "certificates, disks, flags and edits by hand were not looked at.",
        )


def _sentences(*parts: t.Any) -> str:
    """Clauses as sentences; the first may begin with a name, which stays as it is."""
    said = [str(part).strip().rstrip(".") for part in parts if part]
    return " ".join(f"{part[:1].upper() + part[1:] if number else part}." for number, part in enumerate(said))


def _from_dict(row: t.Mapping[str, t.Any]) -> Finding | Unchecked:
    if "id" not in row:
        return Unchecked(str(row.get("check", "extra")), str(row.get("why", "No reason was given.")))
    severity = str(row.get("severity"))
    title = str(row.get("title") or row["id"])
    return Finding(
        id=str(row["id"]),
        severity=severity if severity in SEVERITIES else "blocker",
        title=title,
        seen=tuple(str(line) for line in row.get("seen") or ()) or (title,),
        why=str(row.get("why") or ""),
        fix=str(row.get("fix") or ""),
        source=str(row.get("source") or ""),
        minor=str(row["minor"]) if _is_minor(row.get("minor")) else "",
    )


def _is_minor(text: t.Any) -> bool:
    """Is this the name of a minor ("1.25")?"""
    try:
        return parse_minor(text) > 0
    except UpliftError:
        return False


def _merged(findings: t.Iterable[Finding]) -> list[Finding]:
    """One finding an id: the most severe speaks, all that was seen is kept."""
    by_id: dict[str, list[Finding]] = {}
    for finding in findings:
        by_id.setdefault(finding.id, []).append(finding)
    return [_merge(same) for same in by_id.values()]


def _merge(same: t.Sequence[Finding]) -> Finding:
    first = min(same, key=lambda finding: SEVERITIES.index(finding.severity))
    return Finding(**{**first.as_dict(), "seen": cut(_short(line) for finding in same for line in finding.seen)})


def _short(line: str) -> str:
    return line if len(line) <= LINE else f"{line[:LINE]} …"


def _unused(accepted: t.Sequence[str], findings: t.Iterable[Finding]) -> list[Finding]:
    """Ids that were accepted and are not found: solved since, or misspelt, which would be a surprise later."""
    found = {finding.id for finding in findings}
    return [
        Finding(
            id=f"accepted-unused:{name}",
            severity="info",
            title=f"{name} is accepted, and is not found",
            seen=(f"kubeadm_upgrade_accept: {name}",),
            why="It was solved since, or it is misspelt; a finding of another id is not accepted by it.",
            fix="Take it out of kubeadm_upgrade_accept, or correct it.",
            source="kubeadm_upgrade_accept",
        )
        for name in dict.fromkeys(accepted)
        if name not in found
    ]


def _once(facts: t.Mapping[str, t.Any], unchecked: t.Iterable[Unchecked]) -> list[Unchecked]:
    """Two checks may have wanted the same. What hangs on facts of the cluster that were not read is a row a cause."""
    lost: dict[str, list[str]] = {key: [] for key in CLUSTER_FACTS if facts.get(key) is None}
    for gap in facts.get("unread") or ():
        lost.setdefault(str(gap.get("what")), []).append(str(gap.get("matters") or ""))
    alone = []
    for one in unchecked:
        if one.cause in lost:
            lost[one.cause].append(one.why)
        else:
            alone.append(one)
    causes = [
        Unchecked(f"cluster:{key}", _sentences(unread_of(facts, key), *dict.fromkeys(matters)))
        for key, matters in lost.items()
    ]
    by_check: dict[str, list[Unchecked]] = {}
    for one in sorted(dict.fromkeys([*causes, *alone]), key=lambda gap: (gap.check, gap.why)):
        by_check.setdefault(one.check, []).append(one)
    return [gap for same in by_check.values() for gap in _few(same)]


def _few(same: list[Unchecked]) -> list[Unchecked]:
    """Of many that one check could not look at, as many as a person reads, and how many more there are."""
    more = len(same) - GAPS
    return [*same[:GAPS], Unchecked(same[0].check, f"And {more} more like these.")] if more > 1 else same


def _summary(rows: t.Sequence[t.Mapping[str, t.Any]], gaps: t.Sequence[object]) -> dict[str, int]:
    counts = dict.fromkeys(SEVERITIES, 0)
    for row in rows:
        if not row["accepted"]:
            counts[row["severity"]] += 1
    return {
        **{f"{severity}s": count for severity, count in counts.items()},
        "accepted": sum(row["accepted"] for row in rows),
        "unchecked": len(gaps),
    }


def _order(finding: Finding) -> tuple[int, int, str]:
    minor = parse_minor(finding.minor) if finding.minor else 0
    return SEVERITIES.index(finding.severity), minor, finding.id
