# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cluster_info through main(), against FakeApi over HTTP."""

from __future__ import annotations

import hashlib
import json
import os
import ssl
import stat
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _cluster
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.modules import cluster_info
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_api import FakeApi
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module

CONFIG = """\
apiServer:
  timeoutForControlPlane: 4m0s
apiVersion: kubeadm.k8s.io/v1beta3
clusterName: kubernetes
controlPlaneEndpoint: lb:6443
controllerManager: {}
dns: {}
etcd:
  local:
    dataDir: /var/lib/etcd
    imageTag: 3.5.6-0
imageRepository: registry.k8s.io
kind: ClusterConfiguration
kubernetesVersion: v1.24.17
scheduler: {}
"""


@pytest.fixture
def api(tmp_path: Path) -> t.Iterator[FakeApi]:
    fake = FakeApi(tmp_path / "admin.conf")
    fake.add(
        "configmaps",
        {"metadata": {"name": "kubeadm-config", "namespace": "kube-system"}, "data": {"ClusterConfiguration": CONFIG}},
    )
    cp = fake.node("cp1", addresses=[{"type": "InternalIP", "address": "10.0.0.1"}])
    cp["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] = ""
    worker = fake.node("w1")
    worker["status"]["conditions"][0].update(status="False", message="kubelet stopped posting")
    worker["spec"]["unschedulable"] = True
    worker["metadata"]["annotations"] = {"uplift.kubeadm/cordon": '{"daemonset_pods": 1}'}
    for component, image in (
        ("kube-apiserver", "mirror:5000/kube-apiserver:v1.24.17@sha256:00"),
        ("etcd", "etcd:3.5.6-0"),
    ):
        labels = {"component": component, "tier": "control-plane"}
        fake.pod(
            f"{component}-cp1",
            "cp1",
            mirror=True,
            labels=labels,
            container=component,
            image=image,
            namespace="kube-system",
        )
    fake.pod("impostor", "w1", labels={"component": "etcd", "tier": "control-plane"}, namespace="kube-system")
    proxy = {"labels": {"k8s-app": "kube-proxy"}, "container": "kube-proxy", "namespace": "kube-system"}
    fake.pod("kube-proxy-1", "cp1", image="kube-proxy:v1.24.17", **proxy)
    bare = fake.pod("kube-proxy-2", "w1", image="kube-proxy:v1.24.16", **proxy)
    bare["status"]["containerStatuses"][0]["image"] = (
        "sha256:0123"  # some runtimes report no more; the spec still knows
    )
    template = {"spec": {"containers": [{"name": "coredns", "image": "registry.k8s.io/coredns/coredns:v1.8.6"}]}}
    fake.add(
        "deployments", {"metadata": {"name": "coredns", "namespace": "kube-system"}, "spec": {"template": template}}
    )
    yield fake
    fake.stop()


@pytest.fixture
def run(api: FakeApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    defaults = {"kubeconfig": str(api.kubeconfig), "api_timeout": 2, "path": str(tmp_path / "facts.json")}
    return run_module(cluster_info.main, capsys, defaults)


def test_facts(run: Run, tmp_path: Path) -> None:
    result = run()
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert result["changed"] is False
    assert facts["version"] == "v1.24.17"
    assert facts["cluster"] == {
        "kubernetes_version": "v1.24.17",
        "config_api": "kubeadm.k8s.io/v1beta3",
        "image_repository": "registry.k8s.io",
        "control_plane_endpoint": "lb:6443",
        "etcd": {"external": False, "image_tag": "3.5.6-0", "bridge": None},
        "dns": {"image_tag": None},
        "cluster_name": "kubernetes",
        "configuration": CONFIG,
    }
    assert result["configuration"] == CONFIG
    assert facts["ca_fingerprints"] == []
    cp, worker = facts["nodes"]["cp1"], facts["nodes"]["w1"]
    assert (cp["role"], worker["role"]) == ("control_plane", "worker")
    assert (cp["ready"], cp["ready_message"]) == (True, "")
    assert (worker["ready"], worker["ready_message"]) == (False, "kubelet stopped posting")
    assert (worker["unschedulable"], worker["cordon"]) == (True, {"daemonset_pods": 1})
    assert cp["static_pods"]["kube-apiserver"]["version"] == "v1.24.17"
    assert cp["static_pods"]["etcd"] == {"image": "etcd:3.5.6-0", "version": "3.5.6-0", "ready": True}
    assert worker["static_pods"] == {}, "a pod of that label that is no mirror pod is no static pod"
    assert (cp["kube_proxy"], worker["kube_proxy"]) == ("v1.24.17", "v1.24.16")
    assert facts["addons"] == {
        "kube_proxy": None,
        "coredns": {"image": "registry.k8s.io/coredns/coredns:v1.8.6", "version": "v1.8.6"},
    }
    assert result["summary"] == {
        "version": "v1.24.17",
        "kubernetes_version": "v1.24.17",
        "cluster_name": "kubernetes",
        "nodes": 2,
        "control_planes": ["cp1"],
        "workers": 1,
        "kubelets": {"v1.24.17": 2},
        "api_servers": {"cp1": "v1.24.17"},
        "unhealthy": {},
        "kube_proxy": None,
        "coredns": "v1.8.6",
        "not_ready": ["w1"],
        "unschedulable": ["w1"],
        "pods": 5,
        "unread": [],
    }


def test_the_file_is_private_and_its_digest_is_returned(run: Run, tmp_path: Path) -> None:
    os.umask(0o022)
    target = tmp_path / "facts.json"
    target.write_text("old")
    target.chmod(0o644)
    result = run()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert result["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
    assert _cluster.load(str(target), result["sha256"])["schema"] == 2
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == [], "no temporary file is left"
    result = run(path=None, directory=str(tmp_path / "new"), check_mode=True)
    assert result["path"] == str(tmp_path / "new" / "cluster-facts.json")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_facts_of_another_reading_are_refused(run: Run, tmp_path: Path) -> None:
    run()
    with pytest.raises(UpliftError, match="have changed since"):
        _cluster.load(str(tmp_path / "facts.json"), "0" * 64)
    (tmp_path / "facts.json").write_text('{"schema": 0}')
    with pytest.raises(UpliftError, match="not of schema 2"):
        _cluster.load(str(tmp_path / "facts.json"))


def test_lists_are_paged_and_begin_anew_when_they_expire(api: FakeApi, run: Run) -> None:
    for n in range(7):
        api.node(f"n{n}")
    api.page_limit = 2
    api.faults = [("GET /api/v1/nodes.*continue=4", 410)]
    assert run()["summary"]["nodes"] == 9
    pages = [target for _method, target, _body in api.sent("GET", "/api/v1/nodes")]
    assert len(pages) == 3 + 5, "three pages up to the 410, then five from the beginning"
    assert all("limit=500" in page for page in pages)


@pytest.mark.parametrize(
    ("unschedulable", "manager", "ours"),
    [(True, None, True), (True, "uplift.kubeadm", True), (True, "kubectl-cordon", False), (False, None, True)],
    ids=["cordoned", "by us", "by a person since", "lifted and not finished with"],
)
def test_a_cordon_record_that_is_stale_is_none(
    api: FakeApi, run: Run, tmp_path: Path, unschedulable: bool, manager: str | None, ours: bool
) -> None:
    worker = api.objects["/api/v1/nodes/w1"]
    worker["spec"]["unschedulable"] = unschedulable
    fields = {"f:spec": {"f:unschedulable": {}}}
    worker["metadata"]["managedFields"] = [{"manager": manager, "fieldsV1": fields}] if manager else []
    run()
    shown = json.loads((tmp_path / "facts.json").read_text())["nodes"]["w1"]
    assert (shown["unschedulable"], shown["cordon"]) == (unschedulable, {"daemonset_pods": 1} if ours else None)
    assert shown["leaving"] is None


def test_the_cordon_of_a_node_that_others_replace_is_none_of_an_upgrade(api: FakeApi, run: Run, tmp_path: Path) -> None:
    api.objects["/api/v1/nodes/w1"]["metadata"]["annotations"] = {"uplift.kubeadm/leaving": '{"at": "x"}'}
    run()
    shown = json.loads((tmp_path / "facts.json").read_text())["nodes"]["w1"]
    assert (shown["cordon"], shown["leaving"]) == (None, {"at": "x"})


def test_fingerprints_of_the_authorities(api: FakeApi, run: Run, tmp_path: Path) -> None:
    ders = [b"the first certificate", b"the second one"]
    pem = "".join(ssl.DER_cert_to_PEM_cert(der) for der in ders)
    meta = {"name": "kube-root-ca.crt", "namespace": "kube-system"}
    api.add("configmaps", {"metadata": meta, "data": {"ca.crt": pem}})
    run()
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert facts["ca_fingerprints"] == [hashlib.sha256(der).hexdigest() for der in ders]


def test_static_pods_that_are_not_ready_are_unhealthy(api: FakeApi, run: Run) -> None:
    api.objects["/api/v1/namespaces/kube-system/pods/etcd-cp1"]["status"]["conditions"][0]["status"] = "False"
    assert run()["summary"]["unhealthy"] == {"cp1": ["etcd"]}


def test_requests_grow_with_pages_and_not_with_objects(api: FakeApi, run: Run) -> None:
    run()
    few = len(api.requests)
    assert few == 38
    for n in range(100):
        api.node(f"n{n}")
        api.pod(f"p{n}", f"n{n}")
    run()
    assert len(api.requests) == 2 * few


def test_nodes_alone_say_the_same_in_a_few_requests(api: FakeApi, run: Run, tmp_path: Path) -> None:
    whole = run()["summary"]
    (tmp_path / "facts.json").unlink()
    before = len(api.requests)
    result = run(scope="nodes", path=None)
    assert result["summary"] == {**whole, "pods": 0}
    assert len(api.requests) - before == 6
    assert not (tmp_path / "facts.json").exists()
    assert set(result) & {"path", "sha256", "configuration"} == set()


def test_all_facts_need_a_place(run: Run) -> None:
    assert "path, directory" in run(path=None, failed=True)["msg"]


def test_a_cluster_without_workers(api: FakeApi, run: Run, tmp_path: Path) -> None:
    del api.objects["/api/v1/nodes/w1"]
    shown = run()["summary"]
    assert (shown["workers"], shown["control_planes"], shown["unread"]) == (0, ["cp1"], [])
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert {pod.get("node") for pod in facts["pods"]} == {"cp1", "w1"}, "pods are read after nodes, and may know more"


def test_what_nodes_say(api: FakeApi, run: Run, tmp_path: Path) -> None:
    worker = api.objects["/api/v1/nodes/w1"]
    worker["metadata"]["labels"] = {"zone": "a"}
    worker["spec"].update(podCIDR="10.1.0.0/24", providerID="x://w1")
    worker["spec"]["taints"] = [{"key": "k", "effect": "NoSchedule", "timeAdded": "2026-01-01T00:00:00Z"}]
    worker["status"]["allocatable"] = {"cpu": "3800m", "memory": "1Gi", "pods": "110", "example.com/gpu": "2"}
    run()
    facts = json.loads((tmp_path / "facts.json").read_text())["nodes"]["w1"]
    assert facts["labels"] == {"zone": "a"}
    assert facts["taints"] == [{"key": "k", "effect": "NoSchedule"}]
    assert facts["allocatable"] == {"cpu": 3800, "memory": 1024**3, "pods": 110, "example.com/gpu": 2}
    assert facts["conditions"] == {"Ready": "False"}
    assert (facts["pod_cidr"], facts["provider_id"]) == ("10.1.0.0/24", "x://w1")


def test_what_cannot_be_read_is_listed_and_the_rest_is_there(api: FakeApi, run: Run, tmp_path: Path) -> None:
    forbidden = (403, {"message": 'pods is forbidden: User "x" cannot list resource "pods"'})
    api.faults = [("GET /api/v1/pods", forbidden), ("GET .*/configmaps/kube-proxy", (403, {"message": "no"}))]
    result = run()
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert facts["pods"] == []
    assert facts["nodes"]["cp1"]["role"] == "control_plane", "by its label"
    assert [row["what"] for row in result["summary"]["unread"]] == ["pods", "config_maps"]
    assert 'cannot list resource "pods"' in facts["unread"][0]["why"]
    assert facts["unread"] == result["summary"]["unread"]


def test_pods_that_expire_in_the_middle_are_read_anew(api: FakeApi, run: Run, tmp_path: Path) -> None:
    api.page_limit = 2
    api.faults = [("GET /api/v1/pods.*continue=2", 410)]
    assert run()["summary"]["pods"] == 5
    names = [pod["name"] for pod in json.loads((tmp_path / "facts.json").read_text())["pods"]]
    assert len(names) == len(set(names)) == 5


def test_kubeadms_config_maps(api: FakeApi, run: Run, tmp_path: Path) -> None:
    for name, key in (("kubelet-config-1.24", "kubelet"), ("kube-proxy", "config.conf"), ("coredns", "Corefile")):
        api.add("configmaps", {"metadata": {"name": name, "namespace": "kube-system"}, "data": {key: f"of {name}"}})
    run()
    assert json.loads((tmp_path / "facts.json").read_text())["config_maps"] == {
        "kubeadm-config": CONFIG,
        "kubelet-config": "of kubelet-config-1.24",
        "kube-proxy": "of kube-proxy",
        "coredns": "of coredns",
    }


def test_not_made_by_kubeadm(api: FakeApi, run: Run) -> None:
    del api.objects["/api/v1/namespaces/kube-system/configmaps/kubeadm-config"]
    assert "it was not made by kubeadm" in run(failed=True)["msg"]


def test_forbidden_is_said_at_once(api: FakeApi, run: Run) -> None:
    api.faults = [("GET .*nodes", (403, {"message": "nodes is forbidden: User x cannot list"}))]
    assert "nodes is forbidden" in run(failed=True)["msg"]


def test_cannot_write(run: Run) -> None:
    assert "Name a «path»" in run(path="/proc/nowhere/facts.json", failed=True)["msg"]


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("registry.k8s.io/kube-proxy:v1.24.17", "v1.24.17"),
        ("host:5000/a/kube-proxy:v1@sha256:00ff", "v1"),
        ("host:5000/kube-proxy", None),
        ("kube-proxy", None),
        ("sha256:00ff", None),
        ("kube-proxy@sha256:00ff", None),
        ("", None),
    ],
)
def test_image_version(image: str, version: str | None) -> None:
    assert _cluster.image_version(image) == version
