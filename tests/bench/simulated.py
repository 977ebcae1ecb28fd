# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster on loopback in which things happen: kwok plays the kubelets of all nodes, everything else is real.

API server, etcd, scheduler and controller manager are the lab's, as is kwok. Of the controllers those run that make
pods and keep disruption budgets; none that judges nodes, since a busy machine would have it find them dead.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kube
from kube import artifacts

KWOK = "0.7.0"
CONTROLLERS = "deployment,replicaset,daemonset,disruption"
# Milliseconds, at random between the two: from being placed to Ready, and from being told to end to being gone.
STARTS, ENDS = (2000, 4000), (500, 1500)
_UNHURRIED = ("--kube-api-qps=5000", "--kube-api-burst=10000")  # or they would hold themselves back at 20 a second
_END = 3.0  # seconds that they get to end; they keep nothing, and this scheduler does not end before it is killed
_LOOK = 2.0  # seconds between two looks, at least; with many objects three quarters of the time pass between looks
_TELL = 20.0  # seconds between two words of progress

Object = dict[str, Any]


@dataclass(frozen=True)
class Cluster:
    """kubeconfig: of the administrator. programs: what runs, by name; each has its log in folder."""

    kubeconfig: Path
    folder: Path
    programs: Mapping[str, subprocess.Popen[bytes]]

    def check(self) -> None:
        """Raises KubeError when one of the programs has ended."""
        for name, process in self.programs.items():
            if process.poll() is not None:
                end = kube.end_of_log(self.folder, name)
                raise kube.KubeError(f"{name} has ended ({process.returncode}). The end of its log:\n{end}")


@contextlib.contextmanager
def running(version: str, folder: Path) -> Iterator[Cluster]:
    """A cluster without nodes, of that version, with its data in folder. All programs end with the block."""
    programs, kwok = artifacts.ensure(version), artifacts.tool("kwok", KWOK)
    stages = folder / "stages.yaml"
    stages.write_text("\n---\n".join(json.dumps(stage) for stage in pod_stages()))
    with kube.running(version, folder) as kubeconfig, contextlib.ExitStack() as stack:
        access = f"--kubeconfig={kubeconfig}"
        commands = {
            "kube-scheduler": [programs / "kube-scheduler", access, "--leader-elect=false", "--secure-port=0",
                               *_UNHURRIED],
            "kube-controller-manager": [programs / "kube-controller-manager", access, "--leader-elect=false",
                                        "--secure-port=0", f"--controllers={CONTROLLERS}", *_UNHURRIED],
            # Without leases, of which thousands of nodes write hundreds a second: here nobody reads them.
            "kwok": [kwok / "kwok", access, "--manage-all-nodes=true", "--node-lease-duration-seconds=0",
                     f"--config={stages}"],
        }  # fmt: skip
        started = {name: kube.start(stack, folder, name, words, _END) for name, words in commands.items()}
        yield Cluster(kubeconfig, folder, started)


def pod_stages() -> list[Object]:
    """What kwok does with pods: as its own default stages, but it takes its time, as containers do."""
    ready = [
        {"type": kind, "status": "True", "lastTransitionTime": "{{ Now }}"}
        for kind in ("Initialized", "Ready", "ContainersReady")
    ]
    status = {"phase": "Running", "podIP": "{{ PodIP }}", "startTime": "{{ Now }}", "conditions": ready}
    starting = [_when(".metadata.deletionTimestamp", "DoesNotExist"), _when(".status.podIP", "DoesNotExist")]
    ending = [_when(".metadata.deletionTimestamp", "Exists")]
    return [
        _stage("pod-ready", starting, STARTS, {"statusTemplate": json.dumps(status)}),
        _stage("pod-delete", ending, ENDS, {"finalizers": {"empty": True}, "delete": True}),
    ]


def _when(key: str, operator: str) -> Object:
    return {"key": key, "operator": operator}


def _stage(name: str, when: list[Object], takes: tuple[int, int], then: Object) -> Object:
    delay = {"durationMilliseconds": takes[0], "jitterDurationMilliseconds": takes[1]}
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
            "selector": {"matchExpressions": when},
            "delay": delay,
            "next": then,
        },
    }


def wait(
    missing: Callable[[], str], seconds: float, say: Callable[[str], None], check: Callable[[], None] = lambda: None
) -> None:
    """Until nothing is missing any more. Raises KubeError when the time is over, as does check()."""
    begun = told = time.monotonic()
    while True:
        asked = time.monotonic()
        check()
        what = missing()
        now = time.monotonic()
        if not what:
            return
        if now - begun > seconds:
            raise kube.KubeError(f"Waited for {seconds:.0f} s, and still: {what}")
        if now - told > _TELL:
            say(what)
            told = now
        time.sleep(max(_LOOK, (now - asked) * 3))
