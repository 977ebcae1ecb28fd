# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller itself costs, by number of hosts and by `serial`: one hop, with the work on nodes stubbed.

The playbooks, the role, the filters and the planner are the real ones; the modules that touch nodes or the API answer
at once (stub_action.py). README.md says what the figures are. Progress goes to stderr, the table to stdout.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tasklog

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "playbook"))
import stubbed  # type: ignore[import-not-found]

TARGET = "1.25"
# What is measured, most telling first: where the time is over, the rest is left out.
COMBINATIONS = (
    *((10, serial) for serial in ("1", "10", "20%", "100%")),
    *((300, serial) for serial in ("1", "100%", "20%", "10")),
    *((100, serial) for serial in ("1", "100%", "20%", "10")),
)
# Seconds a node with the most hosts, over those with the fewest. Above it, the cost is said to grow.
AIM_GROWTH = 1.15
WAVE_END = "Every node of the wave is still here"


class ScaleError(Exception):
    """The measure cannot be taken. The message says what was seen."""


@dataclass(frozen=True)
class Figures:
    """One run: seconds a node in each part of it. README.md says what belongs to which."""

    hosts: int
    serial: str
    seconds: float  # of the whole run
    whole: bool  # False: stopped after some waves of workers
    read: float
    prepare: float
    workers: float
    planning: float  # in all, not a node: tasks of the first play that run once
    tasks: float  # a worker

    @property
    def a_node(self) -> float:
        return self.read + self.prepare + self.workers


PARTS = ("read", "prepare", "workers", "a_node")


def say(text: str) -> None:
    print(f"scale: {text}", file=sys.stderr, flush=True)


# ---- one run


def make(folder: Path, hosts: int) -> Any:
    """A stubbed cluster of one control plane and `hosts` - 1 workers, without any cost that grows with their number."""
    cluster = stubbed.StubbedCluster(folder, control_planes=1, workers=hosts - 1, in_process=False)
    for name, node in cluster.read("node.json").items():
        cluster.write(f"node-{name}.json", node)
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    cluster.inventory["all"]["vars"] = variables
    (folder / "inventory.json").write_text(json.dumps(cluster.inventory))
    actions = folder / "collections/ansible_collections/uplift/kubeadm/plugins/action"
    actions.mkdir(exist_ok=True)
    for name in stubbed.FAKED_MODULES:
        (actions / f"{name}.py").write_bytes((HERE / "stub_action.py").read_bytes())
    return cluster


def measure(cluster: Any, hosts: int, serial: str, options: argparse.Namespace, limit: float) -> Figures:
    """Run the playbook on all hosts, until workers have had `options.waves` seconds and a wave of them has ended.

    Raises ScaleError when it fails or takes longer than `limit` seconds.
    """
    folder = Path(cluster.folder)
    log, output = folder / "tasks.jsonl", folder / f"output-{serial.rstrip('%')}.log"
    environment = {
        **os.environ, "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"), "UPLIFT_STUB": str(folder / "stub"),
        "ANSIBLE_HOME": str(folder / "home"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORKS": str(options.forks),
        "ANSIBLE_LOCALHOST_WARNING": "0", **tasklog.environment(log),
    }  # fmt: skip
    variables = {
        "target": TARGET,
        "kubeadm_upgrade_become": False,
        "kubeadm_upgrade_serial": int(serial) if serial.isdigit() else serial,
    }
    program = Path(sys.executable).parent / "ansible-playbook"
    command = [program, "uplift.kubeadm.upgrade", "-i", folder / "inventory.json", "-e", json.dumps(variables)]
    begun = time.monotonic()
    log.write_text("")
    with open(output, "w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            list(map(str, command)), cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=stream,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            whole = watch(process, log, begun + limit, options.waves)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    seconds = time.monotonic() - begun
    if whole and process.returncode:
        tail = "\n".join(output.read_text(encoding="utf-8").splitlines()[-30:])
        raise ScaleError(f"ansible-playbook ended with {process.returncode}:\n{tail}")
    return figures(tasklog.read(log), hosts, serial, seconds, whole)


def watch(process: subprocess.Popen[bytes], log: Path, deadline: float, waves: float) -> bool:
    """Until the process ends (True), or its workers have had `waves` seconds and the wave is over (False)."""
    drained: float | None = None
    with open(log, encoding="utf-8") as stream:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                return True
            for line in stream:
                entry = json.loads(line)
                if drained is None and entry["task"] == "Drain" and entry["host"] != "cp1":
                    drained = entry["ended"]
                if drained and entry["task"] == WAVE_END and entry["ended"] - drained > waves:
                    return False
            time.sleep(0.2)
    raise ScaleError("it was still running when the time was over")


def figures(entries: list[tasklog.Entry], hosts: int, serial: str, seconds: float, whole: bool) -> Figures:
    drains = [entry for entry in entries if entry.task == "Drain"]
    workers = [entry for entry in entries if entry.play == drains[-1].play and entry.hop == 0]
    # Only waves that were completed; the control plane has the first one to itself.
    ends = [entry.ended for entry in workers if entry.task == WAVE_END]
    done = {entry.host for entry in drains if ends[0] < entry.ended < ends[-1]}
    if whole and len(done) != hosts - 1:
        raise ScaleError(
            f"{len(done)} of {hosts - 1} workers were drained: this is not the run that was to be measured."
        )
    first = next(entry.play for entry in entries if entry.hop == 0)
    before = list(itertools.takewhile(lambda entry: entry.hop is None, entries))
    spans = dict(task_spans(before))
    on_all = {name for name in spans if len({entry.host for entry in before if entry.task == name}) == hosts}
    ran = [sum(ran for ran, _unused in tasklog.tasks_per_hop(entries, host).values()) for host in done]
    return Figures(
        hosts,
        serial,
        seconds,
        whole,
        read=sum(span for name, span in spans.items() if name in on_all) / hosts,
        prepare=sum(span for _name, span in task_spans([e for e in entries if e.hop == 0 and e.play == first])) / hosts,
        workers=(ends[-1] - ends[0]) / len(done),
        planning=sum(span for name, span in spans.items() if name not in on_all),
        tasks=sum(ran) / len(ran),
    )


def task_spans(entries: list[tasklog.Entry]) -> Iterator[tuple[str, float]]:
    """Each task, with the seconds from its begin on the first host to its end on the last."""
    for name in dict.fromkeys(entry.task for entry in entries):
        of = [entry for entry in entries if entry.task == name]
        yield name, max(entry.ended for entry in of) - min(entry.begun for entry in of)


# ---- telling


def table(found: list[Figures]) -> list[str]:
    """Lines for a person: seconds a node; then how they grow from the fewest hosts to the most."""
    lines = [
        "                        seconds a node                       in all",
        " serial  hosts      read  prepare  workers   together     planning      run  tasks a worker",
    ]
    for entry in found:
        parts = f"{entry.read:9.3f} {entry.prepare:8.3f} {entry.workers:8.3f} {entry.a_node:10.3f}"
        run = f"{entry.seconds:8.1f}" + (" " if entry.whole else "+")
        lines.append(f"{entry.serial:>7} {entry.hosts:6} {parts} {entry.planning:12.1f} {run}{entry.tasks:8.1f}")
    lines += ["", "Growth of seconds a node, from the fewest hosts to the most:"]
    for serial, ratios in growth(found).items():
        said = "does not grow" if ratios["a_node"] <= AIM_GROWTH else "GROWS"
        values = ", ".join(f"{'together' if part == 'a_node' else part} {value:.2f}" for part, value in ratios.items())
        lines.append(f"{serial:>7}  {values}: {said}")
    return lines


def growth(found: list[Figures]) -> dict[str, dict[str, float]]:
    """serial -> part -> ratio of seconds a node."""
    ratios: dict[str, dict[str, float]] = {}
    for serial in dict.fromkeys(entry.serial for entry in found):
        of = sorted((entry for entry in found if entry.serial == serial), key=lambda entry: entry.hosts)
        if len(of) > 1:
            ratios[serial] = {part: getattr(of[-1], part) / getattr(of[0], part) for part in PARTS}
    return ratios


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--hosts", type=lambda text: [int(n) for n in text.split(",")], help="of 10,100,300 (default: all)")
    add("--serial", type=lambda text: text.split(","), help="of 1,10,20%%,100%% (default: all)")
    add("--forks", type=int, default=20, help="ANSIBLE_FORKS (default: %(default)s)")
    add("--waves", type=float, default=15, help="seconds of worker waves to measure in a run (default: %(default)s)")
    add("--limit", type=float, default=590, help="seconds for all; what does not fit is left out (%(default)s)")
    add("--json", type=Path, metavar="FILE", help="write all figures to this file")
    add("--profile", action="store_true", help="show the tasks of the last run that took longest")
    add("--keep", type=Path, metavar="FOLDER", help="work in this new folder, and leave it")
    return parser.parse_args()


def main() -> int:
    options = parse()
    deadline = time.monotonic() + options.limit
    found: list[Figures] = []
    failed, left_out = False, []
    clusters: dict[int, Any] = {}
    with contextlib.ExitStack() as stack:
        base = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="uplift-kubeadm-scale-")))
        for hosts, serial in COMBINATIONS:
            if hosts not in (options.hosts or [hosts]) or serial not in (options.serial or [serial]):
                continue
            left = deadline - time.monotonic()
            if left < hosts / 5:  # would be stopped before it tells anything
                left_out.append(f"{hosts} hosts, serial {serial}")
                continue
            if hosts not in clusters:
                clusters[hosts] = make(base / str(hosts), hosts)
            try:
                entry = measure(clusters[hosts], hosts, serial, options, left)
            except ScaleError as error:
                failed = True
                say(f"{hosts} hosts, serial {serial}: {error}")
                continue
            say(f"{hosts} hosts, serial {serial}: {entry.seconds:.0f} s, {entry.a_node:.3f} s a node")
            found.append(entry)
            last = tasklog.read(base / str(hosts) / "tasks.jsonl")
    print(f"{os.cpu_count()} processors, {options.forks} forks; one hop, work on nodes stubbed; + was stopped early")
    print("\n".join(table(found)))
    if left_out:
        print(f"Left out for want of time (--limit): {'; '.join(left_out)}")
    if options.profile and found:
        print("\n".join(tasklog.profile_table(tasklog.profiles(last))))
    if options.json:
        runs = [{**asdict(entry), "a_node": entry.a_node} for entry in found]
        text = json.dumps({"forks": options.forks, "runs": runs, "growth": growth(found)}, indent=2)
        options.json.write_text(text + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    # A request to end is handled like Ctrl-C, so that nothing started here stays behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("scale: interrupted")
