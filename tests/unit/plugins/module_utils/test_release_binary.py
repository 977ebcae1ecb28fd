# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plain binaries, downloaded for real from a web server of the test; the programs are scripts that say a version."""

from __future__ import annotations

import hashlib
import http.server
import itertools
import os
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _release
from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Result
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._node import BINARIES, Node, architecture
from ansible_collections.uplift.kubeadm.plugins.module_utils._release import Release
from ansible_collections.uplift.kubeadm.plugins.module_utils._release_binary import Binary, Web
from ansible_collections.uplift.kubeadm.plugins.module_utils._settled import Process
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_runner import FakeRunner, fake_program


class Mirror:
    """A mirror of dl.k8s.io; short cuts every answer of a path that contains it to half its length."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.short = ""
        self.authorization: list[str | None] = []
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.authorization.append(self.headers.get("Authorization"))
                file = mirror.folder / self.path.lstrip("/")
                if not file.is_file():
                    self.send_error(404)
                    return
                body = file.read_bytes()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                cut = mirror.short and mirror.short in self.path and not self.path.endswith(".sha256")
                self.wfile.write(body[: len(body) // 2] if cut else body)

            def log_message(self, *_args: t.Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def add(self, version: str, newest: bool = True) -> None:
        for name in BINARIES:
            file = fake_program(self.path(version, name), name, version)
            self.path(version, f"{name}.sha256").write_text(hashlib.sha256(file.read_bytes()).hexdigest())
        if newest:
            (self.folder / f"stable-{version.rpartition('.')[0][1:]}.txt").write_text(version)

    def path(self, version: str, name: str) -> Path:
        return self.folder / version / "bin/linux" / architecture() / name


@pytest.fixture
def mirror(tmp_path: Path) -> t.Iterator[Mirror]:
    (tmp_path / "mirror").mkdir()
    mirror = Mirror(tmp_path / "mirror")
    mirror.add("v1.25.4")
    yield mirror
    mirror.server.shutdown()
    mirror.server.server_close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in BINARIES:
        fake_program(tmp_path / "root/usr/bin" / name, name, "v1.24.17")
    return tmp_path / "root"


@pytest.fixture
def release(mirror: Mirror, root: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    monkeypatch.setattr(_release, "FREE_MIB_TO_FETCH", 1)
    runner = FakeRunner({"systemctl show kubelet": "MainPID=0\n"})
    node = Node(root, runner)
    return Release(root / "var/lib/uplift-kubeadm", node, Binary(mirror.url, Web(), node, runner), runner)


def test_newest_and_probed_versions_are_listed(release: Release, mirror: Mirror) -> None:
    mirror.add("v1.25.2", newest=False)
    available, errors = release.offered(["1.25", "1.26"], ["1.25.2", "v1.25.3"])
    assert available == {"1.25": ["v1.25.4", "v1.25.2"], "1.26": []}
    assert errors == {
        "1.26": f"{mirror.url}/stable-1.26.txt answers HTTP 404 Not Found: the source does not say which patch "
        "of 1.26 is its newest. Name one."
    }


def test_a_version_that_is_not_whole_is_not_listed(release: Release, mirror: Mirror) -> None:
    mirror.path("v1.25.4", "kubelet.sha256").unlink()
    available, errors = release.offered(["1.25"])
    assert available == {"1.25": []}
    assert "kubelet.sha256 answers HTTP 404" in errors["1.25"]


def test_a_stable_file_that_is_a_login_page_is_refused(release: Release, mirror: Mirror) -> None:
    (mirror.folder / "stable-1.25.txt").write_text("<html>")
    assert "holds no version" in release.offered(["1.25"])[1]["1.25"]


def test_a_fetched_version_lies_ready_and_is_not_fetched_again(release: Release) -> None:
    assert release.fetch("v1.25.4") is True
    folder = release.folder("v1.25.4")
    assert sorted(file.name for file in folder.iterdir()) == ["kubeadm", "kubectl", "kubelet", "release.json"]
    assert os.access(folder / "kubeadm", os.X_OK)
    assert release.fetch("v1.25.4") is False


def test_a_file_that_was_damaged_later_is_fetched_again(release: Release) -> None:
    release.fetch("v1.25.4")
    (release.folder("v1.25.4") / "kubelet").write_text("rot")
    assert release.fetch("v1.25.4") is True


@pytest.mark.parametrize("name", BINARIES)
def test_a_wrong_checksum_is_refused_and_nothing_is_left(release: Release, mirror: Mirror, name: str) -> None:
    mirror.path("v1.25.4", name).write_text("something else")
    with pytest.raises(UpliftError, match=f"{name} has SHA-256"):
        release.fetch("v1.25.4")
    assert list((release.state / "release").iterdir()) == []


def test_half_a_download_leaves_nothing(release: Release, mirror: Mirror) -> None:
    mirror.short = "kubelet"
    with pytest.raises(UpliftError, match=r"broke off|could not be brought"):
        release.fetch("v1.25.4")
    assert list((release.state / "release").iterdir()) == []


def test_what_a_killed_run_left_is_removed(release: Release) -> None:
    leftover = release.state / "release/.v1.25.4.abc"
    leftover.mkdir(parents=True)
    release.fetch("v1.25.4")
    assert [entry.name for entry in (release.state / "release").iterdir()] == ["v1.25.4"]


def test_a_kubeadm_of_another_version_than_its_name_is_refused(release: Release, mirror: Mirror) -> None:
    mirror.add("v1.25.3")
    mirror.path("v1.25.4", "kubeadm").write_bytes(mirror.path("v1.25.3", "kubeadm").read_bytes())
    mirror.path("v1.25.4", "kubeadm.sha256").write_text(mirror.path("v1.25.3", "kubeadm.sha256").read_text())
    with pytest.raises(UpliftError, match=r"says it is v1\.25\.3"):
        release.fetch("v1.25.4")
    assert not release.folder("v1.25.4").exists()


def test_a_full_disk_is_named_before_anything_is_brought(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_release, "FREE_MIB_TO_FETCH", 1 << 40)
    with pytest.raises(UpliftError, match="MiB free"):
        release.fetch("v1.25.4")


def test_credentials_are_sent(mirror: Mirror) -> None:
    Web(username="me", password="secret").text(f"{mirror.url}/stable-1.25.txt")
    assert mirror.authorization == ["Basic bWU6c2VjcmV0"]


def test_a_server_that_is_away_is_named(release: Release, root: Path) -> None:
    source = Binary("http://127.0.0.1:1", Web(), release.node, release.runner)
    with pytest.raises(UpliftError, match=r"http://127\.0\.0\.1:1/stable-1\.25\.txt cannot be read"):
        source.offered("1.25", [])


def test_installing_replaces_in_place_and_keeps_the_old(release: Release, root: Path) -> None:
    release.fetch("v1.25.4")
    (root / "usr/bin/kubelet").chmod(0o750)
    old = (root / "usr/bin/kubelet").stat()
    done = release.install("v1.25.4", ["kubelet", "kubectl"], restart_kubelet=False, timeout=1)
    assert (done.replaced, done.restarted) == ({"kubelet": "v1.24.17", "kubectl": "v1.24.17"}, False)
    assert release.node.versions() == {"kubeadm": "v1.24.17", "kubelet": "v1.25.4", "kubectl": "v1.25.4"}
    new = (root / "usr/bin/kubelet").stat()
    assert (new.st_mode, new.st_uid) == (old.st_mode, old.st_uid)
    assert new.st_ino != old.st_ino  # what runs goes on with the old file
    kept = release.state / "kept/v1.24.17"
    assert done.kept == str(kept)
    assert (kept / "kubelet").stat().st_ino == old.st_ino
    assert not list((root / "usr/bin").glob(".*"))


def test_installing_twice_changes_nothing(release: Release) -> None:
    release.fetch("v1.25.4")
    release.install("v1.25.4", BINARIES, restart_kubelet=False, timeout=1)
    assert release.install("v1.25.4", BINARIES, restart_kubelet=False, timeout=1) == ({}, None, [], False, False)


def test_what_is_installed_needs_no_files_any_more(release: Release) -> None:
    assert release.install("v1.24.17", BINARIES, restart_kubelet=False, timeout=1).replaced == {}


@pytest.mark.parametrize("linkable", [True, False])
def test_programs_are_linked_and_where_that_cannot_be_copied(
    release: Release, root: Path, monkeypatch: pytest.MonkeyPatch, linkable: bool
) -> None:
    if not linkable:  # another file system

        def link(*_args: t.Any) -> None:
            raise OSError(18, "Invalid cross-device link")

        monkeypatch.setattr(os, "link", link)
    release.fetch("v1.25.4")
    (root / "usr/bin/.kubelet.uplift-kubeadm").write_text("of a run that was killed")
    release.install("v1.25.4", ["kubelet"], restart_kubelet=False, timeout=1)
    assert release.node.versions()["kubelet"] == "v1.25.4"
    assert (root / "usr/bin/kubelet").samefile(release.folder("v1.25.4") / "kubelet") == linkable
    assert sorted(file.name for file in (root / "usr/bin").iterdir()) == sorted(BINARIES)


def test_what_was_not_fetched_is_not_installed(release: Release) -> None:
    with pytest.raises(UpliftError, match="does not lie ready"):
        release.install("v1.25.4", ["kubelet"], restart_kubelet=False, timeout=1)


def test_a_damaged_file_is_not_installed(release: Release) -> None:
    release.fetch("v1.25.4")
    (release.folder("v1.25.4") / "kubelet").write_text("rot")
    with pytest.raises(UpliftError, match="damaged since it was fetched: kubelet"):
        release.install("v1.25.4", ["kubelet"], restart_kubelet=False, timeout=1)
    assert release.node.versions()["kubelet"] == "v1.24.17"


def test_a_step_back_is_refused(release: Release, root: Path) -> None:
    release.fetch("v1.25.4")
    fake_program(root / "usr/bin/kubelet", "kubelet", "v1.26.9")
    with pytest.raises(UpliftError, match="newer than"):
        release.install("v1.25.4", ["kubelet"], restart_kubelet=False, timeout=1)


def test_kubelet_is_restarted_and_watched_until_it_is_healthy(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = t.cast(FakeRunner, release.runner)
    active = iter(["activating\n", "active\n", "active\n"])
    runner.answers.update({"systemctl (daemon-reload|restart)": "", "is-active": lambda _argv: next(active)})
    health = iter(["its health check does not answer", "its health check does not answer", ""])
    monkeypatch.setattr(_release, "kubelet_health", lambda _root: next(health))
    monkeypatch.setattr(_release, "KUBELET_POLL_SECONDS", 0.001)
    release.fetch("v1.25.4")
    assert release.install("v1.25.4", ["kubelet"], restart_kubelet=True, timeout=5).restarted is True
    assert [line for line in runner.commands if line.startswith("systemctl")] == [
        "systemctl daemon-reload",
        "systemctl restart kubelet.service",
        *["systemctl is-active kubelet.service"] * 3,
    ]


def processes(*found: tuple[str, float]) -> t.Iterator[Process]:
    """Of a control plane node; kubelet was started at 100."""
    return iter(Process(1, name, start, name != "kubelet") for name, start in [("kubelet", 100.0), *found])


@pytest.mark.parametrize(
    ("seen", "held"),
    [
        # The old etcd is still there, then gone, then the new one is there.
        ([[("etcd", 1.0)], [("etcd", 1.0)], [], [("etcd", 103.0)]], False),
        ([[("etcd", 1.0)], [], [], [], [], []], True),
        # Left alone, as by a patch's kubelet: nothing to wait for.
        ([[("etcd", 1.0)]] * 6, False),
    ],
)
def test_when_static_pods_are_held_back(
    root: Path, monkeypatch: pytest.MonkeyPatch, seen: list[list[tuple[str, float]]], held: bool
) -> None:
    (root / "etc/kubernetes/manifests").mkdir(parents=True)
    (root / "etc/kubernetes/manifests/etcd.yaml").write_text("spec:\n")
    looks = itertools.chain([[]], seen)  # the first one is for kubelet
    now = [0.0]
    monkeypatch.setattr(_release, "processes", lambda _root: processes(*next(looks, seen[-1])))
    monkeypatch.setattr(_release.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(_release.time, "sleep", lambda _seconds: now.__setitem__(0, now[0] + 1))
    assert _release.static_pods_are_held_back(root) == held


def test_workers_have_none_to_be_held_back(root: Path) -> None:
    assert _release.static_pods_are_held_back(root) is False


@pytest.mark.parametrize(
    ("version", "held", "restarts"), [("v1.25.4", True, 2), ("v1.25.4", False, 1), ("v1.24.18", True, 1)]
)
def test_kubelet_is_started_once_more_for_static_pods_that_it_holds_back(
    release: Release, mirror: Mirror, monkeypatch: pytest.MonkeyPatch, version: str, held: bool, restarts: int
) -> None:
    calls: list[tuple[t.Any, ...]] = []
    monkeypatch.setattr(_release, "restart", lambda *args: calls.append(args))
    monkeypatch.setattr(_release, "static_pods_are_held_back", lambda _root: held)
    mirror.add(version)
    release.fetch(version)
    done = release.install(version, ["kubelet"], restart_kubelet=True, timeout=5)
    assert len(calls) == restarts
    assert (done.restarted, done.started_again) == (True, restarts == 2)


def test_a_kubelet_that_does_not_come_back_is_an_error_with_its_words(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = t.cast(FakeRunner, release.runner)
    words = "I1 all well\nError: failed to parse kubelet flag: unknown flag: --container-runtime\n"
    runner.answers.update({"systemctl (daemon-reload|restart)": "", "is-active": Result(3, "activating\n", "")})
    runner.answers["journalctl"] = words
    monkeypatch.setattr(_release, "kubelet_health", lambda _root: "its health check does not answer")
    release.fetch("v1.25.4")
    with pytest.raises(UpliftError, match=r"activating, its health.* unknown flag: --container-runtime"):
        release.install("v1.25.4", ["kubelet"], restart_kubelet=True, timeout=0)


@pytest.mark.parametrize(
    ("stale", "active", "health", "doubt"),
    [
        (True, "active", "", "no kubelet runs, or one that was started before the installed one came"),
        (False, "failed", "", "kubelet.service is failed"),
        (False, "active", "its health check answers HTTP 500", "its health check answers HTTP 500"),
        (False, "active", "", ""),
    ],
)
def test_when_kubelet_is_in_doubt(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stale: bool, active: str, health: str, doubt: str
) -> None:
    monkeypatch.setattr(_release, "kubelet_is_stale", lambda _runner: stale)
    monkeypatch.setattr(_release, "kubelet_health", lambda _root: health)
    assert _release.kubelet_doubt(FakeRunner({"is-active": f"{active}\n"}), tmp_path) == doubt


def test_pruning_keeps_what_is_named(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    release.fetch("v1.25.4")
    release.install("v1.25.4", BINARIES, restart_kubelet=False, timeout=1)
    monkeypatch.setattr(_release, "kubelet_doubt", lambda _runner, _root: "")
    gone = [str(release.state / "kept/v1.24.17"), str(release.state / "kept")]
    assert release.prune(["v1.25.4"], check=True) == (gone, [], "")
    assert (release.state / "kept/v1.24.17").exists()
    release.prune(["v1.25.4"], check=False)
    assert not (release.state / "kept").exists()
    assert release.is_fetched("v1.25.4")
