# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Helm's deployed releases name: the API version, kind and name of each object, and nothing else of them.

A release is kept in a Secret (or ConfigMap) as JSON, compressed and in base64, with the rendered manifests in it
(helm.sh/helm pkg/storage/driver/util.go). Those hold what charts and their users put there, passwords too: their text
never leaves this file.
"""

from __future__ import annotations

import base64
import json
import re
import textwrap
import typing as t
import zlib

from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Object
from ansible_collections.uplift.kubeadm.plugins.module_utils._reading import Reading, without_empty
from ansible_collections.uplift.kubeadm.plugins.module_utils._seen import seen

_MATTERS = "Releases that name removed APIs, which Helm then can neither upgrade nor remove, are not found."
_TYPE = "helm.sh/release.v1"
_DEPLOYED = "owner=helm,status=deployed"  # Helm marks the revision that is in force, and keeps ten others
_PAGE = 50  # a release may have a megabyte
_NAMED = 12  # releases that cannot be read, by name
_MOST = 16 * 1024**2  # bytes that one may be unpacked to
_GZIP = b"\x1f\x8b\x08"
_KEY = re.compile(r"(?P<key>[A-Za-z]+):(?:[ \t]+(?P<value>.*))?$")
_ITEM = re.compile(r"(?P<indent> *)- +\S")


def read(reading: Reading) -> list[Object]:
    """Rows of helm_releases: the newest deployed revision of each."""
    found: list[Object] = []
    stores: tuple[tuple[str, Object, bool], ...] = (
        ("secrets", {"fieldSelector": f"type={_TYPE}"}, True),
        ("configmaps", {}, False),
    )
    for plural, only, encoded in stores:
        query = {**only, "labelSelector": _DEPLOYED, "limit": _PAGE}
        found += reading.rows("helm_releases", _MATTERS, f"/api/v1/{plural}", _Reader(encoded), query)
    newest: dict[tuple[str, str], Object] = {}
    for release in found:
        key = (release["ns"], release["name"])
        if key not in newest or newest[key]["revision"] < release["revision"]:
            newest[key] = release
    unread = [release["unread"] for release in newest.values() if "unread" in release]
    if unread:
        reading.miss("helm_releases", f"No release could be read from {', '.join(seen(unread, _NAMED))}.", _MATTERS)
    return [release for release in newest.values() if "objects" in release]


class _Reader:
    """Reduces a Secret or ConfigMap to a row; an unreadable one has `unread` (its name, why) in place of `objects`."""

    def __init__(self, encoded: bool) -> None:
        self._encoded = encoded  # the API has a Secret's values in base64 once more

    def __call__(self, obj: Object) -> Object:
        meta = obj["metadata"]
        labels = meta.get("labels") or {}
        number = str(labels.get("version", ""))
        row = {
            "ns": meta["namespace"],
            "name": labels.get("name") or meta["name"],
            "revision": int(number) if number.isascii() and number.isdigit() else 0,
            "status": labels.get("status", ""),
        }
        try:
            release = _unpack((obj.get("data") or {}).get("release") or "", self._encoded)
            return {**row, "chart": _chart(release), "objects": _objects(release)}
        except (ValueError, zlib.error, AttributeError, TypeError, RecursionError) as e:
            kind = "Secret" if self._encoded else "ConfigMap"
            # The error's own words may quote what is in it.
            return {**row, "unread": f"{kind} {meta['namespace']}/{meta['name']} ({type(e).__name__})"}


def _unpack(text: str, encoded: bool) -> Object:
    data = base64.b64decode(text, validate=True)
    if encoded:
        data = base64.b64decode(data, validate=True)
    if data.startswith(_GZIP):
        unpacking = zlib.decompressobj(wbits=31)
        data = unpacking.decompress(data, _MOST)
        if not unpacking.eof:
            raise ValueError("cut short, or too large")
    release = json.loads(data)
    if not isinstance(release, dict):
        raise ValueError("no object")
    return release


def _chart(release: Object) -> str:
    meta = (release.get("chart") or {}).get("metadata") or {}
    return "-".join(str(meta[key]) for key in ("name", "version") if meta.get(key))


def _objects(release: Object) -> list[Object]:
    """Of the manifest and of the hooks, which Helm applies at the next upgrade."""
    texts = [release.get("manifest") or "", *(hook.get("manifest") or "" for hook in release.get("hooks") or ())]
    return [obj for text in texts for obj in objects_of(text)]


def objects_of(manifest: str) -> list[Object]:
    """{"apiVersion", "kind", "namespace"?, "name"} of each object in manifests as Helm keeps them.

    A scanner of lines, not a reader of YAML: in a block mapping the keys of the top level are at the margin, and
    nothing else is.
    """
    found = []
    for document in re.split(r"(?m)^---(?:[ \t].*)?$", manifest.replace("\r\n", "\n")):
        found += _document(document)
    return found


def _document(text: str) -> list[Object]:
    if text.lstrip()[:1] == "{":
        parsed = json.loads(text)
        return [_named(obj, obj.get("metadata") or {}) for obj in parsed.get("items") or [parsed]]
    top, metadata, items = _keys(text)
    if not top.get("apiVersion") or not top.get("kind"):
        return []
    if top["kind"].endswith("List") and items:
        return [obj for item in _items(items) for obj in _document(item)]
    return [_named(top, metadata)]


def _named(top: Object, metadata: Object) -> Object:
    row = {"apiVersion": top.get("apiVersion"), "kind": top.get("kind"), "namespace": metadata.get("namespace")}
    return without_empty({**row, "name": metadata.get("name")})


def _keys(text: str) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Of a block mapping: the scalars at the margin; those of `metadata`, one level in; the lines of `items`."""
    top: dict[str, str] = {}
    metadata: dict[str, str] = {}
    items: list[str] = []
    section, level = "", 0
    for line in text.split("\n"):
        stripped = line.lstrip(" ")
        if not stripped or stripped.startswith("#"):
            continue
        indent = len(line) - len(stripped)
        match = _KEY.match(stripped)
        if indent == 0 and match:
            section, level = match["key"], 0
            top[section] = _scalar(match["value"])
        elif section == "items":
            items.append(line)
        elif section == "metadata" and indent:
            level = level or indent
            if indent == level and match:
                metadata[match["key"]] = _scalar(match["value"])
    return top, metadata, items


def _items(lines: list[str]) -> t.Iterator[str]:
    """The items of a block sequence, each as the text of a document."""
    first = _ITEM.match(lines[0])
    margin = len(first["indent"]) if first else 0
    item: list[str] = []
    for line in lines:
        if line[margin : margin + 2] == "- " and not line[:margin].strip():
            if item:
                yield textwrap.dedent("\n".join(item))
            item = []
            line = f"{line[:margin]}  {line[margin + 2 :]}"
        item.append(line)
    yield textwrap.dedent("\n".join(item))


def _scalar(value: str | None) -> str:
    """A plain or quoted scalar of one line, without its comment."""
    value = (value or "").strip()
    if value[:1] in ("'", '"'):
        return value[1:].partition(value[0])[0]
    return re.split(r"[ \t]#", value)[0].strip()
