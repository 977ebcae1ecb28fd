# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several nodes that are to go: cordoned together, drained together, seen to be empty, removed, or given back.

A drain of one node that fails does not end those of the others, which finish what they are at. Whatever fails, the
nodes stay cordoned: they are on their way out, and what has left them must not come back.
"""

from __future__ import annotations

import time
import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.uplift.kubeadm.plugins.module_utils import _cordon, _drain_rules
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Api, ApiError, Object, path_part
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import (
    MIRROR_ANNOTATION,
    is_cordoned,
    is_true,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain import Drain, Report
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_rules import Options
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

AT_ONCE = 20  # nodes whose requests are under way at the same time
_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
T = t.TypeVar("T")


class Drained(t.NamedTuple):
    """How several drains stand. failed: {node: why}. nodes: {node: the report of its drain}."""

    drained: bool
    failed: dict[str, str]
    nodes: dict[str, Report]


def cordon(api: Api, names: t.Sequence[str], dry_run: bool = False) -> dict[str, _cordon.Cordon]:
    """Cordon all of them, with our record; who is cordoned already stays so."""
    return _all(names, lambda name: _cordon.cordon(api, name, dry_run, leaving=True))


def uncordon(api: Api, names: t.Sequence[str], dry_run: bool = False) -> dict[str, _cordon.Cordon]:
    """Lift our cordons; a person's stay, and an upgrade's."""
    return _all(names, lambda name: _cordon.uncordon(api, name, dry_run, leaving=True))


def drain(
    api: Api, names: t.Sequence[str], options: Options, lost: t.Callable[[], str] = lambda: "", dry_run: bool = False
) -> Drained:
    """Drain all of them at once, or a slice of it (options.slice). One that fails is told when the others are through.

    Those that are drained have been looked at once more, and are empty but for DaemonSets, static pods, and pods that
    the options have a drain go on without, as no kubelet of a dead node ends them.
    """

    def one(name: str) -> tuple[Report, str]:
        work = Drain(api, name, options, lost)
        try:
            report = work.forecast() if dry_run else work.run()
            if dry_run or not report.drained:
                return report, ""
            return report, _not_empty(name, remaining(api, _cordon.get_node(api, name), options))
        except UpliftError as error:
            return work.report, str(error)

    with ThreadPoolExecutor(max_workers=max(1, len(names))) as pool:
        results = dict(zip(names, pool.map(one, names)))
    failed = {name: why for name, (_report, why) in results.items() if why}
    reports = {name: report for name, (report, _why) in results.items()}
    return Drained(not failed and all(report.drained for report in reports.values()), failed, reports)


def remaining(api: Api, node: Object, options: Options | None = None) -> list[str]:
    """Pods of a node that are no DaemonSet's and no static pod, as etcd has them; what has ended does not count.

    Nor does a pod of a controller that came after our cordon of the node, which it tolerates: evicted, it would be
    there again at once, so a drain leaves it.

    :param options: of a drain: what it did not wait for, as it was deleted long ago, does not count either.
    """
    now = time.time()
    note = _cordon.record(node, leaving=True)

    def came_after(pod: Object) -> bool:
        late = bool(note.get("at")) and pod["metadata"].get("creationTimestamp", "") > note["at"]
        return late and _cordon.controller(pod) is not None and _drain_rules.comes_back(pod)

    return sorted(
        f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        for pod in _cordon.pods_on(api, node["metadata"]["name"], exact=True)
        if not _cordon.is_daemonset_pod(pod)
        and MIRROR_ANNOTATION not in (pod["metadata"].get("annotations") or {})
        and not _drain_rules.is_finished(pod)
        and not came_after(pod)
        and not (options and _drain_rules.deleted_long_ago(pod, options, now))
    )


def remove(api: Api, name: str, was_reset: bool = False, dry_run: bool = False) -> bool:
    """Delete the Node object; False when there is none.

    :param was_reset: nothing runs on its host, which the cluster only notices when its kubelet has been silent a while.
    :raises UpliftError: it serves, is not empty, or is a control plane that runs.
    """
    node = api.find(f"/api/v1/nodes/{path_part(name)}")
    if node is None:
        return False
    ready = is_true(node, "Ready") and not was_reset
    _require_empty(api, node, ready)
    if _CONTROL_PLANE in (node["metadata"].get("labels") or {}) and ready and _runs_api_server(api, name):
        raise UpliftError(
            f"The node {name} is not removed: its API server runs. Reset the host (kubeadm reset) or turn it off first."
        )
    if not dry_run:
        try:
            api.delete(f"/api/v1/nodes/{path_part(name)}", _precondition(node))
        except ApiError as error:
            if error.status != 404:
                raise
    return True


def require_empty(api: Api, name: str) -> None:
    """:raises UpliftError: the node is there, and not cordoned, or is Ready and not empty."""
    node = api.find(f"/api/v1/nodes/{path_part(name)}")
    if node is not None:
        _require_empty(api, node, is_true(node, "Ready"))


def _require_empty(api: Api, node: Object, ready: bool) -> None:
    name = node["metadata"]["name"]
    if not is_cordoned(node):
        raise UpliftError(f"The node {name} is not removed: it is not cordoned, so it takes pods.")
    left = remaining(api, node) if ready else []  # of a node that is gone, no kubelet will ever end them
    if left:
        raise UpliftError(_not_empty(name, left) + " It is not removed.")


def _precondition(node: Object) -> Object:
    """The UID keeps a node of the same name that has just joined from being deleted for it."""
    return {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": node["metadata"]["uid"]}}


def _runs_api_server(api: Api, name: str) -> bool:
    return any(
        (pod["metadata"].get("labels") or {}).get("component") == "kube-apiserver" and is_true(pod, "Ready")
        for pod in _cordon.pods_on(api, name)
    )


def _not_empty(name: str, left: t.Sequence[str]) -> str:
    if not left:
        return ""
    more = f" and {len(left) - 5} more" if len(left) > 5 else ""
    return f"The node {name} is not empty: {', '.join(left[:5])}{more} run there still."


def _all(names: t.Sequence[str], work: t.Callable[[str], T]) -> dict[str, T]:
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return dict(zip(names, pool.map(work, names)))
