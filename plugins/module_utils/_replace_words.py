# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A replacement in words: the table before it begins, and what was done and is left after it. Pure."""

from __future__ import annotations

import textwrap
import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import listing
from ansible_collections.uplift.kubeadm.plugins.module_utils._replace_cast import CONTROL_PLANE, KEEP, RESET

WIDTH = 100
_WAVES = 8  # told one by one
_FEW = 8  # names told of a row
Plan = t.Mapping[str, t.Any]
AGAIN = "ansible-playbook uplift.kubeadm.replace_nodes, with the same inventory and"
BACK = f"{AGAIN} -e replace_nodes_state=back"


def table(plan: Plan) -> list[str]:
    """The plan, for a person."""
    if not plan["old"] and not plan["reset_only"] and not plan["remove"]:
        gone = f" ({listing(plan['gone'], _FEW)} removed already)" if plan["gone"] else ""
        return [f"Replace nodes: no node of the cluster is an old one{gone}. Nothing to do."]
    if not plan["changes"]:
        return [f"Replace nodes: {listing(_names(plan['old']), _FEW)} cordoned and empty. Nothing to do.", *after(plan)]
    lines = [
        f"Replace {_count(plan['old'], 'node')} by {_count(plan['new'], 'node')}, cluster at {plan['version']}",
        "",
    ]
    lines.append(_row("STEP", "NODES", "WHY"))
    for step, names, why in _rows(plan):
        lines += _wrapped(step, names, why)
    more = len(plan["waves"]) - _WAVES
    if more > 0:
        lines += _wrapped(
            f"{more} more", "", f"{sum(len(w['nodes']) for w in plan['waves'][_WAVES:])} nodes in waves like these."
        )
    return lines


def done(plan: Plan, removed: t.Sequence[str]) -> list[str]:
    """What a run did, what is left, how to go back and how to go on. removed: names of the nodes that are gone."""
    kept = [row for row in plan["old"] if row["node"] not in removed]
    lines = ["Replaced." if not kept else "Taken over."]
    joined = [row["node"] for row in [*plan["join_control_planes"], *plan["join_workers"]]]
    lines += _bullet(f"Joined: {listing(joined, _FEW)}.") if joined else []
    moved = [name for wave in plan["waves"] for name in wave["nodes"]]
    lines += _bullet(f"Drained, and seen to be empty: {listing(moved, _FEW)}.") if moved else []
    lines += _bullet(f"Removed: {listing(list(removed), _FEW)}. Take them out of the inventory.") if removed else []
    return [*lines, *after({**plan, "old": kept})]


def after(plan: Plan) -> list[str]:
    """How it stands when old nodes are kept."""
    if not plan["old"]:
        return []
    kept = _bullet(f"Kept, cordoned and empty: {listing(_names(plan['old']), _FEW)}.")
    if plan["removal"] != KEEP:
        return kept
    return [
        *kept,
        *_bullet(f"To go back (uncordon them): {BACK}"),
        *_bullet(
            f"To remove them: {AGAIN} -e replace_nodes_remove=reset (or =node, which leaves their hosts as they are)"
        ),
    ]


def back(plan: Plan, lifted: t.Sequence[str], by_person: t.Sequence[str]) -> list[str]:
    """What going back did."""
    lines = [
        f"Back in service: {listing(list(lifted), _FEW)}."
        if lifted
        else "No cordon of ours is on an old node. Nothing to do."
    ]
    lines += _bullet(f"Cordoned by somebody else, and left so: {listing(list(by_person), _FEW)}.") if by_person else []
    lines += _bullet(f"Removed already, and not to be had back: {listing(plan['gone'], _FEW)}.") if plan["gone"] else []
    reset = [old["node"] for old in plan["old"] if old["reset"]]
    lines += _bullet(f"Reset already, and left cordoned: {listing(reset, _FEW)}.") if reset else []
    if lifted:
        lines += _bullet(
            "Pods stay where they are. To move them back: cordon and drain the new nodes, or name them as the old ones."
        )
    return lines


def _rows(plan: Plan) -> t.Iterator[tuple[str, str, str]]:
    if plan["members_first"]:
        yield (
            "etcd: remove",
            listing(plan["members_first"], _FEW),
            "Where it is dead: etcd takes no new member before it is gone.",
        )
    for number, row in enumerate(plan["join_control_planes"]):
        again = " Reset first: an earlier join was cut off." if row["half"] else ""
        whole = "One at a time; the next when etcd has its member, started and well." if not number else ""
        yield "join", row["node"], f"{whole}{again}".strip()
    if plan["join_workers"]:
        half = [row["node"] for row in plan["join_workers"] if row["half"]]
        again = f" Reset first, as an earlier join was cut off: {listing(half, _FEW)}." if half else ""
        names = listing([row["node"] for row in plan["join_workers"]], _FEW)
        yield "join", names, f"All at once, with a token of their own that is revoked after.{again}"
    if plan["cordon"]:
        yield "cordon", listing(plan["cordon"], _FEW), "All before the first drain, so that no pod moves twice."
    for number, wave in enumerate(plan["waves"][:_WAVES], 1):
        soak = f" Then {wave['soak']} s of watching." if wave["soak"] else ""
        yield f"drain, wave {number}", listing(wave["nodes"], _FEW), f"{wave['why']}{soak}"
    yield from _removals(plan)


def _removals(plan: Plan) -> t.Iterator[tuple[str, str, str]]:
    workers = [row for row in plan["remove"] if row["role"] != CONTROL_PLANE]
    if workers:
        reset = all(row["reset"] for row in workers)
        yield (
            "remove",
            listing([row["node"] for row in workers], _FEW),
            "kubeadm reset, then the Node object."
            if reset
            else (
                "The Node object; their hosts are left as they are."
                if plan["removal"] != RESET
                else "The Node object, and kubeadm reset where the host answers."
            ),
        )
    for row in plan["remove"]:
        if row["role"] == CONTROL_PLANE:
            yield "remove", row["node"], "Its member of etcd, then the rest; one at a time, quorum kept."
    for row in plan["reset_only"]:
        yield "reset", row["node"], f"Its Node object is gone; {row['host']} was not reset."
    if plan["old"] and plan["removal"] == KEEP:
        yield (
            "keep",
            listing(_names(plan["old"]), _FEW),
            "Cordoned and empty, until replace_nodes_remove says otherwise.",
        )


def _names(rows: t.Iterable[t.Mapping[str, t.Any]]) -> list[str]:
    return [row["node"] for row in rows]


def _count(rows: t.Sequence[t.Any], what: str) -> str:
    return f"{len(rows)} {what}{'' if len(rows) == 1 else 's'}"


def _row(step: str, names: str, why: str) -> str:
    return f"{step:<15} {names:<32} {why}".rstrip()


def _wrapped(step: str, names: str, why: str) -> list[str]:
    left, right = _wrap(names, 32) or [""], _wrap(why, WIDTH - 49) or [""]
    height = max(len(left), len(right))
    left, right = left + [""] * (height - len(left)), right + [""] * (height - len(right))
    return [_row("" if at else step, left[at], right[at]) for at in range(height)]


def _bullet(text: str) -> list[str]:
    return _wrap(text, WIDTH, "  - ", "    ")


def _wrap(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False, break_long_words=False
    )
