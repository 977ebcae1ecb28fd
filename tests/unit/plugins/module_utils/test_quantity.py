# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes' quantities as whole numbers."""

from __future__ import annotations

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._quantity import amount, amounts, parse


@pytest.mark.parametrize(
    ("text", "cpu"),
    [
        ("100m", 100),
        ("1", 1000),
        ("0.5", 500),
        (".5", 500),
        ("1.", 1000),
        ("2.5", 2500),
        ("1e3", 1_000_000),
        ("1E3", 1_000_000),
        ("1e-2", 10),
        ("0", 0),
        ("100u", 1),  # rounded up
        ("1n", 1),
        ("1k", 1_000_000),
        ("-1", -1000),
        ("+1", 1000),
    ],
)
def test_cpu_in_thousandths(text: str, cpu: int) -> None:
    assert amount("cpu", text) == cpu


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1Gi", 1024**3),
        ("1.5Gi", 3 * 1024**3 // 2),
        ("128974848", 128974848),
        ("129e6", 129_000_000),
        ("129M", 129_000_000),
        ("128974848000m", 128974848),
        ("1E", 10**18),  # exa, not an exponent
        ("1Ei", 1024**6),
        ("1m", 1),
        ("110", 110),
    ],
)
def test_everything_else_in_whole_units(text: str, number: int) -> None:
    assert amount("memory", text) == number


@pytest.mark.parametrize("text", ["", "Gi", "1 Gi", "1gi", "1K", "one", "1.2.3", "0x10", "1e", "1e9999999", "--1", "١"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        parse(text)


def test_amounts_takes_numbers_too() -> None:
    assert amounts({"cpu": "1500m", "memory": "1Gi", "example.com/gpu": 2}) == {
        "cpu": 1500,
        "memory": 1024**3,
        "example.com/gpu": 2,
    }
