# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of a version: from the cache, else the official download, else built from Go modules.

Versions are bare, as `1.25.4`. What a tag says is what runs: each program is asked for its version before it is kept.
"""

from __future__ import annotations

import re
from pathlib import Path

from . import cache, download, gobuild
from .errors import LabError
from .paths import arch
from .progress import say, step
from .shell import out

KUBERNETES_PROGRAMS = gobuild.KUBERNETES_PROGRAMS
# One crictl for all versions: module proxies do not have every one, and this one speaks to Debian 12's containerd.
CRICTL = "1.30.0"
KIND = "0.29.0"
_GITHUB = "https://github.com"
_VERSION = re.compile(r"^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$")


def ensure(version: str) -> Path:
    """Directory with kubeadm, kubelet, kubectl and the control plane's programs of a Kubernetes version."""
    _check(version)
    return cache.ensure(f"bin/kubernetes-{version}-{arch()}", lambda part: _kubernetes(version, part))


def tool(name: str, version: str) -> Path:
    """Directory with the programs of crictl, etcd (etcd, etcdctl, etcdutl), coredns, kind or kwok."""
    _check(version)
    if name not in _TOOLS:
        raise LabError(f"The lab does not know the tool {name!r}; it knows {', '.join(_TOOLS)}.")
    return cache.ensure(f"bin/{name}-{version}-{arch()}", lambda part: _tool(name, version, part))


def images_of(version: str) -> list[str]:
    """Image references that kubeadm of this version asks for, pause, etcd and CoreDNS included."""
    kubeadm = ensure(version) / "kubeadm"
    return out(kubeadm, "config", "images", "list", "--kubernetes-version", f"v{version}").splitlines()


def _check(version: str) -> None:
    if not _VERSION.match(version):
        raise LabError(f"{version!r} is not a version; write it as 1.25.4.")


def _kubernetes(version: str, part: Path) -> None:
    base = f"https://dl.k8s.io/release/v{version}/bin/linux/{arch()}"
    try:
        for program in KUBERNETES_PROGRAMS:
            url = f"{base}/{program}"
            download.save(download.checked(url, f"{url}.sha256"), part / program)
            say(f" ok downloaded {program} {version}")
    except download.NotReachable:
        with step(f"building Kubernetes {version} from Go modules (minutes)"):
            gobuild.kubernetes(version, KUBERNETES_PROGRAMS, part)
    _expect(part / "kubeadm", ["version", "-o", "short"], version)


def _tool(name: str, version: str, part: Path) -> None:
    fetch, build, proof = _TOOLS[name]
    try:
        fetch(version, part)
        say(f" ok downloaded {name} {version}")
    except download.NotReachable:
        with step(f"building {name} {version} from Go modules"):
            build(version, part)
    _expect(part / name, proof, version)


def _expect(program: Path, argv: list[str], version: str) -> None:
    """Raise LabError unless the program says that it is this version."""
    said = out(program, *argv)
    if not re.search(rf"(^|[^\d.]){re.escape(version)}($|[^\d.])", said):
        raise LabError(f"{program.name} was to be {version}, but says: {said}")


def _fetch_crictl(version: str, part: Path) -> None:
    url = f"{_GITHUB}/kubernetes-sigs/cri-tools/releases/download/v{version}/crictl-v{version}-linux-{arch()}.tar.gz"
    download.extract(download.checked(url, f"{url}.sha256"), {"crictl"}, part)


def _build_crictl(version: str, part: Path) -> None:
    # Its go.mod calls itself by the GitHub name; module proxies know it by the other one.
    name = "github.com/kubernetes-sigs/cri-tools"
    gobuild.module(
        part,
        name,
        version,
        [f"{name}/cmd/crictl"],
        ldflags=f"-X {name}/pkg/version.Version=v{version}",
        replace="sigs.k8s.io/cri-tools",
    )


def _fetch_etcd(version: str, part: Path) -> None:
    base = f"{_GITHUB}/etcd-io/etcd/releases/download/v{version}"
    archive = download.checked(f"{base}/etcd-v{version}-linux-{arch()}.tar.gz", f"{base}/SHA256SUMS")
    download.extract(archive, {"etcd", "etcdctl", "etcdutl"}, part)


def _build_etcd(version: str, part: Path) -> None:
    for folder, program in (("server", "etcd"), ("etcdctl", "etcdctl"), ("etcdutl", "etcdutl")):
        # The server's main package is called server; its version is a variable of the source.
        name = f"go.etcd.io/etcd/{folder}/v3"
        gobuild.module(part, name, version, [name])
        if folder != program:
            (part / folder).rename(part / program)


def _fetch_coredns(version: str, part: Path) -> None:
    url = f"{_GITHUB}/coredns/coredns/releases/download/v{version}/coredns_{version}_linux_{arch()}.tgz"
    download.extract(download.checked(url, f"{url}.sha256"), {"coredns"}, part)


def _build_coredns(version: str, part: Path) -> None:
    name = "github.com/coredns/coredns"
    # An old golang.org/x/sys reaches into the runtime, which today's linker refuses unless told otherwise.
    gobuild.module(part, name, version, [name], ldflags="-checklinkname=0")


def _fetch_kind(version: str, part: Path) -> None:
    url = f"{_GITHUB}/kubernetes-sigs/kind/releases/download/v{version}/kind-linux-{arch()}"
    download.save(download.checked(url, f"{url}.sha256sum"), part / "kind")


def _build_kind(version: str, part: Path) -> None:
    gobuild.module(part, "sigs.k8s.io/kind", version, ["sigs.k8s.io/kind"])


def _fetch_kwok(version: str, part: Path) -> None:
    # kwok publishes no checksums beside its binaries, so they are always built.
    raise download.NotReachable(f"kwok {version}: no published checksum")


def _build_kwok(version: str, part: Path) -> None:
    name = "sigs.k8s.io/kwok"
    gobuild.module(part, name, version, [f"{name}/cmd/kwok"], ldflags=f"-X {name}/pkg/consts.Version=v{version}")


# name -> (download into a directory, build into a directory, arguments that make it say its version)
_TOOLS = {
    "crictl": (_fetch_crictl, _build_crictl, ["--version"]),
    "etcd": (_fetch_etcd, _build_etcd, ["--version"]),
    "coredns": (_fetch_coredns, _build_coredns, ["-version"]),
    "kind": (_fetch_kind, _build_kind, ["version"]),
    "kwok": (_fetch_kwok, _build_kwok, ["--version"]),
}
