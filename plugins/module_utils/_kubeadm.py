# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubeadm, run so that it outlives whoever started it.

kubeadm keeps its roll-back list in its own process: ended half-way, it rolls nothing back. It is therefore started as
a transient systemd unit, which neither a lost connection nor a killed controller touches. The unit keeps its exit code
(RemainAfterExit), the output goes to a file, and a small record on the node says which command it was; the next run
finds them, waits for a kubeadm that is still at work, and knows how one that ended meanwhile ended.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import re
import time
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils import _running, _yaml
from ansible_collections.uplift.kubeadm.plugins.module_utils._command import PATH, Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import write_private

UNIT = "uplift-kubeadm.service"
SYSTEMD = Path("/run/systemd/system")
POLL_SECONDS = 0.5
TAIL_LINES = 40
KEPT_LOGS = 20
# cmd/kubeadm/app/cmd/upgrade/apply.go: the objections that --force silences, and policy.go: the one about kubelets.
SKIPPABLE = "the --version argument is invalid due to these errors:"
FORCIBLE = "Can be bypassed if you pass the --force flag"
OLD_KUBELETS = re.compile(
    r"there are kubelets in this cluster that are too old that have these versions \[[^\]]*\]", re.IGNORECASE
)
ERROR_LINE = re.compile(
    r"^\s*\[ERROR |FATAL|^[Ee]rror:|^error |^\s+- |SHOULD NOT|rolling back|[Ff]ailed to|couldn't|could not"
)
READ_ONLY = (
    ("version",),
    ("config", "images", "list"),
    ("config", "print"),
    ("upgrade", "plan"),
    ("upgrade", "diff"),
    ("certs", "check-expiration"),
)


class Run(t.NamedTuple):
    """A kubeadm run that came to its end. output is the last lines of its log; forced and adopted as documented."""

    command: list[str]
    rc: int
    seconds: float
    output: str
    log: str
    adopted: bool
    forced: bool


class Kubeadm:
    """The one kubeadm run of a node: its unit, its record, its log. state is /var/lib/uplift-kubeadm."""

    def __init__(self, runner: Runner, state: Path) -> None:
        self.runner = runner
        self.state = state
        self.record_file = state / "kubeadm.json"

    def run(
        self,
        kubeadm: str,
        arguments: t.Sequence[str],
        *,
        version: str | None,
        environment: t.Mapping[str, str],
        timeout: float,
        adopt: bool = True,
        force_if_only_kubelets: bool = False,
        before: t.Callable[[], None] | None = None,
    ) -> Run:
        """Run kubeadm with these arguments to its end, or take the result of a run that a killed one left behind.

        - The same command is at work already: waited for, and its result taken.
        - Another one is at work: waited for; then this one runs.
        - The same command ended well after its caller died, since this boot, and nobody has had its result yet: taken
          if adopt is true. One that failed runs again; "kubeadm upgrade" is made for that.

        With force_if_only_kubelets, a run that kubeadm refused for nothing but kubelets that are too old is done again
        with --force. timeout is in seconds, for all of it; when it is up, kubeadm is left running. before is called
        when kubeadm is to be started, not when a run is taken that is there.
        """
        deadline = time.monotonic() + timeout
        command = [kubeadm, *arguments]
        forced = [*command, "--force"]
        also = forced if force_if_only_kubelets else command
        done = self._run(command, also, version, environment, deadline, timeout, adopt, before)
        if (
            done.command == command
            and done.rc
            and force_if_only_kubelets
            and only_old_kubelets(self._log_text(done.log))
        ):
            again = self._run(forced, forced, version, environment, deadline, timeout, adopt)
            done = again._replace(seconds=round(done.seconds + again.seconds, 1))
        return done

    def last_run(self) -> dict[str, t.Any] | None:
        """The run that the record tells of, with its state as the unit says now; None when there is none.

        state: running, done, failed, or unfinished (recorded as running, but its unit is gone: the node was restarted).
        """
        record = self._record()
        if record is None or record["state"] != "running":
            return record
        unit = self._unit() if record["boot"] == self._boot() else {}
        return {**record, **_state_of(unit)}

    def disown(self) -> None:
        """Nobody may take the last run's result for one of now any more: what it did has been undone (a restore)."""
        with self._locked():
            record = self.last_run()
            if record is not None and not record["acknowledged"]:
                self._write_record({**record, "acknowledged": True})

    def _run(
        self,
        command: list[str],
        also: list[str],
        version: str | None,
        environment: t.Mapping[str, str],
        deadline: float,
        timeout: float,
        adopt: bool,
        before: t.Callable[[], None] | None = None,
    ) -> Run:
        """One run of command; the result of one of `also` that a lost caller left behind is as good."""
        self._require_systemd()
        if version:
            self._require_version(command[0], version)
        while True:
            with self._locked():
                last = self.last_run()
                if last is None or last["state"] != "running":
                    if last is not None and adopt and self._may_adopt(last, (command, also), version):
                        return self._result(last, adopted=True)
                    if before:
                        before()
                    record = self._start(command, version, environment)
                    break
            ended = self._wait(last, deadline, timeout)
            if ended["command"] in (command, also) and ended["version"] == version:
                return self._result(ended, adopted=True)
        return self._result(self._wait(record, deadline, timeout), adopted=False)

    @contextlib.contextmanager
    def _locked(self) -> t.Iterator[None]:
        """Between looking for a run and starting one, nobody else starts one."""
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.state / "kubeadm.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _may_adopt(self, last: dict[str, t.Any], commands: t.Container[list[str]], version: str | None) -> bool:
        same = last["command"] in commands and (last["version"], last["boot"]) == (version, self._boot())
        return bool(same and last["state"] == "done" and not last["acknowledged"])

    def _start(self, command: list[str], version: str | None, environment: t.Mapping[str, str]) -> dict[str, t.Any]:
        """Start the unit. Its record is on disk before."""
        if _state_of(self._unit())["state"] == "running":
            raise UpliftError(
                f"{UNIT} is at work on this node, but {self.record_file.name} does not say with what. It was left "
                f"alone: see systemctl status {UNIT}, and run again when it has ended."
            )
        self._forget_unit()
        started = datetime.datetime.now(datetime.timezone.utc)
        log = self.state / "log" / f"kubeadm-{started:%Y%m%dT%H%M%S.%fZ}.log"
        for folder in (self.state, log.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._drop_old_logs()
        write_private(log, "")
        environment_file = self.state / "kubeadm.env"
        write_private(environment_file, "".join(f"{k}={_quoted(v)}\n" for k, v in environment.items()))
        record = {
            "command": command,
            "version": version,
            "started": f"{started:%Y-%m-%dT%H:%M:%SZ}",
            "boot": self._boot(),
            "state": "running",
            "rc": None,
            "log": str(log),
            "acknowledged": False,
        }
        self._write_record(record)
        properties = {
            "RemainAfterExit": "yes",
            "Type": "simple",
            "StandardOutput": f"file:{log}",
            "StandardError": f"file:{log}",
            # Values may hold a proxy's password: a file of 0600, never the command line.
            "EnvironmentFile": str(environment_file),
        }
        argv = ["systemd-run", f"--unit={UNIT}", "--description=kubeadm, started by uplift.kubeadm", "--quiet"]
        argv += [f"--property={name}={value}" for name, value in properties.items()]
        argv += [f"--setenv=PATH={PATH}", "--setenv=HOME=/root"]
        result = self.runner.run([*argv, "--", *command], timeout=60)
        if result.rc != 0:
            self._write_record({**record, "state": "failed", "rc": result.rc, "acknowledged": True})
            raise UpliftError(f"systemd would not start {' '.join(command)}: {result.why()}")
        return record

    def _wait(self, record: dict[str, t.Any], deadline: float, timeout: float) -> dict[str, t.Any]:
        """Wait for the unit's end; the finished record. Raises UpliftError when the time is up."""
        while True:
            state = _state_of(self._unit())
            now = self._record()
            if now is None or now["log"] != record["log"]:  # this caller was lost, and a later run has gone on
                raise UpliftError(f"{' '.join(record['command'])} ended, and another run of kubeadm was started since.")
            if state["state"] != "running":
                record = {**record, **state}
                self._write_record(record)
                return record
            if time.monotonic() >= deadline:
                raise UpliftError(
                    f"{' '.join(record['command'])} is still running after {timeout:g} s. It was left running as "
                    f"{UNIT}: ending kubeadm half-way rolls nothing back. Its log on the node is {record['log']}. Run "
                    "again: the next run waits for it and takes its result. Last lines: "
                    + " | ".join(self._log_text(record["log"]).splitlines()[-3:])
                )
            time.sleep(POLL_SECONDS)

    def _result(self, record: dict[str, t.Any], adopted: bool) -> Run:
        """What the record says, and from now on somebody has had it."""
        with contextlib.suppress(FileNotFoundError):  # also after a run whose own caller could not: it was lost
            (self.state / "kubeadm.env").unlink()
        self._write_record({**record, "acknowledged": True})
        if record["state"] == "unfinished":
            raise UpliftError(
                f"{' '.join(record['command'])} ended without a result: its unit {UNIT} is gone (stopped by hand, or "
                f"the node was restarted). Its log on the node is {record['log']}. Run again: kubeadm starts anew."
            )
        tail = self._log_text(record["log"]).splitlines()[-TAIL_LINES:]
        seconds = round(record.get("seconds", 0.0), 1)
        forced = record["command"][-1] == "--force"
        return Run(record["command"], record["rc"], seconds, "\n".join(tail), record["log"], adopted, forced)

    def _unit(self) -> dict[str, str]:
        names = "LoadState,ActiveState,SubState,Result,ExecMainStatus,ExecMainStartTimestampMonotonic"
        names += ",ExecMainExitTimestampMonotonic"
        shown = self.runner.must(
            ["systemctl", "show", UNIT, f"--property={names}"], "Reading kubeadm's unit", timeout=60
        )
        return dict(line.partition("=")[::2] for line in shown.out.splitlines())

    def _forget_unit(self) -> None:
        """A finished unit remains until it is stopped, or, when it failed, reset; then its name is free again."""
        self.runner.run(["systemctl", "stop", UNIT], timeout=60)
        self.runner.run(["systemctl", "reset-failed", UNIT], timeout=60)

    def _require_systemd(self) -> None:
        if not SYSTEMD.is_dir() or self.runner.which("systemd-run") is None:
            raise UpliftError(
                "This node is not run by systemd (no /run/systemd/system, or no systemd-run), so kubeadm cannot be "
                "started such that it outlives a lost connection. uplift.kubeadm needs systemd on its nodes."
            )

    def _require_version(self, kubeadm: str, version: str) -> None:
        seen = self.runner.must(
            [kubeadm, "version", "-o", "short"], "Asking kubeadm for its version", timeout=60
        ).out.strip()
        if seen != version:
            raise UpliftError(
                f"{kubeadm} is {seen}, but this step needs {version}: kubeadm upgrades to its own version, so it was "
                f"not run. Bring kubeadm {version} to this node first (kubernetes_release does)."
            )

    def _record(self) -> dict[str, t.Any] | None:
        try:
            record = json.loads(self.record_file.read_text())
        except (FileNotFoundError, ValueError):  # a record is written in one piece: a broken one is not ours
            return None
        return record if isinstance(record, dict) and "command" in record else None

    def _write_record(self, record: t.Mapping[str, t.Any]) -> None:
        write_private(self.record_file, json.dumps(record, sort_keys=True) + "\n")

    def _log_text(self, log: str) -> str:
        try:
            return Path(log).read_text(errors="replace")
        except OSError:
            return ""

    def _drop_old_logs(self) -> None:
        for log in sorted((self.state / "log").glob("kubeadm-*.log"))[: -KEPT_LOGS + 1]:
            log.unlink()

    def _boot(self) -> str:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def environment_for(given: t.Mapping[str, t.Any], root: Path) -> dict[str, str]:
    """What kubeadm gets of an environment: all but its proxies, and the proxies that the control plane here has.

    kubeadm writes every variable ending in _proxy that it finds in its environment into the static pods and kube-proxy
    (cmd/kubeadm/app/util/env.go), and takes away those that it does not find. The proxy that downloads go through would
    be the API server's for webhooks, its password readable by who may read pods. kubeadm itself downloads nothing:
    version and images are there already.
    """
    others = {name: str(value) for name, value in given.items() if not name.lower().endswith("_proxy")}
    return {**others, **proxies_in_place(root)}


def proxies_in_place(root: Path) -> dict[str, str]:
    """The variables ending in _proxy that kubeadm's environment gave this control plane; none on a worker.

    Such a variable is in all three of its programs, with one value. What one of them has alone comes from extraEnvs or
    from a patch: kubeadm gives it to that one again, and from its environment all would get it, kube-proxy and
    kubeadm's own requests to the API too.
    """
    first, *others = _running.KUBERNETES_PROGRAMS
    shared = _proxies_of(root, first)
    for program in others:
        if shared:  # else it does not matter what the others have, nor whether they can be read
            theirs = _proxies_of(root, program)
            shared = {name: value for name, value in shared.items() if theirs.get(name) == value}
    return shared


def _proxies_of(root: Path, program: str) -> dict[str, str]:
    """The variables ending in _proxy of one static pod; {} without its manifest."""
    path = f"{_running.MANIFESTS}/{program}.yaml"
    try:
        manifest = _yaml.load((root / path).read_text(errors="replace"), f"/{path}")
    except FileNotFoundError:
        return {}
    except OSError as exc:
        raise UpliftError(f"/{path} cannot be read, and so the proxies of {program}: {exc.strerror or exc}.") from exc
    try:
        variables = manifest["spec"]["containers"][0].get("env") or []
        return {v["name"]: v["value"] for v in variables if v["name"].lower().endswith("_proxy") and v.get("value")}
    except (TypeError, KeyError, IndexError, AttributeError) as exc:
        raise UpliftError(f"/{path} is no manifest of a pod: the proxies of {program} cannot be read.") from exc


def only_old_kubelets(log: str) -> bool:
    """Whether the single thing that kubeadm's upgrade apply objected to is kubelets that are too old.

    --force silences every skippable objection, so the list must be exactly one item, and that one. kubeadm prints:
    the line with SKIPPABLE, an empty line, "\\t- OBJECTION" each, an empty line, FORCIBLE.
    """
    head, found, rest = log.rpartition(SKIPPABLE)
    listed, bypass, _after = rest.partition(FORCIBLE)
    if not found or not bypass or "[ERROR " in head + rest:
        return False
    objections = [line.strip() for line in listed.splitlines() if line.strip()]
    return len(objections) == 1 and OLD_KUBELETS.fullmatch(objections[0].lstrip("- ")) is not None


def complaint(output: str) -> str:
    """kubeadm's own error lines, or its last lines when none looks like one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.strip() for line in output.splitlines() if ERROR_LINE.search(line)]
    return " | ".join(errors or lines[-5:]) or "it printed nothing"


def changes_something(arguments: t.Sequence[str]) -> bool:
    """Whether a kubeadm command may change the node or the cluster."""
    if any(word in ("--dry-run", "--dry-run=true", "--help", "-h") for word in arguments):
        return False
    return not any(tuple(arguments[: len(words)]) == words for words in READ_ONLY)


def _state_of(unit: t.Mapping[str, str]) -> dict[str, t.Any]:
    """state, rc and seconds of a run, from what systemctl show says of its unit ({} when it is known to be gone)."""
    if unit.get("LoadState") != "loaded":
        return {"state": "unfinished", "rc": None}
    began, ended = (int(unit.get(f"ExecMain{edge}TimestampMonotonic") or 0) for edge in ("Start", "Exit"))
    seconds = max(0, ended - began) / 1e6
    if unit["ActiveState"] == "failed":
        # A signal leaves its number as the status, and an Result of its own.
        return {"state": "failed", "rc": int(unit.get("ExecMainStatus") or 1) or 1, "seconds": seconds}
    if unit["SubState"] == "exited":
        return {"state": "done", "rc": 0, "seconds": seconds}
    if unit["ActiveState"] == "inactive":  # stopped by hand
        return {"state": "unfinished", "rc": None}
    return {"state": "running", "rc": None}


def _quoted(value: str) -> str:
    """A value of a systemd environment file: in double quotes, with the four characters escaped that they need."""
    return '"' + re.sub(r'(["\\`$])', r"\\\1", value) + '"'
