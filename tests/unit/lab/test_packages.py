# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repositories of packages: what is in them, and that they are whole, signed, and replaced in one step."""

from __future__ import annotations

import hashlib
import multiprocessing
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.uplift.kubeadm.tests.lab import (
    artifacts,
    engine,
    mirror,
    package_contents,
    package_install,
    package_key,
    packages,
)
from ansible_collections.uplift.kubeadm.tests.lab.errors import LabError

MIRROR = "http://mirror.example"


def _missing(*programs: str) -> bool:
    return any(shutil.which(program) is None for program in programs)


needs_deb_tools = pytest.mark.skipif(_missing("gpg", "dpkg-deb"), reason="needs gpg and dpkg-deb")


# --- pure ---


@pytest.mark.parametrize("version", ["1.25", "v1.25.4", "1.25.4-rc.0", "2.1.0", ""])
def test_only_released_versions_are_versions(version: str) -> None:
    with pytest.raises(ValueError, match="is not a Kubernetes version"):
        package_contents.minor_of(version)


def test_patches_of_a_minor_are_in_order_of_version() -> None:
    assert package_contents.by_minor(["1.25.10", "1.24.17", "1.25.9", "1.25.10"]) == {
        24: ["1.24.17"],
        25: ["1.25.9", "1.25.10"],
    }


def test_no_two_minors_have_the_same_tools() -> None:
    """So that an upgrade that does not bring them along is seen."""
    minors = range(24, 37)
    assert len({package_contents.cni_version(minor) for minor in minors}) == len(minors)
    assert len({package_contents.cri_tools_revision(minor) for minor in minors}) == len(minors)


@pytest.mark.parametrize("minor", range(24, 37))
def test_a_repository_has_what_its_own_packages_depend_on(minor: int, tmp_path: Path) -> None:
    def number(version: str) -> list[int]:
        return [int(part) for part in version.split(".")]

    members = package_contents.kubernetes_packages(f"1.{minor}.9", "deb", tmp_path)
    members += package_contents.tool_packages(minor, "deb", tmp_path / "crictl", tmp_path)
    offered = {member.name: member.version for member in members}
    for requirement in (requirement for member in members for requirement in member.requires):
        name, *constraint = requirement.split()
        if name in offered:
            assert number(offered[name]) >= number(constraint[1]), requirement
        else:
            assert name in package_install.NODE_PACKAGES_DEB, requirement


@pytest.mark.parametrize("minor", range(24, 37))
def test_lab_base_provides_what_rpms_want_of_the_system(minor: int, tmp_path: Path) -> None:
    provided = {entry.split()[0] for entry in package_contents.lab_base().provides}
    members = package_contents.kubernetes_packages(f"1.{minor}.9", "rpm", tmp_path)
    wanted = {entry.split()[0] for member in members for entry in (*member.requires, *member.recommends)}
    assert wanted - set(package_contents.ALL_PACKAGES) <= provided
    assert "/bin/sh" in provided  # of the scripts


@pytest.mark.parametrize(
    ("requirement", "relation"), [("cri-tools >= 1.25.0", "cri-tools (>= 1.25.0)"), ("socat", "socat")]
)
def test_relations_in_debian_s_manner(requirement: str, relation: str) -> None:
    assert package_contents.debian_relation(requirement) == relation


@pytest.mark.parametrize("family", packages.FAMILIES)
def test_the_kubelet_s_environment_file_is_the_one_that_its_drop_in_reads(family: str, tmp_path: Path) -> None:
    kubeadm, kubelet, _unused = package_contents.kubernetes_packages("1.25.4", family, tmp_path)
    (path,) = kubelet.config_files
    drop_in, _unused = kubeadm.files["/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf"]
    assert f"EnvironmentFile=-{path}\n" in str(drop_in)
    assert "@" not in str(drop_in)


def test_the_configuration_file_changes_with_every_minor(tmp_path: Path) -> None:
    """Only then does an upgrade that dpkg may ask about it get stuck in the lab."""
    contents = {
        package_contents.kubernetes_packages(version, "deb", tmp_path)[1].files["/etc/default/kubelet"][0]
        for version in ("1.24.17", "1.25.4", "1.26.9")
    }
    assert len(contents) == 3


def test_an_upgrade_of_the_kubelet_package_neither_stops_nor_starts_it(tmp_path: Path) -> None:
    kubelet = package_contents.kubernetes_packages("1.25.4", "deb", tmp_path)[1]
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n')
    systemctl.chmod(0o755)
    (tmp_path / "calls").touch()

    def calls(script: str, *arguments: str) -> str:
        (tmp_path / "calls").write_text("")
        text = package_contents.debian_scripts(kubelet)[script]
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        subprocess.run(["sh", "-c", text, script, *arguments], check=True, env=environment)
        return "\n".join(line for line in (tmp_path / "calls").read_text().splitlines() if line != "daemon-reload")

    assert calls("prerm", "upgrade", "1.26.9-1.1") == ""
    assert calls("postinst", "configure", "1.24.17-1.1") == ""
    assert calls("postrm", "upgrade", "1.26.9-1.1") == ""
    assert calls("postinst", "configure", "") == "--no-reload preset kubelet.service"
    assert calls("prerm", "remove") == "--no-reload disable --now kubelet.service"


def test_source_and_repo_files_are_those_of_the_documentation() -> None:
    assert package_install.deb_source(MIRROR, 25) == (
        "deb [signed-by=/etc/apt/keyrings/kubernetes-apt-keyring.gpg] http://mirror.example/deb/v1.25/deb/ /\n"
    )
    repo = package_install.rpm_repo(f"{MIRROR}/", 25)
    assert "baseurl=http://mirror.example/rpm/v1.25/rpm/\n" in repo
    assert "gpgkey=http://mirror.example/rpm/v1.25/rpm/repodata/repomd.xml.key\n" in repo
    assert "exclude=kubeadm kubelet kubectl cri-tools kubernetes-cni\n" in repo


# --- built ---


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """A key made once, to be copied into caches; None where there is no gpg."""
    if _missing("gpg"):
        return None
    directory = tmp_path_factory.mktemp("signing")
    package_key._make_key(directory)
    return directory


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signing: Path | None) -> Path:
    """A mirror directory in a cache of its own, with fake binaries in place of Kubernetes'."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if signing:
        shutil.copytree(signing, tmp_path / "uplift-kubeadm-lab" / "signing")
    fakes = tmp_path / "fakes"

    def fake_kubernetes(version: str) -> Path:
        directory = fakes / version
        if not directory.exists():
            directory.mkdir(parents=True)
            for name in package_contents.KUBERNETES_PACKAGES:
                (directory / name).write_text(f"fake {name} {version}")
        return directory

    tools = fakes / "tools"
    tools.mkdir(parents=True)
    (tools / "crictl").write_text("fake crictl")
    monkeypatch.setattr(artifacts, "ensure", fake_kubernetes)
    monkeypatch.setattr(artifacts, "tool", lambda name, version: tools)
    monkeypatch.setattr(packages, "cni_plugins", lambda version: tools)
    monkeypatch.setattr(engine, "ensure_programs", lambda programs: None)
    return tmp_path / "uplift-kubeadm-lab" / "mirror"


def _verify(repository: Path, key: Path, *files: str) -> int:
    command = ["gpgv", "--keyring", str(key), *(str(repository / name) for name in files)]
    return subprocess.run(command, capture_output=True, check=False).returncode


@needs_deb_tools
def test_a_deb_repository_is_laid_out_and_signed_as_the_community_s(lab: Path) -> None:
    packages.ensure(lab, ["1.25.4"], ["deb"])

    repository = lab / "deb" / "v1.25" / "deb"
    key = package_key.signing_key()
    assert _verify(repository, key / "public.gpg", "InRelease") == 0
    assert _verify(repository, key / "public.gpg", "Release.gpg", "Release") == 0
    assert (repository / "Release.key").read_text() == (key / "public.asc").read_text()
    index = (repository / "Packages").read_text()
    assert f" {hashlib.sha256(index.encode()).hexdigest()} " in (repository / "Release").read_text()
    entries = {block.split("\n")[0].split()[1]: block for block in index.strip().split("\n\n")}
    assert set(entries) == set(package_contents.ALL_PACKAGES)
    for block in entries.values():
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        content = (repository / fields["Filename"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == fields["SHA256"]
    assert all(path.is_file() for path in package_install.package_files(lab, "deb", "1.25.4"))


@needs_deb_tools
def test_the_private_key_is_not_served_and_nobody_else_reads_it(lab: Path) -> None:
    packages.ensure(lab, ["1.25.4"], ["deb"])

    key = package_key.signing_key()
    assert key.stat().st_mode & 0o777 == 0o700
    assert lab not in key.parents
    assert not list(lab.rglob("private*"))


@needs_deb_tools
def test_a_second_run_changes_nothing_and_a_new_patch_joins_the_old_one(lab: Path) -> None:
    packages.ensure(lab, ["1.25.4"], ["deb"])
    first = (lab / "deb" / "v1.25").resolve()
    packages.ensure(lab, ["1.25.4"], ["deb"])
    assert (lab / "deb" / "v1.25").resolve() == first

    packages.ensure(lab, ["1.25.5"], ["deb"])
    assert sorted(packages.served(lab, "deb", 25)) == ["1.25.4", "1.25.5"]
    assert not first.exists()


@needs_deb_tools
def test_same_binaries_make_the_same_packages(lab: Path) -> None:
    """A node that was made of a package must not see another one under the same version in the repository."""
    packages.ensure(lab, ["1.25.4"], ["deb"])
    first = (lab / "deb" / "v1.25" / "deb" / "Packages").read_text()
    shutil.rmtree(lab)
    packages.ensure(lab, ["1.25.4"], ["deb"])
    assert (lab / "deb" / "v1.25" / "deb" / "Packages").read_text() == first


@needs_deb_tools
def test_a_build_that_breaks_off_leaves_what_was_served(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages.ensure(lab, ["1.25.4"], ["deb"])
    monkeypatch.setattr(packages, "debian_release", lambda *arguments: pytest.fail("broken off"))
    with pytest.raises(pytest.fail.Exception, match="broken off"):
        packages.ensure(lab, ["1.25.5"], ["deb"])
    assert packages.served(lab, "deb", 25) == ["1.25.4"]
    assert not list((lab / ".builds").glob(".work-*"))


@needs_deb_tools
def test_two_runs_at_once_build_once(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = packages._build_deb_repository
    log = lab.parent / "builds.log"

    def counted(*arguments: Any) -> None:
        with log.open("a") as stream:
            stream.write("built\n")
        build(*arguments)

    monkeypatch.setattr(packages, "_build_deb_repository", counted)
    fork = multiprocessing.get_context("fork")
    runs = [fork.Process(target=packages.ensure, args=(lab, ["1.25.4"], ["deb"])) for _unused in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert [run.exitcode for run in runs] == [0, 0]
    assert log.read_text() == "built\n"


@needs_deb_tools
def test_the_node_script_names_files_that_are_there_and_changes_with_them(lab: Path) -> None:
    packages.ensure(lab, ["1.25.4"], ["deb"])
    script = package_install.install_script("deb", "1.25.4", lab, MIRROR, mounted=lab)
    named = [word for word in script.split() if word.startswith(str(lab))]
    assert len(named) == 1 + len(package_contents.ALL_PACKAGES)
    assert all(Path(name).exists() for name in named)
    assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0

    packages.ensure(lab, ["1.25.5"], ["deb"])
    assert package_install.install_script("deb", "1.25.4", lab, MIRROR, mounted=lab) != script


@pytest.mark.skipif(_missing("gpg", "rpmbuild", "rpmsign", "createrepo_c"), reason="needs rpm and createrepo-c")
def test_an_rpm_repository_is_laid_out_and_signed_as_the_community_s(lab: Path) -> None:
    packages.ensure(lab, ["1.25.4"], ["rpm"])

    repository = lab / "rpm" / "v1.25" / "rpm"
    key = package_key.signing_key()
    assert _verify(repository / "repodata", key / "public.gpg", "repomd.xml.asc", "repomd.xml") == 0
    assert (repository / "repodata" / "repomd.xml.key").read_text() == (key / "public.asc").read_text()
    rpms = package_install.package_files(lab, "rpm", "1.25.4")
    assert all("-150500." in path.name and path.is_file() for path in rpms)
    asked = ["rpm", "-qp", "--queryformat", "%{NAME} %{SIGPGP:pgpsig}%{RSAHEADER:pgpsig}\\n", *rpms]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(said) == len(rpms)
    assert all("RSA" in line for line in said)
    kubelet = next(path for path in rpms if path.name.startswith("kubelet"))
    configuration = subprocess.run(["rpm", "-qpc", kubelet], capture_output=True, text=True, check=True).stdout
    assert configuration == "/etc/sysconfig/kubelet\n"
    assert packages.lab_base_rpm(lab).is_file()


# --- mirror ---


def test_the_mirror_is_laid_out_as_dl_k8s_io(lab: Path) -> None:
    mirror.ensure(lab, ["1.25.9", "1.25.10", "1.24.17"])

    release = lab / "release"
    directory = release / "v1.25.10" / "bin" / "linux" / package_contents.DEB_ARCH
    for name in package_contents.KUBERNETES_PACKAGES:
        content = (directory / name).read_bytes()
        assert (directory / f"{name}.sha256").read_text() == hashlib.sha256(content).hexdigest()
        assert (directory / f"{name}.sha512").read_text() == hashlib.sha512(content).hexdigest()
    assert (release / "stable-1.25.txt").read_text() == "v1.25.10"
    assert (release / "stable-1.24.txt").read_text() == "v1.24.17"
    assert (release / "stable.txt").read_text() == "v1.25.10"
    assert not list(release.glob(".*"))


def test_the_mirror_follows_the_binaries(lab: Path) -> None:
    mirror.ensure(lab, ["1.25.4"])
    served = lab / "release" / "v1.25.4" / "bin" / "linux" / package_contents.DEB_ARCH / "kubelet"
    before = served.stat()
    mirror.ensure(lab, ["1.25.4"])
    assert served.stat() == before

    (artifacts.ensure("1.25.4") / "kubelet").write_text("fake kubelet, built anew")
    mirror.ensure(lab, ["1.25.4"])
    assert served.read_text() == "fake kubelet, built anew"
    digest = hashlib.sha256(b"fake kubelet, built anew").hexdigest()
    assert served.with_name("kubelet.sha256").read_text() == digest


def test_a_key_that_cannot_be_made_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(LabError, match="gpg"):
        package_key.signing_key()
    assert not (tmp_path / "uplift-kubeadm-lab" / "signing").exists()
