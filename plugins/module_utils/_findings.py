# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a check is, and what it may say: the vocabulary that all checks share. Pure: no I/O, no clock."""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass, field

SEVERITIES = ("blocker", "warning", "info")


@dataclass(frozen=True)
class Finding:
    """One thing that an owner has to know before the upgrade.

    id: stable, and narrow enough to be accepted by itself: "CHECK" or "CHECK:SUBJECT", for example
        "removed-api:policy/v1beta1/PodSecurityPolicy". A user accepts a blocker by this id.
    severity: "blocker" (the upgrade, or what runs on the cluster, will break), "warning" (it may, or data or edits are
        lost that somebody may want), "info" (good to know).
    title: one short line without a full stop, understood without the rest.
    seen: a line an object or node, each naming it: "CronJob shop/nightly: last written as batch/v1beta1 by kubectl
        on 2026-10-02 (managedFields)". Never empty.
    why: why it matters, whole sentences.
    fix: what to do, with the command where there is one, whole sentences.
    source: the upstream document, or code line, that the rule comes from.
    minor: the minor at which it bites ("1.25"), or "" when it holds whatever the target.
    """

    id: str
    severity: str
    title: str
    seen: tuple[str, ...]
    why: str
    fix: str
    source: str
    minor: str = ""

    def as_dict(self) -> dict[str, t.Any]:
        return {**asdict(self), "seen": list(self.seen)}


def blocker(name: str, title: str, seen: t.Iterable[str], why: str, fix: str, source: str = "") -> Finding:
    """A finding of that severity."""
    return Finding(name, "blocker", title, tuple(seen), why, fix, source)


@dataclass(frozen=True)
class Unchecked:
    """Something that could not be looked at. Never passed over in silence: it is listed beside the findings.

    check: id of the check, or of what could not be read.
    why: what was in the way, a whole sentence, with the way out where there is one.
    cause: the key of the cluster's facts that was not read, where that alone is in the way. Several checks may lack the
        same one: what was in the way is then said once for all of them, and `why` says only what is not known for it.
    """

    check: str
    why: str
    cause: str = ""

    def as_dict(self) -> dict[str, t.Any]:
        return {"check": self.check, "why": self.why}


@dataclass(frozen=True)
class Context:
    """All that a check may look at.

    facts: of the cluster, as cluster_info writes them.
    nodes: facts of each node that is in the run, as node_info returns them, by node name. Nodes that are not in the
        inventory are in `facts` alone.
    plan: as upgrade_plan returns it.
    minors: the minors of the plan's hops, in order ("1.25", "1.26"); empty when there is nothing to do.
    current: the minor of the oldest API server ("1.24").
    today: the date of the run ("2026-11-21"), given from outside, since checks have no clock.
    options: the user's settings that checks depend on (the parameter `options` of upgrade_checks).
    """

    facts: t.Mapping[str, t.Any]
    nodes: t.Mapping[str, t.Mapping[str, t.Any]]
    plan: t.Mapping[str, t.Any]
    minors: tuple[str, ...]
    current: str
    today: str
    options: t.Mapping[str, t.Any] = field(default_factory=dict)


def unread_of(facts: t.Mapping[str, t.Any], *keys: str) -> str:
    """Why these keys of the cluster's facts are empty, or not whole: sentences; "" when they were read.

    What was read is there all the same: of "workloads", Deployments may be known and Jobs not. cluster_info names the
    key in `unread`, once for each kind of object behind it that it could not list.
    """
    whys = [f"The facts have no {key}; read them anew with cluster_info." for key in keys if facts.get(key) is None]
    whys += [str(gap.get("why")) for gap in facts.get("unread") or () if gap.get("what") in keys]
    return " ".join(dict.fromkeys(whys))


Check = t.Callable[[Context], t.Iterable[t.Union[Finding, Unchecked]]]
