# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Flags and feature gates in use that a program of a hop does not take, as the program itself says (flags_trial).

What a row of the tables of knowledge says of the same flag stands there, with more to read, and is not repeated here.
"""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils import _knowledge
from ansible_collections.uplift.kubeadm.plugins.module_utils._detect_facts import mapping
from ansible_collections.uplift.kubeadm.plugins.module_utils._detect_flags import named, taken
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Check, Context, Finding, Unchecked
from ansible_collections.uplift.kubeadm.plugins.module_utils._seen import seen as cut

GATES = "feature-gates"
SOURCE = "The program itself, of that version, started with --version and the flags in use"
PROBE = "-e kubeadm_upgrade_probe=always asks the programs of each hop, once their images are on a node"


class Said(t.NamedTuple):
    """What a program of a minor says of a flag."""

    minor: str
    component: str
    name: str
    value: str
    accepted: bool
    says: str


def flags(ctx: Context) -> t.Iterator[Finding | Unchecked]:
    """A finding for each flag or gate that is refused, one for all that are deprecated, and what was not tried."""
    trial = mapping(ctx.options.get("trial"))
    if ctx.minors and not trial.get("tried") and not trial.get("untried"):
        yield Unchecked(
            "flags",
            f"Whether the programs of {', '.join(ctx.minors)} take the flags and feature gates in use was not tried; "
            f"{PROBE}. Those that are known to be gone were looked for.",
        )
    for row in trial.get("untried") or ():
        yield Unchecked("flags", f"Flags of {row['component']} {row['minor']} could not be tried: {row['why']}")
    said = [_read(row) for row in trial.get("said") or ()]
    refused: dict[str, list[Said]] = {}
    for one in said:
        if not one.accepted and not _in_tables(one, ctx):
            refused.setdefault(_id(one), []).append(one)
    for name, some in refused.items():
        yield _refused(name, some, ctx)
    yield from _deprecated([one for one in said if one.accepted])


def _read(row: t.Mapping[str, t.Any]) -> Said:
    name, _equals, value = str(row["flag"]).lstrip("-").partition("=")
    return Said(row["minor"], row["component"], name, value, bool(row["accepted"]), str(row["says"]))


def _id(said: Said) -> str:
    if said.name == GATES:
        return f"gate:{said.component}:{said.value.partition('=')[0]}"
    return f"flag:{said.component}:{said.name}"


def _in_tables(said: Said, ctx: Context) -> bool:
    """Whether a row of the plan's minors calls this very flag or gate a blocker.

    A row does not where the program of its own minor takes the flag: then the table has the minor wrong.
    """
    flag = f"--{said.name}={said.value}"
    for row in _knowledge.breakers(ctx.current, ctx.minors[-1]) if ctx.minors else ():
        if row["minor"] not in ctx.minors or row["severity"] != "blocker":
            continue
        wanted = mapping(row.get("detect"))
        if named(mapping(wanted.get("flags")).get(said.component) or (), said.name, said.value):
            return True
        gone = named(mapping(wanted.get("gone_flags")).get(said.component) or (), said.name, said.value)
        gone = gone or (said.name == GATES and said.value.partition("=")[0] in (wanted.get("feature_gates") or ()))
        if gone and not taken(ctx, row["minor"], said.component, flag):
            return True
    return False


def _refused(name: str, some: t.Sequence[Said], ctx: Context) -> Finding:
    first = some[0]
    gate = first.name == GATES
    lines = [
        f"{where}: --{one.name}={one.value}; {one.component} {one.minor} says: {one.says}"
        for one in some
        for where in _where(one, ctx)
    ]
    return Finding(
        id=name,
        severity="blocker",
        title=f"{first.component} {first.minor} does not take "
        + (f"the feature gate {first.value}" if gate else f"the flag --{first.name}"),
        seen=cut(lines),
        why=f"{first.component} ends at once when it is started with it: "
        + (
            "the node's kubelet does not come back from its step."
            if first.component == "kubelet"
            else "kubeadm waits for it in vain, and takes the hop back."
        ),
        fix=_fix(first),
        source=SOURCE,
        minor=first.minor,
    )


def _fix(said: Said) -> str:
    if said.component != "kubelet":
        return (
            f"Take it out of the extraArgs of {said.component}: kubectl -n kube-system edit configmap kubeadm-config. "
            "The hop then writes the static pod without it."
        )
    if said.name == GATES:
        return (
            "Take it out of featureGates in ConfigMap kube-system/kubelet-config, which kubeadm writes to each node at "
            "the hop, out of drop-ins, and out of KUBELET_EXTRA_ARGS."
        )
    return (
        "Take it out where it is set on the node: /var/lib/kubelet/kubeadm-flags.env, KUBELET_EXTRA_ARGS in "
        "/etc/default/kubelet or /etc/sysconfig/kubelet, or a drop-in of kubelet.service."
    )


def _where(said: Said, ctx: Context) -> list[str]:
    """The nodes that run kubelet with the flag; for other programs, kubeadm's configuration."""
    if said.component != "kubelet":
        return ["ConfigMap kube-system/kubeadm-config"]
    found = [name for name, node in ctx.nodes.items() if _on_node(said, node)]
    return found or ["kubelet"]


def _on_node(said: Said, node: t.Mapping[str, t.Any]) -> bool:
    arguments = mapping(node.get("kubelet_arguments"))
    if said.name != GATES:
        return said.name in {str(name).replace("_", "-") for name in arguments}
    gate = said.value.partition("=")[0]
    named = {part.partition("=")[0].strip() for part in str(arguments.get(GATES) or "").split(",")}
    return gate in named or gate in mapping(mapping(node.get("kubelet_configuration")).get("featureGates"))


def _deprecated(said: t.Sequence[Said]) -> t.Iterator[Finding]:
    lines = dict.fromkeys(f"{one.component} --{one.name}: {one.says} (in {one.minor})" for one in said)
    if lines:
        yield Finding(
            id="flags-deprecated",
            severity="info",
            title="Flags in use are deprecated",
            seen=tuple(lines),
            why="They still work in the minors of this plan.",
            fix="Nothing has to be done now; a later minor will not take them.",
            source=SOURCE,
        )


CHECKS: tuple[Check, ...] = (flags,)
