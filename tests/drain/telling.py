# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of a drain, in few words, and the table of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .cases import Case
from .tools import NODE_DRAIN, TOOLS, Said


@dataclass(frozen=True)
class Outcome:
    """What a tool said, and what the cluster was like afterwards."""

    said: Said
    before: int  # pods of the case on the node
    left: int  # of these, by UID, that have not completed
    completed: int
    cordoned: bool

    @property
    def cell(self) -> str:
        """For the table: "drained, 3 s"; "fails after 20 s; 2 of 2 pods left; stays cordoned"."""
        seconds = f"{self.said.seconds:.0f} s"
        pods = f"{self.left} of {self.before} pods left"
        if self.said.ok:
            if self.left:
                return f"reports success, {seconds}; {pods}"
            return f"drained, {seconds}" + (f"; {self.completed} completed" if self.completed else "")
        parts = [f"fails after {seconds}", pods, "stays cordoned" if self.cordoned else "schedulable again"]
        return "; ".join(parts)


Results = Mapping[str, Mapping[str, Outcome]]  # case -> tool -> outcome


def wrong(case: Case, outcome: Outcome) -> list[str]:
    """In what node_drain did other than it is to; [] when all is well."""
    expected, said = case.ours, outcome.said
    found = []
    if said.ok is not expected.ok:
        found.append(f"it {'reports success' if said.ok else 'failed'}")
    if outcome.left != expected.left:
        found.append(f"{outcome.left} pods are left, not {expected.left}")
    if outcome.completed != expected.completed:
        found.append(f"{outcome.completed} pods have completed, not {expected.completed}")
    if outcome.cordoned is not expected.ok:
        found.append(f"the node is {'cordoned' if outcome.cordoned else 'schedulable'} afterwards")
    found += [f"it does not say «{word}»" for word in expected.words if word not in _one_line(said.text)]
    return [f"{case.name}: {what}. It said: {_one_line(said.text)[-1500:]}" for what in found]


def table(results: Results) -> str:
    """Markdown."""
    lines = [f"| on the node | {' | '.join(TOOLS)} |", f"|---|{'---|' * len(TOOLS)}"]
    for name, outcomes in results.items():
        cells = [outcomes[tool].cell if tool in outcomes else "not run" for tool in TOOLS]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def failures(cases: Mapping[str, Case], results: Results) -> list[str]:
    return [
        text
        for name, outcomes in results.items()
        if NODE_DRAIN in outcomes
        for text in wrong(cases[name], outcomes[NODE_DRAIN])
    ]


def _one_line(text: str) -> str:
    """Ansible breaks and indents what it prints of a result."""
    return " ".join(text.split()).replace("[ {", "[{")
