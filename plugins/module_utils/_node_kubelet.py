# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How kubelet is really run on this node: the arguments of its process, and its configuration with all drop-ins."""

from __future__ import annotations

import os
import re
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils import _yaml
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_flags import flags_of

CONFIGURATION = "/var/lib/kubelet/config.yaml"
# Where the packages' unit reads KUBELET_EXTRA_ARGS from (10-kubeadm.conf): on Debian, and on Red Hat.
EXTRA_ARGS_FILES = ("etc/default/kubelet", "etc/sysconfig/kubelet")
EXTRA_ARGS = re.compile(r"^\s*(?:export\s+)?KUBELET_EXTRA_ARGS=(.*)$", re.MULTILINE)


def arguments(root: Path) -> dict[str, str]:
    """The flags of the kubelet that runs. A flag that is given twice has its values joined by a comma.

    :raises UpliftError: no kubelet runs here.
    """
    found: list[tuple[bool, list[str]]] = []
    for folder in (root / "proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if os.path.basename(words[0]) == "kubelet":
                # Field 4 of stat is the parent: kubelet's is systemd; one in a pod, say, has another (proc(5)).
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                found.append((parent != "1", [word for word in words[1:] if word]))
        except (OSError, IndexError):
            continue  # it ended while we looked
    if not found:
        raise UpliftError("No kubelet runs on this node, so its arguments are not known: systemctl status kubelet.")
    return flags_of(min(found)[1])


def extra_args(root: Path) -> str:
    """The text of KUBELET_EXTRA_ARGS, without its quotes; "" when it is not set."""
    for name in EXTRA_ARGS_FILES:
        try:
            match = EXTRA_ARGS.search((root / name).read_text(errors="replace"))
        except OSError:
            continue
        if match:
            return match.group(1).strip().strip("\"'")
    return ""


def configuration(root: Path, flags: t.Mapping[str, str]) -> tuple[dict[str, t.Any], list[str]]:
    """kubelet's configuration as it takes effect, and the paths of the drop-ins that are part of it, in their order.

    kubelet reads the files ending in .conf below --config-dir in the order of their paths, each laid over what was
    before as a JSON merge patch (cmd/kubelet/app/server.go, mergeKubeletConfigurations). Flags still go over it.

    :raises UpliftError: a file is missing, or holds no mapping that can be read.
    """
    merged = _mapping(root, flags.get("config") or CONFIGURATION)
    folder = root / flags["config-dir"].lstrip("/") if flags.get("config-dir") else None
    drop_ins = sorted(file for file in folder.rglob("*.conf") if file.is_file()) if folder else []
    paths = ["/" + str(file.relative_to(root)) for file in drop_ins]
    for path in paths:
        merged = merge_patch(merged, _mapping(root, path))
    return merged, paths


def merge_patch(base: t.Any, patch: t.Any) -> t.Any:
    """RFC 7386: mappings are merged key by key, a null takes a key away, and everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(base) if isinstance(base, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def _mapping(root: Path, path: str) -> dict[str, t.Any]:
    try:
        content = _yaml.load((root / path.lstrip("/")).read_text(errors="replace"), path)
    except OSError as exc:
        raise UpliftError(f"kubelet's configuration {path} cannot be read: {exc.strerror or exc}.") from exc
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UpliftError(f"kubelet's configuration {path} is no mapping.")
    return content
