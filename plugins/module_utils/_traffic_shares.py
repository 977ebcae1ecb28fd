# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much of the traffic goes to green, as weights of servers, and the other way round. Pure.

A share is the percentage of the traffic that goes to green: 0 is all to blue, 100 all to green. Within a cluster its
servers share equally. HAProxy's weights are whole numbers from 0 to 256.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

HEAVIEST = 256  # HAProxy, configuration manual, `weight`
MOST_OFF = 0.5  # percentage points by which a share is missed less, so that it is read back, rounded, as it was set


def weights(share: int, blue: int, green: int) -> tuple[int, int]:
    """(weight of each blue server, weight of each green one) of so many servers, as near to the share as can be.

    With as many servers on either side they read as percentages. Raises UpliftError when whole weights come no nearer
    than MOST_OFF points.
    """
    if not 0 <= share <= 100:
        raise UpliftError(f"A share of {share} % cannot be set; it is a percentage from 0 to 100.")
    common = gcd(blue, green)
    for_blue, for_green = (100 - share) * green // common, share * blue // common
    if max(for_blue, for_green) > HEAVIEST:
        for_blue, for_green = _nearest(for_blue, for_green)
    attained = share_of(for_blue * blue, for_green * green)
    if attained is None or abs(attained - share) >= MOST_OFF:
        raise UpliftError(
            f"{share} % cannot be sent to green: with {blue} blue and {green} green servers, weights of at most "
            f"{HEAVIEST} come no nearer than {attained or 0:.1f} %. Take another step."
        )
    return for_blue, for_green


def share_of(blue: int, green: int) -> float | None:
    """The percentage that goes to green, of the sums of weights; None when nothing is sent anywhere."""
    return 100 * green / (blue + green) if blue + green else None


def told(blue: Sequence[int], green: Sequence[int]) -> int | None:
    """The share, in whole percent, of servers with these weights: the one that `weights` was asked for, if it was.

    0 and 100 are told only where the other side has all, however little is missing.
    """
    found = share_of(sum(blue), sum(green))
    if found is None or found in (0, 100):
        return None if found is None else int(found)
    return min(99, max(1, round(found)))


def _nearest(one: int, other: int) -> tuple[int, int]:
    """Two weights of at most HEAVIEST whose quotient is nearest to that of these."""
    light, heavy = sorted((one, other))
    pairs = (
        (n, min(HEAVIEST, round(n * heavy / light)) if light else HEAVIEST) for n in range(1 if light else 0, HEAVIEST)
    )
    best = min(pairs, key=lambda pair: abs(pair[0] / pair[1] - light / heavy))
    return best if one <= other else best[::-1]
