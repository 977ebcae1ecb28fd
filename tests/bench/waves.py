# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many waves `kubeadm_upgrade_serial: auto` makes of large clusters, against one node at a time, a fifth at a time,
and what is needed at least; and how long it takes to find them.

The cluster is that of crowd.py, with pods strewn over its nodes, three zones, and budgets of several kinds. It is put
into a real API server and read back from there; with --generated it is made into facts at once. README.md says what the
figures are. Progress goes to stderr, the table to stdout.
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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import crowd
import kube
import planning
import system_pods

ONE = "--one"  # how this program calls itself for a measure in a process of its own
FORKS = 50
# Of ten Deployments: as many pods of twenty may be away. None: it has no budget.
BUDGETS: Sequence[int | str | None] = (1, 1, 2, 2, "10%", "25%", "25%", "50%", None, None)
HEADER = (
    "| nodes | pods | one at a time | a fifth at a time | of these too many at once | needed at least | auto "
    "| auto, 50 forks, canary | largest wave | reading s | waves, CPU s | peak MiB |"
)


def say(text: str) -> None:
    print(f"waves: {text}", file=sys.stderr, flush=True)


# ---- the cluster


def cluster(nodes: int, pods: int) -> Iterator[crowd.Write]:
    """crowd.cluster(), its pods of Deployments strewn over the workers, two of one Deployment never on one, and with
    budgets of several kinds. The same for the same numbers."""
    chance = random.Random(nodes)
    workers = range(system_pods.CONTROL_PLANES, nodes)
    places: dict[str, list[int]] = {}
    for path, body, status in crowd.cluster(nodes, pods):
        name = body["metadata"]["name"]
        if path.endswith("/poddisruptionbudgets"):
            most = BUDGETS[int(name.rpartition("-")[2]) % len(BUDGETS)]
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
    """The facts of cluster() without an API server between."""
    from ansible_collections.uplift.kubeadm.plugins.module_utils import _cluster, _cluster_objects, _cluster_pods

    facts: dict[str, Any] = {"version": system_pods.VERSION, "nodes": {}, "volumes": [], "namespaces": [], "unread": []}
    for key in ("pods", "pdbs", "workloads"):
        facts[key] = []
    reader, components = _cluster_pods.PodReader(), []
    for path, body, status in cluster(nodes, pods):
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

    begun = time.monotonic()
    if kubeconfig:
        facts = _cluster_facts.read_for_waves(
            _api.connect({"kubeconfig": kubeconfig, "transport": "stdlib", "api_timeout": 300})
        )
    else:
        facts = generated(nodes, pods)
    read = time.monotonic()
    cutting = time.process_time()
    workers = [name for name, node in sorted(facts["nodes"].items()) if node["role"] == "worker"]
    api = oldest_api_server(facts)
    found = plan_waves(facts, workers, Rules(), api)
    cutting = time.process_time() - cutting
    capped = plan_waves(facts, workers, Rules(canaries=1, forks=FORKS), api)
    mib = planning.peak()
    fifth = max(1, len(workers) // 5)
    batches = [workers[start : start + fifth] for start in range(0, len(workers), fifth)]
    return {
        "nodes": len(facts["nodes"]),
        "pods": len(facts["pods"]),
        "one": len(workers),
        "fifth": len(batches),
        "too_many": sum(len(fitting(facts, batch, Rules(), api)[1]) for batch in batches),
        "least": found.bound,
        "auto": len(found.waves),
        "capped": len(capped.waves),
        "largest": max(len(wave.nodes) for wave in found.waves),
        "read": read - begun,
        "cut": cutting,
        "mib": mib,
    }


def one(collections: Path, nodes: int, pods: int, kubeconfig: Path | None) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, ONE, str(nodes), str(pods), str(kubeconfig or "")],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(collections)},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"The measure failed:\n{done.stderr[-3000:]}")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def row(figures: dict[str, Any]) -> str:
    return (
        "| {nodes:,} | {pods:,} | {one:,} | {fifth} | {too_many:,} | {least} | {auto} | {capped} | {largest} "
        "| {read:.1f} | {cut:.1f} | {mib:.0f} |".format(**figures)
    )


def linked(folder: Path) -> Path:
    """A folder in which Python finds the collection."""
    link = folder / "collections/ansible_collections/uplift/kubeadm"
    link.parent.mkdir(parents=True)
    link.symlink_to(kube.ROOT)
    return folder / "collections"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="500x10000,5000x100000", help="NODESxPODS,…")
    parser.add_argument("--generated", action="store_true", help="without an API server")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="that make objects")
    parser.add_argument("--folder", type=Path, help="where etcd's data goes (some GiB); the system's temporary folder")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    rows = []
    print(HEADER, "|---" * 12 + "|", sep="\n", flush=True)
    for size in options.sizes.split(","):
        nodes, pods = (int(number) for number in size.split("x"))
        with tempfile.TemporaryDirectory(prefix="uplift-waves-", dir=options.folder) as name:
            folder = Path(name)
            collections = linked(folder)
            if options.generated:
                rows.append(one(collections, nodes, pods, None))
            else:
                with kube.running(system_pods.VERSION.lstrip("v"), folder) as kubeconfig:
                    begun = time.monotonic()
                    crowd.put(kubeconfig, collections, crowd.empty(), 1)
                    count = crowd.put(kubeconfig, collections, cluster(nodes, pods), options.processes)
                    say(f"{count:,} objects made in {time.monotonic() - begun:.0f} s")
                    rows.append(one(collections, nodes, pods, kubeconfig))
        print(row(rows[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == [ONE]:
        print(json.dumps(measure(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])))
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that etcd and the API server end, too
        main()
