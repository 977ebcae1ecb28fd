# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is kept of a node, and for how long."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _backup, _backup_folder, _restore
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.modules import node_backup
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_etcd import mode
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_runner import fake_program
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import run_module

ID = "20261121T180000Z-v1.24.17"
API_SERVER = """apiVersion: v1
kind: Pod
metadata:
  name: kube-apiserver
spec:
  containers:
  - command:
    - kube-apiserver
    - --encryption-provider-config=/etc/enc/enc.yaml
    - --audit-policy-file=/srv/audit/policy.yaml
    image: registry.k8s.io/kube-apiserver:v1.24.17
    name: kube-apiserver
    volumeMounts:
    - mountPath: /etc/enc
      name: enc
    - mountPath: /etc/big
      name: big
    - mountPath: /etc/ssl/certs
      name: ca-certs
  volumes:
  - hostPath:
      path: /etc/enc-on-host
    name: enc
  - hostPath:
      path: /etc/big
    name: big
  - hostPath:
      path: /etc/ssl/certs
    name: ca-certs
"""
ENCRYPTION = """apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources:
  - secrets
  providers:
  - {provider}
  - identity: {{}}
"""


def put(root: Path, path: str, text: str = "x") -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    put(root, "etc/kubernetes/manifests/kube-apiserver.yaml", API_SERVER)
    put(root, "etc/kubernetes/manifests/kube-vip.yaml", "kind: Pod\nspec:\n  containers:\n  - image: vip\n")
    put(root, "etc/kubernetes/pki/etcd/ca.key")
    put(root, "etc/kubernetes/admin.conf")
    put(root, "etc/kubernetes/tmp/kubeadm-backup-etcd-2026-11-21-01-02-03/etcd/member/snap/db")
    put(root, "var/lib/kubelet/config.yaml")
    put(root, "var/lib/kubelet/kubeadm-flags.env")
    put(root, "var/lib/kubelet/pki/kubelet-client-2026.pem")
    (root / "var/lib/kubelet/pki/kubelet-client-current.pem").symlink_to("kubelet-client-2026.pem")
    put(root, "var/lib/kubelet/pods/secret-of-a-pod")
    put(
        root,
        "etc/enc-on-host/enc.yaml",
        ENCRYPTION.format(provider="aescbc: {keys: []}").replace("{keys: []}", '{"keys": []}'),
    )
    put(root, "srv/audit/policy.yaml", "apiVersion: audit.k8s.io/v1\nkind: Policy\n")
    put(root, "etc/big/data", "x" * 5000)
    put(root, "etc/ssl/certs/ca-certificates.crt")
    return root


def test_what_is_kept(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_backup, "MOUNT_BYTES", 4000)
    manifest = _backup.take(root, tmp_path / "b" / ID, {"node": {"name": "cp1"}})
    assert manifest["files"] == [
        "etc/enc-on-host/enc.yaml",
        "etc/kubernetes/admin.conf",
        "etc/kubernetes/manifests/kube-apiserver.yaml",
        "etc/kubernetes/manifests/kube-vip.yaml",
        "etc/kubernetes/pki/etcd/ca.key",
        "srv/audit/policy.yaml",
        "var/lib/kubelet/config.yaml",
        "var/lib/kubelet/kubeadm-flags.env",
        "var/lib/kubelet/pki/kubelet-client-2026.pem",
        "var/lib/kubelet/pki/kubelet-client-current.pem",
    ]
    with tarfile.open(tmp_path / "b" / ID / "node.tar") as archive:
        assert archive.getnames() == manifest["files"]
        assert archive.getmember("var/lib/kubelet/pki/kubelet-client-current.pem").issym()
    assert manifest["too_big"] == ["/etc/big"]
    assert manifest["encryption"]["providers"] == ["aescbc", "identity"]
    assert [line for line in _backup.warnings(manifest) if "KMS" in line] == []
    assert _backup.read_manifest(tmp_path / "b" / ID) == json.loads(json.dumps(manifest))


def move(root: Path, path: str, to: str) -> None:
    """Put a file or folder elsewhere, and a link in its place."""
    (root / to).parent.mkdir(parents=True, exist_ok=True)
    os.rename(root / path, root / to)
    (root / path).symlink_to(root / to)


def test_folders_and_files_on_another_disk_are_kept_by_the_name_that_they_are_reached_by(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails where a link to a folder is kept neither as link nor with what it shows."""
    monkeypatch.setattr(node_backup, "ROOT", root)
    move(root, "etc/kubernetes/pki", "data/pki")
    move(root, "var/lib/kubelet/config.yaml", "data/kubelet.yaml")
    (root / "data/pki/etcd/current.key").symlink_to("ca.key")
    (root / "data/pki/loop").symlink_to("../pki")
    (root / "etc/kubernetes/ssl").symlink_to("manifests")
    run_module(node_backup.main, capsys, {"directory": str(tmp_path / "b"), "id": ID})()
    archive = _restore.Archive(tmp_path / "b" / ID)
    with tarfile.open(archive.path) as tar:
        links = [member.name for member in tar if member.issym()]
    assert links == [
        "etc/kubernetes/pki/etcd/current.key",
        "etc/kubernetes/pki/loop",
        "etc/kubernetes/ssl",
        "var/lib/kubelet/pki/kubelet-client-current.pem",
    ]
    assert archive.manifest["linked"] == {
        "/etc/kubernetes/pki": str(root / "data/pki"),
        "/var/lib/kubelet/config.yaml": str(root / "data/kubelet.yaml"),
    }
    assert "etc/kubernetes/ssl/kube-vip.yaml" not in archive.manifest["files"]
    assert archive.read(["etc/kubernetes/pki/etcd/ca.key", "var/lib/kubelet/config.yaml"]) == {
        "etc/kubernetes/pki/etcd/ca.key": b"x",
        "var/lib/kubelet/config.yaml": b"x",
    }
    (root / "data/pki/etcd/ca.key").unlink()
    (root / "data/kubelet.yaml").write_text("newer")
    assert _restore.put_back(root, archive, etcd_only=False, check=False) == [
        "/etc/kubernetes/pki/etcd/ca.key",
        "/var/lib/kubelet/config.yaml",
    ]
    assert (root / "etc/kubernetes/pki").is_symlink()
    assert (root / "data/pki/etcd/ca.key").read_text() == "x"
    assert (root / "var/lib/kubelet/config.yaml").is_symlink()
    assert (root / "data/kubelet.yaml").read_text() == "x"


def test_a_source_that_is_a_link_itself(root: Path, tmp_path: Path) -> None:
    before = _backup.take(root, tmp_path / "b" / ID, {})
    move(root, "etc/kubernetes", "data/kubernetes")
    after = _backup.take(root, tmp_path / "c" / ID, {})
    assert (after["files"], after["linked"]) == (before["files"], {"/etc/kubernetes": str(root / "data/kubernetes")})


def test_a_link_to_data_is_kept_alone_and_told_of(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_backup, "MOUNT_BYTES", 4000)
    (root / "etc/kubernetes/etcd").symlink_to(root / "etc/big")
    (root / "etc/kubernetes/ca-bundle.crt").symlink_to(root / "etc/ssl/certs/ca-certificates.crt")
    manifest = _backup.take(root, tmp_path / "b" / ID, {})
    assert manifest["linked"] == {}  # the operating system's files are its packages'
    assert {"etc/kubernetes/etcd", "etc/kubernetes/ca-bundle.crt"} < set(manifest["files"])
    assert "or a link leads to, more than 0 MiB there: /etc/big, /etc/kubernetes/etcd." in _backup.warnings(manifest)[0]


def test_only_root_can_read_it(root: Path, tmp_path: Path) -> None:
    os.umask(0o022)
    _backup.take(root, tmp_path / "b" / ID, {})
    assert [mode(tmp_path / "b"), mode(tmp_path / "b" / ID)] == [0o700, 0o700]
    assert {mode(path) for path in (tmp_path / "b" / ID).iterdir()} == {0o600}


def test_a_key_that_a_kms_holds_is_told_of(root: Path, tmp_path: Path) -> None:
    put(root, "etc/enc-on-host/enc.yaml", ENCRYPTION.format(provider='kms: {"apiVersion": "v2", "name": "vault"}'))
    told = _backup.warnings(_backup.take(root, tmp_path / "b" / ID, {}))
    assert len(told) == 1
    assert "worthless without that key" in told[0]
    assert "kms v2" in told[0]


def test_an_archive_that_rotted_is_refused(root: Path, tmp_path: Path) -> None:
    _backup.take(root, tmp_path / "b" / ID, {})
    (tmp_path / "b" / ID / "node.tar").write_bytes(b"?")
    with pytest.raises(UpliftError, match="is not what was backed up"):
        _backup.read_manifest(tmp_path / "b" / ID)


def backup(folder: Path, day: int, *names: str, etcd: str = "3.5.6") -> Path:
    path = folder / f"202611{day:02}T180000Z-v1.24.17"
    path.mkdir(parents=True)
    for name in names:
        (path / name).write_text(json.dumps({"etcd": {"version": etcd}}, indent=1))
    return path


def test_backups_are_kept_by_count(tmp_path: Path) -> None:
    whole = [backup(tmp_path, day, "node.json", "etcd.json", etcd=f"3.5.{day}") for day in (1, 3, 5)]
    half, making = backup(tmp_path, 4), backup(tmp_path, 9)
    for version in (1, 3, 5):
        (tmp_path / f"programs/etcd-3.5.{version}").mkdir(parents=True)
    put(tmp_path, "notes of a person/x")
    going = _backup_folder.expired(tmp_path, ("node.json", "etcd.json"), 2)
    assert sorted(going) == sorted([whole[0], half, tmp_path / "programs/etcd-3.5.1"])
    assert making not in going


def test_a_node_that_a_hop_left_alone_was_what_its_next_backup_shows(tmp_path: Path) -> None:
    days = {day: backup(tmp_path, day, "node.json") for day in (1, 5, 9)}
    half = backup(tmp_path, 4)
    assert _backup_folder.at(tmp_path, days[5].name, "node.json") == days[5]
    assert _backup_folder.at(tmp_path, half.name, "node.json") == days[5]
    with pytest.raises(UpliftError, match=f"nor a newer one. Backups there: {days[9].name}, {days[5].name}, "):
        _backup_folder.at(tmp_path, "20261130T180000Z-v1.24.17", "node.json")


def test_the_newest_backup_is_never_removed(tmp_path: Path) -> None:
    backup(tmp_path, 1, "node.json")
    newest = backup(tmp_path, 2, "node.json")
    assert newest not in _backup_folder.expired(tmp_path, ("node.json",), 0)


def test_where_there_is_no_whole_backup_nothing_goes(tmp_path: Path) -> None:
    backup(tmp_path, 1)
    (tmp_path / "programs/etcd-3.5.6").mkdir(parents=True)
    assert _backup_folder.expired(tmp_path, ("node.json",), 1) == []


def test_kubeadms_left_overs_are_kept_by_count_of_each_kind(tmp_path: Path) -> None:
    names = [
        *(f"kubeadm-backup-etcd-2026-11-{day}-01-02-03" for day in (11, 12, 13)),
        *(f"kubeadm-backup-manifests-2026-11-{day}-01-02-03" for day in (11, 12)),
        *(f"kubeadm-upgraded-manifests{number}" for number in (4711, 815, 99)),
    ]
    for at, name in enumerate([*names, "of-a-person", "kubeadm-notes"]):
        (tmp_path / "etc/kubernetes/tmp" / name).mkdir(parents=True)
        os.utime(tmp_path / "etc/kubernetes/tmp" / name, (at, at))
    assert sorted(path.name for path in _backup_folder.leftovers(tmp_path, 2)) == [
        "kubeadm-backup-etcd-2026-11-11-01-02-03",
        "kubeadm-upgraded-manifests4711",
    ]


def test_the_module(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_backup, "ROOT", root)
    monkeypatch.setattr(node_backup, "STATE", tmp_path / "state")
    run = run_module(node_backup.main, capsys, {"directory": str(tmp_path / "b"), "id": ID})
    assert run(check_mode=True)["changed"] is True
    assert not (tmp_path / "b").exists()
    assert run()["changed"] is True
    assert run()["changed"] is False
    assert run(state="listed")["backups"] == [ID]
    put(root, "etc/kubernetes/tmp/kubeadm-backup-etcd-2026-11-22-01-02-03/x")
    assert len(run(state="pruned", keep_kubeadm=1, check_mode=True)["removed"]) == 1
    assert run(state="pruned", keep_kubeadm=1)["changed"] is True
    assert run(state="pruned", keep_kubeadm=1)["changed"] is False


def test_a_node_of_the_same_kubelet_is_kept_once(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects: a run of workers alone that is killed and begun again would push out the backups that count."""
    monkeypatch.setattr(node_backup, "ROOT", root)
    fake_program(root / "usr/bin/kubelet", "kubelet", "v1.24.17")
    run = run_module(node_backup.main, capsys, {"directory": str(tmp_path / "b"), "unless_since": "0"})
    assert run(id=ID)["changed"] is True
    later = run(id="20261122T180000Z-v1.24.17")
    assert (later["changed"], Path(later["path"]).name) == (False, ID)
    # There is a snapshot since, and with it the control plane cannot go back to an older state of this node.
    assert run(id="20261122T180000Z-v1.24.17", unless_since="20261122T170000Z-v1.24.17")["changed"] is True
    assert run(id="20261122T190000Z-v1.24.17", unless_since="20261122T170000Z-v1.24.17")["changed"] is False
    fake_program(root / "usr/bin/kubelet", "kubelet", "v1.25.4")
    assert run(id="20261123T180000Z-v1.25.4")["changed"] is True
    (tmp_path / "b/20261123T180000Z-v1.25.4/node.tar").write_text("rotten")
    assert run(id="20261124T180000Z-v1.25.4")["changed"] is True
    assert run(state="listed")["backups"][0] == "20261124T180000Z-v1.25.4"
