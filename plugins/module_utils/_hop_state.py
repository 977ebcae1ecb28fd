# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A hop failed at a control plane node: what state is the node in, does it serve, and what to do next. Pure.

kubeadm puts old static pods back while its own process lives, and not otherwise: its list of what to recover is in that
process (cmd/kubeadm/app/phases/upgrade/staticpods.go). So what it did is read off the manifests and its last words.
"""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._running import KUBERNETES_PROGRAMS

# kubeadm's own words (staticpods.go, rollbackOldManifests and performEtcdStaticPodUpgrade).
ROLLED_BACK = "kubeadm has tried to recover everything into the earlier state"
ETCD_DATA_BACK = "Rolling back etcd data"


class HopState(t.NamedTuple):
    """`state` is running, old, rolled_back, mixed or new; `serves` whether the API server of this node does."""

    state: str
    serves: bool
    etcd_data_replaced: bool
    text: str


def hop_state(node: t.Mapping[str, t.Any], version: str, said: str) -> HopState:
    """What a failed run of kubeadm left.

    node: the facts of the node, read after the failure. version: what the hop was to bring. said: kubeadm's last words,
    or all of its log.
    """
    tags = {name: _tag(node["manifests"].get(name, "")) for name in KUBERNETES_PROGRAMS}
    new = [name for name, tag in tags.items() if tag == version]
    state = _state(node, new, said)
    healthy = node.get("healthy") or {}
    serves = bool(healthy.get("kube-apiserver"))
    replaced = ETCD_DATA_BACK in said
    told = [
        {
            "running": "kubeadm is still at work there; the next run waits for it and takes its result.",
            "old": f"Its static pods are those of before: kubeadm had not begun to replace them with {version}.",
            "rolled_back": "kubeadm put its old static pods back before it ended.",
            "mixed": f"kubeadm ended in the middle and put nothing back: {_list(new)} {_are(new)} at {version}, "
            f"{_list(sorted(set(tags) - set(new)))} not.",
            "new": f"All of its static pods are at {version}: what failed came after them (ConfigMaps, add-ons, the "
            "kubelet's configuration).",
        }[state]
    ]
    if replaced:
        told.append(
            "kubeadm also put back its copy of etcd's data, which it had made while etcd was running, and which is no "
            "backup: compare the members (etcdctl endpoint hashkv --cluster) before you go on, and if they differ, or "
            "objects are missing, restore the backup that was taken before this hop (docs/backup.md)."
        )
    told.append(_serving(healthy, node.get("unread") or {}, serves))
    told.append(_next(state, serves))
    return HopState(state, serves, replaced, " ".join(told))


def _state(node: t.Mapping[str, t.Any], new: t.Sequence[str], said: str) -> str:
    if (node.get("kubeadm_unit") or {}).get("state") == "running":
        return "running"
    if not new:
        return "rolled_back" if ROLLED_BACK in said else "old"
    return "new" if len(new) == len(KUBERNETES_PROGRAMS) else "mixed"


def _serving(healthy: t.Mapping[str, bool], unread: t.Mapping[str, str], serves: bool) -> str:
    down = [name for name, well in healthy.items() if not well]
    if not down and serves:
        return "The API server there serves, and all programs beside it are healthy."
    why = " ".join(f"({unread[name]})" for name in down if unread.get(name))
    if serves:
        return f"The API server there serves, but {_list(down)} {_are(down)} not healthy. {why}".rstrip()
    return f"The API server there does not serve; not healthy: {_list(down) or 'it has no manifest'}. {why}".rstrip()


def _next(state: str, serves: bool) -> str:
    if state == "running" or serves:
        return "Mend what the message names, then run the same command again: it goes on from this state."
    return (
        "With several control planes the others serve meanwhile. Look at `crictl ps -a`, `crictl logs` and `journalctl "
        "-u kubelet` on it; when its programs are mended, run the same command again. If they cannot be, the backup of "
        "before this hop brings the cluster back (docs/backup.md)."
    )


def _tag(image: str) -> str:
    return image.partition("@")[0].rpartition(":")[2]


def _list(names: t.Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _are(names: t.Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
