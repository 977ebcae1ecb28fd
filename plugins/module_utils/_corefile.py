# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads a Corefile as kubeadm's migration of it does, and says what of it that migration does not know. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._knowledge import corefile as tables

Token = tuple[str, int]  # its text, and the line that it begins on
_OPEN, _CLOSE = "{", "}"
_NO_SPACES = "\x1c\x1d\x1e\x1f"  # to Go; str.isspace() has them


class Plugin(t.NamedTuple):
    """A plugin of a server block: the block's addresses (".:53"), its name, the names of its options."""

    server: str
    name: str
    options: list[str]


class Unknown(t.NamedTuple):
    """A plugin that is not known, or an option of one that is ("" for the plugin itself)."""

    server: str
    plugin: str
    option: str


def parse(text: str) -> list[Plugin]:
    """The plugins of a Corefile. Imports and snippets are not followed: kubeadm takes «import» for a plugin's name.

    Source: coredns/corefile-migration migration/corefile/corefile.go, the same from v1.0.12 to v1.0.34.
    """
    tokens = _tokens(text)
    plugins: list[Plugin] = []
    server, depth, position = "", 0, 0
    while position < len(tokens):
        name = tokens[position][0]
        if name in (_OPEN, _CLOSE):
            depth += 1 if name == _OPEN else -1
            position += 1
            continue
        end = _end_of_arguments(tokens, position)
        if depth == 0:
            server = " ".join(token for token, _line in tokens[position:end])
        elif depth == 1:
            plugins.append(Plugin(server, name, []))
        elif depth == 2 and plugins:
            plugins[-1].options.append(name)
        position = end
    return plugins


def unknown(text: str, minor: int, library: tables.Library, installed: str) -> list[Unknown]:
    """What kubeadm of a minor, with this library, refuses of a Corefile while this CoreDNS release runs, once each.

    installed: a release that the library knows ("1.8.6").
    """
    known = tables.releases(library)
    way = known[known.index(installed) + 1 :] if minor >= tables.ON_THE_WAY_FROM else (installed,)
    found: dict[Unknown, None] = {}
    for plugin in parse(text):
        for release in way:
            listed = tables.plugins(library.release, release).get(plugin.name)
            if listed is None:
                found[Unknown(plugin.server, plugin.name, "")] = None
                continue
            for option in plugin.options:
                if not _listed(option, listed):
                    found[Unknown(plugin.server, plugin.name, option)] = None
    return list(found)


def never_listed(what: Unknown) -> bool:
    """Whether no table has it, so that a migration leaves it as it is."""
    options = tables.ever_listed().get(what.plugin)
    return options is None or bool(what.option and not _listed(what.option, options))


def _listed(option: str, options: t.Iterable[str]) -> bool:
    """Patterns match anywhere in the name, as in Go's regexp.MatchString."""
    return any(re.search(name[1:], option, re.ASCII) if name.startswith("~") else name == option for name in options)


def _end_of_arguments(tokens: t.Sequence[Token], position: int) -> int:
    """After the last token on the line that a statement begins on, or at the brace that opens its block."""
    while position + 1 < len(tokens):
        text, line = tokens[position]
        if tokens[position + 1][1] != line + text.count("\n") or tokens[position + 1][0] == _OPEN:
            break
        position += 1
    return position + 1


def _tokens(text: str) -> list[Token]:
    """Words, by white space; "..." is one, \\" in it a quote; what follows # is left out, to the end of the line.

    Within a word, # drops the rest of that word alone. Source: coredns/caddy v1.1.1 caddyfile/lexer.go.
    """
    tokens: list[Token] = []
    word, begun, line, start = "", False, 1, 1
    comment = quoted = escaped = False
    for char in text[1:] if text.startswith("\ufeff") else text:
        ends = False
        if quoted:
            if not escaped and char == "\\":
                escaped = True
                continue
            if not escaped and char == '"':
                ends = True
            else:
                line += char == "\n"
                word += f"\\{char}" if escaped and char != '"' else char
                escaped = False
        elif char.isspace() and char not in _NO_SPACES:
            if char == "\r":
                continue
            if char == "\n":
                line, comment = line + 1, False
            ends = begun
        elif comment or char == "#":
            comment = True
        elif not begun:
            begun, start, quoted = True, line, char == '"'
            word = "" if quoted else char
        else:
            word += char
        if ends:
            tokens.append((word, start))
            word, begun, comment, quoted = "", False, False, False
    if word:
        tokens.append((word, start))
    return tokens
