# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bridge of etcd in plans: where it stands, when there is none, what is refused; and a replay of whole upgrades."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.uplift.kubeadm.plugins.module_utils import _knowledge
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan import Options, make_plan
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_play import host_steps, plan_play
from ansible_collections.uplift.kubeadm.tests.unit.plugins.module_utils.fake_cluster import FakeCluster

AVAILABLE = {f"1.{number}": [f"1.{number}.0", f"1.{number}.1"] for number in range(24, 38)}
SEVERAL = ["3.5.32-0", "3.6.11-0"]


class Etcd:
    """A pretended cluster with its etcd: {node: release}, and what ConfigMap kubeadm-config says of it."""

    def __init__(self, version: str, *members: str, **config: Any) -> None:
        self.cluster = FakeCluster.whole(version, len(members), 1)
        self.members = {f"cp{number + 1}": release for number, release in enumerate(members)}
        self.config = {"external": False, "image_tag": None, "bridge": None, **config}
        self.kubeadm: dict[str, str] = {}
        self.units: dict[str, dict[str, Any]] = {}

    def plan(self, target: str, tags: list[str]) -> dict[str, Any]:
        facts, hosts = self.cluster.facts(), self.cluster.hosts()
        facts["cluster"]["etcd"] = self.config
        for name, release in self.members.items():
            facts["nodes"][name]["static_pods"]["etcd"] = {"version": f"{release}-0"}
            hosts[f"host-{name}"]["running"]["etcd"] = release
            hosts[f"host-{name}"]["kubeadm"] = self.kubeadm.get(name)
            hosts[f"host-{name}"]["kubeadm_unit"] = self.units.get(name)
        return make_plan(facts, hosts, AVAILABLE, Options(target=target, etcd_bridge=tags))["plan"]


def bridges(plan: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    return [(s["version"], s["image_tag"], s["nodes"]) for s in plan["stages"] if s["kind"] == "etcd"]


def refusal(etcd: Etcd, target: str, *tags: str) -> str:
    with pytest.raises(UpliftError) as error:
        etcd.plan(target, list(tags))
    return str(error.value)


def test_before_the_hop_that_brings_the_next_minor_of_etcd() -> None:
    plan = Etcd("v1.32.1", "3.5.24", "3.5.24", "3.5.24").plan("1.35", SEVERAL)
    assert bridges(plan) == [("v1.34.1", "3.5.32-0", ["cp1", "cp2", "cp3"])]
    kinds = [stage["kind"] for stage in plan["stages"] if stage["version"] == "v1.34.1"]
    assert kinds[:4] == ["prepare", "kubectl", "etcd", "control_plane"]
    stage = next(stage for stage in plan["stages"] if stage["kind"] == "etcd")
    assert (stage["serial"], stage["drains"], stage["hosts"]) == (1, [], ["host-cp1", "host-cp2", "host-cp3"])
    said = " ".join(plan["decisions"])
    assert "etcd goes to 3.5.32 before the hop to v1.34.1, as etcd wants before 3.6" in said
    assert "names 3.6.11-0, and this plan has no use for it" in said


def test_its_play_takes_one_member_after_the_other_and_tells_each_host_the_tag() -> None:
    plan = Etcd("v1.33.0", "3.5.24", "3.5.24", "3.5.24").plan("1.34", SEVERAL)
    play = plan_play(plan, 0, ["etcd"])
    assert (play["serial"], play["image_tag"], play["last_of_hop"]) == ([1, 1, 1], "3.5.32-0", False)
    assert {step["image_tag"] for step in host_steps(play).values()} == {"3.5.32-0"}
    assert plan_play(plan, 0, ["control_plane"])["image_tag"] == ""


def test_both_of_a_long_way() -> None:
    assert bridges(Etcd("v1.33.0", "3.5.24").plan("1.37", SEVERAL)) == [
        ("v1.34.1", "3.5.32-0", ["cp1"]),
        ("v1.37.1", "3.6.11-0", ["cp1"]),
    ]


@pytest.mark.parametrize(
    ("members", "tags"),
    [
        (["3.5.24"], []),  # not asked for
        (["3.5.32", "3.5.33", "3.5.40"], SEVERAL),  # there already
        (["3.6.5", "3.5.24", "3.5.24"], SEVERAL),  # begun: a member is at 3.6 and would not come back
    ],
)
def test_no_bridge(members: list[str], tags: list[str]) -> None:
    assert bridges(Etcd("v1.33.0", *members).plan("1.34", tags)) == []


def test_only_members_that_are_behind() -> None:
    plan = Etcd("v1.33.0", "3.5.32", "3.5.24", "3.5.24").plan("1.34", SEVERAL)
    assert bridges(plan) == [("v1.34.1", "3.5.32-0", ["cp2", "cp3"])]


def test_what_a_killed_run_left_is_ended_and_cleared_whether_asked_for_or_not() -> None:
    between = Etcd("v1.33.0", "3.5.32", "3.5.24", "3.5.24", bridge="3.5.32-0")
    assert bridges(between.plan("1.34", [])) == [("v1.34.1", "3.5.32-0", ["cp2", "cp3"])]
    only_the_pin = Etcd("v1.33.0", "3.5.32", "3.5.32", "3.5.32", bridge="3.5.32-0")
    plan = only_the_pin.plan("1.34", ["3.5.32-0"])
    assert bridges(plan) == [("v1.34.1", "3.5.32-0", ["cp1"])]
    assert "goes on with that step, and clears the pin" in " ".join(plan["decisions"])
    # Asked for a later one now, which goes over what was left.
    assert bridges(between.plan("1.34", ["3.5.33-0"])) == [("v1.34.1", "3.5.33-0", ["cp1", "cp2", "cp3"])]
    # A plan that takes etcd no further leaves it, and says so.
    stays = between.plan("1.33", [])
    assert bridges(stays) == []
    assert "so the pin stays for the run that does" in " ".join(stays["decisions"])


def test_a_pin_of_a_user_that_keeps_etcd_needs_no_bridge() -> None:
    assert bridges(Etcd("v1.33.0", "3.5.24", image_tag="3.5.24-0").plan("1.34", SEVERAL)) == []


def test_a_pin_of_a_user_that_takes_etcd_further_is_not_worked_around() -> None:
    message = refusal(Etcd("v1.33.0", "3.5.24", image_tag="3.6.5-0"), "1.34", "3.5.32-0")
    assert "etcd.local.imageTag in ConfigMap kubeadm-config is 3.6.5-0, set by somebody else" in message


def test_refusals() -> None:
    etcd = Etcd("v1.33.0", "3.5.24")
    assert "name one release of each minor" in refusal(etcd, "1.34", "3.5.31-0", "3.5.32-0")
    assert "'newest', which is no release of etcd" in refusal(etcd, "1.34", "newest")
    assert "etcd is external" in refusal(Etcd("v1.33.0", "3.5.24", external=True), "1.34", "3.5.32-0")
    etcd.members = {"cp1": ""}
    etcd.kubeadm = {}
    assert "the release of etcd on cp1 is not known" in refusal_without_etcd("1.34")
    newer = Etcd("v1.33.0", "3.5.24")
    newer.kubeadm = {"cp1": "v1.34.1"}
    assert "another one is installed on cp1 (v1.34.1)" in refusal(newer, "1.34", "3.5.32-0")


def refusal_without_etcd(target: str) -> str:
    cluster = FakeCluster.whole("v1.33.0", 1, 1)
    with pytest.raises(UpliftError) as error:
        make_plan(cluster.facts(), cluster.hosts(), AVAILABLE, Options(target=target, etcd_bridge=SEVERAL))
    return str(error.value)


def test_a_phase_of_kubeadm_that_was_cut_off_is_no_hop() -> None:
    """Protection: _unfinished() of _plan_cluster; a hop to the present version would run kubeadm upgrade node whole."""
    etcd = Etcd("v1.33.1", "3.5.24")
    facts, hosts = etcd.cluster.facts(), etcd.cluster.hosts()
    command = ["/usr/bin/kubeadm", "upgrade", "node", "phase", "control-plane"]
    hosts["host-cp1"]["kubeadm_unit"] = {"command": command, "version": "v1.33.1", "state": "unfinished"}
    plan = make_plan(facts, hosts, AVAILABLE, Options(target="1.34"))["plan"]
    assert [hop["version"] for hop in plan["hops"]] == ["v1.34.1"]


@pytest.mark.parametrize(
    ("state", "nodes"), [("running", ["cp1", "cp2"]), ("failed", ["cp1", "cp2"]), ("done", ["cp2"])]
)
def test_a_member_whose_kubeadm_has_not_ended_well_is_gone_on_with(state: str, nodes: list[str]) -> None:
    """Protects: the pin is not cleared while a kubeadm that a killed run has left may put the old etcd back."""
    etcd = Etcd("v1.33.1", "3.5.32", "3.5.24", "3.5.32", bridge="3.5.32-0")
    command = ["/usr/bin/kubeadm", "upgrade", "node", "phase", "control-plane"]
    etcd.units = {"cp1": {"command": command, "version": "v1.33.1", "state": state}}
    assert bridges(etcd.plan("1.34", [])) == [("v1.34.1", "3.5.32-0", nodes)]


# --- replay: kubeadm's own rules, written down apart from the planner ------------------------------------------------


def release(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.partition("-")[0].split("."))


def shipped(version: str) -> str:
    minor = version[1:].rsplit(".", 1)[0]
    return str((_knowledge.components(minor) or {})["etcd"])


MEMBERS = st.lists(st.sampled_from(["3.5.16", "3.5.24", "3.5.26", "3.5.32", "3.5.40"]), min_size=1, max_size=3)


@settings(max_examples=200)
@given(MEMBERS, st.integers(29, 33), st.integers(0, 8), st.integers(0, 12))
def test_every_member_is_where_etcd_wants_it_before_it_goes_on(
    members: list[str], start: int, minors: int, killed_after: int
) -> None:
    """Walked step by step, killed once anywhere and planned again, no member enters 3.6 or 3.7 from too low."""
    target, etcd = f"1.{min(start + minors, 37)}", Etcd(f"v1.{start}.1", *members)
    wanted = {(3, 6): (3, 5, 32), (3, 7): (3, 6, 11)}
    left = killed_after
    for _run in range(2):
        for version, kind, node, stage in steps_of(etcd.plan(target, SEVERAL)):
            if left == 0:
                break
            left -= 1
            if kind == "etcd":
                etcd.config["bridge"] = stage["image_tag"]
                etcd.members[node] = max(etcd.members[node], stage["image_tag"].partition("-")[0], key=release)
                if node == stage["nodes"][-1]:
                    etcd.config["bridge"] = None
            elif kind == "control_plane":
                before, ships = release(etcd.members[node]), release(shipped(version))
                if ships[:2] > before[:2]:
                    assert etcd.config["bridge"] is None, "a pin of ours would keep etcd where it is"
                if ships > before:
                    if ships[:2] > before[:2]:
                        assert before >= wanted[ships[:2]], (node, before, ships)
                        assert all(release(other) >= wanted[ships[:2]] for other in etcd.members.values())
                    etcd.members[node] = shipped(version).partition("-")[0]
        else:
            break
        left = 10**6
        if not etcd_is_whole(etcd):
            return  # a hop that was cut off within the control plane is the planner's own business
    assert etcd.config["bridge"] is None


def steps_of(plan: dict[str, Any]) -> list[tuple[str, str, str, dict[str, Any]]]:
    kinds = ("etcd", "control_plane")
    return [(s["version"], s["kind"], n, s) for s in plan["stages"] if s["kind"] in kinds for n in s["nodes"]]


def etcd_is_whole(etcd: Etcd) -> bool:
    """Whether no control plane has gone on yet, so that the fake cluster is still what the plan is made from."""
    return all(release(member)[:2] == (3, 5) for member in etcd.members.values())
