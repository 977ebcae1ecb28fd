# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The arithmetic of a PodDisruptionBudget, for the forecast of a drain and for the drain. Pure.

Source: kubernetes pkg/controller/disruption/disruption.go (getExpectedPodCount, updatePdbStatus), read at 1.24 to 1.30.
"""

from __future__ import annotations

import typing as t

Amount = t.Union[int, str, None]  # 2, "50%", or not set


def scaled(value: int | str, total: int) -> int:
    """A number, or a percentage of a total, rounded up (intstr.GetScaledValueFromIntOrPercent). Raises ValueError."""
    if isinstance(value, str):
        return -(-total * int(value.rstrip("%")) // 100)
    return value


def desired(most: Amount, least: Amount, expected: int) -> int:
    """How many of the pods that are expected have to stay healthy. Raises ValueError.

    :param most: maxUnavailable; it wins over `least`.
    :param least: minAvailable.
    """
    if most is not None:
        return max(0, expected - scaled(most, expected))
    return scaled(least, expected) if least is not None else 0


def rule(most: Amount, least: Amount) -> str:
    """As in "minAvailable: 50%"."""
    if most is not None:
        return f"maxUnavailable: {most}"
    return f"minAvailable: {least}" if least is not None else "neither minAvailable nor maxUnavailable"


def never_allows(most: Amount, least: Amount, expected: int, wanted: int) -> str:
    """Why a budget can allow no eviction until someone changes it or its workload; "" when it may.

    :param expected: pods there should be; 0 when that is not known.
    :param wanted: of these, how many have to stay healthy.
    """
    if str(most) in ("0", "0%") or (most is None and least == "100%"):
        return rule(most, least)
    if 0 < expected <= wanted:
        return f"{rule(most, least)} of {expected} pods"
    return ""
