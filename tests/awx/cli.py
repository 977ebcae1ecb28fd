# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All jobs of docs/awx on a real cluster of the lab, each run by ansible-runner as AWX would run it."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from lab.paths import cluster_dir
from scenario.frame import ended
from scenario.kube import is_ready
from scenario.world import HOPS, VERSION, ScenarioError, World, add_options, build, say, world

from . import data, environment, jail
from .data import ROOT
from .job import Custom, Job, Machine, Result

COLLECTIONS = ROOT / ".build/collections"
TARGET = HOPS[0]
BACKUPS = "/var/lib/uplift-kubeadm/backup"
PLAN: dict[str, Any] = {
    "target": f"v{TARGET}",
    "kubeadm_upgrade_scope": "all",
    "kubeadm_upgrade_worker_hops": "auto",
    "kubeadm_upgrade_serial": "1",
    "kubeadm_upgrade_max_left_out": 0,
    "kubeadm_upgrade_deadline": "",
    "accepted_findings": "",
}
# From the inventory, where a vault keeps them. The lab's mirror asks for none.
SECRETS = {
    "kubeadm_upgrade_binary_username": "anna",
    "kubeadm_upgrade_binary_password": "hush-binary",
    "kubeadm_upgrade_registry_username": "anna",
    "kubeadm_upgrade_registry_password": "hush-registry",
}
UPGRADE = {**PLAN, "kubeadm_upgrade_require_workloads": "true", "kubeadm_upgrade_take_over": "false"}


class Site:
    """The cluster as AWX knows it: an inventory, credentials, and jobs, one after the other."""

    def __init__(self, made: World, folder: Path, python: Path, deadline: float) -> None:
        self.made, self.folder, self.python, self.deadline = made, folder, python, deadline
        self.number = 0
        self.jobs: list[tuple[str, str, float]] = []
        self.checks: list[tuple[bool, str]] = []
        ssh = cluster_dir(made.name) / "ssh"
        self.key = (ssh / "id_ed25519").read_text(encoding="utf-8")
        self.inventory, user = read_inventory(made.inventory)
        self.machine = Machine(user, self.key)
        self.kubeconfig = Custom(data.credential_type(), {"kubeconfig": made.kubeconfig.read_text(encoding="utf-8")})

    def run(
        self,
        verb: str,
        answers: dict[str, Any],
        expected: str = "successful",
        extra: dict[str, str] | None = None,
        **more: Any,
    ) -> Result:
        """A job of a template. Raises ScenarioError when it ends otherwise than expected.

        :param extra: variables of all hosts.
        """
        self.number += 1
        hosts = {host: {**known, **(extra or {})} for host, known in self.inventory["_meta"]["hostvars"].items()}
        inventory = {**self.inventory, "_meta": {"hostvars": hosts}}
        credentials = [self.machine, *more.pop("credentials", [])]
        say(f"  job {self.number}: {verb}")
        begun = time.monotonic()
        job = Job(
            data.templates()[verb], answers, inventory, self.folder / f"job-{self.number}", number=self.number,
            credentials=credentials, site={"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}, python=self.python, **more,
        )  # fmt: skip
        try:
            result = job.run(timeout=max(1.0, self.deadline - begun))
        except subprocess.TimeoutExpired:
            raise ScenarioError(f"The time is over in job {self.number} ({verb}; {job.output}).") from None
        self.jobs.append((verb, result.status, time.monotonic() - begun))
        if result.status != expected:
            last = "\n".join(result.stdout.splitlines()[-40:])
            raise ScenarioError(f"Job {self.number} ({verb}) was {result.status} ({job.output}):\n{last}")
        self.kept_to_itself(verb, result)
        return result

    def kept_to_itself(self, verb: str, result: Result) -> None:
        left, shown = result.left(), result.shown()
        self.check(not left, f"{verb}: nothing is left but in the job's own folder {' '.join(left)}".rstrip())
        passwords = [secret for name, secret in SECRETS.items() if "password" in name]
        secrets = [self.key.splitlines()[2], *secrets_of(self.made.kubeconfig), *passwords]
        self.check(not [secret for secret in secrets if secret in shown], f"{verb}: no secret is in what AWX shows")

    def check(self, holds: bool, what: str) -> None:
        self.checks.append((holds, what))
        if not holds:
            say(f"    NOT SO: {what}")

    def lines(self) -> list[str]:
        jobs = [f"  {seconds:7.1f} s  {verb}, {status}" for verb, status, seconds in self.jobs]
        return [*jobs, *(f"  {'ok ' if holds else 'NOT'}  {what}" for holds, what in self.checks)]


def read_inventory(file: Path) -> tuple[dict[str, Any], str]:
    """What AWX's own inventory would be, and the user: credentials are no part of it, and host keys are not checked."""
    command = [str(Path(sys.executable).parent / "ansible-inventory"), "-i", str(file), "--list"]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    user = ""
    for variables in found["_meta"]["hostvars"].values():
        user = variables.pop("ansible_user")
        for name in ("ansible_ssh_private_key_file", "ansible_ssh_common_args", "ansible_become"):
            variables.pop(name, None)
        variables["ansible_ssh_common_args"] = "-o UserKnownHostsFile=/dev/null"
    return found, user


def secrets_of(kubeconfig: Path) -> list[str]:
    """The private keys in a kubeconfig."""
    return re.findall(r"client-key-data: (\S+)", kubeconfig.read_text(encoding="utf-8"))


def scenario(site: Site) -> None:
    """Plans, the whole workflow, a restore, and what is refused."""
    planned = site.run("plan", PLAN).artifacts["kubeadm_upgrade"]
    site.check((planned["outcome"], planned["changes"]) == ("planned", True), "plan: its artifacts say what is planned")
    away = site.run("plan", PLAN, credentials=[site.kubeconfig]).artifacts["kubeadm_upgrade"]
    site.check(away["target"] == planned["target"], "plan: the same with a kubeconfig from a credential")
    site.run("plan", PLAN, extra=SECRETS, arguments=["-vvv"])
    site.run("verify", {key: PLAN[key] for key in asked("verify")}, expected="failed")

    artifacts: dict[str, Any] = {}
    for node in data.workflow()["simplified_workflow_nodes"]:
        if "approval_node" not in node:
            verb = node["unified_job_template"].rpartition(" ")[2]
            artifacts.update(site.run(verb, UPGRADE, workflow=True, artifacts=artifacts).artifacts)
        if node["identifier"] == "upgrade":
            told = artifacts["kubeadm_upgrade"]
            site.check(told["outcome"] == "succeeded", f"upgrade: {told['text']}")
    versions(site, TARGET)

    empty = {"kubeadm_upgrade_restore": "", "kubeadm_upgrade_restore_confirm": ""}
    listed = site.run("restore", empty, expected="failed").stdout
    told = site.made.on(site.made.control_planes[0], f"ls {BACKUPS}/*/etcd.json", check=False).split()
    there = sorted(path.split("/")[-2] for path in told)
    if len(there) < 2:
        raise ScenarioError(f"The workflow and the hop took a backup each, and the control plane has {there}.")
    backup = there[-1]
    site.check(all(one in listed for one in there), f"restore: without a name it lists {' and '.join(there)}")
    named = {**empty, "kubeadm_upgrade_restore": backup}
    told = site.run("restore", named, expected="failed").stdout
    site.check("Nothing was changed." in told, "restore: without its confirmation it changes nothing")
    versions(site, TARGET)
    site.run("restore", {**named, "kubeadm_upgrade_restore_confirm": backup})
    versions(site, VERSION)
    stopped = site.run("stop", {"kubeadm_upgrade_stop": "true", "kubeadm_upgrade_stop_reason": ""}).stdout
    site.check("No upgrade is running on this cluster" in stopped, "stop: it says that there is nothing to stop")


def asked(verb: str) -> list[str]:
    return [question["variable"] for question in data.templates()[verb]["survey_spec"]["spec"]]


def versions(site: Site, version: str) -> None:
    """Every node Ready at a version."""
    nodes = site.made.kube(30).patient("GET", "/api/v1/nodes")["items"]
    at = [node for node in nodes if node["status"]["nodeInfo"]["kubeletVersion"] == f"v{version}" and is_ready(node)]
    site.check(len(at) == len(nodes), f"{len(at)} of {len(nodes)} nodes are Ready with kubelet {version}")
    serving = site.made.kube(30).patient("GET", "/version")["gitVersion"]
    site.check(serving == f"v{version}", f"the API server is {serving}")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python tests/awx",
        description="Runs the jobs of docs/awx on a real cluster as AWX would; tests/awx/README.md says how.",
    )
    add_options(made, "awx")
    return made


def main(argv: list[str] | None = None) -> int:
    """0 when every job did what it was to do; 1 otherwise, as the output says; 2 for wrong arguments."""
    options = parser().parse_args(argv)
    sites: list[Site] = []
    return ended("awx", lambda: jobs(options, sites), lambda: [line for site in sites for line in site.lines()])


def jobs(options: argparse.Namespace, sites: list[Site]) -> int:
    """The cluster made, the jobs run on it, and what is found; `sites` has what was found until then."""
    build(options, hops=HOPS[:1])
    # Short: sockets of SSH and of its agent lie below it, and have 108 characters.
    folder = Path(tempfile.mkdtemp(prefix="uplift-awx-", dir="/tmp"))
    say(f"awx: the folders of the jobs are in {folder}")
    try:
        python = environment.python(COLLECTIONS)
        deadline = time.monotonic() + options.limit
        with world(options, hops=HOPS[:1]) as made:
            shape = f"{len(made.control_planes)} + {len(made.workers)} nodes, {made.install}"
            site = Site(made, folder, python, deadline)
            sites.append(site)
            scenario(site)
    except (RuntimeError, ValueError, LookupError, subprocess.CalledProcessError) as e:
        # ansible-runner's, and answers that are not what they have to be: the figures until then are still told
        raise ScenarioError(repr(e)) from e
    kept = "" if jail.available() else " (this kernel could not keep jobs to their folders)"
    print(f"awx: {shape}, {VERSION} to {TARGET} and back{kept}")
    print("\n".join(site.lines()), flush=True)
    if options.json:
        options.json.write_text(json.dumps({"jobs": site.jobs, "checks": site.checks}, indent=2) + "\n")
    if not all(holds for holds, _what in site.checks):
        return 1
    shutil.rmtree(folder)
    return 0
