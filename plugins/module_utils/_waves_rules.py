# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the user says of waves: how many nodes at once, in all and by group, in which order, canaries. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_order import parse_selector
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._selectors import Labels, Selector, matches

VARIABLE = "kubeadm_upgrade_groups"
DEFAULT_ORDER = 100  # of nodes that are in no group which has one
_KEYS = ("name", "selector", "inventory_group", "max", "max_per_zone", "order", "canaries", "soak")

Amount = t.Union[int, str]  # 2, or "50%"


@dataclass(frozen=True)
class Group:
    """An entry of kubeadm_upgrade_groups.

    selector: of node labels; None: all nodes. nodes: those of its inventory group; None: it names none.
    most, most_per_zone: nodes out together; None: no limit of its own. order: lower ones go first.
    canaries: nodes of the first wave of its order. soak: seconds to watch after a wave with a node of it.
    """

    name: str
    selector: Selector = None
    nodes: frozenset[str] | None = None
    most: Amount | None = None
    most_per_zone: Amount | None = None
    order: int | None = None
    canaries: int = 0
    soak: int = 0

    def has(self, node: str, labels: Labels) -> bool:
        if self.nodes is not None and node not in self.nodes:
            return False
        return self.selector is None or matches(self.selector, labels)


@dataclass(frozen=True)
class Rules:
    """most: nodes of a wave, of all that are to go. forks: hosts that Ansible works on at once; None: as many.

    canaries: nodes of the first wave of all; 0: none. unbudgeted: how many pods of a workload without a disruption
    budget may be out together.
    """

    groups: tuple[Group, ...] = ()
    most: Amount = "100%"
    forks: int | None = None
    canaries: int = 0
    unbudgeted: Amount = "25%"

    def of(self, node: str, labels: Labels) -> list[Group]:
        return [group for group in self.groups if group.has(node, labels)]


@dataclass
class _Reader:
    """Reads entries; `inventory` is {inventory group: names of its nodes}."""

    inventory: t.Mapping[str, t.Iterable[str]]
    names: set[str] = field(default_factory=set)

    def group(self, index: int, entry: t.Any) -> Group:
        where = f"{VARIABLE}: entry {index + 1}"
        if not isinstance(entry, t.Mapping):
            raise UpliftError(f"{where} is {entry!r}; an entry is a mapping with {', '.join(_KEYS)}.")
        unknown = sorted(str(key) for key in set(entry) - set(_KEYS))
        if unknown:
            raise UpliftError(f"{where} has {', '.join(unknown)}; an entry has {', '.join(_KEYS)}.")
        name = str(entry.get("name") or entry.get("inventory_group") or f"group {index + 1}")
        if name in self.names:
            raise UpliftError(f"{where} is named {name}, as another one is. Give each a name of its own.")
        self.names.add(name)
        named = entry.get("inventory_group")
        if named and named not in self.inventory:
            raise UpliftError(f"{where} names the inventory group {named!r}, and the inventory has none of that name.")
        order = entry.get("order")
        return Group(
            name,
            _selector(entry.get("selector"), where),
            frozenset(self.inventory[named]) if named else None,
            amount(entry.get("max"), f"{where}: max"),
            amount(entry.get("max_per_zone"), f"{where}: max_per_zone"),
            None if order is None else whole(order, f"{where}: order"),
            whole(entry.get("canaries") or 0, f"{where}: canaries"),
            whole(entry.get("soak") or 0, f"{where}: soak"),
        )


def read_groups(entries: t.Any, inventory: t.Mapping[str, t.Iterable[str]]) -> tuple[Group, ...]:
    """The entries of kubeadm_upgrade_groups. Raises UpliftError for one that is no good; it is named."""
    if not isinstance(entries, (list, tuple)):
        raise UpliftError(f"{VARIABLE} is {entries!r}; it is a list of groups.")
    reader = _Reader(inventory)
    return tuple(reader.group(index, entry) for index, entry in enumerate(entries))


def amount(value: t.Any, where: str) -> Amount | None:
    """A number from 1 on or a percentage from 1% to 100%; None when nothing is said. Raises UpliftError."""
    if value is None or value == "":
        return None
    text = "" if isinstance(value, bool) else str(value).strip()
    number = text[:-1] if text.endswith("%") else text
    if not number.isdigit() or int(number) < 1 or (text.endswith("%") and int(number) > 100):
        raise UpliftError(f'{where} is {value!r}: write a number from 1 on, or a percentage up to "100%".')
    return text if text.endswith("%") else int(number)


def whole(value: t.Any, where: str) -> int:
    """A whole number from 0 on. Raises UpliftError."""
    text = "" if isinstance(value, bool) else str(value).strip()
    if not text.isdigit():
        raise UpliftError(f"{where} is {value!r}: write a whole number, from 0 on.")
    return int(text)


def share(value: Amount, total: int) -> int:
    """How many of a total, at least one; a percentage is rounded down, as in Ansible's serial."""
    return max(1, total * int(value[:-1]) // 100 if isinstance(value, str) else value)


def _selector(text: t.Any, where: str) -> Selector:
    if text is None or text == "":
        return None
    try:
        return parse_selector(str(text))
    except ValueError as e:
        raise UpliftError(f"{where} has a selector that cannot be used: {e}.") from e
