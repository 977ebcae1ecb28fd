# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed deb and rpm repositories, one a minor, of the lab's own Kubernetes binaries.

What a node sees is what pkgs.k8s.io serves: the same layout, and packages as package_contents.py has them. The key is
the lab's own (package_key.py).

Layout below ``mirror_dir``::

    deb/v1.25/deb/{InRelease,Release,Release.gpg,Release.key,Packages,Packages.gz,amd64/*.deb}
    rpm/v1.25/rpm/{repodata/{repomd.xml,repomd.xml.asc,repomd.xml.key,...},x86_64/*.rpm}
    rpm/lab-base/lab-base-1-1.noarch.rpm

``deb/v1.25``, ``rpm/v1.25`` and ``rpm/lab-base`` are symbolic links into ``.builds/``: a finished build replaces the
one before in one step, and a broken-off build is never served.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from . import artifacts, cache, download, engine, gobuild
from .package_contents import (
    DEB_ARCH,
    RPM_ARCH,
    Package,
    by_minor,
    cni_version,
    debian_control,
    debian_release,
    debian_scripts,
    kubernetes_packages,
    lab_base,
    rpm_spec,
    tool_packages,
)
from .package_key import ENV, keyring, signing_key
from .paths import arch, cache_dir
from .progress import step
from .shell import run

FAMILIES = ("deb", "rpm")
_CNI_MODULE = "github.com/containernetworking/plugins"
_CNI_PLUGINS = {
    "main": ("bridge", "host-device", "ipvlan", "loopback", "macvlan", "ptp", "vlan"),
    "ipam": ("dhcp", "host-local", "static"),
    "meta": ("bandwidth", "firewall", "portmap", "sbr", "tuning", "vrf"),
}

_GPG_PROGRAMS = {"gpg": "gnupg", "gpgconf": "gnupg", "gpg-agent": "gpg-agent"}
_HOST_PROGRAMS = {
    "deb": {**_GPG_PROGRAMS, "dpkg-deb": "dpkg"},
    "rpm": {**_GPG_PROGRAMS, "rpmbuild": "rpm", "rpmsign": "rpm", "createrepo_c": "createrepo-c"},
}


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
    for part in ("packages.py", "package_contents.py", "package_key.py"):
        digest.update((Path(__file__).parent / part).read_bytes())
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
    run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", root, target, env=ENV)
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
    with keyring(key) as env:
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
    run("rpmbuild", "-bb", "--quiet", "--target", target, *defines, spec, env=ENV)
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
    with keyring(key) as env:
        _sign_rpms(sorted(pool.glob("*.rpm")), env)
        run("createrepo_c", "--quiet", "--no-database", "--general-compress-type=gz", repository, env=ENV)
        metadata = repository / "repodata" / "repomd.xml"
        run("gpg", "--batch", "--armor", "--detach-sign", "-o", f"{metadata}.asc", metadata, env=env)
    shutil.copyfile(key / "public.asc", f"{metadata}.key")


def lab_base_rpm(mirror_dir: Path) -> Path:
    return mirror_dir / "rpm" / "lab-base" / "lab-base-1-1.noarch.rpm"


def _ensure_lab_base(mirror_dir: Path, key: Path) -> None:
    package = lab_base()

    def build(directory: Path, work: Path) -> None:
        _build_rpm(package, work, directory)
        with keyring(key) as env:
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


def _point(link: Path, target: Path) -> None:
    """Make ``link`` a relative symbolic link to ``target`` in one step."""
    link.parent.mkdir(parents=True, exist_ok=True)
    new = link.with_name(f".{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(os.path.relpath(target, link.parent))
    os.replace(new, link)
