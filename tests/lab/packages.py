# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed deb and rpm repositories, one a minor, of the lab's own Kubernetes binaries.

What a node sees is what pkgs.k8s.io serves: the same layout, package names, versions (``1.25.4-1.1`` as deb,
``1.25.4-150500.1.1`` as rpm), dependencies, files, configuration files and scripts. The source for all of that is
the kubernetes/release repository, ``cmd/krel/templates/latest/*/*.spec`` and ``metadata.yaml`` beside them.

Three things differ, on purpose:

* cri-tools is the same crictl 1.30.0 in every minor (older ones are not to be had as Go modules), under a revision
  that differs a minor, so that an upgrade that forgets to bring it along is seen.
* kubelet's configuration file names its minor in a comment. In the community's packages that file changed once in
  years; here it changes with every hop, so that an upgrade that runs into dpkg's question about it is caught.
* The key is the lab's own, made once a cache and kept outside of what is served.

Layout below ``mirror_dir``::

    deb/v1.25/deb/{InRelease,Release,Release.gpg,Release.key,Packages,Packages.gz,amd64/*.deb}
    rpm/v1.25/rpm/{repodata/{repomd.xml,repomd.xml.asc,repomd.xml.key,...},x86_64/*.rpm}
    rpm/lab-base/lab-base-1-1.noarch.rpm

``deb/v1.25``, ``rpm/v1.25`` and ``rpm/lab-base`` are symbolic links into ``.builds/``: a finished build replaces the
one before in one step, and a broken-off build is never served.
"""

from __future__ import annotations

import email.utils
import gzip
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import artifacts, cache, download, engine, gobuild
from .paths import arch, cache_dir
from .progress import step
from .shell import run

KUBERNETES_PACKAGES = ("kubeadm", "kubelet", "kubectl")
ALL_PACKAGES = (*KUBERNETES_PACKAGES, "cri-tools", "kubernetes-cni")
FAMILIES = ("deb", "rpm")
# The first minor whose repository holds this version of the CNI plugins; all of them are to be had as Go modules.
CNI_VERSIONS = {24: "1.1.1", 26: "1.2.0", 30: "1.4.0", 32: "1.6.2", 34: "1.7.1"}
_CNI_MODULE = "github.com/containernetworking/plugins"
_CNI_PLUGINS = {
    "main": ("bridge", "host-device", "ipvlan", "loopback", "macvlan", "ptp", "vlan"),
    "ipam": ("dhcp", "host-local", "static"),
    "meta": ("bandwidth", "firewall", "portmap", "sbr", "tuning", "vrf"),
}

DEB_ARCH = arch()
RPM_ARCH = {"amd64": "x86_64", "arm64": "aarch64"}.get(DEB_ARCH, DEB_ARCH)

# Debian packages that a node has to have before the debs (else `dpkg -i` of kubelet fails), or the rpms, go in.
NODE_PACKAGES_DEB = ("iptables", "iproute2", "mount", "util-linux", "ebtables", "ethtool", "conntrack", "socat")
NODE_PACKAGES_RPM = (*NODE_PACKAGES_DEB, "rpm", "dnf", "python3-dnf")

_GPG_PROGRAMS = {"gpg": "gnupg", "gpgconf": "gnupg", "gpg-agent": "gpg-agent"}
_HOST_PROGRAMS = {
    "deb": {**_GPG_PROGRAMS, "dpkg-deb": "dpkg"},
    "rpm": {**_GPG_PROGRAMS, "rpmbuild": "rpm", "rpmsign": "rpm", "createrepo_c": "createrepo-c"},
}
_PACKAGING = Path(__file__).parent / "packaging"
# Same binaries, same packages: nothing in them may depend on when they were made.
_EPOCH = 1700000000
_ENV = {"SOURCE_DATE_EPOCH": str(_EPOCH), "LC_ALL": "C.UTF-8"}


# --- what is in the packages (pure) ---------------------------------------------------------------------------------


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
        f"Date: {email.utils.formatdate(_EPOCH, usegmt=True)}",
        f"Description: Kubernetes v1.{minor}, packages built by the lab",
        "SHA256:",
    ]
    for name, content in sorted(index_files.items()):
        lines.append(f" {hashlib.sha256(content).hexdigest()} {len(content)} {name}")
    return "\n".join([*lines, ""])


# --- building -------------------------------------------------------------------------------------------------------


def ensure(mirror_dir: Path, versions: Sequence[str], families: Sequence[str] = FAMILIES) -> None:
    """Have repositories of these families below ``mirror_dir`` that hold ``versions`` (such as ``1.25.4``).

    Patches of a minor that were there before stay. Fast when there is nothing to do; safe when two runs do it at
    once; a run that is broken off leaves what was served before. Some 3 s a minor and family. Raises LabError.
    """
    for family in families:
        engine.ensure_programs(_HOST_PROGRAMS[family])
    builds = mirror_dir / ".builds"
    with cache.lock(cache_dir() / "locks" / "packages.lock"):
        builds.mkdir(parents=True, exist_ok=True)
        for left_over in builds.glob(".work-*"):
            shutil.rmtree(left_over)
        key = signing_key()
        for minor, wanted in by_minor(versions).items():
            for family in families:
                patches = by_minor([*wanted, *served(mirror_dir, family, minor)])[minor]
                _ensure_repository(mirror_dir, family, minor, patches, key)
        if "rpm" in families:
            _ensure_lab_base(mirror_dir, key)


def served(mirror_dir: Path, family: str, minor: int) -> list[str]:
    """Kubernetes versions in a minor's repository, in no order; empty when there is none."""
    found = (mirror_dir / family / f"v1.{minor}" / family).glob(f"*/kubeadm[_-]*.{family}")
    return [re.split("[_-]", path.name)[1] for path in found]


def _ensure_repository(mirror_dir: Path, family: str, minor: int, patches: Sequence[str], key: Path) -> None:
    packages = [p for v in patches for p in kubernetes_packages(v, family, artifacts.ensure(v))]
    crictl = artifacts.tool("crictl", artifacts.CRICTL) / "crictl"
    packages += tool_packages(minor, family, crictl, cni_plugins(cni_version(minor)[0]))

    def build(directory: Path, work: Path) -> None:
        repository = directory / family
        repository.mkdir()
        with step(f"building {family} packages of Kubernetes {', '.join(patches)}"):
            if family == "deb":
                _build_deb_repository(minor, packages, repository, work, key)
            else:
                _build_rpm_repository(packages, repository, work, key)

    _ensure_link(mirror_dir / family / f"v1.{minor}", mirror_dir, _fingerprint(packages, key), build)


def _ensure_link(link: Path, mirror_dir: Path, fingerprint: str, build: Callable[[Path, Path], None]) -> None:
    """Have ``link`` point to what ``build(empty directory, scratch directory)`` makes, named by its fingerprint."""
    name = f"{link.parent.name}-{link.name}-"
    finished = mirror_dir / ".builds" / f"{name}{fingerprint}"
    if link.is_symlink() and link.resolve() == finished.resolve() and finished.is_dir():
        return
    if not finished.is_dir():
        with tempfile.TemporaryDirectory(dir=finished.parent, prefix=".work-") as scratch:
            work = Path(scratch)
            (work / "out").mkdir()
            build(work / "out", work)
            os.rename(work / "out", finished)
    _point(link, finished)
    for old in finished.parent.glob(f"{name}*"):
        if old != finished:
            shutil.rmtree(old)


def _fingerprint(packages: Sequence[Package], key: Path) -> str:
    """Changes with whatever would change the repository: binaries, recipe, key."""
    digest = hashlib.sha256((key / "public.asc").read_bytes())
    digest.update(Path(__file__).read_bytes())
    for package in packages:
        for path, (source, mode) in sorted(package.files.items()):
            what: object = source
            if isinstance(source, Path):
                status = source.stat()
                what = [status.st_size, status.st_mtime_ns]
            digest.update(json.dumps([package.name, package.version, path, what, mode]).encode())
    return digest.hexdigest()[:16]


def _lay_out(package: Package, root: Path) -> None:
    """The package's files below ``root``, with their modes."""
    root.mkdir(parents=True)
    root.chmod(0o755)
    for directory in package.directories:
        (root / directory.lstrip("/")).mkdir(parents=True, exist_ok=True)
    for path, (source, mode) in package.files.items():
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(source, Path):
            shutil.copyfile(source, target)
        else:
            target.write_text(source)
        target.chmod(mode)


def _build_deb(package: Package, root: Path, target: Path) -> int:
    """Make the package, and return its size as installed."""
    _lay_out(package, root)
    size = sum((root / path.lstrip("/")).stat().st_size for path in package.files)
    control = root / "DEBIAN"
    control.mkdir()
    (control / "control").write_text(debian_control(package, size))
    if package.config_files:
        (control / "conffiles").write_text("".join(f"{path}\n" for path in package.config_files))
    for name, text in debian_scripts(package).items():
        (control / name).write_text(text)
        (control / name).chmod(0o755)
    run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", root, target, env=_ENV)
    shutil.rmtree(root)
    return size


def _build_deb_repository(minor: int, packages: Sequence[Package], repository: Path, work: Path, key: Path) -> None:
    pool = repository / DEB_ARCH
    pool.mkdir()
    index = ""
    for package in packages:
        deb = pool / f"{package.name}_{package.version}-{package.release}_{DEB_ARCH}.deb"
        size = _build_deb(package, work / "root", deb)
        with deb.open("rb") as stream:
            checksum = hashlib.file_digest(stream, "sha256").hexdigest()
        control, description = debian_control(package, size).rsplit("Description:", 1)
        index += f"{control}Filename: {DEB_ARCH}/{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {checksum}\n"
        index += f"Description:{description}\n"
    files = {"Packages": index.encode(), "Packages.gz": gzip.compress(index.encode(), mtime=0)}
    for name, content in files.items():
        (repository / name).write_bytes(content)
    release_file = repository / "Release"
    release_file.write_text(debian_release(minor, files))
    shutil.copyfile(key / "public.asc", repository / "Release.key")
    with _keyring(key) as env:
        run("gpg", "--batch", "--clearsign", "-o", repository / "InRelease", release_file, env=env)
        run("gpg", "--batch", "--armor", "--detach-sign", "-o", f"{release_file}.gpg", release_file, env=env)


def _build_rpm(package: Package, work: Path, target_dir: Path) -> None:
    root = work / "root"
    _lay_out(package, root)
    spec = work / f"{package.name}.spec"
    spec.write_text(rpm_spec(package, root))
    macros = {
        "_topdir": str(work / "rpmbuild"),
        "_rpmdir": str(target_dir),
        "_rpmfilename": "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm",
        "_binary_payload": "w1.gzdio",
        "_buildhost": "lab",
        "_build_id_links": "none",
        "_source_filedigest_algorithm": "8",
        "_binary_filedigest_algorithm": "8",
        "debug_package": "%{nil}",
        "__os_install_post": "%{nil}",
        "use_source_date_epoch_as_buildtime": "1",
        "clamp_mtime_to_source_date_epoch": "1",
    }
    defines = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
    target = "noarch" if not package.files else RPM_ARCH
    run("rpmbuild", "-bb", "--quiet", "--target", target, *defines, spec, env=_ENV)
    shutil.rmtree(root)


def _sign_rpms(rpms: Iterable[Path], env: Mapping[str, str]) -> None:
    # Debian's rpm does not know where gpg is.
    macros = ("--define", "_gpg_name lab@uplift.invalid", "--define", f"__gpg {shutil.which('gpg')}")
    run("rpmsign", "--addsign", *macros, *rpms, env=env)


def _build_rpm_repository(packages: Sequence[Package], repository: Path, work: Path, key: Path) -> None:
    pool = repository / RPM_ARCH
    pool.mkdir()
    for package in packages:
        _build_rpm(package, work, pool)
    with _keyring(key) as env:
        _sign_rpms(sorted(pool.glob("*.rpm")), env)
        run("createrepo_c", "--quiet", "--no-database", "--general-compress-type=gz", repository, env=_ENV)
        metadata = repository / "repodata" / "repomd.xml"
        run("gpg", "--batch", "--armor", "--detach-sign", "-o", f"{metadata}.asc", metadata, env=env)
    shutil.copyfile(key / "public.asc", f"{metadata}.key")


def lab_base_rpm(mirror_dir: Path) -> Path:
    return mirror_dir / "rpm" / "lab-base" / "lab-base-1-1.noarch.rpm"


def _ensure_lab_base(mirror_dir: Path, key: Path) -> None:
    package = lab_base()

    def build(directory: Path, work: Path) -> None:
        _build_rpm(package, work, directory)
        with _keyring(key) as env:
            _sign_rpms(directory.glob("*.rpm"), env)

    _ensure_link(lab_base_rpm(mirror_dir).parent, mirror_dir, _fingerprint([package], key), build)


def cni_plugins(version: str) -> Path:
    """Directory with the CNI plugins of that version: from the cache, downloaded, or built (seconds)."""
    return cache.ensure(f"bin/cni-plugins-{version}-{arch()}", lambda part: _make_cni_plugins(version, part))


def _make_cni_plugins(version: str, part: Path) -> None:
    url = f"https://{_CNI_MODULE}/releases/download/v{version}/cni-plugins-linux-{arch()}-v{version}.tgz"
    try:
        names = {name for kind in _CNI_PLUGINS.values() for name in kind}
        download.extract(download.checked(url, f"{url}.sha256"), names, part)
    except download.NotReachable:
        with step(f"building the CNI plugins {version} from Go modules"):
            mains = [f"{_CNI_MODULE}/plugins/{kind}/{name}" for kind, names in _CNI_PLUGINS.items() for name in names]
            gobuild.module(part, _CNI_MODULE, version, mains)


# --- key ------------------------------------------------------------------------------------------------------------


def signing_key() -> Path:
    """Directory with the lab's key (``private.asc``, ``public.asc``, ``public.gpg``), made once a cache."""
    return cache.ensure("signing", _make_key)


def _make_key(part: Path) -> None:
    part.chmod(0o700)
    identity = "uplift.kubeadm lab (test packages only) <lab@uplift.invalid>"
    with _gpg_home() as env:
        gpg = ("gpg", "--batch", "--quiet")
        run(*gpg, "--passphrase", "", "--quick-generate-key", identity, "rsa3072", "sign", "never", env=env)
        run(*gpg, "--armor", "--output", part / "private.asc", "--export-secret-keys", env=env)
        run(*gpg, "--armor", "--output", part / "public.asc", "--export", env=env)
        run(*gpg, "--output", part / "public.gpg", "--export", env=env)


@contextmanager
def _gpg_home() -> Iterator[dict[str, str]]:
    """An environment with an empty keyring that is gone afterwards, and its agent with it.

    Under the system's temporary directory, since the path of the agent's socket may not exceed 107 characters.
    """
    with tempfile.TemporaryDirectory(prefix="lab-gpg-") as home:
        env = {**_ENV, "GNUPGHOME": home}
        try:
            yield env
        finally:
            run("gpgconf", "--kill", "all", env=env)


@contextmanager
def _keyring(key: Path) -> Iterator[dict[str, str]]:
    with _gpg_home() as env:
        run("gpg", "--batch", "--quiet", "--import", key / "private.asc", env=env)
        yield env


# --- what a node image needs ----------------------------------------------------------------------------------------

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


# --- small parts ----------------------------------------------------------------------------------------------------


def _point(link: Path, target: Path) -> None:
    """Make ``link`` a relative symbolic link to ``target`` in one step."""
    link.parent.mkdir(parents=True, exist_ok=True)
    new = link.with_name(f".{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(os.path.relpath(target, link.parent))
    os.replace(new, link)
