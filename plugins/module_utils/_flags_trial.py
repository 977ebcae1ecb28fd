# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Would the programs of a version start with the flags that are in use? Each is asked, with `--version`.

A program of Kubernetes reads its flags, and then prints its version and ends, so that nothing is started. It objects to
what it does not know, to values that it does not take, and to feature gates that are gone or locked. `--help` would be
less sure: it leaves out deprecated flags and the gates of features that are done, which are still taken.

kubelet comes from what was fetched, the others from their images, mounted for the moment by the runtime's own tool.
kubelet looks at feature gates only after it has printed its version. All programs of a version share one list of gates
(kubernetes/kubernetes: pkg/features), so kube-apiserver is asked in its place.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._images import repository

CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
SECONDS = 30.0
GATES = "--feature-gates="
# pflag's two objections, as cobra and kubelet print them.
OBJECTION = re.compile(
    r'unknown (?:shorthand )?flag: (?:\'\w\' in )?(?P<unknown>--?[\w-]+)'
    r'|invalid argument .*? for \\?"(?:-\w, )?(?P<invalid>--[\w-]+)\\?" flag: (?P<why>[^"\n]*)'
)  # fmt: skip
DEPRECATED = re.compile(r"^Flag (--[\w-]+) has been deprecated, (.*)$", re.MULTILINE)


def try_flags(runner: Runner, program: Path, flags: t.Sequence[str]) -> list[dict[str, t.Any]]:
    """The flags ("--name=value") to which a program objects, and those that it calls deprecated.

    Returns [{"flag": "--name=value", "accepted": bool, "says": str}]. A program stops at the first objection, so it is
    asked again without that flag.
    Raises UpliftError when it objects to something else than a flag, or does not end.
    """
    left, said = list(dict.fromkeys(flags)), []
    while True:
        result = runner.run([str(program), *left, "--version"], timeout=SECONDS)
        if result.rc == 0:
            break
        objection = OBJECTION.search(result.err) or OBJECTION.search(result.out)
        name = (objection["unknown"] or objection["invalid"]) if objection else None
        refused = [flag for flag in left if flag.partition("=")[0] == name]
        if objection is None or not refused:
            raise UpliftError(f"{program} --version failed with the flags that are in use: {result.why(2)}")
        says = "unknown flag" if objection["unknown"] else (objection["why"] or "invalid value").strip(" \\")
        said += [{"flag": flag, "accepted": False, "says": says} for flag in refused]
        left = [flag for flag in left if flag not in refused]
    named = {flag.partition("=")[0]: flag for flag in left}
    for name, why in DEPRECATED.findall(result.err):
        if name in named:
            said.append({"flag": named[name], "accepted": True, "says": f"deprecated: {why}"})
    return said


def split_gates(flags: t.Iterable[str]) -> tuple[list[str], list[str]]:
    """Flags without feature gates, and each gate as a flag of its own, so that one that is refused is found by name."""
    flags = list(flags)
    gates = [gate for flag in flags if flag.startswith(GATES) for gate in flag[len(GATES) :].strip("\"'").split(",")]
    return [flag for flag in flags if not flag.startswith(GATES)], [GATES + gate for gate in gates if gate]


def try_gates(runner: Runner, program: Path, gates: t.Iterable[str]) -> list[dict[str, t.Any]]:
    """As try_flags, one gate at a time; gates that are merely done or deprecated are no news."""
    refused = [said for gate in dict.fromkeys(gates) for said in try_flags(runner, program, [gate])]
    return [said for said in refused if not said["accepted"]]


@contextlib.contextmanager
def program_in_image(runner: Runner, image: str, program: str) -> t.Iterator[Path]:
    """Path of a program in an image that the runtime has, for as long as the context lasts.

    Raises UpliftError when the image cannot be mounted, or has no such program.
    """
    with _mounted(runner, image) as root:
        # kubernetes/kubernetes: build/server-image/*/Dockerfile copies it to /usr/local/bin; rebuilds vary.
        places = (root / folder / program for folder in ("usr/local/bin", "usr/bin", "bin", "."))
        found = next((path for path in places if path.is_file()), None)
        if found is None:
            raise UpliftError(f"{image} has no {program} where such images have it.")
        yield found


def image_of(images: t.Iterable[str], program: str) -> str | None:
    """The image of a control plane program among those that kubeadm names."""
    return next((image for image in images if repository(image).rsplit("/", 1)[-1] == program), None)


@contextlib.contextmanager
def _mounted(runner: Runner, image: str) -> t.Iterator[Path]:
    """The files of an image, read-only."""
    if runner.which("ctr"):
        with tempfile.TemporaryDirectory(prefix="uplift-kubeadm-") as folder:
            ctr = ["ctr", "--namespace=k8s.io", "images"]
            runner.must([*ctr, "mount", image, folder], f"Mounting {image}", timeout=60)
            try:
                yield Path(folder)
            finally:
                runner.must([*ctr, "unmount", "--rm", folder], f"Unmounting {image}", timeout=60)
    elif runner.which("podman"):  # CRI-O keeps its images where podman finds them
        where = runner.must(["podman", "image", "mount", image], f"Mounting {image}", timeout=60)
        try:
            yield Path(where.out.strip())
        finally:
            runner.run(["podman", "image", "unmount", image], timeout=60)
    else:
        raise UpliftError("Images cannot be looked into on this node: it has neither ctr (containerd) nor podman.")
