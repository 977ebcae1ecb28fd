# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the chaos scenarios that need no cluster: what is taken for a step, for a leftover, for a fault."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("yaml")

from chaos import agent, cli, faults, leftovers, tally, ways
from chaos.schedule import WAYS, Kill, Schedule, draw, in_time
from chaos.steps import CONTROL_PLANE, STEPS, WORKER, Hit, NodeState, Recogniser, state_of
from scenario.events import Event, EventLog, under_way

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "roles/kubeadm_upgrade/tasks"
OLD, NEW = "v1.24.17", "v1.25.4"
PODS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")


def event(task: str, kind: str = "begin", host: str = "worker1", hop: int | None = 0, **more: Any) -> Event:
    status = "" if kind == "begin" else "ok"
    return Event(**{"at": 0.0, "kind": kind, "status": status, "play": "", "hop": hop, "host": host, "task": task,
                    "action": "", **more})  # fmt: skip


def recogniser() -> Recogniser:
    return Recogniser({"cp1": CONTROL_PLANE, "worker1": WORKER}, (NEW, "v1.26.9"))


def names(hits: list[Hit]) -> list[str]:
    return [hit.step for hit in hits]


# ---- steps


def test_every_task_that_is_waited_for_is_a_task_of_the_role() -> None:
    there = {
        match.group(1).strip("\"'")
        for file in ROLE.glob("*.yml")
        for match in re.finditer(r"^ *- name: (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {step.task for step in STEPS} <= there
    assert {tally.DRAIN} <= there
    assert {fault.when.task for fault in faults.FAULTS if fault.when} <= there


def test_a_task_that_begins_is_a_step_where_it_is_one() -> None:
    seen = recogniser()
    assert seen.event(event("Run kubeadm upgrade", host="cp1")) == [Hit("apply-begun", 0, "cp1")]
    assert seen.event(event("Run kubeadm upgrade", host="worker1")) == []
    assert seen.event(event("Read the cluster", hop=None, host="cp1")) == [Hit("plan-cluster", None, "cp1")]


def test_a_task_that_failed_has_not_ended_as_a_step() -> None:
    seen = recogniser()
    assert names(seen.event(event("Drain", "end"))) == ["drained"]
    assert names(seen.event(event("Drain", "end", status="failed"))) == []


def test_between_static_pods_and_config_map() -> None:
    seen = recogniser()
    seen.node_state("cp1", NodeState(dict.fromkeys(PODS, OLD)))
    seen.event(event("Run kubeadm upgrade", host="cp1"))
    changed = {"kube-apiserver": NEW, "kube-controller-manager": OLD, "kube-scheduler": OLD}
    assert names(seen.node_state("cp1", NodeState(changed))) == ["apply-first"]
    assert names(seen.node_state("cp1", NodeState(dict.fromkeys(PODS, NEW)))) == ["apply-last"]
    seen.event(event("Run kubeadm upgrade", "end", host="cp1"))
    assert names(seen.node_state("cp1", NodeState(dict.fromkeys(PODS, NEW)))) == []


def test_in_a_worker_nothing_is_taken_for_a_static_pod() -> None:
    seen = recogniser()
    seen.event(event("Run kubeadm upgrade", host="worker1"))
    assert seen.node_state("worker1", NodeState(dict.fromkeys(PODS, NEW))) == []


def test_cordoned_then_evicting() -> None:
    seen = recogniser()
    assert names(seen.event(event("Drain"))) == []
    assert names(seen.cordoned("worker1", True)) == ["cordon"]
    assert names(seen.pod("worker1", "u1", True)) == ["evicting"]
    assert names(seen.pod("worker1", "u1", False)) == ["cordon"]
    assert seen.cordoned("cp1", True) == []


def test_kubelet_is_written_then_new_then_restarted() -> None:
    seen = recogniser()
    was = NodeState(kubelet=100, kubelet_file=1)
    seen.node_state("worker1", was)
    seen.event(event("Install kubelet and kubectl, and restart kubelet"))
    assert names(seen.node_state("worker1", replace(was, temporary=("/usr/bin/.kubelet.x",)))) == ["kubelet-file"]
    assert names(seen.node_state("worker1", replace(was, temporary=("/usr/bin/kubelet.dpkg-new",)))) == ["kubelet-file"]
    assert names(seen.node_state("worker1", replace(was, temporary=("/usr/bin/.kubectl.x",)))) == []
    new = replace(was, kubelet_file=2)
    assert names(seen.node_state("worker1", new)) == ["kubelet-new"]
    assert names(seen.node_state("worker1", replace(new, kubelet=0))) == ["kubelet-restart"]
    assert names(seen.node_state("worker1", replace(new, kubelet=200))) == ["kubelet-restart"]


def test_a_task_that_was_skipped_is_no_step_any_more() -> None:
    seen = recogniser()
    (hit,) = seen.event(event("Release the lock of the cluster", host="cp1"))
    assert seen.still_at(hit)
    seen.event(event("Release the lock of the cluster", "end", host="cp1", status="skipped"))
    assert not seen.still_at(hit)
    assert seen.still_at(Hit("drained", 0, "cp1"))  # an end stays one


def test_a_new_run_is_at_no_step_of_the_last() -> None:
    seen = recogniser()
    seen.event(event("Drain"))
    seen.forget_run()
    assert seen.cordoned("worker1", True) == []


def test_what_an_agent_does_not_say_is_as_it_was() -> None:
    state = state_of({"kubelet": 7, "temporary": ["/x"]}, NodeState({"etcd": "3.5.6-0"}, (), 1, 2))
    assert state == NodeState({"etcd": "3.5.6-0"}, ("/x",), 7, 2)


# ---- schedule


@pytest.mark.parametrize("control_planes", [1, 3])
def test_a_seed_gives_the_same_kills_and_every_step_is_among_them(control_planes: int) -> None:
    hosts = [f"cp{n + 1}" for n in range(control_planes)], ["worker1", "worker2"]
    for seed in range(30):
        kills = draw(seed, 31, *hosts, 2)
        assert kills == draw(seed, 31, *hosts, 2)
        assert {kill.step for kill in kills} == {step.id for step in STEPS}
        assert len({(kill.step, kill.hop) for kill in kills}) == 31
        assert [sum(kill.way == way for kill in kills) for way in WAYS] == [8, 8, 8, 7]
        assert sum(kill.kubeadm for kill in kills) == 1
    assert draw(1, 31, *hosts, 2) != draw(2, 31, *hosts, 2)


def test_fewer_kills_than_steps_are_a_choice_of_steps() -> None:
    kills = draw(4, 20, ["cp1"], ["worker1", "worker2"], 2)
    assert len({kill.step for kill in kills}) == 20


@pytest.mark.parametrize("kills", [5, 999])
def test_a_number_of_kills_that_cannot_be_is_refused(kills: int) -> None:
    with pytest.raises(ValueError, match="choose from"):
        draw(1, kills, ["cp1"], ["worker1"], 2)


def test_the_later_a_hop_the_later_it_may_still_be_killed_in() -> None:
    last = {hop: max(n for n in range(101) if in_time(hop, 2, n / 100)) for hop in (0, 1, None)}
    assert last == {0: 54, 1: 77, None: 90}


def test_a_kill_is_done_where_it_is_wanted_and_later_when_that_was_missed() -> None:
    schedule = Schedule([Kill("drained", 0, "worker2", "group", 0.0)])
    assert schedule.take([Hit("drained", 0, "worker1"), Hit("cordon", 0, "worker2")]) is None
    hit = Hit("drained", 1, "worker1")
    assert schedule.take([hit]) == (Kill("drained", 0, "worker2", "group", 0.0), hit)
    assert schedule.take([hit]) is None


# ---- leftovers


def test_new_files_are_left_over_unless_they_may_be_there() -> None:
    before = {"/usr/bin/kubelet", "/tmp"}
    after = before | {
        "/usr/bin/.kubelet.abc",
        "/var/lib/uplift-kubeadm/cluster.json",
        "/var/lib/uplift-kubeadm/log/kubeadm-20260101T000000.0Z.log",
        "/var/lib/uplift-kubeadm/release/v1.25.4",
        "/etc/kubernetes/tmp/kubeadm-backup-etcd-x/member/snap/db",
        "/tmp/ansible_uplift.kubeadm.node_drain_payload_x",
        "/tmp/ansible_uplift.kubeadm.node_drain_payload_x/a.zip",
        "/tmp/uplift-kubeadm-apt-x",
    }
    ours, theirs = leftovers.new_paths(before, after)
    assert ours == ["/tmp/uplift-kubeadm-apt-x", "/usr/bin/.kubelet.abc", "/var/lib/uplift-kubeadm/release/v1.25.4"]
    assert theirs == ["/tmp/ansible_uplift.kubeadm.node_drain_payload_x"]


def look(**more: Any) -> leftovers.NodeLook:
    return leftovers.NodeLook(**{
        "paths": frozenset({"/usr/bin/kubelet"}), "versions": {"kubelet": "v1.26.9"}, "holds": frozenset({"kubelet"}),
        "sources": frozenset({"1.26"}), **more,
    })  # fmt: skip


def test_a_node_as_it_should_be_has_nothing_wrong() -> None:
    before = look(sources=frozenset({"1.24"}), versions={"kubelet": OLD})
    assert leftovers.on_node(before, look(unit="active/exited"), "v1.26.9") == []
    held = frozenset({"kubelet", "kubeadm", "kubectl", "cri-tools", "kubernetes-cni"})
    assert leftovers.on_node(before, look(holds=held), "v1.26.9") == [], "what the role holds by default"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"versions": {"kubelet": NEW}}, "kubelet is v1.25.4"),
        ({"holds": frozenset()}, "holds were kubelet, are none"),
        ({"holds": frozenset({"kubelet", "vim"})}, "holds were kubelet, are kubelet, vim"),
        ({"sources": frozenset({"1.25", "1.26"})}, "package sources name 1.25, 1.26"),
        ({"unit": "failed/failed"}, "kubeadm's unit is failed/failed"),
        ({"half_installed": "kubelet"}, "half installed: kubelet"),
        ({"modules": ("9 sudo",)}, "still running: 9 sudo"),
        ({"paths": frozenset()}, "gone: /usr/bin/kubelet"),
        ({"paths": frozenset({"/usr/bin/kubelet", "/usr/bin/.kubelet.x"})}, "left over: /usr/bin/.kubelet.x"),
    ],
)  # fmt: skip
def test_a_node_that_is_not(change: dict[str, Any], said: str) -> None:
    assert leftovers.on_node(look(), look(**change), "v1.26.9") == [said]


def test_the_cluster_has_a_persons_cordon_and_nothing_of_ours() -> None:
    before = leftovers.ClusterLook(cordoned=frozenset({"worker2"}))
    good = leftovers.ClusterLook(frozenset({"worker2"}), notes=frozenset({"durations"}), versions={"worker2": NEW})
    assert leftovers.in_cluster(before, good, NEW) == []
    bad = leftovers.ClusterLook(
        cordoned=frozenset({"worker1"}),
        annotations=frozenset({"worker1/uplift.kubeadm/cordon"}),
        leases=frozenset({"uplift-kubeadm: me"}),
        notes=frozenset({"workloads"}),
        versions={"worker1": OLD},
        not_ready=frozenset({"cp1"}),
    )
    assert len(leftovers.in_cluster(before, bad, NEW)) == 7


# ---- figures


def done(number: int, step: str = "drained", host: str = "worker1") -> tally.Done:
    return tally.Done(number, step, 0, host, "group", 1.0)


def figures(**more: Any) -> tally.Figures:
    return tally.Figures(7, "1 + 2", **{"kills": [done(n) for n in range(20)], **more})


def test_figures_that_hold() -> None:
    good = figures(drains={("worker1", 0): 1}, cordons={"worker1": 2})
    assert good.verdicts() == []
    assert "seed 7" in tally.table(good)[0]
    assert tally.table(good)[-1] == "all as it should be"


@pytest.mark.parametrize(
    "change",
    [
        {"kills": [done(1)]},
        {"errors": ["run 3: no"]},
        {"wrong": ["worker1: left over: /x"]},
        {"drains": {("worker1", 0): 2}},
        {"cordons": {"worker2": 3}},
        {"cordons": {"worker1": 23}},
    ],
)
def test_figures_that_do_not(change: dict[str, Any]) -> None:
    assert len(figures(**change).verdicts()) == 1
    assert any(line.startswith("WRONG") for line in tally.table(figures(**change)))


def test_drains_that_evicted_to_their_end_are_counted() -> None:
    events = [
        event("Drain"),
        event("Drain", "end", evicted=3),
        event("Drain", "end", evicted=0),
        event("Drain", "end", status="failed", evicted=2),
        event("Drain", "end", hop=1, evicted=1),
    ]
    assert tally.finished_drains(events) == {("worker1", 0): 1, ("worker1", 1): 1}


def test_cordons_are_counted() -> None:
    assert tally.cordon_count([False, True, False, True]) == 2
    assert tally.cordon_count([True, False]) == 0


# ---- events


def test_a_line_that_is_not_whole_yet_waits(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events")
    assert log.new() == []
    line = json.dumps(event("Drain").__dict__)
    log.path.write_text(f"{line}\n{line[:20]}")
    assert [e.task for e in log.new()] == ["Drain"]
    log.path.write_text(f"{line}\n{line}\n")
    assert [e.task for e in log.new()] == ["Drain"]
    assert len(log.seen) == 2


def test_what_was_under_way_at_a_time() -> None:
    events = [event("a", at=1.0), event("b", at=2.0), event("a", "end", at=3.0), event("c", at=9.0)]
    assert [e.task for e in under_way(events, 4.0)] == ["b"]
    assert [e.task for e in under_way(events, 2.5)] == ["a", "b"]


# ---- processes, agents and the command line


def test_processes_below_one_are_found_whatever_their_session() -> None:
    script = "sleep 60 & setsid sleep 60 & echo; wait"
    with subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE, start_new_session=True) as shell:
        try:
            assert shell.stdout is not None
            shell.stdout.readline()
            found = ways.below(shell.pid)
        finally:
            ways.end([shell.pid, *ways.below(shell.pid)])
    assert len(found) == 2
    ways.end(found)  # that they are gone already is no error


def test_the_agent_sees_descendants_and_temporary_files(tmp_path: Path) -> None:
    assert sorted(agent.descendants([2], {1: 0, 2: 1, 3: 2, 4: 3, 5: 1})) == [2, 3, 4]
    for name in (".kubelet.abc", "kubelet", "kubelet.dpkg-new", ".v1.25.4.x", ".hidden"):
        (tmp_path / name).touch()
    found = [path.rpartition("/")[2] for path in agent.temporary(str(tmp_path))]
    assert found == [".kubelet.abc", ".v1.25.4.x", "kubelet.dpkg-new"]
    assert agent.temporary(str(tmp_path / "missing")) == []


def test_the_agent_ends_with_its_input_and_needs_nothing_but_python() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-u", "-c", Path(agent.__file__).read_text(encoding="utf-8")],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "argv",
    [["kills", "--kills", "3"], ["faults", "--only", "nonsense"], ["kills", "--control-planes", "2"], ["nonsense"]],
)  # fmt: skip
def test_wrong_arguments_are_refused_before_anything_is_made(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(argv)
    assert stopped.value.code == 2


def test_a_hop_is_known_by_its_version_also_in_a_run_that_goes_on(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events")
    plays = ["Hop 1 of 2, v1.25.4: prepare", "Hop 1 of 1, v1.26.9: control plane", "Facts and plan"]
    entries = [asdict(event("Drain", hop=None)) | {"play": play} for play in plays]
    log.path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    assert [found.hop for found in log.new()] == [0, 1, None]
