# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packages by apt and dnf: what is asked of them, with FakeRunner in their place. The lab runs the real ones."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.uplift.kubeadm.plugins.module_utils import _release_apt, _release_dnf
from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Result
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import sha256
from ansible_collections.uplift.kubeadm.plugins.module_utils._node import Node
from ansible_collections.uplift.kubeadm.plugins.module_utils._release import Release, with_support
from ansible_collections.uplift.kubeadm.plugins.module_utils._release_apt import Apt
from ansible_collections.uplift.kubeadm.plugins.module_utils._release_dnf import Dnf, extract
from ansible_collections.uplift.kubeadm.plugins.module_utils._release_packages import (
    choose_packages,
    upstream,
    versions_offered,
    with_minor,
)
from ansible_collections.uplift.kubeadm.plugins.modules import kubernetes_release
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_runner import FakeRunner, fake_program
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module

LINE = "deb [signed-by=/etc/apt/keyrings/k8s-v1.24.gpg] https://pkgs.k8s.io/core:/stable:/v1.24/deb/ /"
DEB822 = """Types: deb
URIs: https://pkgs.k8s.io/core:/stable:/v1.24/deb/
Suites: /
Signed-By: /etc/apt/keyrings/kubernetes.gpg
"""
REPO = """[base]
baseurl=https://example.com/el9/

[kubernetes]
name=Kubernetes
baseurl=https://pkgs.k8s.io/core:/stable:/v1.24/rpm/
enabled=1
gpgcheck=1
gpgkey=https://pkgs.k8s.io/core:/stable:/v1.24/rpm/repodata/repomd.xml.key
exclude=kubelet kubeadm kubectl
  cri-tools kubernetes-cni

[cri-o]
baseurl=https://pkgs.k8s.io/addons:/cri-o:/stable:/v1.24/rpm/
"""
OFFERS = {
    "kubeadm": ["1.25.4-1.2", "1.25.4-1.1", "1.25.3-1.1", "1.24.17-1.1"],
    "kubelet": ["1.25.4-1.1", "1.25.3-1.1"],
    "kubectl": ["1.25.4-1.1", "1.25.3-1.1"],
    "cri-tools": ["1.26.0-1.1", "1.25.0-1.1"],
    "kubernetes-cni": ["1.2.0-1.1", "1.1.1-1.1"],
}
MADISON = "".join(f"  {name} | {version} | http://x  Packages\n" for name, all_ in OFFERS.items() for version in all_)

# As dpkg 1.21 says it, by the mouth of apt-mark too.
LOCKED = "dpkg: error: dpkg frontend lock was locked by another process with pid 815\n"
BOTH = {"kubelet": "v1.24.17", "kubectl": "v1.24.17"}


def status(held: t.Container[str] = ()) -> str:
    """dpkg's status file with the five packages installed."""
    names = ("kubeadm", "kubelet", "kubectl", "cri-tools", "kubernetes-cni")
    return "\n".join(f"Package: {n}\nStatus: {'hold' if n in held else 'install'} ok installed\n" for n in names)


class FakeApt(FakeRunner):
    """apt and dpkg of a node below root. Installing makes holds vanish, as apt does for packages it may change."""

    def __init__(self, root: Path) -> None:
        super().__init__(
            {
                "apt-get .* update": self.update,
                "apt-cache .* madison": MADISON,
                "apt-get .* download": self.download,
                "dpkg-deb -x": self.unpack,
                "dpkg-query": self.query,
                "dpkg --compare-versions": lambda argv: Result(int(not argv[2] > argv[4]), "", ""),
                "apt-get .* install": self.install,
                "apt-mark hold": self.hold,
            }
        )
        self.status = root / "var/lib/dpkg/status"
        self.status.parent.mkdir(parents=True, exist_ok=True)
        self.status.write_text(status({"kubelet", "kubeadm"}))
        self.views: list[dict[str, str]] = []
        self.installed = dict.fromkeys(("kubeadm", "kubelet", "kubectl"), "1.24.17-1.1")
        self.installed.update({"cri-tools": "1.25.0-1.1", "kubernetes-cni": "1.1.1-1.1"})
        self.install_fails = ""
        self.locked = 0  # how often dpkg's lock is another's yet

    def update(self, argv: list[str]) -> str:
        folder = Path(argv[argv.index("-c") + 1]).parent
        self.views.append({file.name: file.read_text() for file in folder.iterdir() if file.is_file()})
        return ""

    def download(self, argv: list[str]) -> str:
        self.downloaded = argv[argv.index("download") + 1 :]
        return ""

    def unpack(self, argv: list[str]) -> str:
        (Path(argv[3]) / "usr/bin").mkdir(parents=True)
        (Path(argv[3]) / "usr/bin/kubeadm").write_text("kubeadm")
        return ""

    def query(self, _argv: list[str]) -> str:
        return "".join(f"{name} {version} installed\n" for name, version in self.installed.items())

    def install(self, argv: list[str]) -> Result:
        self.status.write_text(status())
        if self.install_fails:
            said, self.install_fails = self.install_fails, ""
            return Result(100, "", said)
        for file in (word for word in argv if word.endswith(".deb")):
            self.installed[Path(file).name.split("_")[0]] = Path(file).name.split("_")[1]
        return Result(0, "", "")

    def hold(self, argv: list[str]) -> Result:
        if self.locked:
            self.locked -= 1
            return Result(100, "", f"{LOCKED}E: Executing dpkg failed. Are you root?\n")
        self.status.write_text(status(set(argv[2:])))
        return Result(0, "", "")

    def configure(self, _argv: list[str]) -> Result:
        self.locked -= 1
        return Result(2, "", LOCKED) if self.locked >= 0 else Result(0, "", "")


@pytest.fixture
def fake(tmp_path: Path) -> FakeApt:
    sources = tmp_path / "etc/apt/sources.list.d"
    sources.mkdir(parents=True)
    (sources / "kubernetes.list").write_text(f"# ours\n{LINE}\n")
    (sources / "cri-o.list").write_text("deb https://pkgs.k8s.io/addons:/cri-o:/stable:/v1.24/deb/ /\n")
    (sources / "debian.list").write_text("deb http://mirror.example/debian bookworm main\n")
    return FakeApt(tmp_path)


def apt(fake: FakeApt, **how: t.Any) -> Apt:
    return Apt(fake, Node(fake.status.parents[3], fake), **how)


def staged(folder: Path) -> Path:
    folder.mkdir()
    for name in ("kubeadm_1.25.4-1.1", "kubelet_1.25.4-1.1", "kubectl_1.25.4-1.1", "cri-tools_1.25.0-1.1"):
        (folder / f"{name}_amd64.deb").touch()
    (folder / "kubernetes-cni_1.2.0-1.1_amd64.deb").touch()
    return folder


def test_apt_lists_by_a_private_view_of_the_nodes_own_source(fake: FakeApt) -> None:
    assert apt(fake).offered("1.25", []) == ["v1.25.4", "v1.25.3"]
    view = fake.views[0]
    assert view["kubernetes.list"] == LINE.replace("/v1.24/", "/v1.25/") + "\n"
    assert "k8s-v1.24.gpg" in view["kubernetes.list"]  # the keyring's path is not ours to change
    for key in ("Dir::Etc::sourcelist", "Dir::State::lists", "Dir::Cache"):
        assert f'{key} "/' in view["apt.conf"]
    assert 'Dir::Etc::sourceparts "/dev/null"' in view["apt.conf"]
    assert "#clear APT::Update::Post-Invoke;" in view["apt.conf"]


def test_apt_reads_deb822_sources(fake: FakeApt) -> None:
    sources = fake.status.parents[3] / "etc/apt/sources.list.d"
    (sources / "kubernetes.list").unlink()
    (sources / "k8s.sources").write_text(f"{DEB822}\n{DEB822.replace('v1.24', 'v1.23')}Enabled: no\n")
    apt(fake).offered("1.25", [])
    assert fake.views[0]["kubernetes.sources"].strip() == DEB822.replace("v1.24", "v1.25").strip()


def test_apt_takes_a_named_repository_with_its_key(fake: FakeApt) -> None:
    apt(fake, repository="http://mirror/v{minor}/deb/", key="/k.gpg").offered("1.25", [])
    assert fake.views[0]["kubernetes.list"] == "deb [signed-by=/k.gpg] http://mirror/v1.25/deb/ /\n"


def test_apt_without_a_kubernetes_source_says_so(fake: FakeApt) -> None:
    (fake.status.parents[3] / "etc/apt/sources.list.d/kubernetes.list").unlink()
    with pytest.raises(UpliftError, match="No source of apt on this node has Kubernetes packages"):
        apt(fake).offered("1.25", [])


@pytest.mark.parametrize("rc", [0, 100])
def test_apt_errors_name_url_and_status_whatever_the_exit_code(fake: FakeApt, rc: int) -> None:
    said = "Err:1 https://pkgs.k8s.io/core:/stable:/v1.25/deb  Release\n  404  Not Found [IP: 1.2.3.4 443]\nReading\n"
    fake.answers["apt-get .* update"] = Result(rc, said, "")
    with pytest.raises(UpliftError, match=r"v1\.25/deb Release 404 Not Found"):
        apt(fake).offered("1.25", [])


def test_apt_fetches_named_versions_and_a_runnable_kubeadm(fake: FakeApt, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "kubeadm_1.25.4-1.2_amd64.deb").touch()
    apt(fake).fetch("v1.25.4", folder)
    assert fake.downloaded == [
        *("kubeadm=1.25.4-1.2", "kubelet=1.25.4-1.1", "kubectl=1.25.4-1.1"),
        *("cri-tools=1.25.0-1.1", "kubernetes-cni=1.2.0-1.1"),
    ]
    assert (folder / "kubeadm").read_text() == "kubeadm"


def test_apt_installs_from_files_with_no_source_and_no_dialogue(fake: FakeApt, tmp_path: Path) -> None:
    folder = staged(tmp_path / "staged")
    apt(fake).install("v1.25.4", folder, ["kubelet"])
    (line,) = fake.ran("apt-get .* install")
    for option in (
        *("Dpkg::Options::=--force-confdef", "Dpkg::Options::=--force-confold", "DPkg::Lock::Timeout=300"),
        *("Dir::Etc::sourcelist=/dev/null", "Dir::Etc::sourceparts=/dev/null"),
    ):
        assert f"-o {option}" in line
    assert "--no-remove" in line
    assert line.endswith(f"{folder}/kubelet_1.25.4-1.1_amd64.deb {folder}/kubernetes-cni_1.2.0-1.1_amd64.deb")
    environment = fake.environments[fake.commands.index(line)]
    assert environment["DEBIAN_FRONTEND"] == "noninteractive"
    assert environment["NEEDRESTART_SUSPEND"] == "1"


def test_apt_leaves_support_packages_that_are_as_new(fake: FakeApt, tmp_path: Path) -> None:
    apt(fake).install("v1.25.4", staged(tmp_path / "staged"), ["kubeadm"])
    assert "cri-tools" not in fake.ran("apt-get .* install")[0]


def test_kubeadm_brings_the_cni_programs_that_it_depends_on_but_no_kubelet(fake: FakeApt, tmp_path: Path) -> None:
    apt(fake).install("v1.25.4", staged(tmp_path / "staged"), ["kubeadm"])
    (line,) = fake.ran("apt-get .* install")
    assert [Path(word).name.split("_")[0] for word in line.split() if word.endswith(".deb")] == [
        *("kubeadm", "kubernetes-cni"),
    ]


def test_cri_tools_of_1_25_go_with_1_24() -> None:
    offers = {name: ["1.24.17-1.1"] for name in ("kubeadm", "kubelet", "kubectl")}
    assert choose_packages("v1.24.17", {**OFFERS, **offers}, "x")["cri-tools"] == "1.25.0-1.1"


def test_a_hold_and_a_repository_that_a_lost_run_owes_are_made_up_for(fake: FakeApt, tmp_path: Path) -> None:
    fake.installed.update(kubelet="1.25.4-1.1", kubectl="1.25.4-1.1")
    root = fake.status.parents[3]
    for name in BOTH:
        fake_program(root / "usr/bin" / name, name, "v1.25.4")
    source = apt(fake)
    release = Release(tmp_path / "state", source.node, source, fake)
    done = release.install("v1.25.4", list(BOTH), restart_kubelet=False, timeout=1)
    assert done.replaced == {}
    assert done.settled == [
        "hold kubectl, kubernetes-cni",
        f"{root}/etc/apt/sources.list.d/kubernetes.list follows to 1.25",
    ]
    assert release.touched is True


@pytest.fixture
def module(fake: FakeApt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """kubernetes_release on a node that has v1.25.4 already, and is owed a hold and its repository."""
    fake.installed.update(kubelet="1.25.4-1.1", kubectl="1.25.4-1.1")
    fake.programs = {"apt-get"}
    root = fake.status.parents[3]
    for name in BOTH:
        fake_program(root / "usr/bin" / name, name, "v1.25.4")
    monkeypatch.setattr(kubernetes_release, "ROOT", root)
    monkeypatch.setattr(kubernetes_release, "STATE", tmp_path / "state")
    monkeypatch.setattr(kubernetes_release, "Runner", lambda: fake)
    monkeypatch.setattr(_release_apt, "POLL_SECONDS", 0.0)
    wants = {"state": "installed", "version": "v1.25.4", "components": list(BOTH), "method": "package"}
    return run_module(kubernetes_release.main, capsys, wants)


def test_a_hold_waits_for_another_who_has_dpkgs_lock(module: Run, fake: FakeApt) -> None:
    """Fails where apt-mark is run once: it does not wait for dpkg's lock."""
    fake.locked = 3
    assert module()["settled"][0] == "hold kubectl, kubernetes-cni"
    assert len(fake.ran("apt-mark hold")) == 4


def test_a_lock_that_is_never_given_back_is_told_of(
    module: Run, fake: FakeApt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_release_apt, "LOCK_SECONDS", 0)
    fake.locked = 10**9
    assert "apt-mark hold kubectl kubernetes-cni failed" in (said := module(failed=True)["msg"])
    assert "locked by another process with pid 815" in said


def test_finishing_an_install_waits_for_dpkgs_lock_too(
    fake: FakeApt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_release_apt, "POLL_SECONDS", 0.0)
    fake.install_fails = "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem."
    fake.locked = 2
    fake.answers["dpkg .* --configure -a"] = fake.configure
    fake.answers["apt-mark hold"] = ""
    apt(fake).install("v1.25.4", staged(tmp_path / "staged"), ["kubelet"])
    assert fake.installed["kubelet"] == "1.25.4-1.1"


def old_source(fake: FakeApt, minor: str) -> Path:
    """A file that was left beside the node's own one, with a keyring of its own."""
    file = fake.status.parents[3] / "etc/apt/sources.list.d/old.list"
    file.write_text(LINE.replace("k8s-v1.24.gpg", "old.gpg").replace("/v1.24/", f"/v{minor}/") + "\n")
    return file


def test_of_two_sources_that_would_become_one_only_the_newest_follows(module: Run, fake: FakeApt) -> None:
    """Fails where both are given the new minor: apt then refuses to read anything ("Signed-By")."""
    old = old_source(fake, "1.23")
    file = old.with_name("kubernetes.list")
    told = [f"{file} follows to 1.25", f"{old} stays at 1.23, as a newer source has its place"]
    assert module(hold=False, check_mode=True)["settled"] == told
    assert module(hold=False)["settled"] == told
    assert "/v1.23/" in old.read_text()
    assert "/v1.25/" in file.read_text()
    assert module(hold=False)["changed"] is False
    apt(fake).offered("1.25", [])
    assert fake.views[0]["kubernetes.list"] == LINE.replace("/v1.24/", "/v1.25/") + "\n"


def test_a_step_back_makes_no_second_source_of_one_repository(module: Run, fake: FakeApt) -> None:
    file = old_source(fake, "1.25").with_name("kubernetes.list")
    file.write_text(LINE.replace("/v1.24/", "/v1.26/") + "\n")
    assert module(hold=False, step_back=True)["settled"] == []
    assert "/v1.26/" in file.read_text()


def test_sources_of_one_minor_follow_together(module: Run, fake: FakeApt) -> None:
    """As they lie beside each other now, apt takes them: for two architectures, perhaps."""
    old = old_source(fake, "1.24")
    assert len(module(hold=False)["settled"]) == 2
    assert "/v1.25/" in old.read_text()


@pytest.mark.parametrize("half", [False, True])
def test_a_failed_install_says_whether_it_changed_anything(fake: FakeApt, tmp_path: Path, half: bool) -> None:
    source = apt(fake)
    release = Release(tmp_path / "state", source.node, source, fake)
    for name in BOTH:
        fake_program(fake.status.parents[3] / "usr/bin" / name, name, "v1.24.17")
    folder = release.folder("v1.25.4")
    folder.parent.mkdir(parents=True)
    files = {file.name: sha256(file) for file in staged(folder).iterdir()}
    (folder / "release.json").write_text(json.dumps({"method": "package", "files": files}))

    def fail(_argv: list[str]) -> Result:
        if half:
            del fake.installed["kubelet"]  # unpacked, but not configured
        return Result(100, "", "E: no")

    fake.answers["apt-get .* install"] = fail
    with pytest.raises(UpliftError, match="could not install"):
        release.install("v1.25.4", list(BOTH), restart_kubelet=False, timeout=1)
    assert release.touched is half


def test_holds_are_as_before_after_an_install(fake: FakeApt, tmp_path: Path) -> None:
    source = apt(fake, hold=False)
    source.install("v1.25.4", staged(tmp_path / "staged"), ["kubelet"])
    assert source.node.holds() == ["kubeadm", "kubelet"]
    assert source.settle("v1.25.4", ["kubeadm"], check=False) == []


def test_holds_are_as_before_after_a_failure(fake: FakeApt, tmp_path: Path) -> None:
    fake.install_fails = "E: Unmet dependencies: conntrack"
    source = apt(fake)
    with pytest.raises(UpliftError, match=r"could not install kubelet_.*Unmet dependencies: conntrack"):
        source.install("v1.25.4", staged(tmp_path / "staged"), ["kubelet"])
    assert source.node.holds() == ["kubeadm", "kubelet"]


def test_what_is_not_held_is_held_when_asked(fake: FakeApt) -> None:
    source = apt(fake)
    assert source.settle("v1.24.17", ["kubeadm"], check=True) == ["hold cri-tools, kubernetes-cni"]
    assert source.node.holds() == ["kubeadm", "kubelet"]
    assert source.settle("v1.24.17", ["kubeadm"], check=False) == ["hold cri-tools, kubernetes-cni"]


def test_an_install_that_was_killed_is_finished_first(fake: FakeApt, tmp_path: Path) -> None:
    fake.install_fails = "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem."
    fake.answers["dpkg --force-confdef --force-confold --configure -a"] = ""
    apt(fake).install("v1.25.4", staged(tmp_path / "staged"), ["kubelet"])
    assert fake.installed["kubelet"] == "1.25.4-1.1"


def test_a_package_that_is_half_installed_is_pending(fake: FakeApt, tmp_path: Path) -> None:
    folder = staged(tmp_path / "staged")
    source = apt(fake)
    assert source.pending("v1.25.4", folder, BOTH) == ["kubelet", "kubectl"]
    fake.installed.update(kubelet="1.25.4-1.1", kubectl="1.25.4-1.1")
    assert source.pending("v1.25.4", folder, BOTH) == []
    fake.answers["dpkg-query"] = "kubelet 1.25.4-1.1 unpacked\nkubectl 1.25.4-1.1 installed\n"
    assert source.pending("v1.25.4", folder, BOTH) == ["kubelet"]


def test_the_nodes_source_follows_once_kubelet_is_new(fake: FakeApt) -> None:
    file = fake.status.parents[3] / "etc/apt/sources.list.d/kubernetes.list"
    file.chmod(0o640)
    source = apt(fake, hold=False)
    assert source.settle("v1.25.4", ["kubeadm"], check=False) == []
    assert source.settle("v1.25.4", ["kubelet"], check=True) == [f"{file} follows to 1.25"]
    assert file.read_text() == f"# ours\n{LINE}\n"
    assert source.settle("v1.25.4", ["kubelet"], check=False) == [f"{file} follows to 1.25"]
    assert file.read_text() == f"# ours\n{LINE.replace('/v1.24/', '/v1.25/')}\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert source.settle("v1.25.4", ["kubelet"], check=False) == []
    assert "v1.24" in (file.parent / "cri-o.list").read_text()
    assert apt(fake, hold=False, switch_repository=False).settle("v1.26.9", ["kubelet"], check=False) == []


def dnf(tmp_path: Path, runner: FakeRunner, **how: t.Any) -> Dnf:
    folder = tmp_path / "etc/yum.repos.d"
    folder.mkdir(parents=True)
    (folder / "all.repo").write_text(REPO)
    return Dnf(runner, Node(tmp_path, runner), **how)


def test_dnf_lists_by_a_private_view_without_the_exclude(tmp_path: Path) -> None:
    seen = []

    def query(argv: list[str]) -> str:
        folder = next(word.partition("=")[2] for word in argv if word.startswith("--setopt=reposdir"))
        folder = folder.partition("=")[2] or folder
        seen.append((Path(folder.replace("reposdir=", "")) / "kubernetes.repo").read_text())
        return "\n".join(f"{n} {v.replace('-', '-150500.')}" for n, all_ in OFFERS.items() for v in all_)

    runner = FakeRunner({"^dnf .*repoquery": query})
    assert dnf(tmp_path, runner).offered("1.25", []) == ["v1.25.4", "v1.25.3"]
    assert seen[0] == (
        "[uplift-kubeadm-0]\nname=Kubernetes\nbaseurl=https://pkgs.k8s.io/core:/stable:/v1.25/rpm/\ngpgcheck=1\n"
        "gpgkey=https://pkgs.k8s.io/core:/stable:/v1.25/rpm/repodata/repomd.xml.key\nenabled=1\n\n"
    )


def test_dnf_installs_files_with_no_repository(tmp_path: Path) -> None:
    folder = tmp_path / "staged"
    folder.mkdir()
    for name in ("kubelet-1.25.4-150500.1.1", "kubernetes-cni-1.1.1-150500.2.1"):
        (folder / f"{name}.x86_64.rpm").touch()
    runner = FakeRunner({"^rpm -q": "kubelet 1.24.17-150500.1.1\nkubernetes-cni 1.1.1-150500.2.1\n", "^dnf": ""})
    source = dnf(tmp_path, runner)
    assert source.pending("v1.25.4", folder, {"kubelet": "v1.24.17"}) == ["kubelet"]
    source.install("v1.25.4", folder, ["kubelet"])
    (line,) = runner.ran("^dnf")
    assert "--disablerepo=* --disableexcludes=all" in line
    assert line.endswith(f"install {folder}/kubelet-1.25.4-150500.1.1.x86_64.rpm")


@pytest.mark.parametrize("said", ["x.rpm: digests OK", "x.rpm: digests SIGNATURES NOT OK"])
def test_dnf_refuses_packages_that_are_not_signed(tmp_path: Path, said: str) -> None:
    runner = FakeRunner({"rpmkeys": Result(int("NOT" in said), said + "\n", "")})
    with pytest.raises(UpliftError, match="no signature by a key that this node trusts"):
        dnf(tmp_path, runner)._check_signatures([tmp_path / "x.rpm"])


def test_dnfs_repository_and_key_follow(tmp_path: Path) -> None:
    source = dnf(tmp_path, FakeRunner())
    file = tmp_path / "etc/yum.repos.d/all.repo"
    assert source.settle("v1.25.4", ["kubelet"], check=False) == [f"{file} follows to 1.25"]
    text = file.read_text()
    assert text.count("core:/stable:/v1.25/") == 2
    assert "cri-o:/stable:/v1.24/" in text
    assert "exclude=kubelet" in text


@pytest.mark.parametrize("line", [LINE, f"{LINE}  # f\xfcr K\xf6ln"])
def test_a_comment_in_latin_1_stays_as_it_is(fake: FakeApt, line: str) -> None:
    """Protects: kubelet is replaced when sources follow, so nothing that is read before may stop it there."""
    file = fake.status.parents[3] / "etc/apt/sources.list.d/kubernetes.list"
    file.write_bytes(f"# f\xfcr K\xf6ln\n{line}\n".encode("latin-1"))
    assert f"{file} follows to 1.25" in apt(fake).settle("v1.25.4", ["kubelet"], check=False)
    assert file.read_bytes().count("# f\xfcr K\xf6ln".encode("latin-1")) == (2 if line != LINE else 1)
    assert b"core:/stable:/v1.25/" in file.read_bytes()


def cpio(files: dict[str, bytes]) -> bytes:
    """An archive as rpm2cpio writes it."""
    out = b""
    for name, content in [*files.items(), ("TRAILER!!!", b"")]:
        fields = [0] * 13
        fields[6], fields[11] = len(content), len(name) + 1
        entry = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        out += entry + b"\0" * (-len(entry) % 4) + content + b"\0" * (-len(content) % 4)
    return out


@given(st.dictionaries(st.from_regex(r"\A\./[a-z/]{1,9}\Z"), st.binary(max_size=9), max_size=4), st.binary(max_size=99))
def test_a_file_is_taken_out_of_a_cpio_archive(
    tmp_path_factory: pytest.TempPathFactory, others: dict[str, bytes], kubeadm: bytes
) -> None:
    folder = tmp_path_factory.mktemp("cpio")
    (folder / "a").write_bytes(cpio({**others, "./usr/bin/kubeadm": kubeadm}))
    extract(folder / "a", "usr/bin/kubeadm", folder / "kubeadm")
    assert (folder / "kubeadm").read_bytes() == kubeadm


def test_an_archive_without_the_file_is_an_error(tmp_path: Path) -> None:
    for content in (cpio({"./x": b""}), b"", b"rubbish" * 99):
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(UpliftError, match="a "):
            extract(tmp_path / "a", "usr/bin/kubeadm", tmp_path / "kubeadm")


def test_names_of_rpm_files() -> None:
    assert _release_dnf.package_version(Path("kubernetes-cni-1.1.1-150500.2.1.x86_64.rpm")) == "1.1.1-150500.2.1"


def test_a_version_needs_all_three_programs() -> None:
    offers = {**OFFERS, "kubelet": ["1.25.3-1.1"]}
    assert versions_offered("1.25", offers, "x") == ["v1.25.3"]
    with pytest.raises(UpliftError, match=r"kubelet v1\.25\.4 is not to be had from x; versions there: v1\.25\.3"):
        choose_packages("v1.25.4", offers, "x")
    with pytest.raises(UpliftError, match=r"offers no version of 1\.26"):
        versions_offered("1.26", offers, "x")


@pytest.mark.parametrize(
    ("package", "version"),
    [
        ("1.25.4-1.1", "v1.25.4"),
        ("1.25.4-00", "v1.25.4"),
        ("1.25.4-150500.1.1", "v1.25.4"),
        ("1.25.4", "v1.25.4"),
        ("1:1.25.4-1", "v1.25.4"),
        ("1.27.0~rc.0-1.1", None),
        ("rubbish", None),
    ],
)
def test_the_version_in_a_package_version(package: str, version: str | None) -> None:
    assert upstream(package) == version


def test_what_goes_with_what() -> None:
    assert with_support(["kubeadm"]) == ["kubeadm", "cri-tools", "kubernetes-cni"]
    assert with_support(["kubectl"]) == ["kubectl"]
    assert with_support(["kubectl", "kubelet"]) == ["kubelet", "kubectl", "kubernetes-cni"]


@given(st.integers(20, 99), st.integers(20, 99))
def test_only_the_minor_in_a_url_changes(old: int, new: int) -> None:
    text = f"deb [signed-by=/k/v1.{old}/x.gpg] https://h/v1.{old}/deb/ /"
    changed = with_minor(text, f"1.{new}")
    assert changed == f"deb [signed-by=/k/v1.{old}/x.gpg] https://h/v1.{new}/deb/ /"
    assert with_minor(changed, f"1.{old}") == text
