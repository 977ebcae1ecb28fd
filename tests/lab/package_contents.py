# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in the packages of the lab: names, versions, files, dependencies, scripts, and their files of control. Pure.

Versions are those of pkgs.k8s.io (``1.25.4-1.1`` as deb, ``1.25.4-150500.1.1`` as rpm). The source for all of it is the
kubernetes/release repository, ``cmd/krel/templates/latest/*/*.spec`` and ``metadata.yaml`` beside them.

Two things differ, on purpose:

* cri-tools is the same crictl 1.30.0 in every minor (older ones are not to be had as Go modules), under a revision
  that differs a minor, so that an upgrade that forgets to bring it along is seen.
* kubelet's configuration file names its minor in a comment. In the community's packages that file changed once in
  years; here it changes with every hop, so that an upgrade that runs into dpkg's question about it is caught.
"""

from __future__ import annotations

import email.utils
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import artifacts
from .paths import arch

KUBERNETES_PACKAGES = ("kubeadm", "kubelet", "kubectl")
ALL_PACKAGES = (*KUBERNETES_PACKAGES, "cri-tools", "kubernetes-cni")
# The first minor whose repository holds this version of the CNI plugins; all of them are to be had as Go modules.
CNI_VERSIONS = {24: "1.1.1", 26: "1.2.0", 30: "1.4.0", 32: "1.6.2", 34: "1.7.1"}

DEB_ARCH = arch()
RPM_ARCH = {"amd64": "x86_64", "arm64": "aarch64"}.get(DEB_ARCH, DEB_ARCH)

_PACKAGING = Path(__file__).parent / "packaging"
# Same binaries, same packages: nothing in them may depend on when they were made.
EPOCH = 1700000000


@dataclass(frozen=True)
class Package:
    """One package of one family, before it is built. Paths on the node are absolute strings.

    ``files`` maps a path to (source file or text, mode); ``requires`` has entries like ``cri-tools >= 1.25.0``;
    ``scripts`` maps ``post``, ``preun``, ``postun`` (rpm's names) to shell text in which ``$FIRST`` says whether this
    is the first installation, ``$LAST`` whether it is a removal (both ``yes`` or empty).
    """

    name: str
    version: str
    release: str
    summary: str
    files: Mapping[str, tuple[Path | str, int]] = field(default_factory=dict)
    directories: Sequence[str] = ()
    config_files: Sequence[str] = ()
    requires: Sequence[str] = ()
    recommends: Sequence[str] = ()
    provides: Sequence[str] = ()
    scripts: Mapping[str, str] = field(default_factory=dict)


def minor_of(version: str) -> int:
    """The minor of ``1.25.4``, as a number: 25. Raises ValueError for anything else."""
    match = re.fullmatch(r"1\.(\d+)\.\d+", version)
    if not match:
        raise ValueError(f"{version!r} is not a Kubernetes version such as 1.25.4.")
    return int(match[1])


def by_minor(versions: Iterable[str]) -> dict[int, list[str]]:
    """{25: ["1.25.3", "1.25.10"], ...}, in order of version."""
    groups: dict[int, list[str]] = {}
    for version in sorted(set(versions), key=lambda v: (minor_of(v), int(v.rsplit(".", 1)[1]))):
        groups.setdefault(minor_of(version), []).append(version)
    return groups


def cni_version(minor: int) -> tuple[str, int]:
    """Version of kubernetes-cni in a minor's repository, and its revision, which rises with every minor that has it."""
    first = max((start for start in CNI_VERSIONS if start <= minor), default=min(CNI_VERSIONS))
    return CNI_VERSIONS[first], max(1, minor - first + 1)


def cri_tools_revision(minor: int) -> int:
    """The same crictl in each minor, told apart by its revision."""
    return max(1, minor - 23)


def release(family: str, revision: int = 1) -> str:
    """The part after the version: ``1.1`` in a deb; rpms of the community carry the build system's name in front."""
    return f"{revision}.1" if family == "deb" else f"150500.{revision}.1"


def kubelet_env_path(family: str) -> str:
    return "/etc/default/kubelet" if family == "deb" else "/etc/sysconfig/kubelet"


def _kubeadm_requires(minor: int) -> list[str]:
    """metadata.yaml of kubernetes/release, from 1.24.5 on."""
    if minor >= 32:
        return []
    if minor >= 30:
        return ["cri-tools >= 1.30.0"]
    cni, crictl = ("1.2.0", "1.28.0") if minor >= 28 else ("1.1.1", "1.25.0")
    return ["kubelet >= 1.19.0", "kubectl >= 1.19.0", f"kubernetes-cni >= {cni}", f"cri-tools >= {crictl}"]


def _kubelet_requires(minor: int, family: str) -> list[str]:
    """kubelet.spec as it was when these minors were published: up to 1.29 it wanted the network tools too."""
    mount = ["mount"] if family == "deb" else []
    cni = [f"kubernetes-cni >= {'1.2.0' if minor >= 28 else '1.1.1'}"]
    if minor >= 30:
        return [*cni, *mount, "util-linux"]
    iproute = "iproute2" if family == "deb" else "iproute"
    return ["iptables >= 1.4.21", *cni, iproute, *mount, "socat", "util-linux", "ethtool", "ebtables", "conntrack"]


# As the systemd macros of the community's build: enabled as the system's preset says on first installation, stopped on
# removal, and never restarted by an upgrade, which is the upgrader's to do.
_RELOAD = "if [ -d /run/systemd/system ]; then systemctl daemon-reload || :; fi\n"
_KUBELET_SCRIPTS = {
    "post": _RELOAD
    + 'if [ -n "$FIRST" ]; then systemctl --no-reload preset kubelet.service >/dev/null 2>&1 || :; fi\n',
    "preun": 'if [ -n "$LAST" ]; then systemctl --no-reload disable --now kubelet.service >/dev/null 2>&1 || :; fi\n',
    "postun": _RELOAD,
}


def kubernetes_packages(version: str, family: str, binaries: Path) -> list[Package]:
    """kubeadm, kubelet and kubectl of one version, as they are for ``deb`` or ``rpm``."""
    minor = minor_of(version)
    env_path = kubelet_env_path(family)
    units = "/usr/lib/systemd/system"
    drop_in = (_PACKAGING / "10-kubeadm.conf").read_text().replace("@KUBELET_ENV@", env_path)
    env = f"# Arguments for the kubelet of Kubernetes 1.{minor} (package of the lab).\nKUBELET_EXTRA_ARGS=\n"
    return [
        Package(
            "kubeadm",
            version,
            release(family),
            "Command-line utility for administering a Kubernetes cluster",
            files={
                "/usr/bin/kubeadm": (binaries / "kubeadm", 0o755),
                f"{units}/kubelet.service.d/10-kubeadm.conf": (drop_in, 0o644),
            },
            directories=[f"{units}/kubelet.service.d"],
            requires=_kubeadm_requires(minor),
        ),
        Package(
            "kubelet",
            version,
            release(family),
            "Node agent for Kubernetes clusters",
            files={
                "/usr/bin/kubelet": (binaries / "kubelet", 0o755),
                f"{units}/kubelet.service": ((_PACKAGING / "kubelet.service").read_text(), 0o644),
                env_path: (env, 0o644),
            },
            directories=["/var/lib/kubelet", "/etc/kubernetes", "/etc/kubernetes/manifests"],
            config_files=[env_path],
            requires=_kubelet_requires(minor, family),
            recommends=["iptables >= 1.8.4"] if minor >= 30 else [],
            scripts=_KUBELET_SCRIPTS,
        ),
        Package(
            "kubectl",
            version,
            release(family),
            "Command-line utility for interacting with a Kubernetes cluster",
            files={"/usr/bin/kubectl": (binaries / "kubectl", 0o755)},
        ),
    ]


def tool_packages(minor: int, family: str, crictl: Path, cni: Path) -> list[Package]:
    """cri-tools and kubernetes-cni of one minor's repository."""
    version, revision = cni_version(minor)
    return [
        Package(
            "cri-tools",
            artifacts.CRICTL,
            release(family, cri_tools_revision(minor)),
            "Command-line utility for interacting with a container runtime",
            files={"/usr/bin/crictl": (crictl, 0o755)},
        ),
        Package(
            "kubernetes-cni",
            version,
            release(family, revision),
            "Binaries required to provision kubernetes container networking",
            files={f"/opt/cni/bin/{plugin.name}": (plugin, 0o755) for plugin in sorted(cni.iterdir())},
            directories=["/opt/cni", "/opt/cni/bin", "/etc/cni", "/etc/cni/net.d"],
        ),
    ]


def lab_base() -> Package:
    """What a Debian node has, told to rpm, whose database there is empty: without it no rpm would install."""
    return Package(
        "lab-base",
        "1",
        "1",
        "What the Debian system of a lab node provides, for rpm's dependencies (lab only, no files)",
        provides=[
            "/bin/sh",
            "system-release(releasever) = 12",
            "iptables = 1.8.9",
            "iproute = 6.1.0",
            "util-linux = 2.38.1",
            "ethtool = 6.1",
            "ebtables = 2.0.11",
            "conntrack = 1.4.7",
            "socat = 1.7.4.4",
        ],
    )


def debian_relation(requirement: str) -> str:
    """``cri-tools >= 1.25.0`` -> ``cri-tools (>= 1.25.0)``; a bare name stays as it is."""
    name, *constraint = requirement.split(maxsplit=1)
    return f"{name} ({constraint[0]})" if constraint else name


def debian_control(package: Package, size: int) -> str:
    """dpkg's description of a package; ``size`` in bytes as installed."""
    lines = [
        f"Package: {package.name}",
        f"Version: {package.version}-{package.release}",
        f"Architecture: {DEB_ARCH}",
        "Maintainer: uplift.kubeadm lab <lab@uplift.invalid>",
        "Section: admin",
        "Priority: optional",
        f"Installed-Size: {size // 1024}",
        "Homepage: https://kubernetes.io",
    ]
    for keyword, relations in (("Depends", package.requires), ("Recommends", package.recommends)):
        if relations:
            lines.append(f"{keyword}: {', '.join(map(debian_relation, relations))}")
    return "\n".join([*lines, f"Description: {package.summary}", ""])


def debian_scripts(package: Package) -> dict[str, str]:
    """dpkg's maintainer scripts. dpkg says by words what rpm says by a number."""
    first = '[ "$1" = configure ] && [ -z "$2" ] && FIRST=yes'
    last = '[ "$1" = remove ] && LAST=yes'
    names = {"post": "postinst", "preun": "prerm", "postun": "postrm"}
    return {
        names[name]: f"#!/bin/sh\nset -e\nFIRST= LAST=\n{first} || :\n{last} || :\n{text}"
        for name, text in package.scripts.items()
    }


def rpm_spec(package: Package, root: Path) -> str:
    """A spec file that packs what is already laid out below ``root``."""
    noarch = not package.files
    lines = [
        f"Name: {package.name}",
        f"Version: {package.version}",
        f"Release: {package.release}",
        f"Summary: {package.summary}",
        "License: Apache-2.0",
        "Packager: uplift.kubeadm lab",
        "URL: https://kubernetes.io",
        *(["BuildArch: noarch"] if noarch else []),
        # Nothing is guessed from the binaries: on a Debian node no rpm provides a libc.
        "AutoReqProv: no",
        *(f"Requires: {entry}" for entry in package.requires),
        *(f"Recommends: {entry}" for entry in package.recommends),
        *(f"Provides: {entry}" for entry in package.provides),
        "%description",
        f"{package.summary}.",
        "%install",
        f"cp -a '{root}/.' '%{{buildroot}}/'",
    ]
    for name, text in package.scripts.items():
        # $1 is the number of versions of the package left after this step.
        variables = 'FIRST= LAST=\n[ "$1" = 1 ] && FIRST=yes\n[ "$1" = 0 ] && LAST=yes\n'
        if name == "post":
            variables = variables.replace('[ "$1" = 0 ] && LAST=yes\n', "")
        else:
            variables = variables.replace('[ "$1" = 1 ] && FIRST=yes\n', "")
        lines += [f"%{name}", variables + text]
    lines += ["%files", "%defattr(-,root,root,-)"]
    lines += [f"%dir {path}" for path in package.directories]
    lines += [f"%config(noreplace) {path}" if path in package.config_files else path for path in sorted(package.files)]
    return "\n".join([*lines, ""])


def debian_release(minor: int, index_files: Mapping[str, bytes]) -> str:
    """The Release file of a flat repository: names, sizes and sums of its index files."""
    lines = [
        "Archive: deb",
        "Codename: deb",
        "Origin: uplift.kubeadm lab",
        f"Label: isv:kubernetes:core:stable:v1.{minor}",
        f"Architectures: {DEB_ARCH}",
        f"Date: {email.utils.formatdate(EPOCH, usegmt=True)}",
        f"Description: Kubernetes v1.{minor}, packages built by the lab",
        "SHA256:",
    ]
    for name, content in sorted(index_files.items()):
        lines.append(f" {hashlib.sha256(content).hexdigest()} {len(content)} {name}")
    return "\n".join([*lines, ""])
