# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.uplift.kubeadm.plugins.module_utils._offers import offered_by_all, source_troubles


def test_a_version_counts_only_when_every_host_can_have_it() -> None:
    listed = {
        "a": {"available": {"1.25": ["v1.25.5", "v1.25.4"], "1.26": ["v1.26.9"]}},
        "b": {"available": {"1.25": ["v1.25.4"], "1.26": []}},
    }
    assert offered_by_all(listed) == {"1.25": ["v1.25.4"], "1.26": []}


def test_a_host_that_lists_nothing_offers_nothing() -> None:
    assert offered_by_all({"a": {"available": {"1.25": ["v1.25.4"]}}, "b": {}}) == {"1.25": []}


def test_a_host_that_was_not_asked_has_no_say() -> None:
    listed = {"a": {"available": {"1.25": ["v1.25.4"]}}, "b": {"skipped": True}}
    assert offered_by_all(listed) == {"1.25": ["v1.25.4"]}
    assert offered_by_all({"b": {"skipped": True}}) == {}


def test_the_same_trouble_of_many_hosts_is_one_line() -> None:
    listed = {f"h{number}": {"errors": {"1.27": "404 at http://mirror"}} for number in range(7)}
    assert source_troubles(listed) == ["h0, h1, h2, h3, h4 and more: 404 at http://mirror"]
    assert source_troubles({"a": {"errors": {}}}) == []
