# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What kubeadm's migration of the Corefile knows: CoreDNS releases, plugins and their options.

kubeadm has the library coredns/corefile-migration built in. Its preflight checks refuse an upgrade that starts from a
CoreDNS release, or has a plugin or an option in the Corefile, that is not in the library's tables, whether CoreDNS
itself knows it or not (cmd/kubeadm/app/phases/upgrade/preflight.go). The tables were read from each library release.
"""

from __future__ import annotations

import functools
import typing as t

# CoreDNS releases in the library, oldest first. Each of its releases knows all of them up to its newest.
RELEASES = (
    *("1.1.3", "1.1.4", "1.2.0", "1.2.1", "1.2.2", "1.2.3", "1.2.4", "1.2.5", "1.2.6", "1.3.0", "1.3.1", "1.4.0"),
    *("1.5.0", "1.5.1", "1.5.2", "1.6.0", "1.6.1", "1.6.2", "1.6.3", "1.6.4", "1.6.5", "1.6.6", "1.6.7", "1.6.9"),
    *("1.7.0", "1.7.1", "1.8.0", "1.8.3", "1.8.4", "1.8.5", "1.8.6", "1.8.7", "1.9.0", "1.9.1", "1.9.2", "1.9.3"),
    *("1.9.4", "1.10.0", "1.10.1", "1.11.0", "1.11.1", "1.11.3", "1.11.4", "1.12.0", "1.12.1", "1.12.2", "1.12.3"),
    *("1.12.4", "1.13.0", "1.13.1", "1.13.2", "1.14.0", "1.14.1", "1.14.2", "1.14.3", "1.14.4", "1.14.6"),
)
# From this CoreDNS release on the library takes nothing out of a Corefile and renames nothing.
LEFT_ALONE_FROM = "1.8.4"
# From this kubeadm on the check looks at the CoreDNS releases on the way, and passes when there is none; before, at the
# one that runs (kubernetes/kubernetes#116060).
ON_THE_WAY_FROM = 27
# From this kubeadm on it reads the tag of an image with a digest; before, it takes the digest for the tag
# (cmd/kubeadm/app/phases/addons/dns/dns.go, DeployedDNSAddon).
TAG_BEFORE_DIGEST_FROM = 30
SOURCE = "kubernetes/kubernetes: cmd/kubeadm/app/phases/upgrade/preflight.go; coredns/corefile-migration v1.0.{release}"


class Library(t.NamedTuple):
    """The corefile-migration in kubeadm of some patches of a minor.

    minor, first, last: 30, 5, 14 for kubeadm 1.30.5 to 1.30.14, the first and the last whose go.mod was read.
    release: 24 for v1.0.24. coredns: the newest CoreDNS in its tables, which is what this kubeadm ships.
    """

    minor: int
    first: int
    last: int
    release: int
    coredns: str


# Sources: go.mod of k8s.io/kubernetes at the first and last patch of each row; versions.go of that library release.
LIBRARIES = (
    Library(22, 0, 17, 12, "1.8.4"),
    Library(23, 0, 17, 14, "1.8.6"),
    Library(24, 0, 17, 14, "1.8.6"),
    Library(25, 0, 16, 17, "1.9.3"),
    Library(26, 0, 15, 17, "1.9.3"),
    Library(27, 0, 16, 20, "1.10.1"),
    Library(28, 0, 15, 20, "1.10.1"),
    Library(29, 0, 15, 21, "1.11.1"),
    Library(30, 0, 4, 21, "1.11.1"),
    Library(30, 5, 14, 24, "1.11.3"),
    Library(31, 0, 0, 21, "1.11.1"),
    Library(31, 1, 14, 23, "1.11.3"),
    Library(32, 0, 13, 24, "1.11.3"),
    Library(33, 0, 13, 25, "1.12.0"),
    Library(34, 0, 10, 26, "1.12.1"),
    Library(35, 0, 6, 29, "1.13.1"),
    Library(36, 0, 4, 31, "1.14.2"),
    Library(37, 0, 2, 34, "1.14.6"),
)


class Change(t.NamedTuple):
    """What a CoreDNS release changes in the tables: options of a plugin, which may be new itself.

    adds, removes: options, a blank between them; "~" begins a regular expression.
    gone: the plugin itself goes. of: the first and the last library release whose tables say so.
    """

    coredns: str
    plugin: str
    adds: str = ""
    removes: str = ""
    gone: bool = False
    of: tuple[int, int] = (0, 999)


_IPV4, _IPV6 = r"~\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}", "~[0-9A-Fa-f]{1,4}:[:0-9A-Fa-f]+:[0-9A-Fa-f]{1,4}"
# Sources: versions.go and plugins.go of coredns/corefile-migration v1.0.12, 14, 17, 20, 21, 23, 24, 25, 26, 29, 31, 34.
CHANGES = (
    Change("1.1.4", "autopath"),
    Change("1.1.4", "cache", "denial prefetch success"),
    Change("1.1.4", "errors"),
    Change("1.1.4", "forward", "except expire force_tcp health_check max_fails policy tls tls_servername"),
    Change("1.1.4", "health", "lameduck"),
    Change("1.1.4", "hosts", f"fallthrough no_reverse reload ttl {_IPV4} {_IPV6}"),
    Change(
        "1.1.4",
        "kubernetes",
        "endpoint endpoint_pod_names fallthrough ignore labels namespaces noendpoints pods resyncperiod tls transfer "
        "ttl upstream",
    ),
    Change("1.1.4", "loadbalance"),
    Change("1.1.4", "log", "class"),
    Change("1.1.4", "prometheus"),
    Change("1.1.4", "proxy", "except fail_timeout health_check max_fails policy protocol spray"),
    Change("1.1.4", "reload"),
    # The tables have "answer name", too; without quotes an option's name has no blank, so that it never matches.
    Change("1.1.4", "rewrite", "class edns0 name type"),
    Change("1.2.0", "forward", "prefer_udp"),
    Change("1.2.1", "loop"),
    Change("1.2.3", "kubernetes", "kubeconfig"),
    Change("1.2.3", "rewrite", "ttl"),
    Change("1.2.6", "errors", "consolidate"),
    Change("1.3.0", "k8s_external", "apex ttl"),
    Change("1.5.0", "ready"),
    Change("1.5.1", "proxy", gone=True),
    Change("1.6.6", "cache", "serve_stale"),
    Change("1.6.9", "forward", "max_concurrent"),
    Change("1.7.0", "cache", "", "serve_stale"),
    Change("1.8.0", "kubernetes", "", "resyncperiod upstream"),
    Change("1.8.0", "transfer", "to"),
    Change("1.8.3", "kubernetes", "", "transfer"),
    Change("1.9.3", "errors", "stacktrace"),
    Change("1.9.4", "cache", "disable serve_stale servfail", of=(25, 999)),
    Change("1.10.1", "cache", "serve_stale", of=(21, 24)),
    Change("1.10.1", "cache", "keepttl", of=(25, 999)),
    Change("1.11.0", "k8s_external", "fallthrough"),
    Change("1.11.0", "rewrite", "cname_target"),
    Change("1.11.4", "forward", "next"),
    Change("1.11.4", "forward", "fail_fast", of=(26, 999)),
    Change("1.12.0", "forward", "failfast_all_unhealthy_upstreams", "fail_fast", of=(26, 999)),
)


def library(minor: int, patch: int) -> tuple[Library | None, bool]:
    """The library in a kubeadm, and whether that was read: of a patch after the last that was, it is the last one's."""
    rows = [row for row in LIBRARIES if row.minor == minor and row.first <= patch]
    return (rows[-1], patch <= rows[-1].last) if rows else (None, False)


def releases(of: Library) -> tuple[str, ...]:
    """The CoreDNS releases that a library knows, oldest first."""
    return RELEASES[: RELEASES.index(of.coredns) + 1]


@functools.cache
def plugins(library_release: int, coredns: str) -> t.Mapping[str, frozenset[str]]:
    """{plugin: its options} that a release of the library lists for a CoreDNS release that it knows."""
    listed: dict[str, frozenset[str]] = {}
    for change in CHANGES:
        if not change.of[0] <= library_release <= change.of[1]:
            continue
        if RELEASES.index(change.coredns) > RELEASES.index(coredns):
            break
        if change.gone:
            del listed[change.plugin]
        else:
            before = listed.get(change.plugin, frozenset())
            listed[change.plugin] = (before | _names(change.adds)) - _names(change.removes)
    return listed


@functools.cache
def ever_listed() -> t.Mapping[str, frozenset[str]]:
    """{plugin: its options} that some release of the library lists for some CoreDNS."""
    listed: dict[str, frozenset[str]] = {}
    for change in CHANGES:
        listed[change.plugin] = listed.get(change.plugin, frozenset()) | _names(change.adds)
    return listed


def _names(options: str) -> frozenset[str]:
    return frozenset(options.split())
