# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's own parts that need neither engine nor network."""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import os
import sys
import tarfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")

if sys.version_info < (3, 11):
    pytest.skip("the lab runs on the controller, with Python 3.11 or newer", allow_module_level=True)

from ansible_collections.uplift.kubeadm.tests.lab import (
    artifacts,
    cache,
    cli,
    cluster,
    debian,
    docker,
    download,
    engine,
    etcd_host,
    extra,
    gobuild,
    images,
    inventory,
    paths,
    runc_wrapper,
)
from ansible_collections.uplift.kubeadm.tests.lab.errors import LabError


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cache and state of a test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


# --- cache ----------------------------------------------------------------------------------------------------------


def _slow_make(part: Path) -> None:
    """Note in the folder beside the cache that it was called; leave something half-made for a while."""
    calls = Path(os.environ["XDG_CACHE_HOME"]).parent / "calls"
    with open(calls, "a") as log:
        log.write(f"{os.getpid()}\n")
    (part / "first").write_text("1")
    time.sleep(0.3)
    (part / "second").write_text("2")


def _child(results: Any) -> None:
    made = cache.ensure("thing/a", _slow_make)
    results.put(sorted(path.name for path in made.iterdir()))


def test_two_processes_make_an_artifact_once(folders: Path) -> None:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    children = [context.Process(target=_child, args=(results,)) for _unused in range(2)]
    for child in children:
        child.start()
    seen = [results.get(timeout=20) for _unused in children]
    for child in children:
        child.join()
    assert seen == [["first", "second"]] * 2  # neither saw a half-made one
    assert len((folders / "calls").read_text().split()) == 1


def test_a_broken_off_make_leaves_nothing(folders: Path) -> None:
    def fails(part: Path) -> None:
        (part / "half").write_text("")
        raise LabError("no")

    with pytest.raises(LabError):
        cache.ensure("thing/b", fails)
    assert list((folders / "cache/uplift-kubeadm-lab/thing").iterdir()) == []
    made = cache.ensure("thing/b", lambda part: (part / "whole").touch())
    assert [path.name for path in made.iterdir()] == ["whole"]


def test_what_a_killed_run_left_is_removed(folders: Path) -> None:
    left = folders / "cache/uplift-kubeadm-lab/thing/.c.part-killed"
    left.mkdir(parents=True)
    cache.ensure("thing/c", lambda part: (part / "x").touch())
    assert not left.exists()


def test_relative_xdg_directories_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert paths.cache_dir() == Path.home() / ".cache/uplift-kubeadm-lab"


# --- builds and downloads -------------------------------------------------------------------------------------------

UPSTREAM = {
    "Go": "1.19",
    "Require": [
        {"Path": "github.com/spf13/cobra", "Version": "v1.4.0"},
        {"Path": "k8s.io/api", "Version": "v0.0.0"},
    ],
    "Replace": [
        {"Old": {"Path": "k8s.io/api"}, "New": {"Path": "./staging/src/k8s.io/api"}},
        {"Old": {"Path": "a.example/old"}, "New": {"Path": "b.example/new", "Version": "v1.2.3"}},
        {"Old": {"Path": "a.example/pin", "Version": "v1.0.0"}, "New": {"Path": "a.example/pin", "Version": "v1.0.1"}},
    ],
    "Godebug": [{"Key": "default", "Value": "go1.23"}],
}


def test_go_mod_of_kubernetes() -> None:
    assert gobuild.kubernetes_go_mod(UPSTREAM, "1.25.4") == (
        "module lab/k8s\n\ngo 1.19\n\nrequire (\n"
        "\tk8s.io/kubernetes v1.25.4\n"
        "\tgithub.com/spf13/cobra v1.4.0\n"
        "\tk8s.io/api v0.25.4\n"
        ")\nreplace (\n"
        "\tk8s.io/api => k8s.io/api v0.25.4\n"
        "\ta.example/old => b.example/new v1.2.3\n"
        "\ta.example/pin v1.0.0 => a.example/pin v1.0.1\n"
        ")\ngodebug default=go1.23\n"
    )


def test_version_stamps() -> None:
    flags = gobuild.kubernetes_ldflags("1.25.4")
    assert "-X k8s.io/component-base/version.gitVersion=v1.25.4" in flags
    assert "-X k8s.io/client-go/pkg/version.gitMinor=25" in flags


def test_an_impossible_version_is_named() -> None:
    with pytest.raises(LabError, match=r"'v1.25' is not a version; write it as 1\.25\.4"):
        artifacts.ensure("v1.25")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abc\n", "abc"),
        ("abc  etcd.tar.gz\ndef  other.tar.gz\n", "abc"),
        ("def  other.tar.gz\nabc *release/etcd.tar.gz\n", "abc"),
        ("def  not-etcd.tar.gz\n", None),
    ],
)
def test_checksum_files(text: str, expected: str | None) -> None:
    assert download.checksum("https://example.invalid/x/etcd.tar.gz", text) == expected


def test_a_wrong_checksum_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    right = hashlib.sha256(b"good").hexdigest()
    monkeypatch.setattr(download, "fetch", lambda url: right.encode() if url.endswith(".sha256") else b"bad")
    with pytest.raises(LabError, match="not used"):
        download.checked("https://example.invalid/kubeadm", "https://example.invalid/kubeadm.sha256")


def test_an_unreachable_site_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(url: str, timeout: float) -> None:
        asked.append(url)
        raise OSError("no route")

    monkeypatch.setattr(download, "_unreachable", set())
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    for _unused in range(3):
        with pytest.raises(download.NotReachable):
            download.fetch("https://example.invalid/file")
    assert len(asked) == 1


def test_extract_takes_the_named_programs(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name in ("etcd-v1/etcd", "etcd-v1/README.md"):
            entry = tarfile.TarInfo(name)
            entry.size = 3
            tar.addfile(entry, io.BytesIO(b"abc"))
    download.extract(archive.getvalue(), {"etcd"}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["etcd"]
    assert os.access(tmp_path / "etcd", os.X_OK)


# --- images ---------------------------------------------------------------------------------------------------------


def test_image_layout_is_complete_and_reproducible(tmp_path: Path) -> None:
    program = tmp_path / "pause"
    program.write_bytes(b"program")
    digests = []
    for name in ("one", "two"):
        root = tmp_path / name
        root.mkdir()
        layout = images._Layout(root)
        layout.add("registry.k8s.io/pause:3.7", [], {"pause": program}, ["/pause"])
        layout.add("registry.k8s.io/pause:3.8", [], {"pause": program}, ["/pause"])
        layout.close()
        digests.append(images.references(root))
    assert digests[0] == digests[1]
    assert len(set(digests[0].values())) == 2  # images of the same program stay apart
    root = tmp_path / "one"
    manifest = images.manifest(root, digests[0]["registry.k8s.io/pause:3.7"])
    for descriptor in [manifest["config"], *manifest["layers"]]:
        content = images.blob(root, descriptor["digest"]).read_bytes()
        assert len(content) == descriptor["size"]
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == descriptor["digest"]
    with tarfile.open(images.blob(root, manifest["layers"][0]["digest"])) as tar:
        assert tar.getmember("pause").mode == 0o755


def test_split_reference() -> None:
    assert images.split("registry.k8s.io/coredns/coredns:v1.9.3") == ("registry.k8s.io", "coredns/coredns", "v1.9.3")


# --- engine and Debian ----------------------------------------------------------------------------------------------


def test_missing_capability_is_seen() -> None:
    assert engine.lacks_capability(24, "CapPrm:\t0\nCapBnd:\t000001fffeffffff\n")
    assert not engine.lacks_capability(24, "CapBnd:\t000001ffffffffff\n")


def test_runc_wrapper_takes_out_what_the_host_lacks() -> None:
    process = {"oomScoreAdj": -999, "capabilities": {"bounding": ["CAP_CHOWN", "CAP_SYS_RESOURCE"], "ambient": None}}
    runc_wrapper.fit(process, {"CAP_CHOWN"})
    assert process == {"oomScoreAdj": 0, "capabilities": {"bounding": ["CAP_CHOWN"], "ambient": []}}


def test_runc_wrapper_knows_its_capabilities() -> None:
    assert runc_wrapper.CAPABILITIES[24] == "SYS_RESOURCE"
    assert len(runc_wrapper.CAPABILITIES) == 41


def test_runc_wrapper_rewrites_the_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"process": {"oomScoreAdj": -500, "args": ["sh"]}}))
    called: list[list[str]] = []
    monkeypatch.setattr(os, "execvp", lambda _file, argv: called.append(argv))
    runc_wrapper.main(["--root", "/r", "create", "--bundle", str(tmp_path), "id"])
    assert json.loads(config.read_text())["process"] == {"oomScoreAdj": 0, "args": ["sh"]}
    assert called[0][1:] == ["--root", "/r", "create", "--bundle", str(tmp_path), "id"]


def test_missing_programs_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="Missing on this machine: one, two "):
        engine.ensure_programs({"no-such-program-1": "one", "no-such-program-2": "two", "sh": "dash"})


POLICY = """Package files:
 500 https://deb.example/node nodistro/main amd64 Packages
     release o=Other,a=nodistro,n=nodistro,l=Other,c=main,b=amd64
 500 http://security.example/debian-security bookworm-security/main amd64 Packages
     release v=12,o=Debian,a=stable-security,n=bookworm-security,l=Debian-Security,c=main,b=amd64
 500 http://mirror.example/debian trixie/main amd64 Packages
     release v=13.1,o=Debian,a=stable,n=trixie,l=Debian,c=main,b=amd64
"""


def test_mirror_is_that_of_the_machine() -> None:
    assert debian.mirror(POLICY) == "http://mirror.example/debian"


def test_without_a_debian_mirror_it_says_what_to_do() -> None:
    with pytest.raises(LabError, match="UPLIFT_LAB_DEBIAN_MIRROR"):
        debian.mirror("Package files:\n")


def test_recipe_changes_with_any_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    before = docker.recipe("text", tmp_path)
    assert docker.recipe("text", tmp_path) == before
    (tmp_path / "a").write_text("2")
    assert docker.recipe("text", tmp_path) != before


# --- clusters -------------------------------------------------------------------------------------------------------

NODES = [
    inventory.Node("cp1", "demo-control-plane", "10.0.0.2", True),
    inventory.Node("worker1", "demo-worker", "10.0.0.3", False),
]


def test_inventory_by_docker() -> None:
    found = yaml.safe_load(inventory.render(NODES, "docker", {"x": "1.30"}, Path("/s"), "admin"))
    assert found["all"]["vars"]["ansible_connection"] == "community.docker.docker"
    assert found["all"]["vars"]["x"] == "1.30"  # a string stays one
    children = found["all"]["children"]
    assert children["kube_control_plane"]["hosts"] == {"cp1": {"ansible_host": "demo-control-plane"}}
    assert children["kube_node"]["hosts"] == {"worker1": {"ansible_host": "demo-worker"}}


def test_inventory_by_ssh() -> None:
    found = yaml.safe_load(inventory.render(NODES[:1], "ssh", {}, Path("/s"), "admin"))
    variables = found["all"]["vars"]
    assert variables["ansible_ssh_private_key_file"] == "/s/id_ed25519"
    assert "UserKnownHostsFile=/s/known_hosts" in variables["ansible_ssh_common_args"]
    assert "StrictHostKeyChecking=yes" in variables["ansible_ssh_common_args"]
    assert variables["ansible_become"] is True
    assert found["all"]["children"]["kube_control_plane"]["hosts"]["cp1"] == {"ansible_host": "10.0.0.2"}
    assert found["all"]["children"]["kube_node"]["hosts"] == {}


def test_inventory_with_a_host_that_was_added() -> None:
    added = inventory.Node("worker9", "demo-worker9", "172.18.0.9", False)
    found = yaml.safe_load(inventory.render(NODES, "docker", {}, Path("/s"), "admin", {"added": [added], "etcd": []}))
    assert found["all"]["children"]["added"]["hosts"] == {"worker9": {"ansible_host": "demo-worker9"}}
    assert "worker9" not in found["all"]["children"]["kube_node"]["hosts"]
    assert "etcd" not in found["all"]["children"]  # a group without hosts would be an external etcd that is nowhere


def test_an_external_etcd_is_a_host_of_the_cluster_and_no_node_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "address", lambda name: f"address of {name}")
    spec = cluster.Spec("demo", 1, 1, "1.24.17", "binary", external_etcd=True)
    assert [host.name for host in cluster.hosts(spec)] == ["demo-control-plane", "demo-worker", "demo-etcd"]
    assert [node.host for node in cluster.members(spec)] == ["cp1", "worker1"]
    assert extra.next_node("demo", cluster.members(spec), False).name == "demo-worker2"
    paths.cluster_dir("demo").mkdir(parents=True)
    (paths.cluster_dir("demo") / "spec.json").write_text(json.dumps(asdict(spec)))
    for path in cluster.write_inventories("demo").values():
        groups = yaml.safe_load(path.read_text())["all"]["children"]
        assert list(groups["etcd"]["hosts"]) == ["etcd1"]
    with pytest.raises(LabError, match="With --external-etcd, one control plane"):
        cluster.up(cluster.Spec("demo", 3, 1, "1.24.17", "binary", external_etcd=True), [])


def test_kind_does_not_take_the_host_of_etcd_for_a_node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Fails with kind's label on it: `kind create cluster` then says that nodes exist already."""
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(etcd_host, "run", lambda *argv: ran.append(tuple(map(str, argv))))
    monkeypatch.setattr(etcd_host, "started", lambda _name: True)
    monkeypatch.setattr(artifacts, "tool", lambda name, version: Path(f"/cache/{name}-{version}"))
    network = {"NetworkSettings": {"Networks": {paths.NETWORK: {"IPAddress": "172.18.0.4"}}}}
    monkeypatch.setattr(docker, "inspect", lambda _name: network)
    monkeypatch.setattr(docker, "execute", lambda *argv, **_stdin: " ".join(argv[1:])[:9])
    made = etcd_host.create("demo", "3.5.6", "image", tmp_path)
    assert made.url == "https://172.18.0.4:2379"
    started = " ".join(ran[0])
    assert f"--label {paths.CLUSTER_LABEL}=demo" in started
    assert "io.x-k8s.kind" not in started
    assert ("docker", "cp", "/cache/etcd-3.5.6/etcdctl", "demo-etcd:/usr/local/bin/etcdctl") in ran
    assert {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "etcd").iterdir()} == {
        "ca.crt": 0o600, "apiserver.crt": 0o600, "apiserver.key": 0o600
    }  # fmt: skip


def test_names_of_hosts_that_are_added() -> None:
    known = [inventory.Node("cp1", "demo-control-plane", "", True), inventory.Node("worker1", "demo-worker", "", False)]
    worker, plane = (extra.next_node("demo", known, control_plane) for control_plane in (False, True))
    assert (worker.host, worker.name) == ("worker2", "demo-worker2")
    assert (plane.host, plane.name) == ("cp2", "demo-control-plane2")
    assert extra.next_node("demo", [*known, worker], False).name == "demo-worker3"


def test_a_host_that_is_added_is_made_as_kind_makes_nodes() -> None:
    """Arguments as in kind's provision.go, in any order; written down from there, not from the lab."""
    plane = inventory.Node("cp4", "demo-control-plane4", "", True)
    words = extra.arguments("demo", plane, "image")
    pairs = set(zip(words, words[1:], strict=False))
    assert {
        ("--hostname", "demo-control-plane4"), ("--label", "io.x-k8s.kind.role=control-plane"),
        ("--label", "io.x-k8s.kind.cluster=demo"), ("--security-opt", "seccomp=unconfined"),
        ("--security-opt", "apparmor=unconfined"), ("--tmpfs", "/tmp"), ("--tmpfs", "/run"), ("--volume", "/var"),
        ("--volume", "/lib/modules:/lib/modules:ro"), ("--net", paths.NETWORK),
        ("--env", "KUBECONFIG=/etc/kubernetes/admin.conf"),
    } <= pairs  # fmt: skip
    assert {"--privileged", "--detach", "--tty", "--restart=on-failure:1", "--init=false", "--cgroupns=private"} <= set(
        words
    )
    assert words[-1] == "image"
    worker = extra.arguments("demo", inventory.Node("w", "demo-worker3", "", False), "image")
    assert "KUBECONFIG=/etc/kubernetes/admin.conf" not in worker


def test_added_hosts_are_kept_with_the_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(cluster, "address", lambda name: f"address of {name}")
    spec = cluster.Spec("demo", 1, 1, "1.25.4", "binary")
    paths.cluster_dir("demo").mkdir(parents=True)
    assert [node.host for node in cluster.members(spec)] == ["cp1", "worker1"]
    row = {"host": "worker2", "name": "demo-worker2", "address": "old", "control_plane": False}
    (paths.cluster_dir("demo") / cluster.ADDED).write_text(json.dumps([row]))
    assert cluster.members(spec)[-1] == inventory.Node("worker2", "demo-worker2", "address of demo-worker2", False)


def test_kind_config() -> None:
    found = yaml.safe_load(cluster.kind_config(cluster.Spec("demo", 3, 1, "1.24.17", "deb")))
    assert [node["role"] for node in found["nodes"]] == ["control-plane"] * 3 + ["worker"]
    assert found["networking"]["disableDefaultCNI"] is True


@pytest.mark.parametrize(
    ("version", "cgroup_v1", "told"), [("1.34.0", True, False), ("1.35.0", True, True), ("1.36.0", False, False)]
)
def test_kubelets_that_refuse_cgroup_v1_are_told_to_bear_it(version: str, cgroup_v1: bool, told: bool) -> None:
    found = yaml.safe_load(cluster.kind_config(cluster.Spec("demo", 1, 1, version, "binary"), cgroup_v1))
    patches = [yaml.safe_load(text) for text in found.get("kubeadmConfigPatches", [])]
    wanted = {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", "failCgroupV1": False}
    assert patches == ([wanted] if told else [])
    assert [node["role"] for node in found["nodes"]] == ["control-plane", "worker"]


def test_kubeadm_is_told_of_an_external_etcd() -> None:
    etcd = etcd_host.External("https://172.18.0.4:2379", Path("/state/etcd"))
    spec = cluster.Spec("demo", 1, 1, "1.36.0", "binary", external_etcd=True)
    found = yaml.safe_load(cluster.kind_config(spec, cgroup_v1=True, etcd=etcd))
    kubelet, kubeadm = (yaml.safe_load(text) for text in found["kubeadmConfigPatches"])
    assert (kubelet["kind"], kubeadm["kind"]) == ("KubeletConfiguration", "ClusterConfiguration")
    plane, worker = found["nodes"]
    mounted = {mount["containerPath"]: mount["hostPath"] for mount in plane["extraMounts"]}
    told = kubeadm["etcd"]["external"]
    assert told.pop("endpoints") == ["https://172.18.0.4:2379"]
    assert {word: mounted[path] for word, path in told.items()} == {
        "caFile": "/state/etcd/ca.crt", "certFile": "/state/etcd/apiserver.crt", "keyFile": "/state/etcd/apiserver.key"
    }  # fmt: skip
    assert all(mount["readOnly"] for mount in plane["extraMounts"])
    assert worker == {"role": "worker"}


def test_an_image_of_etcd_alone_holds_what_its_tag_says(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def tool(name: str, version: str) -> Path:
        asked.append((name, version))
        for program in ("etcd", "etcdctl", "etcdutl"):
            (folders / program).write_text(f"{program} {version}")
        return folders

    monkeypatch.setattr(artifacts, "tool", tool)
    layout = images.ensure_etcd("3.5.32-0")
    assert asked == [("etcd", "3.5.32")]
    (reference, digest), *more = images.references(layout).items()
    assert (reference, more) == ("registry.k8s.io/etcd:3.5.32-0", [])
    layer = images.manifest(layout, digest)["layers"][-1]["digest"]
    with tarfile.open(images.blob(layout, layer)) as tar:
        assert tar.extractfile("usr/local/bin/etcd").read() == b"etcd 3.5.32"  # type: ignore[union-attr]


def test_network_script() -> None:
    script = cluster.network_script("10.244.1.0/24", {"10.244.0.0/24": "172.18.0.4"})
    assert "ip route replace 10.244.0.0/24 via 172.18.0.4\n" in script
    assert script.count("POSTROUTING -s 10.244.1.0/24 ! -d 10.244.0.0/16 -j MASQUERADE") == 2


def test_cni_config() -> None:
    plugins = json.loads(cluster.cni_config("10.244.1.0/24"))["plugins"]
    assert plugins[0]["ipam"]["ranges"] == [[{"subnet": "10.244.1.0/24"}]]


# --- command line ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "Demo", "-x", "a_b", "a" * 40])
def test_bad_names_are_refused_before_anything(name: str) -> None:
    with pytest.raises(LabError, match="cannot be the name of a cluster"):
        cluster.up(cluster.Spec(name, 1, 1, "1.24.17", "binary"), [])


def test_unknown_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["kubeconfig", "--name", "nope"]) == 1
    assert "There is no cluster 'nope' (there are: none)" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["up", "--name", "x", "--control-planes", "0"], ["up"], ["down"], []])
def test_wrong_usage(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(argv)
    assert stop.value.code == 2


@pytest.mark.parametrize("command", ["build", "up", "down", "status", "inventory", "kubeconfig", "exec", "add-host"])
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"])
    assert stop.value.code == 0
    assert "example:\n  python3 tests/lab " in capsys.readouterr().out


def test_status_as_json(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "answers", lambda: False)
    assert cli.main(["status", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["engine"] is False
    assert found["clusters"] == {}
