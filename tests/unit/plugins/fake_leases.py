# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FakeLeases: what a Kubernetes API server does with the Lease of the lock, and a clock that tests can set."""

from __future__ import annotations

import copy
import time
import typing as t
from email.utils import formatdate

from ansible_collections.uplift.kubeadm.plugins.module_utils import _lock
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Object
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_api import FakeApi, status


class FakeLeases(FakeApi):
    """FakeApi with POST and DELETE of Leases. `ahead` is how many seconds its clock is ahead of ours."""

    ahead = 0.0

    def handle(self, method: str, target: str, body: Object | None) -> tuple[int, Object, dict[str, str]] | None:
        with self._lock:
            answer = self._handle(method, target.partition("?")[0], body) or super().handle(method, target, body)
        if answer is None:
            return None
        code, obj, headers = answer
        return code, obj, {"Date": formatdate(time.time() + self.ahead, usegmt=True), **headers}

    def _handle(self, method: str, path: str, body: Object | None) -> tuple[int, Object, dict[str, str]] | None:
        if method == "POST" and path == _lock.LEASES:
            self.requests.append((method, path, copy.deepcopy(body)))
            return (*self._create(t.cast(Object, body)), {})
        if method == "DELETE" and path == _lock.LEASE:
            self.requests.append((method, path, copy.deepcopy(body)))
            return (*self._delete((body or {}).get("preconditions") or {}), {})
        return None

    def _create(self, body: Object) -> tuple[int, Object]:
        if _lock.LEASE in self.objects:
            return 409, status(409, "AlreadyExists", "leases already exists")
        metadata = body["metadata"]
        metadata["uid"] = f"uid-{self._bump()}"
        metadata["resourceVersion"] = self._bump()
        metadata["creationTimestamp"] = _lock.stamp(time.time() + self.ahead)
        self.objects[_lock.LEASE] = body
        return 201, body

    def _delete(self, preconditions: Object) -> tuple[int, Object]:
        lease = self.objects.get(_lock.LEASE)
        if lease is None:
            return 404, status(404, "NotFound", "leases not found")
        if any(lease["metadata"][name] != value for name, value in preconditions.items()):
            return 409, status(409, "Conflict", "Precondition failed")
        del self.objects[_lock.LEASE]
        return 200, status(200, "", "")

    @property
    def lease(self) -> Object | None:
        return self.objects.get(_lock.LEASE)
