# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps weights in HAProxy's configuration: the new file is checked by HAProxy, and replaces the old one whole."""

from __future__ import annotations

import contextlib
import os
import shlex
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._haproxy_config import Weights, with_weights

OLD = ".uplift-old"  # the file as it was before the last change lies beside it, with this at its end
CHECK_TIMEOUT = 60.0


class ConfigError(UpliftError):
    """Weights cannot be kept in the configuration file."""


class Mover(t.Protocol):
    """As much of AnsibleModule as is needed: both keep owner, mode and SELinux's context."""

    def atomic_move(self, src: str, dest: str) -> None: ...
    def preserved_copy(self, src: str, dest: str) -> None: ...


class Change(t.NamedTuple):
    """The text before and after."""

    path: str
    before: str
    after: str

    @property
    def needed(self) -> bool:
        return self.before != self.after

    @property
    def lines(self) -> tuple[str, str]:
        """The lines that change, before and after: the rest may hold passwords, and is nobody's business."""
        pairs = zip(self.before.splitlines(keepends=True), self.after.splitlines(keepends=True))
        changed = [(old, new) for old, new in pairs if old != new]
        return "".join(old for old, _new in changed), "".join(new for _old, new in changed)


def prepare(path: str, weights: Weights) -> Change:
    """What the file would become. Raises ConfigError when it cannot be read, or lacks a server."""
    real = os.path.realpath(path)  # a symbolic link stays one
    try:
        before = Path(real).read_bytes().decode("utf-8", "surrogateescape")
    except OSError as e:
        raise ConfigError(
            f"{path} cannot be read, so weights cannot be kept there: {e.strerror}. "
            "Name HAProxy's configuration, or none."
        ) from e
    try:
        return Change(real, before, with_weights(before, weights, path))
    except UpliftError as e:
        raise ConfigError(str(e)) from e


@contextlib.contextmanager
def staged(change: Change, validate: str) -> t.Iterator[str]:
    """Path of the new file, which HAProxy accepts, while the block runs. Raises ConfigError when it does not."""
    candidate = _checked(change, validate)
    try:
        yield candidate
    finally:
        if os.path.exists(candidate):
            os.unlink(candidate)


def put(change: Change, candidate: str, mover: Mover) -> str:
    """Put the new file in place of the old one; the path of the file as it was before. Raises ConfigError."""
    try:
        mover.preserved_copy(change.path, change.path + OLD)
    except OSError as e:
        raise ConfigError(f"{change.path} cannot be copied to {change.path + OLD}, so it stays: {e.strerror}.") from e
    mover.atomic_move(candidate, change.path)
    return change.path + OLD


def _checked(change: Change, validate: str) -> str:
    """Path of a file with the new text, which HAProxy accepts. It lies beside the old one: paths may be relative.

    Its name begins with a dot: HAProxy passes over such files where it is told to read a folder.
    """
    folder, name = os.path.split(change.path)
    try:
        number, candidate = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
    except OSError as e:
        raise ConfigError(f"{folder} cannot be written to, so weights cannot be kept there: {e.strerror}.") from e
    try:
        with os.fdopen(number, "wb") as stream:
            stream.write(change.after.encode("utf-8", "surrogateescape"))
            stream.flush()
            os.fsync(stream.fileno())
        _check(validate.replace("%s", shlex.quote(candidate)), change.path, candidate)
    except OSError as e:  # the disk is full, say
        os.unlink(candidate)
        raise ConfigError(f"{candidate} cannot be written, so weights cannot be kept: {e.strerror}.") from e
    except BaseException:
        os.unlink(candidate)
        raise
    return candidate


def _check(command: str, path: str, candidate: str) -> None:
    try:
        done = Runner().run(shlex.split(command), timeout=CHECK_TIMEOUT)
    except (UpliftError, ValueError) as e:  # ValueError: a quotation mark of the command is not closed
        raise ConfigError(f"The new {path} cannot be checked, so the old one stays: {e}") from e
    if done.rc:
        said = " ".join(f"{done.out} {done.err}".replace(candidate, path).split())[-600:]
        raise ConfigError(
            f"HAProxy does not accept {path} with the new weights, so the old one stays. Is it in order as it is now? "
            f"It says: {said}"
        )
