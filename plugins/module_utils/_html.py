# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTML that cannot be broken by what is put into it: text is escaped unless it was made here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Union

SHORT = 30  # characters of code that are kept on one line
_VOID = frozenset({"meta", "br"})
_CODE = re.compile(r"`([^`]+)`")
# What the outside world says may be linked to; anything else (javascript:) stays text.
_LINK = re.compile(r"https?://[^\s<>\"']+")


class Html(str):
    """Markup that is safe as it stands."""


Part = Union[str, None, Iterable["Part"]]


def tag(element: str, /, *children: Part, **attributes: object) -> Html:
    """An element. `class_` is the attribute class, `aria_label` aria-label; None and False leave an attribute out."""
    written = "".join(
        f' {_name(key)}="{escape(str(value))}"' if value is not True else f" {_name(key)}"
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if element in _VOID:
        return Html(f"<{element}{written}>")
    return Html(f"<{element}{written}>{join(children)}</{element}>")


def join(parts: Part) -> Html:
    """Parts, one after the other, escaped where they are plain text."""
    if parts is None:
        return Html("")
    if isinstance(parts, Html):
        return parts
    if isinstance(parts, str):
        return Html(escape(parts))
    return Html("".join(join(part) for part in parts))


def prose(text: str) -> Html:
    """Plain text in which `this` is code, and addresses of the web are links."""
    parts: list[Part] = []
    for index, piece in enumerate(_CODE.split(text)):
        short = "short" if len(piece) <= SHORT else None
        parts.append(tag("code", piece, class_=short) if index % 2 else _linked(piece))
    return join(parts)


def _linked(text: str) -> Html:
    parts: list[Part] = []
    end = 0
    for match in _LINK.finditer(text):
        address = match[0].rstrip(".,;:)")
        parts += [text[end : match.start()], tag("a", address, href=address)]
        end = match.start() + len(address)
    return join([*parts, text[end:]])


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")
