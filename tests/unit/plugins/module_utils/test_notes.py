# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any, cast

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _notes
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Answer, Api, ApiError


class FakeConfigMaps:
    """FAKE of the API client: one ConfigMap, kept as a merge patch would keep it."""

    def __init__(self) -> None:
        self.stored: dict[str, Any] | None = None
        self.writes: list[str] = []

    def get(self, path: str) -> dict[str, Any]:
        assert path == f"{_notes.CONFIG_MAPS}/{_notes.NAME}"
        if self.stored is None:
            raise ApiError("GET", path, Answer(404, {}, b"{}"))
        return self.stored

    def create(self, path: str, body: dict[str, Any]) -> None:
        assert path == _notes.CONFIG_MAPS
        self.stored = body
        self.writes.append("create")

    def patch(self, path: str, body: dict[str, Any]) -> None:
        assert self.stored is not None
        merged = {**self.stored["data"], **body["data"]}
        self.stored["data"] = {key: value for key, value in merged.items() if value is not None}
        self.writes.append("patch")

    def delete(self, path: str) -> None:
        self.stored = None
        self.writes.append("delete")


def test_notes_come_and_go_with_their_config_map() -> None:
    fake = FakeConfigMaps()
    api = cast(Api, fake)
    assert _notes.read(api) == {}
    _notes.write(api, "after_hop", None)
    assert fake.writes == []
    _notes.write(api, "after_hop", "v1.25.4")
    _notes.write(api, "other", "x")
    assert _notes.read(api) == {"after_hop": "v1.25.4", "other": "x"}
    _notes.write(api, "after_hop", None)
    assert _notes.read(api) == {"other": "x"}
    _notes.write(api, "other", None)
    assert fake.stored is None
    assert fake.writes == ["create", "patch", "patch", "delete"]


def test_an_api_that_refuses_is_told() -> None:
    class Forbidden(FakeConfigMaps):
        def get(self, path: str) -> dict[str, Any]:
            raise ApiError("GET", path, Answer(403, {}, b'{"message": "no"}'))

    with pytest.raises(ApiError, match="no"):
        _notes.read(cast(Api, Forbidden()))
