# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may run, and where a run ends early: the lock, a request to stop, a deadline, a question at the terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from stubbed import StubbedCluster

OTHER = {"id": "bert@laptop_99_bb", "user": "bert", "host": "laptop", "pid": 99}


@pytest.fixture
def cluster(tmp_path: Path) -> StubbedCluster:
    return StubbedCluster(tmp_path, control_planes=1, workers=2)


def begun(cluster: StubbedCluster) -> list[str]:
    """Nodes that kubeadm was run on, or that were drained."""
    return [
        event["name"] or event["host"]
        for event in cluster.events()
        if event["module"] in ("kubeadm_run", "node_drain") and event["state"] != "uncordoned"
    ]


def test_the_lock_is_held_renewed_and_released(cluster: StubbedCluster) -> None:
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25")
    assert run.returncode == 0, run.stdout
    states = [event["state"] for event in cluster.events() if event["module"] == "upgrade_lock"]
    assert states[:2] == ["held", "held"]  # looked at before the plan, taken after it
    assert states[2:-1] == ["renewed"] * 5  # prepare, control plane, three kubelets
    assert states[-1] == "released"
    assert cluster.read("lock.json") == {}


def test_a_lock_that_cannot_be_released_is_told_and_the_run_has_done_what_it_was_for(cluster: StubbedCluster) -> None:
    """Seen where SSH was cut as it was released: the run ended well, and nothing spoke of what it had left."""
    cluster.misbehave({"module": "upgrade_lock", "host": "cp1", "state": "released", "do": "fail"})
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25")
    assert run.returncode == 0, run.stdout
    words = " ".join(run.stdout.split())
    assert "The lock of the cluster could not be released" in words
    assert "It ends by itself 900 s after its last renewal." in words


@pytest.mark.parametrize("arguments", [("uplift.kubeadm.plan",), ("uplift.kubeadm.upgrade", "--check")])
def test_who_changes_nothing_needs_no_lock(cluster: StubbedCluster, arguments: tuple[str, ...]) -> None:
    cluster.misbehave({"module": "upgrade_lock", "host": "cp1", "do": "fail"})
    run = cluster.run(*arguments, target="1.25")
    assert run.returncode == 0, run.stdout


def test_refused_before_anything_is_planned(cluster: StubbedCluster) -> None:
    cluster.misbehave({"module": "upgrade_lock", "host": "cp1", "do": "fail"})
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25")
    assert run.returncode != 0
    assert "cluster_info" not in {event["module"] for event in cluster.events()}


def asking_to_stop_at(cluster: StubbedCluster, node: str) -> str:
    """The file of a hook that asks the run to stop while a node is at work."""
    hook = cluster.folder / "ask.yml"
    stop = {"by": "anna on bastion", "at": "2026-11-21T17:00:00Z", "reason": "pager"}
    hook.write_text(
        "- name: Someone asks the run to stop while the node is at work\n"
        f"  ansible.builtin.copy: {{dest: {cluster.folder / 'stub/stop.json'}, content: '{{{{ stop | to_json }}}}', "
        f"mode: '0600'}}\n  vars: {{stop: {stop}}}\n  when: kubeadm_upgrade_node == '{node}'\n"
    )
    return str(hook)


def test_a_request_to_stop_ends_the_run_before_the_next_node_and_the_next_run_goes_on(cluster: StubbedCluster) -> None:
    hook = asking_to_stop_at(cluster, "w1")
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_hook_drained=hook)
    assert run.returncode != 0
    words = " ".join(run.stdout.split())
    assert "Stopped as asked, between two nodes" in words
    assert "anna on bastion asked this run at 2026-11-21T17:00:00Z to end before its next node: pager." in words
    assert "w1" in begun(cluster)
    assert "w2" not in begun(cluster)
    assert cluster.read("lock.json") == {}  # released, so that whoever goes on is not refused

    (cluster.folder / "stub/stop.json").unlink()
    assert cluster.run("uplift.kubeadm.upgrade", target="1.25").returncode == 0
    assert set(begun(cluster)) == {"w2"}


@pytest.mark.thorough
@pytest.mark.parametrize("forgiven", [False, True], ids=["none failed", "one was forgiven"])
def test_a_stop_stays_the_outcome_of_a_run_of_workers_alone(tmp_path: Path, forgiven: bool) -> None:
    """Control planes have no part in its waves, and do not fail with them: the play of the result has hosts left."""
    cluster = StubbedCluster(tmp_path, control_planes=1, workers=3)
    assert cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_scope="control_plane").returncode == 0
    if forgiven:
        cluster.misbehave({"module": "node_drain", "host": "w1", "state": "drained", "do": "fail"})
    run = cluster.run(
        "uplift.kubeadm.upgrade",
        target="1.25",
        kubeadm_upgrade_scope="workers",
        kubeadm_upgrade_serial=2,
        kubeadm_upgrade_max_failed=1,
        kubeadm_upgrade_hook_drained=asking_to_stop_at(cluster, "w2"),
    )
    assert run.returncode != 0
    assert set(begun(cluster)) == {"w1", "w2"}
    assert json.loads((cluster.folder / "report/report.json").read_text())["done"]["outcome"] == "stopped"
    assert "Finish the report" not in run.stdout


def test_after_the_deadline_no_node_is_begun(cluster: StubbedCluster) -> None:
    hook = cluster.folder / "late.yml"
    hook.write_text(
        "- name: It took so long that the deadline is over\n  ansible.builtin.set_fact:\n"
        "    kubeadm_upgrade_deadline_at: '2026-01-01T00:00:00+00:00'\n"
        "  delegate_to: cp1\n  delegate_facts: true\n  when: kubeadm_upgrade_node == 'w1'\n"
    )
    run = cluster.run(
        "uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_deadline="2m", kubeadm_upgrade_hook_drained=str(hook)
    )
    assert run.returncode != 0
    words = re.sub(r'[\s",]+', " ", run.stdout)  # lines of a list, as Ansible prints it
    assert "No node is begun after" in words
    assert "Left for another run which goes on from there: 1.25/" in words
    assert "The deadline 2026-01-01T00:00+00:00 (kubeadm_upgrade_deadline) passed" in words
    assert "w1" in begun(cluster)
    assert "w2" not in begun(cluster)
    assert cluster.read("lock.json") == {}


def test_a_deadline_that_is_none_is_refused_at_once(cluster: StubbedCluster) -> None:
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_deadline="soon")
    assert run.returncode != 0
    assert "which is no moment" in run.stdout + run.stderr
    assert cluster.events() == []


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (
            {"kubeadm_upgrade_stop_raeson": "pager"},
            "No such variable: kubeadm_upgrade_stop_raeson (did you mean kubeadm_upgrade_stop_reason?)",
        ),
        ({"kubeadm_upgrade_stop": "perhaps"}, "unable to convert to bool"),
        ({"kubeadm_upgrade_control_plane_group": "masters"}, "Nothing to work on"),
    ],
    ids=["misspelt", "wrong kind", "no such group"],
)
def test_a_stop_that_would_not_be_what_was_meant_is_refused(
    cluster: StubbedCluster, variables: dict[str, Any], words: str
) -> None:
    run = cluster.run("uplift.kubeadm.stop", **variables)
    assert run.returncode != 0, run.stdout
    assert words in " ".join((run.stdout + run.stderr).split())
    assert cluster.events() == []


def test_a_stop_takes_what_an_inventory_has_for_upgrades_and_any_limit(cluster: StubbedCluster) -> None:
    run = cluster.run("uplift.kubeadm.stop", "--limit", "w1", kubeadm_upgrade_serial=2, kubeadm_upgrade_stop_reason="x")
    assert run.returncode == 0, run.stdout
    (event,) = [event for event in cluster.events() if event["module"] == "upgrade_lock"]
    assert (event["state"], event["host"]) == ("stop", "cp1")


@pytest.mark.parametrize(("serial", "trouble"), [(1, "fail"), (2, "down"), (2, "all")])
def test_a_run_that_failed_leaves_no_lock(cluster: StubbedCluster, serial: int, trouble: str) -> None:
    bad = ["w1", "w2"] if trouble == "all" else ["w1"]
    do = "down" if trouble == "down" else "fail"
    cluster.misbehave(*({"module": "node_drain", "host": name, "state": "drained", "do": do} for name in bad))
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_serial=serial)
    assert run.returncode != 0
    assert cluster.read("lock.json") == {}


THOROUGH = pytest.mark.thorough


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        pytest.param(
            {"module": "workload_state", "state": "saved"},
            'failed before its first node, at "Keep what is Ready now',
            id="workloads",
        ),
        pytest.param(
            {"module": "upgrade_note", "state": "read", "name": "after_hop"},
            'failed before its first node, at "Ask the',
            id="an owed hook",
            marks=THOROUGH,
        ),
        pytest.param(
            {"module": "upgrade_note", "state": "", "name": "after_hop"},
            'at "Note that the hook after the hop is owed"',
            id="note",
            marks=THOROUGH,
        ),
        pytest.param(
            {"module": "workload_state", "state": "compared"},
            'failed after its last node, at "Compare what runs',
            id="result",
        ),
        pytest.param(
            {"module": "kubernetes_release", "state": "pruned", "host": "w2"},
            'after its last node, at "Remove what was',
            id="one host in the result",
            marks=THOROUGH,
        ),
    ],
)
def test_what_fails_before_and_after_the_waves_leaves_no_lock_and_a_report_that_says_so(
    cluster: StubbedCluster, rule: dict[str, Any], words: str
) -> None:
    hook = cluster.folder / "after_hop.yml"
    hook.write_text("- name: Nothing\n  ansible.builtin.debug:\n")
    cluster.misbehave({"host": "cp1", **rule, "do": "fail"})
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_hook_after_hop=str(hook))
    assert run.returncode == 2, run.stdout
    assert words in " ".join(run.stdout.split()).replace('\\"', '"')
    assert "made to fail by the test" in run.stdout
    done = json.loads((cluster.folder / "report/report.json").read_text())["done"]
    assert (done["outcome"], done["failed"]["message"] != "") == ("failed", True)
    assert cluster.read("lock.json") == {}


def test_a_lock_that_cannot_be_renewed_ends_the_run_before_the_next_node(cluster: StubbedCluster) -> None:
    rule = {"module": "upgrade_lock", "state": "renewed", "host": "cp1", "do": "fail"}
    hook = cluster.misbehaving_from("w1", rule)
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_hook_after_node=hook)
    assert run.returncode == 2, run.stdout
    assert "could not be renewed: made to fail by the test" in " ".join(run.stdout.split())
    assert "w1" in begun(cluster)
    assert "w2" not in begun(cluster)
    assert json.loads((cluster.folder / "report/report.json").read_text())["done"]["outcome"] == "failed"
    assert cluster.read("lock.json") == {}


def test_a_lock_that_was_lost_ends_the_run_and_stays_the_others(cluster: StubbedCluster) -> None:
    hook = cluster.folder / "taken.yml"
    hook.write_text(
        "- name: Another run takes over while w1 is drained\n"
        f"  ansible.builtin.copy: {{dest: {cluster.folder / 'stub/lock.json'}, content: '{{{{ other | to_json }}}}', "
        f"mode: '0600'}}\n  vars: {{other: {OTHER}}}\n  when: kubeadm_upgrade_node == 'w1'\n"
    )
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_hook_drained=str(hook))
    assert run.returncode != 0
    assert "w2" not in begun(cluster)
    assert cluster.read("lock.json") == OTHER


def test_a_node_is_not_put_back_by_a_run_that_lost_the_lock(cluster: StubbedCluster) -> None:
    hook = cluster.folder / "taken.yml"
    hook.write_text(
        "- name: Another run takes over while w1 is drained\n"
        f"  ansible.builtin.copy: {{dest: {cluster.folder / 'stub/lock.json'}, content: '{{{{ other | to_json }}}}', "
        f"mode: '0600'}}\n  vars: {{other: {OTHER}}}\n  when: kubeadm_upgrade_node == 'w1'\n"
        "- name: And this hook fails\n  ansible.builtin.fail:\n  when: kubeadm_upgrade_node == 'w1'\n"
    )
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_hook_drained=str(hook))
    assert run.returncode != 0
    assert "the node was left as it is" in " ".join(run.stdout.split())
    assert "uncordoned" not in {event["state"] for event in cluster.events()}
    assert cluster.read("lock.json") == OTHER


def test_a_question_without_a_terminal_is_refused(cluster: StubbedCluster) -> None:
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_confirm=True)
    assert run.returncode != 0
    assert "this run has none" in " ".join(run.stdout.split())
    assert begun(cluster) == []


def test_a_question_before_each_wave(cluster: StubbedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal of its own, as a person has one."""
    said, answers = "", ["yes", "no"]

    def at_a_terminal(command: list[str], env: dict[str, str], **_more: Any) -> subprocess.CompletedProcess[str]:
        nonlocal said
        pid, master = pty.fork()
        if pid == 0:
            os.execve(command[0], command, env)
        watchdog = threading.Timer(300, os.kill, [pid, signal.SIGKILL])
        watchdog.start()
        while data := _read(master):
            said += data
            asked = len(re.findall(r"the\s+run here:", said))
            if asked > 2 - len(answers):
                _listening(pid)
                os.write(master, (answers.pop(0) + "\r").encode())
        watchdog.cancel()
        return subprocess.CompletedProcess(command, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said, "")

    monkeypatch.setattr(subprocess, "run", at_a_terminal)
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_confirm=True)
    assert run.returncode > 0
    assert answers == []
    assert "The person at the terminal did not say yes" in " ".join(run.stdout.split())
    assert "kubernetes_release" in {event["module"] for event in cluster.events() if event["state"] == "fetched"}
    assert begun(cluster) == []
    assert cluster.read("lock.json") == {}


def _read(master: int) -> str:
    try:
        return os.read(master, 4096).decode(errors="replace")
    except OSError:  # how a terminal ends
        return ""


def _listening(pid: int) -> None:
    """Ansible throws away what was typed before it reads; while it reads, and only then, its input does not block
    (`Display._read_non_blocking_stdin`)."""
    deadline = time.monotonic() + 60
    while not _flags(pid) & os.O_NONBLOCK:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _flags(pid: int) -> int:
    """The flags of the standard input of a process."""
    (flags,) = re.findall(r"(?m)^flags:\s+([0-7]+)$", Path(f"/proc/{pid}/fdinfo/0").read_text(encoding="utf-8"))
    return int(flags, 8)
