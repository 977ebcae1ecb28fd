# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bringing a node to a stand: kubelet stopped, and no pod of it left running.

A kubelet that is older than the one that made a pod's sandbox must not take it up, and a program that remembers what it
read from the cluster must not go on with what is no longer there. So all pods go, and kubelet makes them anew.
"""

from __future__ import annotations

import concurrent.futures
import json
import time
import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._crictl import ANSWER_SECONDS, crictl
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

SOURCE = "kubernetes.io/config.source"  # kubelet's annotation: where it has the pod from
AT_ONCE = 10
GRACE_SECONDS = 30  # a pod's own default
STOP_SECONDS = 60.0
POLL_SECONDS = 0.5


class Sandbox(t.NamedTuple):
    """A pod as the container runtime has it. The static ones are the control plane, and what it is reached through."""

    id: str
    name: str
    namespace: str
    static: bool


class Pods:
    """The pods of this node's container runtime."""

    def __init__(self, runner: Runner, socket: str | None) -> None:
        self.runner = runner
        self.crictl = crictl(socket)

    def sandboxes(self) -> list[Sandbox]:
        """All pods, running or not.

        :raises UpliftError: the runtime does not answer.
        """
        said = self._ask("pods").get("items") or []
        return [
            Sandbox(
                row["id"],
                row["metadata"]["name"],
                row["metadata"]["namespace"],
                (row.get("annotations") or {}).get(SOURCE) == "file",
            )
            for row in said
        ]

    def remove(self, chosen: t.Callable[[Sandbox], bool]) -> tuple[int, list[str]]:
        """End the containers of the chosen pods, then remove the pods: (how many, names of those that stay as shells).

        The network plugin may need the API to take a pod's network down, and the API may be away: such a pod stays as a
        sandbox without containers, which kubelet clears away later. A container that does not end is an error.

        :raises UpliftError: containers of a pod still run.
        """
        going = [sandbox for sandbox in self.sandboxes() if chosen(sandbox)]
        ids = {sandbox.id: sandbox for sandbox in going}
        running = [row["id"] for row in self._running() if row["podSandboxId"] in ids]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._stop, running))
            removed = dict(zip(ids, pool.map(self._remove, ids)))
        self._wait(ids)
        return len(going), sorted(f"{ids[i].namespace}/{ids[i].name}" for i, done in removed.items() if not done)

    def _stop(self, container: str) -> None:
        self.runner.run([*self.crictl, "stop", f"--timeout={GRACE_SECONDS}", container], timeout=GRACE_SECONDS + 60)

    def _remove(self, sandbox: str) -> bool:
        self.runner.run([*self.crictl, "stopp", sandbox], timeout=2 * ANSWER_SECONDS)
        return self.runner.run([*self.crictl, "rmp", "--force", sandbox], timeout=2 * ANSWER_SECONDS).rc == 0

    def _wait(self, ids: t.Mapping[str, Sandbox]) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        while True:
            left = {row["podSandboxId"] for row in self._running()} & set(ids)
            if not left:
                return
            if time.monotonic() > deadline:
                names = ", ".join(sorted(f"{ids[i].namespace}/{ids[i].name}" for i in left))
                raise UpliftError(
                    f"Containers of {names} still run {STOP_SECONDS:g} s after they were told to end. Nothing can be "
                    "restored beside them. Look at them with crictl ps, end them, and run again."
                )
            time.sleep(POLL_SECONDS)

    def _running(self) -> list[dict[str, t.Any]]:
        return self._ask("ps").get("containers") or []

    def _ask(self, what: str) -> dict[str, t.Any]:
        argv = [*self.crictl, what, "--output=json"]
        said = self.runner.must(argv, "Asking the container runtime", timeout=2 * ANSWER_SECONDS).out
        return dict(json.loads(said or "{}"))


def stop_kubelet(runner: Runner) -> bool:
    """Stop kubelet; False when it did not run."""
    if runner.run(["systemctl", "is-active", "kubelet.service"]).out.strip() in ("inactive", "failed"):
        return False
    runner.must(["systemctl", "stop", "kubelet.service"], "Stopping kubelet")
    return True
