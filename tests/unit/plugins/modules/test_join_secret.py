# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""join_secret through main(), against FakeApi over HTTP."""

from __future__ import annotations

import base64
import hashlib
import json
import typing as t
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from ansible_collections.uplift.kubeadm.plugins.module_utils import _join_secret
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import connect
from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Result
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.modules import join_secret
from ansible_collections.uplift.kubeadm.tests.unit.plugins.certificates import Authority
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_api import FakeApi
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_runner import FakeRunner, fake_program
from ansible_collections.uplift.kubeadm.tests.unit.plugins.module_utils.test_kubeadm import static_pods
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module

AUTHORITY = Authority()
SECRETS = "/api/v1/namespaces/kube-system/secrets"
KUBECONFIG = f"""apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {base64.b64encode(AUTHORITY.pem.encode()).decode()}
    server: https://lb.example:8443
  name: ""
contexts: null
current-context: ""
kind: Config
preferences: {{}}
users: null
"""


@pytest.fixture
def api(tmp_path: Path) -> t.Iterator[FakeApi]:
    fake = FakeApi(tmp_path / "admin.conf")
    info = {"metadata": {"name": "cluster-info", "namespace": "kube-public"}, "data": {"kubeconfig": KUBECONFIG}}
    fake.add("configmaps", info)

    def sign(secret: dict[str, t.Any]) -> None:  # as the controller bootstrapsigner does
        if secret.get("type") == _join_secret.TYPE:
            name = base64.b64decode(secret["data"]["token-id"]).decode()
            info["data"][f"jws-kubeconfig-{name}"] = "…"

    fake.on_created = sign
    yield fake
    fake.stop()


@pytest.fixture
def run(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> Run:
    return run_module(join_secret.main, capsys, {"kubeconfig": str(api.kubeconfig), "api_timeout": 2})


def tokens(api: FakeApi) -> dict[str, dict[str, str]]:
    return {
        path.rsplit("/", 1)[1]: {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
        for path, secret in api.objects.items()
        if path.startswith(SECRETS)
    }


def test_a_token_is_short_lived_described_and_signed_for(api: FakeApi, run: Run) -> None:
    result = run(ttl=600)
    ((name, data),) = tokens(api).items()
    assert result["token"] == f"{data['token-id']}.{data['token-secret']}"
    assert name == f"bootstrap-token-{data['token-id']}"
    assert data["description"] == _join_secret.DESCRIPTION
    assert data["auth-extra-groups"] == "system:bootstrappers:kubeadm:default-node-token"
    assert data["expiration"].endswith("Z")
    assert result["endpoint"] == "lb.example:8443"


def test_the_authority_is_pinned_by_its_public_key(run: Run) -> None:
    key = AUTHORITY.own.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert run()["ca_hashes"] == [f"sha256:{hashlib.sha256(key).hexdigest()}"]


def test_a_token_that_nobody_signs_for_is_told(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    api.on_created = lambda secret: None
    made = connect({"kubeconfig": str(api.kubeconfig), "transport": "stdlib", "api_timeout": 2})
    with pytest.raises(UpliftError, match="bootstrapsigner"):
        _join_secret.issue(made, 600, sign_seconds=0.01)


def test_ours_are_revoked_those_of_killed_runs_too_and_no_others(api: FakeApi, run: Run) -> None:
    run()
    run()
    run_of_somebody = {"description": base64.b64encode(b"for the new rack").decode()}
    meta = {"name": "bootstrap-token-aaaaaa", "namespace": "kube-system"}
    api.add("secrets", {"metadata": meta, "type": _join_secret.TYPE, "data": run_of_somebody})
    assert len(run(state="revoked", check_mode=True)["revoked"]) == 2
    assert len(tokens(api)) == 3
    assert len(run(state="revoked")["revoked"]) == 2
    assert list(tokens(api)) == ["bootstrap-token-aaaaaa"]
    assert run(state="revoked")["changed"] is False


def test_check_mode_makes_none(api: FakeApi, run: Run) -> None:
    assert run(check_mode=True)["changed"] is True
    assert tokens(api) == {}


def uploading(api: FakeApi, seen: list[str]) -> FakeRunner:
    """kubeadm, which uploads the certificates as its copycerts.go does."""

    def upload(argv: list[str]) -> Result:
        seen.append(Path(argv[-1].partition("=")[2]).read_text())
        owner = {"metadata": {"name": "bootstrap-token-ttl000", "namespace": "kube-system"}, "type": _join_secret.TYPE}
        api.add("secrets", {**owner, "data": {}})
        meta = {"name": "kubeadm-certs", "namespace": "kube-system"}
        meta["ownerReferences"] = [{"kind": "Secret", "name": "bootstrap-token-ttl000"}]  # type: ignore[assignment]
        api.add("secrets", {"metadata": meta, "type": "Opaque", "data": {}})
        return Result(0, "", "")

    return FakeRunner({"upload-certs": upload, "systemctl": ""})


@pytest.fixture
def conductor(api: FakeApi, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """join_secret on a control plane node, whose static pods are those that the test puts there."""
    meta = {"name": "kubeadm-config", "namespace": "kube-system"}
    text = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\n"
    api.add("configmaps", {"metadata": meta, "data": {"ClusterConfiguration": text}})
    fake_program(tmp_path / "usr/bin/kubeadm", "kubeadm", "v1.26.9")
    monkeypatch.setattr(join_secret, "ROOT", tmp_path)
    monkeypatch.setattr(join_secret, "Runner", lambda: uploading(api, []))
    return run


def test_new_control_planes_are_to_listen_at_the_port_of_those_that_are_there(conductor: Run, tmp_path: Path) -> None:
    """Protects: kubeadm takes 6443 for them, where no load balancer looks for them."""
    assert conductor()["secure_port"] == 0, "without certificates"
    assert "no control plane node" in conductor(certificates=True, failed=True)["msg"]
    static_pods(tmp_path)
    assert conductor(certificates=True)["secure_port"] == 6443
    file = tmp_path / "etc/kubernetes/manifests/kube-apiserver.yaml"
    file.write_text(file.read_text().replace("    env:", "    - --secure-port=8443\n    env:"))
    assert conductor(certificates=True)["secure_port"] == 8443


def test_certificates_are_uploaded_with_a_key_of_ours_and_go_with_the_token(
    api: FakeApi, run: Run, tmp_path: Path
) -> None:
    text = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nkubernetesVersion: v1.26.9\n"
    meta = {"name": "kubeadm-config", "namespace": "kube-system"}
    api.add("configmaps", {"metadata": meta, "data": {"ClusterConfiguration": text}})
    made = connect({"kubeconfig": str(api.kubeconfig), "transport": "stdlib", "api_timeout": 2})
    seen: list[str] = []
    runner = uploading(api, seen)
    key = _join_secret.upload(made, runner, "/usr/bin/kubeadm", "unix:///run/c.sock", tmp_path)
    first, _line, second = seen[0].partition("\n---\n")
    assert json.loads(first)["certificateKey"] == key
    assert len(bytes.fromhex(key)) == 32
    assert second == text
    assert key not in " ".join(runner.commands)
    assert not list((tmp_path / "run").rglob("*.yaml")), "the key is left in a file"
    assert set(run(state="revoked")["revoked"]) == {"kubeadm-certs", "bootstrap-token-ttl000"}
    assert tokens(api) == {}


def test_new_control_planes_are_to_have_the_proxies_of_those_that_are_there(conductor: Run, tmp_path: Path) -> None:
    static_pods(tmp_path, apiserver="http://for-webhooks:3128")
    assert conductor()["proxies"] == {}, "without certificates"
    assert conductor(certificates=True)["proxies"] == {"NO_PROXY": "10.0.0.0/8,.svc"}


def test_certificates_that_somebody_else_has_uploaded_stay(api: FakeApi, run: Run) -> None:
    meta = {"name": "kubeadm-certs", "namespace": "kube-system"}
    api.add("secrets", {"metadata": meta, "type": "Opaque", "data": {}})
    assert run(state="revoked")["changed"] is False
