# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.uplift.kubeadm.plugins.module_utils._result import result_lines

SUMMARY = {
    "api_servers": {"cp1": "v1.26.9"}, "kubelets": {"v1.24.17": 1, "v1.26.9": 2}, "nodes": 3, "not_ready": [],
    "unschedulable": ["w2"],
}  # fmt: skip


def test_what_was_done_and_where_the_cluster_is() -> None:
    plan = {"changes": True, "target": "v1.26.9", "hops": [{}, {}], "drains": {"cp1": 2, "w1": 2}}
    assert result_lines(plan, SUMMARY, 505.7) == [
        "Done: v1.26.9, 2 hops, 4 drains, 8 min 25 s.",
        "  API servers  v1.26.9 on 1 control plane node",
        "  kubelets     v1.26.9 on 2, v1.24.17 on 1 of 3 nodes",
        "  not Ready    none",
        "  cordoned     w2",
    ]


def test_nothing_to_do() -> None:
    plan = {"changes": False, "target": "v1.26.9", "hops": [], "drains": {}}
    assert result_lines(plan, SUMMARY, 3)[0].startswith("Nothing was to be done")
