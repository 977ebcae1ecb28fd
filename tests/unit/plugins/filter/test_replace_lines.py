# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last lines of a replacement."""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.filter.replace_lines import FilterModule

PLAN: dict[str, t.Any] = {
    "old": [{"node": "o1", "host": "", "role": "worker", "reset": False}], "removal": "none", "gone": [],
    "join_control_planes": [],
    "join_workers": [{"node": "n1", "host": "n1", "half": False}], "waves": [{"nodes": ["o1"], "soak": 0, "why": ""}],
}  # fmt: skip


def lines(plan: dict[str, t.Any] | None = None, **more: t.Any) -> str:
    return " ".join(" ".join(FilterModule().filters()["replace_lines"](plan or PLAN, **more)).split())


def test_what_was_done_and_how_to_go_back_and_on() -> None:
    kept = lines()
    assert "Joined: n1." in kept
    assert "Drained, and seen to be empty: o1." in kept
    assert "replace_nodes_state=back" in kept
    assert "replace_nodes_remove=reset" in kept


def test_there_is_no_way_back_from_a_removal() -> None:
    gone = lines({**PLAN, "removal": "node"}, removed=["o1"])
    assert gone.startswith("Replaced.")
    assert "Removed: o1." in gone
    assert "back" not in gone


def test_what_going_back_did() -> None:
    assert "Back in service: o1." in lines(back={"nodes": ["o1"], "by_person": []})
    reset = {**PLAN, "old": [*PLAN["old"], {"node": "o2", "host": "", "role": "worker", "reset": True}]}
    assert "Reset already, and left cordoned: o2." in lines(reset, back={"nodes": ["o1"], "by_person": []})
    assert "left so: o1" in lines(back={"nodes": [], "by_person": ["o1"]})
    assert "not to be had back: w9" in lines({**PLAN, "gone": ["w9"]}, back={"nodes": [], "by_person": []})
