# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The callback `progress` beside the default stdout callback, on runs of the real playbook.

Protects what it takes from the role: the facts that tasks/plan_take_up.yml, wave_open.yml, wave_report.yml,
wave_control.yml and rescue.yml set, and the way in which kubelet.yml drains in slices.
"""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from stubbed import StubbedCluster

# A FAKE of a drain in slices: w2 has a pod that its budget holds for two slices of 15 seconds.
SLICED_DRAIN = """
from ansible.plugins.action import ActionBase

from ansible_collections.uplift.kubeadm.plugins.module_utils import _stub

HELD = {"namespace": "shop", "name": "web-0", "state": "held", "budget": "shop/web", "refusals": 5, "why": "held"}


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result, args = super().run(tmp, task_vars), self._task.args
        answer = _stub.answer(self, args, task_vars)
        if answer.get("failed") or args.get("state") != "drained":
            return {**result, **answer}
        slice_of = int(args["slice"])
        slices = _stub.load("slices.json", 0) if args["name"] == "w2" else 2
        drained = not slice_of or slices == 2
        if slice_of and args["name"] == "w2":
            _stub.save("slices.json", slices + 1)
        left = [] if drained else [{**HELD, "seconds": slice_of * (slices + 1) - 1.0}]
        return {
            **result, **answer, "drained": drained, "seconds": slice_of * slices + 4.0, "waited": [],
            "evicted": [{"namespace": "shop", "name": "web-1", "seconds": 2.0}],
            "progress": {"line": f"{args['name']}: {len(left)} pods left", "left": left},
        }
"""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StubbedCluster:
    made = StubbedCluster(tmp_path, control_planes=1, workers=3)
    plugins = tmp_path / "collections/ansible_collections/uplift/kubeadm/plugins"
    (plugins / "action/node_drain.py").write_text(SLICED_DRAIN)
    monkeypatch.setenv("ANSIBLE_CALLBACKS_ENABLED", "uplift.kubeadm.progress")
    monkeypatch.setenv("UPLIFT_KUBEADM_PROGRESS_EVENTS", str(tmp_path / "events.jsonl"))
    for name in ("AWX_HOST", "JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    return made


def lines(output: str) -> list[str]:
    """Without the time of day; what was measured is this machine's."""
    found = re.findall(r"^>> \d\d:\d\d:\d\d (.*)$", output, re.MULTILINE)
    return [
        re.sub(r"(after) \d+ (s|min( \d+ s)?)\b|; (\d+ s|\d+ min.*?) a (node|wave).*", r"\1", text) for text in found
    ]


def events(cluster: StubbedCluster) -> list[dict[str, Any]]:
    return [json.loads(text) for text in (cluster.folder / "events.jsonl").read_text().splitlines()]


def test_lines_in_the_documented_order_and_none_where_nothing_is_done(cluster: StubbedCluster) -> None:
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_drain_slice=15)
    assert run.returncode == 0, run.stdout
    assert lines(run.stdout) == [
        "to v1.25.4: 1 hop, 1 control plane, 3 workers, 4 drains",
        "hop 1/1 (v1.25.4), prepare 1-4/4: cp1, w1, w2 and w3",
        "hop 1/1 (v1.25.4), control plane 1/1: cp1",
        "hop 1/1 (v1.25.4), control plane kubelet 1/1: cp1",
        "hop 1/1 (v1.25.4), worker 1/3: w1",
        "hop 1/1 (v1.25.4), worker 2/3: w2",
        "w2: draining, 1 pod left after; 1 held by the budget shop/web for 14 s",
        "w2: drained after, 1 pod",
        "hop 1/1 (v1.25.4), worker 3/3: w3",
        "done: v1.25.4 after, 9 steps",
    ]
    assert re.search(r"worker 3/3: w3; \d+ s a node, less than 1 min left", run.stdout)
    # In order with what the stdout callback prints: below the task that it is about.
    assert re.search(r"Take up the step of the node\] \*+\nok: \[w2\]\n>> .* worker 2/3: w2", run.stdout)
    kinds = [event["type"] for event in events(cluster)]
    assert kinds[:3] == ["plan", "begin", "wave"]
    assert (kinds.count("node"), kinds.count("drain"), kinds.count("drained"), kinds[-1]) == (9, 2, 4, "end")
    assert stat.S_IMODE((cluster.folder / "events.jsonl").stat().st_mode) == 0o600

    # A later run that has nothing to do, and one in check mode: nothing is printed, all is written.
    for arguments, outcome in ((("-e", "target=1.25"), "unchanged"), (("-e", "target=1.26", "--check"), "planned")):
        again = cluster.run("uplift.kubeadm.upgrade", *arguments)
        assert again.returncode == 0, again.stdout
        assert lines(again.stdout) == []
        assert "progress" not in again.stderr
        assert events(cluster)[-1]["outcome"] == outcome


@pytest.mark.thorough
@pytest.mark.parametrize("trouble", ["fail", "down"])
def test_a_node_that_is_lost_in_the_middle_and_where_the_run_stopped(cluster: StubbedCluster, trouble: str) -> None:
    cluster.misbehave({"module": "node_drain", "host": "w1", "state": "drained", "do": trouble})
    run = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_serial=2, kubeadm_upgrade_drain_slice=0)
    assert run.returncode != 0
    wave, failed, stopped = lines(run.stdout)[-3:]
    assert wave == "hop 1/1 (v1.25.4), worker 1-2/3: w1 and w2"
    how = "FAILED" if trouble == "fail" else "is UNREACHABLE"
    assert failed.startswith(f'w1 {how} at "{"Drain" if trouble == "fail" else ""}')
    assert "hop 1/1 (v1.25.4), worker" in failed
    assert stopped == "stopped after: hop 1/1 (v1.25.4), worker 1 of 3 done, 1 not begun; failed: w1"


def test_quiet_in_awx_and_stopped_as_asked_with_a_limit(
    cluster: StubbedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("AWX_HOST", "https://awx.example"), ("JOB_ID", "42")):
        monkeypatch.setenv(name, value)
    job = cluster.run("uplift.kubeadm.upgrade", target="1.25", kubeadm_upgrade_scope="control_plane")
    assert job.returncode == 0, job.stdout
    assert lines(job.stdout) == []
    assert events(cluster)[-1]["outcome"] == "succeeded"
    monkeypatch.delenv("AWX_HOST")

    hook = cluster.folder / "ask.yml"
    stop = {"by": "anna on bastion", "at": "2026-11-21T17:00:00Z", "reason": "pager"}
    hook.write_text(
        "- name: Someone asks the run to stop\n  ansible.builtin.copy: "
        f"{{dest: {cluster.folder / 'stub/stop.json'}, content: '{{{{ stop | to_json }}}}', mode: '0600'}}\n"
        f"  vars: {{stop: {stop}}}\n"
    )
    limited = ("--limit", "w1,w3", "-e", f"kubeadm_upgrade_hook_drained={hook}")
    run = cluster.run("uplift.kubeadm.upgrade", *limited, target="1.25")
    assert run.returncode != 0
    told = lines(run.stdout)
    assert told[:3] == [
        "to v1.25.4: 1 hop, 0 control planes, 2 workers, 2 drains",
        "hop 1/1 (v1.25.4), prepare 1-2/2: w1 and w3",
        "hop 1/1 (v1.25.4), worker 1/2: w1",
    ]
    assert told[3].startswith(
        "stopped after: hop 1/1 (v1.25.4), worker 1 of 2 done, 1 not begun. anna on bastion asked"
    )
    end = events(cluster)[-1]
    assert (end["outcome"], end["failed"]) == ("stopped", [])
