# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the package sources of several hosts have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def offered_by_all(listed: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """{host: result of kubernetes_release state=listed} -> {minor: [versions offered to all of them, newest first]}.

    A version counts only when each host can have it: an upgrade that finds out half-way that one mirror lags is what
    this guards against. Hosts at which the task was skipped were not asked, and have no say.
    """
    offers = [dict(result.get("available") or {}) for result in listed.values() if not result.get("skipped")]
    minors = dict.fromkeys(minor for offer in offers for minor in offer)
    return {
        str(minor): [
            str(version)
            for version in offers[0].get(minor, [])
            if all(version in offer.get(minor, []) for offer in offers)
        ]
        for minor in minors
    }


def source_troubles(listed: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line for each thing that a package source could not answer, with the hosts that it could not answer to."""
    hosts: dict[str, list[str]] = {}
    for host, result in listed.items():
        for trouble in (result.get("errors") or {}).values():
            hosts.setdefault(str(trouble), []).append(host)
    return [f"{', '.join(names[:5])}{' and more' if len(names) > 5 else ''}: {text}" for text, names in hosts.items()]
