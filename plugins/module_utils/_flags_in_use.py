# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which flags of a cluster will still be there after an upgrade, and must therefore please the programs to come. Pure.

kubeadm writes the static pods anew at every hop: of their flags, those in extraArgs of the ClusterConfiguration stay,
and kubeadm's own are its business. kubelet keeps the flags that it has, but for those that the upgrade takes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils import _yaml
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_stages import CLEAN_UPS

SECTIONS = {
    "kube-apiserver": "apiServer",
    "kube-controller-manager": "controllerManager",
    "kube-scheduler": "scheduler",
}
# Values of one flag that are tried: a flag such as --node-ip has one a node, and what is wrong with one is with all.
MOST_VALUES = 3


def flags_in_use(nodes: Mapping[str, Any], cluster_configuration: str) -> dict[str, list[str]]:
    """{program: ["--name=value", …]}, each flag once, in a stable order.

    nodes: facts of nodes by any name (`kubelet_arguments`, `kubelet_configuration`; both may be missing or null).
    cluster_configuration: the text of kubeadm's ClusterConfiguration.
    """
    config = _yaml.load(cluster_configuration, "ClusterConfiguration") if cluster_configuration else {}
    found = {
        program: [f"--{name}={value}" for name, value in extra_args((config or {}).get(section))]
        for program, section in SECTIONS.items()
    }
    found["kubelet"] = _kubelet(nodes.values())
    return {program: flags for program, flags in found.items() if flags}


def extra_args(section: Any) -> list[tuple[str, str]]:
    """extraArgs: a mapping up to v1beta3, a list of name and value (which may repeat a name) from v1beta4 on."""
    args = (section or {}).get("extraArgs") or {}
    pairs = args.items() if isinstance(args, Mapping) else [(arg.get("name"), arg.get("value")) for arg in args]
    return [(str(name), "" if value is None else _text(value)) for name, value in pairs]


def _kubelet(nodes: Iterable[Mapping[str, Any]]) -> list[str]:
    values: dict[str, list[str]] = {}
    for node in nodes:
        flags = [*(node.get("kubelet_arguments") or {}).items()]
        gates = (node.get("kubelet_configuration") or {}).get("featureGates") or {}
        flags += [("feature-gates", f"{gate}={_text(state)}") for gate, state in gates.items()]
        for name, value in flags:
            if name not in CLEAN_UPS.values():
                values.setdefault(name, [])
                if value not in values[name] and (name == "feature-gates" or len(values[name]) < MOST_VALUES):
                    values[name].append(value)
    return [f"--{name}={_text(value)}" for name in sorted(values) for value in values[name]]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
