# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects of removed APIs in files that somebody will apply: manifests, and templates of Helm charts.

Runs where Ansible runs, and so has PyYAML; imported by no module of a managed node.
"""

from __future__ import annotations

import os
import re
import typing as t
from pathlib import Path

try:
    import yaml

    HAS_YAML = True
except ImportError:
    HAS_YAML = False

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._knowledge import removed_apis

SUFFIXES = (".yaml", ".yml", ".json")
TEMPLATES = (*SUFFIXES, ".tpl")
MOST_BYTES = 16 * 1024**2  # of one file; a larger one is no manifest that a person keeps
SKIPPED = (".git", ".terraform", "node_modules", ".venv")
BRACES = re.compile(r"\{\{")
API_VERSION = re.compile(r"""^(\s*(?:-\s+)?)apiVersion:\s*["']?([A-Za-z0-9./-]+)["']?\s*(?:#.*)?$""")
KIND = re.compile(r"""^(\s*(?:-\s+)?)kind:\s*["']?([A-Za-z]+)["']?\s*(?:#.*)?$""")
NAME = re.compile(r"""^\s+name:\s*["']?([a-z0-9][a-z0-9.-]*)["']?\s*(?:#.*)?$""")
DOCUMENT = re.compile(r"^---(\s|$)")

Object = dict[str, t.Any]


def scan(paths: t.Iterable[str], after: str = "1.0", up_to: str = "1.999") -> dict[str, t.Any]:
    """Look for objects of APIs that minors later than `after`, up to `up_to`, remove.

    Returns {"objects": [{"file", "line", "apiVersion", "kind", "name", "namespace"?, "guess"?: True where the file is
    a template that was read line by line}], "unread": [{"file", "why"}], "files": number read, "others": number of
    documents that are no Kubernetes objects}.

    :raises UpliftError: a path does not exist, or there is no PyYAML.
    """
    if not HAS_YAML:
        raise UpliftError(
            "manifest_scan needs the Python package PyYAML on the host that it runs on. It is there wherever Ansible "
            "is; delegate the task to localhost."
        )
    scanner = Scanner({(api_version(row), row["kind"]) for row in removed_apis(after, up_to)})
    for path in paths:
        scanner.path(Path(path))
    return scanner.result


def api_version(row: t.Mapping[str, t.Any]) -> str:
    return f"{row['group']}/{row['version']}".lstrip("/")


class Scanner:
    """Goes through files and gathers what it finds in `result`."""

    def __init__(self, wanted: t.Collection[tuple[str, str]]) -> None:
        self.wanted = frozenset(wanted)
        self.result: dict[str, t.Any] = {"objects": [], "unread": [], "files": 0, "others": 0}
        self._seen: set[str] = set()

    def path(self, path: Path) -> None:
        """A file, or a directory and all below it. Links to directories are not followed."""
        if path.is_file():
            self.file(path)
        elif path.is_dir():
            for folder, folders, files in os.walk(path, onerror=self._refused):
                folders[:] = sorted(name for name in folders if name not in SKIPPED)
                for name in sorted(files):
                    if name.endswith(TEMPLATES):
                        self.file(Path(folder, name))
        else:
            raise UpliftError(f"There is no file or directory {path} to search for manifests. Correct the path.")

    def file(self, path: Path) -> None:
        real = os.path.realpath(path)
        if real in self._seen:
            return
        self._seen.add(real)
        try:
            if path.stat().st_size > MOST_BYTES:
                raise ValueError(f"it is larger than {MOST_BYTES // 1024**2} MiB")
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            self._unread(path, getattr(error, "strerror", None) or str(error))
            return
        self.result["files"] += 1
        if BRACES.search(text) and (in_chart(path) or path.suffix == ".tpl"):
            self.result["objects"] += guess(text, str(path), self.wanted)
        elif path.suffix != ".tpl":
            self._documents(path, text)

    def _documents(self, path: Path, text: str) -> None:
        try:
            # Nodes rather than values: they know their lines, and no tag is ever obeyed.
            documents = list(yaml.compose_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
        except (yaml.YAMLError, RecursionError) as error:
            if BRACES.search(text):
                self.result["objects"] += guess(text, str(path), self.wanted)
            else:
                self._unread(path, f"it is not YAML: {_one_line(error)}")
            return
        for document in documents:
            if document is not None and scalar(document) != "":  # a document may be empty
                self._object(path, document, 0)

    def _object(self, path: Path, node: t.Any, depth: int) -> None:
        fields = mapping(node)
        version, kind = scalar(fields.get("apiVersion")), scalar(fields.get("kind"))
        if not version or not kind:
            self.result["others"] += 1
            return
        items = fields.get("items")
        if kind.endswith("List") and isinstance(items, yaml.SequenceNode) and depth < 3:
            for item in items.value:
                self._object(path, item, depth + 1)
        elif (version, kind) in self.wanted:
            meta = mapping(fields.get("metadata"))
            found = {"file": str(path), "line": fields["apiVersion"].start_mark.line + 1}
            found.update(apiVersion=version, kind=kind, name=scalar(meta.get("name")) or "")
            namespace = scalar(meta.get("namespace"))
            self.result["objects"].append({**found, **({"namespace": namespace} if namespace else {})})

    def _refused(self, error: OSError) -> None:
        self._unread(error.filename, error.strerror or str(error))

    def _unread(self, path: t.Any, why: str) -> None:
        self.result["unread"].append({"file": str(path), "why": why})


def guess(text: str, file: str, wanted: t.Collection[tuple[str, str]]) -> list[Object]:
    """Pairs of apiVersion and kind of the same indentation in a template, read line by line.

    Which branch of a template is taken is not known: an old version may be behind a condition that is no longer true.
    """
    found: list[Object] = []
    versions: list[tuple[int, int, str]] = []  # (indentation, line, apiVersion): a document may have one a branch
    kinds: list[tuple[int, str]] = []
    name = ""
    for number, line in enumerate([*text.splitlines(), "---"], 1):
        if DOCUMENT.match(line):
            pairs = [(at, version, kind) for indent, at, version in versions for by, kind in kinds if indent == by]
            found += [
                {"file": file, "line": at, "apiVersion": version, "kind": kind, "name": name, "guess": True}
                for at, version, kind in pairs
                if (version, kind) in wanted
            ]
            versions, kinds, name = [], [], ""
        elif match := API_VERSION.match(line):
            versions.append((len(match[1]), number, match[2]))
        elif match := KIND.match(line):
            kinds.append((len(match[1]), match[2]))
        elif (match := NAME.match(line)) and not name:
            name = match[1]
    return found


def in_chart(path: Path) -> bool:
    """Is this a template of a Helm chart: below a folder templates that lies beside a Chart.yaml?"""
    return any(folder.name == "templates" and (folder.parent / "Chart.yaml").is_file() for folder in path.parents)


def mapping(node: t.Any) -> dict[str, t.Any]:
    """The nodes of a YAML mapping by key; {} for anything else. Merge keys are not followed."""
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def scalar(node: t.Any) -> str | None:
    return node.value if isinstance(node, yaml.ScalarNode) else None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
