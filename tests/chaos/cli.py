# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the chaos scenarios."""

from __future__ import annotations

import argparse
import random

from scenario import world
from scenario.frame import ended

from . import faults, kills
from .schedule import LEAST_KILLS, draw
from .steps import STEPS

_PROGRAM = "python tests/chaos"
_DEFAULT_KILLS = 30


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="Upgrades real clusters from 1.24 to 1.26 while they are hurt (tests/chaos/README.md).",
    )
    commands = made.add_subparsers(metavar="command", required=True)

    killing = commands.add_parser("kills", help="kill the run at its steps, and run the same command again")
    world.add_options(killing, "chaos")
    killing.add_argument("--seed", type=int, help="which kills are drawn (default: a new one, which is printed)")
    killing.add_argument(
        "--kills",
        type=int,
        default=_DEFAULT_KILLS,
        metavar="N",
        help=f"{LEAST_KILLS} or more; {len(STEPS)} hit every step (default: %(default)s)",
    )
    killing.set_defaults(run=kills.scenario)

    hurting = commands.add_parser("faults", help="hurt nodes, look at how the run ends, lift it, run again")
    world.add_options(hurting, "faults")
    hurting.add_argument("--only", help="comma-separated faults, as --list names them")
    hurting.add_argument("--list", action="store_true", help="print the faults, and end")
    hurting.set_defaults(run=faults.scenario)
    return made


def main(argv: list[str] | None = None) -> int:
    """0 when all was as it should be; 1 when not, as the output says; 2 for wrong arguments."""
    made = parser()
    options = made.parse_args(argv)
    if getattr(options, "list", False):
        print("\n".join(faults.listing()))
        return 0
    try:
        faults.chosen(options.only, options.control_planes) if hasattr(options, "only") else _check(options)
    except ValueError as e:
        made.error(str(e))
    return ended("chaos", lambda: int(options.run(options)))


def _check(options: argparse.Namespace) -> None:
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(10**6)
    names = [f"cp{n + 1}" for n in range(options.control_planes)], [f"worker{n + 1}" for n in range(options.workers)]
    draw(options.seed, options.kills, *names, len(world.HOPS))  # raises ValueError
