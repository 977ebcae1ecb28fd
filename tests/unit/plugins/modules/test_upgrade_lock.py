# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""upgrade_lock through main(), against FakeLeases over HTTP."""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _lock
from ansible_collections.uplift.kubeadm.plugins.modules import upgrade_lock
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_leases import FakeLeases
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module

ANNA = {"id": "anna@bastion_812_aa", "user": "anna", "host": "bastion", "pid": 812, "target": "1.26", "job": ""}
BERT = {"id": "bert@laptop_99_bb", "user": "bert", "host": "laptop", "pid": 99, "target": "1.25", "job": ""}


@pytest.fixture
def api(tmp_path: Path) -> t.Iterator[FakeLeases]:
    fake = FakeLeases(tmp_path / "admin.conf")
    yield fake
    fake.stop()


@pytest.fixture
def run(api: FakeLeases, capsys: pytest.CaptureFixture[str]) -> Run:
    return run_module(upgrade_lock.main, capsys, {"holder": ANNA, "kubeconfig": str(api.kubeconfig), "api_timeout": 5})


def holder_of(api: FakeLeases) -> str | None:
    return api.lease["spec"]["holderIdentity"] if api.lease else None


def test_taken_then_ours_then_released(api: FakeLeases, run: Run) -> None:
    first = run()
    assert (first["changed"], first["taken"]) == (True, "free")
    assert first["diff"]["after"] == "held by: anna on bastion (process 812), upgrade to 1.26\n"
    lease = api.lease or {}
    assert lease["spec"]["leaseDurationSeconds"] == 900
    assert lease["spec"]["leaseTransitions"] == 0
    # The API server reads these with Go's layout for MicroTime, which wants all six digits.
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", lease["spec"]["renewTime"])
    assert json.loads(lease["metadata"]["annotations"][_lock.HOLDER_ANNOTATION]) == ANNA
    again = run()
    assert (again["changed"], again["taken"]) == (False, "ours")
    assert run(state="released")["changed"] is True
    assert api.lease is None
    assert run(state="released")["changed"] is False


def test_another_one_is_refused_with_all_that_a_person_needs(api: FakeLeases, run: Run) -> None:
    run()
    api.ahead = 40
    refused = run(holder=BERT, failed=True)
    assert refused["refused"] is True
    assert refused["held_by"] == ANNA
    for words in (
        "anna on bastion (process 812), upgrade to 1.26",
        "nothing was begun",
        "uplift.kubeadm.stop",
        "kubeadm_upgrade_take_over=true",
        "Lease kube-system/uplift-kubeadm",
    ):
        assert words in refused["msg"]
    assert re.search(r"since 20\d\d-.*Z; its last sign of life was (39|40|41) s ago", refused["msg"])
    assert re.search(r"ends at 20\d\d-\S+Z, in 8[89]\d s", refused["msg"])
    assert holder_of(api) == ANNA["id"]
    assert run(holder=BERT, check_mode=True, failed=True)["refused"] is True


@pytest.mark.parametrize(("later", "taken"), [(900, None), (929, None), (935, "expired")])
def test_a_lease_ends_by_the_servers_clock_and_not_before(
    api: FakeLeases, run: Run, later: int, taken: str | None
) -> None:
    """Takes out SKEW: the case of 929 s fails."""
    run()
    api.ahead = later
    result = run(holder=BERT, failed=taken is None)
    assert result.get("taken") == taken
    if taken:
        assert "taken over from anna on bastion" in str(result["warnings"])
        assert (api.lease or {})["spec"]["leaseTransitions"] == 1


def test_a_holder_that_is_dead_is_followed_and_no_one_else(api: FakeLeases, run: Run) -> None:
    """The precondition: someone else has taken the lock since the controller found the holder dead."""
    run()
    assert run(holder=BERT, instead_of="carl@pc_1_cc", failed=True)["refused"] is True
    result = run(holder=BERT, instead_of=ANNA["id"])
    assert result["taken"] == "dead"
    assert "its process is dead" in str(result["warnings"])


def test_take_over_and_the_one_who_lost_it(api: FakeLeases, run: Run) -> None:
    run()
    assert run(holder=BERT, take_over=True, check_mode=True)["taken"] == "asked"
    assert holder_of(api) == ANNA["id"]
    assert run(holder=BERT, take_over=True)["taken"] == "asked"
    lost = run(state="renewed", failed=True)
    assert lost["lost"] is True
    assert "bert on laptop (process 99), upgrade to 1.25" in lost["msg"]
    assert run(state="released")["changed"] is False
    assert holder_of(api) == BERT["id"]


def test_renewed_keeps_what_is_there_and_tells_of_a_request_to_stop(api: FakeLeases, run: Run) -> None:
    run(duration=600)
    before = dict((api.lease or {})["spec"])
    api.ahead = 100
    renewed = run(state="renewed", duration=700)
    assert (renewed["changed"], renewed["holder"], renewed["stop"]) == (False, ANNA, None)
    after = (api.lease or {})["spec"]
    assert after["renewTime"] > before["renewTime"]
    assert after["acquireTime"] == before["acquireTime"]
    assert after["leaseDurationSeconds"] == 700

    asked = run(state="stop", holder=BERT, reason="pager")
    assert asked["ends"] == run(state="read")["ends"]
    assert (asked["changed"], asked["stop"]["by"], asked["stop"]["reason"]) == (True, "bert on laptop", "pager")
    assert asked["words"].startswith("anna on bastion")
    assert run(state="stop", holder=BERT, reason="again")["changed"] is False
    assert run(state="renewed")["stop"] == asked["stop"]
    assert run(state="go_on", holder=BERT)["changed"] is True
    assert run(state="renewed")["stop"] is None


def test_a_request_to_stop_is_for_the_run_that_was_asked(api: FakeLeases, run: Run) -> None:
    run()
    run(state="stop", holder=BERT)
    run(holder=BERT, instead_of=ANNA["id"])
    assert run(state="renewed", holder=BERT)["stop"] is None


def test_nothing_runs_nothing_to_stop(api: FakeLeases, run: Run) -> None:
    asked = run(state="stop")
    assert (asked["changed"], asked["holder"]) == (False, None)
    assert run(state="read")["holder"] is None
    assert api.lease is None


def test_read(api: FakeLeases, run: Run) -> None:
    run()
    assert run(state="read", holder=BERT)["holder"] == ANNA
    assert run(state="read", holder=BERT)["ends"].endswith("Z")


def test_check_mode_writes_nothing(api: FakeLeases, run: Run) -> None:
    assert run(check_mode=True)["changed"] is True
    assert api.lease is None
    run()
    api.requests.clear()
    assert run(state="renewed", check_mode=True)["changed"] is False
    assert run(state="stop", check_mode=True)["changed"] is True
    assert run(state="released", check_mode=True)["changed"] is True
    assert {method for method, _path, _body in api.requests} == {"GET"}


def test_a_lock_that_someone_deleted_is_lost(api: FakeLeases, run: Run) -> None:
    run()
    api.objects.clear()
    assert "someone deleted it" in run(state="renewed", failed=True)["msg"]


def test_an_answer_that_was_lost_is_no_conflict_with_oneself(
    api: FakeLeases, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = api._create
    answers: list[tuple[int, t.Any]] = [(503, {})]

    def lost_once(body: t.Any) -> tuple[int, t.Any]:
        answer = real(body)
        return answers.pop() if answers else answer

    monkeypatch.setattr(api, "_create", lost_once)
    assert run()["taken"] in ("free", "ours")
    assert holder_of(api) == ANNA["id"]


@pytest.mark.parametrize("note", [None, "no JSON", "[]", json.dumps(BERT)])
def test_a_lease_of_another_tool_or_with_a_broken_note_is_respected(
    api: FakeLeases, run: Run, note: str | None
) -> None:
    run()
    metadata = (api.lease or {})["metadata"]
    metadata["annotations"] = {_lock.HOLDER_ANNOTATION: note} if note else {}
    refused = run(holder=BERT, failed=True)
    assert f"It is «{ANNA['id']}»" in refused["msg"]
    assert refused["held_by"] == {"id": ANNA["id"]}


@pytest.mark.parametrize("state", ["renewed", "released", "stop"])
def test_a_lock_taken_between_the_look_and_the_write_is_not_written(
    api: FakeLeases, run: Run, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """Takes out the resourceVersion of a PATCH, or the preconditions of a DELETE: the new holder's lock is hit."""
    run()
    seen = _lock.read

    def read_then_taken(client: t.Any) -> t.Any:
        lock = seen(client)
        monkeypatch.setattr(_lock, "read", seen)
        _lock.acquire(client, BERT, take_over=True)
        return lock

    monkeypatch.setattr(_lock, "read", read_then_taken)
    result = run(state=state, failed=state == "renewed")
    assert holder_of(api) == BERT["id"]
    assert result.get("lost", False) is (state == "renewed")
    if state == "stop":  # the request goes to who holds it by then
        assert result["holder"] == BERT


def test_without_a_date_the_modules_own_clock_is_used(
    api: FakeLeases, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_leases.formatdate", lambda *_a, **_k: "soon"
    )
    assert run()["taken"] == "free"


def test_without_a_holder_it_says_what_to_do(run: Run) -> None:
    assert "as a task of a playbook" in run(holder={}, failed=True)["msg"]


def test_a_restore_says_what_it_is_and_is_not_asked_to_stop(api: FakeLeases, run: Run) -> None:
    restore = {**ANNA, "target": "", "purpose": "restore of 20261121T181557Z-v1.24.17"}
    run(holder=restore)
    refused = run(holder=BERT, failed=True)
    assert "anna on bastion (process 812), restore of 20261121T181557Z-v1.24.17, at it since" in refused["msg"]
    assert "uplift.kubeadm.stop" not in refused["msg"]
    asked = run(state="stop", holder=BERT)
    assert (asked["changed"], asked["stop"], asked["holder"]) == (False, None, restore)
    assert run(state="renewed", holder=restore)["stop"] is None


def test_a_replacement_of_nodes_ends_between_two_nodes(api: FakeLeases, run: Run) -> None:
    replacement = {**ANNA, "target": "", "purpose": _lock.REPLACEMENT}
    run(holder=replacement)
    assert "uplift.kubeadm.stop" in run(holder=BERT, failed=True)["msg"]
    assert run(state="stop", holder=BERT)["changed"] is True
    assert run(state="renewed", holder=replacement)["stop"]["by"].startswith("bert")


def test_who_takes_over_says_why(api: FakeLeases, run: Run) -> None:
    run()
    told = str(run(holder=BERT, take_over=True, reason="it came back with the snapshot")["warnings"])
    assert "taken over from anna on bastion (process 812), upgrade to 1.26: it came back with the snapshot." in told
    assert "asked for by variable" not in told
