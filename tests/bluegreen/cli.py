# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenario: two clusters, or two plain sites, behind real HAProxies, and a client that asks without pause."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from lab import cluster as lab_cluster
from lab import engine
from scenario.frame import ended
from scenario.world import ScenarioError, say

from . import haproxy
from .client import Client
from .clusters import VERSIONS, Clusters, clusters
from .loopback import Loopback
from .scenes import Player, Scene, Stage, play_all

ROOT = Path(__file__).resolve().parents[2]


class Sites:
    """The stage without clusters."""

    title = "two plain sites on loopback"

    def __init__(self, folder: Path) -> None:
        self.balancers = Loopback(folder, {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}, proxies=2)

    def break_green(self) -> None:
        self.balancers.sites["green-1"].behaviour = "errors"

    def mend_green(self) -> None:
        self.balancers.sites["green-1"].behaviour = "well"


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python tests/bluegreen",
        description="Moves traffic between two clusters behind a real HAProxy, under a client's eyes; "
        "tests/bluegreen/README.md says how.",
    )
    made.add_argument("--loopback", action="store_true", help="two plain HTTP servers in the place of clusters")
    made.add_argument("--name", default="bluegreen", help="what the clusters' names begin with (default: %(default)s)")
    made.add_argument("--rate", type=float, default=100.0, help="requests a second (default: %(default)g)")
    made.add_argument("--hold", type=int, metavar="SECONDS", help="of each step (default: 15; 4 on loopback)")
    made.add_argument("--limit", type=float, default=39 * 60, metavar="SECONDS", help="default: %(default).0f")
    made.add_argument("--keep", action="store_true", help="leave the clusters there afterwards")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file, too")
    return made


def main(argv: list[str] | None = None) -> int:
    """0 when all was as it should be; 1 otherwise, as the output says; 2 for wrong arguments."""
    options = parser().parse_args(argv)
    scenes: list[Scene] = []
    return ended(
        "bluegreen", lambda: scenario(options, scenes), lambda: [line for scene in scenes for line in scene.lines()]
    )


def have_haproxy(loopback: bool) -> None:
    """HAProxy on this machine. Where clusters are made, what is missing is installed, as the lab does with docker."""
    if haproxy.PROGRAM is None and not loopback:
        engine.ensure_programs({"haproxy": "haproxy"})
        haproxy.PROGRAM = haproxy.find()
    if haproxy.PROGRAM is None:
        raise ScenarioError(haproxy.HOW_TO_INSTALL)


def scenario(options: argparse.Namespace, scenes: list[Scene]) -> int:
    """`scenes` has those that were played until then, whatever happens."""
    have_haproxy(options.loopback)
    if not options.loopback:
        lab_cluster.build([*VERSIONS.values()], [(version, "binary") for version in VERSIONS.values()])
    deadline = time.monotonic() + options.limit
    folder = Path(tempfile.mkdtemp(prefix="uplift-bluegreen-"))
    say(f"bluegreen: the logs of the runs are in {folder}")
    try:
        if options.loopback:
            stage = Sites(folder)
            try:
                play(stage, options, folder, deadline, scenes, options.hold or 4)
            finally:
                stage.balancers.stop()
            title = stage.title
        else:
            hold = options.hold or 15
            with clusters(options.name, folder, hold, options.keep) as made:
                title = made.title
                made.deploy("blue")
                scenes.append(not_before_green_has_all(made))
                made.deploy("green")
                play(made, options, folder, deadline, scenes, hold)
    except AssertionError as e:  # HAProxy's
        raise ScenarioError(str(e)) from e
    return told(title, scenes, options, folder)


def not_before_green_has_all(made: Clusters) -> Scene:
    """Green is empty yet: that is found before any traffic moves."""
    scene = Scene("green is empty: no traffic is moved", may_fail=True)
    began = time.monotonic()
    code, output = made.balancers.run()
    scene.seconds = time.monotonic() - began
    said = " ".join(output.split())
    if code == 0 or "Deployment default/web: is not on green" not in said or "no traffic was moved" not in said:
        scene.wrong.append(f"it was not refused (exit code {code}): {said[-1500:]}")
    if any(weight for each in made.balancers.weights() for name, weight in each.items() if name.startswith("green")):
        scene.wrong.append("green has weights")
    return scene


def play(
    stage: Stage, options: argparse.Namespace, folder: Path, deadline: float, scenes: list[Scene], hold: int
) -> None:
    with Client(stage.balancers.proxies[0].entry, options.rate) as client:
        play_all(Player(stage, client, folder, deadline, say, scenes), hold)


def told(title: str, scenes: list[Scene], options: argparse.Namespace, folder: Path) -> int:
    """Print the figures; the exit code."""
    version = subprocess.run([str(haproxy.PROGRAM), "-v"], capture_output=True, text=True, check=False).stdout.split()[
        2
    ]
    print(f"blue-green: {title}, two HAProxies {version.partition('-')[0]}, {options.rate:g} requests a second")
    for scene in scenes:
        print("\n".join(scene.lines()))
    asked = [scene for scene in scenes if not scene.may_fail]
    requests, failed = sum(s.tally.requests for s in asked), sum(len(s.tally.failures) for s in asked)
    print(f"  {failed} of {requests:,} requests failed while the traffic moved and HAProxy was reloaded")
    wrong = [text for scene in scenes for text in scene.wrong]
    print("all as it should be" if not wrong else f"WRONG: {len(wrong)} things, see above", flush=True)
    if options.json:
        options.json.write_text(json.dumps([scene.figures() for scene in scenes], indent=2) + "\n")
    if not wrong:
        shutil.rmtree(folder)
    return 1 if wrong else 0
