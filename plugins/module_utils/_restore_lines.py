# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore will do and what will be lost, in lines for the person who has to say yes. Pure."""

from __future__ import annotations

import typing as t

SHOWN = 8  # kinds of objects named in a line
PODS = {
    True: "Every pod of the cluster is stopped, and started anew.",
    False: "Pods go on, and clients in them list anew.",
}
LIFTED = "etcd's revision is lifted, so that clients outside of the cluster notice and list anew."
GOES_BACK = (
    "etcd's revision goes back: clients outside of the cluster (GitOps, dashboards, controllers) that stay connected "
    "miss changes until it has caught up. Restart them afterwards, or give an etcdutl of 3.5.21 or later, which lifts "
    "it (kubeadm_upgrade_restore_etcdutl)."
)


def restore_lines(
    verified: t.Mapping[str, t.Any],
    backups: t.Mapping[str, t.Mapping[str, t.Any]],
    nodes: t.Mapping[str, t.Mapping[str, t.Any]],
    pods_go: bool,
) -> list[str]:
    """Lines about a restore that was not begun.

    verified: what `etcd_snapshot` with state=verified returned. backups, nodes: {host: what `node_restore` with
    step=examine, and `node_info`, returned}. pods_go: whether every pod is started anew.
    """
    manifest = verified["manifest"]
    etcd = manifest["etcd"]
    return [
        f"Backup {manifest['id']}, taken {manifest['taken']}: Kubernetes {manifest.get('kubernetes', '?')}, etcd "
        f"{etcd['version']} at revision {etcd['revision']} with {etcd['keys']} keys. An "
        "etcd started from it serves them.",
        *_lost(verified),
        *_programs(backups, nodes),
        f"The API is away while it is restored. {PODS[pods_go]}",
        LIFTED if _bumped(backups) else GOES_BACK,
        *_damaged(backups),
        *sorted({line for backup in backups.values() for line in backup.get("told") or ()}),
        *_next(manifest["id"], backups),
    ]


def _lost(verified: t.Mapping[str, t.Any]) -> list[str]:
    since = verified.get("since")
    if since is None:
        return [
            "What was written since cannot be told, since no etcd answers here "
            f"({str(verified.get('silent') or '').rstrip('.')}). All of it will be lost."
        ]
    if not since["written"] and not since["removed"]:
        return [f"Lost: no object was written or removed since ({since['revisions']} revisions of events and leases)."]
    lines = []
    if since["written"]:
        lines.append(f"Lost: what was created or changed since, {_kinds(since['written'])}.")
    if since["removed"]:
        lines.append(f"Back again: what was removed since, {_kinds(since['removed'])}.")
    return lines


def _kinds(table: t.Mapping[str, int]) -> str:
    rows = sorted(table.items(), key=lambda row: (-row[1], row[0]))
    shown = ", ".join(f"{number} {kind}" for kind, number in rows[:SHOWN])
    rest = sum(number for _kind, number in rows[SHOWN:])
    return shown + (f" and {rest} of {len(rows) - SHOWN} other kinds" if rest else "")


def _programs(
    backups: t.Mapping[str, t.Mapping[str, t.Any]], nodes: t.Mapping[str, t.Mapping[str, t.Any]]
) -> list[str]:
    """A line for each pair of versions, with the nodes that make that step."""
    steps: dict[tuple[str, str], list[str]] = {}
    for host, backup in backups.items():
        now, then = nodes[host]["node"].get("kubelet"), backup["node"].get("kubelet")
        if now != then:
            steps.setdefault((str(now), str(then)), []).append(host)
    return [f"kubelet, kubeadm and kubectl go back from {a} to {b} on {', '.join(h)}." for (a, b), h in steps.items()]


def _damaged(backups: t.Mapping[str, t.Mapping[str, t.Any]]) -> list[str]:
    hosts = [host for host, backup in backups.items() if backup.get("damage")]
    told = f"The snapshot on {', '.join(hosts)} is damaged; it is brought there anew from a member that has it whole."
    return [told] if hosts else []


def _bumped(backups: t.Mapping[str, t.Mapping[str, t.Any]]) -> bool:
    holders = [backup for backup in backups.values() if backup.get("has_snapshot")]
    return bool(holders) and all(backup["bumps"] for backup in holders)


def _next(name: str, backups: t.Mapping[str, t.Mapping[str, t.Any]]) -> list[str]:
    others = [f"{host} ({backup['id']})" for host, backup in backups.items() if backup["id"] != name]
    told = f"That hop left these nodes alone, so their files are those of their next backup: {', '.join(others)}."
    return [told] if others else []
