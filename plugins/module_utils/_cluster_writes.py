# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that somebody wrote through an API version that minors to come remove.

Two authorities: managedFields, in which the API server itself records the version of each client's last write; and the
annotation of `kubectl apply`, which only says what the manifest was at that time. Objects are listed in a version that
stays, so that the scan is no use of a removed API itself, and only their metadata travels. A kind that is served in no
other version is listed in that one: PodSecurityPolicy, which the garbage collector lists as well.
"""

from __future__ import annotations

import functools
import json
import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._api import ApiError, Object
from ansible_collections.uplift.kubeadm.plugins.module_utils._knowledge import known_minors, removed_apis
from ansible_collections.uplift.kubeadm.plugins.module_utils._reading import Reading, without_empty
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import minor_name, parse_minor

_WHAT = "old_api_writes"
MANAGED_FIELDS, LAST_APPLIED = "managed_fields", "last_applied"
_LAST_APPLIED_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
_STAYS = 10**6  # a minor that never comes
# Gone within the hour, and up to 100,000 of them: who writes them is told once, not each object.
_TRANSIENT = frozenset(("Event",))

Row = t.Mapping[str, t.Any]
Removed = dict[tuple[str, str], Row]  # (apiVersion, kind) -> row of the table


def read(reading: Reading, version: str) -> list[Object]:
    """The rows of old_api_writes. version: of the API server, "v1.24.17"."""
    rows = [row for row in _to_come(version) if row["stored"] and "/" not in row["resource"]]
    if not rows:
        return []
    matters = "Who writes objects through APIs that will be removed is not known."
    groups = reading.section(_WHAT, matters, lambda: _served_groups(reading), None)
    if groups is None:
        return []
    removed: Removed = {(api_version(row["group"], row["version"]), row["kind"]): row for row in rows}
    found: list[Object] = []
    for group, resource, kind in dict.fromkeys((row["group"], row["resource"], row["kind"]) for row in rows):
        dropped = {row["version"]: parse_minor(row["removed_in"]) for row in rows if row["resource"] == resource}
        versions = sorted(groups.get(group, ()), key=lambda v: -dropped.get(v, _STAYS))
        of_objects = functools.partial(_list, reading, group, versions, resource, _Writes(kind, removed))
        for writes in reading.section(_WHAT, matters, of_objects, list[list[Object]]()):
            found += writes
    return _without_repeats(found)


def api_version(group: str, version: str) -> str:
    return f"{group}/{version}".lstrip("/")


def _to_come(version: str) -> list[Row]:
    newest = known_minors()[-1]
    current = parse_minor(version)
    return removed_apis(minor_name(current), newest) if current < parse_minor(newest) else []


def _served_groups(reading: Reading) -> dict[str, list[str]]:
    groups = reading.api.get("/apis").get("groups") or []
    return {"": ["v1"], **{g["name"]: [v["version"] for v in g.get("versions") or ()] for g in groups}}


def _list(
    reading: Reading, group: str, versions: t.Iterable[str], resource: str, writes: _Writes
) -> list[list[Object]]:
    """writes() of each object, through the first of the versions that serves the resource; [] when none does."""
    for version in versions:
        path = f"/apis/{group}/{version}/{resource}" if group else f"/api/{version}/{resource}"
        try:
            return [found for found in reading.api.list(path, keep=writes, metadata_only=True) if found]
        except ApiError as e:
            if e.status != 404:
                raise
    return []


class _Writes:
    """Reduces an object's metadata to rows of old_api_writes; mostly to none."""

    def __init__(self, kind: str, removed: Removed) -> None:
        self._kind = kind
        self._removed = removed

    def __call__(self, obj: Object) -> list[Object]:
        meta = obj["metadata"]
        entries = meta.get("managedFields") or ()
        found = []
        for entry in entries:
            if (entry.get("apiVersion"), self._kind) in self._removed and not _superseded(entry, entries):
                by = {key: entry.get(key) for key in ("manager", "operation", "subresource", "time")}
                found.append(self._row(MANAGED_FIELDS, entry["apiVersion"], meta, by))
        applied = (meta.get("annotations") or {}).get(_LAST_APPLIED_ANNOTATION)
        if applied:
            version = _applied_version(applied)
            if version is not None and (version, self._kind) in self._removed:
                found.append(self._row(LAST_APPLIED, version, meta, {}))
        return found

    def _row(self, authority: str, version: str, meta: Object, by: Object) -> Object:
        row = self._removed[version, self._kind]
        return without_empty(
            {
                "authority": authority,
                "group": row["group"],
                "version": row["version"],
                "kind": self._kind,
                "ns": meta.get("namespace"),
                "name": meta["name"],
                **by,
            }
        )


def _superseded(entry: Object, entries: t.Iterable[Object]) -> bool:
    """Has the same client written the object since, through another version?

    The entry of an Update stays for as long as it owns a field, and a write through another version makes one of its
    own (structured-merge-diff; apimachinery, managedfields, BuildManagerIdentifier).
    """
    return any(
        _writer(other) == _writer(entry)
        and other.get("apiVersion") != entry.get("apiVersion")
        and (other.get("time") or "") > (entry.get("time") or "")
        for other in entries
    )


def _writer(entry: Object) -> tuple[str, ...]:
    return tuple(entry.get(key) or "" for key in ("manager", "operation", "subresource"))


def _applied_version(annotation: str) -> str | None:
    try:
        applied = json.loads(annotation)
    except ValueError:  # anybody may write there
        return None
    version = applied.get("apiVersion") if isinstance(applied, dict) else None
    return version if isinstance(version, str) else None


def _without_repeats(writes: list[Object]) -> list[Object]:
    """Of transient kinds the newest row of each writer."""
    newest: dict[tuple[str, ...], Object] = {}
    for number, write in enumerate(writes):
        writer = (write["kind"], write["authority"], write["version"], write.get("manager", ""))
        key = writer if write["kind"] in _TRANSIENT else (str(number),)
        if key not in newest or write.get("time", "") > newest[key].get("time", ""):
            newest[key] = write
    return list(newest.values())
