# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How detectors get at facts: what is there, or that it is missing and why. Pure."""

from __future__ import annotations

import datetime
import functools
import re
import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils import _yaml
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Context, unread_of

NUMBERS = re.compile(r"v?(\d+(?:\.\d+)*)")


class Seen(t.NamedTuple):
    """What a row hits. certain: what is seen is there after the hop as well, and not lost on the way."""

    line: str
    certain: bool = True


class Missing(t.NamedTuple):
    """A fact that is not known: what ("kubelet's configuration"), of which node ("" for the cluster), and why.

    cause: the key of the cluster's facts that was not read, where that is why.
    """

    what: str
    node: str
    why: str
    cause: str = ""


Hit = t.Union[Seen, Missing]


def mapping(value: t.Any) -> t.Mapping[str, t.Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, t.Mapping) else {}


def numbers(version: object) -> tuple[int, ...]:
    """The leading numbers of a version of whatever program: "v3.5.6-0" -> (3, 5, 6); () when there are none."""
    match = NUMBERS.match(str(version))
    return tuple(int(number) for number in match[1].split(".")) if match else ()


def days_between(first: str, last: str) -> int:
    """Whole days from one date, or time of RFC 3339, to another; negative when it is the earlier one.

    Raises ValueError when either is none.
    """
    return (datetime.date.fromisoformat(last[:10]) - datetime.date.fromisoformat(first[:10])).days


def control_planes(ctx: Context) -> list[str]:
    """The nodes of the run that are control planes."""
    return [node for node, facts in ctx.nodes.items() if facts.get("control_plane")]


def is_external(ctx: Context) -> bool:
    """Whether kubeadm leaves etcd to somebody else."""
    return bool(mapping(mapping(ctx.facts.get("cluster")).get("etcd")).get("external"))


def each_node(ctx: Context, key: str, what: str, names: t.Iterable[str] | None = None) -> t.Iterator[tuple[str, t.Any]]:
    """(node, its fact `key`, or Missing) for the nodes of the run, or those in names."""
    for node in ctx.nodes if names is None else names:
        facts = ctx.nodes[node]
        value = facts.get(key)
        yield node, Missing(what, node, _why(facts, key)) if value is None else value


def cluster_rows(ctx: Context, key: str) -> tuple[list[t.Any], list[Missing]]:
    """What was read of a list among the cluster's facts; and, when that is not all of it, what is missing."""
    why = unread_of(ctx.facts, key)
    return list(ctx.facts.get(key) or ()), [Missing(f"the cluster's {key}", "", why, key)] if why else []


def config_map(ctx: Context, name: str) -> t.Any:
    """The content of one of kubeadm's ConfigMaps, read; {} when the cluster has none of that name; or Missing."""
    text, what = mapping(ctx.facts.get("config_maps")).get(name), f"the ConfigMap kube-system/{name}"
    why = unread_of(ctx.facts, "config_maps")
    if not text:
        return Missing(what, "", why, "config_maps") if why else {}
    return _read(text, what)


def cluster_configuration(ctx: Context) -> t.Any:
    """kubeadm's ClusterConfiguration, read, or Missing."""
    return _read(mapping(ctx.facts.get("cluster")).get("configuration"), "the ConfigMap kube-system/kubeadm-config")


def _why(facts: t.Mapping[str, t.Any], key: str) -> str:
    return mapping(facts.get("unread")).get(key) or "the node's facts do not have it"


def _read(text: t.Any, what: str) -> t.Any:
    if not text:
        return Missing(what, "", "the facts do not have it")
    try:
        return mapping(_load(text, what))
    except UpliftError as error:
        return Missing(what, "", str(error).rstrip("."))


@functools.lru_cache(maxsize=8)
def _load(text: str, what: str) -> t.Any:
    return _yaml.load(text, what)
