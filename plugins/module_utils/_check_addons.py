# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Add-ons, recognised by their images: does what runs fit each hop, as far as it is known?"""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._detect_facts import cluster_rows
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Check, Context, Finding, Unchecked
from ansible_collections.uplift.kubeadm.plugins.module_utils._knowledge.addons import Row, fits, recognise

SOURCE = "docs/knowledge.md of this collection"


class Addon(t.NamedTuple):
    """An add-on that runs, in one version; where names one workload that runs it."""

    row: Row
    version: str | None
    where: str

    def line(self) -> str:
        return f"{self.where}: {self.row['name']} {self.version or 'of a version that its tag does not tell'}"


def addons(ctx: Context) -> t.Iterator[Finding | Unchecked]:
    """One finding for each add-on that is too old for a hop, and one that lists those that nothing is known of."""
    workloads, missing = cluster_rows(ctx, "workloads")
    for gap in missing:
        yield Unchecked("addons", "Which add-ons run is not known, or not of all.", gap.cause)
    unknown = []
    for addon in _running(ctx, workloads):
        answers = {minor: fits(addon.row, addon.version, minor) for minor in ctx.minors}
        too_old = [minor for minor, answer in answers.items() if answer is False]
        if too_old:
            yield _too_old(addon, too_old)
        elif None in answers.values():
            unknown.append(addon)
    if unknown:
        yield Finding(
            id="addons-unknown",
            severity="info",
            title=f"Whether {len(unknown)} add-on(s) fit the minors to come is not known",
            seen=tuple(f"{addon.line()}; see {addon.row.get('compatibility') or 'its project'}" for addon in unknown),
            why="Their projects publish what they test or support; the tables of this collection do not have "
            "it for all minors of this plan.",
            fix="Read what their projects say. kubeadm_upgrade_addons takes rows of your own, which are then checked.",
            source=SOURCE,
        )


def _too_old(addon: Addon, minors: t.Sequence[str]) -> Finding:
    wanted = addon.row["supports"]
    return Finding(
        id=f"addon:{addon.row['name']}",
        severity="warning",
        title=f"{addon.row['name']} is older than it should be for {minors[0]}",
        seen=tuple(f"{addon.line()}; {minor} wants {wanted[minor]} or later" for minor in minors),
        why="Its project does not test or support this release with that minor. It may go on working.",
        fix="Upgrade the add-on before the hop, with a release that fits both minors, or between the hops "
        "(kubeadm_upgrade_hook_after_hop).",
        source=str(addon.row.get("source") or addon.row.get("compatibility") or SOURCE),
        minor=minors[0],
    )


def _running(ctx: Context, workloads: t.Iterable[t.Mapping[str, t.Any]]) -> list[Addon]:
    """Each add-on once for each of its versions; a Job or a bare pod is none."""
    more = list(ctx.options.get("addons") or ())
    found: dict[tuple[str, str | None], Addon] = {}
    for workload in workloads:
        for image in workload.get("images") or ():
            known = recognise(image, more)
            if known:
                row, version = known
                where = f"{workload['kind']} {workload['ns']}/{workload['name']}"
                found.setdefault((row["name"], version), Addon(row, version, where))
    return [found[key] for key in sorted(found, key=str)]


CHECKS: tuple[Check, ...] = (addons,)
