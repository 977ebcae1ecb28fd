# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a run ends early because someone wants it so: a deadline, or a request to stop."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._durations import about, exactly, expected
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._lock import stop_words

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_LENGTH = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?")
_FORMS = (
    'a time with its zone ("2026-11-21T23:30:00+01:00"), a time of day ("23:30", the next one by the controller\'s '
    'clock), or how long from now ("90m", "2h", "1h30m"), each in quotes'
)


def deadline(given: Any, now: datetime) -> datetime | None:
    """The moment that `given` names, with its zone; None when nothing is given.

    :param now: with the zone of the controller.
    :raises UpliftError: it names no moment, or one that has passed.
    """
    if given is None or given == "":
        return None
    if isinstance(given, datetime):  # YAML's own time
        return _checked(given, given, now)
    text = str(given).strip()
    clock, length = _CLOCK.fullmatch(text), _LENGTH.fullmatch(text)
    if clock:
        return _next(int(clock[1]), int(clock[2]), now)
    if length and any(length.groups()):
        return now + timedelta(hours=int(length[1] or 0), minutes=int(length[2] or 0))
    try:
        moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text))
    except ValueError:
        quoted = ""
        if isinstance(given, int) and 0 <= given < 24 * 60:
            quoted = f" YAML reads {given // 60}:{given % 60:02} without quotes as the number {given}, and so does AWX."
        raise UpliftError(
            f"kubeadm_upgrade_deadline is {given!r}, which is no moment: give {_FORMS}.{quoted}"
        ) from None
    return _checked(given, moment, now)


def deadline_lines(plan: Mapping[str, Any], until: str, now: datetime, note: str | None, forks: int) -> list[str]:
    """What a person reads at plan time of how the deadline compares with what the run is expected to take.

    :param until: ISO time with its zone, or "" for no deadline.
    :param note, forks: as expected() of _durations takes them.
    """
    if not until or not plan["stages"]:
        return []
    end = datetime.fromisoformat(until)
    left = (end - now).total_seconds()
    durations = expected(plan, note, forks)
    lines = [f"No node is begun after {moment(end, now)} (kubeadm_upgrade_deadline)."]
    late = _late(plan, durations, left)
    if not late:
        spare = left - durations["seconds"]
        lines.append(
            f"  The run is expected to end {about(spare)} before that."
            if spare >= 60
            else "  The last node is expected to be begun before that."
        )
        return lines
    lines += textwrap.wrap(
        f"The run is expected to take {about(durations['seconds'])}, so it will end early. Left for another run, which "
        f"goes on from there: {'; '.join(late)}.",
        100, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False, break_long_words=False,
    )  # fmt: skip
    return lines


def stop_reason(stop: Mapping[str, Any] | None, until: str, now: datetime) -> str:
    """Why nothing more is to be begun, as a sentence without its full stop; "" when all may go on."""
    if stop:
        return stop_words(stop)
    if until and now >= datetime.fromisoformat(until):
        end = datetime.fromisoformat(until)
        ago = exactly((now - end).total_seconds())
        return f"The deadline {end.isoformat(timespec='minutes')} (kubeadm_upgrade_deadline) passed {ago} ago"
    return ""


def moment(when: datetime, now: datetime) -> str:
    """A moment for a person: in its own zone, and how far off."""
    day = "" if when.date() == now.astimezone(when.tzinfo).date() else f"{when:%Y-%m-%d} "
    offset = f"{when:%z}"
    zone = "UTC" if offset == "+0000" else f"{offset[:3]}:{offset[3:]}"
    return f"{day}{when:%H:%M} {zone}, in {exactly((when - now).total_seconds())}"


def _next(hour: int, minute: int, now: datetime) -> datetime:
    """The next such time of day after now; clocks may be changed in between, so the zone is asked for anew."""
    today = now.replace(tzinfo=None, hour=hour, minute=minute, second=0, microsecond=0)
    if now.tzinfo is timezone.utc:
        choices = [day.replace(tzinfo=timezone.utc) for day in (today, today + timedelta(days=1))]
    else:
        choices = [day.astimezone() for day in (today, today + timedelta(days=1))]
    return next(choice for choice in choices if choice > now or choice is choices[-1])


def _checked(given: Any, when: datetime, now: datetime) -> datetime:
    if when.tzinfo is None:
        raise UpliftError(
            f"kubeadm_upgrade_deadline is {given}, which has no zone: is that the controller's time, or yours? Give "
            f"{_FORMS}."
        )
    if when <= now:
        raise UpliftError(
            f"kubeadm_upgrade_deadline is {given}, which was {exactly((now - when).total_seconds())} ago: nothing "
            "would be begun. Give a later one, or none."
        )
    return when


def _late(plan: Mapping[str, Any], durations: Mapping[str, Any], left: float) -> list[str]:
    """What is not begun in `left` seconds: for each stage, its id and how many of its nodes."""
    late, begins = [], 0.0
    for stage, timed in zip(plan["stages"], durations["stages"]):
        nodes = 0
        for wave in timed["waves"]:
            nodes += wave["nodes"] if begins >= left else 0
            begins += wave["seconds"]
        if nodes and stage["kind"] != "finish":
            late.append(f"{stage['id']} ({nodes} of {len(stage['nodes'])} nodes)")
    return late
