# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What apt and dnf have in common: repositories a minor as pkgs.k8s.io has them (or one that holds all minors).

What is offered is asked of a private view of a minor's repository; the node's own sources follow once kubelet is new.
"""

from __future__ import annotations

import abc
import contextlib
import re
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import rewrite
from ansible_collections.uplift.kubeadm.plugins.module_utils._node import BINARIES, Node
from ansible_collections.uplift.kubeadm.plugins.module_utils._release import newest_first
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import minor_name, parse_minor

# The minor in a repository's URL: .../v1.25/deb/ (pkgs.k8s.io and mirrors of it).
MINOR_IN_URL = re.compile(r"(?<=/v)1\.\d+(?=/|$)")
URL = re.compile(r"\b[a-z+]+:/[^\s\]]+")
# Repositories that follow Kubernetes' minors but are not Kubernetes': theirs to switch, not ours.
OTHERS = re.compile(r"cri-o|addons:")


class Stanza(t.NamedTuple):
    """One source of packages as the node has it: its file, and its text (a line, or a paragraph)."""

    file: Path
    text: str


class Packages(abc.ABC):
    """A source of packages, by the node's package manager.

    repository: where a minor's packages are, {minor} standing for 1.25; None takes the node's own Kubernetes sources.
    key: path on the node of what its signatures are checked with. hold: hold the packages afterwards, where the package
    manager knows that. switch_repository: let the node's own sources follow; step_back: also to an
    older minor.
    """

    method = "package"

    def __init__(
        self,
        runner: Runner,
        node: Node,
        *,
        repository: str | None = None,
        key: str | None = None,
        ca_path: str | None = None,
        hold: bool = True,
        switch_repository: bool = True,
        step_back: bool = False,
    ) -> None:
        self.runner = runner
        self.node = node
        self.repository = repository
        self.key = key
        self.ca_path = ca_path
        self.hold = hold
        self.switch_repository = switch_repository
        self.step_back = step_back

    def offered(self, minor: str, probe: t.Sequence[str]) -> list[str]:
        """Versions of a minor, newest first, as the repository's index has them."""
        with self._view(minor) as view:
            return versions_offered(minor, self._offers(view, minor), self._where(minor))

    def settle(self, version: str, components: t.Sequence[str], check: bool) -> list[str]:
        """Once kubelet is new, let the node's own sources follow."""
        if self.switch_repository and "kubelet" in components:
            return follow(self._found(), minor_name(parse_minor(version)), check, self.step_back)
        return []

    def sources(self) -> list[Stanza]:
        """The node's own active sources of Kubernetes packages, those with a minor in their URL first choice."""
        return newest(self._found())

    def _found(self) -> list[Stanza]:
        stanzas = self._stanzas()
        versioned = [stanza for stanza in stanzas if minors_in(stanza.text)]
        return versioned or [
            stanza for stanza in stanzas if any("kubernetes" in url for url in URL.findall(stanza.text))
        ]

    @abc.abstractmethod
    def _stanzas(self) -> list[Stanza]:
        """All active sources of the node, but for other projects'."""

    @abc.abstractmethod
    def _view(self, minor: str) -> contextlib.AbstractContextManager[list[str]]:
        """Options by which the package manager sees a minor's repository and nothing else, apart from the system."""

    @abc.abstractmethod
    def _offers(self, view: t.Sequence[str], minor: str) -> dict[str, list[str]]:
        """{package: versions, newest first} in a view."""

    @abc.abstractmethod
    def _where(self, minor: str) -> str:
        """A minor's repository, as a person would name it."""


def choose_packages(version: str, offers: t.Mapping[str, t.Sequence[str]], where: str) -> dict[str, str]:
    """{package: package version} to fetch for a Kubernetes version.

    offers is {package: package versions, newest first}. The three programs are of the version; of cri-tools the newest
    that is not of a later minor is taken, of kubernetes-cni the newest. Raises UpliftError, naming what there is.
    """
    chosen = {}
    for name in BINARIES:
        match = next((offer for offer in offers.get(name, ()) if upstream(offer) == version), None)
        if match is None:
            have = ", ".join(newest_first(filter(None, map(upstream, offers.get(name, ()))))) or "none at all"
            raise UpliftError(f"{name} {version} is not to be had from {where}; versions there: {have}.")
        chosen[name] = match
    limit = max(parse_minor(version), 25)  # kubeadm 1.24.5 depends on cri-tools 1.25
    tools = offers.get("cri-tools", ())
    fitting = [offer for offer in tools if (v := upstream(offer)) and parse_minor(v) <= limit]
    if fitting or tools:
        chosen["cri-tools"] = (fitting or list(tools))[0]
    if offers.get("kubernetes-cni"):
        chosen["kubernetes-cni"] = offers["kubernetes-cni"][0]
    return chosen


def upstream(package_version: str) -> str | None:
    """Kubernetes version of a package version: "1.25.4-1.1" -> "v1.25.4"; None for a pre-release and for others."""
    match = re.fullmatch(r"(?:\d+:)?(\d+\.\d+\.\d+)(?:-[0-9A-Za-z.+~]+)?", package_version)
    return f"v{match.group(1)}" if match else None


def versions_offered(minor: str, offers: t.Mapping[str, t.Sequence[str]], where: str) -> list[str]:
    """Versions of a minor of which all three programs are offered, newest first. Raises UpliftError for none."""
    sets = [
        {v for offer in offers.get(name, ()) if (v := upstream(offer)) and v.startswith("v1.")} for name in BINARIES
    ]
    found = [v for v in newest_first(set.intersection(*sets)) if parse_minor(v) == parse_minor(minor)]
    if not found:
        have = newest_first(set.union(*sets))
        raise UpliftError(
            f"{where} offers no version of {minor} with all of {', '.join(BINARIES)}; "
            f"it has {', '.join(have) or 'nothing'}."
        )
    return found


def with_minor(text: str, minor: str) -> str:
    """A source with the minor in its URLs replaced; its other words stay, a keyring's path too."""
    return URL.sub(lambda url: MINOR_IN_URL.sub(minor, url.group(0)), text)


def minors_in(text: str) -> list[int]:
    """The minors in the URLs of a source, as numbers."""
    return [parse_minor(match.group(0)) for url in URL.findall(text) for match in MINOR_IN_URL.finditer(url)]


def newest(stanzas: t.Sequence[Stanza]) -> list[Stanza]:
    """The sources without those that another has a newer minor of, such as an old file that lies beside the new one.

    Put to one minor they would be one repository. Each may have a keyring of its own, and apt refuses to read anything
    at all then: "Conflicting values set for option Signed-By".
    """
    best: dict[tuple[str, ...], int] = {}
    for stanza in stanzas:
        place = _place(stanza.text, "1.0")
        best[place] = max([best.get(place, 0), *minors_in(stanza.text)])
    return [stanza for stanza in stanzas if max(minors_in(stanza.text), default=0) == best[_place(stanza.text, "1.0")]]


def follow(stanzas: t.Sequence[Stanza], minor: str, check: bool, back: bool = False) -> list[str]:
    """Put a minor into the URLs of those sources that have an older one there; a sentence for each file changed.

    Of sources that would become one repository only the newest follows; a sentence for each that is left.
    back: also of those that have a newer one.
    """
    moving = newest(stanzas)
    staying = [stanza for stanza in stanzas if stanza not in moving]
    taken = {_place(stanza.text) for stanza in staying}
    moving = [
        stanza
        for stanza in moving
        if (back or _is_behind(stanza.text, minor)) and _place(stanza.text, minor) not in taken
    ]
    done = []
    for file in dict.fromkeys(stanza.file for stanza in moving):
        old = file.read_text(encoding="utf-8", errors="surrogateescape")  # a comment may be in Latin-1
        new = old
        for stanza in moving:
            if stanza.file == file:
                new = new.replace(stanza.text, with_minor(stanza.text, minor))
        if new != old:
            done.append(f"{file} follows to {minor}")
            if not check:
                rewrite(file, new)
    if done:
        done += [f"{stanza.file} stays at {_told(stanza)}, as a newer source has its place" for stanza in staying]
    return done


def _place(text: str, minor: str | None = None) -> tuple[str, ...]:
    """The URLs of a source, with a minor in them if one is given."""
    return tuple(url.rstrip("/") for url in URL.findall(with_minor(text, minor) if minor else text))


def _told(stanza: Stanza) -> str:
    return minor_name(max(minors_in(stanza.text)))


def _is_behind(text: str, minor: str) -> bool:
    return any(old < parse_minor(minor) for old in minors_in(text))
