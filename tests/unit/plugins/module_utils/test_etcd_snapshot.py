# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots are kept when they are proven, and only then."""

from __future__ import annotations

import json
import os
import shutil
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _etcd_programs, _etcd_snapshot
from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_etcd import LIVE, FakeEtcd, mode

ID = "20261121T180000Z-v1.24.17"
KEYS = {f"/registry/pods/default/p{number}": number + 2 for number in range(20)}


@pytest.fixture
def etcd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[FakeEtcd]:
    fake = FakeEtcd(tmp_path / "fake", KEYS, 40)
    monkeypatch.setenv(LIVE, str(fake.file))
    yield fake
    fake.stop()


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    return tmp_path / "state/backup"


def take(etcd: FakeEtcd, backups: Path) -> dict[str, t.Any]:
    found = _etcd_programs.kept_in(etcd.programs)
    return _etcd_snapshot.take(_etcd_snapshot.Endpoint(etcd.url), found, backups / ID, {"kubernetes": "v1"}, Runner())


def verify(backups: Path, live: FakeEtcd | None = None) -> tuple[dict[str, t.Any], dict[str, t.Any] | None]:
    return _etcd_snapshot.verify(backups / ID, Runner(), _etcd_snapshot.Endpoint(live.url).etcd() if live else None)


def nothing_but_programs(backups: Path) -> bool:
    return sorted(str(path.relative_to(backups)) for path in backups.rglob("*") if path.is_file()) == [
        f"programs/etcd-3.5.6/{name}" for name in ("etcd", "etcdctl", "etcdutl")
    ]


def test_a_snapshot_is_proven_and_described(etcd: FakeEtcd, backups: Path) -> None:
    manifest = take(etcd, backups)
    assert (manifest["etcd"]["revision"], manifest["etcd"]["keys"], manifest["etcd"]["version"]) == (40, 20, "3.5.6")
    assert manifest["kubernetes"] == "v1"
    assert manifest == json.loads((backups / ID / "etcd.json").read_text())
    assert verify(backups)[0] == manifest


def test_backups_may_lie_deep(etcd: FakeEtcd, backups: Path) -> None:
    """Fails when the socket of the throwaway etcd is named by its whole path."""
    deep = backups / ("a-folder-with-a-long-name/" * 5)
    assert take(etcd, deep)["etcd"]["revision"] == 40


def test_only_root_can_read_it(etcd: FakeEtcd, backups: Path) -> None:
    os.umask(0o022)
    take(etcd, backups)
    folders = [backups, *(path for path in backups.rglob("*") if path.is_dir())]
    assert {mode(path) for path in folders} == {0o700}
    assert mode(backups / ID / "etcd.snapshot") == mode(backups / ID / "etcd.json") == 0o600


def test_nothing_is_left_of_the_proof(etcd: FakeEtcd, backups: Path) -> None:
    backups.mkdir(parents=True)
    (backups / ".throwaway.of-a-killed-run").mkdir()
    take(etcd, backups)
    assert sorted(path.name for path in backups.iterdir()) == [ID, "programs"]
    assert sorted(path.name for path in (backups / ID).iterdir()) == ["etcd.json", "etcd.snapshot"]


def after(monkeypatch: pytest.MonkeyPatch, step: str, then: t.Callable[[], None]) -> None:
    """Have something happen after a step of the backup."""
    function = getattr(_etcd_snapshot, step)

    def both(*arguments: t.Any) -> t.Any:
        result = function(*arguments)
        then()
        return result

    monkeypatch.setattr(_etcd_snapshot, step, both)


def compact(etcd: FakeEtcd, revision: int) -> None:
    etcd.state["compacted"] = revision
    etcd.write()


def test_compaction_between_snapshot_and_comparison(
    etcd: FakeEtcd, backups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails, too, where etcdctl is left its own time-out for the compaction of the copy."""
    etcd.state["slow"] = 90
    etcd.write()
    after(monkeypatch, "save", lambda: compact(etcd, 30))
    manifest = take(etcd, backups)
    assert manifest["etcd"]["compact_revision"] == 1  # as in the snapshot, or it would not verify again
    verify(backups)


def test_the_copy_may_take_longer_to_start_than_old_revisions_are_kept(
    etcd: FakeEtcd, backups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when the live etcd is asked for its hash only when the copy runs."""
    restore = _etcd_programs.restore

    def slowly(*arguments: t.Any) -> None:
        restore(*arguments)
        for number in range(9):
            etcd.put(f"/registry/pods/default/later{number}")
        compact(etcd, 45)

    monkeypatch.setattr(_etcd_programs, "restore", slowly)
    assert take(etcd, backups)["etcd"]["revision"] == 40
    verify(backups)


def test_a_snapshot_with_other_content_than_the_live_etcd_is_thrown_away(
    etcd: FakeEtcd, backups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when the hash of the live etcd is not asked for: the checksum of this snapshot is right."""

    def rot() -> None:
        etcd.state["keys"]["/registry/pods/default/p3"][1] = "rotten"
        etcd.write()

    after(monkeypatch, "save", rot)
    with pytest.raises(UpliftError, match=r"does not hold what etcd at .* holds: at revision 40"):
        take(etcd, backups)
    assert nothing_but_programs(backups)


def test_a_damaged_snapshot_is_thrown_away(etcd: FakeEtcd, backups: Path) -> None:
    etcd.damage = lambda whole: whole[:70] + b"?" + whole[71:]
    with pytest.raises(UpliftError, match="does not have the checksum"):
        take(etcd, backups)
    assert nothing_but_programs(backups)


def test_a_snapshot_that_breaks_off_is_thrown_away(etcd: FakeEtcd, backups: Path) -> None:
    etcd.damage = lambda whole: whole[:-40]
    with pytest.raises(UpliftError, match="checksum"):
        take(etcd, backups)
    assert nothing_but_programs(backups)


def test_a_snapshot_that_no_etcd_starts_from_is_thrown_away(etcd: FakeEtcd, backups: Path) -> None:
    etcd.state["broken"] = True
    etcd.write()
    with pytest.raises(UpliftError, match=r"started from the snapshot ended with exit code 1.*it is broken"):
        take(etcd, backups)
    assert nothing_but_programs(backups)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"leader": "0"}, "knows no leader"),
        ({"alarms": [{"memberID": "16", "alarm": "CORRUPT"}]}, "alarm CORRUPT for member 10"),
    ],
)
def test_an_etcd_that_is_not_well_is_not_backed_up(
    etcd: FakeEtcd, backups: Path, state: dict[str, t.Any], message: str
) -> None:
    etcd.state.update(state)
    etcd.write()
    with pytest.raises(UpliftError, match=message):
        take(etcd, backups)
    assert not backups.exists()


def test_the_disk_is_looked_at_first(etcd: FakeEtcd, backups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1 << 30, 1 << 30, 99 << 20))  # type: ignore[attr-defined]
    with pytest.raises(UpliftError, match="has 99 MiB free, and a backup needs 400 MiB"):
        take(etcd, backups)
    assert not backups.exists()


def test_what_a_restore_would_undo(etcd: FakeEtcd, backups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_etcd_snapshot, "PAGE", 7)
    take(etcd, backups)
    for key in (
        "/registry/configmaps/default/new",
        "/registry/pods/default/p3",
        "/registry/example.com/widgets/default/a",
        "/registry/apiextensions.k8s.io/customresourcedefinitions/widgets.example.com",
        "/registry/minions/cp1",
        "/registry/services/specs/default/s",
        "/registry/services/endpoints/default/s",
        "/registry/events/default/e",
        "compact_rev_key",
    ):
        etcd.put(key)
    del etcd.state["keys"]["/registry/pods/default/p7"]
    etcd.write()
    assert verify(backups, etcd)[1] == {
        "revisions": 9,
        "fleeting": 2,
        "written": {
            "apiextensions.k8s.io/customresourcedefinitions": 1,
            "configmaps": 1,
            "endpoints": 1,
            "example.com/widgets": 1,
            "nodes": 1,
            "pods": 1,
            "services": 1,
        },
        "removed": {"pods": 1},
    }


def test_a_backup_that_rotted_is_refused(etcd: FakeEtcd, backups: Path) -> None:
    take(etcd, backups)
    file = backups / ID / "etcd.snapshot"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(UpliftError, match=r"is not what was backed up.*SHA-256 differs.*is refused"):
        verify(backups)


def test_programs_that_are_not_those_that_were_kept_are_not_run(etcd: FakeEtcd, backups: Path) -> None:
    take(etcd, backups)
    (backups / "programs/etcd-3.5.6/etcdctl").write_text("#!/bin/sh\n")
    with pytest.raises(UpliftError, match="etcdctl is not what was backed up"):
        verify(backups)


def test_a_manifest_that_promises_other_content_is_refused(etcd: FakeEtcd, backups: Path) -> None:
    manifest = take(etcd, backups)
    manifest["etcd"]["keys"] = 21
    (backups / ID / "etcd.json").write_text(json.dumps(manifest))
    with pytest.raises(UpliftError, match="It is refused"):
        verify(backups)


def test_a_folder_without_manifest_is_no_backup(etcd: FakeEtcd, backups: Path) -> None:
    take(etcd, backups)
    (backups / ID / "etcd.json").unlink()
    with pytest.raises(UpliftError, match="holds no whole snapshot"):
        verify(backups)


def process(proc: Path, number: int, command: str, files: t.Iterable[str], environment: str = "") -> Path:
    """A process as /proc shows it, with a root of its own."""
    folder = proc / str(number)
    root = folder / "root"
    for file in files:
        (root / file.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        (root / file.lstrip("/")).touch()
    folder.mkdir(exist_ok=True)
    (folder / "cmdline").write_bytes(command.replace(" ", "\0").encode() + b"\0")
    (folder / "environ").write_bytes(environment.replace(" ", "\0").encode())
    (folder / "exe").symlink_to("/usr/local/bin/etcd")
    return folder


def test_the_programs_of_the_etcd_that_runs(tmp_path: Path) -> None:
    both = ["/usr/local/bin/etcd", "/usr/local/bin/etcdctl"]
    process(tmp_path, 7, "etcd --data-dir=/var/etcd/calico-data", both)
    process(tmp_path, 8, "/usr/bin/python3 etcd", both)
    right = process(tmp_path, 9, "etcd --name=cp1 --data-dir=/var/lib/etcd/", both)
    found = _etcd_programs.running(tmp_path, "/var/lib/etcd", Runner())
    assert found == (right / "exe", right / "root/usr/local/bin/etcdctl", None)


def test_a_service_names_its_data_folder_in_the_environment(tmp_path: Path) -> None:
    files = ["/usr/local/bin/etcd", "/usr/bin/etcdctl", "/usr/local/bin/etcdutl"]
    right = process(tmp_path, 9, "/usr/local/bin/etcd", files, "A=b ETCD_DATA_DIR=/data/etcd")
    found = _etcd_programs.running(tmp_path, "/data/etcd", Runner())
    assert found == (right / "exe", right / "root/usr/bin/etcdctl", right / "root/usr/local/bin/etcdutl")


def test_an_etcd_that_is_not_kubeadms_may_keep_its_data_anywhere(tmp_path: Path) -> None:
    """Fails where a data folder is taken for granted: Debian's package has another than kubeadm."""
    both = ["/usr/local/bin/etcd", "/usr/local/bin/etcdctl"]
    with pytest.raises(UpliftError, match="No etcd runs"):
        _etcd_programs.running(tmp_path, None, Runner())
    right = process(tmp_path, 9, "/usr/bin/etcd", both, "ETCD_DATA_DIR=/var/lib/etcd/default")
    assert _etcd_programs.running(tmp_path, None, Runner()).etcd == right / "exe"
    process(tmp_path, 10, "etcd --config-file=/etc/other.yml", both)
    with pytest.raises(UpliftError, match=r"2 etcds run .*process 9 \(/var/lib/etcd/default\).*etcd_data_dir"):
        _etcd_programs.running(tmp_path, None, Runner())
    assert _etcd_programs.running(tmp_path, "/var/lib/etcd/default", Runner()).etcd == right / "exe"
    assert _etcd_programs.running(tmp_path, "/data", Runner()).etcd == tmp_path / "10/exe"  # its file may say so


@pytest.mark.parametrize("version", ["3.5.6", "3.6.1"])
def test_an_etcd_without_etcdutl(etcd: FakeEtcd, tmp_path: Path, version: str) -> None:
    found = _etcd_programs.kept_in(etcd.programs)._replace(etcdutl=None)
    found.etcd.write_text(f"#!/bin/sh\necho etcd Version: {version}\n")
    if version.startswith("3.6"):
        with pytest.raises(UpliftError, match=r"Install the etcdutl of etcd 3\.6\.1 on the node"):
            _etcd_programs.keep(found, tmp_path / "programs", Runner())
    else:
        assert _etcd_programs.keep(found, tmp_path / "programs", Runner()).etcdutl is None


def test_no_etcd_runs(tmp_path: Path) -> None:
    with pytest.raises(UpliftError, match="No etcd with the data folder /var/lib/etcd runs on this node"):
        _etcd_programs.running(tmp_path, "/var/lib/etcd", Runner())
