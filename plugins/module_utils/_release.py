# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubeadm, kubelet and kubectl of a version: what the source offers, brought to the node, and installed there.

Three sources know how to do that: apt, dnf, and plain binaries. What is common to them is here: where files lie, that a
version lies there whole or not at all, what is kept of the old one, and kubelet's restart.

    /var/lib/uplift-kubeadm/release/v1.25.4/  verified files of a version, kubeadm ready to run among them
    /var/lib/uplift-kubeadm/kept/v1.24.17/    the programs that were replaced
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import tempfile
import time
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import require_space, sha256, sync, write_private
from ansible_collections.uplift.kubeadm.plugins.module_utils._node import BINARIES, PACKAGES, Node, version_of
from ansible_collections.uplift.kubeadm.plugins.module_utils._running import manifests
from ansible_collections.uplift.kubeadm.plugins.module_utils._settled import absent, older, process_starts, processes
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import parse_minor, parse_version

CONTENTS = "release.json"
# Three programs are 160 to 230 MiB; packages are smaller, and unpacked once for kubeadm.
FREE_MIB_TO_FETCH = 400
KUBELET_POLL_SECONDS = 0.1
# A new kubelet was seen to end the programs of the old one's static pods within 3 s, and to start their successors,
# where they are not held back, within another.
STATIC_PODS_END_SECONDS, STATIC_PODS_START_SECONDS = 6.0, 1.5


class Source(t.Protocol):
    """A way to get and install Kubernetes programs."""

    method: str

    def offered(self, minor: str, probe: t.Sequence[str]) -> list[str]:
        """Versions of a minor to be had, newest first. probe: versions to look for where a source has no list.

        Raises UpliftError when the source cannot be read.
        """

    def fetch(self, version: str, folder: Path) -> None:
        """Fill an empty folder with the verified files of a version, a runnable `kubeadm` among them."""

    def pending(self, version: str, folder: Path, present: t.Mapping[str, str | None]) -> list[str]:
        """Which components are not yet, or not wholly, installed as the files in this folder.

        present is {component: the version that it says it is}.
        """

    def packages(self) -> dict[str, str]:
        """{package: version} of Kubernetes' packages that are wholly installed."""

    def install(self, version: str, folder: Path, components: t.Sequence[str]) -> None:
        """Install these components from this folder, without a network."""

    def settle(self, version: str, components: t.Sequence[str], check: bool) -> list[str]:
        """Holds, and the minor of the node's own repository, as they ought to be; a sentence for each change."""


class Installed(t.NamedTuple):
    """What an install did; replaced is {component: the version it was}."""

    replaced: dict[str, str | None]
    kept: str | None
    settled: list[str]
    restarted: bool
    started_again: bool


class Pruned(t.NamedTuple):
    """Paths that went, kept folders that were left, and why they were."""

    removed: list[str]
    left: list[str]
    left_why: str


class Release:
    """Releases on this node. state is /var/lib/uplift-kubeadm.

    touched: whether a program, package, hold or repository of the node was changed, or its kubelet had been replaced
    before, by a call that may have ended too early; true to fact after errors too.
    """

    def __init__(self, state: Path, node: Node, source: Source, runner: Runner, step_back: bool = False) -> None:
        self.state = state
        self.node = node
        self.source = source
        self.runner = runner
        self.step_back = step_back
        self.touched = False

    def offered(
        self, minors: t.Iterable[str], versions: t.Sequence[str] = ()
    ) -> tuple[dict[str, list[str]], dict[str, str]]:
        """({minor: versions, newest first}, {minor: why there are none})."""
        available, errors = {}, {}
        for minor in minors:
            probe = [str(parse_version(v)) for v in versions if parse_minor(v) == parse_minor(minor)]
            try:
                available[minor] = self.source.offered(minor, probe)
            except UpliftError as exc:
                available[minor], errors[minor] = [], str(exc)
        return available, errors

    def folder(self, version: str) -> Path:
        """Where the files of a version lie."""
        return self.state / "release" / version

    def is_fetched(self, version: str) -> bool:
        """Whether a version lies ready, from this kind of source, with every file as it was verified."""
        files = self._files(version)
        return files is not None and not self._damaged(version, files)

    def fetch(self, version: str) -> bool:
        """Bring a version to the node; False when it lies there already. It is whole, or not there at all."""
        parse_version(version, "The version to fetch")
        if self.is_fetched(version):
            return False
        folder = self.folder(version)
        for parent in (self.state, folder.parent):
            parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in folder.parent.glob(f".{version}.*"):  # of a run that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        require_space(folder.parent, FREE_MIB_TO_FETCH)
        making = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{version}."))
        try:
            self.source.fetch(version, making)
            seen = version_of(self.runner, "kubeadm", making / "kubeadm")
            if seen != version:
                raise UpliftError(
                    f"The source gave a kubeadm for {version} that says it is {seen}; it was thrown away."
                )
            files = {file.name: sha256(file) for file in sorted(making.iterdir())}
            write_private(making / CONTENTS, json.dumps({"method": self.source.method, "files": files}) + "\n")
            for file in making.iterdir():
                sync(file)
            if folder.exists():
                shutil.rmtree(folder)
            os.rename(making, folder)
            sync(folder.parent)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
        return True

    def pending(self, version: str, present: t.Mapping[str, str | None]) -> list[str]:
        """Which components an install would replace; present is {component: the version it is now}.

        Raises UpliftError for a step back, unless this release was made for one.
        """
        if self._files(version) is None:
            found = [name for name, seen in present.items() if seen != version]
        else:
            found = self.source.pending(version, self.folder(version), present)
        for name in found if not self.step_back else ():
            refuse_step_back(name, present[name], version)
        return found

    def present(self, components: t.Container[str]) -> dict[str, str | None]:
        """{component: the version that the installed program says it is}."""
        return {name: version for name, version in self.node.versions().items() if name in components}

    def install(self, version: str, components: t.Sequence[str], *, restart_kubelet: bool, timeout: float) -> Installed:
        """Install components of a fetched version, and see to kubelet's restart when asked.

        timeout, in seconds, is how long kubelet may take to be active and healthy. Raises UpliftError when the version
        does not lie ready, would be a step back, or does not say afterwards that it is what was asked for.
        """
        before = after = self.present(components)
        # An earlier call may have failed, or been killed, before the new kubelet came up.
        self.touched = before.get("kubelet") == version
        pending = self.pending(version, before)
        kept = None
        if pending:
            self._require(version, with_support(pending))
            kept = self._keep({name: before[name] for name in pending})
            untouched = self._seen()
            try:
                self.source.install(version, self.folder(version), pending)
            finally:
                self.touched = self.touched or self._seen() != untouched
            after = self.present(components)
        for name, seen in after.items():
            if seen != version:
                raise UpliftError(f"{name} was installed as {version}, but says it is {seen}.")
        # Also when nothing was replaced: an earlier run may have ended between the two.
        settled = self.source.settle(version, components, check=False)
        self.touched = self.touched or bool(settled)
        restarted = restart_kubelet and ("kubelet" in pending or kubelet_is_stale(self.runner))
        started_again = False
        if restarted:
            restart(self.runner, self.node.root, timeout)
            old = before.get("kubelet")
            another_minor = old is not None and parse_minor(old) != parse_minor(version)
            started_again = another_minor and static_pods_are_held_back(self.node.root)
            if started_again:
                restart(self.runner, self.node.root, timeout)
        return Installed({name: before[name] for name in pending}, kept, settled, restarted, started_again)

    def prune(self, keep: t.Container[str], check: bool) -> Pruned:
        """Remove staged and kept files of all versions but those to keep, and folders that are then empty.

        The programs that were replaced stay until the kubelet that took over has proven itself.
        """
        staged, kept = (self._others(kind, keep) for kind in ("release", "kept"))
        doubt = kubelet_doubt(self.runner, self.node.root) if kept else ""
        going = staged if doubt else [*staged, *kept]
        for folder in (self.state / "release", self.state / "kept"):
            if folder.is_dir() and set(folder.iterdir()) <= set(going):
                going.append(folder)
        if not check:
            for path in going:
                shutil.rmtree(path)
        return Pruned([str(path) for path in going], [str(path) for path in kept] if doubt else [], doubt)

    def _others(self, kind: str, keep: t.Container[str]) -> list[Path]:
        folder = self.state / kind
        return sorted(entry for entry in folder.iterdir() if entry.name not in keep) if folder.is_dir() else []

    def _seen(self) -> tuple[dict[str, str], list[tuple[int, int] | None]]:
        """What an install changes: packages, and the programs' files."""
        files = [self.node.binary(name) for name in BINARIES]
        return self.source.packages(), [(s.st_ino, s.st_mtime_ns) if f and (s := f.stat()) else None for f in files]

    def _files(self, version: str) -> dict[str, str] | None:
        """{file: SHA-256} of a version that lies ready from this kind of source, else None."""
        try:
            contents = json.loads((self.folder(version) / CONTENTS).read_text())
            return dict(contents["files"]) if contents["method"] == self.source.method else None
        except (OSError, ValueError, KeyError):
            return None

    def _damaged(self, version: str, files: t.Mapping[str, str]) -> list[str]:
        """Those of the files that are not as they were verified."""
        folder = self.folder(version)
        return [
            name for name, digest in files.items() if not (folder / name).is_file() or sha256(folder / name) != digest
        ]

    def _require(self, version: str, names: t.Sequence[str]) -> None:
        """Raise UpliftError unless the files of these components lie ready, undamaged."""
        files = self._files(version)
        why = "it was not fetched"
        if files is not None:
            needed = {f: digest for f, digest in files.items() if f.startswith(tuple(names))}
            damaged = self._damaged(version, needed)
            if not damaged:
                return
            why = f"damaged since it was fetched: {', '.join(damaged)}"
        raise UpliftError(
            f"{version} does not lie ready in {self.folder(version)} ({why}). Run kubernetes_release with "
            "state=fetched first; nothing was changed."
        )

    def _keep(self, programs: t.Mapping[str, str | None]) -> str | None:
        """Keep the programs ({name: version}) that are about to be replaced; the folder of the first."""
        first = None
        for name, version in programs.items():
            path = self.node.binary(name)
            if path is None or version is None:
                continue
            folder = self.state / "kept" / version
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            first = first or str(folder)
            if not (folder / name).exists():
                copy = folder / f".{name}.new"
                copy.unlink(missing_ok=True)
                try:
                    os.link(path.resolve(), copy)  # costs no space: the old file lives on when its name is replaced
                except OSError:
                    shutil.copy2(path, copy)
                os.rename(copy, folder / name)
        return first


def refuse_step_back(name: str, seen: str | None, version: str) -> None:
    """Raise UpliftError when an installed program is newer than what is to be installed."""
    if seen is not None and parse_version(seen) > parse_version(version):
        raise UpliftError(
            f"{name} on this node is {seen}, newer than {version}: going back is not done. If a newer version came by "
            "mistake (an unattended upgrade, packages that were not held), choose a target that is at least as new."
        )


def kubelet_is_stale(runner: Runner) -> bool:
    """Whether the kubelet that runs was started from a file that has been replaced since, or none runs."""
    shown = runner.must(["systemctl", "show", "kubelet.service", "--property=MainPID"], "Looking for kubelet").out
    pid = shown.strip().partition("=")[2]
    if pid in ("", "0"):
        return True
    try:
        running = os.readlink(f"/proc/{pid}/exe")
        return running.endswith(" (deleted)") or not os.path.samefile(f"/proc/{pid}/exe", running)
    except OSError:
        return True


def kubelet_doubt(runner: Runner, root: Path) -> str:
    """Why kubelet is not known to do well as it is installed now; "" when it is."""
    if kubelet_is_stale(runner):
        return "no kubelet runs, or one that was started before the installed one came"
    active = runner.run(["systemctl", "is-active", "kubelet.service"]).out.strip()
    return kubelet_health(root) if active == "active" else f"kubelet.service is {active}"


def restart(runner: Runner, root: Path, timeout: float) -> None:
    """Restart kubelet, and wait until it is active and says that it is healthy. Raises UpliftError after timeout s."""
    runner.must(["systemctl", "daemon-reload"], "Reading units anew")
    runner.must(["systemctl", "restart", "kubelet.service"], "Restarting kubelet")
    deadline = time.monotonic() + timeout
    while True:
        active = runner.run(["systemctl", "is-active", "kubelet.service"]).out.strip()
        unhealthy = kubelet_health(root)
        if active == "active" and not unhealthy:
            return
        if time.monotonic() >= deadline:
            said = runner.run(["journalctl", "-u", "kubelet", "-n", "100", "-o", "cat", "--no-pager"]).out.splitlines()
            errors = [line for line in said if re.match(r"[EF]\d{4} |[Ee]rror", line)]
            seen = f"{active}, {unhealthy}" if unhealthy else active
            raise UpliftError(
                f"kubelet was restarted, and {timeout:g} s later it is {seen}. Look at it with journalctl -u kubelet. "
                f"Its last errors: {' | '.join((errors or said)[-4:])}"
            )
        time.sleep(KUBELET_POLL_SECONDS)


def static_pods_are_held_back(root: Path) -> bool:
    """Whether a program of the control plane does not come back when the kubelet that was just started has ended those
    of the one before (_settled.py says why). Watches for a few seconds; at once False on a worker."""
    programs = list(manifests(root))
    if not programs:
        return False
    kubelet = process_starts(processes(root)).get("kubelet", 0.0)
    if not _comes(lambda: not older(processes(root), programs, kubelet), STATIC_PODS_END_SECONDS):
        return False
    return not _comes(lambda: not absent(processes(root), programs), STATIC_PODS_START_SECONDS)


def _comes(condition: t.Callable[[], bool], seconds: float) -> bool:
    """Whether a condition becomes true within some seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(KUBELET_POLL_SECONDS)
    return True


def kubelet_health(root: Path) -> str:
    """Why kubelet is not healthy, as it says itself on this host; "" when it is, or has been told not to say."""
    try:
        configuration = (root / "var/lib/kubelet/config.yaml").read_text()
    except OSError:
        configuration = ""
    host, port = (
        match.group(1) if match else default
        for match, default in (
            (re.search(r"^healthzBindAddress:\s*[\"']?([^\s\"']+)", configuration, re.MULTILINE), "127.0.0.1"),
            (re.search(r"^healthzPort:\s*(\d+)", configuration, re.MULTILINE), "10248"),
        )
    )
    if port == "0":
        return ""
    try:
        connection = http.client.HTTPConnection(
            "127.0.0.1" if host in ("0.0.0.0", "::") else host, int(port), timeout=2
        )
        try:
            connection.request("GET", "/healthz")
            status = connection.getresponse().status
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as exc:
        return f"its health check does not answer ({exc})"
    return "" if status == 200 else f"its health check answers HTTP {status}"


def newest_first(versions: t.Iterable[str]) -> list[str]:
    """Versions without repeats, newest first."""
    return sorted(set(versions), key=parse_version, reverse=True)


def with_support(components: t.Iterable[str]) -> list[str]:
    """Packages that components depend on, besides each other.

    kubeadm up to 1.29 depends on kubernetes-cni too, and on kubelet and kubectl of 1.19 or later, which every node has
    (kubernetes/release, cmd/krel/templates/latest/metadata.yaml).
    """
    chosen = set(components)
    if "kubeadm" in chosen:
        chosen.add("cri-tools")
    if chosen & {"kubeadm", "kubelet"}:
        chosen.add("kubernetes-cni")
    return [name for name in PACKAGES if name in chosen]
