# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which versions of container runtimes fit which minor, and when they end. docs/knowledge.md explains the fields.

For most minors nothing is published; what is not here is not known.
"""

from __future__ import annotations

# The lowest patch of each containerd series that its project names for a minor; other series that are newer than all
# of these fit, older ones do not.
CONTAINERD_FOR: dict[str, dict[str, str]] = {
    "1.24": {"1.6": "1.6.4", "1.7": "1.7.0"},
    "1.25": {"1.6": "1.6.4", "1.7": "1.7.0"},
    "1.26": {"1.6": "1.6.15", "1.7": "1.7.0"},
    "1.27": {"1.6": "1.6.15", "1.7": "1.7.0"},
    "1.28": {"1.6": "1.6.15", "1.7": "1.7.0"},
    "1.29": {"1.6": "1.6.27", "1.7": "1.7.11"},
    "1.30": {"1.6": "1.6.28", "1.7": "1.7.13", "2.0": "2.0.0"},
    "1.31": {"1.6": "1.6.34", "1.7": "1.7.20", "2.0": "2.0.0"},
}
CONTAINERD_SOURCE = "containerd.io/releases, Kubernetes support"

# When a series gets no more fixes ("2025-08-23").
CONTAINERD_END_OF_LIFE: dict[str, str] = {
    "1.3": "2021-03-04",
    "1.4": "2022-03-03",
    "1.5": "2023-02-28",
    "1.6": "2025-08-23",
    "1.7": "2026-09-01",  # its project names the month alone
    "2.0": "2027-03-01",
    "2.1": "2026-07-03",
    "2.2": "2026-11-06",
    "2.3": "2028-04-30",
}
END_OF_LIFE_SOURCE = "endoflife.date products/containerd.md@a70eca3 (2026-08-22); containerd RELEASES.md"

# CRI-O's minors follow Kubernetes' own, and one is meant for the Kubernetes minor of the same name.
CRIO_FOLLOWS_MINOR = True
CRIO_SOURCE = "cri-o/cri-o README, compatibility matrix"


def containerd_fits(version: tuple[int, ...], minor: str) -> bool | None:
    """Whether a containerd fits a minor as its project publishes it; None when it says nothing of that minor."""
    lowest = CONTAINERD_FOR.get(minor)
    if lowest is None or len(version) < 2:
        return None
    patch = lowest.get(f"{version[0]}.{version[1]}")
    if patch is None:
        return version[:2] > max(_numbers(series) for series in lowest)
    return version >= _numbers(patch)


def containerd_end_of_life(version: tuple[int, ...]) -> str | None:
    """When the series of a containerd ends, or None when that is not known."""
    return CONTAINERD_END_OF_LIFE.get(".".join(str(part) for part in version[:2]))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
