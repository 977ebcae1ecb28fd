# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Notes of an upgrade in a ConfigMap: what must outlive a killed run and cannot be read off the cluster."""

from __future__ import annotations

from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Api, ApiError

CONFIG_MAPS = "/api/v1/namespaces/kube-system/configmaps"
NAME = "uplift-kubeadm"


def read(api: Api) -> dict[str, str]:
    """All notes; empty without the ConfigMap."""
    return dict((_config_map(api) or {}).get("data") or {})


def write(api: Api, name: str, value: str | None) -> None:
    """Set a note, or remove it (None). The ConfigMap goes with its last note."""
    config_map = _config_map(api)
    if config_map is None:
        if value is not None:
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME}, "data": {name: value}}
            api.create(CONFIG_MAPS, body)
        return
    rest = {key: text for key, text in (config_map.get("data") or {}).items() if key != name}
    if value is None and not rest:
        api.delete(f"{CONFIG_MAPS}/{NAME}")
    else:
        api.patch(f"{CONFIG_MAPS}/{NAME}", {"data": {name: value}})


def _config_map(api: Api) -> dict[str, Any] | None:
    try:
        return dict(api.get(f"{CONFIG_MAPS}/{NAME}"))
    except ApiError as error:
        if error.status == 404:
            return None
        raise
