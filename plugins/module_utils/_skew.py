# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which versions may run side by side.

Sources: https://kubernetes.io/releases/version-skew-policy/ (the policy; kubelet n-3 from 1.25 on, n-2 before) and
kubeadm's own check at `upgrade apply` (cmd/kubeadm/app/phases/upgrade/policy.go, detectTooOldKubelets, with
MinimumKubeletVersion of each minor's constants: 1 minor up to kubeadm 1.28, 3 from 1.29). The policy counts minors;
patches never matter to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import minor_name, parse_minor

COMPONENTS = ("apiserver", "controller_manager", "scheduler", "kubelet", "kube_proxy", "kubectl")
# Up to this minor the first `kubeadm upgrade apply` moves kube-proxy everywhere at once, before the other control
# planes; from the next on the last control plane does it (kubernetes/kubernetes#117660).
LAST_MINOR_WITH_ADDONS_FIRST = 27


def reach(minor: int) -> int:
    """How many minors a kubelet or kube-proxy of this minor may be older than an API server."""
    return 3 if minor >= 25 else 2


def kubeadm_kubelet_skew(minor: int) -> int:
    """How many minors kubeadm of this minor lets any kubelet be older than the target of `upgrade apply`."""
    return 3 if minor >= 29 else 1


def kubelet_allows(kubelet: int, apiserver: int) -> bool:
    """Whether an API server may move to this minor while the kubelet stays."""
    return apiserver - kubelet <= reach(kubelet)


def skew_violations(versions: Mapping[str, Any], kubeadm_exception: bool = False) -> list[str]:
    """What the policy forbids in this state of a cluster, a sentence each, in a stable order; [] when all is allowed.

    `versions` maps a component to one version, a list of versions, or {node: version}; see COMPONENTS; every one may
    be left out, and so may single versions (None). Controller managers and schedulers given by node talk to the API
    server of their own node, as kubeadm has set them up since 1.19; given as a list, to any of them.

    `kubeadm_exception` excuses one state that kubeadm itself makes (up to 1.27, several control planes): kube-proxy
    already as new as the newest API server while another is still one minor older.
    """
    unknown = sorted(set(versions) - set(COMPONENTS))
    if unknown:
        raise UpliftError(f"Unknown component {', '.join(unknown)}: known are {', '.join(COMPONENTS)}.")
    found = {component: _minors(component, versions.get(component)) for component in COMPONENTS}
    servers = found["apiserver"]
    if not servers:
        return _proxy_beside_kubelet(found)
    oldest, newest = min(servers.values()), max(servers.values())
    messages = []
    if newest - oldest > 1:
        messages.append(
            f"kube-apiserver runs at {minor_name(oldest)} and at {minor_name(newest)}: "
            "the API servers of a cluster must be within one minor."
        )
    for component in ("controller_manager", "scheduler"):
        messages += _beside_own_server(component, found[component], servers, oldest, newest)
    proxy_oldest = oldest
    if kubeadm_exception and newest <= LAST_MINOR_WITH_ADDONS_FIRST and newest - oldest == 1:
        proxy_oldest = newest
    messages += _behind_servers("kubelet", found["kubelet"], oldest, newest)
    messages += _behind_servers("kube-proxy", found["kube_proxy"], proxy_oldest, newest)
    messages += _proxy_beside_kubelet(found)
    for where, minor in found["kubectl"].items():
        if minor < newest - 1 or minor > oldest + 1:
            messages.append(f"{_who('kubectl', where, minor)} is more than one minor from {_servers(oldest, newest)}.")
    return messages


def _minors(component: str, given: Any) -> dict[str, int]:
    """{where: minor}; entries of a list have no name and are told apart by their place ("#0")."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        pairs: Iterable[tuple[str, Any]] = given.items()
    elif isinstance(given, str):
        pairs = [("#0", given)]
    elif isinstance(given, Iterable):
        pairs = [(f"#{place}", version) for place, version in enumerate(given)]
    else:
        raise UpliftError(f"{component}: {given!r} is neither a version, nor a list, nor a mapping of node to version.")
    return {str(where): parse_minor(version) for where, version in pairs if version is not None}


def _beside_own_server(
    component: str, found: dict[str, int], servers: dict[str, int], oldest: int, newest: int
) -> list[str]:
    name = "kube-" + component.replace("_", "-")
    messages = []
    for where, minor in found.items():
        named = not where.startswith("#")
        low, high = (servers[where], servers[where]) if named and where in servers else (oldest, newest)
        if minor > low:
            messages.append(f"{_who(name, where, minor)} is newer than {_servers(low, high)}.")
        elif minor < high - 1:
            messages.append(f"{_who(name, where, minor)} is more than one minor older than {_servers(low, high)}.")
    return messages


def _behind_servers(name: str, found: dict[str, int], oldest: int, newest: int) -> list[str]:
    messages = []
    for where, minor in found.items():
        if minor > oldest:
            messages.append(f"{_who(name, where, minor)} is newer than {_servers(oldest, newest)}.")
        elif newest - minor > reach(minor):
            messages.append(
                f"{_who(name, where, minor)} is {newest - minor} minors older than {_servers(oldest, newest)}; "
                f"at {minor_name(minor)} it may be {reach(minor)} older."
            )
    return messages


def _proxy_beside_kubelet(found: dict[str, dict[str, int]]) -> list[str]:
    messages = []
    for where, minor in found["kube_proxy"].items():
        kubelet = found["kubelet"].get(where)
        if kubelet is not None and not where.startswith("#") and abs(kubelet - minor) > reach(minor):
            messages.append(
                f"{_who('kube-proxy', where, minor)} is more than {reach(minor)} minors from the kubelet beside it "
                f"({minor_name(kubelet)})."
            )
    return messages


def _who(name: str, where: str, minor: int) -> str:
    return f"{name} {minor_name(minor)}" + ("" if where.startswith("#") else f" on {where}")


def _servers(oldest: int, newest: int) -> str:
    if oldest == newest:
        return f"kube-apiserver {minor_name(oldest)}"
    return f"the kube-apiservers ({minor_name(oldest)} and {minor_name(newest)})"
