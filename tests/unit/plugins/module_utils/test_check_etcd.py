# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of etcd: health, room, and the steps of its version."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._check_etcd import CHECKS
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Context
from ansible_collections.uplift.kubeadm.tests.unit.plugins.checking import at, findings, gaps, severities
from ansible_collections.uplift.kubeadm.tests.unit.plugins.healthy import healthy_context

MIB, GIB = 1024**2, 1024**3


def test_a_healthy_cluster_has_none() -> None:
    assert severities(CHECKS) == {}
    assert gaps(CHECKS, healthy_context()) == {}


def etcd(**changes: t.Any) -> t.Callable[[t.Any, t.Any], None]:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        nodes["cp1"]["etcd"].update(changes)

    return spoil


def member(name: str, **more: t.Any) -> dict[str, t.Any]:
    address = {"cp1": "10.0.0.10"}.get(name, "10.0.0.99")
    urls = {"client_urls": [f"https://{address}:2379"], "peer_urls": [f"https://{address}:2380"]}
    return {"id": f"id-{name}", "name": name, "learner": False, "started": True, **urls, **more}


@pytest.mark.parametrize(
    ("members", "wanted"),
    [
        ([member("cp1")], {}),
        ([member("cp1"), member("w1"), member("w2")], {"etcd-member-without-node": "blocker"}),
        (
            [member("cp1"), member("renamed", peer_urls=["https://10.0.0.10:2380"], learner=True)],
            {"etcd-learner": "warning"},
        ),
        (
            [member("cp1"), member("", id="c3", started=False)],
            {"etcd-member-not-started": "blocker", "etcd-two-members": "warning"},
        ),
    ],
)
def test_members(members: list[dict[str, t.Any]], wanted: dict[str, str]) -> None:
    assert severities(CHECKS, etcd(members=members)) == wanted


def test_a_learner_blocks_the_way_to_3_6() -> None:
    context = healthy_context(etcd(members=[member("cp1"), member("cp1", id="b2", learner=True)], version="3.5.32"))
    found = findings(CHECKS, at(context, "1.33", "1.34"))
    assert {name: one.severity for name, one in found.items()} == {"etcd-learner": "blocker"}


@pytest.mark.parametrize("alarm", ["NOSPACE", "CORRUPT"])
def test_alarms(alarm: str) -> None:
    spoil = etcd(alarms=[{"member": "a1", "alarm": alarm}])
    assert severities(CHECKS, spoil) == {f"etcd-alarm:{alarm}": "blocker"}


def test_no_leader() -> None:
    assert severities(CHECKS, etcd(leader=False, has_leader=False)) == {"etcd-no-leader": "blocker"}
    assert severities(CHECKS, etcd(leader=False, has_leader=True)) == {}


@pytest.mark.parametrize(
    ("size", "inside", "quota", "wanted"),
    [
        (1700 * MIB, 1600 * MIB, 2 * GIB, {"etcd-nearly-full": "warning"}),
        (1700 * MIB, 1600 * MIB, None, {"etcd-nearly-full": "warning"}),
        (1500 * MIB, 1400 * MIB, 2 * GIB, {}),
        (1700 * MIB, 1600 * MIB, 8 * GIB, {}),
        (1000 * MIB, 300 * MIB, 2 * GIB, {"etcd-fragmented": "info"}),
        (100 * MIB, 3 * MIB, 2 * GIB, {}),
    ],
)
def test_size(size: int, inside: int, quota: int | None, wanted: dict[str, str]) -> None:
    assert severities(CHECKS, etcd(db_size=size, db_in_use=inside, quota=quota)) == wanted


def room(free: int) -> t.Callable[[t.Any, t.Any], None]:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        nodes["cp1"]["etcd"]["data_bytes"] = GIB
        nodes["cp1"]["disk"]["/etc/kubernetes"]["free"] = free

    return spoil


@pytest.mark.parametrize(
    ("free", "wanted"),
    [
        (2 * GIB - 1, {"etcd-copy-room": "blocker"}),  # two hops, two copies
        (3 * GIB - 1, {"etcd-copy-room": "warning"}),
        (3 * GIB, {}),
    ],
)
def test_room_for_the_copies(free: int, wanted: dict[str, str]) -> None:
    assert severities(CHECKS, room(free)) == wanted


def test_room_that_is_not_known() -> None:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        del nodes["cp1"]["disk"]

    assert list(gaps(CHECKS, healthy_context(spoil))) == ["etcd-copy-room"]


def test_etcd_that_does_not_speak() -> None:
    def silent(facts: t.Any, nodes: t.Any) -> None:
        nodes["cp1"]["etcd"] = None

    def explained(facts: t.Any, nodes: t.Any) -> None:
        silent(facts, nodes)
        nodes["cp1"]["unread"]["etcd"] = "it does not answer"

    assert list(gaps(CHECKS, healthy_context(silent))) == ["etcd"]
    assert gaps(CHECKS, healthy_context(explained)) == {}  # the engine tells it with all that was not read


def test_left_overs() -> None:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        nodes["cp1"]["kubernetes_tmp"] = {"bytes": 5 * GIB, "folders": 9}

    assert severities(CHECKS, spoil) == {"kubeadm-left-overs": "info"}


def at_version(version: str, current: str, target: str, tag: str | None = None, **options: t.Any) -> Context:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        nodes["cp1"]["etcd"]["version"] = version
        facts["cluster"]["etcd"]["image_tag"] = tag

    return at(healthy_context(spoil, **options), current, target)


def of(context: Context) -> dict[str, str]:
    return {name: found.severity for name, found in findings(CHECKS, context).items()}


@pytest.mark.parametrize(
    ("version", "current", "target", "tag", "wanted"),
    [
        ("3.5.24", "1.33", "1.34", None, {"etcd-before:3.6": "blocker"}),
        ("3.5.26", "1.33", "1.34", None, {"etcd-before:3.6": "warning"}),
        ("3.5.32", "1.33", "1.34", None, {}),
        # 1.33 brings 3.5.24 itself, and does not go back from a newer one
        ("3.5.16", "1.32", "1.34", None, {"etcd-before:3.6": "blocker"}),
        ("3.5.32", "1.32", "1.34", None, {"etcd-stays": "info"}),
        ("3.6.8", "1.36", "1.37", None, {"etcd-before:3.7": "blocker"}),
        ("3.6.11", "1.36", "1.37", None, {}),
        ("3.5.16", "1.29", "1.30", None, {"etcd-stays": "info"}),
        # a tag keeps etcd where it is, so nothing is crossed
        ("3.5.24", "1.33", "1.34", "3.5.24-0", {"etcd-pinned": "warning"}),
        ("3.5.24", "1.33", "1.34", "3.6.99-0", {"etcd-before:3.6": "blocker", "etcd-pinned": "info"}),
        ("3.5.6", "1.24", "1.26", "3.5.15-0", {"etcd-pinned": "info"}),
        ("3.5.32", "1.36", "1.37", None, {"etcd-skips:3.7": "blocker"}),
        ("3.5.1", "1.24", "1.25", None, {"etcd-corrupting": "warning"}),
        ("3.5.3", "1.24", "1.25", None, {}),
    ],
)
def test_steps(version: str, current: str, target: str, tag: str | None, wanted: dict[str, str]) -> None:
    assert of(at_version(version, current, target, tag)) == wanted


def bridged(context: Context, minor: str, tag: str) -> Context:
    """The same plan with a stage that takes etcd to the tag before the hop to that minor."""
    hop = next(one["index"] for one in context.plan["hops"] if one["minor"] == minor)
    stage = {"kind": "etcd", "hop": hop, "version": f"v{minor}.0", "nodes": ["cp1"], "drains": [], "image_tag": tag}
    return replace(context, plan={**context.plan, "stages": [stage, *context.plan["stages"]]})


@pytest.mark.parametrize(
    ("version", "current", "target", "bridge", "wanted"),
    [
        ("3.5.24", "1.33", "1.34", ("1.34", "3.5.32-0"), {"etcd-bridge:3.6": "info"}),
        ("3.5.24", "1.32", "1.34", ("1.34", "3.5.32-0"), {"etcd-bridge:3.6": "info"}),
        ("3.6.8", "1.36", "1.37", ("1.37", "3.6.11-0"), {"etcd-bridge:3.7": "info"}),
        # a step that does not reach what etcd wants is no bridge
        ("3.5.24", "1.33", "1.34", ("1.34", "3.5.26-0"), {"etcd-before:3.6": "warning"}),
        ("3.5.21", "1.33", "1.34", ("1.34", "3.5.24-0"), {"etcd-before:3.6": "blocker"}),
        # the other step is still missing
        ("3.5.24", "1.33", "1.37", ("1.34", "3.5.32-0"), {"etcd-bridge:3.6": "info", "etcd-before:3.7": "blocker"}),
    ],
)
def test_a_bridge_that_is_asked_for(
    version: str, current: str, target: str, bridge: tuple[str, str], wanted: dict[str, str]
) -> None:
    assert of(bridged(at_version(version, current, target), *bridge)) == wanted


def test_a_pin_that_a_killed_run_left() -> None:
    context = at_version("3.5.32", "1.33", "1.34")
    context.facts["cluster"]["etcd"]["bridge"] = "3.5.32-0"
    assert of(context) == {"etcd-bridge-left": "warning"}
    assert of(bridged(context, "1.34", "3.5.32-0")) == {"etcd-bridge:3.6": "info", "etcd-bridge-left": "info"}


def test_a_bridge_makes_one_more_copy_of_the_data() -> None:
    context = bridged(at(healthy_context(room(2 * GIB - 1)), "1.33", "1.34"), "1.34", "3.5.32-0")
    assert findings(CHECKS, context)["etcd-copy-room"].severity == "blocker"


def test_what_a_kubeadm_names_counts_more_than_the_tables() -> None:
    proved = {"v1.34.0": ["registry.k8s.io/kube-apiserver:v1.34.0", "registry.k8s.io/etcd:3.5.31-0"]}
    assert of(at_version("3.5.24", "1.33", "1.34", images=proved)) == {}


def test_the_tables_speak_of_corruption_on_the_way_through_1_23() -> None:
    assert of(at_version("3.5.1", "1.22", "1.23")) == {}


@pytest.mark.parametrize("tag", ["latest", "v3"])
def test_a_tag_that_tells_no_version(tag: str) -> None:
    context = at_version(tag, "1.24", "1.26")
    assert of(context) == {}
    assert f"cp1 ({tag})" in gaps(CHECKS, context)["etcd-versions"]


def test_members_of_several_versions() -> None:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        nodes["cp2"] = {**nodes["cp1"], "name": "cp2", "etcd": {**nodes["cp1"]["etcd"], "version": "3.5.9"}}

    assert severities(CHECKS, spoil) == {"etcd-mixed": "warning"}


def external(version: str) -> t.Callable[[t.Any, t.Any], None]:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        facts["cluster"]["etcd"]["external"] = True
        del facts["nodes"]["cp1"]["static_pods"]["etcd"]
        del nodes["cp1"]["running"]["etcd"]
        nodes["cp1"]["etcd"] = {
            **{key: nodes["cp1"]["etcd"][key] for key in ("db_size", "db_in_use", "quota", "leader", "alarms")},
            "external": True,
            "version": version,
            "members": [member(name) for name in ("e1", "e2", "e3")],
            "silent": {},
        }

    return spoil


def test_external_etcd() -> None:
    assert severities(CHECKS, external("3.5.6")) == {"etcd-external": "info"}
    context = at(healthy_context(external("3.5.15")), "1.30", "1.31")
    assert of(context) == {"etcd-external": "info", "etcd-external-old": "warning"}


def test_a_silent_member_of_an_external_etcd() -> None:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        external("3.5.6")(facts, nodes)
        nodes["cp1"]["etcd"]["silent"] = {"https://e2:2379": "it does not answer"}

    assert severities(CHECKS, spoil) == {"etcd-external": "info", "etcd-member-silent": "blocker"}


def test_nobody_is_told_to_look_for_an_external_etcd_in_pods() -> None:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        external("3.5.6")(facts, nodes)
        waiting = member("", id="e3", started=False)
        nodes["cp1"]["etcd"].update(
            members=[member("e1"), member("e2", learner=True), waiting],
            has_leader=False,
            alarms=[{"member": "e1", "alarm": "NOSPACE"}],
            db_size=2 * GIB,
            quota=2 * GIB,
        )

    found = findings(CHECKS, healthy_context(spoil))
    assert set(found) == {
        "etcd-external", "etcd-member-not-started", "etcd-learner", "etcd-two-members", "etcd-no-leader",
        "etcd-alarm:NOSPACE", "etcd-nearly-full",
    }  # fmt: skip
    for finding in found.values():
        words = f"{finding.why} {finding.fix}"
        assert [word for word in ("kubectl", "crictl", "control plane node") if word in words] == [], finding.id


def test_nothing_of_versions_when_the_control_plane_stays() -> None:
    context = at_version("3.5.24", "1.33", "1.34", "3.5.24-0")
    assert of(replace(context, plan={"hops": [], "stages": [], "left_out": []}, minors=())) == {}
