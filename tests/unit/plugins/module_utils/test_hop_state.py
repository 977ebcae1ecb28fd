# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a failed hop left of a control plane node is told apart."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._hop_state import hop_state

NAMES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
ROLLED_BACK = (
    "couldn't upgrade control plane. kubeadm has tried to recover everything into the earlier state. Errors faced: x"
)


def node(tags: t.Sequence[str], down: t.Sequence[str] = (), unit: str = "failed") -> dict[str, t.Any]:
    manifests = {name: f"registry.example.com:5000/{name}:{tag}" for name, tag in zip(NAMES, tags)}
    return {
        "manifests": {**manifests, "etcd": "registry.k8s.io/etcd:3.5.6-0"},
        "healthy": {name: name not in down for name in (*NAMES, "etcd")},
        "unread": {name: f"{name} does not answer" for name in down},
        "kubeadm_unit": {"state": unit},
    }


OLD, NEW = "v1.24.17", "v1.25.4"


@pytest.mark.parametrize(
    ("tags", "said", "unit", "state"),
    [
        ([OLD] * 3, "the --version argument is invalid", "failed", "old"),
        ([OLD] * 3, ROLLED_BACK, "failed", "rolled_back"),
        ([NEW, OLD, OLD], "", "unfinished", "mixed"),
        ([NEW] * 3, "unable to upload the ConfigMap", "failed", "new"),
        ([NEW, OLD, OLD], "", "running", "running"),
    ],
)
def test_states(tags: list[str], said: str, unit: str, state: str) -> None:
    found = hop_state(node(tags, unit=unit), NEW, said)
    assert found.state == state
    assert "run the same command again" in found.text or state == "running"


def test_what_was_replaced_is_named() -> None:
    text = hop_state(node([NEW, OLD, OLD]), NEW, "").text
    assert "kube-apiserver is at v1.25.4, kube-controller-manager and kube-scheduler not" in text


def test_a_node_that_does_not_serve() -> None:
    found = hop_state(node([NEW, OLD, OLD], down=["kube-apiserver"]), NEW, "")
    assert found.serves is False
    assert "does not serve; not healthy: kube-apiserver. (kube-apiserver does not answer)" in found.text
    assert "docs/backup.md" in found.text


def test_a_node_that_serves_beside_a_program_that_is_not_well() -> None:
    found = hop_state(node([OLD] * 3, down=["kube-scheduler"]), NEW, ROLLED_BACK)
    assert found.serves is True
    assert "serves, but kube-scheduler is not healthy" in found.text


def test_etcds_data_that_kubeadm_put_back() -> None:
    found = hop_state(node([OLD] * 3), NEW, f"[upgrade/etcd] Rolling back etcd data\n{ROLLED_BACK}")
    assert found.etcd_data_replaced is True
    assert "no backup" in found.text


def test_a_digest_behind_the_tag() -> None:
    assert hop_state(node([f"{NEW}@sha256:abc"] * 3), NEW, "").state == "new"
