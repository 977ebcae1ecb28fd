# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenario: two equal clusters, one after the other; the workers of one go one at a time, the other's in waves."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import tempfile
import time
from pathlib import Path

from scenario.frame import ended
from scenario.playbook import Playbook, Run
from scenario.world import HOPS, VERSION, ScenarioError, World, add_options, build, say, wait, world

from .eyes import Eyes, watching
from .tally import AUTO, ONE, Side, held, outages, table, verdicts
from .workload import BUDGETS, deploy

TARGET = HOPS[0]
NAMES = {ONE: "one", AUTO: "auto"}  # of the clusters
_SETTLE = 60.0  # seconds that workers may take to be back after the playbook has ended


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python tests/waves",
        description="Upgrades two equal clusters, one worker at a time and in waves; tests/waves/README.md says how.",
    )
    add_options(made, "waves")
    made.set_defaults(workers=4)
    return made


def main(argv: list[str] | None = None) -> int:
    """0 when all was as it should be; 1 otherwise, as the output says; 2 for wrong arguments."""
    options = parser().parse_args(argv)
    sides: dict[str, Side] = {}
    return ended("waves", lambda: scenario(options, sides), lambda: [side.line for side in sides.values()])


def scenario(options: argparse.Namespace, sides: dict[str, Side]) -> int:
    """Both clusters, one at a time, so that neither competes with the other for the processors."""
    build(options, hops=HOPS[:1])
    deadline = time.monotonic() + options.limit
    folder = Path(tempfile.mkdtemp(prefix="uplift-waves-"))
    say(f"waves: the logs of the runs are in {folder}")
    workers: list[str] = []
    for serial, name in NAMES.items():
        own = argparse.Namespace(**{**vars(options), "name": f"{options.name}-{name}"})
        place = folder / name
        place.mkdir()
        say(f"  serial {serial}: a cluster")
        with world(own, hops=HOPS[:1]) as made:
            workers = made.workers
            deploy(made.kube())
            sides[serial] = upgraded(made, serial, place, deadline)
    return told(options, sides, workers, folder)


def upgraded(made: World, serial: str, folder: Path, deadline: float) -> Side:
    """One cluster, upgraded under the watcher's eyes. Raises ScenarioError when the upgrade fails."""
    playbook = Playbook(made, folder, TARGET, {"kubeadm_upgrade_serial": serial})
    hosts = {node.name: host for host, node in made.nodes.items()}
    try:
        with watching(made.kube(), hosts) as eyes:
            run = playbook.start()
            follow(run, deadline)
            seconds = run.seconds
            if run.process.returncode:
                raise ScenarioError(f"serial {serial}: the upgrade failed ({run.log}):\n{run.tail()}")
            wait("all workers to be back", lambda: all_back(eyes, made), _SETTLE)
            end = time.monotonic()
    finally:
        playbook.stop()
    say(f"  serial {serial}: upgraded in {seconds:.0f} s")
    return Side(
        serial,
        seconds,
        outages(list(eyes.nodes), f"v{TARGET}", made.workers),
        {b.name: held(list(eyes.ready[b.name]), b.replicas, b.wanted, end) for b in BUDGETS},
        eyes.blind,
    )


def follow(run: Run, deadline: float) -> None:
    """Until the run has ended. Says each play."""
    play = ""
    while not run.ended():
        for event in run.events.new():
            if event.play != play and "not in this plan" not in event.play:
                play = event.play
                say(f"    {play}")
        if time.monotonic() > deadline:
            raise ScenarioError(f"The time is over ({run.log}).")
        time.sleep(0.2)


def all_back(eyes: Eyes, made: World) -> bool:
    last = {sample.host: sample for sample in list(eyes.nodes)}
    back = [sample for sample in last.values() if sample.ready and not sample.cordoned]
    return len(back) == len(made.nodes) and {sample.kubelet for sample in back} == {f"v{TARGET}"}


def told(options: argparse.Namespace, sides: dict[str, Side], workers: list[str], folder: Path) -> int:
    """Print the figures; the exit code."""
    checks = verdicts(sides, workers)
    pods = ", ".join(f"{budget.replicas} {budget.name}" for budget in BUDGETS)
    shape = f"{options.control_planes} + {len(workers)} nodes"
    print(f"waves: two clusters of {shape}, {VERSION} to {TARGET}; pods: {pods}")
    print("\n".join(table(sides)))
    print("\n".join(f"  {'ok ' if holds else 'NOT'}  {what}" for holds, what in checks), flush=True)
    if options.json:
        found = {serial: dataclasses.asdict(side) for serial, side in sides.items()}
        options.json.write_text(json.dumps({"sides": found, "checks": checks}, indent=2) + "\n", encoding="utf-8")
    if not all(holds for holds, _what in checks):
        return 1
    shutil.rmtree(folder)
    return 0
