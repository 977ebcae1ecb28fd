# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many waves `kubeadm_upgrade_serial: auto` makes of large clusters, against one node at a time, a fifth at a time,
and what is needed at least; how long it takes to find them; and what happens when they are walked.

On a cluster whose kubelets kwok plays, with a real API server, scheduler and controllers (simulated.py, living.py). The
waves are walked there (walk.py) by the collection's own code, with real evictions. README.md says what the figures are.
Progress goes to stderr, tables to stdout. Needs Go the first time, to build kwok.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import crowd
import kube
import living
import planning
import simulated
import system_pods
import walk

ONE = "--one"  # how this program calls itself for a measure in a process of its own
FORKS = 50
# What nodes say after each walk of one cluster; nothing but that they are not the same depends on it.
VERSIONS = ("v1.25.4", "v1.26.9", "v1.27.16")
_FILLS = 3600.0  # seconds that a cluster may take until all of its nodes, and then all of its pods, are Ready
_GRACE = 2 * walk.SETTLES + walk.DRAIN_TIMEOUT  # seconds that a walk may take beyond its limit
HEADER = (
    "| nodes | pods | one at a time | a fifth at a time | of these too many at once | needed at least | auto "
    "| auto, 50 forks, canary | the same with zones and groups | reading, CPU s | waves, CPU s | peak MiB |"
)


def say(text: str) -> None:
    print(f"waves: {text}", file=sys.stderr, flush=True)


# ---- a cluster that is only facts


def strewn(nodes: int, pods: int) -> Iterator[crowd.Write]:
    """crowd.cluster(), its pods of Deployments strewn over the workers, two of one Deployment never on one, and with
    budgets of several kinds; a pool of nodes as in living.py. The same for the same numbers."""
    chance = random.Random(nodes)
    workers = range(system_pods.CONTROL_PLANES, nodes)
    places: dict[str, list[int]] = {}
    for path, body, status in crowd.cluster(nodes, pods):
        name = body["metadata"]["name"]
        if path.endswith("/nodes"):
            body["metadata"]["labels"].update(living.pool_label(int(name.rpartition("-")[2])))
        if path.endswith("/poddisruptionbudgets"):
            most = living.BUDGETS[int(name.rpartition("-")[2]) % len(living.BUDGETS)]
            if most is not None:
                away = -(-crowd.REPLICAS * int(most[:-1]) // 100) if isinstance(most, str) else most
                body["spec"]["maxUnavailable"] = most
                counts = {"desiredHealthy": crowd.REPLICAS - away, "disruptionsAllowed": away}
                yield path, body, {**(status or {}), **counts}
            continue
        if path.endswith("/pods") and not path.endswith("kube-system/pods"):
            owner = body["metadata"]["ownerReferences"][0]["name"]
            if owner not in places:
                places[owner] = chance.sample(workers, min(crowd.REPLICAS, len(workers)))
            body["spec"]["nodeName"] = crowd.node_name(places[owner].pop())
        yield path, body, status


def generated(nodes: int, pods: int) -> dict[str, Any]:
    """The facts of strewn() without an API server between."""
    from ansible_collections.uplift.kubeadm.plugins.module_utils import _cluster, _cluster_objects, _cluster_pods

    facts: dict[str, Any] = {"version": system_pods.VERSION, "nodes": {}, "volumes": [], "namespaces": [], "unread": []}
    for key in ("pods", "pdbs", "workloads"):
        facts[key] = []
    reader, components = _cluster_pods.PodReader(), []
    for path, body, status in strewn(nodes, pods):
        written = {**body, **({"status": status} if status else {})}
        kind = path.rpartition("/")[2]
        if kind == "nodes":
            name, row = _cluster.node_facts(written)
            facts["nodes"][name] = row
        elif kind == "pods":
            row, component = reader(written)
            facts["pods"].append(row)
            components += [component] if component else []
        elif kind == "poddisruptionbudgets":
            facts["pdbs"].append(_cluster_objects._budget(written))
        elif kind == "deployments":
            facts["workloads"].append(_cluster_objects._scaled("Deployment", written))
    facts["workloads"].append({"kind": "DaemonSet", "ns": "kube-system", "name": "kube-proxy"})
    _cluster_pods.add_components(facts["nodes"], components)
    return facts


# ---- in a process of its own


def measure(nodes: int, pods: int, kubeconfig: str) -> dict[str, Any]:
    """Read the cluster, or make its facts, and cut its workers into waves."""
    from ansible_collections.uplift.kubeadm.plugins.module_utils import _api, _cluster_facts
    from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast import oldest_api_server
    from ansible_collections.uplift.kubeadm.plugins.module_utils._waves import fitting, plan_waves
    from ansible_collections.uplift.kubeadm.plugins.module_utils._waves_rules import Rules

    begun = time.process_time()
    if kubeconfig:
        facts = _cluster_facts.read_for_waves(
            _api.connect({"kubeconfig": kubeconfig, "transport": "stdlib", "api_timeout": 300})
        )
    else:
        facts = generated(nodes, pods)
    read = time.process_time()
    workers, api = walk.workers_of(facts), oldest_api_server(facts)
    found = plan_waves(facts, workers, Rules(), api)
    cut = time.process_time()
    as_run = {how: plan_waves(facts, workers, walk.rules_of(how, FORKS), api).waves for how in (walk.AUTO, walk.GROUPS)}
    mib = planning.peak()
    batches = walk.fifths(workers)
    return {
        "nodes": len(facts["nodes"]),
        "pods": len(facts["pods"]),
        "one": len(workers),
        "fifth": len(batches),
        "too_many": sum(len(fitting(facts, batch, Rules(), api).held) for batch in batches),
        "least": found.bound,
        "auto": len(found.waves),
        **{how: len(waves) for how, waves in as_run.items() if how != walk.AUTO},
        "as_run": len(as_run[walk.AUTO]),
        "read": read - begun,
        "cut": cut - read,
        "mib": mib,
    }


def take_a_walk(how: str, kubeconfig: str, version: str, limit: float) -> dict[str, Any]:
    return walk.walk(how, kubeconfig, version, FORKS, limit, lambda text: say(f"{walk.NAMES[how]}: {text}"))


JOBS: dict[str, Callable[..., dict[str, Any]]] = {"measure": measure, "walk": take_a_walk}


def one(collections: Path, seconds: float | None, job: str, *arguments: Any) -> dict[str, Any]:
    """What a job tells; its progress goes where ours does. Raises SystemExit when it fails, or takes too long."""
    try:
        done = subprocess.run(
            [sys.executable, __file__, ONE, job, json.dumps(arguments)], timeout=seconds,
            stdout=subprocess.PIPE, text=True, check=False, env={**os.environ, "PYTHONPATH": str(collections)},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise SystemExit(f"The job «{job}» did not end within {seconds:.0f} s.") from None
    if done.returncode:
        raise SystemExit(f"The job «{job}» failed, as told above.")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


# ---- one cluster


def row(figures: dict[str, Any]) -> str:
    return (
        "| {nodes:,} | {pods:,} | {one:,} | {fifth} | {too_many:,} | {least} | {auto} | {as_run} | {groups} "
        "| {read:.1f} | {cut:.1f} | {mib:.0f} |".format(**figures)
    )


def table(header: str, *rows: str) -> None:
    print(header, "|---" * (header.count("|") - 1) + "|", *rows, sep="\n", flush=True)


def linked(folder: Path) -> Path:
    """A folder in which Python finds the collection."""
    link = folder / "collections/ansible_collections/uplift/kubeadm"
    link.parent.mkdir(parents=True)
    link.symlink_to(kube.ROOT)
    return folder / "collections"


def fill(cluster: simulated.Cluster, collections: Path, nodes: int, pods: int, options: argparse.Namespace) -> None:
    """Until all pods are Ready where the scheduler has placed them."""
    sys.path.insert(0, str(collections))
    from ansible_collections.uplift.kubeadm.plugins.module_utils import _api

    api = _api.connect({"kubeconfig": str(cluster.kubeconfig), "transport": "stdlib", "api_timeout": 120})
    begun = time.monotonic()
    crowd.put(cluster.kubeconfig, collections, living.nodes(nodes, pods), options.processes)
    simulated.wait(lambda: living.nodes_missing(api, nodes), _FILLS, say, cluster.check)
    say(f"{nodes:,} nodes are Ready after {time.monotonic() - begun:.0f} s")
    crowd.put(cluster.kubeconfig, collections, living.workloads(nodes, pods), 1)  # in order: a namespace comes first
    simulated.wait(lambda: living.unsettled(api), _FILLS, say, cluster.check)
    say(f"all pods are Ready after {time.monotonic() - begun:.0f} s")


def lived(nodes: int, pods: int, folder: Path, options: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """(job, its figures), as they come."""
    collections = linked(folder)
    with simulated.running(system_pods.VERSION.lstrip("v"), folder) as cluster:
        fill(cluster, collections, nodes, pods, options)
        kubeconfig = str(cluster.kubeconfig)
        yield "measure", one(collections, None, "measure", nodes, pods, kubeconfig)
        for how, version in zip(options.walk, VERSIONS, strict=False):
            cluster.check()
            yield "walk", one(collections, options.limit + _GRACE, "walk", how, kubeconfig, version, options.limit)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Counts the waves of kubeadm_upgrade_serial: auto on large clusters, and walks them on simulated "
        "ones (kwok, with a real control plane). tests/bench/README.md says what the figures are."
    )
    walks = [walk.AUTO, walk.GROUPS, walk.FIFTH]
    parser.add_argument("--sizes", default="500x10000", help="NODESxPODS,… (500x10000)")
    parser.add_argument("--walk", nargs="*", choices=walks, default=walks, help="what to walk, in this order; nothing")
    parser.add_argument("--limit", type=float, default=3600, help="seconds of a walk (3600)")
    parser.add_argument("--generated", action="store_true", help="without a cluster: facts are made, nothing is walked")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="that make nodes")
    parser.add_argument("--folder", type=Path, help="where etcd's data goes (some GiB); the system's temporary folder")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    kept: list[dict[str, Any]] = []
    for size in options.sizes.split(","):
        nodes, pods = (int(number) for number in size.split("x"))
        with tempfile.TemporaryDirectory(prefix="uplift-waves-", dir=options.folder) as name:
            if options.generated:
                kept.append(one(linked(Path(name)), None, "measure", nodes, pods, ""))
                table(HEADER, row(kept[-1]))
                continue
            for job, figures in lived(nodes, pods, Path(name), options):
                kept.append(figures)
                if job == "measure":
                    table(HEADER, row(figures))
                    print()
                elif figures["how"] == options.walk[0]:
                    table(walk.HEADER, walk.row(nodes, figures))
                else:
                    print(walk.row(nodes, figures), flush=True)
                if options.json:
                    options.json.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    try:
        if sys.argv[1:2] == [ONE]:
            print(json.dumps(JOBS[sys.argv[2]](*json.loads(sys.argv[3]))))
        else:
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that etcd and all other programs end, too
            main()
    except kube.KubeError as e:
        sys.exit(str(e))
