# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the plan is walked: order, scope, --limit, hooks, check mode, a second run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from stubbed import COLLECTION, StubbedCluster

PATCHES = "/etc/kubernetes/patches"
CHANGING = {"kubeadm_run", "kubelet_flags", "node_drain", "node_images", "node_ready"}


def changes(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        event
        for event in events
        if event["module"] in CHANGING
        or (event["module"] == "kubernetes_release" and event["state"] in ("fetched", "installed"))
    ]


def kubelets(cluster: StubbedCluster) -> dict[str, str]:
    return {name: node["kubelet"] for name, node in cluster.read("cluster.json")["nodes"].items()}


def test_the_documented_order_then_a_second_run_that_does_nothing(tmp_path: Path) -> None:
    cluster = StubbedCluster(tmp_path, control_planes=2, workers=1)
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25")
    assert run.returncode == 0, run.stdout
    steps = [
        (
            event["module"],
            event["name"] or event["host"],
            event["state"] or " ".join(event["arguments"] or [])[:15].strip(),
        )
        for event in changes(cluster.events())
        if event["module"] in ("kubeadm_run", "node_drain", "node_ready")
    ]
    assert steps == [
        ("kubeadm_run", "cp1", "upgrade apply v"),
        ("kubeadm_run", "cp2", "upgrade node"),
        ("node_drain", "cp1", "drained"),
        ("node_ready", "cp1", ""),
        ("node_drain", "cp2", "drained"),
        ("node_ready", "cp2", ""),
        ("kubeadm_run", "w1", "upgrade node"),
        ("node_drain", "w1", "drained"),
        ("node_ready", "w1", ""),
    ]

    again = cluster.run("uplift.kubeadm.upgrade", target="1.25")
    assert again.returncode == 0, again.stdout
    assert changes(cluster.events()) == []
    assert "othing to do" in again.stdout


def test_every_module_of_the_api_is_told_where_the_api_is(tmp_path: Path) -> None:
    """The plays say it once for all (module_defaults); a module that the action group forgot would not be told."""
    runtime = yaml.safe_load((COLLECTION / "meta/runtime.yml").read_text())
    cluster = StubbedCluster(tmp_path, workers=1)
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_kubeconfig="/somewhere/admin.conf")
    assert run.returncode == 0, run.stdout
    told = {(event["module"], event["kubeconfig"]) for event in cluster.events()}
    takes_it = {path.stem for path in (COLLECTION / "plugins/modules").glob("*.py") if "API_ARGS" in path.read_text()}
    assert set(runtime["action_groups"]["api"]) == takes_it
    assert {name for name, path in told if path == "/somewhere/admin.conf"} == {n for n, _path in told} & takes_it


def test_check_mode_changes_nothing_and_shows_the_plan(tmp_path: Path) -> None:
    cluster = StubbedCluster(tmp_path, workers=1)
    run = cluster.run("uplift.kubeadm.upgrade", "--check", target="1.26")
    assert run.returncode == 0, run.stdout
    assert changes(cluster.events()) == []
    assert "v1.24.17 -> v1.26.9, 2 hops" in run.stdout
    assert set(kubelets(cluster).values()) == {"v1.24.17"}


def test_control_plane_now_and_workers_later(tmp_path: Path) -> None:
    cluster = StubbedCluster(tmp_path, workers=2)
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_scope="control_plane")
    assert run.returncode == 0, run.stdout
    assert kubelets(cluster) == {"cp1": "v1.25.4", "w1": "v1.24.17", "w2": "v1.24.17"}
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_scope="workers")
    assert run.returncode == 0, run.stdout
    assert set(kubelets(cluster).values()) == {"v1.25.4"}
    assert not [event for event in cluster.events() if event["module"] == "kubeadm_run" and event["host"] == "cp1"]
    # Their files are kept before they change: the control plane, which went before, cannot go back without them.
    order = [(event["module"], event["state"], event["host"]) for event in cluster.events()]
    for worker in ("w1", "w2"):
        assert order.index(("node_backup", None, worker)) < order.index(("kubeadm_run", None, worker))
    assert ("etcd_snapshot", "listed", "cp1") in order and ("etcd_snapshot", None, "cp1") not in order


def test_limit_takes_workers_one_by_one(tmp_path: Path) -> None:
    cluster = StubbedCluster(tmp_path, workers=2)
    assert cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_scope="control_plane").returncode == 0
    run = cluster.run("uplift.kubeadm.upgrade", "--limit", "w2", target="1.25")
    assert run.returncode == 0, run.stdout
    assert kubelets(cluster) == {"cp1": "v1.25.4", "w1": "v1.24.17", "w2": "v1.25.4"}


def test_limit_to_some_control_planes_is_refused(tmp_path: Path) -> None:
    cluster = StubbedCluster(tmp_path, control_planes=3, workers=1)
    run = cluster.run("uplift.kubeadm.upgrade", "--limit", "cp1", target="1.25")
    assert run.returncode != 0
    assert changes(cluster.events()) == []


def test_hooks_run_where_they_say(tmp_path: Path) -> None:
    cluster = StubbedCluster(tmp_path, workers=1)
    said = tmp_path / "said"
    variables: dict[str, Any] = {"target": "1.25"}
    for name in ("before_node", "drained", "after_node", "after_hop"):
        hook = tmp_path / f"{name}.yml"
        hook.write_text(
            f"- name: Say it\n  ansible.builtin.shell: echo {name} {{{{ kubeadm_upgrade_node }}}}"
            f" {{{{ kubeadm_upgrade_stage.version }}}} >> {said}\n"
        )
        variables[f"kubeadm_upgrade_hook_{name}"] = str(hook)
    run = cluster.run("uplift.kubeadm.upgrade", **variables)
    assert run.returncode == 0, run.stdout
    assert said.read_text().splitlines() == [
        "before_node cp1 v1.25.4", "after_node cp1 v1.25.4",
        "before_node cp1 v1.25.4", "drained cp1 v1.25.4", "after_node cp1 v1.25.4",
        "before_node w1 v1.25.4", "drained w1 v1.25.4", "after_node w1 v1.25.4",
        "after_hop w1 v1.25.4",
    ]  # fmt: skip


@pytest.mark.thorough
@pytest.mark.parametrize("playbook", ["plan", "upgrade"])
@pytest.mark.parametrize("refused", [False, True])
def test_facts_of_the_cluster_do_not_stay_on_the_controller(tmp_path: Path, playbook: str, refused: bool) -> None:
    """Protects: they are removed when the plan is made, and when none can be made."""
    cluster = StubbedCluster(tmp_path, workers=1)
    (tmp_path / "kubeconfig").write_text("")
    run = cluster.run(
        f"uplift.kubeadm.{playbook}", "--check", target="1.99" if refused else "1.25",
        kubeadm_upgrade_api_host="localhost", kubeadm_upgrade_kubeconfig=str(tmp_path / "kubeconfig"),
    )  # fmt: skip
    assert (run.returncode != 0) is refused, run.stdout
    assert "cluster_info" in {event["module"] for event in cluster.events() if event["host"] == ""}
    assert list((tmp_path / "home").rglob("uplift-kubeadm-*")) == []


def test_what_the_hook_of_checks_adds_is_a_finding(tmp_path: Path) -> None:
    cluster = StubbedCluster(tmp_path, workers=1)
    hook = tmp_path / "checks.yml"
    hook.write_text(
        "- name: Add a finding\n  ansible.builtin.set_fact:\n    kubeadm_upgrade_own_findings:\n"
        "      - {id: 'own:freeze', severity: blocker, title: Changes are frozen, seen: [until Monday], fix: Wait.}\n"
    )
    run = cluster.run("uplift.kubeadm.upgrade", "--check", target="1.25", kubeadm_upgrade_hook_checks=str(hook))
    assert run.returncode != 0
    assert "1 blocker(s) stand in the way:\\nown:freeze" in run.stdout
    assert "until Monday" in run.stdout
    run = cluster.run("uplift.kubeadm.plan", target="1.25", kubeadm_upgrade_hook_checks="checks.yml")
    assert run.returncode != 0
    assert "kubeadm_upgrade_hook_checks names checks.yml, which is no file on the controller" in run.stdout


@pytest.mark.thorough
@pytest.mark.parametrize("variable", [PATCHES, None], ids=["with the variable", "without"])
def test_an_upgrade_configuration_names_patches_only_where_they_are(tmp_path: Path, variable: str | None) -> None:
    """Protects: kubeadm upgrade node fails over a folder that is not there, which workers need not have."""
    cluster = StubbedCluster(tmp_path, workers=2, version="v1.31.0")
    cluster.write("available.json", {"1.32": ["1.32.1"]})
    nodes = cluster.read("node.json")
    for name in ("cp1", "w1"):
        nodes[name]["patches_there"] = True
    cluster.write("node.json", nodes)
    for name in nodes:
        (tmp_path / "state" / name).mkdir(parents=True)
    patched = {"certificateRenewal": False, "patches": {"directory": PATCHES}}
    options = {
        "target": "1.32",
        "kubeadm_upgrade_directory": f"{tmp_path}/state/{{{{ inventory_hostname }}}}",
        "kubeadm_upgrade_configuration": {"kind": "UpgradeConfiguration", "apply": patched, "node": patched},
        "kubeadm_upgrade_patches": variable,
    }
    run = cluster.run("uplift.kubeadm.upgrade", **options)
    assert run.returncode == 0, run.stdout
    runs = [event for event in cluster.events() if event["module"] == "kubeadm_run"]
    given = {event["host"]: yaml.safe_load(event["configuration"]) for event in runs}
    assert given == {
        **dict.fromkeys(("cp1", "w1"), options["kubeadm_upgrade_configuration"]),
        "w2": {"kind": "UpgradeConfiguration", "apply": patched, "node": {"certificateRenewal": False}},
    }


def test_patches_that_control_planes_lack_and_those_that_a_configuration_would_lose_are_refused(tmp_path: Path) -> None:
    cluster = StubbedCluster(tmp_path, workers=1, version="v1.31.0")
    cluster.write("available.json", {"1.32": ["1.32.1"]})
    both = {"apply": {"patches": {"directory": PATCHES}}, "node": {"patches": {"directory": PATCHES}}}
    run = cluster.run("uplift.kubeadm.plan", target="1.32", kubeadm_upgrade_configuration=both)
    assert run.returncode != 0
    assert f"kubeadm_upgrade_configuration names {PATCHES} for kubeadm patches" in " ".join(run.stdout.split())
    other = {**both, "node": {"patches": {"directory": "/etc/elsewhere"}}}
    run = cluster.run(
        "uplift.kubeadm.plan", target="1.32", kubeadm_upgrade_configuration=other, kubeadm_upgrade_patches=PATCHES
    )
    assert run.returncode != 0
    assert "name the same directory in both places" in " ".join(run.stdout.split())


@pytest.mark.parametrize("wave", [1, pytest.param(2, marks=pytest.mark.thorough)])
def test_a_hook_after_a_hop_that_fails_stops_the_run_and_is_still_owed(tmp_path: Path, wave: int) -> None:
    cluster = StubbedCluster(tmp_path, workers=2)
    said, mended = tmp_path / "said", tmp_path / "mended"
    hook = tmp_path / "after_hop.yml"
    hook.write_text(
        "- name: Say it\n"
        f"  ansible.builtin.shell: echo {{{{ kubeadm_upgrade_stage.version }}}} >> {said}\n"
        "- name: Fail until it is mended\n"
        "  ansible.builtin.fail: {msg: no}\n"
        f"  when: '{mended}' is not file\n".replace("when: '", "when: \"'").replace("' is not file", "' is not file\"")
    )
    variables = {"target": "1.26", "kubeadm_upgrade_serial": wave, "kubeadm_upgrade_hook_after_hop": str(hook)}
    # With two workers in the wave the hook runs on one of them, and its peer must not go on alone.
    run = cluster.run("uplift.kubeadm.upgrade", **variables)
    assert run.returncode != 0, run.stdout
    assert set(kubelets(cluster).values()) == {"v1.25.4"}, run.stdout
    assert "Hop 2 of 2" not in run.stdout
    done = json.loads((tmp_path / "report/report.json").read_text())["done"]
    assert (done["outcome"], done["failed"]["task"]) == ("failed", "Fail until it is mended")
    assert cluster.read("lock.json") == {}

    mended.touch()
    run = cluster.run("uplift.kubeadm.upgrade", **variables)
    assert run.returncode == 0, run.stdout
    assert said.read_text().split() == ["v1.25.4", "v1.25.4", "v1.26.9"]


def test_what_a_drain_and_a_node_that_came_back_warn_of_is_in_the_report(tmp_path: Path) -> None:
    cluster = StubbedCluster(tmp_path, workers=1)
    cluster.write("warned.json", {"w1": "one GPU less"})
    assert cluster.run("uplift.kubeadm.upgrade", target="1.25").returncode == 0
    steps = json.loads((tmp_path / "report/report.json").read_text())["done"]["steps"]
    warned = {step["node"]: step["warned"] for step in steps if "warned" in step}
    assert warned == {"w1": ["node_drain: one GPU less", "node_ready: one GPU less"]}


def test_hosts_in_no_group_are_no_success(tmp_path: Path) -> None:
    cluster = StubbedCluster(tmp_path, workers=1)
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_control_plane_group="masters",
                      kubeadm_upgrade_worker_group="workers")  # fmt: skip
    assert run.returncode != 0
    assert "Nothing to work on" in run.stdout
    assert cluster.events() == []


def test_a_node_of_which_nobody_knows_whether_its_kubelet_was_touched_is_left_cordoned(tmp_path: Path) -> None:
    """Protects: a module that was killed between replacing kubelet and restarting it."""
    cluster = StubbedCluster(tmp_path, workers=1)
    rule = {"module": "kubernetes_release", "host": "w1", "component": "kubelet", "do": "fail", "killed": True}
    cluster.misbehave(rule)
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25")
    assert "so the node is left cordoned" in " ".join(run.stdout.split())
    assert "uncordoned" not in {event["state"] for event in cluster.events()}


def test_a_node_whose_kubelet_was_not_touched_is_returned_to_service(tmp_path: Path) -> None:
    cluster = StubbedCluster(tmp_path, workers=1)
    hook = tmp_path / "drained.yml"
    hook.write_text(
        "- name: Fail on the worker\n  ansible.builtin.fail: {msg: no}\n  when: inventory_hostname == 'w1'\n"
    )
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_hook_drained=str(hook))
    assert run.returncode != 0
    last = [(event["host"], event["state"]) for event in cluster.events() if event["module"] == "node_drain"][-1]
    assert last[1] == "uncordoned"
    assert "was returned to service" in run.stdout


def test_a_node_whose_new_kubelet_did_not_come_up_is_not_returned_to_service_by_a_later_run_either(
    tmp_path: Path,
) -> None:
    """The second run fails before it comes to the kubelet; with what it did itself alone, rescue.yml would uncordon."""
    cluster = StubbedCluster(tmp_path, workers=1)
    cluster.misbehave(
        {"module": "kubernetes_release", "host": "w1", "component": "kubelet", "do": "fail", "touched": True}
    )
    first = cluster.run("uplift.kubeadm.upgrade", target="1.25")
    assert "so the node is left cordoned" in " ".join(first.stdout.split())

    state, nodes = cluster.read("cluster.json"), cluster.read("node.json")
    state["nodes"]["w1"].update(kubelet="v1.24.17", unschedulable=True, cordon={"at": "2026-11-01T12:00:00Z"})
    nodes["w1"]["kubelet"] = "v1.25.4"  # it is installed, and never told the API server
    cluster.write("cluster.json", state)
    cluster.write("node.json", nodes)
    cluster.misbehave({"module": "node_drain", "host": "w1", "state": "drained", "do": "fail"})
    second = cluster.run("uplift.kubeadm.upgrade", target="1.25")
    assert 'w1 failed in 1.25/workers at "Drain"' in second.stdout.replace('\\"', '"'), second.stdout
    assert "so the node is left cordoned" in " ".join(second.stdout.split())
    assert "uncordoned" not in {event["state"] for event in cluster.events()}
    drains = [event for event in cluster.events() if event["module"] == "node_drain" and event["name"] == "w1"]
    assert [event["keep_cordon"] for event in drains] == [True], "the module would uncordon it itself"

    cluster.mend()
    third = cluster.run("uplift.kubeadm.upgrade", target="1.25")
    assert third.returncode == 0, third.stdout


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("nodes", "cp1", "ready", False), "cp1"),
        (("nodes", "w1", "kubelet", "v1.20.15"), "further apart than Kubernetes supports"),
        (("nodes", "w1", "ready", False), "max_left_out"),
    ],
    ids=["control plane NotReady", "skew broken already", "worker NotReady"],
)
def test_a_cluster_that_is_not_sound_is_refused(tmp_path: Path, change: tuple[Any, ...], words: str) -> None:
    cluster = StubbedCluster(tmp_path, workers=1)
    state = cluster.read("cluster.json")
    *path, key, value = change
    place = state
    for part in path:
        place = place[part]
    place[key] = value
    cluster.write("cluster.json", state)
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25")
    assert run.returncode != 0
    assert words in " ".join(run.stdout.split())
    assert changes(cluster.events()) == []


def test_the_plan_playbook_reads_and_reports_and_changes_nothing(tmp_path: Path) -> None:
    cluster = StubbedCluster(tmp_path, workers=1)
    run = cluster.run("uplift.kubeadm.plan", target="1.26")
    assert run.returncode == 0, run.stdout
    assert changes(cluster.events()) == []
    assert "changed=0" in run.stdout
    report = json.loads((tmp_path / "report/report.json").read_text())
    assert (report["done"]["outcome"], [hop["version"] for hop in report["plan"]["hops"]]) == (
        "planned", ["v1.25.4", "v1.26.9"],
    )  # fmt: skip
    assert (tmp_path / "report/report.html").exists()


@pytest.mark.thorough
def test_a_check_of_the_users_own_stops_the_upgrade_until_it_is_accepted(tmp_path: Path) -> None:
    cluster = StubbedCluster(tmp_path, workers=1)
    variables = {"target": "1.25", "kubeadm_upgrade_checks": [{"id": "backup", "command": ["false"]}]}
    refused = cluster.run("uplift.kubeadm.upgrade", **variables)
    assert refused.returncode != 0
    assert "own:backup" in refused.stdout and "kubeadm_upgrade_accept" in refused.stdout
    assert [
        event for event in changes(cluster.events()) if event["module"] not in ("kubernetes_release", "node_images")
    ] == []
    assert cluster.run("uplift.kubeadm.plan", **variables).returncode == 0, "a plan only reports"
    accepted = cluster.run("uplift.kubeadm.upgrade", **variables, kubeadm_upgrade_accept=["own:backup"])
    assert accepted.returncode == 0, accepted.stdout
    assert set(kubelets(cluster).values()) == {"v1.25.4"}


def test_a_gate_that_closes_stops_the_run_before_the_next_wave(tmp_path: Path) -> None:
    """It is open for the first worker, and closed for the second; opened again, the same command goes on."""
    cluster = StubbedCluster(tmp_path, workers=2)
    closed = tmp_path / "alert"
    hook = tmp_path / "after_node.yml"
    hook.write_text(
        "- name: An alert fires when the first worker is done\n"
        f"  ansible.builtin.file: {{path: {closed}, state: touch, mode: '0600'}}\n"
        "  when: inventory_hostname == 'w1'\n"
    )
    variables = {
        "target": "1.25",
        "kubeadm_upgrade_gates": [{"id": "no-alert", "command": ["test", "!", "-e", str(closed)]}],
        "kubeadm_upgrade_hook_after_node": str(hook),
    }
    stopped = cluster.run("uplift.kubeadm.upgrade", **variables)
    assert stopped.returncode != 0
    assert "closed gates" in stopped.stdout and "no-alert" in stopped.stdout
    assert kubelets(cluster) == {"cp1": "v1.25.4", "w1": "v1.25.4", "w2": "v1.24.17"}
    assert json.loads((tmp_path / "report/report.json").read_text())["done"]["outcome"] == "stopped", "nothing failed"
    assert cluster.read("lock.json") == {}
    closed.unlink()
    variables["kubeadm_upgrade_hook_after_node"] = ""
    assert cluster.run("uplift.kubeadm.upgrade", **variables).returncode == 0
    assert set(kubelets(cluster).values()) == {"v1.25.4"}


def test_without_a_report_awx_is_told_and_what_the_run_took_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_SHOW_CUSTOM_STATS", "true")
    cluster = StubbedCluster(tmp_path, control_planes=2, workers=2)
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_report="", kubeadm_upgrade_serial=2)
    assert run.returncode == 0, run.stdout
    told = json.loads(re.findall(r"RUN: (\{.*\})", run.stdout)[0])["kubeadm_upgrade"]
    assert (told["outcome"], told["from"], told["nodes"], told["drains"]) == ("succeeded", "v1.24.17", 4, 4)
    assert told["unchecked"] > 1, "the findings of the plan are counted"
    kept = json.loads(cluster.read("notes.json")["durations"])["steps"]
    assert {kind: len(values) for kind, values in kept.items()} == {
        "prepare": 4, "control_plane_apply": 1, "control_plane_node": 1, "control_plane_kubelet": 2, "workers": 2,
    }  # fmt: skip
    assert not list(tmp_path.glob("**/report.*"))
    assert "Report:" not in run.stdout


def test_report_and_awx_are_told_what_happened_also_when_a_node_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_SHOW_CUSTOM_STATS", "true")
    cluster = StubbedCluster(tmp_path, workers=2)
    cluster.misbehave({"module": "node_ready", "host": "w1", "do": "fail"})
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25")
    assert run.returncode != 0
    told = json.loads(re.findall(r"RUN: (\{.*\})", run.stdout)[0])["kubeadm_upgrade"]
    assert told["outcome"] == "failed"
    done = json.loads((tmp_path / "report/report.json").read_text())["done"]
    assert (done["outcome"], done["failed"]["node"]) == ("failed", "w1")
    assert "made to fail" in done["failed"]["message"]
    cluster.mend()
    assert cluster.run("uplift.kubeadm.upgrade", target="1.25").returncode == 0
    assert json.loads((tmp_path / "report/report.json").read_text())["done"]["outcome"] == "succeeded"


def test_what_kubeadm_left_is_told_from_all_of_its_words(tmp_path: Path) -> None:
    """Fails when only the message is looked at: that kubeadm put etcd's data back is in its output alone."""
    cluster = StubbedCluster(tmp_path, workers=1)
    said = "[upgrade/etcd] Failed to upgrade etcd. Retrieving etcd cluster\nRolling back etcd data"
    cluster.misbehave({"module": "kubeadm_run", "host": "cp1", "do": "fail", "stdout": said})
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25")
    assert run.returncode != 0
    assert "cp1 failed in 1.25/control_plane" in run.stdout + run.stderr
    assert "kubeadm also put back its copy of etcd's data" in run.stdout + run.stderr


@pytest.mark.thorough
@pytest.mark.parametrize("trouble", ["fail", "unreachable"])
def test_a_hook_on_failure_that_fails_itself_hides_nothing_and_the_run_ends_as_it_would_have(
    tmp_path: Path, trouble: str
) -> None:
    """In its pass kubeadm's own output matters to the message; that of the hook must not take its place."""
    cluster = StubbedCluster(tmp_path, workers=1)
    said = "[upgrade/etcd] Failed to upgrade etcd. Retrieving etcd cluster\nRolling back etcd data"
    cluster.misbehave({"module": "kubeadm_run", "host": "cp1", "do": "fail", "stdout": said})
    hook = tmp_path / "on_failure.yml"
    hook.write_text(
        "- name: Call\n  ansible.builtin.command: {argv: ['false']}\n"
        if trouble == "fail"
        else "- name: Call\n  ansible.builtin.ping:\n  vars: {ansible_connection: ssh, ansible_port: 1}\n"
    )
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_hook_on_failure=str(hook))
    assert run.returncode == 2, "failed, and not lost"
    assert "cp1 failed in 1.25/control_plane" in run.stdout
    assert "kubeadm also put back its copy of etcd's data" in run.stdout
    assert ("The hook on_failure failed at" in run.stdout) == (trouble == "fail")
    done = json.loads((tmp_path / "report/report.json").read_text())["done"]
    assert (done["outcome"], done["failed"]["node"]) == ("failed", "cp1")
    assert cluster.read("lock.json") == {}


def test_what_the_look_at_the_cluster_after_a_hop_failed_at_is_told(tmp_path: Path) -> None:
    """There is no summary to wait for then, and Ansible would say that an expression failed."""
    cluster = StubbedCluster(tmp_path, workers=1)
    hook = cluster.misbehaving_from("w1", {"module": "cluster_info", "host": "cp1", "do": "fail"})
    run = cluster.run("uplift.kubeadm.upgrade", target="1.26", kubeadm_upgrade_hook_after_node=hook)
    assert run.returncode == 2
    done = json.loads((tmp_path / "report/report.json").read_text())["done"]
    assert "made to fail by the test" in done["failed"]["message"], run.stdout
    assert "expression failed" not in run.stdout
    assert cluster.read("lock.json") == {}
    assert len([event for event in cluster.events() if event["module"] == "cluster_info"]) == 2, "tried again"
