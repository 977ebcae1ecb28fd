# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Weights in the text of haproxy.cfg: nothing else of it is touched, neither spaces nor comments. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

# What may begin a section, up to HAProxy 3.2 (configuration manual). A line with another first word is of its section.
SECTIONS = frozenset(
    "acme backend cache crt-store defaults fcgi-app frontend global http-errors listen log-forward log-profile "
    "mailers peers program resolvers ring traces userlist".split()
)
# Words as HAProxy cuts them: quotes and backslashes keep spaces, a # outside of them begins a comment.
_WORD = re.compile(r"""(?:\\.|"(?:\\.|[^"\\])*"|'[^']*'|[^\s#"'\\])+|(?P<comment>\#.*)""")

Weights = Mapping[str, Mapping[str, int]]  # backend -> server -> weight


def with_weights(text: str, weights: Weights, path: str) -> str:
    """The configuration with these weights. Raises UpliftError for servers that it has no line for."""
    section, missing = "", {(backend, server) for backend in weights for server in weights[backend]}
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        words = [word for word in _WORD.finditer(line) if not word["comment"]]
        if not words:
            continue
        if words[0][0] in SECTIONS:
            section = _plain(words[1][0]) if words[0][0] in ("backend", "listen") and len(words) > 1 else ""
        elif words[0][0] == "server" and len(words) > 2:
            name = _plain(words[1][0])
            if name in weights.get(section, {}):
                lines[number] = _weighted(line, words, weights[section][name])
                missing.discard((section, name))
    if missing:
        names = ", ".join(f"{backend}/{server}" for backend, server in sorted(missing))
        raise UpliftError(
            f"{path} has no «server» line for {names}, so weights cannot be kept there. Name the file that has it; "
            "servers that come from «server-template», or were added at run time, have none: then give no file, and "
            "see to it yourself that a reload does not bring old weights back."
        )
    return "".join(lines)


def _weighted(line: str, words: list[re.Match[str]], weight: int) -> str:
    # From behind, so that what is found in front stays where it is. `cookie weight` names a cookie's value.
    given = [n for n in range(3, len(words) - 1) if words[n][0] == "weight" and words[n - 1][0] != "cookie"]
    for n in reversed(given):
        start, end = words[n + 1].span()
        line = f"{line[:start]}{weight}{line[end:]}"
    if not given:
        end = words[2].end()
        line = f"{line[:end]} weight {weight}{line[end:]}"
    return line


def _plain(word: str) -> str:
    return re.sub(r"""\\(.)|["']""", lambda found: found[1] or "", word)
