# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edits by hand that kubeadm will overwrite, and patches that are not on every control plane node."""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._detect_facts import control_planes, mapping
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Check, Context, Finding, Unchecked
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import listing
from ansible_collections.uplift.kubeadm.plugins.module_utils._seen import seen as cut

KUBELET = "/var/lib/kubelet/config.yaml"
RECONFIGURE = "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-reconfigure/"
PATCHES = "https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/control-plane-flags/#patches"
KUBECONFIG = "kubeconfig.conf"  # a key of kube-proxy's ConfigMap
MOST_LINES = 20


def drift(ctx: Context) -> t.Iterator[Finding | Unchecked]:
    """A finding for each file that is not as kubeadm would write it."""
    if not ctx.minors:
        return
    silent = [
        name
        for name, node in ctx.nodes.items()
        if node.get("drift") is None and "drift" not in mapping(node.get("unread"))
    ]
    if silent:
        why = f"Edits by hand that kubeadm would overwrite were not looked for on {listing(silent)}."
        yield Unchecked("drift", why)
    edits: dict[str, dict[str, dict[str, None]]] = {}  # {file: {line: nodes}}
    for name, node in ctx.nodes.items():
        for row in node.get("drift") or ():
            lines = edits.setdefault(row["file"], {})
            for what, found in (("lost", row.get("lost")), ("written", row.get("back"))):
                for line in found or ():
                    lines.setdefault(f"{what}: {line.strip()}", {})[name] = None
    for file, lines in edits.items():
        yield _edited(file, lines)


def _edited(file: str, lines: t.Mapping[str, t.Mapping[str, None]]) -> Finding:
    """lines: {"lost: LINE" or "written: LINE": nodes}."""
    lost_first = sorted(lines, key=lambda line: not line.startswith("lost: "))
    title, seen = file, [f"{file}: {line}" for line in lost_first]
    if file.startswith("/"):  # else an object of the cluster, which every control plane node tells alike
        nodes = list(dict.fromkeys(node for where in lines.values() for node in where))
        title = f"{file} on {listing(nodes, 3)}"
        seen = [f"{listing(list(lines[line]), 5)}: {file}: {line}" for line in lost_first]
    return Finding(
        id=f"drift:{file.replace(', ', '/').replace(' ', '/')}",
        severity="warning" if any(line.startswith("lost: ") for line in lines) else "info",
        title=f"kubeadm will overwrite edits in {title}",
        seen=cut(seen, MOST_LINES) or (file,),
        why="kubeadm writes it anew at each hop, from the configuration that it keeps in the cluster. What was "
        "edited there alone is then gone, without a word.",
        fix=_fix(file),
        source=RECONFIGURE,
    )


def _fix(file: str) -> str:
    if file == KUBELET:
        return (
            "To keep it: put it into ConfigMap kube-system/kubelet-config, when it is for all nodes, or into a "
            "kubeadm patch kubeletconfiguration+merge.yaml in the directory of kubeadm_upgrade_patches on these nodes."
        )
    if file.startswith("/etc/kubernetes/manifests/"):
        return (
            "To keep it: put flags and volumes into extraArgs and extraVolumes of ConfigMap "
            "kube-system/kubeadm-config, and everything else into a kubeadm patch in the directory of "
            "kubeadm_upgrade_patches."
        )
    again = "write it again after each hop (kubeadm_upgrade_hook_after_hop)"
    if file.endswith(KUBECONFIG):
        return (
            f"To keep it: set the address in controlPlaneEndpoint of ConfigMap kube-system/kubeadm-config, or {again}."
        )
    if file.startswith("DaemonSet"):
        return (
            "To keep it: what kube-proxy's configuration can say belongs into config.conf of ConfigMap "
            f"kube-system/kube-proxy, which kubeadm keeps. Else {again}: kubeadm has no patch for it."
        )
    return f"To keep it: from 1.32 on, put it into a kubeadm patch with the target corednsdeployment. Before, {again}."


def uneven_patches(ctx: Context) -> t.Iterator[Finding]:
    """Folders of kubeadm patches that some control plane nodes have, and others have not."""
    planes = control_planes(ctx)
    folders = sorted({folder for node in planes for folder in ctx.nodes[node].get("patches_found") or ()})
    seen = []
    for folder in folders:
        without = [node for node in planes if folder not in (ctx.nodes[node].get("patches_found") or ())]
        if without:
            having = [node for node in planes if node not in without]
            seen.append(f"{folder}: on {', '.join(having)}; not on {', '.join(without)}")
    if seen:
        yield Finding(
            id="patches-uneven",
            severity="warning",
            title="kubeadm patches are on some control plane nodes only",
            seen=tuple(seen),
            why="kubeadm takes its patches from the node that it runs on: where they are missing, it writes static "
            "pods without them.",
            fix="Copy the folder to all control plane nodes, or remove it where it is left over.",
            source=PATCHES,
        )


CHECKS: tuple[Check, ...] = (drift, uneven_patches)
