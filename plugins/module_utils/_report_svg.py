# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The timeline of a report, drawn: an inline SVG a lane, so that it fits any width and its words stay readable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._durations import exactly
from ansible_collections.uplift.kubeadm.plugins.module_utils._html import Html, Part, tag
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import listing
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_table import TITLES
from ansible_collections.uplift.kubeadm.plugins.module_utils._report_timeline import Bar, Lane, Timeline, timeline

MOST_TICKS = 6
TICKS = (10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)  # seconds
ROW = 26  # height of a lane, in pixels

# Kinds that a reader need not tell apart share a colour.
LEGEND = {
    "prepare": "prepare, nothing is out",
    "etcd": "etcd within its minor, not drained",
    "control_plane": "control plane, not drained",
    "control_plane_kubelet": "control plane kubelet, drained",
    "workers": "workers, drained",
}


def draw(document: Mapping[str, Any]) -> Html:
    """The figure; "" when nothing is to be drawn."""
    shown = timeline(document)
    if not shown.lanes:
        return Html("")
    compared = any(lane.done for lane in shown.lanes)
    return tag(
        "figure",
        _legend(shown, compared),
        tag("div", _axis(shown), [_lane(lane, shown, compared) for lane in shown.lanes], class_="lanes"),
    )


def _legend(shown: Timeline, compared: bool) -> Html:
    kinds = {one.kind for lane in shown.lanes for one in [*lane.planned, *lane.done]}
    kinds |= {"prepare"} if kinds & {"uncordon", "kubectl"} else set()
    failed = any(one.failed for lane in shown.lanes for one in lane.done)
    entries: list[Part] = [
        tag("span", tag("i", class_=f"k-{kind}"), text) for kind, text in LEGEND.items() if kind in kinds
    ]
    if failed:
        entries.append(tag("span", tag("i", class_="k-failed"), "failed"))
    if compared:
        entries.append(tag("span", tag("i", class_="faint"), "above: planned"))
        entries.append(tag("span", tag("i", class_="solid"), "below: done"))
    return tag("figcaption", entries, class_="legend")


def _axis(shown: Timeline) -> list[Html]:
    """The hops with their versions, and the time from the start."""
    names = shown.hops if len(shown.hops) <= 4 else [(version.rpartition(".")[0], at) for version, at in shown.hops]
    hops = [tag("text", name, class_="hop", x=_percent(at, shown), y=12, dx=4 if at else 0) for name, at in names]
    ticks = [
        tag("text", text, x=_percent(at, shown), y=30, text_anchor="middle" if at else "start")
        for at, text in _ticks(shown)
    ]
    return [
        tag("div", class_="name"),
        tag("svg", _lines(shown, 18, 36), hops, ticks, height=36, aria_hidden="true", focusable="false"),
    ]


def _lane(lane: Lane, shown: Timeline, compared: bool) -> list[Html]:
    """A row: planned alone, or planned above and done below."""
    middle = ROW // 2
    if compared:
        bars = [_bar(one, shown, 4, middle - 5, " faint") for one in lane.planned]
        bars += [_bar(one, shown, middle, middle - 4) for one in lane.done]
    else:
        bars = [_bar(one, shown, 5, ROW - 10) for one in lane.planned]
    return [
        tag("div", _short_name(lane, shown), class_="name", title=lane.name),
        tag("svg", _lines(shown, 0, ROW), bars, height=ROW, role="img", aria_label=_in_words(lane)),
    ]


def _short_name(lane: Lane, shown: Timeline) -> str:
    """A host's name without its domain, where that is enough to tell it from the others."""
    short = lane.name.partition(".")[0]
    return short if sum(other.name.partition(".")[0] == short for other in shown.lanes) == 1 else lane.name


def _bar(one: Bar, shown: Timeline, y: int, height: int, more: str = "") -> Html:
    state = " failed" if one.failed else " running" if one.running else ""
    width = max(one.end - one.start, shown.seconds / 400) * 0.985  # never nothing, and a gap to the next
    return tag(
        "rect",
        tag("title", _bar_words(one)),
        class_=f"{one.kind}{state}{more}",
        x=_percent(one.start, shown),
        width=_percent(width, shown),
        y=y,
        height=height,
        rx=2,
    )


def _lines(shown: Timeline, top: int, bottom: int) -> list[Html]:
    """Vertical lines: where a tick is (from `top` on), and where a hop begins."""
    ticks = [_line("grid", seconds, shown, top, bottom) for seconds, _text in _ticks(shown)]
    return ticks + [_line("hop-line", begin, shown, 0, bottom) for _version, begin in shown.hops[1:]]


def _line(kind: str, seconds: float, shown: Timeline, top: int, bottom: int) -> Html:
    at = _percent(seconds, shown)
    return tag("line", class_=kind, x1=at, x2=at, y1=top, y2=bottom)


def _ticks(shown: Timeline) -> list[tuple[float, str]]:
    """Times on the axis, at most a handful, at distances that people count in."""
    step = next((step for step in TICKS if shown.seconds / step <= MOST_TICKS), TICKS[-1])
    while shown.seconds / step > MOST_TICKS:
        step *= 2
    return [(at, _clock(at, step)) for at in range(0, int(shown.seconds) + 1, step) if at <= shown.seconds * 0.97]


def _clock(seconds: int, step: int) -> str:
    if seconds == 0:
        return "0"
    if step < 60:
        return f"{seconds} s" if seconds < 60 else f"{seconds // 60}:{seconds % 60:02}"
    if step < 3600:
        return f"{seconds // 60} min" if seconds < 3600 else f"{seconds // 3600}:{seconds % 3600 // 60:02} h"
    return f"{seconds // 3600} h" if step % 86400 else f"{seconds // 86400} d"


def _percent(seconds: float, shown: Timeline) -> str:
    return f"{100 * seconds / (shown.seconds or 1):.2f}%"


def _in_words(lane: Lane) -> str:
    """The lane for those who do not see it."""
    parts = [f"planned: {_spoken(lane.planned)}"] if lane.planned else []
    parts += [f"done: {_spoken(lane.done)}"] if lane.done else []
    return f"{lane.name}, {'; '.join(parts)}"


def _spoken(bars: list[Bar]) -> str:
    return listing([_bar_words(one) for one in bars], 8)


def _bar_words(one: Bar) -> str:
    state = " (failed)" if one.failed else " (no end recorded)" if one.running else ""
    who = "" if len(one.nodes) == 1 else f"{len(one.nodes)} nodes, "
    return f"{who}{TITLES[one.kind]}, hop {one.hop + 1}, {exactly(one.end - one.start)}{state}"
