# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a drain keeps its book between slices, and for the run after one that was killed: a file of the API host.

What matters stands in the cluster: the cordon is annotated, an eviction that was accepted shows on the pod. The file
has the rest: since when, how often budgets refused, what is gone. Without it a drain goes on all the same, and its
figures begin anew. One that is of another node of that name, or of an earlier cordon, is not read. One that nobody came
back for is removed by the next drain that begins here when it is too old to be read.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._api import path_part
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

SCHEMA = 1
_FILE = re.compile(r"drain-.+\.json(\.new)?")
LONGEST_KEPT = 86400.0  # seconds; the book of a drain that was killed longer ago tells nothing about the one of today


class TakenOver(UpliftError):
    """Another process drains this node since; that one has the say over its cordon."""


class Store:
    """The file of one node's drain. It names the process that drains: the last to begin is the one that goes on."""

    def __init__(self, directory: str, node: str) -> None:
        self._node = node
        self._directory = directory
        self._path = os.path.join(directory, f"drain-{path_part(node)}.json")
        self._me = f"{os.getpid()}-{time.time_ns()}"
        self._cordon: list[str] = []
        self._ours = False

    def read(self, node_uid: str, cordoned_at: str) -> dict[str, t.Any] | None:
        """What was kept of the drain of this node that began with this cordon ("" for a person's)."""
        kept = self._read()
        if not kept or kept.get("schema") != SCHEMA or kept.get("cordon") != [node_uid, cordoned_at]:
            return None
        book = kept.get("book")
        return book if isinstance(book, dict) and time.time() - kept["saved"] < LONGEST_KEPT else None

    def begin(self, node_uid: str, cordoned_at: str, book: dict[str, t.Any], needed: bool) -> None:
        """Take the drain over, or begin it.

        :param needed: raise UpliftError where nothing can be written; otherwise nothing is kept.
        """
        self._cordon = [node_uid, cordoned_at]
        if not self._directory:
            return
        try:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            self._write(book)
            self._ours = True
            _remove_forgotten(self._directory)
        except OSError as e:
            if needed:
                raise UpliftError(
                    f"A drain in slices keeps what it has done in {self._path}, which cannot be written: {e}. Name a "
                    "folder that can be with «state_directory», or drain in one go with «slice: 0»."
                ) from e

    def save(self, book: dict[str, t.Any]) -> None:
        """Raises TakenOver."""
        self.check()
        if self._ours:
            with contextlib.suppress(OSError):  # a disk that is full now costs figures of the report, not the drain
                self._write(book)

    def check(self) -> None:
        """Raises TakenOver."""
        if not self._ours:
            return
        kept = self._read()
        if kept is None or kept.get("process") != self._me:
            self._ours = False
            raise TakenOver(
                f"Another run has taken over the drain of the node {self._node}, or has ended it: this one leaves the "
                "node and its cordon to that."
            )

    def forget(self) -> None:
        """The drain is over."""
        self._ours = False
        if self._directory:
            for path in (self._path, f"{self._path}.new"):
                with contextlib.suppress(OSError):  # there is none, or it could not be written in the first place
                    os.unlink(path)

    def _read(self) -> dict[str, t.Any] | None:
        """None without a file, or with one that is not to be read."""
        try:
            with open(self._path, encoding="utf-8") as file:
                kept = json.load(file)
        except (OSError, ValueError):
            return None
        return kept if isinstance(kept, dict) else None

    def _write(self, book: dict[str, t.Any]) -> None:
        text = json.dumps(
            {"schema": SCHEMA, "cordon": self._cordon, "process": self._me, "saved": time.time(), "book": book}
        )
        new = f"{self._path}.new"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(new, self._path)


def _remove_forgotten(directory: str) -> None:
    """Remove the files of drains that were killed, and of which no run has come back for the node."""
    for name in os.listdir(directory):
        if _FILE.fullmatch(name):
            path = os.path.join(directory, name)
            with contextlib.suppress(OSError):  # another drain was faster
                if time.time() - os.stat(path).st_mtime > LONGEST_KEPT:
                    os.unlink(path)
