# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One job, run by ansible-runner in a folder made as AWX makes it.

Sources, in the repository ansible/awx: awx/main/tasks/jobs.py (folder, environment, arguments, extra variables),
awx/main/utils/safe_yaml.py (`!unsafe`), and `inject_credential` for credential types of one's own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from jinja2.sandbox import ImmutableSandboxedEnvironment

from . import jail
from .data import PROJECT, Template
from .survey import launch

# What AWX's own processes hold in memory, and hand to ansible-runner. `suppress_env_files` keeps it off the disk.
_RUNNER = """
import json, os, sys, ansible_runner
result = ansible_runner.interface.run(**json.load(sys.stdin))
with open(sys.argv[1], "w") as file:
    json.dump({"status": result.status, "rc": result.rc}, file)
os._exit(0)  # where ssh-agent did not start, nobody takes the key from the thread that offers it
"""


class _Unsafe(yaml.SafeDumper):
    """Every text is !unsafe: what a person answers is never a template."""

    def represent_data(self, data: Any) -> yaml.Node:
        return self.represent_scalar("!unsafe", data) if isinstance(data, str) else super().represent_data(data)


def extra_vars_file(variables: dict[str, Any], trusted: dict[str, Any]) -> str:
    """AWX's `safe_dump`: what stands in the template as it is may be a template of Jinja, all else is !unsafe."""
    return "".join(
        yaml.dump({name: value}, Dumper=yaml.SafeDumper if trusted.get(name, ...) == value else _Unsafe)
        for name, value in variables.items()
    )


@dataclass
class Machine:
    """A credential of AWX's type Machine."""

    username: str
    ssh_key_data: str


@dataclass
class Custom:
    """A credential of a type from docs/awx/access.yml."""

    type: Template
    inputs: dict[str, str]


@dataclass
class Job:
    """A template launched with answers.

    `inventory` is what an inventory script prints. `site` are variables that the execution environment brings.
    `writable` folders stand for the cluster, where that is pretended.
    """

    template: Template
    answers: dict[str, Any]
    inventory: dict[str, Any]
    folder: Path
    number: int = 42
    credentials: list[Machine | Custom] = field(default_factory=list)
    artifacts: dict[str, Any] = field(default_factory=dict)  # of the nodes before it in a workflow
    workflow: bool = False
    site: dict[str, str] = field(default_factory=dict)
    writable: list[Path] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    python: Path = Path(sys.executable)

    @property
    def output(self) -> Path:
        """ansible-runner's folder of the job: its events, its standard output."""
        return self.folder / "artifacts" / str(self.number)

    def run(self, timeout: float = 600) -> Result:
        """Run it to its end. Raises ValueError where AWX would not launch it."""
        variables = {**launch(self.template, self.answers, self.workflow), **self.artifacts, **self._about()}
        environment = self._prepare()
        arguments = ["-u", "root"]
        key = None
        for credential in self.credentials:
            if isinstance(credential, Machine):
                key, arguments = credential.ssh_key_data, ["-u", credential.username]
        for credential in self.credentials:
            if isinstance(credential, Custom):
                arguments += self._inject(credential, environment)
        if self.template["job_type"] == "check":
            arguments.append("--check")
        if self.template["forks"]:
            arguments.append(f"--forks={self.template['forks']}")
        if self.template["verbosity"]:
            arguments.append("-" + "v" * self.template["verbosity"])
        self._write("env/extravars", extra_vars_file(variables, self.template["extra_vars"]))
        self._write("env/cmdline", " ".join([*arguments, *self.arguments]))
        self._write("env/settings", json.dumps({"suppress_ansible_output": True, "suppress_output_file": False}))
        parameters = {
            "ident": str(self.number), "private_data_dir": str(self.folder), "playbook": self.template["playbook"],
            "inventory": str(self.folder / "inventory/hosts"), "envvars": environment, "suppress_env_files": True,
            "fact_cache_type": "", **({"ssh_key": key} if key else {}),
        }  # fmt: skip
        return self._start(parameters, timeout)

    def _about(self) -> dict[str, Any]:
        """What AWX tells a job about itself (`awx_meta_vars`)."""
        told = {"job_id": self.number, "job_launch_type": "workflow" if self.workflow else "manual",
                "job_template_name": self.template["name"], "user_name": "anna", "inventory_name": "shop"}  # fmt: skip
        if self.workflow:
            told.update(workflow_job_id=self.number - 1, workflow_job_name=self.template["name"].partition(":")[0])
        return {f"{brand}_{name}": value for brand in ("awx", "tower") for name, value in told.items()}

    def _prepare(self) -> dict[str, str]:
        """Folder and environment of the job."""
        for name in ("env", "inventory", "artifacts", "cp", "home", "tmp"):
            (self.folder / name).mkdir(parents=True, mode=0o700)
        shutil.copytree(PROJECT, self.folder / "project")
        script = f"#! /usr/bin/env python3\n# -*- coding: utf-8 -*-\nprint({json.dumps(self.inventory)!r})\n"
        self._write("inventory/hosts", script, 0o700)
        collections = ":".join(
            [str(self.folder / "requirements_collections"), *filter(None, [self.site.get("ANSIBLE_COLLECTIONS_PATH")])]
        )
        return {
            "JOB_ID": str(self.number), "INVENTORY_ID": "1", "MAX_EVENT_RES": "700000",
            "AWX_HOST": "https://awx.example", "AWX_PRIVATE_DATA_DIR": str(self.folder),
            "ANSIBLE_RETRY_FILES_ENABLED": "False", "ANSIBLE_FORCE_COLOR": "True",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.folder / "cp"),
            **self.site, "ANSIBLE_COLLECTIONS_PATH": collections,
        }  # fmt: skip

    def _inject(self, credential: Custom, environment: dict[str, str]) -> list[str]:
        """Files, environment and arguments of a credential, rendered as its type says."""
        jinja = ImmutableSandboxedEnvironment()
        injectors = credential.type["injectors"]
        files: dict[str, str] = {}
        for label, template in injectors.get("file", {}).items():
            path = self._write(f"env/tmp-{label}", jinja.from_string(template).render(credential.inputs))
            files[label.partition(".")[2]] = str(path)
        known = {**credential.inputs, "tower": {"filename": files.get("") or files}}
        for name, template in injectors.get("env", {}).items():
            environment[name] = jinja.from_string(template).render(known)
        variables = {
            name: jinja.from_string(text).render(known) for name, text in injectors.get("extra_vars", {}).items()
        }
        if not variables:
            return []
        return ["-e", f"@{self._write('env/tmp-extra-vars', extra_vars_file(variables, {}))}"]

    def _write(self, name: str, content: str, mode: int = 0o600) -> Path:
        path = self.folder / name
        path.write_text(content, encoding="utf-8")
        path.chmod(mode)
        return path

    def _start(self, parameters: dict[str, Any], timeout: float) -> Result:
        """In a process that may write into the job's own folder, but not its project, and that has no terminal."""
        ours = [self.folder / name for name in ("artifacts", "cp", "home", "tmp")]
        ended = self.folder / "tmp/ended.json"
        # A container's environment: its workdir is the project, its home is new.
        environment = {
            "PATH": f"{self.python.parent}:{os.environ['PATH']}", "HOME": str(self.folder / "home"), "LANG": "C.UTF-8",
            "TMPDIR": str(self.folder / "tmp"), "PWD": str(self.folder / "project"), "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        done = subprocess.run(
            [str(self.python), "-c", _RUNNER, str(ended)], input=json.dumps(parameters), env=environment,
            cwd=self.folder / "project", text=True, capture_output=True, check=False, timeout=timeout,
            start_new_session=True,
            preexec_fn=jail.only_below([*ours, *self.writable]) if jail.available() else None,
        )  # fmt: skip
        if not ended.exists():
            raise RuntimeError(f"ansible-runner did not run the job:\n{done.stdout}\n{done.stderr}")
        said = json.loads(ended.read_text(encoding="utf-8"))
        ended.unlink()
        return Result(self, said["status"], said["rc"], done.stderr)


@dataclass
class Result:
    """What AWX has of a job when it has ended."""

    job: Job
    status: str  # successful, failed, error, timeout
    rc: int
    stderr: str

    @property
    def stdout(self) -> str:
        return (self.job.output / "stdout").read_text(encoding="utf-8")

    @property
    def events(self) -> list[dict[str, Any]]:
        """Events in their order, as AWX stores them."""
        files = (self.job.output / "job_events").glob("*.json")
        found = [json.loads(path.read_text(encoding="utf-8")) for path in files if "partial" not in path.name]
        return sorted(found, key=lambda event: int(event["counter"]))

    @property
    def artifacts(self) -> dict[str, Any]:
        """What `set_stats` gave: AWX reads it in the last event, shows it, and hands it on in a workflow."""
        (stats,) = [event for event in self.events if event["event"] == "playbook_on_stats"]
        return dict(stats["event_data"].get("artifact_data") or {})

    def shown(self) -> str:
        """All that AWX could show of the job, and keep."""
        texts = [
            path.read_text(encoding="utf-8", errors="replace") for path in self.job.output.rglob("*") if path.is_file()
        ]
        return "\n".join([*texts, self.stderr])

    def left(self) -> list[str]:
        """Files that the job left outside of ansible-runner's own folder of it, relative to the job's folder."""
        left = [
            path for name in ("cp", "home", "tmp") for path in (self.job.folder / name).rglob("*") if path.is_file()
        ]
        return sorted(str(path.relative_to(self.job.folder)) for path in left)
