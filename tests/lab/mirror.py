# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mirror of dl.k8s.io/release that holds the lab's own binaries.

Layout below ``mirror_dir``, as at dl.k8s.io::

    release/v1.25.4/bin/linux/amd64/{kubeadm,kubelet,kubectl}{,.sha256,.sha512}
    release/stable-1.25.txt  release/stable.txt

A checksum file holds the bare hexadecimal digest, a ``stable`` file a version such as ``v1.25.4``, each without a
line end.
"""

from __future__ import annotations

import filecmp
import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import artifacts
from .package_contents import DEB_ARCH, KUBERNETES_PACKAGES, by_minor


def ensure(mirror_dir: Path, versions: Sequence[str]) -> None:
    """Have ``versions`` (such as ``1.25.4``) in the mirror; others that are there stay.

    A version appears in one step, complete. Two runs at once are safe: both would put the same files there.
    """
    root = mirror_dir / "release"
    root.mkdir(parents=True, exist_ok=True)
    for version in versions:
        _ensure_version(root, version, artifacts.ensure(version))
    present = by_minor(path.name[1:] for path in root.glob("v1.*"))
    for minor, patches in present.items():
        _write(root / f"stable-1.{minor}.txt", f"v{patches[-1]}")
    if present:
        _write(root / "stable.txt", f"v{present[max(present)][-1]}")


def _ensure_version(root: Path, version: str, binaries: Path) -> None:
    """Put one version there, or put it there anew when the binaries are others than those served."""
    served = root / f"v{version}" / "bin" / "linux" / DEB_ARCH
    if all((served / n).exists() and filecmp.cmp(served / n, binaries / n) for n in KUBERNETES_PACKAGES):
        return
    with tempfile.TemporaryDirectory(dir=root, prefix=".work-") as work:
        new = Path(work, f"v{version}")
        directory = new / "bin" / "linux" / DEB_ARCH
        directory.mkdir(parents=True)
        for name in KUBERNETES_PACKAGES:
            shutil.copy2(binaries / name, directory / name)
            for algorithm in ("sha256", "sha512"):
                with (directory / name).open("rb") as stream:
                    digest = hashlib.file_digest(stream, algorithm).hexdigest()
                (directory / f"{name}.{algorithm}").write_text(digest)
        try:
            os.rename(new, root / new.name)
        except OSError:
            # Another version of the same files is there: out of the way with it, into the directory that goes.
            os.rename(root / new.name, Path(work, "old"))
            os.rename(new, root / new.name)


def _write(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".work-", delete=False) as stream:
        stream.write(text)
    os.chmod(stream.name, 0o644)
    os.replace(stream.name, path)
