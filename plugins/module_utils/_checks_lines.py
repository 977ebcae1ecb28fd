# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Findings as lines for a terminal: one screen, no colours, no line longer than 100 characters."""

from __future__ import annotations

import textwrap
import typing as t

WIDTH = 100
SEEN = 3  # lines of what was seen, a finding
BLOCKERS, WARNINGS = 20, 8  # told in full
GAPS = 8  # things that could not be checked, told in full

Row = t.Mapping[str, t.Any]


def terminal_lines(findings: t.Sequence[Row], unchecked: t.Sequence[Row], summary: t.Mapping[str, int]) -> list[str]:
    """Blockers and warnings with what was seen and how to fix it; the rest as counts, since the report has it all.

    findings in order, as _checks.run returns them.
    """
    open_ones = [row for row in findings if not row["accepted"]]
    lines = [_head(summary)]
    for severity, most in (("blocker", BLOCKERS), ("warning", WARNINGS)):
        rows = [row for row in open_ones if row["severity"] == severity]
        for row in rows[:most]:
            lines += ["", *_finding(severity.upper(), row)]
        if len(rows) > most:
            lines += ["", f"And {_count(len(rows) - most, f'more {severity}')}: see the report."]
    lines += _accepted([row for row in findings if row["accepted"]])
    if summary["infos"]:
        lines += ["", f"{_count(summary['infos'], 'note')}: see the report."]
    return lines + _unchecked(unchecked)


def _head(summary: t.Mapping[str, int]) -> str:
    parts = [_count(summary["blockers"], "blocker"), _count(summary["warnings"], "warning")]
    parts += [f"{summary['accepted']} accepted"] if summary["accepted"] else []
    parts += [_count(summary["infos"], "note")]
    parts += [f"{summary['unchecked']} could not be checked"] if summary["unchecked"] else []
    return f"Findings: {', '.join(parts)}."


def _finding(word: str, row: Row) -> list[str]:
    lines = _wrap(f"{word}  {row['title']}", "", "  ")
    lines += _wrap(row["id"], "  id   ", "       ")
    for number, line in enumerate(row["seen"][:SEEN]):
        lines += _wrap(line, "       " if number else "  seen ", "         ")
    if len(row["seen"]) > SEEN:
        lines.append(f"       and {len(row['seen']) - SEEN} more")
    return lines + (_wrap(row["fix"], "  fix  ", "       ") if row["fix"] else [])


def _accepted(rows: t.Sequence[Row]) -> list[str]:
    if not rows:
        return []
    return ["", "Accepted:", *(line for row in rows for line in _wrap(f"{row['title']} ({row['id']})", "  ", "    "))]


def _unchecked(rows: t.Sequence[Row]) -> list[str]:
    if not rows:
        return []
    lines = ["", "Could not be checked:"]
    for row in rows[:GAPS]:
        lines += _wrap(f"{row['check']}: {row['why']}", "  ", "    ")
    return lines + ([f"  and {len(rows) - GAPS} more: see the report."] if len(rows) > GAPS else [])


def _wrap(text: str, first: str, later: str) -> list[str]:
    """Text in lines, broken between words, and within one only where it is longer than a line.

    Names and messages come from the cluster: what would steer the terminal is shown as a question mark.
    """
    flat = "".join(sign if sign.isprintable() else "?" for sign in " ".join(str(text).split()))
    return textwrap.wrap(flat, WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False) or [first]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
