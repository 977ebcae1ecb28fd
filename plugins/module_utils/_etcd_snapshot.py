# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots of etcd: taken through its JSON gateway, proven by an etcd that is started from them.

    BACKUPS/programs/etcd-3.5.6/    the programs that read the snapshots of this version
    BACKUPS/ID/etcd.snapshot        as `etcdctl snapshot save` writes it
    BACKUPS/ID/etcd.json            what it is: written last, so a snapshot without it is none

A snapshot counts as taken when three things hold. Its own checksum is right. An etcd that was started from it serves.
And what that etcd holds at its revision has the hash of what the live one held at that revision.
"""

from __future__ import annotations

import base64
import binascii
import collections
import contextlib
import datetime
import hashlib
import json
import os
import shutil
import ssl
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils import _etcd_programs
from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._etcd import DATA_DIR, Etcd
from ansible_collections.uplift.kubeadm.plugins.module_utils._etcd_programs import Programs, Throwaway
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import sha256, sync, write_private
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_static_pods import StaticPod
from ansible_collections.uplift.kubeadm.plugins.module_utils._running import Local, Manifest, unverified

SNAPSHOT, MANIFEST, PROGRAMS = "etcd.snapshot", "etcd.json", "programs"
SCHEMA = 1  # of the manifest
CHECKSUM = 32  # bytes: the SHA-256 that etcd appends to a snapshot
# Beside snapshot and throwaway copy: etcd preallocates logs of 64 MiB each, and the programs take some 60 MiB.
SPARE = 400 << 20
STREAM_SECONDS = 60.0
# What lives for seconds or minutes only; counted apart, since nobody misses it.
FLEETING = ("events", "leases", "masterleases", "ranges", "health", "compact_rev_key")
PAGE = 10_000
OLD_NAMES = {
    "minions": "nodes",
    "controllers": "replicationcontrollers",
}  # etcd's keys are older than these kinds' names


class Whole(t.NamedTuple):
    """A backup whose snapshot and programs are as they were when it was taken."""

    manifest: dict[str, t.Any]
    snapshot: Path
    programs: Programs


class Endpoint(t.NamedTuple):
    """How an etcd is reached: one client URL, and the files of a client certificate (none for plain HTTP)."""

    url: str
    cacert: str | None = None
    cert: str | None = None
    key: str | None = None

    def etcd(self) -> Etcd:
        """:raises UpliftError: the certificates cannot be used."""
        context: ssl.SSLContext | None = None
        if self.url.startswith("https://"):
            context = unverified()
            try:
                if self.cacert:  # the authority is checked; the name need not be: it is the address that was given
                    context.verify_mode = ssl.CERT_REQUIRED
                    context.load_verify_locations(cafile=self.cacert)
                if self.cert:
                    context.load_cert_chain(self.cert, self.key)
            except (OSError, ValueError) as exc:
                named = ", ".join(filter(None, self[1:]))
                raise UpliftError(f"The certificates to ask etcd with ({named}) cannot be used: {exc}.") from exc
        return Etcd(self.url, context, STREAM_SECONDS)

    def options(self) -> list[str]:
        """The same, for etcdctl."""
        pairs = (("--cacert", self.cacert), ("--cert", self.cert), ("--key", self.key))
        return ["--endpoints", self.url, *(word for flag, value in pairs if value for word in (flag, value))]


def local_endpoint(root: Path, pod: StaticPod) -> Endpoint:
    """The etcd of this control plane node, with the certificates that kubeadm made for its own health checks."""
    address = Local(root).address("etcd", Manifest(pod.image, pod.flags))
    if pod.flags.get("listen-client-urls", "").startswith("http://"):
        return Endpoint(f"http://{address}")
    pki = root / "etc/kubernetes/pki"
    for pair in ("etcd/healthcheck-client", "apiserver-etcd-client"):
        files = [str(pki / f"{pair}.{kind}") for kind in ("crt", "key")]
        if all(map(os.path.isfile, files)):
            return Endpoint(f"https://{address}", str(pki / "etcd/ca.crt"), *files)
    raise UpliftError(
        f"Neither etcd/healthcheck-client.crt nor apiserver-etcd-client.crt is in {pki}: etcd cannot be asked."
    )


def data_dir(pod: StaticPod | None) -> str:
    """etcd's data folder as it sees it itself."""
    return pod.flags.get("data-dir", DATA_DIR) if pod else DATA_DIR


def take(
    endpoint: Endpoint,
    found: Programs,
    folder: Path,
    about: t.Mapping[str, t.Any],
    runner: Runner,
) -> dict[str, t.Any]:
    """Take a snapshot into folder (BACKUPS/ID), prove it, and write its manifest; returns the manifest.

    about is put into the manifest as it is.

    :raises UpliftError: etcd is not well, the disk too full, or the snapshot not proven; then none is left there.
    """
    etcd = endpoint.etcd()
    facts = etcd.facts()
    refuse_unwell(facts)
    require_room(folder.parent, facts["db_size"])
    make_private(folder)
    programs = _etcd_programs.keep(found, folder.parent / PROGRAMS, runner)
    snapshot = folder / SNAPSHOT
    partial = folder / f".{SNAPSHOT}.part"
    try:
        size, digest = save(etcd, partial)
        live = ask(endpoint, programs, partial, runner)
        with _etcd_programs.throwaway(partial, programs, folder.parent, runner) as copy:
            proof = {"cluster_id": cluster_of(etcd), **prove(copy, live, endpoint)}
        os.replace(partial, snapshot)
        sync(folder)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
    manifest = {
        "schema": SCHEMA,
        "id": folder.name,
        "taken": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        **about,
        "etcd": {
            "version": programs.version(runner),
            "member": facts["member"],
            "members": facts["members"],
            "url": endpoint.url,
            **proof,
        },
        "snapshot": {"file": SNAPSHOT, "bytes": size, "sha256": digest},
        "programs": {path.name: sha256(path) for path in programs if path is not None},
    }
    write_private(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")
    return manifest


def make_private(folder: Path) -> None:
    """Make BACKUPS/ID, both of mode 0700."""
    folder.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in (folder.parent, folder):
        path.mkdir(mode=0o700, exist_ok=True)
        path.chmod(0o700)


def refuse_unwell(facts: t.Mapping[str, t.Any]) -> None:
    """Raise UpliftError for a member whose snapshot would not be the cluster's state, or an alarm that hides one."""
    if not facts["has_leader"]:
        raise UpliftError(
            f"The etcd at {facts['url']} knows no leader, so what it holds may be old. Bring the other members back "
            "(crictl ps -a --name etcd on each control plane node), or take the backup from another member."
        )
    corrupt = [alarm for alarm in facts["alarms"] if alarm["alarm"] == "CORRUPT"]
    if corrupt:
        raise UpliftError(
            f"etcd has raised the alarm CORRUPT for member {corrupt[0]['member']}: members hold different data, and a "
            "backup may keep the wrong ones. Replace that member from the others first."
        )


def require_room(folder: Path, database: int) -> None:
    """Raise UpliftError unless folder's disk takes the snapshot and the throwaway copy that proves it."""
    while not folder.is_dir():
        folder = folder.parent
    needed, free = 2 * database + SPARE, shutil.disk_usage(folder).free
    if free < needed:
        raise UpliftError(
            f"{folder} has {free >> 20} MiB free, and a backup needs {needed >> 20} MiB: twice etcd's {database >> 20} "
            f"MiB, for the snapshot and for the copy that proves it, and {SPARE >> 20} MiB. Nothing was written. Make "
            "room, keep fewer backups, or put them on another disk."
        )


def save(etcd: Etcd, file: Path) -> tuple[int, str]:
    """Write a snapshot to a new file of mode 0600; its size and SHA-256, of the whole file.

    :raises UpliftError: etcd breaks off, or the checksum that it appends is not that of what came before.
    """
    whole, content, tail, size = hashlib.sha256(), hashlib.sha256(), b"", 0
    number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(number, "wb") as out, etcd.stream("/v3/maintenance/snapshot") as lines:
        for line in lines:
            block = _blob(line, etcd.url)
            out.write(block)
            whole.update(block)
            size += len(block)
            tail += block
            content.update(tail[:-CHECKSUM])
            tail = tail[-CHECKSUM:]
        out.flush()
        os.fsync(out.fileno())
    if content.digest() != tail:
        raise UpliftError(
            f"The snapshot from {etcd.url} ({size} bytes) does not have the checksum that it says: it came damaged or "
            "in part, and was thrown away. Try again; if it stays so, look at that member's disk."
        )
    return size, whole.hexdigest()


class Seen(t.NamedTuple):
    """What the live etcd held at a revision, and up to which one it had forgotten the old ones."""

    revision: int
    hash: int
    compacted: int


def ask(endpoint: Endpoint, programs: Programs, snapshot: Path, runner: Runner) -> Seen:
    """Ask the live etcd what it held at the snapshot's revision: at once, since it does not know for long.

    The API server has it forget, every 5 minutes, what is older than 5 minutes; to start an etcd from a large snapshot
    may take longer.

    :raises UpliftError: it does not say.
    """
    revision = _etcd_programs.revision_in(runner, programs, snapshot)
    return Seen(revision, *_etcd_programs.hash_kv(runner, programs, endpoint.options(), revision))


def prove(copy: Throwaway, live: Seen, endpoint: Endpoint) -> dict[str, t.Any]:
    """Compare the snapshot's etcd with what the live one held, at the snapshot's revision.

    The hash depends on how far old revisions are forgotten. When the live etcd was told to forget more before it was
    asked, the copy forgets that too.

    :raises UpliftError: they differ.
    """
    told, compacted = copy.hash(live.revision)
    seen = told
    if live.compacted > compacted:
        copy.compact(live.compacted)
        seen, _compacted = copy.hash(live.revision)
    if (revision_of(copy.etcd), seen) != (live.revision, live.hash):
        raise UpliftError(
            f"The snapshot does not hold what etcd at {endpoint.url} holds: at revision {live.revision} an etcd that "
            f"was started from it has the hash {seen}, the live one {live.hash}. It was thrown away. One of the two is "
            "damaged: compare the members with etcdctl endpoint hashkv --cluster before anything else."
        )
    return {"revision": live.revision, "compact_revision": compacted, "hash": told, "keys": count(copy.etcd)}


def verify(folder: Path, runner: Runner, live: Etcd | None) -> tuple[dict[str, t.Any], dict[str, t.Any] | None]:
    """Prove a backup again: (its manifest, what has changed in the live etcd since, where one is given).

    :raises UpliftError: it is not what its manifest says, or no etcd starts from it.
    """
    manifest, file, programs = undamaged(folder)
    require_room(folder.parent, manifest["snapshot"]["bytes"] // 2)
    with _etcd_programs.throwaway(file, programs, folder.parent, runner) as copy:
        wanted = manifest["etcd"]
        revision = revision_of(copy.etcd)
        seen = (revision, copy.hash(revision)[0], count(copy.etcd))
        if seen != (wanted["revision"], wanted["hash"], wanted["keys"]):
            raise UpliftError(
                f"An etcd started from the snapshot {folder.name} is at revision {seen[0]} with hash {seen[1]} and "
                f"{seen[2]} keys; when taken it was {wanted['revision']}, {wanted['hash']} and {wanted['keys']}. "
                "It is refused."
            )
        return manifest, changes(copy.etcd, live, revision) if live else None


def undamaged(folder: Path) -> Whole:
    """The backup, after each of its files was compared with its checksum. Its programs can be run.

    :raises UpliftError: a file is not what was backed up.
    """
    manifest = read_manifest(folder)
    file = folder / manifest["snapshot"]["file"]
    kept = folder.parent / PROGRAMS / f"etcd-{manifest['etcd']['version']}"
    programs = _etcd_programs.kept_in(kept)
    digests = {
        file: manifest["snapshot"]["sha256"],
        **{path: "" for path in programs if path is not None},  # one that the manifest does not name is not run
        **{kept / name: digest for name, digest in manifest["programs"].items()},
    }
    for path, digest in digests.items():
        if damage := _damage(path, digest):
            raise UpliftError(
                f"{path} is not what was backed up ({damage}), so the backup {folder.name} is refused. Take another, "
                "or a copy of this one that was fetched elsewhere."
            )
    for path in programs:
        if path is not None:
            path.chmod(0o700)  # a copy that was fetched elsewhere and brought back may have lost it
    return Whole(manifest, file, programs)


def changes(old: Etcd, live: Etcd, revision: int) -> dict[str, t.Any]:
    """What a restore would undo: {revisions, written, removed: {kind of object: number}, fleeting: number}."""
    written = collections.Counter(map(kind_of, keys(live, since=revision + 1)))
    now = set(keys(live))
    removed = collections.Counter(kind_of(key) for key in keys(old) if key not in now)
    return {
        "revisions": revision_of(live) - revision,
        "fleeting": sum(table[kind] for table in (written, removed) for kind in FLEETING),
        "written": {kind: n for kind, n in sorted(written.items()) if kind not in FLEETING},
        "removed": {kind: n for kind, n in sorted(removed.items()) if kind not in FLEETING},
    }


def kind_of(key: str) -> str:
    """The kind of object that a key of Kubernetes' is: "pods", "example.com/widgets"."""
    parts = key.lstrip("/").split("/")
    if len(parts) < 3:
        return parts[-1]
    if "." in parts[1] and len(parts) > 3:
        return f"{parts[1]}/{parts[2]}"
    return parts[2] if parts[1:3] == ["services", "endpoints"] else OLD_NAMES.get(parts[1], parts[1])


def keys(etcd: Etcd, since: int = 0) -> t.Iterator[str]:
    """All keys, or those written at or after a revision, a page at a time."""
    start, at = b"\0", 0
    while True:
        body: dict[str, t.Any] = {"key": _b64(start), "range_end": _b64(b"\0"), "keys_only": True, "limit": PAGE}
        body.update({"min_mod_revision": since} if since else {}, **({"revision": at} if at else {}))
        answer = etcd.call("/v3/kv/range", body)
        at = at or int(answer["header"]["revision"])
        rows = [base64.b64decode(row["key"]) for row in answer.get("kvs") or ()]
        yield from (row.decode(errors="replace") for row in rows)
        if not answer.get("more") or not rows:
            return
        start = rows[-1] + b"\0"


def count(etcd: Etcd) -> int:
    """How many keys there are."""
    body = {"key": _b64(b"\0"), "range_end": _b64(b"\0"), "count_only": True}
    return int(etcd.call("/v3/kv/range", body).get("count") or 0)


def revision_of(etcd: Etcd) -> int:
    """The revision that an etcd is at."""
    return int(etcd.call("/v3/maintenance/status")["header"].get("revision") or 0)


def cluster_of(etcd: Etcd) -> str:
    """The id of the cluster that an etcd is of, as etcdctl writes it."""
    return f"{int(etcd.call('/v3/maintenance/status')['header']['cluster_id']):x}"


def read_manifest(folder: Path) -> dict[str, t.Any]:
    """:raises UpliftError: there is none, and so no whole snapshot."""
    try:
        manifest = dict(json.loads((folder / MANIFEST).read_text()))
    except (OSError, ValueError, TypeError) as exc:
        raise UpliftError(f"{folder} holds no whole snapshot of etcd: {MANIFEST} cannot be read ({exc}).") from exc
    if manifest.get("schema") != SCHEMA:
        raise UpliftError(f"{folder / MANIFEST} has the schema {manifest.get('schema')}, and {SCHEMA} is known here.")
    return manifest


def _damage(path: Path, digest: str) -> str:
    """What is wrong with a file of a backup; "" when nothing is."""
    try:
        return "" if sha256(path) == digest else "its SHA-256 differs"
    except FileNotFoundError:
        return "it is gone"
    except OSError as exc:  # a disk that fails
        return f"it cannot be read: {exc.strerror}"


def _blob(line: bytes, url: str) -> bytes:
    try:
        said = json.loads(line)
        return base64.b64decode(said["result"].get("blob", ""))
    except (ValueError, LookupError, TypeError, AttributeError, binascii.Error):
        raise UpliftError(f"etcd at {url} breaks off its snapshot: {line[:300]!r}.") from None


def _b64(text: bytes) -> str:
    return base64.b64encode(text).decode("ascii")
