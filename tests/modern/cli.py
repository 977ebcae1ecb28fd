# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two scenarios: from 1.34 to 1.36 with workers drained once; and from 1.33 to 1.34 over the bridge of etcd."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from lab import artifacts
from lab.images import split
from scenario.frame import Figures, ended
from scenario.kube import Kube, Object, is_ready
from scenario.world import ScenarioError, World, add_options, build, say, wait, world

from .eyes import Nodes, etcd_says, eyes, pin
from .runs import Runs

START, HOPS = "1.34.0", ("1.35.0", "1.36.0")
BRIDGE_START, BRIDGE_HOPS = "1.33.0", ("1.34.0",)
BRIDGE_TAG = "3.5.33-0"  # etcd asks for 3.5.32 or newer of members before they go to 3.6
STRIPPED = "--pod-infra-container-image"
SETTLE = 180.0  # seconds that pods may take to be Ready after the playbook has ended
SPACE = "/apis/apps/v1/namespaces/default/deployments"
# Given to kubeadm from 1.31 on. SystemVerification is what refuses cgroup v1 from 1.35 on.
CONFIGURATION = {
    "apiVersion": "kubeadm.k8s.io/v1beta4",
    "kind": "UpgradeConfiguration",
    "apply": {"ignorePreflightErrors": ["SystemVerification"]},
    "node": {"ignorePreflightErrors": ["SystemVerification"]},
}


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python tests/modern",
        description="Upgrades a real cluster of today's Kubernetes; tests/modern/README.md says how.",
    )
    add_options(made, "modern")
    made.add_argument("--bridge", action="store_true", help="1.33 to 1.34 over etcd's step within 3.5, killed in it")
    return made


def main(argv: list[str] | None = None) -> int:
    """0 when all is as it should be; 1 otherwise, as the output says; 2 for wrong arguments."""
    options = parser().parse_args(argv)
    figures = Figures()
    return ended("modern", lambda: scenario(options, figures), figures.lines)


def scenario(options: argparse.Namespace, figures: Figures) -> int:
    folder = Path(tempfile.mkdtemp(prefix="uplift-modern-"))
    say(f"modern: the logs of the runs are in {folder}")
    start, hops = (BRIDGE_START, BRIDGE_HOPS) if options.bridge else (START, HOPS)
    etcd = [BRIDGE_TAG] if options.bridge else []
    build(options, start, hops, etcd)
    deadline = time.monotonic() + options.limit
    with world(options, start, hops, etcd) as made:
        shape = f"{len(made.control_planes)} + {len(made.workers)} nodes, {made.install}"
        variables = {
            "target": hops[-1],
            "kubeadm_upgrade_versions": {version.rpartition(".")[0]: version for version in hops},
            "kubeadm_upgrade_ready_timeout": 600,
            "kubeadm_upgrade_drain_slice": 10,
        }
        runs = Runs(made, folder, deadline, variables)
        kube = made.kube(30)
        workload(kube, start)
        (bridge if options.bridge else modern)(runs, kube, figures)
    path = f"{start} to {hops[-1]}" + (f" over etcd {BRIDGE_TAG}" if options.bridge else "")
    return figures.told(f"modern: {shape}, {path}", options.json, folder)


# --- 1.34 to 1.36 ----------------------------------------------------------------------------------------------------


def modern(run: Runs, kube: Kube, figures: Figures) -> None:
    made, target = run.made, HOPS[-1]
    configuration: dict[str, Any] = {}
    if cgroup_v1(made):
        refused_on_cgroup_v1(run, kube, figures)
        configuration = {"kubeadm_upgrade_configuration": CONFIGURATION}
        run.run("plan", **configuration)
        unblocked(run)
        found = run.findings().get("breaker:cgroup-v1", {})
        figures.check(found.get("severity") == "warning", "with both, cgroup v1 is a warning, no blocker")
        seen = " ".join(found.get("seen", []))
        figures.check("is ignored (ignorePreflightErrors in" in seen, "and the plan says what is ignored, and where")
    else:
        say("  this machine has cgroup v2: nothing to be refused")
        configuration = {"kubeadm_upgrade_configuration": {**CONFIGURATION, "apply": {}, "node": {}}}
    figures.check(stripped(made) == [], f"{STRIPPED} is among kubelet's flags at first {told(stripped(made))}")
    with figures.step(f"upgrade {START} to {target}, backups included"), eyes(made) as (nodes, members):
        run.run("upgrade", **configuration)
    out_of_service(figures, made, nodes)
    drains = {host: nodes.cordons.get(host, 0) for host in made.nodes}
    wanted = {host: 1 if host in made.workers else len(HOPS) for host in made.nodes}
    figures.check(drains == wanted, f"drains a node: {told(drains)}; workers skipped {HOPS[0]}")
    plan = run.plan()
    figures.check([hop["version"] for hop in plan["hops"]] == [f"v{hop}" for hop in HOPS], "the plan had two hops")
    as_wanted(run, kube, figures, target)
    with_configuration(made, figures)
    gone = stripped(made) == [*made.nodes]
    figures.check(gone, f"{STRIPPED}, which 1.35 would have taken out, is gone: {told(stripped(made))}")
    moved = [host for host, seen in members.releases.items() if len(seen) >= 2]
    figures.check(sorted(moved) == sorted(made.control_planes), f"etcd ran {told(members.releases)}")
    with figures.step("the same command again"):
        text = run.run("upgrade", **configuration)
    figures.check("Nothing to do" in text, "the same command again has nothing to do")


def refused_on_cgroup_v1(run: Runs, kube: Kube, figures: Figures) -> None:
    """What the plan says of cgroup v1 and of the runtime, that an upgrade is refused, and the way out of it."""
    with figures.step("plan"):
        run.run("plan")
    found = run.findings()
    figures.check(
        blockers(run) == {"breaker:cgroup-v1"},
        f"plan: cgroup v1 is a blocker, the only one {told(sorted(blockers(run)))}",
    )
    figures.check("breaker:runtime-config" in found, "plan: containerd before 2.0, which 1.35 warns of, is told")
    text = run.run("upgrade", expected=False)
    figures.check("cgroup v1" in text and at(kube, START), "an upgrade is refused, and nothing was changed")
    path = "/api/v1/namespaces/kube-system/configmaps/kubelet-config"
    config = kube.patient("GET", path)["data"]["kubelet"]
    kube.patient("PATCH", path, {"data": {"kubelet": config.rstrip("\n") + "\nfailCgroupV1: false\n"}})
    run.run("plan")
    seen = " ".join(run.findings()["breaker:cgroup-v1"]["seen"])
    figures.check("SystemVerification is not ignored" in seen, "with failCgroupV1 alone, what is missing is named")


def stripped(made: World) -> list[str]:
    """Hosts without the flag that only kubeadm 1.35 takes out of kubelet's flags, and 1.36 no longer does."""
    return [host for host in made.nodes if STRIPPED not in made.on(host, "cat /var/lib/kubelet/kubeadm-flags.env")]


def with_configuration(made: World, figures: Figures) -> None:
    """kubeadm was given the UpgradeConfiguration everywhere, and kubelet's configuration has what it needs."""
    records = {host: made.on(host, "cat /var/lib/uplift-kubeadm/kubeadm.json") for host in made.nodes}
    without = [host for host, text in records.items() if "upgrade-configuration.yaml" not in text]
    figures.check(not without, f"kubeadm was run with the UpgradeConfiguration on every node {told(without)}")
    if cgroup_v1(made):
        kept = [h for h in made.nodes if "failCgroupV1: false" in made.on(h, "cat /var/lib/kubelet/config.yaml")]
        figures.check(kept == [*made.nodes], f"{len(kept)} of {len(made.nodes)} kubelets have failCgroupV1: false")


# --- the bridge of etcd ----------------------------------------------------------------------------------------------


def bridge(run: Runs, kube: Kube, figures: Figures) -> None:
    made, target = run.made, BRIDGE_HOPS[-1]
    asked: dict[str, Any] = {"kubeadm_upgrade_etcd_bridge": [BRIDGE_TAG]}
    before, wanted = etcd_of(BRIDGE_START), etcd_of(target)
    begun = {host: etcd_says(made, host) for host in made.control_planes}
    figures.check(set(begun.values()) == {before}, f"etcd is {before} at first: {told(begun)}")
    with figures.step("plan"):
        run.run("plan")
    figures.check(blockers(run) == {"etcd-before:3.6"}, f"plan: etcd is too old for 3.6 {told(sorted(blockers(run)))}")
    run.run("upgrade", expected=False)
    figures.check(at(kube, BRIDGE_START) and pin(kube) == ("", ""), "an upgrade is refused, and nothing was changed")
    run.run("plan", **asked)
    unblocked(run)
    found = run.findings()
    figures.check("etcd-before:3.6" not in found and "etcd-bridge:3.6" in found, "asked for, it is a note, no blocker")
    stages = [stage for stage in run.plan()["stages"] if stage["kind"] == "etcd"]
    where = told(stages[0]["nodes"]) if stages else "none"
    figures.check([stage["image_tag"] for stage in stages] == [BRIDGE_TAG], f"the plan has a stage for it: {where}")
    between = BRIDGE_TAG.partition("-")[0]
    with eyes(made) as (nodes, members):
        with figures.step("upgrade, killed when the first member had changed"):
            # The member's own stage ends a moment after its etcd answers; the hook gives the kill its time.
            hook: dict[str, Any] = {"kubeadm_upgrade_hook_after_node": str(Path(__file__).parent / "linger.yml")}
            run.run("upgrade", kill_when=lambda: members.any_at(between), **asked, **hook)
        figures.check(pin(made.kube(30)) == (BRIDGE_TAG, BRIDGE_TAG), "the killed run left the pin, and whose it is")
        # A node is NotReady for a while when its kubelet knows this API server alone; a run would say so, and end.
        wait("all nodes to be Ready", lambda: all_ready(made.kube(30)), SETTLE)
        with figures.step(f"the same command again, to {target}"):
            # Without the variable: what a run began, the next one ends, whatever it is asked for.
            run.run("upgrade")
    figures.check(pin(kube.another()) == ("", ""), "pin and annotation are gone")
    ways = {host: members.releases.get(host, []) for host in made.control_planes}
    right = [before, between, wanted]
    figures.check(all(way == right for way in ways.values()), f"etcd went {told(ways)}")
    says = {host: etcd_says(made, host) for host in made.control_planes}
    figures.check(set(says.values()) == {wanted}, f"etcd says {told(says)}")
    out_of_service(figures, made, nodes)
    as_wanted(run, kube, figures, target)
    text = run.run("upgrade", **asked)
    figures.check("Nothing to do" in text, "the same command again has nothing to do")


def blockers(run: Runs) -> set[str]:
    """Findings of the last run that stand in the way."""
    return {name for name, finding in run.findings().items() if finding["severity"] == "blocker"}


def unblocked(run: Runs) -> None:
    if left := blockers(run):
        raise ScenarioError(f"These stand in the way, and should not: {told(sorted(left))}.")


# --- both ------------------------------------------------------------------------------------------------------------


def workload(kube: Kube, version: str) -> None:
    """Three pods under a budget, so that drains have something to wait for."""
    image = next(image for image in artifacts.images_of(version) if "/pause:" in image)
    container = {"name": "web", "image": image, "imagePullPolicy": "IfNotPresent"}
    labels = {"app": "web"}
    # Also on control planes: with one worker, its pods go there while it is drained.
    anywhere = {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}
    pod = {"terminationGracePeriodSeconds": 1, "containers": [container], "tolerations": [anywhere]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": 3, "selector": {"matchLabels": labels}, "template": template}
    kube.patient("POST", SPACE, {"metadata": {"name": "web"}, "spec": spec})
    budget = {"metadata": {"name": "web"}, "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels}}}
    kube.patient("POST", "/apis/policy/v1/namespaces/default/poddisruptionbudgets", budget)
    wait("the workload", lambda: runs_well(kube), SETTLE)


def all_ready(kube: Kube) -> bool:
    return all(map(is_ready, kube.patient("GET", "/api/v1/nodes")["items"]))


def runs_well(kube: Kube) -> bool:
    return int(kube.patient("GET", f"{SPACE}/web").get("status", {}).get("readyReplicas") or 0) == 3


def cgroup_v1(made: World) -> bool:
    host = made.control_planes[0]
    return made.on(host, "test -e /sys/fs/cgroup/cgroup.controllers || echo v1").strip() == "v1"


def at(kube: Kube, version: str) -> bool:
    """Whether API server and all kubelets still are at a version."""
    nodes: list[Object] = kube.patient("GET", "/api/v1/nodes")["items"]
    kubelets = {node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes}
    return kubelets | {kube.patient("GET", "/version")["gitVersion"]} == {f"v{version}"}


def etcd_of(version: str) -> str:
    """The release of etcd that kubeadm of a version brings."""
    return next(split(image)[2] for image in artifacts.images_of(version) if "/etcd:" in image).partition("-")[0]


def as_wanted(run: Runs, kube: Kube, figures: Figures, target: str) -> None:
    """Every program of every node at the target, read from the programs themselves; the workload runs."""
    made = run.made
    kubeadms = {host: made.on(host, "kubeadm version -o short").strip() for host in made.nodes}
    which = sorted(set(kubeadms.values()))
    figures.check(which == [f"v{target}"], f"kubeadm is {told(which)} everywhere")
    figures.check(at(kube, target), f"API server and every kubelet say {target}")
    nodes = kube.patient("GET", "/api/v1/nodes")["items"]
    figures.check(all(map(is_ready, nodes)), f"{sum(map(is_ready, nodes))} of {len(nodes)} nodes are Ready")
    cordoned = [node["metadata"]["name"] for node in nodes if node["spec"].get("unschedulable")]
    figures.check(not cordoned, f"no node is left cordoned {told(cordoned)}")
    says = {host: etcd_says(made, host) for host in made.control_planes}
    figures.check(set(says.values()) == {etcd_of(target)}, f"etcd says {told(says)}, what kubeadm {target} brings")
    try:
        wait("the workload", lambda: runs_well(kube), SETTLE)
        figures.check(True, "the workload runs with its 3 pods")
    except ScenarioError as error:
        figures.check(False, f"the workload runs with its 3 pods: {error}")


def out_of_service(figures: Figures, made: World, nodes: Nodes) -> None:
    """Figures, no check: seconds for which each node was cordoned or not Ready."""
    for host in made.nodes:
        drains = nodes.cordons.get(host, 0)
        often = {0: "not drained", 1: "drained once", 2: "drained twice"}.get(drains, f"drained {drains} times")
        figures.seconds[f"out of service: {host} ({often})"] = round(nodes.out.get(host, 0.0), 1)


def told(thing: Any) -> str:
    """A list or mapping in a few words."""
    if isinstance(thing, dict):
        return ", ".join(f"{key} {' to '.join(v) if isinstance(v, list) else v}" for key, v in thing.items())
    return ", ".join(map(str, thing or []))
