# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a node of the lab gets its packages: the script that makes one of them, as a user's node is."""

from __future__ import annotations

import os
from pathlib import Path

from . import artifacts
from .package_contents import (
    ALL_PACKAGES,
    DEB_ARCH,
    KUBERNETES_PACKAGES,
    RPM_ARCH,
    cni_version,
    cri_tools_revision,
    minor_of,
    release,
)
from .packages import lab_base_rpm

# Debian packages that a node has to have before the debs (else `dpkg -i` of kubelet fails), or the rpms, go in.
NODE_PACKAGES_DEB = ("iptables", "iproute2", "mount", "util-linux", "ebtables", "ethtool", "conntrack", "socat")
NODE_PACKAGES_RPM = (*NODE_PACKAGES_DEB, "rpm", "dnf", "python3-dnf")


# kind's image brings a crictl, a kubelet unit and a drop-in where they would hide those of the packages. They go;
# what a kubelet in a container needs of them stays, in a drop-in beside kind's 11-kind.conf.
_MAKE_ROOM = """rm -f /usr/local/bin/crictl /etc/systemd/system/kubelet.service \\
  /etc/systemd/system/kubelet.service.d/10-kubeadm.conf /etc/systemd/system/*.wants/kubelet.service
mkdir -p /etc/systemd/system/kubelet.service.d
cat > /etc/systemd/system/kubelet.service.d/12-lab-package.conf <<'END'
# What kind's own kubelet.service adds to the one of the package.
[Unit]
ConditionPathExists=/var/lib/kubelet/config.yaml

[Service]
RestartSec=1s
CPUAccounting=true
MemoryAccounting=true
Slice=kubelet.slice
KillMode=process
END
"""
_DEB_KEYRING = "/etc/apt/keyrings/kubernetes-apt-keyring.gpg"
_RPM_KEY = "/etc/pki/rpm-gpg/RPM-GPG-KEY-kubernetes"


def deb_source(mirror_url: str, minor: int) -> str:
    """The line that the documentation puts into /etc/apt/sources.list.d/kubernetes.list."""
    return f"deb [signed-by={_DEB_KEYRING}] {mirror_url.rstrip('/')}/deb/v1.{minor}/deb/ /\n"


def rpm_repo(mirror_url: str, minor: int) -> str:
    """/etc/yum.repos.d/kubernetes.repo, with the exclude of the documentation: it is dnf's hold."""
    base = f"{mirror_url.rstrip('/')}/rpm/v1.{minor}/rpm"
    return (
        f"[kubernetes]\nname=Kubernetes\nbaseurl={base}/\nenabled=1\ngpgcheck=1\nrepo_gpgcheck=1\n"
        f"gpgkey={base}/repodata/repomd.xml.key\nexclude={' '.join(ALL_PACKAGES)}\n"
    )


def package_files(mirror_dir: Path, family: str, version: str) -> list[Path]:
    """The five packages of one version in the mirror, each after those that it depends on."""
    minor = minor_of(version)
    pool = mirror_dir / family / f"v1.{minor}" / family / (DEB_ARCH if family == "deb" else RPM_ARCH)
    cni, revision = cni_version(minor)
    full = {name: f"{version}-{release(family)}" for name in KUBERNETES_PACKAGES}
    full["cri-tools"] = f"{artifacts.CRICTL}-{release(family, cri_tools_revision(minor))}"
    full["kubernetes-cni"] = f"{cni}-{release(family, revision)}"
    pattern = f"{{}}_{{}}_{DEB_ARCH}.deb" if family == "deb" else f"{{}}-{{}}.{RPM_ARCH}.rpm"
    order = ("cri-tools", "kubernetes-cni", "kubectl", "kubelet", "kubeadm")
    return [pool / pattern.format(name, full[name]) for name in order]


def install_script(
    family: str, version: str, mirror_dir: Path, mirror_url: str, mounted: Path = Path("/lab/mirror")
) -> str:
    """Shell text that makes a kind node of packages of ``version``, as a user's node is, for an image build.

    ``family`` is ``deb`` or ``rpm``; ``mounted`` is where ``mirror_dir`` is seen while the script runs, ``mirror_url``
    what running nodes call it. The text changes whenever the packages or their key do.

    Needs NODE_PACKAGES_DEB or NODE_PACKAGES_RPM on the node, no network and no running systemd. What it leaves: the
    repository of the minor with its key, the five packages, the three held (``apt-mark hold``; an rpm repository
    excludes all five instead), kubelet enabled, and the arguments that kind sets in /etc/default/kubelet kept, which
    makes that configuration file one that a user has changed.
    """
    minor = minor_of(version)
    build = os.readlink(mirror_dir / family / f"v1.{minor}")
    files = package_files(mounted, family, version)
    packages = " ".join(str(path) for path in files)
    if family == "deb":
        source = "/etc/apt/sources.list.d/kubernetes.list"
        install = [
            f"mkdir -p {Path(_DEB_KEYRING).parent} {Path(source).parent}",
            f"gpg --batch --dearmor --output {_DEB_KEYRING} < {files[0].parent.parent / 'Release.key'}",
            f"cat > {source} <<'END'\n{deb_source(mirror_url, minor)}END",
            f"DEBIAN_FRONTEND=noninteractive dpkg --force-confold -i {packages}",
            f"apt-mark hold {' '.join(KUBERNETES_PACKAGES)}",
        ]
    else:
        source = "/etc/yum.repos.d/kubernetes.repo"
        install = [
            f"mkdir -p /etc/rpm {Path(_RPM_KEY).parent} {Path(source).parent}",
            # Debian keeps the database in the home of whoever calls rpm; a user's node has it here.
            "echo '%_dbpath /var/lib/rpm' > /etc/rpm/macros.lab",
            f"cp {files[0].parent.parent / 'repodata' / 'repomd.xml.key'} {_RPM_KEY}",
            f"cat > {source} <<'END'\n{rpm_repo(mirror_url, minor)}END",
            f"rpm --import {_RPM_KEY}",
            f"rpm -i {lab_base_rpm(mounted)}",
            f"rpm -i {packages}",
            "if [ -s /etc/default/kubelet ]; then cat /etc/default/kubelet > /etc/sysconfig/kubelet; fi",
        ]
    return "\n".join([f"# {Path(build).name}", "set -e", _MAKE_ROOM, *install, "systemctl enable kubelet.service", ""])
