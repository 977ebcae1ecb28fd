# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Static pods as people leave them in the folder, and the configuration files that their flags name."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _running
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_flags import flags_of
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_static_pods import named_files, static_pods

APISERVER = """apiVersion: v1
kind: Pod
metadata:
  name: kube-apiserver
spec:
  containers:
  - image: example.com/sidecar:v9
    name: sidecar
  - command:
    - kube-apiserver
    - --feature-gates=A=true
    - --audit-policy-file=/etc/audit/policy.yaml
    - --admission-control-config-file=/etc/kubernetes/admission.yaml
    - --encryption-provider-config=/etc/kubernetes/enc.yaml
    args: ["--feature-gates=B=false", "--v", "2"]
    image: registry.k8s.io/kube-apiserver:v1.24.17
    name: kube-apiserver
    volumeMounts:
    - mountPath: /etc
      name: etc
    - mountPath: /etc/audit
      name: audit
  volumes:
  - hostPath:
      path: /srv/etc
    name: etc
  - hostPath:
      path: /srv/audit/
    name: audit
  - emptyDir: {}
    name: other
"""


def write(root: Path, path: str, text: str) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def manifest(root: Path, name: str, text: str) -> Path:
    return write(root, f"{_running.MANIFESTS}/{name}", text)


def test_flags_in_all_their_forms() -> None:
    words = ["kubelet", "--a=1", "--b", "2", "-v=3", "--c", "--a=4", "--gates", "X=true", "--gates", "Y=false"]
    assert flags_of(words) == {"a": "1,4", "b": "2", "v": "3", "c": "", "gates": "X=true,Y=false"}
    assert flags_of(["--", "-", "word"]) == {}


def test_the_program_of_a_static_pod(tmp_path: Path) -> None:
    manifest(tmp_path, "kube-apiserver.yaml", APISERVER)
    pods, unread = static_pods(tmp_path)
    facts = pods["kube-apiserver"].facts()
    assert unread == {}
    assert facts["image"] == "registry.k8s.io/kube-apiserver:v1.24.17"
    assert facts["ours"] is True
    assert facts["path"] == "/etc/kubernetes/manifests/kube-apiserver.yaml"
    assert facts["flags"]["feature-gates"] == "A=true,B=false"
    assert facts["flags"]["v"] == "2"
    assert facts["command"][0] == "kube-apiserver"


def test_a_copy_that_somebody_left_there_is_a_static_pod_too(tmp_path: Path) -> None:
    manifest(tmp_path, "kube-apiserver.yaml.bak", APISERVER)
    manifest(tmp_path, ".hidden.yaml", APISERVER)
    (tmp_path / _running.MANIFESTS / "old").mkdir()
    pods, unread = static_pods(tmp_path)
    assert [(name, pod.ours) for name, pod in pods.items()] == [("kube-apiserver.yaml", False)]
    assert unread == {}


@pytest.mark.parametrize(
    "text",
    ["", "just words", "a: [b", "kind: Pod\n", "kind: Pod\nspec: 7\n", "kind: Pod\nspec:\n  containers: {}\n",
     "kind: ConfigMap\nspec:\n  containers:\n  - name: x\n", "\x00\x01"],
)  # fmt: skip
def test_what_is_no_manifest_is_unread_and_hides_no_other(tmp_path: Path, text: str) -> None:
    manifest(tmp_path, "broken.yaml", text)
    manifest(tmp_path, "kube-apiserver.yaml", APISERVER)
    pods, unread = static_pods(tmp_path)
    assert list(pods) == ["kube-apiserver"]
    assert list(unread) == ["static_pods broken.yaml"]
    assert "/etc/kubernetes/manifests/broken.yaml" in unread["static_pods broken.yaml"]


def test_of_a_broken_manifest_of_kubeadm_flags_are_made_out_line_by_line(tmp_path: Path) -> None:
    manifest(tmp_path, "kube-apiserver.yaml", APISERVER + "x: &anchor y\n")
    pods, unread = static_pods(tmp_path)
    assert pods["kube-apiserver"].flags["audit-policy-file"] == "/etc/audit/policy.yaml"
    assert "static_pods kube-apiserver.yaml" in unread


def test_a_dangling_link_is_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / _running.MANIFESTS
    folder.mkdir(parents=True)
    (folder / "etcd.yaml").symlink_to("/nowhere")
    assert static_pods(tmp_path) == ({}, {})


def test_files_that_flags_name_are_found_through_the_mounts(tmp_path: Path) -> None:
    manifest(tmp_path, "kube-apiserver.yaml", APISERVER)
    write(tmp_path, "srv/audit/policy.yaml", "apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules: [{level: None}]\n")
    write(
        tmp_path,
        "srv/etc/kubernetes/admission.yaml",
        "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n- name: PodSecurity\n"
        "  configuration:\n    apiVersion: pod-security.admission.config.k8s.io/v1beta1\n"
        "    kind: PodSecurityConfiguration\n"
        "- name: ImagePolicyWebhook\n  path: image.yaml\n- name: EventRateLimit\n  path: gone.yaml\n",
    )
    write(tmp_path, "srv/etc/kubernetes/image.yaml", 'apiVersion: "v1"\nkind: Config # of mine\n')
    write(
        tmp_path,
        "srv/etc/kubernetes/enc.yaml",
        "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- providers:\n  - aescbc:\n"
        "      keys:\n      - name: key1\n        secret: c2VjcmV0\n  - kms:\n      name: a\n  - kms:\n"
        "      apiVersion: v2\n  - identity: {}\n",
    )
    files, unread = named_files(tmp_path, static_pods(tmp_path)[0])
    assert unread == {}
    assert files == {
        "/etc/audit/policy.yaml": {
            "flag": "kube-apiserver --audit-policy-file",
            "host_path": "/srv/audit/policy.yaml",
            "apiVersion": "audit.k8s.io/v1beta1",
            "kind": "Policy",
            "partly_read": True,
        },
        "/etc/kubernetes/admission.yaml": {
            "flag": "kube-apiserver --admission-control-config-file",
            "host_path": "/srv/etc/kubernetes/admission.yaml",
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "AdmissionConfiguration",
            "plugins": [
                {
                    "name": "PodSecurity",
                    "apiVersion": "pod-security.admission.config.k8s.io/v1beta1",
                    "kind": "PodSecurityConfiguration",
                },
                {"name": "ImagePolicyWebhook", "path": "image.yaml", "apiVersion": "v1", "kind": "Config"},
                {"name": "EventRateLimit", "path": "gone.yaml"},
            ],
        },
        "/etc/kubernetes/enc.yaml": {
            "flag": "kube-apiserver --encryption-provider-config",
            "host_path": "/srv/etc/kubernetes/enc.yaml",
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "EncryptionConfiguration",
            "providers": ["aescbc", "identity", "kms v1", "kms v2"],
        },
    }


def test_a_file_that_is_not_there_is_unread(tmp_path: Path) -> None:
    manifest(tmp_path, "kube-apiserver.yaml", APISERVER)
    files, unread = named_files(tmp_path, static_pods(tmp_path)[0])
    assert files == {}
    assert "kube-apiserver --audit-policy-file" in unread["files /etc/audit/policy.yaml"]
    assert len(unread) == 3
