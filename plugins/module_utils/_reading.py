# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads one section of the facts after another. What cannot be read is listed, and the others go on."""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Api, ApiAway, ApiError, Object, Query
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

T = t.TypeVar("T")
# What a reader may stumble upon when an object is not of the shape that its kind has.
_ODD_SHAPE = (KeyError, TypeError, ValueError, AttributeError, IndexError)


class Reading:
    """One reading of a cluster. unread: [{"what", "why", "matters"}], in the order in which it was found out.

    what: the key of the facts that is empty, or not whole, for it; several entries may have the same.
    why, matters: whole sentences, the latter what cannot be said without it.
    """

    def __init__(self, api: Api) -> None:
        self.api = api
        self.unread: list[Object] = []

    def section(self, what: str, matters: str, read: t.Callable[[], T], otherwise: T) -> T:
        """What read() returns; `otherwise`, and an entry in unread, when that cannot be had.

        :raises UpliftError: the API server as a whole is away.
        """
        try:
            return read()
        except ApiAway as e:
            self.api.get("/version")  # raises when it is not this section alone that the server has no answer for
            self.miss(what, str(e), matters)
        except ApiError as e:
            self.miss(what, _words(e), matters)
        except UpliftError as e:
            self.miss(what, str(e), matters)
        except _ODD_SHAPE as e:
            self.miss(what, f"An object is not of the shape that is expected ({type(e).__name__}: {e}).", matters)
        return otherwise

    def rows(
        self,
        what: str,
        matters: str,
        path: str,
        row: t.Callable[[Object], T | None],
        query: Query | None = None,
        metadata_only: bool = False,
    ) -> list[T]:
        """What row() makes of each object of a collection, without those of which it makes None; [] if unreadable."""

        def read() -> list[T]:
            return [kept for kept in self.api.list(path, query, row, metadata_only) if kept is not None]

        return self.section(what, matters, read, [])

    def miss(self, what: str, why: str, matters: str) -> None:
        self.unread.append({"what": what, "why": why, "matters": matters})


def _words(error: ApiError) -> str:
    if error.status == 403:
        return f"The API server forbids it: {error.detail}. Give the user of the kubeconfig the right to list it."
    if error.status == 404:
        return f"This API server does not serve it: {error.detail}."
    return str(error)


def without_empty(row: Object) -> Object:
    """A row without what is empty, false or None, so that 100,000 of them stay small; 0 stays."""
    return {key: value for key, value in row.items() if value or (value == 0 and value is not False)}
