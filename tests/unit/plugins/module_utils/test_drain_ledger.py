# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The book of a drain: who is asked to go when, what is told of those that are left, and what is kept of it."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils import _drain_words as words
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_ledger import LONGEST_PAUSE, Ledger
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_order import Group
from ansible_collections.uplift.kubeadm.plugins.module_utils._drain_rules import Options, Pod

NOW = 1_800_000_000.0


def pod(name: str, budget: str = "", **more: t.Any) -> Pod:
    return Pod("shop", name, f"uid-{name}", budgets=(budget,) if budget else (), **more)


def ledger(*pods: Pod) -> Ledger:
    made = Ledger(Options(timeout=900))
    made.adopt(pods)
    return made


def due(book: Ledger, now: float) -> list[str]:
    return [found.name for found in book.due(now)]


def test_a_budget_that_refuses_is_asked_by_one_pod_and_holds_no_others() -> None:
    book = ledger(pod("a", "shop/web"), pod("b", "shop/web"), pod("c", "shop/db"), pod("d"))
    assert due(book, NOW) == ["a", "b", "c", "d"], "all at once, as long as nothing was refused"
    for found in book.due(NOW)[:2]:
        book.refuse(found, "no", True, NOW)
    assert due(book, NOW) == ["c", "d"], "the back-off is that of the budget"
    assert due(book, NOW + 1) == ["a", "c", "d"], "one asks for all of its pods"
    book.accept(book.targets["uid-a"], NOW + 1)
    assert due(book, NOW + 1) == ["b", "c", "d"], "once one passes, the others try at once"
    assert book.waited(NOW + 5) == [{"budget": "shop/web", "seconds": 1.0, "refusals": 2}]


def test_the_pause_grows_to_a_limit() -> None:
    book, now, pauses = ledger(pod("a", "shop/web")), NOW, []
    for _try in range(12):
        book.refuse(book.targets["uid-a"], "no", True, now)
        begun = now
        while not due(book, now):
            now += 0.01
        pauses.append(now - begun)
    assert pauses == sorted(pauses)
    assert pauses[0] < 0.3
    assert LONGEST_PAUSE - 0.1 < pauses[-1] < LONGEST_PAUSE + 0.1


def test_what_refuses_one_pod_alone_does_not_hold_the_others_of_its_budget() -> None:
    book = ledger(pod("a", "shop/web"), pod("b", "shop/web"))
    book.refuse(book.targets["uid-a"], "a webhook says no", False, NOW)
    assert due(book, NOW) == ["b"]
    assert book.forcible(NOW) == []
    assert book.waited(NOW) == []
    assert "a webhook says no" in book.rows(NOW)[0]["why"]


def test_pods_are_gone_by_their_uid_and_may_reappear_in_a_cache_that_is_behind() -> None:
    book = ledger(pod("a"), pod("b"))
    book.accept(book.targets["uid-a"], NOW)
    book.look({"uid-b": False}, NOW + 2)
    book.look({"uid-a": False, "uid-b": False}, NOW + 3)
    assert [left.name for left in book.remaining()] == ["a", "b"]
    book.look({"uid-other": False}, NOW + 4)
    assert list(book.evicted.values()) == [
        {"namespace": "shop", "name": "a", "seconds": 2.0},
        {"namespace": "shop", "name": "b", "seconds": None},
    ]


def test_states_of_what_is_left() -> None:
    book = ledger(
        pod("held", "shop/web"),
        pod("sent", grace=60),
        pod("old", terminating=True),
        pod("job", verdict="wait", group=Group(0, "wait", timeout=50)),
        pod("later", group=Group(1)),
    )
    book.refuse(book.targets["uid-held"], "needs 2", True, NOW)
    book.accept(book.targets["uid-sent"], NOW)
    assert due(book, NOW) == []
    rows = {row["name"]: row for row in book.rows(NOW + 10)}
    assert {name: row["state"] for name, row in rows.items()} == {
        "held": "held",
        "sent": "ending",
        "old": "ending",
        "job": "running",
        "later": "queued",
    }
    assert rows["held"]["why"] == "held by the budget shop/web, which refused 1 times in 10 s: needs 2"
    assert rows["sent"]["why"] == "evicted 10 s ago and still terminating; it has 60 s"
    assert rows["job"]["why"] == "left to complete for 10 s of 50 s"
    assert rows["later"]["why"] == "its turn comes with entry 2 of the order (drain)"
    assert due(book, NOW + 51) == ["held", "job"]


def test_a_job_that_completed_between_two_slices_is_kept_as_completed() -> None:
    job = pod("job", verdict="wait", group=Group(0, "wait"))
    book = ledger(job)
    book.rows(NOW)
    again = Ledger(Options(timeout=900))
    again.load(json.loads(json.dumps(book.dump())))
    again.look({"uid-job": True}, NOW + 7)
    again.adopt([pod("job", verdict="leave")])
    assert list(again.completed.values()) == [{"namespace": "shop", "name": "job", "seconds": 7.0}]
    assert again.remaining() == []


def test_time_in_which_nobody_drained_is_no_time_that_a_budget_held() -> None:
    book = ledger(pod("a", "shop/web"))
    book.refuse(book.targets["uid-a"], "no", True, NOW)
    book.interrupt(NOW + 5)
    book.refuse(book.targets["uid-a"], "no", True, NOW + 7200)
    assert book.waited(NOW + 7201) == [{"budget": "shop/web", "seconds": 6.0, "refusals": 2}]


def test_what_is_kept_is_what_was() -> None:
    book = ledger(pod("a", "shop/web"), pod("b", group=Group(3)), pod("c"))
    book.refuse(book.targets["uid-a"], "no", True, NOW)
    book.force(book.targets["uid-a"], NOW + 3)
    book.accept(book.targets["uid-c"], NOW)
    book.look({"uid-a": False, "uid-b": False}, NOW + 4)
    book.volumes = {"csi-1": "pv-1"}
    again = Ledger(Options(timeout=900))
    again.load(json.loads(json.dumps(book.dump())))
    assert again.dump() == book.dump()
    assert again.forced["uid-a"] == {"namespace": "shop", "name": "a", "budget": "shop/web", "seconds": 3.0}


def test_the_line_names_few_and_the_message_all() -> None:
    book = ledger(*(pod(f"p{number}", "shop/web") for number in range(9)))
    for found in book.due(NOW):
        book.refuse(found, "no", True, NOW)
    rows = book.rows(NOW + 2)
    line = words.progress_line("w1", rows, 2.0)
    assert line.startswith(
        "w1: 9 pods left after 2 s: shop/p0, shop/p1, shop/p2 and 6 more (held by the budget shop/web"
    )
    message = words.timed_out("w1", 900, rows, True, {}, False)
    assert all(f"shop/p{number}" in message for number in range(9))
    assert "force_past_budgets_after" in message
    assert "force_past_budgets_after" not in words.timed_out("w1", 900, rows, True, {}, True)
