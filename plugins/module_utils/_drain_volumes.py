# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The volumes of pods that leave a node: attached until the attach-detach controller has taken them off it."""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Api, Object, path_part
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_rules import Pod, key_of

ATTACHMENTS = "/apis/storage.k8s.io/v1/volumeattachments"


def claims_leaving(pods: t.Collection[Pod]) -> set[str]:
    """ "namespace/name" of the claims that no pod uses which stays: such a volume stays attached."""
    leaving = {claim for pod in pods if pod.leaves for claim in pod.claims}
    staying = {claim for pod in pods if not pod.leaves for claim in pod.claims}
    return leaving - staying


def attached(api: Api, node: str, claims: t.Collection[str]) -> dict[str, str]:
    """VolumeAttachments of these claims on a node -> "PV of the claim NAMESPACE/NAME"."""
    if not claims:
        return {}
    found = {}
    for attachment in api.list(ATTACHMENTS, {"resourceVersion": "0"}, keep=lambda obj: _on(obj, node)):
        if attachment is None:
            continue
        name, volume = attachment
        claim = _claim(api, volume)
        if claim in claims:
            found[name] = f"{volume} of the claim {claim}"
    return found


def still_attached(api: Api, volumes: t.Mapping[str, str]) -> dict[str, str]:
    return {name: what for name, what in volumes.items() if api.find(f"{ATTACHMENTS}/{path_part(name)}")}


def _on(attachment: Object, node: str) -> tuple[str, str] | None:
    """(name, PersistentVolume) of an attachment to this node."""
    spec = attachment["spec"]
    volume = (spec.get("source") or {}).get("persistentVolumeName")
    return (attachment["metadata"]["name"], volume) if volume and spec["nodeName"] == node else None


def _claim(api: Api, volume: str) -> str | None:
    obj = api.find(f"/api/v1/persistentvolumes/{path_part(volume)}") or {}
    reference = (obj.get("spec") or {}).get("claimRef")
    return key_of({"metadata": reference}) if reference else None
