# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edits by hand that kubeadm will overwrite, and patches that are not on every control plane node."""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._detect_facts import control_planes
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Check, Context, Finding
from ansible_collections.uplift.kubeadm.plugins.module_utils._seen import seen as cut

KUBELET = "/var/lib/kubelet/config.yaml"
RECONFIGURE = "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-reconfigure/"
PATCHES = "https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/control-plane-flags/#patches"
MOST_LINES = 20


def drift(ctx: Context) -> t.Iterator[Finding]:
    """A finding for each file that is not as kubeadm would write it."""
    if not ctx.minors:
        return
    for name, node in ctx.nodes.items():
        for row in node.get("drift") or ():
            yield _edited(name, row)


def _edited(node: str, row: t.Mapping[str, t.Any]) -> Finding:
    lost, back = list(row.get("lost") or ()), list(row.get("back") or ())
    lines = [f"{node}: {row['file']}: lost: {line.strip()}" for line in lost]
    lines += [f"{node}: {row['file']}: written: {line.strip()}" for line in back]
    return Finding(
        id=f"drift:{node}:{row['file']}",
        severity="warning" if lost else "info",
        title=f"kubeadm will overwrite edits in {row['file']} on {node}",
        seen=cut(lines, MOST_LINES) or (f"{node}: {row['file']}",),
        why="kubeadm writes the file anew at each hop, from the configuration that it keeps in the cluster. What was "
        "edited in the file alone is then gone, without a word.",
        fix=_fix(str(row["file"])),
        source=RECONFIGURE,
    )


def _fix(file: str) -> str:
    if file == KUBELET:
        return (
            "To keep it: put it into ConfigMap kube-system/kubelet-config, when it is for all nodes, or into a "
            "kubeadm patch kubeletconfiguration+merge.yaml in the directory of kubeadm_upgrade_patches on this node."
        )
    if file.startswith("/etc/kubernetes/manifests/"):
        return (
            "To keep it: put flags and volumes into extraArgs and extraVolumes of ConfigMap "
            "kube-system/kubeadm-config, and everything else into a kubeadm patch in the directory of "
            "kubeadm_upgrade_patches."
        )
    return "To keep it: write it again after each hop (kubeadm_upgrade_hook_after_hop), or put it into a kubeadm patch."


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
