# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of flags, images, drift, add-ons and workloads."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import (
    _check_addons,
    _check_breakers,
    _check_drift,
    _check_flags,
    _check_images,
    _check_workloads,
)
from ansible_collections.uplift.kubeadm.tests.unit.plugins.checking import all_nodes, at, findings, gaps, severities
from ansible_collections.uplift.kubeadm.tests.unit.plugins.healthy import CLUSTER_CONFIGURATION, HOPS, healthy_context

FLAGS, IMAGES, DRIFT = _check_flags.CHECKS, _check_images.CHECKS, _check_drift.CHECKS
ADDONS, WORKLOADS, BREAKERS = _check_addons.CHECKS, _check_workloads.CHECKS, _check_breakers.CHECKS
COMPONENTS = ("kubelet", "kube-apiserver", "kube-controller-manager", "kube-scheduler")


def test_a_healthy_cluster_has_nothing_above_information() -> None:
    found = severities((*FLAGS, *IMAGES, *DRIFT, *ADDONS, *WORKLOADS))
    assert set(found.values()) <= {"info"}


# Flags


def trial(*said: dict[str, t.Any]) -> dict[str, t.Any]:
    return {"tried": {component: list(HOPS) for component in COMPONENTS}, "said": list(said), "untried": []}


def says(component: str, flag: str, what: str = "unknown flag", **more: t.Any) -> dict[str, t.Any]:
    return {"minor": "1.25", "component": component, "flag": flag, "accepted": False, "says": what, **more}


def test_flags_that_were_not_tried_are_unchecked() -> None:
    assert list(gaps(FLAGS, healthy_context())) == ["flags"]
    assert gaps(FLAGS, healthy_context(trial=trial())) == {}
    untried = {**trial(), "untried": [{"minor": "1.26", "component": "kubelet", "why": "It does not run."}]}
    assert "kubelet 1.26" in gaps(FLAGS, healthy_context(trial=untried))["flags"]


def test_a_flag_that_is_refused() -> None:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        nodes["w1"]["kubelet_arguments"]["odd"] = "1"

    said = trial(says("kubelet", "--odd=1"), says("kubelet", "--odd=1", minor="1.26"))
    found = findings(FLAGS, healthy_context(spoil, trial=said))
    assert {name: one.severity for name, one in found.items()} == {"flag:kubelet:odd": "blocker"}
    assert found["flag:kubelet:odd"].seen == (
        "w1: --odd=1; kubelet 1.25 says: unknown flag",
        "w1: --odd=1; kubelet 1.26 says: unknown flag",
    )
    assert found["flag:kubelet:odd"].minor == "1.25"


def test_a_gate_that_is_refused() -> None:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        nodes["w2"]["kubelet_configuration"]["featureGates"] = {"Odd": False}

    said = trial(
        says("kubelet", "--feature-gates=Odd=false", "cannot set feature gate Odd to false, feature is locked to true"),
        says("kube-apiserver", "--feature-gates=Strange=true", "unrecognized feature gate: Strange"),
    )
    found = findings(FLAGS, healthy_context(spoil, trial=said))
    assert set(found) == {"gate:kubelet:Odd", "gate:kube-apiserver:Strange"}
    assert found["gate:kubelet:Odd"].seen[0].startswith("w2: --feature-gates=Odd=false; kubelet 1.25 says: cannot set")
    assert found["gate:kube-apiserver:Strange"].seen[0].startswith("ConfigMap kube-system/kubeadm-config")


def test_what_the_tables_tell_is_not_told_twice() -> None:
    said = trial(
        says("kube-apiserver", "--service-account-api-audiences=x"),  # a row of 1.25
        says("kubelet", "--feature-gates=TTLAfterFinished=true"),
        says("kubelet", "--feature-gates=EphemeralContainers=false"),  # a row of 1.27, which is not of this plan
    )
    assert severities(FLAGS, trial=said) == {"gate:kubelet:EphemeralContainers": "blocker"}


def spoil_with_gone_flags(facts: t.Any, nodes: t.Any) -> None:
    """Two kinds of flags that the tables know to be gone in 1.25, and one that they know to do harm there."""
    facts["cluster"]["configuration"] = CLUSTER_CONFIGURATION.replace(
        "    authorization-mode: Node,RBAC",
        '    service-account-api-audiences: "x"\n'
        "    feature-gates: TTLAfterFinished=true,Other=true\n"
        "    enable-admission-plugins: NodeRestriction,PodSecurityPolicy",
    )
    nodes["w1"]["kubelet_configuration"]["featureGates"] = {"EndpointSlice": True}
    nodes["w2"]["kubelet_extra_args"] = "--feature-gates=VolumeSubpath=true"
    nodes["w2"]["kubelet_arguments"]["feature-gates"] = "VolumeSubpath=true"
    nodes["cp1"]["static_pods"]["kube-controller-manager"]["flags"]["experimental-cluster-signing-duration"] = "1h"


GONE = {"breaker:apiserver-flags-125": "blocker", "breaker:gates-125": "blocker", "breaker:psp": "blocker"}


def seen_of(rows: t.Any, **options: t.Any) -> dict[str, tuple[str, ...]]:
    found = findings(rows, healthy_context(spoil_with_gone_flags, **options))
    return {name: one.seen for name, one in found.items() if name in GONE}


def test_the_programs_themselves_know_best_which_flags_are_gone() -> None:
    assert severities((*BREAKERS, *FLAGS), spoil_with_gone_flags).items() >= GONE.items()
    assert len(seen_of(BREAKERS)["breaker:gates-125"]) == 3
    # A flag that stands in a manifest alone is not tried, and that --version says nothing of a plugin proves nothing.
    assert seen_of(BREAKERS, trial=trial()) == {
        "breaker:psp": (
            "ConfigMap kube-system/kubeadm-config: kube-apiserver --enable-admission-plugins=NodeRestriction,"
            "PodSecurityPolicy (extraArgs)",
        ),
        "breaker:apiserver-flags-125": (
            "cp1: kube-controller-manager --experimental-cluster-signing-duration=1h (in its manifest alone: kubeadm "
            "writes the manifest anew without it, unless a patch puts it back)",
        ),
    }


@pytest.mark.parametrize(
    "spoilt",
    [
        {"tried": {**trial()["tried"], "kube-apiserver": ["1.26"]}},
        {"untried": [{"minor": "1.25", "component": name, "why": "It says too much."} for name in COMPONENTS]},
    ],
)
def test_a_program_that_was_not_tried_at_the_minor_proves_nothing(spoilt: dict[str, t.Any]) -> None:
    assert len(seen_of(BREAKERS, trial={**trial(), **spoilt})["breaker:gates-125"]) == 3


def test_what_a_program_refuses_is_one_finding() -> None:
    refused = [
        says("kube-apiserver", "--service-account-api-audiences=x"),
        says("kube-apiserver", "--feature-gates=TTLAfterFinished=true", "unrecognized feature gate"),
    ]
    found = severities((*BREAKERS, *FLAGS), spoil_with_gone_flags, trial=trial(*refused))
    assert {name for name, severity in found.items() if severity == "blocker"} == set(GONE)
    # The program of 1.25 takes it, and that of 1.26 does not: the table is wrong, and the finding is the trial's.
    later = [{**row, "minor": "1.26"} for row in refused]
    found = severities((*BREAKERS, *FLAGS), spoil_with_gone_flags, trial=trial(*later))
    assert {name for name, severity in found.items() if severity == "blocker"} == {
        "breaker:psp",
        "flag:kube-apiserver:service-account-api-audiences",
        "gate:kube-apiserver:TTLAfterFinished",
    }


def test_deprecated_flags_are_one_note() -> None:
    said = trial(
        says("kubelet", "--a=1", "deprecated: soon", accepted=True),
        says("kubelet", "--b=1", "deprecated: soon", accepted=True),
    )
    found = findings(FLAGS, healthy_context(trial=said))
    assert found["flags-deprecated"].severity == "info"
    assert len(found["flags-deprecated"].seen) == 2


# Images


def test_images_are_unknown_until_they_are_pulled() -> None:
    proved = {version: ["registry.k8s.io/etcd:3.5.9-0"] for version in HOPS.values()}
    assert "v1.25.10, v1.26.5" in gaps(IMAGES, healthy_context())["images"]
    assert gaps(IMAGES, healthy_context(images=proved)) == {}
    assert "v1.26.5" in gaps(IMAGES, healthy_context(images={**proved, "v1.26.5": []}))["images"]


@pytest.mark.parametrize(
    ("image", "moves"),
    [
        ("registry.k8s.io/kube-apiserver:latest", True),
        ("registry.k8s.io/kube-apiserver", True),
        ("registry.k8s.io/kube-apiserver:v1.24", True),
        ("registry.k8s.io/kube-apiserver:v1.24.14", False),
        ("registry.k8s.io/kube-apiserver:v1.24.14-build.3", False),
        ("registry.k8s.io/kube-apiserver@sha256:00", False),
    ],
)
def test_tags_that_move(image: str, moves: bool) -> None:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        facts["nodes"]["cp1"]["static_pods"]["kube-apiserver"]["image"] = image

    assert severities(IMAGES, spoil) == ({"image-tag-moves": "warning"} if moves else {})


def test_a_frozen_registry_is_told_where_the_tables_do_not() -> None:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        facts["workloads"][-1]["images"] = ["k8s.gcr.io/pause:3.2"]

    context = healthy_context(spoil)
    assert "registry-frozen" in findings(IMAGES, at(context, "1.24", "1.25"))
    assert "registry-frozen" in findings(IMAGES, at(context, "1.27", "1.28"))
    assert "registry-frozen" not in findings(IMAGES, at(context, "1.25", "1.27"))
    assert "registry-frozen" not in findings(IMAGES, at(healthy_context(), "1.27", "1.28"))


# Drift


def test_edits_by_hand() -> None:
    file = "/etc/kubernetes/manifests/kube-apiserver.yaml"

    def spoil(facts: t.Any, nodes: t.Any) -> None:
        nodes["cp1"]["drift"] = [{"file": file, "lost": ["- --audit-log-path=/x"], "back": []}]
        nodes["w1"]["drift"] = [{"file": "/var/lib/kubelet/config.yaml", "lost": [], "back": ["maxPods: 110"]}]

    found = findings(DRIFT, healthy_context(spoil))
    assert {name: one.severity for name, one in found.items()} == {
        f"drift:{file}": "warning",
        "drift:/var/lib/kubelet/config.yaml": "info",
    }
    assert found[f"drift:{file}"].seen == (f"cp1: {file}: lost: - --audit-log-path=/x",)


def test_the_same_edit_on_many_nodes_is_one_finding() -> None:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        for number in range(1000):
            lost = ["maxPods: 250"] if number else ["maxPods: 250", "cpuManagerPolicy: static"]
            nodes[f"n{number}"] = {"drift": [{"file": "/var/lib/kubelet/config.yaml", "lost": lost, "back": []}]}

    (found,) = findings(DRIFT, healthy_context(spoil)).values()
    assert found.id == "drift:/var/lib/kubelet/config.yaml"
    assert found.title.endswith("on n0, n1, n2 and 997 more")
    assert found.seen == (
        "n0, n1, n2, n3, n4 and 995 more: /var/lib/kubelet/config.yaml: lost: maxPods: 250",
        "n0: /var/lib/kubelet/config.yaml: lost: cpuManagerPolicy: static",
    )


@pytest.mark.parametrize(
    ("file", "name", "fix"),
    [
        ("DaemonSet kube-system/kube-proxy", "drift:DaemonSet/kube-system/kube-proxy", "config.conf of ConfigMap"),
        ("Deployment kube-system/coredns", "drift:Deployment/kube-system/coredns", "corednsdeployment"),
        (
            "ConfigMap kube-system/kube-proxy, kubeconfig.conf",
            "drift:ConfigMap/kube-system/kube-proxy/kubeconfig.conf",
            "controlPlaneEndpoint",
        ),
    ],
)
def test_edited_add_ons_are_told_once(file: str, name: str, fix: str) -> None:
    spoil = all_nodes("drift", [{"file": file, "lost": ["spec.replicas: 5"], "back": []}])
    found = findings(DRIFT, healthy_context(spoil))
    assert list(found) == [name]
    assert found[name].seen == (f"{file}: lost: spec.replicas: 5",)
    assert fix in found[name].fix


def test_nothing_is_overwritten_when_nothing_is_to_do() -> None:
    spoil = all_nodes("drift", [{"file": "/x", "lost": ["a"], "back": []}])
    context = healthy_context(spoil)
    assert findings(DRIFT, at(context, "1.24", "1.24")) == {}


def test_patches_on_some_control_planes() -> None:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        nodes["cp1"]["patches_found"] = ["/etc/kubernetes/patches"]
        nodes["cp2"] = {**nodes["cp1"], "name": "cp2", "patches_found": []}

    def both(facts: t.Any, nodes: t.Any) -> None:
        spoil(facts, nodes)
        nodes["cp2"]["patches_found"] = ["/etc/kubernetes/patches"]

    assert severities(DRIFT, spoil) == {"patches-uneven": "warning"}
    assert severities(DRIFT, both) == {}


# Add-ons


def addon(image: str) -> t.Callable[[t.Any, t.Any], None]:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        row = {"kind": "Deployment", "ns": "kube-system", "name": "own", "replicas": 1, "images": [image]}
        facts["workloads"] = [row]

    return spoil


def test_an_add_on_that_is_too_old() -> None:
    rows = [{"name": "our-cni", "image": "our/cni", "supports": {"1.25": "1.0", "1.26": "2.4"}}]
    found = findings(ADDONS, healthy_context(addon("reg.example/our/cni:v2.3.1"), addons=rows))
    assert {name: one.severity for name, one in found.items()} == {"addon:our-cni": "warning"}
    assert found["addon:our-cni"].seen == ("Deployment kube-system/own: our-cni 2.3.1; 1.26 wants 2.4 or later",)
    assert severities(ADDONS, addon("reg.example/our/cni:v2.4.0"), addons=rows) == {}
    assert severities(ADDONS, addon("reg.example/other:v1"), addons=rows) == {}


def test_an_add_on_that_nothing_is_known_of() -> None:
    found = findings(ADDONS, healthy_context())
    assert found["addons-unknown"].severity == "info"
    assert found["addons-unknown"].seen[0].startswith("DaemonSet kube-system/calico-node: Calico 3.25.1")


def test_add_ons_that_cannot_be_read() -> None:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        facts["unread"] = [{"what": "workloads", "why": "forbidden"}]

    assert list(gaps(ADDONS, healthy_context(spoil))) == ["addons"]
    assert list(gaps(WORKLOADS, healthy_context(spoil))) == ["workloads"]


# Workloads


def web(**changes: t.Any) -> t.Callable[[t.Any, t.Any], None]:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        facts["workloads"][-1].update({"min_ready_seconds": 10, **changes})

    return spoil


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, None),
        ({"no_readiness": True}, "no-readiness-probe"),
        ({"min_ready_seconds": 0}, "no-min-ready-seconds"),
        ({"grace": 0}, "grace-zero"),
        ({"grace": 5}, None),
        ({"template_labels": {"app": "other"}}, "no-budget"),
        ({"template_labels": {"app": "other"}, "replicas": 1}, None),
        ({"no_readiness": True, "ns": "kube-system"}, None),
        ({"no_readiness": True, "replicas": 0}, None),
    ],
)
def test_workloads(changes: dict[str, t.Any], kind: str | None) -> None:
    assert severities(WORKLOADS, web(**changes)) == ({f"workloads:{kind}": "info"} if kind else {})


def test_all_pods_in_one_place() -> None:
    def one_node(facts: t.Any, nodes: t.Any) -> None:
        web()(facts, nodes)
        for pod in facts["pods"]:
            if pod["ns"] == "shop":
                pod["node"] = "w1"

    def one_zone(facts: t.Any, nodes: t.Any) -> None:
        web()(facts, nodes)
        for name, node in facts["nodes"].items():
            node["labels"]["topology.kubernetes.io/zone"] = "b" if name == "cp1" else "a"

    def two_zones(facts: t.Any, nodes: t.Any) -> None:
        one_zone(facts, nodes)
        facts["nodes"]["w2"]["labels"]["topology.kubernetes.io/zone"] = "b"

    assert severities(WORKLOADS, one_node) == {"workloads:one-node": "info"}
    assert severities(WORKLOADS, one_zone) == {"workloads:one-zone": "info"}
    assert severities(WORKLOADS, two_zones) == {}


def test_a_runtime_socket() -> None:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        web()(facts, nodes)
        facts["pods"][-1]["host_paths"] = ["/run/containerd/containerd.sock"]

    assert severities(WORKLOADS, spoil) == {"workloads:runtime-socket": "info"}


def test_a_plan_that_drains_nothing_interrupts_nothing() -> None:
    context = at(healthy_context(web(no_readiness=True)), "1.24", "1.24")
    assert findings(WORKLOADS, context) == {}


def test_long_lists_are_cut() -> None:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        row = {**facts["workloads"][-1], "no_readiness": True, "min_ready_seconds": 1}
        facts["workloads"] = [{**row, "name": f"web-{number}"} for number in range(50)]

    found = findings(WORKLOADS, healthy_context(spoil))["workloads:no-readiness-probe"]
    assert found.title.startswith("50 workload")
    assert len(found.seen) == 31 and found.seen[-1] == "and 20 more"
