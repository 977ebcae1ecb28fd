# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan costs, by number of nodes and pods: reading the cluster (seconds, peak memory, requests), planning and
checking it; and the removed-API scan.

Against a real API server and etcd with objects made through the API (kube.py, crowd.py), or, with --kubeconfig, against
a cluster that is there, of which it only reads. README.md says what the figures are. Progress goes to stderr, tables to
stdout.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import crowd
import kube
import planning

AIM_SECONDS, AIM_MIB, AIM_RATIO = 60, 1024, 1.5
VERSION = "1.24.17"
ONE = "--one"  # how this program calls itself for a measure in a process of its own


def say(text: str) -> None:
    print(f"facts: {text}", file=sys.stderr, flush=True)


# ---- in a process of its own


def read_facts(kubeconfig: str, folder: str) -> dict[str, Any]:
    """Read and write the facts, as cluster_info does, and load them, as those do who need them."""
    from ansible_collections.uplift.kubeadm.plugins.module_utils import _cluster, _cluster_facts

    api, requests = _counted(kubeconfig)
    path = str(Path(folder) / "facts.json")
    begun = time.monotonic()
    facts = _cluster_facts.read(api)
    read = time.monotonic()
    sha256 = _cluster.write(facts, path)
    written = time.monotonic()
    if facts["unread"]:
        raise SystemExit(f"Not everything was read: {facts['unread']}")
    return {
        "nodes": len(facts["nodes"]),
        "pods": len(facts["pods"]),
        "read": read - begun,
        "write": written - read,
        "mib": planning.peak(),
        "sha256": sha256,
        "requests": len(requests),
        "file_mib": os.path.getsize(path) / 1024**2,
    }


def load_facts(_kubeconfig: str, folder: str) -> dict[str, Any]:
    from ansible_collections.uplift.kubeadm.plugins.module_utils import _cluster

    begun = time.monotonic()
    _cluster.load(str(Path(folder) / "facts.json"))
    return {"load": time.monotonic() - begun, "load_mib": planning.peak()}


def scan(kubeconfig: str, _folder: str) -> dict[str, Any]:
    """The removed-API scan alone, and how many objects it found to be written through an old version."""
    from ansible_collections.uplift.kubeadm.plugins.module_utils import _cluster_writes, _reading

    api, requests = _counted(kubeconfig)
    found = _cluster_writes.read(_reading.Reading(api), f"v{VERSION}")
    return {"found": len(found), "requests": len(requests)}


class _Counted:
    """A transport that keeps the paths of its requests."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.server, self.kubeconfig = transport.server, transport.kubeconfig
        self.requests: list[str] = []

    def request(self, method: str, path: str, *rest: Any) -> Any:
        self.requests.append(path)
        return self._transport.request(method, path, *rest)


def _counted(kubeconfig: str) -> tuple[Any, list[str]]:
    """The API, and the list in which its requests appear."""
    from ansible_collections.uplift.kubeadm.plugins.module_utils import _api

    transport = _Counted(_api.StdlibTransport(kubeconfig))
    return _api.Api(transport, 300), transport.requests


JOBS = {"read": read_facts, "load": load_facts, "scan": scan}


# ---- the measures


class Bench:
    """Runs measures, each in a process of its own, so that each has its own peak of memory."""

    def __init__(self, folder: Path, kubeconfig: Path) -> None:
        self.folder, self.kubeconfig = folder, kubeconfig
        self.collections = folder / "collections"
        link = self.collections / "ansible_collections/uplift/kubeadm"
        if not link.exists():
            link.parent.mkdir(parents=True)
            link.symlink_to(kube.ROOT)

    def one(self, job: str) -> tuple[dict[str, Any], float]:
        """What a job tells, and the seconds that its whole process took."""
        command = [sys.executable, __file__, ONE, job, str(self.kubeconfig), str(self.folder)]
        begun = time.monotonic()
        done = subprocess.run(
            command, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(self.collections)},
        )  # fmt: skip
        seconds = time.monotonic() - begun
        if done.returncode:
            raise SystemExit(f"The measure «{job}» failed:\n{done.stderr[-3000:]}")
        return json.loads(done.stdout), seconds

    def kubectl(self, kinds: list[str]) -> float:
        """Seconds of `kubectl get` of these kinds in all namespaces."""
        kubectl = kube.artifacts.ensure(VERSION) / "kubectl"
        command = [str(kubectl), f"--kubeconfig={self.kubeconfig}", "get", ",".join(kinds), "--all-namespaces"]
        begun = time.monotonic()
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        seconds = time.monotonic() - begun
        if done.returncode:
            raise SystemExit(f"`{' '.join(command)}` failed: {done.stderr}")
        return seconds


def header() -> None:
    print("| nodes | pods | seconds | of them writing | peak MiB | requests | file MiB | loading s | loading MiB |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)


def row(bench: Bench) -> dict[str, Any]:
    figures, seconds = bench.one("read")
    loaded, _seconds = bench.one("load")
    figures.update(loaded, seconds=seconds)
    print(
        "| {nodes:,} | {pods:,} | {seconds:.1f} | {write:.1f} | {mib:.0f} | {requests} | {file_mib:.1f} | {load:.1f} "
        "| {load_mib:.0f} |".format(**figures),
        flush=True,
    )
    return figures


def plan_row(bench: Bench, figures: dict[str, Any]) -> None:
    """Plan and check the cluster that row() has just read, and add what that costs to its figures."""
    figures.update(
        planning.measure(bench.collections, figures["nodes"], bench.folder / "facts.json", figures["sha256"])
    )
    figures["in_all"] = figures["seconds"] + figures["plan"] + figures["check"]
    figures["in_all_mib"] = max(figures[key] for key in ("mib", "load_mib", "plan_mib", "check_mib"))
    say("{nodes:,} nodes: planned in {plan:.1f} s, checked in {check:.1f} s: {findings}".format(**figures))


def plan_table(rows: Sequence[dict[str, Any]]) -> None:
    print(
        "\n| nodes | pods | drains | planning s | MiB | arguments MiB | answer MiB | checking s | MiB | arguments MiB "
        "| answer MiB | findings | plan in all s | peak MiB |"
    )
    print("|---" * 14 + "|")
    for figures in rows:
        told = {**figures, "findings": sum(figures["findings"][kind] for kind in ("blockers", "warnings", "infos"))}
        print(
            "| {nodes:,} | {pods:,} | {drains:,} | {plan:.1f} | {plan_mib:.0f} | {plan_sent:.1f} | {plan_answered:.1f} "
            "| {check:.1f} | {check_mib:.0f} | {check_sent:.1f} | {check_answered:.1f} | {findings} | {in_all:.1f} "
            "| {in_all_mib:.0f} |".format(**told),
            flush=True,
        )


def verdict(figures: Mapping[str, Any]) -> str:
    """Whether a row is within the aims: the plan in all, or the reading alone where nothing was planned."""
    planned = "in_all" in figures
    seconds = figures["in_all" if planned else "seconds"]
    mib = figures["in_all_mib"] if planned else max(figures["mib"], figures["load_mib"])
    kept = "within" if seconds <= AIM_SECONDS and mib <= AIM_MIB else "NOT within"
    what = f"{'plan in all' if planned else 'reading'} {seconds:.1f} s, {mib:.0f} MiB"
    return f"{figures['nodes']:,} nodes: {what}: {kept} {AIM_SECONDS} s and {AIM_MIB} MiB"


def scan_against_kubectl(bench: Bench, runs: int) -> float:
    """Seconds of the scan over those of `kubectl get` of the kinds that it lists; the median of pairs of runs."""
    ratios = []
    kinds = list(crowd.SCANNED)
    for _run in range(runs):
        figures, scanning = bench.one("scan")
        getting = bench.kubectl(kinds)
        ratios.append(scanning / getting)
        print(
            f"removed-API scan: {scanning:.2f} s, {figures['requests']} requests, {figures['found']} old writes; "
            f"kubectl get of {len(kinds)} of its kinds: {getting:.2f} s; ratio {scanning / getting:.2f}",
            flush=True,
        )
    return statistics.median(ratios)


@contextlib.contextmanager
def made(options: argparse.Namespace) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="uplift-facts-", dir=options.folder) as name:
        folder = Path(name)
        if options.kubeconfig:
            yield Bench(folder, options.kubeconfig.resolve())
            return
        with kube.running(VERSION, folder) as kubeconfig:
            yield Bench(folder, kubeconfig)


def grow(bench: Bench, writes: Iterator[crowd.Write], what: str, processes: int) -> None:
    begun = time.monotonic()
    count = crowd.put(bench.kubeconfig, bench.collections, writes, processes)
    say(f"{what}: {count:,} objects made in {time.monotonic() - begun:.0f} s")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="500x10000,5000x100000", help="NODESxPODS,… each at least the one before")
    parser.add_argument("--scanned", type=int, default=10_000, help="objects for the removed-API scan; 0 leaves it out")
    parser.add_argument("--runs", type=int, default=3, help="pairs of scan and kubectl get")
    parser.add_argument("--kubeconfig", type=Path, help="measure a cluster that is there, and make nothing")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="that make objects")
    parser.add_argument("--folder", type=Path, help="where etcd's data goes (some GiB); the system's temporary folder")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    sizes = [tuple(int(number) for number in size.split("x")) for size in options.sizes.split(",")]
    rows = []
    ratio = None
    with made(options) as bench:
        if options.kubeconfig:
            header()
            rows.append(row(bench))
        else:
            grow(bench, crowd.empty(), "empty cluster", 1)  # by one process: the others need its namespaces
            if options.scanned:
                grow(bench, crowd.scanned(options.scanned), "for the scan", options.processes)
                ratio = scan_against_kubectl(bench, options.runs)
            before = (0, 0)
            header()
            for nodes, pods in sizes:
                what = f"{nodes:,} nodes, {pods:,} pods"
                grow(bench, crowd.cluster(nodes, pods, *before), what, options.processes)
                rows.append(row(bench))
                plan_row(bench, rows[-1])
                before = (nodes, pods)
            plan_table(rows)
    for figures in rows:
        say(verdict(figures))
    if ratio is not None:
        say(f"scan: {ratio:.2f} times kubectl get (aim: at most {AIM_RATIO})")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "scan": ratio}, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == [ONE]:
        print(json.dumps(JOBS[sys.argv[2]](*sys.argv[3:5])))
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that etcd and the API server end, too
        main()
