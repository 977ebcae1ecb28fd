# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes' quantities ("100m", "1Gi", "1e3", "0.5") as whole numbers.

The grammar and the rounding (up) are those of k8s.io/apimachinery/pkg/api/resource: Quantity. Pure.
"""

from __future__ import annotations

import functools
import math
import re
import typing as t
from fractions import Fraction

# An exponent of more digits is no amount of anything, and costs memory to work out.
_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:(?P<suffix>[KMGTPE]i|[numkMGTPE])|[eE](?P<exponent>[+-]?[0-9]{1,3}))?"
)
_SCALES = {
    **{f"{letter}i": Fraction(1024**power) for power, letter in enumerate("KMGTPE", 1)},
    **{letter: Fraction(1000**power) for power, letter in enumerate("kMGTPE", 1)},
    **{letter: Fraction(1, 1000**power) for power, letter in enumerate("mun", 1)},
}


def parse(text: str) -> Fraction:
    """The exact number that a quantity stands for. Raises ValueError when it is none."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no quantity")
    if match["exponent"]:
        return Fraction(match["number"]) * Fraction(10) ** int(match["exponent"])
    return Fraction(match["number"]) * _SCALES.get(match["suffix"], 1)


@functools.lru_cache(maxsize=4096)
def amount(resource: str, text: str) -> int:
    """Of cpu thousandths, of everything else whole units (bytes, pods, devices), rounded up."""
    return math.ceil(parse(text) * (1000 if resource == "cpu" else 1))


def amounts(quantities: t.Mapping[str, t.Any]) -> dict[str, int]:
    """amount() of each resource: {"cpu": "1500m", "memory": "1Gi"} -> {"cpu": 1500, "memory": 1073741824}."""
    return {resource: amount(resource, str(text)) for resource, text in quantities.items()}
