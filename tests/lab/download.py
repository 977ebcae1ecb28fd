# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Official downloads, each checked against the checksum that is published beside it."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

from .errors import LabError
from .progress import say

_TIMEOUT = 5  # seconds for a connection or a read
# Sites that failed in this run (host -> reason): not asked again, so a machine without internet loses seconds once.
_unreachable: dict[str, str] = {}


class NotReachable(LabError):
    """The site cannot be reached from this machine, or does not have the file."""


def fetch(url: str) -> bytes:
    """Content of a URL. Raises NotReachable, at once for a site that has failed before in this run."""
    host = url.split("/")[2]
    if host in _unreachable:
        raise NotReachable(f"{host}: {_unreachable[host]}")
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:
            content: bytes = response.read()
            return content
    except urllib.error.HTTPError as error:
        if error.code == 404:  # the site answers, it has no such file
            raise NotReachable(f"{url}: not found") from None
        reason = str(error)
    except OSError as error:
        reason = str(getattr(error, "reason", error))
    _unreachable[host] = reason
    say(f"    {host} cannot be reached ({reason}): building from Go modules instead")
    raise NotReachable(f"{host}: {reason}")


def checked(url: str, checksum_url: str, digest: str = "sha256") -> bytes:
    """Content of `url`, after comparing it with the line for it in the checksum file."""
    sums = fetch(checksum_url).decode()
    content = fetch(url)
    name = url.rsplit("/", 1)[1]
    lines = [line.split() for line in sums.splitlines() if line.strip()]
    # Either "<sum>  <name>" a line, or nothing but the sum.
    expected = next((words[0] for words in lines if len(words) == 1 or words[-1].lstrip("*").endswith(name)), None)
    actual = hashlib.new(digest, content).hexdigest()
    if actual != expected:
        raise LabError(f"{url} has {digest} {actual}, but {checksum_url} says {expected}: not used.")
    return content


def save(content: bytes, path: Path) -> None:
    """Write an executable."""
    path.write_bytes(content)
    path.chmod(0o755)


def extract(archive: bytes, names: set[str], into: Path) -> None:
    """Take the executables with these base names out of a .tar.gz."""
    scratch = into / ".archive.tar.gz"
    scratch.write_bytes(archive)
    with tarfile.open(scratch) as tar:
        for member in tar:
            name = member.name.rsplit("/", 1)[-1]
            source = tar.extractfile(member) if member.isfile() and name in names else None
            if source is not None:
                with open(into / name, "wb") as target:
                    shutil.copyfileobj(source, target)
                (into / name).chmod(0o755)
    scratch.unlink()
