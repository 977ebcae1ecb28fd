# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image of a kind node: Debian with systemd, containerd, sshd, Python and the programs of the start version.

The steps are those of kind's own base image (images/base in its module), on packages of Debian.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from . import artifacts, cache, debian, docker, engine, gobuild, images, package_install
from .paths import LABEL, MIRROR, REGISTRY, cache_dir, mirror_dir
from .progress import step
from .shell import out, run

# What an administrator logs in as over SSH, with sudo and no password.
USER = "admin"

_BASE = """FROM @BASE@
@APT@
RUN apt-get install -y systemd systemd-sysv dbus sudo libseccomp2 containerd runc containernetworking-plugins \\
      conntrack iptables nftables ipset iproute2 iputils-ping ethtool socat ebtables util-linux mount kmod \\
      openssh-server python3 python3-apt bash ca-certificates curl gnupg jq procps less pigz xz-utils @MORE@ \\
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /etc/apt/sources.list /etc/apt/sources.list.d/* \\
 && rm -f /etc/apt/apt.conf.d/99lab /usr/sbin/policy-rc.d /etc/ssh/ssh_host_*
COPY kind/ /
COPY lab/ /
RUN chmod 755 /kind/bin /kind/bin/* /usr/local/bin/* \\
 && find /lib/systemd/system/sysinit.target.wants/ -name systemd-tmpfiles-setup.service -delete \\
 && rm -f /lib/systemd/system/multi-user.target.wants/* /etc/systemd/system/*.wants/* \\
      /lib/systemd/system/local-fs.target.wants/* /lib/systemd/system/basic.target.wants/* \\
      /lib/systemd/system/sockets.target.wants/*udev* /lib/systemd/system/sockets.target.wants/*initctl* \\
 && echo ReadKMsg=no >> /etc/systemd/journald.conf \\
 && ln -sf /usr/bin/containerd /usr/bin/ctr /usr/local/bin/ \\
 && ctr oci spec \\
    | jq '.hooks.createContainer += [{"path": "/kind/bin/mount-product-files.sh"}] | del(.process.rlimits)' \\
    > /etc/containerd/cri-base.json \\
 && mkdir -p /opt/cni/bin /etc/cni/net.d /etc/kubernetes/manifests \\
 && cp -a /usr/lib/cni/. /opt/cni/bin/ && rm -f /etc/cni/net.d/* \\
 && useradd --create-home --shell /bin/bash @USER@ \\
 && echo '@USER@ ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/lab && chmod 440 /etc/sudoers.d/lab \\
 && systemctl enable kubelet containerd undo-mount-hacks ssh lab-cgroups lab-hostkeys lab-network \\
 && systemctl mask systemd-binfmt
ENV container=docker
STOPSIGNAL SIGRTMIN+3
ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]
"""

_HOSTS_TOML = f"""server = "http://{REGISTRY}:5000"

[host."http://{REGISTRY}:5000"]
  capabilities = ["pull", "resolve"]
"""

_HOSTKEYS = """[Unit]
Description=SSH host keys of this node's own (lab)
Before=ssh.service

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A

[Install]
WantedBy=multi-user.target
"""

# On cgroup v1, systemd mounts every hierarchy that exists in the kernel, also one that another container made and the
# host has not mounted. Docker gave the node no place of its own there and kind's entry point prepared none, so kubelet
# would refuse to start («cgroup ["kubelet"] has some missing paths»), or share its pods' groups with other nodes.
_CGROUPS = """[Unit]
Description=Away with cgroup hierarchies that this container has no part in (lab)
Before=containerd.service kubelet.service

[Service]
Type=oneshot
ExecStart=/bin/sh -euc 'findmnt -lno TARGET -t cgroup | grep -x "/sys/fs/cgroup/[^/]*" | grep -v systemd\\
 | while read -r at; do [ -d "$$at/kubelet.slice" ] || umount "$$at"; done'

[Install]
WantedBy=multi-user.target
"""

# kind has no way to bring routes and NAT back after a restart of the container; a unit does. The file that it reads
# is written by the lab once the nodes have their pod CIDRs; see cluster.py.
_NETWORK = """[Unit]
Description=Routes to the other nodes' pods, and NAT for pods that leave the cluster (lab)
ConditionPathExists=/etc/lab/network.sh
Before=kubelet.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -eu /etc/lab/network.sh

[Install]
WantedBy=multi-user.target
"""

_REGISTRY_TOML = """
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "/etc/containerd/certs.d"
"""


def ensure(version: str, install: str = "binary") -> str:
    """Name of the node image that starts at a Kubernetes version, with its images preloaded.

    `install` is how kubeadm, kubelet and kubectl got there: binary, deb or rpm. The packages of the last two must be
    in the mirror.
    """
    base = _base(version, package_install.NODE_PACKAGES_RPM if install == "rpm" else package_install.NODE_PACKAGES_DEB)
    programs, layout = artifacts.ensure(version), images.ensure(version)
    if install == "binary":
        script = _BINARY
    else:
        script = package_install.install_script(install, version, mirror_dir(), f"http://{MIRROR}", Path("/lab/mirror"))
    script += f"echo -n v{version} > /kind/version\n" + _PRELOAD
    digests = "".join(sorted(images.references(layout).values()))
    name = f"uplift-lab/node:v{version}-{install}-{docker.recipe(base, script, digests)}"
    with cache.lock(cache_dir() / "locks" / "image-node.lock"):
        if not docker.image_exists(name):
            with step(f"building node image {name}"):
                _commit(name, base, script, {programs: "/lab/bin", layout: "/lab/images", mirror_dir(): "/lab/mirror"})
    return name


def pause_image(version: str) -> str:
    """The pause image that kubeadm `version` names; containerd's sandbox_image must be the same."""
    return next(reference for reference in artifacts.images_of(version) if "/pause:" in reference)


def _kind_files() -> Path:
    """The files of kind's base image, which its module carries."""

    def copy(part: Path) -> None:
        source = gobuild.download("sigs.k8s.io/kind", f"v{artifacts.KIND}") / "images" / "base" / "files"
        shutil.copytree(source, part, dirs_exist_ok=True)
        # Go's module cache is read-only, and so is a copy of it.
        run("chmod", "-R", "u+w", part)

    return cache.ensure(f"src/kind-{artifacts.KIND}-base", copy)


def _base(version: str, more: tuple[str, ...]) -> str:
    """The image without Kubernetes. Between versions, it differs by the name of the pause image alone."""
    crictl = artifacts.tool("crictl", artifacts.CRICTL) / "crictl"
    source = _kind_files()
    with tempfile.TemporaryDirectory(prefix="uplift-lab-") as scratch:
        files = Path(scratch)
        shutil.copytree(source, files / "kind")
        lab = files / "lab"
        for path, text in {
            "etc/containerd/config.toml": _containerd(source, pause_image(version)),
            "etc/containerd/certs.d/registry.k8s.io/hosts.toml": _HOSTS_TOML,
            "etc/systemd/system/lab-hostkeys.service": _HOSTKEYS,
            "etc/systemd/system/lab-cgroups.service": _CGROUPS,
            "etc/systemd/system/lab-network.service": _NETWORK,
        }.items():
            (lab / path).parent.mkdir(parents=True, exist_ok=True)
            (lab / path).write_text(text)
        (lab / "usr/local/bin").mkdir(parents=True)
        shutil.copy2(crictl, lab / "usr/local/bin/crictl")
        dockerfile = _BASE.replace("@USER@", USER).replace("@MORE@", " ".join(more))
        return debian.build("node-base", dockerfile, files)


def _containerd(source: Path, pause: str) -> str:
    """kind's configuration of containerd, with our pause image and registry."""
    lines = []
    for line in (source / "etc/containerd/config.toml").read_text().splitlines():
        key = line.strip().partition(" ")[0]
        indent = line[: len(line) - len(line.lstrip())]
        if key == "sandbox_image":
            line = f'{indent}sandbox_image = "{pause}"'
        elif key == "restrict_oom_score_adj" and engine.restricted():
            line = f"{indent}restrict_oom_score_adj = true"
        lines.append(line)
    return "\n".join(lines) + "\n" + _REGISTRY_TOML


def _commit(name: str, base: str, script: str, mounts: dict[Path, str]) -> None:
    """Run a script in a container of `base` and keep the result as one layer.

    Not a Dockerfile: images and packages are needed while it runs, and must not become layers.
    """
    for left_over in docker.labelled("container", "build"):  # of a killed run: the caller holds the lock
        run("docker", "rm", "-f", "-v", left_over)
    volumes = []
    for source, target in mounts.items():
        source.mkdir(parents=True, exist_ok=True)
        volumes += ["-v", f"{source}:{target}:ro"]
    container = out(
        "docker",
        *("run", "-d", f"--label={LABEL}=build", "--entrypoint", "sleep", "--security-opt", "seccomp=unconfined"),
        *volumes,
        *(base, "infinity"),
    )
    try:
        run("docker", "exec", "-i", container, "bash", "-euo", "pipefail", stdin=script)
        entrypoint = 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]'
        changes = ["--change", entrypoint, "--change", f"LABEL {LABEL}=image"]
        run("docker", "commit", *changes, container, name)
    finally:
        run("docker", "rm", "-f", "-v", container)


_BINARY = "install -m 755 /lab/bin/kubeadm /lab/bin/kubelet /lab/bin/kubectl /usr/bin/\n"

# As kind does it: not unpacked, which would need the snapshotter; containerd unpacks at the first use.
_PRELOAD = """
containerd --log-level error > /tmp/containerd.log 2>&1 &
until ctr version > /dev/null 2>&1; do kill -0 $! || { cat /tmp/containerd.log >&2; exit 1; }; sleep 0.2; done
tar -C /lab/images -cf - oci-layout index.json blobs \\
  | ctr --namespace=k8s.io images import --no-unpack --digests - > /dev/null
kill %1
wait %1 || true
rm -rf /tmp/containerd.log /run/containerd
"""
