# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on the node that is to be drained, with the budgets and DaemonSets that bear on it: read, and decided on."""

from __future__ import annotations

import time
import typing as t
from dataclasses import replace

from ansible_collections.uplift.kubeadm.plugins.module_utils import _cordon, _drain_rules
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Api, Object
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_rules import Options, Pod, key_of
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_verdict import LEAVE
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._selectors import honours_empty_selector, is_empty
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import parse_version


class Survey:
    """Reads for one drain, with few requests."""

    def __init__(self, api: Api, node: str, options: Options) -> None:
        self._api = api
        self._node = node
        self._options = options
        self._honours: bool | None = None  # of the API server; None while it was not asked

    def read(self) -> tuple[Object, list[Object]]:
        """The node, and its pods."""
        return _cordon.get_node(self._api, self._node), _cordon.pods_on(self._api, self._node)

    def decide(self, found: list[Object], known: t.Collection[str]) -> tuple[list[Pod], list[Object]]:
        """What is to become of these pods, and the budgets.

        :param known: UIDs of the pods that this drain has decided on before; empty when it begins.
        :raises UpliftError: pods stop the drain; each is named.
        """
        daemonsets, budgets, now = self._daemonsets(found), self.budgets(), time.time()
        pods = []
        for obj in found:
            pod = _drain_rules.decide(obj, daemonsets, budgets, self._options, now)
            if known and pod.uid not in known and pod.verdict != LEAVE and _drain_rules.comes_back(obj):
                # Evicted, it would be here again at once, and the drain never end. One that nobody would start again
                # (a person's `kubectl debug node/…`) does not stop what is half done.
                pod = replace(pod, verdict=LEAVE, why=("came after the cordon, which it tolerates",))
            pods.append(pod)
        problem = _drain_rules.refusal(self._node, pods)
        if problem:
            raise UpliftError(problem)
        return pods, budgets

    def budgets(self) -> list[Object]:
        """The budgets that evictions have to pass. One with the selector {} is honoured by newer API servers alone."""
        budgets: list[Object] = self._api.list("/apis/policy/v1/poddisruptionbudgets", {"resourceVersion": "0"})
        if not any(is_empty(budget["spec"].get("selector")) for budget in budgets) or self._honours_empty_selector():
            return budgets
        return [budget for budget in budgets if not is_empty(budget["spec"].get("selector"))]

    def _honours_empty_selector(self) -> bool:
        if self._honours is None:
            self._honours = honours_empty_selector(parse_version(self._api.get("/version")["gitVersion"]))
        return self._honours

    def _daemonsets(self, pods: list[Object]) -> set[str]:
        """The DaemonSets of these pods that exist. All of them in one request; a cache that does not have one yet is no
        proof that it is gone."""
        owners = {
            f"{pod['metadata']['namespace']}/{owner['name']}"
            for pod in pods
            if (owner := _cordon.controller(pod)) and owner["kind"] == "DaemonSet"
        }
        if not owners:
            return set()
        known: list[str] = self._api.list(
            "/apis/apps/v1/daemonsets", {"resourceVersion": "0"}, keep=key_of, metadata_only=True
        )
        gone = [
            key
            for key in owners.difference(known)
            if not self._api.find("/apis/apps/v1/namespaces/{}/daemonsets/{}".format(*key.split("/")))
        ]
        return owners.difference(gone)
