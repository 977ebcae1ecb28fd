# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edits by hand of kubeadm's add-ons that `kubeadm upgrade apply` will overwrite, as seen from one control plane node.

kubeadm writes the DaemonSet of kube-proxy, the Deployment of CoreDNS and kube-proxy's kubeconfig anew each time. It
keeps CoreDNS' replicas and a Corefile that somebody changed, and kube-proxy's own configuration (config.conf), so these
are not looked at. An add-on that is not there (another kube-proxy, another DNS) is none of its business either.
"""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils import _drift, _render, _running, _yaml
from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

WORKLOADS = {
    ("DaemonSet", "kube-proxy"): "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy",
    ("Deployment", "coredns"): "/apis/apps/v1/namespaces/kube-system/deployments/coredns",
}
PROXY_CONFIG = ("ConfigMap", "kube-proxy")
PROXY_CONFIG_PATH = "/api/v1/namespaces/kube-system/configmaps/kube-proxy"
KUBECONFIG = "kubeconfig.conf"


def drift(
    root: Path, runner: Runner, kubeadm: str, minor: tuple[int, int], wanted: _render.Wanted
) -> list[dict[str, t.Any]]:
    """[{"file": "DaemonSet kube-system/kube-proxy", "lost", "back"}] of those that kubeadm would write otherwise.

    :raises UpliftError: the API server or kubeadm does not say.
    """
    server = _running.Local(root)
    rendered = _render.render_addons(runner, kubeadm, minor, wanted)
    found = []
    for (kind, name), path in WORKLOADS.items():
        live = _live(server, path)
        if live and (kind, name) in rendered:
            found.append((f"{kind} kube-system/{name}", _drift.workload_difference(live, rendered[kind, name])))
    live = _live(server, PROXY_CONFIG_PATH)
    if live and PROXY_CONFIG in rendered:
        what = f"ConfigMap kube-system/kube-proxy, {KUBECONFIG}"
        ours, theirs = (_kubeconfig(item, what) for item in (rendered[PROXY_CONFIG], live))
        found.append((what, _drift.plain_difference(theirs, ours)))
    return [{"file": what, "lost": d.lost, "back": d.back} for what, d in found if d]


def _live(server: _running.Local, path: str) -> dict[str, t.Any] | None:
    try:
        with server.open("kube-apiserver", path) as lines:
            return t.cast("dict[str, t.Any]", json.loads(b"".join(lines)))
    except _running.Refused as exc:
        if exc.status == 404:
            return None
        raise


def _kubeconfig(config_map: t.Mapping[str, t.Any], what: str) -> dict[str, t.Any]:
    content = _yaml.load((config_map.get("data") or {}).get(KUBECONFIG, ""), what)
    if not isinstance(content, dict):
        raise UpliftError(f"{what} holds no kubeconfig.")
    return content
