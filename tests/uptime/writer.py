# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes to the Kubernetes API without pause, keeps what was acknowledged, and looks afterwards whether it is there."""

from __future__ import annotations

import re
import threading
import time

from scenario.kube import Kube, KubeError, Object

from .tally import Failure

NAMESPACE = "uptime"
_PATH = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
_COUNTER = "counter"
_TIMEOUT = 10.0


class Writer:
    """Creates an object at a steady rate, and writes its number into one that stays; for as long as the block runs.

    One connection, made anew after an error, as a client library does; nothing is written again.
    """

    def __init__(self, kube: Kube, rate: float) -> None:
        self._kube = Kube(kube.where, _TIMEOUT)
        self.rate = rate
        self.requests = 0
        self.acknowledged: list[int] = []
        self.counted = -1  # the last number that was acknowledged in the counter
        self.failures: list[Failure] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        kube.apply("/api/v1/namespaces", NAMESPACE, {"metadata": {"name": NAMESPACE}})
        kube.apply(_PATH, _COUNTER, {"metadata": {"name": _COUNTER}, "data": {"number": "-1"}})

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(2 * _TIMEOUT)

    def _write(self) -> None:
        began, number = time.monotonic(), 0
        while not self._stop.is_set():
            self._stop.wait(max(0.0, began + number / self.rate - time.monotonic()))
            if self._try("POST", _PATH, body(number)):
                self.acknowledged.append(number)
            patch = {"data": {"number": str(number)}}
            if self._try("PATCH", f"{_PATH}/{_COUNTER}", patch, "application/merge-patch+json"):
                self.counted = number
            number += 1

    def _try(self, method: str, path: str, content: Object, media: str = "application/json") -> bool:
        at, begun = time.time(), time.monotonic()
        self.requests += 1
        try:
            self._kube.request(method, path, content, media)
        except KubeError as e:
            self.failures.append(Failure(at, method, _short(str(e)), time.monotonic() - begun))
            return False
        return True


def body(number: int) -> Object:
    return {"metadata": {"name": f"w{number}"}, "data": {"number": str(number)}}


def _short(error: str) -> str:
    return re.sub(r"^\w+ \S+: ", "", error)[:160]


def lost(writer: Writer, kube: Kube) -> list[str]:
    """What was acknowledged and is not there, or is not what was written."""
    found: dict[str, str] = {}
    more = ""
    while True:
        page = kube.patient("GET", f"{_PATH}?limit=500{more}")
        numbers = {item["metadata"]["name"]: (item.get("data") or {}).get("number") for item in page["items"]}
        found.update({name: number for name, number in numbers.items() if number is not None})
        token = page["metadata"].get("continue")
        if not token:
            return missing(writer.acknowledged, writer.counted, found)
        more = f"&continue={token}"


def missing(acknowledged: list[int], counted: int, found: dict[str, str]) -> list[str]:
    """Pure: acknowledged numbers that are not among the objects found, and a counter that went back."""
    gone = [f"w{number}" for number in acknowledged if found.get(f"w{number}") != str(number)]
    if int(found.get(_COUNTER, "-1")) < counted:
        gone.append(f"{_COUNTER}: {counted} was acknowledged, {found.get(_COUNTER)} is there")
    return gone
