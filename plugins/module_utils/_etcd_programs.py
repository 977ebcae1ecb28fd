# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""etcd's programs: taken from the etcd that runs, kept beside its snapshots, and started for a moment to prove one.

A snapshot is of use only with programs that read it. Those that the running etcd was started with are the right ones by
definition, and lie within reach: a container's files are /proc/PID/root. So they are copied from there, and a restore
needs neither a download nor the image of a version that the cluster may have left long ago.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils._command import PATH, Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._etcd import Etcd
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_flags import flags_of

NAMES = ("etcd", "etcdctl", "etcdutl")
# etcd wants a host and a port in every URL, and makes a socket of that name in its working folder.
CLIENT, PEER = "localhost:1", "localhost:2"
RESTORED_BY_ETCDCTL = ("3.3.", "3.4.", "3.5.")  # `etcdctl snapshot restore` is gone in 3.6 (etcd's CHANGELOG-3.6.md)
START_SECONDS = 120.0
# For what etcd does with all of its keys at once. etcdctl by itself gives up after 5 s (etcdctl/ctlv3/ctl.go).
LONG_SECONDS = 600
POLL_SECONDS = 0.1
PR_SET_PDEATHSIG = 1  # prctl(2)


class Programs(t.NamedTuple):
    """Paths of etcd's programs. etcdutl is there from etcd 3.5 on, and not in every image."""

    etcd: Path
    etcdctl: Path
    etcdutl: Path | None

    def restorer(self) -> Path:
        """The program that restores snapshots: etcdctl up to 3.5 can, from 3.6 on etcdutl alone."""
        return self.etcdutl or self.etcdctl

    def version(self, runner: Runner) -> str:
        """ "3.5.6", as etcd itself says.

        :raises UpliftError: it does not run here, or says nothing of the kind.
        """
        said = runner.must([str(self.etcd), "--version"], "Asking etcd for its version").out
        name, _colon, version = said.partition("\n")[0].partition(": ")
        if name != "etcd Version":
            raise UpliftError(f"{self.etcd} was asked for its version, and says {said[:100]!r}.")
        return version.strip()


def running(proc: Path, data_dir: str | None, runner: Runner) -> Programs:
    """The programs of the etcd that runs on this node with this data folder (as etcd itself sees it).

    data_dir is None for an etcd that is not kubeadm's, and may keep its data anywhere: the only one that runs.

    :raises UpliftError: none runs, or more than one that may be meant, or it came without etcdctl.
    """
    process = _the_one(list(_processes(proc)), data_dir)
    beside = process / "root" / os.readlink(process / "exe").lstrip("/")
    folders = [beside.parent, *(process / "root" / folder.lstrip("/") for folder in PATH.split(":"))]
    paths = {name: next((f / name for f in folders if (f / name).is_file()), None) for name in NAMES}
    on_host = {name: path or (Path(own) if (own := runner.which(name)) else None) for name, path in paths.items()}
    etcdctl = on_host["etcdctl"]
    if etcdctl is None:
        raise UpliftError(
            f"The etcd that runs here (process {process.name}) came without etcdctl, and this node has none either. A "
            "snapshot cannot be proven without it: install etcdctl of the same version on the node."
        )
    return Programs(process / "exe", etcdctl, on_host["etcdutl"])


def _the_one(seen: t.Sequence[tuple[Path, str | None]], data_dir: str | None) -> Path:
    """Of the etcds that run, with their data folders where they say them, the one that is meant."""
    if data_dir is None:
        if len(seen) > 1:
            told = ", ".join(f"process {process.name} ({own or 'it does not say'})" for process, own in seen)
            raise UpliftError(
                f"{len(seen)} etcds run on this node, by process and data folder: {told}. Say which is meant by its "
                "data folder (data_dir of this module, kubeadm_upgrade_etcd_data_dir of the playbooks)."
            )
        if not seen:
            raise UpliftError("No etcd runs on this node; look with: pgrep -a etcd.")
        return seen[0][0]
    named = [process for process, own in seen if own is not None and _same(own, data_dir)]
    found = named or [process for process, own in seen if own is None]
    if not found:
        raise UpliftError(
            f"No etcd with the data folder {data_dir} runs on this node; look with: crictl ps --name etcd, or "
            "pgrep -a etcd."
        )
    return found[0]


def runs(proc: Path, data_dir: str) -> bool:
    """Whether an etcd runs on this node that says to have this data folder."""
    return any(own is not None and _same(own, data_dir) for _process, own in _processes(proc))


def keep(programs: Programs, folder: Path, runner: Runner) -> Programs:
    """Have copies of the programs in FOLDER/etcd-VERSION, made once a version; they run from there."""
    version = programs.version(runner)
    if programs.etcdutl is None and not version.startswith(RESTORED_BY_ETCDCTL):
        raise UpliftError(
            f"etcd {version} came without etcdutl, and this node has none: from 3.6 on etcdctl restores no snapshots, "
            f"so none can be proven. Install the etcdutl of etcd {version} on the node (/usr/local/bin), and run again."
        )
    kept = folder / f"etcd-{version}"
    if not kept.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(dir=folder, prefix=f".etcd-{version}."))
        try:
            for name, path in zip(NAMES, programs):
                if path is not None:
                    shutil.copyfile(path, making / name)
                    (making / name).chmod(0o700)
            os.rename(making, kept)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
    return kept_in(kept)


def kept_in(folder: Path) -> Programs:
    """The programs that lie in a folder.

    :raises UpliftError: etcd or etcdctl is missing.
    """
    for name in ("etcd", "etcdctl"):
        if not (folder / name).is_file():
            raise UpliftError(f"{folder / name} is not there: without etcd's programs the snapshot cannot be read.")
    etcdutl = folder / "etcdutl"
    return Programs(folder / "etcd", folder / "etcdctl", etcdutl if etcdutl.is_file() else None)


class Unix(Etcd):
    """An etcd that is asked through a socket in the file system."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__(f"unix://{path}", None, timeout)
        self._path = path

    def _connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("localhost", timeout=self._timeout)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.settimeout(self._timeout)
            # By way of the folder, however deep it lies: the address of a socket has room for 107 bytes (unix(7)).
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                connection.sock.connect(f"/proc/self/fd/{folder}/{self._path.name}")
            finally:
                os.close(folder)
        except BaseException:
            connection.close()
            raise
        return connection


class Throwaway(t.NamedTuple):
    """An etcd of one member that was started from a snapshot."""

    etcd: Etcd
    programs: Programs
    folder: Path
    runner: Runner

    def hash(self, revision: int) -> tuple[int, int]:
        """(hash, compacted revision) of what it holds up to a revision."""
        return hash_kv(self.runner, self.programs, ["--endpoints", f"unix://{CLIENT}"], revision, str(self.folder))

    def compact(self, revision: int) -> None:
        """Forget what the live etcd has forgotten since, so that the two can be compared."""
        argv = [str(self.programs.etcdctl), "--endpoints", f"unix://{CLIENT}", *_patient()]
        argv += ["compact", str(revision), "--physical"]
        self.runner.must(argv, "Compacting the throwaway etcd", cwd=str(self.folder), timeout=LONG_SECONDS)


def hash_kv(
    runner: Runner, programs: Programs, connection: t.Sequence[str], revision: int, cwd: str | None = None
) -> tuple[int, int]:
    """(hash, compacted revision) that an etcd computes over all keys up to a revision (the gateway cannot be asked)."""
    argv = [str(programs.etcdctl), *connection, *_patient(), "endpoint", "hashkv", "--rev", str(revision), "-w", "json"]
    what = f"Asking etcd for the hash of its keys at revision {revision}"
    said = runner.must(argv, what, env={"ETCDCTL_API": "3"}, cwd=cwd, timeout=LONG_SECONDS).out
    try:
        answer = json.loads(said)[0]["HashKV"]
        return int(answer["hash"]), int(answer.get("compact_revision", 0))
    except (ValueError, LookupError, TypeError):
        raise UpliftError(f"etcdctl was asked for the hash of etcd's keys, and says {said[:200]!r}.") from None


def revision_in(runner: Runner, programs: Programs, snapshot: Path) -> int:
    """The revision that a snapshot ends at, read from the file.

    :raises UpliftError: it is no whole database.
    """
    argv = [str(programs.restorer()), "snapshot", "status", str(snapshot), "-w", "json"]
    said = runner.must(argv, "Reading etcd's snapshot", env={"ETCDCTL_API": "3"}, timeout=LONG_SECONDS).out
    try:
        return int(json.loads(said)["revision"])
    except (ValueError, LookupError, TypeError):
        raise UpliftError(f"{argv[0]} was asked for the revision of a snapshot, and says {said[:200]!r}.") from None


@contextlib.contextmanager
def throwaway(snapshot: Path, programs: Programs, folder: Path, runner: Runner) -> t.Iterator[Throwaway]:
    """An etcd started from a snapshot, for this user alone, and gone with all its data at the end of the block.

    It listens on sockets in a folder of mode 0700 and on no network, and dies with this process.

    :raises UpliftError: the snapshot cannot be restored, or etcd does not come up from it.
    """
    for leftover in folder.glob(".throwaway.*"):  # of a run that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    place = Path(tempfile.mkdtemp(dir=folder, prefix=".throwaway."))
    try:
        peer = f"http://{PEER}"
        restore(runner, programs, snapshot, place / "data", "throwaway", {"throwaway": [peer]}, "throwaway")
        with (place / "log").open("wb") as log:
            # pylint: disable-next=consider-using-with,subprocess-popen-preexec-fn,ansible-bad-function
            process = subprocess.Popen(
                [str(programs.etcd), "--name", "throwaway", "--data-dir", "data", *_listening()],
                cwd=place,
                env={"PATH": PATH},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,
            )
            try:
                etcd = Unix(place / CLIENT, 60.0)
                _wait(process, etcd, place / "log")
                yield Throwaway(etcd, programs, place, runner)
            finally:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(place, ignore_errors=True)


def restore(
    runner: Runner,
    programs: Programs,
    snapshot: Path,
    data_dir: Path,
    name: str,
    peers: t.Mapping[str, t.Sequence[str]],
    token: str,
    options: t.Sequence[str] = (),
) -> None:
    """Make the data folder of a member from a snapshot. peers: {name: peer URLs} of all members of the new cluster.

    :raises UpliftError: the snapshot is damaged, or the folder cannot be written.
    """
    argv = [str(programs.restorer()), "snapshot", "restore", str(snapshot), "--data-dir", str(data_dir)]
    argv += ["--name", name, "--initial-cluster-token", token, "--initial-advertise-peer-urls", ",".join(peers[name])]
    argv += ["--initial-cluster", ",".join(f"{member}={url}" for member, urls in peers.items() for url in urls)]
    runner.must([*argv, *options], "Restoring etcd's snapshot", env={"ETCDCTL_API": "3"}, timeout=1800)


def _patient() -> list[str]:
    return [f"--command-timeout={LONG_SECONDS}s"]


def _processes(proc: Path) -> t.Iterator[tuple[Path, str | None]]:
    """Each etcd that runs, with its data folder; None where a configuration file may name it."""
    for folder in proc.glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            environment = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # it ended while we looked
        if os.path.basename(words[0]) == "etcd":
            variables = dict(entry.partition("=")[::2] for entry in environment)
            yield folder, flags_of(words[1:]).get("data-dir") or variables.get("ETCD_DATA_DIR")


def _same(one: str, other: str) -> bool:
    return os.path.normpath(one) == os.path.normpath(other)


def _listening() -> list[str]:
    client = ["--listen-client-urls", f"unix://{CLIENT}", "--advertise-client-urls", f"http://{CLIENT}"]
    return [*client, "--listen-peer-urls", f"unix://{PEER}"]


def _wait(process: subprocess.Popen[bytes], etcd: Etcd, log: Path) -> None:
    """Until it has a leader, and so has taken up all that the snapshot holds."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(UpliftError):
            if int(etcd.call("/v3/maintenance/status").get("leader") or 0):
                return
        if process.poll() is not None or time.monotonic() > deadline:
            last = " | ".join(log.read_text(errors="replace").splitlines()[-3:])
            seen = f"ended with exit code {process.returncode}" if process.returncode is not None else "does not answer"
            raise UpliftError(f"An etcd that was started from the snapshot {seen}. It said last: {last}")
        time.sleep(POLL_SECONDS)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
