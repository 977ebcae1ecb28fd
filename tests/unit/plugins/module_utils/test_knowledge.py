# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import typing as t
from collections import Counter
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _knowledge
from ansible_collections.uplift.kubeadm.plugins.module_utils._detect import DETECTORS
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import SEVERITIES
from ansible_collections.uplift.kubeadm.plugins.module_utils._knowledge import (
    addons,
    announced,
    container_runtimes,
    etcd_rules,
    lookup,
)

ALL_APIS = _knowledge.removed_apis("1.0", "1.99")
ALL_BREAKERS = _knowledge.breakers("1.0", "1.99")
MINOR = re.compile(r"1\.\d+")
DAY = re.compile(r"\d{4}-\d\d-\d\d")
REPLACEMENT = re.compile(r"([a-z0-9.]+/)?v\d+((alpha|beta)\d+)? [A-Z]\w+")
HOW = ("detect", "covered_by", "not_covered")


def number(minor: str) -> int:
    return int(minor.partition(".")[2])


def ids(rows: t.Iterable[t.Mapping[str, t.Any]]) -> list[str]:
    return [row["id"] for row in rows]


class TestMinors:
    def test_are_without_gaps(self) -> None:
        numbers = [number(minor) for minor in _knowledge.known_minors()]
        assert numbers == list(range(numbers[0], numbers[-1] + 1))

    def test_every_file_is_imported(self) -> None:
        files = {path.stem for path in Path(lookup.__file__).parent.glob("v1_*.py")}
        assert files == {minor.replace("1.", "v1_") for minor in _knowledge.known_minors()}

    @pytest.mark.parametrize("minor", _knowledge.known_minors())
    def test_has_every_field(self, minor: str) -> None:
        table = _knowledge.of(minor)
        assert table is not None
        assert table["minor"] == minor
        assert set(table) - {"not_resources"} == {
            *("minor", "calendar", "components", "removed_apis", "config_apis", "breakers"),
        }
        calendar, components = _knowledge.calendar(minor), _knowledge.components(minor)
        assert calendar
        assert components
        dates = [calendar[key] for key in ("release", "maintenance", "end_of_life")]
        assert all(DAY.fullmatch(date) for date in dates if date)
        known = [date for date in dates if date]
        assert known == sorted(known)
        assert all(
            re.match(r"v?\d+\.\d+", components[key]) for key in ("etcd", "coredns", "pause", "min_external_etcd")
        )
        assert components["kubeadm_max_kubelet_skew"] == (1 if number(minor) <= 28 else 3)

    def test_older_calendars_are_there_and_unknown_minors_are_none(self) -> None:
        assert (_knowledge.calendar("1.21") or {})["end_of_life"] == "2022-06-28"
        assert _knowledge.calendar("1.99") is _knowledge.components("1.99") is _knowledge.of("1.99") is None


class TestRemovedApis:
    def test_none_is_there_twice(self) -> None:
        counted = Counter((row["group"], row["version"], row["kind"]) for row in ALL_APIS)
        assert [api for api, count in counted.items() if count > 1] == []

    @pytest.mark.parametrize("row", ALL_APIS, ids=lambda row: f"{row['group']}-{row['version']}-{row['kind']}")
    def test_fields(self, row: t.Mapping[str, t.Any]) -> None:
        assert MINOR.fullmatch(row["removed_in"])
        assert re.fullmatch(r"v\d+((alpha|beta)\d+)?", row["version"])
        assert re.fullmatch(r"[a-z]+(/[a-z]+)?|\*/[a-z]+", row["resource"])
        assert row["source"]
        assert row["replacement"] is None or REPLACEMENT.fullmatch(row["replacement"])
        if row["deprecated_in"]:
            assert number(row["deprecated_in"]) < number(row["removed_in"])
        if "/" not in row["resource"]:
            stem = row["kind"].lower()
            assert row["resource"] in (stem, f"{stem}s", f"{stem}es", f"{stem[:-1]}ies")
        assert not row["kind_survives"] or row["replacement"].split()[1] == row["kind"]

    def test_bounds(self) -> None:
        removed = {f"{row['version']} {row['kind']}" for row in _knowledge.removed_apis("1.24", "1.26")}
        assert {row["removed_in"] for row in _knowledge.removed_apis("1.24", "1.26")} == {"1.25", "1.26"}
        assert {"v1beta1 CronJob", "v1beta1 PodSecurityPolicy", "v2beta2 HorizontalPodAutoscaler"} <= removed
        assert _knowledge.removed_apis("1.26", "1.26") == []

    def test_what_is_filled_in(self) -> None:
        rows = {(row["group"], row["version"], row["kind"]): row for row in ALL_APIS}
        psp = rows["policy", "v1beta1", "PodSecurityPolicy"]
        assert (psp["replacement"], psp["kind_survives"], psp["stored"]) == (None, False, True)
        cron = rows["batch", "v1beta1", "CronJob"]
        assert (cron["resource"], cron["replacement"], cron["kind_survives"]) == ("cronjobs", "batch/v1 CronJob", True)
        assert rows["policy", "v1beta1", "Eviction"]["resource"] == "pods/eviction"
        assert not rows["authorization.k8s.io", "v1beta1", "SubjectAccessReview"]["stored"]
        assert not rows["resource.k8s.io", "v1alpha2", "ResourceClaim"]["kind_survives"]

    def test_a_replacement_outlives_what_it_replaces(self) -> None:
        removed = {f"{row['group']}/{row['version']} {row['kind']}": number(row["removed_in"]) for row in ALL_APIS}
        for row in ALL_APIS:
            assert removed.get(row["replacement"] or "", 99) > number(row["removed_in"]), row

    def test_deprecated_ones_have_no_minor(self) -> None:
        assert {row["resource"] for row in _knowledge.deprecated_apis()} == {"componentstatuses", "endpoints"}
        assert all(row["removed_in"] is None for row in _knowledge.deprecated_apis())

    def test_configuration_files(self) -> None:
        rows = _knowledge.config_apis("1.26", "1.29")
        assert [(row["version"], row["removed_in"]) for row in rows] == [
            *(("v1beta2", "1.27"), ("v1beta2", "1.28"), ("v1beta3", "1.29")),
        ]
        named = {api for row in ALL_BREAKERS for api in row.get("detect", {}).get("config_api", ())}
        apis = {row["api"] for row in _knowledge.config_apis("1.0", "1.99")}
        # Exec plugins are named in kubeconfig files, which nobody reads.
        assert apis - named == {"client.authentication.k8s.io/v1alpha1"}

    def test_what_is_announced_is_of_minors_to_come(self) -> None:
        newest = number(_knowledge.known_minors()[-1])
        assert all(number(row["removed_in"]) > newest for row in announced.ANNOUNCED["removed_apis"])
        assert all(number(row["minor"]) > newest for row in announced.ANNOUNCED["breakers"])


class TestBreakers:
    def test_ids_are_unique(self) -> None:
        assert [name for name, count in Counter(ids(ALL_BREAKERS)).items() if count > 1] == []

    @pytest.mark.parametrize("row", ALL_BREAKERS, ids=ids(ALL_BREAKERS))
    def test_is_covered_in_one_way_or_says_why_not(self, row: t.Mapping[str, t.Any]) -> None:
        assert len([key for key in HOW if key in row]) == 1
        assert all(row[key].endswith(".") for key in ("covered_by", "not_covered", "partly") if key in row)
        assert set(row.get("detect", ())) <= set(DETECTORS)
        assert "partly" not in row or "detect" in row

    @pytest.mark.parametrize("row", ALL_BREAKERS, ids=ids(ALL_BREAKERS))
    def test_fields(self, row: t.Mapping[str, t.Any]) -> None:
        assert set(row) - {*HOW, "partly"} == {
            *("id", "severity", "component", "title", "why", "fix", "source", "minor"),
        }
        assert row["severity"] in SEVERITIES
        assert re.fullmatch(r"[a-z0-9-]+", row["id"])
        assert not row["title"].endswith(".")
        assert len(row["title"]) <= 90
        assert row["why"].endswith(".")
        assert row["fix"].endswith(".")
        assert row["source"]

    def test_a_detector_that_no_row_uses_is_left_over(self) -> None:
        assert {name for row in ALL_BREAKERS for name in row.get("detect", ())} == set(DETECTORS)

    def test_bounds(self) -> None:
        assert {row["minor"] for row in _knowledge.breakers("1.24", "1.26")} == {"1.25", "1.26"}


class TestAddons:
    @pytest.mark.parametrize("row", addons.ADDONS, ids=[row["name"] for row in addons.ADDONS])
    def test_row(self, row: t.Mapping[str, t.Any]) -> None:
        re.compile(row["image"])
        assert row["compatibility"].startswith("https://")
        assert ("supports" in row) == ("source" in row)
        for minor, version in row.get("supports", {}).items():
            assert minor in _knowledge.known_minors()
            assert re.fullmatch(r"\d+(\.\d+)+", version)

    @pytest.mark.parametrize(
        ("image", "name", "version"),
        [
            ("quay.io/calico/node:v3.31.2", "Calico", "3.31.2"),
            ("registry.example:5000/calico/node@sha256:12ab", "Calico", None),
            ("registry.k8s.io/ingress-nginx/controller:v1.8.1@sha256:12ab", "ingress-nginx", "1.8.1"),
            ("mirror.example/cilium/cilium:v1.18.2", "Cilium", "1.18.2"),
            ("registry.k8s.io/metrics-server/metrics-server:v0.7.1", "metrics-server", "0.7.1"),
            ("quay.io/jetstack/cert-manager-controller:v1.19.0", "cert-manager", "1.19.0"),
            ("traefik:v3", "Traefik", None),
        ],
    )
    def test_recognised(self, image: str, name: str, version: str | None) -> None:
        found = addons.recognise(image)
        assert found is not None
        assert (found[0]["name"], found[1]) == (name, version)

    @pytest.mark.parametrize(
        "image", ["nginx:1.25", "docker.io/library/postgres:16", "shop/web-traefik-test:1", "shop/node:18", ""]
    )
    def test_not_recognised(self, image: str) -> None:
        assert addons.recognise(image) is None

    def test_rows_of_the_user_come_first(self) -> None:
        own = {"name": "Ours", "kind": "cni", "image": "calico/node", "compatibility": "", "supports": {"1.25": "3.24"}}
        found = addons.recognise("calico/node:v3.23.1", [own])
        assert found is not None
        assert found[0]["name"] == "Ours"
        assert addons.fits(found[0], found[1], "1.25") is False

    def test_fits(self) -> None:
        row = {"supports": {"1.35": "3.31"}}
        assert addons.fits(row, "3.31.0", "1.35") is True
        assert addons.fits(row, "3.9.9", "1.35") is False
        assert addons.fits(row, "3.31.0", "1.36") is None
        assert addons.fits(row, None, "1.35") is None


class TestContainerRuntimes:
    @pytest.mark.parametrize(
        ("version", "minor", "fits"),
        [
            ((1, 6, 26), "1.29", False),
            ((1, 6, 27), "1.29", True),
            ((1, 7, 10), "1.29", False),
            ((2, 1, 0), "1.29", True),
            ((1, 5, 18), "1.29", False),
            ((2, 0, 0), "1.36", None),
            ((), "1.29", None),
        ],
    )
    def test_containerd(self, version: tuple[int, ...], minor: str, fits: bool | None) -> None:
        assert container_runtimes.containerd_fits(version, minor) is fits

    def test_end_of_life(self) -> None:
        assert container_runtimes.containerd_end_of_life((1, 6, 20)) == "2025-08-23"
        assert container_runtimes.containerd_end_of_life((9, 0)) is None


class TestEtcdRules:
    def test_entry_rules(self) -> None:
        assert (etcd_rules.entry_rule("3.6") or {})["members_at_least"] == "3.5.32"
        assert (etcd_rules.entry_rule("3.6") or {})["breaks_below"] == "3.5.26"
        assert (etcd_rules.entry_rule("3.7") or {})["members_at_least"] == "3.6.11"
        assert etcd_rules.entry_rule("3.5") is None
