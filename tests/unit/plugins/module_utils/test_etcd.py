# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""etcd and the API server's metrics, asked over TLS as on a control plane node."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _etcd, _node_api_usage, _running
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._etcd_spare import at_risk, require_spare
from ansible_collections.uplift.kubeadm.plugins.module_utils._kubeadm import Kubeadm
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_static_pods import StaticPod, static_pods
from ansible_collections.uplift.kubeadm.tests.unit.plugins.certificates import Authority
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_control_plane import FakeControlPlane

# As etcd 3.5 answers: zeroes, false and empty lists are left out, 64-bit numbers are strings.
STATUS = {
    "header": {"cluster_id": "1", "member_id": "10276657743932975437", "raft_term": "4"},
    "version": "3.5.6",
    "dbSize": "20480",
    "dbSizeInUse": "16384",
    "leader": "10276657743932975437",
    "raftTerm": "4",
}
MEMBERS = {
    "members": [
        {"ID": "10276657743932975437", "name": "cp1", "peerURLs": ["https://a:2380"], "clientURLs": ["https://a:2379"]},
        {"ID": "16", "peerURLs": ["https://b:2380"], "isLearner": True},
    ]
}
ANSWERS = {
    "/v3/maintenance/status": (200, json.dumps(STATUS)),
    "/v3/cluster/member/list": (200, json.dumps(MEMBERS)),
    "/v3/maintenance/alarm": (200, '{"alarms": [{"memberID": "16", "alarm": "NOSPACE"}]}'),
    "/metrics": (200, "# HELP\netcd_server_quota_backend_bytes 2.147483648e+09\n"),
}
METRICS = """# HELP apiserver_requested_deprecated_apis x
apiserver_requested_deprecated_apis{group="policy",removed_release="1.25",resource="podsecuritypolicies",subresource="",version="v1beta1"} 1
apiserver_requested_deprecated_apis{group="batch",removed_release="1.25",resource="cronjobs",subresource="status",version="v1beta1"} 1
apiserver_requested_deprecated_apis{group="old",removed_release="1.25",resource="zero",subresource="",version="v1"} 0
apiserver_webhooks_x509_missing_san_total 2
apiserver_kube_aggregator_x509_missing_san_total 0
process_start_time_seconds 1.7e+09
"""  # noqa: E501


@pytest.fixture
def node(tmp_path: Path) -> t.Iterator[FakeControlPlane]:
    node = FakeControlPlane(tmp_path)
    yield node
    for program in node.programs.values():
        program.stop()


def facts(node: FakeControlPlane) -> dict[str, t.Any] | None:
    return _etcd.etcd_facts(node.root, static_pods(node.root)[0])


def test_the_member_on_this_node(node: FakeControlPlane) -> None:
    program = node.start("etcd", ANSWERS)
    (node.root / "var/lib/etcd/member").mkdir(parents=True)
    (node.root / "var/lib/etcd/member/db").write_text("12345")
    assert facts(node) == {
        "external": False,
        "url": f"https://127.0.0.1:{program.port}",
        "version": "3.5.6",
        "db_size": 20480,
        "db_in_use": 16384,
        "quota": 2147483648,
        "member": "8e9e05c52164694d",
        "leader": True,
        "has_leader": True,
        "raft_term": 4,
        "members": [
            {"id": "8e9e05c52164694d", "name": "cp1", "client_urls": ["https://a:2379"], "peer_urls": ["https://a:2380"],
             "learner": False, "started": True},
            {"id": "10", "name": "", "client_urls": [], "peer_urls": ["https://b:2380"],
             "learner": True, "started": False},
        ],
        "alarms": [{"member": "10", "alarm": "NOSPACE"}],
        "errors": [],
        "data_dir": "/var/lib/etcd",
        "data_bytes": 5,
    }  # fmt: skip
    assert '{"action": "GET"}' in program.bodies
    assert {who for who, _path in program.asked} == {"healthcheck"}


def test_a_member_without_a_leader(node: FakeControlPlane) -> None:
    status = {**STATUS, "leader": "0", "errors": ["etcdserver: no leader"]}
    node.start("etcd", {**ANSWERS, "/v3/maintenance/status": (200, json.dumps(status)), "/metrics": (404, "")})
    told = facts(node) or {}
    assert (told["leader"], told["has_leader"], told["errors"]) == (False, False, ["etcdserver: no leader"])
    assert told["quota"] is None


def test_when_a_member_may_be_away() -> None:
    """(members, others that are well): of one it cannot be helped."""
    fine = [(1, 0), (2, 1), (3, 2), (5, 4), (5, 3), (7, 4)]
    bad = [(2, 0), (3, 1), (3, 0), (5, 2), (7, 3)]
    assert [at_risk(*pair) for pair in fine + bad] == [False] * len(fine) + [True] * len(bad)


def members(*ports: int | None) -> tuple[int, str]:
    """This node's member, and others that listen at ports of this host; None has never come up."""
    own = MEMBERS["members"][0]
    others = [
        {"ID": str(n), "name": f"cp{n}", "clientURLs": [f"https://127.0.0.1:{port}"]} if port else {"ID": str(n)}
        for n, port in enumerate(ports, 2)
    ]
    return 200, json.dumps({"members": [own, *others, {"ID": "99", "isLearner": True}]})


def test_etcd_is_asked_whether_it_can_do_without_this_member(node: FakeControlPlane) -> None:
    answers = dict(ANSWERS)
    port = node.start("etcd", answers).port
    for well in ((), (port,), (port, port), (port, port, port, 1)):
        answers["/v3/cluster/member/list"] = members(*well)
        require_spare(node.root, 0)
    for lost, words in (((port, 1), "1 of 2 other members.*cp3: etcd at https://127.0.0.1:1 does not answer"),
                        ((None,), "2: it was added and has never come up")):  # fmt: skip
        answers["/v3/cluster/member/list"] = members(*lost)
        with pytest.raises(UpliftError, match=words):
            require_spare(node.root, 0)


def test_a_member_that_kubeadm_is_restarting_is_not_asked(
    node: FakeControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects: a run that ought to wait for a kubeadm at work would end with words about quorum."""
    node.start("etcd", {**ANSWERS, "/v3/cluster/member/list": members(None)})
    with pytest.raises(UpliftError, match="etcd would lose its quorum"):
        require_spare(node.root, 0)
    at_work = {"state": "running", "command": ["/usr/bin/kubeadm", "upgrade", "node"]}
    monkeypatch.setattr(Kubeadm, "last_run", lambda _self: at_work)
    require_spare(node.root, 0)


def test_without_an_etcd_nothing_can_be_lost(tmp_path: Path) -> None:
    require_spare(tmp_path, 0)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((503, '{"error": "x", "message": "etcdserver: request timed out", "code": 14}'), "request timed out"),
        ((404, "404 page not found"), "404 page not found"),
        ((200, "<html>"), "<html>"),
        ((200, "[]"), "HTTP 200"),
    ],
)
def test_an_etcd_that_does_not_say_has_a_reason(node: FakeControlPlane, answer: tuple[int, str], why: str) -> None:
    node.start("etcd", {**ANSWERS, "/v3/maintenance/status": answer})
    with pytest.raises(UpliftError, match=why):
        facts(node)


def test_an_etcd_that_is_away(node: FakeControlPlane) -> None:
    node.start("etcd", ANSWERS).stop()
    with pytest.raises(UpliftError, match="does not answer"):
        facts(node)


def test_without_certificates_etcd_cannot_be_asked(node: FakeControlPlane) -> None:
    node.start("etcd", ANSWERS)
    (node.root / "etc/kubernetes/pki/etcd/healthcheck-client.crt").write_text("no certificate")
    with pytest.raises(UpliftError, match="certificates to ask etcd with"):
        facts(node)
    (node.root / "etc/kubernetes/pki/etcd/healthcheck-client.crt").unlink()
    with pytest.raises(UpliftError, match=r"apiserver-etcd-client\.crt"):
        facts(node)


def external(node: FakeControlPlane, *urls: str, **files: str) -> dict[str, StaticPod]:
    flags = {"etcd-servers": ",".join(urls), **{f"etcd-{name}": path for name, path in files.items()}}
    return {"kube-apiserver": StaticPod("/x.yaml", "", [], flags, {"/pki": "/etc/kubernetes/pki/etcd"}, True)}


def test_an_external_etcd_is_asked_with_the_certificates_of_the_api_server(node: FakeControlPlane) -> None:
    program = node.start("etcd", ANSWERS)
    other = Authority()
    (node.root / "etc/kubernetes/pki/etcd/other.crt").write_text(other.pem)
    client = {"certfile": "/pki/healthcheck-client.crt", "keyfile": "/pki/healthcheck-client.key"}
    url = f"https://127.0.0.1:{program.port}"
    told = _etcd.etcd_facts(node.root, external(node, "https://127.0.0.1:1", url, url, cafile="/pki/ca.crt", **client))
    assert told is not None
    assert (told["external"], told["url"], told["version"]) == (True, url, "3.5.6")
    assert list(told["silent"]) == ["https://127.0.0.1:1"]
    with pytest.raises(UpliftError, match="certificate verify failed"):
        _etcd.etcd_facts(node.root, external(node, url, cafile="/pki/other.crt", **client))
    with pytest.raises(UpliftError, match="cannot be used"):
        _etcd.etcd_facts(node.root, external(node, url, cafile="/nowhere.crt"))


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, "404 page not found", "--enable-grpc-gateway"),
        (503, '{"error": "tls: bad certificate", "code": 14}', "tls: bad certificate.*extendedKeyUsage"),
        (500, "", "HTTP 500: b''\\.$"),
    ],
)
def test_a_gateway_that_does_not_serve_says_why_it_may_not(
    node: FakeControlPlane, status: int, body: str, words: str
) -> None:
    program = node.start("etcd", {**ANSWERS, "/v3/maintenance/status": (status, body)})
    client = {"certfile": "/pki/healthcheck-client.crt", "keyfile": "/pki/healthcheck-client.key"}
    pods = external(node, f"https://127.0.0.1:{program.port}", cafile="/pki/ca.crt", **client)
    with pytest.raises(UpliftError, match=words):
        _etcd.etcd_facts(node.root, pods)


def test_a_worker_has_no_etcd_and_no_api_server(tmp_path: Path) -> None:
    assert _etcd.etcd_facts(tmp_path, {}) is None
    assert _node_api_usage.api_usage(tmp_path) is None


def test_deprecated_apis_that_clients_asked_for(node: FakeControlPlane) -> None:
    node.start("kube-apiserver", {"/metrics": (200, METRICS)})
    assert _node_api_usage.api_usage(node.root) == {
        "since": "2023-11-14T22:13:20Z",
        "requests": [
            {"group": "batch", "version": "v1beta1", "resource": "cronjobs", "subresource": "status",
             "removed_release": "1.25"},
            {"group": "policy", "version": "v1beta1", "resource": "podsecuritypolicies", "subresource": "",
             "removed_release": "1.25"},
        ],
        "san_missing": {"apiserver_webhooks_x509_missing_san_total": 2},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "why"),
    [((403, "forbidden"), "HTTP 403"), ((200, "nothing here\n"), "process_start_time_seconds"),
     ((200, "process_start_time_seconds soon\n"), "soon")],
)  # fmt: skip
def test_metrics_that_are_not_to_be_had(node: FakeControlPlane, answer: tuple[int, str], why: str) -> None:
    node.start("kube-apiserver", {"/metrics": answer})
    with pytest.raises(UpliftError, match=why):
        _node_api_usage.api_usage(node.root)


def test_an_api_server_that_is_away(node: FakeControlPlane) -> None:
    node.start("kube-apiserver", {}).stop()
    with pytest.raises(UpliftError, match="does not answer /metrics"):
        _node_api_usage.api_usage(node.root)
    (node.root / "etc/kubernetes/admin.conf").unlink()
    with pytest.raises(UpliftError, match="no certificate to ask with"):
        _node_api_usage.api_usage(node.root)


def test_the_manifest_of_a_running_program_may_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / _running.MANIFESTS / "etcd.yaml").mkdir(parents=True)
    assert _running.manifests(tmp_path) == {}
