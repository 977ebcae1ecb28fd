# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which flags stay: extraArgs in both of kubeadm's forms, and kubelet's, but for what the upgrade takes out."""

from __future__ import annotations

from ansible_collections.uplift.kubeadm.plugins.module_utils._flags_in_use import flags_in_use


def test_extra_args_as_a_mapping_and_as_a_list() -> None:
    mapping = 'apiServer:\n  extraArgs:\n    audit-log-maxage: "30"\n    profiling: "false"\nscheduler: {}\n'
    assert flags_in_use({}, mapping) == {"kube-apiserver": ["--audit-log-maxage=30", "--profiling=false"]}
    listed = 'controllerManager:\n  extraArgs:\n  - name: v\n    value: "4"\n  - name: v\n    value: "5"\n'
    assert flags_in_use({}, listed) == {"kube-controller-manager": ["--v=4", "--v=5"]}


def test_kubelets_flags_and_gates_of_all_nodes_each_once() -> None:
    nodes = {
        name: {
            "kubelet_arguments": {"config": "/c", "node-ip": f"10.0.0.{name}"},
            "kubelet_configuration": {"featureGates": {"A": True}},
        }
        for name in "12345"
    }
    assert flags_in_use(nodes, "")["kubelet"] == [
        "--config=/c", "--feature-gates=A=true", "--node-ip=10.0.0.1", "--node-ip=10.0.0.2", "--node-ip=10.0.0.3",
    ]  # fmt: skip


def test_what_the_upgrade_takes_out_is_not_tried() -> None:
    node = {"kubelet_arguments": {"container-runtime": "remote", "pod-infra-container-image": "pause:3.7"}}
    assert flags_in_use({"a": node}, "") == {}


def test_a_node_that_could_not_be_read() -> None:
    assert flags_in_use({"a": {"kubelet_arguments": None, "kubelet_configuration": None}, "b": {}}, "") == {}
