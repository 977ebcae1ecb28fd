# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node of a cluster that goes back to a backup: looked at, brought to a stand, given its files and its etcd of then.

What is replaced is set aside, not removed: static pods in /etc/kubernetes/manifests-before-restore, etcd's data in
`member-before-restore` inside its data folder (`member-replaced`, when all is done). A restore that is done again after
it was killed leaves these alone.
"""

from __future__ import annotations

import os
import re
import shutil
import tarfile
import tempfile
import typing as t
from functools import cached_property
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils import _backup, _etcd_programs, _etcd_snapshot
from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._etcd_programs import Programs
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_static_pods import (
    FILE_FLAGS,
    StaticPod,
    parse,
    static_pods,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._running import MANIFESTS, PROGRAMS

ASIDE = "etc/kubernetes/manifests-before-restore"
MEMBER_ASIDE = "member-before-restore"  # while a restore is under way
MEMBER_KEPT = "member-replaced"  # when it is done
ETCD = "etcd.yaml"
# kubelet's notes of its own, in forms that change between minors: an older one ends at what a newer one wrote. It makes
# them anew. pkg/kubelet/cm/{cpumanager,memorymanager,devicemanager,dra} and pkg/kubelet/status/state of Kubernetes.
KUBELET_STATE = (
    "cpu_manager_state",
    "memory_manager_state",
    "dra_manager_state",
    "pod_status_manager_state",
    "allocated_pods_state",
    "actuated_pods_state",
    "device-plugins/kubelet_internal_checkpoint",
)
# What has to be the node's own still: everything that is signed, or encrypted, rests on it.
AUTHORITIES = tuple(f"etc/kubernetes/pki/{name}" for name in ("ca.crt", "sa.key", "etcd/ca.crt", "front-proxy-ca.crt"))
# Certificates and what holds them: those that the node has are newer, and of the same authority. And what belongs to
# packages, or to the node's owner. All of these come back only where they are missing.
IF_MISSING = re.compile(
    r"etc/kubernetes/(pki/|[^/]+\.conf$)|var/lib/kubelet/pki/|etc/(systemd|containerd|cni|crictl|default|sysconfig)|usr/"
)


class Archive:
    """The files of a backup of this node.

    :raises UpliftError: it is not there, or not what was backed up.
    """

    def __init__(self, folder: Path) -> None:
        self.manifest = _backup.read_manifest(folder)
        self.path = folder / _backup.ARCHIVE

    def read(self, names: t.Collection[str]) -> dict[str, bytes]:
        """The contents of those of the named files that it has."""
        with tarfile.open(self.path) as archive:
            members = [member for member in archive if member.name in names and member.isfile()]
            return {m.name: stream.read() for m in members if (stream := archive.extractfile(m)) is not None}

    def static_pods(self) -> dict[str, StaticPod]:
        """The static pods of then.

        What else lies in their folder (a ConfigMap, a file of notes) is passed over, and named in `passed_over`.

        :raises UpliftError: one of kubeadm's own cannot be read: a restore goes by what it says.
        """
        return self._manifests[0]

    @property
    def passed_over(self) -> list[str]:
        """Why files in the folder of the static pods are none. Raises as static_pods() does."""
        return self._manifests[1]

    @cached_property
    def _manifests(self) -> tuple[dict[str, StaticPod], list[str]]:
        names = [name for name in self.manifest["files"] if _is_static_pod(name)]
        pods: dict[str, StaticPod] = {}
        passed_over = []
        for name, content in self.read(names).items():
            stem = Path(name).stem
            ours = stem in PROGRAMS and name.endswith(".yaml")
            try:
                pod = parse(stem, f"/{name}", content.decode(errors="replace"), ours)
            except UpliftError as exc:
                if ours:
                    raise
                passed_over.append(str(exc))
                continue
            if ours or stem not in pods:  # etcd.bak beside etcd.yaml
                pods[stem] = pod
        return pods, sorted(passed_over)

    def configurations(self) -> set[str]:
        """The files that flags of the static pods of then name, which have to be those of then wherever they lie."""
        return {
            pod.on_host(path).lstrip("/")
            for name, flags in FILE_FLAGS.items()
            for flag in flags
            if (pod := self.static_pods().get(name)) is not None and (path := pod.flags.get(flag))
        }

    def put_back(self, root: Path, wanted: t.Callable[[str], bool]) -> list[str]:
        """Write the files that are wanted where they are not as they were; which ones. Owner and mode too."""
        written = []
        with tarfile.open(self.path) as archive:
            for member in archive:
                if wanted(member.name) and _put(archive, member, self._place(root, member.name)):
                    written.append(f"/{member.name}")
        return written

    def _place(self, root: Path, name: str) -> Path:
        """Where a file is written: behind the link, where it was behind one when it was backed up and is now."""
        path = root / name
        behind = f"/{name}" in self.manifest.get("linked", {}) and path.is_file()
        return Path(os.path.realpath(path)) if behind else path


def examine(root: Path, archive: Archive) -> dict[str, t.Any]:
    """What a restore of this node has to know.

    :raises UpliftError: the node is no longer of the cluster that was backed up.
    """
    files = archive.read(AUTHORITIES)
    foreign = [
        name for name, content in files.items() if (root / name).is_file() and (root / name).read_bytes() != content
    ]
    if foreign:
        raise UpliftError(
            f"/{', /'.join(foreign)} on this node is another than in the backup {archive.manifest['id']}: the "
            "authority, or the key that signs tokens, was changed since, or the node was set up anew. What the "
            "snapshot holds would not be accepted with these. If you are sure, put the files of its node.tar there "
            "yourself, and run again."
        )
    pods = archive.static_pods()
    etcd, server = pods.get("etcd"), pods.get("kube-apiserver")
    return {
        "node": archive.manifest.get("node") or {},
        "control_plane": server is not None,
        "etcd": member_of(etcd) if etcd else None,
        "api_server": server.image.partition("@")[0].rpartition(":")[2] if server else "",
        "etcd_servers": server.flags.get("etcd-servers", "") if server else "",
        "images": sorted({pod.image for pod in pods.values() if pod.image}),
        "encryption": archive.manifest.get("encryption") or {},
        "told": [
            *_backup.warnings(archive.manifest),
            *(f"No static pod, so it is put back as it was and not looked into: {why}" for why in archive.passed_over),
        ],
    }


def member_of(pod: StaticPod) -> dict[str, t.Any]:
    """Name, peer URLs and data folder (on the host) of the etcd of a manifest.

    :raises UpliftError: the manifest does not say them.
    """
    name, peers = pod.flags.get("name"), pod.flags.get("initial-advertise-peer-urls")
    if not name or not peers:
        raise UpliftError(f"{pod.path} in the backup has no --name or no --initial-advertise-peer-urls for its member.")
    data_dir = pod.on_host(_etcd_snapshot.data_dir(pod))
    return {"name": name, "peer_urls": peers.split(","), "data_dir": data_dir}


def set_aside(root: Path, check: bool) -> list[str]:
    """Take the static pods' manifests out of kubelet's sight; those that were set aside before stay what they are."""
    folder, aside = root / MANIFESTS, root / ASIDE
    found = [f for f in sorted(folder.iterdir()) if f.is_file() and _is_manifest(f.name)] if folder.is_dir() else []
    if not check:
        aside.mkdir(mode=0o700, exist_ok=True)
        for file in found:
            if (aside / file.name).exists():
                file.unlink()
            else:
                os.rename(file, aside / file.name)
    return [f"/{MANIFESTS}/{file.name}" for file in found]


def forget_state(root: Path, check: bool) -> list[str]:
    """Remove what another version of kubelet keeps for itself."""
    files = [root / "var/lib/kubelet" / name for name in KUBELET_STATE]
    found = [file for file in files if file.exists()]
    if not check:
        for file in found:
            file.unlink()
    return [f"/{file.relative_to(root)}" for file in found]


def put_back(root: Path, archive: Archive, etcd_only: bool, check: bool) -> list[str]:
    """Put the node's files back; with etcd_only no static pod but etcd's, so that members come up before API servers.

    A static pod that is not kubeadm's and that the backup does not know comes back from where it was set aside.
    """
    if check:
        return []
    later = {f"{MANIFESTS}/{Path(name).name}" for name in archive.manifest["files"] if _is_static_pod(name)}
    later.discard(f"{MANIFESTS}/{ETCD}")

    always = archive.configurations()

    def wanted(name: str) -> bool:
        if IF_MISSING.match(name) and name not in always:
            return not os.path.lexists(root / name)
        return not (etcd_only and name in later)

    written = archive.put_back(root, wanted)
    if not etcd_only:
        for file in sorted((root / ASIDE).glob("*")):
            known = f"{MANIFESTS}/{file.name}" in archive.manifest["files"]
            if not known and file.stem not in PROGRAMS and not (root / MANIFESTS / file.name).exists():
                shutil.copy2(file, root / MANIFESTS / file.name)
                written.append(f"/{MANIFESTS}/{file.name}")
    return written


def restore_etcd(
    root: Path,
    backup: _etcd_snapshot.Whole,
    own: t.Mapping[str, t.Any],
    peers: t.Mapping[str, t.Sequence[str]],
    token: str,
    bump: Bump | None,
    runner: Runner,
) -> str:
    """Give the member of this node the data of the snapshot; where its old data lie now ("" when there were none).

    own is member_of's; peers are the peer URLs of all members of the new cluster.

    :raises UpliftError: etcd still runs here, the disk is too full, or the snapshot is not restored.
    """
    if _etcd_programs.runs(root / "proc", own["data_dir"]):
        raise UpliftError(
            f"An etcd still runs on {own['data_dir']}: nothing is written below it. Look: crictl ps --name etcd."
        )
    manifest, snapshot, programs = backup
    data = root / own["data_dir"].lstrip("/")
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    for leftover in data.glob(".restore.*"):  # of a run that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    _etcd_snapshot.require_room(data, manifest["snapshot"]["bytes"] // 2)
    making = Path(tempfile.mkdtemp(dir=data, prefix=".restore."))
    try:
        tool, options = (bump.etcdutl, bump.options()) if bump else (programs.restorer(), [])
        with_tool = Programs(programs.etcd, tool, None)
        _etcd_programs.restore(runner, with_tool, snapshot, making / "new", own["name"], peers, token, options)
        member, aside = data / "member", data / MEMBER_ASIDE
        if member.exists() and aside.exists():  # an earlier, killed restore has set the old data aside already
            shutil.rmtree(member)
        elif member.exists():
            os.rename(member, aside)
        os.rename(making / "new/member", member)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return f"{own['data_dir']}/{MEMBER_ASIDE}" if aside.exists() else ""


class Bump(t.NamedTuple):
    """Lifting the revision of the restored data, so that clients notice that they missed something.

    A client that watches from a revision that the restored etcd has not reached yet would be told nothing until it has.
    Lifted above it, and with all before it marked as compacted, such a watch is refused and the client lists anew.
    etcdutl knows both options from 3.5.21 on (etcd-io/etcd: CHANGELOG-3.5.md), and etcd advises to use them together.
    """

    etcdutl: Path
    by: int = 1_000_000_000

    def options(self) -> list[str]:
        return ["--bump-revision", str(self.by), "--mark-compacted"]


def bumper(runner: Runner, candidates: t.Iterable[Path], etcd: str) -> Bump | None:
    """The first etcdutl that can lift the revision and is of the minor of this etcd ("3.5.6"); None without one."""
    for path in candidates:
        if not path.is_file():
            continue
        knows = runner.run([str(path), "snapshot", "restore", "--help"]).out
        version = re.search(r"etcdutl version: (\d+\.\d+)\.", runner.run([str(path), "version"]).out)
        if "--bump-revision" in knows and version and etcd.startswith(f"{version.group(1)}."):
            return Bump(path)
    return None


def finish(root: Path, check: bool) -> list[str]:
    """End a restore: the static pods that were set aside go, as the backup that was taken before it has them.

    etcd's old data stay, under another name, in the place of those of an earlier restore: no backup may have them.
    """
    aside = root / ASIDE
    etcd = static_pods(root)[0].get("etcd")
    data = root / etcd.on_host(_etcd_snapshot.data_dir(etcd)).lstrip("/") if etcd else None
    old = [path for path in (aside, data / MEMBER_ASIDE if data else aside) if path.is_dir()]
    if not check:
        if data and (data / MEMBER_ASIDE).is_dir():
            shutil.rmtree(data / MEMBER_KEPT, ignore_errors=True)
            os.rename(data / MEMBER_ASIDE, data / MEMBER_KEPT)
        shutil.rmtree(aside, ignore_errors=True)
    return sorted({f"/{path.relative_to(root)}" for path in old})


def _is_manifest(name: str) -> bool:
    return not os.path.basename(name).startswith(".")


def _is_static_pod(name: str) -> bool:
    return os.path.dirname(name) == MANIFESTS and _is_manifest(name)


def _put(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> bool:
    """Write one file or link, in one step; whether it was another before."""
    if member.issym():
        if target.is_symlink() and os.readlink(target) == member.linkname:
            return False
        _replace(target, lambda new: os.symlink(member.linkname, new), member)
        return True
    stream = archive.extractfile(member)
    if stream is None:
        return False
    content = stream.read()
    if target.is_file() and target.read_bytes() == content:
        return False
    _replace(target, lambda new: Path(new).write_bytes(content), member)
    return True


def _replace(target: Path, write: t.Callable[[str], t.Any], member: tarfile.TarInfo) -> None:
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    new = str(target.with_name(f".{target.name}.restored"))
    if os.path.lexists(new):  # of a run that was killed
        os.unlink(new)
    mask = os.umask(0o077)
    try:
        write(new)
    finally:
        os.umask(mask)
    os.chown(new, member.uid, member.gid, follow_symlinks=False)
    if not member.issym():
        os.chmod(new, member.mode)
    os.replace(new, target)
