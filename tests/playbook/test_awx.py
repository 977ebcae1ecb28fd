# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every job of docs/awx, run by ansible-runner as AWX runs it, on a pretended cluster.

The job may write into its own folder alone, which the kernel sees to; it has no terminal, a home that is new, extra
variables only, and credentials as files and from an agent.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stubbed import StubbedCluster
from stubbed_fleet import StubbedFleet

from ansible_collections.uplift.kubeadm.tests.awx import data, jail
from ansible_collections.uplift.kubeadm.tests.awx.job import Custom, Job, Machine, Result

TEMPLATES = data.templates()
PLAN: dict[str, Any] = {
    # As AWX's form sends it: every question, and what was left empty as an empty text.
    "target": "v1.25", "kubeadm_upgrade_scope": "all", "kubeadm_upgrade_worker_hops": "auto",
    "kubeadm_upgrade_serial": "1", "kubeadm_upgrade_max_left_out": 0, "kubeadm_upgrade_deadline": "",
    "accepted_findings": "",
}  # fmt: skip
UPGRADE = {**PLAN, "kubeadm_upgrade_require_workloads": "false", "kubeadm_upgrade_take_over": "false"}
BACKUP = {"kubeadm_upgrade_backup_keep": 3}
# From the inventory, where a vault keeps them.
SECRETS = {"kubeadm_upgrade_registry_password": "hush-registry", "kubeadm_upgrade_binary_password": "hush-binary"}
TOKEN = "a-token-that-nobody-is-to-see"
KUBECONFIG = f"apiVersion: v1\nkind: Config\nusers: [{{name: a, user: {{token: {TOKEN}}}}}]\n"


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ssh") / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path.read_text()


@pytest.fixture
def cluster() -> Iterator[StubbedCluster]:
    """In a folder with a short name, as AWX has it: sockets of SSH and of its agent take 108 characters."""
    with tempfile.TemporaryDirectory(prefix="awx_", dir="/tmp") as name:
        yield StubbedCluster(Path(name) / "cluster", control_planes=1, workers=2, in_process=False)


def job(cluster: StubbedCluster, verb: str, answers: dict[str, Any], key: str, **more: Any) -> Job:
    """A job of the template for a pretended cluster."""
    folder = cluster.folder.parent
    credentials = [Machine("ops", key), *more.pop("credentials", [])]
    command = [
        str(Path(sys.executable).parent / "ansible-inventory"),
        "-i",
        str(cluster.folder / "inventory.json"),
        "--list",
    ]
    inventory = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    site = {
        "ANSIBLE_COLLECTIONS_PATH": str(cluster.folder / "collections"),
        "UPLIFT_STUB": str(cluster.folder / "stub"),
        "ANSIBLE_LOCALHOST_WARNING": "0",
    }
    for variables in inventory["_meta"]["hostvars"].values():
        variables.update(SECRETS)
    (cluster.folder / "stub/events.jsonl").write_text("")
    name = f"job-{len(list(folder.glob('job-*')))}"
    return Job(
        TEMPLATES[verb], answers, inventory, folder / name, credentials=credentials, site=site,
        writable=[cluster.folder / "stub"], **more,
    )  # fmt: skip


def run(cluster: StubbedCluster, verb: str, answers: dict[str, Any], key: str, **more: Any) -> Result:
    """Run it, and see that it kept to its folder and to itself."""
    before = files(cluster.folder)
    result = job(cluster, verb, answers, key, **more).run()
    assert files(cluster.folder) == before
    assert files(result.job.folder / "project") == files(data.PROJECT)
    assert result.left() == []
    shown = result.shown()
    for secret in (TOKEN, key.splitlines()[2], *SECRETS.values()):
        assert secret not in shown
    return result


def files(folder: Path) -> dict[str, int]:
    """Files below a folder, with their sizes, but for those of the pretended cluster."""
    found = [path for path in folder.rglob("*") if path.is_file() and "stub" not in path.relative_to(folder).parts[:1]]
    return {str(path.relative_to(folder)): path.stat().st_size for path in found}


def kubelets(cluster: StubbedCluster) -> set[str]:
    return {node["kubelet"] for node in cluster.read("cluster.json")["nodes"].values()}


def test_the_kernel_keeps_jobs_to_their_folder(tmp_path: Path) -> None:
    if not jail.available():
        pytest.skip("this kernel has no Landlock; the tests below look at fewer places")
    (tmp_path / "ours").mkdir()
    script = f"echo > {tmp_path}/ours/a && echo > {tmp_path}/elsewhere"
    fence = jail.only_below([tmp_path / "ours"])
    done = subprocess.run(["sh", "-c", script], preexec_fn=fence, stderr=subprocess.PIPE, check=False)
    assert done.returncode != 0 and b"denied" in done.stderr
    assert (tmp_path / "ours/a").exists() and not (tmp_path / "elsewhere").exists()


def test_plan(cluster: StubbedCluster, key: str) -> None:
    result = run(cluster, "plan", PLAN, key)
    assert result.status == "successful", result.stdout
    summary = result.artifacts["kubeadm_upgrade"]
    assert (summary["outcome"], summary["from"], summary["target"]) == ("planned", "v1.24.17", "v1.25.4")
    assert summary["changes"] is True
    report = result.job.output / "kubeadm-upgrade-report"
    assert {path.name for path in report.iterdir()} == {"report.html", "report.md", "report.json"}
    assert json.loads((report / "report.json").read_text())["summary"] == summary
    assert str(report / "report.html") in result.stdout
    assert kubelets(cluster) == {"v1.24.17"}


def test_the_workflow(cluster: StubbedCluster, key: str) -> None:
    """Its nodes one after the other, each with all answers, and with what the nodes before it gave."""
    answers = {**UPGRADE, "kubeadm_upgrade_serial": "50%", "kubeadm_upgrade_deadline": "2h"}
    artifacts: dict[str, Any] = {}
    for number, node in enumerate(data.workflow()["simplified_workflow_nodes"]):
        if "approval_node" in node:
            continue
        verb = node["unified_job_template"].rpartition(" ")[2]
        more = {"artifacts": artifacts, "workflow": True, "number": number}
        result = run(cluster, verb, answers, key, **more)
        assert result.status == "successful", f"{verb}: {result.stdout}"
        artifacts = {**artifacts, **result.artifacts}
        if verb == "upgrade":
            assert artifacts["kubeadm_upgrade"]["outcome"] == "succeeded"
    assert kubelets(cluster) == {"v1.25.4"}
    assert artifacts["kubeadm_upgrade"]["changes"] is False


def test_verify_fails_where_something_is_left_to_do(cluster: StubbedCluster, key: str) -> None:
    result = run(
        cluster,
        "verify",
        {name: PLAN[name] for name in ("target", "kubeadm_upgrade_scope", "kubeadm_upgrade_max_left_out")},
        key,
    )
    assert result.status == "failed"
    assert "stub is not at v1.25.4 yet: 3 node(s) are left to do." in result.stdout


def test_an_upgrade_that_fails_says_where(cluster: StubbedCluster, key: str) -> None:
    cluster.misbehave({"module": "node_drain", "host": "w1", "state": "drained", "do": "fail"})
    result = run(cluster, "upgrade", UPGRADE, key)
    assert result.status == "failed"
    summary = result.artifacts["kubeadm_upgrade"]
    assert (summary["outcome"], summary["failed_node"]) == ("failed", "w1")
    cluster.mend()
    again = run(cluster, "upgrade", UPGRADE, key)
    assert again.status == "successful", again.stdout
    assert kubelets(cluster) == {"v1.25.4"}


def test_an_upgrade_that_is_asked_to_stop(cluster: StubbedCluster, key: str) -> None:
    cluster.write("stop.json", {"by": "anna", "at": "2026-11-21T17:20:09Z", "reason": "pager"})
    result = run(cluster, "upgrade", UPGRADE, key)
    assert result.status == "failed"
    assert result.artifacts["kubeadm_upgrade"]["outcome"] == "stopped"
    assert "Stopped as asked, between two nodes" in result.stdout


def test_a_deadline_that_is_past(cluster: StubbedCluster, key: str) -> None:
    result = run(cluster, "upgrade", {**UPGRADE, "kubeadm_upgrade_deadline": "2020-01-01T00:00:00Z"}, key)
    assert result.status == "failed"
    assert kubelets(cluster) == {"v1.24.17"}


@pytest.mark.parametrize("choice", ["true", "false"])
def test_stop(cluster: StubbedCluster, key: str, choice: str) -> None:
    answers = {"kubeadm_upgrade_stop": choice, "kubeadm_upgrade_stop_reason": ""}
    result = run(cluster, "stop", answers, key)
    assert result.status == "successful", result.stdout
    (event,) = [event for event in cluster.events() if event["module"] == "upgrade_lock"]
    assert event["state"] == {"true": "stop", "false": "go_on"}[choice]


def test_backup(cluster: StubbedCluster, key: str) -> None:
    result = run(cluster, "backup", BACKUP, key)
    assert result.status == "successful", result.stdout
    assert "node_backup" in {event["module"] for event in cluster.events()}


def test_a_restore_of_nothing_lists_what_there_is(cluster: StubbedCluster, key: str) -> None:
    answers = {"kubeadm_upgrade_restore": "", "kubeadm_upgrade_restore_confirm": ""}
    result = run(cluster, "restore", answers, key)
    assert result.status == "failed"
    assert "Nothing was changed." in result.stdout and "There are, newest first" in result.stdout
    assert "node_restore" not in {event["module"] for event in cluster.events()}


def test_a_kubeconfig_from_a_credential(cluster: StubbedCluster, key: str) -> None:
    credential = Custom(data.credential_type(), {"kubeconfig": KUBECONFIG})
    result = run(cluster, "plan", PLAN, key, credentials=[credential])
    assert result.status == "successful", result.stdout
    (event,) = [event for event in cluster.events() if event["module"] == "cluster_info"]
    assert event["host"] == ""  # the execution environment
    path = Path(event["kubeconfig"])
    assert path.parent == result.job.folder / "env"
    assert path.read_text() == KUBECONFIG
    assert path.stat().st_mode & 0o077 == 0


def test_accepted_findings_are_told_line_by_line(cluster: StubbedCluster, key: str) -> None:
    result = run(cluster, "plan", {**PLAN, "accepted_findings": "a-finding\ndrain-budget:shop/web\n"}, key)
    assert result.status == "successful", result.stdout
    report = json.loads((result.job.output / "kubeadm-upgrade-report/report.json").read_text())
    unused = {finding["id"] for finding in report["findings"] if finding["id"].startswith("accepted-unused")}
    assert unused == {"accepted-unused:a-finding", "accepted-unused:drain-budget:shop/web"}


def test_an_answer_is_never_a_template(cluster: StubbedCluster, key: str) -> None:
    result = run(cluster, "plan", {**PLAN, "accepted_findings": "{{ lookup('env','HOME') }}"}, key)
    assert result.status == "successful", result.stdout
    report = (result.job.output / "kubeadm-upgrade-report/report.json").read_text()
    assert str(result.job.folder / "home") not in report


@pytest.mark.parametrize(
    ("answer", "said"),
    [({"target": "1.30"}, "The target arrived as the number 1.3"), ({"kubeadm_upgrade_deadline": "23:30"}, "is 1410")],
)
def test_what_awx_makes_a_number_of_is_refused(cluster: StubbedCluster, key: str, answer: Any, said: str) -> None:
    """docs/awx.md says so. With a v, as it asks for, 1.30 stays what it is."""
    result = run(cluster, "plan", {**PLAN, **answer}, key)
    assert result.status == "failed"
    assert said in result.stdout


def test_passwords_are_not_shown_at_any_verbosity(cluster: StubbedCluster, key: str) -> None:
    result = run(cluster, "upgrade", UPGRADE, key, arguments=["-vvv"])
    assert result.status == "successful"


def test_nobody_can_be_asked(cluster: StubbedCluster, key: str) -> None:
    """Set by a careless template: ansible-runner gives its child a terminal of sorts, at which nobody sits."""
    careless = job(cluster, "upgrade", UPGRADE, key, arguments=["-e", "kubeadm_upgrade_confirm=true"])
    result = careless.run()
    assert result.status == "failed"
    assert "this run has none (AWX" in result.stdout


def test_a_node_of_the_workflow_of_a_fleet_does_its_wave_and_no_other(key: str) -> None:
    """Each cluster is upgraded by an ansible-playbook within the job, whose events are not the job's."""
    nodes = data.workflows()["Kubernetes fleet"]["simplified_workflow_nodes"]
    node = next(one for one in nodes if one["identifier"] == "dev")
    with tempfile.TemporaryDirectory(prefix="awx_", dir="/tmp") as name:
        folder = Path(name)
        fleet = StubbedFleet(folder)
        waves = [{**wave, "approval": True, "soak": 0} for wave in fleet.waves if wave["name"] != "stage"]
        # Variables of AWX's inventory, which a play on localhost is to find.
        variables = {"fleet_waves": waves, "kubeadm_upgrade_become": False}
        inventory = {"all": {"vars": variables}, "_meta": {"hostvars": {}}}
        _command, environment = fleet.command()
        site = {name: environment[name] for name in ("ANSIBLE_COLLECTIONS_PATH", "UPLIFT_STUB")}
        result = Job(
            TEMPLATES["fleet upgrade"], {"target": "v1.25", **node["extra_data"]}, inventory, folder / "job",
            credentials=[Machine("ops", key)], workflow=True, site=site,
            writable=[cluster.folder / "stub" for cluster in fleet.clusters.values()],
        ).run()  # fmt: skip
        assert result.status == "successful", result.stdout
        assert (fleet.version("dev"), fleet.version("prod")) == ("v1.25.4", "v1.24.17")
        told = result.artifacts["fleet"]
        assert (told["outcome"], told["done"], told["left"]) == ("waiting", 1, 1)
        report = result.job.output / "kubeadm-fleet-report"
        assert (report / "fleet.html").exists() and (report / "dev/report.html").exists()
        told_by = {event.get("event_data", {}).get("playbook") for event in result.events}
        assert told_by - {None} == {"fleet.yml"}
        assert result.left() == []
