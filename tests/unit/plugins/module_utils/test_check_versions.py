# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of versions: what stays behind, what is pinned, what is mixed; and the support calendar."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._check_calendar import CHECKS as CALENDAR
from ansible_collections.uplift.kubeadm.plugins.module_utils._check_versions import CHECKS
from ansible_collections.uplift.kubeadm.tests.unit.plugins.checking import at, findings, gaps, severities
from ansible_collections.uplift.kubeadm.tests.unit.plugins.healthy import healthy_context


def test_a_healthy_cluster_has_none() -> None:
    assert severities(CHECKS) == {}
    assert gaps(CHECKS, healthy_context()) == {}


def stranger(kubelet: str, system: str = "linux") -> t.Callable[[t.Any, t.Any], None]:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        facts["nodes"]["auto-1"] = {**facts["nodes"]["w1"], "kubelet": kubelet, "os": system}

    return spoil


def test_a_node_outside_the_inventory_stays() -> None:
    found = findings(CHECKS, healthy_context(stranger("v1.25.3")))
    assert found["nodes-that-stay"].severity == "info"
    assert found["nodes-that-stay"].seen == (
        "auto-1: kubelet v1.25.3 stays (not in the inventory), then 1 minor behind the control plane",
    )


def test_a_node_at_the_limit_is_a_warning() -> None:
    assert severities(CHECKS, stranger("v1.24.9")) == {"nodes-at-the-limit": "warning"}


def test_a_node_that_is_at_the_target_already_is_nothing() -> None:
    assert severities(CHECKS, stranger("v1.26.0")) == {}


def test_windows_is_named() -> None:
    found = findings(CHECKS, healthy_context(stranger("v1.25.3", "windows")))
    assert "Windows" in found["nodes-that-stay"].seen[0]


def test_a_node_that_was_left_out_says_why() -> None:
    context = healthy_context()
    context = replace(context, plan={**context.plan, "left_out": [{"node": "w2", "why": "NotReady"}]})
    assert "NotReady" in findings(CHECKS, context)["nodes-at-the-limit"].seen[0]


def test_a_control_plane_at_two_versions() -> None:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        facts["nodes"]["cp1"]["static_pods"]["kube-scheduler"]["version"] = "v1.25.0"

    found = findings(CHECKS, healthy_context(spoil))
    assert found["control-plane-mixed"].severity == "info"
    assert "v1.25.0: kube-scheduler on cp1" in found["control-plane-mixed"].seen


def test_the_build_of_a_vendor_is_no_second_version_for_how_a_tag_spells_it() -> None:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        facts["cluster"]["kubernetes_version"] = "v1.24.17+vendor.1"
        for node in facts["nodes"].values():
            for program in set(node["static_pods"]) & {"kube-apiserver", "kube-controller-manager", "kube-scheduler"}:
                node["static_pods"][program]["version"] = "v1.24.17_vendor.1"

    assert "control-plane-mixed" not in severities(CHECKS, spoil)

    def mix(facts: t.Any, nodes: t.Any) -> None:
        spoil(facts, nodes)
        facts["nodes"]["cp1"]["static_pods"]["kube-scheduler"]["version"] = "v1.24.17"

    found = findings(CHECKS, healthy_context(mix))["control-plane-mixed"]
    assert "v1.24.17: kube-scheduler on cp1" in found.seen


def set_cluster(key: str, value: t.Any) -> t.Callable[[t.Any, t.Any], None]:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        facts["cluster"][key] = value

    return spoil


@pytest.mark.parametrize(
    ("api", "wanted"),
    [
        ("kubeadm.k8s.io/v1beta4", {"kubeadm-config-api:kubeadm.k8s.io/v1beta4": "blocker"}),
        ("kubeadm.k8s.io/v1beta3", {}),
        ("kubeadm.k8s.io/v1beta2", {}),  # the tables tell when it goes
    ],
)
def test_configuration_that_is_too_new(api: str, wanted: dict[str, str]) -> None:
    assert severities(CHECKS, set_cluster("config_api", api)) == wanted


def test_configuration_of_an_unknown_api_is_unchecked() -> None:
    context = healthy_context(set_cluster("config_api", "kubeadm.k8s.io/v2"))
    assert list(gaps(CHECKS, context)) == ["kubeadm-config-api"]


@pytest.mark.parametrize(("target", "severity"), [("1.26", "warning"), ("1.27", "blocker")])
def test_kube_proxy_without_its_config_map(target: str, severity: str) -> None:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        del facts["config_maps"]["kube-proxy"]

    assert findings(CHECKS, at(healthy_context(spoil), "1.24", target))["kube-proxy-stays"].severity == severity


def test_no_kube_proxy_is_none_that_stays() -> None:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        del facts["config_maps"]["kube-proxy"]
        facts["addons"]["kube_proxy"] = None

    assert severities(CHECKS, spoil) == {}


def second_plane(image: str) -> t.Callable[[t.Any, t.Any], None]:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        pods = {name: dict(pod) for name, pod in facts["nodes"]["cp1"]["static_pods"].items()}
        pods["kube-apiserver"]["image"] = image
        facts["nodes"]["cp2"] = {**facts["nodes"]["cp1"], "static_pods": pods}
        nodes["cp2"] = {**nodes["cp1"], "name": "cp2"}
        facts["cluster"]["configuration"] += "# imageRepository of both\n"

    return spoil


def test_names_of_api_server_images() -> None:
    odd = healthy_context(second_plane("registry.k8s.io/hardened/kube-apiserver:v1.24.14"))
    same = healthy_context(second_plane("registry.k8s.io/kube-apiserver:v1.24.14"))
    assert "api-server-images-differ" in findings(CHECKS, at(odd, "1.28", "1.30"))
    assert "api-server-images-differ" not in findings(CHECKS, at(same, "1.28", "1.30"))
    assert findings(CHECKS, at(odd, "1.26", "1.29"))["api-server-images-differ"].minor == "1.28"
    assert "api-server-images-differ" not in findings(CHECKS, at(odd, "1.25", "1.27"))
    later = healthy_context(second_plane("registry.k8s.io/kube-apiserver:v1.25.0"))
    later.facts["nodes"]["cp2"]["static_pods"]["kube-apiserver"]["version"] = "v1.25.0"
    assert "api-server-images-differ" not in findings(CHECKS, at(later, "1.28", "1.30"))


@pytest.mark.parametrize(("tag", "severity"), [("v1.8.6", "warning"), ("v1.9.3", "info"), ("v1.11.1", "info")])
def test_coredns_pinned(tag: str, severity: str) -> None:
    assert severities(CHECKS, set_cluster("dns", {"image_tag": tag})) == {"coredns-pinned": severity}


def images_from(registry: str, configured: str) -> t.Callable[[t.Any, t.Any], None]:
    def spoil(facts: t.Any, nodes: t.Any) -> None:
        text = facts["cluster"]["configuration"]
        facts["cluster"]["configuration"] = text.replace("imageRepository: registry.k8s.io", configured)
        for pod in facts["nodes"]["cp1"]["static_pods"].values():
            pod["image"] = pod["image"].replace("registry.k8s.io", registry)
        for addon in facts["addons"].values():
            addon["image"] = addon["image"].replace("registry.k8s.io", registry)

    return spoil


@pytest.mark.parametrize(
    ("registry", "configured", "wanted"),
    [
        ("mirror.example/k8s", "imageRepository: registry.k8s.io", {"image-repository-differs": "warning"}),
        ("mirror.example/k8s", "imageRepository: mirror.example/k8s", {}),
        ("k8s.gcr.io", "imageRepository: k8s.gcr.io", {}),
        ("k8s.gcr.io", "imageRepository: registry.k8s.io", {}),
    ],
)
def test_image_repository(registry: str, configured: str, wanted: dict[str, str]) -> None:
    assert severities(CHECKS, images_from(registry, configured)) == wanted


def test_the_calendar_names_what_runs() -> None:
    context = healthy_context()
    found = findings(CALENDAR, context)
    assert list(found) == ["support-calendar"]
    assert found["support-calendar"].seen == (
        "Kubernetes 1.24 (the present version): support ends on 2023-07-28",
        "Kubernetes 1.26 (the target): support ends on 2024-02-28",
        "etcd 3.5 (cp1): support ends on 2027-07-08",
        "containerd 1.6 (cp1, w1 and w2): support ends on 2025-08-23",
    )


@pytest.mark.parametrize(
    ("today", "title"),
    [
        ("2023-11-01", None),
        ("2024-01-15", "Kubernetes 1.26 is soon out of support"),
        ("2026-11-21", "Kubernetes 1.26 is out of support"),
    ],
)
def test_the_calendar_of_the_target(today: str, title: str | None) -> None:
    found = findings(CALENDAR, replace(healthy_context(), today=today))
    assert (found["target-support:1.26"].title if "target-support:1.26" in found else None) == title


def test_a_minor_that_is_not_known_is_unchecked() -> None:
    assert list(gaps(CALENDAR, at(healthy_context(), "1.37", "1.39"))) == ["support-calendar"]
