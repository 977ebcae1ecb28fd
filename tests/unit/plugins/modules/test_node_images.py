# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""node_images through main(); a script stands in for crictl, ctr and kubeadm."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Result
from ansible_collections.uplift.kubeadm.plugins.module_utils._crictl import crictl
from ansible_collections.uplift.kubeadm.plugins.module_utils._images import full_name, tags_in
from ansible_collections.uplift.kubeadm.plugins.modules import node_images
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_runner import FakeRunner
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module

PROXY, PAUSE, API = (
    "registry.k8s.io/kube-proxy:v1.25.4",
    "registry.k8s.io/pause:3.8",
    "registry.k8s.io/kube-apiserver:v1.25.4",
)


CONFIGURATION = """apiServer:
  extraArgs:
    kubernetesVersion: mine
apiVersion: kubeadm.k8s.io/v1beta3
etcd:
  local:
    imageTag: 3.5.99-0
kind: ClusterConfiguration
kubernetesVersion: v1.24.17
networking: {}
"""


class FakeRuntime(FakeRunner):
    """A container runtime that has some images, and a registry that refuses some."""

    def __init__(self) -> None:
        super().__init__(
            {
                "config images list": f"{API}\n{PROXY}\n{PAUSE}\n",
                "crictl .*images": self.images,
                "crictl .*pull": self.pull,
                "^ctr ": self.load,
            },
            {"ctr"},
        )
        self.present = {PAUSE}
        self.refused: set[str] = set()
        self.slow = 0  # seconds

    def images(self, argv: list[str]) -> str | Result:
        told = next((word for word in argv if word.startswith("--timeout=")), "=2s")
        if self.slow > int(told.partition("=")[2].rstrip("s")):
            return Result(1, "", "level=fatal msg=listing images: rpc error: code = DeadlineExceeded\n")
        return json.dumps({"images": [{"repoTags": sorted(self.present)}, {}]})

    def pull(self, argv: list[str]) -> Result:
        if argv[-1] in self.refused:
            return Result(1, "", "level=fatal msg=unauthorized\n")
        self.present.add(argv[-1])
        return Result(0, "", "")

    def load(self, argv: list[str]) -> str:
        self.present.update(tags_in(Path(argv[-1])))
        return ""


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> FakeRuntime:
    fake = FakeRuntime()
    monkeypatch.setattr(node_images, "Runner", lambda: fake)
    return fake


@pytest.fixture
def run(runtime: FakeRuntime, capsys: pytest.CaptureFixture[str]) -> Run:
    return run_module(node_images.main, capsys, {"version": "v1.25.4", "cri_socket": "unix:///x.sock"})


def archive(path: Path, *tags: str) -> str:
    with tarfile.open(path, "w:gz") as tar:
        body = json.dumps([{"RepoTags": list(tags)}]).encode()
        member = tarfile.TarInfo("manifest.json")
        member.size = len(body)
        tar.addfile(member, io.BytesIO(body))
    return str(path)


def test_only_what_is_missing_is_pulled_and_once(run: Run, runtime: FakeRuntime) -> None:
    result = run()
    assert result["changed"] is True
    assert result["pulled"] == [API, PROXY]
    assert len(runtime.ran("pull")) == 2
    assert run()["changed"] is False


def test_a_runtime_on_a_busy_disk_is_waited_for(run: Run, runtime: FakeRuntime) -> None:
    """Fails where crictl is left its own 2 s."""
    runtime.slow = 20
    assert run()["pulled"] == [API, PROXY]


def test_without_a_socket_crictl_looks_by_itself() -> None:
    """Fails where each socket that it tries is waited for as long: it tries those of other runtimes first."""
    assert crictl(None) == ["crictl"]


def test_check_mode_says_what_is_missing(run: Run, runtime: FakeRuntime) -> None:
    assert run(check_mode=True)["pulled"] == [API, PROXY]
    assert not runtime.ran("pull")


def test_a_worker_needs_less_but_coredns_may_come_to_it(run: Run, runtime: FakeRuntime) -> None:
    dns = "registry.k8s.io/coredns/coredns:v1.9.3"
    runtime.answers["config images list"] = f"{API}\n{PROXY}\n{PAUSE}\nregistry.k8s.io/etcd:3.5.5-0\n{dns}\n"
    assert run(components="node")["images"] == [PROXY, PAUSE, dns]


def test_the_fetched_kubeadm_is_asked_for_the_clusters_repository(run: Run, runtime: FakeRuntime) -> None:
    run(image_repository="example.com/k8s")
    assert runtime.commands[0] == (
        "/var/lib/uplift-kubeadm/release/v1.25.4/kubeadm config images list --kubernetes-version v1.25.4 "
        "--image-repository example.com/k8s"
    )


def test_the_clusters_own_configuration_is_asked_with_at_the_new_version(run: Run, runtime: FakeRuntime) -> None:
    seen: list[tuple[int, str]] = []

    def listing(argv: list[str]) -> str:
        file = Path(argv[argv.index("--config") + 1])
        seen.append((file.stat().st_mode & 0o777, file.read_text()))
        return f"{PROXY}\n"

    runtime.answers["config images list"] = listing
    result = run(cluster_configuration=CONFIGURATION, image_repository="not.example.com")
    assert result["images"] == [PROXY]
    assert "--kubernetes-version" not in runtime.commands[0]
    ((mode, text),) = seen
    assert mode == 0o600
    assert text.startswith(CONFIGURATION.replace("v1.24.17", "v1.25.4"))
    assert "apiVersion: kubeadm.k8s.io/v1beta3\nkind: InitConfiguration" in text
    assert 'criSocket: "unix:///x.sock"' in text
    assert not Path(runtime.commands[0].split()[-1]).exists()


def test_a_configuration_that_kubeadm_refuses_is_named(run: Run, runtime: FakeRuntime) -> None:
    runtime.answers["config images list"] = Result(1, "", 'old API spec: "kubeadm.k8s.io/v1beta1"\n')
    message = run(failed=True, cluster_configuration=CONFIGURATION)["msg"]
    assert "does not take the cluster's kubeadm configuration: old API spec" in message
    assert "kubeadm config migrate" in message
    assert "no ClusterConfiguration" in run(failed=True, cluster_configuration="apiVersion: v1\n")["msg"]


def test_the_environment_shows_up_nowhere(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    result = run(environment={"https_proxy": "http://me:secret@proxy", "no_proxy": "registry.k8s.io", "X": "1"})
    assert os.environ["https_proxy"] == "http://me:secret@proxy"
    assert "secret" not in str(result)
    assert result["pulled"] == [API, PROXY], "what is no secret was blotted out"


def test_credentials_are_not_on_a_command_line(run: Run, runtime: FakeRuntime) -> None:
    run(registry_username="me", registry_password="secret")
    assert not [line for line in runtime.commands if "secret" in line]
    assert {"CRICTL_CREDS": "me:secret"} in runtime.environments


def test_an_image_that_is_not_to_be_had_names_node_image_and_reason(run: Run, runtime: FakeRuntime) -> None:
    runtime.refused = {PROXY}
    message = run(failed=True)["msg"]
    assert f"could not pull 1 of 2 images: {PROXY}: level=fatal msg=unauthorized" in message


def test_archives_come_first_and_are_imported_once(run: Run, runtime: FakeRuntime, tmp_path: Path) -> None:
    file = archive(tmp_path / "images.tar.gz", API, PROXY)
    result = run(archives=[file])
    assert (result["imported"], result["pulled"]) == ([file], [])
    assert run(archives=[file])["changed"] is False


def test_a_file_that_is_no_archive_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_text("rubbish")
    assert "x.tar cannot be read as an archive of images" in run(failed=True, archives=[str(tmp_path / "x.tar")])["msg"]
    assert "it names no image" in run(failed=True, archives=[archive(tmp_path / "y.tar")])["msg"]


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("a/b:1", "docker.io/a/b:1"),
        ("r:5000/b", "r:5000/b:latest"),
        ("localhost/b@sha256:00", "localhost/b@sha256:00"),
    ],
)
def test_names_as_the_runtime_has_them(image: str, name: str) -> None:
    assert full_name(image) == name
