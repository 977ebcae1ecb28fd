# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few things that the lab asks of docker."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from .paths import LABEL
from .shell import out, run


def image_exists(name: str) -> bool:
    """Is the image on this machine?"""
    return run("docker", "image", "inspect", name, check=False).returncode == 0


def recipe(*parts: str | Path) -> str:
    """Twelve hexadecimal digits that change when a text, or any file in a directory, of the recipe changes."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            digest.update(part.encode() + b"\0")
            continue
        for file in sorted(path for path in part.rglob("*") if path.is_file()):
            digest.update(str(file.relative_to(part)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def build(name: str, context: Path) -> None:
    """Build an image of the directory's Dockerfile. Its steps use the machine's own network, as apt there does."""
    run("docker", "build", "--network=host", f"--label={LABEL}=image", "-t", name, context)


def inspect(name: str) -> dict[str, Any] | None:
    """What docker says about a container; None when there is none."""
    done = run("docker", "container", "inspect", name, check=False)
    return json.loads(done.stdout)[0] if done.returncode == 0 else None


def running(name: str) -> bool:
    """Is there a container of this name, and does it run?"""
    found = inspect(name)
    return found is not None and bool(found["State"]["Running"])


def execute(container: str, *argv: str, stdin: str | None = None) -> str:
    """Run a command in a container; its standard output, stripped."""
    flags = ("-i",) if stdin is not None else ()
    return out("docker", "exec", *flags, container, *argv, stdin=stdin)


def write(container: str, path: str, text: str, mode: str = "0644") -> None:
    """Write a file into a container, with its parent directories."""
    script = f'install -D -m {mode} /dev/stdin "$1"'
    execute(container, "sh", "-c", script, "sh", path, stdin=text)


def labelled(kind: str, value: str | None = None) -> list[str]:
    """Names of our containers, networks or volumes (`kind`: container, network, volume)."""
    wanted = LABEL if value is None else f"{LABEL}={value}"
    listing = ("ps", "-a") if kind == "container" else (kind, "ls")
    column = "{{.Names}}" if kind == "container" else "{{.Name}}"
    return out("docker", *listing, "--filter", f"label={wanted}", "--format", column).split()
