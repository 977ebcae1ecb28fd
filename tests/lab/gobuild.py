# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build programs from Go modules, which is what is left where no download site can be reached.

All builds are static (CGO_ENABLED=0), trimmed, and made in a module of the lab's own that requires the wanted one:
`go install path@version` refuses modules with `replace`, and Kubernetes cannot be built without.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from .errors import LabError
from .paths import arch
from .shell import out, run

_ENV = {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false", "GOWORK": "off"}
_LDFLAGS = "-s -w"
KUBERNETES_PROGRAMS = (
    "kubeadm",
    "kubelet",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubectl",
)


def download(module: str, version: str) -> Path:
    """Source directory of a module in Go's module cache. Raises LabError when the module proxy does not have it."""
    need_go()
    done = run("go", "mod", "download", "-json", f"{module}@{version}", env=_ENV, cwd=Path("/"), check=False)
    try:
        info = json.loads(done.stdout)
    except ValueError:
        info = {"Error": done.stderr.strip()}
    if "Dir" not in info:
        raise LabError(
            f"Go module {module} {version} is not to be had: {info.get('Error', 'no reason given')}\n"
            "Module mirrors may lack single patch versions: take another patch."
        )
    return Path(info["Dir"])


def need_go() -> None:
    """Raise LabError when there is no Go tool chain."""
    if shutil.which("go") is None:
        raise LabError("Go is missing: install Go 1.22 or newer from https://go.dev/dl/ and put it on PATH.")


def kubernetes_go_mod(upstream: dict[str, Any], version: str) -> str:
    """A go.mod that builds Kubernetes `version` (as `1.25.4`) as a dependency.

    `upstream` is `go mod edit -json` of Kubernetes' own go.mod. Its staging modules (replaced by ./staging/…, at
    v0.0.0) are published as v0.<minor>.<patch>; replaces do not reach importers, so they are repeated here.
    """
    staging = "v0." + version.split(".", 1)[1]
    lines = ["module lab/k8s", "", f"go {upstream['Go']}", "", "require (", f"\tk8s.io/kubernetes v{version}"]
    for require in upstream["Require"]:
        wanted = staging if require["Version"] == "v0.0.0" else require["Version"]
        lines.append(f"\t{require['Path']} {wanted}")
    lines += [")", "replace ("]
    for replace in upstream.get("Replace") or []:
        old, new = replace["Old"], replace["New"]
        if new["Path"].startswith("./staging"):
            lines.append(f"\t{old['Path']} => {old['Path']} {staging}")
        else:
            lines.append(f"\t{_module(old)} => {_module(new)}")
    lines.append(")")
    lines += [f"godebug {debug['Key']}={debug['Value']}" for debug in upstream.get("Godebug") or []]
    return "\n".join(lines) + "\n"


def _module(reference: dict[str, str]) -> str:
    return f"{reference['Path']} {reference.get('Version', '')}".strip()


def kubernetes_ldflags(version: str) -> str:
    """Linker flags that stamp the version, as Kubernetes' own build does. No date and no commit: same in, same out."""
    major, minor = version.split(".")[:2]
    stamps = {
        "gitVersion": f"v{version}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "gitCommit": "0" * 40,
        "buildDate": "1970-01-01T00:00:00Z",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join([*(f"-X {package}.{k}={v}" for package in packages for k, v in stamps.items()), _LDFLAGS])


def kubernetes(version: str, programs: tuple[str, ...], into: Path) -> None:
    """Build programs of Kubernetes `version` into a directory."""
    source = download("k8s.io/kubernetes", f"v{version}")
    upstream = json.loads(out("go", "mod", "edit", "-json", source / "go.mod"))
    _build(
        into,
        go_mod=kubernetes_go_mod(upstream, version),
        go_sum=source / "go.sum",
        packages=[f"k8s.io/kubernetes/cmd/{program}" for program in programs],
        ldflags=kubernetes_ldflags(version),
    )


def module(into: Path, name: str, version: str, packages: list[str], ldflags: str = "", replace: str = "") -> None:
    """Build packages (import paths) of one module version. `replace` is where the module is had from, if elsewhere."""
    source = download(replace or name, f"v{version}")
    upstream = json.loads(out("go", "mod", "edit", "-json", source / "go.mod"))
    lines = ["module lab/build", "", f"go {upstream.get('Go', '1.17')}", "", f"require {name} v{version}"]
    if replace:
        lines.append(f"replace {name} v{version} => {replace} v{version}")
    # Requirements are repeated: modules from before Go 1.17 do not list indirect ones, and none is upgraded this way.
    lines += [f"require {_module(require)}" for require in upstream.get("Require") or []]
    for rep in upstream.get("Replace") or []:
        if not rep["New"]["Path"].startswith("."):
            lines.append(f"replace {_module(rep['Old'])} => {_module(rep['New'])}")
    _build(
        into,
        go_mod="\n".join(lines) + "\n",
        go_sum=source / "go.sum",
        packages=packages,
        ldflags=f"{ldflags} {_LDFLAGS}".strip(),
    )


def program(into: Path, name: str, source: str) -> None:
    """Build one file of Go source that needs the standard library alone."""
    _build(into, go_mod="module lab/program\n\ngo 1.21\n", packages=["."], ldflags=_LDFLAGS, main=(name, source))


def _build(
    into: Path,
    go_mod: str,
    packages: list[str],
    ldflags: str,
    go_sum: Path | None = None,
    main: tuple[str, str] | None = None,
) -> None:
    need_go()
    work = into / ".src"
    work.mkdir()
    try:
        (work / "go.mod").write_text(go_mod)
        if go_sum is not None and go_sum.exists():
            (work / "go.sum").write_bytes(go_sum.read_bytes())
        target = into
        if main is not None:
            (work / "main.go").write_text(main[1])
            target = into / main[0]
        env = {**_ENV, "GOOS": "linux", "GOARCH": arch()}
        output = f"{target}/" if main is None else str(target)
        run("go", "build", "-mod=mod", "-trimpath", "-ldflags", ldflags, "-o", output, *packages, cwd=work, env=env)
    finally:
        shutil.rmtree(work)
