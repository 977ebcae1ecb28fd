# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of a report: read, and written whole or not at all, one writer at a time."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import write_private
from ansible_collections.uplift.kubeadm.plugins.module_utils._report_html import html_page
from ansible_collections.uplift.kubeadm.plugins.module_utils._report_markdown import markdown_page

NAMES = {"json": "report.json", "markdown": "report.md", "html": "report.html"}


def paths(directory: str) -> dict[str, str]:
    return {kind: os.path.join(os.path.abspath(directory), name) for kind, name in NAMES.items()}


@contextlib.contextmanager
def lock(directory: str, write: bool) -> Iterator[None]:
    """One writer at a time: hosts of a wave that fail together add to the same report. Makes the folder."""
    if not write:
        yield
        return
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        handle = os.open(directory, os.O_RDONLY)
    except OSError as e:
        raise UpliftError(_cannot_write(directory, e)) from e
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def load(directory: str) -> Any:
    """The document that is in the folder; None when there is none, or something else in its place."""
    path = paths(directory)["json"]
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (FileNotFoundError, ValueError):
        return None
    except OSError as e:
        raise UpliftError(
            f"The report {path} cannot be read: {e}. Move it away, or name another folder for the report."
        ) from e


def write(document: Mapping[str, Any], directory: str) -> None:
    """All files of the document. The JSON comes last: a run that goes on reads it."""
    contents = {
        "html": html_page(document),
        "markdown": markdown_page(document),
        "json": json.dumps(document, indent=1, ensure_ascii=False) + "\n",
    }
    files = paths(directory)
    try:
        for kind, text in contents.items():
            write_private(Path(files[kind]), text)
    except OSError as e:
        raise UpliftError(_cannot_write(directory, e)) from e


def _cannot_write(directory: str, error: OSError) -> str:
    return (
        f"The report cannot be written to {directory}: {error.strerror}. Name a folder that the user who runs Ansible "
        "can write to, on the controller."
    )
