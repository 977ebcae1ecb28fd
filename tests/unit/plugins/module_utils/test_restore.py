# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of a restore on one node: what is set aside, what comes back, and what is never touched."""

from __future__ import annotations

import contextlib
import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import (
    _backup,
    _etcd_programs,
    _etcd_snapshot,
    _restore,
    _restore_pods,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Result, Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._restore_lines import restore_lines
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_etcd import LIVE, FakeEtcd, mode
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_runner import FakeRunner

ID = "20261121T180000Z-v1.24.17"
POD = """apiVersion: v1
kind: Pod
spec:
  containers:
  - command:
    - {name}
{flags}
    image: registry.k8s.io/{name}:{version}
    name: {name}
"""
ETCD_FLAGS = ("--name=cp1", "--initial-advertise-peer-urls=https://10.0.0.1:2380", "--data-dir=/var/lib/etcd")
API_FLAGS = ("--etcd-servers=https://127.0.0.1:2379", "--encryption-provider-config=/etc/kubernetes/pki/enc.yaml")


def put(root: Path, path: str, text: str) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def manifest(root: Path, name: str, version: str, *flags: str) -> None:
    text = POD.format(name=name, version=version, flags="\n".join(f"    - {flag}" for flag in flags))
    put(root, f"etc/kubernetes/manifests/{name}.yaml", text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A control plane node that was backed up at 1.24, and is at 1.25 now."""
    root = tmp_path / "root"
    manifest(root, "etcd", "3.5.6-0", *ETCD_FLAGS)
    manifest(root, "kube-apiserver", "v1.24.17", *API_FLAGS)
    put(root, "etc/kubernetes/manifests/kube-vip.yaml", POD.format(name="kube-vip", version="v1", flags=""))
    put(root, "etc/kubernetes/pki/ca.crt", "the authority")
    put(root, "etc/kubernetes/pki/apiserver.crt", "old")
    put(root, "etc/kubernetes/pki/enc.yaml", "key of then")
    put(root, "etc/kubernetes/pki/sa.key", "signs").chmod(0o600)
    put(root, "etc/kubernetes/admin.conf", "old")
    put(root, "var/lib/kubelet/config.yaml", "of 1.24")
    _backup.take(root, tmp_path / "b" / ID, {"node": {"name": "cp1", "kubelet": "v1.24.17"}})
    manifest(root, "etcd", "3.5.9-0", *ETCD_FLAGS)
    manifest(root, "kube-apiserver", "v1.25.4", *API_FLAGS)
    put(root, "etc/kubernetes/manifests/keepalived.yaml", POD.format(name="keepalived", version="v1", flags=""))
    put(root, "etc/kubernetes/pki/apiserver.crt", "renewed")
    put(root, "etc/kubernetes/pki/enc.yaml", "key of now")
    put(root, "etc/kubernetes/admin.conf", "renewed")
    put(root, "var/lib/kubelet/config.yaml", "of 1.25")
    return root


@pytest.fixture
def archive(tmp_path: Path, root: Path) -> _restore.Archive:
    return _restore.Archive(tmp_path / "b" / ID)


def text(root: Path, path: str) -> str:
    return (root / path).read_text()


def images(root: Path) -> list[str]:
    files = sorted((root / "etc/kubernetes/manifests").iterdir())
    return [
        line.split()[1].rpartition("/")[2]
        for file in files
        for line in file.read_text().splitlines()
        if "image:" in line
    ]


def test_what_is_to_be_known(root: Path, archive: _restore.Archive) -> None:
    facts = _restore.examine(root, archive)
    assert facts["etcd"] == {"name": "cp1", "peer_urls": ["https://10.0.0.1:2380"], "data_dir": "/var/lib/etcd"}
    assert (facts["control_plane"], facts["api_server"]) == (True, "v1.24.17")
    assert facts["images"] == [
        "registry.k8s.io/etcd:3.5.6-0",
        "registry.k8s.io/kube-apiserver:v1.24.17",
        "registry.k8s.io/kube-vip:v1",
    ]


STRAY = {
    "stray.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: stray\ndata: {}\n",
    "notes.txt": "remember: [to tidy up\n",
    "etcd.bak": POD.format(name="etcd", version="0", flags="    - --name=old"),
    "zoo.yaml": "kind: Pod\nspec: {}\n",
}


def test_what_lies_beside_the_static_pods_is_passed_over_and_named(tmp_path: Path, root: Path) -> None:
    for name, content in STRAY.items():
        put(root, f"etc/kubernetes/manifests/{name}", content)
    _backup.take(root, tmp_path / "b/again", {"node": {"name": "cp1", "kubelet": "v1.25.4"}})
    archive = _restore.Archive(tmp_path / "b/again")
    facts = _restore.examine(root, archive)
    assert (facts["etcd"]["name"], facts["api_server"]) == ("cp1", "v1.25.4")
    assert len(facts["told"]) == 3
    for name, told in zip(("notes.txt", "stray.yaml", "zoo.yaml"), facts["told"]):
        assert f"/etc/kubernetes/manifests/{name}" in told
    _restore.set_aside(root, check=False)
    _restore.put_back(root, archive, etcd_only=True, check=False)
    assert images(root) == ["etcd:3.5.9-0"]
    _restore.put_back(root, archive, etcd_only=False, check=False)
    assert text(root, "etc/kubernetes/manifests/stray.yaml") == STRAY["stray.yaml"]


def test_a_static_pod_of_kubeadms_that_cannot_be_read_is_not_passed_over(tmp_path: Path, root: Path) -> None:
    put(root, "etc/kubernetes/manifests/etcd.yaml", "kind: ConfigMap\n")
    _backup.take(root, tmp_path / "b/again", {"node": {"name": "cp1", "kubelet": "v1.25.4"}})
    with pytest.raises(UpliftError, match=r"etcd\.yaml is in the folder of static pods"):
        _restore.examine(root, _restore.Archive(tmp_path / "b/again"))


@pytest.mark.parametrize("name", ["ca.crt", "sa.key"])
def test_a_node_with_another_authority_is_refused(root: Path, archive: _restore.Archive, name: str) -> None:
    put(root, f"etc/kubernetes/pki/{name}", "another")
    with pytest.raises(UpliftError, match=f"/etc/kubernetes/pki/{name} on this node is another than in the backup"):
        _restore.examine(root, archive)


def test_a_node_that_was_wiped_may_go_back(root: Path, archive: _restore.Archive) -> None:
    for file in (root / "etc/kubernetes/pki").iterdir():
        file.unlink()
    _restore.examine(root, archive)
    _restore.put_back(root, archive, etcd_only=True, check=False)
    assert text(root, "etc/kubernetes/pki/apiserver.crt") == "old"
    assert mode(root / "etc/kubernetes/pki/sa.key") == 0o600


def test_etcd_comes_first_and_then_the_rest(root: Path, archive: _restore.Archive) -> None:
    _restore.set_aside(root, check=False)
    assert images(root) == []
    _restore.put_back(root, archive, etcd_only=True, check=False)
    assert images(root) == ["etcd:3.5.6-0"]
    _restore.put_back(root, archive, etcd_only=False, check=False)
    # What the backup does not know, and is not kubeadm's, is there again too.
    assert images(root) == ["etcd:3.5.6-0", "keepalived:v1", "kube-apiserver:v1.24.17", "kube-vip:v1"]
    assert _restore.put_back(root, archive, etcd_only=False, check=False) == []


def test_configuration_goes_back_and_certificates_stay(root: Path, archive: _restore.Archive) -> None:
    _restore.put_back(root, archive, etcd_only=False, check=False)
    assert text(root, "var/lib/kubelet/config.yaml") == "of 1.24"
    assert text(root, "etc/kubernetes/admin.conf") == "renewed"
    assert text(root, "etc/kubernetes/pki/apiserver.crt") == "renewed"
    # The snapshot's secrets are encrypted with the key of then, wherever its file lies.
    assert text(root, "etc/kubernetes/pki/enc.yaml") == "key of then"


def test_a_restore_that_was_killed_keeps_what_was_set_aside_first(root: Path, archive: _restore.Archive) -> None:
    _restore.set_aside(root, check=False)
    _restore.put_back(root, archive, etcd_only=True, check=False)
    _restore.set_aside(root, check=False)
    aside = root / "etc/kubernetes/manifests-before-restore"
    assert "3.5.9-0" in (aside / "etcd.yaml").read_text()
    assert mode(aside) == 0o700
    assert images(root) == []
    assert _restore.finish(root, check=False) == ["/etc/kubernetes/manifests-before-restore"]
    assert _restore.finish(root, check=False) == []


def test_kubelets_notes_go(root: Path) -> None:
    put(root, "var/lib/kubelet/cpu_manager_state", "{}")
    put(root, "var/lib/kubelet/device-plugins/kubelet_internal_checkpoint", "{}")
    put(root, "var/lib/kubelet/device-plugins/gpu.sock", "")
    assert _restore.forget_state(root, check=True) == _restore.forget_state(root, check=False)
    assert [path.name for path in (root / "var/lib/kubelet/device-plugins").iterdir()] == ["gpu.sock"]


@pytest.fixture
def etcd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[FakeEtcd]:
    fake = FakeEtcd(tmp_path / "fake", {"/registry/pods/default/a": 3}, 9)
    monkeypatch.setenv(LIVE, str(fake.file))
    yield fake
    fake.stop()


@pytest.fixture
def folder(etcd: FakeEtcd, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A backup with a snapshot, whose proof is tested elsewhere and takes its time."""
    monkeypatch.setattr(_etcd_programs, "throwaway", lambda *_arguments: contextlib.nullcontext())
    monkeypatch.setattr(_etcd_snapshot, "prove", lambda *_arguments: {})
    folder = tmp_path / "b" / ID
    found = _etcd_programs.kept_in(etcd.programs)
    _etcd_snapshot.take(_etcd_snapshot.Endpoint(etcd.url), found, folder, {}, Runner())
    return folder


PEERS = {"cp1": ["https://10.0.0.1:2380"], "cp2": ["https://10.0.0.2:2380"]}


def restore(root: Path, folder: Path, bump: _restore.Bump | None = None) -> str:
    own = {"name": "cp1", "data_dir": "/var/lib/etcd"}
    return _restore.restore_etcd(root, _etcd_snapshot.undamaged(folder), own, PEERS, "restored-1", bump, Runner())


def restored(root: Path) -> list[str]:
    return list(json.loads(text(root, "var/lib/etcd/member/restored.json")))


def test_a_member_is_restored_as_one_of_a_new_cluster(root: Path, folder: Path) -> None:
    put(root, "var/lib/etcd/member/snap/db", "newer")
    assert restore(root, folder) == "/var/lib/etcd/member-before-restore"
    words = restored(root)
    assert words[words.index("--initial-cluster") + 1] == "cp1=https://10.0.0.1:2380,cp2=https://10.0.0.2:2380"
    assert words[words.index("--initial-cluster-token") + 1] == "restored-1"
    assert "--bump-revision" not in words
    assert text(root, "var/lib/etcd/member-before-restore/snap/db") == "newer"
    assert sorted(path.name for path in (root / "var/lib/etcd").iterdir()) == ["member", "member-before-restore"]


def test_old_data_are_kept_by_another_name_when_all_is_done(root: Path, folder: Path) -> None:
    """Else a second restore would take them for those that a killed one has set aside, and remove what is there now."""
    for content in ("first", "second"):
        put(root, "var/lib/etcd/member/snap/db", content)
        restore(root, folder)
        assert (
            _restore.finish(root, check=True)
            == _restore.finish(root, check=False)
            == ["/var/lib/etcd/member-before-restore"]
        )
        assert text(root, "var/lib/etcd/member-replaced/snap/db") == content
        assert _restore.finish(root, check=False) == []


def test_restored_again_the_first_data_stay_aside(root: Path, folder: Path) -> None:
    put(root, "var/lib/etcd/member/snap/db", "newer")
    restore(root, folder)
    restore(root, folder)
    assert text(root, "var/lib/etcd/member-before-restore/snap/db") == "newer"


def test_a_member_that_lost_all_its_data(root: Path, folder: Path) -> None:
    assert restore(root, folder) == ""
    assert restored(root)


def test_nothing_is_restored_from_a_snapshot_that_rotted(root: Path, folder: Path) -> None:
    put(root, "var/lib/etcd/member/snap/db", "newer")
    (folder / "etcd.snapshot").write_bytes(b"?")
    with pytest.raises(UpliftError, match="is not what was backed up"):
        restore(root, folder)
    assert text(root, "var/lib/etcd/member/snap/db") == "newer"


def test_nothing_is_restored_below_an_etcd_that_runs(root: Path, folder: Path) -> None:
    process = root / "proc/7"
    put(root, "proc/7/cmdline", "etcd\0--data-dir=/var/lib/etcd\0")
    put(root, "proc/7/environ", "")
    with pytest.raises(UpliftError, match="still runs on /var/lib/etcd"):
        restore(root, folder)
    assert process.is_dir()


def test_the_revision_is_lifted_where_a_program_can(root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = Path("/b/old/etcdutl"), Path("/b/new/etcdutl")
    monkeypatch.setattr(Path, "is_file", lambda _path: True)
    runner = FakeRunner(
        {"old/etcdutl": "etcdutl version: 3.5.6", "new/etcdutl version": "etcdutl version: 3.5.21\nAPI version: 3.5",
         "new/etcdutl snapshot": "--bump-revision uint"}
    )  # fmt: skip
    assert _restore.bumper(runner, [old], "3.5.6") is None
    assert _restore.bumper(runner, [old, new], "3.5.6") == _restore.Bump(new)
    assert _restore.bumper(runner, [new], "3.6.1") is None
    assert _restore.Bump(new).options() == ["--bump-revision", "1000000000", "--mark-compacted"]


class Runtime(FakeRunner):
    """A container runtime with three pods."""

    def __init__(self, stubborn: str = "", plugin: bool = True) -> None:
        self.pods = {"p-api": ("kube-apiserver-cp1", True), "p-vip": ("kube-vip-cp1", True), "p-app": ("app", False)}
        self.containers = {f"c-{pod}": pod for pod in self.pods}
        self.stubborn, self.plugin = stubborn, plugin
        super().__init__({"": self.answer})

    def answer(self, argv: list[str]) -> str | Result:
        words = [word for word in argv[1:] if not word.startswith("--")]
        if words[0] == "pods":
            source = {True: {"kubernetes.io/config.source": "file"}, False: {}}
            return json.dumps({"items": [
                {"id": i, "metadata": {"name": name, "namespace": "x"}, "annotations": source[static]}
                for i, (name, static) in self.pods.items()
            ]})  # fmt: skip
        if words[0] == "ps":
            return json.dumps({"containers": [{"id": c, "podSandboxId": p} for c, p in self.containers.items()]})
        if words[0] == "stop" and words[-1] != self.stubborn:
            self.containers.pop(words[-1])
        if words[0] == "rmp":
            return Result(0, "", "") if self.plugin else Result(1, "", "network plugin is not ready")
        return ""


def removed(runtime: Runtime, static: bool) -> tuple[int, list[str]]:
    pods = _restore_pods.Pods(runtime, "unix:///run/containerd.sock")
    return pods.remove(lambda pod: pod.static is static)


def test_pods_of_users_go_before_the_control_plane() -> None:
    runtime = Runtime()
    assert removed(runtime, static=False) == (1, [])
    assert list(runtime.containers) == ["c-p-api", "c-p-vip"]
    assert [line.partition(" rmp ")[2] for line in runtime.ran("rmp")] == ["--force p-app"]
    assert removed(runtime, static=True) == (2, [])
    assert runtime.containers == {}


def test_the_runtime_may_take_its_time() -> None:
    """Fails where crictl is left its own 2 s, in which no network plugin takes a pod's network down on a busy node."""
    runtime = Runtime()
    removed(runtime, static=False)
    assert runtime.commands == runtime.ran(r"^crictl --runtime-endpoint=unix:///run/containerd.sock .*--timeout=60s ")


def test_a_sandbox_that_the_network_plugin_keeps_is_told_of() -> None:
    assert removed(Runtime(plugin=False), static=False) == (1, ["x/app"])


def test_a_container_that_does_not_end_stops_the_restore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_restore_pods, "STOP_SECONDS", 0.0)
    with pytest.raises(UpliftError, match="Containers of x/app still run"):
        removed(Runtime(stubborn="c-p-app"), static=False)


def lines(since: dict[str, t.Any] | None, bumps: bool = False, damage: str = "") -> str:
    verified = {
        "manifest": {"id": ID, "taken": "T", "kubernetes": "v1.24.17",
                     "etcd": {"version": "3.5.6", "revision": 9, "keys": 4}},
        "since": since,
        "silent": "connection refused.",
    }  # fmt: skip
    backups = {
        "cp1": {"id": ID, "node": {"kubelet": "v1.24.17"}, "has_snapshot": True, "bumps": bumps, "told": ["KMS!"]},
        "cp2": {"id": ID, "node": {"kubelet": "v1.25.4"}, "has_snapshot": False, "damage": damage},
        "w1": {"id": "20261122T180000Z-v1.24.17", "node": {"kubelet": "v1.24.17"}, "has_snapshot": False},
    }
    nodes = {
        "cp1": {"node": {"kubelet": "v1.25.4"}},
        "cp2": {"node": {"kubelet": "v1.25.4"}},
        "w1": {"node": {"kubelet": "v1.24.17"}},
    }
    return "\n".join(restore_lines(verified, backups, nodes, True))


def test_what_will_be_lost_is_said() -> None:
    told = lines({"revisions": 7, "fleeting": 3, "written": {"pods": 2, "secrets": 5}, "removed": {"configmaps": 1}})
    assert "Lost: what was created or changed since, 5 secrets, 2 pods." in told
    assert "Back again: what was removed since, 1 configmaps." in told
    assert "go back from v1.25.4 to v1.24.17 on cp1." in told
    assert "KMS!" in told
    assert "next backup: w1 (20261122T180000Z-v1.24.17)" in told
    assert "clients outside of the cluster" in told
    assert "Restart them afterwards" in told


def test_a_snapshot_that_is_damaged_on_a_member_is_told_of() -> None:
    assert "The snapshot on cp2 is damaged; it is brought there anew" in lines(None, damage="its SHA-256 differs")
    assert "is damaged" not in lines(None)


def test_nothing_of_note_would_be_lost() -> None:
    assert "no object was written or removed since" in lines(
        {"revisions": 7, "fleeting": 7, "written": {}, "removed": {}}
    )


def test_what_will_be_lost_cannot_be_told() -> None:
    assert "cannot be told, since no etcd answers here (connection refused). All of it will be lost." in lines(None)


def test_a_lifted_revision_is_said() -> None:
    assert "revision is lifted" in lines(None, bumps=True)
