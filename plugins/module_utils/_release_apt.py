# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes packages by apt, from a repository a minor as pkgs.k8s.io has them (or one that holds all minors).

What is offered is asked of a private view: a sources file, lists and a cache of its own in a temporary folder, with the
node's keyring and apt's own verification of signatures. The system's apt is not touched until something is installed.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import time
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Result
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._node import PACKAGES
from ansible_collections.uplift.kubeadm.plugins.module_utils._release import with_support
from ansible_collections.uplift.kubeadm.plugins.module_utils._release_packages import (
    OTHERS,
    URL,
    Packages,
    Stanza,
    choose_packages,
    with_minor,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._scratch import scratch
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import minor_name, parse_minor

LOCK_SECONDS = 300
# No dialogue ever: of a changed conffile the node's version stays. needrestart would restart the container runtime.
QUIET = {
    "DEBIAN_FRONTEND": "noninteractive",
    "APT_LISTCHANGES_FRONTEND": "none",
    "NEEDRESTART_SUSPEND": "1",
    "UCF_FORCE_CONFFOLD": "1",
}
CONFFILES = ("--force-confdef", "--force-confold")
# Without a network: apt knows of no source but the files. (--no-download breaks installs of files: "Pathname to install
# is not absolute".) The caches of the system stay as they are.
NO_SOURCES = (
    "Dir::Etc::sourcelist=/dev/null",
    "Dir::Etc::sourceparts=/dev/null",
    "Dir::Cache::pkgcache=",
    "Dir::Cache::srcpkgcache=",
)
INTERRUPTED = "dpkg was interrupted"
# What dpkg says when another holds its lock, and ends at once: DPkg::Lock::Timeout is for apt-get's own locks alone.
LOCKED = "locked by another process"
POLL_SECONDS = 1.0


class Apt(Packages):
    """The source of deb packages.

    repository: URL of a flat repository, or a whole "deb ..." line. key: path of its keyring.
    """

    def fetch(self, version: str, folder: Path) -> None:
        """Download the packages (apt verifies them by the signed index), and unpack kubeadm beside them."""
        minor = minor_name(parse_minor(version))
        with self._view(minor) as view:
            chosen = choose_packages(version, self._offers(view, minor), self._where(minor))
            named = [f"{name}={package_version}" for name, package_version in chosen.items()]
            self.runner.must(
                ["apt-get", "-q", *view, "download", *named],
                f"Downloading {', '.join(named)} from {self._where(minor)}",
                cwd=str(folder),
                env=QUIET,
            )
        unpacked = folder / ".unpacked"
        self.runner.must(["dpkg-deb", "-x", str(package_file(folder, "kubeadm")), str(unpacked)], "Unpacking kubeadm")
        shutil.move(str(unpacked / "usr/bin/kubeadm"), str(folder / "kubeadm"))
        shutil.rmtree(unpacked)

    def pending(self, version: str, folder: Path, present: t.Mapping[str, str | None]) -> list[str]:
        """Components of which the package is of another version, or not wholly installed."""
        packages = self.packages()
        return [name for name in present if packages.get(name) != package_version(package_file(folder, name))]

    def install(self, version: str, folder: Path, components: t.Sequence[str]) -> None:
        """Install packages from files, with those that go with them; holds are as before afterwards."""
        present = self.packages()
        files = []
        for name in with_support(components):
            file = package_file(folder, name) if name in components else find_package(folder, name)
            if file and (name in components or self._is_newer(package_version(file), present.get(name))):
                files.append(str(file))
        held = self.node.holds()
        try:
            self._install(files)
        finally:
            self._mark("hold", sorted(set(held) - set(self.node.holds())))

    def settle(self, version: str, components: t.Sequence[str], check: bool) -> list[str]:
        """Hold what is installed of the components; once kubelet is new, let the node's repository follow."""
        done = []
        if self.hold:
            names = [name for name in with_support(components) if name in self.packages()]
            unheld = [name for name in names if name not in self.node.holds()]
            if unheld:
                done.append(f"hold {', '.join(unheld)}")
                if not check:
                    self._mark("hold", unheld)
        return done + super().settle(version, components, check)

    def packages(self) -> dict[str, str]:
        """{package: version} of those that are wholly installed."""
        shown = self.runner.run(
            ["dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Status}\n", *PACKAGES]
        ).out
        rows = [line.split() for line in shown.splitlines()]
        return {row[0]: row[1] for row in rows if len(row) == 3 and row[2] == "installed"}

    def _stanzas(self) -> list[Stanza]:
        etc = self.node.root / "etc/apt"
        files = [
            etc / "sources.list",
            *sorted(etc.glob("sources.list.d/*.list")),
            *sorted(etc.glob("sources.list.d/*.sources")),
        ]
        return [Stanza(file, text) for file in files if file.is_file() for text in _active(file)]

    def _where(self, minor: str) -> str:
        text = self._text(minor)[1]
        return " ".join(URL.findall(text)) or text

    def _text(self, minor: str) -> tuple[str, str]:
        """(kind of sources file, content) of the private view for a minor."""
        if self.repository:
            line = self.repository.replace("{minor}", minor)
            if not line.startswith("deb "):
                line = f"deb {f'[signed-by={self.key}] ' if self.key else ''}{line} /"
            return "list", line + "\n"
        found = self.sources()
        if not found:
            raise UpliftError(
                "No source of apt on this node has Kubernetes packages (a URL with /v1.NN/ in it, such as "
                "https://pkgs.k8s.io/core:/stable:/v1.25/deb/). Add one, or name the repository by variable."
            )
        kind = found[0].file.suffix[1:]
        same = [with_minor(stanza.text, minor) for stanza in found if stanza.file.suffix == found[0].file.suffix]
        return kind, ("\n" if kind == "list" else "\n\n").join(same) + "\n"

    @contextlib.contextmanager
    def _view(self, minor: str) -> t.Iterator[list[str]]:
        """A configuration file of a private view of a minor's repository, its lists just read."""
        kind, text = self._text(minor)
        with scratch("uplift-kubeadm-apt-") as folder:
            folder.chmod(0o755)  # apt reads the network as the user _apt
            (folder / f"kubernetes.{kind}").write_text(text, encoding="utf-8", errors="surrogateescape")
            for name in ("lists/partial", "cache/archives/partial"):
                (folder / name).mkdir(parents=True)
            (folder / "apt.conf").write_text(self._configuration(folder, kind))
            view = ["-c", str(folder / "apt.conf")]
            result = self.runner.run(["apt-get", "-q", *view, "update"], env=QUIET)
            # apt before 2.1 ends well though it could read nothing.
            if result.rc != 0 or re.search(r"^Err:|Failed to fetch", result.out + result.err, re.MULTILINE):
                # An "Err:" has its reason (404 Not Found) on the next line.
                trouble = re.findall(r"^(?:Err:.*(?:\n  .*)?|[EW]: .*)", result.out + result.err, re.MULTILINE)
                said = " | ".join(dict.fromkeys(" ".join(line.split()) for line in trouble)) or result.why()
                raise UpliftError(f"The repository {self._where(minor)} cannot be read by apt: {said}")
            yield view

    def _configuration(self, folder: Path, kind: str) -> str:
        options = {
            "Dir::Etc::sourcelist": folder / f"kubernetes.{kind}",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State::lists": folder / "lists",
            "Dir::Cache": folder / "cache",
            "Acquire::Languages": "none",
            "Acquire::AllowInsecureRepositories": "false",
            "APT::Update::Error-Mode": "any",
        }
        if self.ca_path:
            options["Acquire::https::CAInfo"] = self.ca_path
        # Hooks of the node's own configuration belong to its own lists.
        hooks = ("APT::Update::Pre-Invoke", "APT::Update::Post-Invoke", "APT::Update::Post-Invoke-Success")
        return "".join(
            [f"#clear {hook};\n" for hook in hooks] + [f'{key} "{value}";\n' for key, value in options.items()]
        )

    def _offers(self, view: t.Sequence[str], minor: str) -> dict[str, list[str]]:
        result = self.runner.must(
            ["apt-cache", *view, "madison", *PACKAGES], f"Reading the index of {self._where(minor)}"
        )
        offers: dict[str, list[str]] = {}
        for line in result.out.splitlines():
            fields = [field.strip() for field in line.split("|")]
            if len(fields) == 3:
                offers.setdefault(fields[0], []).append(fields[1])
        return offers

    def _is_newer(self, version: str, than: str | None) -> bool:
        return than is None or self.runner.run(["dpkg", "--compare-versions", version, "gt", than]).rc == 0

    def _install(self, files: t.Sequence[str]) -> None:
        argv = [
            "apt-get",
            "-q",
            "-y",
            "install",
            "--no-remove",
            "--no-install-recommends",
            "--allow-change-held-packages",
            "--allow-downgrades",  # nothing is, unless it was asked for: Release refuses a step back
        ]
        options = [f"DPkg::Lock::Timeout={LOCK_SECONDS}", *NO_SOURCES]
        for option in [*options, *(f"Dpkg::Options::={option}" for option in CONFFILES)]:
            argv += ["-o", option]
        argv += files
        result: Result = self.runner.run(argv, env=QUIET, timeout=LOCK_SECONDS + 600)
        if result.rc != 0 and INTERRUPTED in result.err:  # a run was killed while dpkg was at work
            self._dpkg(["dpkg", *CONFFILES, "--configure", "-a"], "Finishing an install that was killed")
            result = self.runner.run(argv, env=QUIET, timeout=LOCK_SECONDS + 600)
        if result.rc != 0:
            names = ", ".join(Path(file).name for file in files)
            raise UpliftError(
                f"apt could not install {names} (without a network, so what they need has to be there): {result.why()}"
            )

    def _mark(self, what: str, names: t.Sequence[str]) -> None:
        if names:
            self._dpkg(["apt-mark", what, *names], f"apt-mark {what} {' '.join(names)}")

    def _dpkg(self, argv: t.Sequence[str], what: str) -> None:
        """Run what takes dpkg's lock without waiting for it, again and again while another holds it.

        :raises UpliftError: it fails, or the lock is not free within LOCK_SECONDS.
        """
        deadline = time.monotonic() + LOCK_SECONDS
        while (result := self.runner.run(argv, env=QUIET)).rc != 0:
            if LOCKED not in result.err or time.monotonic() > deadline:
                raise UpliftError(f"{what} failed ({argv[0]}, exit code {result.rc}): {result.why()}")
            time.sleep(POLL_SECONDS)


def find_package(folder: Path, name: str) -> Path | None:
    """The package file of a component in a folder of a release, if there is one."""
    return next(iter(sorted(folder.glob(f"{name}_*.deb"))), None)


def package_file(folder: Path, name: str) -> Path:
    """The package file of a component that has to be there."""
    file = find_package(folder, name)
    if file is None:
        raise UpliftError(f"{folder} holds no package of {name}.")
    return file


def package_version(file: Path) -> str:
    """Version in the name of a package file; apt writes an epoch's colon as %3a."""
    return file.name.split("_")[1].replace("%3a", ":")


def _active(file: Path) -> list[str]:
    """The active sources of packages in a file, as they stand there, but for other projects'."""
    text = file.read_text(encoding="utf-8", errors="surrogateescape")
    if file.suffix == ".sources":
        paragraphs = [p.strip("\n") for p in re.split(r"\n\s*\n", text)]
        off = re.compile(r"^Enabled:\s*(no|false)", re.MULTILINE | re.IGNORECASE)
        active = [p for p in paragraphs if re.search(r"^Types:.*\bdeb\b", p, re.MULTILINE) and not off.search(p)]
    else:
        active = [line for line in text.splitlines() if re.match(r"\s*deb\s", line)]
    return [stanza for stanza in active if not OTHERS.search(stanza)]
