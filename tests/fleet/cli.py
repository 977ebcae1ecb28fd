# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three small clusters, a wave each. The second one's new kubelet does not start; mended, the same command goes on."""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from scenario.frame import Figures, ended
from scenario.kube import KubeError, is_ready
from scenario.playbook import Playbook, processes_with, run_whole
from scenario.world import HOPS, VERSION, ScenarioError, World, add_options, build, say, wait, wait_steady, world

TARGET = HOPS[0]
NAMES = ("dev", "stage", "prod")
SOAK, EVERY = 40, 10  # seconds
SETTLE = 120.0  # seconds until a cluster is where it should be after a run
# A new kubelet restarts the static pods when it gets to them, up to a minute after it began, and the API is away
# meanwhile. Whoever mends a node waits for that.
STEADY, MENDED = 45.0, 420.0
BROKEN = "/etc/systemd/system/kubelet.service.d/99-broken.conf"
BREAK = f"printf '[Service]\\nExecStartPre=/bin/false\\n' > {BROKEN} && systemctl daemon-reload"
MEND = f"rm -f {BROKEN} && systemctl daemon-reload && systemctl restart kubelet"


class Runs:
    """The fleet's command, the same every time."""

    def __init__(self, clusters: dict[str, World], folder: Path, deadline: float) -> None:
        self.clusters, self.folder, self.deadline = clusters, folder, deadline
        self.report = folder / "report"
        self.looks = folder / "looks"
        # A gate that is always open, and tells when it was asked.
        gate = {"id": "told", "command": ["sh", "-c", f'echo "$FLEET_CLUSTER $(date +%s)" >> {self.looks}']}
        waves = [
            {"name": name, "soak": SOAK, "clusters": [{"name": name, "inventory": str(made.inventory)}]}
            for name, made in clusters.items()
        ]
        playbook = Playbook(next(iter(clusters.values())), folder, TARGET)
        self.environment = {**playbook.environment, "TASK_EVENTS": str(folder / "events")}
        variables = {
            "target": TARGET, "fleet_name": "lab", "fleet_waves": waves, "fleet_look_every": EVERY,
            "fleet_gates": [gate], "fleet_report": str(self.report),
        }  # fmt: skip
        self.command = [playbook.command[0], "uplift.kubeadm.fleet", "-e", json.dumps(variables)]
        self.number = 0

    def run(self, expected: bool) -> str:
        """Run it; its output. Raises ScenarioError when it ends otherwise than expected."""
        self.number += 1
        log = self.folder / f"fleet-{self.number}.log"
        what = f"The fleet's run {self.number}"
        return run_whole(what, self.command, log, self.environment, self.deadline, expected)

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.report / "fleet.json").read_text(encoding="utf-8"))
        return found

    def states(self) -> dict[str, str]:
        return {name: entry["state"] for name, entry in self.document()["clusters"].items()}

    def upgraded(self) -> list[str]:
        """Clusters that the last run began to upgrade."""
        found: list[str] = self.document()["summary"]["begun"]
        return found

    def asked(self, name: str) -> list[int]:
        """Times at which the gate of a cluster was asked."""
        lines = self.looks.read_text(encoding="utf-8").splitlines() if self.looks.exists() else []
        return [int(line.split()[1]) for line in lines if line.split()[0] == name]


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python tests/fleet",
        description="Upgrades three real clusters in waves, the second of which fails; tests/fleet/README.md says how.",
    )
    add_options(made, "fleet")
    made.set_defaults(workers=0)
    return made


def main(argv: list[str] | None = None) -> int:
    """0 when all was as it should be; 1 otherwise, as the output says; 2 for wrong arguments."""
    options = parser().parse_args(argv)
    figures = Figures()
    return ended("fleet", lambda: fleet(options, figures), figures.lines)


def fleet(options: argparse.Namespace, figures: Figures) -> int:
    """The clusters made, the scenario on them, and what is found."""
    build(options, hops=HOPS[:1])
    deadline = time.monotonic() + options.limit
    folder = Path(tempfile.mkdtemp(prefix="uplift-fleet-"))
    say(f"fleet: the logs of the runs are in {folder}")
    with contextlib.ExitStack() as stack:
        clusters = {}
        with figures.step("three clusters made"):
            for name in NAMES:
                own = argparse.Namespace(**{**vars(options), "name": f"{options.name}-{name}"})
                clusters[name] = stack.enter_context(world(own, hops=HOPS[:1]))
        scenario(Runs(clusters, folder, deadline), figures)
        children = processes_with(str(folder), masters=False)
        figures.check(not children, f"no process of a run is left over {children or ''}".rstrip())
    title = f"fleet: three clusters of 1 + {options.workers} nodes, {VERSION} to {TARGET}, the second made to fail"
    return figures.told(title, options.json, folder)


def scenario(runs: Runs, figures: Figures) -> None:
    stage = runs.clusters["stage"]
    stage.on(stage.control_planes[0], BREAK)
    with figures.step(f"run 1: dev to {TARGET}, watched for {SOAK} s, then stage, which fails"):
        text = runs.run(expected=False)
    why = runs.document()["clusters"]["stage"]["why"]
    if runs.states()["stage"] != "failed" or "kubelet" not in why:
        raise ScenarioError(f"Run 1 failed elsewhere: {runs.states()} {why!r}\n{text[-2000:]}")
    say(f"    stage: {why}")
    figures.check(runs.states() == {"dev": "done", "stage": "failed", "prod": "left"}, "dev is done, stage failed")
    figures.check(at(runs.clusters["dev"], TARGET), f"dev runs {TARGET}, kubelets and API server")
    figures.check("No later wave is begun (prod)" in " ".join(text.split()), "the run said that prod is not begun")
    untouched(runs.clusters["prod"], figures)
    watched(runs, "dev", figures)
    log = (runs.report / "dev/upgrade.log").stat()
    ran = "Run kubeadm upgrade]"
    figures.check(
        ran in (runs.report / "stage/upgrade.log").read_text(encoding="utf-8"), "kubeadm upgraded stage's API"
    )

    stage.on(stage.control_planes[0], MEND)
    with figures.step("stage mended: its new kubelet runs, and the control plane with it"):
        wait_steady("stage's node to be Ready again", lambda: mended(stage), STEADY, MENDED)
    with figures.step("run 2: stage goes on, watched, then prod"):
        runs.run(expected=True)
    figures.check(runs.upgraded() == ["stage", "prod"], "only what was left was upgraded: stage and prod")
    figures.check((runs.report / "dev/upgrade.log").stat().st_mtime == log.st_mtime, "dev was not upgraded again")
    again = (runs.report / "stage/upgrade.log").read_text(encoding="utf-8")
    figures.check(ran not in again, "stage's control plane was not upgraded by kubeadm again")
    for name, made in runs.clusters.items():
        soon(figures, made, f"{name} runs {TARGET}, kubelets and API server, Ready and uncordoned")
        figures.check("fleet" not in notes(made), f"{name} owes nothing")
    figures.check(set(runs.states().values()) == {"done"}, "the report says that every cluster is done")
    pages = [runs.report / path for path in ("fleet.html", *(f"{name}/report.html" for name in NAMES))]
    figures.check(all(page.exists() for page in pages), "the fleet's report is there, and each cluster's")

    with figures.step("run 3: nothing is left"):
        text = runs.run(expected=True)
    figures.check("changed=0" in text and runs.upgraded() == [], "the third run changed nothing")


def mended(made: World) -> bool:
    """Whether the new kubelet of the control plane node has reported itself, and its static pods, Ready."""
    kube = made.kube()
    try:
        node = kube.get(f"/api/v1/nodes/{made.nodes[made.control_planes[0]].name}")
        pods = kube.get("/api/v1/namespaces/kube-system/pods?labelSelector=tier%3Dcontrol-plane")["items"]
    except KubeError:  # away
        return False
    new = node["status"]["nodeInfo"]["kubeletVersion"] == f"v{TARGET}"
    return new and is_ready(node) and len(pods) > 0 and all(map(is_ready, pods))


def at(made: World, version: str) -> bool:
    """Whether every kubelet and every API server is at a version, and every node Ready and uncordoned."""
    kube = made.kube(30)
    nodes = kube.patient("GET", "/api/v1/nodes")["items"]
    kubelets = {node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes}
    well = all(is_ready(node) and not node["spec"].get("unschedulable") for node in nodes)
    return well and kubelets == {f"v{version}"} and kube.patient("GET", "/version")["gitVersion"] == f"v{version}"


def notes(made: World) -> dict[str, str]:
    """What an upgrade keeps in the cluster; {} when there is nothing."""
    items = made.kube(30).patient("GET", "/api/v1/namespaces/kube-system/configmaps")["items"]
    found = [item for item in items if item["metadata"]["name"] == "uplift-kubeadm"]
    return dict(found[0].get("data") or {}) if found else {}


def untouched(made: World, figures: Figures) -> None:
    figures.check(at(made, VERSION), f"prod runs {VERSION} as before")
    figures.check(not notes(made), "prod has no note of an upgrade")
    staged = made.on(made.control_planes[0], "ls -d /var/lib/uplift-kubeadm/* 2>/dev/null", check=False).split()
    kept = [path for path in staged if not path.endswith("/cluster.json")]
    figures.check(not kept, f"nothing was brought to prod's nodes {' '.join(kept)}".rstrip())


def watched(runs: Runs, name: str, figures: Figures) -> None:
    """The gate was asked all through the soak."""
    times = runs.asked(name)
    span = times[-1] - times[0] if times else 0
    figures.check(
        span >= SOAK - EVERY and len(times) >= 3, f"{name} was looked at {len(times)} times in {span} s of its soak"
    )


def soon(figures: Figures, made: World, what: str) -> None:
    try:
        wait(what, lambda: at(made, TARGET), SETTLE)
        figures.check(True, what)
    except ScenarioError:
        figures.check(False, what)
