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
# Sites that failed in this run: not asked again, so that a machine without internet loses seconds once.
_unreachable: set[str] = set()


class NotReachable(LabError):
    """The site cannot be reached from this machine, or does not have the file."""


def fetch(url: str) -> bytes:
    """Content of a URL. Raises NotReachable, at once for a site that has failed before in this run."""
    site = url.split("/")[2]
    if site in _unreachable:
        raise NotReachable(f"{site} could not be reached.")
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:
            content: bytes = response.read()
    except urllib.error.HTTPError as error:
        if error.code == 404:  # the site answers; it has no such file
            raise NotReachable(f"There is no {url}.") from None
        reason = str(error)
    except OSError as error:
        reason = str(getattr(error, "reason", error))
    else:
        return content
    _unreachable.add(site)
    say(f"    {site} cannot be reached ({reason}): what it has is built from Go modules in this run")
    raise NotReachable(f"{site} could not be reached: {reason}")


def checksum(url: str, text: str) -> str | None:
    """The sum for a URL's file in a checksum file: either "<sum>  <name>" a line, or nothing but the sum."""
    name = url.rsplit("/", 1)[1]
    for words in (line.split() for line in text.splitlines()):
        if len(words) == 1 or (len(words) > 1 and words[-1].lstrip("*").rsplit("/", 1)[-1] == name):
            return words[0]
    return None


def checked(url: str, checksum_url: str) -> bytes:
    """Content of `url`, after its SHA-256 was found equal to the published one."""
    expected = checksum(url, fetch(checksum_url).decode())
    content = fetch(url)
    actual = hashlib.sha256(content).hexdigest()
    if actual != expected:
        raise LabError(f"{url} has SHA-256 {actual}, but {checksum_url} says {expected}: not used.")
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
