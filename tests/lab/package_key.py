# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key that signs the repositories of the lab: its own, made once a cache, and kept outside of what is served."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import cache
from .package_contents import EPOCH
from .shell import run

# Same binaries, same packages: nothing in them may depend on when they were made.
ENV = {"SOURCE_DATE_EPOCH": str(EPOCH), "LC_ALL": "C.UTF-8"}


def signing_key() -> Path:
    """Directory with the lab's key (``private.asc``, ``public.asc``, ``public.gpg``), made once a cache."""
    return cache.ensure("signing", _make_key)


def _make_key(part: Path) -> None:
    part.chmod(0o700)
    identity = "uplift.kubeadm lab (test packages only) <lab@uplift.invalid>"
    with gpg_home() as env:
        gpg = ("gpg", "--batch", "--quiet")
        run(*gpg, "--passphrase", "", "--quick-generate-key", identity, "rsa3072", "sign", "never", env=env)
        run(*gpg, "--armor", "--output", part / "private.asc", "--export-secret-keys", env=env)
        run(*gpg, "--armor", "--output", part / "public.asc", "--export", env=env)
        run(*gpg, "--output", part / "public.gpg", "--export", env=env)


@contextmanager
def gpg_home() -> Iterator[dict[str, str]]:
    """An environment with an empty keyring that is gone afterwards, and its agent with it.

    Under the system's temporary directory, since the path of the agent's socket may not exceed 107 characters.
    """
    with tempfile.TemporaryDirectory(prefix="lab-gpg-") as home:
        env = {**ENV, "GNUPGHOME": home}
        try:
            yield env
        finally:
            run("gpgconf", "--kill", "all", env=env)


@contextmanager
def keyring(key: Path) -> Iterator[dict[str, str]]:
    with gpg_home() as env:
        run("gpg", "--batch", "--quiet", "--import", key / "private.asc", env=env)
        yield env
