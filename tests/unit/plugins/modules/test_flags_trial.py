# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Flags tried on the programs of a version. The programs here are scripts that object in the words of the real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Result, Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._flags_trial import split_gates, try_flags
from ansible_collections.uplift.kubeadm.plugins.modules.flags_trial import Trial
from ansible_collections.uplift.kubeadm.tests.unit.plugins.fake_runner import FakeRunner

# What cobra (control plane programs) and kubelet print, word for word, at 1.26.9.
PROGRAM = r"""#!/bin/sh
for flag in "$@"; do
  case $flag in
    --version) echo Kubernetes v1.26.9; exit 0 ;;
    --logtostderr=*) echo 'Error: unknown flag: --logtostderr' >&2; exit 1 ;;
    --dir=*) echo 'E1121 14:13:24.4 19763 run.go:74] "command failed" err="failed to parse kubelet flag: unknown flag: --dir"' >&2
      exit 1 ;;
    --v=x) echo 'Error: invalid argument "x" for "-v, --v" flag: strconv.ParseUint: parsing "x": invalid syntax' >&2; exit 1 ;;
    --v=y) echo 'E1121 1 run.go:74] err="failed to parse kubelet flag: invalid argument \"y\" for \"-v, --v\" flag: strconv.ParseUint: parsing \"y\": invalid syntax"' >&2
      exit 1 ;;
    --feature-gates=Locked=false) echo 'Error: invalid argument "Locked=false" for "--feature-gates" flag: cannot set feature gate Locked to false, feature is locked to true' >&2
      exit 1 ;;
    --feature-gates=Gone=true) echo 'Error: invalid argument "Gone=true" for "--feature-gates" flag: unrecognized feature gate: Gone' >&2
      exit 1 ;;
    --old=*) echo 'Flag --old has been deprecated, use --new' >&2 ;;
    --crash=*) echo 'panic: at the disco' >&2; exit 2 ;;
  esac
done
"""  # noqa: E501
IMAGES = [f"registry.k8s.io/{name}:v1.26.9" for name in ("kube-apiserver", "kube-scheduler", "pause")]


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PROGRAM)
    path.chmod(0o755)
    return path


def mount(argv: list[str]) -> str:
    name = argv[-2].rsplit("/", 1)[-1].partition(":")[0]
    program(Path(argv[-1]) / "usr/local/bin" / name)
    return ""


def containerd() -> FakeRunner:
    return FakeRunner({"images mount": mount, "images unmount": ""}, programs=["ctr"])


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        ("--logtostderr=true", "unknown flag"),
        ("--dir=/x", "unknown flag"),
        ("--v=x", "strconv.ParseUint: parsing"),
        ("--v=y", "strconv.ParseUint: parsing"),
        ("--feature-gates=Locked=false", "cannot set feature gate Locked to false, feature is locked to true"),
        ("--feature-gates=Gone=true", "unrecognized feature gate: Gone"),
    ],
)
def test_each_objection_is_understood(tmp_path: Path, flag: str, says: str) -> None:
    assert try_flags(Runner(), program(tmp_path / "kubelet"), ["--good=1", flag]) == [
        {"flag": flag, "accepted": False, "says": says}
    ]


def test_all_objections_are_found_not_only_the_first(tmp_path: Path) -> None:
    flags = ["--v=x", "--good=1", "--old=1", "--logtostderr=true"]
    said = try_flags(Runner(), program(tmp_path / "kubelet"), flags)
    assert [(entry["flag"], entry["accepted"]) for entry in said] == [
        ("--v=x", False), ("--logtostderr=true", False), ("--old=1", True),
    ]  # fmt: skip
    assert said[-1]["says"] == "deprecated: use --new"


def test_what_is_no_objection_to_a_flag_is_not_taken_for_one(tmp_path: Path) -> None:
    with pytest.raises(UpliftError, match="panic: at the disco"):
        try_flags(Runner(), program(tmp_path / "kubelet"), ["--crash=1"])


def test_gates_are_tried_one_by_one() -> None:
    assert split_gates(["--a=1", "--feature-gates=A=true,B=false"]) == (
        ["--a=1"], ["--feature-gates=A=true", "--feature-gates=B=false"],
    )  # fmt: skip


def test_kubelets_gates_are_asked_of_the_api_server(tmp_path: Path) -> None:
    program(tmp_path / "v1.26.9/kubelet")
    trial = Trial(containerd(), tmp_path)
    trial.version("v1.26.9", {"kubelet": ["--feature-gates=Gone=true,Fine=true"]}, IMAGES)
    assert [(entry["component"], entry["flag"]) for entry in trial.said] == [("kubelet", "--feature-gates=Gone=true")]
    assert trial.tried == {"kubelet": ["1.26"], "kube-apiserver": ["1.26"], "kube-scheduler": ["1.26"]}
    (untried,) = trial.untried
    assert untried["component"] == "kube-controller-manager" and "No image" in untried["why"]


def test_an_image_is_unmounted_even_when_its_program_fails(tmp_path: Path) -> None:
    runner = containerd()
    trial = Trial(runner, tmp_path)
    trial.version("v1.26.9", {"kube-apiserver": ["--crash=1"]}, IMAGES)
    assert "panic" in next(entry["why"] for entry in trial.untried if entry["component"] == "kube-apiserver")
    assert len(runner.ran("images unmount --rm")) == len(runner.ran("images mount")) == 2


def test_a_node_without_the_means_is_told_of_and_nothing_fails(tmp_path: Path) -> None:
    trial = Trial(FakeRunner(), tmp_path)
    trial.version("v1.26.9", {}, IMAGES)
    assert [entry["component"] for entry in trial.untried] == [
        "kubelet", "kube-apiserver", "kube-controller-manager", "kube-scheduler",
    ]  # fmt: skip
    assert "neither ctr (containerd) nor podman" in trial.untried[1]["why"]


def test_podman_mounts_where_it_likes(tmp_path: Path) -> None:
    program(tmp_path / "image/usr/local/bin/kube-apiserver")
    program(tmp_path / "v1.26.9/kubelet")
    answers = {"podman image mount": Result(0, f"{tmp_path}/image\n", ""), "podman image unmount": ""}
    trial = Trial(FakeRunner(answers, programs=["podman"]), tmp_path)
    trial.version("v1.26.9", {"kube-apiserver": ["--logtostderr=true"]}, IMAGES[:1])
    assert [entry["flag"] for entry in trial.said] == ["--logtostderr=true"]
