# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What execution-environment.yml puts into an image, in a virtual environment: where no base image can be had.

ansible-core, ansible-runner, and what meta/execution-environment.yml asks for, as ansible-builder reads it, and nothing
more. Made once under .build, and again when any of that changes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from .data import ROOT

BUILD = ROOT / ".build"
DEFINITION = ROOT / "execution-environment.yml"


def requirements(collections: Path) -> list[str]:
    """Requirements for pip of ansible, runner, and the collection, which lies in the folder `collections`.

    :param collections: of the kind that has ansible_collections in it.
    """
    definition = yaml.safe_load(DEFINITION.read_text(encoding="utf-8"))["dependencies"]
    command = [str(Path(sys.executable).parent / "ansible-builder"), "introspect", str(collections)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = yaml.safe_load(told)["python"] or []
    return [definition["ansible_core"]["package_pip"], definition["ansible_runner"]["package_pip"], *map(_bare, found)]


def _bare(line: str) -> str:
    """A requirement without the remark where it comes from."""
    return line.partition("#")[0].strip()


def python(collections: Path) -> Path:
    """The Python of the environment."""
    wanted = json.dumps([sys.version, *requirements(collections)])
    path = BUILD / f"venv-ee-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}"
    program = path / "bin/python"
    stamp = path / "made-from"
    if stamp.exists():
        return program
    for old in BUILD.glob("venv-ee-*"):
        shutil.rmtree(old)
    base = getattr(sys, "_base_executable", sys.executable)
    subprocess.run([base, "-m", "venv", str(path)], check=True)
    pip = [str(program), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *requirements(collections)], check=True)
    stamp.write_text(wanted, encoding="utf-8")
    return program
