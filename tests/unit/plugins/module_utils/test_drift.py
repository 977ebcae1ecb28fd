# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Differences between live files and what kubeadm would write, as lines."""

from __future__ import annotations

import copy
import typing as t

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._drift import (
    Difference,
    kubelet_difference,
    manifest_difference,
    workload_difference,
)

NOTHING = Difference([], [])


def pod() -> dict[str, t.Any]:
    return {
        "metadata": {"name": "etcd", "creationTimestamp": None, "labels": {"component": "etcd"}},
        "spec": {
            "containers": [
                {
                    "name": "etcd",
                    "image": "registry.k8s.io/etcd:3.5.6-0",
                    "command": ["etcd", "--name=cp1", "--initial-cluster=cp1=https://a:2380", "--snapshot-count=10000"],
                    "resources": {"requests": {"cpu": "100m"}},
                    "livenessProbe": {"failureThreshold": 8, "httpGet": {"path": "/health", "port": 2381}},
                    "volumeMounts": [
                        {"mountPath": "/var/lib/etcd", "name": "data"},
                        {"mountPath": "/other", "name": "data"},
                    ],
                }
            ],
            "hostNetwork": True,
            "volumes": [{"name": "data", "hostPath": {"path": "/var/lib/etcd", "type": "DirectoryOrCreate"}}],
        },
        "status": {},
    }


def edited(edit: t.Callable[[dict[str, t.Any], dict[str, t.Any]], object]) -> Difference:
    live = copy.deepcopy(pod())
    edit(live, live["spec"]["containers"][0])
    return manifest_difference(live, pod(), False)


@pytest.mark.parametrize(
    "edit",
    [
        lambda live, program: program["command"].reverse(),
        lambda live, program: program.update(image="registry.k8s.io/etcd:3.5.1-0@sha256:00"),
        lambda live, program: program.update(image="k8s.gcr.io/etcd:3.5.1-0"),
        lambda live, program: program["command"].append("--initial-cluster-state=existing"),
        lambda live, program: program["command"].remove("--initial-cluster=cp1=https://a:2380"),
        lambda live, program: program["volumeMounts"].reverse(),
        lambda live, program: live.pop("status"),
        lambda live, program: live["metadata"].pop("creationTimestamp"),
        lambda live, program: live["spec"].update(restartPolicy="Always", dnsPolicy="ClusterFirst", tolerations=[]),
        lambda live, program: program["livenessProbe"].update(periodSeconds=10, successThreshold=1),
    ],
)
def test_what_means_the_same_is_no_drift(edit: t.Callable[[dict[str, t.Any], dict[str, t.Any]], object]) -> None:
    assert not edited(edit)


C = "spec.containers[etcd]"


@pytest.mark.parametrize(
    ("edit", "lost", "back"),
    [
        (lambda live, program: program["command"].append("--quota-backend-bytes=8"), ["- --quota-backend-bytes=8"], []),
        (lambda live, program: program["command"].append("--name=cp1"), ["- --name=cp1"], []),
        (lambda live, program: program["command"].pop(), [], ["- --snapshot-count=10000"]),
        (lambda live, program: program["resources"]["requests"].update(cpu="1"),
         [f"{C}.resources.requests.cpu: 1"], [f"{C}.resources.requests.cpu: 100m"]),
        (lambda live, program: program.update(image="my:5000/etcd:3"),
         [f"{C}.image: my:5000/etcd"], [f"{C}.image: registry.k8s.io/etcd"]),
        (lambda live, program: program.update(env=[{"name": "HTTP_PROXY", "value": "http://me:pass@proxy"}]),
         [f'{C}.env[HTTP_PROXY]: {{"name": "HTTP_PROXY", "value": "http://…@proxy"}}'], []),
        (lambda live, program: program["livenessProbe"].pop("failureThreshold"), [],
         [f"{C}.livenessProbe.failureThreshold: 8"]),
        (lambda live, program: program["livenessProbe"].update(httpGet={"path": "/health", "port": 1}),
         [f"{C}.livenessProbe.httpGet.port: 1"], [f"{C}.livenessProbe.httpGet.port: 2381"]),
        (lambda live, program: live["spec"]["volumes"].append({"name": "x", "hostPath": {"path": "/x"}}),
         ['spec.volumes[x]: {"hostPath": {"path": "/x"}, "name": "x"}'], []),
        (lambda live, program: program["volumeMounts"].pop(), [],
         [f'{C}.volumeMounts[/other]: {{"mountPath": "/other", "name": "data"}}']),
        (lambda live, program: live["spec"]["containers"].append({"name": "side", "image": "side:v1"}),
         ['spec.containers[side]: {"image": "side", "name": "side"}'], []),
        (lambda live, program: live["metadata"].update(annotations={"a": "b"}),
         ['metadata.annotations: {"a": "b"}'], []),
        (lambda live, program: live["spec"].update(hostNetwork=False),
         ["spec.hostNetwork: false"], ["spec.hostNetwork: true"]),
        (lambda live, program: live.update(spec={"containers": "?"}), None, None),
    ],
)  # fmt: skip
def test_edits_are_told_as_lines(
    edit: t.Callable[[dict[str, t.Any], dict[str, t.Any]], object], lost: list[str] | None, back: list[str] | None
) -> None:
    difference = edited(edit)
    if lost is None:
        assert difference
    else:
        assert difference == Difference(lost, back or [])


def test_users_of_a_rootless_control_plane_are_not_compared() -> None:
    live = pod()
    live["spec"]["securityContext"] = {"runAsUser": 1}
    live["spec"]["containers"][0]["securityContext"] = {"runAsGroup": 1}
    assert manifest_difference(live, pod(), True) == NOTHING
    assert len(manifest_difference(live, pod(), False).lost) == 2


def test_zeroes_of_another_minor_are_no_drift_of_kubelets_configuration() -> None:
    logging = {"flushFrequency": 0, "options": {"json": {"infoBufferSize": "0"}}}
    one = {"a": 1, "memorySwap": {}, "logging": logging, "syncFrequency": "0s"}
    other = {"a": 1, "httpCheckFrequency": "0s", "gates": {}, "list": [], "logging": {"format": ""}}
    assert kubelet_difference(one, other) == NOTHING
    assert kubelet_difference(other, one) == NOTHING
    assert kubelet_difference({"logging": {**logging, "format": "json"}}, one).lost == ["logging.format: json"]


@pytest.mark.parametrize(
    ("live", "wanted", "lost", "back"),
    [
        ({"eventRecordQPS": 0}, {}, ["eventRecordQPS: 0"], []),
        ({"failSwapOn": False}, {}, ["failSwapOn: false"], []),
        ({}, {"failSwapOn": False}, [], ["failSwapOn: false"]),
        ({"maxPods": 250}, {"maxPods": 110}, ["maxPods: 250"], ["maxPods: 110"]),
        ({"clusterDNS": ["a", "b"]}, {"clusterDNS": ["b", "c"]}, ["clusterDNS: a"], ["clusterDNS: c"]),
        ({"evictionHard": {"x": "5%"}}, {"evictionHard": {"x": "1%", "y": "2%"}},
         ["evictionHard.x: 5%"], ["evictionHard.x: 1%", "evictionHard.y: 2%"]),
        ({"containerRuntimeEndpoint": "unix:///a"}, {"containerRuntimeEndpoint": ""}, [], []),
    ],
)  # fmt: skip
def test_edits_of_kubelets_configuration(
    live: dict[str, t.Any], wanted: dict[str, t.Any], lost: list[str], back: list[str]
) -> None:
    ignored = ("containerRuntimeEndpoint",)
    assert kubelet_difference(live, wanted, ignored) == Difference(lost, back)


def test_what_the_api_server_adds_to_an_addon_is_no_drift() -> None:
    wanted = {
        "spec": {
            "updateStrategy": {"type": "RollingUpdate"},
            "template": {
                "metadata": {"labels": {"a": "b"}, "creationTimestamp": None},
                "spec": {
                    "serviceAccountName": "x",
                    "containers": [{"name": "c", "image": "i:v1", "ports": [{"containerPort": 53}]}],
                    "volumes": [{"name": "v", "configMap": {"name": "m"}}],
                },
            },
        }
    }
    live = copy.deepcopy(wanted)
    spec: dict[str, t.Any] = live["spec"]
    spec.update(replicas=5, revisionHistoryLimit=10)
    spec["updateStrategy"]["rollingUpdate"] = {"maxSurge": 0, "maxUnavailable": 1}
    template = spec["template"]
    template["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "2026-01-01"}
    template["spec"].update(serviceAccount="x", securityContext={}, terminationGracePeriodSeconds=30)
    template["spec"]["containers"][0].update(terminationMessagePolicy="File", resources={}, image="i:v2")
    template["spec"]["containers"][0]["ports"][0]["protocol"] = "TCP"
    template["spec"]["volumes"][0]["configMap"]["defaultMode"] = 420
    assert workload_difference(live, wanted) == NOTHING
    template["spec"]["tolerations"] = [{"key": "mine", "operator": "Exists"}]
    template["spec"]["volumes"][0]["configMap"]["defaultMode"] = 256
    assert workload_difference(live, wanted) == Difference(
        ["spec.template.spec.volumes[v].configMap.defaultMode: 256",
         'spec.template.spec.tolerations[mine]: {"key": "mine", "operator": "Exists"}'], [],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("live", "lost"),
    [
        ({"NO_PROXY": "10.0.0.0/8", "no_proxy": "10.0.0.0/8"}, 0),
        ({"NO_PROXY": "10.0.0.0/8", "HTTPS_PROXY": "http://proxy:3128"}, 2),
        ({"OTHER": "1"}, 1),
    ],
)
def test_exceptions_from_no_proxy_are_missed_by_nobody(live: dict[str, str], lost: int) -> None:
    def with_env(env: dict[str, str] | None) -> dict[str, t.Any]:
        variables = {"env": [{"name": name, "value": value} for name, value in env.items()]} if env else {}
        return {"spec": {"containers": [{"name": "kube-apiserver", **variables}]}}

    assert len(manifest_difference(with_env(live), with_env(None), False).lost) == lost
