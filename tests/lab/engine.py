# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container engine: used when one answers, otherwise installed (as root on Debian) and started."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from .cache import lock
from .errors import LabError
from .paths import state_dir
from .progress import say, step
from .shell import out, run

_CAP_SYS_RESOURCE = 24  # linux/capability.h
# What kind's documentation recommends.
_INOTIFY = {"max_user_instances": 512, "max_user_watches": 524288}
_START_TIMEOUT = 60.0  # seconds


def ensure() -> None:
    """Return when a docker engine answers that can run nodes. Raises LabError with what to do."""
    _raise_limits()
    if answers():
        _check_runtime()
        return
    with lock(state_dir() / "engine.lock"):
        if answers():
            return
        ensure_programs({"docker": "docker.io", "dockerd": "docker.io", "iptables": "iptables"})
        if Path("/run/systemd/system").is_dir():
            run("systemctl", "start", "docker")
            return
        _start()


def answers() -> bool:
    """Is there a docker command, and an engine behind it?"""
    if shutil.which("docker") is None:
        return False
    return run("docker", "version", "--format", "{{.Server.Version}}", check=False).returncode == 0


def ensure_programs(packages: dict[str, str]) -> None:
    """Install the Debian packages of the programs (name -> package) that are not on this machine.

    Raises LabError naming what is missing when this is not root on a machine with apt.
    """
    path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    missing = sorted({package for program, package in packages.items() if shutil.which(program, path=path) is None})
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise LabError(
            f"Missing on this machine: {', '.join(missing)} (Debian's package names). Install them, or run the lab as "
            "root on Debian or Ubuntu, where it installs them itself."
        )
    # One at a time of those that share this state; and dpkg's lock is waited for, which others may hold (both seconds).
    with step(f"installing {', '.join(missing)}"), lock(state_dir() / "apt.lock"):
        env = {"DEBIAN_FRONTEND": "noninteractive"}
        options = ("-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confold", "--no-install-recommends")
        apt = ("apt-get", "-y", *options, "install", *missing)
        if run(*apt, env=env, check=False).returncode != 0:
            run("apt-get", "update")
            run(*apt, env=env)


def lacks_capability(number: int = _CAP_SYS_RESOURCE, status: str | None = None) -> bool:
    """Is a capability missing from this machine's bounding set (CapBnd in /proc/self/status)?"""
    text = Path("/proc/self/status").read_text() if status is None else status
    bounding = next(line.split()[1] for line in text.splitlines() if line.startswith("CapBnd:"))
    return not int(bounding, 16) >> number & 1


def restricted() -> bool:
    """Must runtimes on this machine do without CAP_SYS_RESOURCE (so no negative oom_score_adj either)?"""
    return lacks_capability()


def _raise_limits() -> None:
    """Allow as many inotify instances as several nodes on one kernel need; they are counted by user, not by container.

    https://kind.sigs.k8s.io/docs/user/known-issues/#pod-errors-due-to-too-many-open-files
    """
    for name, wanted in _INOTIFY.items():
        path = Path("/proc/sys/fs/inotify", name)
        if not path.exists() or int(path.read_text()) >= wanted:
            continue
        try:
            path.write_text(str(wanted))
            say(f"    raised fs.inotify.{name} of this machine to {wanted}, until its next start")
        except OSError:
            say(f"    if pods fail with «too many open files»: sysctl fs.inotify.{name}={wanted}")


def _check_runtime() -> None:
    """Say when the engine that answers is likely to fail at privileged containers on this machine."""
    if restricted() and out("docker", "info", "--format", "{{.DefaultRuntime}}") == "runc":
        say("    no CAP_SYS_RESOURCE on this machine, and the docker engine was not started by the lab: if nodes do")
        say("    not start («unable to apply caps»), stop that engine, and the lab will start one that does without")


def _start() -> None:
    """Start dockerd detached from this process; its pid and log are in the state directory."""
    if os.geteuid() != 0:
        raise LabError("No docker engine answers. Start one (as root: systemctl start docker), or run the lab as root.")
    log = state_dir() / "dockerd.log"
    argv = [_dockerd(), "--pidfile", str(state_dir() / "dockerd.pid")]
    if restricted():
        argv += ["--add-runtime", f"lab-runc={_runc_wrapper()}", "--default-runtime", "lab-runc"]
    with step("starting dockerd"), open(log, "ab") as output:
        daemon = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd="/"
        )
        deadline = time.monotonic() + _START_TIMEOUT
        while not answers():
            if daemon.poll() is not None or time.monotonic() > deadline:
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
                raise LabError(f"dockerd did not come up; the end of {log}:\n{tail}")
            time.sleep(0.5)
    say(f"    its log: {log}")


def _dockerd() -> str:
    found = shutil.which("dockerd", path="/usr/sbin:/usr/local/sbin:/usr/bin:" + os.environ.get("PATH", ""))
    if found is None:
        raise LabError("dockerd is not on this machine; install the package docker.io.")
    return found


def _runc_wrapper() -> Path:
    """A runtime that asks runc for nothing that this machine cannot give; see runc_wrapper.py."""
    wrapper = state_dir() / "lab-runc"
    source = Path(__file__).with_name("runc_wrapper.py").read_text()
    runc = shutil.which("runc", path="/usr/sbin:/usr/bin:" + os.environ.get("PATH", "")) or "runc"
    # -I -S: no site packages, so that a container's start does not wait for them.
    text = f"#!{os.path.realpath(sys.executable)} -IS\n" + source.replace("@RUNC@", runc)
    scratch = wrapper.with_suffix(".new")
    scratch.write_text(text)
    scratch.chmod(0o755)
    scratch.rename(wrapper)
    return wrapper
