# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the YAML that Go programs write: kubeconfig files, and kubeadm's configuration in ConfigMaps.

Managed nodes have no PyYAML, and what a parser accepts must not depend on the machine: so this reader is used
everywhere. It knows block mappings and sequences, plain and quoted scalars (folded over lines too), literal blocks,
comments, and JSON (as a whole document, or on one line where a value stands, hence also `{}` and `[]`). Everything
else (anchors, tags, folded blocks, several documents, unquoted flow collections) is refused with the number of its
line, never misread.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOL = {
    word: value
    for value, words in ((True, ("true", "yes", "on")), (False, ("false", "no", "off")))
    for lower in words
    for word in (lower, lower.capitalize(), lower.upper())
}
_INT = re.compile(r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|[1-9][0-9_]*|0)$")
_FLOAT = re.compile(
    r"[-+]?([0-9][0-9_]*\.[0-9_]*([eE][-+]?[0-9]+)?|\.[0-9][0-9_]*([eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)$"
)
_SPECIAL_FLOAT = re.compile(r"(?P<inf>[-+]?\.(inf|Inf|INF))$|\.(nan|NaN|NAN)$")
_QUOTED_KEY = re.compile(r"""(?P<key>"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')[ \t]*:(?=[ \t]|$)""")
_BLOCK_HEADER = re.compile(
    r"\|(?:(?P<chomp>[-+])(?P<indent>[1-9])?|(?P<indent2>[1-9])(?P<chomp2>[-+])?)?(?:[ \t]+#.*)?$"
)
_FOLD = re.compile(r"[ \t]*\n((?:[ \t]*\n)*)[ \t]*")
_DOUBLE = re.compile(
    r"\\\n((?:[ \t]*\n)*)[ \t]*|[ \t]*\n((?:[ \t]*\n)*)[ \t]*"
    r"|\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[^\n])",
)
_ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b",
    " ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip


def load(text: str, name: str = "YAML") -> t.Any:
    """Return the one document of text as dicts (keys are strings), lists and scalars; None when it is empty.

    :param name: what is read, for messages: a path, or "ConfigMap kube-system/kubeadm-config".
    :raises UpliftError: outside the subset; the message has name and line.
    """
    text = text.lstrip("\ufeff").replace("\r\n", "\n")
    if text.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(text)
        except ValueError as e:
            raise UpliftError(f"{name} looks like JSON and is not: {e}.") from e
    return _Reader(text, name).document()


class _Reader:
    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.at = 0  # index in raw of the line that is looked at
        self.raw = text.split("\n")
        for index, line in enumerate(self.raw):
            if re.search("[\x85\u2028\u2029\r]", line):
                raise self.fail("it has a line break other than a newline", index)

    def fail(self, what: str, index: int | None = None) -> UpliftError:
        return UpliftError(f"{self.name}, line {(self.at if index is None else index) + 1}: {what}.")

    def peek(self) -> tuple[int, str] | None:
        """Indent and text of the next line that says something; skips blank lines and comments."""
        while self.at < len(self.raw):
            line = self.raw[self.at]
            text = line.strip(" \t")
            if text and not text.startswith("#"):
                indent = len(line) - len(line.lstrip(" "))
                if line[indent] == "\t":
                    raise self.fail("a tab is used to indent, which YAML forbids")
                if indent == 0 and re.match(r"(---|\.\.\.)([ \t]|$)", text):
                    raise self.fail("a second document begins; one is expected")
                return indent, line[indent:].rstrip(" \t")
            self.at += 1
        return None

    def document(self) -> t.Any:
        while self.at < len(self.raw) and re.match(r"[ \t]*(#.*)?$", self.raw[self.at]):
            self.at += 1
        if self.at < len(self.raw) and re.match(r"---([ \t]|$)", self.raw[self.at]):
            self.raw[self.at] = "   " + self.raw[self.at][3:]
        for last in range(len(self.raw) - 1, -1, -1):  # a closing end marker
            if self.raw[last].strip(" \t"):
                if self.raw[last].rstrip(" \t") == "...":
                    self.raw = [*self.raw[:last], ""]
                break
        value = self.node(-1)
        if self.peek() is not None:
            raise self.fail("this is indented as nothing before it is")
        return value

    def node(self, parent: int) -> t.Any:
        """The node whose first line is the next one, if that is indented deeper than parent; else null."""
        line = self.peek()
        if line is None or line[0] <= parent:
            return None
        indent, text = line
        if _is_item(text):
            return self.sequence(indent)
        if self.key(text) is not None:
            return self.mapping(indent)
        return self.scalar(text, parent)

    def sequence(self, indent: int) -> list[t.Any]:
        items: list[t.Any] = []
        while True:
            line = self.peek()
            if line is None or line[0] != indent or not _is_item(line[1]):
                return items
            # What follows the dash is a node of its own, standing where it stands: blank the dash out.
            self.raw[self.at] = " " * (indent + 1) + self.raw[self.at][indent + 1 :]
            items.append(self.node(indent))

    def key(self, text: str) -> tuple[str, str] | None:
        """Split "key: rest" into both; None when text is no such thing."""
        if text[0] in "\"'":
            match = _QUOTED_KEY.match(text)
            return (_unquote(match["key"]), text[match.end() :].strip(" \t")) if match else None
        if text[0] in "{[|>" or re.match(r"[:?]([ \t]|$)", text):
            return None
        match = re.match(r"(?P<key>[^ \t](?:[^ \t]|[ \t]+(?!#))*?)[ \t]*:(?=[ \t]|$)", text)
        return (match["key"], text[match.end() :].strip(" \t")) if match else None

    def mapping(self, indent: int) -> dict[str, t.Any]:
        result: dict[str, t.Any] = {}
        while True:
            line = self.peek()
            if line is None or line[0] < indent:
                return result
            pair = self.key(line[1])
            if line[0] > indent:
                raise self.fail("this is indented deeper than the key that it follows, and no value of it")
            if pair is None or _is_item(line[1]):
                if _is_item(line[1]):
                    return result
                raise self.fail("a key, a colon and its value are expected")
            key, rest = pair
            if line[1][0] in "&*!%@`" or key == "<<":
                raise self.fail(f"{key!r} is YAML that this reader does not take (anchor, alias, tag or merge)")
            if key in result:
                raise self.fail(f"the key {key!r} is there twice")
            result[key] = self.value(rest, indent)

    def value(self, rest: str, indent: int) -> t.Any:
        """The value of the key on this line, rest being what follows its colon."""
        if rest and not rest.startswith("#"):
            return self.scalar(rest, indent)
        self.at += 1
        line = self.peek()
        if line is not None and line[0] == indent and _is_item(line[1]):
            return self.sequence(indent)  # Go writes lists so
        return self.node(indent)

    def scalar(self, text: str, parent: int) -> t.Any:
        """The scalar or JSON that begins with text on this line; it may go on in lines indented deeper than parent."""
        first = text[0]
        if first in "\"'":
            return self.quoted(text)
        if first == "|":
            return self.literal(text, parent)
        if first in "[{":
            return self.flow(text)
        if first in "&*!%@`>,]}" or re.match(r"[?:]([ \t]|$)", text):
            raise self.fail(f"{text[:40]!r} is YAML that this reader does not take (see the beginning of its value)")
        return self.plain(text, parent)

    def flow(self, text: str) -> t.Any:
        try:
            value, end = json.JSONDecoder().raw_decode(text)
        except ValueError:
            raise self.fail(
                "a list or mapping in brackets is taken as JSON on one line only; write it as a block"
            ) from None
        self.end_of_line(text[end:])
        return value

    def end_of_line(self, rest: str) -> None:
        if rest and not re.match(r"[ \t]+#|[ \t]*$", rest):
            raise self.fail(f"{rest.strip()[:40]!r} follows a value that had ended")
        self.at += 1

    def plain(self, text: str, parent: int) -> t.Any:
        parts = []
        while True:
            start = self.at
            bare = re.split(r"[ \t]#", text, maxsplit=1)[0].rstrip(" \t")
            if re.search(r":([ \t]|$)", bare):
                raise self.fail("a colon and a blank stand within an unquoted value; put it in quotes")
            parts.append(bare)
            commented = bare != text
            self.at += 1
            line = self.peek()
            if line is None or line[0] <= parent or commented:
                break
            between = self.raw[start + 1 : self.at]
            if any(raw.strip(" \t") for raw in between):
                break  # a comment ends a plain scalar
            parts.append("\n" * len(between))
            text = line[1]
        if len(parts) == 1:
            return _resolve(parts[0])
        folded = parts[0]
        for gap, part in zip(parts[1::2], parts[2::2]):
            folded += (gap or " ") + part
        return folded

    def quoted(self, text: str) -> str:
        quote, start = text[0], self.at
        line = self.raw[start]
        text = line[len(line.rstrip(" \t")) - len(text) :]  # with its trailing blanks, which may be escaped
        closed = re.compile(r'"((?:[^"\\]|\\.)*)"' if quote == '"' else r"'((?:[^']|'')*)'(?!')", re.DOTALL)
        # Most end on their own line; else take lines until the quotes are closed.
        while True:
            match = closed.match(text)
            if match:
                break
            self.at += 1
            if self.at >= len(self.raw):
                raise self.fail(f"the quote {quote} is never closed", start)
            text += "\n" + self.raw[self.at]
        self.end_of_line(text[match.end() :])
        try:
            return _unquote(match[0])
        except ValueError as e:
            raise self.fail(str(e), start) from None

    def literal(self, header: str, parent: int) -> str:
        match = _BLOCK_HEADER.match(header)
        if not match:
            raise self.fail(f"{header!r} is no head of a literal block")
        given = match["indent"] or match["indent2"]
        chomp = match["chomp"] or match["chomp2"] or ""
        self.at += 1
        indent = max(parent, 0) + int(given) if given else 0
        lines: list[str] = []
        while self.at < len(self.raw):
            line = self.raw[self.at]
            own = len(line) - len(line.lstrip(" "))
            if not indent and line.strip(" "):
                if own <= max(parent, 0):
                    break
                if any(len(blank) > own for blank in self.raw[self.at - len(lines) : self.at]):
                    raise self.fail("this is indented less than a blank line before it, in the same block")
                indent = own
            if line.strip(" ") and own < indent:
                break
            lines.append(line[indent:] if indent else "")
            self.at += 1
        body = "\n".join(lines)
        if self.at < len(self.raw) and lines:
            body += "\n"  # of the last line; at the end of the text, what follows the last newline was taken as a line
        if chomp == "+":
            return body
        stripped = body.rstrip("\n")
        return stripped + "\n" if stripped and chomp != "-" and stripped != body else stripped


def _is_item(text: str) -> bool:
    return text == "-" or text.startswith(("- ", "-\t"))


def _resolve(text: str) -> t.Any:
    """What a plain scalar means: null, a boolean, a number, or else a string (dates stay strings, as in JSON)."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.match(text):
        digits = text.replace("_", "")
        octal = re.match(r"([-+]?)0([0-7]+)$", digits)
        return int(f"{octal[1]}0o{octal[2]}" if octal else digits, 0)
    if _FLOAT.match(text):
        return float(text.replace("_", ""))
    special = _SPECIAL_FLOAT.match(text)
    if special:
        return float(text.replace(".", "")) if special["inf"] else float("nan")
    return text


def _unquote(text: str) -> str:
    """The string that a quoted scalar (with its quotes, newlines still in it) stands for."""
    body = text[1:-1]
    if text[0] == "'":
        return _FOLD.sub(lambda m: "\n" * m[1].count("\n") or " ", body).replace("''", "'")
    return _DOUBLE.sub(_unescape, body)


def _unescape(match: re.Match[str]) -> str:
    escaped_break, folded, escape = match.groups()
    if escape is None:
        return "\n" * escaped_break.count("\n") if escaped_break is not None else ("\n" * folded.count("\n") or " ")
    if escape[0] in "xuU" and len(escape) > 1:
        return chr(int(escape[1:], 16))
    if escape not in _ESCAPES:
        raise ValueError(f"\\{escape} is no escape that YAML knows")
    return _ESCAPES[escape]
