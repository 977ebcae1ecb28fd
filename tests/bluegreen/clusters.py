# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two clusters: blue at 1.24, green at 1.26, the uptime scenario's service on both."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab import cluster as lab_cluster
from lab.paths import cluster_dir
from scenario.kube import Kube, access
from scenario.world import HOPS, VERSION, ScenarioError, say, wait
from uptime.client import ask
from uptime.service import NODE_PORT, REPLICAS, deploy

from .loopback import Balancers

VERSIONS = {"blue": VERSION, "green": HOPS[-1]}
SERVICES, CRON_JOBS = "/api/v1/namespaces/default/services", "/apis/batch/v1/namespaces/default/cronjobs"
SCALE = "/apis/apps/v1/namespaces/default/deployments/web"


class Clusters:
    """Both, and HAProxies on this machine in front of the node ports of all their nodes."""

    title = f"blue {VERSIONS['blue']}, green {VERSIONS['green']}, 1 + 1 nodes each"

    def __init__(self, folder: Path, names: dict[str, str], hold: int) -> None:
        self.kubes = {side: Kube(access(cluster_dir(name) / "kubeconfig"), 30) for side, name in names.items()}
        self.addresses = {
            f"{side}-{node.host}": f"{node.address}:{NODE_PORT}"
            for side, name in names.items()
            for node in lab_cluster.nodes(lab_cluster.require(name))
        }
        variables: dict[str, Any] = {
            "switch_traffic_hold": hold,
            "switch_traffic_blue_api_host": "lb1",
            "switch_traffic_green_api_host": "lb1",
            "switch_traffic_api_become": False,
            **{
                f"switch_traffic_{side}_kubeconfig": str(cluster_dir(name) / "kubeconfig")
                for side, name in names.items()
            },
            **{
                f"switch_traffic_{side}_checks": [
                    f"http://{address}/" for name, address in self.addresses.items() if name.startswith(side)
                ]
                for side in names
            },
        }
        # Which server it was is told in a header: a pod knows only its own name.
        option = "http-response set-header X-Served-By %s"
        environment = {"ANSIBLE_CONFIG": str(Path(__file__).resolve().parents[2] / "ansible.cfg")}
        self.balancers = Balancers(folder, environment, self.addresses, variables, proxies=2, check=True, option=option)

    def deploy(self, side: str) -> None:
        """The service, and a CronJob that would run on both."""
        deploy(self.kubes[side])
        pod = {"restartPolicy": "Never", "containers": [{"name": "report", "image": "registry.k8s.io/pause:3.6"}]}
        cron = {"schedule": "0 3 1 1 *", "jobTemplate": {"spec": {"template": {"spec": pod}}}}
        self.kubes[side].apply(CRON_JOBS, "report", {"metadata": {"name": "report"}, "spec": cron})
        entries = [address.split(":")[0] for name, address in self.addresses.items() if name.startswith(side)]
        wait(f"every node of {side} to answer", lambda: not any(ask(at, NODE_PORT) for at in entries), 90)

    def break_green(self) -> None:
        """No pods any more: connections to the node port are refused."""
        self._scale(0)

    def mend_green(self) -> None:
        self._scale(REPLICAS)
        entries = [address.split(":")[0] for name, address in self.addresses.items() if name.startswith("green")]
        wait("green to answer again", lambda: not any(ask(at, NODE_PORT) for at in entries), 120)
        ready = {"readyReplicas": REPLICAS}.items()
        wait("green's pods", lambda: ready <= self.kubes["green"].get(SCALE)["status"].items(), 120)

    def _scale(self, replicas: int) -> None:
        self.kubes["green"].patient("PATCH", SCALE, {"spec": {"replicas": replicas}})


@contextlib.contextmanager
def clusters(prefix: str, folder: Path, hold: int, keep: bool) -> Iterator[Clusters]:
    """Made for it, and gone afterwards."""
    names = {side: f"{prefix}-{side}" for side in VERSIONS}
    there = [name for name in names.values() if lab_cluster.load(name) is not None]
    if there:
        raise ScenarioError(
            f"There is a cluster {there[0]} already. Remove it: `python3 tests/lab down --name {there[0]}`."
        )
    with contextlib.ExitStack() as stack:
        for side, name in names.items():
            stack.callback(gone, name, keep)  # whatever becomes of it, and of the other one
            lab_cluster.up(lab_cluster.Spec(name, 1, 1, VERSIONS[side], "binary"), [])
        made = Clusters(folder, names, hold)
        stack.callback(made.balancers.stop)
        yield made


def gone(name: str, keep: bool) -> None:
    if keep:
        say(f"the cluster {name} stays; remove it with `python3 tests/lab down --name {name}`")
    else:
        lab_cluster.down(name)
