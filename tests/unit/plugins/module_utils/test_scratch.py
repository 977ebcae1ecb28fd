# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Temporary folders go, also those of modules that were killed, and nobody else's."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _scratch


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_scratch.tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_private_and_goes(place: Path) -> None:
    with pytest.raises(RuntimeError), _scratch.scratch("uplift-x-") as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "file").write_text("")
        raise RuntimeError
    assert list(place.iterdir()) == []


def test_what_a_killed_module_left_goes_with_the_next(place: Path) -> None:
    """Without remove_forgotten the folder of the process that is gone stays."""
    gone = 2**22 + 1  # above what Linux gives to processes
    for name in (f"uplift-x-{gone}-abc", f"uplift-x-{os.getpid()}-abc", f"uplift-y-{gone}-abc", "uplift-x-abc"):
        (place / name).mkdir()
        (place / name / "list").write_text("")
    (place / f"uplift-x-{gone}-link").symlink_to(place / f"uplift-y-{gone}-abc")
    with _scratch.scratch("uplift-x-") as folder:
        left = {path.name for path in place.iterdir()} - {folder.name}
    assert left == {f"uplift-x-{os.getpid()}-abc", f"uplift-y-{gone}-abc", "uplift-x-abc", f"uplift-x-{gone}-link"}
    assert (place / f"uplift-y-{gone}-abc/list").exists(), "a link is not followed"
