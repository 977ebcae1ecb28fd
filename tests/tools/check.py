# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the project's checks, one phase after the other, and says at the end what broke.

Each phase's output is shown as it comes, and kept in .build/logs. With `all`, the lab's artifacts (binaries, images:
minutes of building on a machine that never did) are made in the background, and the phases that need clusters begin as
soon as they are there. These wait for much, so all phases that take longer than a moment run beside them, quickest
first, at low priority, their output in their logs alone. When one of these fails, no further cluster is begun.
`fast` has phases besides that `all` leaves out (MORE_FAST).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

import workspace
from workspace import BUILD, COLLECTIONS, ROOT

LOGS = BUILD / "logs"
COLLECTION = "ansible_collections.uplift.kubeadm"
LAB_VERSIONS = "1.24.17,1.25.4,1.26.9"
LAB_NODES = "1.24.17:binary,1.24.17:deb"
SCENARIO_PACKAGES = (
    "lab", "scenario", "awx", "bluegreen", "chaos", "drain", "fleet", "modern", "replace", "restore", "uptime", "waves",
)  # fmt: skip
TAIL_LINES = 40
# Walks of what has a scenario of its own on real clusters (`make awx`, `make restore-drill` …); `make test` has none.
WITH_A_SCENARIO = (
    "awx", "backup_copies", "etcd", "execution_environment", "fleet", "replace_nodes", "restore_walk",
    "switch_traffic", "waves",
)  # fmt: skip


class Failed(Exception):
    """A phase did not pass; the message is for the summary."""


class Skipped(Exception):
    """A phase has nothing to run on here; the message says why."""


class Toolbox:
    """One virtual environment: its programs, and the environment variables that they run under."""

    def __init__(self, venv: Path) -> None:
        self.bin = venv / "bin"
        self.python = self.bin / "python"
        code = "import sys, ansible.release as r; print('%d.%d' % sys.version_info[:2], r.__version__)"
        output = subprocess.run([str(self.python), "-c", code], check=True, capture_output=True, text=True).stdout
        self.version, self.core = output.split()

    def env(self) -> dict[str, str]:
        # Real interpreters come ahead of shims that ansible-test would trip over.
        others = [path for path in (workspace.find_python("3.11"), workspace.find_python("3.9")) if path]
        folders = [str(self.bin), *(os.path.dirname(path) for path in others), os.environ["PATH"]]
        return {
            **os.environ,
            "PATH": ":".join(folders),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "MOLECULE_GLOB": "molecule/*/molecule.yml",
            "PYTHONUNBUFFERED": "1",
            "NO_COLOR": "1",
            "HYPOTHESIS_STORAGE_DIRECTORY": str(BUILD / "cache/hypothesis"),
        }


class Run:
    """Where a phase runs its commands: shown on the terminal, unless `quiet`, and written to its log."""

    running: ClassVar[set[subprocess.Popen[str]]] = set()

    def __init__(self, log: IO[str], limit: float, quiet: bool = False) -> None:
        self.log = log
        self.quiet = quiet
        self.deadline = time.monotonic() + limit

    def __call__(
        self,
        tools: Toolbox,
        *command: str | Path,
        cwd: Path = ROOT,
        env: dict[str, str] | None = None,
        shown: bool = True,
    ) -> None:
        """Runs a program of the toolbox (or any other on PATH); raises Failed when it fails or takes too long.

        What is not `shown` goes to the log alone.
        """
        words = [str(word) for word in command]
        self._write(f"$ {' '.join(words)}\n")
        # Ansible's workers would be sessions of their own, and so escape the priority that theirs has.
        in_session = {"ANSIBLE_WORKER_SESSION_ISOLATION": "false"} if self.quiet else {}
        process = subprocess.Popen(
            words,
            cwd=cwd,
            env={**tools.env(), **in_session, **(env or {})},
            executable=shutil.which(words[0], path=tools.env()["PATH"]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.running.add(process)
        if self.quiet:
            yield_to_others(process)
        timer = threading.Timer(max(1.0, self.deadline - time.monotonic()), stop, [process])
        timer.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                self._write(line, shown)
            code = process.wait()
        except BaseException:
            stop(process)
            raise
        finally:
            timer.cancel()
            self.running.discard(process)
        if time.monotonic() >= self.deadline:
            raise Failed(f"`{words[0]}` was still running at the phase's time limit, and was stopped")
        if code:
            raise Failed(f"`{words[0]}` ended with {code}")

    def _write(self, text: str, shown: bool = True) -> None:
        if shown and not self.quiet:
            sys.stdout.write(text)
            sys.stdout.flush()
        self.log.write(text)
        self.log.flush()


def yield_to_others(process: subprocess.Popen[str]) -> None:
    """Gives a process, and its children to come, a low priority: a tenth of what the clusters get where both want all.

    Not the lowest: what gets a hundredth stands still for seconds, and it is then what the rest waits for at the end.

    It leads a session, which the kernel may schedule as a group (sched(7), "The autogroup feature"): then its own nice
    value counts within that group alone, and the group's against the rest of the machine.
    """
    with contextlib.suppress(OSError):  # it has ended, or this kernel has no such groups
        os.setpriority(os.PRIO_PROCESS, process.pid, 10)
        Path(f"/proc/{process.pid}/autogroup").write_text("10", encoding="ascii")


def stop(process: subprocess.Popen[str]) -> None:
    """Ends a process and its children, which share its session; does nothing when it has ended."""
    if process.poll() is not None:
        return
    for number, patience in ((signal.SIGINT, 20), (signal.SIGTERM, 10), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, number)
            process.wait(patience)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
        return


@dataclass(frozen=True)
class Phase:
    """One check. `group` is what a person asks for by `make GROUP`.

    `limit`, in seconds, is for what hangs: beside a build of Kubernetes a phase takes many times what it takes alone.
    `beside`: with `all`, it runs while the clusters do.
    """

    group: str
    name: str
    run: Callable[[Run, Toolbox], None]
    needs_cluster: bool = False
    beside: bool = False
    limit: float = 2400


def oldest() -> Toolbox:
    """The toolbox on the oldest supported Python and ansible-core, when it is another than the one at hand."""
    python = workspace.find_python("3.11")
    if sys.version_info[:2] == (3, 11) or not python:
        raise Skipped("this run is on it already" if python else "there is no Python 3.11 here")
    return Toolbox(workspace.venv("venv-3.11", python))


# ---- fast phases


def ruff(run: Run, tools: Toolbox) -> None:
    run(tools, "ruff", "check", "--cache-dir", BUILD / "cache/ruff", ".")


def mypy(run: Run, tools: Toolbox) -> None:
    """The plugins as Ansible sees them, the packages of tests, and folders of programs that import by bare names."""
    programs = {
        "plugins": (["-p", f"{COLLECTION}.plugins"], ROOT),
        "tests/lab and the scenarios": (
            [word for name in SCENARIO_PACKAGES for word in ("-p", name)],
            ROOT / "tests",
        ),
        "tests/tools": (["."], ROOT / "tests/tools"),
        "tests/bench": (["."], ROOT / "tests/bench"),
    }
    broken = []
    for name, (arguments, cwd) in programs.items():
        try:
            settings = (f"--config-file={ROOT}/pyproject.toml", f"--cache-dir={BUILD}/cache/mypy")
            run(tools, "mypy", *arguments, *settings, cwd=cwd, env={"MYPYPATH": str(cwd)})
        except Failed:
            broken.append(name)
    if broken:
        raise Failed(f"mypy has objections in {', '.join(broken)}")


def yamllint(run: Run, tools: Toolbox) -> None:
    run(tools, "yamllint", "--strict", ".")


def ansible_lint(run: Run, tools: Toolbox) -> None:
    run(tools, "ansible-lint")


def changelog(run: Run, tools: Toolbox) -> None:
    run(tools, "antsibull-changelog", "lint")


def docs(run: Run, tools: Toolbox) -> None:
    run(
        tools,
        "antsibull-docs",
        "lint-collection-docs",
        "--plugin-docs",
        "--validate-collection-refs=dependent",
        "--disallow-unknown-collection-refs",
        ".",
    )


def programs(run: Run, tools: Toolbox) -> None:
    """What tests run for real is installed where that can be; where not, they skip and say so."""
    code = "from lab.engine import ensure_programs; ensure_programs({'haproxy': 'haproxy'})"
    try:
        run(tools, "python", "-c", code, cwd=ROOT / "tests")
    except Failed as why:
        raise Skipped("there is no haproxy here, and it could not be installed") from why


def units_plugins(run: Run, tools: Toolbox) -> None:
    """By ansible-test, which runs them as controller, module and module_utils code apart, on the oldest there is."""
    with contextlib.suppress(Skipped):
        tools = oldest()
    ansible_test(run, tools, "units", "--venv", "--python", tools.version)


def units_plugins_newest(run: Run, tools: Toolbox) -> None:
    run(tools, "python", "-m", "pytest", "-q", "-n", "2", "tests/unit/plugins")


def units_others(run: Run, tools: Toolbox) -> None:
    """What is not shipped (the lab, the scenarios, the tools), where it runs: on the newest."""
    run(tools, "python", "-m", "pytest", "-q", "-n", "2", "tests/unit", "--ignore=tests/unit/plugins")


def ansible_test(run: Run, tools: Toolbox, *arguments: str) -> None:
    copy = workspace.copy_collection()
    # It asks git what to test; without a repository of its own, the copy would be something that the checkout ignores.
    run(tools, "git", "init", "--quiet", cwd=copy)
    home = workspace.ansible_test_home(tools.python)
    run(tools, "ansible-test", *arguments, "--color", "no", cwd=copy, env={"HOME": str(home)})
    if "All targets skipped" in Path(run.log.name).read_text(encoding="utf-8"):
        raise Failed("ansible-test found nothing to test")


def sanity(run: Run, tools: Toolbox) -> None:
    ansible_test(run, tools, "sanity", "--local", "--python", tools.version)


def sanity_oldest(run: Run, tools: Toolbox) -> None:
    """All but pylint, which takes half of the time, and judges the same code as on the newest core."""
    old = oldest()
    ansible_test(run, old, "sanity", "--local", "--python", old.version, "--skip-test", "pylint")


def sanity_node_python(run: Run, tools: Toolbox) -> None:
    """Modules compile and import on the oldest Python that managed nodes may have."""
    if not workspace.find_python("3.9"):
        raise Skipped("there is no Python 3.9 here")
    ansible_test(run, tools, "sanity", "--local", "--python", "3.9", "--test", "compile", "--test", "import")


def build(run: Run, tools: Toolbox) -> None:
    """The artifact as a user gets it: built, checked as Galaxy would, installed elsewhere, its documentation read."""
    with tempfile.TemporaryDirectory(prefix="uplift-kubeadm-build-") as name:
        folder = Path(name)
        source = workspace.copy_collection(folder / "source")
        run(tools, "ansible-galaxy", "collection", "build", "--output-path", folder, cwd=source)
        (artifact,) = folder.glob("*.tar.gz")
        run(tools, "python", "-m", "galaxy_importer.main", artifact, cwd=folder)
        elsewhere = {"ANSIBLE_COLLECTIONS_PATH": str(folder / "installed")}
        run(
            tools,
            "ansible-galaxy",
            "collection",
            "install",
            "--offline",
            "-p",
            folder / "installed",
            artifact,
            cwd=folder,
            env=elsewhere,
        )
        installed = folder / "installed/ansible_collections/uplift/kubeadm"
        run(tools, "ansible-doc", "--metadata-dump", "uplift.kubeadm", cwd=folder, env=elsewhere, shown=False)
        names = [f"uplift.kubeadm.{path.stem}" for path in sorted((installed / "playbooks").glob("*.yml"))]
        run(tools, "ansible-playbook", "--syntax-check", *names, cwd=folder, env=elsewhere)


def playbook_oldest(run: Run, tools: Toolbox) -> None:
    """The walk and the wave gate lean on how ansible-core treats hosts that fail: it is looked at on both."""
    old = oldest()
    names = [f"uplift.kubeadm.{path.stem}" for path in sorted((ROOT / "playbooks").glob("*.yml"))]
    run(old, "ansible-playbook", "--syntax-check", *names)
    run(old, "python", "-m", "pytest", "-v", "-n", "2", "tests/playbook", "-k", "documented_order or middle")


def playbook(run: Run, tools: Toolbox) -> None:
    """The upgrade itself, and what every run of it leans on."""
    ignored = [f"--ignore=tests/playbook/test_{name}.py" for name in WITH_A_SCENARIO]
    chosen = ("-m", "not thorough", *ignored, "tests/playbook")
    run(tools, "python", "-m", "pytest", "-v", "-n", "2", "--durations", "15", *chosen)


def playbook_thorough(run: Run, tools: Toolbox) -> None:
    """Variants of what the tests above walk."""
    run(tools, "python", "-m", "pytest", "-v", "-n", "2", "--durations", "15", "-m", "thorough", "tests/playbook")


def playbook_with_a_scenario(run: Run, tools: Toolbox) -> None:
    files = [f"tests/playbook/test_{name}.py" for name in WITH_A_SCENARIO]
    run(tools, "python", "-m", "pytest", "-v", "-n", "2", "--durations", "15", *files)


# ---- phases on real clusters


def molecule(run: Run, tools: Toolbox, scenario: str) -> None:
    run(tools, "molecule", "test", "--scenario-name", scenario)


PHASES = (
    Phase("lint", "ruff", ruff),
    Phase("lint", "yamllint", yamllint),
    Phase("lint", "changelog", changelog),
    Phase("units", "programs that tests need", programs),
    Phase("units", "unit tests of the lab, the scenarios and the tools", units_others, beside=True),
    Phase("units", "unit tests of the plugins", units_plugins, beside=True),
    Phase("lint", "mypy", mypy, beside=True),
    Phase("lint", "ansible-lint", ansible_lint, beside=True),
    Phase("lint", "docs", docs, beside=True),
    Phase("build", "build", build, beside=True),
    Phase("playbook", "playbook tests", playbook, beside=True),
    Phase("sanity", "sanity", sanity, beside=True),
    Phase("sanity", "sanity, oldest Python of nodes", sanity_node_python, beside=True),
    Phase("playbook", "playbook tests, oldest core", playbook_oldest, beside=True),
    Phase("molecule-default", "molecule default", lambda run, tools: molecule(run, tools, "default"), True),
    Phase("molecule-ha", "molecule ha", lambda run, tools: molecule(run, tools, "ha"), True),
)
# Not in `make test`, which has 35 minutes: in `make fast`, and by their own names.
MORE_FAST = (
    Phase("units", "unit tests of the plugins, newest core", units_plugins_newest),
    Phase("playbook", "playbook tests of what has a scenario", playbook_with_a_scenario),
    Phase("playbook", "playbook tests, variants", playbook_thorough),
    Phase("sanity", "sanity, oldest core", sanity_oldest),
)
# By their own names alone.
MORE_CLUSTERS = (
    Phase("molecule-dnf", "molecule dnf", lambda run, tools: molecule(run, tools, "dnf"), True),
    Phase("molecule-findings", "molecule findings", lambda run, tools: molecule(run, tools, "findings"), True),
    Phase("molecule-closed", "molecule closed", lambda run, tools: molecule(run, tools, "closed"), True),
    Phase(
        "molecule-external-etcd",
        "molecule external-etcd",
        lambda run, tools: molecule(run, tools, "external-etcd"),
        True,
    ),
)
GROUPS = {
    "all": PHASES,
    "fast": tuple(phase for phase in PHASES + MORE_FAST if not phase.needs_cluster),
    **{name: tuple(p for p in PHASES + MORE_FAST if p.group == name) for name in (p.group for p in PHASES)},
    **{phase.group: (phase,) for phase in MORE_CLUSTERS},
}


# ---- running them


@dataclass(frozen=True)
class Result:
    phase: str
    outcome: str  # passed, FAILED, skipped
    seconds: float
    note: str = ""
    log: Path | None = None


class Artifacts:
    """The lab's artifacts, made in the background."""

    def __init__(self, tools: Toolbox) -> None:
        self.log = LOGS / "artifacts.log"
        with self.log.open("w", encoding="utf-8") as output:
            self.process = subprocess.Popen(
                [str(tools.python), "tests/lab", "build", "--versions", LAB_VERSIONS, "--nodes", LAB_NODES],
                cwd=ROOT,
                env=tools.env(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def wait(self) -> Result:
        """Until they are there, telling once half a minute how far it is."""
        start = time.monotonic()
        while True:
            try:
                code = self.process.wait(30)
                break
            except subprocess.TimeoutExpired:
                print(f"  … {' '.join(last_lines(self.log, 1))}", flush=True)
        seconds = time.monotonic() - start
        if code:
            return Result("lab artifacts", "FAILED", seconds, f"`tests/lab build` ended with {code}", self.log)
        return Result("lab artifacts", "passed", seconds)

    def stop(self) -> None:
        stop(self.process)


class Beside:
    """Phases that run one after the other in a thread of their own."""

    def __init__(self, phases: list[Phase], tools: Toolbox, began: float) -> None:
        self.results: list[Result] = []
        self.stopping = False
        self._work = (phases, tools, began)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wait(self) -> list[Result]:
        """Their results, when all have ended; [] when they were never started."""
        if self._thread.ident is not None:
            self._thread.join()
        return self.results

    def stop(self) -> None:
        """Begins no further phase; ends the one that runs, whose processes know nothing of a Ctrl-C on the terminal."""
        self.stopping = True
        if self._thread.is_alive():
            for process in list(Run.running):
                stop(process)
            self._thread.join(60)

    def _run(self) -> None:
        phases, tools, began = self._work
        for phase in phases:
            if not self.stopping:
                self.results.append(execute(phase, tools, began, quiet=True))


def broken(results: list[Result]) -> bool:
    return any(result.outcome == "FAILED" for result in results)


def last_lines(path: Path, count: int) -> list[str]:
    lines = [line.rstrip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    return [line for line in lines if line][-count:]


def telling_lines(path: Path) -> list[str]:
    """The end of a log; and, of what is before it, the lines by which tools announce an error."""
    lines = last_lines(path, sys.maxsize)
    marked = [line for line in lines[:-TAIL_LINES] if re.match(r"(ERROR|FATAL|FAILED|fatal:|E  )", line.strip())]
    return [*marked[-TAIL_LINES:], *lines[-TAIL_LINES:]]


def execute(phase: Phase, tools: Toolbox, began: float, quiet: bool = False) -> Result:
    start = time.monotonic()
    print(f"\n=== {phase.name} (after {clock(start - began)}{'; beside the clusters' if quiet else ''})", flush=True)
    log = LOGS / f"{phase.name.replace(', ', '-').replace(' ', '-')}.log"
    outcome, note = "passed", ""
    with log.open("w", encoding="utf-8") as handle:
        try:
            phase.run(Run(handle, phase.limit, quiet), tools)
        except Skipped as why:
            outcome, note = "skipped", str(why)
        except (Failed, OSError, subprocess.SubprocessError) as why:
            outcome, note = "FAILED", str(why)
        except Exception as why:  # a mistake in the phase itself: it did not pass, and those after it are still to run
            outcome, note = "FAILED", f"{type(why).__name__}: {why}"
            handle.write(traceback.format_exc())
    seconds = time.monotonic() - start
    if quiet and outcome == "passed":  # for pytest, how many tests these were
        print("\n".join(last_lines(log, 1)), flush=True)
    print(f"--- {phase.name}: {outcome} in {clock(seconds)}{note and f' ({note})'}", flush=True)
    return Result(phase.name, outcome, seconds, note, log)


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def summary(results: list[Result], left_out: list[str], began: float) -> None:
    """What passed and how long it took; then the ends of the logs of what did not."""
    failed = [result for result in results if result.outcome == "FAILED"]
    for result in failed:
        print(f"\n=== what {result.phase} said last ({result.log})")
        for line in telling_lines(result.log) if result.log else []:
            print(f"    {line}")
    print(f"\n=== summary after {clock(time.monotonic() - began)}")
    for result in results:
        print(f"  {result.outcome:8} {clock(result.seconds):>6}  {result.phase}{result.note and f': {result.note}'}")
    for name in left_out:
        print(f"  not run         {name}")
    if failed:
        print(f"BROKEN: {', '.join(result.phase for result in failed)}")
    elif left_out:
        print(f"NOT RUN: {', '.join(left_out)}")
    else:
        print("All that ran passed.")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("group", choices=list(GROUPS), help="which checks to run")
    group = parser.parse_args().group
    # A terminal's or a CI's request to end is handled like Ctrl-C, so that nothing started here stays behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    began = time.monotonic()
    LOGS.mkdir(parents=True, exist_ok=True)
    tools = Toolbox(Path(sys.prefix))
    print(f"uplift.kubeadm, {group}: Python {tools.version}, ansible-core {tools.core}, {os.cpu_count()} processors")

    phases = GROUPS[group]
    with_clusters = [phase for phase in phases if phase.needs_cluster]
    beside = [phase for phase in phases if phase.beside and group == "all"]
    artifacts = Artifacts(tools) if group == "all" else None
    background = Beside(beside, tools, began)
    results: list[Result] = []
    left_out: list[str] = []
    try:
        for phase in (phase for phase in phases if phase not in with_clusters and phase not in beside):
            results.append(execute(phase, tools, began))
        if not broken(results):
            background.start()
        if artifacts and not broken(results):
            print(f"\n=== lab artifacts (after {clock(time.monotonic() - began)}; log: {artifacts.log})", flush=True)
            results.append(artifacts.wait())
        for phase in with_clusters:
            if broken(results + background.results):
                left_out.append(phase.name)
            else:
                results.append(execute(phase, tools, began))
        results += background.wait()
        left_out += [phase.name for phase in beside if phase.name not in {result.phase for result in results}]
    finally:
        background.stop()
        if artifacts:
            artifacts.stop()
    summary(results, left_out, began)
    return 1 if broken(results) or left_out else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
