# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenario: a cluster, a service on it, clients outside of it, and the playbook."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import shutil
import tempfile
import time
from pathlib import Path

from scenario.frame import ended
from scenario.kube import Object, Watch, is_ready
from scenario.playbook import Playbook, Run
from scenario.world import HOPS, VERSION, ScenarioError, World, add_options, build, say, wait, world

from .client import Client, ask
from .service import NODE_PORT, deploy
from .tally import ApiFigures, Figures, NodeChange, table
from .writer import Writer, lost

_AROUND = 5.0  # seconds for which the clients ask before and after the upgrade


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python tests/uptime",
        description="Upgrades a real cluster while a service on it, and its API, are asked without pause; "
        "tests/uptime/README.md says how.",
    )
    add_options(made, "uptime")
    made.add_argument("--rate", type=_positive, default=80.0, help="requests a second to the service (%(default)g)")
    made.add_argument("--write-rate", type=_positive, default=10.0, help="objects a second, with 3 control planes (10)")
    return made


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number <= 1000:
        raise argparse.ArgumentTypeError("choose from more than 0 to 1000")
    return number


def main(argv: list[str] | None = None) -> int:
    """0 when no request failed and no write was lost; 1 otherwise, as the output says; 2 for wrong arguments."""
    options = parser().parse_args(argv)
    return ended("uptime", lambda: scenario(options))


def scenario(options: argparse.Namespace) -> int:
    build(options)
    deadline = time.monotonic() + options.limit
    folder = Path(tempfile.mkdtemp(prefix="uplift-uptime-"))
    say(f"uptime: the log of the run is in {folder}")
    changes: list[NodeChange] = []
    with world(options) as made:
        deploy(made.kube())
        figures, run = measure(made, options, folder, deadline, changes)
    print("\n".join(table(figures, run.events.seen, changes)), flush=True)
    if options.json:
        text = json.dumps({**dataclasses.asdict(figures), "answered": len(figures.answered)}, indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")
    wrong = figures.verdicts()
    if not wrong:
        shutil.rmtree(folder)
    return 1 if wrong else 0


def measure(
    made: World, options: argparse.Namespace, folder: Path, deadline: float, changes: list[NodeChange]
) -> tuple[Figures, Run]:
    """The upgrade under the clients' eyes."""
    kube = made.kube()

    def node(_change: str, thing: Object) -> None:
        if "metadata" in thing:
            host = made.host_of(thing["metadata"]["name"])
            changes.append(NodeChange(time.time(), host, bool(thing["spec"].get("unschedulable")), is_ready(thing)))

    entries = [(host, found.address) for host, found in made.nodes.items()]
    # Pods are Ready some time before each kube-proxy has heard of them.
    wait("every node to answer for the service", lambda: not any(ask(at, NODE_PORT) for _host, at in entries), 60)
    client = Client(entries, NODE_PORT, options.rate)
    writer = Writer(kube, options.write_rate) if len(made.control_planes) > 1 else None
    playbook = Playbook(made, folder)
    try:
        with Watch(kube, "/api/v1/nodes", node), client, writer or contextlib.nullcontext():
            time.sleep(_AROUND)
            if client.failures:
                raise ScenarioError(f"The service does not answer before the upgrade: {client.failures[0].error}")
            run = playbook.start()
            _follow(run, client, deadline)
            time.sleep(_AROUND)
    finally:
        playbook.stop()
    shape = f"{len(made.control_planes)} + {len(made.workers)} nodes, {made.install}"
    figures = Figures(
        shape,
        f"{VERSION} to {HOPS[-1]}",
        run.events.seen[-1].at - run.begun if run.events.seen else 0.0,
        run.process.returncode or 0,
        list(made.nodes),
        client.seconds,
        client.failures,
    )
    if writer is not None:
        found = lost(writer, kube)
        figures.api = ApiFigures(writer.requests, len(writer.acknowledged), found, writer.failures)
    if figures.returncode:
        say(f"the upgrade failed ({run.log}):\n{run.tail()}")
    return figures, run


def _follow(run: Run, client: Client, deadline: float) -> None:
    """Until the run has ended. Says each play, and each failure as it comes."""
    play, failed = "", 0
    while not run.ended():
        for event in run.events.new():
            if event.play != play and "not in this plan" not in event.play:
                play = event.play
                say(f"  {play} ({client.count:,} requests, {len(client.failures)} failed)")
        for failure in client.failures[failed:]:
            failed += 1
            say(f"    failed through {failure.entry}: {failure.error}")
        if time.monotonic() > deadline:
            raise ScenarioError(f"The time is over ({run.log}).")
        time.sleep(0.2)
    run.events.new()
