# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The static pods of a node, with the flags of their programs, and the configuration files that those flags name."""

from __future__ import annotations

import os
import re
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils import _running, _yaml
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._node_flags import flags_of

# Flags that name a file of a Kubernetes API of its own, whose version a minor may stop to read.
FILE_FLAGS = {
    "kube-apiserver": (
        "admission-control-config-file",
        "audit-policy-file",
        "authentication-config",
        "authorization-config",
        "egress-selector-config-file",
        "encryption-provider-config",
        "tracing-config-file",
    ),
    "kube-scheduler": ("config",),
}
TOP_LEVEL = re.compile(r"^(apiVersion|kind):[ \t]*[\"']?([^\s\"'#]+)", re.MULTILINE)


class StaticPod(t.NamedTuple):
    """The program of one static pod. mounts is {path in the container: path on the host}."""

    path: str
    image: str
    command: list[str]
    flags: dict[str, str]
    mounts: dict[str, str]
    ours: bool

    def facts(self) -> dict[str, t.Any]:
        """As it stands among the facts of a node; ours says that it is one of kubeadm's four."""
        return {"path": self.path, "image": self.image, "command": self.command, "flags": self.flags, "ours": self.ours}

    def on_host(self, path: str) -> str:
        """Where a file that the program sees at path lies on the host, as far as its mounts tell."""
        for inside in sorted(self.mounts, key=len, reverse=True):
            if path == inside or path.startswith(inside.rstrip("/") + "/"):
                return os.path.normpath(self.mounts[inside] + "/" + path[len(inside) :])
        return path


def static_pods(root: Path) -> tuple[dict[str, StaticPod], dict[str, str]]:
    """The static pods by the stem of their file, and why the others could not be read, by what would be missing.

    kubelet takes every file in the folder for a manifest whose name does not begin with a dot, so a backup copy that
    somebody left there is listed as well ("kube-apiserver.yaml" for kube-apiserver.yaml.bak).
    """
    pods: dict[str, StaticPod] = {}
    unread: dict[str, str] = {}
    folder = root / _running.MANIFESTS
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        if file.name.startswith(".") or not file.is_file():
            continue
        name = file.stem
        ours = name in _running.PROGRAMS and file.suffix == ".yaml"
        path = f"/{_running.MANIFESTS}/{file.name}"
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError as exc:
            unread[f"static_pods {file.name}"] = f"{path} cannot be read: {exc.strerror or exc}"
            continue
        try:
            pods[name] = parse(name, path, text, ours)
        except UpliftError as exc:
            unread[f"static_pods {file.name}"] = str(exc)
            if ours:  # with all that can be made out line by line
                image, flags = _running.parse_manifest(name, text)
                pods[name] = StaticPod(path, image, [], flags, {}, ours)
    return pods, unread


def parse(name: str, path: str, text: str, ours: bool = False) -> StaticPod:
    """Read one manifest; the program is that of the container called name, else of the first one.

    :raises UpliftError: it is no YAML that can be read here, or no manifest of a pod.
    """
    pod = _yaml.load(text, path)
    spec = pod.get("spec") if isinstance(pod, dict) and pod.get("kind") == "Pod" else {}
    spec = spec if isinstance(spec, dict) else {}
    containers = _mappings(spec.get("containers"))
    if not containers:
        raise UpliftError(f"{path} is in the folder of static pods, and is no manifest of a pod with a container.")
    container = next((c for c in containers if c.get("name") == name), containers[0])
    words = [str(word) for key in ("command", "args") for word in _items(container.get(key))]
    volumes = {
        v.get("name"): v["hostPath"].get("path")
        for v in _mappings(spec.get("volumes"))
        if isinstance(v.get("hostPath"), dict)
    }
    mounts = {
        str(m["mountPath"]): str(volumes[m.get("name")])
        for m in _mappings(container.get("volumeMounts"))
        if m.get("mountPath") and volumes.get(m.get("name"))
    }
    return StaticPod(path, str(container.get("image") or ""), words, flags_of(words), mounts, ours)


def named_files(root: Path, pods: t.Mapping[str, StaticPod]) -> tuple[dict[str, dict[str, t.Any]], dict[str, str]]:
    """What kind of configuration each file is that a flag of a static pod names, by the path that the flag says.

    Secrets stay where they are: of an encryption configuration only the names of its providers are told.
    """
    files: dict[str, dict[str, t.Any]] = {}
    unread: dict[str, str] = {}
    for program, flags in FILE_FLAGS.items():
        pod = pods.get(program)
        for flag in flags if pod else ():
            path = pod.flags.get(flag) if pod else None
            if not pod or not path:
                continue
            host = pod.on_host(path)
            try:
                files[path] = {"flag": f"{program} --{flag}", "host_path": host, **_file(root / host.lstrip("/"))}
            except OSError as exc:
                unread[f"files {path}"] = f"{host}, which {program} --{flag} names, cannot be read: {exc.strerror}"
    return files, unread


def _file(file: Path) -> dict[str, t.Any]:
    """apiVersion and kind, and what of the rest may matter to an upgrade."""
    text = file.read_text(encoding="utf-8", errors="replace")
    try:
        content = _yaml.load(text, str(file))
    except UpliftError:  # YAML as people write it; its head is enough
        return {**dict(TOP_LEVEL.findall(text)), "partly_read": True}
    if not isinstance(content, dict):
        return {}
    told = {key: content[key] for key in ("apiVersion", "kind") if isinstance(content.get(key), str)}
    if isinstance(content.get("plugins"), list):
        told["plugins"] = [_plugin(file, plugin) for plugin in _mappings(content["plugins"])]
    if content.get("kind") == "EncryptionConfiguration":
        told["providers"] = sorted({_provider(p) for r in _mappings(content.get("resources")) for p in _providers(r)})
    return told


def _plugin(file: Path, plugin: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """An admission plugin, with apiVersion and kind of its configuration, which may be a file of its own."""
    configuration = plugin.get("configuration")
    told: dict[str, t.Any] = {"name": plugin.get("name")}
    if isinstance(plugin.get("path"), str):
        told["path"] = plugin["path"]
        try:
            configuration = dict(TOP_LEVEL.findall((file.parent / plugin["path"]).read_text(errors="replace")))
        except OSError:
            configuration = None
    if isinstance(configuration, dict):
        told.update({key: configuration[key] for key in ("apiVersion", "kind") if key in configuration})
    return told


def _providers(resource: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    return _mappings(resource.get("providers"))


def _provider(provider: t.Mapping[str, t.Any]) -> str:
    """ "aescbc", "identity", "kms v2" …"""
    name, content = next(iter(provider.items()), ("", None))
    if name != "kms":
        return name
    return f"kms {content.get('apiVersion', 'v1') if isinstance(content, dict) else 'v1'}"


def _items(value: t.Any) -> list[t.Any]:
    return value if isinstance(value, list) else []


def _mappings(value: t.Any) -> list[dict[str, t.Any]]:
    return [item for item in _items(value) if isinstance(item, dict)]
