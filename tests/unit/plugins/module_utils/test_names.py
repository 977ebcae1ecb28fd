# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._names import unknown_variables

yaml = pytest.importorskip("yaml")
ROLES = Path(__file__).resolve().parents[4] / "roles"
FLEET = list(yaml.safe_load((ROLES / "fleet/meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"])


def test_what_is_known_is_not_told_and_what_is_not_is_told_once() -> None:
    known = ["shop_port", "shop_host"]
    assert unknown_variables(known, known, "shop_") == []
    assert unknown_variables(["shop_zzz", "shop_port", "shop_zzz", "shop_aaa"], known, "shop_") == [
        "shop_aaa", "shop_zzz",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("fleet_thru", "fleet_through"), ("fleet_wave", "fleet_waves"), ("fleet_approval", "fleet_approved"),
        ("fleet_gate", "fleet_gates"), ("fleet_reports", "fleet_report"), ("fleet_atonce", "fleet_at_once"),
        ("fleet_pateince", "fleet_patience"), ("fleet_soack", "fleet_soak"),
    ],
)  # fmt: skip
def test_what_was_meant_is_named(misspelt: str, meant: str) -> None:
    for only_alike in (False, True):
        assert unknown_variables([misspelt], FLEET, "fleet_", only_alike) == [f"{misspelt} (did you mean {meant}?)"]


@pytest.mark.parametrize("others", ["fleet_enroll_secret", "fleet_url", "fleet_server_hostname", "fleet_version"])
def test_names_of_others_are_passed_over_where_the_prefix_is_theirs_too(others: str) -> None:
    assert unknown_variables([others], FLEET, "fleet_", True) == []
    assert unknown_variables([others], FLEET, "fleet_") != []
