# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""workload_state between two clusters, through main(), against two FakeApis over HTTP."""

from __future__ import annotations

import copy
import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _workload_match
from ansible_collections.uplift.kubeadm.plugins.modules import workload_state
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_api import COLLECTIONS, FakeApi, Object
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module


def pods(image: str) -> Object:
    return {"spec": {"containers": [{"name": "app", "image": image}]}}


class FakeShop(FakeApi):
    """FakeApi with a shop on it."""

    def __init__(self, kubeconfig: Path) -> None:
        super().__init__(kubeconfig)
        self.workload("deployments", "web", "registry.example/shop/web:1.4.0", 3)
        self.workload("statefulsets", "db", "postgres:15.2", 1)
        self.put("daemonsets", "logs", {"template": pods("logs:v2")}, desiredNumberScheduled=2, numberReady=2)
        self.put("services", "web", {"ports": [{"port": 80}, {"port": 443, "protocol": "TCP"}]})
        self.put("ingresses", "web", {"rules": [{"host": "shop.example"}]})
        cron = {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": pods("report:7")}}}
        self.put("cronjobs", "report", cron)
        self.put("jobs", "import", {"template": pods("import:1")})
        self.add("configmaps", {"metadata": self.meta("flags"), "data": {"a": "1", "b": "2"}})
        self.add("configmaps", {"metadata": self.meta("kube-root-ca.crt"), "data": {"ca.crt": "of this cluster"}})
        self.add("secrets", {"metadata": self.meta("login"), "data": {"password": "c2VjcmV0"}})
        token = {**self.meta("default-token-x1"), "annotations": {"kubernetes.io/service-account.name": "default"}}
        self.add("secrets", {"metadata": token})
        self.add("configmaps", {"metadata": {"namespace": "kube-system", "name": "kubeadm-config"}, "data": {"v": "1"}})

    def meta(self, name: str) -> Object:
        return {"namespace": "shop", "name": name}

    def put(self, kind: str, name: str, spec: Object, **status: t.Any) -> Object:
        return self.add(kind, {"metadata": self.meta(name), "spec": spec, "status": status})

    def workload(self, kind: str, name: str, image: str, replicas: int, ready: int | None = None) -> None:
        spec = {"replicas": replicas, "template": pods(image)}
        self.put(kind, name, spec, readyReplicas=replicas if ready is None else ready)

    def at(self, kind: str, name: str) -> str:
        return f"{COLLECTIONS[kind].format('shop')}/{name}"


@pytest.fixture
def blue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[FakeShop]:
    monkeypatch.setitem(COLLECTIONS, "ingresses", "/apis/networking.k8s.io/v1/namespaces/{}/ingresses")
    fake = FakeShop(tmp_path / "blue.conf")
    yield fake
    fake.stop()


@pytest.fixture
def green(tmp_path: Path, blue: FakeShop) -> t.Iterator[FakeShop]:
    fake = FakeShop(tmp_path / "green.conf")
    fake.objects[fake.at("cronjobs", "report")]["spec"]["suspend"] = True
    del fake.objects[fake.at("jobs", "import")]
    yield fake
    fake.stop()


Match = t.Callable[..., dict[str, t.Any]]


@pytest.fixture
def match(blue: FakeShop, green: FakeShop, capsys: pytest.CaptureFixture[str]) -> Match:
    run: Run = run_module(workload_state.main, capsys, {"api_timeout": 5})

    def both(**params: t.Any) -> dict[str, t.Any]:
        exported = run(state="exported", kubeconfig=str(blue.kubeconfig))
        assert exported["changed"] is False
        result = run(
            state="matched",
            kubeconfig=str(green.kubeconfig),
            snapshot=exported["snapshot"],
            snapshot_name="blue",
            name="green",
            **params,
        )
        assert result["changed"] is False
        return result

    return both


def found(result: dict[str, t.Any]) -> dict[str, list[str]]:
    return {category: [d["line"] for d in each] for category, each in result["differences"].items() if each}


def test_nothing_differs(match: Match, blue: FakeShop, green: FakeShop) -> None:
    result = match()
    assert found(result) == {}
    assert result["lines"] == ["9 objects of blue were compared with green: nothing differs."]
    assert blue.sent("PATCH") == blue.sent("POST") == green.sent("PATCH") == green.sent("POST") == []


def test_what_is_missing_is_named(match: Match, green: FakeShop) -> None:
    for kind, name in (("deployments", "web"), ("services", "web"), ("configmaps", "flags"), ("secrets", "login")):
        del green.objects[green.at(kind, name)]
    assert found(match())["missing"] == [
        f"{what}: is not on green"
        for what in ("ConfigMap shop/flags", "Deployment shop/web", "Secret shop/login", "Service shop/web")
    ]


def test_older_images(match: Match, green: FakeShop) -> None:
    green.workload("deployments", "web", "mirror.example/shop/web:1.3.9-alpine", 3)
    green.workload("statefulsets", "db", "postgres:15.10", 1)  # newer is no difference
    images = "mirror.example/shop/web:1.3.9-alpine on green, registry.example/shop/web:1.4.0 on blue"
    assert found(match()) == {"older": [f"Deployment shop/web: container app is {images}"]}


def test_images_without_order_differ(match: Match, green: FakeShop) -> None:
    green.workload("statefulsets", "db", "postgres:latest", 1)
    assert list(found(match())) == ["differs"]


def test_replicas(match: Match, green: FakeShop) -> None:
    green.workload("deployments", "web", "registry.example/shop/web:1.4.0", 3, ready=1)
    assert found(match()) == {"not_ready": ["Deployment shop/web: 1 of 3 are Ready on green"]}
    green.workload("deployments", "web", "registry.example/shop/web:1.4.0", 2)
    assert found(match()) == {"fewer": ["Deployment shop/web: 2 replicas on green, 3 on blue"]}
    green.put("daemonsets", "logs", {"template": pods("logs:v2")}, desiredNumberScheduled=1, numberReady=1)
    assert list(found(match())) == ["fewer"]  # a cluster may have fewer nodes


def test_what_would_run_twice(match: Match, blue: FakeShop, green: FakeShop) -> None:
    for path in (green.at("cronjobs", "report"), green.at("jobs", "import")):
        green.objects[path] = copy.deepcopy(blue.objects[path])
    assert found(match())["twice"] == [
        "CronJob shop/report: runs on blue and on green (0 3 * * *); suspend one, unless it may run twice",
        "Job shop/import: runs on blue and on green; suspend one, unless it may run twice",
    ]
    done = {"conditions": [{"type": "Complete", "status": "True"}]}
    blue.objects[blue.at("jobs", "import")]["status"] = done
    assert len(found(match())["twice"]) == 1


def test_config_and_services_that_differ(match: Match, green: FakeShop) -> None:
    green.objects[green.at("configmaps", "flags")]["data"] = {"a": "1", "b": "3", "c": "4"}
    green.objects[green.at("services", "web")]["spec"] = {"type": "NodePort", "ports": [{"port": 80}]}
    green.objects[green.at("ingresses", "web")]["spec"] = {"rules": [{"host": "new.example"}]}
    assert found(match()) == {
        "differs": [
            "ConfigMap shop/flags: other content of b, c",
            "Ingress shop/web: hosts: shop.example on blue, new.example on green",
            "Service shop/web: type: ClusterIP on blue, NodePort on green",
            "Service shop/web: ports: 443/TCP, 80/TCP on blue, 80/TCP on green",
        ]
    }


def test_what_is_accepted_is_not_told(match: Match, green: FakeShop) -> None:
    del green.objects[green.at("secrets", "login")]
    green.objects[green.at("configmaps", "flags")]["data"] = {}
    assert found(match(ignore=["Secret shop/log*", "ConfigMap *"])) == {}


def test_secrets_do_not_travel(match: Match, blue: FakeShop) -> None:
    match()
    paths = [target.partition("?")[0] for _method, target, _body in blue.requests]
    accepted = dict(zip(paths, blue.accepted))
    assert "PartialObjectMetadata" in accepted["/api/v1/secrets"]
    running = _workload_match.unpack(
        _workload_match.pack({"Secret shop/login": {}, "ConfigMap shop/flags": {"keys": {"a": "00"}}})
    )
    assert running["Secret shop/login"] == {}


def test_config_maps_travel_as_digests(blue: FakeShop, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_module(workload_state.main, capsys, {"api_timeout": 5})
    blue.objects[blue.at("configmaps", "flags")]["data"] = {"a": "quite private"}
    snapshot = run(state="exported", kubeconfig=str(blue.kubeconfig))["snapshot"]
    text = json.dumps(_workload_match.unpack(snapshot))
    assert "quite private" not in text and "kubeadm-config" not in text and "kube-root-ca" not in text


def test_an_older_api_has_its_cron_jobs_elsewhere(match: Match, blue: FakeShop) -> None:
    path = blue.at("cronjobs", "report")
    blue.objects[path.replace("/v1/", "/v1beta1/")] = blue.objects.pop(path)
    blue.faults.append(("GET /apis/batch/v1/cronjobs", 404))
    assert found(match()) == {}


def test_a_snapshot_that_is_none(match: Match, capsys: pytest.CaptureFixture[str], green: FakeShop) -> None:
    run = run_module(workload_state.main, capsys, {"kubeconfig": str(green.kubeconfig)})
    assert "The snapshot is none" in run(state="matched", snapshot="nonsense", failed=True)["msg"]
    assert "snapshot" in run(state="matched", failed=True)["msg"]
