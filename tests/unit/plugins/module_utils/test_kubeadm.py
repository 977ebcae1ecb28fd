# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubeadm's transient unit, with FakeSystemd in the place of systemd."""

from __future__ import annotations

import json
import stat
import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.uplift.kubeadm.plugins.module_utils import _kubeadm, _running
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._kubeadm import Kubeadm, Run, only_old_kubelets
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_systemd import FakeSystemd

APPLY = ("upgrade", "apply", "v1.26.9", "--yes")
REFUSED = """[upgrade/version] You have chosen to change the cluster version to "v1.26.9"
[upgrade/version] FATAL: the --version argument is invalid due to these errors:

{objections}
Can be bypassed if you pass the --force flag
To see the stack trace of this error execute with --v=5 or higher
"""
KUBELETS = "\t- There are kubelets in this cluster that are too old that have these versions [v1.24.17 v1.24.16]\n"
PATCH = '\t- Specified version to upgrade to "v1.26.9" is higher than the kubeadm version "v1.26.0". Upgrade it first\n'


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_kubeadm, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(_kubeadm, "SYSTEMD", tmp_path)


STATIC_POD = """apiVersion: v1
kind: Pod
spec:
  containers:
  - command:
    - {name}
    env:
    - name: NO_PROXY
      value: 10.0.0.0/8,.svc
    - name: https_proxy
      value: {proxy}
    - name: GODEBUG
      value: x509sha1=1
    image: registry.k8s.io/{name}:v1.25.4
"""


def static_pods(root: Path, **proxies: str) -> None:
    """Manifests of a control plane; proxies: of a program, without "kube-", where it is not that of all."""
    (root / _running.MANIFESTS).mkdir(parents=True, exist_ok=True)
    for name in _running.KUBERNETES_PROGRAMS:
        proxy = proxies.get(name.replace("kube-", "").replace("-", "_"), "http://old:3128")
        (root / _running.MANIFESTS / f"{name}.yaml").write_text(STATIC_POD.format(name=name, proxy=proxy))


def test_kubeadm_gets_the_proxies_that_the_control_plane_has_and_no_others(tmp_path: Path) -> None:
    given = {"HTTPS_PROXY": "http://me:secret@downloads:3128", "no_proxy": "kube-api", "LANG": "C", "N": 1}
    assert _kubeadm.environment_for(given, tmp_path) == {"LANG": "C", "N": "1"}, "a worker"
    static_pods(tmp_path)
    kept = {"NO_PROXY": "10.0.0.0/8,.svc", "https_proxy": "http://old:3128"}
    assert _kubeadm.environment_for(given, tmp_path) == {"LANG": "C", "N": "1", **kept}
    for file in (tmp_path / _running.MANIFESTS).iterdir():
        file.write_text(file.read_text().replace("    env:\n", "    ports:\n"))
    assert _kubeadm.proxies_in_place(tmp_path) == {}


@pytest.mark.parametrize("program", ["apiserver", "controller_manager", "scheduler"])
def test_a_proxy_of_one_program_alone_is_not_given_to_all(tmp_path: Path, program: str) -> None:
    static_pods(tmp_path, **{program: "http://of-this-one:3128"})
    assert _kubeadm.proxies_in_place(tmp_path) == {"NO_PROXY": "10.0.0.0/8,.svc"}


def test_a_manifest_that_cannot_be_read_matters_only_where_there_are_proxies(tmp_path: Path) -> None:
    static_pods(tmp_path)
    scheduler = tmp_path / _running.MANIFESTS / "kube-scheduler.yaml"
    scheduler.unlink()
    scheduler.mkdir()
    with pytest.raises(UpliftError, match=r"kube-scheduler\.yaml cannot be read"):
        _kubeadm.proxies_in_place(tmp_path)
    server = tmp_path / _running.MANIFESTS / "kube-apiserver.yaml"
    server.write_text(server.read_text().replace("    env:\n", "    ports:\n"))
    assert _kubeadm.proxies_in_place(tmp_path) == {}


def run(systemd: FakeSystemd, state: Path, arguments: t.Sequence[str] = APPLY, **how: t.Any) -> Run:
    options = {"version": "v1.26.9", "environment": {}, "timeout": 5.0, **how}
    return Kubeadm(systemd, state).run("/usr/bin/kubeadm", arguments, **options)


def lost(systemd: FakeSystemd, state: Path, arguments: t.Sequence[str] = APPLY) -> None:
    """A caller that starts kubeadm and is lost while it waits."""
    with pytest.raises(UpliftError, match="still running"):
        run(systemd, state, arguments, timeout=-1)


def test_a_run_is_recorded_and_its_result_returned(tmp_path: Path) -> None:
    systemd = FakeSystemd((3, 0, "[upgrade/successful] SUCCESS!\n"))
    done = run(systemd, tmp_path / "state")
    assert (done.rc, done.seconds, done.adopted, done.output) == (0, 2.5, False, "[upgrade/successful] SUCCESS!")
    record = json.loads((tmp_path / "state/kubeadm.json").read_text())
    assert record["command"] == ["/usr/bin/kubeadm", *APPLY]
    assert (record["state"], record["rc"], record["acknowledged"]) == ("done", 0, True)


def test_nothing_is_for_others_to_read_and_no_secret_is_on_a_command_line(tmp_path: Path) -> None:
    systemd = FakeSystemd((0, 0, ""))
    done = run(systemd, tmp_path / "state", environment={"HTTPS_PROXY": 'http://me:p"$w@proxy'})
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert stat.S_IMODE(Path(done.log).stat().st_mode) == 0o600
    assert not [line for line in systemd.commands if "HTTPS_PROXY" in line]
    assert systemd.environment_file == 'HTTPS_PROXY="http://me:p\\"\\$w@proxy"\n'
    assert not (tmp_path / "state/kubeadm.env").exists()


def test_another_version_of_kubeadm_is_refused(tmp_path: Path) -> None:
    systemd = FakeSystemd(version="v1.25.4")
    with pytest.raises(UpliftError, match=r"is v1\.25\.4, but this step needs v1\.26\.9"):
        run(systemd, tmp_path / "state")
    assert not systemd.ran("systemd-run")


def test_a_host_without_systemd_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_kubeadm, "SYSTEMD", tmp_path / "none")
    with pytest.raises(UpliftError, match="not run by systemd"):
        run(FakeSystemd(), tmp_path / "state")


def test_the_same_command_at_work_is_waited_for_and_taken(tmp_path: Path) -> None:
    systemd = FakeSystemd((5, 0, "done\n"))
    lost(systemd, tmp_path)
    assert Kubeadm(systemd, tmp_path).last_run()["state"] == "running"  # type: ignore[index]
    done = run(systemd, tmp_path)
    assert (done.adopted, done.output) == (True, "done")
    assert len(systemd.ran("systemd-run")) == 1


def test_another_command_at_work_is_waited_for_then_ours_runs(tmp_path: Path) -> None:
    systemd = FakeSystemd((5, 0, "theirs\n"), (1, 0, "ours\n"))
    lost(systemd, tmp_path, ["upgrade", "node"])
    done = run(systemd, tmp_path)
    assert (done.adopted, done.output) == (False, "ours")
    assert not systemd.stopped_running


def test_a_lost_callers_environment_does_not_stay_with_its_password(tmp_path: Path) -> None:
    """Without the removal in _result the file stays where a run that has ended is taken."""
    systemd = FakeSystemd((1, 0, "first\n"))
    with pytest.raises(UpliftError, match="still running"):
        run(systemd, tmp_path, environment={"https_proxy": "http://me:secret@proxy"}, timeout=-1)
    assert (tmp_path / "kubeadm.env").exists()
    Kubeadm(systemd, tmp_path).last_run()  # it has ended now
    assert run(systemd, tmp_path).adopted
    assert not (tmp_path / "kubeadm.env").exists()


def test_success_after_the_caller_was_lost_is_taken_once(tmp_path: Path) -> None:
    systemd = FakeSystemd((1, 0, "first\n"), (0, 0, "second\n"))
    lost(systemd, tmp_path)
    assert run(systemd, tmp_path).output == "first"
    again = run(systemd, tmp_path)
    assert (again.adopted, again.output) == (False, "second")


def test_success_is_not_taken_when_told_so(tmp_path: Path) -> None:
    systemd = FakeSystemd((1, 0, "first\n"), (0, 0, "second\n"))
    lost(systemd, tmp_path)
    systemd.show()
    assert run(systemd, tmp_path, adopt=False).output == "second"


def test_success_of_before_a_restore_is_not_taken(tmp_path: Path) -> None:
    """Protects: files that kubeadm had written are those of before again, so it has to run."""
    systemd = FakeSystemd((1, 0, "first\n"), (0, 0, "second\n"))
    lost(systemd, tmp_path)
    systemd.show()
    Kubeadm(systemd, tmp_path).disown()
    done = run(systemd, tmp_path)
    assert (done.adopted, done.output) == (False, "second")


def test_there_may_be_nothing_to_disown(tmp_path: Path) -> None:
    Kubeadm(FakeSystemd(), tmp_path).disown()


def test_failure_after_the_caller_was_lost_runs_again(tmp_path: Path) -> None:
    systemd = FakeSystemd((1, 1, "first\n"), (0, 0, "second\n"))
    lost(systemd, tmp_path)
    systemd.show()
    done = run(systemd, tmp_path)
    assert (done.adopted, done.output) == (False, "second")


def test_a_restart_of_the_node_leaves_a_run_unfinished_and_it_starts_anew(tmp_path: Path) -> None:
    systemd = FakeSystemd((9, 0, "first\n"), (0, 0, "second\n"))
    lost(systemd, tmp_path)
    record = json.loads((tmp_path / "kubeadm.json").read_text())
    (tmp_path / "kubeadm.json").write_text(json.dumps({**record, "boot": "before"}))
    systemd.unit = None
    assert Kubeadm(systemd, tmp_path).last_run()["state"] == "unfinished"  # type: ignore[index]
    assert run(systemd, tmp_path).output == "second"


def test_a_unit_at_work_without_a_record_is_left_alone(tmp_path: Path) -> None:
    systemd = FakeSystemd((9, 0, ""))
    lost(systemd, tmp_path)
    (tmp_path / "kubeadm.json").unlink()
    with pytest.raises(UpliftError, match="left alone"):
        run(systemd, tmp_path)
    assert not systemd.stopped_running


def test_force_is_given_only_after_the_one_objection(tmp_path: Path) -> None:
    systemd = FakeSystemd((0, 1, REFUSED.format(objections=KUBELETS)), (0, 0, "forced\n"))
    done = run(systemd, tmp_path, force_if_only_kubelets=True)
    assert (done.rc, done.forced, done.command[-1]) == (0, True, "--force")
    assert [line.endswith("--force") for line in systemd.ran("systemd-run")] == [False, True]


def test_a_forced_run_of_a_lost_caller_is_taken(tmp_path: Path) -> None:
    systemd = FakeSystemd((0, 1, REFUSED.format(objections=KUBELETS)), (5, 0, "forced\n"))
    kubeadm = Kubeadm(systemd, tmp_path)
    assert run(systemd, tmp_path).rc == 1
    lost(systemd, tmp_path, [*APPLY, "--force"])
    done = run(systemd, tmp_path, force_if_only_kubelets=True)
    assert (done.adopted, done.forced, done.output) == (True, True, "forced")
    assert kubeadm.last_run()["acknowledged"] is True  # type: ignore[index]


@pytest.mark.parametrize(
    "output",
    [
        REFUSED.format(objections=KUBELETS + PATCH),
        REFUSED.format(objections=PATCH),
        REFUSED.format(objections=""),
        REFUSED.format(objections="\t- There are kubelets\n"),
        "[ERROR CoreDNSUnsupportedPlugins]: no\n" + REFUSED.format(objections=KUBELETS),
        "the --version argument is invalid due to these fatal errors:\n\n" + KUBELETS + "\nPlease fix",
        "timed out\n",
        "",
    ],
)
def test_force_is_not_given_otherwise(tmp_path: Path, output: str) -> None:
    systemd = FakeSystemd((0, 1, output))
    done = run(systemd, tmp_path, force_if_only_kubelets=True)
    assert (done.rc, done.forced) == (1, False)
    assert len(systemd.ran("systemd-run")) == 1


@given(st.lists(st.sampled_from([KUBELETS, PATCH, "\t- x\n", "\t- \n", "words\n"]), max_size=4))
def test_only_a_single_objection_about_kubelets_counts(objections: list[str]) -> None:
    assert only_old_kubelets(REFUSED.format(objections="".join(objections))) is (objections == [KUBELETS])


def test_errors_come_first_in_the_complaint() -> None:
    output = (
        "[preflight] Running\n\t[ERROR ControlPlaneNodesReady]: there are NotReady control-planes\n[preflight] hint\n"
    )
    assert _kubeadm.complaint(output) == "[ERROR ControlPlaneNodesReady]: there are NotReady control-planes"
    assert _kubeadm.complaint("one\ntwo\n") == "one | two"
    assert _kubeadm.complaint("") == "it printed nothing"


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        (APPLY, True),
        (["upgrade", "node"], True),
        ([*APPLY, "--dry-run"], False),
        (["upgrade", "plan"], False),
        (["version"], False),
        (["config", "images", "list"], False),
    ],
)
def test_what_changes_something(arguments: list[str], changes: bool) -> None:
    assert _kubeadm.changes_something(arguments) is changes
