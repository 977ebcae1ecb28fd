# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several clusters in waves: who is left, what may begin, and when all stops. Pure: no I/O, no clock.

A fleet is a list of waves, in the order in which they are done:
{"name", "clusters": [{"name", "inventory": [path], "group", "variables"}], "at_once", "soak": seconds, "approval"}.
What is done is not kept anywhere: it is what the clusters say (state_of), so that a run goes on where another stopped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

Wave = dict[str, Any]

# What a cluster says of itself. `unseen` was not looked at yet, `unknown` could not be; `left` is to be upgraded,
# `watch` is upgraded and has not been watched to the end.
UNSEEN, UNKNOWN, BLOCKED, LEFT, WATCH, DONE = "unseen", "unknown", "blocked", "left", "watch", "done"
# And what this run does to it.
UPGRADING, FAILED, STOPPED = "upgrading", "failed", "stopped"

GOING_ON, PASSED = "going on", "passed"

# Notes that a cluster keeps of an upgrade (_notes.py). FLEET_NOTE is there from before an upgrade of a fleet begins
# until the cluster has been watched after it.
HOOK_NOTE, WORKLOADS_NOTE, FLEET_NOTE = "after_hop", "workloads", "fleet"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # a cluster's name is a folder of the report, too
_LENGTH = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_WAVE_KEYS = {"name", "clusters", "at_once", "soak", "approval"}
_CLUSTER_KEYS = {"name", "inventory", "group", "variables"}


def read_waves(given: Any, at_once: int, soak: Any) -> list[Wave]:
    """The waves as a user writes them, made complete; `at_once` and `soak` are for waves that do not say their own.

    :raises UpliftError: something is missing, misspelt, or named twice.
    """
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise UpliftError("fleet_waves has no wave. List the waves in their order, each with its clusters.")
    last = len(given)  # nothing waits for it, so it is looked at once, unless it says a time of its own
    waves = [_wave(wave, number, at_once, soak if number < last else 0) for number, wave in enumerate(given, 1)]
    _unique([wave["name"] for wave in waves], "wave")
    # One folder each: a file system may take Dev and dev for the same.
    _unique([cluster["name"].lower() for wave in waves for cluster in wave["clusters"]], "cluster")
    return waves


def seconds(given: Any, what: str) -> int:
    """A length of time: seconds as a number, or "90s", "10m", "1h30m", "2d".

    :raises UpliftError: it is none.
    """
    if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
        return int(given)
    text = str(given).strip()
    if text.isdigit():
        return int(text)
    match = _LENGTH.fullmatch(text)
    if not match or not any(match.groups()):
        raise UpliftError(f'{what} is {given!r}, which is no length of time: write "90s", "10m", "1h30m" or "2d".')
    days, hours, minutes, rest = (int(group or 0) for group in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def state_of(summary: Mapping[str, Any] | None, notes: Iterable[str]) -> str:
    """What is to be done with a cluster.

    :param summary: of the report of its plan (upgrade_report); None where no plan could be made.
    :param notes: names of the notes that it keeps.
    """
    kept = set(notes)
    if summary is None:
        return UNKNOWN
    if summary["changes"]:
        return BLOCKED if summary["blockers"] else LEFT
    if HOOK_NOTE in kept:  # nothing to upgrade any more, but the upgrade runs a hook that it owes
        return LEFT
    if FLEET_NOTE in kept:
        return WATCH
    return LEFT if WORKLOADS_NOTE in kept else DONE  # the upgrade was killed before it compared what runs


def left(waves: Sequence[Wave], states: Mapping[str, str], through: str = "") -> list[int]:
    """Indices of the waves that are not done, in order; none after the wave `through`.

    :raises UpliftError: there is no such wave.
    """
    names = [wave["name"] for wave in waves]
    if through and through not in names:
        raise UpliftError(f"fleet_through is {through!r}, but the waves are {', '.join(names)}.")
    last = names.index(through) if through else len(waves) - 1
    return [index for index, wave in enumerate(waves[: last + 1]) if with_state(wave, states, but=DONE)]


def with_state(wave: Wave, states: Mapping[str, str], *wanted: str, but: str = "") -> list[str]:
    """Clusters of a wave in one of the wanted states, or in any `but` one; in their order."""
    return [
        cluster["name"]
        for cluster in wave["clusters"]
        if (states[cluster["name"]] != but if but else states[cluster["name"]] in wanted)
    ]


def names_before(waves: Sequence[Wave], index: int) -> list[str]:
    """Clusters of all waves before one."""
    return [cluster["name"] for wave in waves[:index] for cluster in wave["clusters"]]


def refusal(waves: Sequence[Wave], states: Mapping[str, str], index: int) -> str:
    """Why a wave must not be begun, as a sentence; "" when it may."""
    earlier = [name for name in names_before(waves, index) if states[name] != DONE]
    if earlier:
        return f"{', '.join(earlier)} of an earlier wave is not done."
    unknown = with_state(waves[index], states, UNKNOWN)
    if unknown:
        return f"{', '.join(unknown)} could not be looked at, so what an upgrade would do there is not known."
    blocked = with_state(waves[index], states, BLOCKED)
    if blocked:
        return f"the plan of {', '.join(blocked)} has blockers, so its upgrade would be refused."
    return ""


def to_begin(waiting: Sequence[str], running: int, ended_badly: bool, at_once: int) -> list[str]:
    """Clusters to begin now. When one has failed nothing else is begun, and what runs goes on to its end."""
    return [] if ended_badly else list(waiting[: max(0, at_once - running)])


def verdict(looks: Sequence[tuple[float, bool]], soak: float, patience: float) -> str:
    """How a watch stands: GOING_ON, PASSED or FAILED.

    It passes at the first look after `soak` seconds that finds all well, and fails as soon as looks have found
    something wrong for `patience` seconds without a good one in between.

    :param looks: (seconds since the watch began, whether all was well), in order.
    """
    if not looks:
        return GOING_ON
    now, well = looks[-1]
    if well:
        return PASSED if now >= soak else GOING_ON
    begun = now
    for at, good in reversed(looks):
        if good:
            break
        begun = at
    return FAILED if now - begun >= patience else GOING_ON


def approvals(waves: Sequence[Wave], indices: Iterable[int], approved: Iterable[str]) -> list[str]:
    """Names of the waves, of those with these indices, that a person has to approve and nobody has yet."""
    given = set(approved)
    return [waves[index]["name"] for index in indices if waves[index]["approval"] and waves[index]["name"] not in given]


def _wave(given: Any, number: int, at_once: int, soak: Any) -> Wave:
    if not isinstance(given, Mapping):
        raise UpliftError(f"Wave {number} of fleet_waves is {given!r}. Write a name and a list of clusters.")
    name = str(given.get("name") or f"wave {number}")
    _known(given, _WAVE_KEYS, f"The wave {name}")
    clusters = given.get("clusters")
    if not isinstance(clusters, Sequence) or isinstance(clusters, str) or not clusters:
        raise UpliftError(f"The wave {name} has no clusters.")
    many = given.get("at_once", at_once)
    if not str(many).isdigit() or int(many) < 1:
        raise UpliftError(f"at_once of the wave {name} is {many!r}; it is a number of clusters, from 1 on.")
    return {
        "name": name,
        "clusters": [_cluster(cluster, name) for cluster in clusters],
        "at_once": int(many),
        "soak": seconds(given.get("soak", soak), f"soak of the wave {name}"),
        "approval": _yes(given.get("approval", False), f"approval of the wave {name}"),
    }


def _cluster(given: Any, wave: str) -> dict[str, Any]:
    if isinstance(given, str):
        given = {"name": given, "group": given}
    if not isinstance(given, Mapping):
        raise UpliftError(f"{given!r} in the wave {wave} is no cluster: write a name and its inventory.")
    name = str(given.get("name") or given.get("group") or "")
    _known(given, _CLUSTER_KEYS, f"The cluster {name or '?'} of the wave {wave}")
    if not _NAME.fullmatch(name):
        raise UpliftError(
            f"{name!r} in the wave {wave} is no name of a cluster: letters, digits, dots, dashes and underscores."
        )
    inventory = given.get("inventory") or []
    paths = [str(inventory)] if isinstance(inventory, str) else [str(path) for path in inventory]
    if bool(paths) == bool(given.get("group")):
        raise UpliftError(f"The cluster {name} needs either an `inventory` (a path) or a `group` of this inventory.")
    variables = given.get("variables") or {}
    if not isinstance(variables, Mapping):
        raise UpliftError(f"`variables` of the cluster {name} are {variables!r}, which is no dictionary.")
    return {"name": name, "inventory": paths, "group": str(given.get("group") or ""), "variables": dict(variables)}


def _known(given: Mapping[str, Any], keys: set[str], what: str) -> None:
    others = sorted(set(given) - keys)
    if others:
        raise UpliftError(
            f"{what} has {', '.join(others)}, which means nothing there. It takes {', '.join(sorted(keys))}."
        )


def _unique(names: Sequence[str], what: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UpliftError(f"More than one {what} is called {', '.join(twice)}. Each needs a name of its own.")


def _yes(given: Any, what: str) -> bool:
    if isinstance(given, bool):
        return given
    text = str(given).strip().lower()
    if text in ("true", "yes", "false", "no"):
        return text in ("true", "yes")
    raise UpliftError(f"{what} is {given!r}; it is true or false.")
