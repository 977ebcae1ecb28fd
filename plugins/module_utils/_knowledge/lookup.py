# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks things up in the tables of the minors. Pure; docs/knowledge.md explains the fields and how to add a minor."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._knowledge import (
    announced,
    before_1_22,
    v1_22,
    v1_23,
    v1_24,
    v1_25,
    v1_26,
    v1_27,
    v1_28,
    v1_29,
    v1_30,
    v1_31,
    v1_32,
    v1_33,
    v1_34,
    v1_35,
    v1_36,
    v1_37,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import parse_minor

Row = t.Mapping[str, t.Any]

# Imported by name, since Ansible sends to a node what a module's files import, and nothing that is found at run time.
_TABLES: tuple[Row, ...] = tuple(
    module.MINOR
    for module in (
        v1_22, v1_23, v1_24, v1_25, v1_26, v1_27, v1_28, v1_29,
        v1_30, v1_31, v1_32, v1_33, v1_34, v1_35, v1_36, v1_37,
    )
)  # fmt: skip
_BY_MINOR: dict[str, Row] = {table["minor"]: table for table in _TABLES}


def known_minors() -> list[str]:
    """The minors that have a table, oldest first: "1.22" and so on."""
    return list(_BY_MINOR)


def of(minor: str) -> Row | None:
    """The whole table of a minor, or None when there is none."""
    return _BY_MINOR.get(minor)


def components(minor: str) -> Row | None:
    """What kubeadm of a minor ships: {"etcd", "coredns", "pause", "min_external_etcd", "kubeadm_max_kubelet_skew",
    "read_at", "source"}; None for a minor without a table. Patches move etcd: the kubeadm at hand knows better."""
    return (_BY_MINOR.get(minor) or {}).get("components")


def calendar(minor: str) -> Row | None:
    """{"release", "maintenance", "end_of_life", "latest", "source"}: dates "2026-10-27" or None; None when unknown."""
    table = _BY_MINOR.get(minor)
    return table["calendar"] if table else before_1_22.REMOVED["calendars"].get(minor)


def removed_apis(after: str, up_to: str) -> list[Row]:
    """The API kinds that minors later than `after` remove, up to and with `up_to`; by minor.

    A row: "group" ("" is the core group), "version", "kind",
        "resource": plural name; RESOURCE/SUBRESOURCE for a subresource, "*" standing for any resource,
        "removed_in": the first minor whose API server does not serve it,
        "replacement": "batch/v1 CronJob", or None,
        "deprecated_in": a minor, or None,
        "served_by_default": False where it was to be had by --runtime-config alone,
        "stored": False for what is never stored, such as reviews and subresources,
        "kind_survives": stored objects can be read after, through another version,
        "source", and "note" (a sentence, or "").
    """
    return _between(_removed_apis(), after, up_to)


def config_apis(after: str, up_to: str) -> list[Row]:
    """Versions of configuration files that stop being read: "group", "version", "removed_in", "replacement",
    "source"."""
    return _between(_config_apis(), after, up_to)


def deprecated_apis() -> list[Row]:
    """API kinds that are deprecated and have no minor of removal; rows as of removed_apis, removed_in None."""
    return [_api_row(row, None) for row in announced.ANNOUNCED["deprecated_apis"]]


def breakers(after: str, up_to: str) -> list[Row]:
    """What else breaks in minors later than `after`, up to and with `up_to`; rows with "minor" added."""
    return _between(_breakers(), after, up_to, "minor")


def _between(rows: t.Iterable[Row], after: str, up_to: str, key: str = "removed_in") -> list[Row]:
    first, last = parse_minor(after), parse_minor(up_to)
    return [row for row in rows if first < parse_minor(row[key]) <= last]


@functools.cache
def _removed_apis() -> tuple[Row, ...]:
    rows = [_api_row(row, row["removed_in"]) for row in before_1_22.REMOVED["removed_apis"]]
    rows += [_api_row(row, table["minor"]) for table in _TABLES for row in table["removed_apis"]]
    rows += [_api_row(row, row["removed_in"]) for row in announced.ANNOUNCED["removed_apis"]]
    return tuple(rows)


@functools.cache
def _config_apis() -> tuple[Row, ...]:
    rows = []
    for table in _TABLES:
        for row in table["config_apis"]:
            group, version = _group_version(row["api"])
            rows.append({**row, "group": group, "version": version, "removed_in": table["minor"]})
    return tuple(rows)


@functools.cache
def _breakers() -> tuple[Row, ...]:
    rows = [{**row, "minor": table["minor"]} for table in _TABLES for row in table["breakers"]]
    return (*rows, *announced.ANNOUNCED["breakers"])


def _api_row(row: Row, removed_in: str | None) -> Row:
    """A row of a table with its name taken apart, and what it leaves out filled in."""
    api, _blank, kind = row["api"].partition(" ")
    group, version = _group_version(api)
    replacement = row["replacement"]
    return {
        "group": group,
        "version": version,
        "kind": kind,
        "resource": row["resource"],
        "removed_in": removed_in,
        "replacement": replacement,
        "deprecated_in": row.get("deprecated_in"),
        "served_by_default": row.get("served_by_default", True),
        "stored": row.get("stored", True),
        "kind_survives": row.get("kind_survives", bool(replacement) and replacement.split()[1] == kind),
        "source": row.get("source") or _lifecycle(group, version),
        "note": row.get("note", ""),
    }


def _group_version(api: str) -> tuple[str, str]:
    group, _slash, version = api.rpartition("/")
    return group, version


def _lifecycle(group: str, version: str) -> str:
    """The file in which Kubernetes itself says when a version goes."""
    return f"k8s.io/api {group.partition('.')[0]}/{version}/zz_generated.prerelease-lifecycle.go"
