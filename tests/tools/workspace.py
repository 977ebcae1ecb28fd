# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The working folder .build of a checkout: virtual environments, and the collection where Ansible's tools look for it.

    .build/venv                                        the tools of requirements-dev.txt
    .build/venv-3.11                                   the same on Python 3.11, where that is another one
    .build/collections/ansible_collections/uplift/kubeadm   a link to the checkout, for ansible-playbook and pytest
    .build/ansible-test/ansible_collections/uplift/kubeadm  a copy of its files, which ansible-test insists on
    .build/ansible-test/home                           the HOME of ansible-test, with its caches

Run by itself (`make setup`), it prepares the first and the third. Standard library only: it makes the venv.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build"
COLLECTIONS = BUILD / "collections"
ANSIBLE_TEST = BUILD / "ansible-test"
ANSIBLE_TEST_COPY = ANSIBLE_TEST / "ansible_collections" / "uplift" / "kubeadm"
ANSIBLE_TEST_HOME = ANSIBLE_TEST / "home"

# The pip that ansible-test puts into the environments it makes, by version of ansible-core.
ANSIBLE_TEST_PIPS = ("24.2", "25.2")


def say(message: str) -> None:
    print(f"setup: {message}", flush=True)


def find_python(*versions: str) -> str | None:
    """Path of the first Python of the versions asked for ("3.11") that runs here and makes venvs; None without one."""
    command = ["sh", str(ROOT / "tests/tools/python.sh"), "--optional", *versions]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or None


@contextmanager
def locked() -> Iterator[None]:
    """Two runs in one checkout prepare it one after the other."""
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / "lock", "w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def venv(name: str, python: str) -> Path:
    """The virtual environment .build/NAME with requirements-dev.txt in it; made anew when either changed."""
    path = BUILD / name
    requirements = ROOT / "requirements-dev.txt"
    stamp = path / "made-from"
    wanted = hashlib.sha256(f"{python}\n{path}\n{requirements.read_text(encoding='utf-8')}".encode()).hexdigest()
    with locked():
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return path
        say(f"making {path.relative_to(ROOT)} with {python} (a minute or two)")
        start = time.monotonic()
        shutil.rmtree(path, ignore_errors=True)
        subprocess.run([python, "-m", "venv", str(path)], check=True)
        # Not compiled in advance: for all of Ansible's collections that was two thirds of the time.
        pip = [str(path / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-compile", "--requirement", str(requirements)], check=True)
        stamp.write_text(wanted, encoding="utf-8")
        say(f"{path.relative_to(ROOT)} is ready after {time.monotonic() - start:.0f} s")
    return path


def link_collection() -> None:
    link = COLLECTIONS / "ansible_collections" / "uplift" / "kubeadm"
    with locked():
        link.parent.mkdir(parents=True, exist_ok=True)
        if not (link.is_symlink() and link.resolve() == ROOT):
            link.unlink(missing_ok=True)
            link.symlink_to(ROOT)


def project_files() -> list[str]:
    """Paths of what git knows, and of new files that it does not ignore: the work in progress is tested too."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sorted({path for path in listed.split("\0") if path and (ROOT / path).is_file()})


def copy_collection(target: Path = ANSIBLE_TEST_COPY) -> Path:
    """A fresh copy of the project's files, without anything that lies about in the checkout."""
    shutil.rmtree(target, ignore_errors=True)
    for path in project_files():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, target / path, follow_symlinks=False)
    return target


GET_PIP = '''\
"""Stands in for the get-pip.py that ansible-test downloads: installs pip from the wheel beside it."""
import runpy
import sys

WHEELS = {wheels!r}
options = [option for option in sys.argv[1:] if option not in ("--no-setuptools", "--no-wheel")]
sys.argv = ["pip", "install", "--no-index", "--find-links", WHEELS, *options]
sys.path.insert(0, {wheel!r})
runpy.run_module("pip", run_name="__main__", alter_sys=True)
'''


def ansible_test_home(python: Path) -> Path:
    """A HOME for ansible-test in which it finds its pip: it downloads it from one host, which not every network allows.

    The wheels come from the package index, as configured for the person who runs this.
    """
    cache = ANSIBLE_TEST_HOME / ".ansible/test/cache"
    wheels = ANSIBLE_TEST / "wheels"
    with locked():
        cache.mkdir(parents=True, exist_ok=True)
        for pip in ANSIBLE_TEST_PIPS:
            stand_in = cache / f"get_pip_{pip.replace('.', '_')}.py"
            if not stand_in.exists():
                command = [str(python), "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
                subprocess.run([*command, "--dest", str(wheels), f"pip=={pip}"], check=True)
                wheel = wheels / f"pip-{pip}-py3-none-any.whl"
                stand_in.write_text(GET_PIP.format(wheels=str(wheels), wheel=str(wheel)), encoding="utf-8")
        # pip's own settings and downloads are those of the person's real home.
        for name in (".pip", ".config/pip", ".cache/pip"):
            real, here = Path.home() / name, ANSIBLE_TEST_HOME / name
            if real.exists() and not here.is_symlink() and not here.exists():
                here.parent.mkdir(parents=True, exist_ok=True)
                here.symlink_to(real)
    return ANSIBLE_TEST_HOME


def main() -> None:
    # An interpreter of a venv would make a venv of a venv: its base is meant.
    venv("venv", os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
    link_collection()


if __name__ == "__main__":
    main()
