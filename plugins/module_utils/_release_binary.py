# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes programs as plain binaries, from dl.k8s.io or a mirror of it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import typing as t
import urllib.error
from pathlib import Path

from ansible.module_utils.urls import ConnectionError as UrlConnectionError
from ansible.module_utils.urls import SSLValidationError, open_url

from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import sync
from ansible_collections.uplift.kubeadm.plugins.module_utils._node import BINARIES, Node, architecture
from ansible_collections.uplift.kubeadm.plugins.module_utils._release import newest_first

DEFAULT_URL = "https://dl.k8s.io/release"
DEFAULT_FOLDER = "usr/bin"
NOT_FOUND = 404


class NotThere(UpliftError):
    """The server says that there is no such file."""


class Web:
    """Gets files by HTTP; proxies come from the environment, as everywhere."""

    def __init__(
        self,
        *,
        ca_path: str | None = None,
        username: str | None = None,
        password: str | None = None,
        headers: t.Mapping[str, str] | None = None,
        timeout: float = 30,
    ) -> None:
        self.timeout = timeout
        self.options: dict[str, t.Any] = {
            "ca_path": ca_path,
            "url_username": username,
            "url_password": password,
            "force_basic_auth": bool(username),
            "headers": dict(headers or {}),
        }

    def text(self, url: str) -> str:
        """A small file's content."""
        with self._open(url) as answer:
            return str(answer.read(65536).decode("utf-8", errors="replace")).strip()

    def download(self, url: str, file: Path, checksum: str) -> None:
        """Write what a URL holds to a file; raises UpliftError, and leaves no file, unless its SHA-256 is checksum."""
        digest = hashlib.sha256()
        try:
            with self._open(url) as answer, file.open("wb") as out:
                expected = answer.headers.get("Content-Length")
                for block in iter(lambda: answer.read(1 << 20), b""):
                    digest.update(block)
                    out.write(block)
                size = out.tell()
            if expected and size != int(expected):
                raise UpliftError(
                    f"{url} broke off after {size} of {expected} bytes. Run again; nothing was kept of it."
                )
            if digest.hexdigest() != checksum:
                raise UpliftError(
                    f"{url} has SHA-256 {digest.hexdigest()}, but its .sha256 file says {checksum}: the file or the "
                    "mirror is damaged or was tampered with. It was thrown away; nothing was changed."
                )
        except BaseException as exc:
            file.unlink(missing_ok=True)
            if isinstance(exc, OSError):
                raise UpliftError(f"{url} could not be brought to {file.parent}: {exc}") from exc
            raise

    def _open(self, url: str) -> t.Any:
        try:
            return open_url(url, timeout=self.timeout, **self.options)
        except urllib.error.HTTPError as exc:
            kind = NotThere if exc.code == NOT_FOUND else UpliftError
            raise kind(f"{url} answers HTTP {exc.code} {exc.reason}") from exc
        except (UrlConnectionError, SSLValidationError, OSError, ValueError) as exc:
            reason = getattr(exc, "reason", None) or exc
            raise UpliftError(f"{url} cannot be read: {reason}. Is a proxy, a mirror or a CA missing?") from exc


class Binary:
    """The source of plain binaries. url is the folder that holds v1.25.4/ and stable-1.25.txt."""

    method = "binary"

    def __init__(self, url: str, web: Web, node: Node, runner: Runner) -> None:
        self.url = url.rstrip("/")
        self.web = web
        self.node = node
        self.runner = runner

    def offered(self, minor: str, probe: t.Sequence[str]) -> list[str]:
        """The newest patch, as stable-1.25.txt has it, and what is there of the probed versions; newest first."""
        candidates = list(probe)
        missing = ""
        try:
            newest = self.web.text(f"{self.url}/stable-{minor}.txt")
            if not re.fullmatch(r"v1\.\d+\.\d+", newest):
                raise UpliftError(f"{self.url}/stable-{minor}.txt holds no version, but {newest[:60]!r}")
            candidates.append(newest)
        except NotThere as exc:
            missing = str(exc)
        if not candidates:
            raise UpliftError(f"{missing}: the source does not say which patch of {minor} is its newest. Name one.")
        problems = {version: self._missing(version) for version in candidates}
        found = [version for version, problem in problems.items() if not problem]
        if not found:
            raise UpliftError("; ".join(problems.values()))
        return newest_first(found)

    def fetch(self, version: str, folder: Path) -> None:
        """Download the three programs, each verified by its .sha256 file."""
        for name in BINARIES:
            url = self._file(version, name)
            self.web.download(url, folder / name, self._checksum(url))
            (folder / name).chmod(0o755)

    def pending(self, version: str, folder: Path, present: t.Mapping[str, str | None]) -> list[str]:
        """Components that do not say they are of this version. A file is replaced in one step, so none is half-done."""
        return [name for name, seen in present.items() if seen != version]

    def packages(self) -> dict[str, str]:
        """None of the programs is a package's."""
        return {}

    def install(self, version: str, folder: Path, components: t.Sequence[str]) -> None:
        """Put each program in the place of the present one, in one step, with its owner, mode and security label."""
        kubelet = self.node.binary("kubelet")
        default = kubelet.parent if kubelet else self.node.root / DEFAULT_FOLDER
        for name in components:
            self._replace(folder / name, self.node.binary(name) or default / name)

    def settle(self, version: str, components: t.Sequence[str], check: bool) -> list[str]:
        """Binaries have neither holds nor a repository on the node."""
        return []

    def _replace(self, new: Path, path: Path) -> None:
        making = path.with_name(f".{path.name}.uplift-kubeadm")
        try:
            making.unlink(missing_ok=True)  # of a run that was killed
            try:
                os.link(new, making)  # its bytes are on disk since it was fetched: the node is out for less time
            except OSError:  # another file system
                shutil.copyfile(new, making)
                making.chmod(0o755)
                sync(making)
            if path.exists():
                old = path.stat()
                os.chown(making, old.st_uid, old.st_gid)
                making.chmod(old.st_mode & 0o7777)
            os.replace(making, path)
        except OSError as exc:
            raise UpliftError(f"{path} could not be replaced: {exc}. The old program is still there.") from exc
        finally:
            making.unlink(missing_ok=True)
        sync(path.parent)
        restorecon = self.runner.which("restorecon")
        if restorecon:
            self.runner.run([restorecon, str(path)])

    def _missing(self, version: str) -> str:
        """Why a version is not to be had whole, or ""."""
        try:
            for name in BINARIES:
                self._checksum(self._file(version, name))
        except UpliftError as exc:
            return str(exc)
        return ""

    def _file(self, version: str, name: str) -> str:
        return f"{self.url}/{version}/bin/linux/{architecture()}/{name}"

    def _checksum(self, url: str) -> str:
        text = self.web.text(f"{url}.sha256")
        digest = (text.split() or [""])[0].lower()
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise UpliftError(f"{url}.sha256 holds no SHA-256 checksum, but {text[:60]!r}")
        return digest
