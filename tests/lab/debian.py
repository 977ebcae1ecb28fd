# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian that nodes and the lab's services are made of."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from . import docker, engine
from .cache import ensure, lock
from .errors import LabError
from .paths import LABEL, arch, cache_dir
from .progress import step
from .shell import out, run

SUITE = "bookworm"
_REMOTE = f"docker.io/library/debian:{SUITE}-slim"
# A mirror may be a frozen snapshot, whose Release files are past their date.
APT_CONF = 'Acquire::Check-Valid-Until "false";\nAcquire::Check-Date "false";\nAPT::Install-Recommends "false";\n'


def base_image() -> str:
    """Name of a minimal Debian image: made by debootstrap as root on Debian, else taken from Docker Hub."""
    name = f"uplift-lab/debian:{SUITE}-{arch()}"
    with lock(cache_dir() / "locks" / "debian-image.lock"):
        if docker.image_exists(name):
            return name
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            with step(f"pulling {_REMOTE}"):
                run("docker", "pull", _REMOTE, timeout=600)
                run("docker", "tag", _REMOTE, name)
            return name
        root = ensure(f"debian/{SUITE}-{arch()}", _debootstrap)
        with step("importing Debian into docker"):
            run("docker", "import", "--change", f"LABEL {LABEL}=image", root / "root.tar", name)
    return name


def build(repository: str, dockerfile: str, files: Path | None = None) -> str:
    """Image of a Dockerfile that begins where `@BASE@` stands for the minimal Debian, tagged by its recipe.

    `files` is a directory that becomes the build's context. Steps may use apt: it is pointed at this machine's mirror.
    """
    base = base_image()
    name = f"uplift-lab/{repository}:{docker.recipe(dockerfile, *([files] if files else []))}"
    with lock(cache_dir() / "locks" / f"image-{repository}.lock"):
        if docker.image_exists(name):
            return name
        with step(f"building image {name}"), tempfile.TemporaryDirectory(prefix="uplift-lab-") as scratch:
            context = Path(scratch)
            if files is not None:
                shutil.copytree(files, context, dirs_exist_ok=True, symlinks=True)
            (context / ".lab-sources.list").write_text(sources_list())
            (context / ".lab-apt.conf").write_text(APT_CONF + _proxy_conf())
            text = dockerfile.replace("@BASE@", base).replace("@APT@", _APT)
            (context / "Dockerfile").write_text(text)
            docker.build(name, context)
    return name


# Only inside the build: nodes have no Debian source, since nothing outside the lab is to be reached from them.
_APT = """COPY .lab-sources.list /etc/apt/sources.list
COPY .lab-apt.conf /etc/apt/apt.conf.d/99lab
ARG DEBIAN_FRONTEND=noninteractive
RUN printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d && apt-get update"""


def sources_list() -> str:
    """An apt source of this machine's mirror."""
    return f"deb {mirror()} {SUITE} main\n"


def mirror(policy: str | None = None) -> str:
    """URL of the Debian mirror that this machine's own apt uses. `policy` is the output of `apt-cache policy`."""
    override = os.environ.get("UPLIFT_LAB_DEBIAN_MIRROR", "")
    if override:
        return override
    text = out("apt-cache", "policy") if policy is None and shutil.which("apt-cache") else policy or ""
    found = re.search(
        r"^\s*\d+ (http\S+) \S+/main \S+ Packages\n\s+release [^\n]*\bo=Debian,[^\n]*\bl=Debian,", text, re.MULTILINE
    )
    if not found:
        raise LabError(
            "This machine's apt names no Debian mirror (`apt-cache policy`), and nodes are made of Debian: "
            "run `apt-get update`, or name a mirror with UPLIFT_LAB_DEBIAN_MIRROR=http://…/debian."
        )
    return found.group(1)


def _proxy_conf() -> str:
    """The http proxy of this machine's apt, as apt configuration."""
    proxy = _proxy()
    return f'Acquire::http::Proxy "{proxy}";\n' if proxy else ""


def _proxy() -> str:
    if shutil.which("apt-config") is None:
        return ""
    said = out("apt-config", "dump", "--format", "%v", "Acquire::http::Proxy")
    return said.splitlines()[0] if said else ""


def _debootstrap(part: Path) -> None:
    engine.ensure_programs({"debootstrap": "debootstrap"})
    root = part / "root"
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    argv = ["debootstrap", "--variant=minbase", f"--arch={arch()}", "--include=ca-certificates"]
    argv += [f"--keyring={keyring}"] if keyring.exists() else []
    env = {"http_proxy": _proxy()} if _proxy() else {}
    with step(f"debootstrap of Debian {SUITE} from {mirror()}"):
        run(*argv, SUITE, root, mirror(), env=env)
        # Device nodes cannot be imported everywhere, and docker brings its own.
        excluded = ("./dev/*", "./proc/*", "./sys/*", "./var/cache/apt/archives/*.deb", "./var/lib/apt/lists/*")
        flags = [f"--exclude={pattern}" for pattern in excluded]
        run("tar", "-C", root, "--numeric-owner", *flags, "-cf", part / "root.tar", ".")
        shutil.rmtree(root)
