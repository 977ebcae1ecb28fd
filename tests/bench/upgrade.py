# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook measured against the same upgrade by hand (by_hand.sh), on equal clusters of the lab.

One cluster at a time: made, given a workload, upgraded, removed; then the other side's. README.md says what each figure
is. Progress goes to stderr, the tables to stdout.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import tasklog
from observer import Observer
from outage import Outage, outages, seconds_short

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BY_HAND, PLAYBOOK = "by hand", "playbook"
AIM_WALL, AIM_OUT, AIM_TASKS = 1.15, 1.0, 25
# Seconds. A node is out for a while after the last command when it was uncordoned before it was Ready.
SETTLE = 60
CLUSTER_LIMIT = 3600
TAIL = 30  # lines of output in an error

WORKLOAD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: bench}
spec:
  replicas: @REPLICAS@
  selector: {matchLabels: {app: bench}}
  template:
    metadata: {labels: {app: bench}}
    spec:
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway,
         labelSelector: {matchLabels: {app: bench}}}
      containers:
      - {name: bench, image: "@IMAGE@", imagePullPolicy: IfNotPresent}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: bench}
spec:
  maxUnavailable: 50%
  selector: {matchLabels: {app: bench}}
"""


class BenchError(Exception):
    """The measure cannot be taken. The message says what was seen and what to do."""


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


# ---- what is measured


@dataclass
class Side:
    """One upgrade of one cluster: seconds, and what was seen from outside."""

    way: str
    seconds: float
    outages: dict[str, list[Outage]]  # by worker, in its inventory name
    short: float  # seconds in which the workload had fewer pods Ready than its budget asks for
    tasks: dict[str, dict[int, tuple[int, int]]] = field(default_factory=dict)  # worker -> hop -> (ran, skipped)
    steps: dict[str, float] = field(default_factory=dict)  # step or task -> seconds in all
    profile: dict[str, tasklog.Profile] = field(default_factory=dict)
    between_tasks: float = 0.0

    def out(self, worker: str) -> float:
        """Seconds from cordon to uncordon, all drains of the worker together."""
        return sum(outage.seconds or 0.0 for outage in self.outages[worker])

    def until_back(self, worker: str) -> float:
        """Seconds from cordon until uncordoned, Ready and at the new version."""
        return sum(outage.seconds_until_back or 0.0 for outage in self.outages[worker])


@dataclass(frozen=True)
class Cluster:
    """A lab cluster at its first version."""

    name: str
    nodes: dict[str, dict[str, Any]]  # inventory name -> {"name": node and container, "control_plane": bool}
    inventory: Path
    kubeconfig: Path
    mirror: str
    budget: int  # pods of the workload that are to be Ready at any time

    @property
    def control_plane(self) -> str:
        return next(str(node["name"]) for node in self.nodes.values() if node["control_plane"])

    @property
    def workers(self) -> dict[str, str]:
        return {host: str(node["name"]) for host, node in self.nodes.items() if not node["control_plane"]}


# ---- programs


def run(
    command: list[str | Path],
    log: IO[str],
    limit: float,
    line: Callable[[str], None] = lambda text: None,
    environment: dict[str, str] | None = None,
) -> None:
    """Runs a program in the checkout; its output goes to the log and, line by line, to `line`.

    Raises BenchError when it fails or takes longer than `limit` seconds; it and its children are ended then.
    """
    words = [str(word) for word in command]
    log.write(f"$ {' '.join(words)}\n")
    process = subprocess.Popen(
        words, cwd=ROOT, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + limit
    try:
        for text in _lines(process, deadline):
            log.write(text + "\n")
            log.flush()
            line(text)
    finally:
        _end(process)
    what = f"`{' '.join(words[:3])} …`"
    if time.monotonic() >= deadline:
        raise BenchError(f"{what} was still running after {limit:.0f} s and was stopped. Its output: {log.name}")
    if process.returncode:
        said = "\n".join(Path(log.name).read_text(encoding="utf-8").splitlines()[-TAIL:])
        raise BenchError(f"{what} ended with {process.returncode}. Its output is in {log.name}, and ends:\n{said}")


def _lines(process: subprocess.Popen[bytes], deadline: float) -> Iterator[str]:
    assert process.stdout is not None
    stream, rest = process.stdout, b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            if not selector.select(timeout=min(1.0, max(0.0, deadline - time.monotonic()))):
                if process.poll() is not None:  # ended, and something that it started keeps its output open
                    break
                continue
            chunk = os.read(stream.fileno(), 65536)
            if not chunk:
                break
            *whole, rest = (rest + chunk).split(b"\n")
            yield from (text.decode(errors="replace").rstrip("\r") for text in whole)
    if rest:
        yield rest.decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Waits for a process whose output has ended; ends it and its children when it goes on."""
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        if number is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        try:
            process.wait(5)
            return
        except subprocess.TimeoutExpired:
            continue


def lab(*arguments: str, log: IO[str] | None = None, stdin: str | None = None) -> str:
    """What a command of the lab prints. With `log`, for long ones, its output goes there instead."""
    command: list[str | Path] = [sys.executable, "tests/lab", *arguments]
    if log:
        run(command, log, CLUSTER_LIMIT)
        return ""
    done = subprocess.run(command, cwd=ROOT, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"`tests/lab {' '.join(arguments[:4])}` failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()


# ---- clusters


@contextlib.contextmanager
def cluster(name: str, options: argparse.Namespace, log: IO[str]) -> Iterator[Cluster]:
    """A cluster with the workload running on it; gone afterwards, whatever happens, unless it is to be kept."""
    if name in json.loads(lab("status", "--json"))["clusters"]:
        raise BenchError(f"there is a cluster {name} already. Remove it: `python3 tests/lab down --name {name}`.")
    say(f"{name}: making the cluster ({log.name})")
    begun = time.monotonic()
    try:
        lab(
            *("up", "--name", name, "--workers", str(options.workers), "--version", options.version),
            *("--hops", ",".join(options.hops), "--install", "binary"), log=log,
        )  # fmt: skip
        status = json.loads(lab("status", "--json"))
        made = Cluster(
            name,
            status["clusters"][name]["nodes"],
            Path(lab("inventory", "--name", name, "--connection", "docker", "--path")),
            Path(lab("kubeconfig", "--name", name)),
            status["mirror"],
            options.replicas // 2,
        )
        deploy(made, options)
        say(f"{name}: ready after {time.monotonic() - begun:.0f} s")
        yield made
    finally:
        if options.keep:
            say(f"{name}: kept; remove it with `python3 tests/lab down --name {name}`")
        else:
            lab("down", "--name", name, log=log)


def deploy(made: Cluster, options: argparse.Namespace) -> None:
    """Pods of the cluster's own pause image, which every node has: what is measured is eviction, not a registry."""
    control_plane = next(host for host, node in made.nodes.items() if node["control_plane"])
    on = ("exec", "--name", made.name, control_plane, "--")
    images = lab(*on, "kubeadm", "config", "images", "list", f"--kubernetes-version=v{options.version}").split()
    pause = next(image for image in images if "/pause:" in image)
    kubectl = (*on, "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf")
    manifest = WORKLOAD.replace("@IMAGE@", pause).replace("@REPLICAS@", str(options.replicas))
    lab(*kubectl, "apply", "-f", "-", stdin=manifest)
    lab(*kubectl, "rollout", "status", "deployment/bench", "--timeout=180s")


# ---- the two sides


def by_hand(made: Cluster, options: argparse.Namespace, log: IO[str], folder: Path) -> Side:
    """The documented commands. `steps` are the script's own, as seconds between its "==" lines."""
    marks: list[tuple[float, str]] = []

    def line(text: str) -> None:
        if text.startswith("== "):
            marks.append((time.monotonic(), text[3:]))
            say(f"  {BY_HAND}: {text[3:]}")

    versions = [f"v{version}" for version in options.hops]
    arguments = [made.mirror + "/release", made.control_plane, " ".join(made.workers.values()), *versions]

    def work() -> None:
        run([HERE / "by_hand.sh", *arguments], log, options.limit, line)

    side = observe(BY_HAND, made, work, versions[-1])
    marks.append((time.monotonic(), ""))
    for (begun, name), (ended, _unused) in zip(marks, marks[1:]):
        side.steps[name] = side.steps.get(name, 0.0) + ended - begun
    return side


def playbook(made: Cluster, options: argparse.Namespace, log: IO[str], folder: Path) -> Side:
    """The playbook, as a user runs it. `steps` are its tasks."""

    def line(text: str) -> None:
        if text.startswith(("PLAY [", "TASK [")) and "not in this plan" not in text:
            say(f"  {PLAYBOOK}: {text.rstrip('* ')}")

    variables = {
        "target": options.hops[-1],
        "kubeadm_upgrade_versions": {version.rpartition(".")[0]: version for version in options.hops},
        "kubeadm_upgrade_binary_url": made.mirror + "/release",
    }
    program = Path(sys.executable).parent / "ansible-playbook"
    command: list[str | Path] = [program, "uplift.kubeadm.upgrade", "-i", made.inventory, "-e", json.dumps(variables)]
    tasks = folder / f"{made.name}-tasks.jsonl"
    environment = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", **tasklog.environment(tasks)}

    def work() -> None:
        run(command, log, options.limit, line, environment)

    side = observe(PLAYBOOK, made, work, f"v{options.hops[-1]}")
    entries = tasklog.read(tasks)
    side.tasks = {host: tasklog.tasks_per_hop(entries, host) for host in made.workers}
    side.profile = tasklog.profiles(entries)
    side.steps = {name: profile.seconds for name, profile in side.profile.items()}
    side.between_tasks = tasklog.between_tasks(entries)
    return side


def observe(way: str, made: Cluster, work: Callable[[], None], version: str) -> Side:
    """Do the work under the eyes of an observer; then make sure that all nodes are where they should be."""
    with Observer(made.kubeconfig) as observer:
        begun = time.monotonic()
        work()
        seconds = time.monotonic() - begun
        observer.wait(made.workers.values(), SETTLE)
        ended = time.monotonic()
        behind = [s.node for s in observer.nodes().values() if s.kubelet != version or s.cordoned or not s.ready]
    if behind:
        raise BenchError(f"{way} ended, but {', '.join(behind)} is not in service at {version}.")
    say(f"{made.name}: {way} took {seconds:.0f} s")
    return Side(
        way,
        seconds,
        {host: outages(observer.samples, node) for host, node in made.workers.items()},
        seconds_short(observer.ready, made.budget, ended),
    )


# ---- telling


def ratio(ours: float, theirs: float) -> float | None:
    return ours / theirs if theirs else None


def summary(pairs: list[dict[str, Side]]) -> dict[str, Any]:
    """The figures that the aims are about; sums over all runs, so that a ratio is one of equal amounts of work."""
    theirs, ours = ([pair[way] for pair in pairs] for way in (BY_HAND, PLAYBOOK))
    workers = list(ours[0].outages)

    def both(figure: Callable[[Side], float]) -> dict[str, Any]:
        a, b = sum(map(figure, theirs)), sum(map(figure, ours))
        return {BY_HAND: a / len(pairs), PLAYBOOK: b / len(pairs), "ratio": ratio(b, a)}

    def of(figure: Callable[[Side, str], float], *hosts: str) -> dict[str, Any]:
        return both(lambda side: sum(figure(side, host) for host in hosts))

    return {
        "wall": both(lambda side: side.seconds),
        "out": {**{host: of(Side.out, host) for host in workers}, "all": of(Side.out, *workers)},
        "until_back": {**{host: of(Side.until_back, host) for host in workers}, "all": of(Side.until_back, *workers)},
        "drains": {host: of(lambda side, host: len(side.outages[host]), host) for host in workers},
        "short": both(lambda side: side.short),
        "tasks": max(ran for side in ours for hops in side.tasks.values() for ran, _unused in hops.values()),
        "skipped": max(skipped for side in ours for hops in side.tasks.values() for _unused, skipped in hops.values()),
        "between_tasks": sum(side.between_tasks for side in ours) / len(pairs),
    }


def verdict(value: float | None, aim: float) -> str:
    return f"<= {aim:g}: {'met' if value is not None and value <= aim else 'MISSED'}"


def table(found: dict[str, Any]) -> list[str]:
    """Lines for a person."""

    def row(name: str, figures: dict[str, Any], aim: float | None = None) -> str:
        times = "-" if figures["ratio"] is None else f"{figures['ratio']:.2f}"
        aimed = "" if aim is None else verdict(figures["ratio"], aim)
        return f"{name:<48} {figures[BY_HAND]:>8.1f} {figures[PLAYBOOK]:>9.1f} {times:>6}  {aimed}".rstrip()

    lines = [f"{'':48} {BY_HAND:>8} {PLAYBOOK:>9} {'ratio':>6}  aim", row("wall clock, s", found["wall"], AIM_WALL)]
    lines += [
        row(f"{host}: cordon to uncordon, s", figures, AIM_OUT if host == "all" else None)
        for host, figures in found["out"].items()
    ]
    lines += [row(f"{host}: cordon to Ready at the new version, s", f) for host, f in found["until_back"].items()]
    lines += [row(f"{host}: drains", figures) for host, figures in found["drains"].items()]
    lines.append(row("workload below its budget, s", found["short"]))
    tasks = f"tasks a worker a hop ({found['skipped']} more skipped)"
    return [*lines, f"{tasks:<48} {'-':>8} {found['tasks']:>9} {'-':>6}  {verdict(found['tasks'], AIM_TASKS)}"]


def details(pairs: list[dict[str, Side]]) -> list[str]:
    """Where the time went, of the last run."""
    theirs, ours = pairs[-1][BY_HAND], pairs[-1][PLAYBOOK]
    lines = ["", "By hand, last run: seconds a step"]
    lines += [f"{seconds:8.1f}  {name}" for name, seconds in theirs.steps.items()]
    lines += ["", f"Playbook, last run: tasks; {ours.between_tasks:.1f} s between tasks"]
    return lines + tasklog.profile_table(ours.profile)


def machine() -> str:
    release = subprocess.run(
        [Path(sys.executable).parent / "ansible", "--version"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return f"{os.cpu_count()} processors, {release.stdout.splitlines()[0]}"


def measure(options: argparse.Namespace, folder: Path) -> list[dict[str, Side]]:
    """`--runs` pairs; the side that goes first alternates, so that a warm cache favours neither."""
    pairs = []
    for number in range(options.runs):
        sides = {}
        order = ((BY_HAND, by_hand), (PLAYBOOK, playbook))
        for way, work in order if number % 2 == 0 else reversed(order):
            name = f"bench-{way.replace(' ', '-')}"
            path = folder / f"{name}-{number + 1}.log"
            with open(path, "w", encoding="utf-8") as log, cluster(name, options, log) as made:
                say(f"run {number + 1} of {options.runs}, {way}")
                sides[way] = work(made, options, log, folder)
        pairs.append(sides)
    return pairs


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--version", default="1.24.17", help="version to start at (default: %(default)s)")
    add("--hops", default="1.25.4,1.26.9", type=lambda text: text.split(","), help="default: 1.25.4,1.26.9")
    add("--workers", type=int, default=2, help="default: %(default)s")
    add("--replicas", type=int, default=6, help="pods of the workload (default: %(default)s)")
    add("--runs", type=int, default=1, help="upgrades a side; times vary, so take several (default: %(default)s)")
    add("--limit", type=float, default=2400, help="seconds that one upgrade may take (default: %(default)s)")
    add("--json", type=Path, metavar="FILE", help="write all figures to this file")
    add("--logs", type=Path, metavar="FOLDER", help="where programs' output is kept (default: a temporary folder)")
    add("--keep", action="store_true", help="leave the clusters as they are (with --runs 1)")
    options = parser.parse_args()
    if options.keep and options.runs > 1:
        parser.error("--keep goes with --runs 1: a second run would find the clusters of the first")
    return options


def main() -> int:
    options = parse()
    folder = options.logs or Path(tempfile.mkdtemp(prefix="uplift-kubeadm-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    pairs = measure(options, folder)
    found = summary(pairs)
    path = ", ".join(options.hops)
    print(f"{options.version} to {path}, 1 control plane, {options.workers} workers, {options.replicas} pods")
    print(f"{machine()}; {options.runs} run(s) a side, means")
    print("\n".join(table(found) + details(pairs)))
    if options.json:
        runs = [{way: asdict(side) for way, side in pair.items()} for pair in pairs]
        options.json.write_text(json.dumps({"machine": machine(), "summary": found, "runs": runs}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    # A request to end is handled like Ctrl-C, so that clusters are taken down.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit("bench: interrupted")
