# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images that kubeadm asks for, made of the lab's binaries, as OCI image layouts in the cache.

Plain Python writes them: no engine is needed, and equal binaries give equal digests.
https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
from pathlib import Path
from typing import IO, Any

from . import artifacts, cache, debian, docker, gobuild
from .errors import LabError
from .paths import arch
from .progress import step
from .shell import out, run

_RECIPE = 2  # to be raised when images are made differently from the same programs
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
# kube-proxy is the one program that runs others. Debian's iptables is the nftables kind, as on today's hosts.
_KUBE_PROXY_BASE = """FROM @BASE@
@APT@
RUN apt-get install -y iptables nftables conntrack ipset kmod \\
 && rm -rf /var/lib/apt /var/cache /usr/share/doc /usr/share/man /usr/share/locale /etc/apt/sources.list
"""
# Must answer `pause -v` and exit: kubeadm's health check before an upgrade is a Job that does just that.
_PAUSE = """package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "-v" {
		fmt.Println("pause, of the uplift.kubeadm lab")
		return
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for s := range signals {
		if s != syscall.SIGCHLD {
			return
		}
		// Orphans of a pod that shares its process namespace end up here.
		for {
			if pid, _ := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 {
				break
			}
		}
	}
}
"""


def ensure(version: str) -> Path:
    """Image layout (a directory with index.json) of all that kubeadm `version` asks for, named as kubeadm does."""
    return cache.ensure(f"images/kubernetes-{version}-{arch()}-r{_RECIPE}", lambda part: _make(version, part))


def ensure_etcd(tag: str) -> Path:
    """Image layout of one etcd alone, `registry.k8s.io/etcd:TAG`, for steps of etcd within its minor."""
    reference = f"registry.k8s.io/etcd:{tag}"

    def make(part: Path) -> None:
        layout = _Layout(part)
        files, entrypoint = _etcd(tag)
        layout.add(reference, [], files, entrypoint)
        layout.close()

    return cache.ensure(f"images/etcd-{tag}-{arch()}-r{_RECIPE}", make)


def references(layout: Path) -> dict[str, str]:
    """Image reference -> digest of its manifest, of an image layout."""
    index = json.loads((layout / "index.json").read_text())
    return {entry["annotations"]["io.containerd.image.name"]: entry["digest"] for entry in index["manifests"]}


def blob(layout: Path, digest: str) -> Path:
    """File of a blob in an image layout."""
    return layout / "blobs" / "sha256" / digest.removeprefix("sha256:")


def manifest(layout: Path, digest: str) -> dict[str, Any]:
    """The manifest of an image: its config and its layers, as descriptors."""
    content: dict[str, Any] = json.loads(blob(layout, digest).read_text())
    return content


def split(reference: str) -> tuple[str, str, str]:
    """registry.k8s.io/coredns/coredns:v1.9.3 -> (registry.k8s.io, coredns/coredns, v1.9.3)."""
    registry, _unused, rest = reference.partition("/")
    repository, _unused, tag = rest.rpartition(":")
    return registry, repository, tag


def _make(version: str, part: Path) -> None:
    programs = artifacts.ensure(version)
    contents = {reference: _content(reference, version, programs) for reference in artifacts.images_of(version)}
    base = _kube_proxy_base()
    with step(f"making the images of Kubernetes {version}"):
        layout = _Layout(part)
        for reference, (files, entrypoint) in contents.items():
            bases = [base] if "/kube-proxy:" in reference else []
            layout.add(reference, bases, files, entrypoint)
        layout.close()


def _content(reference: str, version: str, programs: Path) -> tuple[dict[str, Path], list[str]]:
    """Files (path in the image -> file) and entry point of an image that kubeadm names."""
    _unused, repository, tag = split(reference)
    name = repository.rsplit("/", 1)[-1]
    if name in artifacts.KUBERNETES_PROGRAMS:
        return {f"usr/local/bin/{name}": programs / name}, []
    if name == "etcd":
        return _etcd(tag)
    if name == "coredns":
        return {"coredns": artifacts.tool("coredns", tag.removeprefix("v")) / "coredns"}, ["/coredns"]
    if name == "pause":
        folder = cache.ensure(f"bin/pause-1-{arch()}", lambda part: gobuild.program(part, "pause", _PAUSE))
        return {"pause": folder / "pause"}, ["/pause"]
    raise LabError(f"kubeadm {version} asks for {reference}, which the lab does not know how to make.")


def _etcd(tag: str) -> tuple[dict[str, Path], list[str]]:
    # The part after the dash counts rebuilds of the image, not of etcd.
    folder = artifacts.tool("etcd", tag.partition("-")[0])
    return {f"usr/local/bin/{program}": folder / program for program in ("etcd", "etcdctl", "etcdutl")}, []


def _kube_proxy_base() -> Path:
    """Root file system (directory with root.tar) below kube-proxy."""

    def export(part: Path) -> None:
        image = debian.build("kube-proxy-base", _KUBE_PROXY_BASE)
        container = out("docker", "create", image, "true")
        try:
            run("docker", "export", "-o", part / "root.tar", container)
        finally:
            run("docker", "rm", container)

    return cache.ensure(f"images/kube-proxy-base-{docker.recipe(_KUBE_PROXY_BASE)}-{arch()}", export)


class _Layout:
    """An image layout while it is written."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._manifests: list[dict[str, Any]] = []
        (root / "blobs" / "sha256").mkdir(parents=True)

    def add(self, reference: str, bases: list[Path], files: dict[str, Path], entrypoint: list[str]) -> None:
        """An image of root.tar layers and one layer of executables on top."""
        layers: list[dict[str, Any]] = []
        diff_ids: list[str] = []
        for base in bases:
            with open(base / "root.tar", "rb") as tar:
                self._layer(tar, layers, diff_ids)
        with tempfile.TemporaryFile() as scratch:
            _tar(files, scratch)
            scratch.seek(0)
            self._layer(scratch, layers, diff_ids)
        # The label keeps images apart that hold the same program, as those of pause do.
        labels = {"org.opencontainers.image.ref.name": reference}
        config: dict[str, Any] = {"Env": [_PATH], "WorkingDir": "/", "Labels": labels}
        if entrypoint:
            config["Entrypoint"] = entrypoint
        rootfs = {"type": "layers", "diff_ids": diff_ids}
        configuration = {"architecture": arch(), "os": "linux", "config": config, "rootfs": rootfs}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._json(configuration, _CONFIG),
            "layers": layers,
        }
        names = {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": split(reference)[2]}
        self._manifests.append({**self._json(manifest, MANIFEST), "annotations": names})

    def close(self) -> None:
        """Write what names the images."""
        (self._root / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        (self._root / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": self._manifests}))

    def _json(self, content: dict[str, Any], media_type: str) -> dict[str, Any]:
        data = json.dumps(content, sort_keys=True).encode()
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        blob(self._root, digest).write_bytes(data)
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def _layer(self, tar: IO[bytes], layers: list[dict[str, Any]], diff_ids: list[str]) -> None:
        """Compress a tar file into a blob. Level 1: the layers only ever travel on this machine."""
        plain = hashlib.sha256()
        scratch = self._root / ".layer"
        with open(scratch, "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, mtime=0) as packed:
            while chunk := tar.read(1 << 20):
                plain.update(chunk)
                packed.write(chunk)
        with open(scratch, "rb") as packed_file:
            digest = f"sha256:{hashlib.file_digest(packed_file, 'sha256').hexdigest()}"
        os.replace(scratch, blob(self._root, digest))
        diff_ids.append(f"sha256:{plain.hexdigest()}")
        layers.append({"mediaType": _LAYER, "digest": digest, "size": blob(self._root, digest).stat().st_size})


def _tar(files: dict[str, Path], into: IO[bytes]) -> None:
    """A layer with executables, /tmp, and the users root and nobody."""
    with tarfile.open(fileobj=into, mode="w") as tar:
        tmp = tarfile.TarInfo("tmp")
        tmp.type, tmp.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(tmp)
        passwd = b"root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n"
        entry = tarfile.TarInfo("etc/passwd")
        entry.size = len(passwd)
        tar.addfile(entry, io.BytesIO(passwd))
        for name, source in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = source.stat().st_size, 0o755
            with open(source, "rb") as content:
                tar.addfile(entry, content)
