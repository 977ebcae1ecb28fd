# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes versions, the target that a user names, and the path of minors between two versions.

Inside the core a minor is its number (26); outside it is written "1.26". A version is written "v1.26.9", as nodes and
images do. Kubernetes has had the major version 1 only, so any other number in front is a slip of the user's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import total_ordering
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

_MINOR = re.compile(r"v?1\.(0|[1-9]\d*)")
# Semantic Versioning 2.0; what follows a plus (vendors' builds) does not count when versions are compared. The tag of
# an image cannot have a plus, and has an underscore there: v1.28.3+rke2r1 is v1.28.3_rke2r1 (kubeadm's
# KubernetesVersionToImageTag, cmd/kubeadm/app/util/version.go). Semantic Versioning knows no underscore.
_VERSION = re.compile(r"v?1\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?(?:[+_][0-9A-Za-z._-]+)?")

HOW_TO_NAME = "Name a minor (-e target=1.26: its newest patch to be had) or a patch (-e target=1.26.9)."


@total_ordering
@dataclass(frozen=True, eq=False)
class Version:
    """A full version; ordered as Semantic Versioning has it (1.27.0-rc.0 before 1.27.0)."""

    minor: int
    patch: int
    pre: str = ""
    _key: tuple[Any, ...] = field(init=False, repr=False, default=())

    def __post_init__(self) -> None:
        pre = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.pre.split(".") if part)
        object.__setattr__(self, "_key", (self.minor, self.patch, not pre, pre))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key == other._key

    def __lt__(self, other: Version) -> bool:
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        return f"v1.{self.minor}.{self.patch}" + (f"-{self.pre}" if self.pre else "")


@dataclass(frozen=True)
class Target:
    """Where the user wants to go: a minor, and the exact version when one was named."""

    minor: int
    exact: Version | None

    def __str__(self) -> str:
        return str(self.exact) if self.exact else minor_name(self.minor)


def minor_name(minor: int) -> str:
    """26 -> "1.26"."""
    return f"1.{minor}"


def parse_version(text: object, what: str = "It") -> Version:
    """Read "v1.26.9", "1.26.9", "v1.27.0-rc.0" or a vendor's build of one, as in "v1.26.9+vendor.1".

    Raises UpliftError, in which `what` says whose version it is.
    """
    match = _VERSION.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise UpliftError(f"{what} is {text!r}, which is not a Kubernetes version such as v1.26.9.")
    return Version(int(match[1]), int(match[2]), match[3] or "")


def parse_minor(text: object) -> int:
    """Read the minor of "1.26", "v1.26" or of a full version, as a number. Raises UpliftError."""
    if isinstance(text, str):
        match = _MINOR.fullmatch(text.strip())
        return int(match[1]) if match else parse_version(text, "The version").minor
    raise UpliftError(f"{text!r} is not a Kubernetes version: write a string such as '1.26' or 'v1.26.9'.")


def parse_target(raw: object) -> Target:
    """Read the target as the user gave it, of whatever type it arrived. Raises UpliftError.

    A float is what YAML and JSON make of an unquoted 1.26 (`-e '{"target": 1.26}'`; `-e target=1.26` is a string).
    1.30 becomes 1.3 on the way, so a float with one decimal may have lost a zero and is refused. A float with more
    decimals has lost nothing that matters (three-digit minors are decades away) and is taken.
    """
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        raise UpliftError(f"No target was given. {HOW_TO_NAME}")
    if isinstance(raw, float):
        raw = _from_float(raw)
    text = raw.strip() if isinstance(raw, str) else ""
    match = _MINOR.fullmatch(text)
    if match:
        return Target(int(match[1]), None)
    if not _VERSION.fullmatch(text) or "_" in text:  # the tag of an image, or a slip
        raise UpliftError(f"The target {raw!r} is not a Kubernetes version. {HOW_TO_NAME}")
    exact = parse_version(text)
    return Target(exact.minor, exact)


def target_error(raw: object) -> str:
    """What is wrong with a target, as a sentence for the user; empty when nothing is."""
    try:
        parse_target(raw)
    except UpliftError as error:
        return str(error)
    return ""


def _from_float(number: float) -> str:
    text = repr(number)
    if len(text.partition(".")[2]) >= 2 or not _MINOR.fullmatch(text):
        return text
    raise UpliftError(
        f"The target arrived as the number {text}, and a number cannot say whether {text} or {text}0 was written. "
        f'Quote it, so that it stays a string: target: "{text}0" in a file, -e \'{{"target": "{text}0"}}\' on the '
        f"command line, or simply -e target={text}0. In a survey of AWX, write v{text}0."
    )


def minors_between(current: int, target: int) -> list[int]:
    """The minors to pass through, target included, current not. kubeadm takes a control plane one minor at a time."""
    return list(range(current + 1, target + 1))


def upgrade_path(current: object, target: object) -> list[str]:
    """Filter and helper: minors from one version to a target, ["1.25", "1.26"]; [] within a minor.

    Raises UpliftError for a downgrade, also from one patch to an older one.
    """
    to = parse_target(target)
    start = parse_minor(current)
    exact = _VERSION.fullmatch(current.strip()) if isinstance(current, str) else None
    if to.minor < start or (exact and to.exact and to.exact < parse_version(current)):
        raise UpliftError(f"{current} to {to} would be a downgrade, which neither kubeadm nor etcd can do.")
    return [minor_name(minor) for minor in minors_between(start, to.minor)]
