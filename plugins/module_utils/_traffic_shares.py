# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much of the traffic goes to green, as weights of servers, and the other way round. Pure.

A share is the percentage of the traffic that goes to green: 0 is all to blue, 100 all to green. Within a cluster its
servers share equally. HAProxy's weights are whole numbers from 0 to 256.
"""

from __future__ import annotations

from math import gcd

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

HEAVIEST = 256  # HAProxy, configuration manual, `weight`
MOST_OFF = 1.0  # percentage points by which a share may be missed


def weights(share: int, blue: int, green: int) -> tuple[int, int]:
    """(weight of each blue server, weight of each green one) of so many servers, as near to the share as can be.

    With as many servers on either side they read as percentages. Raises UpliftError when whole weights come no nearer
    than MOST_OFF points.
    """
    if not 0 <= share <= 100:
        raise UpliftError(f"A share of {share} % cannot be set; it is a percentage from 0 to 100.")
    common = gcd(blue, green)
    for_blue, for_green = (100 - share) * green // common, share * blue // common
    heaviest = max(for_blue, for_green)
    if heaviest > HEAVIEST:
        for_blue, for_green = (_scaled(weight, heaviest) for weight in (for_blue, for_green))
    attained = share_of(for_blue * blue, for_green * green)
    if attained is None or abs(attained - share) > MOST_OFF:
        raise UpliftError(
            f"{share} % cannot be sent to green: with {blue} blue and {green} green servers, weights of at most "
            f"{HEAVIEST} come no nearer than {attained or 0:.1f} %. Take another step."
        )
    return for_blue, for_green


def share_of(blue: int, green: int) -> float | None:
    """The percentage that goes to green, of the sums of weights; None when nothing is sent anywhere."""
    return 100 * green / (blue + green) if blue + green else None


def _scaled(weight: int, heaviest: int) -> int:
    return max(1, round(weight * HEAVIEST / heaviest)) if weight else 0
