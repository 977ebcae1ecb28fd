# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How files are written and looked at on a node."""

from __future__ import annotations

import ast
import hashlib
import re
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _files
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError


def test_a_private_file_is_private_and_replaces_what_others_could_read(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("old")
    file.chmod(0o644)
    _files.write_private(file, "new")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new", 0o600)


def test_a_private_file_that_cannot_be_written_leaves_the_old_one_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret"
    file.write_text("old")

    def full(number: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(_files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        _files.write_private(file, "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_a_checksum_is_that_of_the_whole_file(tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    (tmp_path / "file").write_bytes(content)
    assert _files.sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_a_file_system_without_room_is_named(tmp_path: Path) -> None:
    _files.require_space(tmp_path, 0)
    with pytest.raises(UpliftError, match=rf"{tmp_path} has \d+ MiB free, and {1 << 40} MiB are needed"):
        _files.require_space(tmp_path, 1 << 40)


def test_the_folder_is_written_down_once() -> None:
    """And in texts for people: documentation, docstrings, messages, which name files in it."""
    plugins = Path(__file__).resolve().parents[4] / "plugins"
    spelt = [
        path.name
        for path in plugins.glob("module*/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and re.fullmatch(r"/?var/lib/uplift-kubeadm[/\w.-]*", str(node.value))
    ]
    assert spelt == ["_files.py"]
    assert _files.state_of(Path("/mnt/node")) == Path("/mnt/node/var/lib/uplift-kubeadm")
