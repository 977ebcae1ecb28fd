# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Members of etcd that come and go, seen from the member of another control plane.

etcd's own check (--strict-reconfig-check, on by default) refuses a change that would lose the quorum, by members that
are known to have started. Members are looked at here first, each by a question of its own.
"""

from __future__ import annotations

import time
import typing as t
from pathlib import Path
from urllib.parse import urlsplit

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._etcd import Etcd, local_member
from ansible_collections.uplift.kubeadm.plugins.module_utils._etcd_spare import why_silent
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_static_pods import static_pods

POLL_SECONDS = 1.0
Member = t.Mapping[str, t.Any]


def ours(root: Path) -> Etcd | None:
    """The member of this node; None where kubeadm runs no etcd here (an external one has members of its own)."""
    pods, _unread = static_pods(root)
    return local_member(root, pods["etcd"]) if "etcd" in pods else None


def wait_healthy(own: Etcd, names: t.Iterable[str], timeout: float) -> list[str]:
    """Wait until every member has started, votes, answers and knows a leader, and these are among them; all names.

    :raises UpliftError: after timeout seconds, with what is wrong.
    """
    return _wait(lambda: _healthy(own, frozenset(names)), timeout, "etcd is not whole")


def remove(own: Etcd, name: str, address: str, timeout: float, dry_run: bool = False, only_dead: bool = False) -> bool:
    """Have a member removed, by its name; one that never came up has none, and is known by the address of its peer URL.

    False when there is no such member, or with only_dead when it answers. The leader hands over first. All others have
    to be well; where the member itself is not, so many as are a quorum without it.

    :raises UpliftError: it is the only one, or the others are not well after timeout seconds.
    """
    found = _wait(lambda: _removable(own, name, address, only_dead), timeout, f"{name or address} cannot be removed")
    member, leader = found[0], found[1]
    if member is None:
        return False
    if leader is member:
        raise UpliftError(f"{member['name']} is the member that was asked; another control plane has to be.")
    if dry_run:
        return True
    if leader is not None:
        _hand_over(member, leader, own, timeout)
    own.call("/v3/cluster/member/remove", {"ID": str(int(member["id"], 16))})
    _wait(lambda: _gone(own, member["id"]), timeout, f"{name or address} was removed, and is a member still")
    return True


class _Verdict(t.NamedTuple):
    """trouble: why not yet; "" when it is so."""

    trouble: str
    value: t.Any = None


def _wait(look: t.Callable[[], _Verdict], timeout: float, what: str) -> t.Any:
    deadline = time.monotonic() + timeout
    while True:
        try:
            found = look()
        except UpliftError as error:  # it may be electing a leader
            found = _Verdict(str(error))
        if not found.trouble:
            return found.value
        if time.monotonic() >= deadline:
            raise UpliftError(
                f"{what}, after {timeout:g} s: {found.trouble} Look at the members with crictl ps -a --name etcd and "
                "crictl logs on the control planes."
            )
        time.sleep(POLL_SECONDS)


def _healthy(own: Etcd, names: frozenset[str]) -> _Verdict:
    members = own.facts()["members"]
    there = [member["name"] for member in members if member["name"]]
    trouble = [f"{member['name'] or member['id']}: {why}" for member in members if (why := _why(member, own))]
    trouble += [f"{name} is no member." for name in sorted(names - set(there))]
    return _Verdict(" ".join(trouble), sorted(there))


def _why(member: Member, own: Etcd) -> str:
    return "it is a learner." if member["learner"] else why_silent(member, own)


def _removable(own: Etcd, name: str, address: str, only_dead: bool) -> _Verdict:
    """The member that is to go, and who is to lead in its place (None: it does not lead; itself: it was asked)."""
    facts = own.facts()
    member = find(facts["members"], name, address)
    if member is None:
        return _Verdict("", (None, None))
    target_well = not _why(member, own)
    if only_dead and target_well:
        return _Verdict("", (None, None))
    if member["id"] == facts["member"]:
        return _Verdict("", (member, member))
    others = [other for other in facts["members"] if other["id"] != member["id"]]
    well = [other for other in others if not _why(other, own)]
    if not enough(len(others), len(well), target_well):
        silent = [f"{other['name'] or other['id']}: {why}" for other in others if (why := _why(other, own))]
        return _Verdict(f"{len(well)} of {len(others)} other members are well. {' '.join(silent)}")
    return _Verdict("", (member, well[0] if _leads(member, own) else None))


def enough(others: int, well: int, target_well: bool) -> bool:
    """Whether a member may go: all others well, or where it is dead itself, a quorum of what is left. Pure."""
    return well == others if target_well else well >= others // 2 + 1


def find(members: t.Iterable[Member], name: str, address: str) -> Member | None:
    """The member of that name; else the one without a name whose peer URL has that address. Pure."""
    listed = list(members)
    for member in listed:
        if name and member["name"] == name:
            return member
    for member in listed:
        if address and not member["name"] and any(urlsplit(url).hostname == address for url in member["peer_urls"]):
            return member
    return None


def _leads(member: Member, own: Etcd) -> bool:
    return any(int(_status(url, own).get("leader") or 0) == int(member["id"], 16) for url in member["client_urls"])


def _status(url: str, own: Etcd) -> dict[str, t.Any]:
    try:
        return Etcd(url, own.context).call("/v3/maintenance/status")
    except UpliftError:  # a member that does not answer does not lead
        return {}


def _hand_over(member: Member, to: Member, own: Etcd, timeout: float) -> None:
    """Only the leader itself hands over (etcdserver, MoveLeader)."""
    leader = Etcd(member["client_urls"][0], own.context, timeout=30.0)
    leader.call("/v3/maintenance/transfer-leadership", {"targetID": str(int(to["id"], 16))})

    def handed() -> _Verdict:
        return _Verdict("it leads still." if _leads(member, own) else "")

    _wait(handed, timeout, f"{member['name']} was to hand over the lead")


def _gone(own: Etcd, member: str) -> _Verdict:
    return _Verdict("it is listed." if any(m["id"] == member for m in own.facts()["members"]) else "")
