# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signs of life for the lock of the cluster while a module works for minutes, in a thread beside it."""

from __future__ import annotations

import contextlib
import os
import threading
import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils import _lock
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Api, connect
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

BEAT = 30.0  # seconds between two signs of life
PATIENCE = 3  # seconds that an API server may be away before a sign of life is left out


class Heartbeat:
    """Renews the lock of `identity` while the block runs; with no identity it does nothing.

    The first sign is given before the block, which is not entered when the lock is lost: LockLost. After that nothing
    is raised: what is under way is better finished than left half-done. `lost` then has the words, for whoever wants
    to stop at a point of its own.
    """

    def __init__(self, api: Api | None, identity: str | None, beat: float = BEAT) -> None:
        self.lost = ""
        self._api = api
        self._identity = identity or ""
        self._beat = beat
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Heartbeat:
        if self._api is not None and self._identity:
            self._sign()
            if self.lost:
                raise UpliftError(self.lost)
            self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join(timeout=1)

    def _run(self) -> None:
        while not self.lost and not self._done.wait(self._beat):
            self._sign()

    def _sign(self) -> None:
        try:
            _lock.renew(t.cast(Api, self._api), self._identity)
        except _lock.LockLost as e:
            self.lost = str(e)
        except Exception:  # an API server that is away; the lock lives on for its duration
            return


def for_module(identity: str | None, params: t.Mapping[str, t.Any]) -> Heartbeat:
    """A heartbeat for a module with the API's parameters."""
    return Heartbeat(_api(params) if identity else None, identity)


def on_node(identity: str | None, kubeconfig: str = "/etc/kubernetes/admin.conf") -> Heartbeat:
    """A heartbeat for a module on a node. One that has no admin.conf (a worker) cannot give any."""
    if not identity or not os.path.exists(kubeconfig):
        return Heartbeat(None, None)
    return Heartbeat(_api({"kubeconfig": kubeconfig, "transport": "stdlib"}), identity)


def _api(params: t.Mapping[str, t.Any]) -> Api | None:
    with contextlib.suppress(UpliftError):
        return connect({**params, "api_timeout": PATIENCE})
    return None
