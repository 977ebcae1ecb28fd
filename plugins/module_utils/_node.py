# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts of one node, read from its own files and programs. Nothing is changed, and no API is asked."""

from __future__ import annotations

import concurrent.futures
import json
import os
import platform
import re
import shlex
import stat
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils import _kubeadm, _running, _x509
from ansible_collections.uplift.kubeadm.plugins.module_utils._command import PATH, Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import state_of
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_flags import flags_of

BINARIES = ("kubeadm", "kubelet", "kubectl")
PACKAGES = (*BINARIES, "cri-tools", "kubernetes-cni")
NODE_PREFIX = "system:node:"
VERSION = re.compile(r"v\d+\.\d+\.\d+[0-9A-Za-z.+-]*")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i386": "386", "i686": "386"}
# kubeadm: {target}{suffix}{+patch type}.{extension} (cmd/kubeadm/app/util/patches).
PATCH = re.compile(
    r"(kube-apiserver|kube-controller-manager|kube-scheduler|etcd|kubeletconfiguration|corednsdeployment)"
    r"[^+/]*(\+(strategic|merge|json))?\.(json|yaml)"
)
EXEC_START = re.compile(r"\bpath=(\S+)")  # of `systemctl show --property=ExecStart`
VERSION_COMMANDS = {
    "kubeadm": ("version", "-o", "short"),
    "kubelet": ("--version",),
    "kubectl": ("version", "--client", "-o", "json"),
}


class Node:
    """Reads one node. root is "/", but for tests."""

    def __init__(self, root: Path = Path("/"), runner: Runner | None = None) -> None:
        self.root = root
        self.runner = runner or Runner()

    def facts(self, patches: str | None = None) -> dict[str, t.Any]:
        """All facts of the node as one dictionary; what could not be read is null, and `unread` says why.

        patches: a folder of kubeadm patches that is looked for.
        """
        unread: dict[str, str] = {}
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            answers_later = pool.submit(_running.Local(self.root, _running.PROBE_SECONDS).ask_all)
            versions_later = pool.submit(self.versions)
            answers, versions = answers_later.result(), versions_later.result()
        unread.update({name: answer.why for name, answer in answers.items() if answer.version is None})
        name, why = self.name()
        if why:
            unread["name"] = why
        ca_fingerprints, why = self.ca_fingerprints()
        if why:
            unread["ca_fingerprints"] = why
        manager = self.package_manager()
        manifests = _running.manifests(self.root)
        kubelet = self.binary("kubelet")
        return {
            "name": name,
            **versions,
            "install_method": "package" if manager else "binary",
            "package_manager": manager,
            "binary_dir": str(Path("/") / kubelet.parent.relative_to(self.root)) if kubelet else None,
            "arch": architecture(),
            "python": platform.python_version(),
            "control_plane": "kube-apiserver" in manifests,
            "manifests": {name: manifest.image for name, manifest in manifests.items()},
            "running": {name: answer.version for name, answer in answers.items()},
            "healthy": {name: answer.healthy for name, answer in answers.items()},
            "unread": unread,
            "kubelet_flags": self.kubelet_flags(),
            "patches_found": self.patches(),
            "patches_there": patches_there(self.root, patches) if patches else None,
            "cri_socket": self.cri_socket(),
            "kubeadm_unit": _kubeadm.Kubeadm(self.runner, state_of(self.root)).last_run(),
            "holds": self.holds(),
            "release_staged": staged(state_of(self.root) / "release"),
            "swap": len(_text(self.root / "proc/swaps").splitlines()) > 1,
            "cgroup": "v2" if (self.root / "sys/fs/cgroup/cgroup.controllers").exists() else "v1",
            "certificates": self.certificates(),
            "ca_fingerprints": ca_fingerprints,
        }

    def name(self) -> tuple[str | None, str]:
        """The node's name as kubelet itself says it to the API server (its client certificate), and why not."""
        conf = self.root / "etc/kubernetes/kubelet.conf"
        try:
            pem = _running.kubeconfig_data(conf.read_text(), "client-certificate")
            if pem is None:
                return None, f"{conf} names no client certificate"
            common_name = _x509.first_certificate(pem).common_name or ""
        except (OSError, ValueError) as exc:
            return None, f"kubelet's client certificate ({conf}) cannot be read: {exc}"
        if not common_name.startswith(NODE_PREFIX):
            return None, f"kubelet's client certificate says {common_name!r}, which is no {NODE_PREFIX}NAME"
        return common_name[len(NODE_PREFIX) :], ""

    def ca_fingerprints(self) -> tuple[list[str], str]:
        """Fingerprints of the authority that kubelet trusts, which tells clusters apart; and why there are none."""
        conf = self.root / "etc/kubernetes/kubelet.conf"
        try:
            return _x509.fingerprints(_running.kubeconfig_data(conf.read_text(), "certificate-authority") or ""), ""
        except (OSError, ValueError) as exc:
            return [], f"the cluster's authority in {conf} cannot be read: {exc}"

    def binary(self, name: str) -> Path | None:
        """Where the installed program is: its package's, else the one beside the kubelet that runs, else PATH's first.

        A second program of that name, which somebody put elsewhere on PATH, is not the node's.
        """
        return next((path for path in self._candidates(name) if path.is_file() and os.access(path, os.X_OK)), None)

    def versions(self) -> dict[str, str | None]:
        """Versions of the installed kubeadm, kubelet and kubectl, each from the program itself."""
        with concurrent.futures.ThreadPoolExecutor(len(BINARIES)) as pool:
            return dict(
                zip(BINARIES, pool.map(lambda name: version_of(self.runner, name, self.binary(name)), BINARIES))
            )

    def package_manager(self) -> str | None:
        """The package manager that owns kubelet ("apt" or "dnf"), or None: then it is a plain binary."""
        if (self.root / "var/lib/dpkg/info/kubelet.list").exists():
            return "apt"
        if self.runner.which("rpm") and self.runner.run(["rpm", "-q", "kubelet"]).rc == 0:
            return "dnf"
        return None

    def _candidates(self, name: str) -> t.Iterator[Path]:
        """Where a program may be, best first."""
        packaged = _text(self.root / f"var/lib/dpkg/info/{name}.list")
        if not packaged and self.runner.which("rpm"):
            packaged = self.runner.run(["rpm", "-ql", name]).out
        yield from (self.root / file.lstrip("/") for file in packaged.splitlines() if file.endswith(f"/bin/{name}"))
        if self.runner.which("systemctl"):
            started = EXEC_START.search(
                self.runner.run(["systemctl", "show", "kubelet.service", "--property=ExecStart"]).out
            )
            if started and started.group(1).endswith("/kubelet"):  # else it is a wrapper, which may be anywhere
                yield (self.root / started.group(1).lstrip("/")).with_name(name)
        yield from (self.root / folder.lstrip("/") / name for folder in PATH.split(":"))

    def holds(self) -> list[str]:
        """Kubernetes packages that apt is told to hold."""
        status = _text(self.root / "var/lib/dpkg/status")
        held = re.findall(r"^Package: (\S+)\nStatus: hold ", status, re.MULTILINE)
        return sorted(set(held) & set(PACKAGES))

    def kubelet_flags(self) -> dict[str, str]:
        """The flags that kubeadm wrote for kubelet (kubeadm-flags.env), without their dashes."""
        match = re.search(
            r"^KUBELET_KUBEADM_ARGS=(.*)$", _text(self.root / "var/lib/kubelet/kubeadm-flags.env"), re.MULTILINE
        )
        if not match:
            return {}
        return flags_of(shlex.split(match.group(1).strip().strip("\"'")))

    def cri_socket(self) -> str | None:
        """The container runtime's socket, as kubelet has it (a flag; from kubeadm 1.31 or so in its configuration)."""
        flag = self.kubelet_flags().get("container-runtime-endpoint")
        if flag:
            return flag
        for file in ("instance-config.yaml", "config.yaml"):
            match = re.search(
                r"^containerRuntimeEndpoint:\s*[\"']?([^\s\"']+)",
                _text(self.root / "var/lib/kubelet" / file),
                re.MULTILINE,
            )
            if match:
                return match.group(1)
        return None

    def patches(self) -> list[str]:
        """Folders below /etc that hold kubeadm patches by their file names (kubeadm remembers no such folder)."""
        found = set()
        for top in ("kubernetes", "kubeadm"):
            for depth in ("*", "*/*", "*/*/*"):
                for file in (self.root / "etc" / top).glob(depth):
                    ours = file.parent.name in ("manifests", "tmp") or "tmp" in file.relative_to(self.root).parts
                    if not ours and PATCH.fullmatch(file.name) and file.is_file():
                        found.add("/" + str(file.parent.relative_to(self.root)))
        return sorted(found)

    def certificates(self) -> dict[str, str]:
        """When each certificate of this node ends (RFC 3339, UTC), by its path."""
        etc = self.root / "etc/kubernetes"
        ends = {}
        files = [*etc.glob("pki/*.crt"), *etc.glob("pki/etcd/*.crt"), *etc.glob("*.conf")]
        kubelet = self.root / "var/lib/kubelet/pki"  # kubelet's own: it renews them itself, but for kubelet.crt
        files += [*kubelet.glob("kubelet-*-current.pem"), *kubelet.glob("kubelet.crt")]
        for file in sorted(files):
            try:
                text = file.read_text(encoding="ascii")
                pem = _running.kubeconfig_data(text, "client-certificate") if file.suffix == ".conf" else text
                ends["/" + str(file.relative_to(self.root))] = rfc3339(_x509.first_certificate(pem or "").not_after)
            except (OSError, ValueError):
                continue
        return ends


def patches_there(root: Path, patches: str) -> bool:
    """Whether this folder of kubeadm patches, by its path on the node, is one."""
    return (root / patches.lstrip("/")).is_dir()


def rfc3339(moment: t.Any) -> str:
    """A moment in UTC, as Kubernetes writes it."""
    return str(moment.strftime("%Y-%m-%dT%H:%M:%SZ"))


def architecture() -> str:
    """This machine's architecture, as Kubernetes names it."""
    return ARCHITECTURES.get(platform.machine(), platform.machine())


def version_of(runner: Runner, name: str, path: Path | None) -> str | None:
    """Version that a kubeadm, kubelet or kubectl says it is ("v1.25.4"), or None."""
    if path is None:
        return None
    result = runner.run([str(path), *VERSION_COMMANDS[name]], timeout=30)
    if result.rc != 0:
        return None
    if name == "kubectl":
        try:
            return str(json.loads(result.out)["clientVersion"]["gitVersion"])
        except (ValueError, KeyError):
            return None
    match = VERSION.search(result.out)
    return match.group(0) if match else None


def staged(folder: Path) -> dict[str, list[str]]:
    """What lies ready in the release folder: {version: [file names]}."""
    if not folder.is_dir():
        return {}
    versions = [
        entry for entry in folder.iterdir() if entry.name.startswith("v") and stat.S_ISDIR(entry.stat().st_mode)
    ]
    return {entry.name: sorted(file.name for file in entry.iterdir()) for entry in sorted(versions)}


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
