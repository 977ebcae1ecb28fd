# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import (
    parse_minor,
    parse_target,
    parse_version,
    upgrade_path,
)


def test_versions_are_ordered_as_semantic_versioning_has_it() -> None:
    before = ["v1.9.11", "v1.26.0-alpha.1", "v1.26.0-rc.0", "v1.26.0-rc.1", "v1.26.0-rc.10"]
    texts = [*before, "v1.26.0", "v1.26.9", "v1.26.10"]
    versions = [parse_version(text) for text in texts]
    assert sorted(versions, reverse=True)[::-1] == versions
    assert [str(version) for version in versions] == texts
    assert parse_version("1.26.9+vendor.1") == parse_version("v1.26.9")
    assert len({parse_version("1.26.9"), parse_version("v1.26.9")}) == 1


@pytest.mark.parametrize("build", ["+rke2r1", "+abc", "_vendor.1", "+a-b.1", "_a-b_c"])
def test_the_build_of_a_vendor_is_the_version_that_it_is_of(build: str) -> None:
    version = parse_version(f"v1.28.3{build}")
    assert version == parse_version("v1.28.3")
    assert str(version) == "v1.28.3"
    assert parse_version(f"v1.28.0-rc.1{build}") == parse_version("v1.28.0-rc.1") < parse_version(f"v1.28.0{build}")
    assert parse_minor(f"v1.28.3{build}") == 28
    assert upgrade_path(f"v1.28.3{build}", "1.28.3") == []


@pytest.mark.parametrize("text", ["", "1.26", "v1", "1.26.x", "2.1.0", "1.026.1", "1.26.9 b", None, 1.26, ["1.26.9"]])
def test_what_is_no_version_is_refused_with_the_place_where_it_stood(text: object) -> None:
    with pytest.raises(UpliftError, match=r"The kubelet of w1 is .* not a Kubernetes version"):
        parse_version(text, "The kubelet of w1")


@pytest.mark.parametrize("text", ["v1.28.3_", "v1.28.3+", "v1.28_vendor", "v1.28+vendor"])
def test_half_a_build_is_refused(text: str) -> None:
    with pytest.raises(UpliftError, match="not a Kubernetes version"):
        parse_version(text)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("1.26", "1.26"),
        (" v1.26 ", "1.26"),
        ("1.30", "1.30"),
        ("1.3", "1.3"),
        ("v1.26.9", "v1.26.9"),
        ("1.26.9", "v1.26.9"),
        ("1.27.0-rc.0", "v1.27.0-rc.0"),
        (1.26, "1.26"),
    ],
)
def test_targets(raw: object, shown: str) -> None:
    assert str(parse_target(raw)) == shown


@pytest.mark.parametrize("raw", [1.3, 1.2])
def test_a_float_that_may_have_lost_a_digit_is_refused_with_how_to_quote_it(raw: float) -> None:
    with pytest.raises(UpliftError, match=rf'whether {raw} or {raw}0 was written. Quote it.*"{raw}0".*target={raw}0'):
        parse_target(raw)


@pytest.mark.parametrize("raw", [None, "", "  "])
def test_no_target_says_how_to_give_one(raw: object) -> None:
    with pytest.raises(UpliftError, match=r"No target was given.*-e target=1\.26"):
        parse_target(raw)


@pytest.mark.parametrize(
    "raw", ["latest", "stable", "1", "1.26.", "26", 1, 26, 2.0, 1e10, True, ["1.26"], {}, "1.2.3.4", "1.26.9_1"]
)
def test_what_is_no_target_is_refused_and_shown(raw: object) -> None:
    with pytest.raises(UpliftError, match=r"not a Kubernetes version.*Name a minor"):
        parse_target(raw)


@pytest.mark.parametrize(
    ("current", "target", "path"),
    [
        ("1.24.17", "1.26", ["1.25", "1.26"]),
        ("v1.24.17", "v1.26.9", ["1.25", "1.26"]),
        ("1.24", "1.25", ["1.25"]),
        ("1.26.3", "1.26.9", []),
        ("1.26.9", "1.26", []),
        ("1.9.3", "1.11", ["1.10", "1.11"]),
        ("1.26.9", 1.28, ["1.27", "1.28"]),
    ],
)
def test_the_path_of_minors(current: str, target: object, path: list[str]) -> None:
    assert upgrade_path(current, target) == path


@pytest.mark.parametrize(("current", "target"), [("1.26.9", "1.25"), ("1.26.9", "1.26.3"), ("1.26.0", "1.26.0-rc.1")])
def test_a_path_never_leads_down(current: str, target: str) -> None:
    with pytest.raises(UpliftError, match="downgrade"):
        upgrade_path(current, target)


def test_minors() -> None:
    assert [parse_minor(text) for text in ("1.26", "v1.26", "1.26.9", "v1.26.0-rc.1")] == [26] * 4
    for wrong in (1.26, None, "one"):
        with pytest.raises(UpliftError):
            parse_minor(wrong)
