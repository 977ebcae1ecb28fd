# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the findings of the drain forecast say, and that a healthy cluster has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._check_drain import drains
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Context, Finding, Unchecked
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_pods import (
    HOST,
    budget,
    control_plane,
    facts,
    node,
    plan,
    pod,
    unready,
    workload,
)

ALL = {"cp1": control_plane("cp1"), "w1": node("w1"), "w2": node("w2")}
ONE_EACH = [pod("a", "w1"), pod("b", "w2")]
BLOCKED = [budget(max_unavailable=0)]


def look(
    cluster: dict[str, Any], made: dict[str, Any] | None = None, **options: Any
) -> tuple[dict[str, Finding], dict[str, Unchecked]]:
    """Findings and what was not checked, by id."""
    made = made or plan(("workers", ["w1", "w2"]), before="cp1")
    said = list(drains(Context({"volumes": [], **cluster}, {}, made, ("1.25",), "1.24", "2026-11-21", options)))
    found = [entry for entry in said if isinstance(entry, Finding)]
    gaps = [entry for entry in said if isinstance(entry, Unchecked)]
    assert len({finding.id for finding in found}) == len(found)
    for finding in found:
        assert finding.seen and finding.why.endswith(".") and finding.fix.endswith(".") and finding.source
        assert not finding.title.endswith(".")
    return {finding.id: finding for finding in found}, {gap.check: gap for gap in gaps}


def ids(cluster: dict[str, Any], made: dict[str, Any] | None = None, **options: Any) -> dict[str, str]:
    return {name: finding.severity for name, finding in look(cluster, made, **options)[0].items()}


def healthy() -> dict[str, Any]:
    """A lab cluster: one control plane, two workers, CoreDNS, DaemonSets, static pods, and a service under a budget."""
    system = {"ns": "kube-system", "labels": {"k8s-app": "kube-dns"}}
    tolerant = [{"key": "CriticalAddonsOnly", "operator": "Exists"}, {"key": "node-role.kubernetes.io/control-plane"}]
    dns = [pod(f"coredns-{n}", "cp1", ("ReplicaSet", "coredns-6d4b"), tolerations=tolerant, **system) for n in "ab"]
    agents = [pod(f"kube-proxy-{n}", n, ("DaemonSet", "kube-proxy"), ns="kube-system", labels={}) for n in ALL]
    static = [pod("kube-apiserver-cp1", "cp1", ("Node", "cp1"), mirror=True, ns="kube-system", labels={})]
    web = [pod(f"web-{n}", where, requests={"cpu": 100}) for n, where in (("a", "w1"), ("b", "w2"), ("c", "w1"))]
    proxy = {**workload("kube-proxy", "DaemonSet"), "ns": "kube-system"}
    workloads = [workload(replicas=3), {**workload("coredns"), "ns": "kube-system"}, proxy]
    return facts(ALL, dns + agents + static + web, [budget(min_available=2)], workloads)


def test_a_healthy_cluster_has_no_finding() -> None:
    made = plan(("control_plane_kubelet", ["cp1"]), ("workers", ["w1", "w2"]), before="cp1")
    assert look(healthy(), made) == ({}, {})


def test_no_drains_no_findings() -> None:
    cluster = facts(ALL, ONE_EACH, BLOCKED)
    assert look(cluster, plan(before="cp1")) == ({}, {})
    assert look(cluster, {**plan(), "stages": []}) == ({}, {})
    unread = {**cluster, "unread": [{"what": "pods", "why": "forbidden.", "matters": ""}]}
    assert look(unread, plan(before="cp1")) == ({}, {})


def test_nodes_that_are_not_drained_do_not_count() -> None:
    assert ids(facts(ALL, [pod("a", "w1")], BLOCKED), plan(("workers", ["w2"]), before="cp1")) == {}


@pytest.mark.parametrize("what", ["pods", "pdbs", "workloads", "volumes"])
def test_what_was_not_read_is_said(what: str) -> None:
    cluster = facts(ALL, [*ONE_EACH, pod("ds", "w1", ("DaemonSet", "agent"), labels={})], volumes=[])
    cluster["workloads"].append(workload("agent", "DaemonSet"))
    refused = {**cluster, "unread": [{"what": what, "why": "forbidden to this user.", "matters": ""}]}
    if what == "workloads":
        refused["workloads"] = []
    absent = {key: value for key, value in cluster.items() if key != what}
    for incomplete in (refused, absent):
        made = plan(("workers", ["w1", "w2"]), before="cp1")
        context = Context(incomplete, {}, made, ("1.25",), "1.24", "2026-11-21", {})
        (gap,) = drains(context)  # and no finding, as that a DaemonSet is gone
        assert isinstance(gap, Unchecked)
        assert gap.check == ("drain-forecast" if what == "pods" else f"drain-{what}")
        assert (gap.why[-1], gap.cause) == (".", what)


def test_a_budget_that_never_allows() -> None:
    found, _gaps = look(facts(ALL, ONE_EACH, BLOCKED))
    finding = found["drain-budget:shop/web"]
    assert finding.severity == "blocker"
    assert finding.seen == (
        "PodDisruptionBudget shop/web: maxUnavailable: 0",
        "node w1 (1.25/workers): shop/a",
        "node w2 (1.25/workers): shop/b",
    )
    assert """kubectl -n shop patch pdb web --type merge -p '{"spec":{"maxUnavailable":1}}'""" in finding.fix
    assert set(found) == {finding.id}


def test_a_budget_that_wants_all_there_are() -> None:
    found, _gaps = look(facts(ALL, ONE_EACH, [budget(min_available=2)]))
    fix = found["drain-budget:shop/web"].fix
    assert "kubectl -n shop scale deployment/web --replicas=3" in fix
    assert """-p '{"spec":{"minAvailable":1}}'""" in fix
    assert "minAvailable: 2 of 2 pods" in found["drain-budget:shop/web"].seen[0]


def test_a_budget_that_allows_nothing_now() -> None:
    sick = facts(ALL, [pod("a", "w1"), unready("b", "w2")], [budget()])
    found, _gaps = look(sick)
    finding = found["drain-budget-now:shop/web"]
    assert finding.severity == "blocker"
    assert finding.seen[0] == (
        "PodDisruptionBudget shop/web (minAvailable: 1): 1 healthy, 1 wanted, 2 expected: not Ready: shop/b"
    )
    starting = facts(ALL, [pod("a", "w1"), unready("b", "w2", phase="Pending")], [budget()])
    assert ids(starting) == {"drain-budget-now:shop/web": "warning"}


def test_a_budget_that_has_only_just_come_to_allow_nothing_is_no_blocker() -> None:
    """Pods that start after a drain that was cut off are Running, and not Ready yet; or not even there yet."""

    def severity(**more: Any) -> str:
        pods = [pod("a", "w1"), unready("b", "w2")]
        closed = {**budget(), "closed_since": "2026-11-21T21:32:30Z"}
        return ids(facts(ALL, pods, [closed], **more))["drain-budget-now:shop/web"]

    begun = 1795296750.0  # that moment
    assert severity(read_at=begun + 170) == "warning"
    assert severity(read_at=begun + 190) == "blocker"
    assert severity() == "blocker", "without the time it is not known to be new"


def test_a_pod_whose_granted_eviction_never_came_holds_nothing() -> None:
    """What is left when who evicts is killed between the grant and the deletion: the controller forgets it."""
    pods = [pod("a", "w1"), pod("b", "w2")]
    for counted in (1, 2):  # before and after the controller took the grant into its count
        status = {"disruptions_allowed": 0, "current_healthy": counted, "granted": ["b"]}
        found, _gaps = look(facts(ALL, pods, [{**budget(), **status}]))
        assert {name: finding.severity for name, finding in found.items()} == {"drain-budget-granted:shop/web": "info"}
        assert "shop/b" in found["drain-budget-granted:shop/web"].seen[0]
    gone = {"disruptions_allowed": 0, "current_healthy": 1, "expected_pods": 2, "granted": ["b"]}
    assert ids(facts(ALL, [pod("a", "w1")], [{**budget(), **gone}])) == {"drain-budget-now:shop/web": "blocker"}


def test_a_budget_whose_pods_find_no_other_node() -> None:
    made = plan(("workers", ["w1", "w2"]), serial="100%", before="cp1")
    found = ids(facts(ALL, ONE_EACH, [budget()]), made)
    assert found["drain-budget-room:shop/web"] == "blocker"


def test_budgets_that_are_not_observed() -> None:
    late = budget(observed=False, current_healthy=0, desired_healthy=0, expected_pods=0, disruptions_allowed=0)
    assert ids(facts(ALL, ONE_EACH, [late])) == {"drain-budget-unobserved:shop/web": "info"}
    custom = [pod("a", "w1", ("Rollout", "web"))]
    assert ids(facts(ALL, custom, [{**late, "min_available": "50%"}])) == {"drain-budget-unknown:shop/web": "warning"}


def test_two_budgets() -> None:
    found, _gaps = look(facts(ALL, ONE_EACH, [budget(), budget("second")]))
    finding = found["drain-two-budgets:shop/web"]
    assert finding.severity == "blocker"
    assert finding.seen[0] == "Deployment shop/web: selected by shop/second and shop/web"
    assert set(found) == {finding.id}


def test_budgets_that_select_nothing_or_all() -> None:
    stray = budget("stray", "misspelt")
    assert ids(facts(ALL, ONE_EACH, [stray])) == {"pdb-selects-nothing:shop/stray": "info"}
    asleep = workload("misspelt", replicas=0)
    assert ids(facts(ALL, ONE_EACH, [stray], [workload(), asleep])) == {}
    everything = {**budget("all"), "selector": {}}
    for version, word in (("v1.25.4", "protects nothing"), ("v1.29.0", "begin to wait")):
        made = plan(("workers", ["w1"]), before="cp1", version=version)
        found, _gaps = look(facts(ALL, ONE_EACH, [everything]), made)
        assert found["pdb-selects-all:shop/all"].severity == "info"
        assert word in found["pdb-selects-all:shop/all"].why
    none = {**budget("none"), "selector": None}
    assert ids(facts(ALL, ONE_EACH, [none])) == {"pdb-selects-nothing:shop/none": "info"}


def test_pods_that_stop_a_drain_and_what_happens_when_they_may_go() -> None:
    pods = [
        pod("bare", "w1", None, labels={}),
        pod("orphan", "w1", ("DaemonSet", "gone"), labels={}),
        pod("scratch", "w1", empty_dir=["cache", "tmp"]),
    ]
    cluster = facts(ALL, pods)
    assert ids(cluster) == {
        "drain-unmanaged:shop/bare": "blocker",
        "drain-orphan:shop/orphan": "blocker",
        "drain-empty-dir:shop": "blocker",
    }
    found, _gaps = look(cluster)
    assert found["drain-empty-dir:shop"].seen == ("node w1 (1.25/workers): shop/scratch (cache, tmp)",)
    assert "kubeadm_upgrade_drain_delete_emptydir_data=true" in found["drain-empty-dir:shop"].fix
    assert "kubectl -n shop delete pod bare" in found["drain-unmanaged:shop/bare"].fix
    assert ids(cluster, drain_force_unmanaged=True, drain_delete_emptydir_data=True) == {
        "drain-unmanaged-deleted": "info",
        "drain-orphan-deleted": "info",
        "drain-empty-dir-lost:shop": "info",
    }


def test_jobs() -> None:
    pods = [pod("j", "w1", ("Job", "import"), labels={}), pod("c", "w1", ("Job", "nightly-287"), labels={})]
    cluster = facts(ALL, pods, [], [workload("nightly", "CronJob")])
    assert ids(cluster) == {"drain-job:shop/import": "warning", "drain-job:shop/nightly-287": "info"}
    found, _gaps = look(cluster)
    assert (
        "kubectl -n shop wait --for=condition=complete --timeout=-1s job/import" in found["drain-job:shop/import"].fix
    )


def test_single_replicas() -> None:
    cluster = facts(ALL, [pod("a", "w1")], [], [workload(replicas=1)])
    found, _gaps = look(cluster)
    finding = found["drain-single-replica:shop"]
    assert (finding.severity, finding.seen) == ("info", ("node w1 (1.25/workers): Deployment shop/web (a)",))
    assert finding.title.startswith("1 workload in shop")


def test_a_grace_period_longer_than_the_drain_may_take() -> None:
    cluster = facts(ALL, [pod("a", "w1", grace=3600)])
    assert ids(cluster) == {"drain-grace:shop/web": "warning"}
    assert ids(cluster, drain_timeout=4000) == {}
    assert ids(cluster, drain_grace_period=60) == {}


def test_pods_that_find_no_place() -> None:
    pinned = {"node_selector": {HOST: "w1"}}
    assert ids(facts(ALL, [pod("a", "w1", **pinned)])) == {"drain-never-fits:shop/web": "info"}
    one = facts(ALL, [pod("a", "w1", **pinned)], [], [workload(replicas=1)])
    assert ids(one)["drain-never-fits:shop/web"] == "warning"
    stranger = {**ALL, "w1": node("w1", labels={HOST: "renamed"})}
    found, _gaps = look(facts(stranger, [pod("a", "w1", **pinned)]))
    assert found["drain-never-fits:shop/web"].severity == "warning"
    assert "nor on its own one" in found["drain-never-fits:shop/web"].title


def test_too_little_room() -> None:
    big = [pod(name, where, requests={"cpu": 3000}) for name, where in (("a", "w1"), ("b", "w2"))]
    found, _gaps = look(facts(ALL, big))
    finding = found["drain-room:shop/web"]
    assert finding.severity == "warning"
    assert finding.seen[0] == (
        "node w1 (1.25/workers): shop/a: 0/3 nodes: 1 insufficient cpu, 1 unschedulable, 1 untolerated taint"
    )
    term = {"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": "web"}}}
    apart = {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}
    one_a_node = facts(ALL, [pod("a", "w1", **apart), pod("b", "w2", **apart)])
    assert ids(one_a_node) == {"drain-spread:shop/web": "info"}


def test_a_full_cluster_is_told_by_namespace() -> None:
    def full(number: int) -> tuple[dict[str, Any], dict[str, str]]:
        names = [f"app{i}" for i in range(number)]
        pods = [
            pod(name, "w1", ("Deployment", name), ns=f"team{i % 3}", labels={"app": name}, requests={"cpu": 2000 // 50})
            for i, name in enumerate(names)
        ]
        pods += [pod("big", "w2", ("Deployment", "big"), labels={"app": "big"}, requests={"cpu": 4000})]
        cluster = facts(ALL, pods, workloads=[])
        return cluster, ids(cluster)

    assert "drain-room:team0/app0" in full(10)[1]
    cluster, found = full(50)
    rooms = {name: severity for name, severity in found.items() if name.startswith("drain-room:team")}
    assert rooms == {f"drain-room:team{i}": "warning" for i in range(3)}
    assert look(cluster)[0]["drain-room:team0"].title.startswith("17 workloads in team0 may find no room")


@pytest.mark.parametrize(
    ("kind", "severity", "title", "of_pod"),
    [
        ("unmanaged", "blocker", "15 pods in team0 have no controller, and stop it", lambda _name: {"owner": None}),
        ("job", "warning", "15 Jobs in team0 are running, and will be cut off", lambda name: {"owner": ("Job", name)}),
        ("grace", "warning", "15 workloads in team0 may take longer to end", lambda _name: {"grace": 3600}),
        (
            "never-fits", "info", "15 workloads in team0 have pods that can run on no other node",
            lambda _name: {"node_selector": {HOST: "w1"}},
        ),
    ],
)  # fmt: skip
def test_many_of_a_kind_are_told_by_namespace(
    kind: str, severity: str, title: str, of_pod: Callable[[str], dict[str, Any]]
) -> None:
    names = [f"app{number}" for number in range(30)]
    pods = [
        pod(name, "w1", **{"owner": ("Deployment", name), "ns": f"team{number % 2}", "labels": {}, **of_pod(name)})
        for number, name in enumerate(names)
    ]
    workloads = [{**workload(name, replicas=2), "ns": f"team{number % 2}"} for number, name in enumerate(names)]
    found, _gaps = look(facts(ALL, pods, [], workloads))
    assert {name: one.severity for name, one in found.items()} == {
        f"drain-{kind}:team0": severity, f"drain-{kind}:team1": severity,
    }  # fmt: skip
    assert found[f"drain-{kind}:team0"].title.startswith(title)


def test_many_budgets_that_select_nothing_are_one_finding() -> None:
    stray = [budget(f"stray{number}", selector={"matchLabels": {"app": "gone"}}) for number in range(3000)]
    (found,) = look(facts(ALL, ONE_EACH, stray))[0].values()
    assert (found.id, found.title) == ("pdb-selects-nothing", "3000 disruption budgets select no pod")


def test_a_single_node() -> None:
    alone = {"cp1": node("cp1")}
    made = plan(("control_plane_kubelet", ["cp1"]), before="cp1")
    pods = [pod("a", "cp1"), pod("b", "cp1")]
    assert ids(facts(alone, pods), made) == {"drain-single-node": "info"}
    held = ids(facts(alone, pods, [budget()]), made)
    assert held == {"drain-single-node": "info", "drain-budget-room:shop/web": "blocker"}


def test_a_pod_is_named_once_and_long_lists_are_cut() -> None:
    twice = plan(("workers", ["w1"]), before="cp1")
    twice["stages"] += [{**twice["stages"][1], "id": "1.26/workers", "version": "v1.26.9"}]
    found, _gaps = look(facts(ALL, ONE_EACH, BLOCKED), twice)
    assert len(found["drain-budget:shop/web"].seen) == 2
    nodes = {f"w{number}": node(f"w{number}") for number in range(60)}
    pods = [pod(f"p{number}", f"w{number}") for number in range(60)]
    found, _gaps = look(facts(nodes, pods, BLOCKED, [workload(replicas=60)]), plan(("workers", list(nodes))))
    assert found["drain-budget:shop/web"].seen[-1] == "and 20 more nodes"
