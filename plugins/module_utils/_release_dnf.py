# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes packages by dnf, from a repository a minor as pkgs.k8s.io has them (or one that holds all minors).

As with apt, a private view is looked at: a repository file and a cache of its own in a temporary folder. An `exclude`
in the node's repository file, which the documentation uses as a hold, stays there; the view has none.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._node import PACKAGES, version_of
from ansible_collections.uplift.kubeadm.plugins.module_utils._release import with_support
from ansible_collections.uplift.kubeadm.plugins.module_utils._release_packages import (
    OTHERS,
    Packages,
    Stanza,
    choose_packages,
    with_minor,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._scratch import scratch
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import minor_name, parse_minor

VIEW = "uplift-kubeadm"
EXCLUDING = re.compile(r"^\s*(exclude|excludepkgs|includepkgs|enabled)\s*=.*(\n[ \t]+.*)*\n?", re.MULTILINE)
NAMED = "%{NAME} %{VERSION}-%{RELEASE}\n"
CPIO_HEADER = 110
CPIO_MAGIC = b"070701"


class Dnf(Packages):
    """The source of rpm packages. dnf's hold is an exclude in the repository file, which stays as it is."""

    def fetch(self, version: str, folder: Path) -> None:
        """Download the packages, have rpm check their signatures, and unpack kubeadm beside them."""
        minor = minor_name(parse_minor(version))
        with self._view(minor) as view:
            chosen = choose_packages(version, self._offers(view, minor), self._where(minor))
            present = self.packages()
            for name in ("cri-tools", "kubernetes-cni"):  # never a step back for what merely goes along
                if name in chosen and not _is_newer(chosen[name], present.get(name)):
                    del chosen[name]
            named = [f"{name}-{package_version}" for name, package_version in chosen.items()]
            what = f"Downloading {', '.join(named)} from {self._where(minor)}"
            options = ["--downloadonly", f"--downloaddir={folder}", "--setopt=install_weak_deps=False"]
            self.runner.must(["dnf", "-y", *view, *options, "install", *named], what)
        files = [file for name in chosen if (file := find_package(folder, name))]
        if re.search(r"^\s*gpgcheck\s*=\s*(0|no|false)", self._text(minor), re.MULTILINE | re.IGNORECASE) is None:
            self._check_signatures(files)
        package = find_package(folder, "kubeadm")
        if package is not None:
            archive = folder / ".kubeadm.cpio"
            self.runner.save(["rpm2cpio", str(package)], archive, "Unpacking kubeadm")
            extract(archive, "usr/bin/kubeadm", folder / "kubeadm")
            archive.unlink()
        else:  # dnf downloads nothing that is installed already
            kubeadm = self.node.binary("kubeadm")
            if kubeadm is None or version_of(self.runner, "kubeadm", kubeadm) != version:
                raise UpliftError(f"dnf did not download kubeadm {version}, and it is not installed either.")
            shutil.copyfile(kubeadm, folder / "kubeadm")
        (folder / "kubeadm").chmod(0o755)

    def pending(self, version: str, folder: Path, present: t.Mapping[str, str | None]) -> list[str]:
        """Components of which the package is of another version."""
        packages = self.packages()
        pending = []
        for name, seen in present.items():
            file = find_package(folder, name)
            if file is None:
                if seen != version:
                    raise UpliftError(f"{folder} holds no package of {name}. Fetch {version} again.")
            elif packages.get(name) != package_version(file):
                pending.append(name)
        return pending

    def install(self, version: str, folder: Path, components: t.Sequence[str]) -> None:
        """Install packages from files, with those that go with them; no repository is enabled, so no network."""
        present = self.packages()
        found = [(name, find_package(folder, name)) for name in with_support(components)]
        files = [
            str(file)
            for name, file in found
            if file and (name in components or _is_newer(package_version(file), present.get(name)))
        ]
        options = ["--disablerepo=*", "--disableexcludes=all", "--disableplugin=versionlock", "--cacheonly"]
        options += ["--setopt=install_weak_deps=False"]
        what = f"Installing {', '.join(Path(file).name for file in files)} (without a network)"
        self.runner.must(["dnf", "-y", *options, "install", *files], what)

    def packages(self) -> dict[str, str]:
        """{package: version} of those that are installed."""
        shown = self.runner.run(["rpm", "-q", "--queryformat", NAMED, *PACKAGES]).out
        return {row[0]: row[1] for row in map(str.split, shown.splitlines()) if len(row) == 2 and row[0] in PACKAGES}

    def _stanzas(self) -> list[Stanza]:
        files = sorted((self.node.root / "etc/yum.repos.d").glob("*.repo"))
        return [Stanza(file, text) for file in files for text in _sections(file)]

    def _where(self, minor: str) -> str:
        return " ".join(re.findall(r"^\s*baseurl\s*=\s*(\S+)", self._text(minor), re.MULTILINE))

    def _text(self, minor: str) -> str:
        """The repository file of the private view for a minor."""
        if self.repository:
            key = f"gpgkey=file://{self.key}\n" if self.key else ""
            sections = [
                f"[{VIEW}]\nname=Kubernetes\nbaseurl={self.repository.replace('{minor}', minor)}\ngpgcheck=1\n{key}"
            ]
        else:
            found = self.sources()
            if not found:
                raise UpliftError(
                    "No repository of dnf on this node has Kubernetes packages (a baseurl with /v1.NN/ in it, such as "
                    "https://pkgs.k8s.io/core:/stable:/v1.25/rpm/). Add one, or name the repository by variable."
                )
            sections = [
                re.sub(r"^\[.*\]", f"[{VIEW}-{number}]", EXCLUDING.sub("", with_minor(stanza.text, minor)).strip())
                for number, stanza in enumerate(found)
            ]
        more = f"sslcacert={self.ca_path}\n" if self.ca_path else ""
        return "".join(f"{section.strip()}\nenabled=1\n{more}\n" for section in sections)

    @contextlib.contextmanager
    def _view(self, minor: str) -> t.Iterator[list[str]]:
        with scratch("uplift-kubeadm-dnf-") as folder:
            (folder / "kubernetes.repo").write_text(self._text(minor), encoding="utf-8", errors="surrogateescape")
            yield [
                f"--setopt=reposdir={folder}",
                f"--setopt=cachedir={folder}/cache",
                "--setopt=metadata_expire=0",
                "--setopt=skip_if_unavailable=False",
                "--disableplugin=versionlock",
                "--disableexcludes=all",
            ]

    def _offers(self, view: t.Sequence[str], minor: str) -> dict[str, list[str]]:
        query = ["repoquery", "--showduplicates", "--queryformat", "%{name} %{version}-%{release}\n", *PACKAGES]
        result = self.runner.must(["dnf", "-y", *view, *query], f"Reading the repository {self._where(minor)}")
        offers: dict[str, set[str]] = {}
        for words in map(str.split, result.out.splitlines()):
            if len(words) == 2:
                offers.setdefault(words[0], set()).add(words[1])
        return {name: sorted(versions, key=_key, reverse=True) for name, versions in offers.items()}

    def _check_signatures(self, files: t.Sequence[Path]) -> None:
        """Raise UpliftError unless each package has a signature by a key that rpm on this node trusts."""
        for file in files:
            result = self.runner.run(["rpmkeys", "--checksig", str(file)])
            if result.rc != 0 or not re.search(r"\b(signatures|pgp|gpg) .*OK$", result.out.strip()):
                raise UpliftError(
                    f"{file.name} has no signature by a key that this node trusts: "
                    f"{result.out.strip() or result.why()}. It was thrown away. If the repository is right, "
                    "import its key: rpm --import URL-OF-THE-KEY."
                )


def find_package(folder: Path, name: str) -> Path | None:
    """The package file of a component in a folder of a release, if there is one."""
    return next(iter(sorted(folder.glob(f"{name}-[0-9]*.rpm"))), None)


def package_version(file: Path) -> str:
    """version-release in the name of a package file, name-version-release.arch.rpm."""
    _name, version, release = file.name.rsplit(".", 2)[0].rsplit("-", 2)
    return f"{version}-{release}"


def extract(archive: Path, name: str, target: Path) -> None:
    """Take one file out of a cpio archive of the "new ASCII" format, as rpm2cpio writes it (not all nodes have cpio).

    Header: magic, then 13 fields of 8 hexadecimal digits, of which [6] is the file's size and [11] its name's; name and
    content are each filled up to a multiple of 4 bytes.
    """
    with archive.open("rb") as stream:
        while True:
            header = stream.read(CPIO_HEADER)
            if len(header) < CPIO_HEADER or header[:6] != CPIO_MAGIC:
                raise UpliftError(f"{archive} is no cpio archive, or has no {name}.")
            size, name_size = (int(header[6 + 8 * field : 14 + 8 * field], 16) for field in (6, 11))
            found = stream.read(name_size + -(CPIO_HEADER + name_size) % 4)[: name_size - 1].decode(errors="replace")
            if found == "TRAILER!!!":
                raise UpliftError(f"{archive} has no {name}.")
            content = stream.read(size + -size % 4)[:size]
            if found.lstrip("./") == name:
                target.write_bytes(content)
                return


def _key(version: str) -> list[int]:
    """Orders package versions of one package by the numbers in them."""
    return [int(number) for number in re.findall(r"\d+", version)]


def _is_newer(version: str, than: str | None) -> bool:
    return than is None or _key(version) > _key(than)


def _sections(file: Path) -> list[str]:
    """The enabled repositories of a file, as they stand there, but for other projects'."""
    text = file.read_text(encoding="utf-8", errors="surrogateescape")
    off = re.compile(r"^\s*enabled\s*=\s*(0|no|false)", re.MULTILINE | re.IGNORECASE)
    sections = re.findall(r"^\[[^\]]+\][^\n]*\n(?:(?!\[).*\n?)*", text, re.MULTILINE)
    return [section for section in sections if not off.search(section) and not OTHERS.search(section)]
