# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""etcd.local.imageTag in ConfigMap kube-system/kubeadm-config, for as long as an upgrade needs it there.

A pin of ours is told from a user's by an annotation on the ConfigMap, which is written and taken away in the same
request as the tag, so that no killed run can leave one without the other. A tag that is not the one in the annotation
is the user's. kubeadm itself keeps annotations when it writes the ConfigMap (phases/uploadconfig, CreateOrMutate).
"""

from __future__ import annotations

import copy
import re
import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils import _yaml
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Api, ApiError, Object
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

ANNOTATION = "uplift.kubeadm/etcd-image-tag"
PATH = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config"
KEY = "ClusterConfiguration"
NAME = "ClusterConfiguration in the ConfigMap kube-system/kubeadm-config"
WRITES = 5  # how often a write is tried when somebody else has changed the ConfigMap meanwhile


class Change(t.NamedTuple):
    """The text of ClusterConfiguration before and after, and whether the ConfigMap was, or would be, written."""

    changed: bool
    before: str
    after: str


def set_pin(api: Api, tag: str, check: bool = False) -> Change:
    """Pin etcd to the tag, as ours; with `check` only say what would be.

    :raises UpliftError: etcd is external, or pinned to another tag by somebody else, or the text cannot be edited.
    """

    def pinned(config_map: Object) -> Object | None:
        text, present, ours = _read(config_map)
        if present == tag and ours == tag:
            return None
        if present and present != ours:
            raise UpliftError(
                f"etcd.local.imageTag in {NAME} is {present}, which this collection did not set: it was left alone. "
                f"Somebody keeps etcd there. Take it out, or set it to {tag} yourself and upgrade the control planes "
                "within their minor by hand (docs/findings.md, etcd-before)."
            )
        return _patch(config_map, with_image_tag(text, tag), tag)

    return _write(api, pinned, check)


def clear_pin(api: Api, check: bool = False) -> Change:
    """Take our pin away; a tag of a user's stays. With `check` only say what would be."""

    def cleared(config_map: Object) -> Object | None:
        text, present, ours = _read(config_map)
        if ours is None:
            return None
        return _patch(config_map, with_image_tag(text, None) if present == ours else text, None)

    return _write(api, cleared, check)


def pin_of(config_map: Object) -> str | None:
    """The tag that a run of ours has pinned etcd to; None when there is no pin, or the pin is a user's."""
    _text, present, ours = _read(config_map)
    return ours if ours and ours == present else None


def with_image_tag(text: str, tag: str | None) -> str:
    """The text of a ClusterConfiguration with etcd.local.imageTag set, or without it (None). Nothing else changes.

    :raises UpliftError: etcd is external, or the text is not written as kubeadm writes it.
    """
    wanted = copy.deepcopy(_load(text))
    etcd = wanted.get("etcd") or {}
    if etcd.get("external"):
        raise UpliftError(f"{NAME} has an external etcd, which kubeadm does not upgrade.")
    local = dict(etcd.get("local") or {})
    local.pop("imageTag", None)
    if tag is not None:
        local["imageTag"] = tag
    wanted["etcd"] = {**etcd, "local": local}
    edited = _edited(text.split("\n"), tag)
    if edited is None or _load(edited) != wanted:
        raise UpliftError(
            f"{NAME} is not written as kubeadm writes it, so etcd.local.imageTag cannot be "
            f"{'taken out' if tag is None else 'set to ' + tag} without changing more. Nothing was changed: write it "
            "with kubectl -n kube-system edit configmap kubeadm-config, as a block (etcd:, local:, a line a key)."
        )
    return edited


def _edited(lines: list[str], tag: str | None) -> str | None:
    """The lines with the tag in or out; None when they are not understood."""
    etcd = _line(lines, 0, len(lines), 0, "etcd")
    if etcd is None:
        return None
    etcd_end = _block_end(lines, etcd, 0)
    depth = _depth(lines, etcd + 1, etcd_end)
    local = _line(lines, etcd + 1, etcd_end, depth, "local")
    if local is None:
        return None
    end = _block_end(lines, local, depth)
    inner = _depth(lines, local + 1, end) or depth + 2
    at = _line(lines, local + 1, end, inner, "imageTag")
    head = [*lines[:local], " " * depth + "local:"]
    rest = [line for number, line in enumerate(lines[local + 1 : end], local + 1) if number != at]
    if tag is not None:
        rest.insert(0 if at is None else at - local - 1, f"{' ' * inner}imageTag: {tag}")
    elif not _depth(rest, 0, len(rest)):
        head[-1] += " {}"
    return "\n".join([*head, *rest, *lines[end:]])


def _line(lines: list[str], start: int, end: int, depth: int, key: str) -> int | None:
    """Number of the line with this key at this depth, whatever follows the colon."""
    pattern = re.compile(rf" {{{depth}}}{key}:(\s|$)")
    return next((number for number in range(start, end) if pattern.match(lines[number])), None)


def _block_end(lines: list[str], start: int, depth: int) -> int:
    """Number of the line after the block that the key of line `start` opens."""
    for number in range(start + 1, len(lines)):
        if _says(lines[number]) and _indent(lines[number]) <= depth:
            return number
    return len(lines)


def _depth(lines: list[str], start: int, end: int) -> int:
    """The indent of the first line that says something; 0 when none does."""
    return next((_indent(lines[number]) for number in range(start, end) if _says(lines[number])), 0)


def _says(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _load(text: str) -> dict[str, t.Any]:
    found = _yaml.load(text, NAME)
    if not isinstance(found, dict):
        raise UpliftError(f"{NAME} is no mapping.")
    return found


def _read(config_map: Object) -> tuple[str, str | None, str | None]:
    """Text of the configuration, its imageTag of etcd, and the tag in our annotation."""
    text = str((config_map.get("data") or {}).get(KEY) or "")
    etcd = _load(text).get("etcd") or {}
    present = (etcd.get("local") or {}).get("imageTag")
    ours = ((config_map.get("metadata") or {}).get("annotations") or {}).get(ANNOTATION)
    return text, str(present) if present else None, ours


def _patch(config_map: Object, text: str, tag: str | None) -> Object:
    # With its resourceVersion: what somebody else has written meanwhile is never overwritten.
    version = config_map["metadata"]["resourceVersion"]
    return {"metadata": {"resourceVersion": version, "annotations": {ANNOTATION: tag}}, "data": {KEY: text}}


def _write(api: Api, change: t.Callable[[Object], Object | None], check: bool) -> Change:
    for tries_left in reversed(range(WRITES)):
        config_map = api.get(PATH)
        before = str((config_map.get("data") or {}).get(KEY) or "")
        body = change(config_map)
        if body is None:
            return Change(False, before, before)
        after = str(body["data"][KEY])
        if check:
            return Change(True, before, after)
        try:
            api.patch(PATH, body)
        except ApiError as error:
            if error.status != 409 or not tries_left:
                raise
            continue
        kept = api.get(PATH)
        if change(kept) is not None:
            raise UpliftError(
                f"{NAME} was written, and when it was read back it said otherwise: somebody else writes it at the same "
                "time (a GitOps agent?). Have that stop, and run again."
            )
        return Change(True, before, after)
    raise AssertionError("not reached: the last try returns or raises")
